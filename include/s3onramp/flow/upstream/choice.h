/* SPDX-License-Identifier: Apache-2.0
 * choice.h: which of an endpoint's addresses takes the next request. Pure: time and loads are parameters; any thread.
 *
 * In this order: what works (up; half-open for one request without a body at a time), then what is in doubt (suspect,
 * or avoided after a failure of our own), then what is down, because a wrong guess costs less than a refusal; barred
 * addresses never. Among equals the preferred zone, as long as it has room; in it the address with the fewest requests
 * for its share, which grows during slow start; among those the next in turn.
 */
#ifndef S3ONRAMP_FLOW_UPSTREAM_CHOICE_H
#define S3ONRAMP_FLOW_UPSTREAM_CHOICE_H

#include "flow/upstream/address.h"

struct choice {
    enum address_state state;
    bool barred, preferred, avoided, tried;
    uint64_t in_flight, mine; /* requests of all workers, of this one */
    unsigned share;           /* percent, 1..100: see choice_share */
};

struct choice_request {
    bool has_body;
    uint64_t max_in_flight; /* 0: no limit */
    size_t turn;            /* where to begin among equals */
};

enum choice_result { CHOICE_FOUND, CHOICE_FULL, CHOICE_NONE };

/* Share of an address whose slow start began at @warm_us (0: none) and lasts @slow_start_us. */
unsigned choice_share(int64_t warm_us, int64_t slow_start_us, int64_t now_us);
/* FOUND: *@at is the index. FULL: the usable ones are at their limit. NONE: none is usable (tried or barred). */
enum choice_result choice_pick(const struct choice *v, size_t n, const struct choice_request *r, size_t *at);

#endif
