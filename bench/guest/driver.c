/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver; see driver.h.  Hart 0 runs it.  A workload for several harts has a team, which stays
 * together over all its iterations: the others wait for hart 0, which releases them into each
 * iteration, waits for them at its end, and prints meanwhile.  An iteration is measured from the
 * release to the end of the hart that was last, by that hart's own look at the clock.
 */
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
        platform_print("%-16s %-10s %9lu %-11s %s\n", table[i].name, table[i].group,
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

static void *empty_setup(struct arena *a)
{
    return a;
}

static uint64_t empty_run(void *state)
{
    (void)state;
    return 0;
}

static const struct workload empty = {
    .name = "empty",
    .group = "none",
    .unit = "nothing",
    .description = "what measuring costs",
    .operations = 1,
    .setup = empty_setup,
    .run = empty_run,
    .where = WORKLOAD_ANYWHERE,
};

unsigned driver_slow_percent;

static void wait_longer(uint64_t begin_ns)
{
    uint64_t took_ns = platform_now_ns() - begin_ns;
    uint64_t end_ns = begin_ns + took_ns + took_ns * driver_slow_percent / 100;

    while (platform_now_ns() < end_ns)
        ;
}

/* One iteration, measured; returns the checksum. */
static uint64_t run_iteration(const struct workload *w, void *state, uint64_t index)
{
    uint64_t n0 = 0, n1 = 0;
    platform_measure(true);
    uint64_t t0 = platform_now_ns();
    bool counted = platform_instructions(&n0);
    uint64_t checksum = w->run(state);
    if (driver_slow_percent)
        wait_longer(t0);
    platform_instructions(&n1);
    uint64_t t1 = platform_now_ns();
    platform_measure(false);

    print_iteration(index, t1 - t0, counted, n1 - n0, checksum);
    return checksum;
}

/* Whether the iteration has the checksum that the first had. */
static bool checksum_stays(const struct workload *w, uint64_t index, uint64_t checksum,
                           uint64_t *first)
{
    if (index == 0)
        *first = checksum;
    if (checksum == *first)
        return true;
    platform_error("bench: %s: wrong: iteration %lu has another checksum than the first\n", w->name,
                   (unsigned long)index);
    return false;
}

static int run_alone(const struct workload *w, uint64_t iterations, void *state)
{
    uint64_t first;

    for (uint64_t i = 0; i < iterations; i++)
        if (!checksum_stays(w, i, run_iteration(w, state, i), &first))
            return DRIVER_FAILED;
    return DRIVER_OK;
}

/* ---- several harts ---- */

#define TEAM_LEAVES UINT64_MAX

/* What one hart's part of an iteration gave; that hart writes it before it counts as finished. */
struct part {
    uint64_t checksum, instructions, end_ns;
    bool counted;
} __attribute__((aligned(64)));

struct team {
    const struct workload *w;
    void *state;
    uint64_t iterations;
    unsigned harts;
    int code; /* hart 0 only */
    /* Hart 0: how many iterations may begin, or TEAM_LEAVES.  Atomic, as the next two. */
    uint64_t released __attribute__((aligned(64)));
    /* The others, since the first iteration: those ready for one, and those done with one. */
    uint64_t ready __attribute__((aligned(64)));
    uint64_t finished __attribute__((aligned(64)));
    struct part part[WORKLOAD_HARTS_MAX];
};

/* Pairs with the release of who counts: what it wrote before is there. */
static void team_await(const uint64_t *word, uint64_t least)
{
    for (unsigned spins = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) < least;)
        harts_relax(&spins);
}

static void team_work(struct team *t, unsigned hart)
{
    struct part *p = &t->part[hart];
    uint64_t n0 = 0, n1 = 0;

    p->counted = platform_instructions(&n0);
    p->checksum = t->w->run_harts(t->state, hart);
    platform_instructions(&n1);
    p->instructions = n1 - n0;
    p->end_ns = platform_now_ns();
}

static void team_follow(struct team *t, unsigned hart)
{
    for (uint64_t i = 0;; i++) {
        __atomic_fetch_add(&t->ready, 1, __ATOMIC_RELEASE);
        team_await(&t->released, i + 1);
        if (__atomic_load_n(&t->released, __ATOMIC_RELAXED) == TEAM_LEAVES)
            return;
        team_work(t, hart);
        __atomic_fetch_add(&t->finished, 1, __ATOMIC_RELEASE);
    }
}

/* One iteration of the whole team; returns the checksum. */
static uint64_t team_iteration(struct team *t, uint64_t index)
{
    uint64_t others = (t->harts - 1) * (index + 1);
    struct part sum = {0};

    team_await(&t->ready, others);
    platform_measure(true);
    uint64_t begin = platform_now_ns();
    __atomic_store_n(&t->released, index + 1, __ATOMIC_RELEASE);
    team_work(t, 0);
    team_await(&t->finished, others);
    platform_measure(false);
    for (unsigned i = 0; i < t->harts; i++) {
        const struct part *p = &t->part[i];
        sum.checksum += p->checksum;
        sum.instructions += p->instructions;
        if (p->end_ns > sum.end_ns)
            sum.end_ns = p->end_ns;
    }
    print_iteration(index, sum.end_ns - begin, t->part[0].counted, sum.instructions, sum.checksum);
    return sum.checksum;
}

static void team_lead(struct team *t)
{
    uint64_t first;

    for (uint64_t i = 0; i < t->iterations && t->code == DRIVER_OK; i++)
        if (!checksum_stays(t->w, i, team_iteration(t, i), &first))
            t->code = DRIVER_FAILED;
    __atomic_store_n(&t->released, TEAM_LEAVES, __ATOMIC_RELEASE);
}

static void team_member(void *team, unsigned hart)
{
    if (hart == 0)
        team_lead(team);
    else
        team_follow(team, hart);
}

static int run_team(const struct workload *w, uint64_t iterations, unsigned harts, void *state)
{
    static struct team t;

    t = (struct team){.w = w, .state = state, .iterations = iterations, .harts = harts};
    platform_harts_run(harts, team_member, &t);
    return t.code;
}

static void print_head(const struct workload *w, unsigned harts)
{
    platform_print("workload %s group %s unit %s operations %lu clock_ns %lu", w->name, w->group,
                   w->unit, (unsigned long)w->operations, (unsigned long)platform_clock_ns());
    if (workload_has_harts(w->where))
        platform_print(" harts %u", harts);
    platform_print("\n");
}

static int run_workload(const struct workload *w, uint64_t iterations, unsigned harts, void *memory,
                        size_t size)
{
    struct arena a = {memory, size, 0};
    bool team = workload_has_harts(w->where);

    current = w->name;
    if (team && (harts < 1 || harts > WORKLOAD_HARTS_MAX)) {
        platform_error("bench: %s: harts: a number from 1 to %u\n", w->name, WORKLOAD_HARTS_MAX);
        return DRIVER_USAGE;
    }
    print_head(w, harts);
    return team ? run_team(w, iterations, harts, w->setup_harts(&a, harts))
                : run_alone(w, iterations, w->setup(&a));
}

int driver_run(const struct workload *table, unsigned count, const char *selection,
               uint64_t iterations, unsigned harts, void *memory, size_t size)
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
    if (text_equal(selection, empty.name))
        return run_workload(&empty, iterations, 1, memory, size);
    for (unsigned i = 0; i < count; i++) {
        const struct workload *w = &table[i];
        if (!all && !text_equal(selection, w->name) && !text_equal(selection, w->group))
            continue;
        found++;
        int code = run_workload(w, iterations, harts, memory, size);
        if (code != DRIVER_OK)
            return code;
    }
    return found ? DRIVER_OK : unknown_workload(table, count, selection);
}
