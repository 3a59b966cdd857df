/* SPDX-License-Identifier: Apache-2.0
 * status.c: the state of the proxy as JSON: endpoints, DNS, addresses, credentials, logs, counters. Times are told as
 * seconds before or after now. Control thread.
 */
#include "admin/command.h"
#include "base/clock.h"
#include "base/release.h"
#include "commands.h"
#include "config/lines.h"
#include "control/logs.h"
#include "expiry.h"
#include "flow/upstream/address.h"
#include "io/sandbox.h"
#include "keys/credentials.h"
#include "keys/json_text.h"
#include "readiness.h"
#include "stats_json.h"
#include "status_json.h"

#include <event2/buffer.h>
#include <stdlib.h>

static double seconds(int64_t us)
{
    int64_t ms = us / 1000;

    return (double)ms / 1000.0;
}

static json_t *address_json(const struct table_address *t, const struct stats *stats, int64_t now_us)
{
    const struct address *a = t->address;

    json_t *o = json_pack("{ss so ss sb sb sf so sI}", "address", a->text, "zone", json_text(t->zone), "state",
                          address_state_name(t->state), "preferred", t->preferred, "barred", t->barred, "since_s",
                          seconds(now_us - t->since_us), "reason", json_text(t->why), "in_flight",
                          (json_int_t)atomic_load_explicit(&a->in_flight, memory_order_relaxed));

    return stats_json_add(o, stats, STATS_OF_ADDRESS, a->id);
}

static json_t *dns_json(const struct endpoint_conf *set, const struct table_endpoint *t, int64_t now_us)
{
    if (t->dns == DNS_OFF) return json_pack("{ss}", "state", dns_state_name(t->dns));
    return json_pack("{ss ss sf sf so}", "state", dns_state_name(t->dns), "name", set->dns_name, "since_s",
                     seconds(now_us - t->dns_since_us), "expires_s",
                     seconds(t->dns_next_us > now_us ? t->dns_next_us - now_us : 0), "reason", json_text(t->dns_why));
}

json_t *status_endpoint_json(const struct endpoint_conf *set, const struct table_endpoint *t, const struct stats *stats,
                             int64_t now_us)
{
    json_t *addresses = json_array();

    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(addresses, address_json(&t->v[i], stats, now_us));
    return stats_json_add(json_pack("{ss ss ss so so}", "name", set->name, "region", set->region, "host", set->host,
                                    "dns", dns_json(set, t, now_us), "addresses", addresses),
                          stats, STATS_OF_ENDPOINT, set->id);
}

json_t *status_connections_json(const struct limits *l)
{
    struct limits_figures f = limits_figures(l);

    return json_pack("{sI sI sI sI sI sI sI sI}", "open", (json_int_t)f.open, "max", (json_int_t)f.max,
                     "max_per_source", (json_int_t)f.max_per_source, "refused", (json_int_t)f.events[LIMITS_REFUSED],
                     "refused_of_source", (json_int_t)f.events[LIMITS_REFUSED_SOURCE], "closed_for_others",
                     (json_int_t)f.events[LIMITS_EVICTED], "tls_delayed", (json_int_t)f.events[LIMITS_TLS_DELAYED],
                     "tls_refused", (json_int_t)f.events[LIMITS_TLS_REFUSED]);
}

/* What an answer is about: it lasts while that is taken. */
struct status {
    struct server *server;
    struct snapshot *snapshot; /* one reference */
    const struct stats *stats;
    struct credential_store *credentials;
    struct address_table *table; /* one reference */
    int64_t started_us, now_us;
    const struct part *const *parts; /* NULL: no more */
    struct expiry expiry;
    int64_t wall_s, warn_s; /* now, Unix time; what ends within that is told */
    size_t at;              /* in a list: where the next one is looked for */
    bool begun;             /* the first of the list is out */
    bool any;               /* a part is out */
};

/* A member of the answer. */
struct part {
    const char *name;
    bool is_list;
    /* The value, or the next one of the list, NULL: there are no more. */
    json_t *(*get)(struct status *st);
};

static json_t *get_version(struct status *st UNUSED)
{
    return json_string(release_version);
}

static json_t *get_uptime(struct status *st)
{
    return json_real(seconds(st->now_us - st->started_us));
}

static json_t *get_state(struct status *st)
{
    return json_string(drain_state_name(drain_state(server_drain(st->server))));
}

/* The words of the refused reload are for who may ask for them. */
static json_t *get_readiness(struct status *st)
{
    const char *refused = reload_refused(server_reload(st->server));
    struct readiness h;
    json_t *all;

    readiness_look(st->server, &h);
    all = readiness_json(&h);
    readiness_clear(&h);
    if (refused) json_object_set_new(all, "reload_refused", json_text(refused));
    return all;
}

/* What is renewed by itself is not told. */
static json_t *next_expiring(struct status *st)
{
    struct expiry_item item;
    char what[EXPIRY_TEXT];

    while (expiry_next(&st->expiry, &item)) {
        int64_t left_s = item.end_s - st->wall_s;

        if (item.renewed || left_s <= 0 || left_s > st->warn_s) continue;
        return json_pack("{so sI}", "what", json_text(expiry_text(&item, what)), "expires_s", (json_int_t)left_s);
    }
    return NULL;
}

static json_t *get_connections(struct status *st)
{
    return status_connections_json(server_proxy(st->server)->limits);
}

static json_t *get_table_version(struct status *st)
{
    return json_integer((json_int_t)st->table->version);
}

static json_t *next_endpoint(struct status *st)
{
    while (st->at < st->table->endpoints_n) {
        const struct table_endpoint *row = &st->table->endpoints[st->at++];
        const struct endpoint_conf *set = snapshot_endpoint(st->snapshot, row->id);

        if (set) return status_endpoint_json(set, row, st->stats, st->now_us);
    }
    return NULL;
}

static json_t *next_credentials(struct status *st)
{
    return credential_store_next(st->credentials, &st->at);
}

static json_t *next_listener(struct status *st)
{
    const struct settings *s = st->snapshot->settings;
    const struct listener_conf *l = st->at < s->listeners_n ? &s->listeners[st->at++] : NULL;

    return l ? stats_json_add(json_pack("{ss}", "name", l->name), st->stats, STATS_OF_LISTENER, l->id) : NULL;
}

/* First nobody in particular, whose name is empty. */
static json_t *next_client(struct status *st)
{
    const struct settings *s = st->snapshot->settings;
    size_t i = st->at++;

    if (i == 0) return stats_json_add(json_pack("{ss}", "name", ""), st->stats, STATS_OF_PRINCIPAL, STANDING_NONE);
    if (i > s->clients_n) return NULL;
    return stats_json_add(json_pack("{ss}", "name", s->clients[i - 1].name), st->stats, STATS_OF_PRINCIPAL,
                          s->clients[i - 1].id);
}

static json_t *next_group(struct status *st)
{
    const struct settings *s = st->snapshot->settings;
    const struct group_conf *g = st->at < s->groups_n ? &s->groups[st->at++] : NULL;

    return g ? stats_json_add(json_pack("{ss}", "name", g->name), st->stats, STATS_OF_GROUP, g->id) : NULL;
}

static json_t *next_line(struct status *st)
{
    const struct settings *s = st->snapshot->settings;
    const struct line_conf *l = st->at < s->lines_n ? &s->lines[st->at++] : NULL;

    return l ? stats_json_add(json_pack("{ss}", "name", l->name), st->stats, STATS_OF_LINE, l->id) : NULL;
}

static json_t *next_worker(struct status *st)
{
    size_t i = st->at++;

    if (i >= stats_blocks(st->stats)) return NULL;
    return stats_json_add(json_pack("{sI}", "number", (json_int_t)i), st->stats, STATS_OF_WORKER, (uint32_t)i);
}

static json_t *get_logs(struct status *st)
{
    return logs_json(server_logs(st->server));
}

/* What the file says and the proxy does not do until it is started again. */
static json_t *get_restart(struct status *st)
{
    struct str_list lines = {0};
    json_t *all;

    reload_waiting(server_reload(st->server), &lines);
    all = lines_json(&lines);
    lines_clear(&lines);
    return all;
}

/* How near the zones of endpoints come to what they bear, and whether it is kept. */
static json_t *get_capacity(struct status *st)
{
    const struct books *books = server_books(st->server);
    const char *zone, *dir = books_dir(books);
    uint64_t peak = books_peak(books, &zone);

    return json_pack("{so sI sI so so}", "busiest_zone", json_text(zone), "bits_per_second", (json_int_t)peak * 8,
                     "zone_bits_per_second", (json_int_t)st->snapshot->settings->cost.zone_bandwidth * 8, "state",
                     dir ? json_text(dir) : json_null(), "trouble", json_text(books_trouble(books)));
}

/* What of `sandbox` is in force. */
static json_t *get_sandbox(struct status *st)
{
    const struct sandbox_state s = sandbox_state();
    char mem[2 * SANDBOX_TEXT];
    struct sbuf text = sbuf_make(mem, sizeof(mem) - 1);

    sandbox_text(&s, &text);
    mem[text.n] = '\0';
    pid_t ca = snapshot_ca_process(st->snapshot);
    return json_pack("{sb sb sI sb sb so so so}", "on", s.on, "system_calls", s.calls, "landlock_abi",
                     (json_int_t)s.landlock, "capabilities_dropped", s.capabilities, "whole", s.threads && !*s.why_not,
                     "why_not", json_text(s.why_not), "text", json_text(mem), "ca_process",
                     ca ? json_integer(ca) : json_null());
}

static const struct part version = {"version", false, get_version};
static const struct part uptime = {"uptime_s", false, get_uptime};
static const struct part state = {"state", false, get_state};
static const struct part readiness = {"readiness", false, get_readiness};
static const struct part expiring = {"expiring", true, next_expiring};
static const struct part connections = {"connections", false, get_connections};
static const struct part table_version = {"table_version", false, get_table_version};
static const struct part capacity = {"capacity", false, get_capacity};
static const struct part restart = {"restart", false, get_restart};
static const struct part sandbox = {"sandbox", false, get_sandbox};
static const struct part endpoints = {"endpoints", true, next_endpoint};
static const struct part credentials = {"credentials", true, next_credentials};
static const struct part logs = {"logs", false, get_logs};
static const struct part listeners = {"listeners", true, next_listener};
static const struct part lines = {"lines", true, next_line};
static const struct part groups = {"groups", true, next_group};
static const struct part workers = {"workers", true, next_worker};
static const struct part clients = {"clients", true, next_client};

static const struct part *const all[] = {&version,       &uptime,    &state,   &readiness, &expiring,  &connections,
                                         &table_version, &restart,   &sandbox, &capacity,  &endpoints, &credentials,
                                         &logs,          &listeners, &lines,   &workers,   NULL};
static const struct part *const all_and_clients[] = {&version,     &uptime,        &state,   &readiness, &expiring,
                                                     &connections, &table_version, &restart, &sandbox,   &capacity,
                                                     &endpoints,   &credentials,   &logs,    &listeners, &lines,
                                                     &workers,     &groups,        &clients, NULL};
static const struct part *const only_clients[] = {&groups, &clients, NULL};
static const struct part *const only_credentials[] = {&credentials, NULL};

static int add_text(const char *text, size_t n, void *out)
{
    return evbuffer_add(out, text, n);
}

/* The next item of the list, or its end. */
static void add_item(struct status *st, json_t *value, struct evbuffer *out)
{
    evbuffer_add_printf(out, !value ? "]" : st->begun ? ",\n" : "\n");
    if (value) json_dump_callback(value, add_text, out, JSON_COMPACT);
    st->begun = value;
    if (!value) st->at = 0;
}

static bool add_more(void *arg, struct evbuffer *out)
{
    struct status *st = arg;
    const struct part *p = *st->parts;
    json_t *value;

    if (!p) {
        evbuffer_add(out, "}\n", 2);
        return false;
    }
    if (!st->begun) evbuffer_add_printf(out, "%s\"%s\": %s", st->any ? ",\n" : "{", p->name, p->is_list ? "[" : "");
    value = p->get(st);
    if (p->is_list)
        add_item(st, value, out);
    else if (!value || json_dump_callback(value, add_text, out, JSON_COMPACT | JSON_ENCODE_ANY))
        evbuffer_add_printf(out, "null"); /* no memory */
    st->any = true;
    if (!st->begun) st->parts++;
    json_decref(value);
    return true;
}

static void end(void *arg)
{
    struct status *st = arg;

    address_table_unref(&st->table);
    snapshot_bin_give(&server_proxy(st->server)->unused, &st->snapshot); /* many clients take long to free */
    free(st);
}

static void reply(struct admin_call *call, const struct part *const *parts, int64_t within_s)
{
    struct status *st = calloc(1, sizeof(*st));
    struct server *sv = call->server;

    if (!st) {
        admin_reply_json(call, NULL);
        return;
    }
    *st = (struct status){
        .server = sv,
        .snapshot = snapshot_ref(server_snapshot(sv)),
        .stats = server_proxy(sv)->stats,
        .credentials = server_credentials(sv),
        .table = address_table_ref(endpoints_table(server_endpoints(sv))),
        .started_us = call->started_us,
        .now_us = server_loop(sv)->now_us,
        .parts = parts,
    };
    st->expiry = (struct expiry){.snapshot = st->snapshot, .credentials = st->credentials, .kinds = EXPIRY_KINDS_N};
    st->wall_s = clock_wall_us() / 1000000;
    st->warn_s = within_s;
    admin_reply_stream(call, &(struct admin_stream){add_more, end, st});
}

void command_status(struct admin_call *call)
{
    const char *warn = admin_call_text(call, "warn");
    uint64_t within_s = 0;

    if (warn && (!str_to_u64(str_from(warn), &within_s) || within_s > INT32_MAX))
        admin_reply_error(call, "status: \"warn\" must be a number of seconds");
    else
        reply(call, admin_call_flag(call, "clients") ? all_and_clients : all, (int64_t)within_s);
}

void command_clients(struct admin_call *call)
{
    reply(call, only_clients, 0);
}

void command_credentials(struct admin_call *call)
{
    reply(call, only_credentials, 0);
}

void command_drop(struct admin_call *call)
{
    credential_store_drop(server_credentials(call->server), admin_call_text(call, "credentials"));
    reply(call, only_credentials, 0);
}
