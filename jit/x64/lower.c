/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling a region for x86-64: choosing its register map, lowering its blocks
 * one after the other, then the code off the fast path, the entries and the two
 * routines through which C is called.
 *
 * Reserve, commit, abort: code is written straight into the caller's room; if it
 * does not fit, the room stays as it was.
 */
#include "jit/x64/lower.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/atomic.h"
#include "sim/base/log.h"

const uint8_t x64_homes[X64_HOMES] = {RBX, R12, R13, R14, RSI, RDI, R8, R9, R10, R11};

static pthread_key_t state_key;

static void state_key_make(void)
{
    if (pthread_key_create(&state_key, free))
        BUG("no key for the threads' state");
}

/* Some 600 KiB, kept for the thread's life. */
struct lower *lower_state(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, state_key_make);
    struct lower *state = pthread_getspecific(state_key);
    if (state)
        return state;
    state = calloc(1, sizeof(*state));
    if (state && pthread_setspecific(state_key, state)) {
        free(state);
        return NULL;
    }
    return state;
}

/* --- register maps --- */

static void map_clear(struct map *m)
{
    memset(m->home, X64_NO_REG, sizeof(m->home));
    memset(m->slot, 0, sizeof(m->slot));
    memset(m->xhome, X64_NO_REG, sizeof(m->xhome));
    memset(m->xslot, 0, sizeof(m->xslot));
    m->homes = m->xhomes = 0;
    m->written = UINT64_MAX;
}

static void map_set(struct map *m, enum x64_reg r, unsigned slot)
{
    m->home[slot] = (uint8_t)r;
    m->slot[r] = (uint8_t)slot;
    m->homes |= X64_BIT(r);
}

void lower_border(const struct jit_guest *g, struct map *m)
{
    map_clear(m);
    for (unsigned i = 0; i < X64_HOMES && g->border[i]; i++)
        map_set(m, (enum x64_reg)x64_homes[i], g->border[i]);
}

static void weigh(const struct jit_region *r, uint32_t *weight, uint64_t *written)
{
    for (unsigned k = 0; k < r->count; k++) {
        const struct jit_block *jb = &r->blocks[k];
        uint32_t w = 1u << 4 * lower_depth(jb);
        for (unsigned n = 1; n < jb->ir.count; n++) {
            const struct ir_insn *i = &jb->ir.insns[n];
            if (i->op != IR_slot_get && i->op != IR_slot_set)
                continue;
            weight[i->index] += w;
            if (i->op == IR_slot_set && i->index < 64)
                *written |= 1ull << i->index;
        }
    }
}

static bool mappable(const struct lower *l, unsigned slot)
{
    const struct ir_slot *s = &l->g->ir->slots[slot];
    return s->kind == IR_SLOT_REG && s->size == 8 && !slot_is_fp(l, slot);
}

static void choose_xhomes(struct lower *l, uint32_t *weight)
{
    for (unsigned x = 0; x < X64_XHOMES; x++) {
        unsigned best = 0;
        for (unsigned slot = 1; slot < 64; slot++)
            if (slot_is_fp(l, slot) && weight[slot] > weight[best])
                best = slot;
        if (!best)
            return;
        weight[best] = 0;
        l->map.xhome[best] = (uint8_t)x;
        l->map.xslot[x] = (uint8_t)best;
        l->map.xhomes |= X64_BIT(x);
    }
}

/* The slots of most use; those that the border map has stay where it has them. */
static void choose_map(struct lower *l)
{
    uint32_t weight[SLOTS_MAX] = {0};
    uint64_t written = 0;
    uint8_t chosen[X64_HOMES];
    unsigned n = 0;
    l->map = l->border;
    if (!l->r->own_map)
        return;
    weigh(l->r, weight, &written);
    for (; n < X64_HOMES; n++) {
        unsigned best = 0;
        for (unsigned slot = 1; slot < l->g->ir->slot_count && slot < SLOTS_MAX; slot++)
            if (mappable(l, slot) && weight[slot] > weight[best])
                best = slot;
        if (!best)
            break;
        chosen[n] = (uint8_t)best;
        weight[best] = 0;
    }
    map_clear(&l->map);
    l->map.written = written;
    for (unsigned i = 0; i < n; i++)
        if (l->border.home[chosen[i]] != X64_NO_REG)
            map_set(&l->map, (enum x64_reg)l->border.home[chosen[i]], chosen[i]);
    for (unsigned i = 0, h = 0; i < n; i++) {
        if (l->map.home[chosen[i]] != X64_NO_REG)
            continue;
        while (l->map.slot[x64_homes[h]])
            h++;
        map_set(&l->map, (enum x64_reg)x64_homes[h], chosen[i]);
    }
    choose_xhomes(l, weight);
}

/* --- blocks --- */

struct cold *lower_cold(struct lower *l)
{
    if (l->colds == COLD_MAX - 1)
        l->too_much = true;
    else
        l->colds++;
    struct cold *c = &l->cold[l->colds - 1];
    *c = (struct cold){.addr = X64_NO_REG,
                       .dst = X64_NO_REG,
                       .value = X64_NO_REG,
                       .host = X64_NO_REG,
                       .unsettled = l->unsettled,
                       .owes = l->walk.now.owes};
    return c;
}

int lower_find_block(const struct lower *l, int32_t disp)
{
    unsigned lo = 0, hi = l->r->count;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (l->r->blocks[mid].disp < disp)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < l->r->count && l->r->blocks[lo].disp == disp ? (int)lo : -1;
}

void lower_jump_block(struct lower *l, uint8_t *from, unsigned block)
{
    if (l->label[block]) {
        uint32_t rel = (uint32_t)(l->label[block] - ((uintptr_t)from + (uintptr_t)l->e.delta + 4));
        if (!l->e.full)
            memcpy(from, &rel, 4);
        return;
    }
    if (l->fixes == FIX_MAX) {
        l->too_much = true;
        return;
    }
    l->fix[l->fixes].from = from;
    l->fix[l->fixes++].block = (uint8_t)block;
}

void lower_look_for_alarm(struct lower *l, int32_t disp)
{
    x64_alu_mem(&l->e, ALU_CMP, X64_W, NOW, at_hart(l, l->g->until));
    struct cold *c = lower_cold(l);
    c->kind = COLD_ALARM;
    c->from[0] = x64_jcc(&l->e, CC_AE, 0);
    c->exit.disp = disp;
}

void lower_insns(struct lower *l, unsigned k)
{
    const struct jit_block *jb = &l->r->blocks[k];
    l->block = k;
    l->counted = flow_has(l->flow.goes_on, k) ? -l->uncounted[k] : 0;
    l->unsettled.is = false;
    order_begin(&l->walk, &l->order, k);
    alloc_block(l, &jb->ir);
    for (l->at = 1; l->at < jb->ir.count && !l->too_much && !l->e.full; l->at++) {
        if (order_wants_fence(l, &l->walk, &jb->ir.insns[l->at])) {
            x64_lock_fence(&l->e);
            order_fenced(&l->walk);
        }
        isel_insn(l);
        order_step(&l->walk, &l->order, &jb->ir, l->at);
    }
}

static void lower_block(struct lower *l, unsigned k)
{
    const struct jit_block *jb = &l->r->blocks[k];
    if (jb->ir.count > VALUES_MAX - SPANS_MAX - 1) {
        l->too_much = true;
        return;
    }
    l->label[k] = x64_here(&l->e);
    stride_plan(l, k);
    order_begin(&l->walk, &l->order, k);
    if (flow_has(l->flow.looks, k))
        lower_look_for_alarm(l, jb->disp);
    lower_insns(l, k);
}

/* --- calls of C --- */

static void call_routine(struct lower *l, enum call_kind kind)
{
    uint8_t *from = x64_call(&l->e, l->r->own_map ? 0 : l->s->routine[kind]);
    if (!l->r->own_map)
        return;
    if (l->calls == CALLS_MAX) {
        l->too_much = true;
        return;
    }
    l->call[l->calls].from = from;
    l->call[l->calls++].kind = (uint8_t)kind;
}

void lower_call(struct lower *l, enum call_kind kind, uint32_t point, uint32_t what)
{
    x64_mov_imm(&l->e, RCX, point);
    x64_mov_imm(&l->e, RDX, what);
    call_routine(l, kind);
}

void lower_miss(struct lower *l, enum call_kind kind, uint32_t point, uint32_t site)
{
    x64_push_imm(&l->e, (int32_t)point);
    x64_push_imm(&l->e, (int32_t)site);
    call_routine(l, kind);
}

static void homes_store(struct lower *l)
{
    for (unsigned r = 0; r < 16; r++)
        if (l->map.slot[r])
            x64_store(&l->e, at_slot(l, l->map.slot[r]), (enum x64_reg)r);
    for (unsigned x = 0; x < 16; x++)
        if (l->map.xslot[x] && l->map.written >> l->map.xslot[x] & 1)
            x64_store_xmm(&l->e, at_slot(l, l->map.xslot[x]), x, 8);
}

static void homes_load(struct lower *l, uint32_t which)
{
    for (unsigned r = 0; r < 16; r++)
        if (l->map.slot[r] && which & X64_BIT(r))
            x64_load(&l->e, (enum x64_reg)r, at_slot(l, l->map.slot[r]));
    for (unsigned x = 0; x < 16; x++)
        if (l->map.xslot[x])
            x64_load_xmm(&l->e, x, at_slot(l, l->map.xslot[x]), 8);
}

/* Calls the function in rax with the hart; the frame is a call deep.  Keeps the flags after it. */
static void call_c(struct lower *l)
{
    x64_lea(&l->e, RDI, x64_at(HART, -l->g->bias));
    x64_lea(&l->e, RSP, x64_at(RSP, -8));
    x64_call_reg(&l->e, RAX);
    x64_lea(&l->e, RSP, x64_at(RSP, 8));
}

/* Point and span as C wants them: the point with POINT_SPAN is in its place. */
static void split_point(struct lower *l)
{
    struct x64_buf *e = &l->e;
    x64_load_zx(e, RCX, AT_JIT(l, point), 4);
    x64_mov32(e, RDX, RCX);
    x64_shift_imm(e, SH_SAR, 0, RDX, 31); /* all ones if there is a span, else 0 */
    x64_alu_mem(e, ALU_AND, 0, RDX, AT_JIT(l, span));
    x64_store_size(e, AT_JIT(l, span), RDX, 4);
    x64_alu_imm(e, ALU_AND, 0, RCX, (int32_t)~POINT_SPAN);
    x64_store_size(e, AT_JIT(l, point), RCX, 4);
}

/* The temporaries, but for rax. */
static void temps_save(struct lower *l, bool back)
{
    for (uint32_t held = X64_ALL_TEMPS & ~l->map.homes & ~X64_BIT(RAX); held; held &= held - 1) {
        enum x64_reg r = (enum x64_reg)__builtin_ctz(held);
        if (back)
            x64_load(&l->e, r, at_save(l, r));
        else
            x64_store(&l->e, at_save(l, r), r);
    }
}

uintptr_t lower_slow(struct lower *l)
{
    struct x64_buf *e = &l->e;
    uintptr_t start = x64_here(e);
    x64_store(e, AT_JIT(l, missed), RCX);
    x64_store(e, at_hart(l, l->g->insns), NOW);
    split_point(l);
    x64_mov_imm(e, RAX, (uintptr_t)l->g->slow);
    call_c(l);
    x64_alu_imm(e, ALU_CMP, 0, RAX, JIT_SLOW_DONE);
    x64_jcc(e, CC_B, l->s->fault);
    probe_after_c(l);
    x64_jmp_mem(e, AT_JIT(l, missed));
    return start;
}

/* The stack is as probe_enter() leaves it. */
static void miss_by_c(struct lower *l)
{
    struct x64_buf *e = &l->e;
    x64_pop(e, RDX);
    x64_pop(e, RCX);
    temps_save(l, false);
    homes_store(l);
    x64_pop(e, RDX);
    x64_lea(e, RSP, x64_at(RSP, MISS_BYTES));
    x64_push(e, RDX);          /* the return address: as in all routines that call C */
    const unsigned behind = 5; /* the jump */
    x64_lea_rip(e, RCX, e->p + LEA_RIP_BYTES, behind);
    x64_jmp(e, l->s->slow);
    homes_load(l, ~X64_CALL_SAVED);
    temps_save(l, true);
    x64_ret(e);
}

/* The probe returns, or goes on to where C is asked. */
static uintptr_t miss_routine(struct lower *l, enum call_kind kind)
{
    struct x64_buf *e = &l->e;
    uintptr_t start = x64_here(e);
    if (kind == CALL_MISS) {
        x64_push(e, RCX);
        probe_enter(l);
        miss_by_c(l);
        return start;
    }
    if (!l->missed) {
        l->missed = e->p;
        miss_by_c(l);
    }
    start = x64_here(e);
    x64_push(e, RCX);
    x64_lea_rip(e, RCX, l->missed, 0);
    x64_jmp(e, l->s->probe[kind == CALL_MISS_READ ? TLB_STREAM_READ : TLB_STREAM_WRITE]);
    return start;
}

static void helper_routine(struct lower *l, bool regs)
{
    static const uint8_t args[IR_ARGS_MAX] = {RSI, RDX, RCX, R8, R9};
    struct x64_buf *e = &l->e;
    homes_store(l);
    x64_store_size(e, AT_JIT(l, point), RCX, 4);
    x64_shift_imm(e, SH_SHR, 0, RCX, 12);
    x64_alu(e, ALU_ADD, X64_W, RCX, NOW);
    x64_store(e, at_hart(l, l->g->insns), RCX);
    x64_imul_imm(e, X64_W, RAX, RDX, sizeof(struct ir_helper));
    x64_mov_imm(e, R10, (uintptr_t)l->g->ir->helpers + offsetof(struct ir_helper, fn));
    x64_load(e, RAX, x64_at_index(R10, RAX, 0));
    for (size_t i = 0; i < IR_ARGS_MAX; i++)
        x64_load(e, (enum x64_reg)args[i], at_jit(l, offsetof(struct jit_hart, args) + 8 * i));
    call_c(l);
    x64_test(e, X64_W, RDX, RDX);
    x64_jcc(e, CC_E, l->s->fault);
    homes_load(l, regs ? ~0u : ~X64_CALL_SAVED);
    x64_ret(e);
}

uintptr_t lower_routine(struct lower *l, enum call_kind kind)
{
    if (kind <= CALL_MISS)
        return miss_routine(l, kind);
    uintptr_t start = x64_here(&l->e);
    helper_routine(l, kind == CALL_HELPER_REGS);
    return start;
}

/* Those that the region calls. */
static void make_routines(struct lower *l)
{
    uintptr_t start[CALL_KINDS] = {0};
    l->missed = NULL;
    for (unsigned i = 0; i < l->calls; i++) {
        unsigned kind = l->call[i].kind;
        uint8_t *from = l->call[i].from;
        if (!start[kind])
            start[kind] = lower_routine(l, (enum call_kind)kind);
        uint32_t rel = (uint32_t)(start[kind] - ((uintptr_t)from + (uintptr_t)l->e.delta + 4));
        if (!l->e.full)
            memcpy(from, &rel, 4);
    }
}

/* --- the region --- */

static void make_cold(struct lower *l)
{
    for (unsigned i = 0; i < l->colds && !l->too_much && !l->e.full; i++) {
        struct cold *c = &l->cold[i];
        if (c->kind == COLD_ACCESS)
            access_cold(l, c);
        else if (c->kind == COLD_FP || c->kind == COLD_NAN)
            fp_cold(l, c);
        else if (c->kind != COLD_NONE)
            exits_cold(l, c);
    }
}

static void make_entries(struct lower *l, struct jit_code *out)
{
    for (unsigned k = 0; k < l->r->count; k++) {
        out->block[k] = l->label[k];
        out->entry[k] = 0;
        if (!l->r->blocks[k].entry)
            continue;
        out->entry[k] = l->label[k];
        if (!l->r->own_map && !l->order.fenced_entry[k])
            continue;
        out->entry[k] = x64_here(&l->e);
        if (l->order.fenced_entry[k])
            x64_lock_fence(&l->e);
        exits_from_border(l);
        x64_jmp(&l->e, l->label[k]);
    }
}

static void fix_jumps(struct lower *l)
{
    for (unsigned i = 0; i < l->fixes && !l->too_much; i++)
        lower_jump_block(l, l->fix[i].from, l->fix[i].block);
}

/* An emitter that is full goes on in its last bytes: they have to be its own, not code before. */
static bool has_room(const struct jit_room *room, size_t start)
{
    return start + 64 <= room->size;
}

/* A line of the processor's caches: translation.md, "Counting". */
#define REGION_ALIGN 64u

static int compile(const struct jit_region *r, const struct jit_stubs *s, struct jit_room *room,
                   struct jit_code *out)
{
    struct lower *l = lower_state();
    if (!l)
        return -ENOMEM;
    size_t start = (room->used + REGION_ALIGN - 1) & ~(size_t)(REGION_ALIGN - 1);
    if (!has_room(room, start))
        return -ENOSPC;
    l->r = r;
    l->g = r->guest;
    l->s = s;
    l->too_much = false;
    l->fixes = l->colds = l->calls = l->streams = 0;
    l->strides = 0;
    l->striding = false;
    memset(l->label, 0, r->count * sizeof(l->label[0]));
    l->e = (struct x64_buf){.p = room->rw + start,
                            .end = room->rw + room->size,
                            .delta = (intptr_t)(room->rx - (uintptr_t)room->rw)};
    lower_border(l->g, &l->border);
    choose_map(l);
    flow_plan(l);
    order_plan(l);
    out->start = x64_here(&l->e);
    for (unsigned k = 0; k < r->count && !l->too_much && !l->e.full; k++)
        lower_block(l, k);
    out->rest = x64_here(&l->e);
    stride_make(l);
    make_cold(l);
    make_entries(l, out);
    out->routines = x64_here(&l->e);
    make_routines(l);
    if (l->too_much)
        return -E2BIG;
    if (l->e.full)
        return -ENOSPC;
    fix_jumps(l);
    out->size = (unsigned)(x64_here(&l->e) - out->start);
    room->used = start + out->size;
    return 0;
}

static void chain(uint8_t *site_rw, uintptr_t site_rx, uintptr_t code)
{
    /* Aligned, so that a processor fetches the old distance or the new one (chainable_jump). */
    store_release((uint32_t *)(void *)site_rw, (uint32_t)(code - (site_rx + 4)));
}

static uintptr_t bridge(const struct jit_stubs *s, struct jit_room *room, unsigned disp)
{
    if (!has_room(room, room->used))
        return 0;
    struct x64_buf e = {.p = room->rw + room->used,
                        .end = room->rw + room->size,
                        .delta = (intptr_t)(room->rx - (uintptr_t)room->rw)};
    uintptr_t start = x64_here(&e);
    x64_mov_imm(&e, RCX, disp);
    x64_jmp(&e, s->by_address);
    if (e.full)
        return 0;
    room->used = (size_t)(e.p - room->rw);
    return start;
}

const struct jit_host jit_host_x64 = {
    .name = "x64",
    .frame = &x64_frame,
    .stubs = x64_stubs,
    .compile = compile,
    .bridge = bridge,
    .chain = chain,
};
