/* SPDX-License-Identifier: Apache-2.0
 * blame.h: refusals that are about the proxy itself. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_BLAME_H
#define S3ONRAMP_FLOW_BLAME_H

#include "flow/request.h"

/* @document (empty: there is none) refuses what the proxy itself did, not what the client did: STEP_FAIL, in the
 * proxy's own words. */
enum step_result blame_judge(struct request *req, struct str document);

#endif
