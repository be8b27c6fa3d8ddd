/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: timeout=120 cpu=rv64,zfh=on
 *
 * What fp_vectors.c does, for the instructions on halves.
 */
#include "guest.h"

#include "fp_check.h"

enum { FIRST = VECTOR_fmv_x_h, LAST = VECTOR_fcvt_h_lu };

static const uint32_t wanted[LAST - FIRST + 1] = {
    0x31b769d5, 0x5e469079, 0x7f157789, 0xac001c54, 0x342c22e2, 0xc8348b76, 0xd3105bde, 0x9c2a95bb,
    0xd4ad1f7b, 0x6b01e81c, 0x0854227d, 0x08535fdd, 0xc9327f2b, 0x8182e399, 0x72796330, 0x6405065e,
    0x27514cbd, 0xb7a3e660, 0x13aebff3, 0x0cf98f51, 0x183b715b, 0xd8da63cd, 0x65ef4601, 0x7b461e61,
    0x2ab13775, 0xd8a17914, 0x422070bf, 0xd8a17914, 0xc07daf15, 0xa43095b2, 0x508a5917, 0xae6162cb,
};

int main(void)
{
    return check_vectors(FIRST, LAST, wanted);
}
