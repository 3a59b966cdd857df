/* SPDX-License-Identifier: Apache-2.0
 * resolver.h: the one door to c-ares: asks DNS servers for addresses, on an event loop. Control thread.
 * Why c-ares and not libevent's evdns: it tells the TTL of each address, goes over to TCP when an answer is cut, reads
 * resolv.conf as libc does, and libevent_extra stays out (its parsers had several holes).
 */
#ifndef S3ONRAMP_CONTROL_ROAD_RESOLVER_H
#define S3ONRAMP_CONTROL_ROAD_RESOLVER_H

#include "flow/upstream/address.h"
#include "io/loop.h"

enum dns_result { DNS_ANSWERED, DNS_NO_DATA, DNS_NO_NAME, DNS_NO_ANSWER };

struct dns_answer {
    enum dns_result result;
    struct netaddr v[ADDRESS_MAX]; /* port 0 */
    size_t n;                      /* > 0 with DNS_ANSWERED */
    uint32_t ttl_s;                /* the least of them */
    char why[80];                  /* otherwise, in words */
};

typedef void dns_answer_fn(void *arg, const struct dns_answer *answer);

struct resolver;

/* @servers: none: those of /etc/resolv.conf. Copied. */
MUST_CHECK enum err_code resolver_new(struct loop *loop, const struct netaddr *servers, size_t servers_n,
                                      struct resolver **out, struct err *err);
/* No callback is called any more. */
void resolver_free(struct resolver **r);
/* Reads resolv.conf anew; only while nothing is asked. False: the system's settings cannot be used. */
MUST_CHECK bool resolver_renew(struct resolver *r, struct err *err);
/* @family: AF_INET or AF_INET6. @done is called once, perhaps at once. @name: complete, no search list is used. */
void resolver_ask(struct resolver *r, const char *name, int family, dns_answer_fn *done, void *arg);

#endif
