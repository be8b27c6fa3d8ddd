/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processor has beyond x86-64's base, asked once.  Any thread.
 */
#include "jit/x64/lower.h"

static const struct x64_cpu *forced;

void x64_cpu_force(const struct x64_cpu *cpu)
{
    store_release(&forced, cpu);
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <pthread.h>

/* Intel: any access inside a cache line (SDM 3A, 9.1.1); AMD promises aligned 8 bytes only. */
static bool is_intel(void)
{
    unsigned a, b = 0, c = 0, d = 0;
    __cpuid(0, a, b, c, d);
    return b == 0x756e6547 && d == 0x49656e69 && c == 0x6c65746e; /* "GenuineIntel" */
}

/* clang 14 cannot be asked for it by name: bit 5 of CPUID 80000001, ECX (SDM 2A, CPUID). */
static bool has_lzcnt(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && c & 1u << 5;
}

static struct x64_cpu real;

static void ask(void)
{
    __builtin_cpu_init();
    real.bmi1 = __builtin_cpu_supports("bmi");
    real.bmi2 = __builtin_cpu_supports("bmi2");
    real.popcnt = __builtin_cpu_supports("popcnt");
    real.lzcnt = has_lzcnt();
    real.avx = __builtin_cpu_supports("avx");
    real.fma = __builtin_cpu_supports("fma");
    real.line_atomic = is_intel();
}

static const struct x64_cpu *real_cpu(void)
{
    static pthread_once_t asked = PTHREAD_ONCE_INIT;
    pthread_once(&asked, ask);
    return &real;
}
#else
static const struct x64_cpu *real_cpu(void)
{
    static const struct x64_cpu none;
    return &none;
}
#endif

const struct x64_cpu *x64_cpu(void)
{
    const struct x64_cpu *f = load_acquire(&forced);
    return f ? f : real_cpu();
}
