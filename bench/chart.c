/* SPDX-License-Identifier: Apache-2.0 */
/* See chart.h. */
#include "bench/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Units of the drawing. */
enum {
    WIDTH = 400,
    LABELS = 128,    /* the column of row labels */
    LABEL_FITS = 18, /* characters that fit into it; longer ones are squeezed */
    RIGHT = 18,
    CAPTION = 26,     /* of a drawing alone: above the legend */
    LEGEND_LINE = 14, /* each series */
    MARGIN = 4,
    PLOT = WIDTH - LABELS - RIGHT,
    AXIS = 18, /* height of the axis below */
    BAR = 9,
    GAP = 6,
    STRIP = 16,
    LINES_HEIGHT = 220,
    LINES_LEFT = 40,
    LINES_TOP = 8,
    TICKS = 5,
};

#define PART_LEAST 0.5 /* of a part, so that there is something to point at */

void chart_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

/* ---- a figure ------------------------------------------------------------ */

/* The drawing is kept back until its marks are counted. */
struct figure {
    const struct chart_style *style;
    FILE *body;
    char *text;
    size_t size, marks;
};

static bool figure_begin(struct figure *f, const struct chart_style *style)
{
    *f = (struct figure){.style = style};
    f->body = open_memstream(&f->text, &f->size);
    return f->body;
}

static void put_legend(FILE *out, const struct chart_style *style)
{
    if (style->n_series < 2)
        return;
    fputs("<p class=\"legend\">", out);
    for (unsigned i = 0; i < style->n_series; i++) {
        fprintf(out, "<span><i style=\"background:var(--s%u)\"></i>", i);
        chart_text(out, style->series[i]);
        fputs("</span> ", out);
    }
    fputs("</p>\n", out);
}

const char chart_css[] =
    ":root{color-scheme:light dark;--ink:#222;--rule:#ddd;--page:#fff;--s0:#2563a8;--s1:#d9822b;"
    "--s2:#3a9164;--s3:#a8456b;--s4:#7a63b8;--s5:#6b7280}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--rule:#444;--page:#15181c;"
    "--s0:#6ea8e8;--s1:#f0a95c;--s2:#6cc394;--s3:#e38aad;--s4:#b3a0ec;--s5:#a3aab5}}\n"
    "svg text{fill:var(--ink);font-size:11px}\n"
    ".rule{stroke:var(--rule)}.line{fill:none;stroke-width:2}\n"
    ".whisker{stroke:var(--ink);fill:none}.dot{fill-opacity:.5}\n";

/* A file of its own: caption and legend above the drawing. */
static void put_alone(FILE *out, const struct figure *f, double height)
{
    const struct chart_style *style = f->style;
    unsigned lines = style->n_series;
    int head = CAPTION + (int)lines * LEGEND_LINE, all = head + (int)height + MARGIN;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "data-marks=\"%zu\">\n<style>%ssvg{font-family:system-ui,sans-serif}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" style=\"fill:var(--page)\"/>\n"
            "<text x=\"8\" y=\"16\" font-weight=\"600\">",
            WIDTH, all, 2 * WIDTH, f->marks, chart_css);
    chart_text(out, style->caption);
    fputs("</text>\n", out);
    for (unsigned i = 0; i < lines; i++) {
        int y = CAPTION + (int)i * LEGEND_LINE;
        fprintf(out,
                "<rect x=\"8\" y=\"%d\" width=\"9\" height=\"9\" style=\"fill:var(--s%u)\"/>"
                "<text x=\"22\" y=\"%d\">",
                y, i, y + 9);
        chart_text(out, style->series[i]);
        fputs("</text>\n", out);
    }
    fprintf(out, "<g transform=\"translate(0 %d)\">\n%s</g>\n</svg>\n", head, f->text);
}

static size_t figure_end(struct figure *f, FILE *out, double height)
{
    fclose(f->body);
    if (f->style->flags & CHART_ALONE) {
        put_alone(out, f, height);
        free(f->text);
        return f->marks;
    }
    fprintf(out, "<figure class=\"chart\" data-marks=\"%zu\">\n<figcaption>", f->marks);
    chart_text(out, f->style->caption);
    fputs("</figcaption>\n", out);
    put_legend(out, f->style);
    fprintf(out, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", WIDTH, height);
    chart_text(out, f->style->caption);
    fprintf(out, "\">\n%s</svg>\n</figure>\n", f->text);
    free(f->text);
    return f->marks;
}

/* The words that hovering shows. */
static void put_title(struct figure *f, const char *label, const char *series,
                      const struct stats_interval *v)
{
    FILE *out = f->body;
    fputs("<title>", out);
    chart_text(out, label);
    if (series) {
        fputs(", ", out);
        chart_text(out, series);
    }
    fprintf(out, ": %.4g ", v->mid);
    chart_text(out, f->style->unit);
    if (!isnan(v->low))
        fprintf(out, " (%.4g to %.4g)", v->low, v->high);
    fputs("</title>", out);
}

static void put_label(FILE *out, double y, const char *label)
{
    fprintf(out, "<text class=\"label\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\"", LABELS - 6, y);
    if (strlen(label) > LABEL_FITS)
        fprintf(out, " textLength=\"%d\" lengthAdjust=\"spacingAndGlyphs\"", LABELS - 8);
    fputc('>', out);
    chart_text(out, label);
    fputs("</text>\n", out);
}

/* ---- axes ---------------------------------------------------------------- */

struct axis {
    double low, high, step, from,
        length; /* step: between the ticks of one that is not logarithmic */
    bool logarithmic;
};

static double place(const struct axis *a, double v)
{
    double part = a->logarithmic ? log(v / a->low) / log(a->high / a->low)
                                 : (v - a->low) / (a->high - a->low);
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return a->from + part * a->length;
}

/* 1, 2 or 5 times a power of ten, not below v > 0. */
static double round_up(double v)
{
    double power = pow(10, floor(log10(v))), digit = v / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

/* Between round values around these two. */
static struct axis linear_axis(double least, double most, double from, double length)
{
    double step = round_up((most > least ? most - least : 1) / TICKS);
    return (struct axis){
        floor(least / step) * step, ceil(most / step) * step, step, from, length, false};
}

static struct axis log_axis(double least, double most, double from, double length)
{
    double low = pow(10, floor(log10(least))), high = pow(10, ceil(log10(most)));
    return (struct axis){low, high > low ? high : low * 10, 0, from, length, true};
}

static struct axis axis_over(const struct chart_style *style, double least, double most,
                             double from, double length)
{
    if (!isfinite(least) || !isfinite(most))
        return linear_axis(0, 1, from, length); /* nothing to show */
    return style->flags & CHART_LOGARITHMIC && least > 0 ? log_axis(least, most, from, length)
                                                         : linear_axis(0, most, from, length);
}

/* Decades of a logarithmic axis, steps of another. */
static unsigned tick_count(const struct axis *a)
{
    return 1 + (unsigned)lround(a->logarithmic ? log10(a->high / a->low)
                                               : (a->high - a->low) / a->step);
}

static double tick_at(const struct axis *a, unsigned i)
{
    return a->logarithmic ? a->low * pow(10, i) : a->low + a->step * i;
}

/* Vertical rules with their values below. */
static void put_ticks_below(FILE *out, const struct axis *a, double height)
{
    for (unsigned i = 0; i < tick_count(a); i++) {
        double v = tick_at(a, i), x = place(a, v);
        fprintf(out, "<line class=\"rule\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%.1f\"/>", x, x,
                height);
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.6g</text>\n", x,
                height + 13, v);
    }
}

struct range {
    double least, most;
};

static void range_add(struct range *r, double v)
{
    if (isnan(v))
        return;
    r->least = v < r->least ? v : r->least;
    r->most = v > r->most ? v : r->most;
}

static void range_add_interval(struct range *r, const struct stats_interval *v)
{
    if (isnan(v->mid))
        return;
    range_add(r, v->mid);
    range_add(r, v->low);
    range_add(r, v->high);
}

/* ---- bars ---------------------------------------------------------------- */

static void put_bar(struct figure *f, const struct axis *a, double y, const char *label,
                    unsigned series, const struct stats_interval *v)
{
    FILE *out = f->body;
    double x = place(a, v->mid), at = y + BAR / 2.0;
    fprintf(out,
            "<g class=\"mark\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
            "fill=\"var(--s%u)\">",
            a->from, y, x - a->from > 1 ? x - a->from : 1, BAR - 1, series);
    put_title(f, label, f->style->n_series > 1 ? f->style->series[series] : NULL, v);
    fputs("</rect>", out);
    if (!isnan(v->low))
        fprintf(out, "<path class=\"whisker\" d=\"M%.1f %.1fH%.1f\"/>", place(a, v->low), at,
                place(a, v->high));
    fputs("</g>\n", out);
    f->marks++;
}

size_t chart_bars(FILE *out, const struct chart_style *style, const struct chart_row *rows,
                  size_t n_rows)
{
    struct range r = {INFINITY, -INFINITY};
    struct figure f;
    if (!figure_begin(&f, style))
        return 0;
    for (size_t i = 0; i < n_rows; i++)
        for (unsigned s = 0; s < style->n_series; s++)
            range_add_interval(&r, &rows[i].value[s]);
    struct axis a = axis_over(style, r.least, r.most, LABELS, PLOT);
    double group = (double)BAR * style->n_series + GAP, height = group * (double)n_rows;
    put_ticks_below(f.body, &a, height);
    for (size_t i = 0; i < n_rows; i++) {
        double y = group * (double)i + GAP / 2.0;
        put_label(f.body, y + BAR * style->n_series / 2.0 + 3.5, rows[i].label);
        for (unsigned s = 0; s < style->n_series; s++)
            if (!isnan(rows[i].value[s].mid))
                put_bar(&f, &a, y + (double)BAR * s, rows[i].label, s, &rows[i].value[s]);
    }
    return figure_end(&f, out, height + AXIS);
}

/* ---- lines --------------------------------------------------------------- */

static void put_point(struct figure *f, double x, double y, const char *label, unsigned series,
                      const struct stats_interval *v)
{
    fprintf(f->body, "<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"var(--s%u)\">",
            x, y, series);
    put_title(f, label, f->style->series[series], v);
    fputs("</circle>\n", f->body);
    f->marks++;
}

static double flip(const struct axis *a, double v)
{
    return LINES_TOP + LINES_HEIGHT - place(a, v);
}

static void put_line(struct figure *f, const struct axis *x, const struct axis *y,
                     const double *positions, size_t n, const struct stats_interval *v,
                     unsigned series)
{
    char label[32];
    const char *step = "M";
    fprintf(f->body, "<path class=\"line\" stroke=\"var(--s%u)\" d=\"", series);
    for (size_t i = 0; i < n; i++) {
        if (isnan(v[i].mid))
            continue;
        fprintf(f->body, "%s%.1f %.1f", step, place(x, positions[i]), flip(y, v[i].mid));
        step = "L";
    }
    fputs("\"/>\n", f->body);
    for (size_t i = 0; i < n; i++) {
        if (isnan(v[i].mid))
            continue;
        snprintf(label, sizeof(label), "%g", positions[i]);
        put_point(f, place(x, positions[i]), flip(y, v[i].mid), label, series, &v[i]);
    }
}

static void put_grid(FILE *out, const struct axis *x, const struct axis *y, const double *positions,
                     size_t n, const char *name)
{
    double bottom = LINES_TOP + LINES_HEIGHT;
    for (unsigned i = 0; i < tick_count(y); i++) {
        double v = tick_at(y, i);
        fprintf(out, "<line class=\"rule\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>",
                LINES_LEFT, WIDTH - RIGHT, flip(y, v), flip(y, v));
        fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n", LINES_LEFT - 5,
                flip(y, v) + 3.5, v);
    }
    for (size_t i = 0; i < n; i++)
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n",
                place(x, positions[i]), bottom + 14, positions[i]);
    fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", WIDTH - RIGHT, bottom + 27);
    chart_text(out, name);
    fputs("</text>\n", out);
}

size_t chart_lines(FILE *out, const struct chart_style *style, const char *axis,
                   const double *positions, size_t n_positions, const struct chart_line *lines)
{
    struct range px = {INFINITY, -INFINITY}, py = {INFINITY, -INFINITY};
    struct figure f;
    if (!figure_begin(&f, style))
        return 0;
    for (size_t i = 0; i < n_positions; i++) {
        range_add(&px, positions[i]);
        for (unsigned s = 0; s < style->n_series; s++)
            range_add_interval(&py, &lines[s].value[i]);
    }
    if (!n_positions)
        px = (struct range){1, 1};
    struct axis x = {.low = px.least,
                     .high = px.most > px.least ? px.most : px.least * 2,
                     .from = LINES_LEFT + 6,
                     .length = WIDTH - RIGHT - LINES_LEFT - 12,
                     .logarithmic = true};
    struct axis y = axis_over(style, py.least, py.most, 0, LINES_HEIGHT);
    put_grid(f.body, &x, &y, positions, n_positions, axis);
    for (unsigned s = 0; s < style->n_series; s++)
        put_line(&f, &x, &y, positions, n_positions, lines[s].value, s);
    return figure_end(&f, out, LINES_TOP + LINES_HEIGHT + 32);
}

/* ---- strips -------------------------------------------------------------- */

size_t chart_strips(FILE *out, const struct chart_style *style, const struct chart_samples *rows,
                    size_t n_rows)
{
    struct range r = {1, 1};
    struct figure f;
    if (!figure_begin(&f, style))
        return 0;
    for (size_t i = 0; i < n_rows; i++) {
        double mid = stats_median(rows[i].value, rows[i].n);
        for (size_t j = 0; j < rows[i].n; j++)
            range_add(&r, rows[i].value[j] / mid);
    }
    struct axis a = linear_axis(r.least - 0.001, r.most + 0.001, LABELS, PLOT);
    double height = (double)STRIP * (double)n_rows;
    put_ticks_below(f.body, &a, height);
    for (size_t i = 0; i < n_rows; i++) {
        double y = (double)STRIP * ((double)i + 0.5), mid = stats_median(rows[i].value, rows[i].n);
        put_label(f.body, y + 3.5, rows[i].label);
        for (size_t j = 0; j < rows[i].n; j++) {
            struct stats_interval v = {NAN, rows[i].value[j], NAN};
            fprintf(
                f.body,
                "<circle class=\"mark dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"var(--s0)\">",
                place(&a, rows[i].value[j] / mid), y);
            put_title(&f, rows[i].label, NULL, &v);
            fputs("</circle>\n", f.body);
            f.marks++;
        }
    }
    return figure_end(&f, out, height + AXIS);
}

/* ---- parts --------------------------------------------------------------- */

static double sum_of_parts(const struct chart_row *row, unsigned n)
{
    double sum = 0;
    for (unsigned s = 0; s < n; s++)
        sum += isnan(row->value[s].mid) ? 0 : row->value[s].mid;
    return sum;
}

size_t chart_parts(FILE *out, const struct chart_style *style, const struct chart_row *rows,
                   size_t n_rows)
{
    struct figure f;
    if (!figure_begin(&f, style))
        return 0;
    double group = BAR + GAP + 4, height = group * (double)n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        double x = LABELS, y = group * (double)i + GAP / 2.0;
        double sum = sum_of_parts(&rows[i], style->n_series);
        put_label(f.body, y + BAR / 2.0 + 5.5, rows[i].label);
        for (unsigned s = 0; s < style->n_series && sum > 0; s++) {
            struct stats_interval v = {NAN, rows[i].value[s].mid, NAN};
            if (!(v.mid > 0))
                continue;
            double width = fmax(v.mid / sum * PLOT, PART_LEAST);
            fprintf(f.body,
                    "<rect class=\"mark\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
                    "fill=\"var(--s%u)\">",
                    x, y, width, BAR + 4, s);
            put_title(&f, rows[i].label, style->series[s], &v);
            fputs("</rect>\n", f.body);
            f.marks++;
            x += width;
        }
    }
    return figure_end(&f, out, height + 4);
}
