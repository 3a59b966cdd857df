/* SPDX-License-Identifier: Apache-2.0
 * require.h: what the policies of a caller demand of objects that it writes, and put into its requests
 * (policy/properties.h); and whose buckets it reaches (`expected_owner`). Private to the flow layer: parts of the steps
 * check_policy and sign. One worker.
 */
#ifndef S3ONRAMP_FLOW_REQUIRE_H
#define S3ONRAMP_FLOW_REQUIRE_H

#include "flow/request.h"

/* For a request that writes an object: what `set` puts into it (req->out.properties). Before the decision, which is
 * about what goes out. Refused where it cannot be. */
enum step_result require_set(struct request *req);
/* Refuses a request that its caller may send, but which lacks what is required. */
enum step_result require_check(struct request *req);
/* A client's own field of that name does not go out: something else was set, or nothing. */
bool require_replaces(const struct request *req, struct str name);
/* Calls @add for each field that is set. */
void require_each_set(const struct request *req, void (*add)(void *data, struct str name, struct str value),
                      void *data);

/* The account that all buckets of the request must belong to, or empty. */
struct str require_owner(const struct request *req);
/* False, and req->err: the client itself has said another one. @name: of the field, @sent: what goes out. */
enum step_result require_check_owner(struct request *req, const struct header *sent, struct str owner);

#endif
