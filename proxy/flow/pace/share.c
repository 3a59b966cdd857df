/* SPDX-License-Identifier: Apache-2.0
 * share.c: see share.h.
 */
#include "flow/pace/share.h"

#include <stdlib.h>

enum { MANY_OWNERS = 256 };

/* Where each kind is counted. */
static const struct {
    enum stats_group group;
    unsigned limited, paced;
    size_t owners; /* that take turns at it */
} kinds[] = {
    [STANDING_PRINCIPAL] = {STATS_OF_PRINCIPAL, STATS_PRINCIPAL_LIMITED, STATS_PRINCIPAL_PACED_US, 1},
    [STANDING_GROUP] = {STATS_OF_GROUP, STATS_GROUP_LIMITED, STATS_GROUP_PACED_US, MANY_OWNERS},
    [STANDING_LISTENER] = {STATS_OF_LISTENER, STATS_LISTENER_LIMITED, STATS_LISTENER_PACED_US, MANY_OWNERS},
    [STANDING_LINE] = {STATS_OF_LINE, STATS_LINE_LIMITED, STATS_LINE_PACED_US, MANY_OWNERS},
};

void shares_init(struct shares *s, struct quotas *quotas, struct loop *loop, size_t worker, struct stats_block *stats)
{
    *s = (struct shares){.quotas = quotas, .stats = stats};
    pacers_init(&s->pacers, loop, worker);
    map_init(&s->by_key);
}

static void share_free(struct share *share)
{
    for (size_t i = 0; i < QUOTA_RATES_N; i++)
        pacer_clear(&share->rates[i]);
    free(share);
}

void shares_clear(struct shares *s)
{
    size_t at = 0;
    struct share *share;

    while ((share = map_next(&s->by_key, &at)))
        share_free(share);
    map_clear(&s->by_key);
}

static struct str key_text(const uint64_t *key)
{
    return str_make((const char *)key, sizeof(*key));
}

static void init_rates(struct shares *s, struct share *share)
{
    _Atomic uint64_t *row = stats_row(s->stats, kinds[share->kind].group, share->id);

    for (size_t i = 0; i < QUOTA_RATES_N; i++) {
        struct pacer *p = &share->rates[i];

        pacer_init(p, &s->pacers, share->quota->rates[i], kinds[share->kind].owners,
                   i == QUOTA_REQUESTS ? 1 : QUOTA_TURN_BYTES);
        p->waited_us = &row[kinds[share->kind].paced];
    }
}

/* NULL: out of memory. */
static struct share *add(struct shares *s, enum standing_kind kind, uint32_t id)
{
    struct quota *quota = quotas_get(s->quotas, kind, id);
    struct share *share = quota ? calloc(1, sizeof(*share)) : NULL;

    if (!share) return NULL;
    *share = (struct share){.quota = quota, .kind = kind, .id = id};
    init_rates(s, share);
    if (map_put(&s->by_key, key_text(&quota->key), share)) return share;
    share_free(share);
    return NULL;
}

struct share *shares_get(struct shares *s, enum standing_kind kind, uint32_t id, const struct limits_conf *conf)
{
    uint64_t key = quota_key(kind, id);
    struct share *share = map_get(&s->by_key, key_text(&key));

    if (!share) share = add(s, kind, id);
    if (share) quota_set(share->quota, conf);
    return share;
}

void share_note(struct shares *s, const struct share *share, enum stats_limit limit)
{
    stats_add(stats_row(s->stats, kinds[share->kind].group, share->id), kinds[share->kind].limited + limit, 1);
}
