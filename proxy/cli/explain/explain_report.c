/* SPDX-License-Identifier: Apache-2.0
 * explain_report.c: what `s3onramp explain` says, collected as text and as JSON at once. One thread. Owns both until
 * they are printed. What came from a request may hold anything: it reaches a terminal escaped.
 */
#include "explain.h"

#include <stdarg.h>
#include <stdlib.h>

enum { LABEL_WIDTH = 16 };

bool report_init(struct report *r)
{
    *r = (struct report){.all = json_object()};
    r->out = open_memstream(&r->text, &r->text_n);
    return r->all && r->out;
}

void report_end(struct report *r, bool json)
{
    if (r->out && fclose(r->out) == 0 && !json) fwrite(r->text, 1, r->text_n, stdout);
    if (json && json_dumpf(r->all, stdout, JSON_INDENT(2)) == 0) fputc('\n', stdout);
    json_decref(r->all);
    free(r->text);
}

/* Bytes of the character that @s begins with if it can be shown as it is, else 0. */
static size_t printable_bytes(struct str s)
{
    uint8_t c = (uint8_t)s.p[0];
    size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : 4;
    json_t *whole;

    if (c < 0x80) return c >= 0x20 && c != 0x7f && c != '\\' ? 1 : 0;
    if (n > s.n || (c == 0xc2 && (uint8_t)s.p[1] < 0xa0)) return 0; /* C1 controls */
    whole = json_stringn(s.p, n);                                   /* NULL if it is not UTF-8 */
    json_decref(whole);
    return whole ? n : 0;
}

char *report_printable(struct str s)
{
    struct sbuf b = sbuf_make(malloc(4 * s.n + 1), 4 * s.n + 1);

    ASSERT(b.p);
    while (s.n) {
        size_t n = s.p[0] == '\n' ? 1 : printable_bytes(s);

        if (n)
            sbuf_add(&b, str_head(s, n));
        else if (s.p[0] == '\\')
            sbuf_add(&b, STR("\\\\"));
        else
            sbuf_printf(&b, "\\x%02x", (unsigned)(uint8_t)s.p[0]);
        s = str_tail(s, n ? n : 1);
    }
    sbuf_char(&b, '\0');
    ASSERT(!b.overflow);
    return b.p;
}

void report_title(struct report *r, const char *key, struct str text)
{
    char *shown = report_printable(text);

    fprintf(r->out, "%s\n", shown);
    json_object_set_new(r->all, key, json_string(shown));
    free(shown);
}

static void print_row(struct report *r, const char *key, const char *label, const char *text)
{
    struct str rest = str_from(text), line;
    bool again = r->in_a_list && r->last_key == key;

    if (str_index(rest, '\n') == SIZE_MAX) {
        fprintf(r->out, "  %-*s %s\n", LABEL_WIDTH, again ? "" : label, text);
        return;
    }
    fprintf(r->out, "  %s\n", label);
    while (str_split(&rest, '\n', &line))
        fprintf(r->out, "      %.*s\n", STR_ARG(line));
}

/* The row as people see it; free it. */
static char *format(const char *fmt, va_list ap)
{
    char *text = NULL, *shown;
    int n = vasprintf(&text, fmt, ap);

    ASSERT(n >= 0);
    shown = report_printable(str_make(text, (size_t)n));
    free(text);
    return shown;
}

void report_put(struct report *r, const char *key, const char *label, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *text = format(fmt, ap);
    va_end(ap);
    r->in_a_list = false;
    print_row(r, key, label, text);
    r->last_key = key;
    json_object_set_new(r->all, key, json_string(text));
    free(text);
}

void report_named(struct report *r, const char *key, const char *label, const char *value, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *text = format(fmt, ap), *shown = report_printable(str_from(value));
    va_end(ap);
    r->in_a_list = false;
    print_row(r, key, label, text);
    r->last_key = key;
    json_object_set_new(r->all, key, json_string(shown));
    free(text);
    free(shown);
}

void report_str(struct report *r, const char *key, const char *label, struct str value)
{
    report_put(r, key, label, "%.*s", STR_ARG(value));
}

static void add(struct report *r, const char *key, const char *label, json_t *item, const char *text)
{
    json_t *list = json_object_get(r->all, key);

    if (!list) {
        list = json_array();
        json_object_set_new(r->all, key, list);
    }
    json_array_append_new(list, item);
    print_row(r, key, label, text);
    r->in_a_list = true;
    r->last_key = key;
}

void report_add(struct report *r, const char *key, const char *label, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *text = format(fmt, ap);
    va_end(ap);
    add(r, key, label, json_string(text), text);
    free(text);
}

void report_add_object(struct report *r, const char *key, const char *label, json_t *object, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *text = format(fmt, ap);
    va_end(ap);
    add(r, key, label, object, text);
    free(text);
}

void report_bool(struct report *r, const char *key, bool value)
{
    json_object_set_new(r->all, key, json_boolean(value));
}
