/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floating-point state of a hart and the uncommon ways of operations; see
 * fp.h for how flags and rounding modes are kept.  On the hart's thread.
 */
#include "isa/riscv/fp.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "isa/riscv/fp_consts.h"
#include "isa/riscv/fp_half.h"
#include "isa/riscv/fp_ops.h"
#include "isa/riscv/fp_soft.h"

/* ---- what the host has ---- */

bool fpu_half;

#if defined(__x86_64__)
/* F16C uses the wide registers, which the system must know; clang 14 cannot be asked for it. */
__attribute__((constructor)) static void find_half(void)
{
    unsigned a, b, c = 0, d;

    __builtin_cpu_init();
    fpu_half = __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
}
#endif

const struct rv_fp_const rv_fp_consts[32] = {
#define FP_CONST(text, d, s, h) {d, s, h},
#include "isa/riscv/fp_consts.def"
};

/* ---- state ---- */

/* Which values of rm the host serves now: its mode's own, and frm if that is the same. */
static void set_ready(struct rv_hart *h, uint8_t modes)
{
    h->fp_ready = (uint8_t)(modes | ((modes >> h->csr.frm) & 1) << FP_DYN);
    h->fp_ready_fma = fpu_has_fma() ? h->fp_ready : 0;
}

void rv_fp_enter(struct rv_hart *h)
{
    enum fp_mode mode = h->csr.frm < FP_RMM ? (enum fp_mode)h->csr.frm : FP_RNE;

    if (h->fp_entered)
        return;
    h->fp_host_control = fpu_control_get();
    h->fp_entered = true;
    fpu_control_set(fpu_control(mode));
    set_ready(h, (uint8_t)(1u << mode));
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
    h->csr.frm = frm & 7;
    set_ready(h, h->fp_ready & 0x0f);
}

/* ---- operations that are not the host's alone ---- */

typedef bool fp_host_fn(uint64_t *r, uint64_t a, uint64_t b, uint64_t c);
typedef uint64_t fp_soft_fn(uint64_t a, uint64_t b, uint64_t c, struct soft_env *env);

#define CALL_1(fn) fn(r, a)
#define CALL_2(fn) fn(r, a, b)
#define CALL_3(fn) fn(r, a, b, c)
#define H(a)       v_unbox_h(a)
#define S(a)       v_unbox_s(a)
#define D(a)       (a)
#define BOX(x)     v_box_s(x)
#define BOX_H(x)   v_box_h(x)

#define FP_ROUNDS(name, operands, soft)                                                            \
    static bool host_##name(uint64_t *r, uint64_t a, uint64_t b, uint64_t c)                       \
    {                                                                                              \
        (void)b, (void)c;                                                                          \
        return (operands < 3 || fpu_has_fma()) && CALL_##operands(fp_##name);                      \
    }                                                                                              \
    static uint64_t soft_##name(uint64_t a, uint64_t b, uint64_t c, struct soft_env *env)          \
    {                                                                                              \
        (void)b, (void)c;                                                                          \
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

struct rv_load rv_fp_soft(struct rv_hart *h, enum rv_fp_op op, enum fp_mode mode, uint64_t a,
                          uint64_t b, uint64_t c)
{
    struct soft_env env = {.mode = mode};
    struct rv_load r = {.value = soft_fns[op](a, b, c, &env), .ok = true};

    h->csr.fflags |= env.flags;
    return r;
}

struct rv_load rv_fp_slow(struct rv_hart *h, enum rv_fp_op op, unsigned rm, uint64_t a, uint64_t b,
                          uint64_t c)
{
    unsigned mode = rm == FP_DYN ? h->csr.frm : rm;
    struct rv_load r = {.ok = true};

    if (mode > FP_RMM)
        return (struct rv_load){.ok = false};
    if (mode == FP_RMM)
        return rv_fp_soft(h, op, FP_RMM, a, b, c);
    if (!rv_fp_ready(h, mode)) {
        fpu_round_set((enum fp_mode)mode);
        set_ready(h, (uint8_t)(1u << mode));
    }
    if (!host_fns[op](&r.value, a, b, c))
        return rv_fp_soft(h, op, (enum fp_mode)mode, a, b, c);
    return r;
}
