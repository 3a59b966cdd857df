/* SPDX-License-Identifier: Apache-2.0
 * follow.c: what becomes of connections when another snapshot is in force: each goes by it from its next request on,
 * the request that runs goes by the one that it began with.
 */
#include "flow/session.h"
#include "flow/worker.h"
#include "io/client_cert.h"

#include <stdlib.h>

static bool shares_address(const struct listener_conf *a, const struct listener_conf *b)
{
    for (size_t i = 0; i < a->bind_n; i++)
        for (size_t k = 0; k < b->bind_n; k++)
            if (netaddr_equal(&a->bind[i], &b->bind[k])) return true;
    return false;
}

/* Who goes on with connections of @l: the listener itself, else one that has its address now. NULL: nobody. */
static const struct listener_conf *successor(const struct snapshot *s, const struct listener_conf *l)
{
    const struct listener_conf *same = snapshot_listener(s, l->id);

    if (same) return same->mode == l->mode ? same : NULL;
    for (size_t i = 0; i < s->settings->listeners_n; i++) {
        const struct listener_conf *other = &s->settings->listeners[i];
        if (other->mode == l->mode && shares_address(other, l)) return other;
    }
    return NULL;
}

/* NULL: it is not there any more, or does not count. */
static const struct principal_conf *find_again(const struct snapshot *s, const struct principal_conf *p)
{
    const struct principal_conf *now = settings_client_by_name(s->settings, str_from(p->name));

    return now && !principal_why_not(now, NULL, clock_wall_us() / 1000000) ? now : NULL;
}

/* Whoever opened the tunnel around is known no more: nothing may be asked for in it. False: out of memory. */
static bool refuse_from_now_on(struct session *c)
{
    struct err *why = calloc(1, sizeof(*why));

    if (!why) return false;
    err_set(why, ERR_POLICY_DENIED, 0, "client %s, whose password opened this connection, is gone or disabled",
            c->user->name);
    free(c->refusal);
    c->refusal = why;
    c->user = NULL;
    return true;
}

/* The certificate that the client showed would not be believed now: it may show another one. */
static bool is_doubtful(const struct session *c, const struct snapshot *s, const struct listener_conf *l)
{
    SSL_CTX *now = snapshot_listener_ctx(s, l);

    if (!c->has_certificate || l->client_certificates == CLIENT_CERTIFICATES_OFF) return false;
    return now != snapshot_listener_ctx(c->use->snapshot, c->listener) && !client_cert_good(&c->conn, now);
}

bool session_follow(struct session *c)
{
    struct snapshot_use *use = c->worker->use;
    const struct listener_conf *l;

    if (c->use == use) return true;
    l = successor(use->snapshot, c->listener);
    if (!l || is_doubtful(c, use->snapshot, l)) return false;
    if (c->user) {
        const struct principal_conf *user = find_again(use->snapshot, c->user);

        if (!user && !refuse_from_now_on(c)) return false;
        c->user = user;
    }
    worker_leave_snapshot(c->worker, c->use);
    c->use = use;
    c->use->users++;
    c->listener = l;
    if (c->has_certificate) session_look_at_certificate(c);
    return true;
}

static bool is_gone(const struct snapshot *s, const struct principal_conf *p)
{
    return p && !find_again(s, p);
}

static bool runs_for_gone(const struct session *c)
{
    const struct snapshot *s = c->worker->use->snapshot;

    return is_gone(s, c->req.who.caller) || is_gone(s, c->req.who.user) || is_gone(s, c->user);
}

void session_adopt(struct session *c, bool cut)
{
    if (c->state == SESSION_GONE || c->state == SESSION_LINGER) return;
    if (c->state == SESSION_TLS) return; /* its handshake mints by the snapshot it began with */
    if (c->state != SESSION_REQUESTS || c->req.step == STEP_read_head) {
        if (!session_follow(c)) session_stop(c);
    } else if (cut && runs_for_gone(c)) {
        session_kill(c, ERR_POLICY_DENIED, "cut: its client was removed or disabled with --now");
    }
}
