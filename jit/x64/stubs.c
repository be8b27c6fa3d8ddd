/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code that all regions share: the way in, the ways out.
 *
 * In: saves what C wants kept, makes the frame, loads the border map's homes.
 * Out: stores them, brings back C's registers, and returns why (enum jit_left).
 */
#include "jit/x64/lower.h"

#include <elf.h>
#include <errno.h>

static const uint8_t kept[] = {RBX, RBP, R12, R13, R14, R15};
/* The same as DWARF numbers them (x86-64 psABI, figure 3.36). */
static const uint8_t kept_dwarf[] = {3, 6, 12, 13, 14, 15};
_Static_assert(ARRAY_LEN(kept) == ARRAY_LEN(kept_dwarf), "one for each");

const struct jit_frame x64_frame = {
    .machine = EM_X86_64,
    .stack_reg = 7,
    .return_reg = 16,
    .hart_reg = 6,
    .saved_count = ARRAY_LEN(kept_dwarf),
    .bytes = FRAME_BYTES + 8 * (ARRAY_LEN(kept) + 1),
    .routine_bytes = 16, /* its return address, and what keeps the stack aligned */
    .saved = kept_dwarf,
};

struct stubs {
    struct lower *l; /* for places in memory, and the buffer */
    uintptr_t leave; /* eax says why; homes are in registers */
    uintptr_t epilogue;
};

/* bottom: where a return goes that finds the pair at the bottom, for it is to 0. */
static uintptr_t make_enter(struct lower *l, uintptr_t bottom)
{
    struct x64_buf *e = &l->e;
    uintptr_t start = x64_here(e);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        x64_push(e, (enum x64_reg)kept[i]);
    x64_alu_imm(e, ALU_SUB, X64_W, RSP, FRAME_BYTES);
    x64_store_imm(e, x64_at(RSP, 8), 0, 8);
    x64_mov_imm(e, RAX, bottom);
    x64_store(e, x64_at(RSP, 0), RAX);
    x64_lea(e, HART, x64_at(RDI, l->g->bias));
    x64_store(e, AT_JIT(l, rsp), RSP);
    x64_lea(e, RAX, x64_at(RSP, -8 * CALL_WORDS * FRAME_CALLS));
    x64_store(e, AT_JIT(l, calls_end), RAX);
    x64_load(e, NOW, at_hart(l, l->g->insns));
    x64_mov(e, RAX, RSI);
    for (unsigned r = 0; r < 16; r++)
        if (l->border.slot[r])
            x64_load(e, (enum x64_reg)r, at_slot(l, l->border.slot[r]));
    x64_jmp_reg(e, RAX);
    return start;
}

static void make_epilogue(struct stubs *s)
{
    struct lower *l = s->l;
    struct x64_buf *e = &l->e;
    s->leave = x64_here(e);
    for (unsigned r = 0; r < 16; r++)
        if (l->border.slot[r])
            x64_store(e, at_slot(l, l->border.slot[r]), (enum x64_reg)r);
    x64_store(e, at_hart(l, l->g->insns), NOW);
    s->epilogue = x64_here(e);
    x64_load(e, RSP, AT_JIT(l, rsp));
    x64_alu_imm(e, ALU_ADD, X64_W, RSP, FRAME_BYTES);
    for (size_t i = ARRAY_LEN(kept); i-- > 0;)
        x64_pop(e, (enum x64_reg)kept[i]);
    x64_ret(e);
}

/* To the address in rax. */
static uintptr_t make_at(struct stubs *s, enum jit_left why)
{
    struct lower *l = s->l;
    uintptr_t start = x64_here(&l->e);
    x64_store(&l->e, at_hart(l, l->g->pc), RAX);
    x64_mov_imm(&l->e, RAX, why);
    x64_jmp(&l->e, s->leave);
    return start;
}

/* To rcx from the page's start. */
static uintptr_t make_disp(struct stubs *s, enum jit_left why)
{
    struct lower *l = s->l;
    uintptr_t start = x64_here(&l->e);
    if (why == JIT_LEFT_CHAIN)
        x64_store(&l->e, AT_JIT(l, exit_site), RDX);
    x64_load(&l->e, RAX, at_hart(l, l->g->page_va));
    x64_alu(&l->e, ALU_ADD, X64_W, RAX, RCX);
    (void)make_at(s, why);
    return start;
}

/* To what is on the stack, above a bit as the lowest of exit_site, from the page's start. */
static uintptr_t make_chain_here(struct stubs *s)
{
    struct x64_buf *e = &s->l->e;
    uintptr_t start = x64_here(e);
    x64_pop(e, RDX);
    x64_pop(e, RCX);
    x64_mov32(e, RAX, RCX);
    x64_alu_imm(e, ALU_AND, 0, RAX, 1);
    x64_shift_imm(e, SH_SHR, 0, RCX, 1);
    x64_lea(e, RDX, x64_at_index(RDX, RAX, -CHAIN_HERE_BYTES));
    (void)make_disp(s, JIT_LEFT_CHAIN);
    return start;
}

static uintptr_t make_why(struct stubs *s, enum jit_left why, uintptr_t to)
{
    uintptr_t start = x64_here(&s->l->e);
    x64_mov_imm(&s->l->e, RAX, why);
    x64_jmp(&s->l->e, to);
    return start;
}

/* To rcx from the page's start, by the jump cache. */
static uintptr_t make_by_address(struct lower *l, const struct jit_stubs *out)
{
    uintptr_t start = x64_here(&l->e);
    x64_load(&l->e, RAX, at_hart(l, l->g->page_va));
    x64_alu(&l->e, ALU_ADD, X64_W, RAX, RCX);
    exits_by_address(l, out);
    return start;
}

/*
 * To rax, by the jump at rdx; ecx says more (NEAR_PLACE_BITS).  To the engine where it is not
 * linked, or nothing is known of the page: else by the jump cache.
 */
static uintptr_t make_near(struct stubs *s, const struct jit_stubs *out)
{
    struct lower *l = s->l;
    struct x64_buf *e = &l->e;
    uintptr_t start = x64_here(e);
    x64_store(e, AT_JIT(l, near_site), RDX);
    x64_store_size(e, AT_JIT(l, near_place), RCX, 4);
    x64_shift_imm(e, SH_SHR, 0, RCX, NEAR_PLACE_BITS);
    x64_alu(e, ALU_SUB, X64_W, RDX, RCX);
    x64_store(e, AT_JIT(l, near_number), RDX);
    x64_load_zx(e, RCX, AT_JIT(l, near_place), 4);
    x64_alu_imm(e, ALU_AND, 0, RCX, (1 << NEAR_PLACE_BITS) - 1);
    x64_store(e, AT_JIT(l, near_place), RCX);
    x64_alu_mem_imm(e, ALU_CMP, 0, x64_at(RDX, 0), 0);
    uint8_t *not_linked = x64_jcc8(e, CC_E);
    x64_alu_mem(e, ALU_ADD, X64_W, RCX, AT_JIT(l, jumps));
    x64_alu_mem_imm(e, ALU_CMP, X64_W, x64_at(RCX, offsetof(struct jit_jump, va)), 1);
    uint8_t *known = x64_jcc8(e, CC_NE);
    x64_patch8(e, not_linked);
    (void)make_at(s, JIT_LEFT_NEAR);
    x64_patch8(e, known);
    exits_by_address(l, out);
    return start;
}

/* A return to rax that is not that of the last call: what is known of calls is over. */
static uintptr_t make_stray_return(struct lower *l, const struct jit_stubs *out)
{
    uintptr_t start = x64_here(&l->e);
    x64_load(&l->e, RSP, AT_JIT(l, rsp));
    exits_by_address(l, out);
    return start;
}

static uintptr_t make_bottom(struct lower *l, uintptr_t stray_return)
{
    uintptr_t start = x64_here(&l->e);
    x64_mov_imm(&l->e, RAX, 0);
    x64_jmp(&l->e, stray_return);
    return start;
}

int x64_stubs(struct jit_stubs *out, const struct jit_guest *g, struct jit_room *room)
{
    struct lower *l = lower_state();
    struct stubs s = {.l = l};
    if (!l)
        return -ENOMEM;
    l->g = g;
    l->e = (struct x64_buf){.p = room->rw + room->used,
                            .end = room->rw + room->size,
                            .delta = (intptr_t)(room->rx - (uintptr_t)room->rw)};
    lower_border(g, &l->border);
    make_epilogue(&s);
    out->fault = make_why(&s, JIT_LEFT_FAULT, s.epilogue);
    out->trap = make_why(&s, JIT_LEFT_TRAP, s.leave);
    out->chain = make_disp(&s, JIT_LEFT_CHAIN);
    out->chain_here = make_chain_here(&s);
    out->find = make_disp(&s, JIT_LEFT_FIND);
    out->leave = make_disp(&s, JIT_LEFT_LEAVE);
    out->alarm = make_disp(&s, JIT_LEFT_ALARM);
    out->interp = make_disp(&s, JIT_LEFT_INTERP);
    out->find_at = make_at(&s, JIT_LEFT_FIND);
    out->leave_at = make_at(&s, JIT_LEFT_LEAVE);
    out->alarm_at = make_at(&s, JIT_LEFT_ALARM);
    out->by_address = make_by_address(l, out);
    out->near = make_near(&s, out);
    out->stray_return = make_stray_return(l, out);
    out->enter = make_enter(l, make_bottom(l, out->stray_return));
    l->s = out;
    l->map = l->border;
    for (unsigned kind = 0; kind < TLB_STREAM_KINDS; kind++)
        out->probe[kind] = probe_routine(l, (enum tlb_stream_kind)kind);
    l->missed = NULL;
    out->slow = lower_slow(l);
    for (unsigned kind = 0; kind < CALL_KINDS; kind++)
        out->routine[kind] = lower_routine(l, (enum call_kind)kind);
    if (l->e.full)
        return -ENOSPC;
    room->used = (size_t)(l->e.p - room->rw);
    return 0;
}
