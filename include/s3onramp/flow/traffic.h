/* SPDX-License-Identifier: Apache-2.0
 * traffic.h: what went to S3 and came from it: content bytes and requests, by who called × bucket × address. Each
 * worker counts in a table of its own, without a lock; whoever reads adds the tables up.
 *
 * What a table may hold is limited, whatever clients send: a bucket gets a row with the first answer that shows that
 * it is there (traffic_add's @vouched), and what finds no row left is counted as bucket TRAFFIC_OTHER of nobody, still
 * by address. A row is about 200 bytes.
 */
#ifndef S3ONRAMP_FLOW_TRAFFIC_H
#define S3ONRAMP_FLOW_TRAFFIC_H

#include "flow/upstream/address.h"

#include <stddef.h>

/* X(slot, name, meaning) */
#define TRAFFIC_TABLE(X)                                                                                         \
    X(BYTES_IN, "bytes_in", "content from clients to S3")                                                        \
    X(BYTES_OUT, "bytes_out", "content from S3 to clients")                                                      \
    X(PUTS, "put", "PUT, COPY, POST and LIST requests, as S3's price list has it")                               \
    X(GETS, "get", "GET, SELECT and all other requests of that list")                                            \
    X(FREE, "free", "requests that S3 does not charge for: DELETE, and what was redirected or not served (5xx)") \
    X(TUNNELS, "tunnels", "tunnels, in which the requests are not seen")

enum traffic_slot {
#define X(slot, ...) TRAFFIC_##slot,
    TRAFFIC_TABLE(X)
#undef X
        TRAFFIC_SLOTS
};
const char *traffic_slot_name(enum traffic_slot slot);

#define TRAFFIC_OTHER "(other)"
enum {
    TRAFFIC_BUCKET = 64,
    TRAFFIC_ROWS = 16384, /* of a worker */
};

/* Numbers are standing ones; 0: of nothing in particular. */
struct traffic_key {
    uint32_t principal, endpoint, address;
    char zone[ADDRESS_ZONE];
    char address_text[NETADDR_TEXT];
    char bucket[TRAFFIC_BUCKET]; /* "": none, or none that is known to be there */
};

struct traffic;       /* all tables */
struct traffic_table; /* of one thread */

/* @n: threads that count. NULL: out of memory. */
MUST_CHECK struct traffic *traffic_new(size_t n);
void traffic_free(struct traffic **t); /* NULL is fine */
struct traffic_table *traffic_table(struct traffic *t, size_t i);

/* The thread whose table @t is: adds @n to a slot of the row of @key. @vouched: S3 showed that the bucket is there, so
 * that it may get a row if it has none. */
void traffic_add(struct traffic_table *t, const struct traffic_key *key, bool vouched, enum traffic_slot slot,
                 uint64_t n);

/* Any thread: one row after the other, for who remembers which ones it saw: rows stand for good, each where it was
 * made. traffic_rows: how many of them table @i has by now. */
size_t traffic_tables(const struct traffic *t);
size_t traffic_rows(const struct traffic *t, size_t i);
const struct traffic_key *traffic_row_key(const struct traffic *t, size_t i, size_t row);
uint64_t traffic_row_value(const struct traffic *t, size_t i, size_t row, enum traffic_slot slot);

/* By what rows are told apart; what is left out is 0 and "". */
enum traffic_by {
    TRAFFIC_BY_CLIENT = 1,
    TRAFFIC_BY_BUCKET = 2,
    TRAFFIC_BY_ZONE = 4, /* and endpoint */
    TRAFFIC_BY_ADDRESS = 8,
};

struct traffic_sum {
    struct traffic_key key;
    uint64_t v[TRAFFIC_SLOTS];
};

/* Any thread: all tables together, by @by (an OR of enum traffic_by). *@out is for the caller to free; the result is
 * how many there are, in no order that means anything. Numbers only grow from call to call. SIZE_MAX: no memory. */
MUST_CHECK size_t traffic_sum(const struct traffic *t, unsigned by, struct traffic_sum **out);

#endif
