/* SPDX-License-Identifier: Apache-2.0
 * map.c: see map.h. Open addressing with linear probing, at most seven eighths full; what is removed is closed by
 * moving its followers up, so that there are no tombstones. Source: Knuth, TAOCP vol. 3, 6.4, algorithms L and R.
 */
#include "base/map.h"

#include "base/secret.h"
#include "base/thread.h"

#include <stdlib.h>

struct map_slot {
    const char *key; /* borrowed */
    uint32_t key_n;
    uint32_t hash; /* lower half of it */
    void *value;   /* borrowed; NULL: empty slot */
};

/* ---- hash ---- */

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

void hash_key_random(struct hash_key *key)
{
    secret_random(key, sizeof(*key));
}

static uint64_t word_at(const char *p)
{
    uint64_t word = 0;

    for (size_t i = 0; i < sizeof word; i++)
        word |= (uint64_t)(uint8_t)p[i] << 8 * i;
    return word;
}

uint64_t hash_keyed(const struct hash_key *key, struct str s)
{
    uint64_t v[4] = {key->k[0] ^ UINT64_C(0x736f6d6570736575), key->k[1] ^ UINT64_C(0x646f72616e646f6d),
                     key->k[0] ^ UINT64_C(0x6c7967656e657261), key->k[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)s.n << 56;
    size_t i = 0;

    for (; s.n - i >= sizeof last; i += sizeof last)
        sip_word(v, word_at(s.p + i));
    for (size_t j = 0; i + j < s.n; j++)
        last |= (uint64_t)(uint8_t)s.p[i + j] << 8 * j;
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- map ---- */

void map_init(struct map *m)
{
    *m = (struct map){.slots = NULL};
    hash_key_random(&m->key);
}

void map_clear(struct map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->slots_n = m->n = 0;
}

/* The slot of @key, or the empty one where it would stand; there is always an empty one. */
static struct map_slot *find(const struct map *m, struct str key, uint32_t hash)
{
    size_t mask = m->slots_n - 1;

    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &m->slots[i];
        if (!slot->value || (slot->hash == hash && str_eq(str_make(slot->key, slot->key_n), key))) return slot;
    }
}

static bool has_room(size_t slots_n, size_t n)
{
    return n <= slots_n / 8 * 7;
}

bool map_reserve(struct map *m, size_t n)
{
    struct map old = *m;
    size_t slots_n = old.slots_n ? old.slots_n : 8;

    if (m->slots && has_room(m->slots_n, n)) return true;
    while (!has_room(slots_n, n)) {
        if (slots_n > UINT32_MAX / 2) return false; /* hashes are of 32 bits */
        slots_n *= 2;
    }
    struct map_slot *slots = calloc(slots_n, sizeof(*slots));
    if (!slots) return false;
    m->slots = slots;
    m->slots_n = slots_n;
    for (size_t i = 0; i < old.slots_n; i++, thread_makes_way())
        if (old.slots[i].value)
            *find(m, str_make(old.slots[i].key, old.slots[i].key_n), old.slots[i].hash) = old.slots[i];
    free(old.slots);
    return true;
}

bool map_put(struct map *m, struct str key, void *value)
{
    uint32_t hash = (uint32_t)hash_keyed(&m->key, key);

    ASSERT(value && key.n <= UINT32_MAX);
    struct map_slot *slot = m->slots ? find(m, key, hash) : NULL;
    if (!slot || !slot->value) {
        if (!map_reserve(m, m->n + 1)) return false;
        slot = find(m, key, hash);
        m->n++;
    }
    *slot = (struct map_slot){key.p, (uint32_t)key.n, hash, value};
    return true;
}

void *map_get(const struct map *m, struct str key)
{
    return m->n > 0 ? find(m, key, (uint32_t)hash_keyed(&m->key, key))->value : NULL;
}

/* Closes the gap at @gap: each follower that a search from its own place would no longer reach moves into it. */
static void close_gap(struct map *m, size_t gap)
{
    size_t mask = m->slots_n - 1;

    for (size_t i = (gap + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask)) continue;
        m->slots[gap] = m->slots[i];
        gap = i;
    }
    m->slots[gap] = (struct map_slot){.value = NULL};
}

void *map_remove(struct map *m, struct str key)
{
    struct map_slot *slot = m->n > 0 ? find(m, key, (uint32_t)hash_keyed(&m->key, key)) : NULL;
    void *value = slot ? slot->value : NULL;

    if (!value) return NULL;
    close_gap(m, (size_t)(slot - m->slots));
    m->n--;
    return value;
}

void *map_next(const struct map *m, size_t *at)
{
    while (*at < m->slots_n) {
        struct map_slot *slot = &m->slots[(*at)++];
        if (slot->value) return slot->value;
    }
    return NULL;
}
