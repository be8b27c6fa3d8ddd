/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: timeout=120
 *
 * Every instruction of F and D in every rounding mode on some of the vectors of
 * tests/guest/common/fp_vectors.h, by the machine itself.  The unit test isa_riscv_fp
 * has more of them for the functions below; this one goes through fetch, decode
 * and the handlers.  The hashes are QEMU's, which runs this program too.
 */
#include "guest.h"

#include "fp_run.h"

enum { COUNT = 1000 };

static const uint32_t wanted[VECTOR_OPS] = {
    0x5bb0ae21, 0x28260b25, 0x904fd89a, 0x337b7ac2, 0x59e075f0, 0x96c8f471, 0x799d85fc, 0x086b787c,
    0x786932d9, 0xa634955a, 0x5bc0ec09, 0xbf191317, 0xbce7dcc0, 0xec066890, 0x296af811, 0x89adb0da,
    0x780ca682, 0xcf30b9e1, 0x879141d4, 0x4e6785e0, 0x7b31747a, 0xdbd572b5, 0x59017b2c, 0xcec8d751,
    0xf929b940, 0x565e80b0, 0x432780ee, 0x01d40b7a, 0xf861f916, 0xfa94c952, 0x5561c5ab, 0x58f39b90,
    0x20eed013, 0xf8d29a88, 0xb2b1ff5f, 0x9ae331ab, 0x4d4c43bc, 0xbe25190e, 0x1e9bf26c, 0x0e97abd3,
    0x2eccafbf, 0x31cc0d3d, 0xb6ac494e, 0x3741e4eb, 0x97f04203, 0x91a13a37, 0x284dc150, 0x1871d8aa,
    0x67b0b31b, 0x05d9e51b, 0x2bd29d56, 0xb97c5c0c, 0x69c6cb6c, 0xef1f4295, 0x6227af15, 0x357233c3,
    0x6e6d899e, 0xdc0aeecf,
};

static uint32_t hash_of(enum vector_op op)
{
    uint32_t hash = 0;

    for (unsigned mode = 0; mode < VECTOR_MODES; mode++)
        for (uint64_t i = 0; i < COUNT; i++)
            hash = vector_hash(hash, vector_run(op, mode, i * 11));
    return hash;
}

int main(void)
{
    unsigned bad = 0;

    guest_printf("1..%u\n", (unsigned)VECTOR_OPS);
    for (unsigned op = 0; op < VECTOR_OPS; op++) {
        uint32_t hash = hash_of(op);

        guest_printf("%s %u - %s\n", hash == wanted[op] ? "ok" : "not ok", op + 1,
                     vector_ops[op].name);
        if (hash != wanted[op])
            guest_printf("# got 0x%08x\n", hash);
        bad += hash != wanted[op];
    }
    return bad != 0;
}
