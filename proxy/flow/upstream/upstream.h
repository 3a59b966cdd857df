/* SPDX-License-Identifier: Apache-2.0
 * upstream.h: of the step send what others ask. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_UPSTREAM_H
#define S3ONRAMP_FLOW_UPSTREAM_H

#include "flow/request.h"

/* The endpoint's side of a running exchange shows no sign of life any more. */
bool upstream_is_dead(const struct request *req);
/* The endpoint did not answer Expect in time: for some minutes only new connections are used for what would be asked
 * for. */
void upstream_is_mute(struct request *req);

#endif
