/* SPDX-License-Identifier: Apache-2.0
 * region_cache.c: see region_cache.h. A hash table with chains, and a ring in the order of use. The hash has a random
 * key: names are chosen by clients, who must not be able to make the chains long.
 */
#include "flow/upstream/region_cache.h"

#include "base/secret.h"

#include <stdlib.h>

struct entry {
    struct entry *chain;
    struct entry *prev, *next; /* ring in the order of use */
    uint8_t bucket_n, region_n;
    char bucket[REGION_BUCKET_MAX], region[REGION_MAX];
};

struct region_cache {
    struct entry use;       /* the ring's anchor: .next was used last */
    struct entry **buckets; /* owned */
    struct entry *entries;  /* owned */
    size_t entries_n, used_n, mask;
    uint64_t key[2];
};

struct region_cache *region_cache_new(size_t entries)
{
    struct region_cache *c = calloc(1, sizeof(*c));
    size_t n = 1;

    if (!c) return NULL;
    while (n < entries)
        n *= 2;
    c->mask = n - 1;
    c->entries_n = entries;
    c->buckets = calloc(n, sizeof(*c->buckets));
    c->entries = calloc(entries, sizeof(*c->entries));
    c->use.prev = c->use.next = &c->use;
    secret_random(c->key, sizeof(c->key));
    if (!c->buckets || !c->entries) region_cache_free(&c);
    return c;
}

void region_cache_free(struct region_cache **c)
{
    if (!*c) return;
    free((*c)->buckets);
    free((*c)->entries);
    free(*c);
    *c = NULL;
}

/* Multiply and fold with a random key. */
static size_t slot_of(const struct region_cache *c, struct str bucket)
{
    uint64_t h = c->key[0];

    for (size_t i = 0; i < bucket.n; i++) {
        h = (h ^ (uint8_t)bucket.p[i]) * (c->key[1] | 1);
        h ^= h >> 29;
    }
    return (size_t)(h >> 7) & c->mask;
}

static struct entry **find(struct region_cache *c, struct str bucket)
{
    struct entry **e = &c->buckets[slot_of(c, bucket)];

    while (*e && !str_eq(str_make((*e)->bucket, (*e)->bucket_n), bucket))
        e = &(*e)->chain;
    return e;
}

static void unlink_use(struct entry *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
}

static void use_now(struct region_cache *c, struct entry *e)
{
    e->prev = &c->use;
    e->next = c->use.next;
    e->prev->next = e->next->prev = e;
}

struct str region_cache_get(struct region_cache *c, struct str bucket)
{
    struct entry *e = bucket.n <= REGION_BUCKET_MAX ? *find(c, bucket) : NULL;

    if (!e) return STR_NONE;
    unlink_use(e);
    use_now(c, e);
    return str_make(e->region, e->region_n);
}

/* A free entry, or the one not used for longest. */
static struct entry *make_room(struct region_cache *c)
{
    struct entry *e = c->use.prev;
    struct entry **in_chain;

    if (c->used_n < c->entries_n) return &c->entries[c->used_n++];
    in_chain = find(c, str_make(e->bucket, e->bucket_n));
    *in_chain = e->chain;
    unlink_use(e);
    return e;
}

void region_cache_put(struct region_cache *c, struct str bucket, struct str region)
{
    struct entry *e;

    if (!bucket.n || bucket.n > REGION_BUCKET_MAX || !region.n || region.n > REGION_MAX) return;
    e = *find(c, bucket);
    if (e) {
        unlink_use(e);
    } else {
        struct entry **at;

        e = make_room(c);
        memcpy(e->bucket, bucket.p, bucket.n);
        e->bucket_n = (uint8_t)bucket.n;
        at = &c->buckets[slot_of(c, bucket)];
        e->chain = *at;
        *at = e;
    }
    memcpy(e->region, region.p, region.n);
    e->region_n = (uint8_t)region.n;
    use_now(c, e);
}
