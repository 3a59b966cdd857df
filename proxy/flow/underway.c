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

static uint64_t announced_in(const struct request *req)
{
    const struct head_request *head = req->tunnel ? NULL : req->in.head;

    if (!head || head->body != BODY_LENGTH) return 0;
    return req->who.decoded_length ? req->who.decoded_length : head->content_length;
}

static uint64_t announced_out(const struct request *req)
{
    const struct head_response *answer = req->relay.answer;

    return answer && answer->has_content_length && answer->body == BODY_LENGTH ? answer->content_length : 0;
}

void underway_bytes(const struct request *req, struct underway_bytes *out)
{
    *out = (struct underway_bytes){.in = record_bytes_in(req),
                                   .in_all = announced_in(req),
                                   .out = record_bytes_out(req),
                                   .out_all = announced_out(req)};
}

static void describe(const struct request *req, struct underway_request *out)
{
    const struct principal_conf *who = req->who.caller ? req->who.caller : req->who.user;

    *out = (struct underway_request){
        .tunnel = req->tunnel,
        .operation = req->in.operation ? req->in.operation->name : NULL,
        .started_us = req->started_us,
    };
    underway_bytes(req, &out->bytes);
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
