/* SPDX-License-Identifier: Apache-2.0
 * region.h: which Region a bucket is in, and requests that go to another one. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_REGION_H
#define S3ONRAMP_FLOW_REGION_H

#include "flow/request.h"

/* Remembers where the request's bucket is. */
void region_learn(struct request *req, struct str region);
/* Another endpoint, if the bucket is known to be elsewhere. */
void region_route(struct request *req);
/* The Region that an answer's head or document speaks of, in the arena or the head; empty: none. */
struct str region_of_head(struct request *req);
struct str region_of_document(struct request *req, struct str document);
/* The answer says that the bucket is in @region. STEP_GOTO: the request is sent to the endpoint there; STEP_NEXT: the
 * answer counts. */
enum step_result region_correct(struct request *req, struct str region);
/* Is the answer about the Region to be waited for before a body is sent that could not be sent twice? */
bool region_asks_first(const struct request *req);
/* ERR_COPY_REGION if a copy's source is known to be elsewhere. */
enum step_result region_check_copy(struct request *req);

#endif
