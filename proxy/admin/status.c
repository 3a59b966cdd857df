/* SPDX-License-Identifier: Apache-2.0
 * status.c: see status.h.
 */
#include "admin/status.h"

#include "keys/json_text.h"

static json_int_t load(const _Atomic uint64_t *counter)
{
    return (json_int_t)atomic_load_explicit(counter, memory_order_relaxed);
}

static double seconds(int64_t us)
{
    return (double)(us / 1000) / 1000.0;
}

static json_t *failures_json(const struct address *a)
{
    return json_pack("{sI sI sI sI sI}", "connect", load(&a->faults[FAULT_CONNECT]), "tls", load(&a->faults[FAULT_TLS]),
                     "certificate", load(&a->faults[FAULT_CERTIFICATE]), "reset", load(&a->faults[FAULT_RESET]), "dead",
                     load(&a->faults[FAULT_DEAD]));
}

static json_t *address_json(const struct table_address *t, int64_t now_us)
{
    const struct address *a = t->address;

    return json_pack("{ss so ss sb sb sf so sI sI sI so sI sI sI}", "address", a->text, "zone", json_text(t->zone),
                     "state", address_state_name(t->state), "preferred", t->preferred, "barred", t->barred, "since_s",
                     seconds(now_us - t->since_us), "reason", json_text(t->why), "in_flight", load(&a->in_flight),
                     "connects", load(&a->connects), "answers", load(&a->answers), "failures", failures_json(a),
                     "retries", load(&a->retries), "bytes_in", load(&a->bytes_in), "bytes_out", load(&a->bytes_out));
}

static json_t *dns_json(const struct endpoint_conf *set, const struct table_endpoint *t, int64_t now_us)
{
    if (t->dns == DNS_OFF) return json_pack("{ss}", "state", dns_state_name(t->dns));
    return json_pack("{ss ss sf sf so}", "state", dns_state_name(t->dns), "name", set->dns_name, "since_s",
                     seconds(now_us - t->dns_since_us), "expires_s",
                     seconds(t->dns_next_us > now_us ? t->dns_next_us - now_us : 0), "reason", json_text(t->dns_why));
}

static json_t *endpoint_json(const struct endpoint_conf *set, const struct table_endpoint *t, int64_t now_us)
{
    json_t *addresses = json_array();

    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(addresses, address_json(&t->v[i], now_us));
    return json_pack("{ss ss ss so so}", "name", set->name, "region", set->region, "host", set->host, "dns",
                     dns_json(set, t, now_us), "addresses", addresses);
}

static json_t *connections_json(const struct limits *l)
{
    struct limits_figures f = limits_figures(l);

    return json_pack("{sI sI sI sI sI sI}", "open", (json_int_t)f.open, "max", (json_int_t)f.max, "max_per_source",
                     (json_int_t)f.max_per_source, "refused", (json_int_t)f.events[LIMITS_REFUSED], "refused_of_source",
                     (json_int_t)f.events[LIMITS_REFUSED_SOURCE], "closed_for_others",
                     (json_int_t)f.events[LIMITS_EVICTED]);
}

json_t *status_json(const struct runtime *rt, const struct address_table *t, const struct credential_store *credentials,
                    const struct logs *logs, int64_t started_us, int64_t now_us)
{
    json_t *endpoints = json_array();

    for (size_t i = 0; i < t->endpoints_n; i++)
        json_array_append_new(endpoints, endpoint_json(&rt->settings->endpoints[i], &t->endpoints[i], now_us));
    return json_pack("{ss sf so sI so so so}", "version", S3ONRAMP_VERSION, "uptime_s", seconds(now_us - started_us),
                     "connections", connections_json(rt->limits), "table_version", (json_int_t)t->version, "endpoints",
                     endpoints, "credentials", credential_store_json(credentials), "logs", logs_json(logs));
}
