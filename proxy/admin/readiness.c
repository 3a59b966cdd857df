/* SPDX-License-Identifier: Apache-2.0
 * readiness.c: see readiness.h.
 */
#include "readiness.h"

#include "base/clock.h"
#include "commands.h"
#include "config/lines.h"
#include "expiry.h"
#include "flow/upstream/address.h"

#include <event2/buffer.h>
#include <stdlib.h>

enum { STUCK_US = 10000000, SOON_S = 86400 };

/* --- ready --- */

/* One in doubt still gets requests here, but another proxy is the better choice until a probe knows more. */
static bool is_good(const struct table_address *a)
{
    return !a->barred && (a->state == ADDRESS_UP || a->state == ADDRESS_HALF_OPEN);
}

static void judge_addresses(const struct endpoint_conf *e, const struct table_endpoint *t, struct readiness *h)
{
    if (!t || !t->n) {
        lines_add(&h->why_not, "endpoint %s: has no addresses yet", e->name);
        return;
    }
    for (size_t i = 0; i < t->n; i++)
        if (is_good(&t->v[i])) return;
    lines_add(&h->why_not, "endpoint %s: no address is up", e->name);
}

static void judge_keys(const struct credential_store *st, const struct endpoint_conf *e, struct readiness *h)
{
    const char *state = e->credentials ? credential_store_fault(st, e->credentials->id) : NULL;

    if (state) lines_add(&h->why_not, "endpoint %s: its credentials %s are %s", e->name, e->credentials->name, state);
}

/* The same look as at each request (flow/audit.c). */
static void judge_audit(struct server *server, const struct settings *s, struct readiness *h)
{
    const struct sink *sink = logs_sinks(server_logs(server))->v[SINK_AUDIT];

    if (s->audit.required && sink && sink_is_stuck(sink, server_loop(server)->now_us))
        lines_add(&h->why_not, "audit lines cannot be kept, and [audit] required = yes");
}

static void note_reload(struct server *server, struct readiness *h)
{
    if (reload_refused(server_reload(server)))
        lines_add(&h->notes, "the last reload was refused; the configuration before it is in force");
}

/* The proxy's own; clients are not a balancer's matter. */
static void note_ends(struct server *server, struct readiness *h)
{
    struct expiry x = {
        .snapshot = server_snapshot(server), .credentials = server_credentials(server), .kinds = EXPIRY_OWN_N};
    int64_t now_s = clock_wall_us() / 1000000;
    struct expiry_item item;
    char text[EXPIRY_TEXT];

    while (expiry_next(&x, &item)) {
        bool over = item.end_s <= now_s;

        if (item.renewed || item.client || item.end_s - now_s > SOON_S) continue;
        if (over && item.kind == EXPIRY_KEYS) continue; /* judge_keys tells where it matters */
        lines_add(&h->notes, "%s: %s", over ? "has ended" : "ends within a day", expiry_text(&item, text));
    }
}

void readiness_look(struct server *server, struct readiness *h)
{
    const struct settings *s = server_snapshot(server)->settings;
    const struct address_table *t = endpoints_table(server_endpoints(server));
    enum drain_state state = drain_state(server_drain(server));

    *h = (struct readiness){0};
    if (state != DRAIN_SERVING) lines_add(&h->why_not, "it is ending: %s", drain_state_name(state));
    for (size_t i = 0; i < s->endpoints_n; i++) {
        judge_addresses(&s->endpoints[i], address_table_find(t, s->endpoints[i].id), h);
        judge_keys(server_credentials(server), &s->endpoints[i], h);
    }
    judge_audit(server, s, h);
    note_reload(server, h);
    note_ends(server, h);
}

void readiness_clear(struct readiness *h)
{
    lines_clear(&h->why_not);
    lines_clear(&h->notes);
}

json_t *readiness_json(const struct readiness *h)
{
    return json_pack("{sb so so}", "ready", h->why_not.n == 0, "why_not", lines_json(&h->why_not), "notes",
                     lines_json(&h->notes));
}

/* --- routes --- */

static void reply_json(struct http_call *c, unsigned status, json_t *object)
{
    struct evbuffer *text = evbuffer_new();
    char *dump = json_dumps(object, JSON_INDENT(1));

    if (text) evbuffer_add_printf(text, "%s\n", dump ? dump : "{\"error\": \"out of memory\"}");
    free(dump);
    json_decref(object);
    http_reply(c, status, "application/json", text, NULL);
}

static void reply_text(struct http_call *c, unsigned status, const struct readiness *h)
{
    struct evbuffer *text = evbuffer_new();

    if (text) evbuffer_add_printf(text, "%s\n", status == 200 ? "ready" : "not ready");
    for (size_t i = 0; text && i < h->why_not.n; i++)
        evbuffer_add_printf(text, "%s\n", h->why_not.v[i]);
    for (size_t i = 0; text && i < h->notes.n; i++)
        evbuffer_add_printf(text, "note: %s\n", h->notes.v[i]);
    http_reply(c, status, "text/plain; charset=utf-8", text, NULL);
}

void readiness_show(struct http_call *c)
{
    struct readiness h;

    readiness_look(c->call.server, &h);
    if (http_accepts(c, "application/json"))
        reply_json(c, h.why_not.n ? 503 : 200, readiness_json(&h));
    else
        reply_text(c, h.why_not.n ? 503 : 200, &h);
    readiness_clear(&h);
}

void readiness_show_alive(struct http_call *c)
{
    int64_t silent_us = server_loop(c->call.server)->now_us - server_oldest_tick_us(c->call.server);
    bool stuck = silent_us > STUCK_US;

    if (http_accepts(c, "application/json"))
        reply_json(c, stuck ? 503 : 200, json_pack("{sb}", "alive", !stuck));
    else
        http_reply_line(c, stuck ? 503 : 200, stuck ? "a worker has not turned for over 10 seconds" : "ok");
}
