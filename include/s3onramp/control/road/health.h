/* SPDX-License-Identifier: Apache-2.0
 * health.h: how one address is, judged from probes and from what requests saw. Pure: time is a parameter. The picture
 * of the states is in flow/upstream/address.h.
 *
 * Times, with the defaults (probe_interval 5s, probe_timeout 2s, fall 3, rise 2, slow_start 10s): an address that dies
 * is down after at most 14 s even if no request goes there (a probe, and two more a second apart, 2 s each), and
 * avoided by each worker from its first failed request on. One that comes back gets requests after at most 5.5 s, or
 * 6.5 s if a probe was being lost just then (half-open), is up a second later, and has its full share 10 s after that.
 */
#ifndef S3ONRAMP_CONTROL_ROAD_HEALTH_H
#define S3ONRAMP_CONTROL_ROAD_HEALTH_H

#include "flow/upstream/address.h"

enum { HEALTH_DOUBT_MS = 1000 }; /* between probes while an address is suspect or half-open */

struct health_rules {
    uint64_t interval_ms, fall, rise;
};

struct health {
    enum address_state state;
    bool barred; /* the certificate is wrong */
    int64_t since_us, warm_us, next_probe_us;
    uint64_t failures, successes; /* in a row */
    char why[ADDRESS_WHY];
};

/* Up, with a probe due at once: an address is used as soon as it is known. */
void health_init(struct health *h, int64_t now_us);
/* A probe ended. @why: NULL: it succeeded. @certificate: it failed because of the certificate. @jitter: 0..1023, where
 * in the tenth around the interval the next one comes. True: state, barred or why changed. */
bool health_probed(struct health *h, const struct health_rules *r, const char *why, bool certificate, unsigned jitter,
                   int64_t now_us);
/* Since the last call requests saw @failures (the last kind is @fault) and @successes. Successes beside failures prove
 * that the address is not down, but do not take a doubt away. True: as above. */
bool health_observed(struct health *h, const struct health_rules *r, uint64_t failures, uint64_t successes,
                     enum address_fault fault, int64_t now_us);

#endif
