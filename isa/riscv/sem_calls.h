/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C functions that the semantics call for what is rare or large; both
 * readings use them.  On the hart's thread; those that return bool or struct
 * rv_load say false when an exception was recorded.
 */
#ifndef ISA_RISCV_SEM_CALLS_H
#define ISA_RISCV_SEM_CALLS_H

#include "isa/riscv/ops.h"

/* The encoding of the instruction in slot d, zero-extended. */
uint32_t rv_sem_raw(struct rv_hart *h, const struct rv_op *d);
/* The same of the one at gpa, which is in RAM. */
uint32_t rv_raw_at(const struct rv_hart *h, gpa_t gpa);

struct rv_load rv_sem_csrrw(struct rv_hart *h, int32_t csr, uint64_t operand, bool read);
struct rv_load rv_sem_csrrs(struct rv_hart *h, int32_t csr, uint64_t operand, bool write);
struct rv_load rv_sem_csrrc(struct rv_hart *h, int32_t csr, uint64_t operand, bool write);
struct rv_load rv_sem_mret(struct rv_hart *h);
struct rv_load rv_sem_sret(struct rv_hart *h);
struct rv_load rv_sem_mnret(struct rv_hart *h);
struct rv_load rv_sem_ecall(struct rv_hart *h, gva_t pc);
bool rv_sem_fence_i(struct rv_hart *h);
bool rv_sem_amocas_q(struct rv_hart *h, unsigned rd, gva_t va, unsigned rs2);
bool rv_sem_wrs(struct rv_hart *h, bool short_timeout);
void rv_sem_pause(struct rv_hart *h);

#endif
