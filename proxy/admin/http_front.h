/* SPDX-License-Identifier: Apache-2.0
 * http_front.h: HTTP as a way to what a running proxy shows (http_route.h), at the addresses of [admin] listen; only
 * GET and HEAD, only commands that change nothing. Control thread.
 *
 * HTTP is read by http/head.h and TLS is io/conn.h's, as for clients. libevent's evhttp is not used: it has no limit of
 * connections (2.1), its times are those between two bytes, it speaks without TLS when there is no memory for TLS, and
 * it would be a second parser.
 *
 * Bounds: 256 connections, beyond which the one that has been without a question for longest ends; a head of 8 KiB
 * within 10 s, a TLS handshake likewise; 64 KiB of an answer wait at a time, and must be taken within 30 s; a kept
 * connection ends after 65 s.
 */
#ifndef S3ONRAMP_ADMIN_HTTP_FRONT_H
#define S3ONRAMP_ADMIN_HTTP_FRONT_H

#include "http_call.h"

struct http_front;

/* @call: what each call begins as. @routes: those there are; borrowed. Nothing listens yet. NULL: out of memory. */
MUST_CHECK struct http_front *http_front_new(const struct admin_call *call, const struct http_routes *routes);
void http_front_free(struct http_front **f); /* cuts what runs; NULL is fine */
/* Listens where the newest settings say, from now on; what stays is not disturbed. A socket that cannot be had is told
 * in the log. */
void http_front_follow(struct http_front *f);
/* Another process listens there: what is asked here gets its answer, then all ends. */
void http_front_leave(struct http_front *f);

#endif
