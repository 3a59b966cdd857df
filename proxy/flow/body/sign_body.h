/* SPDX-License-Identifier: Apache-2.0
 * sign_body.h: what sign.c (the head that goes out) asks sign_body.c (what becomes of the body). Private to the flow
 * layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_SIGN_BODY_H
#define S3ONRAMP_FLOW_SIGN_BODY_H

#include "flow/request.h"

/* Fills in out_kind and what follows from it. Once per request: a retry sends what was decoded already. STEP_WAIT: the
 * body must be there first, for its hash. */
enum step_result sign_prepare_body(struct request *req);

/* Of the content, without any framing. */
uint64_t sign_content_length(const struct request *req);
/* With the framing of req->out.chunks; 0: beyond all limits. */
uint64_t sign_framed_length(const struct request *req);
/* The value of x-amz-content-sha256. */
struct str sign_payload_hash(const struct request *req);
/* The chain of chunk signatures begins with that of the head, @seed. */
enum step_result sign_begin_chunks(struct request *req, const struct hmac_key *key, struct str timestamp,
                                   struct str seed);

#endif
