/* SPDX-License-Identifier: Apache-2.0
 * flow.h: the small doors between flow's files that belong to no struct of their own. One worker.
 */
#ifndef S3ONRAMP_FLOW_FLOW_H
#define S3ONRAMP_FLOW_FLOW_H

#include "flow/request.h"

/* tunnel.c: decides about CONNECT and answers it. */
enum step_result tunnel_connect(struct request *req);
/* access_log.c: one line for @req, into the worker's buffer. */
void access_log_write(struct request *req);
/* policy.c: may @caller do @operation on @bucket? For tests as well. */
bool policy_allows(const struct set_policy *policy, const struct operation *operation, struct str bucket);
/* sign.c: the name that goes out as Host, in the arena, and whether the bucket stays in it; {NULL,0} when out of
 * memory. */
struct str sign_host(struct request *req, bool *host_style);
/* router.c: the endpoint for an S3 host name; NULL with the reason in @err. For CONNECT and for requests. */
const struct set_endpoint *router_endpoint_for_host(const struct settings *s, const struct s3_host *host,
                                                    struct str name, struct err *err);

#endif
