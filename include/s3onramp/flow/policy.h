/* SPDX-License-Identifier: Apache-2.0
 * policy.h: of the step check_policy what other steps ask. One worker.
 */
#ifndef S3ONRAMP_FLOW_POLICY_H
#define S3ONRAMP_FLOW_POLICY_H

#include "flow/request.h"

/* The bucket in the value of x-amz-copy-source (the whole ARN if it is one). */
enum step_result policy_copy_bucket(struct request *req, struct str value, struct str *bucket);
/* True if the body is judged, too: all of it must be there before anything goes out. */
bool policy_needs_body(const struct request *req);
/* Judges it, in the client's buffer, free of all framing. STEP_WAIT: not all of it is there yet. Afterwards it stands
 * there, to be sent as it is. */
enum step_result policy_judge_body(struct request *req);
/* The request goes to another Region than was judged: it is judged anew, its body when it is signed. */
enum step_result policy_judge_move(struct request *req);

#endif
