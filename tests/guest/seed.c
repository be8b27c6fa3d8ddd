/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1,2 oracle=no
 *
 * Zkr through the instructions: which forms may access seed, in which mode, what
 * it shows, and that samples differ from each other and between harts.  The
 * processor of older QEMUs' virt machine has no seed; 10 runs this with -cpu max.
 */
#include "guest.h"

#define USEED   (1UL << 8)
#define SSEED   (1UL << 9)
#define ES16    2
#define SAMPLES 256

/* The cause of one instruction, ~0 for none; v is what rd holds after it. */
#define TRY(insn)                                                                                  \
    ({                                                                                             \
        struct guest_caught c_;                                                                    \
        uint64_t v_ = 0x5a5a5a5a5a5a5a5a;                                                          \
        guest_catch(&c_);                                                                          \
        __asm__ volatile(insn : "+r"(v_) : "r"(0UL), "r"(~0UL) : "memory");                        \
        guest_catch(NULL);                                                                         \
        seen = v_;                                                                                 \
        ((volatile struct guest_caught *)&c_)->cause;                                              \
    })
static uint64_t seen;

/* A CSR of 32 bits is zero-extended (Unprivileged, Zicsr); QEMU 10 extends the sign. */
static void check_sample(uint64_t v)
{
#if GUEST_HTIF
    CHECK_EQ(v >> 32, 0);
#endif
    v = (uint32_t)v;
    CHECK_EQ(v >> 30, ES16);
    CHECK_EQ(v >> 16 & 0x3fff, 0);
}

static void test_forms(void)
{
    CHECK_EQ(TRY("csrrw %0, 0x015, zero"), ~0UL);
    check_sample(seen);
    CHECK_EQ(TRY("csrrw %0, 0x015, %2"), ~0UL); /* the value does not count */
    check_sample(seen);
    CHECK_EQ(TRY("csrrs %0, 0x015, %1"), ~0UL); /* a register that holds zero is not x0 */
    check_sample(seen);
    CHECK_EQ(TRY("csrrc %0, 0x015, %2"), ~0UL);
    check_sample(seen);
    CHECK_EQ(TRY("csrrwi %0, 0x015, 0"), ~0UL);
    check_sample(seen);
    CHECK_EQ(TRY("csrrsi %0, 0x015, 1"), ~0UL);
    check_sample(seen);
    CHECK_EQ(TRY("csrrci %0, 0x015, 31"), ~0UL);
    check_sample(seen);
    CHECK_EQ(TRY("csrrw zero, 0x015, zero"), ~0UL);
}

static void test_read_only_forms(void)
{
    CHECK_EQ(TRY("csrrs %0, 0x015, zero"), CAUSE_ILLEGAL);
    CHECK_EQ(TRY("csrrc %0, 0x015, zero"), CAUSE_ILLEGAL);
    CHECK_EQ(TRY("csrrsi %0, 0x015, 0"), CAUSE_ILLEGAL);
    CHECK_EQ(TRY("csrrci %0, 0x015, 0"), CAUSE_ILLEGAL);
    CHECK_EQ(seen, 0x5a5a5a5a5a5a5a5a);
}

static unsigned long take(unsigned long unused)
{
    unsigned long v = 0;
    (void)unused;
    __asm__ volatile("csrrw %0, 0x015, zero" : "+r"(v));
    return v;
}

static bool may_take(int mode)
{
    struct guest_caught c;
    guest_catch(&c);
    unsigned long v = guest_run_in(mode, take, 0);
    guest_catch(NULL);
    if (((volatile struct guest_caught *)&c)->cause == ~0UL) {
        check_sample(v);
        return true;
    }
    CHECK_EQ(((volatile struct guest_caught *)&c)->cause, CAUSE_ILLEGAL);
    return false;
}

static void test_modes(void)
{
    for (unsigned i = 0; i < 4; i++) {
        csr_write(0x747, i & 1 ? USEED : 0);
        if (i & 2)
            csr_set(0x747, SSEED);
        CHECK_EQ(csr_read(0x747) & (USEED | SSEED), (i & 1 ? USEED : 0) | (i & 2 ? SSEED : 0));
        CHECK_EQ(may_take(PRIV_M), 1);
        CHECK_EQ(may_take(PRIV_S), i >> 1);
        CHECK_EQ(may_take(PRIV_U), i & 1);
    }
    csr_clear(0x747, USEED | SSEED);
}

static uint16_t samples[2][SAMPLES];

static void collect(void *arg)
{
    uint16_t *to = arg;
    for (unsigned i = 0; i < SAMPLES; i++)
        to[i] = (uint16_t)take(0);
}

/* 256 fair samples: each bit is 1 in 128 of them give or take 64, but for one run in 10^15. */
static void test_samples(void)
{
    unsigned harts = guest_hart_count() > 1 ? 2 : 1;
    if (harts == 2)
        guest_hart_start(1, collect, samples[1]);
    collect(samples[0]);
    if (harts == 2)
        guest_hart_join(1);
    for (unsigned h = 0; h < harts; h++)
        for (unsigned bit = 0; bit < 16; bit++) {
            unsigned ones = 0;
            for (unsigned i = 0; i < SAMPLES; i++)
                ones += samples[h][i] >> bit & 1;
            CHECK(ones > 64 && ones < 192);
        }
    CHECK(memcmp(samples[0], samples[1], sizeof(samples[0])) != 0);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"forms that write", test_forms},
        {"forms that only read", test_read_only_forms},
        {"modes", test_modes},
        {"samples", test_samples},
    };
    return GUEST_RUN(cases);
}
