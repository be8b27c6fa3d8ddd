/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to numbers; see parse.h.  strtoull alone would take "-3", " 3" and
 * "3 harts", so the first character is looked at and the end compared.
 */
#include "sim/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_prefix(const char *text, uint64_t *out, const char **end)
{
    char *stop;
    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    unsigned long long v = strtoull(text, &stop, 0);
    if (errno == ERANGE)
        return -ERANGE;
    *out = v;
    *end = stop;
    return 0;
}

int parse_u64(const char *text, uint64_t *out)
{
    const char *end;
    uint64_t v;
    int rc = parse_prefix(text, &v, &end);
    if (rc)
        return rc;
    if (*end)
        return -EINVAL;
    *out = v;
    return 0;
}

static int suffix_shift(const char *suffix)
{
    static const char letters[] = "KMGT";
    if (!suffix[0])
        return 0;
    const char *at = strchr(letters, toupper((unsigned char)suffix[0]));
    if (!at || (suffix[1] && strcasecmp(suffix + 1, "iB")))
        return -1;
    return 10 * (int)(at - letters + 1);
}

int parse_size(const char *text, uint64_t *out)
{
    const char *end;
    uint64_t v;
    int rc = parse_prefix(text, &v, &end);
    if (rc)
        return rc;
    int shift = suffix_shift(end);
    if (shift < 0)
        return -EINVAL;
    if (shift && v >> (64 - shift))
        return -ERANGE;
    *out = v << shift;
    return 0;
}

int parse_seconds(const char *text, uint64_t *out_ns)
{
    char *end;
    if (!isdigit((unsigned char)text[0]) && text[0] != '.')
        return -EINVAL;
    double s = strtod(text, &end);
    if (*end || end == text)
        return -EINVAL;
    if (!(s > 0) || s > 1e9)
        return -ERANGE;
    uint64_t ns = (uint64_t)(s * 1e9);
    *out_ns = ns ? ns : 1;
    return 0;
}

void parse_format_size(uint64_t bytes, char *buf, size_t size)
{
    static const char letters[] = "KMGT";
    int unit = -1;
    while (unit < 3 && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    if (unit < 0)
        snprintf(buf, size, "%llu", (unsigned long long)bytes);
    else
        snprintf(buf, size, "%llu%c", (unsigned long long)bytes, letters[unit]);
}

#define NEAREST_MAX 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein distance, ignoring case; texts beyond NEAREST_MAX are never near. */
static unsigned distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    unsigned row[NEAREST_MAX + 1];
    if (la > NEAREST_MAX || lb > NEAREST_MAX)
        return NEAREST_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned up = row[j];
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            row[j] = min3(up + 1, row[j - 1] + 1, diagonal + !same);
            diagonal = up;
        }
    }
    return row[lb];
}

const char *parse_nearest(const char *text, const char *(*next)(const void *opaque, size_t i),
                          const void *opaque)
{
    const char *best = NULL, *name;
    unsigned limit = (unsigned)strlen(text) / 3 + 1;
    for (size_t i = 0; (name = next(opaque, i)); i++) {
        unsigned d = distance(text, name);
        if (d <= limit && (!best || d < limit)) {
            best = name;
            limit = d;
        }
    }
    return best;
}

static const char *array_next(const void *opaque, size_t i)
{
    return ((const char *const *)opaque)[i];
}

const char *parse_nearest_in(const char *text, const char *const *names)
{
    return parse_nearest(text, array_next, names);
}
