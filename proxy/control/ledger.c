/* SPDX-License-Identifier: Apache-2.0
 * ledger.c: see ledger.h. In memory.
 */
#include "control/ledger.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RESERVE = 1000 /* rows for "(other)", by endpoint and zone */, TEXT = LEDGER_FIELDS * LEDGER_FIELD };

void ledger_month_of(int64_t wall_s, char out[LEDGER_MONTH])
{
    time_t t = (time_t)wall_s;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || tm.tm_year < 70 || tm.tm_year > 8099) gmtime_r(&(time_t){0}, &tm);
    if (strftime(out, LEDGER_MONTH, "%Y-%m", &tm) == 0) memcpy(out, "1970-01", LEDGER_MONTH);
}

bool ledger_month_span(const char *month, int64_t *from_s, int64_t *to_s)
{
    struct str text = str_from(month);
    uint64_t year, number;
    struct tm tm = {.tm_mday = 1};

    if (text.n != LEDGER_MONTH - 1 || text.p[4] != '-' || !str_to_u64(str_head(text, 4), &year) ||
        !str_to_u64(str_tail(text, 5), &number) || year < 1970 || number < 1 || number > 12)
        return false;
    tm.tm_year = (int)year - 1900;
    tm.tm_mon = (int)number - 1;
    *from_s = (int64_t)timegm(&tm);
    tm = (struct tm){.tm_mday = 1, .tm_year = (int)year - 1900, .tm_mon = (int)number};
    *to_s = (int64_t)timegm(&tm);
    return true;
}

struct ledger *ledger_new(const char *month)
{
    struct ledger *l = calloc(1, sizeof(*l));

    if (!l) return NULL;
    memcpy(l->month, month, LEDGER_MONTH);
    map_init(&l->rows);
    map_init(&l->zones);
    return l;
}

void ledger_free(struct ledger **lp)
{
    struct ledger *l = *lp;
    size_t at = 0;
    void *p;

    *lp = NULL;
    if (!l) return;
    while ((p = map_next(&l->rows, &at)))
        free(p);
    at = 0;
    while ((p = map_next(&l->zones, &at)))
        free(p);
    map_clear(&l->rows);
    map_clear(&l->zones);
    free(l);
}

/* Nothing that a line of a file, or a terminal, would trip over. */
static struct str fit(struct str field)
{
    if (field.n >= LEDGER_FIELD) return STR("?");
    for (size_t i = 0; i < field.n; i++)
        if (field.p[i] <= ' ' || field.p[i] > '~') return STR("?");
    return field;
}

static struct str join(char text[TEXT], const struct str *field, size_t n)
{
    struct sbuf b = sbuf_make(text, TEXT);

    for (size_t i = 0; i < n; i++) {
        if (i) sbuf_char(&b, '\t');
        sbuf_add(&b, fit(field[i]));
    }
    return sbuf_str(&b);
}

static void split(struct str text, struct str *field, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t tab = str_index(text, '\t');

        field[i] = str_head(text, tab);
        text = str_tail(text, tab + 1);
    }
}

const struct ledger_row *ledger_find(const struct ledger *l, struct str text)
{
    return map_get(&l->rows, text);
}

static struct ledger_row *row_of(struct ledger *l, struct str text)
{
    struct ledger_row *r = map_get(&l->rows, text);

    if (r) return r;
    r = calloc(1, sizeof(*r) + text.n + 1);
    if (!r) return NULL;
    memcpy(r->text, text.p, text.n);
    r->n = text.n;
    split(str_make(r->text, r->n), r->field, LEDGER_FIELDS);
    if (map_put(&l->rows, str_make(r->text, r->n), r)) return r;
    free(r);
    return NULL;
}

/* Too many: less is told apart. */
static struct str crowded(const struct ledger *l, char mem[TEXT], const struct str field[LEDGER_FIELDS])
{
    struct str less[LEDGER_FIELDS];
    struct str text = join(mem, field, LEDGER_FIELDS);

    if (l->rows.n < LEDGER_ROWS - RESERVE || map_get(&l->rows, text)) return text;
    memcpy(less, field, sizeof(less));
    less[LEDGER_CLIENT] = less[LEDGER_BUCKET] = STR(TRAFFIC_OTHER);
    text = join(mem, less, LEDGER_FIELDS);
    if (l->rows.n < LEDGER_ROWS - 1 || map_get(&l->rows, text)) return text;
    less[LEDGER_ENDPOINT] = less[LEDGER_REGION] = less[LEDGER_ZONE] = STR(TRAFFIC_OTHER);
    return join(mem, less, LEDGER_FIELDS);
}

bool ledger_add(struct ledger *l, const struct str field[LEDGER_FIELDS], const uint64_t v[TRAFFIC_SLOTS])
{
    char mem[TEXT];
    struct ledger_row *r = row_of(l, crowded(l, mem, field));

    if (!r) return false;
    for (size_t i = 0; i < TRAFFIC_SLOTS; i++)
        if (__builtin_add_overflow(r->v[i], v[i], &r->v[i])) r->v[i] = UINT64_MAX;
    return true;
}

static struct ledger_zone *zone_of(struct ledger *l, struct str text)
{
    struct ledger_zone *z = map_get(&l->zones, text);
    struct str field[3];

    if (z || l->zones.n >= RESERVE) return z;
    z = calloc(1, sizeof(*z) + text.n + 1);
    if (!z) return NULL;
    memcpy(z->text, text.p, text.n);
    split(str_make(z->text, text.n), field, 3);
    z->endpoint = field[0];
    z->region = field[1];
    z->zone = field[2];
    if (map_put(&l->zones, str_make(z->text, text.n), z)) return z;
    free(z);
    return NULL;
}

/* The look that ends a month comes a little after its end. */
static int64_t in_month(const struct ledger *l, int64_t at_s)
{
    int64_t from_s, to_s;

    if (!ledger_month_span(l->month, &from_s, &to_s)) return at_s;
    return at_s < from_s ? from_s : at_s >= to_s ? to_s - 1 : at_s;
}

bool ledger_saw(struct ledger *l, struct str endpoint, struct str region, struct str zone, const struct ledger_zone *z)
{
    char mem[TEXT];
    struct ledger_zone *to = zone_of(l, join(mem, (struct str[]){endpoint, region, zone}, 3));

    if (!to) return l->zones.n >= RESERVE;
    int64_t first_s = in_month(l, z->first_s), last_s = in_month(l, z->last_s);
    if (!to->first_s || first_s < to->first_s) to->first_s = first_s;
    if (last_s > to->last_s) to->last_s = last_s;
    if (z->peak > to->peak) {
        to->peak = z->peak;
        to->peak_s = z->peak_s;
    }
    return true;
}

bool ledger_merge(struct ledger *l, const struct ledger *from)
{
    size_t at = 0;
    const struct ledger_row *r;
    const struct ledger_zone *z;
    bool fine = true;

    while (fine && (r = map_next(&from->rows, &at)))
        fine = ledger_add(l, r->field, r->v);
    at = 0;
    while (fine && (z = map_next(&from->zones, &at)))
        fine = ledger_saw(l, z->endpoint, z->region, z->zone, z);
    return fine;
}
