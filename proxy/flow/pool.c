/* SPDX-License-Identifier: Apache-2.0
 * pool.c: see pool.h. Why last in, first out: the newest connection is the least likely to have been forgotten by the
 * endpoint or a firewall, and the surplus ages out (S3 closes idle connections after an undocumented time; PrivateLink
 * forgets flows after 350 s).
 */
#include "flow/pool.h"

#include "base/clock.h"
#include "flow/worker.h"

#include <stdlib.h>

enum { AVOID_MS = 5000 };

static void pool_set_address(struct pool_address *a, const struct set_endpoint *ep, size_t index,
                             const struct netaddr *addr)
{
    a->endpoint = ep;
    a->endpoint_index = index;
    a->addr = addr;
    netaddr_format(addr, a->text);
}

enum err_code pool_init(struct pool *p, struct worker *w, struct err *err)
{
    const struct settings *s = w->rt->settings;
    size_t n = 0, k = 0;

    memset(p, 0, sizeof(*p));
    p->worker = w;
    for (size_t i = 0; i < s->endpoints_n; i++)
        n += s->endpoints[i].addresses_n;
    p->addresses = calloc(n + 1, sizeof(*p->addresses));
    p->first = calloc(s->endpoints_n + 1, sizeof(*p->first));
    p->next = calloc(s->endpoints_n + 1, sizeof(*p->next));
    if (!p->addresses || !p->first || !p->next) {
        pool_clear(p);
        return err_set(err, ERR_NO_MEMORY, 0, "connection pool");
    }
    for (size_t i = 0; i < s->endpoints_n; i++) {
        p->first[i] = k;
        p->next[i] = w->index; /* workers begin with different addresses */
        for (size_t j = 0; j < s->endpoints[i].addresses_n; j++)
            pool_set_address(&p->addresses[k++], &s->endpoints[i], i, &s->endpoints[i].addresses[j]);
    }
    p->addresses_n = n;
    return ERR_NONE;
}

void pool_clear(struct pool *p)
{
    if (p->addresses) pool_expire(p, true);
    for (size_t i = 0; i < p->addresses_n; i++)
        tls_session_free(&p->addresses[i].session);
    free(p->addresses);
    free(p->first);
    free(p->next);
    memset(p, 0, sizeof(*p));
}

uint64_t pool_bit(const struct pool *p, const struct pool_address *a)
{
    return (uint64_t)1 << ((size_t)(a - p->addresses) - p->first[a->endpoint_index]) % 64;
}

struct pool_address *pool_pick(struct pool *p, size_t endpoint, uint64_t tried)
{
    size_t n = p->worker->rt->settings->endpoints[endpoint].addresses_n;
    struct pool_address *avoided = NULL;

    for (size_t i = 0; i < n; i++) {
        struct pool_address *a = &p->addresses[p->first[endpoint] + (p->next[endpoint] + i) % n];

        if (tried & pool_bit(p, a)) continue;
        if (a->avoid_until_us > p->worker->loop.now_us) {
            if (!avoided) avoided = a;
            continue;
        }
        p->next[endpoint] += i + 1;
        return a;
    }
    return avoided;
}

void pool_avoid(struct pool_address *a)
{
    a->avoid_until_us = clock_monotonic_us() + AVOID_MS * 1000;
}

static void idle_unlink(struct upconn *u)
{
    struct pool_address *a = u->at;

    if (u->newer)
        u->newer->older = u->older;
    else
        a->idle = u->older;
    if (u->older)
        u->older->newer = u->newer;
    else
        a->idle_oldest = u->newer;
    u->newer = u->older = NULL;
    a->idle_n--;
}

static void destroy(struct upconn *u, bool reset)
{
    struct loop *loop = &u->worker->loop;

    conn_close(&u->conn, reset);
    buf_drop(&u->in, &loop->bufs);
    loop_free_later(loop, u);
}

/* An idle connection has nothing to say: data, an end or an error all mean that it is of no use. TLS tickets are read
 * by the way. */
static void idle_event(struct upconn *u)
{
    if (conn_is_quiet(&u->conn)) return;
    idle_unlink(u);
    destroy(u, false);
}

/* Whatever arrived behind the last answer, an end included, is looked for here once more: its event may stand behind
 * ours in this turn, and no bytes of one answer may be taken for the next one's. */
struct upconn *pool_reuse(struct pool_address *a, struct request *req)
{
    struct upconn *u;

    while ((u = a->idle)) {
        idle_unlink(u);
        if (!conn_is_quiet(&u->conn)) {
            destroy(u, false);
            continue;
        }
        a->busy_n++;
        u->owner = req;
        return u;
    }
    return NULL;
}

static void on_event(struct conn *c, void *arg)
{
    struct upconn *u = arg;

    (void)c;
    if (u->owner)
        client_run(u->owner->client);
    else
        idle_event(u);
}

enum err_code pool_open(struct worker *w, struct pool_address *a, struct request *req, struct upconn **out,
                        struct err *err)
{
    struct upconn *u = calloc(1, sizeof(*u));

    if (!u) return err_set(err, ERR_NO_MEMORY, 0, "connection");
    u->worker = w;
    u->at = a;
    u->owner = req;
    if (conn_connect(&u->conn, &w->loop, a->addr, on_event, u, err) != ERR_NONE) {
        free(u);
        return err ? err->code : ERR_UPSTREAM_CONNECT;
    }
    a->busy_n++;
    *out = u;
    return ERR_NONE;
}

void pool_give_back(struct upconn **up)
{
    struct upconn *u = *up;
    struct pool_address *a = u->at;

    if (a->idle_n >= a->endpoint->max_idle || u->worker->stopping || conn_flush(&u->conn) != CONN_OK) {
        pool_drop(up, false);
        return;
    }
    *up = NULL;
    a->busy_n--;
    a->avoid_until_us = 0;
    buf_drop(&u->in, &u->worker->loop.bufs);
    u->owner = NULL;
    u->requests++;
    u->idle_since_us = u->worker->loop.now_us;
    u->older = a->idle;
    if (a->idle)
        a->idle->newer = u;
    else
        a->idle_oldest = u;
    a->idle = u;
    a->idle_n++;
    if (conn_may_read(&u->conn)) idle_event(u);
}

void pool_drop(struct upconn **up, bool reset)
{
    struct upconn *u = *up;

    if (!u) return;
    *up = NULL;
    u->at->busy_n--;
    u->owner = NULL;
    destroy(u, reset);
}

void pool_expire(struct pool *p, bool all)
{
    for (size_t i = 0; i < p->addresses_n; i++) {
        struct pool_address *a = &p->addresses[i];
        int64_t oldest = p->worker->loop.now_us - (int64_t)a->endpoint->idle_timeout_ms * 1000;

        while (a->idle_oldest && (all || a->idle_oldest->idle_since_us < oldest)) {
            struct upconn *u = a->idle_oldest;

            idle_unlink(u);
            destroy(u, false);
        }
    }
}
