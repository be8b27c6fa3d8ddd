/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seven integer kernels of some 10 to 40 million RISC-V instructions each; see
 * kernels.h.  No library, no floating point, no system: plain loops over plain
 * memory, so that what is compared is the code itself.
 */
#include "kernels.h"

#define NOINLINE __attribute__((noinline))

static uint32_t next_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* Primes below 256 Ki, byte flags, several times. */
static uint64_t sieve(struct kernel_memory *m)
{
    enum { LIMIT = 256 * 1024, ROUNDS = 12 };
    uint64_t primes = 0;
    for (int r = 0; r < ROUNDS; r++) {
        for (unsigned i = 0; i < LIMIT; i++)
            m->bytes[i] = 1;
        for (unsigned i = 2; i < LIMIT; i++) {
            if (!m->bytes[i])
                continue;
            primes++;
            for (unsigned j = 2 * i; j < LIMIT; j += i)
                m->bytes[j] = 0;
        }
    }
    return primes;
}

/* A xorshift-multiply hash over counters: registers only. */
static uint64_t hash(struct kernel_memory *m)
{
    uint64_t h = 0x9e3779b97f4a7c15ull;
    (void)m;
    for (uint64_t i = 0; i < 2500000; i++) {
        h ^= i;
        h ^= h >> 33;
        h *= 0xff51afd7ed558ccdull;
        h ^= h >> 29;
        h = h << 7 | h >> 57;
    }
    return h;
}

/* CRC-32 with a table of 256 words. */
static uint64_t crc32(struct kernel_memory *m)
{
    uint32_t *table = m->words, crc = ~0u;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        table[i] = c;
    }
    for (unsigned i = 0; i < sizeof(m->bytes); i++)
        m->bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    for (int r = 0; r < 10; r++)
        for (unsigned i = 0; i < sizeof(m->bytes); i++)
            crc = table[(crc ^ m->bytes[i]) & 0xff] ^ crc >> 8;
    return crc;
}

static NOINLINE int compare_words(const uint32_t *a, const uint32_t *b)
{
    return *a < *b ? -1 : *a > *b;
}

static void swap_words(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

/* Quicksort with a comparison callback; recursion into the smaller half. */
static void quicksort(uint32_t *a, long n, int (*cmp)(const uint32_t *, const uint32_t *))
{
    while (n > 1) {
        uint32_t pivot = a[n / 2];
        long i = 0, j = n - 1;
        while (i <= j) {
            while (cmp(&a[i], &pivot) < 0)
                i++;
            while (cmp(&a[j], &pivot) > 0)
                j--;
            if (i <= j)
                swap_words(&a[i++], &a[j--]);
        }
        if (j + 1 < n - i) {
            quicksort(a, j + 1, cmp);
            a += i;
            n -= i;
        } else {
            quicksort(a + i, n - i, cmp);
            n = j + 1;
        }
    }
}

static uint64_t qsort_callback(struct kernel_memory *m)
{
    enum { COUNT = 64 * 1024 };
    int (*volatile cmp)(const uint32_t *, const uint32_t *) = compare_words;
    uint32_t seed = 12345;
    uint64_t sum = 0;
    for (unsigned i = 0; i < COUNT; i++)
        m->words[i] = next_random(&seed);
    quicksort(m->words, COUNT, cmp);
    for (unsigned i = 0; i < COUNT; i += 97)
        sum = sum * 31 + m->words[i];
    return sum;
}

static NOINLINE uint64_t fib_of(unsigned n)
{
    return n < 2 ? n : fib_of(n - 1) + fib_of(n - 2);
}

static uint64_t fib(struct kernel_memory *m)
{
    volatile unsigned n = 31;
    (void)m;
    return fib_of(n);
}

/* A stack machine: counts a loop down while mixing a sum. */
enum { OP_PUSH, OP_ADD, OP_XOR, OP_DUP, OP_DEC, OP_JNZ, OP_SWAP, OP_SHL, OP_HALT };

static uint64_t bytecode(struct kernel_memory *m)
{
    static const uint8_t program[] = {
        OP_PUSH, 1,      /* sum */
        OP_PUSH, 250,    /* count */
        OP_SWAP, OP_DUP, /* 4: loop */
        OP_SHL,  OP_ADD, OP_PUSH, 17, OP_XOR, OP_SWAP, OP_DEC, OP_DUP, OP_JNZ, 4, OP_HALT,
    };
    uint64_t stack[16], total = 0;
    (void)m;
    for (int r = 0; r < 4000; r++) {
        unsigned pc = 0, sp = 0;
        for (;;) {
            switch (program[pc++]) {
            case OP_PUSH:
                stack[sp++] = program[pc++];
                continue;
            case OP_ADD:
                sp--;
                stack[sp - 1] += stack[sp];
                continue;
            case OP_XOR:
                sp--;
                stack[sp - 1] ^= stack[sp];
                continue;
            case OP_DUP:
                stack[sp] = stack[sp - 1];
                sp++;
                continue;
            case OP_DEC:
                stack[sp - 1]--;
                continue;
            case OP_JNZ:
                pc = stack[--sp] ? program[pc] : pc + 1;
                continue;
            case OP_SWAP: {
                uint64_t t = stack[sp - 1];
                stack[sp - 1] = stack[sp - 2];
                stack[sp - 2] = t;
                continue;
            }
            case OP_SHL:
                stack[sp - 1] <<= 1;
                continue;
            }
            break;
        }
        total += stack[0] + (uint64_t)r;
    }
    return total;
}

/* 96 by 96 matrices of 32-bit integers. */
static uint64_t matmul(struct kernel_memory *m)
{
    enum { N = 96, ROUNDS = 20 };
    uint32_t *a = m->words, *b = a + N * N, *c = b + N * N;
    uint64_t sum = 0;
    for (unsigned i = 0; i < N * N; i++) {
        a[i] = i * 3 + 1;
        b[i] = i ^ 0x55;
    }
    for (int r = 0; r < ROUNDS; r++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                uint32_t s = 0;
                for (int k = 0; k < N; k++)
                    s += a[i * N + k] * b[k * N + j];
                c[i * N + j] = s;
            }
        a[r] += c[r * N];
    }
    for (unsigned i = 0; i < N * N; i += 7)
        sum = sum * 31 + c[i];
    return sum;
}

const struct kernel kernels[] = {
    {"sieve", sieve}, {"hash", hash},         {"crc32", crc32},   {"qsort", qsort_callback},
    {"fib", fib},     {"bytecode", bytecode}, {"matmul", matmul},
};
const unsigned kernel_count = sizeof(kernels) / sizeof(kernels[0]);
