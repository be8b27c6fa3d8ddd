/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ISA strings and profile names: see isa_string.h for who calls this.  The
 * rules are those of the chapter "ISA Extension Naming Conventions" of the
 * unprivileged manual and of the RISC-V profiles; more is accepted than they
 * allow (order, case), so that any sensible spelling works.
 */
#include "isa/riscv/isa_string.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/bits.h"
#include "sim/base/error.h"

enum support { SUPPORT_NO, SUPPORT_YES, SUPPORT_OPT, SUPPORT_NAME };

enum { NAME_MAX_LEN = 31, NEAREST = 3 };

static const struct ext {
    const char *name, *implied;
    enum support support;
} exts[RV_EXT_COUNT] = {
#define EXT(id, name, major, minor, support, implied)                                              \
    [RV_EXT_##id] = {name, implied, SUPPORT_##support},
#include "isa/riscv/exts.def"
};

/* The mandatory parts of the profiles (RISC-V Profiles 1.0, RVA23 Profiles 1.0). */
static const struct profile {
    const char *name, *base, *exts;
} profiles[] = {
    {"rva20u64", "", "i m a f d c zicsr zicntr ziccif ziccrse ziccamoa za128rs zicclsm"},
    {"rva20s64", "rva20u64", "zifencei ss1p11 svbare sv39 svade ssccptr sstvecd sstvala"},
    {"rva22u64", "rva20u64",
     "zihpm zihintpause zba zbb zbs zic64b zicbom zicbop zicboz zfhmin zkt za64rs"},
    {"rva22s64", "rva22u64",
     "zifencei ss1p12 svbare sv39 svade ssccptr sstvecd sstvala sscounterenw svpbmt svinval"},
    {"rva23u64", "rva22u64", "v zvfhmin zvbb zvkt zihintntl zicond zimop zcmop zcb zfa zawrs supm"},
    {"rva23s64", "rva23u64",
     "zifencei ss1p13 svbare sv39 svade ssccptr sstvecd sstvala sscounterenw svpbmt svinval "
     "svnapot sstc sscofpmf ssnpm ssu64xl sha"},
};

/* Part of the machine rather than of the instruction set; see isa_string_parse. */
static const char *const environment[] = {"zicntr",   "zihpm",   "zic64b",  "ziccif", "ziccrse",
                                          "ziccamoa", "zicclsm", "zama16b", "za64rs", "za128rs"};

struct name {
    char text[NAME_MAX_LEN + 1];
};

const char *isa_ext_name(enum rv_ext ext)
{
    return exts[ext].name;
}

bool isa_ext_supported(enum rv_ext ext)
{
    return exts[ext].support != SUPPORT_NO;
}

bool isa_ext_only_named(enum rv_ext ext)
{
    return exts[ext].support == SUPPORT_OPT;
}

/* The extension of that name, or RV_EXT_COUNT. */
static enum rv_ext find_ext(const char *name)
{
    unsigned i = 0;

    while (i < RV_EXT_COUNT && strcmp(exts[i].name, name))
        i++;
    return (enum rv_ext)i;
}

/* Takes the next word, up to one of the stop characters or the end, in lower
 * case; longer words are cut.  Returns where it ended. */
static const char *take_word(const char *p, const char *stop, struct name *word)
{
    size_t n = strcspn(p, stop), kept = n < NAME_MAX_LEN ? n : NAME_MAX_LEN;

    for (size_t i = 0; i < kept; i++)
        word->text[i] = (char)tolower((unsigned char)p[i]);
    word->text[kept] = 0;
    return p + n;
}

/* ---- closure ---- */

static void add_implied(struct rv_ext_set *set, const char *list)
{
    struct name word, cond;

    for (const char *p = list; *p; p += strspn(p, " )")) {
        bool conditional = *p == '(';

        p = take_word(p + conditional, " :)", &word);
        if (conditional) {
            p = take_word(p + 1, " )", &cond);
            if (!rv_ext_has(set, find_ext(cond.text)))
                continue;
        }
        rv_ext_add(set, find_ext(word.text));
    }
}

static void close_set(struct rv_ext_set *set)
{
    struct rv_ext_set before;

    do {
        before = *set;
        for (unsigned i = 0; i < RV_EXT_COUNT; i++)
            if (rv_ext_has(set, (enum rv_ext)i))
                add_implied(set, exts[i].implied);
    } while (memcmp(&before, set, sizeof(before)));
}

void isa_set_default(struct rv_ext_set *set)
{
    memset(set, 0, sizeof(*set));
    for (unsigned i = 0; i < RV_EXT_COUNT; i++)
        if (exts[i].support == SUPPORT_YES)
            rv_ext_add(set, (enum rv_ext)i);
}

void isa_set_all(struct rv_ext_set *set)
{
    isa_set_default(set);
    for (unsigned i = 0; i < RV_EXT_COUNT; i++)
        if (exts[i].support == SUPPORT_OPT)
            rv_ext_add(set, (enum rv_ext)i);
}

static bool is_privileged(enum rv_ext ext)
{
    return exts[ext].name[0] == 's';
}

/* Whether the privileged architecture is described.  What is never there by itself only adds to it.
 */
static bool any_privileged(const struct rv_ext_set *set)
{
    for (unsigned i = 0; i < RV_EXT_COUNT; i++)
        if (is_privileged((enum rv_ext)i) && rv_ext_has(set, (enum rv_ext)i) &&
            exts[i].support != SUPPORT_OPT)
            return true;
    return false;
}

static void add_environment(struct rv_ext_set *set)
{
    for (unsigned i = 0; i < RV_EXT_COUNT; i++)
        if (is_privileged((enum rv_ext)i) && exts[i].support == SUPPORT_YES)
            rv_ext_add(set, (enum rv_ext)i);
    for (size_t i = 0; i < ARRAY_LEN(environment); i++)
        rv_ext_add(set, find_ext(environment[i]));
}

/* ---- errors ---- */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

/* Levenshtein distance of two names of at most NAME_MAX_LEN characters. */
static unsigned name_distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_LEN + 1], la = (unsigned)strlen(a), lb = (unsigned)strlen(b);

    for (unsigned j = 0; j <= lb; j++)
        row[j] = j;
    for (unsigned i = 1; i <= la; i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            unsigned up = row[j];

            row[j] = min3(up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = up;
        }
    }
    return row[lb];
}

/* Writes the supported names nearest to name: "zba, zbb or zbs". */
static void nearest_names(const char *name, char *buf, size_t size)
{
    struct rv_ext_set used = {0};
    size_t n = 0;

    for (unsigned k = 0; k < NEAREST; k++) {
        unsigned best = RV_EXT_COUNT, best_distance = ~0u;

        for (unsigned i = 0; i < RV_EXT_COUNT; i++) {
            unsigned d = name_distance(name, exts[i].name);

            if (exts[i].support != SUPPORT_NO && !rv_ext_has(&used, (enum rv_ext)i) &&
                d < best_distance) {
                best = i;
                best_distance = d;
            }
        }
        rv_ext_add(&used, (enum rv_ext)best);
        n += (size_t)snprintf(buf + n, size - n, "%s%s",
                              k == 0             ? ""
                              : k == NEAREST - 1 ? " or "
                                                 : ", ",
                              exts[best].name);
    }
}

static int fail_syntax(const char *text, const char *why)
{
    return error_set(MH_ERROR_CORE, -EINVAL, "isa", text,
                     "%s; an ISA string is like rv64gc_zba_zbb, or a profile such as rva20s64",
                     why);
}

static int fail_unknown(const char *text, const char *name)
{
    char near[4 * (NAME_MAX_LEN + 4)];

    nearest_names(name, near, sizeof(near));
    return error_set(MH_ERROR_CORE, -EINVAL, "isa", text, "unknown extension %s; did you mean %s?",
                     name, near);
}

static int fail_unsupported(const char *text, const char *name)
{
    return error_set(MH_ERROR_CORE, -ENOTSUP, "isa", text,
                     "not implemented: extension %s; manyhart info lists those that are", name);
}

/* ---- parsing ---- */

static int add_ext(struct rv_ext_set *set, const char *text, const char *name)
{
    enum rv_ext ext = find_ext(name);

    if (ext == RV_EXT_COUNT)
        return fail_unknown(text, name);
    if (!isa_ext_supported(ext))
        return fail_unsupported(text, name);
    rv_ext_add(set, ext);
    return 0;
}

/*
 * The extension that the word names, perhaps with a version such as 2p1 or 2
 * after it.  Some names end in digits themselves (sv39), so these are dropped
 * one by one until a name is left.
 */
static enum rv_ext find_versioned(struct name word)
{
    enum rv_ext ext = find_ext(word.text);
    size_t len = strlen(word.text), n = len;
    bool minor_seen = false;

    while (ext == RV_EXT_COUNT && n > 1) {
        bool digit = isdigit((unsigned char)word.text[n - 1]);
        bool p = word.text[n - 1] == 'p' && n < len && !minor_seen;

        if (!digit && !p)
            break;
        minor_seen |= p;
        word.text[--n] = 0;
        ext = find_ext(word.text);
    }
    return ext;
}

static int add_long_ext(struct rv_ext_set *set, const char *text, const struct name *word)
{
    enum rv_ext ext = find_versioned(*word);

    return add_ext(set, text, ext == RV_EXT_COUNT ? word->text : exts[ext].name);
}

static int add_list(struct rv_ext_set *set, const char *text, const char *list)
{
    struct name word;
    int err = 0;

    for (const char *p = list; *p && !err; p += *p == ' ') {
        p = take_word(p, " ", &word);
        err = add_ext(set, text, word.text);
    }
    return err;
}

static int add_letter(struct rv_ext_set *set, const char *text, char letter)
{
    char name[2] = {letter, 0};

    if (letter == 'g')
        return add_list(set, text, "i m a f d zicsr zifencei");
    if (!isalpha((unsigned char)letter))
        return fail_syntax(text, "there is a character that names no extension");
    return add_ext(set, text, name);
}

/* Skips a version after a single letter: 2 or 2p1. */
static const char *skip_version(const char *p)
{
    size_t n = strspn(p, "0123456789"), m;

    if (!n)
        return p;
    p += n;
    m = *p == 'p' || *p == 'P' ? strspn(p + 1, "0123456789") : 0;
    return m ? p + 1 + m : p;
}

/* Parses letters and names, with underscores between them, up to the end. */
static int parse_exts(struct rv_ext_set *set, const char *text, const char *p)
{
    struct name word;
    int err = 0;

    while (*p && !err) {
        char letter = (char)tolower((unsigned char)*p);

        if (letter == '_') {
            p++;
            if (!*p || *p == '_')
                return fail_syntax(text, "an underscore must be followed by an extension");
        } else if (letter == 'z' || letter == 's' || letter == 'x') {
            p = take_word(p, "_", &word);
            err = add_long_ext(set, text, &word);
        } else {
            err = add_letter(set, text, letter);
            p = skip_version(p + 1);
        }
    }
    return err;
}

static const struct profile *find_profile(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        if (!strcmp(profiles[i].name, name))
            return &profiles[i];
    return NULL;
}

/* The mandatory extensions of p as they stand in the table, whether supported or not. */
static void take_profile(struct rv_ext_set *set, const struct profile *p)
{
    if (*p->base)
        take_profile(set, find_profile(p->base));
    add_implied(set, p->exts);
}

/* Writes the names of what set has and the simulator does not: "v, zvbb". */
static void list_missing(const struct rv_ext_set *set, char *buf, size_t size)
{
    size_t n = 0;

    buf[0] = 0;
    for (unsigned i = 0; i < RV_EXT_COUNT; i++)
        if (rv_ext_has(set, (enum rv_ext)i) && !isa_ext_supported((enum rv_ext)i) && n < size)
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", exts[i].name);
}

/* A profile that lacks something is refused with all that it lacks. */
static int add_profile(struct rv_ext_set *set, const char *text, const struct profile *p)
{
    char missing[256];

    take_profile(set, p);
    list_missing(set, missing, sizeof(missing));
    return *missing ? fail_unsupported(text, missing) : 0;
}

const char *isa_profile_at(size_t i, char *missing, size_t size)
{
    struct rv_ext_set set = {0};

    if (i >= ARRAY_LEN(profiles))
        return NULL;
    take_profile(&set, &profiles[i]);
    list_missing(&set, missing, size);
    return profiles[i].name;
}

/* "rv64" and a base, then extensions. */
static int parse_plain(struct rv_ext_set *set, const char *text)
{
    if (strncasecmp(text, "rv64", 4))
        return fail_syntax(text, "it must begin with rv64 or be a profile's name");
    if (!strchr("iIeEgG", text[4]) || !text[4])
        return fail_syntax(text, "the base after rv64 must be i or g");
    return parse_exts(set, text, text + 4);
}

int isa_string_parse(const char *text, struct rv_ext_set *set)
{
    struct rv_ext_set parsed = {0};
    const struct profile *profile;
    struct name word;
    const char *rest = take_word(text, "_", &word);
    int err;

    profile = find_profile(word.text);
    if (profile) {
        err = add_profile(&parsed, text, profile);
        err = err ? err : parse_exts(&parsed, text, rest);
    } else {
        err = parse_plain(&parsed, text);
    }
    if (err)
        return err;
    if (!any_privileged(&parsed))
        add_environment(&parsed);
    close_set(&parsed);
    *set = parsed;
    return 0;
}

/* ---- printing ---- */

static bool is_shown(const struct rv_ext_set *set, unsigned ext)
{
    return rv_ext_has(set, (enum rv_ext)ext) && exts[ext].support != SUPPORT_NAME;
}

static void append(char *buf, size_t size, size_t *len, const char *text)
{
    for (; *text; text++, (*len)++)
        if (*len + 1 < size)
            buf[*len] = *text;
}

size_t isa_string_format(const struct rv_ext_set *set, char *buf, size_t size)
{
    size_t len = 0;

    append(buf, size, &len, "rv64");
    for (unsigned i = 0; i < RV_EXT_COUNT; i++) {
        if (!is_shown(set, i))
            continue;
        append(buf, size, &len, exts[i].name[1] ? "_" : "");
        append(buf, size, &len, exts[i].name);
    }
    if (size)
        buf[len < size ? len : size - 1] = 0;
    return len;
}

size_t isa_string_list(const struct rv_ext_set *set, char *buf, size_t size)
{
    size_t len = 0;

    for (unsigned i = 0; i < RV_EXT_COUNT; i++) {
        size_t n = strlen(exts[i].name) + 1;

        if (!is_shown(set, i))
            continue;
        if (len + n <= size)
            memcpy(buf + len, exts[i].name, n);
        len += n;
    }
    return len;
}
