/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: the input is the words of "manyhart run", split at its NUL
 * bytes, and they go through the parser, the configuration's texts and its
 * checks.  Nothing is opened and nothing is run.  Each value that was taken must
 * come back as text that is taken again.
 */
#include "tests/fuzz/fuzz.h"

#include "isa/riscv/decode.h"
#include "isa/riscv/isa_string.h"
#include "sim/cli.h"
#include "sim/config.h"
#include "sim/include/manyhart.h"
#include "sim/load_image.h"

enum { WORDS_MAX = 32 };

static int take(void *opaque, const char *name, const char *value)
{
    struct mh_vm_config *cfg = opaque;
    struct kernel_spec spec;
    if (!name)
        return mh_config_set(cfg, "image", value) ? CLI_USAGE : 0;
    if (!strcmp(name, "kernel") && kernel_spec_parse(value, &spec) == 0)
        free(spec.path);
    return mh_config_set(cfg, name, value ? value : "on") ? cli_error() : 0;
}

static void check_round_trip(const struct mh_vm_config *cfg)
{
    static char text[8192], again[8192];
    const char *name;
    for (size_t i = 0; (name = config_name_at(i)); i++) {
        struct mh_vm_config other = *cfg;
        int n = mh_config_get(cfg, name, text, sizeof(text));
        FUZZ_CHECK(n >= 0 && (size_t)n < sizeof(text));
        if (!n || !strcmp(name, "disk") || !strcmp(name, "seed"))
            continue;
        if (mh_config_set(&other, name, text))
            continue; /* 0, which stands for none, cannot be given */
        mh_config_get(&other, name, again, sizeof(again));
        FUZZ_CHECK(!strcmp(text, again));
    }
}

static void check_isa(const char *text)
{
    struct rv_ext_set set, again;
    char out[1024];
    if (isa_string_parse(text, &set))
        return;
    FUZZ_CHECK(isa_string_format(&set, out, sizeof(out)) < sizeof(out));
    FUZZ_CHECK(isa_string_parse(out, &again) == 0);
    isa_string_format(&again, out, sizeof(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[4096 + 1];
    char *words[WORDS_MAX + 2] = {(char *)(uintptr_t) "run"};
    int count = 1;
    struct mh_vm_config cfg, copy;
    uint32_t raw;
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    for (char *at = text; at < text + size && count <= WORDS_MAX; at += strlen(at) + 1) {
        words[count++] = at;
        check_isa(at);
        rv_asm(at, FUZZ_RAM, &raw);
    }
    mh_config_default(&cfg);
    if (cli_parse(&verb_run, count, words, take, &cfg))
        return 0;
    check_round_trip(&cfg);
    if (mh_config_validate(&cfg) == 0 && config_copy(&copy, &cfg) == 0)
        config_free(&copy);
    return 0;
}
