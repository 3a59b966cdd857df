/* SPDX-License-Identifier: Apache-2.0
 * http_route.h: what stands where in the HTTP front. Control thread.
 *
 * A path in three steps: a function void NAME(struct http_call *), its row in http_route.c, a test in
 * tests/e2e/test_admin_http.py. It calls http_reply once, at once or later, as commands do (command.h).
 */
#ifndef S3ONRAMP_ADMIN_HTTP_ROUTE_H
#define S3ONRAMP_ADMIN_HTTP_ROUTE_H

#include "admin/command.h"

struct http_call;

enum http_reader {
    HTTP_EVERYBODY, /* by any name of ours, without the token: it tells nothing that a stranger may not know */
    HTTP_KNOWN      /* who has the token, if there is one */
};

struct http_route {
    const char *path;
    bool is_folder; /* it stands for all that begins with it: a command's name follows */
    enum http_reader reader;
    void (*run)(struct http_call *c);
    const char *help; /* a sentence */
};

struct http_routes {
    const struct http_route *v;
    size_t n;
};

/* All there are: http_route.c. */
extern const struct http_routes http_routes;

#endif
