/* SPDX-License-Identifier: Apache-2.0
 * audit.c: see audit.h; and the step audit.
 */
#include "flow/audit.h"

#include "base/clock.h"
#include "base/secret.h"
#include "flow/record.h"
#include "flow/session.h"
#include "flow/worker.h"
#include "own_pages.h"

#include <stdio.h>

/* ------------------------------------------------------------- what happens to the proxy */

enum { TEXT_MOST = 1024, CHANGES_END = SINK_LINE_MAX - 512 };

/* clang-format off */
const struct audit_row audit_events[] = {
    {"start", "it serves; `what`: its configuration"},
    {"drain", "it was told to end"},
    {"stop", "it has ended"},
    {"upgrade", "another process was started to take over; later, what came of it"},
    {"reload", "the configuration was read anew; `changes`: what is different now"},
    {"command", "`s3onramp drain`, `drop`, `reload`, … came to the admin socket; those that only look have no line"},
    {"credentials", "keys of the section `what` came, could not be had, are over, or were withdrawn"},
};
const struct audit_row audit_fields[] = {
    {"time", "UTC"},
    {"type", "`audit`"},
    {"event", "one of the above"},
    {"run", "as in lines of requests"},
    {"thread", "`control`"},
    {"seq", "as in lines of requests"},
    {"by", "who wanted it: the user and the process at the admin socket, or a signal; empty: the proxy itself"},
    {"what", "what it is about"},
    {"outcome", "`ok`, `failed`, `begun`, …"},
    {"detail", "a sentence"},
    {"changes", "in words, a list: what was added, removed, changed, and what waits for a restart"},
};
/* clang-format on */
const size_t audit_events_n = ARRAY_LEN(audit_events), audit_fields_n = ARRAY_LEN(audit_fields);

void audit_init(struct audit *a)
{
    uint8_t random[REQUEST_ID_BYTES / 2];
    struct sbuf b = sbuf_make(a->run, REQUEST_ID_BYTES);

    secret_random(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        sbuf_printf(&b, "%02x", random[i]);
    a->run[b.n] = '\0';
}

void audit_follow(struct audit *a, struct sink *sink)
{
    if (sink == a->sink) return;
    sink_queue_leave(a->queue);
    a->sink = sink;
    a->queue = sink ? sink_queue_new(sink, SINK_AUDIT) : NULL;
}

static void put_text(struct sbuf *b, const char *name, const char *value)
{
    sbuf_printf(b, ",\"%s\":", name);
    log_json_string(b, str_head(str_from(value), TEXT_MOST));
}

static void put_change(struct sbuf *b, enum settings_change kind, const char *text, size_t *n)
{
    char words[TEXT_MOST];

    snprintf(words, sizeof(words), "%s: %s", settings_change_name(kind), text);
    if ((*n)++) sbuf_char(b, ',');
    log_json_string(b, str_from(words));
}

static void put_changes(struct sbuf *b, const struct settings_diff *diff)
{
    size_t n = 0, left = 0;

    sbuf_add(b, STR(",\"changes\":["));
    for (size_t kind = 0; kind < SETTINGS_CHANGES_N; kind++)
        for (size_t i = 0; i < diff->v[kind].n; i++) {
            if (b->n + 6 * TEXT_MOST < CHANGES_END)
                put_change(b, (enum settings_change)kind, diff->v[kind].v[i], &n);
            else
                left++;
        }
    if (left) sbuf_printf(b, ",\"and %zu more\"", left);
    sbuf_char(b, ']');
}

void audit_tell(struct audit *a, const struct audit_event *e)
{
    char mem[SINK_LINE_MAX];
    struct sbuf b = sbuf_make(mem, sizeof(mem));

    if (!a->queue) return;
    sbuf_add(&b, STR("{\"time\":\""));
    log_time(&b, clock_wall_us());
    sbuf_add(&b, STR("\",\"type\":\"audit\""));
    put_text(&b, "event", e->name);
    put_text(&b, "run", a->run);
    sbuf_printf(&b, ",\"thread\":\"control\",\"seq\":%llu", (unsigned long long)++a->seq);
    put_text(&b, "by", e->by);
    put_text(&b, "what", e->what);
    put_text(&b, "outcome", e->outcome);
    put_text(&b, "detail", e->detail);
    if (e->diff) put_changes(&b, e->diff);
    sbuf_add(&b, STR("}\n"));
    (void)sink_put(a->queue, LOG_INFO, sbuf_str(&b));
    sink_wake(a->sink);
}

/* ------------------------------------------------------------- requests */

static const struct audit_conf *conf_of(const struct request *req)
{
    return &request_settings(req)->audit;
}

/* Whether it has a line if it is served. The proxy's own pages are no requests for S3; what a tunnel carries, nobody
 * knows. */
static bool is_audited(const struct request *req)
{
    const struct operation *o = req->in.operation;
    enum audit_requests which = conf_of(req)->requests;

    if (which == AUDIT_REFUSED || (!o && !req->tunnel) || own_pages_have(o)) return false;
    return which == AUDIT_ALL || !o || o->access != ACCESS_READ;
}

void audit_let_go(struct request *req)
{
    struct sink_queue *q = req->worker->lines[SINK_AUDIT].queue;

    if (q && req->audit_room) sink_let_go(q, req->audit_room);
    req->audit_room = 0;
}

void audit_write(struct request *req)
{
    struct worker *w = req->worker;
    struct sbuf *b = &w->line;
    size_t room = req->audit_room;

    if (!w->lines[SINK_AUDIT].queue || !req->started_us || !(is_audited(req) || record_is_refused(req))) {
        audit_let_go(req);
        return;
    }
    b->n = 0;
    b->overflow = false;
    w->audit_seq++;
    record_write(b, RECORD_AUDIT, req);
    req->audit_room = 0;
    worker_put_line(w, SINK_AUDIT, room, sbuf_str(b));
}

enum step_result step_audit(struct request *req)
{
    const struct worker_lines *lines = &req->worker->lines[SINK_AUDIT];
    size_t most;

    if (!conf_of(req)->required || req->audit_room || !is_audited(req)) return STEP_NEXT;
    most = record_audit_most(req);
    if (!lines->queue || sink_is_stuck(lines->sink, req->worker->loop.now_us) || !sink_reserve(lines->queue, most))
        return request_fail(req, ERR_AUDIT, "its audit line could not be kept, and [audit] required = yes");
    req->audit_room = most;
    return STEP_NEXT;
}
