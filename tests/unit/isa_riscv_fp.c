/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests isa/riscv/fp.c, fp_soft.c, fp_ops.h, fp_half.h and the texts sem_f.inc,
 * sem_d.inc, sem_zfh.inc and sem_zfa.inc, which are compiled here under a small reading
 * of their own.
 *
 * Results and flags are compared, bit for bit, with those of QEMU's soft-float
 * in tests/unit/data/fp_golden.txt (made by tests/tools/gen_fp_golden.sh).
 * For larger runs the program takes the oracle's stream:
 *
 *   qemu-riscv64 fp_oracle stream FIRST COUNT | unit_isa_riscv_fp compare FIRST COUNT
 */
#include "isa/riscv/fp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "isa/riscv/fp_interp.h"
#include "isa/riscv/fp_soft.h"
#include "tests/guest/common/fp_vectors.h"

/* ---- a reading of the semantics: what traps stops, memory is a few bytes ---- */

typedef uint64_t val;

static unsigned char memory[32];

static val load(uint64_t addr, unsigned size)
{
    val v = 0;

    assert_true(addr + size <= sizeof(memory));
    memcpy(&v, memory + addr, size);
    return v;
}

static void store(uint64_t addr, unsigned size, val v)
{
    assert_true(addr + size <= sizeof(memory));
    memcpy(memory + addr, &v, size);
}

static bool go_slow;

#define SEM(name)                                                                                  \
    static void sem_##name(struct rv_hart *h, bool slow, int64_t imm, unsigned rd, unsigned rs1,   \
                           unsigned rs2, unsigned rs3, unsigned rm)
#define X(r)        (h->x[r])
#define W(r, v)     ((void)(h->x[r] = (v)))
#define F(r)        (h->f[r])
#define WF(r, v)    ((void)(h->f[r] = (v)))
#define K(c)        ((val)(int64_t)(c))
#define ARG(f)      (f)
#define v_add(a, b) ((a) + (b))
#define v_and(a, b) ((a) & (b))
#define v_or(a, b)  ((a) | (b))
#define v_xor(a, b) ((a) ^ (b))
#define v_not(a)    (~(a))
#define v_sx16(a)   ((val)(int16_t)(a))
#define v_sx32(a)   ((val)(int32_t)(a))
#define ILLEGAL()                                                                                  \
    do {                                                                                           \
        rv_raise(h, CAUSE_ILLEGAL, 0);                                                             \
        return;                                                                                    \
    } while (0)
#define GO_SLOW()                                                                                  \
    do {                                                                                           \
        go_slow = true;                                                                            \
        return;                                                                                    \
    } while (0)
#define FP_NEED()                                                                                  \
    do {                                                                                           \
        if (!(h->csr.mstatus & MSTATUS_FS))                                                        \
            ILLEGAL();                                                                             \
    } while (0)
#define FP_DIRTY()                                                                                 \
    do {                                                                                           \
        FP_NEED();                                                                                 \
        h->csr.mstatus |= MSTATUS_FS;                                                              \
    } while (0)
#define LOAD(v, size, addr)      val v = load(addr, size)
#define STORE(size, addr, value) store(addr, size, value)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
/* clang-format off */
#include "isa/riscv/sem_f.inc"
#include "isa/riscv/sem_d.inc"
#include "isa/riscv/sem_zfh.inc"
#include "isa/riscv/sem_zfa.inc"
/* clang-format on */
#pragma GCC diagnostic pop

typedef void sem_fn(struct rv_hart *h, bool slow, int64_t imm, unsigned rd, unsigned rs1,
                    unsigned rs2, unsigned rs3, unsigned rm);

static const struct {
    sem_fn *fn;
    bool to_x, from_x;
} sems[VECTOR_OPS] = {
#define DEST_F                                        false
#define DEST_X                                        true
#define FROM_S                                        false
#define FROM_D                                        false
#define FROM_I                                        true
#define FROM_H                                        false
#define FROM_SH                                       false
#define FROM_DH                                       false
#define FROM_IH                                       true
#define FROM_DW                                       false
#define V(name, mnemonic, dest, args, kind, operands) {sem_##name, DEST_##dest, FROM_##kind},
#include "tests/guest/common/fp_vectors.def"
};

enum { RS1 = 10, RS2, RS3, RD };

static void set_operands(struct rv_hart *h, struct vector v)
{
    h->f[RS1] = h->x[RS1] = v.a;
    h->f[RS2] = v.b;
    h->f[RS3] = v.c;
}

/* The fast variant of an instruction, and the slow one if it asks for that.  FLI has an index. */
static void execute(struct rv_hart *h, sem_fn *fn, unsigned rm)
{
    int64_t imm = h->x[RS1] & 31;

    go_slow = false;
    fn(h, false, imm, RD, RS1, RS2, RS3, rm);
    if (go_slow)
        fn(h, true, imm, RD, RS1, RS2, RS3, rm);
}

/* One instruction inside rv_fp_enter; flags are cleared before. */
static struct vector_result run(struct rv_hart *h, enum vector_op op, unsigned rm, struct vector v)
{
    struct vector_result r;

    set_operands(h, v);
    rv_fp_flags_set(h, 0);
    execute(h, sems[op].fn, rm);
    r.value = sems[op].to_x ? h->x[RD] : h->f[RD];
    r.flags = rv_fp_flags_get(h);
    return r;
}

static struct rv_hart *hart_new(void)
{
    size_t size = align_up(sizeof(struct rv_hart), CACHE_LINE);
    struct rv_hart *h = aligned_alloc(CACHE_LINE, size);

    assert_non_null(h);
    memset(h, 0, size);
    h->csr.mstatus = MSTATUS_FS;
    rv_fp_enter(h);
    return h;
}

static void hart_free(struct rv_hart *h)
{
    rv_fp_leave(h);
    free(h);
}

/* Vectors are made in the host's own mode, outside of the guest's. */
static struct vector make_vector(struct rv_hart *h, enum vector_op op, uint64_t i)
{
    struct vector v;

    rv_fp_leave(h);
    v = vector_make(op, i);
    rv_fp_enter(h);
    return v;
}

static bool same(struct vector_result a, struct vector_result b)
{
    return a.value == b.value && a.flags == b.flags;
}

static void print_difference(enum vector_op op, unsigned mode, struct vector v,
                             struct vector_result got, struct vector_result want)
{
    print_error("%s mode %u a=%016llx b=%016llx c=%016llx: got %016llx flags %02x, "
                "want %016llx flags %02x\n",
                vector_ops[op].name, mode, (unsigned long long)v.a, (unsigned long long)v.b,
                (unsigned long long)v.c, (unsigned long long)got.value, got.flags,
                (unsigned long long)want.value, want.flags);
}

/* ---- against the oracle ---- */

/* One line: an operation in one mode.  Returns how many groups differ. */
static unsigned check_line(struct rv_hart *h, enum vector_op op, unsigned mode, char *hashes)
{
    unsigned bad = 0;
    uint64_t i = 0;
    char *end;

    rv_fp_rm_set(h, (uint8_t)mode);
    for (;; i += VECTOR_GROUP) {
        uint32_t want = (uint32_t)strtoul(hashes, &end, 16), got = 0;

        if (end == hashes)
            break;
        hashes = end;
        for (uint64_t j = i; j < i + VECTOR_GROUP; j++)
            got = vector_hash(got, run(h, op, FP_DYN, make_vector(h, op, j)));
        if (got == want)
            continue;
        bad++;
        print_error("%s mode %u differs in vectors %u to %u\n", vector_ops[op].name, mode,
                    (unsigned)i, (unsigned)i + VECTOR_GROUP - 1);
    }
    assert_true(i >= VECTOR_GROUP);
    return bad;
}

static void test_golden(void **state)
{
    static char line[65536];
    FILE *f = fopen(MH_UNIT_DATA "/fp_golden.txt", "r");
    struct rv_hart *h = hart_new();
    unsigned bad = 0, lines = 0;

    (void)state;
    assert_non_null(f);
    for (; fgets(line, sizeof(line), f); lines++) {
        char *name = strtok(line, " "), *mode = strtok(NULL, " ");

        assert_true(lines < VECTOR_OPS * VECTOR_MODES);
        assert_string_equal(name, vector_ops[lines / VECTOR_MODES].name);
        assert_int_equal(atoi(mode), lines % VECTOR_MODES);
        bad += check_line(h, lines / VECTOR_MODES, lines % VECTOR_MODES, strtok(NULL, "\n"));
    }
    assert_int_equal(lines, VECTOR_OPS * VECTOR_MODES);
    assert_int_equal(bad, 0);
    fclose(f);
    hart_free(h);
}

static uint64_t compare_stream(struct rv_hart *h, enum vector_op op, unsigned mode, uint64_t first,
                               uint64_t count)
{
    uint64_t bad = 0;

    rv_fp_rm_set(h, (uint8_t)mode);
    for (uint64_t i = first; i < first + count; i++) {
        struct vector v = make_vector(h, op, i);
        struct vector_result got = run(h, op, FP_DYN, v), want = {0};

        if (fread(&want.value, 8, 1, stdin) != 1 || fread(&want.flags, 1, 1, stdin) != 1) {
            print_error("the stream ends early\n");
            exit(1);
        }
        if (!same(got, want) && bad++ < 5)
            print_difference(op, mode, v, got, want);
    }
    return bad;
}

static int compare(uint64_t first, uint64_t count)
{
    struct rv_hart *h = hart_new();
    uint64_t bad = 0;

    for (unsigned op = 0; op < VECTOR_OPS; op++)
        for (unsigned mode = 0; mode < VECTOR_MODES; mode++)
            bad += compare_stream(h, op, mode, first, count);
    print_message("%llu vectors, %llu differ\n",
                  (unsigned long long)(VECTOR_OPS * VECTOR_MODES * count), (unsigned long long)bad);
    hart_free(h);
    return bad != 0;
}

/* ---- rounding modes ---- */

/* A static mode gives what the same mode in frm gives, whatever frm holds. */
static void test_static_mode(void **state)
{
    struct rv_hart *h = hart_new();

    (void)state;
    for (unsigned op = 0; op < VECTOR_OPS; op++)
        for (uint64_t i = 0; i < 20000; i += 97)
            for (unsigned mode = 0; mode < VECTOR_MODES; mode++) {
                struct vector v = make_vector(h, op, i);
                struct vector_result dynamic, fixed;

                rv_fp_rm_set(h, (uint8_t)mode);
                dynamic = run(h, op, FP_DYN, v);
                rv_fp_rm_set(h, (uint8_t)(i % 8));
                fixed = run(h, op, mode, v);
                if (!same(fixed, dynamic))
                    print_difference(op, mode, v, fixed, dynamic);
                assert_true(same(fixed, dynamic));
            }
    assert_false(h->trap.pending);
    hart_free(h);
}

#define H(a)     v_unbox_h(a)
#define S(a)     v_unbox_s(a)
#define D(a)     (a)
#define BOX(x)   v_box_s(x)
#define BOX_H(x) v_box_h(x)
#define FP_ROUNDS(name, operands, soft)                                                            \
    static uint64_t soft_##name(uint64_t a, uint64_t b, uint64_t c, struct soft_env *env)          \
    {                                                                                              \
        (void)a, (void)b, (void)c;                                                                 \
        return soft;                                                                               \
    }
#include "isa/riscv/fp_ops.def"

static const struct {
    enum vector_op op;
    uint64_t (*fn)(uint64_t a, uint64_t b, uint64_t c, struct soft_env *env);
} softs[] = {
#define FP_ROUNDS(name, operands, soft) {VECTOR_##name, soft_##name},
#include "isa/riscv/fp_ops.def"
};

/* Software and the host's unit agree in the four modes that both have. */
static void test_soft_is_host(void **state)
{
    struct rv_hart *h = hart_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(softs); n++)
        for (uint64_t i = 0; i < 40000; i += 13) {
            struct vector v = make_vector(h, softs[n].op, i);
            struct soft_env env = {.mode = (enum fp_mode)(i % 4)};
            struct vector_result host = run(h, softs[n].op, env.mode, v), soft;

            soft.value = softs[n].fn(v.a, v.b, v.c, &env);
            soft.flags = env.flags;
            if (!same(soft, host))
                print_difference(softs[n].op, env.mode, v, soft, host);
            assert_true(same(soft, host));
        }
    hart_free(h);
}

/* The slow variant does all that the fast one does; without an FMA in the host it has to. */
static void test_slow_is_fast(void **state)
{
    struct rv_hart *h = hart_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(softs); n++)
        for (uint64_t i = 0; i < 40000; i += 17) {
            struct vector v = make_vector(h, softs[n].op, i);
            struct vector_result fast = run(h, softs[n].op, i % 5, v), slow;

            rv_fp_flags_set(h, 0);
            rv_fp_rm_set(h, (uint8_t)(i % 7 % 5)); /* the host may be in another mode */
            sems[softs[n].op].fn(h, true, 0, RD, RS1, RS2, RS3, i % 5);
            slow.value = sems[softs[n].op].to_x ? h->x[RD] : h->f[RD];
            slow.flags = rv_fp_flags_get(h);
            assert_true(same(slow, fast));
            rv_fp_flags_set(h, 0);
            slow = (struct vector_result){
                rv_fp_soft(h, (enum rv_fp_op)n, (enum fp_mode)(i % 5), v.a, v.b, v.c).value,
                rv_fp_flags_get(h)};
            assert_true(same(slow, fast));
        }
    hart_free(h);
}

/* Whether the rm field of op may name a dynamic mode at all. */
static bool has_rm(enum vector_op op)
{
    static const char *const without[] = {"fsgnj", "fmin",   "fmax", "feq", "flt",
                                          "fle",   "fclass", "fmv",  "fli", "fcvtmod"};

    for (unsigned i = 0; i < ARRAY_LEN(without); i++)
        if (!strncmp(vector_ops[op].name, without[i], strlen(without[i])))
            return false;
    return true;
}

/* Reserved values of frm are illegal for every instruction that asks for frm, even an exact one. */
static void test_reserved_mode(void **state)
{
    struct rv_hart *h = hart_new();

    (void)state;
    for (unsigned op = 0; op < VECTOR_OPS; op++)
        for (uint8_t frm = 5; frm < 8; frm++) {
            struct vector v = make_vector(h, op, 77);

            rv_fp_rm_set(h, frm);
            h->trap.pending = false;
            h->f[RD] = h->x[RD] = 0x1234;
            run(h, op, FP_DYN, v);
            assert_int_equal(h->trap.pending, has_rm(op));
            if (has_rm(op)) {
                assert_int_equal(h->f[RD], 0x1234);
                assert_int_equal(h->x[RD], 0x1234);
                assert_int_equal(rv_fp_flags_get(h), 0);
            }
            h->trap.pending = false;
            run(h, op, FP_RUP, v);
            assert_false(h->trap.pending);
        }
    hart_free(h);
}

/* ---- state ---- */

static void test_fs_off(void **state)
{
    struct rv_hart *h = hart_new();

    (void)state;
    for (unsigned op = 0; op < VECTOR_OPS; op++) {
        struct vector v = make_vector(h, op, 5);

        h->csr.mstatus = 0;
        h->trap.pending = false;
        h->f[RD] = h->x[RD] = 0x1234;
        run(h, op, FP_RNE, v);
        assert_true(h->trap.pending);
        assert_int_equal(h->trap.cause, CAUSE_ILLEGAL);
        assert_int_equal(h->csr.mstatus, 0);
        assert_int_equal(h->f[RD], 0x1234);
        assert_int_equal(h->x[RD], 0x1234);
        assert_int_equal(rv_fp_flags_get(h), 0);
    }
    hart_free(h);
}

/* What writes an f register or may raise a flag marks FS dirty, the rest does not. */
static void test_fs_dirty(void **state)
{
    struct rv_hart *h = hart_new();

    (void)state;
    for (unsigned op = 0; op < VECTOR_OPS; op++) {
        bool clean = op == VECTOR_fclass_s || op == VECTOR_fclass_d || op == VECTOR_fmv_x_w ||
                     op == VECTOR_fmv_x_d || op == VECTOR_fmv_x_h || op == VECTOR_fclass_h;

        h->csr.mstatus = 1ull << 13;
        run(h, op, FP_RNE, make_vector(h, op, 5));
        assert_int_equal(h->csr.mstatus & MSTATUS_FS, clean ? 1ull << 13 : MSTATUS_FS);
    }
    h->csr.mstatus = 1ull << 13;
    sem_fsw(h, false, 0, 0, 0, 1, 0, 0);
    sem_fsd(h, false, 0, 0, 0, 1, 0, 0);
    sem_fsh(h, false, 0, 0, 0, 1, 0, 0);
    assert_int_equal(h->csr.mstatus & MSTATUS_FS, 1ull << 13);
    sem_flw(h, false, 0, 1, 0, 0, 0, 0);
    assert_int_equal(h->csr.mstatus & MSTATUS_FS, MSTATUS_FS);
    h->csr.mstatus = 1ull << 13;
    sem_flh(h, false, 0, 1, 0, 0, 0, 0);
    assert_int_equal(h->csr.mstatus & MSTATUS_FS, MSTATUS_FS);
    assert_false(h->trap.pending);
    hart_free(h);
}

#define ONE_D   0x3ff0000000000000ull
#define THREE_D 0x4008000000000000ull

/* Runs fdiv.d f[RD] = a / b. */
static void divide(struct rv_hart *h, uint64_t a, uint64_t b, unsigned rm)
{
    set_operands(h, (struct vector){a, b, 0});
    execute(h, sem_fdiv_d, rm);
}

/* Flags gather over instructions, mode switches and RMM, and are of results nobody reads. */
static void test_flags_accumulate(void **state)
{
    struct rv_hart *h = hart_new();

    (void)state;
    divide(h, ONE_D, 0, FP_DYN);
    assert_int_equal(rv_fp_flags_get(h), FP_DZ);
    assert_int_equal(rv_fp_flags_get(h), FP_DZ);
    divide(h, ONE_D, THREE_D, FP_RUP);
    assert_int_equal(rv_fp_flags_get(h), FP_DZ | FP_NX);
    rv_fp_rm_set(h, FP_RDN);
    divide(h, ONE_D, ONE_D, FP_DYN);
    assert_int_equal(rv_fp_flags_get(h), FP_DZ | FP_NX);
    divide(h, 0, 0, FP_RMM);
    assert_int_equal(rv_fp_flags_get(h), FP_DZ | FP_NX | FP_NV);
    rv_fp_flags_set(h, FP_UF);
    assert_int_equal(rv_fp_flags_get(h), FP_UF);
    divide(h, ONE_D, ONE_D, FP_DYN);
    assert_int_equal(rv_fp_flags_get(h), FP_UF);
    rv_fp_flags_set(h, 0xff);
    assert_int_equal(rv_fp_flags_get(h), 0x1f);
    hart_free(h);
}

/* The host's mode and flags do not reach the guest, nor the guest's the host. */
static void test_enter_leave(void **state)
{
    uint32_t before = fpu_control_get();
    struct rv_hart *h = hart_new(), *other;

    (void)state;
    rv_fp_leave(h);
    fpu_round_set(FP_RUP);
    fpu_flags_clear();
    fpu_flags_raise(FP_OF);
    rv_fp_enter(h);
    assert_int_equal(rv_fp_flags_get(h), 0);
    assert_int_equal(fpu_round_get(), FP_RNE);
    divide(h, ONE_D, THREE_D, FP_RDN);
    rv_fp_leave(h);
    assert_int_equal(rv_fp_flags_get(h), FP_NX);
    assert_int_equal(fpu_round_get(), FP_RUP);
    assert_int_equal(fpu_flags_get(), FP_OF);
    rv_fp_rm_set(h, FP_RTZ);
    rv_fp_enter(h);
    assert_int_equal(fpu_round_get(), FP_RTZ);
    assert_true(rv_fp_ready(h, FP_DYN));
    assert_true(rv_fp_ready(h, FP_RTZ));
    assert_false(rv_fp_ready(h, FP_RNE));
    rv_fp_leave(h);
    other = hart_new();
    assert_int_equal(rv_fp_flags_get(other), 0);
    hart_free(other);
    fpu_control_set(before);
    free(h);
}

/* All three control functions agree on the encoding of modes and flags. */
static void test_host_control(void **state)
{
    uint32_t before = fpu_control_get();

    (void)state;
    for (unsigned mode = FP_RNE; mode <= FP_RUP; mode++) {
        fpu_control_set(fpu_control((enum fp_mode)mode));
        assert_int_equal(fpu_round_get(), mode);
        for (unsigned flags = 0; flags < 32; flags++) {
            fpu_flags_clear();
            fpu_flags_raise((uint8_t)flags);
            assert_int_equal(fpu_flags_get(), flags);
            assert_int_equal(fpu_round_get(), mode);
        }
    }
    fpu_control_set(before);
}

static void test_loads_and_stores(void **state)
{
    struct rv_hart *h = hart_new();

    (void)state;
    h->x[RS1] = 16;
    store(8, 8, 0x0123456789abcdef);
    sem_flw(h, false, -8, RD, RS1, 0, 0, 0);
    assert_int_equal(h->f[RD], 0xffffffff89abcdef);
    sem_fld(h, false, -8, RD, RS1, 0, 0, 0);
    assert_int_equal(h->f[RD], 0x0123456789abcdef);
    h->f[RS2] = 0xaaaaaaaabbbbbbbb; /* not boxed: stored as it is */
    sem_fsw(h, false, -8, 0, RS1, RS2, 0, 0);
    assert_int_equal(load(8, 8), 0x01234567bbbbbbbb);
    sem_fsd(h, false, 0, 0, RS1, RS2, 0, 0);
    assert_int_equal(load(16, 8), 0xaaaaaaaabbbbbbbb);
    sem_flh(h, false, -6, RD, RS1, 0, 0, 0);
    assert_int_equal(h->f[RD], 0xffffffffffffbbbb);
    sem_fsh(h, false, 4, 0, RS1, RS2, 0, 0);
    assert_int_equal(load(16, 8), 0xaaaabbbbbbbbbbbb);
    hart_free(h);
}

/* ---- facts from the manual, beside the oracle ---- */

#define BOXED(x)   (FP_BOX | (x))
#define BOXED_H(x) (FP_BOX_H | (x))
#define UNBOXED    0x000000003f800000ull
#define SNAN_D     0x7ff0000000000001ull
#define MIN_D      0x0010000000000000ull
#define MAX_D      0x7fefffffffffffffull
#define ZERO_NEG   FP_SIGN_D

static const struct {
    enum vector_op op;
    unsigned mode;
    struct vector v;
    struct vector_result want;
} facts[] = {
    /* minimumNumber: -0 is below +0, a quiet NaN gives way, a signaling one also raises NV. */
    {VECTOR_fmin_d, 0, {0, ZERO_NEG, 0}, {ZERO_NEG, 0}},
    {VECTOR_fmax_d, 0, {ZERO_NEG, 0, 0}, {0, 0}},
    {VECTOR_fmin_d, 0, {FP_NAN_D, 5, 0}, {5, 0}},
    {VECTOR_fmin_d, 0, {SNAN_D, 5, 0}, {5, FP_NV}},
    {VECTOR_fmax_d, 0, {~0ull, FP_NAN_D | 1, 0}, {FP_NAN_D, 0}},
    /* FLT and FLE signal for quiet NaNs, FEQ does not. */
    {VECTOR_feq_d, 0, {FP_NAN_D, 5, 0}, {0, 0}},
    {VECTOR_flt_d, 0, {FP_NAN_D, 5, 0}, {0, FP_NV}},
    {VECTOR_fle_d, 0, {5, FP_NAN_D, 0}, {0, FP_NV}},
    {VECTOR_feq_d, 0, {SNAN_D, 5, 0}, {0, FP_NV}},
    /* NaNs are canonical; what is not boxed is one. */
    {VECTOR_fadd_d, 0, {~0ull, ONE_D, 0}, {FP_NAN_D, 0}},
    {VECTOR_fsqrt_d, 0, {ONE_D | FP_SIGN_D, 0, 0}, {FP_NAN_D, FP_NV}},
    {VECTOR_fadd_s, 0, {UNBOXED, BOXED(0x3f800000), 0}, {BOXED(FP_NAN_S), 0}},
    {VECTOR_fsgnj_s, 0, {UNBOXED, BOXED(0xbf800000), 0}, {BOXED(FP_NAN_S | FP_SIGN_S), 0}},
    {VECTOR_fmv_x_w, 0, {UNBOXED | FP_SIGN_S, 0, 0}, {0xffffffffbf800000, 0}},
    {VECTOR_fclass_s, 0, {UNBOXED, 0, 0}, {1 << 9, 0}},
    /* Infinity times zero plus a quiet NaN is invalid. */
    {VECTOR_fmadd_d, 0, {FP_INF_D, 0, FP_NAN_D}, {FP_NAN_D, FP_NV}},
    {VECTOR_fmadd_d, 4, {FP_INF_D, 0, FP_NAN_D}, {FP_NAN_D, FP_NV}},
    /* Table "Domains of float-to-integer conversions": the ends, and NaN as the largest. */
    {VECTOR_fcvt_w_d, 0, {FP_NAN_D, 0, 0}, {0x7fffffff, FP_NV}},
    {VECTOR_fcvt_w_d, 0, {FP_INF_D | FP_SIGN_D, 0, 0}, {0xffffffff80000000, FP_NV}},
    {VECTOR_fcvt_wu_d, 0, {FP_NAN_D, 0, 0}, {~0ull, FP_NV}},
    {VECTOR_fcvt_wu_d, 1, {0xbfefffffffffffff, 0, 0}, {0, FP_NX}},
    {VECTOR_fcvt_wu_d, 0, {0xbff0000000000000, 0, 0}, {0, FP_NV}},
    {VECTOR_fcvt_wu_d, 0, {0x41e0000000000000, 0, 0}, {0xffffffff80000000, 0}},
    {VECTOR_fcvt_l_d, 0, {0x43e0000000000000, 0, 0}, {INT64_MAX, FP_NV}},
    {VECTOR_fcvt_lu_d, 0, {0x43f0000000000000, 0, 0}, {~0ull, FP_NV}},
    {VECTOR_fcvt_lu_s, 0, {BOXED(FP_NAN_S), 0, 0}, {~0ull, FP_NV}},
    /* Nearest with ties to even, and to the larger magnitude. */
    {VECTOR_fcvt_w_d, 0, {0x4004000000000000, 0, 0}, {2, FP_NX}},
    {VECTOR_fcvt_w_d, 4, {0x4004000000000000, 0, 0}, {3, FP_NX}},
    {VECTOR_fcvt_w_d, 4, {0xc004000000000000, 0, 0}, {(uint64_t)-3, FP_NX}},
    /* The sign of an exact zero sum. */
    {VECTOR_fsub_d, 0, {ONE_D, ONE_D, 0}, {0, 0}},
    {VECTOR_fsub_d, 2, {ONE_D, ONE_D, 0}, {ZERO_NEG, 0}},
    {VECTOR_fsub_d, 4, {ONE_D, ONE_D, 0}, {0, 0}},
    /* Overflow: infinity or the largest number. */
    {VECTOR_fadd_d, 0, {MAX_D, MAX_D, 0}, {FP_INF_D, FP_OF | FP_NX}},
    {VECTOR_fadd_d, 1, {MAX_D, MAX_D, 0}, {MAX_D, FP_OF | FP_NX}},
    {VECTOR_fadd_d, 2, {MAX_D, MAX_D, 0}, {MAX_D, FP_OF | FP_NX}},
    {VECTOR_fadd_d, 4, {MAX_D, MAX_D, 0}, {FP_INF_D, FP_OF | FP_NX}},
    /* Tininess after rounding: what rounds to the smallest normal number as if the exponent had
     * no bound does not underflow; one unit less does. */
    {VECTOR_fmul_d, 0, {MIN_D + 1, 0x3feffffffffffffe, 0}, {MIN_D, FP_NX}},
    {VECTOR_fmul_d, 0, {MIN_D, 0x3fefffffffffffff, 0}, {MIN_D, FP_NX | FP_UF}},
    {VECTOR_fmul_d, 4, {MIN_D, 0x3fefffffffffffff, 0}, {MIN_D, FP_NX | FP_UF}},
    /* An exact subnormal result does not underflow. */
    {VECTOR_fmul_d, 0, {MIN_D, 0x3fe0000000000000, 0}, {MIN_D >> 1, 0}},
    /* A half is boxed in all bits above it; a move keeps the bits of a NaN, a conversion does not.
     */
    {VECTOR_fmv_h_x, 0, {0x12347d01, 0, 0}, {BOXED_H(0x7d01), 0}},
    {VECTOR_fmv_x_h, 0, {BOXED(0x1234fd01), 0, 0}, {0xfffffffffffffd01, 0}},
    {VECTOR_fcvt_s_h, 0, {BOXED_H(0x7d01), 0, 0}, {BOXED(FP_NAN_S), FP_NV}},
    {VECTOR_fcvt_s_h, 0, {BOXED(0x00003c00), 0, 0}, {BOXED(FP_NAN_S), 0}},
    {VECTOR_fcvt_d_h, 2, {BOXED_H(0x8001), 0, 0}, {0xbe70000000000000, 0}},
    /* Rounded once: above the middle of two halves by less than a single shows. */
    {VECTOR_fcvt_h_d, 0, {0x3ff0020000000001, 0, 0}, {BOXED_H(0x3c01), FP_NX}},
    {VECTOR_fcvt_h_d, 0, {0x3ff0020000000000, 0, 0}, {BOXED_H(0x3c00), FP_NX}},
    /* Halves are computed in wider formats and still rounded once. */
    {VECTOR_fmadd_h,
     0,
     {BOXED_H(0x1001), BOXED_H(0x3bfe), BOXED_H(0x3c01)},
     {BOXED_H(0x3c01), FP_NX}},
    {VECTOR_fmadd_h,
     0,
     {BOXED_H(0x0001), BOXED_H(0x3c01), BOXED_H(0x0000)},
     {BOXED_H(0x0001), FP_NX | FP_UF}},
    {VECTOR_fmadd_h,
     0,
     {BOXED_H(FP_INF_H), BOXED_H(0), BOXED_H(FP_NAN_H)},
     {BOXED_H(FP_NAN_H), FP_NV}},
    {VECTOR_fdiv_h, 0, {BOXED_H(0x0400), BOXED_H(0x4200), 0}, {BOXED_H(0x0155), FP_NX | FP_UF}},
    {VECTOR_fdiv_h,
     0,
     {BOXED_H(0x3c00), BOXED_H(0x8000), 0},
     {BOXED_H(FP_INF_H | FP_SIGN_H), FP_DZ}},
    {VECTOR_fadd_h, 3, {BOXED_H(0x7bff), BOXED_H(0x0001), 0}, {BOXED_H(FP_INF_H), FP_OF | FP_NX}},
    {VECTOR_fcvt_h_l, 0, {65519, 0, 0}, {BOXED_H(0x7bff), FP_NX}},
    {VECTOR_fcvt_h_l, 0, {65520, 0, 0}, {BOXED_H(FP_INF_H), FP_OF | FP_NX}},
    {VECTOR_fcvt_lu_h, 0, {BOXED_H(FP_INF_H), 0, 0}, {~0ull, FP_NV}},
    {VECTOR_fclass_h, 0, {BOXED(0x3c00), 0, 0}, {1 << 9, 0}},
    /* Zfa. */
    {VECTOR_fli_h, 0, {29, 0, 0}, {BOXED_H(FP_INF_H), 0}},
    {VECTOR_fli_s, 0, {1, 0, 0}, {BOXED(0x00800000), 0}},
    {VECTOR_fminm_d, 0, {SNAN_D, 5, 0}, {FP_NAN_D, FP_NV}},
    {VECTOR_fmaxm_d, 0, {FP_NAN_D, 5, 0}, {FP_NAN_D, 0}},
    {VECTOR_fmaxm_d, 0, {ZERO_NEG, 0, 0}, {0, 0}},
    {VECTOR_fltq_d, 0, {FP_NAN_D, 5, 0}, {0, 0}},
    {VECTOR_fleq_d, 0, {5, SNAN_D, 0}, {0, FP_NV}},
    {VECTOR_fround_d, 0, {0xbfd0000000000000, 0, 0}, {ZERO_NEG, 0}},
    {VECTOR_froundnx_d, 0, {0xbfd0000000000000, 0, 0}, {ZERO_NEG, FP_NX}},
    {VECTOR_fround_s, 4, {BOXED(0x40200000), 0, 0}, {BOXED(0x40400000), 0}},
    {VECTOR_fround_d, 0, {SNAN_D, 0, 0}, {FP_NAN_D, FP_NV}},
    {VECTOR_fcvtmod_w_d, 0, {0x41e0000000000000, 0, 0}, {0xffffffff80000000, FP_NV}},
    {VECTOR_fcvtmod_w_d, 0, {0xc1e0000000100000, 0, 0}, {0xffffffff80000000, FP_NX}},
    {VECTOR_fcvtmod_w_d, 0, {FP_INF_D, 0, 0}, {0, FP_NV}},
    /* Tininess of a half, after rounding. */
    {VECTOR_fcvt_h_s, 0, {BOXED(0x387ff000), 0, 0}, {BOXED_H(0x0400), FP_NX}},
    {VECTOR_fcvt_h_s, 0, {BOXED(0x387fefff), 0, 0}, {BOXED_H(0x0400), FP_NX | FP_UF}},
    {VECTOR_fcvt_h_s, 3, {BOXED(0x00000001), 0, 0}, {BOXED_H(0x0001), FP_NX | FP_UF}},
    {VECTOR_fcvt_h_d, 0, {0x47f0000000000000, 0, 0}, {BOXED_H(FP_INF_H), FP_NX | FP_OF}},
};

static void test_facts(void **state)
{
    struct rv_hart *h = hart_new();

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(facts); i++) {
        struct vector_result got;

        rv_fp_rm_set(h, (uint8_t)facts[i].mode);
        got = run(h, facts[i].op, FP_DYN, facts[i].v);
        if (!same(got, facts[i].want))
            print_difference(facts[i].op, facts[i].mode, facts[i].v, got, facts[i].want);
        assert_true(same(got, facts[i].want));
    }
    hart_free(h);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_control),  cmocka_unit_test(test_facts),
        cmocka_unit_test(test_golden),        cmocka_unit_test(test_static_mode),
        cmocka_unit_test(test_soft_is_host),  cmocka_unit_test(test_slow_is_fast),
        cmocka_unit_test(test_reserved_mode), cmocka_unit_test(test_fs_off),
        cmocka_unit_test(test_fs_dirty),      cmocka_unit_test(test_flags_accumulate),
        cmocka_unit_test(test_enter_leave),   cmocka_unit_test(test_loads_and_stores),
    };

    if (argc == 4 && !strcmp(argv[1], "compare"))
        return compare(strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
