/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control and status registers: what each number is (csrs.def), who may touch
 * it, and what a write makes of a value (WARL).  Called by the CSR instructions
 * of both engines on the hart's thread, by the debugger and by tests.
 *
 * A setter gets the value and the mask of bits that the instruction writes:
 * all of them for csrrw, the operand's bits for csrrs and csrrc.  That matters
 * for bits which somebody else may change between the read and the write.  A
 * csrrc of sip that does not name SSIP must not take back an SSIP that another
 * hart has just raised, and the external SEIP must not be copied into the
 * software-writable one (Privileged, mip: "only the software-writable SEIP bit
 * participates in the read-modify-write sequence").
 *
 * h->insns does not count the instruction being executed.  A write takes effect
 * after its instruction (Privileged, "Hardware Performance Monitor"), so what is
 * written to minstret is what the next instruction reads.
 */
#include "isa/riscv/rv.h"

#include <errno.h>
#include <sys/random.h>

#include "isa/riscv/fp.h"

#define BIT(n) (1ull << (n))

#define MIP_S    (BIT(1) | BIT(5) | BIT(9))
#define MIP_M    (BIT(3) | BIT(7) | BIT(11))
#define MIP_SSIP BIT(1)
#define MIP_STIP BIT(5)
#define MIP_SEIP BIT(9)
#define MIP_LCOF BIT(13)

/* Causes that can occur below M.  Bit 11 (ecall from M) is read-only zero. */
#define MEDELEG_MASK                                                                               \
    (0x3ffull | BIT(CAUSE_FETCH_PAGE) | BIT(CAUSE_LOAD_PAGE) | BIT(CAUSE_STORE_PAGE))

#define SSTATUS_WRITE                                                                              \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR |           \
     MSTATUS_SDT)
#define MSTATUS_WRITE                                                                              \
    (SSTATUS_WRITE | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_TVM |       \
     MSTATUS_TW | MSTATUS_TSR | MSTATUS_MDT)
#define XL_64 2ull /* SXL and UXL */

/* Bits of mcounteren, scounteren and mcountinhibit. */
#define COUNTER_TM BIT(1)

/* seed (Zkr): OPST, bits 31:30. */
#define SEED_WAIT (1ull << 30)
#define SEED_ES16 (2ull << 30)

struct csr_rule {
    const char *name;
    uint8_t ext; /* enum rv_ext */
    bool is_field;
    uint16_t offset; /* of the field in struct rv_csrs */
    uint64_t mask;   /* its writable bits */
    bool (*check)(const struct rv_hart *h, unsigned csr);
    uint64_t (*get)(struct rv_hart *h, unsigned csr);
    void (*set)(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask);
};

/* --- checks: what must hold besides privilege --- */

static bool csr_check_any(const struct rv_hart *h, unsigned csr)
{
    (void)h, (void)csr;
    return true;
}

static bool csr_check_fs(const struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mstatus & MSTATUS_FS;
}

static bool csr_check_tvm(const struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->priv == PRIV_M || !(h->csr.mstatus & MSTATUS_TVM);
}

/* Sstc: below M, stimecmp needs mcounteren.TM and menvcfg.STCE. */
static bool csr_check_sstc(const struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->priv == PRIV_M ||
           ((h->csr.mcounteren & COUNTER_TM) && (h->csr.menvcfg & ENVCFG_STCE));
}

/* Zkr, "Access Control to the seed CSR"; that it cannot only be read is csr_permitted's. */
static bool csr_check_seed(const struct rv_hart *h, unsigned csr)
{
    (void)csr;
    switch ((enum rv_priv)h->priv) {
    case PRIV_U:
        return h->csr.mseccfg & MSECCFG_USEED;
    case PRIV_S:
        return h->csr.mseccfg & MSECCFG_SSEED;
    case PRIV_M:
        break;
    }
    return true;
}

/* Privileged, mcounteren: U needs the bit in both registers. */
static bool csr_check_counter(const struct rv_hart *h, unsigned csr)
{
    uint64_t enabled = ~0ull;
    if (h->priv < PRIV_M)
        enabled &= h->csr.mcounteren;
    if (h->priv < PRIV_S)
        enabled &= h->csr.scounteren;
    return bit_test(enabled, csr & 31);
}

/* Smstateen: whether a bit of mstateen0-3 leaves the state to the lower modes. */
static bool stateen_allows(const struct rv_hart *h, unsigned n, uint64_t bit)
{
    return h->priv == PRIV_M || !rv_has(h, RV_EXT_Smstateen) || h->csr.mstateen[n] & bit;
}

static bool csr_check_senvcfg(const struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return stateen_allows(h, 0, STATEEN0_ENVCFG);
}

static bool csr_check_scontext(const struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return stateen_allows(h, 0, STATEEN0_CONTEXT);
}

static bool csr_check_sstateen(const struct rv_hart *h, unsigned csr)
{
    return stateen_allows(h, csr & 3, STATEEN_SE);
}

/* --- helpers --- */

static uint64_t merge(uint64_t old, uint64_t value, uint64_t mask)
{
    return (old & ~mask) | (value & mask);
}

static uint64_t csr_get_zero(struct rv_hart *h, unsigned csr)
{
    (void)h, (void)csr;
    return 0;
}

static void csr_set_none(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)h, (void)csr, (void)value, (void)mask;
}

/* --- floating point --- */

static void fs_dirty(struct rv_hart *h)
{
    h->csr.mstatus |= MSTATUS_FS;
}

static uint64_t csr_get_fflags(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return rv_fp_flags_get(h);
}

static uint64_t csr_get_frm(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.frm;
}

static uint64_t csr_get_fcsr(struct rv_hart *h, unsigned csr)
{
    return csr_get_fflags(h, csr) | csr_get_frm(h, csr) << 5;
}

static void csr_set_fflags(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    rv_fp_flags_set(h, value & 0x1f);
    fs_dirty(h);
}

static void csr_set_frm(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    rv_fp_rm_set(h, value & 7);
    fs_dirty(h);
}

static void csr_set_fcsr(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    csr_set_fflags(h, csr, value, mask);
    csr_set_frm(h, csr, value >> 5, mask);
}

/* --- entropy --- */

/* splitmix64's output function: each hart and each poll its own number. */
static uint16_t seeded_sample(const struct rv_hart *h)
{
    uint64_t z = h->guest->cfg.seed + ((uint64_t)h->hart.index << 32 | h->entropy.polls) +
                 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (uint16_t)(z >> 32);
}

/*
 * The sample that is there, or a new one: with --seed a repeatable one, else the host's.  It stays
 * until seed is written, so that a debugger may look.  WAIT while the host has none.
 */
static uint64_t csr_get_seed(struct rv_hart *h, unsigned csr)
{
    struct rv_entropy *e = &h->entropy;
    (void)csr;
    if (!e->ready && h->guest->cfg.has_seed) {
        e->sample = seeded_sample(h);
        e->ready = true;
    } else if (!e->ready) {
        e->ready = getrandom(&e->sample, sizeof(e->sample), GRND_NONBLOCK) == sizeof(e->sample);
    }
    return e->ready ? SEED_ES16 | e->sample : SEED_WAIT;
}

/* Zkr: the value is ignored; the write is what takes the sample, so that none is seen twice. */
static void csr_set_seed(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)value, (void)mask;
    h->entropy = (struct rv_entropy){.polls = h->entropy.polls + 1};
}

/* --- status --- */

static uint64_t status_read(const struct rv_hart *h)
{
    uint64_t s = h->csr.mstatus & MSTATUS_WRITE;
    if ((s & MSTATUS_FS) == MSTATUS_FS)
        s |= MSTATUS_SD;
    return s | XL_64 << 32 | XL_64 << 34;
}

static uint64_t csr_get_mstatus(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return status_read(h);
}

static uint64_t csr_get_sstatus(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return status_read(h) & (SSTATUS_WRITE | MSTATUS_UXL | MSTATUS_SD);
}

/* What loads, stores and fetches look at. */
static bool status_moves_mmu(uint64_t old, uint64_t now)
{
    uint64_t changed = old ^ now;
    if (changed & (MSTATUS_MPRV | MSTATUS_SUM | MSTATUS_MXR))
        return true;
    return (now & MSTATUS_MPRV) && (changed & MSTATUS_MPP);
}

/*
 * Kernels set SUM around each copy from and to a user: fetching goes on as it was, and so the hart
 * need not stop for it.
 */
static bool only_sum(uint64_t old, uint64_t now)
{
    uint64_t changed = (old ^ now) & (MSTATUS_MPRV | MSTATUS_SUM | MSTATUS_MXR | MSTATUS_MPP);
    return changed == MSTATUS_SUM;
}

/* The enable bits while their mode takes no traps (Privileged, "Double Trap Control"). */
static uint64_t status_no_enable(uint64_t status)
{
    if (status & MSTATUS_MDT)
        status &= ~MSTATUS_MIE;
    if (status & MSTATUS_SDT)
        status &= ~MSTATUS_SIE;
    return status;
}

static void status_write(struct rv_hart *h, uint64_t value, uint64_t mask)
{
    uint64_t old = h->csr.mstatus;
    if (!rv_has(h, RV_EXT_Sv39)) /* satp.MODE is read-only 0 */
        mask &= ~(MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM);
    if (!rv_has(h, RV_EXT_Smdbltrp))
        mask &= ~MSTATUS_MDT;
    if (!(h->csr.menvcfg & ENVCFG_DTE))
        mask &= ~MSTATUS_SDT;
    if (!rv_has(h, RV_EXT_F))
        mask &= ~MSTATUS_FS;
    if ((value & MSTATUS_MPP) == 2ull << 11) /* reserved: MPP keeps what it holds */
        mask &= ~MSTATUS_MPP;
    h->csr.mstatus = status_no_enable(merge(old, value, mask));
    if (only_sum(old, h->csr.mstatus))
        rv_mmu_update(h);
    else if (status_moves_mmu(old, h->csr.mstatus))
        h->attention |= RV_ATTEND_MMU;
    /* What becomes pending after this look kicks the hart. */
    if (h->csr.mstatus & ~old & (MSTATUS_MIE | MSTATUS_SIE) && rv_interrupt_pending(h))
        h->attention |= RV_ATTEND_IRQ;
}

static void csr_set_mstatus(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    status_write(h, value, MSTATUS_WRITE);
}

static void csr_set_sstatus(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    status_write(h, value, SSTATUS_WRITE);
}

/* --- identity --- */

static uint64_t misa_letter(const struct rv_hart *h, enum rv_ext ext, char letter)
{
    return rv_has(h, ext) ? BIT(letter - 'A') : 0;
}

static uint64_t csr_get_misa(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    uint64_t v = XL_64 << 62 | BIT('I' - 'A') | BIT('S' - 'A') | BIT('U' - 'A');
    v |= misa_letter(h, RV_EXT_M, 'M') | misa_letter(h, RV_EXT_A, 'A');
    v |= misa_letter(h, RV_EXT_F, 'F') | misa_letter(h, RV_EXT_D, 'D');
    v |= misa_letter(h, RV_EXT_C, 'C');
    if (rv_has(h, RV_EXT_Zba) && rv_has(h, RV_EXT_Zbb))
        v |= misa_letter(h, RV_EXT_Zbs, 'B');
    return v;
}

static uint64_t csr_get_mhartid(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->hart.index;
}

/* --- trap vectors and addresses --- */

/* MODE 2 and 3 are reserved: such a write changes nothing. */
static void tvec_write(uint64_t *tvec, uint64_t value)
{
    if ((value & 3) < 2)
        *tvec = value;
}

static uint64_t csr_get_mtvec(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mtvec;
}

static void csr_set_mtvec(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    tvec_write(&h->csr.mtvec, value);
}

static uint64_t csr_get_stvec(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.stvec;
}

static void csr_set_stvec(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    tvec_write(&h->csr.stvec, value);
}

/* IALIGN is 16 with compressed instructions, else 32. */
static uint64_t epc_legal(const struct rv_hart *h, uint64_t value)
{
    return value & (rv_has(h, RV_EXT_Zca) ? ~1ull : ~3ull);
}

static uint64_t csr_get_mepc(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mepc;
}

static void csr_set_mepc(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    h->csr.mepc = epc_legal(h, value);
}

static uint64_t csr_get_sepc(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.sepc;
}

static void csr_set_sepc(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    h->csr.sepc = epc_legal(h, value);
}

/* --- state enable --- */

static uint64_t csr_get_mstateen0(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mstateen[0];
}

static void csr_set_mstateen0(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    uint64_t legal = STATEEN_SE | STATEEN0_ENVCFG;
    if (rv_has(h, RV_EXT_Sdtrig))
        legal |= STATEEN0_CONTEXT;
    h->csr.mstateen[0] = value & legal;
}

/* --- triggers --- */

static uint64_t csr_get_trigger(struct rv_hart *h, unsigned csr)
{
    return rv_trigger_get(h, csr);
}

static void csr_set_trigger(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)mask;
    rv_trigger_set(h, csr, value);
}

/* --- resumable non-maskable interrupts --- */

static uint64_t csr_get_mnepc(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mnepc;
}

static void csr_set_mnepc(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    h->csr.mnepc = epc_legal(h, value);
}

static uint64_t csr_get_mnstatus(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mnstatus;
}

/* NMIE can be set only; MNPP = 2 is reserved: it keeps what it holds. */
static void csr_set_mnstatus(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    uint64_t legal = (value & MNSTATUS_NMIE) | (bits_get(value, 12, 11) == 2 ? 0 : MNSTATUS_MNPP);
    h->csr.mnstatus = merge(h->csr.mnstatus, value, legal);
    h->attention |= RV_ATTEND_MMU | RV_ATTEND_IRQ; /* MPRV has no effect while NMIE is 0 */
}

/* --- delegation and interrupts --- */

static uint64_t csr_get_medeleg(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.medeleg;
}

static void csr_set_medeleg(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    h->csr.medeleg = value & MEDELEG_MASK;
}

/* Sscofpmf's interrupt, for masks. */
static uint64_t lcof(const struct rv_hart *h)
{
    return rv_has(h, RV_EXT_Sscofpmf) ? MIP_LCOF : 0;
}

static uint64_t csr_get_mideleg(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mideleg;
}

static void csr_set_mideleg(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    h->csr.mideleg = value & (MIP_S | lcof(h));
    h->attention |= RV_ATTEND_IRQ;
}

static uint64_t csr_get_mie(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mie;
}

static void csr_set_mie(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    h->csr.mie = value & (MIP_S | MIP_M | lcof(h));
    h->attention |= RV_ATTEND_IRQ;
}

static uint64_t csr_get_sie(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mie & h->csr.mideleg;
}

static void csr_set_sie(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    h->csr.mie = merge(h->csr.mie, value, h->csr.mideleg);
    h->attention |= RV_ATTEND_IRQ;
}

static uint64_t csr_get_mip(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    rv_hpm_overflowed(h); /* brings LCOFIP up to date */
    return rv_mip(h);
}

/* SSIP lives in the word that other harts raise it in. */
static void ssip_write(struct rv_hart *h, bool on)
{
    if (on)
        hart_irq_raise(&h->hart, MIP_SSIP);
    else
        hart_irq_lower(&h->hart, MIP_SSIP);
}

static void csr_set_mip(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr;
    uint64_t soft = MIP_SEIP | lcof(h);
    if (!(h->csr.menvcfg & ENVCFG_STCE)) /* Sstc: STIP is read-only while STCE is set */
        soft |= MIP_STIP;
    h->csr.mip_soft = merge(h->csr.mip_soft, value, soft & mask);
    if (mask & MIP_SSIP)
        ssip_write(h, value & MIP_SSIP);
    h->attention |= RV_ATTEND_IRQ;
}

static uint64_t csr_get_sip(struct rv_hart *h, unsigned csr)
{
    return csr_get_mip(h, csr) & h->csr.mideleg;
}

static void csr_set_sip(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr;
    if (mask & h->csr.mideleg & MIP_SSIP)
        ssip_write(h, value & MIP_SSIP);
    h->csr.mip_soft = merge(h->csr.mip_soft, value, mask & h->csr.mideleg & lcof(h));
    h->attention |= RV_ATTEND_IRQ;
}

/* --- environment configuration --- */

/* The bits of senvcfg and the low half of menvcfg that can be written with value. */
static uint64_t envcfg_mask(const struct rv_hart *h, uint64_t value)
{
    uint64_t mask = ENVCFG_FIOM;
    if (rv_has(h, RV_EXT_Zicboz))
        mask |= ENVCFG_CBZE;
    if (rv_has(h, RV_EXT_Zicbom)) {
        mask |= ENVCFG_CBCFE;
        if (bits_get(value, 5, 4) != 2) /* CBIE = 2 is reserved: it keeps what it holds */
            mask |= ENVCFG_CBIE;
    }
    return mask;
}

/* PMM, if it is there and value has not the reserved 1. */
static uint64_t pmm_mask(const struct rv_hart *h, enum rv_ext ext, uint64_t value)
{
    return rv_has(h, ext) && bits_get(value, 33, 32) != 1 ? ENVCFG_PMM : 0;
}

static uint64_t csr_get_menvcfg(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.menvcfg;
}

static void csr_set_menvcfg(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    uint64_t legal = envcfg_mask(h, value) | pmm_mask(h, RV_EXT_Smnpm, value);
    uint64_t old = h->csr.menvcfg;
    if (rv_has(h, RV_EXT_Svadu))
        legal |= ENVCFG_ADUE;
    if (rv_has(h, RV_EXT_Svpbmt))
        legal |= ENVCFG_PBMTE;
    if (rv_has(h, RV_EXT_Sstc))
        legal |= ENVCFG_STCE;
    if (rv_has(h, RV_EXT_Ssdbltrp))
        legal |= ENVCFG_DTE;
    h->csr.menvcfg = merge(old, value, legal);
    if (!(h->csr.menvcfg & ENVCFG_DTE)) /* then SDT is read-only zero */
        h->csr.mstatus &= ~MSTATUS_SDT;
    uint64_t changed = old ^ h->csr.menvcfg;
    if (changed & (ENVCFG_ADUE | ENVCFG_PBMTE | ENVCFG_PMM))
        h->attention |= RV_ATTEND_MMU;
    if (changed & ENVCFG_STCE) {
        rv_timer_update(h);
        h->attention |= RV_ATTEND_IRQ;
    }
}

static uint64_t csr_get_senvcfg(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.senvcfg;
}

static void csr_set_senvcfg(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    uint64_t legal = envcfg_mask(h, value) | pmm_mask(h, RV_EXT_Ssnpm, value);
    uint64_t old = h->csr.senvcfg;
    h->csr.senvcfg = merge(old, value, legal);
    if ((old ^ h->csr.senvcfg) & ENVCFG_PMM)
        h->attention |= RV_ATTEND_MMU;
}

/* --- translation --- */

static bool satp_mode_legal(const struct rv_hart *h, uint64_t value)
{
    switch ((enum paging_mode)(value >> 60)) {
    case PAGING_BARE:
        return true;
    case PAGING_SV39:
        return rv_has(h, RV_EXT_Sv39);
    case PAGING_SV48:
        return rv_has(h, RV_EXT_Sv48);
    case PAGING_SV57:
        return rv_has(h, RV_EXT_Sv57);
    }
    return false;
}

static uint64_t csr_get_satp(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.satp;
}

/* "If satp is written with an unsupported MODE, the entire write has no effect." */
static void csr_set_satp(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    if (!satp_mode_legal(h, value) || value == h->csr.satp)
        return;
    h->csr.satp = value;
    h->attention |= RV_ATTEND_MMU;
}

/* --- time and counters --- */

static uint64_t csr_get_time(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return gclock_now(h->guest->env->clock);
}

static uint64_t csr_get_stimecmp(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.stimecmp;
}

static void csr_set_stimecmp(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    store_relaxed(&h->csr.stimecmp, value);
    rv_timer_update(h);
    h->attention |= RV_ATTEND_IRQ;
}

static uint64_t csr_get_counter(struct rv_hart *h, unsigned csr)
{
    return rv_hpm_read(h, csr & 31);
}

static void csr_set_counter(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)mask;
    rv_hpm_write(h, csr & 31, value);
}

static uint64_t csr_get_mhpmevent(struct rv_hart *h, unsigned csr)
{
    return rv_hpm_read_event(h, csr & 31);
}

static void csr_set_mhpmevent(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)mask;
    rv_hpm_write_event(h, csr & 31, value);
}

/* Smcntrpmf: numbers 0x321 and 0x322, where the counters are 0 and 2. */
static uint64_t csr_get_countercfg(struct rv_hart *h, unsigned csr)
{
    return rv_hpm_read_event(h, csr & 2);
}

static void csr_set_countercfg(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)mask;
    rv_hpm_write_event(h, csr & 2, value);
}

static uint64_t csr_get_mcountinhibit(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mcountinhibit;
}

static void csr_set_mcountinhibit(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    rv_hpm_write_inhibit(h, value & 0xffffffff & ~COUNTER_TM);
}

/* Sscofpmf: below M the bits of those counters that mcounteren admits. */
static uint64_t csr_get_scountovf(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    uint64_t set = rv_hpm_overflowed(h);
    return h->priv == PRIV_M ? set : set & h->csr.mcounteren;
}

/* --- PMP --- */

static uint64_t csr_get_pmpcfg(struct rv_hart *h, unsigned csr)
{
    return rv_pmp_cfg_read(h, (csr & 15) * 4);
}

static void csr_set_pmpcfg(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)mask;
    rv_pmp_cfg_write(h, (csr & 15) * 4, value);
}

static uint64_t csr_get_pmpaddr(struct rv_hart *h, unsigned csr)
{
    return h->csr.pmpaddr[csr & 15];
}

static void csr_set_pmpaddr(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)mask;
    rv_pmp_addr_write(h, csr & 15, value);
}

/* --- machine security configuration: each extension adds its fields --- */

static uint64_t csr_get_mseccfg(struct rv_hart *h, unsigned csr)
{
    (void)csr;
    return h->csr.mseccfg;
}

static void csr_set_mseccfg(struct rv_hart *h, unsigned csr, uint64_t value, uint64_t mask)
{
    (void)csr, (void)mask;
    uint64_t now = 0;
    if (rv_has(h, RV_EXT_Smepmp))
        now |= rv_pmp_seccfg_legal(h, value);
    if (rv_has(h, RV_EXT_Zkr))
        now |= value & (MSECCFG_USEED | MSECCFG_SSEED);
    now |= merge(h->csr.mseccfg & ENVCFG_PMM, value, pmm_mask(h, RV_EXT_Smmpm, value));
    uint64_t changed = now ^ h->csr.mseccfg;
    h->csr.mseccfg = now;
    if (changed & ENVCFG_PMM)
        h->attention |= RV_ATTEND_MMU;
    if (changed & (MSECCFG_MML | MSECCFG_MMWP))
        rv_pmp_seccfg_changed(h);
}

/* --- the table --- */

enum csr_row {
    ROW_NONE,
#define CSR(number, name, ext, check, get, set) ROW_##name,
#define FIELD(number, name, ext, member, mask)  ROW_##name,
#include "isa/riscv/csrs.def"
    ROW_COUNT
};

static const struct csr_rule csr_rules[ROW_COUNT] = {
#define CSR(number, name, extension, checker, getter, setter)                                      \
    [ROW_##name] = {                                                                               \
        #name,           RV_EXT_##extension, false, 0, 0, csr_check_##checker, csr_get_##getter,   \
        csr_set_##setter},
#define FIELD(number, name, extension, member, writable)                                           \
    [ROW_##name] = {#name,    RV_EXT_##extension, true, offsetof(struct rv_csrs, member),          \
                    writable, csr_check_any,      NULL, NULL},
#include "isa/riscv/csrs.def"
};

/* Row of each number; 0 is none.  A byte each, so that the hot numbers share lines. */
static const uint8_t csr_rows[4096] = {
#define CSR(number, name, ext, check, get, set) [number] = ROW_##name,
#define FIELD(number, name, ext, member, mask)  [number] = ROW_##name,
#include "isa/riscv/csrs.def"
};

_Static_assert(ROW_COUNT <= 256, "csr_rows holds bytes");

/* Whether an extension besides the rule's own brings it. */
static bool csr_also(const struct rv_hart *h, unsigned row)
{
    bool has = false;
    (void)h, (void)row;
#define ALSO(name, ext) has |= row == ROW_##name && rv_has(h, RV_EXT_##ext);
#include "isa/riscv/csrs.def"
    return has;
}

/* The rule of a number that exists on this hart, or NULL. */
static const struct csr_rule *csr_find(const struct rv_hart *h, unsigned csr)
{
    unsigned row = csr_rows[csr & 0xfff];
    const struct csr_rule *r = &csr_rules[row];
    return r->name && (rv_has(h, r->ext) || csr_also(h, row)) ? r : NULL;
}

static uint64_t *csr_field(struct rv_hart *h, const struct csr_rule *r)
{
    return (uint64_t *)(void *)((char *)&h->csr + r->offset);
}

static uint64_t rule_read(struct rv_hart *h, const struct csr_rule *r, unsigned csr)
{
    return r->is_field ? *csr_field(h, r) : r->get(h, csr);
}

static void rule_write(struct rv_hart *h, const struct csr_rule *r, unsigned csr, uint64_t value,
                       uint64_t mask)
{
    if (r->is_field)
        *csr_field(h, r) = merge(*csr_field(h, r), value, r->mask);
    else
        r->set(h, csr, value, mask);
}

static bool csr_permitted(const struct rv_hart *h, const struct csr_rule *r, unsigned csr,
                          bool write)
{
    if (bits_get(csr, 9, 8) > h->priv)
        return false;
    if (write && bits_get(csr, 11, 10) == 3)
        return false;
    if (!write && r == &csr_rules[ROW_seed]) /* Zkr: an access that only reads is illegal */
        return false;
    return r->check(h, csr);
}

bool rv_csr_access(struct rv_hart *h, unsigned csr, enum rv_csr_op op, uint64_t operand, bool read,
                   bool write, uint32_t raw, uint64_t *old)
{
    const struct csr_rule *r = csr_find(h, csr);
    if (!r || !csr_permitted(h, r, csr, write)) {
        rv_raise(h, CAUSE_ILLEGAL, raw);
        return false;
    }
    uint64_t value = read || op != CSR_WRITE ? rule_read(h, r, csr) : 0;
    *old = value;
    if (!write)
        return true;
    switch (op) {
    case CSR_WRITE:
        rule_write(h, r, csr, operand, UINT64_MAX);
        break;
    case CSR_SET:
        rule_write(h, r, csr, value | operand, operand);
        break;
    case CSR_CLEAR:
        rule_write(h, r, csr, value & ~operand, operand);
        break;
    }
    return true;
}

int rv_csr_peek(struct rv_hart *h, unsigned csr, uint64_t *value)
{
    const struct csr_rule *r = csr_find(h, csr);
    if (!r)
        return -EINVAL;
    *value = rule_read(h, r, csr);
    return 0;
}

/* Between two instructions: the one before counts as the writer. */
int rv_csr_poke(struct rv_hart *h, unsigned csr, uint64_t value)
{
    const struct csr_rule *r = csr_find(h, csr);
    if (!r)
        return -EINVAL;
    h->insns--;
    rule_write(h, r, csr, value, UINT64_MAX);
    h->insns++;
    return 0;
}

const char *rv_csr_name(unsigned csr)
{
    return csr < 4096 ? csr_rules[csr_rows[csr]].name : NULL;
}
