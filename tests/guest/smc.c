/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 timeout=120 oracle=1
 *
 * Code that is written while it runs: FENCE.I on the own hart, on another by
 * IPI, through another mapping, across pages, beside data that is written in a
 * loop, and jumps into the middle of what was decoded.
 * QEMU 7.2 is asked with one hart only: with two it hangs in the cases of
 * another hart now and then (6 of 40 runs).
 */
#include "paging.h"

#define FENCE_I() __asm__ volatile("fence.i" : : : "memory")
#define VA        0x8000000UL

static struct page code[4];

typedef unsigned long code_fn(unsigned long);

static uint32_t insn_addi(unsigned imm) /* addi a0, a0, imm */
{
    return 0x00050513 | (uint32_t)imm << 20;
}

#define INSN_RET 0x00008067u

static void put(void *at, uint32_t insn)
{
    volatile uint16_t *p = at;
    p[0] = (uint16_t)insn;
    p[1] = (uint16_t)(insn >> 16);
}

static unsigned long call(void *at, unsigned long arg)
{
    return ((code_fn *)at)(arg);
}

static char *at(unsigned page, unsigned offset)
{
    return (char *)&code[page] + offset;
}

/* ---- own hart ---- */

static void test_own(void)
{
    put(at(0, 4), INSN_RET);
    for (unsigned i = 0; i < 500; i++) {
        put(at(0, 0), insn_addi(i));
        FENCE_I();
        CHECK_EQ(call(at(0, 0), 1000), 1000 + i);
        CHECK_EQ(call(at(0, 0), 2000), 2000 + i);
    }
}

/* By atomics, byte stores and misaligned stores as well. */
static void test_kinds_of_store(void)
{
    uint32_t *w = (uint32_t *)at(0, 0);
    put(at(0, 4), INSN_RET);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t insn = insn_addi(i);
        uint64_t old, failed;
        switch (i % 4) {
        case 0:
            __asm__ volatile("amoswap.w zero, %1, (%0)" : : "r"(w), "r"(insn) : "memory");
            break;
        case 1:
            __asm__ volatile("1: lr.w %0, (%2); sc.w %1, %3, (%2); bnez %1, 1b"
                             : "=&r"(old), "=&r"(failed)
                             : "r"(w), "r"(insn)
                             : "memory");
            break;
        case 2:
            for (unsigned k = 0; k < 4; k++)
                *((volatile uint8_t *)w + k) = (uint8_t)(insn >> (8 * k));
            break;
        default: /* the halfword before it and its own */
            __asm__ volatile("sw %1, -2(%0); sh %2, 2(%0)"
                             :
                             : "r"(w), "r"(insn << 16 | 0x0001), "r"(insn >> 16)
                             : "memory");
        }
        FENCE_I();
        CHECK_EQ(call(w, 7), 7 + i);
    }
}

/* Many instructions replaced by ones of another length. */
static void test_lengths(void)
{
    for (unsigned round = 0; round < 50; round++) {
        if (round & 1) {
            for (unsigned i = 0; i < 64; i += 2)
                *(volatile uint16_t *)at(0, i) = 0x0505; /* c.addi a0, 1 */
        } else {
            for (unsigned i = 0; i < 64; i += 4)
                put(at(0, i), insn_addi(3));
        }
        put(at(0, 64), INSN_RET);
        FENCE_I();
        CHECK_EQ(call(at(0, 0), 0), round & 1 ? 32 : 48);
    }
}

/* A word that is two ways of code: addi a0,a0,imm whose upper half is c.addi a0, n. */
static void test_middle(void)
{
    put(at(1, 0), 0x05050513); /* addi a0, a0, 0x50; from its middle: c.addi a0, 1 */
    put(at(1, 4), INSN_RET);
    FENCE_I();
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQ(call(at(1, 0), 100), 100 + 0x50);
        CHECK_EQ(call(at(1, 2), 100), 101);
    }
    put(at(1, 0), 0x05450513); /* addi a0, a0, 0x54; from its middle: c.addi a0, 17 */
    FENCE_I();
    CHECK_EQ(call(at(1, 0), 100), 100 + 0x54);
    CHECK_EQ(call(at(1, 2), 100), 117);
}

/* ---- data in a code page ---- */

static void test_data_in_page(void)
{
    volatile uint64_t *word = (volatile uint64_t *)at(2, 2048);
    put(at(2, 0), insn_addi(1));
    put(at(2, 4), INSN_RET);
    FENCE_I();
    *word = 0;
    for (unsigned i = 0; i < 2000; i++) {
        CHECK_EQ(call(at(2, 0), i), i + 1);
        *word += i;
    }
    CHECK_EQ(*word, 2000 * 1999 / 2);
}

/* Code that writes its own page while it runs: a counter beside the loop. */
static void test_self_write(void)
{
    static const uint32_t loop[] = {
        0x4005b603, /* 0: ld a2, 0x400(a1) */
        0x00160613, /* 4: addi a2, a2, 1 */
        0x40c5b023, /* 8: sd a2, 0x400(a1) */
        0xfff50513, /* c: addi a0, a0, -1 */
        0xfe0518e3, /* 10: bnez a0, 0 */
        0x00060513, /* 14: mv a0, a2 */
        INSN_RET,
    };
    for (unsigned i = 0; i < 7; i++)
        put(at(3, 4 * i), loop[i]);
    *(volatile uint64_t *)at(3, 0x400) = 5;
    FENCE_I();
    unsigned long r = ((unsigned long (*)(unsigned long, void *))(void *)at(3, 0))(3000, at(3, 0));
    CHECK_EQ(r, 3005);
}

/* ---- mappings ---- */

static void begin_mapping(void)
{
    CHECK(paging_begin(3));
    for (unsigned i = 0; i < 2; i++)
        paging_map(VA + i * PAGE, (unsigned long)&code[i], 0, PTE_V | PTE_R | PTE_X | PTE_AD);
}

/* Written at one address, run at another. */
static void test_alias(void)
{
    unsigned long r;
    begin_mapping();
    put(at(0, 4), INSN_RET);
    for (unsigned i = 0; i < 100; i++) {
        put(at(0, 0), insn_addi(i));
        FENCE_I();
        CHECK_EQ(probe_call(VA, PRIV_S, 50, &r), ~0UL);
        CHECK_EQ(r, 50 + i);
    }
    paging_end();
}

/* The same address, another page. */
static void test_remap(void)
{
    unsigned long r;
    begin_mapping();
    for (unsigned i = 0; i < 2; i++) {
        put(at(i, 0), insn_addi(10 + i));
        put(at(i, 4), INSN_RET);
    }
    FENCE_I();
    for (unsigned i = 0; i < 100; i++) {
        paging_map(VA, (unsigned long)&code[i & 1], 0, PTE_V | PTE_R | PTE_X | PTE_AD);
        CHECK_EQ(probe_call(VA, PRIV_S, 0, &r), ~0UL);
        CHECK_EQ(r, 10 + (i & 1));
    }
    paging_end();
}

/* An instruction across two pages: only the second changes, or only the first. */
static void test_straddle(void)
{
    unsigned long r;
    begin_mapping();
    put(at(1, 2), INSN_RET);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t insn = insn_addi(i);
        *(volatile uint16_t *)at(0, 4094) = (uint16_t)insn;
        *(volatile uint16_t *)at(1, 0) = (uint16_t)(insn >> 16);
        FENCE_I();
        CHECK_EQ(call(at(0, 4094), 9), 9 + i);
        CHECK_EQ(probe_call(VA + 4094, PRIV_S, 9, &r), ~0UL);
        CHECK_EQ(r, 9 + i);
    }
    for (unsigned i = 0; i < 100; i++) { /* first page: addi or xori */
        *(volatile uint16_t *)at(0, 4094) = i & 1 ? 0x4513 : 0x0513;
        FENCE_I();
        CHECK_EQ(call(at(0, 4094), 0xff), i & 1 ? 0xff ^ 199 : 0xff + 199);
    }
    paging_end();
}

/* ---- another hart ---- */

static struct {
    unsigned asked __attribute__((aligned(64)));
    unsigned answered __attribute__((aligned(64)));
    unsigned long result;
} remote;

#if GUEST_HTIF
#define REMOTE_ROUNDS 3000
#define IPI_ROUNDS    300
#else /* QEMU's spinning harts do not make room for each other */
#define REMOTE_ROUNDS 200
#define IPI_ROUNDS    50
#endif

/* Runs the code for each number asked, after a FENCE.I. */
static void run_remote(void *arg)
{
    (void)arg;
    for (unsigned i = 1; i <= REMOTE_ROUNDS; i++) {
        while (__atomic_load_n(&remote.asked, __ATOMIC_ACQUIRE) != i)
            guest_pause();
        FENCE_I();
        remote.result = call(at(0, 0), i);
        __atomic_store_n(&remote.answered, i, __ATOMIC_RELEASE);
    }
}

static void test_remote(void)
{
    if (guest_hart_count() < 2)
        return;
    memset(&remote, 0, sizeof(remote));
    put(at(0, 4), INSN_RET);
    guest_hart_start(1, run_remote, NULL);
    for (unsigned i = 1; i <= REMOTE_ROUNDS; i++) {
        unsigned imm = i * 7 % 2000;
        put(at(0, 0), insn_addi(imm));
        __asm__ volatile("fence rw, rw" : : : "memory");
        __atomic_store_n(&remote.asked, i, __ATOMIC_RELEASE);
        while (__atomic_load_n(&remote.answered, __ATOMIC_ACQUIRE) != i)
            guest_pause();
        CHECK_EQ(remote.result, i + imm);
    }
    guest_hart_join(1);
}

/* The other hart is told by IPI, whose handler fences, while it runs the code in a loop. */
static unsigned fenced;

static void fence_hook(struct guest_trap *t)
{
    CHECK_EQ(t->cause, CAUSE_INTERRUPT | 3);
    guest_ipi_clear(guest_hart_id());
    FENCE_I();
    __atomic_fetch_add(&fenced, 1, __ATOMIC_RELEASE);
}

static unsigned long seen_round;

/* The code returns the number of the round; it may never fall back. */
static void run_looping(void *arg)
{
    unsigned long last = 0;
    (void)arg;
    csr_write(mie, MIP_MSIP);
    csr_set(mstatus, MSTATUS_MIE);
    while (last != IPI_ROUNDS) {
        unsigned long v = call(at(0, 0), 0);
        CHECK(v >= last);
        last = v;
        __atomic_store_n(&seen_round, v, __ATOMIC_RELEASE);
    }
    csr_clear(mstatus, MSTATUS_MIE);
}

static void test_ipi(void)
{
    if (guest_hart_count() < 2)
        return;
    seen_round = 0;
    fenced = 0;
    put(at(0, 0), insn_addi(0));
    put(at(0, 4), INSN_RET);
    FENCE_I();
    guest_trap_hook(fence_hook);
    guest_hart_start(1, run_looping, NULL);
    for (unsigned i = 1; i <= IPI_ROUNDS; i++) {
        /* One aligned store: the other hart may be fetching it. */
        *(volatile uint32_t *)at(0, 0) = insn_addi(i);
        __asm__ volatile("fence rw, rw" : : : "memory");
        guest_ipi_send(1);
        while (__atomic_load_n(&fenced, __ATOMIC_ACQUIRE) != i)
            guest_pause();
        while (__atomic_load_n(&seen_round, __ATOMIC_ACQUIRE) != i)
            guest_pause(); /* from the fence on it is the new code */
    }
    guest_hart_join(1);
    guest_trap_hook(NULL);
}

static const struct guest_case cases[] = {
    {"own hart", test_own},
    {"kinds of store", test_kinds_of_store},
    {"lengths", test_lengths},
    {"into the middle", test_middle},
    {"data beside code", test_data_in_page},
    {"writes its own page", test_self_write},
    {"other mapping", test_alias},
    {"mapping changed", test_remap},
    {"across pages", test_straddle},
    {"other hart", test_remote},
    {"other hart by IPI", test_ipi},
};

int main(void)
{
    return GUEST_RUN(cases);
}
