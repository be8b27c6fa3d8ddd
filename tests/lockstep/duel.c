/* SPDX-License-Identifier: Apache-2.0 */
/* Two machines, piece by piece; see duel.h. */
#include "tests/lockstep/duel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/rv.h"
#include "sim/engine.h"
#include "tests/lockstep/image.h"

struct side {
    struct mh_machine *m;
    struct mh_engine *engine[2]; /* by setup's names */
    unsigned which;              /* of the two it is with */
    struct rv_hart *h;
    const uint8_t *ram;
    uint64_t begin; /* progress when the program began */
    enum mh_stop why;
};

/* Further areas of data lie so many powers of two behind AT_DATA. */
static const uint8_t far_powers[] = {20, 21, 22, 24};
enum { FAR_AREAS = sizeof(far_powers) };

/* --- life --- */

void duel_must(int rc, const char *what)
{
    if (!rc)
        return;
    fprintf(stderr, "lockstep: %s: %s %s: %s\n", what, mh_last_error()->param,
            mh_last_error()->value, mh_last_error()->message);
    exit(2);
}

static void set_options(struct mh_vm_config *cfg, const char *const *options, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[64];
        const char *value = strchr(options[i], '=');
        snprintf(name, sizeof(name), "%.*s", value ? (int)(value - options[i]) : 63, options[i]);
        duel_must(mh_config_set(cfg, name, value ? value + 1 : "true"), options[i]);
    }
}

struct mh_machine *duel_machine(const struct duel_setup *s, const char *engine, unsigned harts)
{
    struct mh_vm_config cfg;
    struct mh_machine *m;
    mh_config_default(&cfg);
    cfg.harts = harts;
    cfg.memory_size = RAM_BYTES;
    cfg.console = "none";
    cfg.pin = "none";
    duel_must(mh_config_set(&cfg, "engine", engine), "engine");
    duel_must(mh_config_set(&cfg, "jit-thread", "off"), "jit-thread"); /* the same each time */
    set_options(&cfg, s->options, s->option_count);
    if (engine == s->engine[1])
        set_options(&cfg, s->second_options, s->second_option_count);
    duel_must(mh_machine_create(&m, &cfg), "create");
    duel_must(mh_machine_init(m), "init");
    return m;
}

static void side_create(struct side *s, const struct duel_setup *setup, unsigned which)
{
    s->m = duel_machine(setup, setup->engine[which], 1);
    for (unsigned i = 0; i < 2; i++)
        if (i == which || (which && setup->change))
            duel_must(mh_engine_create(&s->engine[i], s->m, 0, setup->engine[i]), "engine");
    s->which = which;
    s->h = rv_hart(s->m->gt->smp(s->m->guest)->harts[0]);
    s->ram = physmem_host(s->m->pm, RAM);
}

static void side_destroy(struct side *s)
{
    mh_engine_destroy(s->engine[0]);
    mh_engine_destroy(s->engine[1]);
    mh_machine_destroy(s->m);
    *s = (struct side){0};
}

static void side_load(struct side *s, const struct program *p, const struct image *image)
{
    struct mh_hart_state state = {.pc = RAM};
    duel_must(mh_memory_write(s->m, (mh_gpa){RAM}, image->low, sizeof(image->low)), "write");
    duel_must(
        mh_memory_write(s->m, (mh_gpa){RAM + AT_WINDOWS}, image->windows, sizeof(image->windows)),
        "write");
    duel_must(mh_mmu_set_strict_align(s->m, p->strict_align), "strict-align");
    memcpy(state.x, p->x, sizeof(state.x));
    memcpy(state.f, p->f, sizeof(state.f));
    duel_must(mh_hart_set_state(s->m, 0, &state), "set state");
}

/* What a mistake of the second engine would look like. */
static void falsify(struct side *s, const struct duel_setup *setup, const struct image *image)
{
    uint32_t mask = rv_op_info(setup->flaw)->mask, match = rv_op_info(setup->flaw)->match;
    for (unsigned at = 0; setup->flaw && at + 4 <= image->code.size; at += 2) {
        uint32_t raw;
        memcpy(&raw, image->code.bytes + at, 4);
        if ((raw & mask) != match)
            continue;
        raw = (raw & ~mask) | rv_op_info(setup->flawed)->match;
        duel_must(mh_memory_write(s->m, (mh_gpa){RAM + AT_CODE + at}, &raw, 4), "write");
    }
}

int duel_check(const struct duel_setup *s)
{
    int rc = 0;
    for (unsigned i = 0; i < 2 && !rc; i++) {
        struct mh_engine_info info;
        unsigned k = 0;
        while (!(rc = mh_engine_describe("riscv64", k, &info)) && strcmp(info.name, s->engine[i]))
            k++;
        if (rc)
            printf("there is no engine %s\n", s->engine[i]);
        else if (info.missing)
            printf("no engine %s: %s\n", s->engine[i], info.missing);
        rc = rc || info.missing ? -ENOTSUP : 0;
    }
    return rc;
}

/* --- executing --- */

static uint64_t progress(const struct side *s)
{
    return s->h->insns + s->h->stats.traps + s->h->stats.interrupts - s->begin;
}

static void side_piece(struct side *s, uint64_t insns, bool step)
{
    struct mh_engine_result r;
    uint64_t begin = progress(s);
    do {
        duel_must(mh_engine_execute(s->engine[s->which], step ? 1 : insns, &r), "execute");
    } while (step && r.why == MH_STOP_LIMIT && progress(s) - begin < insns);
    s->why = r.why;
}

static void side_irq(struct side *s)
{
    duel_must(mh_devices_write(s->m, (mh_gpa){CLINT}, 4, 1), "msip");
}

static void side_change(struct side *s)
{
    duel_must(mh_engine_sync_to(s->engine[s->which], s->engine[!s->which]), "change of engine");
    s->which = !s->which;
}

/* --- comparing --- */

struct report {
    char *text;
    size_t size;
    unsigned lines;
};

__attribute__((format(printf, 2, 3))) static void tell(struct report *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (r->lines++ < 40) {
        int n = vsnprintf(r->text, r->size, fmt, ap);
        size_t used = n < 0 ? 0 : (size_t)n < r->size ? (size_t)n : r->size - 1;
        r->text += used;
        r->size -= used;
    }
    va_end(ap);
}

static void compare(struct report *r, const char *what, uint64_t a, uint64_t b)
{
    if (a != b)
        tell(r, "  %-8s 0x%016" PRIx64 "  0x%016" PRIx64 "\n", what, a, b);
}

static void compare_array(struct report *r, const char *file, const uint64_t *a, const uint64_t *b,
                          unsigned first)
{
    char name[8];
    if (!memcmp(a, b, 32 * sizeof(*a)))
        return;
    for (unsigned i = first; i < 32; i++) {
        snprintf(name, sizeof(name), "%s%u", file, i);
        compare(r, name, a[i], b[i]);
    }
}

static void compare_csrs(struct report *r, struct side *s)
{
    static const uint16_t csrs[] = {0x003, 0x300, 0x341, 0x342, 0x343, 0x344, 0x141,
                                    0x142, 0x143, 0x180, 0xb02, 0x304, 0x340, 0x140};
    for (unsigned i = 0; i < sizeof(csrs) / sizeof(csrs[0]); i++) {
        uint64_t v[2] = {0, 0};
        for (unsigned k = 0; k < 2; k++)
            duel_must(rv_csr_peek(s[k].h, csrs[i], &v[k]), "CSR");
        compare(r, rv_csr_name(csrs[i]), v[0], v[1]);
    }
}

static void compare_harts(struct report *r, struct side *s)
{
    const struct rv_hart *a = s[0].h, *b = s[1].h;
    compare(r, "stop", s[0].why, s[1].why);
    compare(r, "pc", a->pc, b->pc);
    compare(r, "insns", a->insns, b->insns);
    compare(r, "traps", a->stats.traps, b->stats.traps);
    compare(r, "irqs", a->stats.interrupts, b->stats.interrupts);
    compare(r, "mode", a->priv, b->priv);
    compare_array(r, "x", a->x, b->x, 1);
    compare_array(r, "f", a->f, b->f, 0);
    compare_csrs(r, s);
}

static void compare_log(struct report *r, const struct side *s, uint32_t at, char mode)
{
    const struct trap_entry *a = (const void *)(s[0].ram + at), *b = (const void *)(s[1].ram + at);
    for (unsigned i = 0; i < LOG_ENTRIES; i++)
        if (memcmp(&a[i], &b[i], sizeof(a[i]))) {
            char name[32];
            snprintf(name, sizeof(name), "trap %u to %c", i, mode);
            compare(r, name, 0, 1);
            compare(r, "  cause", a[i].cause, b[i].cause);
            compare(r, "  epc", a[i].epc, b[i].epc);
            compare(r, "  tval", a[i].tval, b[i].tval);
            compare(r, "  status", a[i].status, b[i].status);
            compare(r, "  instret", a[i].instret, b[i].instret);
            compare(r, "  fcsr", a[i].fcsr, b[i].fcsr);
            return;
        }
}

static void compare_range(struct report *r, const struct side *s, uint32_t from, uint32_t to)
{
    unsigned told = 0;
    if (!memcmp(s[0].ram + from, s[1].ram + from, to - from))
        return;
    for (uint32_t at = from; at < to && told < 4; at += 8) {
        char name[24];
        uint64_t a, b;
        memcpy(&a, s[0].ram + at, 8);
        memcpy(&b, s[1].ram + at, 8);
        snprintf(name, sizeof(name), "[%llx]", RAM + at);
        told += a != b;
        compare(r, name, a, b);
    }
}

static void compare_memory(struct report *r, const struct side *s, const struct duel_setup *setup)
{
    static const uint32_t data = AT_DATA_END - AT_DATA;
    compare_log(r, s, AT_LOG_M, 'M');
    compare_log(r, s, AT_LOG_S, 'S');
    compare_range(r, s, 0, AT_LOG_M);
    compare_range(r, s, AT_TABLES, AT_TABLES_END);
    if (!setup->flaw)
        compare_range(r, s, AT_CODE, AT_CODE_END);
    compare_range(r, s, AT_CODE_END, AT_LOW_END);
    compare_range(r, s, AT_WINDOWS, AT_WINDOWS + WINDOWS * PAGE);
    for (unsigned i = 0; i < FAR_AREAS; i++)
        compare_range(r, s, AT_DATA + (1u << far_powers[i]),
                      AT_DATA + (1u << far_powers[i]) + data);
}

/* --- both together --- */

static struct image image;

/* A machine that has executed another program. */
static void side_renew(struct side *s, unsigned which)
{
    static const uint8_t zeros[AT_STREAM_END - AT_STREAM + 2 * PAGE];
    if (s->which != which)
        side_change(s);
    duel_must(mh_engine_reset(s->engine[which]), "reset");
    duel_must(mh_devices_write(s->m, (mh_gpa){CLINT}, 4, 0), "msip");
    duel_must(mh_memory_write(s->m, (mh_gpa){RAM + AT_STREAM - PAGE}, zeros, sizeof(zeros)),
              "write");
    for (unsigned i = 0; i < FAR_AREAS; i++)
        duel_must(mh_memory_write(s->m, (mh_gpa){RAM + AT_DATA + (1u << far_powers[i])}, zeros,
                                  AT_DATA_END - AT_DATA),
                  "write");
    s->begin = s->h->insns + s->h->stats.traps + s->h->stats.interrupts;
}

static void start(struct side *s, const struct duel_setup *setup, const struct program *p)
{
    image_make(&image, p);
    for (unsigned i = 0; i < 2; i++) {
        if (s[i].m)
            side_renew(&s[i], i);
        else
            side_create(&s[i], setup, i);
        side_load(&s[i], p, &image);
    }
    falsify(&s[1], setup, &image);
}

static bool at_end(const struct side *s)
{
    return s->h->pc - image.end < 8;
}

static void before_piece(struct side *s, const struct duel_setup *setup, const struct piece *q)
{
    if (q->irq)
        for (unsigned i = 0; i < 2; i++)
            side_irq(&s[i]);
    if (q->change && setup->change)
        side_change(&s[1]);
}

/* A WFI ends a piece early; then the rest of it follows. */
static void run_piece(struct side *s, const struct duel_setup *setup, uint64_t insns,
                      struct report *r)
{
    for (uint64_t begin = progress(&s[0]), done = 0; done < insns && !r->lines;) {
        side_piece(&s[0], insns - done, setup->step);
        side_piece(&s[1], insns - done, false);
        compare_harts(r, s);
        done = progress(&s[0]) - begin;
        if (at_end(&s[0]))
            break;
    }
}

static void run_pieces(struct side *s, const struct duel_setup *setup, const struct program *p,
                       struct duel_result *out)
{
    struct report r = {out->report, sizeof(out->report), 0};
    for (unsigned i = 0; i < p->piece_count && !out->ended && !out->differs; i++) {
        const struct piece *q = &p->pieces[i];
        out->piece = i;
        out->before = progress(&s[0]);
        before_piece(s, setup, q);
        run_piece(s, setup, q->insns, &r);
        out->ended = at_end(&s[0]);
        if (r.lines || out->ended || setup->memory_often || i % 8 == 7 || i + 1 == p->piece_count)
            compare_memory(&r, s, setup);
        out->differs = r.lines > 0;
    }
    compare_range(&r, s, AT_STREAM - PAGE, AT_STREAM_END);
    out->differs = r.lines > 0;
}

void duel_run(const struct duel_setup *setup, const struct program *p, struct duel_result *out)
{
    static struct side s[2];
    bool alone = setup->reuse < 2;
    memset(out, 0, sizeof(*out));
    if (s[0].m && (alone || p->index % setup->reuse == 0))
        for (unsigned i = 0; i < 2; i++)
            side_destroy(&s[i]);
    start(s, setup, p);
    uint64_t traps = s[0].h->stats.traps, irqs = s[0].h->stats.interrupts;
    run_pieces(s, setup, p, out);
    out->traps = s[0].h->stats.traps - traps;
    out->irqs = s[0].h->stats.interrupts - irqs;
    out->insns = progress(&s[0]) - out->traps - out->irqs;
    for (unsigned i = 0; i < 2 && alone; i++)
        side_destroy(&s[i]);
}

/* --- explaining --- */

enum { TRACE = 24, TRACE_MAX = 1 << 17 };

/* What was executed in a piece, and who wrote each register last. */
struct trace {
    struct traced {
        uint64_t count, pc;
        int item;
    } all[TRACE_MAX], wrote_x[32], wrote_f[32];
    unsigned n;
};

/* Where an address of RAM or of its aliases is in RAM. */
static uint64_t unaliased(uint64_t va)
{
    uint64_t offset = va & (ALIAS - 1);
    return offset < RAM_BYTES ? RAM | offset : va;
}

static void trace_step(struct trace *t, struct side *s, const struct program *p)
{
    uint64_t x[32], f[32];
    struct traced now = {progress(s), s->h->pc, -1};
    uint64_t pc = unaliased(s->h->pc);
    if (pc - (RAM + AT_CODE) < AT_CODE_END - AT_CODE)
        now.item = program_item_at(p, &image.code, (unsigned)(pc - (RAM + AT_CODE)));
    memcpy(x, s->h->x, sizeof(x));
    memcpy(f, s->h->f, sizeof(f));
    side_piece(s, 1, false);
    for (unsigned i = 0; i < 32; i++) {
        if (x[i] != s->h->x[i])
            t->wrote_x[i] = now;
        if (f[i] != s->h->f[i])
            t->wrote_f[i] = now;
    }
    if (t->n < TRACE_MAX)
        t->all[t->n++] = now;
}

static void print_insn(const struct side *s, const struct traced *t, const struct program *p,
                       FILE *out)
{
    struct mh_decoder *d;
    struct mh_insn in = {0};
    if (mh_decoder_create(&d, "riscv64", NULL))
        return;
    uint64_t at = unaliased(t->pc);
    if (at - RAM < RAM_BYTES - 4)
        mh_decoder_decode(d, s->ram + (at - RAM), 4, (mh_gva){t->pc}, &in);
    mh_decoder_destroy(d);
    fprintf(out, "#%-7" PRIu64 " %10" PRIx64 "  %-32s", t->count, t->pc, in.text);
    if (t->item >= 0)
        fprintf(out, " item %d, %s", t->item, program_item_name(p, (unsigned)t->item));
    else if (t->pc - RAM < AT_LITERALS)
        fprintf(out, " runtime");
    fputc('\n', out);
}

static void print_writers(const struct side *s, const struct trace *t, const struct program *p,
                          const char *report, FILE *out)
{
    for (unsigned i = 0; i < 64; i++) {
        char name[16];
        const struct traced *w = i < 32 ? &t->wrote_x[i] : &t->wrote_f[i - 32];
        snprintf(name, sizeof(name), "\n  %c%u ", i < 32 ? 'x' : 'f', i % 32);
        if (!strstr(report, name) && strncmp(report, name + 1, strlen(name + 1)))
            continue;
        fprintf(out, "%s last changed by ", name + 1);
        if (w->pc)
            print_insn(s, w, p, out);
        else
            fputs("nothing in this piece\n", out);
    }
}

static bool in_runtime(const struct traced *t)
{
    return t->item < 0 && t->pc - RAM < AT_LITERALS;
}

/* The last of the trace before `to`: so many of the program's own, those of handlers as a number.
 */
static void print_some(const struct side *s, const struct trace *t, const struct program *p,
                       unsigned to, unsigned many, FILE *out)
{
    unsigned from = to, runtime = 0;
    while (from && many)
        many -= !in_runtime(&t->all[--from]);
    for (unsigned i = from; i < to; i++) {
        bool shown = !in_runtime(&t->all[i]) || i + 3 >= to;
        if (shown && runtime)
            fprintf(out, "  (%u of the runtime)\n", runtime);
        runtime = shown ? 0 : runtime + 1;
        if (shown)
            print_insn(s, &t->all[i], p, out);
    }
}

/*
 * The end of the piece; and where the second engine came back, since it executes the last
 * instructions of a piece, as many as it may overrun by, one by one.
 */
static void print_trace(const struct duel_setup *setup, const struct side *s, const struct trace *t,
                        const struct program *p, FILE *out)
{
    unsigned id = 0;
    while (engine_name(id) && strcmp(engine_name(id), setup->engine[1]))
        id++;
    unsigned overrun = s->m->gt->engine((enum guest_engine)id)->overrun;
    if (t->n > overrun + TRACE) {
        unsigned at = t->n - overrun;
        fprintf(
            out,
            "%s may overrun by %u instructions; before it came back %s executed (number, pc):\n",
            setup->engine[1], overrun, setup->engine[0]);
        print_some(s, t, p, at, TRACE, out);
    }
    fprintf(out, "the last instructions of %s (number, pc; of %u in the piece):\n",
            setup->engine[0], t->n);
    print_some(s, t, p, t->n, TRACE, out);
}

void duel_explain(const struct duel_setup *setup, const struct program *p,
                  const struct duel_result *found, FILE *out)
{
    static struct trace t;
    struct side s[2] = {0};
    memset(&t, 0, sizeof(t));
    image_make(&image, p);
    side_create(&s[0], setup, 0);
    side_load(&s[0], p, &image);
    for (unsigned i = 0; i <= found->piece; i++) {
        const struct piece *q = &p->pieces[i];
        if (q->irq)
            side_irq(&s[0]);
        for (uint64_t begin = progress(&s[0]), done = 0; done < q->insns && !at_end(&s[0]);) {
            if (i < found->piece)
                side_piece(&s[0], q->insns - done, false);
            else
                trace_step(&t, &s[0], p);
            done = progress(&s[0]) - begin;
        }
    }
    print_writers(&s[0], &t, p, found->report, out);
    print_trace(setup, &s[0], &t, p, out);
    side_destroy(&s[0]);
}
