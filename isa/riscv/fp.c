/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floating-point state of a hart and the uncommon ways of operations; see
 * fp.h for how flags and rounding modes are kept.  On the hart's thread.
 */
#include "isa/riscv/fp.h"

#include "isa/riscv/fp_ops.h"
#include "isa/riscv/fp_soft.h"

/* ---- state ---- */

/* The host is in `mode` from now on. */
static void set_ready(struct rv_hart *h, enum fp_mode mode)
{
    h->fp_ready = (uint8_t)(1u << mode | (h->csr.frm == mode ? 1u << FP_DYN : 0));
}

void rv_fp_enter(struct rv_hart *h)
{
    enum fp_mode mode = h->csr.frm < FP_RMM ? (enum fp_mode)h->csr.frm : FP_RNE;

    if (h->fp_entered)
        return;
    h->fp_host_control = fpu_control_get();
    h->fp_entered = true;
    fpu_control_set(fpu_control(mode));
    set_ready(h, mode);
}

void rv_fp_leave(struct rv_hart *h)
{
    if (!h->fp_entered)
        return;
    h->csr.fflags |= fpu_flags_get();
    fpu_control_set(h->fp_host_control);
    h->fp_entered = false;
}

uint8_t rv_fp_flags_get(const struct rv_hart *h)
{
    return h->csr.fflags | (h->fp_entered ? fpu_flags_get() : 0);
}

void rv_fp_flags_set(struct rv_hart *h, uint8_t flags)
{
    h->csr.fflags = flags & 0x1f;
    if (h->fp_entered)
        fpu_flags_clear();
}

void rv_fp_rm_set(struct rv_hart *h, uint8_t frm)
{
    uint8_t modes = h->fp_ready & 0x0f;

    h->csr.frm = frm & 7;
    h->fp_ready = (uint8_t)(modes | ((modes >> h->csr.frm) & 1) << FP_DYN);
}

/* ---- operations whose rounding mode is not the host's ---- */

typedef uint64_t fp_host_fn(uint64_t a, uint64_t b, uint64_t c);
typedef uint64_t fp_soft_fn(uint64_t a, uint64_t b, uint64_t c, struct soft_env *env);

#define CALL_1(fn) fn(a)
#define CALL_2(fn) fn(a, b)
#define CALL_3(fn) fn(a, b, c)
#define S(a)       v_unbox_s(a)
#define D(a)       (a)
#define BOX(x)     v_box_s(x)

#define FP_ROUNDS(name, operands, soft)                                                            \
    static uint64_t host_##name(uint64_t a, uint64_t b, uint64_t c)                                \
    {                                                                                              \
        (void)a, (void)b, (void)c;                                                                 \
        return CALL_##operands(fp_##name);                                                         \
    }                                                                                              \
    static uint64_t soft_##name(uint64_t a, uint64_t b, uint64_t c, struct soft_env *env)          \
    {                                                                                              \
        (void)a, (void)b, (void)c;                                                                 \
        return soft;                                                                               \
    }
#include "isa/riscv/fp_ops.def"

static fp_host_fn *const host_fns[RV_FP_COUNT] = {
#define FP_ROUNDS(name, operands, soft) host_##name,
#include "isa/riscv/fp_ops.def"
};

static fp_soft_fn *const soft_fns[RV_FP_COUNT] = {
#define FP_ROUNDS(name, operands, soft) soft_##name,
#include "isa/riscv/fp_ops.def"
};

struct rv_load rv_fp_slow(struct rv_hart *h, enum rv_fp_op op, unsigned rm, uint64_t a, uint64_t b,
                          uint64_t c)
{
    unsigned mode = rm == FP_DYN ? h->csr.frm : rm;
    struct soft_env env = {.mode = FP_RMM};
    struct rv_load r = {.ok = true};

    if (mode > FP_RMM)
        return (struct rv_load){.ok = false};
    if (mode == FP_RMM) {
        r.value = soft_fns[op](a, b, c, &env);
        h->csr.fflags |= env.flags;
        return r;
    }
    fpu_round_set((enum fp_mode)mode);
    set_ready(h, (enum fp_mode)mode);
    r.value = host_fns[op](a, b, c);
    return r;
}

/* ---- corner cases of the host's operations ---- */

/* Infinity times zero is invalid even if the addend is a quiet NaN; x86 leaves that out. */
COLD uint64_t fp_fma_nan_s(uint64_t a, uint64_t b, uint64_t c)
{
    struct soft_env env = {.mode = FP_RNE};
    uint64_t r = v_box_s(soft_fma(&soft_s, v_unbox_s(a), v_unbox_s(b), v_unbox_s(c), &env));

    fpu_flags_raise(env.flags);
    return r;
}

COLD uint64_t fp_fma_nan_d(uint64_t a, uint64_t b, uint64_t c)
{
    struct soft_env env = {.mode = FP_RNE};
    uint64_t r = soft_fma(&soft_d, a, b, c, &env);

    fpu_flags_raise(env.flags);
    return r;
}

COLD uint64_t fp_fma_soft_s(uint64_t a, uint64_t b, uint64_t c)
{
    struct soft_env env = {.mode = fpu_round_get()};
    uint64_t r = v_box_s(soft_fma(&soft_s, v_unbox_s(a), v_unbox_s(b), v_unbox_s(c), &env));

    fpu_flags_raise(env.flags);
    return r;
}

COLD uint64_t fp_fma_soft_d(uint64_t a, uint64_t b, uint64_t c)
{
    struct soft_env env = {.mode = fpu_round_get()};
    uint64_t r = soft_fma(&soft_d, a, b, c, &env);

    fpu_flags_raise(env.flags);
    return r;
}

/* One of them is a NaN: the result is the other; the comparison raises NV for a signaling one. */
COLD uint64_t fp_minmax_nan_s(uint64_t a, uint64_t b)
{
    uint64_t x = v_unbox_s(a), y = v_unbox_s(b);

    (void)fpu_eq_s(fp_single(a), fp_single(b));
    if (!fp_is_nan_s(x))
        return v_box_s(x);
    return v_box_s(fp_is_nan_s(y) ? FP_NAN_S : y);
}

COLD uint64_t fp_minmax_nan_d(uint64_t a, uint64_t b)
{
    (void)fpu_eq_d(fp_double(a), fp_double(b));
    if (!fp_is_nan_d(a))
        return a;
    return fp_is_nan_d(b) ? FP_NAN_D : b;
}

COLD uint64_t fp_to_uint_slow_s(uint64_t a, unsigned bits, enum fp_mode mode)
{
    struct soft_env env = {.mode = mode};
    uint64_t r = soft_to_int(&soft_s, v_unbox_s(a), bits, false, &env);

    fpu_flags_raise(env.flags);
    return r;
}

COLD uint64_t fp_to_uint_slow_d(uint64_t a, unsigned bits, enum fp_mode mode)
{
    struct soft_env env = {.mode = mode};
    uint64_t r = soft_to_int(&soft_d, a, bits, false, &env);

    fpu_flags_raise(env.flags);
    return r;
}
