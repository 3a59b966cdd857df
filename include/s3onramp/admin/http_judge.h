/* SPDX-License-Identifier: Apache-2.0
 * http_judge.h: may this be asked over HTTP, and what is it? Pure; any thread; borrows everything.
 * Sources: RFC 9110, RFC 6750 (Bearer). Host is looked at because of DNS rebinding: a web page whose name comes to mean
 * our address would read what its own origin shows.
 */
#ifndef S3ONRAMP_ADMIN_HTTP_JUDGE_H
#define S3ONRAMP_ADMIN_HTTP_JUDGE_H

#include "admin/http_route.h"
#include "config/config.h"
#include "http/head.h"

struct http_asked {
    const struct http_route *route;
    struct str command;          /* of the route: what follows its path; empty: nothing does */
    struct str query;            /* raw */
    struct str accept;           /* the value of Accept; empty: whatever there is */
    struct str host;             /* HOST[:PORT] that it was asked by; empty: none was said */
    const struct netaddr *local; /* where the connection came in */
    bool head_only;              /* HEAD */
};

/* @routes: those there are. @local: where the connection came in. 200: *@out says what; else the status that says why
 * not: 400, 401 (no token, or another one), 404, 405 (only GET and HEAD), 413 (no content is taken), 421 (Host is not
 * ours). */
MUST_CHECK unsigned http_judge(const struct head_request *r, const struct admin_conf *conf, const struct netaddr *local,
                               const struct http_routes *routes, struct http_asked *out);

enum { HTTP_NAMES = 2048 };
/* "ADDRESS,localhost,NAME": under what we may be asked at @local; lower case, for certificates, too. Returns @out. */
const char *http_names(const struct admin_conf *conf, const struct netaddr *local, char out[HTTP_NAMES]);
/* Is @name (lower case, without port) one of @names? */
bool http_names_have(struct str names, struct str name);

#endif
