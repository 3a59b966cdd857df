/* SPDX-License-Identifier: Apache-2.0
 * judge_answer.c: the step judge_answer: what the endpoint's answer means, before a byte of it passes: the bucket is in
 * another Region, our keys are not taken, try again, a redirect that leads nowhere, or simply: pass it on. By its head
 * alone where that is enough; of refusals and some redirects the document is read first. One worker.
 */
#include "base/clock.h"
#include "base/log.h"
#include "blame.h"
#include "body/bucket_filter.h"
#include "body/error_note.h"
#include "body/relay.h"
#include "flow/exchange.h"
#include "flow/reply.h"
#include "flow/session.h"
#include "flow/worker.h"
#include "region.h"
#include "retry.h"

/* Other S3 servers that know no trailers miss the length (411) or do not know the coding (501). */
static void hint_trailers(struct request *req, unsigned status)
{
    bool framed = req->out.kind == OUT_PASSED || req->out.kind == OUT_UNSIGNED_TRAILER;
    char ctx[256];

    if ((status != 411 && status != 501) || !framed || req->worker->told_trailers) return;
    req->worker->told_trailers = true;
    LOG_CTX(LOG_WARN, request_log_ctx(req, ctx, sizeof(ctx)),
            "[endpoint %s] answered %u to a body with a checksum trailer (aws-chunked): if it knows none, write "
            "trailers = decode there",
            req->route.endpoint->name, status);
}

/* Errors of S3's own, and of those operations that say 200 before they have done their work (S3 API Reference,
 * "CompleteMultipartUpload", "CopyObject", "UploadPartCopy"), pass as they come. */
static bool may_hold_error(const struct request *req, unsigned status)
{
    static const struct str late[] = {STR_INIT("CompleteMultipartUpload"), STR_INIT("CopyObject"),
                                      STR_INIT("UploadPartCopy")};

    if (status >= 500) return true;
    for (size_t i = 0; i < ARRAY_LEN(late) && status == 200; i++)
        if (str_eq(str_from(req->in.operation->name), late[i])) return true;
    return false;
}

/* What the head says of the bucket's Region. */
static enum step_result judge_region_of_head(struct request *req)
{
    struct str region = region_of_head(req);

    if (region.n) {
        if (!str_eq(region, str_from(req->route.endpoint->region))) req->route.other_region = region;
        region_learn(req, region);
        return region_correct(req, region);
    }
    if (req->relay.answer->status / 100 == 2 && request_settings(req)->endpoints_n > 1)
        region_learn(req, str_from(req->route.endpoint->region));
    return STEP_NEXT;
}

/* Documents of refusals may speak of our key or miss an access point, and that of a redirect may be all that tells
 * where to. */
static bool needs_document(struct request *req)
{
    const struct head_response *head = req->relay.answer;
    bool redirect = head->status == 301 || head->status == 307;

    if (head->body == BODY_NONE) return false;
    if (req->relay.bucket_list) return true; /* so that what is none is told before anything is */
    return head->status / 100 == 4 || (redirect && !region_of_head(req).n);
}

static enum step_result judge_head(struct request *req)
{
    unsigned status = req->relay.answer->status;
    enum step_result r = retry_status(req, status);

    if (r != STEP_NEXT) return r;
    hint_trailers(req, status);
    r = judge_region_of_head(req);
    if (r != STEP_NEXT) return r;
    req->relay.first_byte_us = clock_monotonic_us();
    if (status / 100 == 2 && bucket_filter_is_needed(req) && bucket_filter_add(req) != STEP_NEXT) return STEP_FAIL;
    if (needs_document(req)) {
        exchange_set_answer(req, ANSWER_DOCUMENT);
        return request_goto(req, STEP_relay);
    }
    if (reply_check_redirect(req) != STEP_NEXT) return STEP_FAIL;
    if (status / 100 == 4 && blame_judge(req, STR_NONE) != STEP_NEXT) return STEP_FAIL;
    if (may_hold_error(req, status)) error_note_add(req);
    return STEP_NEXT;
}

/* The document says that the bucket is elsewhere. */
static enum step_result judge_region(struct request *req, struct str document)
{
    unsigned status = req->relay.answer->status;
    bool may_tell = status == 400 || status == 403 || status / 100 == 3;
    struct str region = may_tell ? region_of_document(req, document) : STR_NONE;
    enum step_result r;

    if (!region.n || str_eq(region, str_from(req->route.endpoint->region))) return STEP_NEXT;
    req->route.other_region = region;
    region_learn(req, region);
    r = region_correct(req, region);
    if (r != STEP_NEXT) return r;
    if (req->route.credentials && str_eq(s3_error_code_in(document), STR("AuthorizationHeaderMalformed")))
        return reply_refuse_region(req, region);
    return STEP_NEXT;
}

static enum step_result judge_document(struct request *req)
{
    struct str document = buf_plain(&req->up->in);
    struct str code = str_head(s3_error_code_in(document), REQUEST_S3_ERROR);
    enum step_result r;

    if (req->relay.bucket_list) return STEP_NEXT; /* judged as it came */
    r = judge_region(req, document);
    if (r != STEP_NEXT) return r;
    if (reply_check_redirect(req) != STEP_NEXT) return STEP_FAIL;
    req->relay.s3_error = arena_dup(&req->arena, code);
    if (reply_check_bucket(req, code) != STEP_NEXT) return STEP_FAIL;
    r = req->out.lease.keys ? retry_keys(req, code) : STEP_NEXT;
    if (r != STEP_NEXT) return r;
    return blame_judge(req, document);
}

enum step_result step_judge_answer(struct request *req)
{
    enum step_result r = req->relay.answer_state == ANSWER_HEAD ? judge_head(req) : judge_document(req);

    return r == STEP_NEXT ? relay_begin_answer(req) : r;
}
