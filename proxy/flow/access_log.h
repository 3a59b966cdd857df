/* SPDX-License-Identifier: Apache-2.0
 * access_log.h: the access log. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_ACCESS_LOG_H
#define S3ONRAMP_FLOW_ACCESS_LOG_H

#include "flow/request.h"

/* One line for @req, into the worker's queue. */
void access_log_write(struct request *req);

#endif
