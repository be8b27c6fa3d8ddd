/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of the bit-manipulation and scalar cryptography instructions that
 * are more than a few operations: Zbc, Zbkb, Zbkx, Zkne, Zknd, Zksed.  Pure
 * functions of register values; the texts call them by these names, as values.
 *
 * Zkt: none of them uses an operand as an address or in a branch, so that the
 * time of each does not depend on the data.
 */
#ifndef ISA_RISCV_CRYPTO_H
#define ISA_RISCV_CRYPTO_H

#include <stdint.h>

/* Carry-less product of 64 by 64 bits: low half, high half, and its bits 126 to 63. */
uint64_t v_clmul(uint64_t a, uint64_t b);
uint64_t v_clmulh(uint64_t a, uint64_t b);
uint64_t v_clmulr(uint64_t a, uint64_t b);

/* The bits of each byte in reverse order. */
uint64_t v_brev8(uint64_t a);

/* Element i of the result is the element of table that element i of index says, or 0. */
uint64_t v_xperm4(uint64_t table, uint64_t index);
uint64_t v_xperm8(uint64_t table, uint64_t index);

/*
 * AES (FIPS-197) on the state whose columns 0 and 1 are low and 2 and 3 are high: the low half of
 * the state after a round without its key; the last round has no MixColumns.
 */
uint64_t v_aes64es(uint64_t low, uint64_t high);
uint64_t v_aes64esm(uint64_t low, uint64_t high);
uint64_t v_aes64ds(uint64_t low, uint64_t high);
uint64_t v_aes64dsm(uint64_t low, uint64_t high);
uint64_t v_aes64im(uint64_t columns);
/* rnum is 0 to 10; 10 neither rotates nor adds a round constant. */
uint64_t v_aes64ks1i(uint64_t a, uint64_t rnum);

/* SM4 (GB/T 32907): byte bs of b through the S-box and the linear layer, added to a. */
uint64_t v_sm4ed(uint64_t a, uint64_t b, uint64_t bs);
uint64_t v_sm4ks(uint64_t a, uint64_t b, uint64_t bs);

/* The same as the AES ones above without the host's own AES instructions, for tests. */
uint64_t aes_portable_es(uint64_t low, uint64_t high);
uint64_t aes_portable_esm(uint64_t low, uint64_t high);
uint64_t aes_portable_ds(uint64_t low, uint64_t high);
uint64_t aes_portable_dsm(uint64_t low, uint64_t high);
uint64_t aes_portable_im(uint64_t columns);
uint64_t aes_portable_ks1i(uint64_t a, uint64_t rnum);

#endif
