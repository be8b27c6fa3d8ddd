/* SPDX-License-Identifier: Apache-2.0 */
/* Duels in processes of their own; see trial.h. */
#include "tests/lockstep/trial.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void *trial_shared(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        fputs("lockstep: not enough host memory\n", stderr);
        exit(2);
    }
    return p;
}

void trial_alive(void)
{
    alarm(TRIAL_SECONDS);
}

int trial_call(void (*fn)(void *opaque), void *opaque, unsigned seconds, char *text, size_t size)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        perror("lockstep: fork");
        exit(2);
    }
    if (!pid) {
        alarm(seconds);
        fn(opaque);
        fflush(stdout);
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0)
        ;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(text, size, "  it did not come back\n");
    else if (WIFSIGNALED(status))
        snprintf(text, size, "  it died of signal %d (%s)\n", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (status)
        snprintf(text, size, "  it ended with exit code %d\n", WEXITSTATUS(status));
    return status;
}

struct trial {
    const struct duel_setup *setup;
    const struct program *program;
    struct duel_result *result;
};

static void run(void *opaque)
{
    const struct trial *t = opaque;
    duel_run(t->setup, t->program, t->result);
}

void trial_run(const struct duel_setup *s, const struct program *p, struct duel_result *out)
{
    static struct duel_result *shared;
    char text[128];
    if (!shared)
        shared = trial_shared(sizeof(*shared));
    memset(shared, 0, sizeof(*shared));
    int rc = trial_call(run, &(struct trial){s, p, shared}, AGAIN_SECONDS, text, sizeof(text));
    *out = *shared;
    if (!rc)
        return;
    out->differs = true;
    snprintf(out->report, sizeof(out->report), "%s", text);
}
