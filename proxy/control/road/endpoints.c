/* SPDX-License-Identifier: Apache-2.0
 * endpoints.c: see endpoints.h. Per endpoint a list of targets; each owns its health and at most one running probe. A
 * target that DNS no longer names is forgotten here at once; workers drain it.
 *
 *   settings ─┐
 *   DNS ──────┴▶ targets ──▶ health ◀── probes, counters of the workers
 *                               └─ changed ──▶ new table ──▶ pool_offer to each worker
 */
#include "control/road/endpoints.h"

#include "base/log.h"
#include "base/secret.h"
#include "control/road/dns.h"
#include "control/road/health.h"
#include "control/road/probe.h"

#include <stdlib.h>

struct watch;

struct target {
    struct watch *watch;
    struct address *address; /* one reference */
    char zone[ADDRESS_ZONE];
    struct health health;
    struct probe *probe;  /* owned while it runs */
    int64_t probe_end_us; /* when it has taken too long */
    bool probed;
    uint64_t seen_faults[FAULTS_N], seen_answers;
};

struct watch {
    struct endpoints *all;
    const struct endpoint_conf *set;
    SSL_CTX *ctx; /* owned */
    struct health_rules rules;
    struct target *v[ADDRESS_MAX]; /* owned */
    size_t n;
    struct dns *dns; /* owned; NULL: addresses are written down */
    enum dns_state dns_state;
    int64_t dns_since_us;
    char dns_why[2 * ADDRESS_WHY];
};

struct endpoints {
    struct loop *loop;
    const struct settings *settings;
    struct worker *workers;
    size_t workers_n;
    struct watch *watches; /* owned */
    size_t watches_n;
    struct address_table *table; /* one reference */
    uint64_t version;
    bool changed;
};

/* ------------------------------------------------------------- publishing */

static bool is_preferred(const struct endpoint_conf *ep, const char *zone)
{
    struct str region = str_from(ep->region);

    if (!ep->prefer_zone) return true;
    return str_eq(settings_zone_short(str_from(ep->prefer_zone), region), str_from(zone));
}

static void fill_address(struct table_address *out, const struct target *t)
{
    out->address = address_ref(t->address);
    memcpy(out->zone, t->zone, sizeof(out->zone));
    out->preferred = is_preferred(t->watch->set, t->zone);
    out->barred = t->health.barred;
    out->state = t->health.state;
    out->since_us = t->health.since_us;
    out->warm_us = t->health.warm_us;
    memcpy(out->why, t->health.why, sizeof(out->why));
}

static struct address_table *make_table(struct endpoints *e)
{
    struct address_table *t = address_table_new(e->watches_n);

    for (size_t i = 0; t && i < e->watches_n; i++) {
        const struct watch *w = &e->watches[i];
        struct table_endpoint *out = &t->endpoints[i];

        if (!address_table_reserve(t, i, w->n)) {
            address_table_unref(&t);
            return NULL;
        }
        out->id = w->set->id;
        out->dns = w->dns_state;
        out->dns_since_us = w->dns_since_us;
        out->dns_next_us = w->dns ? dns_next_us(w->dns) : 0;
        memcpy(out->dns_why, w->dns_why, sizeof(out->dns_why));
        for (size_t k = 0; k < w->n; k++)
            fill_address(&out->v[out->n++], w->v[k]);
    }
    return t;
}

static void publish(struct endpoints *e)
{
    struct address_table *t = make_table(e);

    if (!t) {
        LOG(LOG_ERROR, "out of memory: workers go on with the address table they have");
        return;
    }
    t->version = ++e->version;
    address_table_unref(&e->table);
    e->table = t;
    e->changed = false;
    for (size_t i = 0; i < e->workers_n; i++)
        pool_offer(&e->workers[i].pool, t);
}

struct address_table *endpoints_table(const struct endpoints *e)
{
    return e->table;
}

/* ------------------------------------------------------------- one address */

/* As `s3onramp status` has it. */
static const char *state_word(const struct health *h)
{
    return h->barred ? "barred" : address_state_name(h->state);
}

static void log_change(const struct target *t, const char *before)
{
    const struct health *h = &t->health;
    bool good = h->state == ADDRESS_UP || h->state == ADDRESS_HALF_OPEN;

    LOG(good ? LOG_INFO : LOG_WARN, "endpoint %s: %s%s%s: %s -> %s%s%s", t->watch->set->name, t->address->text,
        t->zone[0] ? " zone " : "", t->zone, before, state_word(h), h->why[0] ? ": " : "", h->why);
}

static void note(struct target *t, bool changed, const char *before)
{
    if (!changed) return;
    t->watch->all->changed = true;
    if (strcmp(before, state_word(&t->health)) != 0) log_change(t, before);
}

static void on_probe(void *arg, const char *why, bool certificate)
{
    struct target *t = arg;
    const char *before = state_word(&t->health);
    uint16_t random;

    t->probe = NULL;
    secret_random(&random, sizeof(random));
    if (!why && !t->probed)
        LOG(LOG_INFO, "endpoint %s: %s answers as %s", t->watch->set->name, t->address->text, t->watch->set->sni);
    t->probed = true;
    note(t, health_probed(&t->health, &t->watch->rules, why, certificate, random % 1024, t->watch->all->loop->now_us),
         before);
}

/* What is barred must show a good certificate before it is used again, whatever is probed otherwise. */
static void start_probe(struct target *t, int64_t now_us)
{
    const struct endpoint_conf *set = t->watch->set;
    enum probe_kind kind = t->health.barred && set->probe == PROBE_TCP ? PROBE_TLS : set->probe;
    struct err err = {0};

    t->probe_end_us = now_us + (int64_t)set->probe_timeout_ms * 1000;
    t->probe = probe_start(t->watch->all->loop, &t->address->addr, kind, t->watch->ctx, set->sni, set->host, on_probe,
                           t, &err);
    if (!t->probe && err.code == ERR_UPSTREAM_CONNECT) /* else it is ours and says nothing of the address */
        on_probe(t, err.sys_errno ? strerror(err.sys_errno) : err.detail, false);
}

static uint64_t take_new(uint64_t *seen, _Atomic uint64_t *counter)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed), n = now - *seen;

    *seen = now;
    return n;
}

static void observe(struct target *t, int64_t now_us)
{
    const char *before = state_word(&t->health);
    enum address_fault last = FAULT_CONNECT;
    uint64_t faults = 0, answers = take_new(&t->seen_answers, &t->address->answers);

    for (size_t i = 0; i < FAULTS_N; i++) {
        uint64_t n = take_new(&t->seen_faults[i], &t->address->faults[i]);

        if (n && last != FAULT_CERTIFICATE) last = (enum address_fault)i;
        faults += n;
    }
    note(t, health_observed(&t->health, &t->watch->rules, faults, answers, last, now_us), before);
}

static void tick_target(struct target *t, int64_t now_us)
{
    observe(t, now_us);
    if (t->probe && now_us >= t->probe_end_us)
        probe_expire(t->probe);
    else if (!t->probe && now_us >= t->health.next_probe_us)
        start_probe(t, now_us);
}

static bool add_target(struct watch *w, const struct netaddr *addr, struct str zone)
{
    struct target *t = calloc(1, sizeof(*t));

    if (!t || w->n == ADDRESS_MAX || !(t->address = address_new(addr))) {
        free(t);
        return false;
    }
    t->watch = w;
    if (!str_to_cstr(zone, t->zone, sizeof(t->zone))) t->zone[0] = '\0';
    health_init(&t->health, w->all->loop->now_us);
    w->v[w->n++] = t;
    return true;
}

static void free_target(struct target *t)
{
    probe_abandon(&t->probe);
    address_unref(&t->address);
    free(t);
}

/* ------------------------------------------------------------- DNS */

static bool view_has(const struct dns_view *view, const struct netaddr *addr)
{
    for (size_t i = 0; i < view->n; i++)
        if (netaddr_equal(&view->v[i].addr, addr)) return true;
    return false;
}

static struct target *find_target(const struct watch *w, const struct netaddr *addr)
{
    for (size_t i = 0; i < w->n; i++)
        if (netaddr_equal(&w->v[i]->address->addr, addr)) return w->v[i];
    return NULL;
}

static void remove_missing(struct watch *w, const struct dns_view *view)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->n; i++) {
        struct target *t = w->v[i];

        if (view_has(view, &t->address->addr)) {
            w->v[kept++] = t;
            continue;
        }
        LOG(LOG_INFO, "endpoint %s: %s is no longer in DNS: no new requests", w->set->name, t->address->text);
        w->all->changed = true;
        free_target(t);
    }
    w->n = kept;
}

static void add_new(struct watch *w, const struct dns_view *view)
{
    for (size_t i = 0; i < view->n; i++) {
        char text[NETADDR_TEXT];

        if (find_target(w, &view->v[i].addr)) continue;
        netaddr_format(&view->v[i].addr, text);
        if (!add_target(w, &view->v[i].addr, str_from(view->v[i].zone))) continue;
        LOG(LOG_INFO, "endpoint %s: DNS names %s%s%s", w->set->name, text, view->v[i].zone[0] ? " zone " : "",
            view->v[i].zone);
        w->all->changed = true;
    }
}

static void on_dns(void *arg, const struct dns_view *view)
{
    struct watch *w = arg;
    bool fine = view->state == DNS_GOOD;

    if (w->dns_state != view->state) {
        LOG(fine ? LOG_INFO : LOG_WARN, "endpoint %s: DNS: %s -> %s%s%s", w->set->name, dns_state_name(w->dns_state),
            dns_state_name(view->state), view->why[0] ? ": " : "", view->why);
        w->dns_state = view->state;
        w->dns_since_us = w->all->loop->now_us;
    }
    memcpy(w->dns_why, view->why, sizeof(w->dns_why));
    w->all->changed = true; /* when it is asked next is in the table, too */
    remove_missing(w, view);
    add_new(w, view);
}

/* ------------------------------------------------------------- all */

static enum err_code watch_init(struct watch *w, struct endpoints *e, const struct endpoint_conf *set, struct err *err)
{
    struct str region = str_from(set->region);

    w->all = e;
    w->set = set;
    w->rules = (struct health_rules){set->probe_interval_ms, set->fall, set->rise};
    TRY(probe_ctx(set, &w->ctx, err));
    for (size_t i = 0; i < set->addresses_n; i++)
        if (!add_target(w, &set->addresses[i], settings_zone_short(str_from(set->address_zones.v[i]), region)))
            return err_set(err, ERR_NO_MEMORY, 0, "addresses");
    if (!set->dns) return ERR_NONE;
    w->dns_state = DNS_PENDING;
    w->dns_since_us = e->loop->now_us;
    snprintf(w->dns_why, sizeof(w->dns_why), "DNS has not answered for %.200s yet", set->dns_name);
    return dns_new(e->loop, &e->settings->server, set, on_dns, w, &w->dns, err);
}

enum err_code endpoints_new(struct loop *loop, const struct settings *settings, struct worker *workers,
                            size_t workers_n, struct endpoints **out, struct err *err)
{
    struct endpoints *e = calloc(1, sizeof(*e));

    if (!e) return err_set(err, ERR_NO_MEMORY, 0, "endpoints");
    *out = e;
    e->loop = loop;
    e->settings = settings;
    e->workers = workers;
    e->workers_n = workers_n;
    e->watches = calloc(settings->endpoints_n + 1, sizeof(*e->watches));
    if (!e->watches) return err_set(err, ERR_NO_MEMORY, 0, "endpoints");
    for (; e->watches_n < settings->endpoints_n; e->watches_n++)
        TRY(watch_init(&e->watches[e->watches_n], e, &settings->endpoints[e->watches_n], err));
    publish(e);
    return e->table ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "endpoints");
}

static void watch_clear(struct watch *w)
{
    dns_free(&w->dns);
    for (size_t i = 0; i < w->n; i++)
        free_target(w->v[i]);
    tls_ctx_free(&w->ctx);
}

void endpoints_free(struct endpoints **ep)
{
    struct endpoints *e = *ep;

    *ep = NULL;
    if (!e) return;
    for (size_t i = 0; e->watches && i < e->settings->endpoints_n; i++)
        watch_clear(&e->watches[i]);
    address_table_unref(&e->table);
    free(e->watches);
    free(e);
}

void endpoints_tick(struct endpoints *e)
{
    int64_t now_us = e->loop->now_us;

    for (size_t i = 0; i < e->watches_n; i++) {
        struct watch *w = &e->watches[i];

        if (w->dns) dns_tick(w->dns, now_us);
        for (size_t k = 0; k < w->n; k++)
            tick_target(w->v[k], now_us);
    }
    if (e->changed) publish(e);
}
