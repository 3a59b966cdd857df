/* SPDX-License-Identifier: Apache-2.0
 * bucket_filter.h: the filter that takes out of ListBuckets' answer what its caller may not see. Private to the flow
 * layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_BODY_BUCKET_FILTER_H
#define S3ONRAMP_FLOW_BODY_BUCKET_FILTER_H

#include "flow/request.h"

/* The request asks for the list of buckets, and there may be some that its caller must not see. */
bool bucket_filter_is_needed(const struct request *req);
/* For a good answer to such a request, before a byte of it passes. STEP_FAIL: it is nothing that can be filtered. */
enum step_result bucket_filter_add(struct request *req);

#endif
