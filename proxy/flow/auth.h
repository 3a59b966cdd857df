/* SPDX-License-Identifier: Apache-2.0
 * auth.h: what the files of the step check_caller share: auth.c (which proof it is, and what follows from it),
 * auth_sigv4.c, auth_sigv2.c. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_AUTH_H
#define S3ONRAMP_FLOW_AUTH_H

#include "flow/request.h"

enum { AUTH_MAX_SKEW_S = 900 };

/* One kind of proof each: fill in caller, auth, payload, signed_region, plus_is_space. With AUTH_FOREIGN the rest is
 * S3's to judge. */
enum step_result auth_sigv4_header(struct request *req, struct str authorization);
enum step_result auth_sigv4_query(struct request *req);
enum step_result auth_sigv2_header(struct request *req, struct str authorization);
enum step_result auth_sigv2_query(struct request *req);

/* Requests that prove nothing: a listener may say who they are; refused where a web page of another origin sends them.
 */
enum step_result auth_accept_unsigned(struct request *req);
/* @accepted: it is a CORS preflight: nobody's, goes on unsigned. STEP_FAIL: OPTIONS that is none for S3 either. */
enum step_result auth_accept_preflight(struct request *req, bool *accepted);
/* yyyymmddThhmmssZ in the request's arena; {NULL,0} when out of memory. @unix_s: as sigv4_format_time takes it. */
struct str auth_stamp(struct request *req, int64_t unix_s);
/* The request's time as yyyymmddThhmmssZ, if it is near ours. */
enum step_result auth_check_date(struct request *req, struct str *timestamp);
/* Sets req->who.caller; or req->who.auth to AUTH_FOREIGN where the listener lets unknown keys pass; or refuses. */
enum step_result auth_find_caller(struct request *req, struct str access_key);
/* May @who come from where the request comes from? Else refuses. */
enum step_result auth_check_source(struct request *req, const struct principal_conf *who);
/* Connection names @h, which this request stands or falls with. */
enum step_result auth_refuse_nominated(struct request *req, const struct header *h);
/* Judges a value of x-amz-content-sha256 and keeps it. */
enum step_result auth_check_payload_value(struct request *req, struct str value);
/* The same for requests whose signature says nothing of the body. */
enum step_result auth_find_payload(struct request *req);

#endif
