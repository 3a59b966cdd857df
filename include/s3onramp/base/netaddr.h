/* SPDX-License-Identifier: Apache-2.0
 * netaddr.h: IP addresses with ports, blocks of them, and which of them are private. Pure values; any thread.
 * Source: RFC 1918, RFC 4193, RFC 6598 (private and shared address space), RFC 4291 (IPv6), RFC 4632 (CIDR).
 */
#ifndef S3ONRAMP_BASE_NETADDR_H
#define S3ONRAMP_BASE_NETADDR_H

#include "base/str.h"

#include <netinet/in.h>

/* An IP address and port. */
struct netaddr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } u;
    socklen_t len;
};
enum { NETADDR_TEXT = 56 }; /* "[v6]:port" and NUL */
/* "10.0.0.1", "10.0.0.1:443", "[fd00::1]:443", "fd00::1"; @default_port if none. No names, no DNS. */
MUST_CHECK bool netaddr_parse(struct str s, unsigned default_port, struct netaddr *out);
/* "10.0.0.1:443" / "[fd00::1]:443" into @out. */
void netaddr_format(const struct netaddr *a, char out[NETADDR_TEXT]);
unsigned netaddr_port(const struct netaddr *a);

/* CIDR block. */
struct netblock {
    struct netaddr base;
    unsigned bits;
};
MUST_CHECK bool netblock_parse(struct str s, struct netblock *out);
bool netblock_has(const struct netblock *b, const struct netaddr *a);
/* RFC 1918, RFC 4193, RFC 6598. Not loopback, link-local, or anything else. IPv4-mapped IPv6 addresses are judged as
 * IPv4. */
bool netaddr_is_private(const struct netaddr *a);
bool netaddr_is_loopback(const struct netaddr *a);                        /* 127.0.0.0/8, ::1 */
bool netaddr_is_any(const struct netaddr *a);                             /* 0.0.0.0, :: */
bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);     /* address and port */
bool netaddr_same_host(const struct netaddr *a, const struct netaddr *b); /* the address alone */
/* A number for whom an address belongs to: its own for IPv4 (also mapped), one for a whole IPv6 /64, in which a host
 * takes what addresses it likes; link-local ones, which share theirs, go by the interface. */
uint64_t netaddr_site(const struct netaddr *a);

#endif
