/* SPDX-License-Identifier: Apache-2.0
 * requests.c: the command requests: what is under way on all workers. Each worker writes down its own, between two
 * turns of its loop; the control thread puts them together.
 */
#include "commands.h"
#include "control/workers.h"
#include "flow/session.h"
#include "flow/underway.h"
#include "keys/json_text.h"

#include <stdlib.h>

enum { SHOWN_MOST = 200 /* of a worker: what more would cost, others would wait for */ };

struct found {
    json_t *list; /* owned */
    size_t left_out;
};

struct look_up {
    struct admin_call *call; /* NULL: who asked has gone */
    size_t n;
    struct found v[]; /* one per worker */
};

static json_t *announced(uint64_t n)
{
    return n ? json_integer((json_int_t)n) : json_null();
}

static void add_bytes(json_t *o, const struct request *req)
{
    struct underway_bytes bytes;

    underway_bytes(req, &bytes);
    json_object_set_new(o, "bytes_in", json_integer((json_int_t)bytes.in));
    json_object_set_new(o, "bytes_in_all", announced(bytes.in_all));
    json_object_set_new(o, "bytes_out", json_integer((json_int_t)bytes.out));
    json_object_set_new(o, "bytes_out_all", announced(bytes.out_all));
}

static json_t *request_json(const struct session *c)
{
    const struct request *req = &c->req;
    const struct principal_conf *who = req->who.caller ? req->who.caller : req->who.user;
    int64_t age_ms = (c->worker->loop.now_us - req->started_us) / 1000;
    char from[NETADDR_TEXT];
    json_t *o;

    netaddr_format(&c->peer, from);
    o = json_pack("{ss ss ss ss ss ss ss sf}", "id", req->id, "connection", c->id, "listener", c->listener->name,
                  "from", from, "client", who ? who->name : "", "endpoint",
                  req->route.endpoint ? req->route.endpoint->name : "", "step", request_step_name(req->step), "age_s",
                  (double)age_ms / 1000.0);
    if (!o) return NULL;
    json_object_set_new(o, "operation", json_string(req->in.operation ? req->in.operation->name : ""));
    json_object_set_new(o, "bucket", json_text_of(req->in.bucket));
    json_object_set_new(o, "key", json_text_of(req->in.key));
    json_object_set_new(o, "address", json_string(req->retry.address));
    json_object_set_new(o, "zone", json_string(req->retry.zone));
    json_object_set_new(o, "tries", json_integer((json_int_t)req->retry.attempts));
    add_bytes(o, req);
    return o;
}

static bool is_under_way(const struct session *c)
{
    return c->state == SESSION_REQUESTS && c->in_request && c->req.step != STEP_read_head && !c->req.reply.finished;
}

/* On the worker's thread. */
static void look(struct worker *w, void *arg)
{
    struct found *f = &((struct look_up *)arg)->v[w->index];

    for (const struct session *c = w->sessions; c; c = c->next) {
        if (!is_under_way(c)) continue;
        if (json_array_size(f->list) >= SHOWN_MOST || json_array_append_new(f->list, request_json(c)) != 0)
            f->left_out++;
    }
}

static void on_looked(void *arg)
{
    struct look_up *a = arg;
    json_t *all = json_array();
    size_t left_out = 0;

    for (size_t i = 0; i < a->n; i++) {
        json_array_extend(all, a->v[i].list);
        json_decref(a->v[i].list);
        left_out += a->v[i].left_out;
    }
    if (a->call)
        admin_reply_json(a->call, json_pack("{so sI}", "requests", all, "left_out", (json_int_t)left_out));
    else
        json_decref(all);
    free(a);
}

static void forget(void *arg)
{
    ((struct look_up *)arg)->call = NULL;
}

void command_requests(struct admin_call *call)
{
    size_t n;
    struct worker *workers = server_workers(call->server, &n);
    struct look_up *a = calloc(1, sizeof(*a) + n * sizeof(a->v[0]));

    if (!a) {
        admin_reply_json(call, NULL);
        return;
    }
    a->call = call;
    a->n = n;
    for (size_t i = 0; i < n; i++)
        a->v[i].list = json_array();
    admin_call_later(call, forget, a);
    if (!workers_ask(server_loop(call->server), workers, n, look, on_looked, a)) on_looked(a);
}
