/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, trap entry and privilege switch of bare-metal guest programs.  Every
 * hart enters _start in M-mode with a0 = hart id, a1 = device tree.  mscratch
 * holds the top of the hart's trap stack, or 0 while a trap is handled, so that
 * a trap inside a hook is reported on the same stack.
 */
#include "guest.h"

	.section .text.init, "ax"
	.globl _start
_start:
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	li	t0, GUEST_MAX_HARTS
	bgeu	a0, t0, park
	mv	tp, a0
	csrw	mie, zero
	csrw	mstatus, zero
	csrw	satp, zero

	/* Open memory to the lower modes; a machine without PMP traps here. */
	la	t0, 1f
	csrw	mtvec, t0
	li	t0, -1
	csrw	pmpaddr0, t0
	li	t0, 0x1f
	csrw	pmpcfg0, t0
	.balign 4
1:
	la	t0, trap_entry
	csrw	mtvec, t0
	li	t0, 1 << 13
	csrs	mstatus, t0
	fscsr	zero

	la	sp, guest_stacks
	addi	t0, tp, 1
	li	t1, GUEST_STACK_SIZE
	mul	t1, t1, t0
	add	sp, sp, t1
	la	t2, guest_trap_stacks
	li	t1, GUEST_TRAP_STACK
	mul	t1, t1, t0
	add	t2, t2, t1
	csrw	mscratch, t2
	call	guest_start
park:
	wfi
	j	park

	.text
	.balign 4
trap_entry:
	csrrw	sp, mscratch, sp
	bnez	sp, 1f
	csrr	sp, mscratch
1:
	addi	sp, sp, -TRAP_SIZE
	sd	x1, 8(sp)
	sd	x3, 24(sp)
	sd	x4, 32(sp)
	sd	x5, 40(sp)
	sd	x6, 48(sp)
	sd	x7, 56(sp)
	sd	x8, 64(sp)
	sd	x9, 72(sp)
	sd	x10, 80(sp)
	sd	x11, 88(sp)
	sd	x12, 96(sp)
	sd	x13, 104(sp)
	sd	x14, 112(sp)
	sd	x15, 120(sp)
	sd	x16, 128(sp)
	sd	x17, 136(sp)
	sd	x18, 144(sp)
	sd	x19, 152(sp)
	sd	x20, 160(sp)
	sd	x21, 168(sp)
	sd	x22, 176(sp)
	sd	x23, 184(sp)
	sd	x24, 192(sp)
	sd	x25, 200(sp)
	sd	x26, 208(sp)
	sd	x27, 216(sp)
	sd	x28, 224(sp)
	sd	x29, 232(sp)
	sd	x30, 240(sp)
	sd	x31, 248(sp)
	csrrw	t0, mscratch, zero
	sd	t0, 16(sp)
	csrr	t0, mepc
	sd	t0, TRAP_EPC(sp)
	csrr	t0, mcause
	sd	t0, TRAP_CAUSE(sp)
	csrr	t0, mtval
	sd	t0, TRAP_TVAL(sp)
	csrr	t0, mstatus
	sd	t0, TRAP_STATUS(sp)
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	csrr	tp, mhartid
	mv	a0, sp
	call	guest_trap_dispatch

	ld	t0, TRAP_EPC(sp)
	csrw	mepc, t0
	ld	t0, TRAP_STATUS(sp)
	csrw	mstatus, t0
	ld	t1, 16(sp)
	addi	t0, sp, TRAP_SIZE
	bne	t0, t1, 2f
	li	t0, 0			/* came from inside a hook */
2:
	csrw	mscratch, t0
	ld	x1, 8(sp)
	ld	x3, 24(sp)
	ld	x4, 32(sp)
	ld	x5, 40(sp)
	ld	x6, 48(sp)
	ld	x7, 56(sp)
	ld	x8, 64(sp)
	ld	x9, 72(sp)
	ld	x10, 80(sp)
	ld	x11, 88(sp)
	ld	x12, 96(sp)
	ld	x13, 104(sp)
	ld	x14, 112(sp)
	ld	x15, 120(sp)
	ld	x16, 128(sp)
	ld	x17, 136(sp)
	ld	x18, 144(sp)
	ld	x19, 152(sp)
	ld	x20, 160(sp)
	ld	x21, 168(sp)
	ld	x22, 176(sp)
	ld	x23, 184(sp)
	ld	x24, 192(sp)
	ld	x25, 200(sp)
	ld	x26, 208(sp)
	ld	x27, 216(sp)
	ld	x28, 224(sp)
	ld	x29, 232(sp)
	ld	x30, 240(sp)
	ld	x31, 248(sp)
	ld	sp, 16(sp)
	mret

/*
 * unsigned long guest_enter(unsigned long arg, fn, unsigned long mpp,
 *			     unsigned long *sp_slot)
 * Saves what a callee must keep, notes sp in the slot, and goes to fn.  The
 * dispatcher sends the closing ecall to guest_enter_done with that sp.
 */
	.globl guest_enter
guest_enter:
	addi	sp, sp, -112
	sd	ra, 0(sp)
	sd	s0, 8(sp)
	sd	s1, 16(sp)
	sd	s2, 24(sp)
	sd	s3, 32(sp)
	sd	s4, 40(sp)
	sd	s5, 48(sp)
	sd	s6, 56(sp)
	sd	s7, 64(sp)
	sd	s8, 72(sp)
	sd	s9, 80(sp)
	sd	s10, 88(sp)
	sd	s11, 96(sp)
	sd	sp, 0(a3)
	/* MPIE = MIE: mret keeps MIE.  Till then no interrupt may come: it would take MPP and mepc. */
	csrrci	t1, mstatus, MSTATUS_MIE
	andi	t1, t1, MSTATUS_MIE
	slli	t1, t1, 4
	or	t1, t1, a2
	li	t0, MSTATUS_MPP | MSTATUS_MPIE
	csrc	mstatus, t0
	csrs	mstatus, t1
	csrw	mepc, a1
	la	ra, guest_enter_return
	mret
	.balign 4
guest_enter_return:
	li	a7, GUEST_ECALL_RETURN
	ecall
	.globl guest_enter_done
guest_enter_done:
	ld	ra, 0(sp)
	ld	s0, 8(sp)
	ld	s1, 16(sp)
	ld	s2, 24(sp)
	ld	s3, 32(sp)
	ld	s4, 40(sp)
	ld	s5, 48(sp)
	ld	s6, 56(sp)
	ld	s7, 64(sp)
	ld	s8, 72(sp)
	ld	s9, 80(sp)
	ld	s10, 88(sp)
	ld	s11, 96(sp)
	addi	sp, sp, 112
	ret

	.bss
	.balign 16
guest_stacks:
	.skip	GUEST_MAX_HARTS * GUEST_STACK_SIZE
guest_trap_stacks:
	.skip	GUEST_MAX_HARTS * GUEST_TRAP_STACK

#if GUEST_HTIF
	.section .tohost, "aw", %progbits
	.balign 64
	.globl tohost
tohost:
	.dword 0
	.balign 64
	.globl fromhost
fromhost:
	.dword 0
	.balign 64
#endif
