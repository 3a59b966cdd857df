/* SPDX-License-Identifier: Apache-2.0
 * curl_loop.h: libcurl's multi interface on the control thread's event loop. Control thread only.
 * One multi; callbacks call no multi function; a transfer ends with its done callback or with curl_loop_abandon.
 */
#ifndef S3ONRAMP_CONTROL_CURL_LOOP_H
#define S3ONRAMP_CONTROL_CURL_LOOP_H

#include "base/err.h"
#include "io/loop.h"

#include <curl/curl.h>

struct curl_loop;

/* @easy is removed from the multi already; the callee may start it again or clean it up. */
typedef void curl_done_fn(CURL *easy, CURLcode result, void *arg);

MUST_CHECK enum err_code curl_loop_new(struct loop *loop, struct curl_loop **out, struct err *err);
/* Takes a running transfer out, without a callback; @easy stays its owner's. */
void curl_loop_abandon(struct curl_loop *cl, CURL *easy);
/* No transfer may run any more. */
void curl_loop_free(struct curl_loop **cl);
/* A handle with what every transfer here has: https only, no proxy from the environment, no signals, no redirects.
 * NULL: out of memory. */
MUST_CHECK CURL *curl_loop_easy(struct curl_loop *cl);
MUST_CHECK enum err_code curl_loop_start(struct curl_loop *cl, CURL *easy, curl_done_fn *done, void *arg,
                                         struct err *err);

#endif
