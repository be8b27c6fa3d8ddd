/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manyhart bench: hands over to the program manyhart-bench, which is not in the library: it starts
 * simulators, is none, and nobody who embeds one needs it.
 */
#include "sim/cli.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/error.h"

static int bench_run(int argc, char **argv)
{
    /* From the folder of this program: in a build, where it was installed. */
    static const char *const places[] = {"bench/manyhart-bench",
                                         "../" MH_LIBEXECDIR "/manyhart/manyhart-bench"};
    char self[PATH_MAX], path[2 * PATH_MAX];
    (void)argc;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0) {
        cli_message("bench: cannot find the program itself: %s", error_text(-errno));
        return CLI_USAGE;
    }
    self[n] = 0;
    const char *folder = dirname(self);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, places[i]);
        execv(path, argv);
        if (errno != ENOENT && errno != ENOTDIR) {
            cli_message("bench: %s: %s", path, error_text(-errno));
            return CLI_USAGE;
        }
    }
    cli_message("bench: manyhart-bench is not installed beside this program");
    return CLI_USAGE;
}

const struct cli_verb verb_bench = {
    .name = "bench",
    .summary = "run workloads on engines, natively and on peers; report and compare",
    .run = bench_run,
};
