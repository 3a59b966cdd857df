/* SPDX-License-Identifier: Apache-2.0
 * session.h: one client connection: a balancer's header, sniffing, TLS, one request after the other, a
 * lingering end. One worker.
 *
 *   SESSION_HEADER ──▶ SESSION_SNIFF ──▶ SESSION_TLS ──▶ SESSION_REQUESTS ──▶ SESSION_LINGER ──▶ gone
 *                      │  ▲   │           ▲             ▲  ▲   │ CONNECT, intercepted
 *                      │  └───┼───────────┼─────────────┼──┼───┘
 *                      │      └───────────┼─────────────┼──┘ plain
 *     redirect listener└──▶ SESSION_HELLO ─┘ intercepted │
 *                              └────────────────────────┘ tunnelled or refused
 */
#ifndef S3ONRAMP_FLOW_SESSION_H
#define S3ONRAMP_FLOW_SESSION_H

#include "flow/request.h"
#include "flow/snapshot.h"
#include "http/client_hello.h"

#include <event2/util.h>

enum session_state {
    SESSION_HEADER,
    SESSION_SNIFF,
    SESSION_HELLO,
    SESSION_TLS,
    SESSION_REQUESTS,
    SESSION_LINGER,
    SESSION_GONE
};

struct session {
    struct conn conn;
    struct worker *worker;
    char id[REQUEST_ID_BYTES + 1];        /* of the connection, for access lines */
    struct snapshot_use *use;             /* of the worker: this connection is one of its users */
    const struct listener_conf *listener; /* borrowed: use */
    enum session_state state;
    struct session *prev, *next;             /* the worker's list */
    struct session *idle_older, *idle_newer; /* the worker's list of those that are idle */
    bool idle;
    int64_t idle_since_us;
    bool counted, source_counted; /* in the proxy's limits */
    const char *too_many; /* connections: its first request is answered with 503, for this reason; NULL: welcome */
    struct loop_task task;
    struct buf in;
    struct netaddr peer;                    /* as the balancer tells it, if one does */
    struct netaddr original;                /* redirect listeners: where it wanted to go; never dialled */
    const struct principal_conf *user;      /* proven at the CONNECT around, or NULL */
    bool has_certificate;                   /* the client's, when the outermost TLS began … */
    int64_t certificate_end_s;              /* … and when it ends, Unix seconds */
    const struct principal_conf *certified; /* whose it is; NULL: nobody's, or none came */
    char *certificate;                      /* owned: the name in it that says so, else its subject; NULL: none came */
    struct client_hello hello;              /* of a redirected or tunnelled client */
    bool at_hello;       /* not intercepted, or TLS is not wanted: the client waits for a ServerHello */
    bool lacks_tls;      /* plain HTTP where TLS is wanted */
    char *authority;     /* owned: lower-case host of CONNECT, or of a redirected ClientHello; NULL: none */
    struct err *refusal; /* owned: why nothing may be asked for through this CONNECT; NULL: it may */
    char *tls_name;      /* owned: certificate names without SNI */
    int64_t tls_at_us;   /* monotonic: when its TLS handshake may begin; 0: that was not asked for */
    bool tls;            /* requests come over TLS */
    bool in_request;     /* a byte of a request was seen */
    int64_t since_us;    /* monotonic: when the current state, or idle time, began */
    uint64_t requests;
    struct request req;
};

/* What it goes by, its request included. */
static inline const struct settings *session_settings(const struct session *c)
{
    return c->use->snapshot->settings;
}
static inline const struct settings *request_settings(const struct request *req)
{
    return session_settings(req->session);
}

/* How req->who.user was proven. */
static inline enum auth_kind request_auth_of_user(const struct request *req)
{
    return req->who.user == req->session->certified ? AUTH_CERTIFICATE : AUTH_PASSWORD;
}

/* Takes over @fd. @listener: its standing number. */
void session_accept(struct worker *w, uint32_t listener, int fd, const struct netaddr *peer);
/* follow.c: the worker goes by another snapshot: this one too, unless a request runs, which goes by the one before to
 * its end. It may be gone afterwards: where its listener is, or, with @cut, whoever the request runs for. */
void session_adopt(struct session *c, bool cut);
/* Before a request is judged, and after one: from here on it goes by the newest snapshot. False: it cannot, its
 * listener is gone, and nothing may be asked for any more. */
MUST_CHECK bool session_follow(struct session *c);
/* session_cert.c: takes a look at the client's certificate, if one came. */
void session_look_at_certificate(struct session *c);
/* Once a tick. */
void session_check_time(struct session *c);
/* The worker stops: idle ones go, others after their request. */
void session_stop(struct session *c);
/* Ends it at once, with a reset if a request runs. */
void session_kill(struct session *c, enum err_code code, const char *why);
/* idle.c: it waits for nothing but its own next word. Safe to call twice. */
void session_idle(struct session *c);
void session_busy(struct session *c);
/* Closes the client of @w that has been idle for longest; false: there is none. */
bool session_evict(struct worker *w);
/* Once a tick: closes idle ones where connections run out. */
void session_make_room(struct worker *w);
/* Ends an idle one as if it had been idle for too long; false: it is not idle. */
bool session_leave(struct session *c);
/* From here on the connection is for @host only, as @user (NULL: nobody in particular); further bytes of the client are
 * TLS or plain HTTP. @refusal (copied): what each request is answered with; NULL: none. False: out of memory. */
MUST_CHECK bool session_intercept(struct session *c, struct str host, const struct principal_conf *user,
                                  const struct err *refusal);

#endif
