/* SPDX-License-Identifier: Apache-2.0
 * relay.h: what the files of the step relay share: relay.c (the step, and the way to the endpoint), relay_answer.c (the
 * way back), and what judge_answer.c asks of them. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_RELAY_H
#define S3ONRAMP_FLOW_RELAY_H

#include "flow/request.h"

/* 100 Continue has not come in time: the body goes out without; on a kept connection that may be dead the request
 * goes out once more, on a new one. True: go on with the request. */
bool relay_stop_holding(struct request *req);
/* For steps that need the body before it is relayed: takes all of it, or what is there, into the client's buffer,
 * decoded and checked. STEP_WAIT: more is to come. */
enum step_result relay_take_whole_body(struct request *req);
enum step_result relay_take_some_body(struct request *req);

/* Gives up the possibility of a replay: what was sent makes room. */
void relay_forget_sent(struct request *req);

/* req->relay.answer was judged and passes to the client: builds the head that goes to it, and goes on with the step
 * relay. */
enum step_result relay_begin_answer(struct request *req);

/* One round of the answer's direction; *@moved: bytes moved. */
enum step_result relay_pump_answer(struct request *req, bool *moved);

#endif
