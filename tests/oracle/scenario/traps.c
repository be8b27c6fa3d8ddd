/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps: random delegation, enables, pending interrupts, vector modes, status
 * (MPP, MIE, SIE, SPP, TVM, TW, TSR, counter enables) and one action in M, S or
 * U: an exception of each kind, a return, WFI, a fence, a CSR access, or nothing,
 * so that an interrupt comes or none.  Noted are where it ended up: vector,
 * cause, epc, tval, status of a trap to S, and then of the one to M.
 *
 * Everything ends in M: what goes on without a trap runs into `landing`, and a
 * trap to S into its handler; both raise the hart's M software interrupt and
 * spin (so M-mode itself runs with MIE set).  satp is bare, PMP open.
 */
#include "scenario.h"

#define MEDELEG_MASK 0xb3ffUL  /* causes 0 to 9, 12, 13, 15 */
#define NOWHERE      0x60000UL /* nothing is there on either machine */

/* What the vectors leave; jump is the vector's address. */
struct taken {
    uint64_t jump, cause, epc, tval, status;
};
struct taken taken_m, taken_s;
uint64_t taken_s_count, back_sp, action_register;

/*
 * go(pc, a0): mret to pc; comes back when a trap reaches M.  The vectors clobber t6, t5; what runs
 * there keeps nothing.
 */
void go(unsigned long pc, unsigned long a0);
extern char vectors_m[], vectors_s[], landing[];

#define VECTORS(n, to) ".rept " #n "\n jal t6, " #to "\n .endr\n"

__asm__(
    ".option push\n.option norvc\n"
    ".balign 256\nvectors_m:\n" VECTORS(16, common_m) ".balign 256\nvectors_s:\n" VECTORS(
        16,
        common_s) "common_m:\n"
                  " la t4, taken_m\n sd t6, 0(t4)\n"
                  " csrr t5, mcause\n sd t5, 8(t4)\n csrr t5, mepc\n sd t5, 16(t4)\n"
                  " csrr t5, mtval\n sd t5, 24(t4)\n csrr t5, mstatus\n sd t5, 32(t4)\n"
                  " la t4, action_register\n sd a0, 0(t4)\n"
                  " csrw mie, zero\n"
                  " la t4, back_sp\n ld sp, 0(t4)\n"
                  " ld ra, 0(sp)\n ld s0, 8(sp)\n ld s1, 16(sp)\n ld s2, 24(sp)\n ld s3, 32(sp)\n"
                  " ld s4, 40(sp)\n ld s5, 48(sp)\n ld s6, 56(sp)\n ld s7, 64(sp)\n ld s8, 72(sp)\n"
                  " ld s9, 80(sp)\n ld s10, 88(sp)\n ld s11, 96(sp)\n ld gp, 104(sp)\n ld tp, "
                  "112(sp)\n"
                  " addi sp, sp, 128\n"
                  " csrr t5, mscratch\n"
                  " ret\n"
                  /* A second trap to S keeps what the first left; counted all the same. */
                  "common_s:\n"
                  " la t4, taken_s_count\n ld t5, 0(t4)\n addi t5, t5, 1\n sd t5, 0(t4)\n"
                  " addi t5, t5, -1\n bnez t5, landing\n"
                  " la t4, taken_s\n sd t6, 0(t4)\n"
                  " csrr t5, scause\n sd t5, 8(t4)\n csrr t5, sepc\n sd t5, 16(t4)\n"
                  " csrr t5, stval\n sd t5, 24(t4)\n csrr t5, sstatus\n sd t5, 32(t4)\n"
                  "landing:\n"
                  " li t4, 0x2000000\n li t5, 1\n sw t5, 0(t4)\n"
                  "1: j 1b\n"
                  "go:\n"
                  " addi sp, sp, -128\n"
                  " sd ra, 0(sp)\n sd s0, 8(sp)\n sd s1, 16(sp)\n sd s2, 24(sp)\n sd s3, 32(sp)\n"
                  " sd s4, 40(sp)\n sd s5, 48(sp)\n sd s6, 56(sp)\n sd s7, 64(sp)\n sd s8, 72(sp)\n"
                  " sd s9, 80(sp)\n sd s10, 88(sp)\n sd s11, 96(sp)\n sd gp, 104(sp)\n sd tp, "
                  "112(sp)\n"
                  " la t4, back_sp\n sd sp, 0(t4)\n"
                  " csrw mepc, a0\n mv a0, a1\n"
                  " mret\n"
                  ".option pop\n");

/* ---- actions: a0 is an address; each goes on into landing ---- */

#define ACTION(name, code)                                                                         \
    __asm__(".option push\n.option norvc\n.balign 16\naction_" #name ":\n" code                    \
            "\n j landing\n.option pop\n");                                                        \
    extern char action_##name[];
#define ACTIONS(X)                                                                                 \
    X(nothing, "nop")                                                                              \
    X(ecall, "ecall")                                                                              \
    X(ebreak, "ebreak")                                                                            \
    X(c_ebreak, ".hword 0x9002")                                                                   \
    X(zeros, ".hword 0")                                                                           \
    X(ones, ".word 0xffffffff")                                                                    \
    X(c_illegal, ".hword 0x2001")                                                                  \
    X(load_nowhere, "ld a0, 0(a0)")                                                                \
    X(store_nowhere, "sh a0, 3(a0)")                                                               \
    X(amo_nowhere, "amoadd.d a0, a0, (a0)")                                                        \
    X(amo_misaligned, "addi a0, a0, 14; amoadd.w a0, a0, (a0)")                                    \
    X(lr_misaligned, "addi a0, a0, 4; lr.d a0, (a0)")                                              \
    X(jump_nowhere, "jr a0")                                                                       \
    X(mret, "mret")                                                                                \
    X(sret, "sret")                                                                                \
    X(wfi, "wfi")                                                                                  \
    X(sfence, "sfence.vma")                                                                        \
    X(sinval, ".word 0x16b50073")                                                                  \
    X(sfence_w_inval, ".word 0x18000073")                                                          \
    X(read_satp, "csrr a0, satp")                                                                  \
    X(write_satp, "csrw satp, zero")                                                               \
    X(read_mstatus, "csrr a0, mstatus")                                                            \
    X(read_sstatus, "csrr a0, sstatus")                                                            \
    X(read_sie, "csrr a0, sie")                                                                    \
    X(read_sip, "csrr a0, sip")                                                                    \
    X(set_sie, "li a0, -1; csrs sie, a0")                                                          \
    X(clear_sip, "csrci sip, 2")                                                                   \
    X(set_sip, "csrsi sip, 2")                                                                     \
    X(enable, "csrsi sstatus, 2")                                                                  \
    X(enable_m, "csrsi mstatus, 8")                                                                \
    X(write_mhartid, "csrw mhartid, zero")                                                         \
    X(read_nothing, "csrr a0, 0x5c0")                                                              \
    X(cycle, "csrr a0, cycle; li a0, 0")                                                           \
    X(time, "csrr a0, time; li a0, 0")                                                             \
    X(instret, "csrr a0, instret; li a0, 0")                                                       \
    X(hpm3, "csrr a0, hpmcounter3; li a0, 0")                                                      \
    X(hpm31, "csrr a0, hpmcounter31; li a0, 0")                                                    \
    X(stimecmp, "csrr a0, 0x14d; li a0, 0")                                                        \
    X(fflags, "csrr a0, fflags; csrwi fflags, 3")                                                  \
    X(fadd, "fmv.d.x fa0, zero; li a0, 5")                                                         \
    X(fload, "fld fa0, 0(a0)")
ACTIONS(ACTION)

static const struct {
    const char *name;
    char *code;
} actions[] = {
#define ROW(name, code) {#name, action_##name},
    ACTIONS(ROW)};

/* ---- notes ---- */

/* Where code lies is the build's: addresses are told from the action's, or from landing. */
static uint64_t place(uint64_t pc, const char *action)
{
    if (action == action_wfi && pc - (uint64_t)action <= 4) /* a slow host is late for its timer */
        return 0;
    if (pc - (uint64_t)action < 64)
        return pc - (uint64_t)action;
    if (pc - (uint64_t)landing < 64)
        return 0x1000 + pc - (uint64_t)landing;
    return pc;
}

static uint64_t vector(uint64_t jump, const char *vectors)
{
    return (jump - (uint64_t)vectors) / 4;
}

static void note_taken(const struct taken *t, const char *vectors, const char *action)
{
    note("vector", vector(t->jump, vectors));
    note("cause", t->cause);
    note("epc", place(t->epc, action));
    note("tval", place(t->tval, action));
    note("status", t->status);
}

/* ---- scenario ---- */

#define MENVCFG_STCE (1UL << 63)

static void set_delegation(void)
{
    csr_write(medeleg, percent(70) ? any() & MEDELEG_MASK : 0);
    csr_write(mideleg, percent(70) ? any() & 0x222 : 0);
    csr_write(mtvec, (unsigned long)vectors_m | any_of(2));
    csr_write(stvec, (unsigned long)vectors_s | any_of(2));
    csr_write(mcounteren, any() & 0xffffffff);
    csr_write(scounteren, any() & 0xffffffff);
    csr_write(0x30a, percent(50) ? MENVCFG_STCE : 0);
    csr_write(0x14d, percent(20) ? 0 : ~0UL); /* stimecmp */
    setting("medeleg", csr_read(medeleg));
    setting("mideleg", csr_read(mideleg));
    setting("counteren", csr_read(mcounteren) << 32 | csr_read(scounteren));
    setting("menvcfg", csr_read(0x30a));
}

/* Interrupts that are pending, by whatever raises them; MSIP is the way out and stays enabled. */
static void set_interrupts(void)
{
    bool quiet = percent(50);
    csr_write(mie, (quiet ? 0 : any() & 0xaaa) | MIP_MSIP);
    csr_write(mip, quiet ? 0 : any() & 0x222);
    mmio_write32(CLINT_MSIP(0), !quiet && percent(10));
    mmio_write64(CLINT_MTIMECMP(0), !quiet && percent(20) ? 0 : ~0UL);
    setting("mie", csr_read(mie));
    note("mip", csr_read(mip));
}

/* The timer ends a WFI that waits.  One that does not must find no timer: a slow host might let it
 * fire on the way into landing. */
static void end_wait(unsigned mode)
{
    bool traps = mode != PRIV_M && csr_read(mstatus) & MSTATUS_TW;
    if (traps || csr_read(mip) & csr_read(mie))
        return;
    csr_set(mie, MIP_MTIP);
    mmio_write64(CLINT_MTIMECMP(0), guest_mtime() + 100000);
}

static unsigned set_status(void)
{
    static const unsigned modes[] = {PRIV_U, PRIV_S, PRIV_M};
    unsigned mode = modes[any_of(3)];
    unsigned long bits = MSTATUS_SIE | MSTATUS_MPIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_TVM |
                         MSTATUS_TW | MSTATUS_TSR | MSTATUS_SUM | MSTATUS_MXR;
    unsigned long status = (any() & bits) | (unsigned long)mode << 11;
    if (mode == PRIV_M)
        status |= MSTATUS_MPIE;
    status |= percent(50) ? MSTATUS_FS : any() & MSTATUS_FS;
    csr_write(mstatus, status);
    setting("mode", mode);
    setting("mstatus", csr_read(mstatus));
    return mode;
}

static void scenario(void)
{
    unsigned which = any_of(sizeof(actions) / sizeof(actions[0]));
    char *action = actions[which].code;
    setting(actions[which].name, which);
    set_delegation();
    csr_write(sepc, (unsigned long)landing);
    csr_write(satp, 0);
    taken_s_count = 0;
    set_interrupts();
    unsigned mode = set_status();
    if (action == action_sfence_w_inval && mode == PRIV_U)
        action = action_sinval; /* QEMU permits the former in U */
    if (action == action_wfi && mode == PRIV_U)
        action = action_nothing; /* may be illegal there or not */
    if (action == action_wfi)
        end_wait(mode);
    if (action == action_read_sip && mode == PRIV_M)
        action = action_read_sie; /* QEMU's sip lacks an STIP that stimecmp raised there */
    if (action == action_fload && csr_read(mstatus) & MSTATUS_FS)
        csr_set(mstatus, MSTATUS_FS); /* a load that faults may make FS dirty */
    go((unsigned long)action, NOWHERE);
    unsigned long status = csr_read(mstatus);
    mmio_write32(CLINT_MSIP(0), 0);
    csr_write(mstatus, MSTATUS_FS);
    if (taken_s_count) {
        note("s", taken_s_count);
        note_taken(&taken_s, vectors_s, action);
    }
    note_taken(&taken_m, vectors_m, action);
    note("a0", action_register == (unsigned long)landing ? 1 : action_register);
    note("now", status);
    note("sie", csr_read(sie));
    note("fcsr", csr_read(fcsr));
    csr_write(fcsr, 0);
    csr_write(mip, 0);
}

int main(void)
{
    guest_putchar('\n');
    return scenario_run(scenario);
}
