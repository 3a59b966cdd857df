/* SPDX-License-Identifier: Apache-2.0
 * pool.c: see pool.h. Why last in, first out: the newest connection is the least likely to have been forgotten by the
 * endpoint or a firewall, and the surplus ages out (S3 closes idle connections after an undocumented time; PrivateLink
 * forgets flows after 350 s).
 */
#include "pool_queue.h"

#include "base/clock.h"
#include "base/log.h"
#include "flow/worker.h"

#include <stdlib.h>

enum { AVOID_MS = 5000 };

enum err_code pool_init(struct pool *p, struct worker *w, struct err *err)
{
    const struct settings *s = w->use->snapshot->settings;

    memset(p, 0, sizeof(*p));
    p->worker = w;
    atomic_init(&p->offered, NULL);
    p->endpoints = calloc(s->endpoints_n + 1, sizeof(*p->endpoints));
    if (!p->endpoints) return err_set(err, ERR_NO_MEMORY, 0, "connection pool");
    p->endpoints_n = s->endpoints_n;
    for (size_t i = 0; i < p->endpoints_n; i++) {
        p->endpoints[i].turn = w->index; /* workers begin with different addresses */
        budget_init(&p->endpoints[i].budget, w->loop.now_us);
    }
    return ERR_NONE;
}

static void address_free(struct pool_address *a)
{
    tls_session_free(&a->session);
    address_unref(&a->shared);
    free(a);
}

void pool_clear(struct pool *p)
{
    struct address_table *t = atomic_exchange(&p->offered, NULL);

    address_table_unref(&t);
    for (size_t i = 0; p->endpoints && i < p->endpoints_n; i++)
        for (size_t k = 0; k < p->endpoints[i].n; k++) {
            pool_close_idle(p->endpoints[i].v[k]);
            address_free(p->endpoints[i].v[k]);
        }
    while (p->gone) {
        struct pool_address *a = p->gone;

        p->gone = a->next_gone;
        pool_close_idle(a);
        address_free(a);
    }
    free(p->endpoints);
    address_table_unref(&p->table);
    memset(p, 0, sizeof(*p));
}

/* ------------------------------------------------------------- the table */

void pool_offer(struct pool *p, struct address_table *t)
{
    struct address_table *old = atomic_exchange_explicit(&p->offered, address_table_ref(t), memory_order_acq_rel);

    address_table_unref(&old);
}

static unsigned free_slot(const struct pool_endpoint *e)
{
    unsigned slot = 0;

    while (slot < 63 && (e->slots >> slot & 1))
        slot++;
    return slot;
}

static struct pool_address *address_for(struct pool *p, size_t endpoint, const struct table_address *t)
{
    struct pool_endpoint *e = &p->endpoints[endpoint];
    struct pool_address *a;

    for (size_t i = 0; i < e->n; i++)
        if (e->v[i]->shared == t->address) return e->v[i];
    a = calloc(1, sizeof(*a));
    if (!a) {
        LOG(LOG_ERROR, "out of memory: address %s is not used", t->address->text);
        return NULL;
    }
    a->endpoint = &p->worker->use->snapshot->settings->endpoints[endpoint];
    a->endpoint_index = endpoint;
    a->shared = address_ref(t->address);
    a->addr = &a->shared->addr;
    a->text = a->shared->text;
    a->slot = free_slot(e);
    e->slots |= pool_bit(a);
    return a;
}

static void take_state(struct pool_address *a, const struct table_address *t)
{
    if (t->state == ADDRESS_UP && a->state != ADDRESS_UP) a->avoid_until_us = 0;
    a->state = t->state;
    a->barred = t->barred;
    a->preferred = t->preferred;
    a->warm_us = t->warm_us;
    if (!t->barred) return;
    pool_close_idle(a);
    tls_session_free(&a->session); /* a session resumed shows no certificate */
}

/* What runs on it goes on; what is idle is closed. */
static void drain(struct pool *p, struct pool_address *a)
{
    p->endpoints[a->endpoint_index].slots &= ~pool_bit(a);
    a->gone = true;
    a->next_gone = p->gone;
    p->gone = a;
    pool_close_idle(a);
}

static void adopt_endpoint(struct pool *p, size_t endpoint, const struct table_endpoint *t)
{
    struct pool_endpoint *e = &p->endpoints[endpoint];
    struct pool_address *v[ADDRESS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < t->n && n < ADDRESS_MAX; i++) {
        struct pool_address *a = address_for(p, endpoint, &t->v[i]);

        if (!a) continue;
        take_state(a, &t->v[i]);
        v[n++] = a;
    }
    for (size_t i = 0; i < e->n; i++) {
        size_t k = 0;

        while (k < n && v[k] != e->v[i])
            k++;
        if (k == n) drain(p, e->v[i]);
    }
    for (e->n = 0; e->n < n; e->n++)
        e->v[e->n] = v[e->n];
}

static void pool_adopt(struct pool *p)
{
    struct address_table *t;

    if (!atomic_load_explicit(&p->offered, memory_order_relaxed)) return;
    t = atomic_exchange_explicit(&p->offered, NULL, memory_order_acq_rel);
    for (size_t i = 0; i < p->endpoints_n; i++)
        adopt_endpoint(p, i, &t->endpoints[i]);
    address_table_unref(&p->table);
    p->table = t;
}

/* ------------------------------------------------------------- choosing */

uint64_t pool_bit(const struct pool_address *a)
{
    return (uint64_t)1 << a->slot;
}

bool pool_has_untried(const struct pool *p, size_t endpoint, uint64_t tried)
{
    const struct pool_endpoint *e = &p->endpoints[endpoint];

    for (size_t i = 0; i < e->n; i++)
        if (!(tried & pool_bit(e->v[i])) && !e->v[i]->barred) return true;
    return false;
}

static struct choice choice_of(const struct pool_address *a, uint64_t tried, int64_t now_us)
{
    return (struct choice){
        .state = a->state,
        .barred = a->barred,
        .preferred = a->preferred,
        .avoided = a->avoid_until_us > now_us,
        .tried = tried & pool_bit(a),
        .in_flight = atomic_load_explicit(&a->shared->in_flight, memory_order_relaxed),
        .mine = a->busy_n,
        .share = choice_share(a->warm_us, (int64_t)a->endpoint->slow_start_ms * 1000, now_us),
    };
}

enum choice_result pool_pick(struct pool *p, size_t endpoint, uint64_t tried, bool has_body, struct pool_address **out)
{
    struct pool_endpoint *e = &p->endpoints[endpoint];
    const struct choice_request r = {has_body, p->worker->use->snapshot->settings->endpoints[endpoint].max_connections,
                                     e->turn};
    struct choice v[ADDRESS_MAX];
    enum choice_result result;
    size_t at;

    pool_adopt(p);
    for (size_t i = 0; i < e->n; i++)
        v[i] = choice_of(e->v[i], tried, p->worker->loop.now_us);
    result = choice_pick(v, e->n, &r, &at);
    if (result != CHOICE_FOUND) return result;
    e->turn = at + 1;
    *out = e->v[at];
    return CHOICE_FOUND;
}

void pool_report(struct pool_address *a, enum address_fault fault)
{
    address_count(&a->shared->faults[fault], 1);
    a->avoid_until_us = clock_monotonic_us() + AVOID_MS * 1000;
}

/* ------------------------------------------------------------- connections */

void pool_keep_session(struct conn *c, SSL_SESSION *session)
{
    struct pool_address *a = ((struct upconn *)c->arg)->at;

    tls_session_free(&a->session);
    a->session = session;
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
struct upconn *pool_reuse(struct pool_address *a, struct loop_task *owner)
{
    struct upconn *u;

    while ((u = a->idle)) {
        idle_unlink(u);
        if (!conn_is_quiet(&u->conn)) {
            destroy(u, false);
            continue;
        }
        a->busy_n++;
        u->owner = owner;
        return u;
    }
    return NULL;
}

static void on_event(struct conn *c, void *arg)
{
    struct upconn *u = arg;

    (void)c;
    if (u->owner)
        loop_task_run(u->owner);
    else
        idle_event(u);
}

enum err_code pool_open(struct worker *w, struct pool_address *a, struct loop_task *owner, struct upconn **out,
                        struct err *err)
{
    struct upconn *u = calloc(1, sizeof(*u));
    enum err_code code;

    if (!u) {
        pool_give_place(a, &w->pool);
        return err_set(err, ERR_NO_MEMORY, 0, "connection");
    }
    u->worker = w;
    u->at = a;
    u->owner = owner;
    code = conn_connect(&u->conn, &w->loop, a->addr, on_event, u, err);
    if (code == ERR_NO_DESCRIPTORS) { /* what is only kept for later use makes room */
        pool_close_all_idle(&w->pool);
        code = conn_connect(&u->conn, &w->loop, a->addr, on_event, u, err);
    }
    if (code != ERR_NONE) {
        free(u);
        pool_give_place(a, &w->pool);
        return code;
    }
    conn_watch_peer(&u->conn, a->endpoint->dead_timeout_ms);
    a->busy_n++;
    *out = u;
    return ERR_NONE;
}

void pool_give_back(struct upconn **up)
{
    struct upconn *u = *up;
    struct pool_address *a = u->at;

    if (a->gone || a->idle_n >= a->endpoint->max_idle || u->worker->stopping || conn_flush(&u->conn) != CONN_OK) {
        pool_drop(up, false);
        return;
    }
    *up = NULL;
    a->busy_n--;
    a->avoid_until_us = 0;
    pool_give_place(a, &u->worker->pool);
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
    if (u->conn.ssl_pending) idle_event(u);
}

void pool_drop(struct upconn **up, bool reset)
{
    struct upconn *u = *up;

    if (!u) return;
    *up = NULL;
    u->at->busy_n--;
    u->owner = NULL;
    pool_give_place(u->at, &u->worker->pool);
    destroy(u, reset);
}

void pool_close_idle(struct pool_address *a)
{
    while (a->idle_oldest) {
        struct upconn *u = a->idle_oldest;

        idle_unlink(u);
        destroy(u, false);
    }
}

void pool_close_all_idle(struct pool *p)
{
    for (size_t i = 0; i < p->endpoints_n; i++)
        for (size_t k = 0; k < p->endpoints[i].n; k++)
            pool_close_idle(p->endpoints[i].v[k]);
}

/* Too old, or ended: what stood behind the last answer in one event with it is looked at here. */
static void expire(struct pool *p, struct pool_address *a)
{
    int64_t oldest = p->worker->loop.now_us - (int64_t)a->endpoint->idle_timeout_ms * 1000;

    for (struct upconn *u = a->idle, *older; u; u = older) {
        older = u->older;
        if (conn_may_read(&u->conn)) idle_event(u);
    }
    while (a->idle_oldest && a->idle_oldest->idle_since_us < oldest) {
        struct upconn *u = a->idle_oldest;

        idle_unlink(u);
        destroy(u, false);
    }
}

static void free_gone(struct pool *p)
{
    struct pool_address **at = &p->gone;

    while (*at) {
        struct pool_address *a = *at;

        if (a->busy_n) {
            at = &a->next_gone;
            continue;
        }
        *at = a->next_gone;
        address_free(a);
    }
}

void pool_tick(struct pool *p)
{
    pool_adopt(p);
    for (size_t i = 0; i < p->endpoints_n; i++) {
        for (size_t k = 0; k < p->endpoints[i].n; k++)
            expire(p, p->endpoints[i].v[k]);
        pool_tick_queue(p, i);
    }
    free_gone(p);
}
