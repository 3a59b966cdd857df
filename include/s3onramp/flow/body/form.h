/* SPDX-License-Identifier: Apache-2.0
 * form.h: a browser's form upload (POST Object) on its way: judged by its own signature and policy, and sent on as a
 * streamed PutObject. Part of the steps check_caller (form.c), sign, relay and of the reply. One worker.
 *
 *   client ── fields ─▶ signature, policy, key ─▶ PutObject's head
 *          ── file ───▶ up to the closing delimiter ─▶ PutObject's body
 *          ◀─ 200, 201 with XML, 204, or 303 ◀─ PutObject's answer
 */
#ifndef S3ONRAMP_FLOW_BODY_FORM_H
#define S3ONRAMP_FLOW_BODY_FORM_H

#include "aws/form/post_form.h"
#include "aws/form/post_policy.h"
#include "flow/request.h"

/* Lives in a request's arena. */
struct form {
    struct filter filter; /* once the fields are read: finds the end of the file */
    struct post_form parsed;
    struct post_form_auth auth;
    size_t fields_bytes; /* of the body, before the file */
    bool whole;          /* so small that all of it is read before anything goes out */
    bool ended;          /* the delimiter behind the file was seen */
    uint64_t file_bytes; /* what PutObject's head announces */
    uint64_t seen;       /* content bytes found so far */
    size_t pending;      /* bytes behind them that may be content or the delimiter */
};

/* True if @req is such a form: a POST of multipart/form-data to a bucket. */
bool form_is_one(const struct request *req);
/* check_caller for it. STEP_WAIT: the fields are not all there yet; to be called again. Afterwards the request is a
 * PutObject, or (AUTH_FOREIGN) goes on as it came. */
enum step_result form_check_caller(struct request *req);

#endif
