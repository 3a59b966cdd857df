/* SPDX-License-Identifier: Apache-2.0
 * health.c: see health.h.
 */
#include "control/road/health.h"

void health_init(struct health *h, int64_t now_us)
{
    *h = (struct health){.state = ADDRESS_UP, .since_us = now_us, .next_probe_us = now_us};
    memcpy(h->why, "not probed yet", sizeof("not probed yet"));
}

/* The one way from state to state. */
static void set_state(struct health *h, enum address_state to, int64_t now_us)
{
    static const bool allowed[4][4] = {
        [ADDRESS_UP] = {[ADDRESS_SUSPECT] = true, [ADDRESS_DOWN] = true},
        [ADDRESS_SUSPECT] = {[ADDRESS_UP] = true, [ADDRESS_DOWN] = true},
        [ADDRESS_DOWN] = {[ADDRESS_HALF_OPEN] = true, [ADDRESS_UP] = true},
        [ADDRESS_HALF_OPEN] = {[ADDRESS_UP] = true, [ADDRESS_DOWN] = true},
    };

    if (h->state == to) return;
    ASSERT(allowed[h->state][to]);
    if (to == ADDRESS_UP) h->warm_us = h->state == ADDRESS_SUSPECT ? h->warm_us : now_us;
    h->state = to;
    h->since_us = now_us;
}

static void set_why(struct health *h, const char *why)
{
    struct sbuf b = sbuf_make(h->why, sizeof(h->why) - 1);

    sbuf_add(&b, str_head(str_from(why), sizeof(h->why) - 1));
    h->why[b.n] = '\0';
}

static void fail(struct health *h, const struct health_rules *r, uint64_t n, int64_t now_us)
{
    h->successes = 0;
    h->failures += n;
    if (h->state == ADDRESS_HALF_OPEN || h->failures >= r->fall)
        set_state(h, ADDRESS_DOWN, now_us);
    else if (h->state == ADDRESS_UP)
        set_state(h, ADDRESS_SUSPECT, now_us);
    if (h->state == ADDRESS_SUSPECT && h->next_probe_us > now_us) h->next_probe_us = now_us; /* find out at once */
}

static void succeed(struct health *h, const struct health_rules *r, int64_t now_us)
{
    h->failures = 0;
    h->successes++;
    if (h->state == ADDRESS_SUSPECT ||
        ((h->state == ADDRESS_DOWN || h->state == ADDRESS_HALF_OPEN) && h->successes >= r->rise))
        set_state(h, ADDRESS_UP, now_us);
    else if (h->state == ADDRESS_DOWN)
        set_state(h, ADDRESS_HALF_OPEN, now_us);
}

static int64_t next_probe(const struct health *h, const struct health_rules *r, unsigned jitter, int64_t now_us)
{
    bool doubt = h->state == ADDRESS_SUSPECT || h->state == ADDRESS_HALF_OPEN;
    int64_t ms = (int64_t)r->interval_ms;

    if (doubt && ms > HEALTH_DOUBT_MS) ms = HEALTH_DOUBT_MS;
    return now_us + ms * 900 + ms * 200 * (int64_t)jitter / 1024;
}

bool health_probed(struct health *h, const struct health_rules *r, const char *why, bool certificate, unsigned jitter,
                   int64_t now_us)
{
    const struct health before = *h;

    if (why) {
        /* No further proof is needed: the next handshake will see the same certificate. */
        fail(h, r, certificate ? r->fall : 1, now_us);
        h->barred = h->barred || certificate;
    } else {
        h->barred = false;
        succeed(h, r, now_us);
    }
    set_why(h, why ? why : "");
    h->next_probe_us = next_probe(h, r, jitter, now_us);
    return before.state != h->state || before.barred != h->barred || strcmp(before.why, h->why) != 0;
}

bool health_observed(struct health *h, const struct health_rules *r, uint64_t failures, uint64_t successes,
                     enum address_fault fault, int64_t now_us)
{
    const struct health before = *h;
    bool works = successes > 0 && !h->barred;

    if (failures) {
        if (works) h->failures = 0;
        fail(h, r, fault == FAULT_CERTIFICATE ? r->fall : works ? 1 : failures, now_us);
        if (fault == FAULT_CERTIFICATE) h->barred = true;
        set_why(h, address_fault_name(fault));
    } else if (works && h->state != ADDRESS_DOWN) {
        if (h->state != ADDRESS_UP) set_why(h, "");
        succeed(h, r, now_us);
    }
    return before.state != h->state || before.barred != h->barred || strcmp(before.why, h->why) != 0;
}
