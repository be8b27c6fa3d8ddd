/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60
 *
 * Physical memory protection through loads, stores and fetches of S and U:
 * matching, permissions, priority, edges inside a page, and locks, which bind M.
 */
#include "guest.h"

#define PMP_R     1
#define PMP_W     2
#define PMP_X     4
#define PMP_TOR   (1 << 3)
#define PMP_NA4   (2 << 3)
#define PMP_NAPOT (3 << 3)
#define PMP_L     0x80

static unsigned char area[16384] __attribute__((aligned(16384)));

static unsigned long napot(const void *base, unsigned long size)
{
    return (unsigned long)base >> 2 | (size / 8 - 1);
}

/* Entry 0 as given, entry 7 open to all behind it. */
static void set_entry(unsigned char cfg, unsigned long addr)
{
    csr_write(pmpaddr7, ~0UL);
    csr_write(pmpaddr0, addr);
    csr_write(pmpcfg0, 0x1fUL << 56 | cfg);
    __asm__ volatile("sfence.vma" : : : "memory");
}

static unsigned long load1(unsigned long a)
{
    return *(volatile unsigned char *)a;
}

static unsigned long load8(unsigned long a)
{
    return *(volatile unsigned long *)a;
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

static unsigned long cause_of(int mode, unsigned long (*fn)(unsigned long), void *p)
{
    struct guest_caught c;
    guest_catch(&c);
    guest_run_in(mode, fn, (unsigned long)p);
    guest_catch(NULL);
    volatile struct guest_caught *v = &c;
    if (v->cause != ~0UL)
        CHECK_EQ(v->tval, (unsigned long)p);
    return v->cause;
}

#define FINE ~0UL

static void test_permissions(void)
{
    static const unsigned char rwx[] = {0, PMP_R, PMP_R | PMP_W, PMP_X, PMP_R | PMP_X, 7};
    *(volatile unsigned *)(area + 64) = 0x00008067; /* ret */
    __asm__ volatile("fence.i" : : : "memory");
    for (unsigned i = 0; i < sizeof(rwx); i++) {
        set_entry(PMP_NAPOT | rwx[i], napot(area, 4096));
        for (int mode = PRIV_U; mode <= PRIV_S; mode++) {
            CHECK_EQ(cause_of(mode, load1, area), rwx[i] & PMP_R ? FINE : CAUSE_LOAD_ACCESS);
            CHECK_EQ(cause_of(mode, store1, area + 1), rwx[i] & PMP_W ? FINE : CAUSE_STORE_ACCESS);
            CHECK_EQ(cause_of(mode, jump, area + 64), rwx[i] & PMP_X ? FINE : CAUSE_FETCH_ACCESS);
            CHECK_EQ(cause_of(mode, load1, area + 4096), FINE);
        }
        CHECK_EQ(cause_of(PRIV_M, store1, area), FINE);
    }
}

/* First and last byte of a range without permissions, and their neighbours. */
static void check_hole(unsigned char *first, unsigned char *last)
{
    CHECK_EQ(cause_of(PRIV_S, load1, first - 1), FINE);
    CHECK_EQ(cause_of(PRIV_S, load1, first), CAUSE_LOAD_ACCESS);
    CHECK_EQ(cause_of(PRIV_S, store1, last), CAUSE_STORE_ACCESS);
    CHECK_EQ(cause_of(PRIV_S, store1, last + 1), FINE);
}

static void test_ranges(void)
{
    unsigned char *p = area + 4096;
    set_entry(PMP_NA4, (unsigned long)(p + 0x104) >> 2);
    check_hole(p + 0x104, p + 0x107);
    CHECK_EQ(cause_of(PRIV_S, load8, p + 0x100), CAUSE_LOAD_ACCESS); /* matches in part */
    CHECK_EQ(cause_of(PRIV_S, load8, p + 0x108), FINE);
    for (unsigned long size = 8; size <= 4096; size *= 2) {
        set_entry(PMP_NAPOT, napot(p, size));
        check_hole(p, p + size - 1);
    }
    /* TOR between the address of entry 1 (off) and that of entry 2. */
    csr_write(pmpcfg0, 0);
    csr_write(pmpaddr1, (unsigned long)(p + 0x20) >> 2);
    csr_write(pmpaddr2, (unsigned long)(p + 0x804) >> 2);
    csr_write(pmpcfg0, 0x1fUL << 56 | PMP_TOR << 16);
    __asm__ volatile("sfence.vma" : : : "memory");
    check_hole(p + 0x20, p + 0x803);
}

/* The lowest entry decides. */
static void test_priority(void)
{
    csr_write(pmpcfg0, 0);
    csr_write(pmpaddr0, napot(area, 4096));
    csr_write(pmpaddr1, napot(area, 8192));
    csr_write(pmpcfg0, 0x1fUL << 56 | PMP_NAPOT << 8 | PMP_NAPOT | PMP_R);
    __asm__ volatile("sfence.vma" : : : "memory");
    CHECK_EQ(cause_of(PRIV_U, load1, area), FINE);
    CHECK_EQ(cause_of(PRIV_U, store1, area), CAUSE_STORE_ACCESS);
    CHECK_EQ(cause_of(PRIV_U, load1, area + 4096), CAUSE_LOAD_ACCESS);
    CHECK_EQ(cause_of(PRIV_U, load1, area + 8192), FINE);
}

/* A change is seen by what the hart has just accessed. */
static void test_change(void)
{
    for (unsigned i = 0; i < 100; i++) {
        set_entry(PMP_NAPOT | PMP_R | PMP_W, napot(area, 4096));
        CHECK_EQ(cause_of(PRIV_U, store1, area), FINE);
        set_entry(PMP_NAPOT | PMP_R, napot(area, 4096));
        CHECK_EQ(cause_of(PRIV_U, store1, area), CAUSE_STORE_ACCESS);
        CHECK_EQ(cause_of(PRIV_U, load1, area), FINE);
    }
}

/* MPRV: M's loads and stores with the rights of MPP. */
static void test_mprv(void)
{
    struct guest_caught c;
    volatile struct guest_caught *v = &c;
    set_entry(PMP_NAPOT, napot(area, 4096));
    CHECK_EQ(load1((unsigned long)area) & 0, 0);
    guest_catch(&c);
    csr_clear(mstatus, MSTATUS_MPP);
    __asm__ volatile("csrs mstatus, %1\n.option push\n.option norvc\nlb t0, 0(%0)\n.option pop\n"
                     "csrc mstatus, %1"
                     :
                     : "r"(area), "r"(MSTATUS_MPRV)
                     : "t0", "memory");
    guest_catch(NULL);
    CHECK_EQ(v->cause, CAUSE_LOAD_ACCESS);
    CHECK_EQ(v->tval, (unsigned long)area);
}

/* Last: locks stay until reset. */
static void test_lock(void)
{
    set_entry(PMP_NAPOT | PMP_R | PMP_L, napot(area, 4096));
    CHECK_EQ(cause_of(PRIV_M, load1, area), FINE);
    CHECK_EQ(cause_of(PRIV_M, store1, area), CAUSE_STORE_ACCESS);
    CHECK_EQ(cause_of(PRIV_M, store1, area + 4096), FINE);
    csr_write(pmpaddr0, 0);
    csr_write(pmpcfg0, 0x1fUL << 56);
    CHECK_EQ(csr_read(pmpaddr0), napot(area, 4096));
    CHECK_EQ(csr_read(pmpcfg0), 0x1fUL << 56 | PMP_NAPOT | PMP_R | PMP_L);
    CHECK_EQ(cause_of(PRIV_M, store1, area), CAUSE_STORE_ACCESS);
    CHECK_EQ(cause_of(PRIV_U, load1, area), FINE);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"permissions", test_permissions},    {"ranges", test_ranges}, {"priority", test_priority},
        {"changes take effect", test_change}, {"MPRV", test_mprv},     {"locks", test_lock},
    };
    return GUEST_RUN(cases);
}
