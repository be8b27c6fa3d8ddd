/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pty_expect SECONDS STEP... -- COMMAND...: runs COMMAND in a terminal of its
 * own and plays its user.  Steps, in order:
 *
 *     wait:TEXT   until TEXT appears in the output after the last match
 *     send:TEXT   type it; \r \n \t \\ and \ooo (octal) are understood
 *     size:R,C    give the terminal that size
 *
 * Then COMMAND must end by itself.  All its output is copied to stdout.  Exit
 * code: COMMAND's; 1 and a line on stderr if the time passed in a step, or if
 * COMMAND left the terminal in another mode than it found it; 2 for usage.
 * One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

enum { OUT_MAX = 1 << 20 };

struct term {
    int fd;    /* master */
    int slave; /* kept open: the mode survives COMMAND, and is compared */
    pid_t child;
    double end; /* clock value at which patience ends */
    struct termios before;
    size_t len, seen; /* output kept; wait: searches from seen */
    char out[OUT_MAX];
};

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void term_fail(struct term *t, const char *what, const char *step)
{
    fflush(stdout);
    fprintf(stderr, "\npty_expect: %s: %s\n", what, step);
    kill(t->child, SIGKILL);
    waitpid(t->child, NULL, 0);
    exit(1);
}

/* Keeps and copies what COMMAND wrote; false if nothing came in that time. */
static bool term_read(struct term *t, int timeout_ms)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    char buf[4096];

    if (poll(&p, 1, timeout_ms) <= 0)
        return false;
    ssize_t n = read(t->fd, buf, sizeof(buf));
    if (n <= 0)
        return false;
    fwrite(buf, 1, (size_t)n, stdout);
    fflush(stdout);
    if (t->len + (size_t)n > OUT_MAX) {
        t->len = 0;
        t->seen = 0;
    }
    memcpy(t->out + t->len, buf, (size_t)n);
    t->len += (size_t)n;
    return true;
}

/* The child stays to be waited for. */
static bool term_ended(const struct term *t)
{
    siginfo_t si = {0};

    return waitid(P_PID, (id_t)t->child, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid != 0;
}

static void step_wait(struct term *t, const char *text, const char *step)
{
    size_t n = strlen(text);

    for (;;) {
        char *at = memmem(t->out + t->seen, t->len - t->seen, text, n);
        if (at) {
            t->seen = (size_t)(at - t->out) + n;
            return;
        }
        bool ended = term_ended(t);
        if (!term_read(t, ended ? 0 : 100) && ended)
            term_fail(t, "ended before", step);
        if (now_s() > t->end)
            term_fail(t, "not seen in time", step);
    }
}

static char unescape(const char **s)
{
    const char *p = *s;
    int c = 0, n = 0;

    switch (*p) {
    case 'r':
        (*s)++;
        return '\r';
    case 'n':
        (*s)++;
        return '\n';
    case 't':
        (*s)++;
        return '\t';
    }
    for (; n < 3 && p[n] >= '0' && p[n] <= '7'; n++)
        c = c * 8 + p[n] - '0';
    *s += n ? n : 1;
    return n ? (char)c : *p;
}

/* Typed at once, but read on meanwhile: COMMAND may echo more than a pty holds. */
static void step_send(struct term *t, const char *text, const char *step)
{
    while (*text) {
        char c = *text++;

        if (c == '\\' && *text)
            c = unescape(&text);
        while (write(t->fd, &c, 1) != 1) {
            if (now_s() > t->end)
                term_fail(t, "cannot type", step);
            term_read(t, 10);
        }
    }
}

static void step_size(struct term *t, const char *text, const char *step)
{
    struct winsize ws = {0};

    if (sscanf(text, "%hu,%hu", &ws.ws_row, &ws.ws_col) != 2 || ioctl(t->fd, TIOCSWINSZ, &ws))
        term_fail(t, "bad size", step);
}

static void step_run(struct term *t, const char *step)
{
    if (strncmp(step, "wait:", 5) == 0)
        step_wait(t, step + 5, step);
    else if (strncmp(step, "send:", 5) == 0)
        step_send(t, step + 5, step);
    else if (strncmp(step, "size:", 5) == 0)
        step_size(t, step + 5, step);
    else
        term_fail(t, "unknown step", step);
}

static int term_end(struct term *t)
{
    int status;

    while (!term_ended(t)) {
        if (now_s() > t->end)
            term_fail(t, "did not end in time", "end");
        term_read(t, 100);
    }
    while (term_read(t, 0))
        ;
    waitpid(t->child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void term_start(struct term *t, char **command)
{
    if (openpty(&t->fd, &t->slave, NULL, NULL, &(struct winsize){.ws_row = 24, .ws_col = 80})) {
        perror("pty_expect: openpty");
        exit(1);
    }
    tcgetattr(t->slave, &t->before);
    fcntl(t->fd, F_SETFL, O_NONBLOCK);
    t->child = fork();
    if (t->child == 0) {
        close(t->fd);
        login_tty(t->slave);
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
}

int main(int argc, char **argv)
{
    int dashes = 2;
    struct termios after;
    static struct term t;

    while (dashes < argc && strcmp(argv[dashes], "--") != 0)
        dashes++;
    if (argc < 4 || dashes + 1 >= argc) {
        fprintf(stderr, "usage: pty_expect SECONDS STEP... -- COMMAND...\n");
        return 2;
    }
    t.end = now_s() + atof(argv[1]);
    term_start(&t, argv + dashes + 1);
    for (int i = 2; i < dashes; i++)
        step_run(&t, argv[i]);
    int code = term_end(&t);
    tcgetattr(t.slave, &after);
    if (t.before.c_iflag != after.c_iflag || t.before.c_oflag != after.c_oflag ||
        t.before.c_lflag != after.c_lflag || t.before.c_cflag != after.c_cflag) {
        fprintf(stderr, "pty_expect: the terminal was left in another mode\n");
        return 1;
    }
    return code;
}
