/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir_stats FILE.elf: what the passes (jit/pass.h) are worth on the code of a
 * RISC-V program.  Translates the basic block behind every entry, branch target
 * and block end of its executable sections, each counted once whether it runs
 * often or never, and prints the instructions of the representation per guest
 * instruction: as translated, after each pass of level 3, without each pass.
 * A point is no work for a back end and does not count.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/riscv/isa_string.h"
#include "isa/riscv/translate.h"
#include "jit/pass.h"
#include "sim/base/log.h"

#define BLOCK_MAX 4096
#define RUNS      16

struct code {
    const uint8_t *bytes;
    uint64_t size;
    bool *starts; /* a block begins here; one for each 2 bytes */
};

struct sums {
    uint64_t blocks, guest, insns;
    uint64_t ops[IR_OP_COUNT];
};

static struct rv_ext_set exts;

/* One for each column: as translated, then after each pass, then without each. */
static struct sums translated, after[RUNS], without[RUNS];

static char *read_file(const char *path, size_t *size)
{
    FILE *in = fopen(path, "re");
    if (!in || fseek(in, 0, SEEK_END))
        return NULL;
    *size = (size_t)ftell(in);
    rewind(in);
    char *bytes = malloc(*size + 1);
    if (bytes && fread(bytes, 1, *size, in) != *size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(in);
    return bytes;
}

static void mark(const struct code *c, int64_t at)
{
    if (at >= 0 && (uint64_t)at < c->size)
        c->starts[at / 2] = true;
}

/* Where blocks may begin, going through the instructions in a row. */
static void find_starts(const struct code *c)
{
    mark(c, 0);
    for (uint64_t at = 0; at + 4 <= c->size;) {
        struct rv_insn insn;
        uint32_t word;
        memcpy(&word, c->bytes + at, 4);
        rv_decode(word, &exts, &insn);
        unsigned flags = rv_op_info(insn.op)->flags;
        uint64_t next = at + insn.len;
        if (flags & (RV_ENDS_BLOCK | RV_IS_BRANCH | RV_IS_JUMP))
            mark(c, (int64_t)next);
        if (flags & RV_IS_BRANCH || insn.op == RV_OP_jal)
            mark(c, (int64_t)at + insn.imm);
        at = next;
    }
}

static void count(struct sums *s, const struct ir_block *b, unsigned guest)
{
    s->blocks++;
    s->guest += guest;
    for (unsigned i = 1; i < b->count; i++) {
        s->insns += b->insns[i].op != IR_point;
        s->ops[b->insns[i].op]++;
    }
}

struct column {
    unsigned next, guest;
};

static void count_pass(const struct ir_block *b, const char *pass, void *opaque)
{
    struct column *c = opaque;
    (void)pass;
    count(&after[c->next++], b, c->guest);
}

static void count_block(const struct ir_block *b, unsigned guest)
{
    static struct ir_insn insns[BLOCK_MAX];
    struct ir_block copy = *b;
    copy.insns = insns;
    count(&translated, b, guest);
    for (unsigned left_out = 0; left_out < RUNS; left_out++) {
        struct column c = {.guest = guest};
        bool all = !ir_pass_at(left_out);
        memcpy(insns, b->insns, b->count * sizeof(insns[0]));
        copy.count = b->count;
        ir_optimize(&copy, ir_passes_of_level(3) & ~(1u << left_out), all ? count_pass : NULL, &c);
        if (all)
            break;
        count(&without[left_out], &copy, guest);
    }
}

static void translate_code(const struct code *c)
{
    static struct ir_insn insns[BLOCK_MAX];
    for (uint64_t at = 0; at < c->size; at += 2) {
        struct ir_block b;
        if (!c->starts[at / 2])
            continue;
        ir_begin(&b, &rv_ir_guest, insns, BLOCK_MAX);
        unsigned n = rv_translate_block(&b, &exts, c->bytes + at, c->size - at, 64);
        bool is_code = n > 1 || insns[b.count - 1].op != IR_trap;
        if (n && is_code)
            count_block(&b, n);
    }
}

static void do_section(const char *file, const Elf64_Shdr *s)
{
    struct code c = {.bytes = (const uint8_t *)file + s->sh_offset, .size = s->sh_size};
    if (s->sh_type != SHT_PROGBITS || !(s->sh_flags & SHF_EXECINSTR) || !s->sh_size)
        return;
    c.starts = calloc(s->sh_size / 2 + 1, sizeof(bool));
    if (!c.starts)
        BUG("no memory");
    find_starts(&c);
    translate_code(&c);
    free(c.starts);
}

static double per_guest(const struct sums *s)
{
    return (double)s->insns / (double)(s->guest ? s->guest : 1);
}

static void print_ops(const struct sums *before, const struct sums *last)
{
    printf("\nper 1000 guest instructions, as translated and after all passes:\n");
    for (unsigned op = 0; op < IR_OP_COUNT; op++)
        if (1000 * before->ops[op] >= before->guest || 1000 * last->ops[op] >= before->guest)
            printf("%-10s %6.0f %6.0f\n", ir_ops[op].name,
                   1000 * (double)before->ops[op] / (double)before->guest,
                   1000 * (double)last->ops[op] / (double)before->guest);
}

static void print(void)
{
    unsigned n = 0;
    printf("%llu blocks of %.1f guest instructions\n", (unsigned long long)translated.blocks,
           (double)translated.guest / (double)translated.blocks);
    printf("%-12s %.2f instructions per guest instruction\n", "translated", per_guest(&translated));
    for (; ir_pass_at(n); n++)
        printf("%-12s %.2f   without it %.2f\n", ir_pass_at(n)->name, per_guest(&after[n]),
               per_guest(&without[n]));
    print_ops(&translated, &after[n - 1]);
}

int main(int argc, char **argv)
{
    size_t size;
    char *file = argc == 2 ? read_file(argv[1], &size) : NULL;
    const Elf64_Ehdr *e = (const void *)file;
    if (!file || size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG) ||
        e->e_machine != EM_RISCV || e->e_shoff + e->e_shnum * sizeof(Elf64_Shdr) > size) {
        fprintf(stderr, "ir_stats: takes a RISC-V ELF file with sections\n");
        free(file);
        return 1;
    }
    isa_set_all(&exts);
    const Elf64_Shdr *s = (const void *)(file + e->e_shoff);
    for (unsigned i = 0; i < e->e_shnum; i++)
        if (s[i].sh_type == SHT_PROGBITS && s[i].sh_offset + s[i].sh_size <= size)
            do_section(file, &s[i]);
    if (translated.blocks)
        print();
    free(file);
    return 0;
}
