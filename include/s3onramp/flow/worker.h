/* SPDX-License-Identifier: Apache-2.0
 * worker.h: a thread with its loop, listeners, clients, pool, signing contexts and queue of access lines. Nothing here
 * is shared on the data path.
 */
#ifndef S3ONRAMP_FLOW_WORKER_H
#define S3ONRAMP_FLOW_WORKER_H

#include "aws/sign/sigv4.h"
#include "flow/pace/share.h"
#include "flow/proxy.h"
#include "flow/snapshot.h"
#include "flow/trouble.h"
#include "flow/upstream/keyring.h"
#include "flow/upstream/pool.h"
#include "flow/upstream/region_cache.h"
#include "io/listener.h"
#include "io/splice.h"

/* How it ends. */
struct worker_stop {
    uint64_t within_ms; /* what runs then is cut */
    bool patient; /* others serve on the same sockets: handshakes and tunnels go on, and only kept connections that
                     have been quiet for a moment end */
};

/* Where lines of a stream go. */
struct worker_lines {
    struct sink *sink;        /* borrowed; NULL: nowhere */
    struct sink_queue *queue; /* borrowed: ours of it, or NULL */
    bool wrote;               /* this turn */
};

/* A listening socket of a worker. */
struct worker_port {
    struct worker_port *next;
    struct listener listener;
    struct netaddr addr;
    uint32_t id; /* of the listener that it belongs to */
};

struct worker {
    struct loop loop;
    struct proxy *proxy;      /* borrowed */
    struct snapshot_use *use; /* the snapshot in force */
    struct snapshot_use *unused;
    size_t index;
    pthread_t thread;
    _Atomic bool started;           /* read by who stops it, written by who joins it */
    struct digest *digest;          /* owned */
    struct sigv4_keys *client_keys; /* owned: of callers */
    struct sigv4_keys *own_keys;    /* owned: of the proxy's credentials */
    struct keyring keyring;         /* the proxy's credentials */
    struct region_cache *regions;   /* owned */
    struct pool pool;
    struct splice_pool pipes;
    struct shares shares;      /* of what limits allow */
    size_t next_tunnel;        /* round-robin over the addresses of [tunnel] sections */
    struct worker_port *ports; /* owned */
    struct session *sessions;
    size_t clients_n;
    struct session *idle_oldest, *idle_newest;
    size_t refused_n;        /* clients that only wait to be told so */
    bool leaving;            /* health pages say so, and each answer ends its connection */
    bool stopping;           /* takes no more connections */
    struct worker_stop stop; /* how, while it stops */
    int64_t stop_by_us, warned_full_us;
    size_t finished_n, cut_n;      /* requests and tunnels that ended since it stops; read once it was joined */
    struct stats_block *stats;     /* borrowed: what it counts */
    struct traffic_table *traffic; /* the same of what goes to S3 and comes from it; NULL: nothing is counted */
    unsigned ticks;
    struct troubles *troubles; /* owned: what went wrong lately */
    _Atomic int64_t ticked_us; /* for whoever watches that the loop turns; INT64_MAX: it has ended */
    struct sbuf line;          /* where a line is built; memory owned */
    struct worker_lines lines[SINK_STREAMS];
    uint64_t audit_seq; /* of the last audit line */
    bool told_trailers; /* an endpoint refused aws-chunked framing, and the log says what to write */
    uint64_t next_id;
    int64_t stamp_s;
    char stamp[SIGV4_TIMESTAMP_BYTES]; /* of stamp_s */
};

struct worker_socket {
    int fd;              /* owned; listens */
    struct netaddr addr; /* as the settings have it; several sockets may be of one */
};

struct worker_sockets {
    struct worker_socket *v; /* owned */
    size_t n;
};
void worker_sockets_clear(struct worker_sockets *s); /* closes and frees */

/* @proxy: borrowed, must outlive it. @snapshot: borrowed, a reference is taken. @sockets: taken over, also on failure.
 */
MUST_CHECK enum err_code worker_init(struct worker *w, struct proxy *proxy, struct snapshot *snapshot, size_t index,
                                     struct worker_sockets *sockets, struct err *err);
MUST_CHECK enum err_code worker_start(struct worker *w, struct err *err);
/* Any thread, while it is started: the end is near; it serves on. */
void worker_leave(struct worker *w);
/* Any thread: takes what waits in its listening sockets and closes them, finishes what runs, ends the thread. Once
 * more: with another @stop (copied), counted from then on. */
void worker_stop(struct worker *w, const struct worker_stop *stop);
/* Any thread: ends the thread at once. */
void worker_end(struct worker *w);
void worker_join(struct worker *w);
void worker_clear(struct worker *w);
/* What a worker needs to go by another snapshot; made by the control thread. */
struct worker_change {
    struct snapshot *snapshot;     /* one reference */
    struct sinks sinks;            /* where lines go from now on */
    struct worker_sockets sockets; /* of addresses that are new */
    bool cut;                      /* what runs for clients that are gone ends at once */
    /* By worker_prepare: */
    struct snapshot_use *use;                /* owned */
    struct sink_queue *queues[SINK_STREAMS]; /* of the sinks; NULL: what the worker has is good, or none is needed */
    struct worker_port *ports;               /* owned: for the sockets */
    bool no_memory;                          /* for one of them */
    struct err deaf; /* by worker_adopt: .code is not ERR_NONE: it cannot listen at one of the addresses, and why */
};
/* Also of what was prepared and not adopted. Any thread. */
void worker_change_clear(struct worker_change *c);
/* The worker's own thread, or before it runs: all that @c will need is there, or @c->no_memory is set. */
void worker_prepare(struct worker *w, struct worker_change *c);
/* The same, after a worker_prepare that had memory: from now on @c, which is used up, is in force: for connections that
 * begin, and with their next request for those that are there. Sockets of addresses that no listener has any more are
 * closed. */
void worker_adopt(struct worker *w, struct worker_change *c);
/* Into the queue of that stream, which there is; @room: as for sink_put_into. */
void worker_put_line(struct worker *w, enum sink_stream stream, size_t room, struct str line);
/* One user of @use (of this worker) less. What it says stays valid until the turn's end. */
void worker_leave_snapshot(struct worker *w, struct snapshot_use *use);
/* The current time as yyyymmddThhmmssZ, formatted once a second; SIGV4_TIMESTAMP_BYTES bytes valid until the next call.
 */
struct str worker_timestamp(struct worker *w, int64_t now_s);
/* A new id, of a request or a connection: REQUEST_ID_BYTES characters and a NUL. */
void worker_make_id(struct worker *w, char *out);

#endif
