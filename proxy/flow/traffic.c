/* SPDX-License-Identifier: Apache-2.0
 * traffic.c: see traffic.h. Rows stand in chunks that never move, in the order in which they were made; a reader sees
 * those that the number of rows covers. The index that finds them is the owner's alone.
 */
#include "flow/traffic.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = 256,
    CHUNKS = TRAFFIC_ROWS / CHUNK,
    RESERVE = 256, /* rows for what is left to TRAFFIC_OTHER, by address */
    INDEX = 2 * TRAFFIC_ROWS,
};

struct row {
    struct traffic_key key;
    _Atomic uint64_t v[TRAFFIC_SLOTS];
};

struct traffic_table {
    _Atomic size_t rows_n;
    struct row *chunks[CHUNKS]; /* owned */
    struct hash_key hash;
    uint16_t index[INDEX]; /* number of a row, from 1; 0: none */
};

struct traffic {
    size_t n;
    struct traffic_table *tables[]; /* owned */
};

const char *traffic_slot_name(enum traffic_slot slot)
{
    static const char *const names[] = {
#define X(name, word, meaning) word,
        TRAFFIC_TABLE(X)
#undef X
    };

    return names[slot];
}

struct traffic *traffic_new(size_t n)
{
    struct traffic *t = calloc(1, sizeof(*t) + n * sizeof(t->tables[0]));

    if (!t) return NULL;
    for (; t->n < n; t->n++) {
        t->tables[t->n] = calloc(1, sizeof(struct traffic_table));
        if (!t->tables[t->n]) {
            traffic_free(&t);
            return NULL;
        }
        hash_key_random(&t->tables[t->n]->hash);
    }
    return t;
}

void traffic_free(struct traffic **tp)
{
    struct traffic *t = *tp;

    *tp = NULL;
    if (!t) return;
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = 0; k < CHUNKS; k++)
            free(t->tables[i]->chunks[k]);
        free(t->tables[i]);
    }
    free(t);
}

struct traffic_table *traffic_table(struct traffic *t, size_t i)
{
    return t->tables[i];
}

/* ------------------------------------------------------------------- counting */

static struct row *row_at(const struct traffic_table *t, size_t i)
{
    return &t->chunks[i / CHUNK][i % CHUNK];
}

/* What tells keys apart: the zone goes with the address until it is told anew. */
static bool same(const struct traffic_key *a, const struct traffic_key *b)
{
    return a->principal == b->principal && a->endpoint == b->endpoint && a->address == b->address &&
           strcmp(a->bucket, b->bucket) == 0 && strcmp(a->zone, b->zone) == 0;
}

static size_t hash_of(const struct hash_key *hash, const struct traffic_key *key)
{
    char text[sizeof(*key)];
    size_t bucket = strlen(key->bucket), zone = strlen(key->zone);
    uint32_t numbers[3] = {key->principal, key->endpoint, key->address};

    memcpy(text, numbers, sizeof(numbers));
    memcpy(text + sizeof(numbers), key->bucket, bucket);
    memcpy(text + sizeof(numbers) + bucket, key->zone, zone);
    return hash_keyed(hash, str_make(text, sizeof(numbers) + bucket + zone));
}

/* The row of @key; NULL: there is none, and *@at is where it goes in the index. */
static struct row *find(const struct traffic_table *t, const struct traffic_key *key, size_t *at)
{
    for (*at = hash_of(&t->hash, key) & (INDEX - 1); t->index[*at]; *at = (*at + 1) & (INDEX - 1)) {
        struct row *r = row_at(t, t->index[*at] - 1u);

        if (same(&r->key, key)) return r;
    }
    return NULL;
}

/* NULL: there are @most rows, or there is no memory. */
static struct row *make(struct traffic_table *t, const struct traffic_key *key, size_t at, size_t most)
{
    size_t n = atomic_load_explicit(&t->rows_n, memory_order_relaxed);
    struct row **chunk;

    if (n >= most) return NULL;
    chunk = &t->chunks[n / CHUNK];
    if (!*chunk) *chunk = calloc(CHUNK, sizeof(**chunk));
    if (!*chunk) return NULL;
    row_at(t, n)->key = *key;
    t->index[at] = (uint16_t)(n + 1);
    atomic_store_explicit(&t->rows_n, n + 1, memory_order_release);
    return row_at(t, n);
}

static struct row *find_or_make(struct traffic_table *t, const struct traffic_key *key, size_t most)
{
    size_t at;
    struct row *r = find(t, key, &at);

    return r ? r : make(t, key, at, most);
}

static struct row *row_of(struct traffic_table *t, const struct traffic_key *key, bool vouched)
{
    struct traffic_key less = *key;
    size_t at;
    struct row *r = find(t, key, &at);

    if (!r && !vouched) {
        less.bucket[0] = '\0';
        r = find(t, &less, &at);
    }
    if (!r) r = make(t, &less, at, TRAFFIC_ROWS - RESERVE);
    if (r) return r;
    less.principal = 0;
    memcpy(less.bucket, TRAFFIC_OTHER, sizeof(TRAFFIC_OTHER));
    r = find_or_make(t, &less, TRAFFIC_ROWS - 1);
    if (r) return r;
    less = (struct traffic_key){.bucket = TRAFFIC_OTHER};
    return find_or_make(t, &less, TRAFFIC_ROWS);
}

void traffic_add(struct traffic_table *t, const struct traffic_key *key, bool vouched, enum traffic_slot slot,
                 uint64_t n)
{
    struct row *r = row_of(t, key, vouched);

    if (!r) return;
    atomic_store_explicit(&r->v[slot], atomic_load_explicit(&r->v[slot], memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* ------------------------------------------------------------------- rows */

size_t traffic_tables(const struct traffic *t)
{
    return t->n;
}

size_t traffic_rows(const struct traffic *t, size_t i)
{
    return atomic_load_explicit(&t->tables[i]->rows_n, memory_order_acquire);
}

const struct traffic_key *traffic_row_key(const struct traffic *t, size_t i, size_t row)
{
    return &row_at(t->tables[i], row)->key;
}

uint64_t traffic_row_value(const struct traffic *t, size_t i, size_t row, enum traffic_slot slot)
{
    return atomic_load_explicit(&row_at(t->tables[i], row)->v[slot], memory_order_relaxed);
}

/* ------------------------------------------------------------------- adding up */

static struct traffic_key reduced(const struct traffic_key *key, unsigned by)
{
    struct traffic_key k = *key;

    if (!(by & TRAFFIC_BY_CLIENT)) k.principal = 0;
    if (!(by & TRAFFIC_BY_BUCKET)) k.bucket[0] = '\0';
    if (!(by & TRAFFIC_BY_ADDRESS)) {
        k.address = 0;
        k.address_text[0] = '\0';
    }
    if (!(by & (TRAFFIC_BY_ZONE | TRAFFIC_BY_ADDRESS))) {
        k.endpoint = 0;
        k.zone[0] = '\0';
    }
    return k;
}

struct adder {
    struct hash_key hash;
    struct traffic_sum *v;
    size_t n, most, index_n; /* index_n: a power of two */
    uint32_t *index;         /* as of a table */
};

static void add_row(struct adder *a, const struct row *r, unsigned by)
{
    struct traffic_key key = reduced(&r->key, by);
    size_t at = hash_of(&a->hash, &key) & (a->index_n - 1);

    while (a->index[at] && !same(&a->v[a->index[at] - 1].key, &key))
        at = (at + 1) & (a->index_n - 1);
    if (!a->index[at] && a->n == a->most) return; /* made just now: it is there the next time */
    if (!a->index[at]) {
        a->v[a->n] = (struct traffic_sum){.key = key};
        a->index[at] = (uint32_t)++a->n;
    }
    for (size_t i = 0; i < TRAFFIC_SLOTS; i++)
        a->v[a->index[at] - 1].v[i] += atomic_load_explicit(&r->v[i], memory_order_relaxed);
}

static void add_tables(struct adder *a, const struct traffic *t, unsigned by)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t n = atomic_load_explicit(&t->tables[i]->rows_n, memory_order_acquire);

        for (size_t k = 0; k < n; k++)
            add_row(a, row_at(t->tables[i], k), by);
    }
}

size_t traffic_sum(const struct traffic *t, unsigned by, struct traffic_sum **out)
{
    struct adder a = {.most = 1, .index_n = 64};
    bool fine;

    for (size_t i = 0; i < t->n; i++)
        a.most += atomic_load_explicit(&t->tables[i]->rows_n, memory_order_relaxed);
    while (a.index_n < 2 * a.most)
        a.index_n *= 2;
    a.v = malloc(a.most * sizeof(*a.v));
    a.index = calloc(a.index_n, sizeof(*a.index));
    hash_key_random(&a.hash);
    fine = a.v && a.index;
    if (fine) add_tables(&a, t, by);
    free(a.index);
    if (!fine) {
        free(a.v);
        a.v = NULL;
    }
    *out = a.v;
    return fine ? a.n : SIZE_MAX;
}
