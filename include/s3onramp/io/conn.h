/* SPDX-License-Identifier: Apache-2.0
 * conn.h: the transport: a nonblocking TCP socket with or without TLS, under one interface. Belongs to one loop.
 *
 * One edge-triggered libevent event per connection, added once. Readiness is kept as flags; the owner's callback runs
 * its state machine until every call answers CONN_AGAIN. What is written is collected (small writes, TLS records) and
 * goes out in one send per four records or at conn_flush: the owner must flush before it waits.
 *
 * TLS may be begun twice on an accepted connection (CONNECT inside TLS to the proxy, and TLS inside that): the inner
 * one's records travel as the content of the outer one. There is still one socket, one event and one out block.
 *
 *     CONN_CONNECTING ──▶ CONN_OPEN ──▶ CONN_HANDSHAKE ──▶ CONN_OPEN ──▶ CONN_CLOSED
 */
#ifndef S3ONRAMP_IO_CONN_H
#define S3ONRAMP_IO_CONN_H

#include "base/err.h"
#include "base/netaddr.h"
#include "config/config.h"
#include "io/loop.h"

#include <event2/event_struct.h>
#include <openssl/types.h>

typedef struct ssl_session_st SSL_SESSION; /* OpenSSL 3.0 declares it only in ssl.h */

enum conn_result {
    CONN_OK,
    CONN_AGAIN,     /* wait for the next event */
    CONN_EOF,       /* the peer ended its direction properly (FIN; with TLS: close_notify) */
    CONN_TRUNCATED, /* TLS only: FIN without close_notify */
    CONN_ERROR,     /* reset, TLS failure; conn->error says what */
};

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_HANDSHAKE, CONN_OPEN };

struct conn;
typedef void conn_event_fn(struct conn *c, void *arg);
/* May a certificate be shown for @name, which the client asks for (SNI, lower case)? */
typedef bool conn_name_fn(struct str name, void *arg);

struct conn {
    unsigned magic;
    enum conn_state state;
    int fd; /* owned */
    struct loop *loop;
    struct event ev;
    conn_event_fn *on_event;
    void *arg;
    SSL *ssl;               /* owned; what the owner speaks through; NULL: plain */
    SSL *outer;             /* owned; the TLS around ssl's records; NULL: they go to the socket */
    conn_name_fn *may_name; /* server side, with arg */
    const char *tls_name;   /* borrowed: server side: names for the certificate when the client sends no SNI, "a,b,c" */
    struct tls_wait *awaited; /* owned: server side: a certificate that is being made; NULL: none */
    bool readable, writable;
    bool unasked; /* since the last event nobody looked for a reset */
    bool drained; /* the last recv was short: most likely nothing is left */
    bool sated;   /* this conn_read has given something: if drained, the call that would say so is saved */
    bool transport_eof;
    bool broken;           /* nothing more can be read or written */
    bool write_broken;     /* nothing more can be written */
    bool alerted;          /* broken by a TLS error of which the peer is told by a fatal alert */
    bool fin_wanted;       /* FIN follows what waits */
    bool ssl_pending;      /* OpenSSL may hold bytes that were read ahead */
    uint64_t received;     /* bytes of the peer, as they came from the kernel */
    uint64_t sent;         /* bytes given to the kernel … */
    uint64_t acknowledged; /* … and those of them that the peer's kernel has, as of the last look */
    char *out;             /* borrowed block: bytes that wait for send(2) */
    size_t out_start, out_end;
    char *seed; /* owned: bytes read before TLS began, given to it first */
    size_t seed_pos, seed_n;
    char error[224]; /* why the last CONN_ERROR */
    int sys_errno;   /* the same as errno; 0 if it was none */
};

/* Takes over @fd, which is connected (accepted). The event is added; @on_event may run from the next turn on, and the
 * caller should run its machine once by itself. */
MUST_CHECK enum err_code conn_accept(struct conn *c, struct loop *loop, int fd, conn_event_fn *on_event, void *arg,
                                     struct err *err);
/* Starts connecting to @addr. CONN_CONNECTING until conn_connected says otherwise. ERR_NO_DESCRIPTORS: it says nothing
 * of @addr. The one door to TCP: what @server's networks and the private ones do not hold is refused, whoever named it,
 * before there is a socket (ERR_UPSTREAM_CONNECT). */
MUST_CHECK enum err_code conn_connect(struct conn *c, struct loop *loop, const struct server_conf *server,
                                      const struct netaddr *addr, conn_event_fn *on_event, void *arg, struct err *err);
/* Lets the kernel ask a silent peer whether it is still there: the connection breaks (ETIMEDOUT) about @ms after its
 * last sign of life. Does not see what conn_is_dead sees: while bytes of ours wait for the peer, the kernel asks with
 * those, for a quarter of an hour. */
void conn_watch_peer(struct conn *c, uint64_t ms);
/* True if bytes of ours wait to be acknowledged, the peer's kernel has been silent for @ms, and what it was asked last
 * stands unanswered. A peer that only does not read is not dead: it answers each question, however seldom it is asked.
 * Asks the kernel. */
bool conn_is_dead(const struct conn *c, uint64_t ms);
/* How many of the bytes given to the kernel the peer's has acknowledged: the measure of how far a slow reader is. Asks
 * the kernel unless it had all of them. */
uint64_t conn_acknowledged(struct conn *c);
/* True if bytes of ours are on the way to the peer: collected here, in the kernel, or in flight. */
bool conn_is_sending(struct conn *c);
/* True if the peer's bytes stand unread in the kernel. Asks it. */
bool conn_has_unread(const struct conn *c);
/* CONN_OK once connected, CONN_AGAIN, or CONN_ERROR. */
enum conn_result conn_connected(struct conn *c);

/* True if the peer has reset the connection: for who waits for something else and does not read. Asks the kernel once
 * per event. */
bool conn_was_reset(struct conn *c);

/* Reads up to @n bytes into @p; *@got > 0 with CONN_OK. With TLS it goes on over records until @p is full or nothing is
 * left. */
enum conn_result conn_read(struct conn *c, char *p, size_t n, size_t *got);
/* Takes up to @n bytes from @p; *@took > 0 with CONN_OK. Taken bytes may still wait in the connection: conn_flush. */
enum conn_result conn_write(struct conn *c, const char *p, size_t n, size_t *took);
/* CONN_OK when nothing waits any more. */
enum conn_result conn_flush(struct conn *c);
/* True if the peer has sent nothing (TLS's own messages aside) and has not closed; asks the kernel. False: bytes, an
 * end or an error, which may be lost. */
bool conn_is_quiet(struct conn *c);
/* Ends our direction: close_notify with TLS (or the fatal alert that waits), then FIN, after everything that still
 * waits; conn_flush goes on with it when the socket was full. */
void conn_shutdown(struct conn *c);

/* Of the TLS that the owner speaks through: "1.2", "1.3"; empty: there is none. */
struct str conn_tls_version(const struct conn *c);
/* Likewise: "TLS_AES_128_GCM_SHA256". */
struct str conn_tls_cipher(const struct conn *c);

/* True if a read may give something: no system call is made otherwise. Who waits for more must have read until
 * CONN_AGAIN: what stands behind the bytes that were read, a reset too, brings no further event. */
static inline bool conn_may_read(const struct conn *c)
{
    return c->readable || c->ssl_pending || c->seed;
}

/* Begins TLS on an open connection, also inside TLS that was accepted before (once). @seed: bytes of the peer that were
 * read already (copied). */
/* @fallback_names: "a,b,c", borrowed as long as the connection lives. @may_name: called with the connection's arg;
 * NULL: whatever the authority permits. */
MUST_CHECK enum err_code conn_tls_accept(struct conn *c, SSL_CTX *ctx, const char *fallback_names,
                                         conn_name_fn *may_name, struct str seed, struct err *err);
/* @name: SNI and the name the certificate must carry. @session: borrowed, may be NULL. */
MUST_CHECK enum err_code conn_tls_connect(struct conn *c, SSL_CTX *ctx, const char *name, SSL_SESSION *session,
                                          struct err *err);
enum conn_result conn_handshake(struct conn *c);

/* From outside: every further call answers CONN_ERROR, with @why. */
void conn_break(struct conn *c, const char *why);

/* The one teardown: event deleted, close_notify tried once (not when @reset), SSL freed, socket closed. @reset: the
 * peer sees RST, so that nobody takes a cut stream for a whole one; a fatal alert says that already, and RST would race
 * it. Safe to call twice. The struct itself belongs to
 * the owner. */
void conn_close(struct conn *c, bool reset);

/* For io/splice.c and conn.c: what reading and writing at the socket come to, whoever does it. */
enum conn_result conn_end_of_stream(struct conn *c);            /* recv said 0 */
enum conn_result conn_write_failed(struct conn *c, int errno_); /* what the peer said before can still be read */

/* For io/tls.c only: the socket under TLS. */
long conn_transport_recv(struct conn *c, char *p, size_t n);      /* >0, 0 EOF, -1 again, -2 error */
size_t conn_take_seed(struct conn *c, char *p, size_t n);         /* 0: there is none */
bool conn_transport_put(struct conn *c, const char *p, size_t n); /* false: no room, flush first */
enum conn_result conn_transport_send(struct conn *c);

#endif
