/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests jit/x64: blocks compiled and run, against the evaluator (jit/eval.c).
 *
 * The guest is that of jit_blocks.h.  A region is evaluated block by block, and
 * compiled and run; then why it was left, pc, retired instructions, slots,
 * memory, and all that was asked of the world must agree.  The world's window of
 * memory is reached by streams, which come and go at random.
 *
 *   every operation, with every kind of operand and result
 *   random regions of one to six blocks, with loops, alarms, jumps by address;
 *   maps of their own or the border's; with and without passes; for processors
 *   that lack this or that
 *   fences that are left out: random walks meet none where a store waits
 *   what only a written case shows: chaining, room, streams that places share
 *
 * A failing region is made small before it is shown.
 */
#include "jit/x64/lower.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "jit/codemem.h"
#include "tests/unit/jit_blocks.h"

#define BLOCKS  6
#define PAGE_VA 0x123456000ull
#define WINDOW  0x7fff0000ull

struct test_hart {
    struct world world; /* first: slots are at their offsets in it */
    uint64_t insns, until, page_va, pc;
    struct jit_hart jit;
    struct tlb tlb;
    uint8_t paged;
    uint64_t entropy; /* what streams do */
    uint64_t reserved, lrs, scs[2];
};

/* --- a hart --- */

static uint64_t entropy(struct test_hart *h)
{
    return mix(h->entropy += 0x9e3779b97f4a7c15ull);
}

/* Whatever C may destroy is destroyed. */
static void destroy_registers(void)
{
#if defined(__x86_64__)
    __asm__ volatile("mov $-1, %%rcx\n\tmov %%rcx, %%rsi\n\tmov %%rcx, %%rdi\n\tmov %%rcx, %%r8\n\t"
                     "mov %%rcx, %%r9\n\tmov %%rcx, %%r10\n\tmov %%rcx, %%r11"
                     :
                     :
                     : "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc");
#define ONES(n) "pcmpeqd %%xmm" #n ", %%xmm" #n "\n\t"
#define DESTROY(a, b, c, d)                                                                        \
    __asm__ volatile(ONES(a) ONES(b) ONES(c) ONES(d) : : : "xmm" #a, "xmm" #b, "xmm" #c, "xmm" #d)
    DESTROY(0, 1, 2, 3);
    DESTROY(4, 5, 6, 7);
    DESTROY(8, 9, 10, 11);
    DESTROY(12, 13, 14, 15);
#endif
}

static void forget_streams(struct test_hart *h)
{
    for (unsigned kind = 0; kind < TLB_STREAM_KINDS; kind++)
        for (unsigned i = 0; i < TLB_STREAMS; i++)
            tlb_stream_forget(&h->tlb, kind, i);
}

static void forget_pages(struct test_hart *h)
{
    for (unsigned n = 0; n < WINDOW_PAGES; n++) {
        tlb_slot(&h->tlb, TLB_READ, WINDOW + n * PAGE_SIZE)->tag = TLB_TAG_INVALID;
        tlb_slot(&h->tlb, TLB_WRITE, WINDOW + n * PAGE_SIZE)->tag = TLB_TAG_INVALID;
    }
}

static struct ir_place place(const struct test_hart *h, unsigned retired)
{
    return (struct ir_place){h->page_va + jit_point_disp(h->jit.point),
                             (unsigned)h->insns + retired};
}

static struct ir_result call_world(void *hart, unsigned helper, uint64_t args[IR_ARGS_MAX])
{
    struct test_hart *h = hart;
    struct ir_place at = place(h, 0);
    for (unsigned i = helpers[helper].args; i < IR_ARGS_MAX; i++)
        args[i] = 0;
    if (entropy(h) % 4 == 0) {
        forget_streams(h);
        forget_pages(h);
    }
    struct ir_result r = world_call(&h->world, &at, &helpers[helper], args);
    destroy_registers();
    return r;
}

#define HELPER(n)                                                                                  \
    static struct ir_result helper_##n(void *hart, uint64_t a, uint64_t b, uint64_t c, uint64_t d, \
                                       uint64_t e)                                                 \
    {                                                                                              \
        return call_world(hart, n, (uint64_t[IR_ARGS_MAX]){a, b, c, d, e});                        \
    }
HELPER(0)
HELPER(1)
HELPER(2)
HELPER(3)
HELPER(4)
HELPER(5)

static ir_helper_fn *const functions[] = {helper_0, helper_1, helper_2,
                                          helper_3, helper_4, helper_5};
_Static_assert(ARRAY_LEN(functions) == ARRAY_LEN(helpers), "one each");

/* Gives the stream and the TLB the page, as an engine does; true if the code may try again. */
static bool fill_stream(struct test_hart *h, enum jit_access what, unsigned size)
{
    uint64_t va = h->jit.va, page = va & PAGE_MASK;
    unsigned bytes = h->jit.span ? h->jit.span >> 16 : size,
             stream = h->jit.site >> 16 & JIT_SITE_STREAM;
    bool aligned = !(va & ((h->jit.span ? jit_site_align(h->jit.site) : size) - 1));
    bool writes = jit_site_writes(h->jit.site);
    bool for_c = (what == JIT_LR && h->jit.lr_exact) || (what == JIT_SC && ~h->reserved);
    bool flat_site = h->jit.site & JIT_SITE_FLAT;
    if (for_c || flat_site || !in_window(&h->world, va, 1, false) ||
        va - page > PAGE_SIZE - bytes || entropy(h) % 4 == 0)
        return false;
    bool global = entropy(h) % 2;
    struct tlb_stream s = {page, PAGE_SIZE - bytes + 1,
                           (uintptr_t)window_at(&h->world, page) - page};
    tlb_stream_set(&h->tlb, writes ? TLB_STREAM_WRITE : TLB_STREAM_READ, stream, !global, &s);
    (global ? tlb_fill_global : tlb_fill)(&h->tlb, writes ? TLB_WRITE : TLB_READ, page, s.addend,
                                          PAGE_SHIFT);
    return aligned;
}

static bool access_world(struct test_hart *h, enum jit_access what, unsigned size)
{
    struct ir_place at = place(h, jit_point_retired(h->jit.point));
    enum amo_op op = (enum amo_op)(h->jit.site >> 8 & 15);
    struct jit_hart *j = &h->jit;
    uint64_t value = j->value;
    bool ok;
    switch (what) {
    case JIT_LR: /* may serve requests of other harts */
        if (entropy(h) % 4 == 0) {
            forget_streams(h);
            forget_pages(h);
        }
        ok = world_load(&h->world, &at, size, j->va, &value);
        break;
    case JIT_SC:
        ok = world_cas(&h->world, &at, size, j->va, value, j->desired, &value);
        value = value != j->value;
        h->reserved = ~0ull;
        break;
    case JIT_LOAD:
        ok = world_load(&h->world, &at, size, j->va, &value);
        break;
    case JIT_STORE:
        return world_store(&h->world, &at, size, j->va, value);
    case JIT_AMO:
        ok = world_amo(&h->world, &at, size, op, j->va, value, &value);
        break;
    default:
        ok = world_cas(&h->world, &at, size, j->va, value, j->desired, &value);
    }
    j->value = value;
    return ok;
}

static unsigned slow_calls;

static int slow(void *hart)
{
    struct test_hart *h = hart;
    enum jit_access what = (enum jit_access)(h->jit.site & 15);
    unsigned size = h->jit.site >> 4 & 15;
    int how = JIT_SLOW_RETRY;
    slow_calls++;
    if (h->jit.looks < 0)
        h->jit.looks = entropy(h) % 16;
    h->jit.watched = entropy(h) % 4 ? 0 : h->jit.site;
    if (!fill_stream(h, what, size)) {
        h->jit.va += h->jit.span & 0xffff;
        bool ok = access_world(h, what, size);
        h->insns += jit_point_retired(h->jit.point);
        how = ok ? JIT_SLOW_DONE : JIT_SLOW_FAULT;
    }
    destroy_registers();
    return how;
}

/* --- guests that differ in their border map --- */

static const uint8_t borders[][G14 + 1] = {
    {0},
    {G1 + 2, 0},
    {G14, G1, G7, G6, G1 + 1, 0},
    {G7 + 2, G1 + 1, G14, G1 + 4, G1 + 3, G7, G1, G6, G7 + 4, G1 + 2, 0},
    {G1, G1 + 1, G1 + 2, G1 + 3, G1 + 4, G6, G7, G7 + 1, G7 + 2, G7 + 3, G7 + 4, G7 + 5, G14, 0},
};
#define GUESTS ARRAY_LEN(borders)

/* Registers of which the host may think that they hold floating-point values. */
static const uint64_t float_slots[] = {1 << G1 | 1 << (G1 + 2) | 1 << (G7 + 4) | 1 << G14,
                                       1 << G1 | 1 << (G1 + 1) | 1 << G6 | 1 << G7,
                                       1 << (G7 + 5) | 1 << (G7 + 6), 1 << (G7 + 3), 0};
_Static_assert(ARRAY_LEN(float_slots) == GUESTS, "one each");

static struct jit_guest guests[GUESTS];
static struct jit_stubs stubs[GUESTS];
static const struct jit_host *host;
static struct codemem *mem;
static struct jit_room room; /* of the region in hand; emptied for each */

/* So that the processor sees what was written through the other view. */
static void serialize(void)
{
#if defined(__x86_64__)
    unsigned a = 0, c = 0;
    __asm__ volatile("cpuid" : "+a"(a), "+c"(c) : : "rbx", "rdx", "memory");
#endif
}

static void open_tlb(struct tlb *t)
{
    bool cleared;
    assert_int_equal(tlb_init(t, 0), 0);
    uint64_t ctx = tlb_context(t, 1 << 16, &cleared), global = tlb_context(t, 2 << 16, &cleared);
    for (unsigned kind = 0; kind < TLB_KINDS; kind++) {
        t->ctx[kind] = ctx;
        t->global[kind] = global;
    }
}

static struct test_hart hart;

/* What earlier regions left in the streams, which places of other regions share; with the window's
 * pages in order another. */
static struct tlb_stream streams[2][TLB_STREAM_KINDS][TLB_STREAMS];
_Static_assert(sizeof(streams[0]) == sizeof(hart.tlb.stream), "all of them");

static void no_streams(void)
{
    forget_streams(&hart);
    for (unsigned i = 0; i < ARRAY_LEN(streams); i++)
        memcpy(streams[i], hart.tlb.stream, sizeof(streams[i]));
}

static uint8_t memory_here[2][WINDOW_PAGES * PAGE_SIZE];
static uint8_t *memory[2] = {memory_here[0], memory_here[1]};
/* The second at a distance from the window that code may know, if the process has the room. */
#define FLAT_ADDEND (-0x10000000)
static struct jit_flat flat;

static void map_flat(void)
{
    void *at = (void *)(uintptr_t)(WINDOW + (uint64_t)FLAT_ADDEND);
    void *host_memory = mmap(at, sizeof(memory_here[1]), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (host_memory != at) {
        print_message("no room for memory near its guest address: not tested\n");
        return;
    }
    memory[1] = host_memory;
    flat = (struct jit_flat){WINDOW, sizeof(memory_here[1]), FLAT_ADDEND};
}

static int open_host(void **state)
{
    host = jit_host();
    if (!host) {
        print_message("skipped: no back end for this machine\n");
        exit(77);
    }
    for (unsigned i = 0; i < ARRAY_LEN(helpers); i++)
        helpers[i].fn = functions[i];
    map_flat();
    assert_int_equal(codemem_create(&mem, 16u << 20), 0);
    struct jit_room r = codemem_room(mem, codemem_take(mem));
    for (unsigned i = 0; i < GUESTS; i++) {
        guests[i] = (struct jit_guest){
            .ir = &guest,
            .insns = offsetof(struct test_hart, insns),
            .until = offsetof(struct test_hart, until),
            .page_va = offsetof(struct test_hart, page_va),
            .pc = offsetof(struct test_hart, pc),
            .tlb = offsetof(struct test_hart, tlb),
            .jit = offsetof(struct test_hart, jit),
            .paged = offsetof(struct test_hart, paged),
            .reserved = offsetof(struct test_hart, reserved),
            .lr_count = offsetof(struct test_hart, lrs),
            .sc_count = offsetof(struct test_hart, scs),
            .bias = (int32_t)(16 * i),
            .border = borders[i],
            .link = i == 2 ? 0 : LINK,
            .fp_slots = float_slots[i],
            .slow = slow,
        };
        assert_int_equal(host->stubs(&stubs[i], &guests[i], &r), 0);
    }
    room = codemem_room(mem, codemem_take(mem));
    open_tlb(&hart.tlb);
    no_streams();
    return open_seed(state);
}

static int close_host(void **state)
{
    (void)state;
    x64_cpu_force(NULL);
    tlb_fini(&hart.tlb);
    codemem_destroy(mem);
    return 0;
}

/* --- a region and how it is run --- */

struct made {
    struct jit_region r; /* what is compiled */
    struct jit_block blocks[BLOCKS];
    struct ir_insn insns[BLOCKS][BLOCK_MAX];
    struct ir_block plain[BLOCKS]; /* before passes */
    struct ir_insn plain_insns[BLOCKS][BLOCK_MAX];
    unsigned guest, entry, budget;
    uint32_t passes;
    struct x64_cpu cpu;
    uint64_t world;
    bool jumps;      /* the jump cache knows the entries */
    bool paged;      /* what the TLB has is looked for at once */
    bool no_headers; /* as if passes had made the jumps back */
    struct jit_scattered scattered;
};

struct left {
    enum jit_left why;
    unsigned cause;
    uint64_t pc, page_va, insns, tval;
};

#define FIRST_INSNS 1000

static struct world expected;
static struct jit_jump jumps[JIT_JUMPS + JIT_NEAR];

static int find_block(const struct made *m, int64_t disp)
{
    for (unsigned k = 0; k < m->r.count; k++)
        if (m->blocks[k].disp == disp)
            return (int)k;
    return -1;
}

/* Jumps by distance to other pages that were linked so far, each for a number of its own. */
struct near_link {
    unsigned block, at; /* the instruction */
    int target;
    unsigned place;
    uint32_t number;
};

#define NEAR_LINKS 4
static struct near_link near_links[NEAR_LINKS];
static unsigned near_count;
static unsigned near_taken, near_missed; /* of those linked */

#define BLIND_BLOCKS 100

/* Evaluates from block to block. */
struct walk {
    const struct made *m;
    struct near_link last; /* the jump that it was left by: not linked */
    uint64_t page_va, now, until;
    unsigned blind; /* blocks in a row, none of which looked for the alarm */
    struct left out;
    /* The calls that it is in: where they return to, and how far that is in its page. */
    struct {
        uint64_t to;
        uint16_t disp;
    } call[FRAME_CALLS];
    unsigned calls;
};

static int leave(struct walk *w, enum jit_left why, uint64_t pc)
{
    w->out.why = why;
    w->out.pc = pc;
    return -1;
}

static int by_address(struct walk *w, uint64_t pc)
{
    w->blind = 0;
    int k = find_block(w->m, (int64_t)(pc - PAGE_VA));
    if (w->now >= w->until)
        return leave(w, JIT_LEFT_ALARM, pc);
    if (!w->m->jumps || k < 0 || !w->m->blocks[k].entry)
        return leave(w, JIT_LEFT_FIND, pc);
    w->page_va = pc & PAGE_MASK;
    return k;
}

/* By i, number at of its block, to pc in another page; the alarm was looked for. */
static int by_distance(struct walk *w, unsigned from, unsigned at, const struct ir_insn *i,
                       uint64_t pc)
{
    int32_t pages = (i->disp & -(int32_t)PAGE_SIZE) / (int32_t)PAGE_SIZE;
    unsigned place = JIT_JUMPS + (w->m->r.near_base + (unsigned)pages) % JIT_NEAR;
    for (unsigned n = 0; n < near_count; n++) {
        const struct near_link *k = &near_links[n];
        if (k->block != from || k->at != at)
            continue;
        if (jumps[place].va != (pc & PAGE_MASK) || jumps[place].code != k->number) {
            near_missed++;
            return by_address(w, pc);
        }
        near_taken++;
        w->page_va = pc & PAGE_MASK;
        return k->target;
    }
    w->last = (struct near_link){.block = from, .at = at, .place = place};
    return leave(w, JIT_LEFT_NEAR, pc);
}

static int to_disp(struct walk *w, unsigned from, unsigned at, const struct ir_insn *i)
{
    int32_t disp = i->disp;
    enum ir_exit_kind kind = (enum ir_exit_kind)i->sub;
    uint64_t pc = w->page_va + (uint64_t)(int64_t)disp;
    int k = find_block(w->m, disp);
    switch (kind) {
    case IR_EXIT_LEAVE:
        return leave(w, JIT_LEFT_LEAVE, pc);
    case IR_EXIT_FIND:
        return leave(w, JIT_LEFT_FIND, pc);
    case IR_EXIT_INTERP:
        return leave(w, JIT_LEFT_INTERP, pc);
    case IR_EXIT_CHAIN:
        break;
    }
    if (k >= 0 && ((unsigned)k > from || w->m->blocks[k].header))
        return k;
    if (disp <= w->m->blocks[from].disp && w->now >= w->until)
        return leave(w, JIT_LEFT_ALARM, pc);
    if (disp < 0 || disp >= (int32_t)PAGE_SIZE)
        return by_distance(w, from, at, i, pc);
    return leave(w, JIT_LEFT_CHAIN, pc);
}

static bool is_call(const struct walk *w, const struct ir_insn *i)
{
    return guests[w->m->guest].link && i->sub == IR_EXIT_CHAIN && i->link && i->link < PAGE_SIZE;
}

static int call_to(struct walk *w, unsigned from, unsigned at, const struct ir_insn *i, uint64_t pc)
{
    bool in_page = i->op == IR_exit && i->disp >= 0 && i->disp < (int32_t)PAGE_SIZE;
    w->blind = 0;
    if (w->now >= w->until)
        return leave(w, JIT_LEFT_ALARM, pc);
    if (w->calls == FRAME_CALLS)
        w->calls = 0;
    w->call[w->calls].to = w->page_va + i->link;
    w->call[w->calls++].disp = i->link;
    if (i->op != IR_exit)
        return by_address(w, pc);
    if (!in_page)
        return by_distance(w, from, at, i, pc);
    int k = find_block(w->m, i->disp);
    if (k >= 0 && !w->m->r.own_map)
        return k;
    return leave(w, JIT_LEFT_CHAIN, pc);
}

static int return_to(struct walk *w, uint64_t to)
{
    if (!w->calls || w->call[w->calls - 1].to != to) {
        w->calls = 0;
        return by_address(w, to & ir_pc_mask(&guest));
    }
    unsigned disp = w->call[--w->calls].disp;
    w->blind = 0; /* there are no more than calls, which look */
    int k = find_block(w->m, disp);
    w->page_va = to & PAGE_MASK;
    return k >= 0 && w->m->blocks[k].entry ? k : leave(w, JIT_LEFT_CHAIN, to);
}

/* The next block, or -1. */
static int eval_block(struct walk *w, unsigned k)
{
    const struct ir_block *b = &w->m->blocks[k].ir;
    uint64_t values[BLOCK_MAX];
    struct ir_outcome o;
    expected.base = w->now;
    ir_eval(b, w->page_va, &world_env, &expected, values, &o);
    const struct ir_insn *i = &b->insns[o.at];
    w->now += o.retired;
    if (o.how == IR_FAULTED)
        return leave(w, JIT_LEFT_FAULT, o.pc);
    if (o.how == IR_TRAPPED) {
        w->out.cause = o.cause;
        w->out.tval = o.tval;
        return leave(w, JIT_LEFT_TRAP, o.pc);
    }
    if (i->op != IR_exit_if && is_call(w, i))
        return call_to(w, k, o.at, i, o.pc);
    if (i->op != IR_exit_to)
        return to_disp(w, k, o.at, i);
    if (i->link == IR_LINK_RETURN && guests[w->m->guest].link)
        return return_to(w, values[i->a]);
    if (o.exit_kind == IR_EXIT_CHAIN)
        return by_address(w, o.pc);
    return leave(w, o.exit_kind == IR_EXIT_FIND ? JIT_LEFT_FIND : JIT_LEFT_LEAVE, o.pc);
}

static void world_begin(struct world *w, const struct made *m, unsigned which)
{
    static uint64_t image[WINDOW_PAGES * PAGE_SIZE / 8];
    if (!image[0])
        for (unsigned i = 0; i < ARRAY_LEN(image); i++)
            image[i] = mix(i);
    world_init(w, m->world);
    memcpy(memory[which], image, sizeof(image));
    w->memory = memory[which];
    w->window = WINDOW;
    w->strict = m->r.strict_align;
    w->straight = m->r.flat;
}

static void evaluate(const struct made *m, struct left *out, struct near_link *last)
{
    static struct walk w;
    w = (struct walk){
        .m = m, .page_va = PAGE_VA, .now = FIRST_INSNS, .until = FIRST_INSNS + m->budget};
    world_begin(&expected, m, 0);
    for (int k = (int)m->entry; k >= 0;) {
        bool looks = flow_has(lower_state()->flow.looks, (unsigned)k);
        w.blind = looks ? 0 : w.blind + 1;
        if (w.blind == BLIND_BLOCKS)
            fail_msg("MH_SEED=%#lx: %u blocks without a look for the alarm", (unsigned long)seed,
                     w.blind);
        if (looks && w.now >= w.until)
            k = leave(&w, JIT_LEFT_ALARM, w.page_va + m->blocks[k].disp);
        else
            k = eval_block(&w, (unsigned)k);
    }
    w.out.insns = w.now;
    w.out.page_va = w.page_va;
    *out = w.out;
    *last = w.last;
}

static void fill_jumps(const struct made *m, const struct jit_code *code)
{
    for (unsigned i = 0; i < JIT_JUMPS; i++)
        jumps[i].va = 0x5a17b0a7e112d34d; /* never looked for: nobody makes such a number */
    for (unsigned i = 0; i < JIT_NEAR; i++)
        jumps[JIT_JUMPS + i].va = 1;
    for (unsigned k = 0; k < m->r.count && m->jumps; k++)
        if (code->entry[k]) {
            uint64_t va = PAGE_VA + m->blocks[k].disp;
            jumps[jit_jump_index(va)] = (struct jit_jump){va, code->entry[k]};
        }
}

static uint64_t foreign = 77;

static void hart_begin(const struct made *m)
{
    memset(&hart.jit, 0xa5, sizeof(hart.jit));
    memcpy(hart.tlb.stream, streams[m->r.flat != NULL], sizeof(streams[0]));
    world_begin(&hart.world, m, 1);
    hart.insns = FIRST_INSNS;
    hart.until = FIRST_INSNS + m->budget;
    hart.page_va = PAGE_VA;
    hart.pc = 0;
    hart.jit.jumps = jumps;
    hart.jit.looks = (int32_t)(m->world % 16);
    hart.entropy = m->world;
    hart.paged = m->paged;
    hart.jit.foreign = &foreign;
    hart.jit.lr_exact = m->world % 4 == 0;
    hart.reserved = m->world % 3 ? ~0ull : WINDOW;
    forget_pages(&hart);
}

static void run(const struct made *m, uintptr_t code, struct left *out)
{
    *out = (struct left){0};
    out->why = jit_enter(&stubs[m->guest], &hart, code);
    out->pc = hart.pc;
    out->insns = hart.insns;
    out->page_va = hart.page_va;
    if (out->why == JIT_LEFT_FAULT || out->why == JIT_LEFT_TRAP)
        out->pc = hart.page_va + jit_point_disp(hart.jit.point);
    if (out->why == JIT_LEFT_TRAP) {
        out->insns += jit_point_retired(hart.jit.point);
        out->cause = hart.jit.site;
        out->tval = hart.jit.value;
    }
}

/* Where a jump leads back to looks for the alarm. */
static void mark_headers(struct made *m)
{
    for (unsigned k = 0; k < m->r.count; k++)
        m->blocks[k].header = false;
    if (m->no_headers)
        return;
    for (unsigned k = 0; k < m->r.count; k++)
        for (unsigned n = 1; n < m->blocks[k].ir.count; n++) {
            const struct ir_insn *i = &m->blocks[k].ir.insns[n];
            bool leaves = i->op == IR_exit || i->op == IR_exit_if;
            int to = leaves ? find_block(m, i->disp) : -1;
            if (to >= 0 && i->sub == IR_EXIT_CHAIN && i->disp <= m->blocks[k].disp)
                m->blocks[to].header = true;
        }
}

/* Applies the passes, which may make a jump of a jump by address, and compiles. */
static int compile(struct made *m, struct jit_code *code)
{
    for (unsigned k = 0; k < m->r.count; k++) {
        m->blocks[k].ir = m->plain[k];
        m->blocks[k].ir.insns = m->insns[k];
        memcpy(m->insns[k], m->plain_insns[k], m->plain[k].count * sizeof(m->insns[k][0]));
        ir_optimize(&m->blocks[k].ir, m->passes, NULL, NULL);
    }
    mark_headers(m);
    m->r.blocks = m->blocks;
    m->r.guest = &guests[m->guest];
    x64_cpu_force(&m->cpu);
    room.used = 0;
    int rc = host->compile(&m->r, &stubs[m->guest], &room, code);
    serialize();
    return rc;
}

static struct left want, got;

/* As the engine does, to any entry of the region: its other page is the same code again. */
static bool link_near(struct made *m, const struct jit_code *code, struct near_link last)
{
    uintptr_t site = hart.jit.near_site & ~(uintptr_t)1;
    ptrdiff_t rw = room.rw - (uint8_t *)room.rx;
    uint32_t *number = (uint32_t *)(hart.jit.near_number + (uintptr_t)rw);
    if (near_count == NEAR_LINKS || (hart.jit.near_number | site) & 3 || *number ||
        (hart.jit.near_site & 1) != m->r.any_mode ||
        hart.jit.near_place != last.place * sizeof(struct jit_jump))
        return false;
    last.target = (int)m->entry;
    last.number = 0x12345600 + near_count;
    host->chain((uint8_t *)(site + (uintptr_t)rw), site, code->entry[m->entry]);
    *number = last.number;
    jumps[last.place] = (struct jit_jump){want.pc & PAGE_MASK, last.number};
    near_links[near_count++] = last;
    serialize();
    return true;
}

static const char *run_and_compare_once(struct made *m, const struct jit_code *code,
                                        struct near_link *last)
{
    hart_begin(m);
    evaluate(m, &want, last);
    run(m, code->entry[m->entry], &got);
    if (want.why != got.why)
        return "left for another reason";
    if (want.pc != got.pc)
        return "another pc";
    if (want.insns != got.insns)
        return "another count of instructions";
    if (want.page_va != got.page_va)
        return "another page";
    if (want.cause != got.cause || want.tval != got.tval)
        return "another trap";
    if (!same_events(&expected, &hart.world))
        return "other accesses and calls";
    if (memcmp(expected.slot, hart.world.slot, sizeof(expected.slot)))
        return "other slots";
    if (memcmp(memory[0], memory[1], sizeof(memory_here[0])))
        return "other memory";
    return NULL;
}

/* Again for each jump to another page that it is left by, which then is linked. */
static const char *run_and_compare(struct made *m)
{
    struct jit_code code;
    struct near_link last;
    int rc = compile(m, &code);
    if (rc)
        return rc == -E2BIG ? "too much" : "no room";
    fill_jumps(m, &code);
    near_count = 0;
    for (;;) {
        const char *why = run_and_compare_once(m, &code, &last);
        if (why || want.why != JIT_LEFT_NEAR || near_count == NEAR_LINKS)
            return why;
        if (!link_near(m, &code, last))
            return "a jump that cannot be linked";
    }
}

/* A crash is a difference like others, and so is code that does not come back. */
static sigjmp_buf crashed;
#define PATIENCE 20 /* seconds; a region takes microseconds */

static void on_crash(int signal)
{
    siglongjmp(crashed, signal);
}

static void catch_crashes(bool on)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGALRM};
    static struct sigaction before[ARRAY_LEN(signals)];
    const struct sigaction here = {.sa_handler = on_crash, .sa_flags = SA_NODEFER};
    for (unsigned i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], on ? &here : &before[i], on ? &before[i] : NULL);
}

/* What is wrong with the region's code, or NULL. */
static const char *broken(struct made *m)
{
    int signal = sigsetjmp(crashed, 1);
    if (signal)
        return signal == SIGALRM ? "did not come back" : strsignal(signal);
    alarm(PATIENCE);
    const char *what = run_and_compare(m);
    alarm(0);
    return what;
}

/* --- making small, and showing --- */

static bool shrink_block(struct made *m, unsigned k)
{
    struct ir_insn insns[BLOCK_MAX];
    struct ir_block *b = &m->plain[k];
    bool smaller = false;
    for (unsigned i = 2 * b->count; i-- > 2;) {
        struct ir_block less = {insns, 0, BLOCK_MAX, b->guest, b->forgot}, old = *b;
        struct ir_insn kept[BLOCK_MAX];
        if (i / 2 >= b->count || !without(b, i / 2, i % 2, &less))
            continue;
        memcpy(kept, b->insns, sizeof(kept));
        memcpy(b->insns, insns, less.count * sizeof(insns[0]));
        b->count = less.count;
        if (broken(m)) {
            smaller = true;
            continue;
        }
        memcpy(b->insns, kept, sizeof(kept));
        *b = old;
    }
    return smaller;
}

static void shrink(struct made *m)
{
    bool smaller = true;
    for (int rounds = 0; smaller && rounds < 20; rounds++) {
        smaller = false;
        for (unsigned k = 0; k < m->r.count; k++)
            smaller |= shrink_block(m, k);
    }
}

static void show_left(const char *who, const struct left *l)
{
    print_error("%s: left %d, pc %#lx, page %#lx, insns %lu, cause %u, tval %#lx\n", who, l->why,
                (unsigned long)l->pc, (unsigned long)l->page_va, (unsigned long)l->insns, l->cause,
                (unsigned long)l->tval);
}

static void show_failure(struct made *m)
{
    shrink(m);
    const char *what = broken(m);
    catch_crashes(false);
    print_error("guest %u, entry %u, budget %u, passes %#x, own_map %d, strict %d, scattered %d, "
                "jumps %d, bmi1 %d bmi2 %d lzcnt %d popcnt %d line_atomic %d, alone %d\n",
                m->guest, m->entry, m->budget, m->passes, m->r.own_map, m->r.strict_align,
                m->r.scattered != NULL, m->jumps, m->cpu.bmi1, m->cpu.bmi2, m->cpu.lzcnt,
                m->cpu.popcnt, m->cpu.line_atomic, m->r.alone);
    for (unsigned k = 0; k < m->r.count; k++) {
        print_error("block %u at %u%s%s\n", k, m->blocks[k].disp,
                    m->blocks[k].entry ? " entry" : "", m->blocks[k].header ? " header" : "");
        ir_dump(&m->blocks[k].ir, stderr);
    }
    show_left("evaluated", &want);
    show_left("run", &got);
    for (unsigned s = G1; s < SLOT_COUNT; s++)
        if (expected.slot[s] != hart.world.slot[s])
            print_error("%s: %#lx, should be %#lx\n", slots[s].name,
                        (unsigned long)hart.world.slot[s], (unsigned long)expected.slot[s]);
    fail_msg("MH_SEED=%#lx: %s", (unsigned long)seed, what);
}

static void try_region(struct made *m)
{
    static bool straight; /* the window of the region before */
    memcpy(streams[straight], hart.tlb.stream, sizeof(streams[0]));
    straight = m->r.flat;
    if (broken(m))
        show_failure(m);
}

/* --- random regions --- */

static struct x64_cpu some_cpu(void)
{
    x64_cpu_force(NULL);
    struct x64_cpu cpu = *x64_cpu();
    uint64_t r = random_64();
    cpu.bmi1 &= r & 1;
    cpu.bmi2 &= r >> 1 & 1;
    cpu.lzcnt &= r >> 2 & 1;
    cpu.popcnt &= r >> 3 & 1;
    cpu.line_atomic = r >> 4 & 1;
    cpu.avx &= r >> 5 & 1;
    return cpu;
}

static void some_choices(struct made *m)
{
    m->guest = below(GUESTS);
    m->entry = below(m->r.count);
    m->budget = below(60);
    m->passes = one_in(2) ? 0 : one_in(2) ? (uint32_t)random_64() : ir_passes_of_level(3);
    m->cpu = some_cpu();
    m->world = random_64();
    m->jumps = one_in(2);
    m->paged = one_in(2);
    m->no_headers = one_in(8);
    m->r.own_map = one_in(2);
    m->r.strict_align = one_in(4);
    m->r.alone = one_in(2);
    for (unsigned i = 0; i < ARRAY_LEN(m->scattered.here); i++) {
        m->scattered.here[i] = random_64();
        m->scattered.global[i] = random_64();
    }
    m->r.scattered = one_in(2) ? &m->scattered : NULL;
    m->r.flat = flat.size && one_in(3) ? &flat : NULL;
    m->r.stream_bank = below(TLB_STREAM_BANKS);
    m->r.by_page = one_in(2);
    m->r.stream_base = below(one_in(2) ? 8 : 4 * TLB_STREAMS);
    for (unsigned k = 0; k < m->r.count; k++) {
        m->blocks[k].entry = k == m->entry || one_in(3);
        m->blocks[k].depth = (uint8_t)below(4);
    }
}

static void make_region(struct made *m, unsigned count)
{
    uint16_t disp[BLOCKS];
    *m = (struct made){.r.count = count};
    for (unsigned k = 0, at = below(0x200) * 2; k < count; k++, at += 2 + below(0x100) * 2)
        disp[k] = (uint16_t)at;
    for (unsigned k = 0; k < count; k++) {
        struct maker maker = {.targets = disp,
                              .target_count = count,
                              .disp = disp[k],
                              .window = one_in(8) ? 0 : WINDOW};
        m->blocks[k].disp = disp[k];
        make_block(&maker, &m->plain[k], m->plain_insns[k]);
    }
    some_choices(m);
}

#if defined(MH_SANITIZE)
#define REGIONS 1500
#else
#define REGIONS 15000
#endif

static struct made region;

static void random_regions(void **state)
{
    (void)state;
    unsigned whys[JIT_LEFT_TRAP + 1] = {0};
    slow_calls = 0;
    catch_crashes(true);
    for (int n = 0; n < REGIONS; n++) {
        make_region(&region, one_in(3) ? 1 : 1 + below(BLOCKS));
        try_region(&region);
        whys[want.why]++;
        whys[JIT_LEFT_NEAR] += near_count;
    }
    catch_crashes(false);
    print_message(
        "%u accesses through C, %u jumps straight to other pages, %u that missed; left by",
        slow_calls, near_taken, near_missed);
    assert_true(near_taken && near_missed);
    for (unsigned i = 0; i < ARRAY_LEN(whys); i++)
        print_message(" %u", whys[i]);
    print_message("\n");
    for (unsigned i = 0; i < ARRAY_LEN(whys); i++)
        assert_true(whys[i] > 0);
}

/* --- loops that go over memory --- */

/* What a loop's places have in common: slots, and by what two of them move in each turn. */
struct tour {
    struct ir_block *b;
    unsigned disp, retired;
    unsigned index_shift;
    enum ir_op extend; /* of the index, or IR_nop */
    bool narrow;       /* the index is written as a sign-extended half */
    bool by_slot;      /* and moves by what is in a slot */
    int32_t pointer_step, index_step;
};

enum { T_POINTER = G1, T_BASE, T_INDEX, T_STEP, T_COUNT, T_BOUND };

static ir_ref tour_point(struct tour *t)
{
    ir_ref p = ir_point(t->b, (int32_t)(t->disp + 2 * t->retired), t->retired);
    t->retired++;
    return p;
}

static ir_ref plus(struct ir_block *b, ir_ref v, int64_t k)
{
    return ir_pure(b, IR_add, v, ir_const(b, (uint64_t)k), IR_NONE);
}

static void tour_move_pointer(struct tour *t)
{
    (void)tour_point(t);
    ir_slot_set(t->b, T_POINTER, plus(t->b, ir_slot_get(t->b, T_POINTER), t->pointer_step));
}

static void tour_move_index(struct tour *t)
{
    (void)tour_point(t);
    ir_ref i = ir_slot_get(t->b, T_INDEX);
    ir_ref by = t->by_slot ? ir_slot_get(t->b, T_STEP) : ir_const(t->b, (uint64_t)t->index_step);
    i = ir_pure(t->b, IR_add, i, by, IR_NONE);
    ir_slot_set(t->b, T_INDEX, t->narrow ? ir_pure(t->b, IR_sx32, i, IR_NONE, IR_NONE) : i);
}

static ir_ref tour_address(struct tour *t)
{
    if (one_in(2))
        return ir_slot_get(t->b, T_POINTER);
    ir_ref i = ir_slot_get(t->b, T_INDEX);
    if (t->extend != IR_nop)
        i = ir_pure(t->b, t->extend, i, IR_NONE, IR_NONE);
    if (t->index_shift)
        i = ir_pure(t->b, IR_shl, i, ir_const(t->b, t->index_shift), IR_NONE);
    ir_ref base = ir_slot_get(t->b, T_BASE);
    return one_in(2) ? ir_pure(t->b, IR_add, i, base, IR_NONE)
                     : ir_pure(t->b, IR_add, base, i, IR_NONE);
}

/* Into one of the last slots, or from it; now and then from where no step leads. */
static void tour_access(struct tour *t)
{
    ir_ref point = tour_point(t), address = tour_address(t), access;
    unsigned slot = G7 + below(8), size = 1u << below(4);
    if (one_in(8))
        address = ir_const(t->b, WINDOW + below(WINDOW_PAGES * PAGE_SIZE));
    if (one_in(3)) {
        ir_store(t->b, point, size, address, ir_slot_get(t->b, slot));
        access = (ir_ref)(t->b->count - 1);
    } else {
        access = ir_load(t->b, point, size, address);
        ir_slot_set(t->b, slot, access);
    }
    if (one_in(2))
        t->b->insns[access].disp = (int32_t)below(48) - 16;
}

/* What a slot may move by: small, and now and then in its lower half only, or backwards. */
static uint64_t some_distance(void)
{
    uint64_t small = below(one_in(2) ? 8 : 600);
    return one_in(8) ? small | (uint64_t)below(4) << 32 : one_in(8) ? -small : small;
}

static void tour_begin(struct made *m)
{
    struct ir_block *b = &m->plain[0];
    uint64_t end = WINDOW + WINDOW_PAGES * PAGE_SIZE;
    ir_begin(b, &guest, m->plain_insns[0], BLOCK_MAX);
    (void)ir_point(b, 0, 0);
    ir_slot_set(
        b, T_POINTER,
        ir_const(b, one_in(2) ? WINDOW + below(3 * PAGE_SIZE) : end - 1 - below(PAGE_SIZE)));
    ir_slot_set(b, T_BASE, ir_const(b, WINDOW + below(PAGE_SIZE)));
    ir_slot_set(b, T_INDEX, ir_const(b, one_in(8) ? random_64() : below(2 * PAGE_SIZE)));
    ir_slot_set(b, T_STEP, ir_const(b, some_distance()));
    ir_slot_set(b, T_COUNT, ir_const(b, 0));
    ir_slot_set(b, T_BOUND, ir_const(b, below(300)));
    ir_exit(b, IR_EXIT_CHAIN, 1, 16);
}

static int32_t some_step(void)
{
    static const int32_t steps[] = {1, 2, 4, 8, 8, 16, 24, 64, 600, 0};
    int32_t step = steps[below(ARRAY_LEN(steps))];
    return one_in(3) ? -step : step;
}

static void tour_loop(struct made *m)
{
    static const enum ir_op extends[] = {IR_nop, IR_zx32, IR_sx32};
    struct ir_block *b = &m->plain[1];
    struct tour t = {.b = b,
                     .disp = 16,
                     .index_shift = one_in(2) ? 0 : below(4),
                     .extend = extends[below(3)],
                     .narrow = one_in(2),
                     .by_slot = one_in(3),
                     .pointer_step = some_step(),
                     .index_step = some_step()};
    ir_begin(b, &guest, m->plain_insns[1], BLOCK_MAX);
    unsigned places = 1 + below(5), pointer_at = below(places), index_at = below(places);
    for (unsigned i = 0; i < places; i++) {
        if (i == pointer_at && one_in(2))
            tour_move_pointer(&t);
        if (i == index_at)
            tour_move_index(&t);
        tour_access(&t);
        if (i == pointer_at && one_in(2))
            tour_move_pointer(&t);
    }
    (void)tour_point(&t);
    ir_ref n = plus(b, ir_slot_get(b, T_COUNT), 1);
    ir_slot_set(b, T_COUNT, n);
    ir_exit_if(b, IR_EXIT_CHAIN, t.retired, 16,
               ir_pure(b, IR_ltu, n, ir_slot_get(b, T_BOUND), IR_NONE));
    ir_exit(b, IR_EXIT_LEAVE, t.retired, 200);
}

static bool went_on_without_looking(void)
{
    uint64_t limit = hart.jit.frame[FRAME_STRIDE + STRIDE_LIMIT];
    return limit - FIRST_INSNS < 1u << 20;
}

/* Over page ends, to where nothing is, with indices that wrap, until the alarm in any turn. */
static void loops_look_at_many_turns_at_once(void **state)
{
    (void)state;
    unsigned many = 0, alarms = 0;
    catch_crashes(true);
    for (int n = 0; n < REGIONS / 2; n++) {
        region = (struct made){.r.count = 2};
        tour_begin(&region);
        tour_loop(&region);
        region.blocks[1].disp = 16;
        some_choices(&region);
        region.entry = 0;
        region.blocks[0].entry = true;
        region.budget = one_in(2) ? below(600) : 1000000;
        region.passes = one_in(2) ? 0 : ir_passes_of_level(3);
        region.no_headers = false;
        try_region(&region);
        many += went_on_without_looking();
        alarms += went_on_without_looking() && want.why == JIT_LEFT_ALARM;
    }
    catch_crashes(false);
    print_message("%u of %u loops, %u left for the alarm\n", many, REGIONS / 2, alarms);
    assert_true(many > REGIONS / 10 && alarms > REGIONS / 100);
}

/* --- fences --- */

/*
 * A walk through a region with random outcomes, beside what was planned for it.  order.c says which
 * swaps are stores (as it does to the emitter) and where fences are; what may be seen late then is
 * told without it.
 */
struct stroll {
    const struct lower *l;
    struct order_walk walk;
    bool waits;      /* a store may wait to be seen */
    bool swap_waits; /* and so may a swap that was made one: the next three are since then */
    bool made_of[BLOCK_MAX], held[SLOT_COUNT]; /* depends on a load; of the block, in a slot */
    unsigned left_out, emitted, stores, paid;
};

static bool is_between(const struct ir_insn *i, enum ir_order before, enum ir_order after)
{
    return i->op == IR_fence && i->sub & before && i->sub & after;
}

static void all_is_seen(struct stroll *w)
{
    w->waits = w->swap_waits = false;
}

/* Nothing that may come early while a swap waits to be seen. */
static void assert_no_harm(const struct stroll *w, const struct ir_insn *i)
{
    assert_false(is_between(i, IR_BEFORE_R, IR_AFTER_R));
    assert_false(i->op == IR_load && w->made_of[i->a]);
    assert_false(i->op == IR_lr);
    assert_false(i->op == IR_exit_to);
    assert_false(i->op == IR_exit && exits_inside(w->l, w->walk.block, i) < 0);
    assert_false(i->op == IR_exit && exits_is_call(w->l, i));
    assert_false(i->op == IR_call && i->sub & IR_CALL_MEMORY);
    /* C may be called, or code left, from the code off the fast path. */
    assert_true(w->walk.now.owes);
}

static void stroll_dependency(struct stroll *w, const struct ir_insn *i, unsigned at)
{
    bool *of = w->made_of;
    if (i->op == IR_slot_get)
        of[at] = w->held[i->index];
    else if (i->op == IR_load)
        of[at] = w->swap_waits;
    else
        of[at] = (i->a && of[i->a]) || (i->b && of[i->b]) || (i->c && of[i->c]);
    if (i->op == IR_slot_set)
        w->held[i->index] = of[at];
}

static void stroll_insn(struct stroll *w, const struct ir_block *b, unsigned at)
{
    const struct ir_insn *i = &b->insns[at];
    bool orders = is_between(i, IR_BEFORE_W, IR_AFTER_R),
         fence = order_wants_fence(w->l, &w->walk, i);
    if (orders && !fence) {
        assert_false(w->waits);
        w->left_out++;
    }
    if (fence) {
        order_fenced(&w->walk);
        w->emitted += orders;
        w->paid += !orders;
        all_is_seen(w);
    }
    if (w->swap_waits)
        assert_no_harm(w, i);
    stroll_dependency(w, i, at);
    if (order_is_store(&w->l->order, b, w->walk.block, at)) {
        if (!w->swap_waits) {
            memset(w->made_of, 0, sizeof(w->made_of));
            memset(w->held, 0, sizeof(w->held));
        }
        w->stores++;
        w->waits = w->swap_waits = true;
    } else if (i->op == IR_amo || i->op == IR_cas || i->op == IR_sc) {
        all_is_seen(w);
    }
    if (i->op == IR_store || i->op == IR_call)
        w->waits = true;
}

/* Executes a block with random outcomes; the next one, or -1. */
static int stroll_block(struct stroll *w, unsigned block)
{
    const struct ir_block *b = &w->l->r->blocks[block].ir;
    memset(w->made_of, 0, sizeof(w->made_of));
    order_begin(&w->walk, &w->l->order, block);
    for (unsigned at = 1; at < b->count; at++) {
        const struct ir_insn *i = &b->insns[at];
        stroll_insn(w, b, at);
        order_step(&w->walk, &w->l->order, b, at);
        if (i->op == IR_exit && exits_is_call(w->l, i))
            return w->l->r->own_map ? -1 : lower_find_block(w->l, i->disp);
        if (i->op == IR_exit || (i->op == IR_exit_if && one_in(2)))
            return exits_inside(w->l, block, i);
    }
    return -1;
}

static void accesses_come_early_only_where_nobody_can_tell(void **state)
{
    (void)state;
    struct stroll w = {.l = lower_state()};
    struct jit_code code;
    unsigned fenced = 0;
    for (int n = 0; n < REGIONS; n++) {
        make_region(&region, 1 + below(BLOCKS));
        if (compile(&region, &code))
            continue;
        for (int walks = 0; walks < 8; walks++) {
            int block = (int)below(region.r.count);
            if (!region.blocks[block].entry)
                continue;
            w.waits = !w.l->order.fenced_entry[block];
            w.swap_waits = false;
            memset(w.held, 0, sizeof(w.held));
            fenced += !w.waits;
            for (int steps = 0; block >= 0 && steps < 32; steps++)
                block = stroll_block(&w, (unsigned)block);
        }
    }
    print_message("%u fences, %u left out, %u entries with one; %u swaps as stores, %u paid\n",
                  w.emitted, w.left_out, fenced, w.stores, w.paid);
    /* Loops count once a turn. */
    assert_true(w.emitted > 20 && w.left_out > 20 && fenced > 0 && w.stores > 20 && w.paid > 0);
}

/* --- looks for the alarm --- */

/* Where the exit may lead without a look: out and back to any entry, too. */
static bool leads_blind(const struct made *m, unsigned from, const struct ir_insn *i, unsigned to)
{
    const struct lower *l = lower_state();
    bool exits = i->op == IR_exit || i->op == IR_exit_if;
    if (exits && exits_is_call(l, i))
        return false;
    int inside = exits ? exits_inside(l, from, i) : -1;
    if (inside >= 0)
        return (unsigned)inside == to;
    return ir_ops[i->op].extra == IR_EXTRA_EXIT && m->blocks[to].entry;
}

static void find_blind_ways(const struct made *m, bool way[BLOCKS][BLOCKS])
{
    uint64_t looks = lower_state()->flow.looks;
    memset(way, 0, sizeof(bool[BLOCKS][BLOCKS]));
    for (unsigned k = 0; k < m->r.count; k++)
        for (unsigned n = 1; n < m->blocks[k].ir.count; n++)
            for (unsigned to = 0; to < m->r.count; to++)
                way[k][to] |= !flow_has(looks, to) && !flow_has(looks, k) &&
                              leads_blind(m, k, &m->blocks[k].ir.insns[n], to);
    for (unsigned by = 0; by < m->r.count; by++)
        for (unsigned k = 0; k < m->r.count; k++)
            for (unsigned to = 0; to < m->r.count; to++)
                way[k][to] |= way[k][by] && way[by][to];
}

/* A loop has a jump back; out of the region those look. */
static void no_loop_is_without_a_look(void **state)
{
    (void)state;
    struct jit_code code;
    bool way[BLOCKS][BLOCKS];
    unsigned headers = 0, looks = 0;
    for (int n = 0; n < REGIONS; n++) {
        make_region(&region, 1 + below(BLOCKS));
        if (compile(&region, &code))
            continue;
        find_blind_ways(&region, way);
        for (unsigned k = 0; k < region.r.count; k++) {
            bool header = region.blocks[k].header;
            headers += header;
            looks += flow_has(lower_state()->flow.looks, k);
            assert_false(header && way[k][k]);
        }
    }
    print_message("%u looks at %u headers\n", looks, headers);
    assert_true(looks < headers);
}

/* --- places that share a stream --- */

/* Loads so many bytes there, each 8 on from the one before. */
static void load_region(struct made *m, unsigned size, uint64_t addr, unsigned count)
{
    struct ir_block *b = &m->plain[0];
    *m = (struct made){.r.count = 1};
    ir_begin(b, &guest, m->plain_insns[0], BLOCK_MAX);
    ir_ref base = ir_const(b, addr), point = ir_point(b, 0, 0);
    ir_ref v[8];
    for (unsigned i = 0; i < count; i++) {
        v[i] = ir_load(b, point, size, base);
        b->insns[v[i]].disp = (int32_t)(8 * i);
    }
    for (unsigned i = 0; i < count; i++)
        ir_slot_set(b, G7 + i, v[i]);
    ir_exit(b, IR_EXIT_LEAVE, 1, 4);
    some_choices(m);
    m->cpu.line_atomic = true;
    m->r.strict_align = false;
    m->r.stream_base = 0;
}

/*
 * What was found for a byte anywhere in the page must not do for eight of which some are in the
 * next page, nor for a row of them.
 */
static void places_of_all_sizes_share_streams(void **state)
{
    (void)state;
    catch_crashes(true);
    for (int n = 0; n < 300; n++) {
        uint64_t page = WINDOW + below(WINDOW_PAGES - 1) * PAGE_SIZE;
        unsigned count = 1 + below(8);
        load_region(&region, 1u << below(3), page + below(0x100) * 8, 1);
        try_region(&region);
        load_region(&region, 8, page + PAGE_SIZE - 1 - below(8 * count - 1), count);
        try_region(&region);
    }
    catch_crashes(false);
}

/* --- floating-point registers and C --- */

/* Copies a register of each kind through a row of places, most of which look once together. */
static void copy_region(struct made *m, unsigned slot)
{
    struct ir_block *b = &m->plain[0];
    *m = (struct made){.r.count = 1};
    ir_begin(b, &guest, m->plain_insns[0], BLOCK_MAX);
    uint64_t addr = WINDOW + below(WINDOW_PAGES * PAGE_SIZE / 8 - 8) * 8;
    ir_ref base = ir_const(b, addr), point = ir_point(b, 0, 0);
    ir_ref v = ir_load(b, point, 8, base);
    ir_slot_set(b, slot, v);
    for (unsigned i = 1; i < 6; i++) {
        point = ir_point(b, (int32_t)(4 * i), i);
        ir_store(b, point, one_in(2) ? 8 : 4, base, v);
        b->insns[b->count - 1].disp = (int32_t)(8 * i);
    }
    ir_exit(b, IR_EXIT_LEAVE, 6, 24);
    some_choices(m);
    m->r.scattered = NULL;
}

static void floats_outlive_c(void **state)
{
    (void)state;
    catch_crashes(true);
    for (int n = 0; n < 2000; n++) {
        copy_region(&region, one_in(2) ? G1 + below(3) : G7 + below(7));
        try_region(&region);
    }
    catch_crashes(false);
}

/* --- direct jumps, and room --- */

/* One block at disp that sets a register and leaves. */
static void small_region(struct made *m, unsigned disp, enum ir_exit_kind kind, int32_t to)
{
    struct ir_block *b = &m->plain[0];
    *m = (struct made){.r.count = 1, .guest = 3, .entry = 0, .budget = 10};
    ir_begin(b, &guest, m->plain_insns[0], BLOCK_MAX);
    ir_slot_set(b, G1, ir_pure(b, IR_add, ir_slot_get(b, G1), ir_const(b, disp), IR_NONE));
    (void)ir_point(b, (int32_t)disp, 0);
    ir_exit(b, kind, 1, to);
    m->blocks[0].disp = (uint16_t)disp;
    m->blocks[0].entry = true;
    m->world = disp;
}

/* From one region to another of the page: through the engine at first, then straight. */
static void jump_straight(unsigned from, unsigned to)
{
    static struct made a, b;
    struct jit_code code_a, code_b;
    small_region(&a, from, IR_EXIT_CHAIN, (int32_t)to);
    small_region(&b, to, IR_EXIT_LEAVE, 0x40);
    b.r.own_map = true;
    assert_int_equal(compile(&b, &code_b), 0);
    assert_int_equal(compile(&a, &code_a), 0);
    assert_int_equal(host->compile(&b.r, &stubs[3], &room, &code_b), 0); /* behind a's */
    serialize();
    hart_begin(&a);
    uint64_t r1 = hart.world.slot[G1];
    run(&a, code_a.entry[0], &got);
    assert_int_equal(got.why, JIT_LEFT_CHAIN);
    assert_int_equal(got.pc, PAGE_VA + to);
    assert_int_equal(hart.world.slot[G1], r1 + from);
    host->chain(codemem_rw(mem, hart.jit.exit_site), hart.jit.exit_site, code_b.entry[0]);
    serialize();
    hart_begin(&a);
    run(&a, code_a.entry[0], &got);
    assert_int_equal(got.why, JIT_LEFT_LEAVE);
    assert_int_equal(got.pc, PAGE_VA + 0x40);
    assert_int_equal(got.insns, FIRST_INSNS + 2);
    assert_int_equal(hart.world.slot[G1], r1 + from + to);
    /* Back, the alarm is looked for on the way. */
    hart_begin(&a);
    hart.until = FIRST_INSNS + 1;
    run(&a, code_a.entry[0], &got);
    assert_int_equal(got.why, to <= from ? JIT_LEFT_ALARM : JIT_LEFT_LEAVE);
}

static void jumps_become_direct(void **state)
{
    (void)state;
    jump_straight(0x100, 0x200);
    jump_straight(0x200, 0x100);
}

/* Where there is no room, nothing is taken and nothing behind it is written. */
enum { BEFORE = 128, BEHIND = 64 };

static void surround(size_t size)
{
    memset(room.rw, 0xa5, BEFORE);
    memset(room.rw + BEFORE + size, 0xa5, BEHIND);
}

static void assert_surroundings(size_t size)
{
    for (unsigned i = 0; i < BEFORE; i++)
        assert_int_equal(room.rw[i], 0xa5);
    for (unsigned i = 0; i < BEHIND; i++)
        assert_int_equal(room.rw[BEFORE + size + i], 0xa5);
}

static void what_does_not_fit_leaves_no_trace(void **state)
{
    (void)state;
    struct jit_code code;
    for (int n = 0; n < 20; n++) {
        make_region(&region, 1 + below(3));
        if (compile(&region, &code))
            continue;
        size_t needed = room.used;
        for (size_t size = 0; size < needed; size += 1 + below(64)) {
            struct jit_room small = {room.rw, room.rx, BEFORE + size, BEFORE};
            surround(size);
            int rc = host->compile(&region.r, &stubs[region.guest], &small, &code);
            if (rc) {
                assert_int_equal(rc, -ENOSPC);
                assert_int_equal(small.used, BEFORE);
            }
            assert_true(small.used <= small.size);
            assert_surroundings(size);
        }
    }
    unsigned made = 0;
    for (size_t size = 0; size < 128; size++) {
        struct jit_room small = {room.rw, room.rx, BEFORE + size, BEFORE};
        surround(size);
        uintptr_t bridge = host->bridge(&stubs[0], &small, 4);
        assert_int_equal(bridge, bridge ? room.rx + BEFORE : 0);
        assert_int_equal(small.used > BEFORE, !!bridge);
        assert_surroundings(size);
        made += !!bridge;
    }
    assert_true(made > 0 && made < 128);
}

/* More values than a region may have: that is said, and is no lack of room. */
static void what_is_too_much_is_refused(void **state)
{
    (void)state;
    static struct ir_insn insns[VALUES_MAX + 8];
    struct jit_block jb = {.entry = true};
    struct jit_region r = {.guest = &guests[0], .blocks = &jb, .count = 1};
    struct jit_code code;
    ir_begin(&jb.ir, &guest, insns, ARRAY_LEN(insns));
    while (ir_room(&jb.ir) > 2)
        ir_slot_set(&jb.ir, G1, ir_const(&jb.ir, jb.ir.count));
    ir_exit(&jb.ir, IR_EXIT_LEAVE, 0, 0);
    room.used = 0;
    assert_int_equal(host->compile(&r, &stubs[0], &room, &code), -E2BIG);
    assert_int_equal(room.used, 0);
}

/* --- every operation --- */

enum operand { OP_HOME, OP_MEMORY, OP_CONST, OP_TEMP, OPERANDS };
enum result { TO_HOME, TO_MEMORY, TO_SAME, TO_TWICE, RESULTS };

/* Registers that are homes in guest 3, and some that are not. */
static const uint8_t homes[] = {G1, G1 + 1, G1 + 2}, places[] = {G7 + 1, G7 + 3, G7 + 5};

static ir_ref operand(struct ir_block *b, enum operand kind, unsigned n)
{
    switch (kind) {
    case OP_HOME:
        return ir_slot_get(b, homes[n]);
    case OP_MEMORY:
        return ir_slot_get(b, places[n]);
    case OP_CONST:
        return ir_const(b, random_constant());
    default:
        return ir_pure(b, IR_xor, ir_slot_get(b, homes[n]), ir_slot_get(b, places[n]), IR_NONE);
    }
}

static void set_result(struct ir_block *b, enum result to, ir_ref v, ir_ref a)
{
    switch (to) {
    case TO_HOME:
        ir_slot_set(b, G6, v);
        break;
    case TO_MEMORY:
        ir_slot_set(b, G14, v); /* no home either where the guest is not the last one */
        break;
    case TO_SAME: /* the register that an operand is in */
        ir_slot_set(b, homes[1], v);
        break;
    default: /* operand and result live on */
        ir_slot_set(b, homes[0], v);
        ir_slot_set(b, G7, a);
        ir_slot_set(b, G1 + 3, v);
    }
}

static void one_operation(enum ir_op op, unsigned kinds, enum result to)
{
    struct made *m = &region;
    struct ir_block *b = &m->plain[0];
    *m = (struct made){.r.count = 1};
    ir_begin(b, &guest, m->plain_insns[0], BLOCK_MAX);
    ir_ref v[3] = {0};
    for (unsigned n = 0; n < 3 && ir_ops[op].operand[n]; n++, kinds /= OPERANDS)
        v[n] = one_in(8) && n ? v[n - 1] : operand(b, (enum operand)(kinds % OPERANDS), n);
    set_result(b, to, ir_pure(b, op, v[0], v[1], v[2]), v[0]);
    ir_exit(b, IR_EXIT_CHAIN, 1, 100 * 2 + 1);
    b->insns[b->count - 1].index = 0;
    some_choices(m);
    m->passes = 0;
    try_region(m);
}

static void every_operation(void **state)
{
    (void)state;
    static const uint8_t pure[] = {
#define PURE_OP(name, operands, expression) IR_##name,
#include "jit/ops.def"
    };
#if defined(MH_SANITIZE)
    const unsigned worlds = 2;
#else
    const unsigned worlds = 20;
#endif
    catch_crashes(true);
    for (unsigned i = 0; i < ARRAY_LEN(pure); i++) {
        unsigned kinds = 1;
        for (unsigned n = 0; n < 3 && ir_ops[pure[i]].operand[n]; n++)
            kinds *= OPERANDS;
        for (unsigned k = 0; k < kinds; k++)
            for (unsigned to = 0; to < RESULTS; to++)
                for (unsigned w = 0; w < worlds; w++)
                    one_operation((enum ir_op)pure[i], k, (enum result)to);
    }
    catch_crashes(false);
}

/* --- load-reserved and store-conditional --- */

#define LR_AT (WINDOW + 64)

/* lr of 4 bytes, a way out if r2 is not 0, sc of r1 with its result in r3. */
static void make_pair(void)
{
    struct made *m = &region;
    struct ir_block *b = &m->plain[0];
    *m = (struct made){.r.count = 1, .guest = 3, .cpu = *x64_cpu(), .world = 1, .budget = 10};
    ir_begin(b, &guest, m->plain_insns[0], BLOCK_MAX);
    ir_ref point = ir_point(b, 0, 0), addr = ir_const(b, LR_AT);
    ir_ref lr = ir_lr(b, point, 4, addr);
    ir_exit_if(b, IR_EXIT_LEAVE, 1, 40, ir_slot_get(b, G1 + 1));
    point = ir_point(b, 4, 1);
    ir_slot_set(b, G1 + 2, ir_sc(b, point, 4, addr, lr, ir_slot_get(b, G1)));
    ir_exit(b, IR_EXIT_LEAVE, 2, 8);
    m->blocks[0].entry = true;
}

/* Runs the pair with streams that lead to the window; out: it is left in the middle. */
static void run_pair(bool exact, uint64_t reserved, bool out)
{
    struct jit_code code;
    struct left left;
    no_streams();
    for (unsigned kind = 0; kind < TLB_STREAM_KINDS; kind++)
        for (unsigned i = 0; i < TLB_STREAMS; i++)
            streams[0][kind][i] = (struct tlb_stream){
                WINDOW, PAGE_SIZE - 63, (uintptr_t)(memory[1] + 2 * PAGE_SIZE) - WINDOW};
    assert_int_equal(compile(&region, &code), 0);
    hart_begin(&region);
    hart.jit.lr_host = 5;
    hart.jit.lr_exact = exact;
    hart.reserved = reserved;
    hart.world.slot[G1] = 0x11223344;
    hart.world.slot[G1 + 1] = out;
    hart.lrs = hart.scs[0] = hart.scs[1] = 0;
    slow_calls = 0;
    run(&region, code.entry[0], &left);
    assert_int_equal(left.why, JIT_LEFT_LEAVE);
    assert_int_equal(left.pc, PAGE_VA + (out ? 40 : 8));
}

static void a_pair_notes_where_it_read(void **state)
{
    (void)state;
    make_pair();
    run_pair(false, ~0ull, false);
    assert_int_equal(slow_calls, 0);
    assert_int_equal(hart.jit.lr_host, 0);
    assert_int_equal(hart.world.slot[G1 + 2], 0);
    assert_int_equal(window_read(&hart.world, LR_AT, 8) & 0xffffffff, 0x11223344);
    assert_int_equal(hart.lrs, 1);
    assert_int_equal(hart.scs[0], 1);
    assert_int_equal(hart.scs[1], 0);
    run_pair(false, ~0ull, true);
    assert_int_equal(slow_calls, 0);
    assert_int_equal(hart.jit.lr_host, (uintptr_t)window_at(&hart.world, LR_AT));
    assert_int_equal(hart.jit.lr_foreign, foreign);
    assert_int_equal(hart.lrs, 1);
    assert_int_equal(hart.scs[0] + hart.scs[1], 0);
}

/* Reservations are made, and used, by C alone. */
static void reservations_are_for_c(void **state)
{
    (void)state;
    make_pair();
    run_pair(true, ~0ull, true);
    assert_int_equal(slow_calls, 1);
    assert_int_equal(hart.jit.lr_host, 5);
    assert_int_equal(hart.lrs, 0);
    run_pair(false, WINDOW, false);
    assert_int_equal(slow_calls, 1);
    assert_int_equal(hart.reserved, ~0ull);
    assert_int_equal(hart.scs[0] + hart.scs[1], 0);
    assert_int_equal(hart.world.slot[G1 + 2], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_notes_where_it_read),
        cmocka_unit_test(reservations_are_for_c),
        cmocka_unit_test(every_operation),
        cmocka_unit_test(random_regions),
        cmocka_unit_test(loops_look_at_many_turns_at_once),
        cmocka_unit_test(accesses_come_early_only_where_nobody_can_tell),
        cmocka_unit_test(no_loop_is_without_a_look),
        cmocka_unit_test(places_of_all_sizes_share_streams),
        cmocka_unit_test(floats_outlive_c),
        cmocka_unit_test(jumps_become_direct),
        cmocka_unit_test(what_does_not_fit_leaves_no_trace),
        cmocka_unit_test(what_is_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, open_host, close_host);
}
