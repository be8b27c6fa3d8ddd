/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manyhart disasm: instructions given as hexadecimal numbers, on the command
 * line or one per line on stdin, as text.  A number's digits say its length:
 * 0513 is two bytes, 00000513 four.
 */
#include "sim/cli.h"

#include "sim/base/error.h"
#include "sim/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"guest", "ARCH", "guest architecture (riscv64)"},
    {"help", NULL, "this text"},
    {"pc", "ADDR", "address of the first instruction (0)"},
    {NULL, NULL, NULL},
};

struct disasm {
    struct mh_vm_config cfg; /* for --guest */
    struct mh_decoder *decoder;
    uint64_t pc;
    bool any_word;
};

static int one(struct disasm *d, const char *word)
{
    const char *digits = !strncmp(word, "0x", 2) ? word + 2 : word;
    char text[128], *end;
    unsigned long long raw = strtoull(digits, &end, 16);
    uint8_t bytes[8];
    if (!isxdigit((unsigned char)digits[0]) || *end || strlen(digits) > 8) {
        cli_message("disasm: '%s' is no instruction; give up to 8 hexadecimal digits", word);
        return CLI_USAGE;
    }
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(raw >> (8 * i));
    int len = mh_decoder_disassemble(d->decoder, bytes, 4, (mh_gva){d->pc}, text, sizeof(text));
    if (len < 0)
        return cli_error();
    printf("%8llx: %0*llx%*s %s\n", (unsigned long long)d->pc, len * 2,
           raw & (len == 2 ? 0xffffull : 0xffffffffull), len == 2 ? 4 : 0, "", text);
    d->pc += (uint64_t)len;
    return 0;
}

/* The decoder of the guest in d->cfg. */
static int use_guest(struct disasm *d)
{
    mh_decoder_destroy(d->decoder);
    return mh_decoder_create(&d->decoder, d->cfg.guest, NULL) ? cli_error() : 0;
}

static int take(void *opaque, const char *name, const char *value)
{
    struct disasm *d = opaque;
    if (!name) {
        d->any_word = true;
        return one(d, value);
    }
    if (!strcmp(name, "pc")) {
        if (parse_u64(value, &d->pc) == 0)
            return 0;
        cli_message("--pc '%s': is not an address; give a number such as 0x80000000", value);
        return CLI_USAGE;
    }
    if (mh_config_set(&d->cfg, name, value))
        return cli_error();
    return use_guest(d);
}

static int from_stdin(struct disasm *d)
{
    char word[64];
    int rc = 0;
    while (!rc && scanf("%63s", word) == 1)
        rc = one(d, word);
    return rc;
}

static int verb_disasm_main(int argc, char **argv)
{
    struct disasm d = {0};
    mh_config_default(&d.cfg);
    int rc = use_guest(&d);
    if (!rc)
        rc = cli_parse(&verb_disasm, argc, argv, take, &d);
    if (!rc && !d.any_word)
        rc = from_stdin(&d);
    mh_decoder_destroy(d.decoder);
    return rc < 0 ? CLI_OK : rc;
}

const struct cli_verb verb_disasm = {
    .name = "disasm",
    .summary = "instructions as text",
    .usage = "[OPTION...] [HEX...]",
    .details = "Without HEX the numbers are read from stdin.\n",
    .example = "manyhart disasm --pc 0x80000000 00000513 4501",
    .options = options,
    .run = verb_disasm_main,
};
