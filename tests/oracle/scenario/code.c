/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that is rewritten: hart 0 writes lines of random instructions into two
 * pages, or changes one instruction, through one of several addresses; then one
 * of the harts or both call the line, from its begin or a later instruction, in
 * M, S or U, through another of them, with FENCE.I on the hart that calls.
 * Noted is what the code computes.
 *
 * The addresses: the physical one, two virtual ones of the same pages, and a
 * third behind which the two pages change places.  Hart 1 waits elsewhere while
 * hart 0 writes: what a hart sees that runs the code meanwhile is open.
 */
#include "scenario.h"

#define CODE     (VIRT_RAM + (64UL << 20))
#define VA_A     0x40000000UL
#define VA_B     0x40010000UL
#define VA_MOVED 0x40020000UL
#define C_JR_RA  0x8082
#define LENGTH   12 /* of a line, in instructions */

enum place { PHYSICAL, FIRST, SECOND, MOVED, PLACES };
static unsigned mode;  /* of the mappings */
static bool exchanged; /* the pages behind VA_MOVED */
static unsigned begin[LENGTH + 1],
    count; /* of the present line: offsets of instructions, and of the return */

static unsigned long address(enum place place, unsigned offset)
{
    static const unsigned long base[] = {CODE, VA_A, VA_B, VA_MOVED};
    return base[place] + (place == MOVED && exchanged ? offset ^ PAGE : offset);
}

/* ---- the hart that calls: hart 0 itself, or hart 1 by letter ---- */

enum order { MAP, FENCE_VMA, CALL };
static struct {
    unsigned asked __attribute__((aligned(64)));
    unsigned answered __attribute__((aligned(64)));
    enum order order;
    bool machine;
    unsigned long at, arg, result;
} letter;

typedef unsigned long code_fn(unsigned long);

static unsigned long call_here(unsigned long at, bool machine, unsigned long arg)
{
    __asm__ volatile("fence.i" : : : "memory");
    return machine ? ((code_fn *)at)(arg) : guest_run_in((int)mode, (code_fn *)at, arg);
}

static void obey(void)
{
    if (letter.order == CALL)
        letter.result = call_here(letter.at, letter.machine, letter.arg);
    if (letter.order == MAP)
        paging_set(pg.root, 0);
    if (letter.order != CALL)
        sfence_all();
}

/* Until the other hart has written i and sent an interrupt, which wakes but
 * does not trap. */
static void wait_for(unsigned *word, unsigned i)
{
    csr_write(mie, MIP_MSIP);
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != i) {
        guest_wfi();
        guest_ipi_clear(guest_hart_id());
        __asm__ volatile("fence" : : : "memory");
    }
    csr_write(mie, 0); /* one may still come, and would trap from S */
}

static void tell(unsigned *word, unsigned i, unsigned hart)
{
    __atomic_store_n(word, i, __ATOMIC_RELEASE);
    guest_ipi_send(hart);
}

static void hart_1(void *arg)
{
    (void)arg;
    for (unsigned i = 1;; i++) {
        wait_for(&letter.asked, i);
        obey();
        tell(&letter.answered, i, 0);
    }
}

static void ask(enum order order)
{
    unsigned i = letter.asked + 1;
    letter.order = order;
    tell(&letter.asked, i, 1);
    wait_for(&letter.answered, i);
}

/* ---- mappings ---- */

static void map_moved(void)
{
    uint64_t flags = PTE_V | PTE_RWX | PTE_AD | (mode == PRIV_U ? PTE_U : 0);
    paging_map(VA_MOVED + (exchanged ? PAGE : 0), CODE, 0, flags);
    paging_map(VA_MOVED + (exchanged ? 0 : PAGE), CODE + PAGE, 0, flags);
}

static void map_code(void)
{
    uint64_t user = mode == PRIV_U ? PTE_U : 0;
    CHECK(paging_begin(3));
    paging_map_program(pg.root, user);
    for (unsigned i = 0; i < 2; i++) {
        paging_map(VA_A + i * PAGE, CODE + i * PAGE, 0, PTE_V | PTE_RWX | PTE_AD | user);
        paging_map(VA_B + i * PAGE, CODE + i * PAGE, 0, PTE_V | PTE_RWX | PTE_AD | user);
    }
    map_moved();
    ask(MAP);
}

static void exchange_pages(void)
{
    exchanged = !exchanged;
    map_moved();
    ask(FENCE_VMA);
}

/* ---- writing ---- */

static void store(enum place place, unsigned offset, unsigned bytes, uint32_t v)
{
    unsigned long at = address(place, offset);
    unsigned long status = place == PHYSICAL ? 0 : probe_status(mode, 0);
    if (bytes == 2)
        PROBE("sh %0, 0(%2)", at, status, "+&r"(v));
    else
        PROBE("sw %0, 0(%2)", at, status, "+&r"(v));
    probe_end(0);
    CHECK_EQ(probed.cause, ~0UL);
}

/* All compute a0 from a0. */
static uint32_t any_insn(unsigned bytes)
{
    static const uint32_t wide[] = {
        0x00050513, /* addi */
        0x00054513, /* xori */
        0x00056513, /* ori */
        0x02a50533, /* mul a0, a0, a0 */
        0x00155513, /* srli a0, a0, 1 */
        0x40a00533, /* neg */
    };
    unsigned i = any_of(6);
    if (bytes == 2)
        return percent(80) ? 0x0505 | any_of(8) << 2 : 0x0506; /* c.addi, c.slli */
    return wide[i] | (i < 3 ? (uint32_t)any() << 20 : 0);
}

/* In one piece or in halves; across the border of the pages only in halves,
 * where they change places. */
static void write_insn(unsigned offset, unsigned bytes, uint32_t insn)
{
    enum place place = any_of(PLACES);
    if (bytes == 4 && (percent(30) || (place == MOVED && (offset & 0xfff) == 0xffe))) {
        store(place, offset + 2, 2, insn >> 16);
        bytes = 2;
        place = any_of(PLACES);
    }
    store(place, offset, bytes, insn);
}

static void write_line(void)
{
    unsigned at = percent(40) ? (unsigned)PAGE - 2 - 2 * any_of(16) : 2 * any_of(PAGE - 32);
    count = 1 + any_of(LENGTH);
    for (unsigned i = 0; i < count; i++) {
        unsigned bytes = percent(40) ? 2 : 4;
        begin[i] = at;
        write_insn(at, bytes, any_insn(bytes));
        at += bytes;
    }
    begin[count] = at;
    write_insn(at, 2, C_JR_RA);
    setting("line", begin[0]);
    setting("end", at);
}

static void change_line(void)
{
    unsigned i = any_of(count);
    setting("changed", begin[i]);
    write_insn(begin[i], begin[i + 1] - begin[i], any_insn(begin[i + 1] - begin[i]));
}

/* ---- calling ---- */

static void call_line(void)
{
    unsigned from = begin[percent(60) ? 0 : any_of(count + 1)];
    bool across = (from ^ begin[count]) & PAGE;
    enum place place = any_of(across ? MOVED : PLACES);
    unsigned long at = address(place, from);
    unsigned who = any_of(3);
    setting("place", place);
    setting("from", from);
    letter.at = at;
    letter.machine = place == PHYSICAL;
    letter.arg = any();
    if (who != 1)
        note("here", call_here(at, letter.machine, letter.arg));
    if (who != 0) {
        ask(CALL);
        note("there", letter.result);
    }
}

static void scenario(void)
{
    mode = percent(50) ? PRIV_S : PRIV_U;
    exchanged = percent(50);
    map_code();
    write_line();
    for (unsigned i = 0; i < 8; i++) {
        call_line();
        if (percent(15))
            write_line();
        else
            change_line();
        if (percent(15))
            exchange_pages();
    }
    paging_end();
}

int main(void)
{
    CHECK(guest_hart_count() > 1);
    guest_hart_start(1, hart_1, NULL);
    return scenario_run(scenario);
}
