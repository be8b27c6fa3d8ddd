/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways out of a block: to another block of the region, to other code, to the
 * engine.
 *
 * In the same page other code is reached by a jump whose distance is written
 * once the code is there (chaining): code of a page lives and dies together, so
 * such a jump never leads to what is gone.  Everything else goes by the address:
 * the hart's jump cache says where its code is, if it knows.
 *
 * The guest's calls and returns are the host's, so that the processor predicts
 * them: see FRAME_CALLS.  A return that is not the last call's goes by the address.
 *
 * The alarm is looked for at all calls, at jumps back inside the page and at jumps
 * by address, but not at returns to a call; a way that passes none of them ends with
 * the page.
 */
#include "jit/x64/lower.h"

#include <string.h>

#include "sim/base/log.h"

static void border_stores(struct lower *l, const struct map *from, const struct map *to, bool all)
{
    for (unsigned r = 0; r < 16; r++) {
        unsigned slot = from->slot[r];
        if (slot && to->home[slot] != r && (all || slot > 63 || from->written >> slot & 1))
            x64_store(&l->e, at_slot(l, slot), (enum x64_reg)r);
    }
    for (unsigned x = 0; x < 16; x++)
        if (from->xslot[x] && from->written >> from->xslot[x] & 1)
            x64_store_xmm(&l->e, at_slot(l, from->xslot[x]), x, 8);
}

static void border_loads(struct lower *l, const struct map *from, const struct map *to)
{
    for (unsigned r = 0; r < 16; r++) {
        unsigned slot = to->slot[r];
        if (slot && from->home[slot] != r)
            x64_load(&l->e, (enum x64_reg)r, at_slot(l, slot));
    }
    for (unsigned x = 0; x < 16; x++)
        if (to->xslot[x])
            x64_load_xmm(&l->e, x, at_slot(l, to->xslot[x]), 8);
}

void exits_to_border(struct lower *l)
{
    border_stores(l, &l->map, &l->border, false);
    border_loads(l, &l->map, &l->border);
}

void exits_from_border(struct lower *l)
{
    border_stores(l, &l->border, &l->map, true);
    border_loads(l, &l->border, &l->map);
}

/* --- leaving the region; registers are as the border map says --- */

/* Finds the place of the jump cache for the address in rax: rcx. */
static void look_in_jumps(struct lower *l, const struct jit_stubs *s)
{
    struct x64_buf *e = &l->e;
    x64_alu_mem(e, ALU_CMP, X64_W, NOW, at_hart(l, l->g->until));
    x64_jcc(e, CC_AE, s->alarm_at);
    x64_mov(e, RCX, RAX);
    x64_shift_imm(e, SH_SHR, X64_W, RCX, 11);
    x64_alu(e, ALU_XOR, 0, RCX, RAX);
    x64_load(e, RDX, AT_JIT(l, jumps));
    x64_alu_imm(e, ALU_AND, 0, RCX, (JIT_JUMPS - 1) << 1);
    x64_lea(e, RCX, (struct x64_mem){.base = RDX, .index = RCX, .scale = 3});
    x64_alu_mem(e, ALU_CMP, X64_W, RAX, x64_at(RCX, offsetof(struct jit_jump, va)));
    x64_jcc(e, CC_NE, s->find_at);
    x64_alu_imm(e, ALU_AND, X64_W, RAX, -(int32_t)PAGE_SIZE);
    x64_store(e, at_hart(l, l->g->page_va), RAX);
}
_Static_assert(sizeof(struct jit_jump) == 16, "twice an index becomes an offset by a scale of 8");

void exits_by_address(struct lower *l, const struct jit_stubs *s)
{
    look_in_jumps(l, s);
    x64_jmp_mem(&l->e, x64_at(RCX, offsetof(struct jit_jump, code)));
}

static void to_stub(struct lower *l, uintptr_t stub, int32_t disp)
{
    x64_mov_imm(&l->e, RCX, (uint64_t)(int64_t)disp);
    x64_jmp(&l->e, stub);
}

static void look_for_alarm(struct lower *l, int32_t disp)
{
    x64_alu_mem(&l->e, ALU_CMP, X64_W, NOW, at_hart(l, l->g->until));
    struct cold *c = lower_cold(l);
    c->kind = COLD_ALARM_OUT;
    c->from[0] = x64_jcc(&l->e, CC_AE, 0);
    c->exit.disp = disp;
}

/* The distance of a jump or call is aligned, so that writing it is one atomic store. */
static void align_distance(struct x64_buf *e)
{
    x64_nop(e, (unsigned)-(x64_here(e) + 1) & 3);
}

/* Where the call at site leads at first: to the engine, which may lead it elsewhere. */
static void unchained_call(struct lower *l, const uint8_t *site, int32_t disp)
{
    x64_lea_rip(&l->e, RDX, site, l->r->any_mode);
    to_stub(l, l->s->chain, disp);
}

/* The same of a jump that ends here: its distance is so far before what the call returns to. */
static void chainable_jump(struct lower *l, int32_t disp)
{
    struct x64_buf *e = &l->e;
    align_distance(e);
    const uint8_t *site = x64_jmp(e, x64_here(e) + 5);
    x64_push_imm32(e, disp << 1 | l->r->any_mode);
    x64_call(e, l->s->chain_here);
    BUG_ON(!e->full && e->p - site != CHAIN_HERE_BYTES);
}

/* --- jumps by distance to other pages (JIT_NEAR) --- */

static void push_way_back(struct lower *l);
static void way_back(struct lower *l, unsigned disp, bool same_page);

static int32_t page_of(int32_t disp)
{
    return disp & -(int32_t)PAGE_SIZE;
}

/* Where the bank has the page. */
static int32_t near_place(const struct lower *l, int32_t disp)
{
    unsigned i = (l->r->near_base + (unsigned)(page_of(disp) / (int32_t)PAGE_SIZE)) % JIT_NEAR;
    return (int32_t)((JIT_JUMPS + i) * sizeof(struct jit_jump));
}

/* With 4 bytes for a number, at an address that is a multiple of 4; returns it. */
static uint8_t *compare_number(struct x64_buf *e, struct x64_mem m)
{
    const unsigned before = 6; /* opcode, ModRM, distance of 4 bytes */
    x64_nop(e, (unsigned)-(x64_here(e) + before) & 3);
    x64_alu_mem_imm(e, ALU_CMP, 0, m, INT32_MAX);
    uint8_t *number = e->p - 4;
    if (!e->full)
        memset(number, 0, 4);
    return number;
}

/*
 * To disp, in another page; back: 0, or the call's way back.  The alarm is looked for as by
 * address: forward jumps alone make no loop.  The page's address is that of the bank, which a
 * processor guesses right, so that the next jump need not wait for this one's store.
 */
static void go_near(struct lower *l, int32_t disp, unsigned back)
{
    struct x64_buf *e = &l->e;
    struct cold *c = lower_cold(l);
    int32_t place = near_place(l, disp);
    c->kind = COLD_NEAR;
    c->exit.disp = disp;
    c->exit.link = (uint16_t)back;
    c->from[2] = NULL;
    x64_load(e, RAX, at_hart(l, l->g->page_va));
    if (page_of(disp))
        x64_alu_imm(e, ALU_ADD, X64_W, RAX, page_of(disp));
    if (disp < 0 || back) {
        x64_alu_mem(e, ALU_CMP, X64_W, NOW, at_hart(l, l->g->until));
        c->from[2] = x64_jcc(e, CC_AE, 0);
    }
    x64_load(e, RCX, AT_JIT(l, jumps));
    x64_load(e, RDX, x64_at(RCX, place + (int32_t)offsetof(struct jit_jump, va)));
    x64_alu(e, ALU_CMP, X64_W, RAX, RDX);
    c->from[0] = x64_jcc(e, CC_NE, 0);
    c->number = compare_number(e, x64_at(RCX, place + (int32_t)offsetof(struct jit_jump, code)));
    c->from[1] = x64_jcc(e, CC_NE, 0);
    x64_store(e, at_hart(l, l->g->page_va), RDX);
    if (back)
        push_way_back(l);
    align_distance(e);
    c->from[3] = back ? x64_call(e, 0) : x64_jmp(e, 0);
    c->after = x64_here(e);
    if (back)
        way_back(l, back, false);
}

/* The page is not there, or has another number; or (from[3]) none is linked yet. */
static void near_cold(struct lower *l, struct cold *c)
{
    struct x64_buf *e = &l->e;
    int32_t disp = c->exit.disp - page_of(c->exit.disp);
    if (c->from[2]) {
        x64_patch(e, c->from[2]);
        x64_alu_imm(e, ALU_ADD, X64_W, RAX, disp);
        x64_jmp(e, l->s->alarm_at);
    }
    x64_patch(e, c->from[0]);
    x64_patch(e, c->from[1]);
    if (c->exit.link)
        push_way_back(l);
    x64_patch(e, c->from[3]);
    if (disp)
        x64_alu_imm(e, ALU_ADD, X64_W, RAX, disp);
    x64_lea_rip(e, RDX, c->from[3], l->r->any_mode);
    uint32_t back = (uint32_t)(c->from[3] - c->number) + l->r->any_mode;
    BUG_ON(!e->full && back >= 1u << (32 - NEAR_PLACE_BITS));
    x64_mov_imm(e, RCX, (uint32_t)near_place(l, c->exit.disp) | back << NEAR_PLACE_BITS);
    if (c->exit.link) {
        x64_call(e, l->s->near);
        x64_jmp(e, c->after);
    } else {
        x64_jmp(e, l->s->near);
    }
}

static void leave_region(struct lower *l, enum ir_exit_kind kind, int32_t disp)
{
    exits_to_border(l);
    switch (kind) {
    case IR_EXIT_CHAIN:
        if (disp < 0 || disp >= (int32_t)PAGE_SIZE) {
            go_near(l, disp, 0);
            break;
        }
        if (disp <= (int32_t)l->r->blocks[l->block].disp)
            look_for_alarm(l, disp);
        chainable_jump(l, disp);
        break;
    case IR_EXIT_LEAVE:
        to_stub(l, l->s->leave, disp);
        break;
    case IR_EXIT_FIND:
        to_stub(l, l->s->find, disp);
        break;
    case IR_EXIT_INTERP:
        to_stub(l, l->s->interp, disp);
        break;
    }
}

/* --- calls and returns --- */

/* To code off the fast path that comes back here. */
static void cold_detour(struct lower *l, enum cold_kind kind, enum x64_cond cc)
{
    struct cold *c = lower_cold(l);
    c->kind = kind;
    c->from[0] = x64_jcc(&l->e, cc, 0);
    c->after = x64_here(&l->e);
}

/* Registers are as the border map says. */
static void push_way_back(struct lower *l)
{
    struct x64_buf *e = &l->e;
    uint8_t r = l->border.home[l->g->link];
    x64_alu_mem(e, ALU_CMP, X64_W, RSP, AT_JIT(l, calls_end));
    cold_detour(l, COLD_CALLS, CC_BE);
    if (r == X64_NO_REG) {
        x64_load(e, RDX, at_slot(l, l->g->link));
        r = RDX;
    }
    x64_push(e, (enum x64_reg)r);
}

/*
 * Behind the host's call, where the guest's return comes: on in the block that it leads to.  What
 * is compared first is not stored: else each call would wait for the one before it, through memory.
 */
static void way_back(struct lower *l, unsigned disp, bool same_page)
{
    struct x64_buf *e = &l->e;
    int block = lower_find_block(l, (int32_t)disp);
    bool inside = block >= 0 && l->r->blocks[block].entry;
    x64_pop(e, RAX);
    x64_alu_imm(e, ALU_AND, X64_W, RAX, -(int32_t)PAGE_SIZE);
    if (same_page) {
        x64_alu_mem(e, ALU_CMP, X64_W, RAX, at_hart(l, l->g->page_va));
        cold_detour(l, COLD_PAGE, CC_NE);
    } else {
        x64_store(e, at_hart(l, l->g->page_va), RAX);
    }
    if (!inside) {
        chainable_jump(l, (int32_t)disp);
        return;
    }
    if (l->order.fenced_entry[block])
        x64_lock_fence(e);
    exits_from_border(l);
    if ((unsigned)block != l->block + 1)
        lower_jump_block(l, x64_jmp(e, 0), (unsigned)block);
}

/* Whether the exit is a call that is made one of the host's. */
bool exits_is_call(const struct lower *l, const struct ir_insn *i)
{
    return l->g->link && i->sub == IR_EXIT_CHAIN && i->link && i->link < PAGE_SIZE;
}

/* To the address in rax, by the jump cache. */
static void call_by_address(struct lower *l, unsigned back)
{
    look_in_jumps(l, l->s);
    push_way_back(l);
    x64_call_mem(&l->e, x64_at(RCX, offsetof(struct jit_jump, code)));
    way_back(l, back, false);
}

/* To a place of the same page: of the region, or where there may be other code. */
static void call_in_page(struct lower *l, const struct ir_insn *i)
{
    struct x64_buf *e = &l->e;
    int block = l->r->own_map ? -1 : lower_find_block(l, i->disp);
    push_way_back(l);
    if (block >= 0) {
        lower_jump_block(l, x64_call(e, 0), (unsigned)block);
    } else {
        struct cold *c = lower_cold(l);
        align_distance(e);
        c->kind = COLD_CALL;
        c->from[0] = x64_call(e, 0);
        c->exit = *i;
    }
    way_back(l, i->link, true);
}

static void call_out(struct lower *l, const struct ir_insn *i)
{
    bool in_page = i->disp >= 0 && i->disp < (int32_t)PAGE_SIZE;
    if (in_page)
        lower_look_for_alarm(l, i->disp);
    exits_to_border(l);
    if (in_page) {
        call_in_page(l, i);
        return;
    }
    go_near(l, i->disp, i->link);
}

/* To the address in r, which is that of the last call's way back, or is looked up. */
static void return_to(struct lower *l, enum x64_reg r)
{
    struct x64_buf *e = &l->e;
    x64_alu_mem(e, ALU_CMP, X64_W, r, x64_at(RSP, 8));
    struct cold *c = lower_cold(l);
    c->kind = COLD_RETURN;
    c->from[0] = x64_jcc(e, CC_NE, 0);
    c->value = (uint8_t)r;
    x64_ret(e);
}

/* --- in the block --- */

/* Brings the count up to date; keeps the flags. */
static void count(struct lower *l, int retired)
{
    if (retired != l->counted)
        x64_lea(&l->e, NOW, x64_at(NOW, retired - l->counted));
    l->counted = retired;
}

/* The same before a jump to the block, unless that goes on with what is left to be counted. */
static void count_before(struct lower *l, unsigned block, int retired)
{
    if (!flow_has(l->flow.goes_on, block) || retired < l->counted)
        count(l, retired);
    l->uncounted[block] = retired - l->counted;
}

/*
 * A jump back that the engine did not know of (a pass made it of a jump by address) leaves the
 * region, for its target does not look for the alarm.
 */
int exits_inside(const struct lower *l, unsigned block, const struct ir_insn *i)
{
    int to = i->sub == IR_EXIT_CHAIN ? lower_find_block(l, i->disp) : -1;
    bool back = to >= 0 && (unsigned)to <= block;
    return back && !l->r->blocks[to].header ? -1 : to;
}

static void cold_exit(struct lower *l, uint8_t *from, const struct ir_insn *i)
{
    struct cold *c = lower_cold(l);
    c->kind = COLD_EXIT;
    c->from[0] = from;
    c->exit = *i;
    c->site = l->block;
    c->uncounted = i->index - l->counted;
}

static void jump_inside(struct lower *l, uint8_t *from, unsigned block)
{
    if (block != l->block || !stride_jump(l, from))
        lower_jump_block(l, from, block);
}

static void exit_if(struct lower *l, const struct ir_insn *i)
{
    int block = exits_inside(l, l->block, i);
    if (block >= 0)
        count_before(l, (unsigned)block, i->index);
    enum x64_cond cc = isel_condition(l, i->a);
    uint8_t *from = x64_jcc(&l->e, cc, 0);
    if (block >= 0)
        jump_inside(l, from, (unsigned)block);
    else
        cold_exit(l, from, i);
}

static void exit_always(struct lower *l, const struct ir_insn *i)
{
    int block = exits_inside(l, l->block, i);
    if (block >= 0 && !exits_is_call(l, i))
        count_before(l, (unsigned)block, i->index);
    else
        count(l, i->index);
    if (exits_is_call(l, i)) {
        call_out(l, i);
        return;
    }
    if (block < 0) {
        leave_region(l, (enum ir_exit_kind)i->sub, i->disp);
        return;
    }
    if ((unsigned)block != l->block + 1 || l->striding)
        jump_inside(l, x64_jmp(&l->e, 0), (unsigned)block);
}

/* The address in rax becomes one where a block may begin. */
static void align_target(struct lower *l)
{
    uint64_t mask = ir_pc_mask(l->g->ir);
    if (mask != UINT64_MAX)
        x64_alu_imm(&l->e, ALU_AND, X64_W, RAX, (int32_t)(int64_t)mask);
}

static void exit_to(struct lower *l, const struct ir_insn *i)
{
    bool returns = i->link == IR_LINK_RETURN && l->g->link;
    count(l, i->index);
    if (returns && !l->r->own_map) {
        return_to(l, alloc_use(l, i->a));
        return;
    }
    alloc_last(l, RAX, i->a);
    exits_to_border(l);
    if (returns) {
        return_to(l, RAX);
        return;
    }
    align_target(l);
    if (exits_is_call(l, i))
        call_by_address(l, i->link);
    else if (i->sub == IR_EXIT_CHAIN)
        exits_by_address(l, l->s);
    else
        x64_jmp(&l->e, i->sub == IR_EXIT_FIND ? l->s->find_at : l->s->leave_at);
}

static void trap(struct lower *l, const struct ir_insn *i)
{
    const struct ir_insn *point = &l->b->insns[i->point];
    enum x64_reg tval = alloc_use(l, i->a);
    uint8_t *from;
    if (i->op == IR_trap_if)
        from = x64_jcc(&l->e, isel_condition(l, i->b), 0);
    else
        from = x64_jmp(&l->e, 0);
    struct cold *c = lower_cold(l);
    c->kind = COLD_TRAP;
    c->from[0] = from;
    c->value = (uint8_t)tval;
    c->site = i->index;
    c->point = lower_point(l, point);
}

void exits_insn(struct lower *l, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_exit_if:
        exit_if(l, i);
        break;
    case IR_exit:
        exit_always(l, i);
        break;
    case IR_exit_to:
        exit_to(l, i);
        break;
    default:
        trap(l, i);
    }
}

void exits_cold(struct lower *l, struct cold *c)
{
    if (c->kind == COLD_NEAR) {
        near_cold(l, c);
        return;
    }
    x64_patch(&l->e, c->from[0]);
    if (c->kind == COLD_CALLS || c->kind == COLD_PAGE) {
        if (c->kind == COLD_CALLS)
            x64_load(&l->e, RSP, AT_JIT(l, rsp));
        else
            x64_store(&l->e, at_hart(l, l->g->page_va), RAX);
        x64_jmp(&l->e, c->after);
        return;
    }
    if (c->kind == COLD_ALARM_OUT) {
        to_stub(l, l->s->alarm, c->exit.disp);
        return;
    }
    if (c->owes)
        x64_lock_fence(&l->e);
    if (c->kind == COLD_ALARM) {
        exits_to_border(l);
        to_stub(l, l->s->alarm, c->exit.disp);
        return;
    }
    if (c->kind == COLD_RETURN) {
        x64_mov(&l->e, RAX, (enum x64_reg)c->value);
        align_target(l);
        x64_jmp(&l->e, l->s->stray_return);
        return;
    }
    if (c->kind == COLD_CALL) {
        unchained_call(l, c->from[0], c->exit.disp);
        return;
    }
    if (c->kind == COLD_EXIT) {
        l->block = c->site;
        l->counted = 0;
        count(l, c->uncounted);
        leave_region(l, (enum ir_exit_kind)c->exit.sub, c->exit.disp);
        return;
    }
    x64_store(&l->e, AT_JIT(l, value), (enum x64_reg)c->value);
    x64_store_imm(&l->e, AT_JIT(l, site), (int32_t)c->site, 4);
    x64_store_imm(&l->e, AT_JIT(l, point), (int32_t)c->point, 4);
    exits_to_border(l);
    x64_jmp(&l->e, l->s->trap);
}
