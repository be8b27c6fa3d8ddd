/* SPDX-License-Identifier: Apache-2.0 */
/* The driver; see driver.h.  One thread, on the guest hart 0. */
#include "driver.h"

#define MAX_ITERATIONS 1000000000u
#define NEAR_ENOUGH    3 /* edits; what is farther is no slip of the finger */

static const char *current = ""; /* name of the workload that runs */

static bool text_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static size_t text_length(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

/* ---- what workloads call ---- */
void *arena_alloc(struct arena *a, size_t count, size_t size, size_t align)
{
    size_t at = (a->used + align - 1) & ~(align - 1), bytes = count * size;

    if (count > SIZE_MAX / 2 / size)
        bytes = SIZE_MAX / 2;
    if (at + bytes > a->size) {
        platform_error("bench: %s: needs %lu bytes, of which there are %lu\n", current,
                       (unsigned long)(at + bytes), (unsigned long)a->size);
        platform_exit(DRIVER_FAILED);
    }
    a->used = at + bytes;
    return a->base + at;
}

void workload_require(bool holds, const char *what)
{
    if (holds)
        return;
    platform_error("bench: %s: wrong: %s\n", current, what);
    platform_exit(DRIVER_FAILED);
}

/* ---- names ---- */

/* Edit distance: how many characters to insert, remove or replace. */
static unsigned text_distance(const char *a, const char *b)
{
    unsigned row[WORKLOAD_NAME_MAX + 1];
    size_t n = text_length(b);

    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i]; i++) {
        unsigned corner = row[0]++;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = corner + (a[i] != b[j - 1]);
            corner = row[j];
            if (best > row[j] + 1)
                best = row[j] + 1;
            if (best > row[j - 1] + 1)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

static bool text_begins(const char *s, const char *with)
{
    while (*with && *s == *with)
        s++, with++;
    return !*with;
}

/* Smaller is nearer.  What begins with the word that was given is near however long it is. */
static unsigned name_distance(const char *given, const char *name)
{
    return *given && text_begins(name, given) ? 1 : text_distance(given, name);
}

static unsigned nearest_distance(const struct workload *table, unsigned count, const char *given)
{
    unsigned best = NEAR_ENOUGH;

    for (unsigned i = 0; i < count; i++) {
        unsigned d = name_distance(given, table[i].name);
        if (d < best)
            best = d;
    }
    return best;
}

static int unknown_workload(const struct workload *table, unsigned count, const char *given)
{
    unsigned best = nearest_distance(table, count, given);
    const char *before = "; nearest: ";

    platform_error("bench: no workload '%s'", given);
    for (unsigned i = 0; i < count; i++)
        if (name_distance(given, table[i].name) == best) {
            platform_error("%s%s", before, table[i].name);
            before = ", ";
        }
    platform_error("; 'list' shows all\n");
    return DRIVER_USAGE;
}

/* ---- runs ---- */
static void print_list(const struct workload *table, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        platform_print("%-16s %-8s %9lu %-11s %s\n", table[i].name, table[i].group,
                       (unsigned long)table[i].operations, table[i].unit, table[i].description);
}

static void print_iteration(uint64_t index, uint64_t ns, bool counted, uint64_t instructions,
                            uint64_t checksum)
{
    if (counted)
        platform_print("iteration %lu ns %lu instructions %lu checksum %lx\n", (unsigned long)index,
                       (unsigned long)ns, (unsigned long)instructions, (unsigned long)checksum);
    else
        platform_print("iteration %lu ns %lu instructions - checksum %lx\n", (unsigned long)index,
                       (unsigned long)ns, (unsigned long)checksum);
}

/* One iteration, measured; returns the checksum. */
static uint64_t run_iteration(const struct workload *w, void *state, uint64_t index)
{
    uint64_t n0 = 0, n1 = 0;
    uint64_t t0 = platform_now_ns();
    bool counted = platform_instructions(&n0);
    uint64_t checksum = w->run(state);
    platform_instructions(&n1);
    uint64_t t1 = platform_now_ns();

    print_iteration(index, t1 - t0, counted, n1 - n0, checksum);
    return checksum;
}

static int run_workload(const struct workload *w, uint64_t iterations, void *memory, size_t size)
{
    struct arena a = {memory, size, 0};
    uint64_t first = 0;

    current = w->name;
    platform_print("workload %s group %s unit %s operations %lu clock_ns %lu\n", w->name, w->group,
                   w->unit, (unsigned long)w->operations, (unsigned long)platform_clock_ns());
    void *state = w->setup(&a);
    for (uint64_t i = 0; i < iterations; i++) {
        uint64_t checksum = run_iteration(w, state, i);
        if (i == 0)
            first = checksum;
        if (checksum != first) {
            platform_error("bench: %s: wrong: iteration %lu has another checksum than the first\n",
                           w->name, (unsigned long)i);
            return DRIVER_FAILED;
        }
    }
    return DRIVER_OK;
}

int driver_run(const struct workload *table, unsigned count, const char *selection,
               uint64_t iterations, void *memory, size_t size)
{
    bool all = text_equal(selection, "all");
    unsigned found = 0;

    if (text_equal(selection, "list")) {
        print_list(table, count);
        return DRIVER_OK;
    }
    if (iterations < 1 || iterations > MAX_ITERATIONS) {
        platform_error("bench: iterations: a number from 1 to %u\n", MAX_ITERATIONS);
        return DRIVER_USAGE;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct workload *w = &table[i];
        if (!all && !text_equal(selection, w->name) && !text_equal(selection, w->group))
            continue;
        found++;
        int code = run_workload(w, iterations, memory, size);
        if (code != DRIVER_OK)
            return code;
    }
    return found ? DRIVER_OK : unknown_workload(table, count, selection);
}
