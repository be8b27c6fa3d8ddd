/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common part of the command line; see cli.h.  Options are parsed here and
 * not by getopt_long, which takes abbreviations (so that an option added later
 * breaks a script) and cannot name the nearest option.
 */
#include "sim/cli.h"

#include "sim/base/error.h"
#include "sim/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct cli_verb *const verbs[] = {&verb_asm, &verb_bench, &verb_disasm, &verb_info, &verb_run};

/* ---- messages ----------------------------------------------------------------------------- */

void cli_message(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fprintf(stderr, "manyhart: %s\n", text);
}

static const char *option_spelling(const char *param, char *buf, size_t size)
{
    if (!strcmp(param, "image"))
        return "IMAGE";
    snprintf(buf, size, "%s%s", strchr(param, ' ') ? "" : "--", param);
    return buf;
}

/* Some messages begin with "disk FILE: "; the line says that already. */
static const char *without_prefix(const struct mh_error *e)
{
    char prefix[sizeof(e->param) + sizeof(e->value) + 4];
    snprintf(prefix, sizeof(prefix), "%s %s: ", e->param, e->value);
    size_t n = strlen(prefix);
    return strncmp(e->message, prefix, n) ? e->message : e->message + n;
}

int cli_error(void)
{
    const struct mh_error *e = mh_last_error();
    char buf[80];
    if (!e->param[0])
        cli_message("%s", e->message);
    else if (!e->value[0])
        cli_message("%s: %s", option_spelling(e->param, buf, sizeof(buf)), e->message);
    else
        cli_message("%s '%s': %s", option_spelling(e->param, buf, sizeof(buf)), e->value,
                    without_prefix(e));
    return CLI_USAGE;
}

/* ---- help ------------------------------------------------------------------------------------ */

enum { HELP_COLUMN = 26 };

static void help_option(const struct cli_option *o)
{
    char left[64];
    snprintf(left, sizeof(left), "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    if (strlen(left) > HELP_COLUMN - 4)
        printf("  %s\n%*s%s\n", left, HELP_COLUMN, "", o->help);
    else
        printf("  %-*s%s\n", HELP_COLUMN - 2, left, o->help);
}

static void help_verb(const struct cli_verb *v)
{
    printf("usage: manyhart %s %s\n\n%s\n", v->name, v->usage, v->summary);
    if (v->details)
        printf("\n%s", v->details);
    printf("\noptions:\n");
    for (const struct cli_option *o = v->options; o->name; o++)
        help_option(o);
    printf("\nexample:\n  %s\n", v->example);
}

static void help_all(FILE *f)
{
    fprintf(f, "usage: manyhart VERB [OPTION...]\n\nA parallel full-system RISC-V simulator: each "
               "guest hart runs on its own host thread.\n\nverbs:\n");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        fprintf(f, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(f, "\nmanyhart VERB --help tells the options of a verb; manyhart --version the "
               "version.\n\nexample:\n  manyhart run --kernel vmlinuz --initrd initrd.gz --harts 4 "
               "--memory 1G --append console=ttyS0\n");
}

/* ---- parsing -----------------------------------------------------------------------------------
 */

static const struct cli_option *option_find(const struct cli_verb *v, const char *name, size_t len)
{
    for (const struct cli_option *o = v->options; o->name; o++)
        if (strlen(o->name) == len && !memcmp(o->name, name, len))
            return o;
    return NULL;
}

static const char *option_next(const void *opaque, size_t i)
{
    return ((const struct cli_verb *)opaque)->options[i].name;
}

static int option_unknown(const struct cli_verb *v, const char *word, const char *name, size_t len)
{
    char text[64];
    snprintf(text, sizeof(text), "%.*s", (int)min_u64(len, sizeof(text) - 1), name);
    const char *near = parse_nearest(text, option_next, v);
    if (near)
        cli_message("%s: unknown option; did you mean --%s?", word, near);
    else
        cli_message("%s: unknown option; manyhart %s --help lists them", word, v->name);
    return CLI_USAGE;
}

/* One option at argv[*i]; moves *i over its value. */
static int parse_option(const struct cli_verb *v, int argc, char **argv, int *i, cli_take_fn *take,
                        void *opaque)
{
    const char *word = argv[*i], *name = word + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct cli_option *o = option_find(v, name, len);
    if (!o)
        return option_unknown(v, word, name, len);
    if (!o->arg && equals) {
        cli_message("--%s: takes no value; leave out '%s'", o->name, equals);
        return CLI_USAGE;
    }
    if (!strcmp(o->name, "help")) {
        help_verb(v);
        return -1;
    }
    if (!o->arg)
        return take(opaque, o->name, NULL);
    if (equals)
        return take(opaque, o->name, equals + 1);
    if (*i + 1 >= argc) {
        cli_message("--%s: needs a value: --%s %s", o->name, o->name, o->arg);
        return CLI_USAGE;
    }
    return take(opaque, o->name, argv[++*i]);
}

static int parse_short(const struct cli_verb *v, const char *word)
{
    if (!strcmp(word, "-h")) {
        help_verb(v);
        return -1;
    }
    return option_unknown(v, word, word + 1, strlen(word + 1));
}

int cli_parse(const struct cli_verb *v, int argc, char **argv, cli_take_fn *take, void *opaque)
{
    bool words_only = false;
    int rc = 0;
    for (int i = 1; i < argc && !rc; i++) {
        const char *word = argv[i];
        if (words_only || word[0] != '-' || !word[1])
            rc = take(opaque, NULL, word);
        else if (!strcmp(word, "--"))
            words_only = true;
        else if (word[1] == '-')
            rc = parse_option(v, argc, argv, &i, take, opaque);
        else
            rc = parse_short(v, word);
    }
    return rc;
}

/* ---- verbs
 * ---------------------------------------------------------------------------------------- */

static const char *verb_next(const void *opaque, size_t i)
{
    (void)opaque;
    return i < ARRAY_LEN(verbs) ? verbs[i]->name : NULL;
}

static int verb_unknown(const char *name)
{
    static const char *const later[] = {"litmus"};
    for (size_t i = 0; i < ARRAY_LEN(later); i++)
        if (!strcmp(name, later[i])) {
            cli_message("%s: does not exist yet in this version", name);
            return CLI_USAGE;
        }
    if (!strcmp(name, "test"))
        cli_message("test: is a verb of the wrapper ./manyhart in a checkout");
    else if (name[0] == '-')
        cli_message("%s: unknown option; the verb comes first: manyhart run %s", name, name);
    else {
        const char *near = parse_nearest(name, verb_next, NULL);
        cli_message("%s: unknown verb%s%s%s", name, near ? "; did you mean " : "",
                    near ? near : "; manyhart --help lists them", near ? "?" : "");
    }
    return CLI_USAGE;
}

/*
 * A descriptor below 3 that is closed would be given to the next file that is opened, and the
 * console's bytes would go there.  stdin becomes empty; the others a folder, which refuses to be
 * written however it is opened again.
 */
static void occupy_standard_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open(fd ? "/" : "/dev/null", O_RDONLY);
}

/* stdout is often a pipe that ends early; what was printed by help or info then failed. */
static int flush_stdout(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (code == CLI_OK) {
        cli_message("cannot write to stdout: %s", strerror(errno));
        code = CLI_USAGE;
    }
    return code;
}

int cli_main(int argc, char **argv)
{
    occupy_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    /* A container without /sys is no news: hwloc then finds the processors by other means. */
    setenv("HWLOC_HIDE_ERRORS", "2", 0);
    if (argc < 2) {
        help_all(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        help_all(stdout);
        return flush_stdout(CLI_OK);
    }
    if (!strcmp(name, "--version")) {
        printf("manyhart %d.%d.%d\n", MH_VERSION_MAJOR, MH_VERSION_MINOR, MH_VERSION_PATCH);
        return flush_stdout(CLI_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (!strcmp(name, verbs[i]->name))
            return flush_stdout(verbs[i]->run(argc - 1, argv + 1));
    return verb_unknown(name);
}
