/* SPDX-License-Identifier: Apache-2.0
 * http.h: the one door to libcurl: small HTTP requests for credentials, on the control thread's loop (its multi
 * interface). Answers are bounded, redirects are not followed, proxies of the environment do not count unless asked
 * for, idle connections are few and shared only by calls with the same address, name and authorities. Memory of
 * libcurl's is wiped when it is freed. Control thread.
 */
#ifndef S3ONRAMP_KEYS_HTTP_H
#define S3ONRAMP_KEYS_HTTP_H

#include "base/err.h"
#include "base/netaddr.h"
#include "io/loop.h"

enum {
    HTTP_ANSWER_MAX = 256 * 1024,
    HTTP_HEAD_MAX = 64 * 1024,
    HTTP_HEADERS_MAX = 16,
    HTTP_WHY = 256,
    HTTP_HOST = 256
};

/* All borrowed until http_start returns, the body and the headers, too. */
struct http_request {
    const char *method;                   /* "GET", "PUT", "POST" */
    const char *url;                      /* https, or http if allowed; no user name in it */
    bool allow_plain;                     /* http:// is taken: metadata services, loopback */
    struct str headers[HTTP_HEADERS_MAX]; /* "Name: value"; may hold secrets; refused with CR, LF, NUL or no value */
    size_t headers_n;
    struct str body;               /* of POST and PUT; may be empty */
    uint64_t timeout_ms;           /* from the start to the answer's end; not 0 */
    uint64_t connect_timeout_ms;   /* of these, for name, connection and TLS; 0: as long as there is time */
    const struct netaddr *address; /* connect there instead of what DNS says; NULL: DNS */
    const char *ca_file;           /* NULL: the system's; else these authorities alone */
    bool environment_proxy;
};

/* Valid during the callback; wiped afterwards. */
struct http_answer {
    unsigned status; /* 0: no answer; @why tells */
    struct str body;
    struct str content_type; /* without parameters, as sent; "" if none */
    int64_t date_s;          /* of the Date header, Unix; 0: none */
    int64_t retry_after_s;   /* -1: none */
    bool timed_out;          /* with status 0 */
    bool sent;               /* there was a connection and the request went out, at least its beginning */
    bool begun;              /* and some of an answer came */
    char why[HTTP_WHY];      /* of status 0, an answer that was cut or too long included: "HOST: what happened" */
};

typedef void http_done_fn(void *arg, const struct http_answer *answer);

struct http;
struct http_call;

MUST_CHECK enum err_code http_new(struct loop *loop, struct http **out, struct err *err);
/* Calls that run end without a callback. From within a callback, too: its answer is valid until it returns. */
void http_free(struct http **h);
/* @done is called once, never from within. NULL: it could not begin, @err says why (no secret, no path of the URL);
 * @done is not called. */
MUST_CHECK struct http_call *http_start(struct http *h, const struct http_request *r, http_done_fn *done, void *arg,
                                        struct err *err);
/* @done is not called any more. Nulls *@c; NULL is fine, and so is, from within @done, the call that just ended. */
void http_cancel(struct http_call **c);

/* A URL as it would be connected to. */
struct http_url {
    char host[HTTP_HOST]; /* IPv6 without brackets; any form of an IPv4 address as four numbers */
    unsigned port;
    bool https;
};
/* http and https only. ERR_CONFIG with the reason, not the URL, in @err. */
MUST_CHECK enum err_code http_url_parse(const char *url, struct http_url *out, struct err *err);

#endif
