/* SPDX-License-Identifier: Apache-2.0
 * auth_sigv2.c: Signature Version 2 of a request, in Authorization or in the query, for tools that know nothing newer.
 * It covers no body and few headers: a client must be allowed it (`sigv2` of [client]), and parameters that it leaves
 * out are refused. Source: Amazon S3 Developer Guide, "Signing and authenticating REST requests".
 */
#include "auth.h"
#include "aws/sign/sigv2.h"
#include "flow/worker.h"

static enum step_result check_signature(struct request *req, const struct sigv2_auth *auth, struct str expires)
{
    struct sigv2_input in = {
        .method = req->in.head->method,
        .raw_path = req->in.uri.path,
        .query = req->in.query,
        .query_n = req->in.query_n,
        .headers = &req->in.head->headers,
        .host_bucket = req->in.host_style ? req->in.bucket : STR_NONE,
        .expires = expires,
    };
    struct str to_sign = STR_NONE;

    if (sigv2_verify(req->worker->digest, str_from(req->who.caller_key->secret_access_key), &in, auth, &req->arena,
                     &to_sign, &req->err) == ERR_NONE)
        return STEP_NEXT;
    if (req->err.code == ERR_SIG_MISMATCH) {
        request_error_field(req, "AWSAccessKeyId", auth->access_key);
        request_error_field(req, "StringToSign", to_sign);
        request_error_field(req, "SignatureProvided", auth->signature);
    }
    return STEP_FAIL;
}

/* @expires: empty for the form in the header. */
static enum step_result check_proof(struct request *req, const struct sigv2_auth *auth, struct str expires)
{
    bool in_query = req->who.auth == AUTH_SIGV2_QUERY;
    enum sigv2_mode allowed;

    if (auth_find_caller(req, auth->access_key) != STEP_NEXT) return STEP_FAIL;
    if (req->who.auth == AUTH_FOREIGN) return STEP_NEXT;
    allowed = req->who.caller->terms->sigv2;
    if (allowed == SIGV2_NO || (allowed == SIGV2_QUERY && !in_query))
        return request_fail(req, ERR_SIGV2_OFF, "client %s signed with Version 2 in %s", req->who.caller->name,
                            in_query ? "the query" : "Authorization");
    if (req->in.s3.service != S3_BUCKETS) /* S3 wants Version 4 there: Version 2 does not cover which service it is */
        return request_fail(req, ERR_NOT_IMPLEMENTED, "Only buckets take Signature Version 2; sign with Version 4.");
    if (sigv2_check_params(req->in.query, req->in.query_n, in_query, &req->err) != ERR_NONE) return STEP_FAIL;
    req->who.plus_is_space = true;
    if (check_signature(req, auth, expires) != STEP_NEXT) return STEP_FAIL;
    return auth_find_payload(req);
}

enum step_result auth_sigv2_header(struct request *req, struct str authorization)
{
    struct sigv2_auth auth;
    struct str timestamp = STR_NONE;

    req->who.auth = AUTH_SIGV2_HEADER;
    if (auth_check_date(req, &timestamp) != STEP_NEXT) return STEP_FAIL;
    if (sigv2_parse_header(authorization, &auth, &req->err) != ERR_NONE) return STEP_FAIL;
    return check_proof(req, &auth, STR_NONE);
}

enum step_result auth_sigv2_query(struct request *req)
{
    struct sigv2_auth auth;
    struct str expires = STR_NONE;
    int64_t now_s = req->started_wall_us / 1000000, expires_s = 0;

    req->who.auth = AUTH_SIGV2_QUERY;
    if (sigv2_parse_query(req->in.query, req->in.query_n, &req->arena, &auth, &expires, &expires_s, &req->err) !=
        ERR_NONE)
        return STEP_FAIL;
    if (now_s > expires_s) {
        request_error_field(req, "Expires", auth_stamp(req, expires_s));
        request_error_field(req, "ServerTime", auth_stamp(req, now_s));
        return request_fail(req, ERR_URL_EXPIRED, "the URL expired %lld s ago", (long long)(now_s - expires_s));
    }
    if (expires_s > now_s + SIGV4_MAX_EXPIRES_S + AUTH_MAX_SKEW_S)
        return request_fail(req, ERR_AUTH_V2_EXPIRES,
                            "Expires lies more than seven days ahead, which is the longest life of a signed URL.");
    return check_proof(req, &auth, expires);
}
