/* SPDX-License-Identifier: Apache-2.0
 * retry.h: sending a request again. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_RETRY_H
#define S3ONRAMP_FLOW_RETRY_H

#include "flow/request.h"
#include "flow/retry_reason.h"

/* If the connection is closed under @req, all of it can be sent again. */
bool retry_survives_loss(const struct request *req);
/* The connection ended without a byte of an answer: sent again (STEP_GOTO), or STEP_FAIL. */
enum step_result retry_gone(struct request *req, enum conn_result why);
/* STEP_GOTO: the answer of @status is thrown away and the request sent again; STEP_NEXT: it counts. */
enum step_result retry_status(struct request *req, unsigned status);
/* As it was before the step sign; what was sent of the body will be sent again. */
void retry_rewind(struct request *req);
/* The document of a refusal has @code. STEP_GOTO: it is about keys of ours that can be renewed, and the request is sent
 * again with newer ones; STEP_NEXT: it counts. */
enum step_result retry_keys(struct request *req, struct str code);
void retry_note(struct request *req, enum retry_reason reason); /* for the access line, and counted */

#endif
