/* SPDX-License-Identifier: Apache-2.0
 * tunnel.h: a client's bytes, untouched, to and from a private address: of the endpoint that serves the S3 name, or of
 * a [tunnel] section. Part of a request, which lasts as long as the tunnel. One worker.
 */
#ifndef S3ONRAMP_FLOW_TUNNEL_H
#define S3ONRAMP_FLOW_TUNNEL_H

#include "aws/s3/target.h"
#include "flow/upstream/pool.h"
#include "io/splice.h"

struct request;
struct session;
struct worker;

enum way { WAY_REFUSE, WAY_INTERCEPT, WAY_TUNNEL };

/* What becomes of a host. */
struct way_choice {
    enum way way;
    struct s3_host s3;                    /* unless via */
    const struct endpoint_conf *endpoint; /* of an S3 name */
    const struct tunnel_conf *via;        /* of a host of a [tunnel] section */
};

/* @host: lower case. @user: proven by a password, or NULL. WAY_REFUSE: @err says why and what to configure. */
struct way_choice way_choose(const struct settings *s, const struct listener_conf *l, const struct principal_conf *user,
                             struct str host, struct err *err);
/* Does TLS of anything end at this listener, for @user? */
bool way_intercepts(const struct listener_conf *l, const struct principal_conf *user);
/* May a CONNECT to @port take this way? ERR_PORT_REFUSED. */
MUST_CHECK enum err_code way_check_port(const struct way_choice *choice, unsigned port, struct err *err);

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
    const struct tunnel_conf *via; /* borrowed; NULL: req->endpoint */
    struct conn up;                /* to the address; CONN_CLOSED: none */
    struct pool_address *at;       /* held; of an endpoint */
    uint64_t tried;                /* addresses: bits of the pool, or how many of the section */
    bool timed_out;                /* the last attempt */
    bool open;                     /* the client was told so */
    bool checked;                  /* its ClientHello asks for the right name, or need not be looked at */
    struct tunnel_flow out, back;  /* client → address, address → client */
    struct buf back_buf;           /* where bytes cannot be spliced: the client speaks TLS to us */
    bool ending;                   /* the endpoint broke off: over once the client has got what there is */
    const char *ended_by;          /* "client", "endpoint", "idle"; NULL: nobody yet */
};

/* Clients show nobody what a refused CONNECT says, or an alert. Where the refusal @why is about an S3 name that our
 * authority may speak for, the connection is taken all the same, and each request inside is answered with it. False: it
 * cannot be. */
MUST_CHECK bool tunnel_refuse_inside(struct session *c, struct str host, const struct principal_conf *user,
                                     const struct err *why);
/* Gives everything back. @reset: both sides must see that it was broken off. Nulls *@t; NULL is fine. */
void tunnel_free(struct tunnel **t, bool reset);
/* Ends the tunnel of @req cleanly if it is at rest, so that the request must be run; false: it is not. */
bool tunnel_leave(struct request *req);
/* Once a tick: connect timeout, idle limit. True: the request must be run. *@resting: nothing moves in it. */
bool tunnel_check_time(struct request *req, bool *resting);

#endif
