/* SPDX-License-Identifier: Apache-2.0
 * overview_impl.h: what overview.c collects and overview_json.c writes.
 */
#ifndef S3ONRAMP_ADMIN_OVERVIEW_IMPL_H
#define S3ONRAMP_ADMIN_OVERVIEW_IMPL_H

#include "admin/hour.h"
#include "admin/verdict.h"
#include "buckets.h"
#include "flow/underway.h"
#include "overview.h"
#include "people.h"

enum { OVERVIEW_TROUBLES = 64, OVERVIEW_TRANSFERS = 40 };

/* What all workers said, together. */
struct overview_seen {
    int64_t at_us; /* monotonic; 0: never */
    size_t requests;
    struct underway_request transfers[OVERVIEW_TRANSFERS]; /* the oldest first */
    size_t transfers_n;
    struct trouble troubles[OVERVIEW_TROUBLES]; /* the latest first */
    size_t troubles_n;
};

struct overview {
    struct server *server;         /* borrowed */
    struct event *timer;           /* owned */
    struct people *people;         /* owned */
    struct buckets *buckets;       /* owned */
    struct overview_look *look;    /* under way; its own memory */
    struct overview_waiter *waits; /* owned: for it */
    struct overview_seen seen;
    struct hour hour;
    int64_t started_us;
};

/* NULL: no memory. */
MUST_CHECK json_t *overview_json(const struct overview *o);

#endif
