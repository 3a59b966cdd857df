/* SPDX-License-Identifier: Apache-2.0
 * reply.c: see reply.h. Heads are always written anew from parsed fields, never copied.
 */
#include "flow/reply.h"

#include "aws/s3/location.h"
#include "base/clock.h"
#include "flow/body/form.h"
#include "flow/router.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "flow/worker.h"

#include <stdio.h>
#include <time.h>

enum { DRAIN_MAX = 256 * 1024, ERROR_MAX = 96 * 1024 };

/* After a final answer while the client's body is not through: read a small rest away, else close. */
static void decide_close(struct request *req)
{
    if (!req->in.head) {
        req->reply.client_closes = true;
    } else if (!req->in.body.done) {
        req->reply.drain =
            !req->in.head->expect_continue && req->in.body.kind == BODY_LENGTH && req->in.body.left <= DRAIN_MAX;
        if (!req->reply.drain) req->reply.client_closes = true;
    }
}

static void put_connection(struct request *req, struct sbuf *b)
{
    if (req->worker->leaving) req->reply.client_closes = true;
    if (req->reply.client_closes) head_put(b, STR("Connection"), STR("close"));
}

/* By which name the client speaks to us. */
static struct str session_scheme(const struct request *req)
{
    if (req->in.uri.form == URI_ABSOLUTE) return req->in.uri.scheme;
    return req->session->tls ? STR("https") : STR("http");
}

/* Location of the answer, as the client sees things. 303 is left alone: S3 answers it to a form that says itself where
 * to go on. */
static enum location_result map_location(struct request *req, struct str location, struct sbuf *out)
{
    bool redirect = head_is_redirect(req->relay.answer->status);
    const struct location_view view = {
        .scheme = session_scheme(req),
        .authority = req->in.authority,
        .name = &req->in.s3,
        .bucket = req->in.bucket,
        .host_style = req->in.host_style && req->in.bucket.n,
        .upstream = str_from(req->route.endpoint->host),
        .region = str_from(req->route.endpoint->region),
        .redirect = redirect,
    };

    if (!redirect && req->relay.answer->status / 100 != 2) return LOCATION_UNCHANGED;
    *out = arena_sbuf(&req->arena, location.n + view.authority.n + 16);
    return location_map(location, &view, out);
}

/* What the client can do about a bucket that is in @region. */
enum step_result reply_refuse_region(struct request *req, struct str region)
{
    const struct endpoint_conf *ep = settings_endpoint_for_region(request_settings(req), region);
    const struct listener_conf *l = req->session->listener;
    const char *advice = "No endpoint of this proxy serves that Region; its administrator can add one.";

    if (ep && req->in.own_name && !l->endpoint)
        advice = "This proxy serves that Region, too: sign the request for it (--region).";
    else if (ep)
        advice = "This proxy serves that Region, too, but not under this name: use the Region's own.";
    return request_fail(req, ERR_OTHER_REGION, "The bucket is in Region %.*s, and this request went to %s. %s",
                        STR_ARG(str_head(region, 64)), req->route.endpoint->region, advice);
}

/* A forward listener leads to every S3 name, so its clients may follow S3's redirects. To those of an endpoint listener
 * they would name a public address, which they cannot or must not reach. S3's 301 has no Location at all, and the
 * public name in its document. */
enum step_result reply_check_redirect(struct request *req)
{
    const struct headers *all = &req->relay.answer->headers;
    const struct header *location = headers_find(all, HDR_LOCATION);
    struct sbuf ignored;

    if (req->session->listener->mode != LISTENER_ENDPOINT || !head_is_redirect(req->relay.answer->status))
        return STEP_NEXT;
    if (location && map_location(req, location->value, &ignored) != LOCATION_AWAY) return STEP_NEXT;
    if (req->route.other_region.n) return reply_refuse_region(req, req->route.other_region);
    return request_fail(req, ERR_OTHER_REGION,
                        "S3 sends this request on from Region %s%s%.*s, where this listener does not lead: use the "
                        "Region of the bucket.",
                        req->route.endpoint->region, location ? " to " : " elsewhere",
                        STR_ARG(str_head(location ? location->value : STR_NONE, 256)));
}

enum step_result reply_check_bucket(struct request *req, struct str code)
{
    if (!req->in.own_name || !req->in.host_style || req->in.s3.service != S3_BUCKETS) return STEP_NEXT;
    if (!str_eq(code, STR("NoSuchBucket")) || !s3_like_access_point(req->in.bucket)) return STEP_NEXT;
    request_error_field(req, "BucketName", req->in.bucket);
    return request_fail(req, ERR_NO_BUCKET,
                        "The specified bucket does not exist. If %.*s is an access point, use its alias as bucket, or "
                        "accesspoint.%.*s as endpoint in place of %.*s.",
                        STR_ARG(req->in.bucket), STR_ARG(str_tail(req->in.host, req->in.bucket.n + 1)),
                        STR_ARG(str_tail(req->in.host, req->in.bucket.n + 1)));
}

/* PutObject has no content in its answer; if there is any, nobody wants it. */
static void drop_content(struct request *req)
{
    if (req->relay.answer_body.done) return;
    req->relay.answer->keep_alive = false;
    body_init(&req->relay.answer_body, BODY_NONE, 0);
}

static struct str bucket_url(struct request *req)
{
    struct str scheme = session_scheme(req), authority = req->in.authority;
    struct sbuf url = arena_sbuf(&req->arena, scheme.n + authority.n + 3 * req->in.bucket.n + 8);

    sbuf_printf(&url, "%.*s://%.*s", STR_ARG(scheme), STR_ARG(authority));
    if (!req->in.host_style) {
        sbuf_char(&url, '/');
        uri_encode(&url, req->in.bucket, false);
    }
    return sbuf_str(&url);
}

/* The answer to a form, with all of its content, made of that to PutObject. */
static struct str form_answer(struct request *req)
{
    const struct head_response *a = req->relay.answer;
    const struct header *etag = headers_find(&a->headers, HDR_ETAG);
    struct post_form_object object = {bucket_url(req), req->in.bucket, req->in.key, etag ? etag->value : STR_NONE};
    struct sbuf location = arena_sbuf(&req->arena, FORM_ANSWER_BYTES),
                body = arena_sbuf(&req->arena, FORM_ANSWER_BYTES);
    struct sbuf b;

    req->reply.status = post_form_answer(&req->who.form->parsed, &object, &location, &body);
    b = arena_sbuf(&req->arena, 512 + a->raw.n + location.n + body.n);
    decide_close(req);
    drop_content(req);
    req->relay.answer_framer = (struct framer){0};
    head_put_status_line(&b, req->reply.status, STR_NONE);
    for (size_t i = 0; i < a->headers.n; i++) {
        const struct header *h = &a->headers.v[i];

        if (h->id == HDR_VIA || h->id == HDR_LOCATION || h->id == HDR_CONTENT_LENGTH || h->id == HDR_CONTENT_TYPE ||
            headers_drops(&a->headers, h))
            continue;
        head_put(&b, h->name, h->value);
    }
    head_put(&b, STR("Location"), sbuf_str(&location));
    head_put(&b, STR("Via"), STR("1.1 s3onramp"));
    if (body.n) head_put(&b, STR("Content-Type"), STR("application/xml"));
    if (req->reply.status != 204) head_put_u64(&b, STR("Content-Length"), body.n);
    put_connection(req, &b);
    head_put_end(&b);
    sbuf_add(&b, sbuf_str(&body));
    return b.overflow || location.overflow || body.overflow ? STR_NONE : sbuf_str(&b);
}

/* Ends here, or is not true of what is passed: a list of buckets is shorter than it came. */
static bool is_left_out(const struct request *req, const struct header *h)
{
    return h->id == HDR_VIA || (h->id == HDR_CONTENT_LENGTH && req->relay.bucket_list) ||
           headers_drops(&req->relay.answer->headers, h);
}

static bool has_unknown_length(const struct request *req)
{
    enum body_kind body = req->relay.answer->body;

    return body == BODY_CHUNKED || body == BODY_UNTIL_CLOSE || req->relay.bucket_list;
}

/* The endpoint's answer under a head of our own. */
static struct str passed_head(struct request *req)
{
    const struct head_response *a = req->relay.answer;
    const struct header *location = headers_find(&a->headers, HDR_LOCATION);
    struct sbuf mapped = {0};
    bool maps = location && map_location(req, location->value, &mapped) == LOCATION_MAPPED;
    size_t n = 512 + a->raw.n + mapped.n;
    struct sbuf b = arena_sbuf(&req->arena, n);
    bool unknown_length = has_unknown_length(req);

    req->reply.status = a->status;
    decide_close(req);
    req->relay.answer_framer = (struct framer){.chunked = unknown_length && req->in.head->minor == 1};
    if (unknown_length && req->in.head->minor == 0) req->reply.client_closes = true;
    head_put_status_line(&b, a->status, a->reason);
    for (size_t i = 0; i < a->headers.n; i++) {
        const struct header *h = &a->headers.v[i];

        if (is_left_out(req, h)) continue;
        head_put(&b, h->name, h == location && maps ? sbuf_str(&mapped) : h->value);
    }
    head_put(&b, STR("Via"), STR("1.1 s3onramp"));
    if (req->relay.answer_framer.chunked) head_put(&b, STR("Transfer-Encoding"), STR("chunked"));
    put_connection(req, &b);
    head_put_end(&b);
    arena_trim(&req->arena, &b);
    return b.overflow || mapped.overflow ? STR_NONE : sbuf_str(&b);
}

struct str reply_head(struct request *req)
{
    return req->who.form && req->relay.answer->status / 100 == 2 ? form_answer(req) : passed_head(req);
}

/* Best effort: an interim answer that does not fit is no loss. */
static void put_interim(struct request *req, struct str bytes)
{
    size_t took;

    if (req->in.head->minor == 0) return; /* RFC 9110 15.2: HTTP/1.0 knows no 1xx */
    if (conn_write(&req->session->conn, bytes.p, bytes.n, &took) == CONN_OK && took != bytes.n)
        conn_break(&req->session->conn, "an interim answer was cut");
    req->reply.interim_sent = true;
}

void reply_interim(struct request *req, const struct head_response *head, struct arena *mem)
{
    struct sbuf b = arena_sbuf(mem, head->raw.n + 64);

    head_put_status_line(&b, head->status, head->reason);
    for (size_t i = 0; i < head->headers.n; i++)
        if (!headers_drops(&head->headers, &head->headers.v[i]))
            head_put(&b, head->headers.v[i].name, head->headers.v[i].value);
    head_put_end(&b);
    if (!b.overflow) put_interim(req, sbuf_str(&b));
}

void reply_continue(struct request *req)
{
    req->reply.continue_sent = true;
    put_interim(req, STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void put_date(struct sbuf *b)
{
    char text[40];
    time_t now = (time_t)(clock_wall_us() / 1000000);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    head_put(b, STR("Date"), str_from(text));
}

/* Of a tunnel that passes through, the host is whatever its client asked for. */
static const char *text_of(const struct request *req)
{
    if (req->tunnel && req->tunnel->via && req->tunnel->via->is_parent) {
        if (req->err.code == ERR_UPSTREAM_CONNECT)
            return "The site's own proxy could not be reached. Please try again.";
        if (req->err.code == ERR_UPSTREAM_TIMEOUT) return "The site's own proxy did not answer in time.";
    }
    if (req->tunnel && req->err.code == ERR_UPSTREAM_CONNECT) return "The host could not be reached. Please try again.";
    if (req->tunnel && req->err.code == ERR_UPSTREAM_TIMEOUT)
        return "The host could not be reached in time. Please try again.";
    return err_info(req->err.code)->text;
}

struct str reply_message(const struct request *req)
{
    if (req->told.n) return req->told;
    if ((err_info(req->err.code)->tell & TELL_DETAIL) && req->err.detail[0]) return str_from(req->err.detail);
    return str_from(text_of(req));
}

/* S3's own sentence for what S3 would refuse, too: there are programs that look for it. */
static bool is_s3s_sentence(const struct request *req, struct str message)
{
    const struct err_info *info = err_info(req->err.code);

    return info->blame == BLAME_CLIENT && !(info->tell & TELL_OWN) && message.p == info->text;
}

/* Most clients show no more than the message: the request's id in it leads to the line in the log. */
static struct str message_with_id(struct request *req)
{
    struct str message = reply_message(req);
    struct sbuf b = arena_sbuf(&req->arena, message.n + sizeof(req->id) + 16);

    if (!req->started_us || is_s3s_sentence(req, message)) return message;
    sbuf_printf(&b, "%.*s (request %s)", STR_ARG(message), req->id);
    return b.overflow ? message : sbuf_str(&b);
}

/* Reason phrases are all that many clients show of a refused CONNECT. Printable ASCII only. */
static struct str reason_of(struct request *req, struct str message)
{
    struct sbuf b = arena_sbuf(&req->arena, 200);

    for (size_t i = 0; i < message.n && b.n + 1 < b.cap; i++)
        sbuf_char(&b, message.p[i] >= ' ' && message.p[i] < 0x7f ? message.p[i] : '?');
    return sbuf_str(&b);
}

static void put_plain_error(struct request *req, struct sbuf *b, const struct err_info *info, struct str message)
{
    head_put_status_line(b, (unsigned)info->http_status, reason_of(req, message));
    put_date(b);
    head_put(b, STR("Server"), STR("s3onramp"));
    if (req->err.code == ERR_PROXY_AUTH)
        head_put(b, STR("Proxy-Authenticate"), STR("Basic realm=\"s3onramp\", charset=\"UTF-8\""));
    head_put(b, STR("Content-Type"), STR("text/plain; charset=utf-8"));
    head_put_u64(b, STR("Content-Length"), message.n + 1);
    put_connection(req, b);
    head_put_end(b);
    if (request_method_id(req) == METHOD_HEAD) return;
    sbuf_add(b, message);
    sbuf_char(b, '\n');
}

void reply_page(struct request *req, unsigned status, struct str type, struct str cache, struct str content)
{
    struct sbuf b = arena_sbuf(&req->arena, 1024 + content.n);
    size_t took;

    decide_close(req);
    head_put_status_line(&b, status, STR_NONE);
    put_date(&b);
    head_put(&b, STR("Server"), STR("s3onramp"));
    head_put(&b, STR("Cache-Control"), cache);
    head_put(&b, STR("Content-Type"), type);
    head_put_u64(&b, STR("Content-Length"), content.n);
    put_connection(req, &b);
    head_put_end(&b);
    if (req->in.head->method_id != METHOD_HEAD) sbuf_add(&b, content);
    req->reply.status = status;
    req->reply.answered = true;
    if (b.overflow || conn_write(&req->session->conn, b.p, b.n, &took) != CONN_OK || took != b.n)
        req->reply.broken = true;
}

/* Where the bucket is, or where we would look for it. */
static struct str bucket_region(const struct request *req)
{
    const struct endpoint_conf *ep = router_endpoint(req);
    struct str known = region_cache_get(req->worker->regions, req->in.bucket);

    if (known.n) return known;
    return ep ? str_from(ep->region) : STR_NONE;
}

/* SDKs look for it to sign again. S3 tells it to everybody who asks with HEAD for a bucket, with a signature or
 * without: tools that know a bucket's name only find its Region so. */
static void put_bucket_region(struct request *req, struct sbuf *b)
{
    bool asks =
        req->in.head && req->in.head->method_id == METHOD_HEAD && req->in.bucket.n && req->in.s3.service == S3_BUCKETS;
    struct str region = STR_NONE;

    if (req->err.code == ERR_OTHER_REGION)
        region = req->route.other_region;
    else if (asks && err_info(req->err.code)->blame == BLAME_CLIENT)
        region = bucket_region(req);
    if (region.n) head_put(b, STR("x-amz-bucket-region"), region);
}

/* A page whose browser sent Origin may read what went wrong; there is nothing in it that the sender could not see. */
static void put_cors(const struct request *req, struct sbuf *b)
{
    enum { ORIGIN_MAX = 512 };
    const struct header *origin = req->in.head ? headers_find_name(&req->in.head->headers, STR("origin")) : NULL;

    if (!origin || !origin->value.n || origin->value.n > ORIGIN_MAX) return;
    head_put(b, STR("Access-Control-Allow-Origin"), origin->value);
    head_put(b, STR("Access-Control-Expose-Headers"), STR("x-amz-request-id, x-amz-id-2, x-amz-bucket-region, Date"));
    head_put(b, STR("Vary"), STR("Origin"));
}

/* SDKs wait longer each time, by their own rules; other programs should wait at all. */
static void put_retry_after(struct sbuf *b, const struct err_info *info)
{
    if (strcmp(info->s3_code, "SlowDown") == 0) head_put(b, STR("Retry-After"), STR("1"));
}

static void put_s3_error(struct request *req, struct sbuf *b, const struct err_info *info, struct str message)
{
    struct sbuf xml = arena_sbuf(&req->arena, ERROR_MAX);

    s3_error_document(&xml, info->s3_code, message, req->error_fields, req->error_fields_n, request_asked_path(req),
                      str_from(req->id), STR("s3onramp"));
    if (xml.overflow) { /* fields that a client made enormous are left out */
        xml.n = 0;
        xml.overflow = false;
        s3_error_document(&xml, info->s3_code, message, NULL, 0, STR_NONE, str_from(req->id), STR("s3onramp"));
    }
    head_put_status_line(b, (unsigned)info->http_status, STR_NONE);
    head_put(b, STR("x-amz-request-id"), str_from(req->id));
    head_put(b, STR("x-amz-id-2"), STR("s3onramp"));
    put_date(b);
    head_put(b, STR("Server"), STR("s3onramp"));
    head_put(b, STR("Content-Type"), STR("application/xml"));
    put_bucket_region(req, b);
    put_cors(req, b);
    put_retry_after(b, info);
    if (req->err.code == ERR_METHOD) head_put(b, STR("Allow"), STR("GET, HEAD, PUT, POST, DELETE, OPTIONS"));
    head_put_u64(b, STR("Content-Length"), xml.n);
    put_connection(req, b);
    head_put_end(b);
    if (request_method_id(req) != METHOD_HEAD) sbuf_add(b, sbuf_str(&xml));
}

/* RFC 8446 6.2, RFC 6066 3. */
static char alert_of(enum err_code code)
{
    enum { UNEXPECTED_MESSAGE = 10, DECODE_ERROR = 50, INTERNAL_ERROR = 80, UNRECOGNIZED_NAME = 112 };

    switch (code) {
    case ERR_HOST_REFUSED: return UNRECOGNIZED_NAME;
    case ERR_TLS_UNWANTED: return UNEXPECTED_MESSAGE;
    case ERR_CLIENT_TLS: return DECODE_ERROR;
    default: return INTERNAL_ERROR;
    }
}

/* A client that waits for a ServerHello understands nothing else. RFC 8446 6: level fatal. */
static void put_alert(const struct request *req, struct sbuf *b)
{
    sbuf_add(b, STR("\x15\x03\x03\x00\x02\x02"));
    sbuf_char(b, alert_of(req->err.code));
}

/* What follows a CONNECT was meant for a tunnel that is not there. A wrong or missing password may be followed by
 * another try where nothing goes without. */
static bool ends_connection(const struct request *req)
{
    bool connect = req->in.head && req->in.head->method_id == METHOD_CONNECT;
    bool may_try_again = req->err.code == ERR_PROXY_AUTH && req->session->listener->proxy_auth == PROXY_AUTH_REQUIRED;

    return (connect && !may_try_again) || (err_info(req->err.code)->tell & TELL_ENDS);
}

void reply_error(struct request *req)
{
    const struct err_info *info = err_info(req->err.code);
    bool plain = request_method_id(req) == METHOD_CONNECT || (info->tell & TELL_PLAIN);
    struct str message = message_with_id(req);
    struct sbuf b;
    size_t took;

    if (!req->id[0]) memcpy(req->id, "-", 2);
    decide_close(req);
    if (ends_connection(req)) req->reply.client_closes = true;
    b = arena_sbuf(&req->arena, ERROR_MAX + 4096);
    if (req->session->at_hello)
        put_alert(req, &b);
    else if (plain)
        put_plain_error(req, &b, info, message);
    else
        put_s3_error(req, &b, info, message);
    req->reply.status = (unsigned)info->http_status;
    req->reply.answered = true;
    if (b.overflow || conn_write(&req->session->conn, b.p, b.n, &took) != CONN_OK || took != b.n)
        req->reply.broken = true;
}
