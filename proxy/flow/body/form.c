/* SPDX-License-Identifier: Apache-2.0
 * form.c: see form.h. The fields come first and are at most 20 KiB; with them everything is decided but the file's end.
 * Source: Amazon S3 API Reference, "POST Object"; RFC 7578.
 *
 * PutObject must be told the file's length, and a form does not tell it. A form that fits the buffer is read to its end
 * first. Of a larger one the file is taken to be the last part, as all clients send it: then only the delimiter's line
 * follows. If that proves wrong the upload is broken off before its last byte, so that S3 stores nothing.
 */
#include "flow/body/form.h"

#include "auth.h"
#include "base/encode.h"
#include "base/secret.h"
#include "body/relay.h"
#include "flow/session.h"
#include "flow/worker.h"

enum { KEY_DAYS = 7, DAY_S = 86400 }; /* how long S3 takes a signing key */

/* A sub-resource makes another operation of it (DeleteObjects), whatever its body is called: it would be judged as
 * that, and sent as PutObject. */
static bool may_be_put(const struct operation *o)
{
    return o->action == S3_ACTION_PutObject || o->action == S3_ACTION_UNKNOWN;
}

bool form_is_one(const struct request *req)
{
    const struct header *type = headers_find(&req->in.head->headers, HDR_CONTENT_TYPE);

    return req->in.head->method_id == METHOD_POST && req->in.bucket.n && !req->in.key.n &&
           may_be_put(req->in.operation) && type && str_starts_nocase(type->value, STR("multipart/form-data"));
}

static enum step_result begin(struct request *req)
{
    struct str boundary;

    if (req->in.head->body != BODY_LENGTH)
        return request_fail(req, ERR_LENGTH_REQUIRED, "a form without Content-Length");
    if (post_form_boundary(headers_find(&req->in.head->headers, HDR_CONTENT_TYPE)->value, &boundary, &req->err) !=
        ERR_NONE)
        return STEP_FAIL;
    req->who.form = arena_alloc(&req->arena, sizeof(*req->who.form));
    if (!req->who.form) return request_fail(req, ERR_NO_MEMORY, "form");
    *req->who.form = (struct form){.whole = req->in.head->content_length <= BUF_BYTES};
    post_form_init(&req->who.form->parsed, boundary);
    return STEP_NEXT;
}

/* Reads up to the file. Its content is then what stands first in the buffer. */
static enum step_result read_fields(struct request *req)
{
    struct form *f = req->who.form;
    struct buf *b = &req->session->in;
    size_t used;

    for (;;) {
        enum step_result r = f->whole ? relay_take_whole_body(req) : relay_take_some_body(req);

        if (r == STEP_FAIL) return r;
        switch (post_form_read(&f->parsed, buf_plain(b), req->in.body.done, &used, &req->arena, &req->err)) {
        case FORM_INVALID: return STEP_FAIL;
        case FORM_FILE:
            if (r == STEP_WAIT && f->whole) return r;
            f->fields_bytes = used;
            b->start += used;
            f->file_bytes = post_form_expected(&f->parsed, req->in.head->content_length, used, true);
            return STEP_NEXT;
        case FORM_MORE:
            if (r == STEP_WAIT) return r;
            break;
        }
    }
}

/* ------------------------------------------------------------- the file on its way */

static enum err_code wrong_length(struct err *err)
{
    return err_set(err, ERR_FORM_MALFORMED, 0,
                   "The file must be the last part of a form of this size, and the form must end in CR LF.");
}

/* @rest: what is not known to be content, up to where the body has come, or (@last) ends. */
static enum err_code look_for_end(struct form *f, struct str rest, bool last, struct err *err)
{
    size_t n;

    TRY(post_form_content(&f->parsed, rest, last, &n, &f->ended, err));
    f->seen += n;
    f->pending = rest.n - n;
    return f->seen > f->file_bytes ? wrong_length(err) : ERR_NONE;
}

static enum err_code push_file(struct filter *filter, char *data, size_t *n, struct err *err)
{
    struct form *f = (struct form *)filter;
    size_t nobodys = *n; /* what follows the file */

    if (!f->ended) {
        TRY(look_for_end(f, str_make(data - f->pending, f->pending + *n), false, err));
        if (!f->ended) return ERR_NONE;
        if (f->pending < nobodys) nobodys = f->pending;
        f->pending -= nobodys;
    }
    *n -= nobodys;
    return ERR_NONE;
}

static enum err_code finish_file(struct filter *filter, const char *end, struct err *err)
{
    struct form *f = (struct form *)filter;

    if (!f->ended) TRY(look_for_end(f, str_make(end - f->pending, f->pending), true, err));
    return !f->whole && f->seen != f->file_bytes ? wrong_length(err) : ERR_NONE;
}

/* The file's last byte waits for the end of the form. */
static size_t held_file(const struct filter *filter)
{
    const struct form *f = (const struct form *)filter;

    return f->pending + (filter->finished ? 0 : 1);
}

/* From here on what stands in the client's buffer, and comes into it, is the file. */
static enum err_code begin_file(struct request *req)
{
    static const struct filter_ops ops = {.push = push_file, .finish = finish_file, .held = held_file};
    struct buf *b = &req->session->in;
    size_t n = b->mid - b->start;

    filters_add(&req->in.filters, &req->who.form->filter, &ops);
    TRY(filters_push(req->in.filters, b->mem + b->start, &n, &req->err));
    b->mid = b->start + n;
    return req->in.body.done ? filters_finish(req->in.filters, b->mem + b->mid, &req->err) : ERR_NONE;
}

/* ------------------------------------------------------------- who sends it */

/* How long the file is: found out, or as it should be. */
static enum step_result find_length(struct request *req)
{
    struct form *f = req->who.form;

    if (f->whole) f->file_bytes = FORM_NO_LENGTH;
    if (begin_file(req) != ERR_NONE) return STEP_FAIL;
    if (f->whole) f->file_bytes = f->seen;
    if (f->file_bytes != FORM_NO_LENGTH) return STEP_NEXT;
    return request_fail(req, ERR_FORM_MALFORMED, "The body ends before the file does.");
}

static enum step_result mismatch(struct request *req, struct str access_key, struct str signature)
{
    request_error_field(req, "AWSAccessKeyId", access_key);
    request_error_field(req, "StringToSign", req->who.form->auth.policy);
    request_error_field(req, "SignatureProvided", signature);
    return request_fail(req, ERR_SIG_MISMATCH, "signature of the form's policy");
}

static enum step_result check_sigv4(struct request *req)
{
    struct worker *w = req->worker;
    const struct post_form_auth *auth = &req->who.form->auth;
    const struct sigv4_auth *v4 = &auth->v4;
    int64_t signed_s, now_s = req->started_wall_us / 1000000;
    const struct hmac_key *key =
        sigv4_key(w->client_keys, w->digest, v4->access_key, str_from(req->who.caller_key->secret_access_key), v4->date,
                  v4->region, v4->service);
    char ours[SHA256_HEX];

    if (!key) return request_fail(req, ERR_NO_MEMORY, "signing key");
    req->who.signed_region = v4->region;
    sigv4_signature(w->digest, key, auth->policy, ours);
    if (!secret_equal(str_make(ours, sizeof(ours)), v4->signature)) return mismatch(req, v4->access_key, v4->signature);
    if (!sigv4_parse_date(auth->timestamp, &signed_s) || signed_s > now_s + AUTH_MAX_SKEW_S)
        return request_fail(req, ERR_URL_EARLY, "x-amz-date of the form");
    if (signed_s < now_s - KEY_DAYS * DAY_S) return request_fail(req, ERR_URL_EXPIRED, "x-amz-date of the form");
    return STEP_NEXT;
}

static enum step_result check_sigv2(struct request *req)
{
    const struct post_form_auth *auth = &req->who.form->auth;
    uint8_t mac[SHA1_BYTES];
    char ours[32];
    struct sbuf b = sbuf_make(ours, sizeof(ours));

    if (req->who.caller->terms->sigv2 == SIGV2_NO)
        return request_fail(req, ERR_SIGV2_OFF, "client %s signed a form with Version 2", req->who.caller->name);
    digest_hmac_sha1(req->worker->digest, str_from(req->who.caller_key->secret_access_key), auth->policy, mac);
    base64_encode(&b, mac, sizeof(mac));
    return secret_equal(sbuf_str(&b), auth->signature) ? STEP_NEXT : mismatch(req, auth->access_key, auth->signature);
}

/* A key of nobody's: the form goes on as it came, and S3 judges it. */
static enum step_result leave_to_s3(struct request *req)
{
    req->session->in.start -= req->who.form->fields_bytes;
    req->who.form = NULL;
    return STEP_NEXT;
}

static enum step_result check_signer(struct request *req)
{
    const struct post_form_auth *auth = &req->who.form->auth;
    struct post_policy policy;

    if ((auth->kind == FORM_SIGV4 ? check_sigv4(req) : check_sigv2(req)) != STEP_NEXT) return STEP_FAIL;
    if (post_policy_check(auth->policy, &req->who.form->parsed, req->in.bucket, req->started_wall_us / 1000000, &policy,
                          &req->err) != ERR_NONE)
        return STEP_FAIL;
    if (find_length(req) != STEP_NEXT) return STEP_FAIL;
    return post_policy_size(&policy, req->who.form->file_bytes, &req->err) == ERR_NONE ? STEP_NEXT : STEP_FAIL;
}

static enum step_result check_sender(struct request *req)
{
    struct post_form_auth *auth = &req->who.form->auth;

    if (post_form_auth(&req->who.form->parsed, auth, &req->err) != ERR_NONE) return STEP_FAIL;
    if (auth->kind == FORM_ANONYMOUS) {
        enum step_result r = auth_accept_unsigned(req);

        return r == STEP_NEXT ? find_length(req) : r;
    }
    req->who.auth = AUTH_FORM;
    if (auth_find_caller(req, auth->kind == FORM_SIGV4 ? auth->v4.access_key : auth->access_key) != STEP_NEXT)
        return STEP_FAIL;
    if (req->who.auth == AUTH_FOREIGN) return leave_to_s3(req);
    return check_signer(req);
}

/* From here on the request is a PutObject. */
static enum step_result aim_at_object(struct request *req, struct str key)
{
    struct sbuf path = arena_sbuf(&req->arena, req->in.bucket.n + key.n + 2);

    if (!req->in.host_style) {
        sbuf_char(&path, '/');
        sbuf_add(&path, req->in.bucket);
    }
    sbuf_char(&path, '/');
    sbuf_add(&path, key);
    if (path.overflow) return request_fail(req, ERR_NO_MEMORY, "path");
    req->in.path = sbuf_str(&path);
    req->in.key = key;
    req->in.query_n = 0;
    req->who.payload = PAYLOAD_UNSIGNED;
    return STEP_NEXT;
}

enum step_result form_check_caller(struct request *req)
{
    struct str key;
    enum step_result r;

    if (!req->who.form && begin(req) != STEP_NEXT) return STEP_FAIL;
    r = read_fields(req);
    if (r != STEP_NEXT) return r;
    if (post_form_key(&req->who.form->parsed, &key, &req->err) != ERR_NONE) return STEP_FAIL;
    r = check_sender(req);
    if (r != STEP_NEXT || req->who.auth == AUTH_FOREIGN) return r;
    return aim_at_object(req, key);
}
