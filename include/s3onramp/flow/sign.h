/* SPDX-License-Identifier: Apache-2.0
 * sign.h: of the step sign what others ask. One worker.
 */
#ifndef S3ONRAMP_FLOW_SIGN_H
#define S3ONRAMP_FLOW_SIGN_H

#include "flow/request.h"

/* The name that goes out as Host, in the arena, and whether the bucket stays in it; {NULL,0} when out of memory. */
struct str sign_host(struct request *req, bool *host_style);
/* The path that goes out, in AWS's encoding, with the bucket moved into it when the host style cannot stay. */
struct str sign_path(struct request *req, bool host_style);
/* True for a parameter of the query that goes out as a field: x-amz-* that a signature in the query covers. */
bool sign_is_query_field(const struct request *req, const struct query_param *q);
/* Its name and value decoded, in the arena. */
enum step_result sign_query_field(struct request *req, const struct query_param *q, struct str *name,
                                  struct str *value);

#endif
