/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: march=rv64gc_zfh cpu=max
 *
 * The additional floating-point instructions (Zfa) as a program sees them: all
 * constants, NaNs, rounding in static and dynamic modes, conversion modulo
 * 2^32, what is reserved, FS.  The assembler need not know them.
 */
#include "guest.h"

#define NX 1
#define NV 16

#define RUP 3

#define FS_OFF   0
#define FS_CLEAN (UL(2) << 13)

#define S 0
#define D 1
#define H 2

/* ft2 after the text, which finds a in ft0, b in ft1. */
#define FP(text, a, b)                                                                             \
    ({                                                                                             \
        unsigned long r_;                                                                          \
        __asm__ volatile("fmv.d.x ft0, %1\n\tfmv.d.x ft1, %2\n\t" text "\n\tfmv.x.d %0, ft2"       \
                         : "=r"(r_)                                                                \
                         : "r"((unsigned long)(a)), "r"((unsigned long)(b))                        \
                         : "t0", "ft0", "ft1", "ft2");                                             \
        r_;                                                                                        \
    })

/* The instructions; n is the width, rm a number. */
#define STR_(x)          #x
#define STR(x)           STR_(x)
#define OP_FP(f3, f7, n) ".insn r 0x53, " STR(f3) ", " #f7 " + " STR(n) ", "
#define FMINM(n)         OP_FP(2, 0x14, n) "ft2, ft0, ft1"
#define FMAXM(n)         OP_FP(3, 0x14, n) "ft2, ft0, ft1"
#define FROUND(n, rm)    OP_FP(rm, 0x20, n) "ft2, ft0, x4"
#define FROUNDNX(n, rm)  OP_FP(rm, 0x20, n) "ft2, ft0, x5"
#define FLEQ(n)          OP_FP(4, 0x50, n) "t0, ft0, ft1\n\tfmv.d.x ft2, t0"
#define FLTQ(n)          OP_FP(5, 0x50, n) "t0, ft0, ft1\n\tfmv.d.x ft2, t0"
#define FCVTMOD          OP_FP(1, 0x61, 0) "t0, ft0, x8\n\tfmv.d.x ft2, t0"

#define BOX_H(x) (0xffffffffffff0000UL | (x))
#define BOX_S(x) (0xffffffff00000000UL | (x))

#define ONE   0x3ff0000000000000UL
#define QNAN  0x7ff8000000000000UL
#define SNAN  0x7ff0000000000001UL
#define MINUS (1UL << 63)

/* Unprivileged, "Zfa", table of FLI.S: exponent and the two leading bits of the significand. */
static const struct {
    signed char exp;
    unsigned char quarters;
} constants[32] = {
    [2] = {-16, 0}, [3] = {-15, 0}, [4] = {-8, 0},  [5] = {-7, 0},  [6] = {-4, 0},  [7] = {-3, 0},
    [8] = {-2, 0},  [9] = {-2, 1},  [10] = {-2, 2}, [11] = {-2, 3}, [12] = {-1, 0}, [13] = {-1, 1},
    [14] = {-1, 2}, [15] = {-1, 3}, [16] = {0, 0},  [17] = {0, 1},  [18] = {0, 2},  [19] = {0, 3},
    [20] = {1, 0},  [21] = {1, 1},  [22] = {1, 2},  [23] = {2, 0},  [24] = {3, 0},  [25] = {4, 0},
    [26] = {7, 0},  [27] = {8, 0},  [28] = {15, 0}, [29] = {16, 0},
};

static unsigned long constant(unsigned index, unsigned exp_bits, unsigned frac_bits)
{
    unsigned long bias = (1UL << (exp_bits - 1)) - 1, inf = ((1UL << exp_bits) - 1) << frac_bits;
    long exp = (long)bias + constants[index].exp;

    if (index == 0)
        return 1UL << (exp_bits + frac_bits) | bias << frac_bits;
    if (index == 1)
        return 1UL << frac_bits;
    if (index == 30 || exp >= (long)(2 * bias + 1))
        return inf;
    if (index == 31)
        return inf | 1UL << (frac_bits - 1);
    if (exp <= 0)
        return 1UL << (frac_bits - 1) >> -exp;
    return (unsigned long)exp << frac_bits | (unsigned long)constants[index].quarters
                                                 << (frac_bits - 2);
}

/* FLI of width n into ft2. */
#define CHECK_FLI(n, index, want)                                                                  \
    CHECK_EQ(FP(".insn r 0x53, 0, 0x78 + " STR(n) ", ft2, x" #index ", x1", 0, 0), want)
#define CHECK_FLIS(index)                                                                          \
    CHECK_FLI(S, index, BOX_S(constant(index, 8, 23)));                                            \
    CHECK_FLI(D, index, constant(index, 11, 52));                                                  \
    CHECK_FLI(H, index, BOX_H(constant(index, 5, 10)))

static void set_fs(unsigned long fs)
{
    csr_clear(mstatus, MSTATUS_FS);
    csr_set(mstatus, fs);
}

static unsigned long get_fs(void)
{
    return csr_read(mstatus) & MSTATUS_FS;
}

static void test_constants(void)
{
    csr_write(fcsr, 0);
    CHECK_FLIS(0);
    CHECK_FLIS(1);
    CHECK_FLIS(2);
    CHECK_FLIS(3);
    CHECK_FLIS(4);
    CHECK_FLIS(5);
    CHECK_FLIS(6);
    CHECK_FLIS(7);
    CHECK_FLIS(8);
    CHECK_FLIS(9);
    CHECK_FLIS(10);
    CHECK_FLIS(11);
    CHECK_FLIS(12);
    CHECK_FLIS(13);
    CHECK_FLIS(14);
    CHECK_FLIS(15);
    CHECK_FLIS(16);
    CHECK_FLIS(17);
    CHECK_FLIS(18);
    CHECK_FLIS(19);
    CHECK_FLIS(20);
    CHECK_FLIS(21);
    CHECK_FLIS(22);
    CHECK_FLIS(23);
    CHECK_FLIS(24);
    CHECK_FLIS(25);
    CHECK_FLIS(26);
    CHECK_FLIS(27);
    CHECK_FLIS(28);
    CHECK_FLIS(29);
    CHECK_FLIS(30);
    CHECK_FLIS(31);
    CHECK_EQ(csr_read(fflags), 0);
}

static void test_minmax(void)
{
    csr_write(fcsr, 0);
    CHECK_EQ(FP(FMINM(D), MINUS, 0), MINUS);
    CHECK_EQ(FP(FMAXM(D), MINUS, 0), 0);
    CHECK_EQ(FP(FMINM(D), ONE, QNAN | MINUS), QNAN);
    CHECK_EQ(FP(FMAXM(S), BOX_S(0x3f800000), 0x3f800000), BOX_S(0x7fc00000));
    CHECK_EQ(FP(FMAXM(H), BOX_H(0x3c00), BOX_H(0x4000)), BOX_H(0x4000));
    CHECK_EQ(FP(FMINM(H), BOX_H(0x3c00), BOX_S(0x4000)), BOX_H(0x7e00));
    CHECK_EQ(csr_read(fflags), 0);
    CHECK_EQ(FP(FMAXM(D), SNAN, ONE), QNAN);
    CHECK_EQ(csr_swap(fflags, 0), NV);
}

static void test_compare(void)
{
    csr_write(fcsr, 0);
    CHECK_EQ(FP(FLEQ(D), ONE, ONE), 1);
    CHECK_EQ(FP(FLTQ(D), ONE, ONE), 0);
    CHECK_EQ(FP(FLTQ(D), ONE | MINUS, ONE), 1);
    CHECK_EQ(FP(FLEQ(D), MINUS, 0), 1);
    CHECK_EQ(FP(FLTQ(S), BOX_S(0x3f800000), BOX_S(0x7f800000)), 1);
    CHECK_EQ(FP(FLEQ(H), BOX_H(0x0001), BOX_H(0x8001)), 0);
    CHECK_EQ(FP(FLEQ(D), QNAN, ONE), 0);
    CHECK_EQ(FP(FLTQ(S), 0, BOX_S(0x3f800000)), 0);
    CHECK_EQ(FP(FLEQ(H), BOX_H(0x7e00), BOX_H(0x7e00)), 0);
    CHECK_EQ(csr_read(fflags), 0);
    CHECK_EQ(FP(FLTQ(D), SNAN, ONE), 0);
    CHECK_EQ(csr_swap(fflags, 0), NV);
}

static void test_round(void)
{
    /* -2.5 and its kind: the five modes, and frm. */
    csr_write(fcsr, RUP << 5);
    CHECK_EQ(FP(FROUND(D, 0), 0xc004000000000000, 0), 0xc000000000000000);
    CHECK_EQ(FP(FROUND(D, 1), 0xc004000000000000, 0), 0xc000000000000000);
    CHECK_EQ(FP(FROUND(D, 2), 0xc004000000000000, 0), 0xc008000000000000);
    CHECK_EQ(FP(FROUND(D, 3), 0xc004000000000000, 0), 0xc000000000000000);
    CHECK_EQ(FP(FROUND(D, 4), 0xc004000000000000, 0), 0xc008000000000000);
    CHECK_EQ(FP(FROUND(S, 7), BOX_S(0x40200000), 0), BOX_S(0x40400000));
    CHECK_EQ(FP(FROUND(H, 7), BOX_H(0x0001), 0), BOX_H(0x3c00));
    CHECK_EQ(FP(FROUND(H, 7), BOX_H(0x8001), 0), BOX_H(0x8000));
    CHECK_EQ(FP(FROUND(S, 7), 0x40200000, 0), BOX_S(0x7fc00000));
    CHECK_EQ(FP(FROUND(D, 7), MINUS | 0x7ff0000000000000, 0), MINUS | 0x7ff0000000000000);
    CHECK_EQ(FP(FROUNDNX(D, 7), 0x43f0000000000001, 0), 0x43f0000000000001);
    CHECK_EQ(csr_read(fcsr), RUP << 5);
    CHECK_EQ(FP(FROUNDNX(D, 4), 0x3fe0000000000000, 0), ONE);
    CHECK_EQ(csr_swap(fflags, 0), NX);
    CHECK_EQ(FP(FROUNDNX(H, 7), BOX_H(0x63ff), 0), BOX_H(0x6400));
    CHECK_EQ(csr_swap(fflags, 0), NX);
    CHECK_EQ(FP(FROUND(D, 0), SNAN, 0), QNAN);
    CHECK_EQ(csr_swap(fcsr, 0), RUP << 5 | NV);
}

static void test_modular(void)
{
    csr_write(fcsr, 0);
    CHECK_EQ(FP(FCVTMOD, 0xc000000000000000, 0), -2UL);
    CHECK_EQ(FP(FCVTMOD, 0xc1e0000000000000, 0), ~0x7fffffffUL);
    CHECK_EQ(csr_read(fflags), 0);
    CHECK_EQ(FP(FCVTMOD, 0xbff8000000000000, 0), -1UL);
    CHECK_EQ(csr_swap(fflags, 0), NX);
    /* 2^31, 2^32 + 5, -(2^52 + 3), what is a multiple of 2^32, infinity, NaN. */
    CHECK_EQ(FP(FCVTMOD, 0x41e0000000000000, 0), ~0x7fffffffUL);
    CHECK_EQ(csr_swap(fflags, 0), NV);
    CHECK_EQ(FP(FCVTMOD, 0x41f0000000580000, 0), 5);
    CHECK_EQ(csr_swap(fflags, 0), NV);
    CHECK_EQ(FP(FCVTMOD, 0xc330000000000003, 0), -3UL);
    CHECK_EQ(FP(FCVTMOD, 0x4530000000000001, 0), 0);
    CHECK_EQ(FP(FCVTMOD, 0x7ff0000000000000, 0), 0);
    CHECK_EQ(csr_swap(fflags, 0), NV);
    CHECK_EQ(FP(FCVTMOD, QNAN, 0), 0);
    CHECK_EQ(csr_swap(fflags, 0), NV);
}

/* The instruction in `text` is illegal and writes neither ft2 nor flags. */
#define CHECK_ILLEGAL(text)                                                                        \
    do {                                                                                           \
        struct guest_caught c_;                                                                    \
        guest_catch(&c_);                                                                          \
        CHECK_EQ(FP("fmv.d.x ft2, x0\n\t" text, 0x3fe0000000000000, ONE), 0);                      \
        CHECK_EQ(c_.cause, CAUSE_ILLEGAL);                                                         \
        guest_catch(NULL);                                                                         \
        CHECK_EQ(csr_read(fflags), 0);                                                             \
    } while (0)

static void test_reserved(void)
{
    for (unsigned frm = 5; frm < 8; frm++) {
        csr_write(fcsr, frm << 5);
        CHECK_ILLEGAL(FROUND(S, 7));
        CHECK_ILLEGAL(FROUNDNX(D, 7));
        CHECK_ILLEGAL(FROUND(H, 7));
        CHECK_EQ(FP(FROUND(D, 0), 0x3fe0000000000000, 0), 0);
        CHECK_EQ(FP(FCVTMOD, ONE, 0), 1);
        CHECK_EQ(FP(FMINM(D), ONE, ONE), ONE);
        csr_write(fcsr, 0);
    }
    CHECK_ILLEGAL(FROUND(D, 5));
    CHECK_ILLEGAL(FROUNDNX(S, 6));
    /* fcvtmod.w.d in other modes and other widths, fli with a function or another field. */
    CHECK_ILLEGAL(".insn r 0x53, 0, 0x61, x0, ft0, x8");
    CHECK_ILLEGAL(".insn r 0x53, 7, 0x61, x0, ft0, x8");
    CHECK_ILLEGAL(".insn r 0x53, 1, 0x60, x0, ft0, x8");
    CHECK_ILLEGAL(".insn r 0x53, 1, 0x78, ft2, x0, x1");
    CHECK_ILLEGAL(".insn r 0x53, 0, 0x7b, ft2, x0, x1");
    /* RV32's moves of halves of a double: fmvh.x.d, fmvp.d.x. */
    CHECK_ILLEGAL(".insn r 0x53, 0, 0x71, x0, ft0, x1");
    CHECK_ILLEGAL(".insn r 0x53, 0, 0x59, ft2, x0, x0");
}

static void test_fs(void)
{
    struct guest_caught c;
    unsigned long cause[4], t;

    set_fs(FS_OFF);
#define TRY(n, ...)                                                                                \
    guest_catch(&c);                                                                               \
    __asm__ volatile(__VA_ARGS__ : "=&r"(t));                                                      \
    cause[n] = c.cause;
    TRY(0, "li %0, 0; .insn r 0x53, 0, 0x78, ft0, x16, x1")
    TRY(1, ".insn r 0x53, 1, 0x61, %0, ft0, x8")
    TRY(2, ".insn r 0x53, 4, 0x51, %0, ft0, ft0")
    TRY(3, "li %0, 0; .insn r 0x53, 0, 0x20, ft0, ft0, x4")
#undef TRY
    guest_catch(NULL);
    CHECK_EQ(get_fs(), FS_OFF);
    set_fs(FS_CLEAN);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(cause[i], CAUSE_ILLEGAL);
    __asm__ volatile(".insn r 0x53, 0, 0x78, ft0, x16, x1" : : : "ft0");
    CHECK_EQ(get_fs(), MSTATUS_FS);
    set_fs(FS_CLEAN);
    __asm__ volatile(".insn r 0x53, 0, 0x20, ft0, ft0, x4" : : : "ft0");
    CHECK_EQ(get_fs(), MSTATUS_FS);
    set_fs(MSTATUS_FS);
    csr_write(fcsr, 0);
}

static const struct guest_case cases[] = {
    {"constants", test_constants},
    {"minimum and maximum", test_minmax},
    {"comparisons", test_compare},
    {"rounding", test_round},
    {"modulo 2^32", test_modular},
    {"reserved", test_reserved},
    {"FS", test_fs},
};

int main(void)
{
    return GUEST_RUN(cases);
}
