/* SPDX-License-Identifier: Apache-2.0
 * overview_json.c: an overview as JSON. Names are Unix seconds where they end in _at, seconds where they end in _s.
 */
#include "../expiry.h"
#include "base/release.h"
#include "config/lines.h"
#include "keys/json_text.h"
#include "overview_impl.h"
#include "status_json.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENDPOINTS_MOST = 64 };

/* ------------------------------------------------------------------- facts for the verdict */

/* What facts point at. */
struct sources {
    struct verdict_endpoint endpoints[ENDPOINTS_MOST];
    struct address_table *table; /* one reference */
    json_t *credentials, *logs;  /* owned */
};

static bool serves(const struct table_address *a)
{
    return !a->barred && a->state != ADDRESS_DOWN;
}

static void look_at_endpoint(const struct table_endpoint *t, struct verdict_endpoint *out)
{
    out->all = t->n;
    for (size_t i = 0; i < t->n; i++) {
        const struct table_address *a = &t->v[i];

        out->up += serves(a);
        if (serves(a)) continue;
        out->sick = a->address->text;
        out->zone = a->zone;
        out->why = a->why;
    }
    if (!t->n) out->why = t->dns_why[0] ? t->dns_why : dns_state_name(t->dns);
}

static void look_at_road(const struct overview *o, struct sources *s, struct verdict_facts *f)
{
    struct snapshot *snapshot = server_snapshot(o->server);

    for (size_t i = 0; i < s->table->endpoints_n && f->endpoints_n < ENDPOINTS_MOST; i++) {
        const struct endpoint_conf *e = snapshot_endpoint(snapshot, s->table->endpoints[i].id);

        if (!e) continue;
        s->endpoints[f->endpoints_n].name = e->name;
        look_at_endpoint(&s->table->endpoints[i], &s->endpoints[f->endpoints_n++]);
    }
    f->endpoints = s->endpoints;
}

static const char *text_of(const json_t *o, const char *member)
{
    const char *text = json_string_value(json_object_get(o, member));

    return text ? text : "";
}

static bool is_text(const json_t *o, const char *member, const char *text)
{
    return strcmp(text_of(o, member), text) == 0;
}

/* Without the section's name, which stands before it anyway. */
static const char *error_of(const json_t *credentials)
{
    const char *text = text_of(credentials, "last_error"), *end = strstr(text, "]: ");

    return str_starts(str_from(text), STR("[credentials ")) && end ? end + 3 : text;
}

static void look_at_keys(const struct overview *o, struct sources *s, struct verdict_facts *f)
{
    size_t at = 0;

    for (json_t *c; (c = credential_store_next(server_credentials(o->server), &at));) {
        json_array_append_new(s->credentials, c);
        if (!is_text(c, "client", "")) continue; /* of one client: its requests tell */
        if (is_text(c, "state", "failed") || is_text(c, "state", "expired")) {
            f->keyless = text_of(c, "name");
            f->keyless_why = is_text(c, "last_error", "") ? "they have expired" : error_of(c);
        } else if (is_text(c, "state", "stale")) {
            f->stale = text_of(c, "name");
            f->stale_why = error_of(c);
        }
    }
}

static void look_at_logs(const struct overview *o, struct sources *s, struct verdict_facts *f)
{
    size_t i;
    json_t *log;

    s->logs = logs_json(server_logs(o->server));
    json_array_foreach(s->logs, i, log)
    {
        if (!is_text(log, "state", "stuck")) continue;
        f->stuck = text_of(log, "name");
        f->stuck_why = text_of(log, "reason");
    }
}

static void judge(const struct overview *o, struct sources *s, struct verdict *out)
{
    struct hour_figures sum = hour_sum(&o->hour, VERDICT_WINDOW_S / HOUR_STEP_S);
    struct verdict_facts f = {
        .now_us = clock_wall_us(),
        .leaving = drain_state(server_drain(o->server)) != DRAIN_SERVING,
        .refused = reload_refused(server_reload(o->server)),
        .troubles = o->seen.troubles,
        .troubles_n = o->seen.troubles_n,
        .requests = sum.requests,
        .failed = sum.failed[TROUBLE_US] + sum.failed[TROUBLE_NETWORK] + sum.failed[TROUBLE_AWS],
    };

    look_at_keys(o, s, &f);
    look_at_road(o, s, &f);
    look_at_logs(o, s, &f);
    verdict_judge(&f, out);
}

/* ------------------------------------------------------------------- parts */

static json_t *verdict_json(const struct verdict *v)
{
    json_t *evidence = json_array();

    for (size_t i = 0; i < v->evidence_n; i++)
        json_array_append_new(evidence, json_text(v->evidence[i]));
    return json_pack("{ss ss so so}", "who", trouble_party_name(v->who), "level", verdict_level_name(v->level),
                     "sentence", json_text(v->sentence), "evidence", evidence);
}

static json_t *road_json(const struct overview *o, const struct sources *s)
{
    const struct proxy *proxy = server_proxy(o->server);
    struct snapshot *snapshot = server_snapshot(o->server);
    json_t *endpoints = json_array();

    for (size_t i = 0; i < s->table->endpoints_n; i++) {
        const struct endpoint_conf *e = snapshot_endpoint(snapshot, s->table->endpoints[i].id);

        if (!e) continue;
        json_array_append_new(
            endpoints, status_endpoint_json(e, &s->table->endpoints[i], proxy->stats, server_loop(o->server)->now_us));
    }
    return json_pack("{so so}", "connections", status_connections_json(proxy->limits), "endpoints", endpoints);
}

static json_t *transfer_json(const struct underway_request *t, int64_t now_us)
{
    return json_pack("{ss so ss ss so so sb sI sI sI sI sI ss}", "id", t->id, "client", json_text(t->client), "peer",
                     t->peer, "operation", t->operation ? t->operation : "", "bucket", json_text(t->bucket), "key",
                     json_text(t->key), "tunnel", t->tunnel, "bytes_in", (json_int_t)t->bytes.in, "bytes_in_all",
                     (json_int_t)t->bytes.in_all, "bytes_out", (json_int_t)t->bytes.out, "bytes_out_all",
                     (json_int_t)t->bytes.out_all, "since_s", (json_int_t)((now_us - t->started_us) / 1000000),
                     "address", t->address);
}

static json_t *transfers_json(const struct overview *o)
{
    json_t *list = json_array();

    for (size_t i = 0; i < o->seen.transfers_n; i++)
        json_array_append_new(list, transfer_json(&o->seen.transfers[i], server_loop(o->server)->now_us));
    return json_pack("{sI so}", "all", (json_int_t)o->seen.requests, "list", list);
}

static json_t *seconds_json(int64_t wall_us)
{
    return json_integer(wall_us / 1000000);
}

static json_t *trouble_json(const struct trouble *t)
{
    const char *cause = t->code != ERR_NONE ? err_info(t->code)->word : t->s3_error[0] ? t->s3_error : "status";
    char words[VERDICT_TEXT];

    return json_pack("{ss so so so ss ss so so sI sI so so ss}", "who", trouble_party_name(t->party), "cause",
                     json_text(cause), "words", json_text(verdict_words(t, words)), "client", json_text(t->name),
                     "peer", t->peer, "operation", t->operation ? t->operation : "", "bucket", json_text(t->bucket),
                     "key", json_text(t->key), "status", (json_int_t)t->status, "count", (json_int_t)t->count,
                     "first_at", seconds_json(t->first_us), "last_at", seconds_json(t->last_us), "id", t->id);
}

static json_t *troubles_json(const struct overview *o)
{
    json_t *list = json_array();

    for (size_t i = 0; i < o->seen.troubles_n; i++)
        json_array_append_new(list, trouble_json(&o->seen.troubles[i]));
    return list;
}

static void add_expiry(json_t *all, const struct expiry_item *item)
{
    char section[EXPIRY_TEXT];

    json_array_append_new(all, json_pack("{ss so sI sb}", "what", expiry_what(item), "name",
                                         json_text(expiry_section(item, section)), "at", (json_int_t)item->end_s,
                                         "renewed", item->renewed));
}

/* Sessions of clients come and go. */
static json_t *expiries_json(const struct overview *o)
{
    struct expiry x = {
        .snapshot = server_snapshot(o->server), .credentials = server_credentials(o->server), .kinds = EXPIRY_OWN_N};
    struct expiry_item item;
    json_t *all = json_array();

    while (expiry_next(&x, &item))
        if (!item.client || !item.renewed) add_expiry(all, &item);
    for (size_t i = 0; people_ending(o->people, i, &item); i++)
        add_expiry(all, &item);
    return all;
}

static json_t *restart_json(const struct overview *o)
{
    struct str_list waits = {0};
    json_t *all = json_array();

    reload_waiting(server_reload(o->server), &waits);
    for (size_t i = 0; i < waits.n; i++)
        json_array_append_new(all, json_text(waits.v[i]));
    lines_clear(&waits);
    return all;
}

/* ------------------------------------------------------------------- all */

static json_t *write_all(const struct overview *o, struct sources *s)
{
    int64_t now_us = server_loop(o->server)->now_us, wall_s = clock_wall_us() / 1000000;
    struct verdict verdict;

    judge(o, s, &verdict);
    return json_pack("{ss sI sI ss so so so so so so so so sO sO so sb}", "version", release_version, "now_at",
                     (json_int_t)wall_s, "uptime_s", (json_int_t)((now_us - o->started_us) / 1000000), "state",
                     drain_state_name(drain_state(server_drain(o->server))), "verdict", verdict_json(&verdict), "road",
                     road_json(o, s), "hour", hour_json(&o->hour, wall_s - now_us / 1000000), "clients",
                     people_json(o->people), "buckets", buckets_json(o->buckets), "transfers", transfers_json(o),
                     "troubles", troubles_json(o), "expires", expiries_json(o), "credentials", s->credentials, "logs",
                     s->logs, "restart", restart_json(o), "cost",
                     admin_find_command(&admin_commands, STR("cost")) != NULL);
}

json_t *overview_json(const struct overview *o)
{
    struct sources *s = calloc(1, sizeof(*s));
    json_t *all = NULL;

    if (!s) return NULL;
    s->table = address_table_ref(endpoints_table(server_endpoints(o->server)));
    s->credentials = json_array();
    if (s->credentials) all = write_all(o, s);
    json_decref(s->credentials);
    json_decref(s->logs);
    address_table_unref(&s->table);
    free(s);
    return all;
}
