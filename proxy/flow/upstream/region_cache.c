/* SPDX-License-Identifier: Apache-2.0
 * region_cache.c: see region_cache.h. A map for finding, a list in the order of use for forgetting.
 */
#include "flow/upstream/region_cache.h"

#include "base/list.h"
#include "base/map.h"

#include <stdlib.h>

struct entry {
    struct list_link use;
    uint8_t bucket_n, region_n;
    char bucket[REGION_BUCKET_MAX], region[REGION_MAX];
};

struct region_cache {
    struct map by_bucket;
    struct list use;       /* first: used last */
    struct entry *entries; /* owned */
    size_t entries_n;
};

struct region_cache *region_cache_new(size_t entries)
{
    struct region_cache *c = calloc(1, sizeof(*c));

    if (!c) return NULL;
    map_init(&c->by_bucket);
    list_init(&c->use);
    c->entries_n = entries;
    c->entries = calloc(entries, sizeof(*c->entries));
    if (!c->entries || !map_reserve(&c->by_bucket, entries)) region_cache_free(&c);
    return c;
}

void region_cache_free(struct region_cache **c)
{
    if (!*c) return;
    map_clear(&(*c)->by_bucket);
    free((*c)->entries);
    free(*c);
    *c = NULL;
}

static struct str bucket_of(const struct entry *e)
{
    return str_make(e->bucket, e->bucket_n);
}

static void use_now(struct region_cache *c, struct entry *e)
{
    list_remove(&e->use);
    list_add_first(&c->use, &e->use);
}

struct str region_cache_get(struct region_cache *c, struct str bucket)
{
    struct entry *e = map_get(&c->by_bucket, bucket);

    if (!e) return STR_NONE;
    use_now(c, e);
    return str_make(e->region, e->region_n);
}

/* A free entry, or the one not used for longest. */
static struct entry *make_room(struct region_cache *c)
{
    struct entry *oldest;

    if (c->by_bucket.n < c->entries_n) return &c->entries[c->by_bucket.n];
    oldest = CONTAINER_OF(list_last(&c->use), struct entry, use);
    (void)map_remove(&c->by_bucket, bucket_of(oldest));
    return oldest;
}

static struct entry *add(struct region_cache *c, struct str bucket)
{
    struct entry *e = make_room(c);

    memcpy(e->bucket, bucket.p, bucket.n);
    e->bucket_n = (uint8_t)bucket.n;
    bool put = map_put(&c->by_bucket, bucket_of(e), e);
    ASSERT(put); /* there is room for all of them since the beginning */
    return e;
}

void region_cache_put(struct region_cache *c, struct str bucket, struct str region)
{
    struct entry *e;

    if (!bucket.n || bucket.n > REGION_BUCKET_MAX || !region.n || region.n > REGION_MAX) return;
    e = map_get(&c->by_bucket, bucket);
    if (!e) e = add(c, bucket);
    memcpy(e->region, region.p, region.n);
    e->region_n = (uint8_t)region.n;
    use_now(c, e);
}
