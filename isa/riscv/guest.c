/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RISC-V guest as the machine sees it (isa/guest.h): creation, boot,
 * registers, statistics.  Called by sim/ on threads that are no harts, while
 * the harts do not run, unless said.
 */
#include "isa/riscv/describe.h"
#include "isa/riscv/isa_string.h"
#include "isa/riscv/ops.h"
#include "jit/pass.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/error.h"

static const struct hart_ops rv_hart_ops = {.run = rv_run};

#define RV_GUEST(g) ((struct rv_guest *)(g))

static void hart_destroy(struct rv_hart *h)
{
    if (!h)
        return;
    rv_timer_fini(h);
    rv_interp_fini(h);
    rv_jit_hart_fini(h);
    hart_fini(&h->hart);
    free(h);
}

static struct rv_hart *hart_create(struct rv_guest *g, unsigned index)
{
    struct rv_hart *h = aligned_alloc(CACHE_LINE, align_up(sizeof(*h), CACHE_LINE));
    if (!h)
        return NULL;
    memset(h, 0, sizeof(*h));
    h->guest = g;
    h->code_epoch = UINT64_MAX;
    h->pause_at = UINT64_MAX;
    h->engine = rv_engine(g->cfg.engine);
    h->fetch_mask = PAGE_MASK | (rv_ext_has(&g->exts, RV_EXT_Zca) ? 0 : 2);
    lock_init(&h->timer_lock, RANK_LEAF);
    if (hart_init(&h->hart, index, g->cfg.tlb_entries)) {
        free(h);
        return NULL;
    }
    if (rv_interp_init(h) || rv_timer_init(h)) {
        hart_destroy(h);
        return NULL;
    }
    return h;
}

static void code_written(void *opaque, gpa_t gpa, uint64_t len)
{
    rv_code_written(RV_GUEST(opaque)->code, gpa, len);
}

/* mem's rule 2: no hart holds a fast write entry for the page when this returns. */
static void sync_page(void *opaque, gpa_t page)
{
    struct rv_guest *g = opaque;
    struct hart *self = smp_self();
    const void *host = physmem_host(g->env->pm, page);
    if (self)
        tlb_drop_host_page(&self->tlb, host);
    smp_wait(g->smp, self,
             smp_post(g->smp, self, NULL, rv_letter_drop_write, (uintptr_t)host, 0, 0));
}

static void rv_destroy(struct guest *guest)
{
    struct rv_guest *g = RV_GUEST(guest);
    if (!g)
        return;
    if (g->env->pm) {
        g->env->pm->hooks.code_written = NULL;
        g->env->pm->hooks.sync_page = NULL;
    }
    for (unsigned i = 0; g->harts && i < g->cfg.harts; i++)
        hart_destroy(g->harts[i]);
    smp_destroy(g->smp);
    rv_code_destroy(g->code);
    rv_jit_destroy(g->jit);
    free(g->harts);
    free(g);
}

static int harts_create(struct rv_guest *g)
{
    struct hart *generic[SMP_MAX_HARTS];
    g->harts = calloc(g->cfg.harts, sizeof(*g->harts));
    if (!g->harts)
        return -ENOMEM;
    for (unsigned i = 0; i < g->cfg.harts; i++) {
        g->harts[i] = hart_create(g, i);
        if (!g->harts[i])
            return -ENOMEM;
        generic[i] = &g->harts[i]->hart;
    }
    return smp_create(&g->smp, generic, g->cfg.harts, &rv_hart_ops);
}

static int check_engine(enum guest_engine id)
{
    const struct engine *e = rv_engine(id);
    if (e && !e->missing)
        return 0;
    return error_set(MH_ERROR_EXECUTION, -ENOTSUP, "engine", engine_name(id), "%s",
                     e ? e->missing : "no such engine");
}

static int check_config(const struct guest_config *cfg)
{
    char value[16];
    snprintf(value, sizeof(value), "%u", cfg->harts);
    if (cfg->harts < 1 || cfg->harts > SMP_MAX_HARTS)
        return error_set(MH_ERROR_CORE, -EINVAL, "harts", value, "must be from 1 to %d",
                         SMP_MAX_HARTS);
    return check_engine(cfg->engine);
}

static int jit_create(struct rv_guest *g)
{
    const struct guest_jit_config *c = &g->cfg.jit;
    struct rv_jit_config cfg = {
        .cache_bytes = c->cache_bytes ? c->cache_bytes : GUEST_JIT_CACHE,
        .threshold = c->threshold ? c->threshold : GUEST_JIT_THRESHOLD,
        .level = c->level,
        .passes = ir_passes_of_level(c->level),
        .chain = c->chain,
        .region_insns = c->region_insns ? c->region_insns : GUEST_JIT_REGION,
        .looks = c->looks ? c->looks : GUEST_JIT_LOOKS,
        .dump = c->dump,
        .perf_map = c->perf_map,
        .gdb = c->gdb,
    };
    int rc = c->passes ? ir_passes_parse(c->passes, &cfg.passes) : 0;
    return rc ? rc : rv_jit_create(&g->jit, g, &cfg);
}

static int rv_create(struct guest **out, const struct guest_config *cfg,
                     const struct guest_env *env)
{
    int err = check_config(cfg);
    if (err)
        return err;
    struct rv_guest *g = calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    g->cfg = *cfg;
    g->machine = *env;
    g->env = &g->machine;
    if (cfg->isa)
        err = isa_string_parse(cfg->isa, &g->exts);
    else
        isa_set_default(&g->exts);
    if (cfg->strict_align) {
        rv_ext_del(&g->exts, RV_EXT_Zicclsm);
        rv_ext_del(&g->exts, RV_EXT_Zama16b);
    }
    if (!err)
        err = harts_create(g);
    if (!err)
        err = rv_code_create(&g->code, g);
    if (!err && jit_host())
        err = jit_create(g);
    if (err) {
        rv_destroy((struct guest *)g);
        return err;
    }
    isa_string_format(&g->exts, g->isa, sizeof(g->isa));
    env->pm->hooks.opaque = g;
    env->pm->hooks.code_written = code_written;
    env->pm->hooks.sync_page = sync_page;
    *out = (struct guest *)g;
    return 0;
}

static struct smp *rv_smp(struct guest *guest)
{
    return RV_GUEST(guest)->smp;
}

static void hart_boot(struct rv_hart *h, const struct guest_boot *boot)
{
    const struct guest_config *cfg = &h->guest->cfg;
    bool waits = boot->start == START_BOOT && h->hart.index;
    h->insns = 0; /* first: minstret is relative to it */
    rv_reset(h);
    if (boot->start == START_BOOT)
        rv_sbi_prepare(h);
    h->pc = boot->entry;
    h->x[10] = h->hart.index;
    h->x[11] = boot->dtb;
    h->x[12] = boot->a2;
    h->hsm_state = waits ? HSM_STOPPED : HSM_STARTED;
    h->attention = 0;
    h->trap.pending = false;
    h->stop_at = cfg->max_insns ? cfg->max_insns : UINT64_MAX;
    h->hart.limit = h->stop_at;
    h->hart.shared.until = h->hart.limit;
    h->hart.shared.requests = 0;
    h->hart.shared.irq = 0;
    rv_reservation_drop(h);
    tlb_flush_all(&h->hart.tlb);
    tlb_drop_fetch(&h->hart.tlb, 0);
    rv_mmu_update(h);
}

static void rv_boot(struct guest *guest, const struct guest_boot *boot)
{
    struct rv_guest *g = RV_GUEST(guest);
    g->boot = *boot;
    for (unsigned i = 0; i < g->cfg.harts; i++)
        hart_boot(g->harts[i], boot);
}

static void rv_reset_hart(struct guest *guest, unsigned hart)
{
    hart_boot(RV_GUEST(guest)->harts[hart], &RV_GUEST(guest)->boot);
}

static const struct engine *rv_engine_get(struct guest *guest, unsigned hart)
{
    return RV_GUEST(guest)->harts[hart]->engine;
}

static int rv_engine_set(struct guest *guest, unsigned hart, enum guest_engine id)
{
    struct rv_hart *h = RV_GUEST(guest)->harts[hart];
    int rc = check_engine(id);
    if (rc)
        return rc;
    h->engine->sync_from(&h->hart);
    h->engine = rv_engine(id);
    h->engine->sync_to(&h->hart);
    return 0;
}

static void rv_irq(struct guest *guest, unsigned hart, unsigned bit, bool level)
{
    struct rv_guest *g = RV_GUEST(guest);
    if (hart >= g->cfg.harts)
        return;
    if (level)
        hart_irq_raise(&g->harts[hart]->hart, 1ull << bit);
    else
        hart_irq_lower(&g->harts[hart]->hart, 1ull << bit);
}

/* With the built-in SBI nothing is there in M-mode to handle it. */
static int rv_nmi(struct guest *guest, unsigned hart)
{
    struct rv_guest *g = RV_GUEST(guest);
    if (!rv_ext_has(&g->exts, RV_EXT_Smrnmi) || g->cfg.builtin_sbi)
        return error_set(MH_ERROR_CORE, -ENOTSUP, "isa", g->isa,
                         "non-maskable interrupts need smrnmi in the ISA string, and a program in "
                         "M-mode");
    hart_irq_raise(&g->harts[hart]->hart, RV_IRQ_RNMI);
    return 0;
}

static uint64_t *reg_slot(struct rv_guest *g, unsigned hart, unsigned reg)
{
    if (hart >= g->cfg.harts)
        return NULL;
    struct rv_hart *h = g->harts[hart];
    if (reg < 32)
        return &h->x[reg];
    if (reg < 64)
        return &h->f[reg - 32];
    return reg == 64 ? &h->pc : NULL;
}

static int rv_reg_get(struct guest *guest, unsigned hart, unsigned reg, uint64_t *value)
{
    const uint64_t *slot = reg_slot(RV_GUEST(guest), hart, reg);
    if (!slot)
        return -EINVAL;
    *value = *slot;
    return 0;
}

static int rv_reg_set(struct guest *guest, unsigned hart, unsigned reg, uint64_t value)
{
    uint64_t *slot = reg_slot(RV_GUEST(guest), hart, reg);
    if (!slot)
        return -EINVAL;
    if (reg)
        *slot = value;
    return 0;
}

/*
 * The machine looks at running harts, whose own words are plain: a count that is a moment old does
 * no harm, and an atomic store on each would cost the hart.  So the thread sanitizer must not look.
 */
#define RACY_READER __attribute__((no_sanitize("thread")))

RACY_READER static void rv_hart_info(struct guest *guest, unsigned hart,
                                     struct guest_hart_info *out)
{
    static const char *const modes[] = {"U", "S", "?", "M"};
    const struct rv_hart *h = RV_GUEST(guest)->harts[hart];
    /* A snapshot of a running hart: each word is from some recent moment. */
    *out = (struct guest_hart_info){
        .pc = load_relaxed(&h->pc),
        .insns = load_relaxed(&h->insns),
        .mode = modes[load_relaxed(&h->priv) & 3],
        .waiting = load_relaxed(&h->hart.shared.asleep),
        .stopped = load_relaxed(&h->hsm_state) == HSM_STOPPED,
    };
}

RACY_READER static void add_tlb_stats(struct tlb_stats *sum, const struct tlb_stats *t)
{
    for (int k = 0; k < TLB_KINDS; k++) {
        sum->misses[k] += t->misses[k];
        sum->victim_hits[k] += t->victim_hits[k];
    }
    sum->flush_all += t->flush_all;
    sum->flush_asid += t->flush_asid;
    sum->flush_page += t->flush_page;
    sum->hard_clears += t->hard_clears;
    sum->resizes += t->resizes;
}

RACY_READER static void add_maker_stats(struct guest_stats *sum, const struct rv_jit_maker *m)
{
    sum->translations += m->stats.translations;
    sum->translated_insns += m->stats.insns;
    sum->translated_bytes += m->stats.bytes;
    sum->translate_ns += m->stats.ns;
    sum->jit_blocks += m->stats.blocks;
}

RACY_READER static void add_jit_stats(struct guest_stats *sum, const struct rv_jit_hart *j)
{
    add_maker_stats(sum, &j->maker);
    sum->jit_enters += j->stats.enters;
    sum->jit_chains += j->stats.chains;
    sum->jit_finds += j->stats.finds;
    sum->jit_cold += j->stats.interp_blocks;
    sum->jit_accesses += j->stats.slow_accesses;
    sum->jit_forgets += j->stats.jumps_cleared;
    sum->jit_hot += j->stats.hot;
    sum->jit_ahead += j->stats.ahead;
    sum->jit_pauses += j->maker.stats.longer;
    sum->jit_asks += j->stats.asks;
    sum->jit_scattered += j->stats.scattered;
}

RACY_READER static void add_hart_stats(struct guest_stats *sum, const struct rv_hart *h)
{
    const struct rv_stats *s = &h->stats;
    sum->insns += h->insns;
    sum->loads_slow += s->loads_slow;
    sum->stores_slow += s->stores_slow;
    sum->mmio += s->mmio;
    sum->traps += s->traps;
    sum->interrupts += s->interrupts;
    sum->page_walks += s->page_walks;
    sum->sc_success += s->sc_success;
    sum->sc_fail += s->sc_fail;
    sum->lr += s->lr;
    sum->wfi += s->wfi;
    sum->sbi_calls += s->sbi_calls;
    sum->shootdowns += h->hart.served;
    sum->wait_ns += hart_waited_ns(&h->hart);
    sum->exit_trap += s->exit_trap;
    sum->exit_wait += s->exit_wait;
    sum->exit_mode += s->exit_mode;
    sum->exit_alarm += s->exit_alarm;
    sum->exit_target += s->exit_target;
    add_jit_stats(sum, &h->jit);
    add_tlb_stats(&sum->tlb, &h->hart.tlb.stats);
}

static void rv_stats_get(struct guest *guest, int hart, struct guest_stats *out)
{
    struct rv_guest *g = RV_GUEST(guest);
    struct rv_code_stats code;
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < g->cfg.harts; i++)
        if (hart < 0 || (unsigned)hart == i)
            add_hart_stats(out, g->harts[i]);
    if (hart >= 0)
        return;
    rv_code_stats(g->code, &code);
    out->decodes = code.decodes;
    out->code_pages = code.pages_made;
    out->code_invalidations = code.invalidations;
    out->code_evictions = code.evictions;
    out->jit_evictions = g->jit ? rv_jit_evictions(g->jit) : 0;
    if (g->jit)
        add_maker_stats(out, rv_jit_spare(g->jit));
}

static bool rv_translate(struct guest *guest, unsigned hart, gva_t va, gpa_t *gpa)
{
    struct rv_guest *g = RV_GUEST(guest);
    return hart < g->cfg.harts && rv_translate_debug(g->harts[hart], va, gpa);
}

static void rv_list_extensions(void (*line)(void *opaque, const char *name, const char *version),
                               void *opaque)
{
    static const char *const versions[] = {
#define EXT(id, name, major, minor, support, implied) #major "." #minor,
#include "isa/riscv/exts.def"
    };
    char text[32];
    for (unsigned i = 0; i < RV_EXT_COUNT; i++) {
        snprintf(text, sizeof(text), "%s%s", versions[i],
                 isa_ext_only_named((enum rv_ext)i) ? " (if named)" : "");
        if (isa_ext_supported((enum rv_ext)i))
            line(opaque, isa_ext_name((enum rv_ext)i), text);
    }
}

static void rv_list_profiles(void (*line)(void *opaque, const char *name, const char *missing),
                             void *opaque)
{
    char missing[256];
    const char *name;
    for (size_t i = 0; (name = isa_profile_at(i, missing, sizeof(missing))); i++)
        line(opaque, name, missing);
}

extern const struct guest_type guest_riscv64;
const struct guest_type guest_riscv64 = {
    .name = "riscv64",
    .elf_machine = 243, /* EM_RISCV */
    .create = rv_create,
    .destroy = rv_destroy,
    .smp = rv_smp,
    .boot = rv_boot,
    .reset = rv_reset_hart,
    .engine = rv_engine,
    .engine_get = rv_engine_get,
    .engine_set = rv_engine_set,
    .execute = rv_execute,
    .fdt_cpus = rv_fdt_cpus,
    .irq = rv_irq,
    .nmi = rv_nmi,
    .reg_get = rv_reg_get,
    .reg_set = rv_reg_set,
    .hart_info = rv_hart_info,
    .stats = rv_stats_get,
    .translate = rv_translate,
    .mmu = &rv_mmu_ops,
    .cache = rv_cache_ops,
    .hot = &rv_hot_ops,
    .decoder_create = rv_decoder_create,
    .decoder_destroy = rv_decoder_destroy,
    .decode = rv_decoder_decode,
    .list_extensions = rv_list_extensions,
    .list_profiles = rv_list_profiles,
};
