/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run --linux: the kernel and initramfs that tests/linux/fetch.sh keeps.
 * MANYHART_LINUX_DIR names a folder with "kernel" and "initrd.gz"; else it is
 * the set "current" of the user's cache, which the script fills when the
 * program lies in a build folder of a checkout.
 */
#include "sim/cli.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool set_in(const char *dir, struct cli_linux *out)
{
    snprintf(out->kernel, sizeof(out->kernel), "%.4000s/kernel", dir);
    snprintf(out->initrd, sizeof(out->initrd), "%.4000s/initrd.gz", dir);
    return access(out->kernel, R_OK) == 0 && access(out->initrd, R_OK) == 0;
}

static void cache_dir(char *buf, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && cache[0])
        snprintf(buf, size, "%.3900s/manyhart/linux/current", cache);
    else
        snprintf(buf, size, "%.3900s/.cache/manyhart/linux/current", home ? home : "");
}

/* TOP/build/PRESET/manyhart: the script is in TOP/tests/linux. */
static bool script_path(char *buf, size_t size)
{
    char exe[3000];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (n <= 0)
        return false;
    exe[n] = 0;
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(exe, '/');
        if (!slash)
            return false;
        *slash = 0;
    }
    snprintf(buf, size, "%s/tests/linux/fetch.sh", exe);
    return access(buf, R_OK) == 0;
}

static int run_script(char *path)
{
    char *argv[] = {(char *)"sh", path, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    cli_message("--linux: fetching a kernel and busybox, once (%s)", path);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
    int err = posix_spawnp(&pid, "sh", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (err)
        return -err;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int cli_linux_find(struct cli_linux *out)
{
    const char *given = getenv("MANYHART_LINUX_DIR");
    char dir[4000], script[4096];
    if (given && given[0]) {
        if (set_in(given, out))
            return 0;
        cli_message("--linux: MANYHART_LINUX_DIR '%s' has no kernel and initrd.gz; "
                    "tests/linux/fetch.sh makes them",
                    given);
        return CLI_USAGE;
    }
    cache_dir(dir, sizeof(dir));
    if (set_in(dir, out))
        return 0;
    if (!script_path(script, sizeof(script)))
        cli_message("--linux: '%s' has no kernel and initrd.gz; run tests/linux/fetch.sh of a "
                    "checkout first",
                    dir);
    else if (run_script(script) || !set_in(dir, out))
        cli_message("--linux: %s failed; it needs a Debian mirror", script);
    else
        return 0;
    return CLI_USAGE;
}
