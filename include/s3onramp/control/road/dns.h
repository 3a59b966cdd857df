/* SPDX-License-Identifier: Apache-2.0
 * dns.h: the addresses of one endpoint by its names in DNS: the regional one and those of its zones, both families,
 * asked again as their TTL says. Control thread; dns_judge and dns_zonal_name are pure.
 *
 * Fail closed: if one address of any answer is not private, none of that round is used. The last good answers stand
 * then, as when DNS fails: whoever can forge an answer can neither lead requests away nor stop them.
 */
#ifndef S3ONRAMP_CONTROL_ROAD_DNS_H
#define S3ONRAMP_CONTROL_ROAD_DNS_H

#include "config/config.h"
#include "control/road/resolver.h"

enum { DNS_NAME = 256, DNS_LEAST_MS = 5000, DNS_MOST_MS = 300000 };

/* One name in one family. */
struct dns_lookup {
    char name[DNS_NAME], zone[ADDRESS_ZONE];
    int family;
    struct dns_answer now;         /* of this round */
    struct netaddr v[ADDRESS_MAX]; /* last answer that had addresses */
    size_t n;                      /* all of them private */
};

/* What the answers come to. */
struct dns_view {
    enum dns_state state;
    struct {
        struct netaddr addr;
        char zone[ADDRESS_ZONE];
    } v[ADDRESS_MAX];
    size_t n;
    uint64_t wait_ms; /* until DNS is asked again, without jitter */
    char why[2 * ADDRESS_WHY];
};

/* "vpce-ID.s3.R.vpce.S" and zone "a" of Region R → "vpce-ID-Ra.s3.R.vpce.S". False: too long. */
MUST_CHECK bool dns_zonal_name(struct str name, struct str zone, struct str region, char out[DNS_NAME]);
/* The zone in an endpoint's name, without the Region; empty: a regional name. */
struct str dns_zone_of_name(struct str name, struct str region);
/* Takes the answers of a round over into the lookups, and judges. */
void dns_judge(const struct server_conf *server, const struct endpoint_conf *ep, struct dns_lookup *v, size_t n,
               struct dns_view *out);

struct dns;
/* Called after each round; @view is valid during the call. */
typedef void dns_changed_fn(void *arg, const struct dns_view *view);

MUST_CHECK enum err_code dns_new(struct loop *loop, const struct server_conf *server, const struct endpoint_conf *ep,
                                 dns_changed_fn *changed, void *arg, struct dns **out, struct err *err);
void dns_free(struct dns **d);
/* Goes on under other settings if they ask the same questions and would judge the answers alike; false: they do not,
 * and nothing was done. The settings before are still there during the call. */
MUST_CHECK bool dns_follow(struct dns *d, const struct server_conf *server, const struct endpoint_conf *ep);
/* Once a tick: asks when it is time. */
void dns_tick(struct dns *d, int64_t now_us);
int64_t dns_next_us(const struct dns *d);

#endif
