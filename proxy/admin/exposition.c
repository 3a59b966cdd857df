/* SPDX-License-Identifier: Apache-2.0
 * exposition.c: see exposition.h. No line is longer than LINE_MOST, so that room is looked for once a line.
 */
#include "admin/exposition.h"

#include <event2/buffer.h>

enum { LINE_MOST = METRIC_LABELS_TEXT + 512 };

static const char *const kinds[] = {"counter", "gauge", "histogram", "info"};

static void put(struct exposition *x, const char *text)
{
    sbuf_add(&x->b, str_from(text));
}

static void put_name(struct exposition *x, struct str suffix)
{
    sbuf_add(&x->b, sbuf_str(&x->name));
    sbuf_add(&x->b, suffix);
}

/* Of the samples. */
static struct str suffix_of(const struct metric *m)
{
    return m->kind == METRIC_COUNTER ? STR("_total") : m->kind == METRIC_INFO ? STR("_info") : STR("");
}

static void put_meta(struct exposition *x, const char *word, const char *text)
{
    sbuf_add(&x->b, STR("# "));
    put(x, word);
    sbuf_char(&x->b, ' ');
    put_name(x, x->openmetrics ? STR("") : x->suffix);
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

/* ASCII that stands for itself. */
static bool is_plain(char c)
{
    return (unsigned char)c < 0x80 && c != '\n' && c != '"' && c != '\\';
}

/* One character that the format, or UTF-8, does not have as it is; how many bytes it was. */
static size_t put_special(struct sbuf *b, struct str s)
{
    uint32_t code;
    size_t n = str_utf8(s, &code);

    if (n == 0)
        sbuf_add(b, STR("\xef\xbf\xbd"));
    else if (*s.p == '\n')
        sbuf_add(b, STR("\\n"));
    else if (*s.p == '"' || *s.p == '\\')
        sbuf_add(b, str_make((char[]){'\\', *s.p}, 2));
    else
        sbuf_add(b, str_head(s, n));
    return n ? n : 1;
}

static void put_escaped(struct sbuf *b, struct str s)
{
    for (size_t at = 0; at < s.n;) {
        size_t from = at;

        while (at < s.n && is_plain(s.p[at]))
            at++;
        sbuf_add(b, str_make(s.p + from, at - from));
        if (at < s.n) at += put_special(b, str_tail(s, at));
    }
}

/* Between two labels. */
static void put_comma(struct sbuf *b, size_t begin)
{
    if (b->n > begin) sbuf_char(b, ',');
}

void exposition_text(struct sbuf *b, const struct metric_labels *labels)
{
    size_t begin = b->n;

    for (size_t i = 0; i < ARRAY_LEN(labels->text); i++) {
        if (!labels->text[i].n) continue;
        put_comma(b, begin);
        sbuf_add(b, labels->text[i]);
    }
    for (size_t i = 0; i < labels->n; i++) {
        put_comma(b, begin);
        sbuf_add(b, labels->v[i].name);
        sbuf_add(b, STR("=\""));
        put_escaped(b, str_head(labels->v[i].value, METRIC_LABEL_MOST));
        sbuf_char(b, '"');
    }
}

static void put_labels(struct exposition *x, const struct metric_labels *labels, const char *le)
{
    size_t begin = x->b.n + 1;

    sbuf_char(&x->b, '{');
    exposition_text(&x->b, labels);
    if (le) {
        put_comma(&x->b, begin);
        sbuf_add(&x->b, STR("le=\""));
        put(x, le);
        sbuf_char(&x->b, '"');
    }
    if (x->b.n == begin)
        x->b.n--;
    else
        sbuf_char(&x->b, '}');
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

void exposition_init(struct exposition *x, bool openmetrics)
{
    x->out = NULL;
    x->openmetrics = openmetrics;
    x->metric = NULL;
    x->b = sbuf_make(x->mem, sizeof(x->mem));
}

void exposition_family(struct exposition *x, const struct metric *metric)
{
    x->metric = metric;
    x->seconds = strcmp(metric->unit, "seconds") == 0;
    x->begun = false;
    x->suffix = suffix_of(metric);
    x->name = sbuf_make(x->name_mem, sizeof(x->name_mem));
    sbuf_add(&x->name, STR("s3onramp_"));
    sbuf_add(&x->name, str_from(metric->name));
}

void exposition_sample(struct exposition *x, const struct metric_labels *labels, uint64_t value)
{
    begin_line(x);
    put_name(x, x->suffix);
    put_labels(x, labels, NULL);
    put_value(x, x->seconds, value);
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
        put_name(x, STR("_bucket"));
        put_labels(x, labels, le);
        put_value(x, false, all);
    }
    begin_line(x);
    put_name(x, STR("_sum"));
    put_labels(x, labels, NULL);
    put_value(x, true, sum_us);
    begin_line(x);
    put_name(x, STR("_count"));
    put_labels(x, labels, NULL);
    put_value(x, false, all);
}

void exposition_end(struct exposition *x)
{
    if (x->openmetrics) put(x, "# EOF\n");
    flush(x);
}
