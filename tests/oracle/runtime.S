/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest of the oracle: sets the state that a case asks for, goes to its
 * code in its mode, and writes down the state at the trap that ends it; then
 * the next case.  layout.h says what lies where.
 *
 * mscratch holds ORACLE_CTX while a case runs and while the runtime does, so a
 * trap finds it whatever the case did to the registers.  Of each case's state
 * that which it may have changed and which the next one does not set itself
 * (CSRs) is set back, if the case has a CSR block of its own.
 */
#include "layout.h"

#define MSTATUS_MPP  0x1800
#define MSTATUS_FS   0x6000
#define RAM_LAST     0x8fffffe0
#define MTIMECMP     0x2004000
#define CSR_STIMECMP 0x14d
#define CSR_MNSTATUS 0x744
#define CSR_MSTATEEN 0x30c

.macro all_x op, base, from=1, to=31, but=0
	.altmacro
	.set n, \from
	.rept \to - \from + 1
	.if n != \but
	one_x \op, %n, \base
	.endif
	.set n, n + 1
	.endr
	.noaltmacro
.endm
.macro one_x op, n, base
	\op	x\n, RESULT_X + 8 * \n(\base)
.endm
.macro all_f op, offset, base
	.altmacro
	.set n, 0
	.rept 32
	one_f \op, %n, \offset, \base
	.set n, n + 1
	.endr
	.noaltmacro
.endm
.macro one_f op, n, offset, base
	\op	f\n, \offset + 8 * \n(\base)
.endm

/* Does `op` for each register of a CSR block; stimecmp before mip, whose STIP it may own. */
.macro all_csrs op, base, offset
	\op	medeleg, \base, \offset + 0
	\op	mideleg, \base, \offset + 8
	\op	mie, \base, \offset + 16
	\op	menvcfg, \base, \offset + 24
	\op	CSR_STIMECMP, \base, \offset + 120
	\op	mip, \base, \offset + 32
	\op	mcounteren, \base, \offset + 40
	\op	scounteren, \base, \offset + 48
	\op	senvcfg, \base, \offset + 56
	\op	stvec, \base, \offset + 64
	\op	sepc, \base, \offset + 72
	\op	scause, \base, \offset + 80
	\op	stval, \base, \offset + 88
	\op	sscratch, \base, \offset + 96
	\op	satp, \base, \offset + 104
	\op	mcountinhibit, \base, \offset + 112
.endm
.macro csr_load csr, base, at
	ld	t1, \at(\base)
	csrw	\csr, t1
.endm
.macro csr_save csr, base, at
	csrr	t1, \csr
	sd	t1, \at(\base)
.endm

	.text
	.globl _start
_start:
	/* What may be absent traps here and is stepped over. */
	la	t0, absent
	csrw	mtvec, t0
	csrsi	CSR_MNSTATUS, 8
	li	t1, -1
	csrw	CSR_MSTATEEN, t1
	csrw	pmpaddr0, t1
	li	t1, 0x1f
	csrw	pmpcfg0, t1
	la	t0, trap_entry
	csrw	mtvec, t0
	li	t0, MTIMECMP
	li	t1, -1
	sd	t1, 0(t0)
	/* Accesses across the end of RAM find the same there on every machine. */
	li	t0, RAM_LAST
	sd	zero, 0(t0)
	sd	zero, 8(t0)
	sd	zero, 16(t0)
	sd	zero, 24(t0)
	li	s0, ORACLE_CTX
	csrw	mscratch, s0
	li	t1, MSTATUS_FS
	csrw	mstatus, t1
	ld	t0, CTX_CSRS(s0)
	all_csrs csr_load, t0, 0

next_case:
	ld	s1, CTX_CASE(s0)
	ld	t0, CTX_CASE_END(s0)
	bgeu	s1, t0, finished
	ld	s2, CASE_IMAGE(s1)

	/* Patch the image. */
	ld	t1, CASE_PATCHED(s1)
	addi	t2, s1, CASE_VALUES
	addi	t3, s0, CTX_SAVED
1:	andi	t4, t1, 0xff
	beqz	t4, 2f
	slli	t4, t4, 3
	add	t4, t4, s2
	ld	t5, 0(t4)
	sd	t5, 0(t3)
	ld	t5, 0(t2)
	sd	t5, 0(t4)
	srli	t1, t1, 8
	addi	t2, t2, 8
	addi	t3, t3, 8
	j	1b
2:
	/* Fill the window. */
	ld	t0, CASE_MEM(s1)
	beqz	t0, 3f
	ld	t1, CASE_MEM_IMAGE(s1)
	.set	n, 0
	.rept	MEM_DWORDS
	ld	t2, n(t1)
	sd	t2, n(t0)
	.set	n, n + 8
	.endr
3:
	ld	t0, CASE_CSRS(s1)
	beqz	t0, 4f
	all_csrs csr_load, t0, 0
	sfence.vma
4:
	ld	t0, CASE_PC(s1)
	csrw	mepc, t0
	all_f	fld, 256, s2
	ld	t0, CASE_FCSR(s1)
	csrw	fcsr, t0
	ld	t0, CASE_MSTATUS(s1)
	csrw	mstatus, t0
	addi	x31, s2, -RESULT_X
	all_x	ld, x31, 1, 30
	ld	x31, RESULT_X + 8 * 31(x31)
	mret

	.balign	4
trap_entry:
	csrrw	sp, mscratch, sp
	sd	t0, CTX_TMP(sp)
	ld	t0, CTX_RESULT(sp)
	all_x	sd, t0, 1, 31, 2
	ld	t1, CTX_TMP(sp)
	sd	t1, RESULT_X + 8 * 5(t0)
	csrrw	t1, mscratch, sp
	sd	t1, RESULT_X + 8 * 2(t0)
	mv	s0, sp
	mv	s3, t0
	ld	s1, CTX_CASE(s0)
	csrr	s4, mcause
	csrr	s5, mepc
	csrr	s6, mtval
	csrr	s7, mstatus
	ld	t1, CASE_END_PC(s1)
	beqz	t1, case_done
	beq	t1, s5, case_done

	/* Pass over the trap: note it, then go on behind its instruction. */
	ld	t1, RESULT_TRAPS(s3)
	li	t2, TRAPS_MAX
	bgeu	t1, t2, case_done
	li	t2, TRAPS_LOGGED
	bgeu	t1, t2, 1f
	slli	t2, t1, 5
	add	t2, t2, s3
	sd	s4, RESULT_MEM + 0(t2)
	sd	s5, RESULT_MEM + 8(t2)
	sd	s6, RESULT_MEM + 16(t2)
	sd	s7, RESULT_MEM + 24(t2)
1:	addi	t1, t1, 1
	sd	t1, RESULT_TRAPS(s3)
	ld	t1, RESULT_HASH(s3)
	li	t2, 0x100000001b3
	xor	t1, t1, s4
	mul	t1, t1, t2
	xor	t1, t1, s5
	mul	t1, t1, t2
	xor	t1, t1, s6
	mul	t1, t1, t2
	xor	t1, t1, s7
	mul	t1, t1, t2
	sd	t1, RESULT_HASH(s3)
	/* Fetch faults (0, 1, 12) and interrupts have no instruction to pass. */
	li	t1, 1 << 0 | 1 << 1 | 1 << 12
	bltz	s4, case_done
	srl	t1, t1, s4
	andi	t1, t1, 1
	bnez	t1, case_done
	mv	t2, s5
	li	t1, MSTATUS_MPP
	and	t1, t1, s7
	bnez	t1, 2f
	li	t1, USER_ALIAS
	sub	t2, t2, t1
2:	lhu	t1, 0(t2)
	andi	t1, t1, 3
	addi	t1, t1, -3
	addi	s5, s5, 2
	bnez	t1, 3f
	addi	s5, s5, 2
3:	csrw	mepc, s5
	mv	t0, s3
	all_x	ld, t0, 1, 31, 5
	ld	t0, RESULT_X + 8 * 5(t0)
	mret

case_done:
	li	t1, MSTATUS_FS
	csrw	mstatus, t1
	sd	s4, RESULT_CAUSE(s3)
	sd	s5, RESULT_EPC(s3)
	sd	s6, RESULT_TVAL(s3)
	sd	s7, RESULT_MSTATUS(s3)
	csrr	t1, fcsr
	sd	t1, RESULT_FCSR(s3)
	all_f	fsd, RESULT_F, s3
	/* The log of traps passed over lies where the window would. */
	ld	t0, CASE_MEM(s1)
	beqz	t0, 1f
	ld	t1, CASE_END_PC(s1)
	bnez	t1, 1f
	.set	n, 0
	.rept	MEM_DWORDS
	ld	t2, n(t0)
	sd	t2, RESULT_MEM + n(s3)
	.set	n, n + 8
	.endr
	/* As before: what one machine stored and the other not is not found once more later. */
	ld	t1, CASE_MEM_IMAGE(s1)
	.set	n, 0
	.rept	MEM_DWORDS
	ld	t2, n(t1)
	sd	t2, n(t0)
	.set	n, n + 8
	.endr
1:
	ld	t0, CASE_CSRS(s1)
	beqz	t0, 2f
	all_csrs csr_save, s3, RESULT_CSRS
	ld	t0, CTX_CSRS(s0)
	all_csrs csr_load, t0, 0
	sfence.vma
2:
	/* Mend the image. */
	ld	s2, CASE_IMAGE(s1)
	ld	t1, CASE_PATCHED(s1)
	addi	t3, s0, CTX_SAVED
1:	andi	t4, t1, 0xff
	beqz	t4, 2f
	slli	t4, t4, 3
	add	t4, t4, s2
	ld	t5, 0(t3)
	sd	t5, 0(t4)
	srli	t1, t1, 8
	addi	t3, t3, 8
	j	1b
2:
	ld	t1, CTX_INDEX(s0)
	addi	t1, t1, 1
	sd	t1, CTX_INDEX(s0)
	sd	t1, RESULT_DONE(s3)
	addi	s1, s1, CASE_SIZE
	sd	s1, CTX_CASE(s0)
	addi	s3, s3, RESULT_SIZE
	sd	s3, CTX_RESULT(s0)
	j	next_case

finished:
	li	t0, ORACLE_FINISHER
	li	t1, 0x5555
	sw	t1, 0(t0)
	j	.

	.balign	4
absent:
	csrr	t2, mepc
	addi	t2, t2, 4
	csrw	mepc, t2
	mret
