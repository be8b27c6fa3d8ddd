/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manyhart asm: instructions as text to hexadecimal, from the command line (one
 * word per instruction) or stdin (one line each).
 */
#include "sim/cli.h"

#include "isa/riscv/decode.h"
#include "sim/parse.h"

#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    {"help", NULL, "this text"},
    {"pc", "ADDR", "address of the first instruction (0)"},
    {NULL, NULL, NULL},
};

struct assembly {
    uint64_t pc;
    bool any_word;
};

static int one(struct assembly *a, const char *text)
{
    uint32_t raw;
    int rc = rv_asm(text, a->pc, &raw);
    if (rc < 0) {
        cli_message("asm: '%s' is no instruction that is known", text);
        return CLI_USAGE;
    }
    bool compressed = (raw & 3) != 3;
    printf("%0*x\n", compressed ? 4 : 8, raw);
    a->pc += compressed ? 2 : 4;
    return 0;
}

static int take(void *opaque, const char *name, const char *value)
{
    struct assembly *a = opaque;
    if (!name) {
        a->any_word = true;
        return one(a, value);
    }
    if (parse_u64(value, &a->pc) == 0)
        return 0;
    cli_message("--pc '%s': is not an address; give a number such as 0x80000000", value);
    return CLI_USAGE;
}

static int from_stdin(struct assembly *a)
{
    char line[256];
    int rc = 0;
    while (!rc && fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (line[strspn(line, " \t")])
            rc = one(a, line);
    }
    return rc;
}

static int verb_asm_main(int argc, char **argv)
{
    struct assembly a = {0};
    int rc = cli_parse(&verb_asm, argc, argv, take, &a);
    if (!rc && !a.any_word)
        rc = from_stdin(&a);
    return rc < 0 ? CLI_OK : rc;
}

const struct cli_verb verb_asm = {
    .name = "asm",
    .summary = "text as RISC-V instructions",
    .usage = "[OPTION...] [INSTRUCTION...]",
    .details = "Without INSTRUCTION lines are read from stdin.\n",
    .example = "manyhart asm 'addi a0, zero, 1' 'c.li a0, 1'",
    .options = options,
    .run = verb_asm_main,
};
