/* SPDX-License-Identifier: Apache-2.0
 * blame.c: refusals that are about the proxy's own keys or clock. They must not reach the client: they hold our key id,
 * the token and our canonical request, and would make the client doubt its own credentials. One worker.
 */
#include "blame.h"

#include "aws/s3/s3_error.h"
#include "base/clock.h"

enum { MAX_SKEW_S = 900 }; /* S3's: "RequestTimeTooSkewed" */

static bool holds_our_key(const struct request *req, struct str document)
{
    const struct credentials *k = req->out.lease.keys;

    if (!k || !k->access_key_id) return false;
    return str_find(document, str_from(k->access_key_id)) != SIZE_MAX ||
           (k->session_token && str_find(document, str_from(k->session_token)) != SIZE_MAX);
}

/* How far our clock is ahead of that of whoever answered. False: the answer does not say. */
static bool clock_is_ahead(const struct request *req, int64_t *ahead_s)
{
    const struct header *date = headers_find(&req->relay.answer->headers, HDR_DATE);
    int64_t then_s;

    if (!date || !sigv4_parse_date(date->value, &then_s)) return false;
    *ahead_s = clock_wall_us() / 1000000 - then_s;
    return true;
}

static enum step_result blame_clock(struct request *req)
{
    const char *advice = "start or repair NTP (timedatectl); its keys are not the matter";
    int64_t ahead_s;

    if (clock_is_ahead(req, &ahead_s) && ahead_s != 0)
        request_tell(req, "This proxy's clock is %lld s %s S3's: %s. Please tell the administrator.",
                     (long long)(ahead_s < 0 ? -ahead_s : ahead_s), ahead_s < 0 ? "behind" : "ahead of", advice);
    else
        request_tell(req,
                     "S3 says that this proxy's clock is off by more than %d s: %s. Please tell the administrator.",
                     MAX_SKEW_S, advice);
    return request_fail(req, ERR_UPSTREAM_CLOCK, "[endpoint %s] %s answered %u %.*s: %.*s", req->route.endpoint->name,
                        req->retry.address, req->relay.answer->status, STR_ARG(req->relay.s3_error),
                        STR_ARG(req->told));
}

/* The answer to HEAD has no document that could say it. */
static bool is_skewed(const struct request *req)
{
    int64_t ahead_s;

    return req->relay.answer->status == 403 && clock_is_ahead(req, &ahead_s) &&
           (ahead_s > MAX_SKEW_S || ahead_s < -MAX_SKEW_S);
}

enum step_result blame_judge(struct request *req, struct str document)
{
    struct str code = str_head(s3_error_code_in(document), 64);

    if (!req->out.lease.keys) return STEP_NEXT;
    if (str_eq(code, STR("RequestTimeTooSkewed")) || (!document.n && is_skewed(req))) return blame_clock(req);
    if (s3_error_key_fault(code) != S3_KEY_NO_FAULT)
        return request_fail(req, ERR_UPSTREAM_AUTH,
                            "[endpoint %s] %s answered %u %.*s: the endpoint does not accept [credentials %s]",
                            req->route.endpoint->name, req->retry.address, req->relay.answer->status, STR_ARG(code),
                            req->route.credentials->name);
    if (!holds_our_key(req, document)) return STEP_NEXT;
    request_tell(req,
                 "The S3 endpoint answered %u %.*s and spoke of the proxy's own credentials, which are no business of "
                 "its clients. Please tell the administrator.",
                 req->relay.answer->status, STR_ARG(code));
    return request_fail(req, ERR_UPSTREAM_AUTH, "[endpoint %s] %s answered %u %.*s with our access key in it",
                        req->route.endpoint->name, req->retry.address, req->relay.answer->status, STR_ARG(code));
}
