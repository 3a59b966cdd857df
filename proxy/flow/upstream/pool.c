/* SPDX-License-Identifier: Apache-2.0
 * pool.c: see pool.h. Why last in, first out: the newest connection is the least likely to have been forgotten by the
 * endpoint or a firewall, and the surplus ages out (S3 closes idle connections after an undocumented time; PrivateLink
 * forgets flows after 350 s).
 */
#include "pool_endpoint.h"
#include "pool_queue.h"

#include "base/clock.h"
#include "base/log.h"
#include "flow/worker.h"

#include <stdlib.h>

enum { AVOID_MS = 5000 };

/* ------------------------------------------------------------- choosing */

uint64_t pool_bit(const struct pool_address *a)
{
    return (uint64_t)1 << a->slot;
}

bool pool_has_untried(const struct pool_endpoint *e, uint64_t tried)
{
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
        .share = choice_share(a->warm_us, (int64_t)a->of->rules.slow_start_ms * 1000, now_us),
    };
}

enum choice_result pool_pick(struct pool *p, struct pool_endpoint *e, uint64_t tried, bool has_body,
                             struct pool_address **out)
{
    const struct choice_request r = {has_body, e->rules.max_connections, e->turn};
    struct choice v[ADDRESS_MAX];
    enum choice_result result;
    size_t at;

    pool_adopt_table(p);
    for (size_t i = 0; i < e->n; i++)
        v[i] = choice_of(e->v[i], tried, p->worker->loop.now_us);
    result = choice_pick(v, e->n, &r, &at);
    if (result != CHOICE_FOUND) return result;
    e->turn = at + 1;
    *out = e->v[at];
    return CHOICE_FOUND;
}

void pool_count(const struct pool *p, const struct pool_address *a, unsigned slot, uint64_t n)
{
    stats_add(stats_row(p->worker->stats, STATS_OF_ADDRESS, a->shared->id), slot, n);
}

void pool_report(const struct pool *p, struct pool_address *a, enum address_fault fault)
{
    pool_count(p, a, STATS_ADDRESS_FAILURES + fault, 1);
    a->avoid_until_us = clock_monotonic_us() + AVOID_MS * 1000;
}

/* ------------------------------------------------------------- connections */

void pool_keep_session(struct conn *c, SSL_SESSION *session)
{
    struct upconn *u = c->arg;
    struct pool_address *a = u->at;

    if (u->generation != a->of->generation) {
        tls_session_free(&session);
        return;
    }
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
    const struct server_conf *server = &w->use->snapshot->settings->server;
    struct upconn *u = calloc(1, sizeof(*u));
    enum err_code code;

    if (!u) {
        pool_give_place(a, &w->pool);
        return err_set(err, ERR_NO_MEMORY, 0, "connection");
    }
    u->worker = w;
    u->at = a;
    u->generation = a->of->generation;
    u->owner = owner;
    code = conn_connect(&u->conn, &w->loop, server, a->addr, on_event, u, err);
    if (code == ERR_NO_DESCRIPTORS) { /* what is only kept for later use makes room */
        pool_close_all_idle(&w->pool);
        code = conn_connect(&u->conn, &w->loop, server, a->addr, on_event, u, err);
    }
    if (code != ERR_NONE) {
        free(u);
        pool_give_place(a, &w->pool);
        return code;
    }
    conn_watch_peer(&u->conn, a->of->rules.dead_timeout_ms);
    a->busy_n++;
    *out = u;
    return ERR_NONE;
}

/* For another request. */
static bool may_be_kept(const struct upconn *u)
{
    const struct pool_address *a = u->at;

    return !a->gone && !a->of->left && u->generation == a->of->generation && a->idle_n < a->of->rules.max_idle &&
           !u->worker->stopping;
}

void pool_give_back(struct upconn **up)
{
    struct upconn *u = *up;
    struct pool_address *a = u->at;

    if (!may_be_kept(u) || conn_flush(&u->conn) != CONN_OK) {
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
        if (p->endpoints[i]) pool_close_idle_of(p->endpoints[i]);
}

/* Too old, or ended: what stood behind the last answer in one event with it is looked at here. */
static void expire(struct pool *p, struct pool_address *a)
{
    int64_t oldest = p->worker->loop.now_us - (int64_t)a->of->rules.idle_timeout_ms * 1000;

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

void pool_tick(struct pool *p)
{
    pool_adopt_table(p);
    for (size_t i = 0; i < p->endpoints_n; i++) {
        struct pool_endpoint *e = p->endpoints[i];

        if (!e) continue;
        for (size_t k = 0; k < e->n; k++)
            expire(p, e->v[k]);
        pool_tick_queue(p, e);
        pool_note_levels(p, (uint32_t)i); /* also of those that are freed now */
        pool_free_gone(e);
    }
}
