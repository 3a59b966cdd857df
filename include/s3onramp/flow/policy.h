/* SPDX-License-Identifier: Apache-2.0
 * policy.h: of the step check_policy what others ask. One worker.
 */
#ifndef S3ONRAMP_FLOW_POLICY_H
#define S3ONRAMP_FLOW_POLICY_H

#include "flow/request.h"

/* May @caller do @operation on @bucket? */
bool policy_allows(const struct policy_conf *policy, const struct operation *operation, struct str bucket);
/* The bucket in the value of x-amz-copy-source (the whole ARN if it is one). */
enum step_result policy_copy_bucket(struct request *req, struct str value, struct str *bucket);

#endif
