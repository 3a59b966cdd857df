/* SPDX-License-Identifier: Apache-2.0
 * choice.c: see choice.h.
 */
#include "flow/upstream/choice.h"

enum { LEAST_SHARE = 10 };

unsigned choice_share(int64_t warm_us, int64_t slow_start_us, int64_t now_us)
{
    int64_t percent;

    if (warm_us == 0 || slow_start_us <= 0 || now_us - warm_us >= slow_start_us) return 100;
    percent = now_us <= warm_us ? 0 : (now_us - warm_us) * 100 / slow_start_us;
    return percent < LEAST_SHARE ? LEAST_SHARE : (unsigned)percent;
}

/* Lower is better; each class only when the ones before it are used up. */
static unsigned class_of(const struct choice *c, const struct choice_request *r)
{
    bool trial = c->state == ADDRESS_HALF_OPEN && c->mine == 0 && !r->has_body;

    if (c->state == ADDRESS_DOWN) return 3;
    if (c->avoided || c->state == ADDRESS_SUSPECT) return 2;
    if (c->state == ADDRESS_HALF_OPEN && !trial) return 1;
    return 0;
}

static bool is_usable(const struct choice *c, const struct choice_request *r)
{
    return !c->barred && !c->tried && (!r->max_in_flight || c->in_flight < r->max_in_flight);
}

/* The preferred zone takes everything once one of its addresses can bear it: one that only warms up shares with the
 * other zones meanwhile. */
static bool zone_holds(const struct choice *v, size_t n, const struct choice_request *r)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].preferred && v[i].share == 100 && is_usable(&v[i], r) && class_of(&v[i], r) == 0) return true;
    return false;
}

/* True if @a should take the request rather than @b. */
static bool is_better(const struct choice *a, const struct choice *b, const struct choice_request *r, bool zone)
{
    unsigned class_a = class_of(a, r), class_b = class_of(b, r);

    if (class_a != class_b) return class_a < class_b;
    if (zone && a->preferred != b->preferred) return a->preferred;
    return (a->in_flight + 1) * b->share < (b->in_flight + 1) * a->share;
}

enum choice_result choice_pick(const struct choice *v, size_t n, const struct choice_request *r, size_t *at)
{
    const struct choice *best = NULL;
    bool full = false, zone = zone_holds(v, n, r);

    for (size_t i = 0; i < n; i++) {
        size_t k = (r->turn + i) % n;

        if (!is_usable(&v[k], r)) {
            full = full || (!v[k].barred && !v[k].tried && v[k].state != ADDRESS_DOWN);
            continue;
        }
        if (best && !is_better(&v[k], best, r, zone)) continue;
        best = &v[k];
        *at = k;
    }
    if (full && (!best || best->state == ADDRESS_DOWN)) return CHOICE_FULL;
    return best ? CHOICE_FOUND : CHOICE_NONE;
}
