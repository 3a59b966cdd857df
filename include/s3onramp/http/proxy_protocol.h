/* SPDX-License-Identifier: Apache-2.0
 * proxy_protocol.h: the header with which a load balancer says, before the first byte of a connection, where the
 * connection really comes from. Pure; any thread. Owns nothing.
 * Source: haproxy, doc/proxy-protocol.txt: 2.1 (version 1, text), 2.2 (version 2, binary).
 */
#ifndef S3ONRAMP_HTTP_PROXY_PROTOCOL_H
#define S3ONRAMP_HTTP_PROXY_PROTOCOL_H

#include "base/err.h"
#include "base/netaddr.h"

enum { PROXY_HEADER_MAX = 4096 + 16 }; /* longest that is taken; version 1 ends within 107 bytes */

enum proxy_header_result { PROXY_HEADER_MORE, PROXY_HEADER_DONE, PROXY_HEADER_BAD };

struct proxy_header {
    size_t bytes;          /* how long the header is */
    bool told;             /* it tells addresses; false: LOCAL, UNKNOWN or no TCP, the socket's own ones hold */
    struct netaddr source; /* if told */
};

/* @p: all bytes of the connection so far, @n of them; may hold more than the header. PROXY_HEADER_BAD: these bytes
 * are not, and will not become, a header; @err says why (ERR_BAD_REQUEST). Says so at the first wrong byte of the
 * signature. Type-length-value parts are checked for their lengths and skipped. */
MUST_CHECK enum proxy_header_result proxy_header_parse(const char *p, size_t n, struct proxy_header *out,
                                                       struct err *err);

#endif
