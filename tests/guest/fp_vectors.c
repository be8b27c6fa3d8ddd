/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: timeout=120
 *
 * Every instruction of F and D in every rounding mode on some of the vectors of
 * tests/guest/common/fp_vectors.h, by the machine itself; see fp_check.h.
 */
#include "guest.h"

#include "fp_check.h"

enum { FIRST = VECTOR_fadd_s, LAST = VECTOR_fcvt_d_s };

static const uint32_t wanted[LAST - FIRST + 1] = {
    0x5bb0ae21, 0x28260b25, 0x904fd89a, 0x337b7ac2, 0x59e075f0, 0x96c8f471, 0x799d85fc, 0x086b787c,
    0x786932d9, 0xa634955a, 0x5bc0ec09, 0xbf191317, 0xbce7dcc0, 0xec066890, 0x296af811, 0x89adb0da,
    0x780ca682, 0xcf30b9e1, 0x879141d4, 0x4e6785e0, 0x7b31747a, 0xdbd572b5, 0x59017b2c, 0xcec8d751,
    0xf929b940, 0x565e80b0, 0x432780ee, 0x01d40b7a, 0xf861f916, 0xfa94c952, 0x5561c5ab, 0x58f39b90,
    0x20eed013, 0xf8d29a88, 0xb2b1ff5f, 0x9ae331ab, 0x4d4c43bc, 0xbe25190e, 0x1e9bf26c, 0x0e97abd3,
    0x2eccafbf, 0x31cc0d3d, 0xb6ac494e, 0x3741e4eb, 0x97f04203, 0x91a13a37, 0x284dc150, 0x1871d8aa,
    0x67b0b31b, 0x05d9e51b, 0x2bd29d56, 0xb97c5c0c, 0x69c6cb6c, 0xef1f4295, 0x6227af15, 0x357233c3,
    0x6e6d899e, 0xdc0aeecf,
};

int main(void)
{
    return check_vectors(FIRST, LAST, wanted);
}
