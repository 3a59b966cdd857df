/* SPDX-License-Identifier: Apache-2.0
 * exposition.c: see exposition.h. No line is longer than LINE_MOST, so that room is looked for once a line.
 */
#include "admin/exposition.h"

#include <event2/buffer.h>

enum {
    ESCAPED = 3 /* what one byte takes at most */,
    LINE_MOST = METRIC_LABELS * (ESCAPED * METRIC_LABEL_MOST + 64) + 512
};

static const char *const kinds[] = {"counter", "gauge", "histogram", "info"};

static void put(struct exposition *x, const char *text)
{
    sbuf_add(&x->b, str_from(text));
}

static void put_name(struct exposition *x, const char *suffix)
{
    sbuf_add(&x->b, STR("s3onramp_"));
    put(x, x->metric->name);
    put(x, suffix);
}

/* Of the samples. */
static const char *suffix_of(const struct metric *m)
{
    return m->kind == METRIC_COUNTER ? "_total" : m->kind == METRIC_INFO ? "_info" : "";
}

static void put_meta(struct exposition *x, const char *word, const char *text)
{
    sbuf_add(&x->b, STR("# "));
    put(x, word);
    sbuf_char(&x->b, ' ');
    put_name(x, x->openmetrics ? "" : suffix_of(x->metric));
    sbuf_char(&x->b, ' ');
    put(x, text);
    sbuf_char(&x->b, '\n');
}

static void put_head(struct exposition *x)
{
    const struct metric *m = x->metric;

    put_meta(x, "HELP", m->help);
    put_meta(x, "TYPE", kinds[m->kind == METRIC_INFO && !x->openmetrics ? METRIC_GAUGE : m->kind]);
    if (x->openmetrics && m->unit[0]) put_meta(x, "UNIT", m->unit);
    x->begun = true;
}

static void flush(struct exposition *x)
{
    evbuffer_add(x->out, x->b.p, x->b.n);
    x->b.n = 0;
}

/* Room for a line, and what stands above the first one. */
static void begin_line(struct exposition *x)
{
    if (x->b.cap - x->b.n < 2 * LINE_MOST) flush(x);
    if (!x->begun) put_head(x);
}

/* How much at the front of @s is ASCII that stands for itself. */
static size_t plain_length(struct str s)
{
    size_t n = 0;

    while (n < s.n && (unsigned char)s.p[n] < 0x80 && s.p[n] != '\n' && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

/* @s with what the format, or UTF-8, does not have as it is. */
static void put_escaped(struct exposition *x, struct str s)
{
    while (s.n) {
        size_t n = plain_length(s);
        uint32_t code;

        if (n) {
            sbuf_add(&x->b, str_head(s, n));
            s = str_tail(s, n);
            continue;
        }
        n = str_utf8(s, &code);

        if (n == 0)
            sbuf_add(&x->b, STR("\xef\xbf\xbd"));
        else if (*s.p == '\n')
            sbuf_add(&x->b, STR("\\n"));
        else if (*s.p == '"' || *s.p == '\\')
            sbuf_printf(&x->b, "\\%c", *s.p);
        else
            sbuf_add(&x->b, str_head(s, n));
        s = str_tail(s, n ? n : 1);
    }
}

static void put_labels(struct exposition *x, const struct metric_labels *labels, const char *le)
{
    char next = '{';

    for (size_t i = 0; i < labels->n; i++) {
        sbuf_char(&x->b, next);
        put(x, labels->v[i].name);
        sbuf_add(&x->b, STR("=\""));
        put_escaped(x, str_head(labels->v[i].value, METRIC_LABEL_MOST));
        sbuf_char(&x->b, '"');
        next = ',';
    }
    if (le) {
        sbuf_char(&x->b, next);
        sbuf_add(&x->b, STR("le=\""));
        put(x, le);
        sbuf_char(&x->b, '"');
        next = ',';
    }
    if (next == ',') sbuf_char(&x->b, '}');
    sbuf_char(&x->b, ' ');
}

/* Microseconds as seconds, without zeros that say nothing, but for @least decimals. */
static void put_seconds(struct sbuf *b, uint64_t us, unsigned least)
{
    uint64_t rest = us % 1000000;
    unsigned n = 6;

    while (n > least && rest % 10 == 0) {
        rest /= 10;
        n--;
    }
    sbuf_u64(b, us / 1000000);
    if (n == 0) return;
    sbuf_char(b, '.');
    sbuf_digits(b, (unsigned)rest, n);
}

static void put_value(struct exposition *x, bool seconds, uint64_t value)
{
    if (seconds)
        put_seconds(&x->b, value, 0);
    else
        sbuf_u64(&x->b, value);
    sbuf_char(&x->b, '\n');
}

static bool is_in_seconds(const struct metric *m)
{
    return strcmp(m->unit, "seconds") == 0;
}

void exposition_init(struct exposition *x, bool openmetrics)
{
    x->out = NULL;
    x->openmetrics = openmetrics;
    x->metric = NULL;
    x->begun = false;
    x->b = sbuf_make(x->mem, sizeof(x->mem));
}

void exposition_family(struct exposition *x, const struct metric *metric)
{
    x->metric = metric;
    x->begun = false;
}

void exposition_sample(struct exposition *x, const struct metric_labels *labels, uint64_t value)
{
    begin_line(x);
    put_name(x, suffix_of(x->metric));
    put_labels(x, labels, NULL);
    put_value(x, is_in_seconds(x->metric), value);
}

void exposition_histogram(struct exposition *x, const struct metric_labels *labels, const uint32_t *bounds_us, size_t n,
                          const uint64_t *counts, uint64_t sum_us)
{
    uint64_t all = 0;

    for (size_t i = 0; i <= n; i++) {
        char le[32] = "+Inf";
        struct sbuf b = sbuf_make(le, sizeof(le) - 1);

        if (i < n) {
            put_seconds(&b, bounds_us[i], 1);
            le[b.n] = '\0';
        }
        all += counts[i];
        begin_line(x);
        put_name(x, "_bucket");
        put_labels(x, labels, le);
        put_value(x, false, all);
    }
    begin_line(x);
    put_name(x, "_sum");
    put_labels(x, labels, NULL);
    put_value(x, true, sum_us);
    begin_line(x);
    put_name(x, "_count");
    put_labels(x, labels, NULL);
    put_value(x, false, all);
}

void exposition_end(struct exposition *x)
{
    if (x->openmetrics) put(x, "# EOF\n");
    flush(x);
}
