/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatted text and the memory functions that gcc calls by itself, for guest
 * programs.  No state.
 */
#include "guest.h"

struct out {
    char *buf;
    size_t size, len; /* len may pass size; what does not fit is dropped */
};

static void out_char(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void out_padded(struct out *o, const char *s, size_t n, unsigned width, bool left, char pad)
{
    size_t gap = width > n ? width - n : 0;

    for (size_t i = 0; !left && i < gap; i++)
        out_char(o, pad);
    for (size_t i = 0; i < n; i++)
        out_char(o, s[i]);
    for (size_t i = 0; left && i < gap; i++)
        out_char(o, ' ');
}

/* Digits of v at the end of a 24-byte buffer; returns their start. */
static char *digits(char end[24], uint64_t v, unsigned base, bool upper)
{
    char *p = end + 24;

    do {
        unsigned d = (unsigned)(v % base);
        *--p = (char)(d < 10 ? '0' + d : (upper ? 'A' : 'a') + d - 10);
        v /= base;
    } while (v);
    return p;
}

static void out_number(struct out *o, uint64_t v, bool negative, char kind, unsigned width,
                       bool left, char pad)
{
    char buf[25];
    unsigned base = kind == 'x' || kind == 'X' || kind == 'p' ? 16 : 10;
    char *p = digits(buf + 1, v, base, kind == 'X');

    if (negative && pad == '0') {
        out_char(o, '-');
        width -= width > 0;
    } else if (negative) {
        *--p = '-';
    }
    out_padded(o, p, (size_t)(buf + 25 - p), width, left, pad);
}

int guest_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = {buf, size, 0};

    for (; *fmt; fmt++) {
        bool left = false, is_long = false;
        char pad = ' ', c;
        unsigned width = 0;

        if (*fmt != '%') {
            out_char(&o, *fmt);
            continue;
        }
        for (fmt++; *fmt == '-' || *fmt == '0'; fmt++)
            *fmt == '-' ? (left = true) : (pad = '0');
        for (; *fmt >= '0' && *fmt <= '9'; fmt++)
            width = width * 10 + (unsigned)(*fmt - '0');
        for (; *fmt == 'l' || *fmt == 'z'; fmt++)
            is_long = true;
        if (left)
            pad = ' ';
        switch (*fmt) {
        case 'd':
        case 'i': {
            int64_t v = is_long ? va_arg(ap, long) : va_arg(ap, int);
            out_number(&o, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0, 'd', width, left, pad);
            break;
        }
        case 'u':
        case 'x':
        case 'X':
            out_number(&o, is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned), false, *fmt,
                       width, left, pad);
            break;
        case 'p':
            out_number(&o, (uintptr_t)va_arg(ap, void *), false, 'p', width, left, pad);
            break;
        case 's': {
            const char *s = va_arg(ap, const char *);
            out_padded(&o, s, strlen(s), width, left, ' ');
            break;
        }
        case 'c':
            c = (char)va_arg(ap, int);
            out_padded(&o, &c, 1, width, left, ' ');
            break;
        case '%':
            out_char(&o, '%');
            break;
        default: /* shown as it stands */
            out_char(&o, '%');
            fmt--;
            break;
        }
    }
    if (size)
        buf[o.len < size ? o.len : size - 1] = 0;
    return (int)o.len;
}

void *memcpy(void *dst, const void *src, size_t n)
{
    return memmove(dst, src, n);
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *
memmove(void *dst, const void *src, size_t n)
{
    char *d = dst;
    const char *s = src;

    if (d <= s)
        for (size_t i = 0; i < n; i++)
            d[i] = s[i];
    else
        while (n--)
            d[n] = s[n];
    return dst;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *dst, int c,
                                                                           size_t n)
{
    char *d = dst;

    for (size_t i = 0; i < n; i++)
        d[i] = (char)c;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}
