/* SPDX-License-Identifier: Apache-2.0
 * waiting.h: the one judge of silence: who a request waits for, and whether for too long. Private to the flow layer.
 * One worker.
 */
#ifndef S3ONRAMP_FLOW_WAITING_H
#define S3ONRAMP_FLOW_WAITING_H

#include "flow/request.h"

/* The clocks of @req start: its first byte came. */
void waiting_begin(struct request *req);
/* @req goes to the endpoint, or goes again, on req->up. */
void waiting_for_endpoint(struct request *req);
/* Once a tick, after the head: ERR_NONE, or what it is to be aborted with, and why. */
enum err_code waiting_check(struct request *req, const char **why);
/* Once a tick, for a client that lingers: true if it takes its last bytes no more. */
bool waiting_for_reader(struct request *req);
/* Once a tick: microseconds for which nothing moved in @req's tunnel, either way. */
int64_t waiting_for_tunnel(struct request *req);

#endif
