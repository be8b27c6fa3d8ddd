/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: timeout=120 cpu=rv64,zfh=on
 *
 * What fp_vectors.c does, for the instructions on halves.
 */
#include "guest.h"

#include "fp_check.h"

enum { FIRST = VECTOR_fmv_x_h, LAST = VECTOR_fcvt_h_d };

static const uint32_t wanted[LAST - FIRST + 1] = {
    0x31b769d5, 0x5e469079, 0x7f157789, 0xac001c54, 0x342c22e2, 0xc8348b76,
};

int main(void)
{
    return check_vectors(FIRST, LAST, wanted);
}
