/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: timeout=120 cpu=max
 *
 * What fp_vectors.c does, for the additional instructions.
 */
#include "guest.h"

#include "fp_check.h"

enum { FIRST = VECTOR_fli_s, LAST = VECTOR_fcvtmod_w_d };

static const uint32_t wanted[LAST - FIRST + 1] = {
    0x337d04ba, 0xed960af8, 0x9b8b71b1, 0x5d1cf9c3, 0xa53974a7, 0xb05f1965, 0x53621750, 0xd3f97a67,
    0x8931ea77, 0x624f4558, 0x998e0361, 0x32752fe7, 0x21be6653, 0xb58f1648, 0x5dd3115b, 0xf52bae44,
    0xf64a2777, 0x59f0300b, 0x37e7e8fd, 0x2daf1857, 0x187475d2, 0xe83472e0,
};

int main(void)
{
    return check_vectors(FIRST, LAST, wanted);
}
