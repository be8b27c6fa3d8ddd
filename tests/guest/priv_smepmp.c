/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60 cpu=rv64,smepmp=on
 *
 * Smepmp through loads, stores and fetches of M, S and U: RLB, the truth table
 * of MML, what MML and MMWP make of memory that no rule names, and what stays
 * locked.  One long way of which each case takes the next step, because MML and
 * MMWP are never unset.
 *
 * Entry 0 is under test; 12 and 15 are data that all modes share (devices, and
 * the first 64 MiB of RAM), 14 with 13 as its bottom is the program's code.
 */
#include "guest.h"

#define PMP_R     1
#define PMP_W     2
#define PMP_X     4
#define PMP_TOR   (1 << 3)
#define PMP_NAPOT (3 << 3)
#define PMP_L     0x80

#define MML  1
#define MMWP 2
#define RLB  4

#define CFG(entry, cfg) ((unsigned long)(cfg) << (entry) % 8 * 8)
#define UNNAMED         (VIRT_RAM + 0x4000000)

extern unsigned char _start[], code_end[]; /* guest.ld */

static unsigned char area[4096] __attribute__((aligned(4096)));

static unsigned long napot(unsigned long base, unsigned long size)
{
    return base >> 2 | (size / 8 - 1);
}

static unsigned long seccfg(unsigned long value)
{
    csr_write(0x747, value);
    return csr_read(0x747);
}

/* --- accesses; whatever traps goes back to its caller --- */

static unsigned long last_cause, last_tval;

static void note_trap(struct guest_trap *t)
{
    last_cause = t->cause;
    last_tval = t->tval;
    t->epc = t->x[1];
}

static unsigned long load1(unsigned long a)
{
    return *(volatile unsigned char *)a;
}

static unsigned long store1(unsigned long a)
{
    *(volatile unsigned char *)a = 1;
    return 0;
}

static unsigned long jump(unsigned long a)
{
    return ((unsigned long (*)(unsigned long))a)(a);
}

static unsigned long cause_of(int mode, unsigned long (*fn)(unsigned long), unsigned long a)
{
    last_cause = ~0UL;
    guest_run_in(mode, fn, a);
    if (last_cause != ~0UL)
        CHECK_EQ(last_tval, a);
    return last_cause;
}

#define FINE ~0UL

static void check_access(int mode, const char *allowed, unsigned long a)
{
    bool r = false, w = false, x = false;
    for (; *allowed; allowed++) {
        r |= *allowed == 'r';
        w |= *allowed == 'w';
        x |= *allowed == 'x';
    }
    CHECK_EQ(cause_of(mode, load1, a), r ? FINE : CAUSE_LOAD_ACCESS);
    CHECK_EQ(cause_of(mode, store1, a + 1), w ? FINE : CAUSE_STORE_ACCESS);
    CHECK_EQ(cause_of(mode, jump, a + 64), x ? FINE : CAUSE_FETCH_ACCESS);
}

/* --- cases --- */

static void test_bypass(void)
{
    guest_trap_hook(note_trap);
    *(volatile unsigned *)(area + 64) = 0x00008067; /* ret */
    __asm__ volatile("fence.i" : : : "memory");
    csr_write(pmpcfg0, 0);
    CHECK_EQ(seccfg(0), 0);
    CHECK_EQ(seccfg(RLB), RLB);
    csr_write(pmpaddr0, napot((unsigned long)area, 4096));
    csr_write(pmpcfg0, PMP_L | PMP_NAPOT | PMP_R);
    check_access(PRIV_M, "r", (unsigned long)area);
    csr_write(pmpcfg0, PMP_L | PMP_NAPOT | PMP_R | PMP_W);
    check_access(PRIV_M, "rw", (unsigned long)area);
    csr_write(pmpcfg0, PMP_NAPOT);
    check_access(PRIV_M, "rwx", (unsigned long)area);
    CHECK_EQ(csr_read(pmpcfg0), PMP_NAPOT);
}

/* Rules that carry M over the change, then those that all modes can live with. */
static void test_lockdown(void)
{
    csr_write(pmpaddr12, napot(0, VIRT_RAM));
    csr_write(pmpaddr13, (unsigned long)_start >> 2);
    csr_write(pmpaddr14, (unsigned long)code_end >> 2);
    csr_write(pmpaddr15, napot(VIRT_RAM, UNNAMED - VIRT_RAM));
    unsigned char data = PMP_L | PMP_NAPOT | PMP_R | PMP_W, code = PMP_L | PMP_TOR | PMP_R | PMP_X;
    csr_write(pmpcfg2, CFG(12, data) | CFG(14, code) | CFG(15, data));
    CHECK_EQ(seccfg(MML | RLB), MML | RLB);
    data = PMP_NAPOT | PMP_W | PMP_X;
    code = PMP_L | PMP_TOR | PMP_W | PMP_X;
    unsigned long cfg = CFG(12, data) | CFG(14, code) | CFG(15, data);
    csr_write(pmpcfg2, cfg);
    CHECK_EQ(csr_read(pmpcfg2), cfg);
    CHECK_EQ(seccfg(RLB), MML | RLB);
}

/* Smepmp, "Truth table when mseccfg.MML is set". */
static void test_truth_table(void)
{
    static const struct {
        unsigned char cfg;
        const char *m, *su;
    } rows[] = {
        {0, "", ""},
        {PMP_X, "", "x"},
        {PMP_W, "rw", "r"},
        {PMP_W | PMP_X, "rw", "rw"},
        {PMP_R, "", "r"},
        {PMP_R | PMP_X, "", "rx"},
        {PMP_R | PMP_W, "", "rw"},
        {PMP_R | PMP_W | PMP_X, "", "rwx"},
        {PMP_L, "", ""},
        {PMP_L | PMP_X, "x", ""},
        {PMP_L | PMP_W, "x", "x"},
        {PMP_L | PMP_W | PMP_X, "rx", "x"},
        {PMP_L | PMP_R, "r", ""},
        {PMP_L | PMP_R | PMP_X, "rx", ""},
        {PMP_L | PMP_R | PMP_W, "rw", ""},
        {PMP_L | PMP_R | PMP_W | PMP_X, "r", "r"},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        csr_write(pmpcfg0, PMP_NAPOT | rows[i].cfg);
        CHECK_EQ(csr_read(pmpcfg0), PMP_NAPOT | rows[i].cfg);
        check_access(PRIV_M, rows[i].m, (unsigned long)area);
        check_access(PRIV_S, rows[i].su, (unsigned long)area);
        check_access(PRIV_U, rows[i].su, (unsigned long)area);
    }
    csr_write(pmpcfg0, 0);
}

static unsigned long load_as_user(unsigned long a)
{
    unsigned long v;
    csr_clear(mstatus, MSTATUS_MPP);
    __asm__ volatile("csrs mstatus, %2\nlbu %0, 0(%1)\ncsrc mstatus, %2"
                     : "=&r"(v)
                     : "r"(a), "r"(MSTATUS_MPRV)
                     : "memory");
    return v;
}

/* M with MPRV has the rights of S and U alone. */
static void test_mprv(void)
{
    csr_write(pmpcfg0, PMP_NAPOT | PMP_R);
    CHECK_EQ(cause_of(PRIV_M, load1, (unsigned long)area), CAUSE_LOAD_ACCESS);
    CHECK_EQ(load_as_user((unsigned long)area + 64), 0x67);
    csr_write(pmpcfg0, 0);
}

static void test_default(void)
{
    CHECK_EQ(cause_of(PRIV_M, store1, UNNAMED), FINE);
    CHECK_EQ(cause_of(PRIV_M, load1, UNNAMED), FINE);
    CHECK_EQ(cause_of(PRIV_M, jump, UNNAMED), CAUSE_FETCH_ACCESS);
    CHECK_EQ(cause_of(PRIV_S, load1, UNNAMED), CAUSE_LOAD_ACCESS);
    CHECK_EQ(seccfg(MMWP | RLB), MML | MMWP | RLB);
    check_access(PRIV_M, "", UNNAMED);
    check_access(PRIV_S, "", UNNAMED);
}

/* RLB goes and cannot come back; then what has L stays, and M gets no more code. */
static void test_locks(void)
{
    CHECK_EQ(seccfg(0), MML | MMWP);
    CHECK_EQ(seccfg(RLB), MML | MMWP);
    unsigned long cfg = csr_read(pmpcfg2);
    csr_write(pmpcfg2, cfg & ~CFG(14, 0xff));
    CHECK_EQ(csr_read(pmpcfg2), cfg);
    csr_write(pmpaddr13, 0);
    CHECK_EQ(csr_read(pmpaddr13), (unsigned long)_start >> 2);
    for (unsigned rwx = 0; rwx < 8; rwx++) {
        unsigned lrwx = PMP_L | PMP_NAPOT | rwx;
        if (rwx == PMP_X || rwx == (PMP_R | PMP_X) || rwx == PMP_W || rwx == (PMP_W | PMP_X)) {
            csr_write(pmpcfg0, lrwx);
            CHECK_EQ(csr_read(pmpcfg0), 0);
        }
    }
    csr_write(pmpcfg0, PMP_NAPOT | PMP_R | PMP_X); /* of S and U alone: free */
    check_access(PRIV_U, "rx", (unsigned long)area);
    csr_write(pmpcfg0, PMP_L | PMP_NAPOT | PMP_R);
    check_access(PRIV_M, "r", (unsigned long)area);
    csr_write(pmpcfg0, 0);
    CHECK_EQ(csr_read(pmpcfg0), PMP_L | PMP_NAPOT | PMP_R);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"RLB lifts locks", test_bypass},     {"MML is set and stays", test_lockdown},
        {"truth table", test_truth_table},    {"MPRV", test_mprv},
        {"what no rule names", test_default}, {"without RLB locks hold", test_locks},
    };
    return GUEST_RUN(cases);
}
