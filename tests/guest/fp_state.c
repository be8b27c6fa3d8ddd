/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2,4
 *
 * The floating-point state as a program sees it: fcsr and its parts, sticky
 * flags, static and dynamic rounding modes, reserved modes, FS, NaN boxing
 * through memory, and that each hart has all of it to itself.
 */
#include "guest.h"

#define NX 1
#define UF 2
#define OF 4
#define DZ 8
#define NV 16

#define RNE 0
#define RTZ 1
#define RDN 2
#define RUP 3
#define RMM 4

#define ONE        0x3ff0000000000000UL
#define THREE      0x4008000000000000UL
#define THIRD_DOWN 0x3fd5555555555555UL
#define THIRD_UP   0x3fd5555555555556UL

#define FS_OFF     0
#define FS_INITIAL (UL(1) << 13)
#define FS_CLEAN   (UL(2) << 13)

/* One instruction on two doubles; rm is the assembler's name of the mode. */
#define FP2(insn, a, b)                                                                            \
    ({                                                                                             \
        unsigned long r_;                                                                          \
        __asm__ volatile("fmv.d.x ft0, %1\n\tfmv.d.x ft1, %2\n\t" insn "\n\tfmv.x.d %0, ft2"       \
                         : "=r"(r_)                                                                \
                         : "r"((unsigned long)(a)), "r"((unsigned long)(b))                        \
                         : "t0", "ft0", "ft1", "ft2");                                             \
        r_;                                                                                        \
    })
#define DIV(a, b) FP2("fdiv.d ft2, ft0, ft1", a, b)

static void set_fs(unsigned long fs)
{
    csr_clear(mstatus, MSTATUS_FS);
    csr_set(mstatus, fs);
}

static unsigned long get_fs(void)
{
    return csr_read(mstatus) & MSTATUS_FS;
}

static void test_fcsr(void)
{
    csr_write(fcsr, ~0UL);
    CHECK_EQ(csr_read(fcsr), 0xff);
    CHECK_EQ(csr_read(frm), 7);
    CHECK_EQ(csr_read(fflags), 0x1f);
    csr_write(fflags, NX | DZ);
    CHECK_EQ(csr_read(fcsr), 7 << 5 | NX | DZ);
    csr_write(frm, ~0UL << 3 | RUP);
    CHECK_EQ(csr_read(fcsr), RUP << 5 | NX | DZ);
    CHECK_EQ(csr_swap(fflags, 0), NX | DZ);
    CHECK_EQ(csr_swap(fcsr, RDN << 5 | NV), RUP << 5);
    csr_clear(fflags, NV);
    CHECK_EQ(csr_read(fcsr), RDN << 5);
    csr_write(fcsr, 0);
}

static void test_flags(void)
{
    csr_write(fcsr, 0);
    CHECK_EQ(DIV(ONE, ONE), ONE);
    CHECK_EQ(csr_read(fflags), 0);
    CHECK_EQ(DIV(ONE, 0), 0x7ff0000000000000);
    CHECK_EQ(csr_read(fflags), DZ);
    DIV(ONE, THREE);
    CHECK_EQ(csr_read(fflags), DZ | NX);
    CHECK_EQ(DIV(0, 0), 0x7ff8000000000000);
    CHECK_EQ(csr_read(fflags), DZ | NX | NV);
    csr_clear(fflags, DZ);
    CHECK_EQ(csr_read(fflags), NX | NV);
    DIV(ONE, ONE);
    CHECK_EQ(csr_read(fflags), NX | NV);
    csr_write(fflags, UF);
    FP2("fadd.d ft2, ft0, ft1", 0x7fefffffffffffff, 0x7fefffffffffffff);
    CHECK_EQ(csr_read(fflags), UF | OF | NX);
    csr_write(fcsr, 0);
}

/* Flags that were raised before a trap are there in the handler and after it. */
static unsigned long flags_in_trap;

static void flags_hook(struct guest_trap *t)
{
    flags_in_trap = csr_read(fflags);
    csr_set(fflags, OF);
    guest_trap_skip(t);
}

static void test_trap(void)
{
    csr_write(fcsr, RUP << 5);
    guest_trap_hook(flags_hook);
    CHECK_EQ(DIV(ONE, THREE), THIRD_UP);
    __asm__ volatile("ebreak");
    guest_trap_hook(NULL);
    CHECK_EQ(flags_in_trap, NX);
    CHECK_EQ(csr_read(fcsr), RUP << 5 | NX | OF);
    csr_write(fcsr, 0);
}

static void test_dynamic_modes(void)
{
    static const unsigned long third[] = {THIRD_DOWN, THIRD_DOWN, THIRD_DOWN, THIRD_UP, THIRD_DOWN};

    for (unsigned rm = RNE; rm <= RMM; rm++) {
        csr_write(frm, rm);
        CHECK_EQ(DIV(ONE, THREE), third[rm]);
        CHECK_EQ(csr_read(frm), rm);
        /* 2^53 + 1 lies half way between two doubles. */
        CHECK_EQ(FP2("fadd.d ft2, ft0, ft1", 0x4340000000000000, ONE),
                 0x4340000000000000 + (rm == RUP || rm == RMM));
        CHECK_EQ(FP2("fcvt.l.d t0, ft0\n\tfmv.d.x ft2, t0", 0xbfe0000000000000, 0),
                 rm == RDN || rm == RMM ? ~0UL : 0);
    }
    csr_write(fcsr, 0);
}

/* Static modes side by side, whatever frm holds, and the dynamic one between them. */
static void test_static_modes(void)
{
    for (unsigned frm = 0; frm < 8; frm++) {
        csr_write(frm, frm);
        CHECK_EQ(FP2("fdiv.d ft2, ft0, ft1, rup", ONE, THREE), THIRD_UP);
        CHECK_EQ(FP2("fdiv.d ft2, ft0, ft1, rdn", ONE, THREE), THIRD_DOWN);
        CHECK_EQ(FP2("fadd.d ft2, ft0, ft1, rmm", 0x4340000000000000, ONE), 0x4340000000000001);
        CHECK_EQ(FP2("fadd.d ft2, ft0, ft1, rne", 0x4340000000000000, ONE), 0x4340000000000000);
        if (frm <= RMM)
            CHECK_EQ(DIV(ONE, THREE), frm == RUP ? THIRD_UP : THIRD_DOWN);
        CHECK_EQ(FP2("fsub.d ft2, ft0, ft1, rdn", ONE, ONE), 1UL << 63);
        CHECK_EQ(FP2("fsub.d ft2, ft0, ft1, rtz", ONE, ONE), 0);
        CHECK_EQ(FP2("fcvt.wu.d t0, ft0, rtz\n\tfmv.d.x ft2, t0", 0x41effffffff00000, 0), ~0UL);
        CHECK_EQ(csr_read(frm), frm);
    }
    csr_write(fcsr, 0);
}

/* The instruction in `text` is illegal and writes neither ft2 nor flags. */
#define CHECK_ILLEGAL(text)                                                                        \
    do {                                                                                           \
        struct guest_caught c_;                                                                    \
        guest_catch(&c_);                                                                          \
        CHECK_EQ(FP2("fmv.d.x ft2, x0\n\tli t0, 7\n\t" text, ONE, THREE), 0);                      \
        CHECK_EQ(c_.cause, CAUSE_ILLEGAL);                                                         \
        guest_catch(NULL);                                                                         \
        CHECK_EQ(csr_read(fflags), 0);                                                             \
    } while (0)

static void test_reserved_modes(void)
{
    for (unsigned frm = 5; frm < 8; frm++) {
        csr_write(fcsr, frm << 5);
        CHECK_ILLEGAL("fdiv.d ft2, ft0, ft1");
        CHECK_ILLEGAL("fadd.s ft2, ft0, ft1");
        CHECK_ILLEGAL("fmadd.d ft2, ft0, ft1, ft1");
        CHECK_ILLEGAL("fsqrt.d ft2, ft0");
        CHECK_ILLEGAL("fcvt.s.d ft2, ft0");
        CHECK_ILLEGAL("fcvt.d.l ft2, t0");
        CHECK_ILLEGAL("fcvt.w.d t0, ft0");
        /* No rounding mode, or a static one. */
        CHECK_EQ(FP2("fmin.d ft2, ft0, ft1", ONE, THREE), ONE);
        CHECK_EQ(FP2("fsgnjn.d ft2, ft0, ft1", ONE, THREE), ONE | 1UL << 63);
        CHECK_EQ(FP2("fadd.d ft2, ft0, ft1, rne", ONE, 0), ONE);
        csr_write(fcsr, 0);
    }
    /* 5 and 6 in the instruction itself: fadd.d ft2, ft0, ft1. */
    CHECK_ILLEGAL(".word 0x02105153");
    CHECK_ILLEGAL(".word 0x02106153");
}

static void test_fs_off(void)
{
    static unsigned long memory;
    static const char *const names[] = {"fadd.d", "fld",       "fsd",      "fmv.x.d",    "fclass.d",
                                        "c.fld",  "csrr fcsr", "csrw frm", "csrr fflags"};
    struct guest_caught c;
    unsigned long cause[9], t;

    set_fs(FS_OFF);
#define TRY(n, ...)                                                                                \
    guest_catch(&c);                                                                               \
    __asm__ volatile(__VA_ARGS__ : "=&r"(t) : "r"(&memory) : "memory");                            \
    cause[n] = c.cause;
    TRY(0, "li %0, 0; fadd.d ft0, ft0, ft0")
    TRY(1, "li %0, 0; fld ft0, (%1)")
    TRY(2, "li %0, 0; fsd ft0, (%1)")
    TRY(3, "fmv.x.d %0, ft0")
    TRY(4, "fclass.d %0, ft0")
    TRY(5, "li %0, 0; mv a5, %1; c.fld fa5, 0(a5)")
    TRY(6, "csrr %0, fcsr")
    TRY(7, "li %0, 0; csrw frm, x0")
    TRY(8, "csrr %0, fflags")
#undef TRY
    guest_catch(NULL);
    CHECK_EQ(get_fs(), FS_OFF);
    set_fs(MSTATUS_FS);
    for (unsigned i = 0; i < 9; i++)
        if (cause[i] != CAUSE_ILLEGAL)
            guest_fail(__FILE__, __LINE__, names[i], cause[i], CAUSE_ILLEGAL);
    CHECK_EQ(memory, 0);
}

static void test_fs_dirty(void)
{
    static unsigned long memory = ONE;
    unsigned long t;

#define CHECK_DIRTIES(...)                                                                         \
    set_fs(FS_CLEAN);                                                                              \
    __asm__ volatile(__VA_ARGS__ : "=&r"(t) : "r"(&memory) : "memory", "ft0", "ft1");              \
    CHECK_EQ(get_fs(), MSTATUS_FS);                                                                \
    CHECK(csr_read(mstatus) >> 63)
    CHECK_DIRTIES("li %0, 0; fld ft0, (%1)");
    CHECK_DIRTIES("li %0, 0; flw ft0, (%1)");
    CHECK_DIRTIES("li %0, 0; fadd.d ft0, ft0, ft0");
    CHECK_DIRTIES("li %0, 0; fmv.d.x ft0, %1");
    CHECK_DIRTIES("li %0, 0; fsgnj.s ft0, ft1, ft1");
    CHECK_DIRTIES("li %0, 0; csrw fcsr, %0");
    CHECK_DIRTIES("li %0, 0; csrw fflags, %0");
    set_fs(FS_INITIAL);
    __asm__ volatile("fsd ft0, (%1); fmv.x.d %0, ft0" : "=&r"(t) : "r"(&memory) : "memory");
    CHECK_EQ(get_fs(), FS_INITIAL);
    CHECK(!(csr_read(mstatus) >> 63));
    set_fs(MSTATUS_FS);
    csr_write(fcsr, 0);
}

/* Loads box, stores and moves do not look at the box; the compressed ones are the same. */
static void test_memory(void)
{
    static union {
        unsigned long d[4];
        unsigned char b[32];
    } m;
    unsigned long r;

    m.d[1] = 0x0123456789abcdef;
    __asm__ volatile("flw ft0, 8(%1); fmv.x.d %0, ft0" : "=r"(r) : "r"(&m) : "ft0");
    CHECK_EQ(r, 0xffffffff89abcdef);
    __asm__ volatile("fmv.d.x ft0, %1; fsw ft0, 4(%0)"
                     :
                     : "r"(&m), "r"(0x1111111122222222)
                     : "ft0", "memory");
    CHECK_EQ(m.d[0], 0x2222222200000000);
    __asm__ volatile("fmv.d.x ft0, %1; fmv.x.w %0, ft0"
                     : "=r"(r)
                     : "r"(0x1111111182222222)
                     : "ft0");
    CHECK_EQ(r, 0xffffffff82222222);
    /* Not boxed: a NaN for what computes. */
    __asm__ volatile("fmv.d.x ft0, %1; fclass.s %0, ft0" : "=r"(r) : "r"(0x3f800000) : "ft0");
    CHECK_EQ(r, 1 << 9);
    __asm__ volatile("mv a4, %0; c.fld fa5, 8(a4); c.fsd fa5, 16(a4)"
                     :
                     : "r"(&m)
                     : "a4", "fa5", "memory");
    CHECK_EQ(m.d[2], 0x0123456789abcdef);
    __asm__ volatile("addi sp, sp, -16; fmv.d.x fs0, %1; c.fsdsp fs0, 8(sp); c.fldsp fs1, 8(sp);"
                     "addi sp, sp, 16; fmv.x.d %0, fs1"
                     : "=r"(r)
                     : "r"(0x5555aaaa5555aaaa)
                     : "fs0", "fs1", "memory");
    CHECK_EQ(r, 0x5555aaaa5555aaaa);
    __asm__ volatile("fld ft0, 9(%1); fmv.x.d %0, ft0" : "=r"(r) : "r"(&m) : "ft0");
    CHECK_EQ(r, 0xef0123456789abcd);
}

/* Each hart divides in a mode of its own and finds only its own flags. */
static void divide_for_long(void *arg)
{
    unsigned long rm = (unsigned long)arg;

    csr_write(fcsr, rm << 5);
    for (unsigned i = 0; i < 20000; i++) {
        CHECK_EQ(DIV(ONE, THREE), rm == RUP ? THIRD_UP : THIRD_DOWN);
        CHECK_EQ(csr_swap(fflags, 0), NX);
        DIV(ONE, ONE);
        CHECK_EQ(csr_read(fcsr), rm << 5);
    }
    csr_write(fcsr, 0);
}

static void test_harts(void)
{
    unsigned n = guest_hart_count();

    for (unsigned h = 1; h < n; h++)
        guest_hart_start(h, divide_for_long, (void *)(unsigned long)(h % 5));
    divide_for_long((void *)RUP);
    for (unsigned h = 1; h < n; h++)
        guest_hart_join(h);
}

static const struct guest_case cases[] = {
    {"fcsr", test_fcsr},
    {"flags", test_flags},
    {"trap", test_trap},
    {"dynamic modes", test_dynamic_modes},
    {"static modes", test_static_modes},
    {"reserved modes", test_reserved_modes},
    {"FS off", test_fs_off},
    {"FS dirty", test_fs_dirty},
    {"memory", test_memory},
    {"harts", test_harts},
};

int main(void)
{
    return GUEST_RUN(cases);
}
