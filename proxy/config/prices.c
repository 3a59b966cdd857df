/* SPDX-License-Identifier: Apache-2.0
 * prices.c: see prices.h. A line is [SECTION], KEY = VALUE, a comment (# or ;) or empty; nothing goes on in the next
 * one. All that is wrong is told in one run.
 */
#include "config/prices.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

enum { LINE_MOST = 1024, REGIONS_MOST = 200, GB_SHIFT = 30 };

struct reading {
    const char *name;
    FILE *problems;
    unsigned line;
    bool bad;
    struct prices *p;
    bool general, section; /* in [prices]; in any */
    struct price_region *region;
    uint64_t seen; /* keys of the section: bits of the table */
};

static void problem(struct reading *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void problem(struct reading *r, const char *fmt, ...)
{
    va_list ap;

    fprintf(r->problems, "%s:%u: ", r->name, r->line);
    va_start(ap, fmt);
    vfprintf(r->problems, fmt, ap);
    va_end(ap);
    fputc('\n', r->problems);
    r->bad = true;
}

/* ------------------------------------------------------------------- values */

/* "0.0047": at most nine decimals, so that nothing is rounded, and below a million. */
static bool parse_price(struct str text, uint64_t *out)
{
    size_t point = str_index(text, '.');
    struct str whole = str_head(text, point), part = point < text.n ? str_tail(text, point + 1) : STR("0");
    uint64_t w, f;

    if (!str_to_u64(whole, &w) || !str_to_u64(part, &f) || w >= 1000000 || part.n > 9) return false;
    for (size_t i = part.n; i < 9; i++)
        f *= 10;
    *out = w * PRICES_NANO + f;
    return true;
}

static bool parse_size(struct str text, uint64_t *out)
{
    static const struct {
        struct str word;
        unsigned shift;
    } units[] = {{STR_INIT("GB"), GB_SHIFT}, {STR_INIT("TB"), GB_SHIFT + 10}, {STR_INIT("PB"), GB_SHIFT + 20}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (!str_ends(text, units[i].word)) continue;
        if (!str_to_u64(str_head(text, text.n - 2), out) || *out == 0 || *out >= UINT64_MAX >> units[i].shift)
            return false;
        *out <<= units[i].shift;
        return true;
    }
    return false;
}

/* "1PB:0.01, 5PB:0.006, 0.004" */
static bool parse_tiers(struct str text, struct price_tiers *t)
{
    struct str rest = text, item;

    if (str_ends(text, STR(","))) return false;
    while (str_split(&rest, ',', &item)) {
        struct price_tier *tier = &t->v[t->n];
        size_t colon;

        if (t->n == PRICES_TIERS || (t->n > 0 && t->v[t->n - 1].up_to == UINT64_MAX)) return false;
        item = str_trim(item);
        colon = str_index(item, ':');
        tier->up_to = UINT64_MAX;
        if (colon < item.n && !parse_size(str_trim(str_head(item, colon)), &tier->up_to)) return false;
        if (t->n > 0 && tier->up_to <= t->v[t->n - 1].up_to) return false;
        if (!parse_price(str_trim(colon < item.n ? str_tail(item, colon + 1) : item), &tier->nano)) return false;
        t->n++;
    }
    return t->n > 0 && t->v[t->n - 1].up_to == UINT64_MAX;
}

static bool is_word(struct str text, size_t most)
{
    if (text.n == 0 || text.n >= most) return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
    }
    return true;
}

/* ------------------------------------------------------------------- keys */

enum kind { PRICE, TIERS, WORD, DATE };

struct key {
    struct str word;
    bool general;
    enum kind kind;
    size_t at, bytes;
};

#define OF(general, kind, type, field)                                                                   \
    {                                                                                                    \
        STR_INIT(#field), general, kind, offsetof(struct type, field), sizeof(((struct type *)0)->field) \
    }
static const struct key keys[] = {
    OF(true, WORD, prices, currency),           OF(true, DATE, prices, date),
    OF(true, WORD, prices, home_region),        OF(false, PRICE, price_region, zone_hour),
    OF(false, TIERS, price_region, data),       OF(false, TIERS, price_region, transfer_out),
    OF(false, TIERS, price_region, cross_zone), OF(false, TIERS, price_region, cross_region),
    OF(false, PRICE, price_region, put_1000),   OF(false, PRICE, price_region, get_1000),
    OF(false, WORD, price_region, home_zone),
};

static bool is_date(struct str text)
{
    static const char shape[] = "0000-00-00";

    if (text.n != sizeof(shape) - 1) return false;
    for (size_t i = 0; i < text.n; i++)
        if (shape[i] == '0' ? text.p[i] < '0' || text.p[i] > '9' : text.p[i] != '-') return false;
    return true;
}

static void take_value(struct reading *r, const struct key *k, struct str value)
{
    char *at = (k->general ? (char *)r->p : (char *)r->region) + k->at;
    struct price_tiers tiers = {0};
    uint64_t price;

    switch (k->kind) {
    case PRICE:
        if (!parse_price(value, &price))
            problem(r, "%.*s is no price; write 0.0047, with a point and at most nine decimals", STR_ARG(value));
        else
            memcpy(at, &price, sizeof(price));
        break;
    case TIERS:
        if (!parse_tiers(value, &tiers))
            problem(r,
                    "%.*s are no prices of a GB; write 0.01, or 1PB:0.01, 5PB:0.006, 0.004: what the first PB costs, "
                    "what follows up to 5 PB, and all others",
                    STR_ARG(value));
        else
            memcpy(at, &tiers, sizeof(tiers));
        break;
    case WORD:
        if (!is_word(value, k->bytes))
            problem(r, "%.*s: write letters, digits and -", STR_ARG(value));
        else
            str_to_cstr(value, at, k->bytes);
        break;
    case DATE:
        if (!is_date(value))
            problem(r, "%.*s is no date; write 2025-06-01", STR_ARG(value));
        else
            str_to_cstr(value, at, k->bytes);
        break;
    }
}

static void take_key(struct reading *r, struct str word, struct str value)
{
    size_t i = 0;

    if (!r->section) return; /* its header was refused, or there is none */
    while (i < ARRAY_LEN(keys) && (keys[i].general != r->general || !str_eq(keys[i].word, word)))
        i++;
    if (i == ARRAY_LEN(keys)) {
        problem(r, "%s has no key %.*s", r->general ? "[prices]" : "a Region", STR_ARG(word));
        return;
    }
    if (r->seen >> i & 1) problem(r, "%.*s is written twice", STR_ARG(word));
    r->seen |= UINT64_C(1) << i;
    take_value(r, &keys[i], value);
}

static void open_section(struct reading *r, struct str name)
{
    struct price_region *v;

    r->seen = 0;
    r->section = false;
    r->general = str_eq(name, STR("prices"));
    r->section = r->general;
    if (r->general) return;
    if (!is_word(name, PRICES_REGION)) {
        problem(r, "[%.*s] is no Region", STR_ARG(name));
        return;
    }
    if (prices_of(r->p, name) || r->p->n == REGIONS_MOST) {
        problem(r, "[%.*s] is written twice", STR_ARG(name));
        return;
    }
    v = realloc(r->p->v, (r->p->n + 1) * sizeof(*v));
    if (!v) {
        problem(r, "out of memory");
        return;
    }
    r->p->v = v;
    r->region = &v[r->p->n++];
    *r->region = (struct price_region){0};
    str_to_cstr(name, r->region->name, sizeof(r->region->name));
    r->section = true;
}

/* A comment begins the line, or stands behind a blank. */
static struct str without_comment(struct str line)
{
    for (size_t i = 0; i < line.n; i++)
        if ((line.p[i] == '#' || line.p[i] == ';') && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
            return str_head(line, i);
    return line;
}

static void take_line(struct reading *r, struct str line)
{
    size_t equals;

    line = str_trim(without_comment(line));
    if (line.n == 0) return;
    if (line.p[0] == '[' && line.p[line.n - 1] == ']') {
        open_section(r, str_trim(str_make(line.p + 1, line.n - 2)));
        return;
    }
    equals = str_index(line, '=');
    if (equals == SIZE_MAX || memchr(line.p, '\0', line.n))
        problem(r, "this is neither [REGION] nor KEY = VALUE");
    else if (!r->region && !r->general)
        problem(r, "a key stands below [prices] or a [REGION]");
    else
        take_key(r, str_trim(str_head(line, equals)), str_trim(str_tail(line, equals + 1)));
}

/* ------------------------------------------------------------------- the file */

struct prices *prices_read(FILE *in, const char *name, FILE *problems)
{
    struct reading r = {.name = name, .problems = problems, .p = calloc(1, sizeof(struct prices))};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (!r.p) return NULL;
    while ((n = getline(&line, &cap, in)) >= 0) {
        r.line++;
        if (n > LINE_MOST) {
            problem(&r, "the line is longer than %d bytes", LINE_MOST);
            break;
        }
        if (n > 0 && line[n - 1] == '\n') n--;
        if (n > 0 && line[n - 1] == '\r') n--;
        take_line(&r, str_make(line, (size_t)n));
    }
    free(line);
    if (!r.bad && ferror(in)) problem(&r, "cannot be read: %s", strerror(errno));
    if (!r.bad && (!r.p->currency[0] || !r.p->date[0]))
        problem(&r, "[prices] says in which currency they are, and of which day: currency = USD, date = 2025-06-01");
    if (r.bad) prices_free(&r.p);
    return r.p;
}

struct prices *prices_load(const char *path, FILE *problems)
{
    FILE *in = fopen(path, "re");
    struct prices *p;

    if (!in) {
        fprintf(problems, "%s: %s\n", path, strerror(errno));
        return NULL;
    }
    p = prices_read(in, path, problems);
    fclose(in);
    return p;
}

void prices_free(struct prices **p)
{
    if (*p) free((*p)->v);
    free(*p);
    *p = NULL;
}

const struct price_region *prices_of(const struct prices *p, struct str region)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(str_from(p->v[i].name), region)) return &p->v[i];
    return NULL;
}

/* ------------------------------------------------------------------- reckoning */

typedef unsigned __int128 wide;

static uint64_t divided(wide n, wide by)
{
    wide q = (n + by / 2) / by;

    return q > UINT64_MAX ? UINT64_MAX : (uint64_t)q;
}

uint64_t price_of_bytes(const struct price_tiers *t, uint64_t bytes)
{
    uint64_t below = 0;
    wide sum = 0;

    for (size_t i = 0; i < t->n && bytes > below; i++) {
        uint64_t to = bytes < t->v[i].up_to ? bytes : t->v[i].up_to;

        sum += (wide)(to - below) * t->v[i].nano;
        below = to;
    }
    return divided(sum, (wide)1 << GB_SHIFT);
}

uint64_t price_of_number(uint64_t n, uint64_t nano, uint64_t per)
{
    return divided((wide)n * nano, per);
}
