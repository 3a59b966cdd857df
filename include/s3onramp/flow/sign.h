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

#endif
