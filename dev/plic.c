/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platform-level interrupt controller (RISC-V PLIC Specification 1.0.0), with
 * the contexts of QEMU's virt machine: context 2*hart is the hart's M mode
 * (MEIP), 2*hart+1 its S mode (SEIP).
 *
 *   0x000000 + 4*source          priority, 0..7; 0 never interrupts
 *   0x001000 + 4*(source/32)     pending bits, read only
 *   0x002000 + 0x80*context      enable bits, 32 sources a word
 *   0x200000 + 0x1000*context    +0 threshold   +4 claim (read), complete (write)
 *
 * All registers are 32 bits; other widths are not decoded.
 *
 * Sources are level triggered.  The gateway of a source forwards one request
 * (pending) and no further one until the handler completes it; if the level is
 * still high then, the request comes again at once.  A request once forwarded
 * stays pending though the level drops (section 3, "Interrupt Gateways").
 *
 * Ties go to the lowest source number.  A claim ignores the threshold (section
 * 9); a completion by a context that has not enabled the source is ignored
 * (section 10).
 *
 * Devices set levels from any thread; state is under d->lock (RANK_IRQCHIP),
 * and the hart's input is set under it too, so that levels arrive in order.
 */
#include "dev/plic.h"

#include <libfdt.h>
#include <stdlib.h>

#include "dev/fdt.h"
#include "dev/snap.h"
#include "sim/base/error.h"

enum {
    PLIC_SOURCES = 1024, /* architectural limit, source 0 does not exist */
    PLIC_WORDS = PLIC_SOURCES / 32,
    PLIC_PRIORITY_MASK = 7,
    PLIC_PENDING = 0x1000,
    PLIC_ENABLE = 0x2000,
    PLIC_ENABLE_STRIDE = 0x80,
    PLIC_CONTEXT = 0x200000,
    PLIC_CONTEXT_STRIDE = 0x1000,
    PLIC_SIZE = 0x600000,
    PLIC_HARTS_MAX = (PLIC_SIZE - PLIC_CONTEXT) / PLIC_CONTEXT_STRIDE / 2,
};

/* All fields under d->lock. */
struct plic_context {
    uint32_t enable[PLIC_WORDS];
    uint32_t threshold;
    uint32_t raised; /* level last given to the hart */
};

struct plic {
    struct dev dev;
    unsigned words;    /* of 32 sources that exist; constant */
    unsigned contexts; /* constant */
    uint32_t level[PLIC_WORDS];
    uint32_t pending[PLIC_WORDS];
    uint32_t claimed[PLIC_WORDS];
    uint8_t priority[PLIC_SOURCES]; /* written atomically: read without the lock as well */
    struct plic_context *context;
};

static struct plic *plic_of(struct dev *d)
{
    return container_of(d, struct plic, dev);
}

static bool plic_bit(const uint32_t *words, unsigned n)
{
    return words[n / 32] >> (n % 32) & 1;
}

static void plic_bit_set(uint32_t *words, unsigned n, bool value)
{
    uint32_t bit = 1u << (n % 32);
    words[n / 32] = value ? words[n / 32] | bit : words[n / 32] & ~bit;
}

static bool plic_source_exists(const struct plic *p, uint64_t n)
{
    return n >= 1 && n <= p->dev.env->irqs;
}

/* The pending, enabled source of highest priority above floor, or 0. */
static unsigned plic_best(const struct plic *p, const struct plic_context *c, unsigned floor)
{
    unsigned best = 0;
    for (unsigned w = 0; w < p->words; w++) {
        for (uint32_t m = p->pending[w] & c->enable[w]; m; m &= m - 1) {
            unsigned n = w * 32 + (unsigned)__builtin_ctz(m);
            if (p->priority[n] > floor) {
                floor = p->priority[n];
                best = n;
            }
        }
    }
    return best;
}

static void plic_update_context_locked(struct plic *p, unsigned i)
{
    struct plic_context *c = &p->context[i];
    bool level = plic_best(p, c, c->threshold) != 0;
    if (level == c->raised)
        return;
    c->raised = level;
    p->dev.env->hart_irq(p->dev.env->opaque, i / 2, i & 1 ? HART_IRQ_SEIP : HART_IRQ_MEIP, level);
}

static void plic_update_locked(struct plic *p)
{
    for (unsigned i = 0; i < p->contexts; i++)
        plic_update_context_locked(p, i);
}

/* The source's pending bit changed: only contexts that enabled it can change. */
static void plic_update_source_locked(struct plic *p, unsigned n)
{
    for (unsigned i = 0; i < p->contexts; i++)
        if (plic_bit(p->context[i].enable, n))
            plic_update_context_locked(p, i);
}

/* The gateway: forwards a high level unless a request is pending or being handled. */
static void plic_gateway_locked(struct plic *p, unsigned n)
{
    if (!plic_bit(p->level, n) || plic_bit(p->claimed, n) || plic_bit(p->pending, n))
        return;
    plic_bit_set(p->pending, n, true);
    plic_update_source_locked(p, n);
}

static void plic_set_level(void *opaque, unsigned n, bool level)
{
    struct plic *p = plic_of(opaque);
    lock_take(&p->dev.lock);
    plic_bit_set(p->level, n, level);
    plic_gateway_locked(p, n);
    lock_drop(&p->dev.lock);
}

struct irq_line plic_line(struct dev *plic, unsigned n)
{
    if (!plic_source_exists(plic_of(plic), n))
        return (struct irq_line){0};
    return (struct irq_line){.set = plic_set_level, .opaque = plic, .n = n};
}

static unsigned plic_claim(struct plic *p, struct plic_context *c)
{
    unsigned n = plic_best(p, c, 0);
    if (n) {
        plic_bit_set(p->pending, n, false);
        plic_bit_set(p->claimed, n, true);
        plic_update_source_locked(p, n);
    }
    return n;
}

static void plic_complete(struct plic *p, struct plic_context *c, uint64_t n)
{
    if (!plic_source_exists(p, n) || !plic_bit(c->enable, (unsigned)n))
        return;
    plic_bit_set(p->claimed, (unsigned)n, false);
    plic_gateway_locked(p, (unsigned)n);
}

static int plic_init(struct dev *d, const void *config)
{
    (void)config;
    struct plic *p = plic_of(d);
    lock_init(&d->lock, RANK_IRQCHIP);
    if (d->env->harts > PLIC_HARTS_MAX || d->env->irqs >= PLIC_SOURCES)
        return error_set(MH_ERROR_DEVICE, -EINVAL, "harts", NULL,
                         "%s: serves at most %d harts and %d sources", d->name, PLIC_HARTS_MAX,
                         PLIC_SOURCES - 1);
    p->words = d->env->irqs / 32 + 1;
    p->contexts = 2 * d->env->harts;
    p->context = calloc(p->contexts, sizeof(*p->context));
    return p->context ? 0 : -ENOMEM;
}

/*
 * The wires keep their levels: they are the devices', which may be reset after us.  So a level that
 * is high now is forwarded only when somebody enables its source.
 */
static void plic_reset(struct dev *d)
{
    struct plic *p = plic_of(d);
    memset(p->pending, 0, sizeof(p->pending));
    memset(p->claimed, 0, sizeof(p->claimed));
    for (unsigned n = 0; n < PLIC_SOURCES; n++)
        store_relaxed(&p->priority[n], 0);
    for (unsigned i = 0; i < p->contexts; i++) {
        memset(p->context[i].enable, 0, sizeof(p->context[i].enable));
        p->context[i].threshold = 0;
    }
    plic_update_locked(p);
}

static void plic_fini(struct dev *d)
{
    free(plic_of(d)->context);
}

/* The enable word at offset, or NULL; *index receives its context and *word its number. */
static uint32_t *plic_enable_at(struct plic *p, uint64_t offset, unsigned *index, unsigned *word)
{
    uint64_t rel = offset - PLIC_ENABLE;
    *index = (unsigned)(rel / PLIC_ENABLE_STRIDE);
    *word = (unsigned)(rel % PLIC_ENABLE_STRIDE / 4);
    if (*index >= p->contexts || *word >= p->words)
        return NULL;
    return &p->context[*index].enable[*word];
}

/* Bits of word that are sources which exist. */
static uint32_t plic_word_mask(const struct plic *p, unsigned word)
{
    uint32_t mask = word ? ~0u : ~1u;
    unsigned top = p->dev.env->irqs;
    if (word == top / 32 && top % 32 != 31)
        mask &= (1u << (top % 32 + 1)) - 1;
    return mask;
}

static uint32_t plic_read_context(struct plic *p, uint64_t offset)
{
    uint64_t index = (offset - PLIC_CONTEXT) / PLIC_CONTEXT_STRIDE;
    if (index >= p->contexts)
        return 0;
    switch (offset % PLIC_CONTEXT_STRIDE) {
    case 0:
        return p->context[index].threshold;
    case 4:
        return plic_claim(p, &p->context[index]);
    default:
        return 0;
    }
}

static void plic_write_context(struct plic *p, uint64_t offset, uint64_t value)
{
    uint64_t index = (offset - PLIC_CONTEXT) / PLIC_CONTEXT_STRIDE;
    if (index >= p->contexts)
        return;
    switch (offset % PLIC_CONTEXT_STRIDE) {
    case 0:
        p->context[index].threshold = value & PLIC_PRIORITY_MASK;
        plic_update_context_locked(p, (unsigned)index);
        break;
    case 4:
        plic_complete(p, &p->context[index], value);
        break;
    }
}

static bool plic_read(struct dev *d, uint64_t offset, unsigned size, uint64_t *value)
{
    struct plic *p = plic_of(d);
    unsigned index, word;
    if (size != 4 || offset & 3)
        return false;
    *value = 0;
    if (offset < PLIC_PENDING) {
        *value = load_relaxed(&p->priority[offset / 4]);
    } else if (offset < PLIC_ENABLE) {
        word = (unsigned)(offset - PLIC_PENDING) / 4;
        *value = word < p->words ? p->pending[word] : 0;
    } else if (offset < PLIC_CONTEXT) {
        uint32_t *e = plic_enable_at(p, offset, &index, &word);
        *value = e ? *e : 0;
    } else {
        *value = plic_read_context(p, offset);
    }
    return true;
}

static bool plic_peek(const struct dev *d, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct plic *p = (const struct plic *)d;
    if (size != 4 || offset & 3 || offset >= PLIC_PENDING)
        return false;
    *value = load_relaxed(&p->priority[offset / 4]);
    return true;
}

static void plic_write_enable(struct plic *p, uint64_t offset, uint64_t value)
{
    unsigned index, word;
    uint32_t *e = plic_enable_at(p, offset, &index, &word);
    if (!e)
        return;
    *e = (uint32_t)value & plic_word_mask(p, word);
    for (uint32_t m = *e; m; m &= m - 1)
        plic_gateway_locked(p, word * 32 + (unsigned)__builtin_ctz(m));
    plic_update_context_locked(p, index);
}

static bool plic_write(struct dev *d, uint64_t offset, unsigned size, uint64_t value)
{
    struct plic *p = plic_of(d);
    if (size != 4 || offset & 3)
        return false;
    if (offset < PLIC_PENDING) {
        if (plic_source_exists(p, offset / 4)) {
            store_relaxed(&p->priority[offset / 4], (uint8_t)(value & PLIC_PRIORITY_MASK));
            plic_update_source_locked(p, (unsigned)offset / 4);
        }
    } else if (offset >= PLIC_ENABLE && offset < PLIC_CONTEXT) {
        plic_write_enable(p, offset, value);
    } else if (offset >= PLIC_CONTEXT) {
        plic_write_context(p, offset, value);
    }
    return true;
}

static int plic_fdt_contexts(struct dev *d, void *fdt, int node)
{
    static const enum hart_irq wires[] = {HART_IRQ_MEIP, HART_IRQ_SEIP};
    int err = 0;
    for (unsigned i = 0; !err && i < 2 * d->env->harts; i++) {
        err = fdt_appendprop_u32(fdt, node, "interrupts-extended", dev_phandle_hart(i / 2));
        if (!err)
            err = fdt_appendprop_u32(fdt, node, "interrupts-extended", wires[i & 1]);
    }
    return err;
}

static int plic_fdt(struct dev *d, void *fdt, int soc)
{
    static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
    int node = dev_fdt_node(d, fdt, soc, "plic", compatible, sizeof(compatible));
    if (node < 0)
        return node;
    int err = fdt_setprop_u32(fdt, node, "phandle", DEV_PHANDLE_PLIC);
    if (!err)
        err = fdt_setprop_u32(fdt, node, "riscv,ndev", d->env->irqs);
    if (!err)
        err = fdt_setprop_empty(fdt, node, "interrupt-controller");
    if (!err)
        err = fdt_setprop_u32(fdt, node, "#address-cells", 0);
    if (!err)
        err = fdt_setprop_u32(fdt, node, "#interrupt-cells", 1);
    if (!err)
        err = plic_fdt_contexts(d, fdt, node);
    return dev_fdt_errno(err);
}

struct plic_saved {
    uint32_t level[PLIC_WORDS];
    uint32_t pending[PLIC_WORDS];
    uint32_t claimed[PLIC_WORDS];
    uint8_t priority[PLIC_SOURCES];
    struct plic_context context[];
};

static int plic_save(struct dev *d, void *buf, size_t size)
{
    struct plic *p = plic_of(d);
    size_t n = sizeof(struct plic_saved) + p->contexts * sizeof(*p->context);
    struct plic_saved *s = calloc(1, n);
    if (!s)
        return -ENOMEM;
    lock_take(&d->lock);
    memcpy(s->level, p->level, sizeof(s->level));
    memcpy(s->pending, p->pending, sizeof(s->pending));
    memcpy(s->claimed, p->claimed, sizeof(s->claimed));
    memcpy(s->priority, p->priority, sizeof(s->priority));
    memcpy(s->context, p->context, p->contexts * sizeof(*p->context));
    lock_drop(&d->lock);
    int ret = snap_save(d, 1, s, (uint32_t)n, buf, size);
    free(s);
    return ret;
}

/* A snapshot is input too: bits of sources that do not exist are dropped. */
static void plic_restore_locked(struct plic *p, const struct plic_saved *s)
{
    for (unsigned w = 0; w < p->words; w++) {
        p->level[w] = s->level[w] & plic_word_mask(p, w);
        p->pending[w] = s->pending[w] & plic_word_mask(p, w);
        p->claimed[w] = s->claimed[w] & plic_word_mask(p, w);
        for (unsigned i = 0; i < p->contexts; i++)
            p->context[i].enable[w] = s->context[i].enable[w] & plic_word_mask(p, w);
    }
    for (unsigned n = 1; n <= p->dev.env->irqs; n++)
        p->priority[n] = s->priority[n] & PLIC_PRIORITY_MASK;
    for (unsigned i = 0; i < p->contexts; i++)
        p->context[i].threshold = s->context[i].threshold & PLIC_PRIORITY_MASK;
    plic_update_locked(p);
}

static int plic_load(struct dev *d, const void *buf, size_t size)
{
    struct plic *p = plic_of(d);
    size_t n = sizeof(struct plic_saved) + p->contexts * sizeof(*p->context);
    struct plic_saved *s = calloc(1, n);
    if (!s)
        return -ENOMEM;
    int err = snap_load(d, 1, s, (uint32_t)n, buf, size);
    if (!err) {
        lock_take(&d->lock);
        plic_restore_locked(p, s);
        lock_drop(&d->lock);
    }
    free(s);
    return err;
}

const struct dev_type plic_type = {
    .name = "plic",
    .device_type = MH_DEVICE_CUSTOM,
    .size = sizeof(struct plic),
    .mmio_size = PLIC_SIZE,
    .init = plic_init,
    .reset = plic_reset,
    .fini = plic_fini,
    .peek = plic_peek,
    .read = plic_read,
    .write = plic_write,
    .fdt = plic_fdt,
    .save = plic_save,
    .load = plic_load,
};
