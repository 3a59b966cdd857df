/* SPDX-License-Identifier: Apache-2.0
 * bill.c: see bill.h.
 *
 * The forecast: bytes and requests go on as they did since the month began, or since the Region was first seen in it;
 * zones that were seen within two hours stay to the month's end. Tiers are taken of what is foreseen.
 */
#include "control/bill.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_S = 3600, STILL_THERE_S = 2 * HOUR_S };

static const struct {
    const char *name, *unit;
} items[] = {
#define X(item, name, unit) {name, unit},
    BILL_ITEMS(X)
#undef X
};

const char *bill_item_name(enum bill_item item)
{
    return items[item].name;
}

const char *bill_item_unit(enum bill_item item)
{
    return items[item].unit;
}

static struct bill_region *region_of(struct bill *b, struct str name)
{
    struct bill_region *v;

    for (size_t i = 0; i < b->regions_n; i++)
        if (str_eq(b->regions[i].name, name)) return &b->regions[i];
    v = realloc(b->regions, (b->regions_n + 1) * sizeof(*v));
    if (!v) return NULL;
    b->regions = v;
    v[b->regions_n] = (struct bill_region){.name = name};
    return &v[b->regions_n++];
}

/* ------------------------------------------------------------------- quantities */

/* A begun hour counts whole. */
static uint64_t hours(int64_t from_s, int64_t to_s)
{
    return to_s < from_s ? 0 : (uint64_t)(to_s / HOUR_S - from_s / HOUR_S + 1);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t s;

    return __builtin_add_overflow(a, b, &s) ? UINT64_MAX : s;
}

/* What of a row the item is about. */
static uint64_t quantity(enum bill_item item, const struct ledger_row *r, const struct price_region *p,
                         const struct prices *all)
{
    uint64_t bytes = sum(r->v[TRAFFIC_BYTES_IN], r->v[TRAFFIC_BYTES_OUT]);

    switch (item) {
    case BILL_DATA: return bytes;
    case BILL_TRANSFER_OUT: return r->v[TRAFFIC_BYTES_OUT];
    case BILL_CROSS_ZONE:
        return p && p->home_zone[0] && !str_eq(r->field[LEDGER_ZONE], str_from(p->home_zone)) ? bytes : 0;
    case BILL_CROSS_REGION: return p && all->home_region[0] && strcmp(all->home_region, p->name) != 0 ? bytes : 0;
    case BILL_PUTS: return r->v[TRAFFIC_PUTS];
    case BILL_GETS: return r->v[TRAFFIC_GETS];
    case BILL_HOURS:
    case BILL_ITEMS_N: break;
    }
    return 0;
}

static uint64_t price(enum bill_item item, uint64_t n, const struct price_region *p)
{
    switch (item) {
    case BILL_HOURS: return price_of_number(n, p->zone_hour, 1);
    case BILL_DATA: return price_of_bytes(&p->data, n);
    case BILL_TRANSFER_OUT: return price_of_bytes(&p->transfer_out, n);
    case BILL_CROSS_ZONE: return price_of_bytes(&p->cross_zone, n);
    case BILL_CROSS_REGION: return price_of_bytes(&p->cross_region, n);
    case BILL_PUTS: return price_of_number(n, p->put_1000, 1000);
    case BILL_GETS: return price_of_number(n, p->get_1000, 1000);
    case BILL_ITEMS_N: break;
    }
    return 0;
}

static const struct price_region *prices_in(const struct prices *p, struct str region)
{
    return p ? prices_of(p, region) : NULL;
}

static bool add_up(struct bill *b, const struct ledger *l, const struct prices *p)
{
    const struct ledger_zone *z;
    const struct ledger_row *r;
    struct bill_region *to;
    size_t at = 0;

    while ((z = map_next(&l->zones, &at))) {
        if (!(to = region_of(b, z->region))) return false;
        to->so_far[BILL_HOURS].quantity += hours(z->first_s, z->last_s);
    }
    for (at = 0; (r = map_next(&l->rows, &at));) {
        if (!(to = region_of(b, r->field[LEDGER_REGION]))) return false;
        for (unsigned i = BILL_DATA; i < BILL_ITEMS_N; i++)
            to->so_far[i].quantity =
                sum(to->so_far[i].quantity, quantity((enum bill_item)i, r, prices_in(p, r->field[LEDGER_REGION]), p));
    }
    return true;
}

/* ------------------------------------------------------------------- forecast */

static int64_t seen_since(const struct bill *b, const struct ledger *l, struct str region)
{
    const struct ledger_zone *z;
    int64_t since_s = INT64_MAX;
    size_t at = 0;

    while ((z = map_next(&l->zones, &at)))
        if (str_eq(z->region, region) && z->first_s < since_s) since_s = z->first_s;
    return since_s == INT64_MAX || since_s < b->from_s ? b->from_s : since_s;
}

static uint64_t hours_left(const struct bill *b, const struct ledger *l, struct str region)
{
    const struct ledger_zone *z;
    uint64_t n = 0;
    size_t at = 0;

    while ((z = map_next(&l->zones, &at)))
        if (str_eq(z->region, region) && z->last_s + STILL_THERE_S > b->now_s)
            n += hours(z->last_s, b->to_s - 1) - 1; /* its last hour counts already */
    return n;
}

static void foresee(const struct bill *b, const struct ledger *l, struct bill_region *r)
{
    int64_t since_s = seen_since(b, l, r->name), gone_s = b->now_s - since_s, all_s = b->to_s - since_s;

    memcpy(r->forecast, r->so_far, sizeof(r->forecast));
    if (b->over) return;
    r->forecast[BILL_HOURS].quantity += hours_left(b, l, r->name);
    if (gone_s < HOUR_S) gone_s = HOUR_S;
    if (all_s < gone_s) all_s = gone_s;
    for (unsigned i = BILL_DATA; i < BILL_ITEMS_N; i++)
        r->forecast[i].quantity = price_of_number(r->so_far[i].quantity, (uint64_t)all_s, (uint64_t)gone_s);
}

static void put_prices(struct bill *b, struct bill_region *r, const struct price_region *p)
{
    r->priced = p;
    for (unsigned i = 0; p && i < BILL_ITEMS_N; i++) {
        r->so_far[i].nano = price((enum bill_item)i, r->so_far[i].quantity, p);
        r->forecast[i].nano = price((enum bill_item)i, r->forecast[i].quantity, p);
        b->nano = sum(b->nano, r->so_far[i].nano);
        b->forecast_nano = sum(b->forecast_nano, r->forecast[i].nano);
    }
}

/* ------------------------------------------------------------------- shares */

struct sharing {
    struct bill *b;
    const struct ledger *l;
    const struct prices *p;
    enum bill_by by;
    struct map found;                /* bill_share by name; only while nothing is added do they stay in place */
    uint64_t (*given)[BILL_ITEMS_N]; /* owned: quantity of each Region that is given away */
};

static struct bill_share *share_of(struct sharing *s, struct str endpoint, struct str name, struct str key)
{
    struct bill_share *v = map_get(&s->found, key);

    if (v) return v;
    v = &s->b->shares[s->b->shares_n];
    *v = (struct bill_share){.endpoint = endpoint, .name = name};
    if (!map_put(&s->found, key, v)) return NULL;
    s->b->shares_n++;
    return v;
}

/* The part of @whole that quantity @n is of @all, after @before of it: parts in a row add up to @whole. */
static uint64_t part(uint64_t whole, uint64_t before, uint64_t n, uint64_t all)
{
    if (all == 0) return 0;
    return (uint64_t)((unsigned __int128)whole * (before + n) / all - (unsigned __int128)whole * before / all);
}

static void share_row(struct sharing *s, struct bill_share *to, const struct ledger_row *r)
{
    const struct bill_region *region = region_of(s->b, r->field[LEDGER_REGION]);
    size_t number = (size_t)(region - s->b->regions);
    const struct price_region *p = prices_in(s->p, region->name);

    for (unsigned i = 0; i < TRAFFIC_SLOTS; i++)
        to->v[i] = sum(to->v[i], r->v[i]);
    for (unsigned i = BILL_DATA; i < BILL_ITEMS_N; i++) {
        uint64_t n = quantity((enum bill_item)i, r, p, s->p), *given = &s->given[number][i];

        to->nano += part(region->so_far[i].nano, *given, n, region->so_far[i].quantity);
        *given += n;
    }
}

/* endpoint, Region, zone: as the ledger's zones have it. */
static struct str zone_key(const struct ledger_row *r)
{
    const char *from = r->field[LEDGER_ENDPOINT].p;

    return str_make(from, (size_t)(r->text + r->n - from));
}

static bool share_rows(struct sharing *s)
{
    static const enum ledger_field field[] = {
        [BILL_BY_CLIENT] = LEDGER_CLIENT, [BILL_BY_BUCKET] = LEDGER_BUCKET, [BILL_BY_ZONE] = LEDGER_ZONE};
    const struct ledger_row *r;
    size_t at = 0;

    while ((r = map_next(&s->l->rows, &at))) {
        struct str name = r->field[field[s->by]];
        bool zone = s->by == BILL_BY_ZONE;
        struct bill_share *to =
            share_of(s, zone ? r->field[LEDGER_ENDPOINT] : STR_NONE, name, zone ? zone_key(r) : name);

        if (!to) return false;
        share_row(s, to, r);
    }
    return true;
}

static bool share_zones(struct sharing *s)
{
    const struct ledger_zone *z;
    size_t at = 0;

    while ((z = map_next(&s->l->zones, &at))) {
        struct bill_share *to = share_of(s, z->endpoint, z->zone, str_from(z->text));
        const struct price_region *p = prices_in(s->p, z->region);

        if (!to) return false;
        to->zone = z;
        to->hours = hours(z->first_s, z->last_s);
        if (p) to->nano += price(BILL_HOURS, to->hours, p);
    }
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct bill_share *x = a, *y = b;
    uint64_t n = sum(x->v[TRAFFIC_BYTES_IN], x->v[TRAFFIC_BYTES_OUT]),
             m = sum(y->v[TRAFFIC_BYTES_IN], y->v[TRAFFIC_BYTES_OUT]);

    if (n != m) return n < m ? 1 : -1;
    return str_eq(x->endpoint, y->endpoint) ? str_cmp(x->name, y->name) : str_cmp(x->endpoint, y->endpoint);
}

static bool share_out(struct bill *b, const struct ledger *l, const struct prices *p, enum bill_by by)
{
    struct sharing s = {.b = b, .l = l, .p = p, .by = by};
    bool fine;

    if (by == BILL_BY_NOTHING) return true;
    b->shares = calloc(l->rows.n + l->zones.n + 1, sizeof(*b->shares));
    s.given = calloc(b->regions_n + 1, sizeof(*s.given));
    map_init(&s.found);
    fine = b->shares && s.given && share_rows(&s) && (by != BILL_BY_ZONE || share_zones(&s));
    map_clear(&s.found);
    free(s.given);
    if (fine) qsort(b->shares, b->shares_n, sizeof(*b->shares), compare);
    return fine;
}

struct bill *bill_new(const struct ledger *l, const struct prices *p, int64_t now_s, enum bill_by by)
{
    struct bill *b = calloc(1, sizeof(*b));
    bool fine = b && ledger_month_span(l->month, &b->from_s, &b->to_s) && add_up(b, l, p);

    if (fine) {
        b->over = now_s >= b->to_s;
        b->now_s = b->over ? b->to_s : now_s;
    }
    for (size_t i = 0; fine && i < b->regions_n; i++) {
        foresee(b, l, &b->regions[i]);
        put_prices(b, &b->regions[i], prices_in(p, b->regions[i].name));
    }
    if (fine && share_out(b, l, p, by)) return b;
    bill_free(&b);
    return NULL;
}

void bill_free(struct bill **bp)
{
    struct bill *b = *bp;

    *bp = NULL;
    if (!b) return;
    free(b->regions);
    free(b->shares);
    free(b);
}

void bill_money(uint64_t nano, char out[BILL_MONEY])
{
    unsigned decimals = 2;
    uint64_t unit = PRICES_NANO / 100;

    while (nano && decimals < 9 && nano < unit) {
        decimals++;
        unit /= 10;
    }
    nano = nano / unit + (nano % unit >= (unit + 1) / 2 && unit > 1);
    unit = PRICES_NANO / unit;
    snprintf(out, BILL_MONEY, "%" PRIu64 ".%0*" PRIu64, nano / unit, (int)decimals, nano % unit);
}
