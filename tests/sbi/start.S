/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start of programs in S-mode under an SBI: the boot hart enters _start, harts
 * that were started enter hart_entry, both with a0 = hart id and a1 = device tree
 * or opaque.  tp = hart id; each hart has its own stack.  A trap ends the program.
 */
#include "common/guest.h"

	.section .text.init, "ax"
	.globl _start
_start:
	li	a2, 1
	j	1f
	.globl hart_entry
	.balign 4
hart_entry:
	li	a2, 0
1:
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	csrr	a3, satp
	csrr	a4, sstatus
	csrw	sie, zero
	mv	tp, a0
	la	t0, trapped
	csrw	stvec, t0
	li	t0, 1 << 13
	csrs	sstatus, t0
	la	sp, stacks
	addi	t0, tp, 1
	li	t1, GUEST_STACK_SIZE
	mul	t1, t1, t0
	add	sp, sp, t1
	call	hart_main
	j	.

	.balign 4
trapped:
	csrr	a0, scause
	csrr	a1, sepc
	csrr	a2, stval
	call	hart_trapped
	j	.

	.bss
	.balign 16
stacks:
	.skip	GUEST_MAX_HARTS * GUEST_STACK_SIZE
