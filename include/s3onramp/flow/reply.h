/* SPDX-License-Identifier: Apache-2.0
 * reply.h: what the client gets: the endpoint's answer under a head of our own, interim answers, or an error of our
 * own. One worker.
 */
#ifndef S3ONRAMP_FLOW_REPLY_H
#define S3ONRAMP_FLOW_REPLY_H

#include "flow/request.h"

/* Builds the head for req->relay.answer into the arena: hop-by-hop fields out, framing for this client in, Location as
 * the client sees things. {NULL,0}: out of memory. Sets req->relay.answer_framer and req->reply.client_closes. */
MUST_CHECK struct str reply_head(struct request *req);
/* Before reply_head: STEP_FAIL (ERR_OTHER_REGION, with what to do) if req->relay.answer sends the client to a public
 * name of S3 that its listener does not lead to. */
MUST_CHECK enum step_result reply_check_redirect(struct request *req);
/* STEP_FAIL (ERR_NO_BUCKET, with what to do) if @code of S3's error document says that there is no such bucket and what
 * the client wrote before the listener's name may as well be an access point. */
MUST_CHECK enum step_result reply_check_bucket(struct request *req, struct str code);
/* ERR_OTHER_REGION: what the client can do about a bucket that is in @region. */
enum step_result reply_refuse_region(struct request *req, struct str region);
/* Relays a 1xx answer (@head: parsed interim head). */
void reply_interim(struct request *req, const struct head_response *head, struct arena *mem);
/* 100 Continue of our own. */
void reply_continue(struct request *req);
/* Our own final answer for req->err: S3 XML, or plain text where the client is not in S3's realm (CONNECT). */
void reply_error(struct request *req);
/* Our own final answer that is no error. @cache: a value of Cache-Control. */
void reply_page(struct request *req, unsigned status, struct str type, struct str cache, struct str content);
/* What it tells the client. Lives in @req or is static. */
struct str reply_message(const struct request *req);

#endif
