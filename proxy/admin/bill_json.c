/* SPDX-License-Identifier: Apache-2.0
 * bill_json.c: see bill_json.h.
 */
#include "admin/bill_json.h"

#include "keys/json_text.h"

#include <inttypes.h>

static const char *const by_words[] = {
    [BILL_BY_NOTHING] = "", [BILL_BY_CLIENT] = "client", [BILL_BY_BUCKET] = "bucket", [BILL_BY_ZONE] = "zone"};

bool bill_by_word(const char *word, enum bill_by *by)
{
    *by = BILL_BY_NOTHING;
    for (size_t i = 1; word && i < ARRAY_LEN(by_words); i++)
        if (strcmp(word, by_words[i]) == 0) *by = (enum bill_by)i;
    return !word || *by != BILL_BY_NOTHING;
}

static json_t *text_of(struct str s)
{
    return json_stringn_nocheck(s.n ? s.p : "", s.n);
}

static json_t *money(uint64_t nano)
{
    char text[BILL_MONEY];

    snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64, nano / PRICES_NANO, nano % PRICES_NANO);
    return json_string(text);
}

static json_t *number(uint64_t n)
{
    return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *items_json(const struct bill_region *r)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < BILL_ITEMS_N; i++) {
        enum bill_item item = (enum bill_item)i;

        json_array_append_new(all,
                              json_pack("{ss ss so so so so}", "item", bill_item_name(item), "unit",
                                        bill_item_unit(item), "quantity", number(r->so_far[i].quantity), "cost",
                                        money(r->so_far[i].nano), "forecast_quantity", number(r->forecast[i].quantity),
                                        "forecast_cost", money(r->forecast[i].nano)));
    }
    return all;
}

static json_t *regions_json(const struct bill *b)
{
    json_t *all = json_array();

    for (size_t i = 0; i < b->regions_n; i++)
        json_array_append_new(all, json_pack("{so sb so}", "region", text_of(b->regions[i].name), "priced",
                                             b->regions[i].priced, "items", items_json(&b->regions[i])));
    return all;
}

static json_t *share_json(const struct bill_share *s, enum bill_by by)
{
    json_t *o = json_pack("{so so}", by_words[by], text_of(s->name), "cost", money(s->nano));

    for (unsigned i = 0; i < TRAFFIC_SLOTS; i++)
        json_object_set_new(o, traffic_slot_name((enum traffic_slot)i), number(s->v[i]));
    if (by != BILL_BY_ZONE) return o;
    json_object_set_new(o, "endpoint", text_of(s->endpoint));
    json_object_set_new(o, "hours", number(s->hours));
    json_object_set_new(o, "peak_bits_per_second", number(s->zone ? s->zone->peak * 8 : 0));
    json_object_set_new(o, "peak_at", json_integer(s->zone ? s->zone->peak_s : 0));
    return o;
}

json_t *bill_json(const struct ledger *l, const struct prices *p, int64_t now_s, enum bill_by by)
{
    struct bill *b = bill_new(l, p, now_s, by);
    json_t *o, *shares = by == BILL_BY_NOTHING ? NULL : json_array();

    if (!b) {
        json_decref(shares);
        return NULL;
    }
    o = json_pack("{ss sI sI sb ss ss sb so so so}", "month", l->month, "from", (json_int_t)b->from_s, "to",
                  (json_int_t)b->now_s, "over", b->over, "currency", p ? p->currency : "", "prices_of",
                  p ? p->date : "", "priced", p != NULL, "total", money(b->nano), "forecast", money(b->forecast_nano),
                  "regions", regions_json(b));
    for (size_t i = 0; shares && i < b->shares_n; i++)
        json_array_append_new(shares, share_json(&b->shares[i], by));
    if (shares) json_object_set_new(o, "shares", shares);
    bill_free(&b);
    return o;
}
