/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: harts=1 timeout=60 cpu=rv64,smstateen=on
 *
 * Smstateen: mstateen0-3 at reset, what they hold, and what they keep from S and
 * U; sstateen0-3.
 */
#include "guest.h"

#define SE     (1UL << 63)
#define ENVCFG (1UL << 62)

static unsigned long caught(int mode, unsigned long (*fn)(unsigned long), unsigned long arg)
{
    struct guest_caught c;
    guest_catch(&c);
    guest_run_in(mode, fn, arg);
    guest_catch(NULL);
    return ((volatile struct guest_caught *)&c)->cause;
}

#define FINE ~0UL

#define ACCESS(name, number)                                                                       \
    static unsigned long read_##name(unsigned long x)                                              \
    {                                                                                              \
        __asm__ volatile("csrr %0, " #number : "=r"(x));                                           \
        return x;                                                                                  \
    }                                                                                              \
    static unsigned long write_##name(unsigned long x)                                             \
    {                                                                                              \
        __asm__ volatile("csrw " #number ", %0" : : "r"(x));                                       \
        return 0;                                                                                  \
    }
ACCESS(senvcfg, 0x10a)
ACCESS(sstateen0, 0x10c)
ACCESS(sstateen1, 0x10d)
ACCESS(sstateen2, 0x10e)
ACCESS(sstateen3, 0x10f)
ACCESS(mstateen0, 0x30c)
ACCESS(mstateen1, 0x30d)
ACCESS(mstateen2, 0x30e)
ACCESS(mstateen3, 0x30f)

static unsigned long (*const read_m[])(unsigned long) = {read_mstateen0, read_mstateen1,
                                                         read_mstateen2, read_mstateen3};
static unsigned long (*const write_m[])(unsigned long) = {write_mstateen0, write_mstateen1,
                                                          write_mstateen2, write_mstateen3};
static unsigned long (*const read_s[])(unsigned long) = {read_sstateen0, read_sstateen1,
                                                         read_sstateen2, read_sstateen3};
static unsigned long (*const write_s[])(unsigned long) = {write_sstateen0, write_sstateen1,
                                                          write_sstateen2, write_sstateen3};

static void test_values(void)
{
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(read_m[i](0), 0);
        write_m[i](~0UL);
        CHECK_EQ(read_m[i](0) & (SE | ENVCFG), i ? SE : SE | ENVCFG);
        CHECK_EQ(read_m[i](0) & 6, 0); /* FCSR: there is F; JVT: no Zcmt */
        write_m[i](0);
        CHECK_EQ(read_m[i](0), 0);
    }
    CHECK_EQ(caught(PRIV_S, read_mstateen0, 0), CAUSE_ILLEGAL);
    CHECK_EQ(caught(PRIV_S, write_mstateen3, 0), CAUSE_ILLEGAL);
}

static void test_sstateen(void)
{
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(caught(PRIV_M, read_s[i], 0), FINE);
        CHECK_EQ(caught(PRIV_S, read_s[i], 0), CAUSE_ILLEGAL);
        CHECK_EQ(caught(PRIV_S, write_s[i], 0), CAUSE_ILLEGAL);
        write_m[i](SE);
        CHECK_EQ(caught(PRIV_S, read_s[i], 0), FINE);
        CHECK_EQ(caught(PRIV_S, write_s[i], 0), FINE);
        CHECK_EQ(caught(PRIV_U, read_s[i], 0), CAUSE_ILLEGAL);
        CHECK_EQ(guest_run_in(PRIV_S, read_s[i], 0), 0);
        write_m[i](0);
    }
}

static void test_envcfg(void)
{
    CHECK_EQ(caught(PRIV_S, read_senvcfg, 0), CAUSE_ILLEGAL);
    CHECK_EQ(caught(PRIV_S, write_senvcfg, 1), CAUSE_ILLEGAL);
    CHECK_EQ(read_senvcfg(0), 0); /* M's own access is free */
    write_senvcfg(1);
    CHECK_EQ(read_senvcfg(0), 1);
    write_mstateen0(ENVCFG);
    CHECK_EQ(guest_run_in(PRIV_S, read_senvcfg, 0), 1);
    CHECK_EQ(caught(PRIV_S, write_senvcfg, 0), FINE);
    CHECK_EQ(read_senvcfg(0), 0);
    CHECK_EQ(caught(PRIV_U, read_senvcfg, 0), CAUSE_ILLEGAL);
    write_mstateen0(0);
}

int main(void)
{
    static const struct guest_case cases[] = {
        {"values", test_values},
        {"sstateen0-3", test_sstateen},
        {"senvcfg", test_envcfg},
    };
    return GUEST_RUN(cases);
}
