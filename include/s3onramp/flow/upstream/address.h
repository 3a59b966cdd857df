/* SPDX-License-Identifier: Apache-2.0
 * address.h: the address table: where each endpoint can be reached and how well, as the control thread sees it. A table
 * is immutable and counted; the control thread makes a new one when something changed and offers it to each worker
 * through an atomic pointer (pool.h), so that no worker ever waits. What workers saw goes the other way, as counters
 * (flow/stats.h). Any thread.
 *
 *            a failure             `fall` failures in a row
 *     UP ──────────────▶ SUSPECT ──────────────────────────▶ DOWN ◀──────────┐ a failure
 *     ▲ ◀─────────────────┘ a success                         │ a success    │
 *     └─────────────────────────────────────────────────── HALF_OPEN ────────┘
 *                     `rise` successes in a row; then slow start
 */
#ifndef S3ONRAMP_FLOW_UPSTREAM_ADDRESS_H
#define S3ONRAMP_FLOW_UPSTREAM_ADDRESS_H

#include "base/netaddr.h"

#include <stdatomic.h>

enum { ADDRESS_ZONE = 34, ADDRESS_WHY = 224, ADDRESS_MAX = 64 /* per endpoint */ };

enum address_state { ADDRESS_UP, ADDRESS_SUSPECT, ADDRESS_HALF_OPEN, ADDRESS_DOWN };
const char *address_state_name(enum address_state state); /* "up", "suspect", "half-open", "down" */

/* What requests saw. */
enum address_fault { FAULT_CONNECT, FAULT_TLS, FAULT_CERTIFICATE, FAULT_RESET, FAULT_DEAD, FAULTS_N };
const char *address_fault_name(enum address_fault fault); /* "no connection", … */

/* One address, as long as a table or a worker's pool knows it. */
struct address {
    _Atomic unsigned refs;
    struct netaddr addr;
    char text[NETADDR_TEXT];
    uint32_t id;                /* standing: of this address of this endpoint */
    _Atomic uint64_t in_flight; /* requests that have a connection to it now: workers choose by it */
};

/* Counted, one reference; NULL: out of memory. */
MUST_CHECK struct address *address_new(const struct netaddr *addr, uint32_t id);
struct address *address_ref(struct address *a);
void address_unref(struct address **a); /* NULL is fine */

enum dns_state { DNS_OFF, DNS_PENDING, DNS_GOOD, DNS_STALE, DNS_PUBLIC, DNS_EMPTY, DNS_FAILED };
/* "off", "pending", "good", "stale", "dns-public", "dns-empty", "dns-failed" */
const char *dns_state_name(enum dns_state state);

struct table_address {
    struct address *address; /* one reference */
    char zone[ADDRESS_ZONE]; /* without the Region; "" unknown */
    bool preferred;          /* in prefer_zone, or there is none */
    bool barred;             /* its certificate is wrong: never used, not even when nothing else is left */
    enum address_state state;
    int64_t since_us; /* monotonic */
    int64_t warm_us;  /* monotonic: when its slow start began; 0: none */
    char why[ADDRESS_WHY];
};

struct table_endpoint {
    uint32_t id; /* standing */
    enum dns_state dns;
    int64_t dns_since_us;
    int64_t dns_next_us; /* monotonic: when DNS is asked again; 0: not known */
    char dns_why[2 * ADDRESS_WHY];
    struct table_address *v; /* owned */
    size_t n;
};

struct address_table {
    _Atomic unsigned refs;
    uint64_t version;
    size_t endpoints_n;
    struct table_endpoint endpoints[];
};

/* Empty, counted, one reference; NULL: out of memory. */
MUST_CHECK struct address_table *address_table_new(size_t endpoints_n);
/* Room for @n addresses in row @i, zeroed; false: out of memory. Once per endpoint, before the table is shared. */
MUST_CHECK bool address_table_reserve(struct address_table *t, size_t i, size_t n);
/* The row of the endpoint with that number; NULL: none. */
const struct table_endpoint *address_table_find(const struct address_table *t, uint32_t id);
struct address_table *address_table_ref(struct address_table *t);
void address_table_unref(struct address_table **t); /* NULL is fine */

#endif
