/* SPDX-License-Identifier: Apache-2.0
 * pool_endpoint.c: of the pool (see pool.h) its endpoints: what snapshots say of them, and their addresses as the table
 * has them.
 */
#include "pool_endpoint.h"

#include "base/log.h"
#include "flow/worker.h"

#include <stdlib.h>

void pool_init(struct pool *p, struct worker *w)
{
    memset(p, 0, sizeof(*p));
    p->worker = w;
    atomic_init(&p->offered, NULL);
}

static void address_free(struct pool_address *a)
{
    pool_close_idle(a);
    tls_session_free(&a->session);
    address_unref(&a->shared);
    free(a);
}

static void endpoint_free(struct pool_endpoint *e)
{
    for (size_t i = 0; i < e->n; i++)
        address_free(e->v[i]);
    while (e->gone) {
        struct pool_address *a = e->gone;

        e->gone = a->next_gone;
        address_free(a);
    }
    tls_ctx_free(&e->ctx);
    free(e);
}

void pool_clear(struct pool *p)
{
    struct address_table *t = atomic_exchange(&p->offered, NULL);

    address_table_unref(&t);
    for (size_t i = 0; i < p->endpoints_n; i++)
        if (p->endpoints[i]) endpoint_free(p->endpoints[i]);
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

static struct pool_address *address_for(struct pool_endpoint *e, const struct table_address *t)
{
    struct pool_address *a;

    for (size_t i = 0; i < e->n; i++)
        if (e->v[i]->shared == t->address) return e->v[i];
    a = calloc(1, sizeof(*a));
    if (!a) {
        LOG(LOG_ERROR, "out of memory: address %s is not used", t->address->text);
        return NULL;
    }
    a->of = e;
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
    memcpy(a->zone, t->zone, sizeof(a->zone));
    if (!t->barred) return;
    pool_close_idle(a);
    tls_session_free(&a->session); /* a session resumed shows no certificate */
}

/* What runs on it goes on; what is idle is closed. */
static void drain(struct pool_endpoint *e, struct pool_address *a)
{
    e->slots &= ~pool_bit(a);
    a->gone = true;
    a->next_gone = e->gone;
    e->gone = a;
    pool_close_idle(a);
}

static void adopt_addresses(struct pool_endpoint *e, const struct table_endpoint *t)
{
    struct pool_address *v[ADDRESS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < t->n && n < ADDRESS_MAX; i++) {
        struct pool_address *a = address_for(e, &t->v[i]);

        if (!a) continue;
        take_state(a, &t->v[i]);
        v[n++] = a;
    }
    for (size_t i = 0; i < e->n; i++) {
        size_t k = 0;

        while (k < n && v[k] != e->v[i])
            k++;
        if (k == n) drain(e, e->v[i]);
    }
    memcpy(e->v, v, n * sizeof(v[0]));
    e->n = n;
}

/* What is not in the table any more left the file, too: it keeps its addresses for what still runs. */
static void take_table(struct pool *p)
{
    const struct address_table *t = p->table;

    for (size_t i = 0; t && i < t->endpoints_n; i++) {
        uint32_t id = t->endpoints[i].id;

        if (id < p->endpoints_n && p->endpoints[id]) adopt_addresses(p->endpoints[id], &t->endpoints[i]);
    }
}

void pool_adopt_table(struct pool *p)
{
    struct address_table *t;

    if (!atomic_load_explicit(&p->offered, memory_order_relaxed)) return;
    t = atomic_exchange_explicit(&p->offered, NULL, memory_order_acq_rel);
    address_table_unref(&p->table);
    p->table = t;
    take_table(p);
}

static void note_address(const struct pool *p, const struct pool_address *a)
{
    _Atomic uint64_t *row = stats_row(p->worker->stats, STATS_OF_ADDRESS, a->shared->id);

    stats_set(row, STATS_ADDRESS_POOL + STATS_POOL_IDLE, a->idle_n);
    stats_set(row, STATS_ADDRESS_POOL + STATS_POOL_IN_USE, a->busy_n);
}

void pool_note_levels(const struct pool *p, uint32_t id)
{
    const struct pool_endpoint *e = p->endpoints[id];

    stats_set(stats_row(p->worker->stats, STATS_OF_ENDPOINT, id), STATS_ENDPOINT_WAITING, e->queue.n);
    for (const struct pool_address *a = e->gone; a; a = a->next_gone)
        note_address(p, a);
    for (size_t i = 0; i < e->n; i++)
        note_address(p, e->v[i]);
}

void pool_free_gone(struct pool_endpoint *e)
{
    struct pool_address **at = &e->gone;

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

void pool_close_idle_of(struct pool_endpoint *e)
{
    for (size_t i = 0; i < e->n; i++)
        pool_close_idle(e->v[i]);
}

/* ------------------------------------------------------------- snapshots */

static bool reserve(struct pool *p, uint32_t id)
{
    size_t n = p->endpoints_n ? p->endpoints_n : 8;
    struct pool_endpoint **v;

    if (id < p->endpoints_n) return true;
    while (n <= id)
        n *= 2;
    v = realloc(p->endpoints, n * sizeof(v[0]));
    if (!v) return false;
    memset(v + p->endpoints_n, 0, (n - p->endpoints_n) * sizeof(v[0]));
    p->endpoints = v;
    p->endpoints_n = n;
    return true;
}

static bool make_endpoint(struct pool *p, uint32_t id)
{
    struct pool_endpoint *e;

    if (!reserve(p, id)) return false;
    if (p->endpoints[id]) return true;
    e = calloc(1, sizeof(*e));
    if (!e) return false;
    e->turn = p->worker->index; /* workers begin with different addresses */
    budget_init(&e->budget, p->worker->loop.now_us);
    p->endpoints[id] = e;
    return true;
}

static void leave_endpoint(struct pool *p, uint32_t id)
{
    struct pool_endpoint *e = p->endpoints[id];

    if (e->names || e->awaited) return;
    pool_note_levels(p, id);
    endpoint_free(e);
    p->endpoints[id] = NULL;
}

/* Connections and TLS sessions that were made for another name, or trusting others, are of no use any more. */
static void renew(struct pool_endpoint *e)
{
    e->generation++;
    pool_close_idle_of(e);
    for (size_t i = 0; i < e->n; i++)
        tls_session_free(&e->v[i]->session);
}

static void take_conf(struct pool_endpoint *e, const struct endpoint_conf *c, SSL_CTX *ctx)
{
    bool other = e->sni[0] && (e->ctx != ctx || strcmp(e->sni, c->sni) != 0);

    e->left = false;
    e->names++;
    e->rules = (struct pool_rules){
        .max_connections = c->max_connections,
        .max_idle = c->max_idle,
        .dead_timeout_ms = c->dead_timeout_ms,
        .idle_timeout_ms = c->idle_timeout_ms,
        .slow_start_ms = c->slow_start_ms,
        .max_queue = c->max_queue,
        .queue_timeout_ms = c->queue_timeout_ms,
    };
    tls_ctx_ref(ctx);
    tls_ctx_free(&e->ctx);
    e->ctx = ctx;
    snprintf(e->sni, sizeof(e->sni), "%s", c->sni);
    if (other) renew(e);
}

static void await_none(struct pool *p)
{
    for (size_t i = 0; i < p->endpoints_n; i++) {
        if (!p->endpoints[i]) continue;
        p->endpoints[i]->awaited = false;
        leave_endpoint(p, (uint32_t)i);
    }
}

bool pool_prepare_snapshot(struct pool *p, const struct snapshot *s)
{
    await_none(p); /* the one before was given up: its numbers may be others' now */
    for (size_t i = 0; i < s->settings->endpoints_n; i++) {
        uint32_t id = s->settings->endpoints[i].id;

        if (!make_endpoint(p, id)) return false;
        p->endpoints[id]->awaited = true;
    }
    return true;
}

void pool_adopt_snapshot(struct pool *p, const struct snapshot *s)
{
    const struct settings *t = s->settings;

    for (size_t i = 0; i < p->endpoints_n; i++)
        if (p->endpoints[i]) p->endpoints[i]->left = true;
    for (size_t i = 0; i < t->endpoints_n; i++)
        take_conf(p->endpoints[t->endpoints[i].id], &t->endpoints[i], snapshot_endpoint_ctx(s, &t->endpoints[i]));
    for (size_t i = 0; i < p->endpoints_n; i++)
        if (p->endpoints[i] && p->endpoints[i]->left) pool_close_idle_of(p->endpoints[i]);
    await_none(p);
    pool_adopt_table(p);
    take_table(p); /* of endpoints that are new here */
}

void pool_forget_snapshot(struct pool *p, const struct snapshot *s)
{
    for (size_t i = 0; i < s->settings->endpoints_n; i++) {
        uint32_t id = s->settings->endpoints[i].id;

        p->endpoints[id]->names--;
        leave_endpoint(p, id); /* whoever had something running there used @s */
    }
}
