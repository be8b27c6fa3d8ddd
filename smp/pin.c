/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pinning plans; see pin.h.  Called once per machine, before its threads start.
 */
#include "smp/pin.h"

#include <errno.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/error.h"

struct processors {
    int *os; /* processor numbers, in the order in which harts should use them */
    unsigned count, cores;
};

static bool usable(hwloc_const_bitmap_t allowed, hwloc_obj_t pu)
{
    return hwloc_bitmap_isset(allowed, pu->os_index);
}

/* Adds the nth usable hardware thread of each core; returns how many it found. */
static unsigned add_nth_of_cores(hwloc_topology_t t, hwloc_const_bitmap_t allowed, unsigned nth,
                                 struct processors *p)
{
    unsigned found = 0;
    hwloc_obj_t core = NULL;
    while ((core = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_CORE, core))) {
        unsigned seen = 0;
        hwloc_obj_t pu = NULL;
        while ((pu = hwloc_get_next_obj_inside_cpuset_by_type(t, core->cpuset, HWLOC_OBJ_PU, pu))) {
            if (!usable(allowed, pu) || seen++ != nth)
                continue;
            p->os[p->count++] = (int)pu->os_index;
            found++;
            break;
        }
    }
    return found;
}

static int processors_find(struct processors *p)
{
    hwloc_topology_t t;
    memset(p, 0, sizeof(*p));
    if (hwloc_topology_init(&t))
        return -ENOMEM;
    if (hwloc_topology_load(t)) {
        hwloc_topology_destroy(t);
        return error_set(MH_ERROR_PLATFORM, -EIO, "pin", NULL, "hwloc cannot read the topology");
    }
    hwloc_bitmap_t allowed = hwloc_bitmap_alloc();
    if (hwloc_get_cpubind(t, allowed, HWLOC_CPUBIND_PROCESS))
        hwloc_bitmap_copy(allowed, hwloc_topology_get_allowed_cpuset(t));
    int total = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);
    p->os = calloc(total > 0 ? (size_t)total : 1, sizeof(*p->os));
    for (unsigned nth = 0; p->os; nth++) {
        unsigned found = add_nth_of_cores(t, allowed, nth, p);
        if (!nth)
            p->cores = found;
        if (!found)
            break;
    }
    hwloc_bitmap_free(allowed);
    hwloc_topology_destroy(t);
    return p->os ? 0 : -ENOMEM;
}

unsigned pin_processors(void)
{
    struct processors p;
    unsigned count = processors_find(&p) ? 1 : p.count;
    free(p.os);
    return count ? count : 1;
}

int pin_plan(unsigned harts, int *pin, int *io, char *why, size_t why_size)
{
    struct processors p;
    int err = processors_find(&p);
    if (err)
        return err;
    bool fits = harts <= p.count;
    for (unsigned i = 0; i < harts; i++)
        pin[i] = fits ? p.os[i] : -1;
    *io = harts < p.count ? p.os[p.count - 1] : -1;
    if (!fits)
        snprintf(why, why_size,
                 "%u harts on %u processors: not pinned, the host's scheduler shares them out",
                 harts, p.count);
    else if (*io >= 0)
        snprintf(why, why_size, "%u harts on %u processors (%u cores): one each, I/O thread on %d",
                 harts, p.count, p.cores, *io);
    else
        snprintf(
            why, why_size,
            "%u harts on %u processors (%u cores): one each, I/O thread wherever there is room",
            harts, p.count, p.cores);
    err = (int)p.count;
    free(p.os);
    return err;
}

static bool processor_known(const struct processors *p, long n)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->os[i] == n)
            return true;
    return false;
}

/* Parses "N" or "N-M" at *s; false on bad syntax. */
static bool parse_range(const char **s, long *from, long *to)
{
    char *end;
    if (**s < '0' || **s > '9')
        return false;
    *from = *to = strtol(*s, &end, 10);
    if (*end == '-') {
        if (end[1] < '0' || end[1] > '9')
            return false;
        *to = strtol(end + 1, &end, 10);
    }
    *s = end;
    return *from <= *to && *to < 65536;
}

static int parse_list(const struct processors *p, const char *list, int *out, unsigned max,
                      unsigned *count)
{
    const char *s = list;
    for (;;) {
        long from, to;
        if (!parse_range(&s, &from, &to) || (*s && *s != ','))
            return error_set(MH_ERROR_CORE, -EINVAL, "pin", list,
                             "is no list of processors such as 0,2,4-7");
        for (long n = from; n <= to; n++) {
            if (!processor_known(p, n))
                return error_set(MH_ERROR_CORE, -EINVAL, "pin", list,
                                 "names processor %ld, which this process may not use", n);
            if (*count < max)
                out[(*count)++] = (int)n;
        }
        if (!*s)
            return 0;
        s++;
    }
}

int pin_parse(const char *list, unsigned harts, int *pin)
{
    struct processors p;
    unsigned count = 0;
    int err = processors_find(&p);
    if (err)
        return err;
    err = parse_list(&p, list, pin, harts, &count);
    for (unsigned i = count; !err && i < harts; i++)
        pin[i] = pin[i % count];
    free(p.os);
    return err;
}
