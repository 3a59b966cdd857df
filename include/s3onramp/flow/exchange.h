/* SPDX-License-Identifier: Apache-2.0
 * exchange.h: how far the two halves of the exchange with the endpoint are; they run at once.
 * One worker.
 *
 *   NONE ──▶ HEAD ──▶ BODY ──▶ DONE        HEAD ──▶ [DOCUMENT] ──▶ BODY ──▶ DONE
 *              └───────┴────────┴──▶ STOPPED
 *
 * Sent again, both begin anew.
 */
#ifndef S3ONRAMP_FLOW_EXCHANGE_H
#define S3ONRAMP_FLOW_EXCHANGE_H

#include "flow/request.h"

void exchange_set_send(struct request *req, enum send_state to);
void exchange_set_answer(struct request *req, enum answer_state to);
/* Something of the request may still be to be sent. */
static inline bool exchange_sends(const struct request *req)
{
    return req->relay.send_state == SEND_HEAD || req->relay.send_state == SEND_BODY;
}
/* What has not been sent is not wanted any more. */
void exchange_stop_sending(struct request *req);
/* Both to their beginning. */
void exchange_reset(struct request *req);

#endif
