/* SPDX-License-Identifier: Apache-2.0
 * client.h: one client connection: sniffing, TLS, one request after the other, a lingering end. One worker.
 *
 *   CLIENT_SNIFF ──▶ CLIENT_TLS ──▶ CLIENT_REQUESTS ──▶ CLIENT_LINGER ──▶ gone
 *        └──────────────────────────▶ ▲   │ CONNECT
 *        ▲────────────────────────────────┘
 */
#ifndef S3ONRAMP_FLOW_CLIENT_H
#define S3ONRAMP_FLOW_CLIENT_H

#include "flow/request.h"

#include <event2/util.h>

enum client_state { CLIENT_SNIFF, CLIENT_TLS, CLIENT_REQUESTS, CLIENT_LINGER, CLIENT_GONE };

struct client {
    struct conn conn;
    struct worker *worker;
    const struct set_listener *listener; /* borrowed: settings */
    size_t listener_index;
    enum client_state state;
    struct client *prev, *next; /* the worker's list */
    struct loop_task task;
    struct buf in;
    struct netaddr peer;
    char *authority;  /* owned: lower-case host of CONNECT, or NULL */
    char *tls_name;   /* owned: certificate names without SNI */
    bool tls;         /* requests come over TLS */
    bool in_request;  /* a byte of a request was seen */
    int64_t since_us; /* monotonic: when the current state, or idle time, began */
    uint64_t requests;
    struct request req;
};

/* Takes over @fd. */
void client_accept(struct worker *w, size_t listener_index, int fd, const struct netaddr *peer);
/* Runs the state machine; the client may be gone afterwards. */
void client_run(struct client *c);
/* Once a tick. */
void client_check_time(struct client *c);
/* The worker stops: idle ones go, others after their request. */
void client_stop(struct client *c);
/* Ends it at once, with a reset if a request runs. */
void client_kill(struct client *c);
/* After the answer: the host of an accepted CONNECT; further bytes of the client are TLS or plain HTTP. False: out of
 * memory. */
MUST_CHECK bool client_enter_tunnel(struct client *c, struct str host);

#endif
