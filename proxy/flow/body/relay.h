/* SPDX-License-Identifier: Apache-2.0
 * relay.h: what the files of the step relay share: relay.c (the step, and the way to the endpoint), relay_answer.c (the
 * way back), and what judge_answer.c asks of them. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_RELAY_H
#define S3ONRAMP_FLOW_RELAY_H

#include "flow/flow.h"
#include "flow/worker.h"

/* Gives up the possibility of a replay: what was sent makes room. */
void relay_forget_sent(struct request *req);

/* req->answer was judged and passes to the client: builds the head that goes to it, and goes on with the step relay. */
enum step_result relay_begin_answer(struct request *req);

/* One round of the answer's direction; *@moved: bytes moved. */
enum step_result relay_pump_answer(struct request *req, bool *moved);

#endif
