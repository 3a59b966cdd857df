/* SPDX-License-Identifier: Apache-2.0
 * waiting.c: who a request waits for, and whether for too long. Looks once a tick; progress.c does the sums. Each time
 * limit belongs to one party, so that nobody is blamed for another's silence: a client that reads slowly or pauses is
 * told from an endpoint that sends nothing by what the client's kernel has still to take.
 */
#include "waiting.h"

#include "body/relay.h"
#include "flow/admit.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "flow/worker.h"

static enum party answering_party(struct request *req)
{
    if (admit_holds_download(req)) return PARTY_NONE;
    return req->relay.answer_state == ANSWER_HEAD ? PARTY_ENDPOINT_ANSWERS : PARTY_ENDPOINT_SENDS;
}

/* Nobody is waited for where a limit holds up what is there. */
static enum party relay_party(struct request *req)
{
    bool answering = req->relay.answer_state == ANSWER_BODY || req->relay.answer_state == ANSWER_DONE;

    if (answering && conn_is_sending(&req->session->conn)) return PARTY_CLIENT_READS;
    if (answering || req->relay.answer_state == ANSWER_DOCUMENT) return answering_party(req);
    if (conn_is_sending(&req->up->conn)) return PARTY_ENDPOINT_READS;
    if (req->relay.hold || req->relay.send_state == SEND_DONE || req->relay.send_state == SEND_STOPPED)
        return answering_party(req);
    return admit_holds_upload(req) ? PARTY_NONE : PARTY_CLIENT_SENDS;
}

/* Waiting for keys, passwords, a place or a connection has limits of its own. */
static enum party party_of(struct request *req)
{
    switch (req->step) {
    case STEP_read_head:
    case STEP_admit:
    case STEP_check_user: return PARTY_NONE;
    case STEP_send:
        return req->up || admit_holds_upload(req) || req->retry.turn.place.queued ? PARTY_NONE : PARTY_CLIENT_SENDS;
    case STEP_relay: return req->up ? relay_party(req) : PARTY_NONE;
    case STEP_tunnel: return PARTY_TUNNEL;
    case STEP_finish: return conn_is_sending(&req->session->conn) ? PARTY_CLIENT_READS : PARTY_CLIENT_SENDS;
    default: return keyring_waits(&req->out.lease) || admit_holds_upload(req) ? PARTY_NONE : PARTY_CLIENT_SENDS;
    }
}

void waiting_begin(struct request *req)
{
    struct conn *c = &req->session->conn;

    progress_begin(&req->progress, req->started_us);
    progress_restart(&req->progress, PARTY_CLIENT_SENDS, c->received);
    progress_restart(&req->progress, PARTY_CLIENT_READS, conn_acknowledged(c));
}

static void count_endpoint(struct request *req,
                           void (*count)(struct progress *p, enum party party, uint64_t total, uint64_t rate))
{
    struct conn *up = &req->up->conn;
    uint64_t read = conn_acknowledged(up);

    count(&req->progress, PARTY_ENDPOINT_READS, read, 0);
    count(&req->progress, PARTY_ENDPOINT_SENDS, up->received, 0);
    count(&req->progress, PARTY_ENDPOINT_ANSWERS, read + up->received, 0);
}

static void restart(struct progress *p, enum party party, uint64_t total, uint64_t rate)
{
    (void)rate;
    progress_restart(p, party, total);
}

void waiting_for_endpoint(struct request *req)
{
    count_endpoint(req, restart);
    req->progress.moved_us = req->worker->loop.now_us;
}

static enum party look(struct request *req)
{
    struct progress *p = &req->progress;
    struct conn *c = &req->session->conn;
    uint64_t rate = request_settings(req)->server.min_rate, read = conn_acknowledged(c);
    enum party party = party_of(req);

    progress_look(p, party, req->worker->loop.now_us);
    progress_count(p, PARTY_CLIENT_SENDS, c->received, rate);
    progress_count(p, PARTY_CLIENT_READS, read, rate);
    if (req->step == STEP_relay && req->up) count_endpoint(req, progress_count);
    if (req->tunnel) {
        struct conn *up = &req->tunnel->up;

        progress_count(p, PARTY_TUNNEL, c->received + read + up->received + conn_acknowledged(up), 0);
    }
    return party;
}

int64_t waiting_for_tunnel(struct request *req)
{
    look(req);
    return req->progress.silent_us[PARTY_TUNNEL];
}

static bool longer_than(int64_t us, uint64_t ms)
{
    return us > (int64_t)ms * 1000;
}

static uint64_t limit_ms(struct request *req, enum party party)
{
    const struct server_conf *s = &request_settings(req)->server;
    int64_t silent_us = req->progress.silent_us[party];

    if (party == PARTY_ENDPOINT_ANSWERS) return req->route.endpoint->response_timeout_ms;
    if (party != PARTY_CLIENT_READS) return s->body_timeout_ms;
    if (longer_than(silent_us, s->body_timeout_ms) && conn_is_dead(&req->session->conn, s->body_timeout_ms))
        return s->body_timeout_ms; /* one that pauses is there; this one went without a word */
    return s->pause_timeout_ms;
}

/* The whole of it takes too long, whoever it waits for. */
static bool is_overdue(const struct request *req)
{
    uint64_t ms = request_settings(req)->server.request_timeout_ms;

    return ms && !req->tunnel && longer_than(req->worker->loop.now_us - req->started_us, ms);
}

enum err_code waiting_check(struct request *req, const char **why)
{
    static const char *const silence[PARTIES_N] = {
        [PARTY_CLIENT_SENDS] = "the client sent nothing, or less than min_rate, for body_timeout",
        [PARTY_CLIENT_READS] = "the client took nothing, or less than min_rate, for pause_timeout",
        [PARTY_ENDPOINT_READS] = "the endpoint took nothing of the request for body_timeout",
        [PARTY_ENDPOINT_ANSWERS] = "the endpoint sent no answer for response_timeout",
        [PARTY_ENDPOINT_SENDS] = "the endpoint sent nothing of its answer for body_timeout",
    };
    enum party party = look(req);
    int64_t silent_us = req->progress.silent_us[party];
    bool client = party <= PARTY_CLIENT_READS;

    *why = silence[party];
    if (is_overdue(req))
        *why = "it was not over within request_timeout";
    else if (party == PARTY_NONE || party == PARTY_TUNNEL || !longer_than(silent_us, limit_ms(req, party)))
        return ERR_NONE;
    return client ? ERR_CLIENT_TIMEOUT : ERR_UPSTREAM_TIMEOUT;
}

bool waiting_for_reader(struct request *req)
{
    const struct server_conf *s = &request_settings(req)->server;
    struct progress *p = &req->progress;

    progress_look(p, PARTY_CLIENT_READS, req->worker->loop.now_us);
    progress_count(p, PARTY_CLIENT_READS, conn_acknowledged(&req->session->conn), s->min_rate);
    return longer_than(p->silent_us[PARTY_CLIENT_READS], limit_ms(req, PARTY_CLIENT_READS));
}
