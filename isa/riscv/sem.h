/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of the semantics.  One text per instruction, in sem_*.inc,
 * is compiled under several readings; each reading defines these words before
 * it includes the texts.  This page lists them; isa/riscv/sem_interp.h is the
 * interpreter's reading, isa/riscv/sem_ir.h the translator's.
 *
 *   SEM(name) { ... }     the body of instruction `name` (a line of insns.def)
 *
 * Values.  `val` is a 64-bit value.  In the translator's reading it is a struct
 * that refers to an IR instruction: C operators and `if` on it do not compile.
 *   X(rs1) X(rs2)         integer register;  rs1, rs2, rd, rs3 are the decoded fields
 *   F(rs1) F(rs2) F(rs3)  floating register, 64 raw bits (NaN-boxed if narrower)
 *   W(rd, v)              writes an integer register (x0: dropped)
 *   WF(rd, v)             writes a floating register, 64 raw bits
 *   X_RD() ARG_RD() RD_USED()   rd read as X does, as a C integer, and whether it is not x0
 *   K(c)                  a constant; PC() the instruction's address; PC_NEXT() the following one's
 *   imm                   the decoded immediate, a C integer: K(imm)
 *   raw()                 the encoding, a C integer (for tval)
 *   v_add v_sub v_and v_or v_xor v_not  v_sll v_srl v_sra (64-bit, amount modulo 64)
 *   v_sllw v_srlw v_sraw  (32-bit, amount modulo 32, result sign-extended)
 *   v_addw v_subw v_mulw  (32-bit result, sign-extended)
 *   v_mul v_mulh v_mulhu v_mulhsu v_div v_divu v_rem v_remu v_divw v_divuw v_remw v_remuw
 *   v_eq v_ne v_lt v_ltu v_ge v_geu     0 or 1
 *   v_select(c, a, b)     a if c is not zero else b
 *   v_sx8 v_sx16 v_sx32 v_zx8 v_zx16 v_zx32
 *   v_clz v_ctz v_pop v_clzw v_ctzw v_popw v_rev8 v_orcb v_min v_max v_minu v_maxu
 *   v_rol v_ror v_rolw v_rorw
 *   v_clmul v_clmulh v_clmulr v_brev8 v_xperm4 v_xperm8 v_aes64... v_sm4ed v_sm4ks
 *                         the instructions of that name, whole: crypto.h
 *   v_box_s(a)            NaN-boxes the low 32 bits
 *   v_unbox_s(a)          the boxed 32 bits, zero-extended; the canonical NaN if a is not boxed
 *   v_box_h(a) v_unbox_h(a)   the same for 16 bits
 *   v_fmin_s v_fmax_s v_feq_s v_flt_s v_fle_s v_fclass_s  and _d and _h,
 *   v_fminm_s v_fmaxm_s v_fleq_s v_fltq_s and _d and _h, v_fcvtmod_w_d
 *   v_fcvt_d_s v_fcvt_d_w v_fcvt_d_wu v_fcvt_s_h v_fcvt_d_h
 *                         on raw register values; raise FP flags, round nothing
 *
 * Rules: bind operands first, then compute (C leaves the order of arguments
 * open); registers are read before any is written; memory access, control flow
 * and helpers are statements, and what can trap comes before what writes.  BRANCH_IF, JUMP_*,
 * LEAVE_TO, TRAP, ILLEGAL and ATTEND come last.
 *
 *   LOAD(v, size, addr)         declares v: zero-extended bytes; traps if it must
 *   STORE(size, addr, value)
 *   AMO(v, size, op, addr, value)      op: SWAP ADD XOR AND OR MIN MAX MINU MAXU; v zero-extended
 *   CAS(v, size, addr, expected, desired)
 *   LR(v, size, addr)  SC(v, size, addr, value)   v of SC: 0 success, 1 failure
 *   FENCE(pred, succ)           C integers, bits I O R W as in the encoding
 *   PAUSE()                     a hint that the hart spins
 *   BRANCH_IF(c)                to PC + imm
 *   JUMP_REL()                  to PC + imm
 *   CHECK_TARGET(v)             traps if IALIGN is 32 and v is not aligned to 4; bit 0 is clear
 *   JUMP_TO(v)                  to v
 *   LEAVE_TO(v)                 to v, but the run loop looks at the hart first
 *   TRAP(cause, tval)           a C integer and a val
 *   ILLEGAL()                   TRAP(CAUSE_ILLEGAL, raw)
 *   FP_NEED()                   illegal if FS is off; FP_DIRTY() the same and marks FS dirty
 *   FP_OP1(v, op, a)  FP_OP2(v, op, a, b)  FP_OP3(v, op, a, b, c)
 *                               declares v = the instruction op (fadd_s, ...; the list is
 * fp_ops.def) on raw register values, rounded as ARG(rm) says; illegal if that is frm and frm is
 * reserved.  After FP_DIRTY FP_TO_INT(v, op, a)         the same for fcvt to integers, which often
 * truncate FP_EXACT()                  illegal as above, for conversions that need no rounding
 *   CALL(v, fn, args...)        declares v = fn(h, args...): pure apart from FP flags, cannot trap
 *   CALL_MAY_TRAP(fn, args...)  fn returns bool ok; false: exception recorded.  No result
 *   CALL_LOAD(v, fn, args...)   fn returns struct rv_load; declares v
 *   ATTEND()                    after this instruction the run loop looks at h->attention
 *   ARG(f)                      the decoded field f (rd, rs1, imm, rm) as a C integer for CALLs
 */
#ifndef ISA_RISCV_SEM_H
#define ISA_RISCV_SEM_H
#endif
