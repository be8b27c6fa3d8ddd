/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: march=rv64gc_zfh cpu=rv64,zfh=on
 *
 * Halves as a program sees them: NaN boxing through memory, moves and
 * conversions, what is reserved, FS, and flags together with those of wider
 * operations.
 */
#include "guest.h"

#define NX 1
#define UF 2
#define OF 4
#define NV 16

#define RUP 3
#define RMM 4

#define FS_OFF   0
#define FS_CLEAN (UL(2) << 13)

/* ft2 after the text, which finds a in ft0 and t1, b in ft1. */
#define FP(text, a, b)                                                                             \
    ({                                                                                             \
        unsigned long r_;                                                                          \
        __asm__ volatile("fmv.d.x ft0, %1\n\tfmv.d.x ft1, %2\n\tmv t1, %1\n\t" text                \
                         "\n\tfmv.x.d %0, ft2"                                                     \
                         : "=r"(r_)                                                                \
                         : "r"((unsigned long)(a)), "r"((unsigned long)(b))                        \
                         : "t0", "t1", "ft0", "ft1", "ft2");                                       \
        r_;                                                                                        \
    })
/* The same for t0. */
#define TO_X(text, a) FP(text "\n\tfmv.d.x ft2, t0", a, 0)

#define BOX_H(x) (0xffffffffffff0000UL | (x))
#define BOX_S(x) (0xffffffff00000000UL | (x))

static void set_fs(unsigned long fs)
{
    csr_clear(mstatus, MSTATUS_FS);
    csr_set(mstatus, fs);
}

static unsigned long get_fs(void)
{
    return csr_read(mstatus) & MSTATUS_FS;
}

static void test_memory(void)
{
    static union {
        unsigned long d[2];
        unsigned char b[16];
    } m = {.d = {0x0123456789abcdef, 0}};
    unsigned long r;

    /* A load boxes and keeps all bits, those of a signaling NaN too; any alignment. */
    __asm__ volatile("flh ft0, 2(%1); fmv.x.d %0, ft0" : "=r"(r) : "r"(&m) : "ft0");
    CHECK_EQ(r, BOX_H(0x89ab));
    __asm__ volatile("flh ft0, 1(%1); fmv.x.d %0, ft0" : "=r"(r) : "r"(&m) : "ft0");
    CHECK_EQ(r, BOX_H(0xabcd));
    __asm__ volatile("sh %2, (%1); flh ft0, -8(%3); fmv.x.d %0, ft0"
                     : "=r"(r)
                     : "r"(&m.d[1]), "r"(0x7d01), "r"(&m.b[16])
                     : "ft0", "memory");
    CHECK_EQ(r, BOX_H(0x7d01));
    /* A store takes 16 bits, boxed or not. */
    __asm__ volatile("fmv.d.x ft0, %1; fsh ft0, 3(%0)"
                     :
                     : "r"(&m.d[1]), "r"(0x1111111122223333)
                     : "ft0", "memory");
    CHECK_EQ(m.d[1], 0x3333007d01);
    CHECK_EQ(m.d[0], 0x0123456789abcdef);
    CHECK_EQ(csr_read(fflags), 0);
}

static void test_moves(void)
{
    csr_write(fcsr, 0);
    CHECK_EQ(FP("fmv.h.x ft2, t1", 0x123456789abc7d01, 0), BOX_H(0x7d01));
    CHECK_EQ(TO_X("fmv.x.h t0, ft0", 0x123456789abc7d01), 0x7d01);
    CHECK_EQ(TO_X("fmv.x.h t0, ft0", BOX_H(0x8000)), ~0x7fffUL);
    CHECK_EQ(csr_read(fflags), 0);
}

/* What is no half in its box is the canonical NaN, and a half in its box is a NaN to the rest. */
static void test_boxes(void)
{
    csr_write(fcsr, 0);
    CHECK_EQ(FP("fcvt.s.h ft2, ft0", BOX_H(0x3c00), 0), BOX_S(0x3f800000));
    CHECK_EQ(FP("fcvt.d.h ft2, ft0", BOX_H(0xbc00), 0), 0xbff0000000000000);
    CHECK_EQ(FP("fcvt.s.h ft2, ft0", BOX_S(0x3c00), 0), BOX_S(0x7fc00000));
    CHECK_EQ(FP("fcvt.d.h ft2, ft0", 0x3c00, 0), 0x7ff8000000000000);
    CHECK_EQ(FP("fcvt.h.s ft2, ft0", 0x3f800000, 0), BOX_H(0x7e00));
    CHECK_EQ(TO_X("fclass.s t0, ft0", BOX_H(0x3c00)), 1 << 9);
    CHECK_EQ(TO_X("fclass.d t0, ft0", BOX_H(0x3c00)), 1 << 9);
    CHECK_EQ(csr_read(fflags), 0);
    CHECK_EQ(FP("fcvt.s.h ft2, ft0", BOX_H(0x7d01), 0), BOX_S(0x7fc00000));
    CHECK_EQ(csr_swap(fflags, 0), NV);
    CHECK_EQ(FP("fcvt.h.s ft2, ft0", BOX_S(0xff800001), 0), BOX_H(0x7e00));
    CHECK_EQ(csr_swap(fflags, 0), NV);
}

/* Arithmetic takes its operands from their boxes and rounds once. */
static void test_arithmetic(void)
{
    csr_write(fcsr, 0);
    CHECK_EQ(FP("fadd.h ft2, ft0, ft1", BOX_H(0x3c00), BOX_H(0x3c00)), BOX_H(0x4000));
    CHECK_EQ(FP("fmul.h ft2, ft0, ft1", BOX_H(0x3c00), BOX_S(0x3c00)), BOX_H(0x7e00));
    CHECK_EQ(FP("fsgnj.h ft2, ft0, ft1", BOX_H(0x7d01), BOX_H(0x8000)), BOX_H(0xfd01));
    CHECK_EQ(FP("fsgnjn.h ft2, ft0, ft1", 0x3c00, BOX_H(0)), BOX_H(0xfe00));
    CHECK_EQ(FP("fmin.h ft2, ft0, ft1", BOX_H(0x8000), BOX_H(0)), BOX_H(0x8000));
    CHECK_EQ(FP("fmax.h ft2, ft0, ft1", BOX_H(0x7e01), BOX_H(0x8001)), BOX_H(0x8001));
    CHECK_EQ(TO_X("feq.h t0, ft0, ft0", BOX_H(0x7e00)), 0);
    CHECK_EQ(TO_X("fclass.h t0, ft0", BOX_H(0x8001)), 1 << 2);
    CHECK_EQ(TO_X("fclass.h t0, ft0", BOX_S(0x8001)), 1 << 9);
    CHECK_EQ(csr_read(fflags), 0);
    CHECK_EQ(TO_X("flt.h t0, ft0, ft0", BOX_H(0x7e00)), 0);
    CHECK_EQ(csr_swap(fflags, 0), NV);
    /* Below the middle of two halves by 2^-31, which single precision would lose. */
    CHECK_EQ(FP("li t0, 0x3c01; fmv.h.x ft2, t0; fmadd.h ft2, ft0, ft1, ft2", BOX_H(0x1001),
                BOX_H(0x3bfe)),
             BOX_H(0x3c01));
    CHECK_EQ(FP("fmadd.h ft2, ft0, ft1, ft1, rup", BOX_H(0x0001), BOX_H(0x3c00)), BOX_H(0x3c01));
    CHECK_EQ(csr_swap(fflags, 0), NX);
    /* An inexact quotient that is tiny, and one that is tiny and exact. */
    CHECK_EQ(FP("fdiv.h ft2, ft0, ft1", BOX_H(0x0400), BOX_H(0x4200)), BOX_H(0x0155));
    CHECK_EQ(csr_swap(fflags, 0), UF | NX);
    CHECK_EQ(FP("fdiv.h ft2, ft0, ft1", BOX_H(0x0400), BOX_H(0x4400)), BOX_H(0x0100));
    CHECK_EQ(csr_swap(fflags, 0), 0);
    CHECK_EQ(FP("fadd.h ft2, ft0, ft0, rtz", BOX_H(0x7bff), 0), BOX_H(0x7bff));
    CHECK_EQ(csr_swap(fflags, 0), OF | NX);
    CHECK_EQ(FP("fcvt.h.l ft2, t1", 65519, 0), BOX_H(0x7bff));
    CHECK_EQ(csr_swap(fflags, 0), NX);
    CHECK_EQ(FP("fcvt.h.lu ft2, t1", ~0UL, 0), BOX_H(0x7c00));
    CHECK_EQ(csr_swap(fflags, 0), OF | NX);
    CHECK_EQ(TO_X("fcvt.wu.h t0, ft0", BOX_H(0xbc00)), 0);
    CHECK_EQ(csr_swap(fflags, 0), NV);
}

static void test_modes(void)
{
    /* 1 + 2^-11 lies between two halves; rup, rmm and the others, static and dynamic. */
    csr_write(fcsr, RUP << 5);
    CHECK_EQ(FP("fcvt.h.s ft2, ft0", BOX_S(0x3f801000), 0), BOX_H(0x3c01));
    CHECK_EQ(FP("fcvt.h.s ft2, ft0, rne", BOX_S(0x3f801000), 0), BOX_H(0x3c00));
    CHECK_EQ(FP("fcvt.h.s ft2, ft0, rtz", BOX_S(0x3f801000), 0), BOX_H(0x3c00));
    CHECK_EQ(FP("fcvt.h.s ft2, ft0, rdn", BOX_S(0xbf801000), 0), BOX_H(0xbc01));
    CHECK_EQ(FP("fcvt.h.s ft2, ft0, rmm", BOX_S(0x3f801000), 0), BOX_H(0x3c01));
    csr_write(frm, RMM);
    CHECK_EQ(FP("fcvt.h.d ft2, ft0", 0x3ff0020000000000, 0), BOX_H(0x3c01));
    CHECK_EQ(FP("fcvt.h.d ft2, ft0, rne", 0x3ff0020000000000, 0), BOX_H(0x3c00));
    CHECK_EQ(FP("fcvt.h.d ft2, ft0, rne", 0x3ff0020000000001, 0), BOX_H(0x3c01));
    CHECK_EQ(csr_swap(fcsr, 0), RMM << 5 | NX);
    /* Flags gather with those of doubles. */
    FP("fcvt.h.d ft2, ft0", 0x7fefffffffffffff, 0);
    CHECK_EQ(csr_read(fflags), OF | NX);
    FP("fcvt.h.s ft2, ft0", BOX_S(1), 0);
    CHECK_EQ(csr_read(fflags), OF | UF | NX);
    FP("fdiv.d ft2, ft0, ft0", 0, 0);
    CHECK_EQ(csr_swap(fcsr, 0), NV | OF | UF | NX);
}

/* The instruction in `text` is illegal and writes neither ft2 nor flags. */
#define CHECK_ILLEGAL(text)                                                                        \
    do {                                                                                           \
        struct guest_caught c_;                                                                    \
        guest_catch(&c_);                                                                          \
        CHECK_EQ(FP("fmv.d.x ft2, x0\n\tli t0, 7\n\t" text, BOX_H(0x3c00), BOX_H(1)), 0);          \
        CHECK_EQ(c_.cause, CAUSE_ILLEGAL);                                                         \
        guest_catch(NULL);                                                                         \
        CHECK_EQ(csr_read(fflags), 0);                                                             \
    } while (0)

static void test_reserved(void)
{
    for (unsigned frm = 5; frm < 8; frm++) {
        csr_write(fcsr, frm << 5);
        CHECK_ILLEGAL("fcvt.h.s ft2, ft0");
        CHECK_ILLEGAL("fcvt.h.d ft2, ft0");
        CHECK_ILLEGAL("fadd.h ft2, ft0, ft1");
        CHECK_ILLEGAL("fmadd.h ft2, ft0, ft1, ft1");
        CHECK_ILLEGAL("fsqrt.h ft2, ft0");
        CHECK_ILLEGAL("fcvt.h.l ft2, t0");
        CHECK_ILLEGAL("fcvt.l.h t0, ft0");
        /* An exact conversion that asks for frm. */
        CHECK_ILLEGAL(".insn r 0x53, 7, 0x20, ft2, ft0, x2");
        CHECK_ILLEGAL(".insn r 0x53, 7, 0x21, ft2, ft0, x2");
        CHECK_EQ(FP("fcvt.s.h ft2, ft0", BOX_H(0x3c00), 0), BOX_S(0x3f800000));
        CHECK_EQ(FP("fmv.h.x ft2, t1", 0x3c00, 0), BOX_H(0x3c00));
        CHECK_EQ(FP("fmin.h ft2, ft0, ft1", BOX_H(0x3c00), BOX_H(1)), BOX_H(1));
        CHECK_EQ(FP("fmul.h ft2, ft0, ft0, rne", BOX_H(0x3c00), 0), BOX_H(0x3c00));
        csr_write(fcsr, 0);
    }
    /* Modes 5 and 6, conversions from a half to itself, fields that must be 0. */
    CHECK_ILLEGAL(".insn r 0x53, 5, 0x22, ft2, ft0, x0");
    CHECK_ILLEGAL(".insn r 0x53, 6, 0x22, ft2, ft0, x1");
    CHECK_ILLEGAL(".insn r 0x53, 0, 0x22, ft2, ft0, x2");
    CHECK_ILLEGAL(".insn r 0x53, 0, 0x72, ft2, ft0, x2");
    CHECK_ILLEGAL(".insn r 0x53, 0, 0x7a, ft2, t0, x2");
    CHECK_ILLEGAL(".insn r 0x53, 1, 0x7a, ft2, t0, x0");
    CHECK_ILLEGAL(".insn r 0x53, 5, 0x02, ft2, ft0, ft1");
    CHECK_ILLEGAL(".insn r 0x53, 7, 0x2e, ft2, ft0, x1");
    CHECK_ILLEGAL(".insn r 0x53, 3, 0x12, ft2, ft0, ft1");
    CHECK_ILLEGAL(".insn r 0x53, 3, 0x52, t0, ft0, ft1");
    CHECK_ILLEGAL(".insn r 0x53, 2, 0x72, t0, ft0, x0");
}

static void test_fs(void)
{
    static unsigned long memory = 0x3c00;
    static const char *const names[] = {"flh",      "fsh",      "fmv.x.h",  "fmv.h.x",
                                        "fcvt.s.h", "fcvt.h.s", "fcvt.d.h", "fcvt.h.d"};
    struct guest_caught c;
    unsigned long cause[8], t;

    set_fs(FS_OFF);
#define TRY(n, ...)                                                                                \
    guest_catch(&c);                                                                               \
    __asm__ volatile(__VA_ARGS__ : "=&r"(t) : "r"(&memory) : "memory");                            \
    cause[n] = c.cause;
    TRY(0, "li %0, 0; flh ft0, (%1)")
    TRY(1, "li %0, 0; fsh ft0, (%1)")
    TRY(2, "fmv.x.h %0, ft0")
    TRY(3, "li %0, 0; fmv.h.x ft0, %0")
    TRY(4, "li %0, 0; fcvt.s.h ft0, ft0")
    TRY(5, "li %0, 0; fcvt.h.s ft0, ft0")
    TRY(6, "li %0, 0; fcvt.d.h ft0, ft0")
    TRY(7, "li %0, 0; fcvt.h.d ft0, ft0")
#undef TRY
    guest_catch(NULL);
    CHECK_EQ(get_fs(), FS_OFF);
    set_fs(MSTATUS_FS);
    for (unsigned i = 0; i < 8; i++)
        if (cause[i] != CAUSE_ILLEGAL)
            guest_fail(__FILE__, __LINE__, names[i], cause[i], CAUSE_ILLEGAL);
    CHECK_EQ(memory, 0x3c00);

#define CHECK_FS(wanted, ...)                                                                      \
    set_fs(FS_CLEAN);                                                                              \
    __asm__ volatile(__VA_ARGS__ : "=&r"(t) : "r"(&memory) : "memory", "ft0", "ft1");              \
    CHECK_EQ(get_fs(), wanted);                                                                    \
    CHECK_EQ(csr_read(mstatus) >> 63, (wanted) == MSTATUS_FS)
    CHECK_FS(MSTATUS_FS, "li %0, 0; flh ft0, (%1)");
    CHECK_FS(MSTATUS_FS, "li %0, 0; fmv.h.x ft0, %1");
    CHECK_FS(MSTATUS_FS, "li %0, 0; fcvt.s.h ft0, ft0");
    CHECK_FS(MSTATUS_FS, "li %0, 0; fcvt.h.d ft0, ft0");
    CHECK_FS(FS_CLEAN, "li %0, 0; fsh ft0, (%1)");
    CHECK_FS(MSTATUS_FS, "li %0, 0; fmul.h ft0, ft1, ft1");
    CHECK_FS(FS_CLEAN, "fmv.x.h %0, ft0");
    CHECK_FS(FS_CLEAN, "fclass.h %0, ft0");
    set_fs(MSTATUS_FS);
    csr_write(fcsr, 0);
}

static const struct guest_case cases[] = {
    {"memory", test_memory}, {"moves", test_moves},           {"boxes", test_boxes},
    {"modes", test_modes},   {"arithmetic", test_arithmetic}, {"reserved", test_reserved},
    {"FS", test_fs},
};

int main(void)
{
    return GUEST_RUN(cases);
}
