/* SPDX-License-Identifier: Apache-2.0
 * underway.c: see underway.h.
 */
#include "flow/underway.h"

#include "flow/record.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "flow/worker.h"

static void copy(char *to, size_t cap, struct str from)
{
    struct str part = str_head(from, cap - 1);

    if (part.n) memcpy(to, part.p, part.n);
    to[part.n] = '\0';
}

static void describe(const struct request *req, struct underway_request *out)
{
    const struct principal_conf *who = req->who.caller ? req->who.caller : req->who.user;
    const struct head_response *answer = req->relay.answer;

    *out = (struct underway_request){
        .tunnel = req->tunnel,
        .operation = req->in.operation ? req->in.operation->name : NULL,
        .in = record_bytes_in(req),
        .in_all = !req->tunnel && req->in.head ? req->in.head->content_length : 0,
        .out = record_bytes_out(req),
        .out_all = answer && answer->body != BODY_NONE ? answer->content_length : 0,
        .started_us = req->started_us,
    };
    memcpy(out->id, req->id, sizeof(out->id));
    memcpy(out->address, req->retry.address, sizeof(out->address));
    netaddr_format(&req->session->peer, out->peer);
    copy(out->client, sizeof(out->client), str_from(who ? who->name : NULL));
    copy(out->bucket, sizeof(out->bucket), req->tunnel ? request_asked_host(req) : req->in.bucket);
    copy(out->key, sizeof(out->key), req->in.key);
}

/* Keeps the oldest ones, in order. */
static void keep(struct underway *u, const struct request *req)
{
    size_t at = u->n;

    while (at > 0 && u->v[at - 1].started_us > req->started_us)
        at--;
    if (at == UNDERWAY_MOST) return;
    if (u->n < UNDERWAY_MOST) u->n++;
    memmove(&u->v[at + 1], &u->v[at], (u->n - at - 1) * sizeof(u->v[0]));
    describe(req, &u->v[at]);
}

static void add_counted(struct worker *w, struct underway *u)
{
    uint32_t most = standing_most(w->proxy->standing, STANDING_LISTENER);

    for (uint32_t id = 1; id <= most; id++) {
        const _Atomic uint64_t *row = stats_row(w->stats, STATS_OF_LISTENER, id);

        u->bytes_in += stats_get(row, STATS_LISTENER_BYTES_IN);
        u->bytes_out += stats_get(row, STATS_LISTENER_BYTES_OUT);
    }
}

void underway_look(struct worker *w, struct underway *out)
{
    out->requests = out->n = 0;
    out->bytes_in = out->bytes_out = 0;
    for (const struct session *c = w->sessions; c; c = c->next) {
        const struct request *req = &c->req;

        if (!c->in_request || !req->started_us || req->reply.finished) continue;
        out->requests++;
        out->bytes_in += record_bytes_in(req);
        out->bytes_out += record_bytes_out(req);
        keep(out, req);
    }
    add_counted(w, out);
}
