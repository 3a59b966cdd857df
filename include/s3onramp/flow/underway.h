/* SPDX-License-Identifier: Apache-2.0
 * underway.h: what a worker does at this moment, for people who look: all bytes so far, and the requests that run for
 * longest, with how far they are. Copied whole, so that another thread may read it. One worker.
 */
#ifndef S3ONRAMP_FLOW_UNDERWAY_H
#define S3ONRAMP_FLOW_UNDERWAY_H

#include "flow/request.h"

enum { UNDERWAY_MOST = 32, UNDERWAY_NAME = 80, UNDERWAY_KEY = 160 };

/* Content from and to the client so far, and in all as announced; 0: nothing is. */
struct underway_bytes {
    uint64_t in, in_all, out, out_all;
};

struct underway_request {
    char id[REQUEST_ID_BYTES + 1];
    char client[UNDERWAY_NAME]; /* "": not known (yet), or nobody's */
    char peer[NETADDR_TEXT], address[NETADDR_TEXT];
    const char *operation;                         /* static; NULL: not known yet */
    char bucket[UNDERWAY_NAME], key[UNDERWAY_KEY]; /* cut */
    bool tunnel;
    struct underway_bytes bytes;
    int64_t started_us; /* monotonic */
};

struct underway {
    size_t requests;              /* all that run, tunnels included */
    uint64_t bytes_in, bytes_out; /* of all listeners, ever: those that are over and what others have moved so far */
    struct underway_request v[UNDERWAY_MOST]; /* the first ones are the oldest */
    size_t n;
};

/* The worker's own thread. */
void underway_bytes(const struct request *req, struct underway_bytes *out);
/* The worker's own thread. A look at each of its connections. */
void underway_look(struct worker *w, struct underway *out);

#endif
