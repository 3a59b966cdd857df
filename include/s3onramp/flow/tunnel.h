/* SPDX-License-Identifier: Apache-2.0
 * tunnel.h: a client's bytes, untouched, to and from a private address: of the endpoint that serves the S3 name, of a
 * [tunnel] section, or of the site's own proxy, which is asked by CONNECT for the host ([parent]). Part of a request,
 * which lasts as long as the tunnel. One worker.
 */
#ifndef S3ONRAMP_FLOW_TUNNEL_H
#define S3ONRAMP_FLOW_TUNNEL_H

#include "flow/request.h"
#include "io/splice.h"

struct tunnel_flow { /* one direction */
    struct splice splice;
    uint64_t bytes; /* given on */
    bool ended;     /* the source's end was seen … */
    bool closed;    /* … and passed on */
    bool lost;      /* nobody takes its bytes any more: they are read and thrown away */
};

struct tunnel {
    struct worker *worker;         /* borrowed */
    struct loop_task *owner;       /* borrowed: run at each event of the address's connection */
    const struct tunnel_conf *via; /* borrowed; NULL: req->route.endpoint */
    struct conn up;                /* to the address; CONN_CLOSED: none */
    struct pool_address *at;       /* held; of an endpoint */
    uint64_t tried;                /* addresses: bits of the pool, or how many of the section */
    bool timed_out;                /* the last attempt */
    unsigned port;                 /* that the client asked for */
    struct {
        int64_t asked_us;         /* monotonic: 0: not yet */
        struct head_scan scan;    /* of its answer, which is in back_buf */
        bool answered;            /* by the host it could not reach, or would not: req->err says why */
    } parent;                     /* of the last attempt */
    bool open;                    /* the client was told so */
    bool checked;                 /* its ClientHello asks for the right name, or need not be looked at */
    struct tunnel_flow out, back; /* client → address, address → client */
    struct buf back_buf;          /* where bytes cannot be spliced: the client speaks TLS to us */
    bool ending;                  /* the endpoint broke off: over once the client has got what there is */
    const char *ended_by;         /* "client", "endpoint", "idle"; NULL: nobody yet */
};

/* Decides about CONNECT, and answers it or begins a tunnel. */
enum step_result tunnel_connect(struct request *req);
/* The same for TLS on a redirect listener, by the name in session->hello. */
enum step_result tunnel_redirected(struct request *req);
/* Brings req->tunnel up. */
enum step_result tunnel_open(struct request *req);
/* Clients show nobody what a refused CONNECT says, or an alert. Where the refusal @why is about an S3 name that our
 * authority may speak for, the connection is taken all the same, and each request inside is answered with it. False: it
 * cannot be. */
MUST_CHECK bool tunnel_refuse_inside(struct session *c, struct str host, const struct principal_conf *user,
                                     const struct err *why);
/* tunnel_parent.c: asks the parent that req->tunnel is connected to for the host. CONN_OK: bytes may go on. CONN_ERROR:
 * with parent.answered it said no, and req->err why; else the connection is broken. */
enum conn_result tunnel_ask_parent(struct request *req);
/* Gives everything back. @reset: both sides must see that it was broken off. Nulls *@t; NULL is fine. */
void tunnel_free(struct tunnel **t, bool reset);
/* Ends the tunnel of @req cleanly if it is at rest, so that the request must be run; false: it is not. */
bool tunnel_leave(struct request *req);
/* Once a tick: connect timeout, idle limit. True: the request must be run. *@resting: nothing moves in it. */
bool tunnel_check_time(struct request *req, bool *resting);

#endif
