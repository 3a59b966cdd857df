/* SPDX-License-Identifier: Apache-2.0
 * http_peer.h: one connection of the HTTP front: its questions, one after the other, and their answers. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_HTTP_PEER_H
#define S3ONRAMP_ADMIN_HTTP_PEER_H

#include "base/arena.h"
#include "http_call.h"
#include "io/conn.h"

enum { HTTP_PEER_HEAD = 8 * 1024 };

enum http_peer_state {
    HTTP_PEER_HANDSHAKE,
    HTTP_PEER_READING,   /* a head, or waits for the next one */
    HTTP_PEER_WAITING,   /* for the reply */
    HTTP_PEER_ANSWERING, /* the reply goes out */
    HTTP_PEER_CLOSING    /* all was said; the other side ends, too */
};

struct http_peer {
    struct http_call call; /* first: routes get this */
    struct http_peer *next;
    const struct admin_call *begins; /* borrowed: as what each call begins */
    const struct http_routes *routes;
    struct conn conn;
    struct netaddr local;
    char from[NETADDR_TEXT];
    char *names;         /* owned: for certificates; NULL: no TLS */
    struct event *timer; /* owned: the end of what it waits for */
    enum http_peer_state state;
    int64_t since_us; /* in it; monotonic */
    struct loop_task task;
    struct arena arena; /* of one head */
    char in[HTTP_PEER_HEAD];
    size_t in_n, head_n; /* bytes there; of them the head that is answered */
    struct head_scan scan;
    bool http11, keep, chunked, head_only; /* how the answer goes */
    struct evbuffer *out;                  /* owned */
    struct admin_stream rest;              /* what follows it; .more is NULL: nothing */
    bool running;                          /* its machine is up the stack */
    bool failed;                           /* there was no memory for the answer */
    bool leaving;                          /* no further question is taken */
    void (*on_gone)(struct http_peer *p, void *arg);
    void *arg;
};

/* Takes over @fd. @begins, @routes: borrowed. @ctx: NULL: no TLS. @on_gone(peer, @arg): it is freed. NULL: no memory.
 */
MUST_CHECK struct http_peer *http_peer_new(const struct admin_call *begins, const struct http_routes *routes,
                                           SSL_CTX *ctx, int fd, const struct netaddr *from,
                                           void (*on_gone)(struct http_peer *p, void *arg), void *arg);
/* Begins; it may be gone afterwards. */
void http_peer_start(struct http_peer *p);
bool http_peer_is_idle(const struct http_peer *p); /* nothing is asked */
/* Ends with the answer that is under way, else at once. */
void http_peer_leave(struct http_peer *p);
void http_peer_free(struct http_peer *p);

#endif
