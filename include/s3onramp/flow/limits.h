/* SPDX-License-Identifier: Apache-2.0
 * limits.h: how many client connections there are, of all workers and of each source, and how many may be; how many TLS
 * handshakes a source may begin in a second. A source is what an address belongs to (netaddr_site). Any thread; asked
 * when a connection begins and ends, not on the data path.
 */
#ifndef S3ONRAMP_FLOW_LIMITS_H
#define S3ONRAMP_FLOW_LIMITS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limits;

enum limits_event {
    LIMITS_REFUSED,        /* turned away: max connections */
    LIMITS_REFUSED_SOURCE, /* turned away: too many of its source */
    LIMITS_EVICTED,        /* closed to make room: it was idle for longest */
    LIMITS_TLS_DELAYED,    /* its handshake had to wait */
    LIMITS_TLS_REFUSED,    /* closed: its handshake would have had to wait for too long */
    LIMITS_EVENTS_N,
};

struct limits_figures {
    size_t open, max, max_per_source;
    uint64_t events[LIMITS_EVENTS_N]; /* since the start */
};

/* @max_per_source: 0: half of @max. NULL: out of memory. */
struct limits *limits_new(size_t max, size_t max_per_source);
void limits_free(struct limits **l);
/* From now on; who is there already stays. */
void limits_set(struct limits *l, size_t max, size_t max_per_source);

/* Handshakes a second from each source, from now on; 0: no limit. */
void limits_set_tls_rate(struct limits *l, uint64_t rate);

/* One connection more; false: there are @max already. limits_leave gives it back. */
MUST_CHECK bool limits_enter(struct limits *l);
void limits_leave(struct limits *l);
/* It comes from @site; false: there are too many from there already, or no memory to count it. */
MUST_CHECK bool limits_enter_source(struct limits *l, uint64_t site);
void limits_leave_source(struct limits *l, uint64_t site);
/* In how many microseconds a TLS handshake with @site, which has a connection here, may begin; it is counted. Less than
 * 0: that is too far away, and it is not. */
MUST_CHECK int64_t limits_tls_wait_us(struct limits *l, uint64_t site, int64_t now_us);
/* How many connections there are beyond what leaves room for new ones. */
size_t limits_excess(const struct limits *l);
void limits_note(struct limits *l, enum limits_event event);
struct limits_figures limits_figures(const struct limits *l);

#endif
