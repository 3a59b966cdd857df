/* SPDX-License-Identifier: Apache-2.0
 * endpoints.c: see endpoints.h. Per endpoint a list of targets; each owns its health and at most one running probe. A
 * target that DNS or the settings no longer name is forgotten here at once; workers drain it. An endpoint is known by
 * its standing number: in another snapshot it goes on with what it has.
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
    uint64_t seen[STATS_ADDRESS_SLOTS]; /* as counted at the last look */
};

struct watch {
    struct watch *next;
    struct endpoints *all;
    const struct endpoint_conf *set; /* of the newest snapshot */
    SSL_CTX *like;                   /* one reference: the endpoint's own, whose authorities probes trust */
    SSL_CTX *ctx;                    /* owned: of probes */
    struct health_rules rules;
    struct target *v[ADDRESS_MAX]; /* owned */
    size_t n;
    struct dns *dns; /* owned; NULL: addresses are written down */
    enum dns_state dns_state;
    int64_t dns_since_us;
    char dns_why[2 * ADDRESS_WHY];
    bool keep; /* DNS was asked for this name under other settings: what it said stands until it answers again */
};

struct endpoints {
    struct loop *loop;
    struct snapshot *snapshot; /* borrowed: the newest */
    struct worker *workers;
    size_t workers_n;
    struct watch *watches; /* owned; in the order of the settings */
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

static void fill_endpoint(struct table_endpoint *out, const struct watch *w)
{
    out->id = w->set->id;
    out->dns = w->dns_state;
    out->dns_since_us = w->dns_since_us;
    out->dns_next_us = w->dns ? dns_next_us(w->dns) : 0;
    memcpy(out->dns_why, w->dns_why, sizeof(out->dns_why));
    for (size_t k = 0; k < w->n; k++)
        fill_address(&out->v[out->n++], w->v[k]);
}

static struct address_table *make_table(struct endpoints *e)
{
    struct address_table *t = address_table_new(e->watches_n);
    const struct watch *w = e->watches;

    for (size_t i = 0; t && w && i < e->watches_n; i++) {
        if (!address_table_reserve(t, i, w->n)) {
            address_table_unref(&t);
            return NULL;
        }
        fill_endpoint(&t->endpoints[i], w);
        w = w->next;
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

static const struct server_conf *server_conf(const struct watch *w)
{
    return &w->all->snapshot->settings->server;
}

/* What is barred must show a good certificate before it is used again, whatever is probed otherwise. */
static void start_probe(struct target *t, int64_t now_us)
{
    const struct endpoint_conf *set = t->watch->set;
    enum probe_kind kind = t->health.barred && set->probe == PROBE_TCP ? PROBE_TLS : set->probe;
    struct err err = {0};

    t->probe_end_us = now_us + (int64_t)set->probe_timeout_ms * 1000;
    t->probe = probe_start(t->watch->all->loop, server_conf(t->watch), &t->address->addr, kind, t->watch->ctx, set->sni,
                           set->host, on_probe, t, &err);
    if (!t->probe && err.code == ERR_UPSTREAM_CONNECT) /* else it is ours and says nothing of the address */
        on_probe(t, err.sys_errno ? strerror(err.sys_errno) : err.detail, false);
}

/* What workers counted of the address since the last look: into @fresh. */
static void take_new(struct target *t, uint64_t fresh[STATS_ADDRESS_SLOTS])
{
    uint64_t now[STATS_ADDRESS_SLOTS];

    stats_sum(t->watch->all->workers->proxy->stats, STATS_OF_ADDRESS, t->address->id, now);
    for (size_t i = 0; i < STATS_ADDRESS_SLOTS; i++)
        fresh[i] = now[i] - t->seen[i];
    memcpy(t->seen, now, sizeof(t->seen));
}

static void observe(struct target *t, int64_t now_us)
{
    const char *before = state_word(&t->health);
    enum address_fault last = FAULT_CONNECT;
    uint64_t faults = 0, fresh[STATS_ADDRESS_SLOTS];

    take_new(t, fresh);
    for (size_t i = 0; i < FAULTS_N; i++) {
        uint64_t n = fresh[STATS_ADDRESS_FAILURES + i];

        if (n && last != FAULT_CERTIFICATE) last = (enum address_fault)i;
        faults += n;
    }
    note(t, health_observed(&t->health, &t->watch->rules, faults, fresh[STATS_ADDRESS_ANSWERS], last, now_us), before);
}

static void tick_target(struct target *t, int64_t now_us)
{
    observe(t, now_us);
    if (t->probe && now_us >= t->probe_end_us)
        probe_expire(t->probe);
    else if (!t->probe && now_us >= t->health.next_probe_us)
        start_probe(t, now_us);
}

/* Counters stand at this number whether the address was away for a while or not. */
static uint32_t address_id(const struct watch *w, const struct netaddr *addr)
{
    char name[256 + NETADDR_TEXT], text[NETADDR_TEXT];

    netaddr_format(addr, text);
    snprintf(name, sizeof(name), "%.255s %s", w->set->name, text);
    return standing_id(w->all->workers->proxy->standing, STANDING_ADDRESS, str_from(name));
}

static bool add_target(struct watch *w, const struct netaddr *addr, struct str zone)
{
    struct target *t = calloc(1, sizeof(*t));

    if (!t || w->n == ADDRESS_MAX || !(t->address = address_new(addr, address_id(w, addr)))) {
        free(t);
        return false;
    }
    t->watch = w;
    stats_sum(w->all->workers->proxy->stats, STATS_OF_ADDRESS, t->address->id, t->seen);
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

/* ------------------------------------------------------------- which addresses there are */

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

static void remove_missing(struct watch *w, const struct dns_view *view, const char *from)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->n; i++) {
        struct target *t = w->v[i];

        if (view_has(view, &t->address->addr)) {
            w->v[kept++] = t;
            continue;
        }
        LOG(LOG_INFO, "endpoint %s: %s is no longer in %s: no new requests", w->set->name, t->address->text, from);
        w->all->changed = true;
        free_target(t);
    }
    w->n = kept;
}

static void add_new(struct watch *w, const struct dns_view *view, const char *from)
{
    for (size_t i = 0; i < view->n; i++) {
        char text[NETADDR_TEXT];

        if (find_target(w, &view->v[i].addr)) continue;
        netaddr_format(&view->v[i].addr, text);
        if (!add_target(w, &view->v[i].addr, str_from(view->v[i].zone))) continue;
        LOG(LOG_INFO, "endpoint %s: %s names %s%s%s", w->set->name, from, text, view->v[i].zone[0] ? " zone " : "",
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
    if (w->keep && !view->n) return;
    w->keep = false;
    remove_missing(w, view, "DNS");
    add_new(w, view, "DNS");
}

static enum err_code start_dns(struct watch *w, struct err *err)
{
    w->dns_state = DNS_PENDING;
    w->dns_since_us = w->all->loop->now_us;
    snprintf(w->dns_why, sizeof(w->dns_why), "DNS has not answered for %.200s yet", w->set->dns_name);
    return dns_new(w->all->loop, server_conf(w), w->set, on_dns, w, &w->dns, err);
}

static void stop_dns(struct watch *w)
{
    dns_free(&w->dns);
    w->dns_state = DNS_OFF;
    w->dns_why[0] = '\0';
    w->keep = false;
}

/* ------------------------------------------------------------- one endpoint */

/* Probes trust whom requests trust. */
static enum err_code take_ctx(struct watch *w, SSL_CTX *like, struct err *err)
{
    SSL_CTX *ctx;

    TRY(tls_client_ctx_like(like, &ctx, err));
    tls_ctx_free(&w->ctx);
    tls_ctx_free(&w->like);
    w->ctx = ctx;
    w->like = tls_ctx_ref(like);
    return ERR_NONE;
}

static void take_rules(struct watch *w, const struct endpoint_conf *set)
{
    w->set = set;
    w->rules = (struct health_rules){set->probe_interval_ms, set->fall, set->rise};
}

static struct str zone_of(const struct endpoint_conf *set, size_t i)
{
    return settings_zone_short(str_from(set->address_zones.v[i]), str_from(set->region));
}

static enum err_code watch_init(struct watch *w, const struct snapshot *s, const struct endpoint_conf *set,
                                struct err *err)
{
    take_rules(w, set);
    TRY(take_ctx(w, snapshot_endpoint_ctx(s, set), err));
    for (size_t i = 0; i < set->addresses_n; i++)
        if (!add_target(w, &set->addresses[i], zone_of(set, i))) return err_set(err, ERR_NO_MEMORY, 0, "addresses");
    return set->dns ? start_dns(w, err) : ERR_NONE;
}

static void watch_free(struct watch *w)
{
    dns_free(&w->dns);
    for (size_t i = 0; i < w->n; i++)
        free_target(w->v[i]);
    tls_ctx_free(&w->ctx);
    tls_ctx_free(&w->like);
    free(w);
}

static struct watch *watch_new(struct endpoints *e, const struct snapshot *s, const struct endpoint_conf *set,
                               struct err *err)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w) {
        err_set(err, ERR_NO_MEMORY, 0, "endpoints");
        return NULL;
    }
    w->all = e;
    if (watch_init(w, s, set, err) == ERR_NONE) return w;
    watch_free(w);
    return NULL;
}

/* ------------------------------------------------------------- another snapshot */

static void tell(const struct watch *w, const struct err *err)
{
    LOG(LOG_ERROR, "endpoint %s: not all of the new settings are in force: %s", w->set->name, err->detail);
}

static void follow_addresses(struct watch *w)
{
    const struct endpoint_conf *set = w->set;
    struct dns_view *view = calloc(1, sizeof(*view));
    struct err err = {.detail = "out of memory"};

    if (!view) {
        tell(w, &err);
        return;
    }
    for (size_t i = 0; i < set->addresses_n && i < ADDRESS_MAX; i++) {
        struct target *t = find_target(w, &set->addresses[i]);

        view->v[i].addr = set->addresses[i];
        if (!str_to_cstr(zone_of(set, i), view->v[i].zone, sizeof(view->v[i].zone))) view->v[i].zone[0] = '\0';
        if (t) memcpy(t->zone, view->v[i].zone, sizeof(t->zone));
        view->n++;
    }
    remove_missing(w, view, "the configuration");
    add_new(w, view, "the configuration");
    free(view);
}

static void remove_forbidden(struct watch *w)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->n; i++) {
        if (settings_address_allowed(server_conf(w), &w->v[i]->address->addr))
            w->v[kept++] = w->v[i];
        else
            free_target(w->v[i]);
    }
    w->n = kept;
}

/* Other addresses come with the first answer; until then those of before serve. */
static void follow_dns(struct watch *w, const struct endpoint_conf *before)
{
    struct err err = {0};

    if (w->dns && dns_follow(w->dns, server_conf(w), w->set)) return;
    w->keep = before->dns && strcmp(before->dns_name, w->set->dns_name) == 0 && before->port == w->set->port;
    dns_free(&w->dns);
    remove_forbidden(w);
    if (start_dns(w, &err) != ERR_NONE) tell(w, &err);
}

/* What a probe proves is another thing now. */
static void probe_anew(struct watch *w)
{
    for (size_t i = 0; i < w->n; i++) {
        probe_abandon(&w->v[i]->probe);
        w->v[i]->health.next_probe_us = w->all->loop->now_us;
        w->v[i]->probed = false;
    }
}

static void watch_follow(struct watch *w, const struct snapshot *s, const struct endpoint_conf *set)
{
    const struct endpoint_conf *before = w->set;
    SSL_CTX *like = snapshot_endpoint_ctx(s, set);
    bool other = like != w->like || strcmp(before->sni, set->sni) != 0 || strcmp(before->host, set->host) != 0 ||
                 before->probe != set->probe;
    struct err err = {0};

    take_rules(w, set);
    if (like != w->like && take_ctx(w, like, &err) != ERR_NONE) tell(w, &err);
    if (set->dns) {
        follow_dns(w, before);
    } else {
        stop_dns(w);
        follow_addresses(w);
    }
    if (other) probe_anew(w);
}

/* ------------------------------------------------------------- all */

/* Out of the list at @at; NULL: it is not there. */
static struct watch *take_watch(struct watch **at, uint32_t id)
{
    while (*at && (*at)->set->id != id)
        at = &(*at)->next;
    struct watch *w = *at;
    if (w) *at = w->next;
    return w;
}

/* Those that were there go on, the others are new. What is left in @before has gone. @err: of the last that could not
 * be made. */
static void make_watches(struct endpoints *e, struct watch **before, struct err *err)
{
    const struct settings *s = e->snapshot->settings;
    struct watch **at = &e->watches;

    e->watches = NULL;
    e->watches_n = 0;
    for (size_t i = 0; i < s->endpoints_n; i++) {
        struct watch *w = take_watch(before, s->endpoints[i].id);

        if (w) watch_follow(w, e->snapshot, &s->endpoints[i]);
        if (!w) w = watch_new(e, e->snapshot, &s->endpoints[i], err);
        if (!w) continue;
        w->next = NULL;
        *at = w;
        at = &w->next;
        e->watches_n++;
    }
}

static void free_watches(struct watch *w)
{
    while (w) {
        struct watch *next = w->next;

        watch_free(w);
        w = next;
    }
}

enum err_code endpoints_new(struct loop *loop, struct snapshot *s, struct worker *workers, size_t workers_n,
                            struct endpoints **out, struct err *err)
{
    struct endpoints *e = calloc(1, sizeof(*e));
    struct watch *none = NULL;

    if (!e) return err_set(err, ERR_NO_MEMORY, 0, "endpoints");
    *out = e;
    e->loop = loop;
    e->snapshot = s;
    e->workers = workers;
    e->workers_n = workers_n;
    make_watches(e, &none, err);
    if (err->code != ERR_NONE) return err->code;
    publish(e);
    return e->table ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "endpoints");
}

void endpoints_follow(struct endpoints *e, struct snapshot *s)
{
    struct watch *gone = e->watches;
    struct err err = {0};

    e->snapshot = s;
    make_watches(e, &gone, &err);
    if (err.code != ERR_NONE) LOG(LOG_ERROR, "an endpoint of the new settings is not in force: %s", err.detail);
    free_watches(gone);
    publish(e);
}

void endpoints_free(struct endpoints **ep)
{
    struct endpoints *e = *ep;

    *ep = NULL;
    if (!e) return;
    free_watches(e->watches);
    address_table_unref(&e->table);
    free(e);
}

void endpoints_tick(struct endpoints *e)
{
    int64_t now_us = e->loop->now_us;

    for (struct watch *w = e->watches; w; w = w->next) {
        if (w->dns) dns_tick(w->dns, now_us);
        for (size_t k = 0; k < w->n; k++)
            tick_target(w->v[k], now_us);
    }
    if (e->changed) publish(e);
}
