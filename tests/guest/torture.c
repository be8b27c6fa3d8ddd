/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=2,4,64 timeout=280 oracle=no
 *
 * All harts at once in everything that they can get in each other's way with:
 * atomics, locks, lock-free lists, wake-ups, TLB shootdowns, A and D bits, code.
 * Random timer interrupts hit all of it.  Each case is an amount of work per
 * hart, so a hart that starves ends the test by its time limit; the longest wait
 * for a fair lock is printed, and one as long as that of a lost wake-up is an error.
 * tests/soak/torture_forever.c repeats it until it is stopped.  Not for the oracle: its SC compares
 * values, and it needs minutes.
 */
#include "locks.h"
#include "paging.h"

#ifndef REPEAT
#define REPEAT 1
#endif
#ifndef FIRST
#define FIRST 0 /* of tortures */
#endif

#define WINDOW     (4UL << 30) /* virtual addresses of the cases with page tables */
#define LOST_TICKS (60 * VIRT_MTIME_HZ)
#define MTI        7
#define MSI        3
#define ADUE       (1UL << 61)

struct worker {
    uint64_t random;
    uint64_t sum[8];       /* what it added, by counter */
    uint64_t longest_wait; /* ticks */
    uint64_t timers;
    unsigned asked, done; /* shootdowns: any hart adds, the owner answers */
    unsigned mail;        /* tokens it was sent */
} __attribute__((aligned(64)));

static struct worker workers[GUEST_MAX_HARTS];
static struct guest_barrier barrier;
static unsigned n;
static bool timer_is_watchdog; /* a timer interrupt means that a wake-up was lost */

static uint64_t next_random(struct worker *w)
{
    uint64_t x = w->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return w->random = x;
}

/* Work per hart: less for many harts, which share the host's processors. */
static unsigned work_of(unsigned amount)
{
    return n > 8 ? amount * 8 / n : amount;
}

/* ---- interrupts, in M-mode whatever runs below ---- */

static void set_timer(unsigned hart, uint64_t ticks)
{
    mmio_write64(CLINT_MTIMECMP(hart), guest_mtime() + ticks);
}

static uint64_t shoot_va; /* under shoot_lock */
static unsigned shoot_kind;

static void flush(unsigned kind, uint64_t va)
{
    switch (kind % 3) {
    case 0:
        __asm__ volatile("sfence.vma %0, zero" : : "r"(va) : "memory");
        break;
    case 1:
        __asm__ volatile("sfence.vma %0, %1" : : "r"(va), "r"(0UL) : "memory");
        break;
    default:
        __asm__ volatile("sfence.vma" : : : "memory");
    }
    __asm__ volatile("fence.i" : : : "memory");
}

static void on_interrupt(struct guest_trap *t)
{
    unsigned hart = (unsigned)csr_read(mhartid);
    struct worker *w = &workers[hart];
    if (!(t->cause & CAUSE_INTERRUPT))
        guest_printf("# exception %lu at %lx, tval %lx, mstatus %lx\n", t->cause, t->epc, t->tval,
                     t->status);
    CHECK_EQ(t->cause & ~15UL, CAUSE_INTERRUPT);
    if ((t->cause & 15) == MTI) {
        CHECK(!timer_is_watchdog);
        w->timers++;
        set_timer(hart, 200 + next_random(w) % 20000);
        return;
    }
    CHECK_EQ(t->cause & 15, MSI);
    guest_ipi_clear(hart);
    unsigned asked = __atomic_load_n(&w->asked, __ATOMIC_ACQUIRE);
    if (asked != w->done) {
        flush(shoot_kind, shoot_va);
        __atomic_store_n(&w->done, asked, __ATOMIC_RELEASE);
    }
}

static void interrupts_on(unsigned hart)
{
    set_timer(hart, timer_is_watchdog ? LOST_TICKS : 200 + hart);
    csr_write(mie, MIP_MTIP | MIP_MSIP);
    csr_set(mstatus, MSTATUS_MIE);
}

static void interrupts_off(void)
{
    csr_clear(mstatus, MSTATUS_MIE);
    csr_write(mie, 0);
}

/* ---- atomics ---- */

static struct {
    uint64_t same_line[4];
    uint64_t own_line[4][8];
} counters __attribute__((aligned(64)));

static uint64_t *counter(unsigned i)
{
    return i < 4 ? &counters.same_line[i] : counters.own_line[i - 4];
}

static void work_counters(struct worker *w, unsigned hart)
{
    (void)hart;
    for (unsigned i = work_of(200000); i--;) {
        uint64_t r = next_random(w), add = r >> 40, old, failed;
        unsigned which = r % 8;
        uint64_t *c = counter(which);
        switch (r >> 8 & 3) {
        case 0:
            __asm__ volatile("amoadd.d zero, %1, (%0)" : : "r"(c), "r"(add) : "memory");
            break;
        case 1: /* the low word alone: no carry into the high one */
            add = 0;
            __asm__ volatile("amoxor.w zero, zero, (%0)" : : "r"(c) : "memory");
            break;
        default:
            __asm__ volatile("1: lr.d %0, (%2); add %0, %0, %3; sc.d %1, %0, (%2); bnez %1, 1b"
                             : "=&r"(old), "=&r"(failed)
                             : "r"(c), "r"(add)
                             : "memory");
        }
        w->sum[which] += add;
    }
}

static void prepare_counters(void)
{
    memset(&counters, 0, sizeof(counters));
    for (unsigned h = 0; h < n; h++)
        memset(workers[h].sum, 0, sizeof(workers[h].sum));
}

static void check_counters(void)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t want = 0;
        for (unsigned h = 0; h < n; h++)
            want += workers[h].sum[i];
        CHECK_EQ(*counter(i), want);
    }
}

/* ---- locks ---- */

static struct {
    uint64_t a __attribute__((aligned(64)));
    uint64_t b __attribute__((aligned(64)));
    uint64_t entries;
} inside;

static struct ticket_lock ticket;
static struct mcs_node *mcs_tail __attribute__((aligned(64)));
static struct mcs_node mcs_nodes[GUEST_MAX_HARTS];
static uint32_t word __attribute__((aligned(64)));
static int32_t rw __attribute__((aligned(64))); /* -1: a writer; else the number of readers */
static uint32_t sequence __attribute__((aligned(64)));

static void write_inside(void)
{
    uint64_t v = *(volatile uint64_t *)&inside.a;
    *(volatile uint64_t *)&inside.a = v + 1;
    *(volatile uint64_t *)&inside.b = v + 1;
    inside.entries++;
}

static void waited(struct worker *w, uint64_t since)
{
    uint64_t ticks = guest_mtime() - since;
    if (ticks > w->longest_wait)
        w->longest_wait = ticks;
}

static void rw_take(bool write)
{
    for (;;) {
        int32_t old = __atomic_load_n(&rw, __ATOMIC_RELAXED);
        if ((write ? old == 0 : old >= 0) &&
            __atomic_compare_exchange_n(&rw, &old, write ? -1 : old + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
        guest_pause();
    }
}

static void rw_drop(bool write)
{
    if (write)
        __atomic_store_n(&rw, 0, __ATOMIC_RELEASE);
    else
        __atomic_fetch_sub(&rw, 1, __ATOMIC_RELEASE);
}

static void read_under_rw(void)
{
    rw_take(false);
    uint64_t a = *(volatile uint64_t *)&inside.a, b = *(volatile uint64_t *)&inside.b;
    rw_drop(false);
    CHECK_EQ(a, b);
}

static void read_by_sequence(void)
{
    uint32_t before;
    uint64_t a, b;
    do {
        while ((before = __atomic_load_n(&sequence, __ATOMIC_ACQUIRE)) & 1)
            guest_pause();
        a = __atomic_load_n(&inside.a, __ATOMIC_RELAXED);
        b = __atomic_load_n(&inside.b, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (__atomic_load_n(&sequence, __ATOMIC_RELAXED) != before);
    CHECK_EQ(a, b);
}

/* All locks nest in one order, so each write is under all of them. */
static void write_under_all(struct worker *w, unsigned hart)
{
    uint64_t begin = guest_mtime();
    ticket_lock(&ticket);
    waited(w, begin);
    mcs_lock(&mcs_tail, &mcs_nodes[hart]);
    word_lock(&word);
    rw_take(true);
    __atomic_store_n(&sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    write_inside();
    __atomic_store_n(&sequence, sequence + 1, __ATOMIC_RELEASE);
    rw_drop(true);
    word_unlock(&word);
    mcs_unlock(&mcs_tail, &mcs_nodes[hart]);
    ticket_unlock(&ticket);
}

static void work_locks(struct worker *w, unsigned hart)
{
    for (unsigned i = work_of(10000); i--;) {
        switch (next_random(w) % 4) {
        case 0:
            read_under_rw();
            break;
        case 1:
            read_by_sequence();
            break;
        case 2: /* the MCS lock alone orders harts that did not take the ticket */
            mcs_lock(&mcs_tail, &mcs_nodes[hart]);
            CHECK_EQ(*(volatile uint64_t *)&inside.a, *(volatile uint64_t *)&inside.b);
            mcs_unlock(&mcs_tail, &mcs_nodes[hart]);
            break;
        default:
            write_under_all(w, hart);
        }
    }
}

static void prepare_locks(void)
{
    memset(&inside, 0, sizeof(inside));
    sequence = 0;
}

static void check_locks(void)
{
    CHECK_EQ(inside.a, inside.entries);
    CHECK_EQ(inside.b, inside.entries);
    CHECK_EQ(rw, 0);
    CHECK_EQ(sequence, 2 * (uint32_t)inside.entries);
    CHECK_EQ((unsigned long)mcs_tail, 0);
}

/* ---- lists: by LR/SC alone, and by compare-and-swap with hazard pointers ---- */

#define NODES 8
static struct stack_node nodes[2 * NODES] __attribute__((aligned(4096)));
static struct stack_node *lrsc_top __attribute__((aligned(4096)));
static struct stack_node *cas_top __attribute__((aligned(64)));
static struct {
    struct stack_node *p __attribute__((aligned(64)));
} hazards[GUEST_MAX_HARTS];

static void cas_push(struct stack_node *x)
{
    x->next = __atomic_load_n(&cas_top, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&cas_top, &x->next, x, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
}

static struct stack_node *cas_pop(unsigned hart)
{
    struct stack_node *x;
    for (;;) {
        x = __atomic_load_n(&cas_top, __ATOMIC_ACQUIRE);
        __atomic_store_n(&hazards[hart].p, x, __ATOMIC_SEQ_CST);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!x)
            return NULL;
        struct stack_node *seen = x;
        if (__atomic_load_n(&cas_top, __ATOMIC_ACQUIRE) == x &&
            __atomic_compare_exchange_n(&cas_top, &seen, x->next, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            break;
    }
    __atomic_store_n(&hazards[hart].p, NULL, __ATOMIC_RELEASE);
    return x;
}

/* Until nobody may still compare with x. */
static void await_unused(const struct stack_node *x)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned h = 0; h < n; h++)
        while (__atomic_load_n(&hazards[h].p, __ATOMIC_ACQUIRE) == x)
            guest_pause();
}

static void work_lists(struct worker *w, unsigned hart)
{
    (void)w;
    for (unsigned i = work_of(20000); i--;) {
        stack_use(&lrsc_top, hart);
        struct stack_node *x = cas_pop(hart);
        if (!x)
            continue;
        CHECK_EQ(__atomic_exchange_n(&x->owner, hart + 1, __ATOMIC_RELAXED), 0);
        await_unused(x);
        x->next = (struct stack_node *)1; /* who still read it would fault */
        CHECK_EQ(__atomic_exchange_n(&x->owner, 0, __ATOMIC_RELAXED), hart + 1);
        cas_push(x);
    }
}

static void prepare_lists(void)
{
    lrsc_top = cas_top = NULL;
    memset(nodes, 0, sizeof(nodes));
    for (unsigned i = 0; i < NODES; i++) {
        stack_push(&lrsc_top, &nodes[i]);
        cas_push(&nodes[NODES + i]);
    }
}

static void check_lists(void)
{
    CHECK_EQ(stack_drain(&lrsc_top), NODES);
    CHECK_EQ(stack_drain(&cas_top), NODES);
}

/* ---- wake-ups: tokens go from hart to hart, receivers sleep ---- */

static int hops;

static void send_token(unsigned to)
{
    __atomic_fetch_add(&workers[to].mail, 1, __ATOMIC_RELEASE);
    guest_ipi_send(to);
}

static void work_wakeups(struct worker *w, unsigned hart)
{
    send_token((hart + 1) % n);
    while (__atomic_load_n(&hops, __ATOMIC_RELAXED) > 0) {
        csr_clear(mstatus, MSTATUS_MIE);
        if (!__atomic_load_n(&w->mail, __ATOMIC_ACQUIRE) && hops > 0)
            guest_wfi();
        csr_set(mstatus, MSTATUS_MIE);
        if (!__atomic_load_n(&w->mail, __ATOMIC_ACQUIRE))
            continue;
        set_timer(hart, LOST_TICKS);
        __atomic_fetch_sub(&w->mail, 1, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&hops, 1, __ATOMIC_RELAXED);
        send_token((unsigned)(next_random(w) % n));
    }
    for (unsigned h = 0; h < n; h++)
        guest_ipi_send(h);
}

static void prepare_wakeups(void)
{
    timer_is_watchdog = true;
    hops = (int)(work_of(10000) * n);
    for (unsigned h = 0; h < n; h++)
        workers[h].mail = 0;
}

static void check_wakeups(void)
{
    unsigned tokens = 0;
    timer_is_watchdog = false;
    for (unsigned h = 0; h < n; h++)
        tokens += workers[h].mail;
    CHECK_EQ(tokens, n);
}

/* ---- shootdowns: pages move under their readers and writers ---- */

#define SLOTS  8
#define COPIES 4
#define POISON 0xdeaddeaddeaddeadUL

static struct page copies[SLOTS][COPIES];
static struct {
    uint64_t version;         /* under shoot_lock */
    uint64_t settled;         /* the version that all harts see at least */
    uint64_t counted[COPIES]; /* the counter of a copy when it was given up */
} slots[SLOTS];
static uint32_t shoot_lock __attribute__((aligned(64)));

static uint64_t slot_va(unsigned slot)
{
    return WINDOW + slot * PAGE;
}

/* All harts but the caller flush; returns when they have. */
static void shoot(struct worker *w, unsigned hart, uint64_t va)
{
    shoot_kind = (unsigned)next_random(w);
    shoot_va = va;
    flush(shoot_kind, va);
    for (unsigned h = 0; h < n; h++)
        if (h != hart) {
            __atomic_fetch_add(&workers[h].asked, 1, __ATOMIC_RELEASE);
            guest_ipi_send(h);
        }
    for (unsigned h = 0; h < n; h++)
        while (h != hart && __atomic_load_n(&workers[h].done, __ATOMIC_ACQUIRE) != workers[h].asked)
            guest_pause();
}

static void move_slot(struct worker *w, unsigned hart, unsigned slot)
{
    word_lock(&shoot_lock);
    uint64_t v = slots[slot].version + 1;
    struct page *fresh = &copies[slot][v % COPIES], *old = &copies[slot][(v - 1) % COPIES];
    if (v > COPIES) /* nobody wrote to it since it was given up */
        CHECK_EQ(fresh->word[1], slots[slot].counted[v % COPIES]);
    fresh->word[0] = v;
    slots[slot].version = v;
    __atomic_store_n(paging_entry(slot_va(slot), 0),
                     pte_make((unsigned long)fresh, PTE_V | PTE_R | PTE_W | PTE_AD),
                     __ATOMIC_RELEASE);
    shoot(w, hart, slot_va(slot));
    old->word[0] = POISON;
    slots[slot].counted[(v - 1) % COPIES] = old->word[1];
    __atomic_store_n(&slots[slot].settled, v, __ATOMIC_RELEASE);
    word_unlock(&shoot_lock);
}

static void use_slot(unsigned slot, unsigned how)
{
    uint64_t *p = (uint64_t *)slot_va(slot), v, old, failed;
    uint64_t settled = __atomic_load_n(&slots[slot].settled, __ATOMIC_ACQUIRE);
    v = __atomic_load_n(p, __ATOMIC_RELAXED);
    CHECK(v != POISON);
    CHECK(v >= settled);
    if (how % 2)
        __atomic_fetch_add(p + 1, 1, __ATOMIC_RELAXED);
    else
        __asm__ volatile("1: lr.d %0, (%2); addi %0, %0, 1; sc.d %1, %0, (%2); bnez %1, 1b"
                         : "=&r"(old), "=&r"(failed)
                         : "r"(p + 1)
                         : "memory");
}

static unsigned long shootdowns_below(unsigned long hart)
{
    struct worker *w = &workers[hart];
    for (unsigned i = work_of(30000); i--;) {
        uint64_t r = next_random(w);
        if (r % (8 * n) == 0)
            move_slot(w, (unsigned)hart, r >> 32 & (SLOTS - 1));
        else
            use_slot(r >> 32 & (SLOTS - 1), r >> 40 & 0xff);
    }
    return 0;
}

/* S-mode sees the program and the devices one to one, and the window. */
static void prepare_tables(void)
{
    CHECK(paging_begin(3));
    *paging_entry(0, 2) = pte_make(0, PTE_V | PTE_R | PTE_W | PTE_AD);
}

static void run_below(unsigned hart, unsigned long (*fn)(unsigned long))
{
    paging_set(pg.root, 0);
    sfence_all();
    guest_run_in(PRIV_S, fn, hart);
    csr_write(satp, 0);
}

static void work_shootdowns(struct worker *w, unsigned hart)
{
    (void)w;
    run_below(hart, shootdowns_below);
}

static void prepare_shootdowns(void)
{
    prepare_tables();
    memset(copies, 0, sizeof(copies));
    memset(slots, 0, sizeof(slots));
    for (unsigned i = 0; i < SLOTS; i++)
        paging_map(slot_va(i), (unsigned long)&copies[i][0], 0, PTE_V | PTE_R | PTE_W | PTE_AD);
}

static void check_shootdowns(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        CHECK_EQ(slots[i].settled, slots[i].version);
        CHECK_EQ(copies[i][slots[i].version % COPIES].word[0], slots[i].version);
    }
    paging_end();
}

/* ---- A and D bits, set by the walkers of all harts while PTEs change ---- */

#define PTE_RSW_LOW (1UL << 8)

static struct page data[SLOTS];
static uint32_t data_lock[SLOTS]; /* who clears A and D holds it */

static void clear_and_use(uint64_t *e, uint64_t va, bool write)
{
    __atomic_fetch_and(e, ~PTE_AD, __ATOMIC_RELAXED);
    __asm__ volatile("sfence.vma %0, zero" : : "r"(va) : "memory");
    if (write)
        *(volatile uint64_t *)(va + 8) = va;
    else
        (void)*(volatile uint64_t *)(va + 8);
    uint64_t want = write ? PTE_AD : PTE_A;
    CHECK_EQ(__atomic_load_n(e, __ATOMIC_RELAXED) & want, want);
}

static unsigned long dirty_below(unsigned long hart)
{
    struct worker *w = &workers[hart];
    for (unsigned i = work_of(60000); i--;) {
        uint64_t r = next_random(w);
        unsigned slot = r >> 32 & (SLOTS - 1);
        uint64_t va = slot_va(slot), *e = paging_entry(va, 0);
        switch (r % 4) {
        case 0:
            (void)*(volatile uint64_t *)va;
            break;
        case 1:
            *(volatile uint64_t *)va = r;
            break;
        case 2:
            __atomic_fetch_xor(e, PTE_RSW_LOW, __ATOMIC_RELAXED);
            w->sum[slot]++;
            break;
        default:
            word_lock(&data_lock[slot]);
            clear_and_use(e, va, r >> 40 & 1);
            word_unlock(&data_lock[slot]);
        }
    }
    return 0;
}

static void work_dirty(struct worker *w, unsigned hart)
{
    (void)w;
    __asm__ volatile("csrs 0x30a, %0" : : "r"(ADUE)); /* menvcfg */
    run_below(hart, dirty_below);
    __asm__ volatile("csrc 0x30a, %0" : : "r"(ADUE));
}

static void prepare_dirty(void)
{
    prepare_tables();
    prepare_counters();
    for (unsigned i = 0; i < SLOTS; i++)
        paging_map(slot_va(i), (unsigned long)&data[i], 0, PTE_V | PTE_R | PTE_W);
}

static void check_dirty(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t flips = 0, e = *paging_entry(slot_va(i), 0);
        for (unsigned h = 0; h < n; h++)
            flips += workers[h].sum[i];
        CHECK_EQ(e & ~PTE_AD, pte_make((unsigned long)&data[i], PTE_V | PTE_R | PTE_W) |
                                  (flips & 1 ? PTE_RSW_LOW : 0));
    }
    paging_end();
}

/* ---- code: every hart rewrites its own function, all call all ---- */

#define INSN_RET    0x00008067u
#define VERSION_MAX 2047u

static struct {
    uint32_t insn[2]; /* addi a0, zero, version; ret */
} functions[GUEST_MAX_HARTS] __attribute__((aligned(4096)));
static struct {
    unsigned version __attribute__((aligned(64)));
} published[GUEST_MAX_HARTS];

static void rewrite(unsigned hart)
{
    unsigned v = published[hart].version + 1;
    __atomic_store_n(&functions[hart].insn[0], (v & VERSION_MAX) << 20 | 0x00000513u,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&published[hart].version, v, __ATOMIC_RELEASE);
}

static void call_function(unsigned hart)
{
    unsigned v = __atomic_load_n(&published[hart].version, __ATOMIC_ACQUIRE);
    __asm__ volatile("fence.i" : : : "memory");
    unsigned long got = ((unsigned long (*)(void))(unsigned long)&functions[hart])();
    /* Not older than what was published before, nor newer than what is being written now. */
    unsigned newest = __atomic_load_n(&published[hart].version, __ATOMIC_ACQUIRE) + 1;
    CHECK((((unsigned)got - v) & VERSION_MAX) <= newest - v);
}

static void work_code(struct worker *w, unsigned hart)
{
    for (unsigned i = work_of(6000); i--;) {
        uint64_t r = next_random(w);
        if (r % 4 == 0)
            rewrite(hart);
        else
            call_function((unsigned)(r >> 32) % n);
    }
}

static void prepare_code(void)
{
    for (unsigned h = 0; h < n; h++) {
        functions[h].insn[0] = 0x00000513u;
        functions[h].insn[1] = INSN_RET;
        published[h].version = 0;
    }
}

static void check_code(void)
{
    for (unsigned h = 0; h < n; h++)
        call_function(h);
}

/* ---- the run ---- */

static const struct torture {
    const char *name;
    void (*prepare)(void);
    void (*work)(struct worker *w, unsigned hart);
    void (*check)(void);
} tortures[] = {
    {"counters", prepare_counters, work_counters, check_counters},
    {"locks", prepare_locks, work_locks, check_locks},
    {"lists", prepare_lists, work_lists, check_lists},
    {"wake-ups", prepare_wakeups, work_wakeups, check_wakeups},
    {"shootdowns", prepare_shootdowns, work_shootdowns, check_shootdowns},
    {"A and D bits", prepare_dirty, work_dirty, check_dirty},
    {"code", prepare_code, work_code, check_code},
};

/* A run may be over before its first timer interrupt comes. */
static void await_timer(const struct worker *w)
{
    uint64_t begin = guest_mtime();
    while (!timer_is_watchdog && !__atomic_load_n(&w->timers, __ATOMIC_RELAXED) &&
           guest_mtime() - begin < LOST_TICKS)
        ;
}

static void take_part(void *arg)
{
    const struct torture *t = arg;
    unsigned hart = guest_hart_id();
    interrupts_on(hart);
    guest_barrier_wait(&barrier, n);
    t->work(&workers[hart], hart);
    if (!hart)
        await_timer(&workers[hart]);
    guest_barrier_wait(&barrier, n); /* shootdowns are answered until all are done */
    interrupts_off();
}

static void run(const struct torture *t)
{
    t->prepare();
    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, take_part, (void *)t);
    take_part((void *)t);
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
    t->check();
}

static void report(unsigned round)
{
    uint64_t longest = 0, timers = 0;
    for (unsigned h = 0; h < n; h++) {
        timers += workers[h].timers;
        if (workers[h].longest_wait > longest)
            longest = workers[h].longest_wait;
    }
    CHECK(timers > 0);
    CHECK(longest < LOST_TICKS);
    guest_printf("# round %u: longest wait for a lock %lu ms, %lu timer interrupts\n", round,
                 longest * 1000 / VIRT_MTIME_HZ, timers);
}

static void test_all(void)
{
    for (unsigned round = 0; round < REPEAT; round++) {
        for (unsigned i = FIRST; i < sizeof(tortures) / sizeof(tortures[0]); i++)
            run(&tortures[i]);
        report(round);
    }
}

int main(void)
{
    static const struct guest_case cases[] = {{"torture", test_all}};
    n = guest_hart_count();
    for (unsigned h = 0; h < n; h++)
        workers[h].random = 0x9e3779b97f4a7c15 * (h + 1);
    guest_trap_hook(on_interrupt);
    return GUEST_RUN(cases);
}
