/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RISC-V program for Linux that runs every floating-point instruction of
 * fp_vectors.def on the vectors of fp_vectors.h in every rounding mode.  Run under
 * QEMU (whose soft-float is not ours), or on hardware, it makes what the unit test
 * isa_riscv_fp compares with; gen_fp_golden.sh says how.
 *
 *   fp_oracle hash COUNT           a line for each operation and mode, a hash for each group
 *   fp_oracle stream FIRST COUNT   each result as 8 bytes and its flags as one, for a pipe
 *
 * Freestanding: two system calls are all it needs, and the bare-metal compiler of
 * the guest programs builds it.
 */
#include "tests/guest/common/fp_run.h"

enum { SYS_WRITE = 64, SYS_EXIT = 93, BUFFER_SIZE = 16384 };

static unsigned char buffer[BUFFER_SIZE];
static unsigned long used;

static long system_call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static void flush(void)
{
    for (unsigned long done = 0; done < used;) {
        long n = system_call(SYS_WRITE, 1, (long)(buffer + done), (long)(used - done));

        if (n <= 0)
            system_call(SYS_EXIT, 1, 0, 0);
        done += (unsigned long)n;
    }
    used = 0;
}

static void put(unsigned char c)
{
    if (used == BUFFER_SIZE)
        flush();
    buffer[used++] = c;
}

static void put_text(const char *s)
{
    while (*s)
        put((unsigned char)*s++);
}

static void put_hex(uint32_t v)
{
    for (int shift = 28; shift >= 0; shift -= 4)
        put((unsigned char)"0123456789abcdef"[v >> shift & 15]);
}

static void print_hashes(enum vector_op op, unsigned mode, uint64_t count)
{
    put_text(vector_ops[op].name);
    put(' ');
    put((unsigned char)('0' + mode));
    for (uint64_t i = 0; i < count;) {
        uint32_t hash = 0;

        for (uint64_t end = i + VECTOR_GROUP; i < end; i++)
            hash = vector_hash(hash, vector_run(op, mode, i));
        put(' ');
        put_hex(hash);
    }
    put('\n');
}

static void write_results(enum vector_op op, unsigned mode, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        struct vector_result r = vector_run(op, mode, i);

        for (int shift = 0; shift < 64; shift += 8)
            put((unsigned char)(r.value >> shift));
        put(r.flags);
    }
}

static uint64_t number(const char *s)
{
    uint64_t n = 0;

    while (*s >= '0' && *s <= '9')
        n = n * 10 + (uint64_t)(*s++ - '0');
    return n;
}

static int begins_with(const char *s, char c)
{
    return *s == c;
}

/* Called by _start with the stack as Linux makes it: argc, then argv. */
__attribute__((used)) void oracle(long *stack)
{
    char **argv = (char **)(stack + 1);
    int hash = stack[0] == 3 && begins_with(argv[1], 'h');

    if (!hash && (stack[0] != 4 || !begins_with(argv[1], 's'))) {
        put_text("usage: fp_oracle hash COUNT | stream FIRST COUNT\n");
        flush();
        system_call(SYS_EXIT, 2, 0, 0);
    }
    for (unsigned op = 0; op < VECTOR_OPS; op++)
        for (unsigned mode = 0; mode < VECTOR_MODES; mode++)
            if (hash)
                print_hashes(op, mode, number(argv[2]));
            else
                write_results(op, mode, number(argv[2]), number(argv[3]));
    flush();
    system_call(SYS_EXIT, 0, 0, 0);
}

__asm__(".globl _start\n"
        "_start:\n\t"
        ".option push\n\t"
        ".option norelax\n\t"
        "la gp, __global_pointer$\n\t"
        ".option pop\n\t"
        "mv a0, sp\n\t"
        "andi sp, sp, -16\n\t"
        "call oracle");
