/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded guest: what "manyhart run" runs without an image.  It starts
 * all harts, has them compute, increment shared words by AMO and by LR/SC,
 * interrupt each other and sleep for the timer, checks every total, and prints
 * what it measured.  The exit code is 0 if everything was exact, else 1 for a
 * wrong result and 3 for an interrupt that did not come.
 *
 * Times are the guest's (mtime, 100 ns a tick), instructions are minstret.  Each
 * measurement ends by the clock, not by a number of rounds, so that it takes
 * the same few seconds on every host; a hart without a processor of its own
 * just gets less done.
 */
#include "guest.h"

#define TICKS_PER_MS (VIRT_MTIME_HZ / 1000)
#define SCALING_MS   900 /* shared by all rows of the table */
#define ATOMIC_MS    150
#define IPI_MS       300
#define IPI_ROUNDS   5000
#define IPI_LOST_MS  5000
#define TIMER_ROUNDS 30
#define WORDS        256
#define NS_PER_TICK  (1000000000 / VIRT_MTIME_HZ)

enum { EXIT_WRONG = 1, EXIT_LOST = 3 };

/* What one hart did in one measurement; written by the hart alone. */
struct result {
    uint64_t begin, end; /* time */
    uint64_t insns;
    uint64_t ops;
    uint64_t latency_sum, latency_max; /* ticks */
    bool wrong;
} __attribute__((aligned(64)));

struct hart_memory {
    uint64_t word[WORDS];
} __attribute__((aligned(4096)));

static struct result results[GUEST_MAX_HARTS];
static struct hart_memory memories[GUEST_MAX_HARTS];
static uint64_t shared_word __attribute__((aligned(64)));
static struct guest_barrier barrier;
static unsigned team;       /* harts that take part; constant while they run */
static uint64_t duration;   /* ticks, likewise */
static uint64_t work_check; /* what one portion of work gives */
static unsigned failures;

/* ---- harts and time ---- */

static uint64_t now(void)
{
    uint64_t t;
    __asm__ volatile("rdtime %0" : "=r"(t) : : "memory");
    return t;
}

/* Runs fn on harts 0 to n-1 at once. */
static void run_team(unsigned n, uint64_t ticks, void (*fn)(void *))
{
    team = n;
    duration = ticks;
    memset(results, 0, sizeof(results));
    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, fn, &results[h]);
    fn(&results[0]);
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
}

static void begin(struct result *r)
{
    guest_barrier_wait(&barrier, team);
    r->begin = now();
    r->insns = csr_read(minstret);
}

static void end(struct result *r)
{
    r->insns = csr_read(minstret) - r->insns;
    r->end = now();
}

static bool over(const struct result *r)
{
    return now() - r->begin >= duration;
}

static uint64_t team_ticks(void)
{
    uint64_t from = results[0].begin, to = results[0].end;
    for (unsigned h = 1; h < team; h++) {
        if (results[h].begin < from)
            from = results[h].begin;
        if (results[h].end > to)
            to = results[h].end;
    }
    return to > from ? to - from : 1;
}

static uint64_t team_ops(void)
{
    uint64_t sum = 0;
    for (unsigned h = 0; h < team; h++)
        sum += results[h].ops;
    return sum;
}

/* ---- numbers for people ---- */

/* value/unit with two decimals, right-aligned. */
static void print_fixed(uint64_t value, uint64_t unit, unsigned width)
{
    uint64_t hundredths = (value * 100 + unit / 2) / unit;
    unsigned digits = 1;
    for (uint64_t v = hundredths / 100; v >= 10; v /= 10)
        digits++;
    while (width-- > digits + 3)
        guest_putchar(' ');
    guest_printf("%lu.%02lu", hundredths / 100, hundredths % 100);
}

static uint64_t per_second(uint64_t count, uint64_t ticks)
{
    return ticks ? count * VIRT_MTIME_HZ / ticks : 0;
}

static void fail(const char *what, uint64_t got, uint64_t want)
{
    failures++;
    guest_printf("  FAILED  %s: got %lu, want %lu\n", what, got, want);
}

/* ---- computing ---- */

/* A portion of work: random numbers scattered over 2 KiB, then summed up. */
static uint64_t __attribute__((noinline)) work(uint64_t *word)
{
    uint64_t x = 88172645463325252UL, sum = 0;
    for (unsigned i = 0; i < WORDS; i++)
        word[i] = i;
    for (unsigned i = 0; i < 4 * WORDS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        word[x % WORDS] += x * i;
    }
    for (unsigned i = 0; i < WORDS; i++)
        sum = (sum << 1 | sum >> 63) ^ word[i];
    return sum;
}

static void compute(void *arg)
{
    struct result *r = arg;
    uint64_t *word = memories[r - results].word;
    begin(r);
    do {
        r->wrong |= work(word) != work_check;
        r->ops++;
    } while (!over(r));
    end(r);
}

static void print_scaling_row(uint64_t one)
{
    uint64_t total = 0, sum = 0, least = ~0UL, most = 0;
    for (unsigned h = 0; h < team; h++) {
        const struct result *r = &results[h];
        uint64_t rate = per_second(r->insns, r->end - r->begin);
        total += r->insns;
        sum += rate;
        least = rate < least ? rate : least;
        most = rate > most ? rate : most;
        if (r->wrong)
            fail("computation, hart", h, h);
    }
    total = per_second(total, team_ticks());
    guest_printf("  %5u", team);
    print_fixed(total, 1000000, 14);
    print_fixed(least, 1000000, 12);
    print_fixed(sum / team, 1000000, 12);
    print_fixed(most, 1000000, 12);
    print_fixed(total, one ? one : total, 12);
    guest_puts("\n");
}

/* 1, 2, 4, ... and n itself. */
static unsigned next_size(unsigned size, unsigned n)
{
    return size < n && size * 2 > n ? n : size * 2;
}

static void measure_scaling(unsigned n)
{
    unsigned rows = 0;
    uint64_t one = 0;
    for (unsigned size = 1; size <= n; size = next_size(size, n))
        rows++;
    work_check = work(memories[0].word);
    guest_puts("\n  million instructions per second\n"
               "  harts           all  hart, least        mean        most    speed-up\n");
    for (unsigned size = 1; size <= n; size = next_size(size, n)) {
        run_team(size, SCALING_MS * TICKS_PER_MS / rows, compute);
        print_scaling_row(one);
        if (size == 1)
            one = per_second(results[0].insns, team_ticks());
    }
}

/* ---- atomics ---- */

static void increment_amo(void *arg)
{
    struct result *r = arg;
    begin(r);
    do {
        for (unsigned i = 0; i < 256; i++)
            __asm__ volatile("amoadd.d zero, %1, (%0)" : : "r"(&shared_word), "r"(1UL) : "memory");
        r->ops += 256;
    } while (!over(r));
    end(r);
}

static void increment_lrsc(void *arg)
{
    struct result *r = arg;
    uint64_t old, failed;
    begin(r);
    do {
        for (unsigned i = 0; i < 64; i++)
            __asm__ volatile("1: lr.d %0, (%2)\n"
                             "   addi %0, %0, 1\n"
                             "   sc.d %1, %0, (%2)\n"
                             "   bnez %1, 1b\n"
                             : "=&r"(old), "=&r"(failed)
                             : "r"(&shared_word)
                             : "memory");
        r->ops += 64;
    } while (!over(r));
    end(r);
}

static uint64_t atomic_rate(unsigned n, void (*fn)(void *), const char *what)
{
    shared_word = 0;
    run_team(n, ATOMIC_MS * TICKS_PER_MS, fn);
    if (shared_word != team_ops())
        fail(what, shared_word, team_ops());
    return per_second(team_ops(), team_ticks());
}

static void measure_atomic(unsigned n, void (*fn)(void *), const char *what)
{
    uint64_t one = atomic_rate(1, fn, what);
    guest_printf("  %-31s", what);
    print_fixed(one, 1000000, 12);
    if (n > 1)
        print_fixed(atomic_rate(n, fn, what), 1000000, 12);
    guest_puts("\n");
}

static void measure_atomics(unsigned n)
{
    guest_puts("\n  million increments per second of one word\n"
               "                                       1 hart");
    if (n > 1)
        guest_printf("%6u harts", n);
    guest_puts("\n");
    measure_atomic(n, increment_amo, "amoadd.d");
    measure_atomic(n, increment_lrsc, "lr.d, addi, sc.d");
}

/* ---- interprocessor interrupts ---- */

static bool ipi_over; /* hart 0 tells the answering hart */

/* Sleeps until an IPI has come, and takes it.  False: none came in a long time. */
static bool ipi_await(unsigned self)
{
    mmio_write64(CLINT_MTIMECMP(self), guest_mtime() + IPI_LOST_MS * TICKS_PER_MS);
    while (!(csr_read(mip) & MIP_MSIP)) {
        guest_wfi();
        if (csr_read(mip) & MIP_MTIP)
            return false;
    }
    guest_ipi_clear(self);
    return true;
}

static void ipi_answer(void *arg)
{
    struct result *r = arg;
    unsigned self = guest_hart_id();
    csr_write(mie, MIP_MSIP | MIP_MTIP);
    for (;;) {
        if (!ipi_await(self)) {
            r->wrong = true;
            break;
        }
        if (__atomic_load_n(&ipi_over, __ATOMIC_ACQUIRE))
            break;
        r->ops++;
        guest_ipi_send(0);
    }
    csr_write(mie, MIP_MSIP);
}

/* Between hart 0 and another, or to itself. */
static bool ipi_ask(unsigned other, struct result *r)
{
    r->begin = now();
    while (r->ops < IPI_ROUNDS && now() - r->begin < IPI_MS * TICKS_PER_MS) {
        guest_ipi_send(other);
        if (!ipi_await(0))
            return false;
        r->ops++;
    }
    r->end = now();
    return true;
}

static void measure_ipi(unsigned n)
{
    unsigned other = n > 1 ? 1 : 0;
    struct result *r = &results[0];
    memset(results, 0, sizeof(results));
    ipi_over = false;
    csr_write(mie, MIP_MSIP | MIP_MTIP);
    if (other)
        guest_hart_start(other, ipi_answer, &results[other]);
    bool came = ipi_ask(other, r);
    if (other && came) {
        __atomic_store_n(&ipi_over, true, __ATOMIC_RELEASE);
        guest_ipi_send(other);
        guest_hart_join(other);
        if (results[other].ops != r->ops)
            fail("interrupts answered", results[other].ops, r->ops);
    }
    csr_write(mie, 0);
    if (!came) {
        guest_printf("  FAILED  an interrupt of hart %u to hart 0 or back was lost\n", other);
        guest_exit(EXIT_LOST);
    }
    guest_puts(other ? "\n  IPI, hart 0 to 1 and back, WFI "
                     : "\n  IPI of hart 0 to itself, WFI   ");
    print_fixed((r->end - r->begin) * NS_PER_TICK / r->ops, 1000, 12);
    guest_printf(" us  (mean of %lu)\n", r->ops);
}

/* ---- timer ---- */

static void timer_hook(struct guest_trap *t)
{
    unsigned self = guest_hart_id();
    struct result *r = &results[self];
    uint64_t late = now() - mmio_read64(CLINT_MTIMECMP(self));
    if (t->cause != (CAUSE_INTERRUPT | 7))
        r->wrong = true;
    mmio_write64(CLINT_MTIMECMP(self), ~0UL);
    csr_write(mie, 0);
    r->latency_sum += late;
    r->latency_max = late > r->latency_max ? late : r->latency_max;
    r->ops++;
}

/* Sleeps of 0.5 to 1.5 ms, each ended by an interrupt that is taken. */
static void sleep_by_timer(void *arg)
{
    struct result *r = arg;
    unsigned self = guest_hart_id();
    begin(r);
    for (unsigned i = 0; i < TIMER_ROUNDS; i++) {
        uint64_t due = now() + TICKS_PER_MS / 2 + (self * 7 + i) % 10 * TICKS_PER_MS / 10;
        mmio_write64(CLINT_MTIMECMP(self), due);
        csr_write(mie, MIP_MTIP);
        while (*(volatile uint64_t *)&r->ops == i) {
            guest_wfi();
            csr_set(mstatus, MSTATUS_MIE);
            csr_clear(mstatus, MSTATUS_MIE);
        }
        r->wrong |= now() < due;
    }
    end(r);
}

static void measure_timer(unsigned n)
{
    uint64_t sum = 0, most = 0;
    guest_trap_hook(timer_hook);
    run_team(n, 0, sleep_by_timer);
    guest_trap_hook(NULL);
    csr_write(mie, 0);
    for (unsigned h = 0; h < n; h++) {
        sum += results[h].latency_sum;
        most = results[h].latency_max > most ? results[h].latency_max : most;
        if (results[h].wrong || results[h].ops != TIMER_ROUNDS)
            fail("timer interrupts", results[h].ops, TIMER_ROUNDS);
    }
    guest_puts("  timer interrupt late by        ");
    print_fixed(sum * NS_PER_TICK / team_ops(), 1000, 12);
    guest_printf(" us  (mean of %lu, most ", team_ops());
    print_fixed(most * NS_PER_TICK, 1000, 4);
    guest_puts(" us)\n");
}

/* ---- all ---- */

int main(void)
{
    unsigned n = guest_hart_count();
    if (n > GUEST_MAX_HARTS)
        n = GUEST_MAX_HARTS;
    guest_printf("manyhart: %u RISC-V hart%s\n", n, n > 1 ? "s" : "");
    measure_scaling(n);
    measure_atomics(n);
    measure_ipi(n);
    measure_timer(n);
    guest_puts(failures ? "\n  some results were WRONG\n" : "\n  all results were exact\n");
    return failures ? EXIT_WRONG : 0;
}
