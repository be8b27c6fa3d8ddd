/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code the translator makes of guest instructions, as text that shows in
 * review: data/x64/NAME.txt.  A line "= add a0, a1, a2; ..." is guest code (one
 * page that begins with it, translated as one region with all passes), the
 * indented lines below it are the host code of its blocks.  "=+" shows the way
 * out of the region as well, and what is off the fast path.  With "~" the
 * accesses scatter (jit_region.scattered), with "^" in global pages; with "%" the
 * host may make what is misaligned in two, and another hart would see it; with
 * "#" addresses are physical, and RAM is where its addresses say (jit_region.flat);
 * with "@" streams are of a page each (jit_region.by_page).
 *
 * Places in the hart, stubs and C functions have names, jumps have labels, and
 * the processor is one with all that we ask for; so the text changes with the
 * code generator alone.
 *
 *   MH_UPDATE_CORPUS=1 build/release/tests/unit/unit_jit_x64_corpus
 *
 * writes the files anew.  Skipped where objdump is missing.
 */
#include "jit/x64/lower.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "isa/riscv/decode.h"
#include "isa/riscv/jit.h"
#include "isa/riscv/region.h"
#include "jit/codemem.h"
#include "jit/pass.h"
#include "jit/x64/lower.h"
#include "tests/unit/isa_riscv_fixture.h"

#define CASE_INSNS 32
#define LINES_MAX  600

static struct fixture f;
static struct codemem *mem;
static struct jit_stubs stubs;
static const struct jit_host *host;
static struct rv_region_builder builder;
static struct x64_cpu cpu;

/* --- translating --- */

static unsigned assemble(char *texts, uint32_t *code)
{
    unsigned n = 0;
    for (char *text = strtok(texts, ";"); text; text = strtok(NULL, ";")) {
        text += strspn(text, " ");
        assert_true(n < CASE_INSNS);
        if (rv_asm(text, 4 * n, &code[n]) != 4)
            fail_msg("'%s' is no instruction of four bytes", text);
        n++;
    }
    return n;
}

/* What a case's marks ask for. */
struct marks {
    bool whole, scattered, global, torn, flat, by_page;
    unsigned len;
};

static struct marks marks_of(const char *line)
{
    struct marks m = {0};
    for (m.len = 1; strchr("+~^%#@", line[m.len]); m.len++) {
        m.whole |= line[m.len] == '+';
        m.scattered |= line[m.len] == '~' || line[m.len] == '^';
        m.global |= line[m.len] == '^';
        m.torn |= line[m.len] == '%';
        m.flat |= line[m.len] == '#';
        m.by_page |= line[m.len] == '@';
    }
    return m;
}

static void translate(const uint32_t *code, unsigned insns, const struct marks *marks,
                      struct jit_room *room, struct jit_code *out)
{
    static const struct rv_assume assume = {.fp_dirty = true, .fp_rne = true};
    static const struct jit_flat flat = {.base = 0x80000000, .size = 128 << 20};
    static uint8_t page[PAGE_SIZE];
    const struct rv_region_limits limits = {
        .blocks = JIT_BLOCKS_MAX, .insns = insns, .own_map = true};
    memset(page, 0, sizeof(page));
    memcpy(page, code, 4 * insns);
    rv_region_build(&builder, f.g, &assume, NULL, page, 0, &limits);
    for (unsigned k = 0; k < builder.region.count; k++)
        ir_optimize(&builder.blocks[k].ir, ir_passes_of_level(3), NULL, NULL);
    builder.region.guest = &rv_jit_guest;
    builder.region.scattered = marks->scattered ? &builder.scattered : NULL;
    memset(builder.scattered.here, 0xff, sizeof(builder.scattered.here));
    memset(builder.scattered.global, marks->global ? 0xff : 0, sizeof(builder.scattered.global));
    builder.region.flat = marks->flat ? &flat : NULL;
    builder.region.by_page = marks->by_page;
    builder.region.alone = !marks->torn;
    cpu.line_atomic = !marks->torn;
    room->used = 0;
    assert_int_equal(host->compile(&builder.region, &stubs, room, out), 0);
}

/* --- names --- */

static void tlb_place(char *out, size_t size, size_t at)
{
    size_t table = at - offsetof(struct tlb, table), ctx = at - offsetof(struct tlb, ctx),
           global = at - offsetof(struct tlb, global);
    if (table < sizeof(((struct tlb *)0)->table))
        snprintf(out, size, "tlb.table%zu.%s", table / sizeof(struct tlb_table),
                 table % sizeof(struct tlb_table) ? "mask" : "entries");
    else if (ctx < sizeof(((struct tlb *)0)->ctx))
        snprintf(out, size, "tlb.ctx%zu", ctx / 8);
    else if (global < sizeof(((struct tlb *)0)->global))
        snprintf(out, size, "tlb.global%zu", global / 8);
    else
        snprintf(out, size, "tlb.%s", at < offsetof(struct tlb, stream_used) ? "?" : "stream_used");
}

static void hart_place(char *out, size_t size, int64_t offset)
{
    const struct jit_guest *g = &rv_jit_guest;
    const struct {
        const char *name;
        int64_t at;
    } places[] = {{"hart", 0},
                  {"insns", g->insns},
                  {"until", g->until},
                  {"page_va", g->page_va},
                  {"pc", g->pc},
#define JIT(member) {"jit." #member, g->jit + (int64_t)offsetof(struct jit_hart, member)}
                  {"paged", g->paged},
                  {"jit.site.stream", g->jit + (int64_t)offsetof(struct jit_hart, site) + 2},
                  JIT(jumps),
                  JIT(rsp),
                  JIT(calls_end),
                  JIT(va),
                  JIT(value),
                  JIT(desired),
                  JIT(point),
                  JIT(room),
                  JIT(missed),
                  JIT(span),
                  JIT(site),
                  JIT(box),
                  JIT(wide),
                  JIT(nan),
                  {"jit.nan.single", g->jit + (int64_t)offsetof(struct jit_hart, nan[1])},
                  JIT(exit_site),
                  JIT(near_site),
                  JIT(near_number),
                  JIT(near_place),
                  JIT(lr_host),
                  JIT(lr_foreign),
                  JIT(foreign),
                  JIT(lr_exact),
                  JIT(looks),
                  JIT(watched),
                  {"reserved", g->reserved},
                  {"lrs", g->lr_count},
                  {"scs", g->sc_count}};
#undef JIT
    int64_t args = offset - g->jit - (int64_t)offsetof(struct jit_hart, args);
    int64_t frame = offset - g->jit - (int64_t)offsetof(struct jit_hart, frame);
    int64_t stream = offset - g->tlb - (int64_t)offsetof(struct tlb, stream);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (places[i].at == offset) {
            snprintf(out, size, "%s", places[i].name);
            return;
        }
    for (unsigned i = 1; i < g->ir->slot_count; i++)
        if (g->ir->slots[i].offset == (uint64_t)offset && g->ir->slots[i].name) {
            snprintf(out, size, "%s", g->ir->slots[i].name);
            return;
        }
    if (args >= 0 && args < 8 * IR_ARGS_MAX) {
        snprintf(out, size, "jit.args+%d", (int)args);
    } else if (frame >= 0 && frame < 8 * JIT_FRAME_WORDS) {
        snprintf(out, size, "jit.frame+%d", (int)frame / 8);
    } else if (stream >= 0 && stream < (int64_t)sizeof(((struct tlb *)0)->stream)) {
        static const char *const words[] = {"start", "limit", "addend"};
        unsigned n = (unsigned)stream / sizeof(struct tlb_stream);
        snprintf(out, size, "%s%u.%s", n < TLB_STREAMS ? "read" : "write", n % TLB_STREAMS,
                 words[stream % sizeof(struct tlb_stream) / 8]);
    } else if (offset > g->tlb && offset < g->tlb + (int64_t)sizeof(struct tlb)) {
        tlb_place(out, size, (size_t)(offset - g->tlb));
    } else {
        fail_msg("no name for the hart's byte %#lx", (unsigned long)offset);
    }
}

static const char *stub_name(uintptr_t at)
{
    const struct {
        const char *name;
        uintptr_t at;
    } known[] = {
#define STUB(name) {#name, stubs.name}
        STUB(fault),
        STUB(trap),
        STUB(chain),
        STUB(chain_here),
        STUB(find),
        STUB(find_at),
        STUB(leave),
        STUB(leave_at),
        STUB(alarm),
        STUB(alarm_at),
        STUB(interp),
        STUB(by_address),
        STUB(near),
        STUB(slow),
        STUB(probe[TLB_STREAM_READ]),
        STUB(probe[TLB_STREAM_WRITE]),
        STUB(stray_return),
#undef STUB
#define ROUTINE(kind) {#kind, stubs.routine[kind]}
        ROUTINE(CALL_MISS_READ),
        ROUTINE(CALL_MISS_WRITE),
        ROUTINE(CALL_MISS),
        ROUTINE(CALL_HELPER),
        ROUTINE(CALL_HELPER_REGS),
#undef ROUTINE
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].at == at)
            return known[i].name;
    return NULL;
}

/* --- the listing --- */

struct line {
    unsigned long at;
    long target; /* in the region, or -1 */
    unsigned label;
    char text[160];
};

static struct line lines[LINES_MAX];
static unsigned line_count;

static void read_listing(const char *path)
{
    char command[256], text[512];
    snprintf(command, sizeof(command),
             "objdump -D -z -w -b binary -m i386:x86-64 -M intel --no-show-raw-insn %s", path);
    FILE *in = popen(command, "re"); /* NOLINT(cert-env33-c) */
    assert_non_null(in);
    line_count = 0;
    while (fgets(text, sizeof(text), in)) {
        char *end;
        unsigned long at = strtoul(text, &end, 16);
        if (*text != ' ' || *end != ':')
            continue;
        assert_true(line_count < LINES_MAX);
        struct line *l = &lines[line_count++];
        *l = (struct line){.at = at, .target = -1};
        end += 1 + strspn(end + 1, " \t");
        end[strcspn(end, "#\n")] = 0;
        for (size_t n = strlen(end); n && isspace((unsigned char)end[n - 1]);)
            end[--n] = 0;
        unsigned n = 0;
        for (const char *p = end; *p && n < sizeof(l->text) - 1; p++)
            if (*p != ' ' || n == 0 || l->text[n - 1] != ' ')
                l->text[n++] = *p;
    }
    pclose(in);
}

/* [rbp+0x10] or, with an index, [rbp+rdx*8+0x10]. */
static void name_hart(struct line *l)
{
    char *open = strstr(l->text, "[rbp"), place[64], index[16] = "", rest[160];
    if (!open)
        return;
    char *end = open + 4;
    if (*end == '+' && end[1] == 'r') {
        size_t n = 1 + strcspn(end + 1, "+-]");
        snprintf(index, sizeof(index), "%.*s", (int)n, end);
        end += n;
    }
    int64_t disp = *end == ']' ? 0 : strtoll(end, &end, 16);
    if (*end != ']')
        return;
    hart_place(place, sizeof(place), disp + rv_jit_guest.bias);
    snprintf(rest, sizeof(rest), "%s", end);
    snprintf(open, sizeof(l->text) - (size_t)(open - l->text), "[%s%s%s", place, index, rest);
}

/* A jump's or call's target, the last word. */
static void name_target(struct line *l, const struct jit_code *code)
{
    char *word = strrchr(l->text, ' ');
    bool jumps = *l->text == 'j' || !strncmp(l->text, "call ", 5);
    if (!word || !jumps || strncmp(word, " 0x", 3))
        return;
    uintptr_t at = code->start + strtoul(word, NULL, 16);
    const char *stub = stub_name(at);
    if (stub)
        snprintf(word, 32, " %s", stub);
    else if (at - code->start < code->size)
        l->target = (long)(at - code->start);
    else
        fail_msg("%s leads nowhere", l->text);
}

/* Addresses of C functions and tables. */
static void name_constant(struct line *l)
{
    char *word = strstr(l->text, ",0x");
    if (strncmp(l->text, "movabs", 6) || !word)
        return;
    uint64_t v = strtoull(word + 1, NULL, 16);
    if (v == (uintptr_t)rv_jit_guest.slow)
        snprintf(word, 16, ",slow");
    else if (v == (uintptr_t)rv_ir_guest.helpers + offsetof(struct ir_helper, fn))
        snprintf(word, 16, ",helpers");
}

static void make_labels(void)
{
    unsigned label = 0;
    for (unsigned i = 0; i < line_count; i++)
        for (unsigned k = 0; k < line_count && !lines[i].label; k++)
            if (lines[k].target == (long)lines[i].at)
                lines[i].label = ++label;
}

static unsigned label_of(long at)
{
    for (unsigned i = 0; i < line_count; i++)
        if ((long)lines[i].at == at)
            return lines[i].label;
    return 0;
}

/* How much of the listing is the case's own: without the way out and what is off the fast path. */
static unsigned own_lines(const struct jit_code *code)
{
    unsigned n = 0;
    while (n < line_count && lines[n].at < code->rest - code->start)
        n++;
    unsigned all = n;
    while (n && strncmp(lines[n - 1].text, "lea r15,[r15+", 13))
        n--;
    return n ? n - 1 : all;
}

static void print_case(FILE *out, const struct jit_code *code, bool whole)
{
    unsigned n = whole ? line_count : own_lines(code);
    for (unsigned i = 0; i < line_count; i++) {
        name_hart(&lines[i]);
        name_target(&lines[i], code);
        name_constant(&lines[i]);
    }
    make_labels();
    for (unsigned i = 0; i < n; i++) {
        struct line *l = &lines[i];
        char *word = strrchr(l->text, ' ');
        if (l->label)
            fprintf(out, "  L%u:\n", l->label);
        if (l->target >= 0 && word)
            fprintf(out, "    %.*s L%u\n", (int)(word - l->text), l->text, label_of(l->target));
        else
            fprintf(out, "    %s\n", l->text);
    }
}

/* --- files --- */

static void make_case(FILE *out, const char *line)
{
    static char dir[] = "/tmp/manyhart-corpus-XXXXXX";
    static bool made;
    char texts[512], path[128];
    uint32_t code[CASE_INSNS];
    struct jit_room room = codemem_room(mem, 1);
    struct jit_code jc;
    struct marks marks = marks_of(line);
    snprintf(texts, sizeof(texts), "%s", line + marks.len);
    unsigned insns = assemble(texts, code);
    translate(code, insns, &marks, &room, &jc);
    if (!made)
        assert_non_null(mkdtemp(dir));
    made = true;
    snprintf(path, sizeof(path), "%s/code", dir);
    FILE *bytes = fopen(path, "we");
    assert_non_null(bytes);
    assert_int_equal(fwrite(room.rw, 1, jc.size, bytes), jc.size);
    fclose(bytes);
    read_listing(path);
    (void)unlink(path);
    fprintf(out, "%s\n", line);
    print_case(out, &jc, marks.whole);
    made = rmdir(dir) != 0;
    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

/* What the file should be. */
static char *make_file(const char *path, char **old)
{
    char *text, line[1024];
    size_t size;
    FILE *in = fopen(path, "re"), *out = open_memstream(&text, &size);
    assert_non_null(in);
    size_t old_size;
    FILE *copy = open_memstream(old, &old_size);
    while (fgets(line, sizeof(line), in)) {
        fputs(line, copy);
        line[strcspn(line, "\n")] = 0;
        if (*line == '=')
            make_case(out, line);
        else if (*line != ' ')
            fprintf(out, "%s\n", line);
    }
    fclose(in);
    fclose(out);
    fclose(copy);
    return text;
}

static void compare_files(const char *path, const char *old, const char *made)
{
    char around[256] = "";
    while (*old && *old == *made) {
        if (*old == '=')
            snprintf(around, sizeof(around), "%.*s", (int)strcspn(old, "\n"), old);
        old++;
        made++;
    }
    if (*old || *made)
        fail_msg("%s, %s: is now \"%.*s\" and was \"%.*s\"; if that is wanted, say "
                 "MH_UPDATE_CORPUS=1",
                 path, around, (int)strcspn(made, "\n"), made, (int)strcspn(old, "\n"), old);
}

static void the_code_is_as_reviewed(void **state)
{
    (void)state;
    glob_t files;
    unsigned n = 0;
    memset(&cpu, true, sizeof(cpu));
    x64_cpu_force(&cpu);
    assert_int_equal(glob(MH_UNIT_DATA "/x64/*.txt", 0, NULL, &files), 0);
    for (; n < files.gl_pathc; n++) {
        const char *path = files.gl_pathv[n];
        char *old, *made = make_file(path, &old);
        if (getenv("MH_UPDATE_CORPUS")) {
            FILE *out = fopen(path, "we");
            assert_non_null(out);
            fputs(made, out);
            fclose(out);
        } else {
            compare_files(path, old, made);
        }
        free(old);
        free(made);
    }
    assert_true(n > 0);
    globfree(&files);
    x64_cpu_force(NULL);
}

static int open_all(void **state)
{
    (void)state;
    host = jit_host();
#if defined(__clang__)
    print_message("skipped: C leaves the order of operands open, and gcc's is that of the files\n");
    exit(77);
#endif
    if (!host || system("objdump --version >/dev/null 2>&1")) { /* NOLINT(cert-env33-c) */
        print_message("skipped: objdump is missing, or a back end for this machine\n");
        exit(77);
    }
    (void)fixture_hart(&f, NULL);
    assert_int_equal(codemem_create(&mem, 8u << 20), 0);
    struct jit_room room = codemem_room(mem, 0);
    return host->stubs(&stubs, &rv_jit_guest, &room);
}

static int close_all(void **state)
{
    (void)state;
    codemem_destroy(mem);
    fixture_close(&f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_code_is_as_reviewed),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
