/* SPDX-License-Identifier: Apache-2.0 */
/* The coverage reports; see coverage.h. */
#include "tests/oracle/coverage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "isa/riscv/forms.h"
#include "isa/riscv/isa_string.h"
#include "isa/riscv/rv.h"

uint64_t coverage_insn(const struct coverage *c, unsigned form)
{
    uint64_t sum = 0;
    for (unsigned rm = 0; rm < RM_COUNT; rm++)
        sum += c->insns[form][rm];
    return sum;
}

static bool enabled(const struct machines *m, unsigned form)
{
    const struct rv_form *f = &rv_forms()[form];
    return rv_ext_has(&m->exts, f->ext) && rv_ext_has(&m->exts, f->base_ext);
}

/* An extension that QEMU cannot be asked for has no oracle; such names are ours alone. */
static bool oracle_has(const struct machines *m, unsigned form)
{
    return m->in_qemu[rv_forms()[form].ext];
}

/* The rounding modes that an encoding may hold: 0 to 4 and dynamic. */
static bool modes_short(const struct coverage *c, unsigned form, unsigned min)
{
    if (!rv_forms()[form].rm.width)
        return coverage_insn(c, form) < min;
    for (unsigned rm = 0; rm < 8; rm++)
        if (rm != 5 && rm != 6 && c->insns[form][rm] < min / 5)
            return true;
    return coverage_insn(c, form) < min;
}

unsigned coverage_short(const struct coverage *c, const struct machines *m, unsigned min)
{
    unsigned count = 0;
    for (unsigned form = 1; form < RV_FORM_COUNT; form++)
        if (enabled(m, form) && oracle_has(m, form) && modes_short(c, form, min)) {
            printf("coverage: %s: %" PRIu64 " comparisons\n", rv_forms()[form].name,
                   coverage_insn(c, form));
            count++;
        }
    return count;
}

/* --- text --- */

static void text_insns(FILE *f, const struct coverage *c, const struct machines *m)
{
    fprintf(f, "\n%-14s %-12s %10s %10s  by rounding mode rne rtz rdn rup rmm 5 6 dyn\n",
            "instruction", "extension", "compared", "trapped");
    for (unsigned form = 1; form < RV_FORM_COUNT; form++) {
        const struct rv_form *p = &rv_forms()[form];
        if (!enabled(m, form))
            continue;
        fprintf(f, "%-14s %-12s %10" PRIu64 " %10" PRIu64, p->name, isa_ext_name(p->ext),
                coverage_insn(c, form), c->traps[form]);
        for (unsigned rm = 0; p->rm.width && rm < 8; rm++)
            fprintf(f, " %" PRIu64, c->insns[form][rm]);
        fputs(oracle_has(m, form) ? "\n" : "  (not in QEMU)\n", f);
    }
}

static void text_csrs(FILE *f, const struct coverage *c)
{
    uint64_t other = 0, other_numbers = 0;
    fprintf(f, "\n%-18s %6s %10s %10s %10s\n", "csr", "number", "M", "S", "U");
    for (unsigned i = 0; i < CSRS; i++) {
        const uint64_t *n = c->csrs[i];
        if (rv_csr_name(i))
            fprintf(f, "%-18s  0x%03x %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n", rv_csr_name(i),
                    i, n[3], n[1], n[0]);
        else
            other += n[3] + n[1] + n[0], other_numbers++;
    }
    fprintf(f, "%" PRIu64 " numbers without a register: %" PRIu64 "\n", other_numbers, other);
}

static void text_known(FILE *f, const struct coverage *c)
{
    fprintf(f, "\nexplained differences (sim/doc/qemu-differences.md)\n");
    for (unsigned i = 0; i < KNOWN_COUNT; i++)
        fprintf(f, "%10" PRIu64 "  %s\n", c->known[i], known_differences[i].name);
    fprintf(f, "unexplained: %" PRIu64 "\n", c->unexplained);
}

static int write_text(const struct coverage *c, const struct machines *m, FILE *f, uint64_t seed)
{
    fprintf(f, "comparisons of manyhart with QEMU, seed %" PRIu64 "\nqemu -cpu %s\n", seed,
            m->qemu_cpu);
    text_insns(f, c, m);
    text_csrs(f, c);
    fprintf(f, "\nstreams: %" PRIu64 " programs of %" PRIu64 " instructions in all\n", c->streams,
            c->stream_insns);
    text_known(f, c);
    return ferror(f) ? -1 : 0;
}

/* --- JSON: names are plain words, so nothing needs escaping --- */

static void json_insns(FILE *f, const struct coverage *c, const struct machines *m)
{
    const char *comma = "";
    fprintf(f, "  \"instructions\": [");
    for (unsigned form = 1; form < RV_FORM_COUNT; form++) {
        const struct rv_form *p = &rv_forms()[form];
        if (!enabled(m, form))
            continue;
        fprintf(f,
                "%s\n    {\"name\": \"%s\", \"extension\": \"%s\", \"oracle\": %s, "
                "\"compared\": %" PRIu64 ", \"trapped\": %" PRIu64,
                comma, p->name, isa_ext_name(p->ext), oracle_has(m, form) ? "true" : "false",
                coverage_insn(c, form), c->traps[form]);
        if (p->rm.width) {
            fprintf(f, ", \"rm\": [");
            for (unsigned rm = 0; rm < 8; rm++)
                fprintf(f, "%s%" PRIu64, rm ? ", " : "", c->insns[form][rm]);
            fputc(']', f);
        }
        fputc('}', f);
        comma = ",";
    }
    fprintf(f, "\n  ],\n");
}

static void json_csrs(FILE *f, const struct coverage *c)
{
    fprintf(f, "  \"csrs\": [");
    for (unsigned i = 0; i < CSRS; i++)
        fprintf(f,
                "%s\n    {\"number\": %u, \"name\": \"%s\", \"m\": %" PRIu64 ", \"s\": %" PRIu64
                ", \"u\": %" PRIu64 "}",
                i ? "," : "", i, rv_csr_name(i) ? rv_csr_name(i) : "", c->csrs[i][3], c->csrs[i][1],
                c->csrs[i][0]);
    fprintf(f, "\n  ],\n");
}

static void json_known(FILE *f, const struct coverage *c)
{
    fprintf(f, "  \"explained\": {");
    for (unsigned i = 0; i < KNOWN_COUNT; i++)
        fprintf(f, "%s\"%s\": %" PRIu64, i ? ", " : "", known_differences[i].name, c->known[i]);
    fprintf(f, "},\n");
}

static int write_json(const struct coverage *c, const struct machines *m, FILE *f, uint64_t seed)
{
    fprintf(f, "{\n  \"seed\": %" PRIu64 ",\n  \"qemu_cpu\": \"%s\",\n", seed, m->qemu_cpu);
    json_insns(f, c, m);
    json_csrs(f, c);
    json_known(f, c);
    fprintf(f,
            "  \"streams\": %" PRIu64 ",\n  \"stream_instructions\": %" PRIu64
            ",\n  \"unexplained\": %" PRIu64 "\n}\n",
            c->streams, c->stream_insns, c->unexplained);
    return ferror(f) ? -1 : 0;
}

int coverage_write(const struct coverage *c, const struct machines *m, const char *prefix,
                   uint64_t seed)
{
    char path[512];
    FILE *f;
    int rc;
    snprintf(path, sizeof(path), "%s.txt", prefix);
    f = fopen(path, "w");
    rc = f ? write_text(c, m, f, seed) : -1;
    if (f && fclose(f))
        rc = -1;
    snprintf(path, sizeof(path), "%s.json", prefix);
    f = rc ? NULL : fopen(path, "w");
    rc = f ? write_json(c, m, f, seed) : -1;
    if (f && fclose(f))
        rc = -1;
    return rc;
}
