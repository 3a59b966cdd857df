/* SPDX-License-Identifier: Apache-2.0
 * ca_scope.h: what the local authority may speak for: the names of S3 in the Regions of the configured endpoints, and
 * the listeners' own names and addresses. Whoever steals its key can speak for nobody else. Source: RFC 5280 4.2.1.10
 * (name constraints).
 */
#ifndef S3ONRAMP_IO_CA_SCOPE_H
#define S3ONRAMP_IO_CA_SCOPE_H

#include "base/arena.h"
#include "config/config.h"

enum { CA_SCOPE_NAMES = 2048, CA_SCOPE_ADDRESSES = 256, CA_SCOPE_ALONE = 2 };

struct ca;

struct ca_scope {
    struct arena arena;
    const char *dns[CA_SCOPE_NAMES]; /* each with all names below it; in the arena */
    size_t dns_n;
    const char *alone[CA_SCOPE_ALONE]; /* of dns: without the names below */
    size_t alone_n;
    struct netblock ip[CA_SCOPE_ADDRESSES];
    size_t ip_n;
    bool full; /* more than there is room for */
};

/* Of @s. An address "all" stands for those that this machine has now. */
void ca_scope_init(struct ca_scope *scope, const struct settings *s);
/* S3's names in a Region that no endpoint serves (yet). False if @region is none. */
MUST_CHECK bool ca_scope_add_region(struct ca_scope *scope, struct str region);
void ca_scope_clear(struct ca_scope *scope);
/* May @ca speak for more than these, S3's names in further Regions aside? Then @example says for what: "amazonaws.com".
 */
bool ca_scope_exceeded(const struct ca_scope *scope, const struct ca *ca, char *example, size_t n);

#endif
