/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts as inline SVG for a report of one file: no script, no network.  Colours come
 * from CSS variables of the page (--ink, --rule, --s0 to --s5), so one drawing serves
 * light and dark; the drawing is 400 units wide with text of 11, which a phone shows
 * about as large as its own.  Each mark carries its value as a <title>, which browsers
 * show on hovering.  Values that are NaN are left out, not drawn as 0.
 *
 * Every function writes one <figure>, or one <svg>, with its caption and legend to out, which
 * belongs to the caller, and returns how many marks it drew: the figure says the same number as
 * data-marks, for tests that look at the drawn page.  Texts are escaped here.  Any thread; no
 * state.
 */
#ifndef BENCH_CHART_H
#define BENCH_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/stats.h"

enum { CHART_SERIES_MAX = 6 };

/* Rules of style that the drawings need, for the page's <style>. */
extern const char chart_css[];

/* A text as content or attribute of HTML. */
void chart_text(FILE *out, const char *text);

enum chart_flag {
    CHART_LOGARITHMIC = 1, /* the axis of values; else it begins at 0 */
    CHART_ALONE = 2,       /* an SVG file of its own, with caption and legend in the drawing */
};

struct chart_style {
    const char *caption;
    const char *unit;          /* behind each value: "x", "ms", "" */
    const char *const *series; /* names, for the legend */
    unsigned n_series;         /* 1 to CHART_SERIES_MAX */
    unsigned flags;            /* of those below */
};

struct chart_row {
    const char *label;
    const struct stats_interval *value; /* one per series; mid NaN: none; low NaN: no whisker */
};

/* Horizontal bars, one group per row, with a whisker for each interval. */
size_t chart_bars(FILE *out, const struct chart_style *style, const struct chart_row *rows,
                  size_t n_rows);

struct chart_line {
    const struct stats_interval *value; /* one per position; mid NaN: none */
};

/* One line per series over positions on a scale of powers of two (harts). */
size_t chart_lines(FILE *out, const struct chart_style *style, const char *axis,
                   const double *positions, size_t n_positions, const struct chart_line *lines);

struct chart_samples {
    const char *label;
    const double *value; /* in any order */
    size_t n;
};

/* The distribution of samples: a dot each, per row as parts of the row's median. */
size_t chart_strips(FILE *out, const struct chart_style *style, const struct chart_samples *rows,
                    size_t n_rows);

/* Parts of a whole, one bar per row: value[i] of the series i, low and high unused. */
size_t chart_parts(FILE *out, const struct chart_style *style, const struct chart_row *rows,
                   size_t n_rows);

#endif
