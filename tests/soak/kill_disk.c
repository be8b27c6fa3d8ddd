/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill_disk MANYHART WRITER.elf COUNT [SEED]: COUNT times, a guest writes and
 * flushes records on a disk and the simulator is killed (SIGKILL) at a random
 * moment; then each record whose flush the guest had seen answered must be in
 * the image, or a newer one of the same slot.  The same image serves all runs.
 * Exit 0: nothing was lost; 1: something was; 2: usage or the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk_records.h"

#define BEGIN_SECONDS 60 /* for a run to say where it begins */

static const char *manyhart, *writer;
static char image[] = "/tmp/mh-kill-disk-XXXXXX";
static uint64_t random_state;
static uint64_t expected[SLOTS];       /* the newest flushed batch of each slot */
static uint64_t flushed_total, newest; /* batches; the newest seen on disk */

static void die(const char *what)
{
    perror(what);
    unlink(image);
    exit(2);
}

static volatile pid_t running; /* for too_late */

/* SIGALRM: the guest did not begin in time. */
static void too_late(int sig)
{
    static const char words[] = "kill_disk: the guest does not begin\n";
    (void)sig;
    kill(running, SIGKILL);
    (void)!write(STDERR_FILENO, words, sizeof(words) - 1);
    unlink(image);
    _exit(1);
}

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static pid_t start(FILE **out)
{
    int fds[2];
    if (pipe(fds))
        die("pipe");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(fds[1], 1);
        close(fds[0]);
        close(fds[1]);
        execl(manyhart, manyhart, "run", "--harts", "1", "--disk", image, writer, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    *out = fdopen(fds[0], "r");
    return pid;
}

/* The number behind word in a whole line, or -1. */
static int64_t number_in(const char *line, const char *word)
{
    size_t n = strlen(word);
    return strchr(line, '\n') && !strncmp(line, word, n) ? strtoll(line + n, NULL, 10) : -1;
}

/*
 * One run.  The guest goes on after the newest batch of which any record is on the disk; so a batch
 * that a kill interrupted is never flushed, and what is expected are those of (*begin, *flushed].
 */
static void run_and_kill(uint64_t *begin, uint64_t *flushed)
{
    FILE *out;
    char line[128] = "";
    pid_t pid = running = start(&out);
    alarm(BEGIN_SECONDS);
    if (!fgets(line, sizeof(line), out) || number_in(line, "begin ") < 0) {
        fprintf(stderr, "kill_disk: the guest does not begin; it says: %s\n", line);
        kill(pid, SIGKILL);
        unlink(image);
        exit(1);
    }
    alarm(0);
    *begin = *flushed = (uint64_t)number_in(line, "begin ");
    usleep((useconds_t)(next_random() % 60000));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    while (fgets(line, sizeof(line), out))
        if (number_in(line, "flushed ") > 0)
            *flushed = (uint64_t)number_in(line, "flushed ");
    fclose(out);
}

static void expect(uint64_t begin, uint64_t flushed)
{
    for (uint64_t b = begin + 1; b <= flushed; b++)
        for (unsigned i = 0; i < BATCH; i++)
            expected[record_slot(b, i)] = b;
    flushed_total += flushed - begin;
}

static unsigned lost_sectors(void)
{
    static struct sector sectors[SLOTS][RECORD_SECTORS];
    unsigned lost = 0;
    int fd = open(image, O_RDONLY);
    if (fd < 0 || read(fd, sectors, sizeof(sectors)) != sizeof(sectors))
        die(image);
    close(fd);
    for (unsigned slot = 0; slot < SLOTS; slot++)
        for (unsigned i = 0; i < RECORD_SECTORS; i++) {
            const struct sector *s = &sectors[slot][i];
            if (s->batch > newest)
                newest = s->batch;
            if (sector_good(s, slot, i) && s->batch >= expected[slot])
                continue;
            fprintf(stderr, "lost: slot %u sector %u has batch %" PRIu64 ", flushed %" PRIu64 "\n",
                    slot, i, s->batch, expected[slot]);
            lost++;
        }
    return lost;
}

int main(int argc, char **argv)
{
    if (argc < 4 || atoi(argv[3]) <= 0) {
        fprintf(stderr, "usage: kill_disk MANYHART WRITER.elf COUNT [SEED]\n");
        return 2;
    }
    manyhart = argv[1];
    writer = argv[2];
    random_state = argc > 4 ? strtoull(argv[4], NULL, 0) : (uint64_t)getpid();
    random_state = record_mix(random_state + 1) | 1;
    signal(SIGALRM, too_late);
    int fd = mkstemp(image);
    if (fd < 0 || ftruncate(fd, (off_t)SLOTS * RECORD))
        die(image);
    close(fd);
    unsigned lost = 0, count = (unsigned)atoi(argv[3]), in_vain = 0;
    for (unsigned i = 0; i < count && !lost; i++) {
        uint64_t begin, flushed;
        run_and_kill(&begin, &flushed);
        if (begin < newest) {
            fprintf(stderr,
                    "kill_disk: the guest finds batch %" PRIu64 ", the disk has %" PRIu64 "\n",
                    begin, newest);
            lost = 1;
        }
        in_vain += begin == flushed;
        expect(begin, flushed);
        lost += lost_sectors();
    }
    printf("%u kills, %u before the first flush; %" PRIu64
           " batches flushed, newest on disk %" PRIu64 "; %u sectors lost\n",
           count, in_vain, flushed_total, newest, lost);
    unlink(image);
    return lost || !flushed_total;
}
