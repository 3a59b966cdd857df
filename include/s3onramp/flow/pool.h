/* SPDX-License-Identifier: Apache-2.0
 * pool.h: connections to the endpoints' addresses, kept per worker: choosing an address, reusing idle connections (last
 * in, first out), opening new ones. One worker. An address that failed is avoided for some seconds as long as another
 * one is left.
 */
#ifndef S3ONRAMP_FLOW_POOL_H
#define S3ONRAMP_FLOW_POOL_H

#include "flow/runtime.h"

struct request;
struct worker;
struct upconn;

struct pool_address {
    const struct set_endpoint *endpoint; /* borrowed: settings */
    size_t endpoint_index;
    const struct netaddr *addr; /* borrowed: settings */
    char text[NETADDR_TEXT];
    struct upconn *idle; /* newest first */
    struct upconn *idle_oldest;
    size_t idle_n, busy_n;
    SSL_SESSION *session;   /* owned: for resumption */
    int64_t avoid_until_us; /* monotonic; 0: fine */
};

/* A connection to one address. Either idle in the pool or owned by one request. */
struct upconn {
    struct conn conn;
    struct worker *worker;
    struct pool_address *at;
    struct request *owner;        /* NULL: idle */
    struct upconn *newer, *older; /* idle list */
    struct buf in;
    uint64_t requests; /* answered on it so far */
    int64_t idle_since_us;
};

struct pool {
    struct worker *worker;
    struct pool_address *addresses; /* owned; those of one endpoint stand together */
    size_t addresses_n;
    size_t *first, *next; /* owned: per endpoint: index of its first address; round-robin counter */
};

MUST_CHECK enum err_code pool_init(struct pool *p, struct worker *w, struct err *err);
void pool_clear(struct pool *p);
/* Next address of endpoint @endpoint in turn, leaving out those in the bit set @tried; avoided ones only when nothing
 * else is left. NULL: all were tried. */
struct pool_address *pool_pick(struct pool *p, size_t endpoint, uint64_t tried);
uint64_t pool_bit(const struct pool *p, const struct pool_address *a); /* its bit in `tried` */
/* An idle connection to @a for @req, or NULL. */
struct upconn *pool_reuse(struct pool_address *a, struct request *req);
/* Starts a new connection to @a for @req. */
MUST_CHECK enum err_code pool_open(struct worker *w, struct pool_address *a, struct request *req, struct upconn **out,
                                   struct err *err);
/* The exchange ended cleanly: keep it for others, or close it when enough are idle. Nulls *@u. */
void pool_give_back(struct upconn **u);
/* Close it. @reset: the endpoint must see that the request was broken off. Nulls *@u; NULL is fine. */
void pool_drop(struct upconn **u, bool reset);
/* Connecting to @a failed: others first for some seconds. */
void pool_avoid(struct pool_address *a);
/* Once a tick: closes what has been idle for too long. @all: every idle connection. */
void pool_expire(struct pool *p, bool all);

#endif
