/* SPDX-License-Identifier: Apache-2.0
 * http_impl.h: what http.c (libcurl on the loop) and http_request.c (how a call is set up) share.
 */
#ifndef S3ONRAMP_CONTROL_HTTP_IMPL_H
#define S3ONRAMP_CONTROL_HTTP_IMPL_H

#include "keys/http.h"

#include <curl/curl.h>

enum { HTTP_PLACE = 96 };

struct http_call {
    struct http *http; /* borrowed */
    struct http_call *prev, *next;
    CURL *easy;                              /* owned */
    struct curl_slist *headers, *connect_to; /* owned */
    char *request_body;                      /* owned, wiped */
    size_t request_n;
    char *body; /* owned, wiped */
    size_t n, cap;
    size_t head_n;          /* bytes of the answer's head so far */
    bool too_long;          /* head or body */
    char place[HTTP_PLACE]; /* host, and port if it is not the usual one; for messages */
    char error[CURL_ERROR_SIZE];
    http_done_fn *done;
    void *arg;
};

/* Judges @r and gives @c's easy handle all that it needs except where the answer goes. */
MUST_CHECK enum err_code http_request_set_up(struct http_call *c, const struct http_request *r, struct err *err);
/* Wipes and frees what http_request_set_up made. */
void http_request_clear(struct http_call *c);

#endif
