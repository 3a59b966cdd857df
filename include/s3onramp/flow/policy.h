/* SPDX-License-Identifier: Apache-2.0
 * policy.h: of the step check_policy what others ask. One worker.
 */
#ifndef S3ONRAMP_FLOW_POLICY_H
#define S3ONRAMP_FLOW_POLICY_H

#include "flow/request.h"

/* The bucket in the value of x-amz-copy-source (the whole ARN if it is one). */
enum step_result policy_copy_bucket(struct request *req, struct str value, struct str *bucket);

#endif
