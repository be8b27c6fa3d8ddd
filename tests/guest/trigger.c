/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60 oracle=no
 *
 * Sdtrig: breakpoints, watchpoints, instruction counts and triggers on traps, as a
 * debugger in M-mode uses them.  What QEMU 10 has of it (older triggers, version
 * 0 of tinfo) differs in places that the specification leaves open and in some
 * that it does not, so it is no oracle; which: sim/doc/privileged.md.
 */
#include "guest.h"

#define TYPE(n)  ((unsigned long)(n) << 60)
#define LOAD     1UL
#define STORE    2UL
#define EXECUTE  4UL
#define MC6_U    (1UL << 3)
#define MC6_S    (1UL << 4)
#define MC6_M    (1UL << 6)
#define NAPOT    (1UL << 7)
#define HIT      (1UL << 22)
#define CNT_U    (1UL << 6)
#define CNT_S    (1UL << 7)
#define COUNT(n) ((unsigned long)(n) << 10)

static volatile unsigned long seen_cause, seen_epc, seen_tval, seen_count, seen_data1;
static volatile int skips; /* the hook steps over the instruction; else it ends the trigger */

static void hook(struct guest_trap *t)
{
    seen_cause = t->cause;
    seen_epc = t->epc;
    seen_tval = t->tval;
    seen_data1 = csr_read(tdata1);
    seen_count++;
    if (skips)
        guest_trap_skip(t);
    else
        csr_write(tdata1, 0);
}

static void arm(unsigned long data1, unsigned long data2)
{
    csr_write(tselect, 0);
    csr_write(tdata1, 0);
    csr_write(tdata2, data2);
    csr_write(tdata1, data1);
    seen_count = 0;
    seen_cause = ~0UL;
    skips = 0;
}

static void disarm(void)
{
    csr_write(tdata1, 0);
}

static void saw(unsigned long n, unsigned long epc, unsigned long tval)
{
    CHECK_EQ(seen_count, n);
    CHECK_EQ(seen_cause, CAUSE_BREAKPOINT);
    CHECK_EQ(seen_epc, epc);
    CHECK_EQ(seen_tval, tval);
}

/* ---- finding them ---- */

static void test_enumeration(void)
{
    unsigned long n = 0;
    for (;; n++) {
        csr_write(tselect, n);
        if (csr_read(tselect) != n || csr_read(tdata1) >> 60 == 0 || csr_read(0x7a4) == 1)
            break;
        CHECK_EQ(csr_read(0x7a4 /* tinfo */) & 1UL << 6, 1UL << 6);
        CHECK_EQ(csr_read(0x7a4) >> 24, 1);
    }
    CHECK(n >= 2);
    csr_write(tselect, 0);
    disarm();
    CHECK_EQ(csr_read(tdata1) >> 60, 15);
}

/* ---- code ---- */

/* 3 instructions in a loop, of both lengths; the last of a page goes on in the next one. */
unsigned long loop_sum(unsigned long n);
extern char loop_add[], loop_dec[], page_last[], page_first[], page_second[];
unsigned long across(unsigned long a);
__asm__(".text\n.balign 4\n.globl loop_sum, loop_add, loop_dec\n.option push\n.option rvc\n"
        "loop_sum: li a1, 0\n"
        "loop_add: add a1, a1, a0\n"
        ".option norvc\n"
        "loop_dec: addi a0, a0, -1\n"
        "bnez a0, loop_add\nmv a0, a1\nret\n.option pop\n"
        ".balign 4096\n.skip 4090\n.option push\n.option norvc\n.globl across\n"
        "across: addi a0, a0, 1\n"
        ".globl page_last, page_first, page_second\n"
        "page_last: addi a0, a0, 2\n" /* at 4094 */
        "page_first: addi a0, a0, 4\n"
        "page_second: addi a0, a0, 8\nret\n.option pop\n");

static void test_execute(void)
{
    arm(TYPE(6) | EXECUTE | MC6_U, (unsigned long)loop_sum);
    CHECK_EQ(guest_run_in(PRIV_U, loop_sum, 10), 55);
    saw(1, (unsigned long)loop_sum, (unsigned long)loop_sum);
    CHECK_EQ(seen_data1 & HIT, HIT);
    /* Each time it is reached. */
    arm(TYPE(6) | EXECUTE | MC6_U, (unsigned long)loop_add);
    skips = 1;
    CHECK_EQ(guest_run_in(PRIV_U, loop_sum, 100), 0);
    saw(100, (unsigned long)loop_add, (unsigned long)loop_add);
    disarm();
    CHECK_EQ(guest_run_in(PRIV_U, loop_sum, 100), 5050);
    CHECK_EQ(seen_count, 100);
}

/* Instructions at the end of a page, across it, at the beginning. */
static void test_execute_pages(void)
{
    char *const at[] = {(char *)across, page_last, page_first, page_second};
    for (unsigned i = 0; i < 4; i++) {
        arm(TYPE(6) | EXECUTE | MC6_U, (unsigned long)at[i]);
        CHECK_EQ(guest_run_in(PRIV_U, across, 100), 115);
        saw(1, (unsigned long)at[i], (unsigned long)at[i]);
        arm(TYPE(6) | EXECUTE | MC6_U, (unsigned long)at[i] + 2); /* in the middle of one */
        CHECK_EQ(guest_run_in(PRIV_U, across, 100), 115);
        CHECK_EQ(seen_count, 0);
        arm(TYPE(6) | EXECUTE | MC6_U, (unsigned long)at[i]);
        skips = 1;
        CHECK_EQ(guest_run_in(PRIV_U, across, 100), 115 - (1UL << i));
        CHECK_EQ(seen_count, 1);
    }
    disarm();
}

static void test_modes(void)
{
    static const unsigned long bits[] = {MC6_U, MC6_S, 0, MC6_M};
    for (int enable = 0; enable < 4; enable++)
        for (int mode = 0; mode < 4; mode++) {
            if (mode == 2 || enable == 2)
                continue;
            arm(TYPE(6) | EXECUTE | bits[enable], (unsigned long)loop_dec);
            csr_set(mstatus, MSTATUS_MIE);
            CHECK_EQ(guest_run_in(mode, loop_sum, 4), 10);
            csr_clear(mstatus, MSTATUS_MIE);
            CHECK_EQ(seen_count, mode == enable);
        }
    /* In M with interrupts off nothing fires. */
    arm(TYPE(6) | EXECUTE | MC6_M, (unsigned long)loop_dec);
    CHECK_EQ(loop_sum(4), 10);
    CHECK_EQ(seen_count, 0);
    csr_set(mstatus, MSTATUS_MIE);
    CHECK_EQ(loop_sum(4), 10);
    csr_clear(mstatus, MSTATUS_MIE);
    CHECK_EQ(seen_count, 1);
}

/* ---- data ---- */

static volatile unsigned long data[1024] __attribute__((aligned(8192)));

#define ACCESS(name, text)                                                                         \
    unsigned long name(unsigned long a);                                                           \
    __asm__(".text\n.balign 4\n.globl " #name "\n.option push\n.option norvc\n" #name ":\n" text   \
            "\nret\n.option pop\n");

ACCESS(do_ld, "ld a0, 0(a0)")
ACCESS(do_lb, "lb a0, 0(a0)")
ACCESS(do_sd, "sd a0, 0(a0)")
ACCESS(do_sb, "sb a0, 0(a0)")
ACCESS(do_fld, "fld fa0, 0(a0)")
ACCESS(do_fsd, "fsd fa0, 0(a0)")
ACCESS(do_amo, "amoadd.d a0, a0, (a0)")
ACCESS(do_lr, "lr.d a0, (a0)")

static const struct {
    unsigned long (*fn)(unsigned long);
    unsigned long kinds, size;
} accesses[] = {
    {do_ld, LOAD, 8},  {do_lb, LOAD, 1},   {do_sd, STORE, 8},         {do_sb, STORE, 1},
    {do_fld, LOAD, 8}, {do_fsd, STORE, 8}, {do_amo, LOAD | STORE, 8}, {do_lr, LOAD, 8},
};

static void test_data(void)
{
    unsigned long at = (unsigned long)&data[64];
    for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
        for (unsigned long kinds = 1; kinds < 4; kinds++)
            for (unsigned long off = 0; off < 16; off++) {
                int expect = accesses[i].kinds & kinds && off < accesses[i].size;
                guest_run_in(PRIV_U, accesses[i].fn, at); /* into the TLB */
                arm(TYPE(6) | MC6_U | kinds, at + off);
                guest_run_in(PRIV_U, accesses[i].fn, at);
                CHECK_EQ(seen_count, (unsigned long)expect);
                if (expect)
                    saw(1, (unsigned long)accesses[i].fn, at + off);
            }
    disarm();
}

/* The page's other words are read and written as ever, also in M by this program itself. */
static void test_neighbours(void)
{
    arm(TYPE(6) | MC6_U | MC6_S | MC6_M | LOAD | STORE, (unsigned long)&data[100]);
    csr_set(mstatus, MSTATUS_MIE);
    for (unsigned i = 0; i < 1024; i++)
        if (i != 100)
            data[i] = i;
    unsigned long sum = 0;
    for (unsigned i = 0; i < 1024; i++)
        if (i != 100)
            sum += data[i];
    CHECK_EQ(sum, 1023UL * 512 - 100);
    CHECK_EQ(seen_count, 0);
    data[100] = 7;
    CHECK_EQ(seen_count, 1);
    CHECK_EQ(data[100], 7);
    csr_clear(mstatus, MSTATUS_MIE);
}

/* Misaligned, in one page and into the next. */
static void test_misaligned(void)
{
    unsigned long base = (unsigned long)data, border = base + 4096;
    for (unsigned long at = border - 9; at < border + 2; at++)
        for (unsigned long watched = border - 4; watched < border + 4; watched++) {
            int expect = watched >= at && watched < at + 8;
            arm(TYPE(6) | MC6_U | LOAD, watched);
            guest_run_in(PRIV_U, do_ld, at);
            CHECK_EQ(seen_count, (unsigned long)expect);
            if (expect)
                CHECK_EQ(seen_tval, watched);
        }
    disarm();
}

static void test_napot(void)
{
    unsigned long base = (unsigned long)data;
    for (unsigned shift = 1; shift < 12; shift++) {
        unsigned long size = 1UL << shift, lo = (base + 2048) & ~(size - 1);
        arm(TYPE(6) | MC6_U | LOAD | NAPOT, lo | (size / 2 - 1));
        guest_run_in(PRIV_U, do_lb, lo - 1);
        guest_run_in(PRIV_U, do_lb, lo + size);
        CHECK_EQ(seen_count, 0);
        guest_run_in(PRIV_U, do_lb, lo + size - 1);
        CHECK_EQ(seen_count, 1);
        arm(TYPE(6) | MC6_U | LOAD | NAPOT, lo | (size / 2 - 1));
        guest_run_in(PRIV_U, do_lb, lo);
        CHECK_EQ(seen_count, 1);
    }
    disarm();
}

/* ---- counts ---- */

/* After n instructions in U; M's own do not count. */
static void test_icount(void)
{
    for (unsigned long n = 1; n < 20; n++) {
        arm(TYPE(3) | CNT_U | COUNT(n), 0);
        CHECK_EQ(guest_run_in(PRIV_U, loop_sum, 10), 55);
        /* li, then add, addi, bnez in turn */
        unsigned long where = n < 1        ? (unsigned long)loop_sum
                              : n % 3 == 1 ? (unsigned long)loop_add
                              : n % 3 == 2 ? (unsigned long)loop_dec
                                           : (unsigned long)loop_dec + 4;
        saw(1, where, 0);
        CHECK_EQ(seen_data1, TYPE(3) | CNT_U | 1UL << 24);
    }
    disarm();
}

/* A single step over each instruction of a function. */
static unsigned long steps;

static void step_hook(struct guest_trap *t)
{
    CHECK_EQ(t->cause, CAUSE_BREAKPOINT);
    steps++;
    csr_write(tdata1, TYPE(3) | CNT_S | COUNT(1));
}

static void test_single_step(void)
{
    guest_trap_hook(step_hook);
    arm(TYPE(3) | CNT_S | COUNT(1), 0);
    steps = 0;
    unsigned long sum = guest_run_in(PRIV_S, loop_sum, 10);
    disarm();
    guest_trap_hook(hook);
    CHECK_EQ(sum, 55);
    CHECK_EQ(steps,
             1 + 3 * 10 + 2 + 2); /* the way back: two for li, and the ecall does not retire */
}

/* ---- traps ---- */

void s_entry(void);
__asm__(".text\n.balign 4\n.globl s_entry\ns_entry: li a7, 0x6d68\necall\n");
ACCESS(do_illegal, ".word 0xffffffff")

/* An exception that S handles is seen by M before S's first instruction. */
static void test_etrigger(void)
{
    csr_write(stvec, s_entry);
    csr_write(medeleg, 1UL << CAUSE_ILLEGAL);
    arm(TYPE(5) | CNT_U, 1UL << CAUSE_ILLEGAL);
    guest_run_in(PRIV_U, do_illegal, 0);
    saw(1, (unsigned long)s_entry, 0);
    CHECK_EQ(csr_read(scause), CAUSE_ILLEGAL);
    CHECK_EQ(csr_read(sepc), (unsigned long)do_illegal);
    CHECK_EQ(seen_data1 >> 58 & 1, 1);
    arm(TYPE(5) | CNT_S, 1UL << CAUSE_ILLEGAL); /* not from there */
    guest_run_in(PRIV_U, do_illegal, 0);
    CHECK_EQ(seen_count, 0);
    csr_write(medeleg, 0);
    disarm();
}

/* S debugs itself: while SIE is 0 its handler is not interrupted. */
static unsigned long s_loop(unsigned long sie)
{
    if (sie)
        csr_set(sstatus, MSTATUS_SIE);
    unsigned long v = do_lb((unsigned long)&data[8]);
    csr_clear(sstatus, MSTATUS_SIE);
    return v;
}

static void test_delegated(void)
{
    csr_write(stvec, s_entry);
    csr_write(medeleg, 1UL << CAUSE_BREAKPOINT);
    arm(TYPE(6) | MC6_S | LOAD, (unsigned long)&data[8]);
    csr_write(scause, 99);
    guest_run_in(PRIV_S, s_loop, 0);
    CHECK_EQ(csr_read(scause), 99);
    guest_run_in(PRIV_S, s_loop, 1);
    CHECK_EQ(csr_read(scause), CAUSE_BREAKPOINT);
    CHECK_EQ(csr_read(sepc), (unsigned long)do_lb);
    CHECK_EQ(csr_read(stval), (unsigned long)&data[8]);
    CHECK_EQ(seen_count, 0);
    csr_write(medeleg, 0);
    disarm();
}

static const struct guest_case cases[] = {
    {"enumeration", test_enumeration},
    {"execute", test_execute},
    {"at page borders", test_execute_pages},
    {"modes", test_modes},
    {"loads and stores", test_data},
    {"neighbours", test_neighbours},
    {"misaligned", test_misaligned},
    {"napot", test_napot},
    {"count", test_icount},
    {"single step", test_single_step},
    {"exceptions", test_etrigger},
    {"delegated", test_delegated},
};

int main(void)
{
    guest_trap_hook(hook);
    return GUEST_RUN(cases);
}
