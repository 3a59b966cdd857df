/* SPDX-License-Identifier: Apache-2.0
 * bill.h: what a month's traffic costs, by the price table: pure. Money is in billionths of the currency's unit.
 *
 * Tiers hold for a Region as a whole. What several share is given to each by its part of the quantity, so that the
 * parts add up to the whole exactly.
 */
#ifndef S3ONRAMP_CONTROL_BILL_H
#define S3ONRAMP_CONTROL_BILL_H

#include "config/prices.h"
#include "control/ledger.h"

/* X(item, name, unit) */
#define BILL_ITEMS(X)                                     \
    X(HOURS, "endpoint hours", "zone-hours")              \
    X(DATA, "data through endpoints", "bytes")            \
    X(TRANSFER_OUT, "transfer out of AWS", "bytes")       \
    X(CROSS_ZONE, "data through other zones", "bytes")    \
    X(CROSS_REGION, "data of other Regions", "bytes")     \
    X(PUTS, "PUT, COPY, POST, LIST requests", "requests") \
    X(GETS, "GET, SELECT and other requests", "requests")

enum bill_item {
#define X(item, ...) BILL_##item,
    BILL_ITEMS(X)
#undef X
        BILL_ITEMS_N
};
const char *bill_item_name(enum bill_item item);
const char *bill_item_unit(enum bill_item item);

enum bill_by { BILL_BY_NOTHING, BILL_BY_CLIENT, BILL_BY_BUCKET, BILL_BY_ZONE };

struct bill_figure {
    uint64_t quantity, nano;
};

struct bill_region {
    struct str name; /* of the ledger */
    bool priced;     /* else .nano are 0 */
    struct bill_figure so_far[BILL_ITEMS_N], forecast[BILL_ITEMS_N];
};

struct bill_share {
    struct str endpoint, name; /* of the ledger; endpoint: only by zone */
    uint64_t v[TRAFFIC_SLOTS];
    uint64_t hours, nano;
    const struct ledger_zone *zone; /* only by zone; NULL: none was seen */
};

struct bill {
    int64_t from_s, to_s, now_s; /* the month, and when it was made, or the month's end */
    struct bill_region *regions; /* owned */
    size_t regions_n;
    struct bill_share *shares; /* owned; in descending order of bytes */
    size_t shares_n;
    uint64_t nano, forecast_nano;
    bool over; /* the month: there is nothing to foresee */
};

/* @l (borrowed, for as long as the bill). @p NULL: without money. NULL: out of memory. */
MUST_CHECK struct bill *bill_new(const struct ledger *l, const struct prices *p, int64_t now_s, enum bill_by by);
void bill_free(struct bill **b); /* NULL is fine */

enum { BILL_MONEY = 40 };
/* "12.35": two decimals, or as many as the first digit that is not 0 needs, at most nine. */
void bill_money(uint64_t nano, char out[BILL_MONEY]);

#endif
