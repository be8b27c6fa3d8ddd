/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the harts of a kernel ask of an SBI at the same time: starts and stops of
 * each other (HSM), IPIs to harts that suspend themselves, and remote fences while
 * page tables and code change.  Runs in S-mode on the built-in SBI and on OpenSBI,
 * under manyhart and QEMU.  Words of --append: starts=N, wakeups=N, fences=N, and
 * code=0, without the last case.
 */
#include "common/guest.h"
#include "common/paging.h"

#define SIP_SSIP   (1UL << 1)
#define SIP_STIP   (1UL << 5)
#define LOST_TICKS (60 * VIRT_MTIME_HZ)
#define POISON     ~0UL
#define WINDOW     (4UL << 30)
#define ASID       5

enum { EID_TIME = 0x54494d45, EID_IPI = 0x735049, EID_RFENCE = 0x52464e43, EID_HSM = 0x48534d };
enum { HSM_START, HSM_STOP, HSM_STATUS, HSM_SUSPEND };
enum { RFENCE_I, RFENCE_VMA, RFENCE_VMA_ASID };
enum { STARTED, STOPPED, START_PENDING, STOP_PENDING };
enum { INVALID_PARAM = -3, ALREADY_AVAILABLE = -6 };

int main(void);
void hart_main(unsigned long hart, unsigned long opaque, bool boot, unsigned long satp,
               unsigned long status);
void hart_trapped(unsigned long cause, unsigned long epc, unsigned long tval);
extern char hart_entry[];

struct ret {
    long error;
    unsigned long value;
};

static struct ret sbi(unsigned long eid, unsigned long fid, unsigned long arg0, unsigned long arg1,
                      unsigned long arg2, unsigned long arg3, unsigned long arg4)
{
    register unsigned long a0 __asm__("a0") = arg0, a1 __asm__("a1") = arg1;
    register unsigned long a2 __asm__("a2") = arg2, a3 __asm__("a3") = arg3;
    register unsigned long a4 __asm__("a4") = arg4, a6 __asm__("a6") = fid, a7 __asm__("a7") = eid;
    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1)
                     : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
                     : "memory");
    return (struct ret){(long)a0, a1};
}

static struct hart {
    uint64_t random;
    unsigned running;         /* set by the hart from start to stop */
    uint64_t given, began;    /* sums of the opaques of starts: as starter, as started */
    uint64_t starts, refused; /* as starter */
    uint64_t read;            /* rounds of a job */
} __attribute__((aligned(64))) harts[GUEST_MAX_HARTS];

static unsigned n, boot_hart;
static const void *tree;
static void (*job)(struct hart *h, unsigned long opaque);
static unsigned stop;

static uint64_t next_random(struct hart *h)
{
    uint64_t x = h->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return h->random = x;
}

static bool stopping(void)
{
    return __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

static struct ret hart_start(unsigned hart, unsigned long opaque)
{
    return sbi(EID_HSM, HSM_START, hart, (unsigned long)hart_entry, opaque, 0, 0);
}

static unsigned long hart_status(unsigned hart)
{
    struct ret r = sbi(EID_HSM, HSM_STATUS, hart, 0, 0, 0, 0);
    CHECK_EQ(r.error, 0);
    return r.value;
}

void hart_main(unsigned long hart, unsigned long opaque, bool boot, unsigned long satp,
               unsigned long status)
{
    struct hart *h = &harts[hart];
    if (boot) {
        boot_hart = (unsigned)hart;
        tree = (const void *)opaque;
        guest_exit(main());
    }
    CHECK_EQ(satp, 0);
    CHECK_EQ(status & MSTATUS_SIE, 0);
    CHECK_EQ(__atomic_exchange_n(&h->running, 1, __ATOMIC_ACQ_REL), 0);
    job(h, opaque);
    CHECK_EQ(__atomic_exchange_n(&h->running, 0, __ATOMIC_ACQ_REL), 1);
    struct ret r = sbi(EID_HSM, HSM_STOP, 0, 0, 0, 0, 0);
    CHECK_EQ(r.error, 0); /* it does not come back */
    CHECK(!"stopped");
}

void hart_trapped(unsigned long cause, unsigned long epc, unsigned long tval)
{
    guest_printf("# hart %u: trap: cause %lx epc %lx tval %lx\n", guest_hart_id(), cause, epc,
                 tval);
    guest_fail(__FILE__, __LINE__, "a trap", cause, 0);
}

/* All others run the job. */
static void begin(void (*fn)(struct hart *, unsigned long))
{
    job = fn;
    stop = 0;
    for (unsigned i = 0; i < n; i++)
        if (i != boot_hart)
            CHECK_EQ(hart_start(i, i).error, 0);
}

static void await_stopped(void)
{
    for (unsigned i = 0; i < n; i++)
        while (i != boot_hart && hart_status(i) != STOPPED)
            guest_pause();
}

static void finish(void)
{
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    await_stopped();
}

/* ---- starts and stops ---- */

/* A start that succeeds begins once, on that hart, with that opaque. */
static void start_somebody(struct hart *h)
{
    unsigned to = (unsigned)(next_random(h) >> 20) % n;
    unsigned long opaque = (next_random(h) & ~0xffUL) | to;
    struct ret r = hart_start(to, opaque);
    /* OpenSBI calls a hart that is just starting or stopping an invalid one. */
    if (r.error == ALREADY_AVAILABLE || r.error == INVALID_PARAM) {
        h->refused++;
        return;
    }
    CHECK_EQ(r.error, 0);
    CHECK(to != guest_hart_id());
    h->given += opaque;
    __atomic_store_n(&h->starts, h->starts + 1, __ATOMIC_RELEASE);
}

static void act(struct hart *h)
{
    uint64_t r = next_random(h);
    unsigned other = (unsigned)(r >> 32) % n;
    if (r % 4 < 2) {
        start_somebody(h);
    } else if (r % 4 == 2) {
        unsigned long s = hart_status(other);
        CHECK(s <= STOP_PENDING);
        CHECK(other != guest_hart_id() || s == STARTED);
    } else {
        sbi(EID_IPI, 0, 1, other, 0, 0, 0); /* a stopped hart must not begin by it */
    }
}

static void act_and_stop(struct hart *h, unsigned long opaque)
{
    CHECK_EQ(opaque & 0xff, guest_hart_id());
    h->began += opaque;
    for (unsigned i = (unsigned)next_random(h) % 16; i-- && !stopping();)
        act(h);
}

static uint64_t total_starts(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += __atomic_load_n(&harts[i].starts, __ATOMIC_ACQUIRE);
    return sum;
}

static void test_start_stop(void)
{
    uint64_t want = guest_argument("starts", 20000), given = 0, began = 0, refused = 0;
    job = act_and_stop;
    while (total_starts() < want)
        act(&harts[boot_hart]);
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (unsigned settled = 0; settled < 2;
         settled++) { /* one seen stopped may be started once more */
        await_stopped();
        for (unsigned i = 0; i < n; i++)
            if (__atomic_load_n(&harts[i].running, __ATOMIC_ACQUIRE))
                settled = 0;
    }
    for (unsigned i = 0; i < n; i++) {
        given += harts[i].given;
        began += harts[i].began;
        refused += harts[i].refused;
    }
    CHECK_EQ(began, given);
    CHECK(refused > 0);
    guest_printf("# %lu starts, %lu refused\n", total_starts(), refused);
}

/* ---- IPIs to suspended harts ---- */

static uint64_t wakeups;
static unsigned ready;

static void await_ipi(void)
{
    sbi(EID_TIME, 0, csr_read(time) + LOST_TICKS, 0, 0, 0, 0);
    csr_write(sie, SIP_SSIP | SIP_STIP);
    while (!(csr_read(sip) & SIP_SSIP)) {
        CHECK_EQ(sbi(EID_HSM, HSM_SUSPEND, 0, 0, 0, 0, 0).error, 0);
        CHECK(!(csr_read(sip) & SIP_STIP)); /* else one was lost */
    }
    csr_clear(sip, SIP_SSIP);
}

/* A token goes round all harts. */
static void hand_on(struct hart *h, unsigned long opaque)
{
    (void)h;
    (void)opaque;
    csr_clear(sip, SIP_SSIP);
    __atomic_fetch_add(&ready, 1, __ATOMIC_RELEASE);
    for (uint64_t i = 0; i < wakeups; i++) {
        await_ipi();
        CHECK_EQ(sbi(EID_IPI, 0, 1, (guest_hart_id() + 1) % n, 0, 0, 0).error, 0);
    }
}

static void test_wakeups(void)
{
    wakeups = guest_argument("wakeups", 4000) / n;
    csr_clear(sip, SIP_SSIP);
    begin(hand_on);
    while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < n - 1)
        guest_pause();
    for (uint64_t i = 0; i < wakeups; i++) {
        CHECK_EQ(sbi(EID_IPI, 0, 1, (boot_hart + 1) % n, 0, 0, 0).error, 0);
        await_ipi();
    }
    await_stopped();
    csr_write(sie, 0);
    guest_printf("# %lu wake-ups\n", wakeups * n);
}

/* ---- remote fences ---- */

static struct page frames[2];
static struct {
    uint32_t insn[2];
} code __attribute__((aligned(4096)));
static uint64_t published;

static void enter_tables(void)
{
    paging_set(pg.root, ASID);
    sfence_all();
}

/* Through a translation that a completed fence has removed, the reader would see poison. */
static void read_window(struct hart *h, unsigned long opaque)
{
    (void)opaque;
    uint64_t last = 0;
    enter_tables();
    while (!stopping()) {
        uint64_t v = *(volatile uint64_t *)(WINDOW + (next_random(h) & 511) * 8);
        CHECK(v != POISON);
        CHECK(v >= last);
        last = v;
        __atomic_store_n(&h->read, h->read + 1, __ATOMIC_RELAXED);
    }
    paging_end();
}

static void fill(struct page *p, uint64_t v)
{
    for (unsigned i = 0; i < 512; i++)
        __atomic_store_n(&p->word[i], v, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void remote_sfence(uint64_t i)
{
    struct ret r;
    if (i % 3 == 0)
        r = sbi(EID_RFENCE, RFENCE_VMA, 0, -1UL, WINDOW, PAGE, 0);
    else if (i % 3 == 1)
        r = sbi(EID_RFENCE, RFENCE_VMA_ASID, 0, -1UL, WINDOW, PAGE, ASID);
    else
        r = sbi(EID_RFENCE, RFENCE_VMA, 0, -1UL, 0, -1UL, 0);
    CHECK_EQ(r.error, 0);
}

static uint64_t rounds_of_all(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += __atomic_load_n(&harts[i].read, __ATOMIC_RELAXED);
    return sum;
}

/* Others have gone on a little, so that what is wrong now is seen. */
static void let_others_read(void)
{
    uint64_t before = rounds_of_all();
    while (rounds_of_all() < before + n)
        guest_pause();
}

static void test_remote_sfence(void)
{
    uint64_t rounds = guest_argument("fences", 1000);
    CHECK(paging_begin(3));
    *paging_entry_in(pg.root, 0, 2) = pte_make(0, PTE_V | PTE_R | PTE_W | PTE_AD); /* devices */
    uint64_t *entry = paging_entry(WINDOW, 0);
    for (unsigned i = 0; i < 2; i++)
        fill(&frames[i], i);
    *entry = pte_make((unsigned long)&frames[1], PTE_V | PTE_R | PTE_AD);
    enter_tables();
    begin(read_window);
    let_others_read();
    for (uint64_t i = 2; i < rounds; i++) {
        fill(&frames[i % 2], i);
        __atomic_store_n(entry, pte_make((unsigned long)&frames[i % 2], PTE_V | PTE_R | PTE_AD),
                         __ATOMIC_RELEASE);
        remote_sfence(i);
        fill(&frames[(i + 1) % 2], POISON);
        let_others_read();
    }
    finish();
    paging_end();
    CHECK_EQ(csr_read(satp), 0);
    guest_printf("# %lu fences, %lu reads\n", rounds, rounds_of_all());
}

#define INSN_RET 0x00008067u /* jalr x0, 0(ra) */

static void set_code(uint64_t version)
{
    __atomic_store_n(&code.insn[0], (uint32_t)(version & 0x7ff) << 20 | 0x513u, /* addi a0, x0, v */
                     __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/*
 * Not older than what was published before, nor newer than what is being written now.  Not under
 * QEMU, where a hart translates the old code again between the other's invalidation and its store.
 */
static void call_code(struct hart *h, unsigned long opaque)
{
    (void)opaque;
    while (!stopping()) {
        uint64_t v = __atomic_load_n(&published, __ATOMIC_ACQUIRE);
        unsigned long got = ((unsigned long (*)(void))(unsigned long)&code)();
        uint64_t newest = __atomic_load_n(&published, __ATOMIC_ACQUIRE) + 1;
        if (((got - v) & 0x7ff) > newest - v)
            guest_fail(__FILE__, __LINE__, "the code is of another version", got, v & 0x7ff);
        __atomic_store_n(&h->read, h->read + 1, __ATOMIC_RELAXED);
    }
}

static void test_remote_fence_i(void)
{
    uint64_t rounds = guest_argument("fences", 1000), before = rounds_of_all();
    code.insn[1] = INSN_RET;
    set_code(published);
    __asm__ volatile("fence.i" : : : "memory");
    begin(call_code);
    let_others_read();
    for (uint64_t i = 1; i < rounds; i++) {
        set_code(i);
        CHECK_EQ(sbi(EID_RFENCE, RFENCE_I, 0, -1UL, 0, 0, 0).error, 0);
        __atomic_store_n(&published, i, __ATOMIC_RELEASE);
        let_others_read();
    }
    finish();
    guest_printf("# %lu fences, %lu calls\n", rounds, rounds_of_all() - before);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"starts and stops", test_start_stop},
        {"IPIs to suspended harts", test_wakeups},
        {"remote SFENCE.VMA", test_remote_sfence},
        {"remote FENCE.I", test_remote_fence_i},
    };
    unsigned count = sizeof(cases) / sizeof(cases[0]);
    guest_set_fdt(tree);
    n = guest_hart_count();
    CHECK(n >= 2);
    for (unsigned i = 0; i < n; i++)
        harts[i].random = 0x9e3779b97f4a7c15 * (i + 1);
    return guest_run_cases(cases, guest_argument("code", 1) ? count : count - 1);
}
