/* SPDX-License-Identifier: Apache-2.0
 * admit.h: what limits count for a request: it is let in by them (the step admit), and what it moves afterwards is
 * paced by them. One worker. Where nothing is limited a request has none of this: req->limits is NULL.
 */
#ifndef S3ONRAMP_FLOW_ADMIT_H
#define S3ONRAMP_FLOW_ADMIT_H

#include "flow/pace/share.h"
#include "flow/request.h"

enum { ADMIT_SHARES = PRINCIPAL_LIMITING_GROUPS + 2 /* client, listener */ };

/* Lives in a request's arena. */
struct admission {
    struct share *shares[ADMIT_SHARES]; /* borrowed: of the worker */
    size_t n, entered;                  /* entered: in how many of them it counts as a request */
    uint32_t line;                      /* its number; STANDING_NONE: none */
    bool begun;                         /* it was let in */
    struct pace begin, upload, download;
};

/* Everything it holds is given back. */
void admit_end(struct request *req);
/* Once a tick, while it waits to be let in: true if that takes too long, and the request must be run. */
bool admit_check_time(struct request *req);
/* For how long it was held up, all together. */
uint64_t admit_waited_us(const struct request *req);

/* How many of @want (> 0) bytes may be read now; 0: not now, and the request runs again when some may. */
static inline size_t admit_upload(struct request *req, size_t want)
{
    return req->limits ? pace_ask(&req->limits->upload, want) : want;
}
static inline size_t admit_download(struct request *req, size_t want)
{
    return req->limits ? pace_ask(&req->limits->download, want) : want;
}
/* So many of them were read. */
static inline void admit_uploaded(struct request *req, size_t n)
{
    if (req->limits) pace_used(&req->limits->upload, n);
}
static inline void admit_downloaded(struct request *req, size_t n)
{
    if (req->limits) pace_used(&req->limits->download, n);
}
/* It is we who hold that direction up. */
static inline bool admit_holds_upload(const struct request *req)
{
    return req->limits && pace_is_held(&req->limits->upload);
}
static inline bool admit_holds_download(const struct request *req)
{
    return req->limits && pace_is_held(&req->limits->download);
}

#endif
