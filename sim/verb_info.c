/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manyhart info: what this host and this build offer, and what the automatic
 * choices would be.
 */
#include "sim/cli.h"

#include "dev/dev.h"
#include "isa/guest.h"
#include "sim/base/arena.h"
#include "sim/base/error.h"
#include "sim/counters.h"
#include "smp/pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static const struct cli_option options[] = {
    {"harts", "N", "show the pinning of N harts (host processors, at most 8)"},
    {"help", NULL, "this text"},
    {NULL, NULL, NULL},
};

static int take(void *opaque, const char *name, const char *value)
{
    if (name)
        return mh_config_set(opaque, name, value) ? cli_error() : 0;
    cli_message("'%s': info takes no further word", value);
    return CLI_USAGE;
}

static void print_host(void)
{
    struct utsname u;
    if (uname(&u) == 0)
        printf("host: %s %s, %u processors usable, allocator %s\n", u.machine, u.release,
               pin_processors(), arena_name());
}

static void print_pinning(unsigned harts)
{
    char why[160] = "";
    int io = -1, *pin = calloc(harts, sizeof(*pin));
    int n = pin ? pin_plan(harts, pin, &io, why, sizeof(why)) : -1;
    printf("pinning of %u harts: %s\n", harts, n < 0 ? mh_last_error()->message : why);
    for (unsigned i = 0; n >= 0 && i < harts; i++)
        if (pin[i] >= 0)
            printf("  hart %u: processor %d\n", i, pin[i]);
    if (n >= 0 && io >= 0)
        printf("  I/O thread: processor %d\n", io);
    free(pin);
}

static void print_pmu(void *opaque, const char *pmu, const char *text, unsigned events)
{
    (void)opaque;
    printf("  %s: %s, %u events\n", pmu, text, events);
}

static void print_counters(void)
{
    char why[128];
    if (counters_hardware(why, sizeof(why)))
        printf("counters: hardware events can be counted; known to libpfm4:\n");
    else
        printf("counters: no hardware events (%s); software events stand in; known to libpfm4:\n",
               why);
    counters_each_pmu(print_pmu, NULL);
}

static void print_extension(void *opaque, const char *name, const char *version)
{
    unsigned *column = opaque;
    int n = (int)(strlen(name) + strlen(version) + 2);
    if (*column + (unsigned)n > 96) {
        printf("\n   ");
        *column = 3;
    }
    printf(" %s%s%s", name, version[0] ? " " : "", version);
    if (version[0])
        printf(",");
    *column += (unsigned)n + 1;
}

static void print_engines(const struct guest_type *gt)
{
    printf("guest %s, engines:\n", gt->name);
    for (unsigned i = 0; engine_name(i); i++) {
        const struct engine *e = gt->engine((enum guest_engine)i);
        if (e->missing)
            printf("  %s: not there: %s\n", engine_name(i), e->missing);
        else
            printf("  %s: %s\n", engine_name(i), engine_summary(i));
    }
}

static void print_profile(void *opaque, const char *name, const char *missing)
{
    (void)opaque;
    printf("  %s%s%s\n", name, *missing ? ": not accepted, lacks " : "", missing);
}

static void print_guests(void)
{
    const struct guest_type *gt;
    for (size_t i = 0; (gt = guest_at(i)); i++) {
        unsigned column = 3;
        print_engines(gt);
        printf("guest %s, extensions:\n   ", gt->name);
        gt->list_extensions(print_extension, &column);
        printf("\nguest %s, profiles:\n", gt->name);
        gt->list_profiles(print_profile, NULL);
    }
}

static void print_devices(void)
{
    const struct dev_type *t;
    printf("devices:");
    for (size_t i = 0; (t = dev_type_at(i)); i++)
        printf(" %s", t->name);
    printf("\n");
}

static int verb_info_main(int argc, char **argv)
{
    struct mh_vm_config cfg;
    mh_config_default(&cfg);
    int rc = cli_parse(&verb_info, argc, argv, take, &cfg);
    if (rc)
        return rc < 0 ? CLI_OK : rc;
    printf("manyhart %d.%d.%d\n", MH_VERSION_MAJOR, MH_VERSION_MINOR, MH_VERSION_PATCH);
    print_host();
    print_pinning(cfg.harts);
    print_counters();
    print_guests();
    print_devices();
    return CLI_OK;
}

const struct cli_verb verb_info = {
    .name = "info",
    .summary = "host topology, pinning, counters, guests, devices, ISA extensions",
    .usage = "[OPTION...]",
    .example = "manyhart info --harts 4",
    .options = options,
    .run = verb_info_main,
};
