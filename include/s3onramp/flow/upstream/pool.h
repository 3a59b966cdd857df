/* SPDX-License-Identifier: Apache-2.0
 * pool.h: connections to the endpoints' addresses, kept per worker: choosing an address, reusing idle connections (last
 * in, first out), opening new ones, waiting in turn where an address has a limit. One worker; pool_offer: any thread.
 *
 * Which addresses there are and how they are is in the address table of the control thread. Until it has judged, an
 * address that failed here is avoided for some seconds as long as another one is left. An address that left the table
 * gets no new request; what runs on it ends undisturbed.
 *
 * Endpoints stand here by their number (standing.h), as long as a snapshot that is used on this worker names them. One
 * that left the file keeps the addresses it had last for what still runs under an older snapshot, and no idle
 * connections.
 */
#ifndef S3ONRAMP_FLOW_UPSTREAM_POOL_H
#define S3ONRAMP_FLOW_UPSTREAM_POOL_H

#include "flow/snapshot.h"
#include "flow/upstream/address.h"
#include "flow/upstream/budget.h"
#include "flow/upstream/choice.h"
#include "flow/upstream/wait_queue.h"
#include "io/tls.h"

struct worker;
struct upconn;

struct pool_address {
    struct pool_endpoint *of;   /* borrowed */
    struct address *shared;     /* one reference */
    const struct netaddr *addr; /* of shared */
    const char *text;           /* of shared */
    unsigned slot;              /* its bit in `tried` */
    enum address_state state;   /* from the table, with the next four */
    bool barred, preferred;
    char zone[ADDRESS_ZONE]; /* the same */
    int64_t warm_us;
    bool gone;           /* no longer in the table */
    struct upconn *idle; /* newest first */
    struct upconn *idle_oldest;
    size_t idle_n, busy_n;
    SSL_SESSION *session;   /* owned: for resumption */
    int64_t avoid_until_us; /* monotonic; 0: fine */
    struct pool_address *next_gone;
};

/* A connection to one address. Either idle in the pool or owned by one request. */
struct upconn {
    struct conn conn;
    struct worker *worker;
    struct pool_address *at;
    struct loop_task *owner;      /* borrowed: of who uses it, run at each event; NULL: idle */
    struct upconn *newer, *older; /* idle list */
    struct buf in;
    uint64_t requests;   /* answered on it so far */
    unsigned generation; /* of the endpoint, when it was opened */
    int64_t idle_since_us;
    bool dead; /* broken by us: no sign of life */
};

/* A turn in the queue of an endpoint. Embedded in what waits; zero: it does not. */
struct pool_turn {
    struct wait_place place;
    struct pool_endpoint *endpoint; /* borrowed */
    struct loop_task *owner; /* borrowed: of who waits, run when its turn has come or it has waited for too long */
    int64_t since_us;        /* monotonic: since when it waits, the first time; 0: it did not */
    bool called;             /* its turn has come */
    bool expired;            /* there was no place within queue_timeout */
};

/* What the newest snapshot that names it says. */
struct pool_rules {
    uint64_t max_connections, max_idle, dead_timeout_ms, idle_timeout_ms, slow_start_ms, max_queue, queue_timeout_ms;
};

struct pool_endpoint {
    size_t names; /* how many snapshots that are used here name it */
    bool awaited; /* one that was prepared, and may be in force next, names it */
    bool left;    /* the one in force does not */
    struct pool_rules rules;
    SSL_CTX *ctx;                        /* one reference: client side */
    char sni[256];                       /* TLS server name */
    unsigned generation;                 /* grows when connections made before are not what is wanted now */
    struct pool_address *gone;           /* owned: no longer in the table, but something may run there */
    struct pool_address *v[ADDRESS_MAX]; /* owned */
    size_t n;
    uint64_t slots; /* in use */
    size_t turn;
    struct budget budget;  /* of retries */
    int64_t mute_until_us; /* monotonic: it did not answer Expect, and is not asked again before */
    struct wait_queue queue;
};

struct pool {
    struct worker *worker;
    struct address_table *table;             /* one reference: the one in force; NULL before the first */
    _Atomic(struct address_table *) offered; /* one reference: the next one */
    struct pool_endpoint **endpoints;        /* owned, as each of them: by standing number; NULL: none */
    size_t endpoints_n;
};

void pool_init(struct pool *p, struct worker *w);
void pool_clear(struct pool *p);
/* Any thread: @t (borrowed; a reference is taken) replaces the table at the worker's next look, at most a tick away.
 * Endpoints that @t does not know stay as they are: one that is new is in the table before it is in a snapshot. */
void pool_offer(struct pool *p, struct address_table *t);
/* What @s will need is there until @s is adopted, or another one is. False: out of memory. */
MUST_CHECK bool pool_prepare_snapshot(struct pool *p, const struct snapshot *s);
/* @s, which was prepared, is in force now. */
void pool_adopt_snapshot(struct pool *p, const struct snapshot *s);
/* Nobody on this worker uses @s any more. */
void pool_forget_snapshot(struct pool *p, const struct snapshot *s);
/* @id: of an endpoint in a snapshot that is used on this worker. */
static inline struct pool_endpoint *pool_find(const struct pool *p, uint32_t id)
{
    return p->endpoints[id];
}

/* Chooses an address of @e, leaving out those in the bit set @tried. *@out is set with CHOICE_FOUND. */
enum choice_result pool_pick(struct pool *p, struct pool_endpoint *e, uint64_t tried, bool has_body,
                             struct pool_address **out);
uint64_t pool_bit(const struct pool_address *a); /* its bit in `tried` */
/* True if an address of @e is not in @tried. */
bool pool_has_untried(const struct pool_endpoint *e, uint64_t tried);
/* Takes one of the places that the endpoint allows at @a; false: there is none. pool_reuse or pool_open must follow. */
MUST_CHECK bool pool_take_place(struct pool_address *a);
/* An idle connection to @a for @owner, or NULL: then the place is still taken. */
struct upconn *pool_reuse(struct pool_address *a, struct loop_task *owner);
/* Starts a new connection to @a for @owner. The place is given up on failure. */
MUST_CHECK enum err_code pool_open(struct worker *w, struct pool_address *a, struct loop_task *owner,
                                   struct upconn **out, struct err *err);
/* For who brings a connection of its own to @a, as tunnels do: a place, and @a stays until pool_release. False: none.
 */
MUST_CHECK bool pool_hold(struct pool_address *a);
/* Nulls *@a; NULL is fine. */
void pool_release(struct pool *p, struct pool_address **a);
/* The exchange ended cleanly: keep it for others, or close it when enough are idle. Nulls *@u. */
void pool_give_back(struct upconn **u);
/* Close it. @reset: the endpoint must see that the request was broken off. Nulls *@u; NULL is fine. */
void pool_drop(struct upconn **u, bool reset);
/* Adds @n to a counter of @a: STATS_ADDRESS_… */
void pool_count(const struct pool *p, const struct pool_address *a, unsigned slot, uint64_t n);
/* @a failed a request: counted for the control thread, and others go first for some seconds. */
void pool_report(const struct pool *p, struct pool_address *a, enum address_fault fault);
/* Closes the idle connections to @a: one of them turned out to be dead, and the others are older. */
void pool_close_idle(struct pool_address *a);

/* Puts @t into the queue of @e; false: it is full. @who: among whom turns are shared out, compared only. @owner
 * runs in a turn of the loop of its own once @t is called, or once it has expired. */
MUST_CHECK bool pool_wait(struct pool *p, struct pool_endpoint *e, struct pool_turn *t, uint64_t who,
                          struct loop_task *owner);
/* Takes @t out of the queue, and passes its turn on if it had been called. Fine if it does not wait. */
void pool_leave_queue(struct pool *p, struct pool_turn *t);
/* Once a tick: a new table, what has been idle for too long, who has waited for too long. */
void pool_tick(struct pool *p);
/* For tls_client_ctx: a connection's new TLS session is kept with its address, for the next connection there. */
void pool_keep_session(struct conn *c, SSL_SESSION *session);
/* Closes every idle connection. */
void pool_close_all_idle(struct pool *p);

#endif
