/* SPDX-License-Identifier: Apache-2.0
 * map.h: a hash map from strings to pointers, and the keyed hash it stands on. The hash has a random key, so that
 * nobody who chooses names can make them collide. A map may be read by any thread while none changes it.
 */
#ifndef S3ONRAMP_BASE_MAP_H
#define S3ONRAMP_BASE_MAP_H

#include "base/str.h"

struct hash_key {
    uint64_t k[2];
};

void hash_key_random(struct hash_key *key);
/* SipHash-1-3. Source: Aumasson, Bernstein, "SipHash: a fast short-input PRF". */
uint64_t hash_keyed(const struct hash_key *key, struct str s);

struct map_slot;

/* Its memory moves when it grows, never the keys and the values: it only borrows them. */
struct map {
    struct map_slot *slots; /* owned; NULL: nothing was put yet */
    size_t slots_n;         /* a power of two */
    size_t n;               /* entries */
    struct hash_key key;
};

void map_init(struct map *m);
/* Frees the map's own memory; it is empty then and may be used again. A zeroed map is fine. */
void map_clear(struct map *m);
/* Makes room for @n entries, so that the next puts up to that number cannot fail. False: no memory. */
MUST_CHECK bool map_reserve(struct map *m, size_t n);
/* @key stands for @value (not NULL) from now on; what it stood for is replaced, together with the borrowed key. @key
 * lives as long as its entry, is shorter than 4 GiB, and usually stands inside @value. False: no memory, nothing
 * changed. */
MUST_CHECK bool map_put(struct map *m, struct str key, void *value);
/* NULL: not there. */
void *map_get(const struct map *m, struct str key);
/* What @key stood for, or NULL: it was not there. */
void *map_remove(struct map *m, struct str key);
/* The value at or after *@at (0 to begin with), in no order that means anything; NULL at the end. The map must not
 * change meanwhile. */
void *map_next(const struct map *m, size_t *at);

#endif
