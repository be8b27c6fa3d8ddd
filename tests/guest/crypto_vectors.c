/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-test: march=rv64gc_zbc_zbkb_zbkx_zknd_zkne_zknh_zksed_zksh cpu=rv64,zbc=on,zkn=on,zks=on
 *
 * Every instruction of Zbc, Zbkb, Zbkx, Zkn and Zks on the operands of
 * crypto_vectors.h.  The hashes are those of QEMU 10 (tests/tools/gen_crypto_golden.sh), which runs
 * it again to see that the file still is what it says.
 */
#include "guest.h"

#include "crypto_vectors.h"

#include "crypto_golden.h"

int main(void)
{
    unsigned bad = 0;

    guest_printf("1..%u\n", (unsigned)CRYPTO_OPS);
    for (unsigned op = 0; op < CRYPTO_OPS; op++) {
        unsigned differ = 0;

        for (unsigned group = 0; group < CRYPTO_GROUPS; group++)
            differ |= (crypto_hash_group(op, group) != crypto_golden[op][group]) << group;
        guest_printf("%s %u - %s\n", differ ? "not ok" : "ok", op + 1, crypto_names[op]);
        if (differ)
            guest_printf("# groups 0x%02x\n", differ);
        bad += differ != 0;
    }
    return bad != 0;
}
