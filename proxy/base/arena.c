/* SPDX-License-Identifier: Apache-2.0
 * arena.c: a bump allocator for what lives as long as one request. One thread. Owns its blocks.
 * Under AddressSanitizer all bytes that are not handed out are poisoned, so that a use after arena_reset is found.
 */
#include "base/arena.h"

#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { ALIGNMENT = 16 };

struct arena_block {
    struct arena_block *next; /* owned */
    size_t used, cap;
    _Alignas(ALIGNMENT) char bytes[];
};

static size_t round_up(size_t n)
{
    return (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void arena_init(struct arena *a, size_t block_bytes, size_t limit_bytes)
{
    *a = (struct arena){.block_bytes = round_up(block_bytes ? block_bytes : 1), .limit_bytes = limit_bytes};
}

static struct arena_block *block_new(size_t cap)
{
    struct arena_block *block = malloc(sizeof(*block) + cap);

    if (!block) return NULL;
    block->next = NULL;
    block->used = 0;
    block->cap = cap;
    POISON(block->bytes, cap);
    return block;
}

/* The first block always has the configured size, whatever is asked for first: it is the one that is kept. */
static bool add_block(struct arena *a, size_t need)
{
    bool is_first = !a->cur;
    struct arena_block *block = block_new(need > a->block_bytes && !is_first ? need : a->block_bytes);

    if (!block) return false;
    if (is_first)
        a->first = block;
    else
        a->cur->next = block;
    a->cur = block;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n == 0) n = 1;
    if (n > a->limit_bytes || round_up(n) < n) return NULL;
    size_t need = round_up(n);
    if (need > a->limit_bytes - a->used_bytes) return NULL;

    while (!a->cur || need > a->cur->cap - a->cur->used)
        if (!add_block(a, need)) return NULL;
    char *p = a->cur->bytes + a->cur->used;
    a->cur->used += need;
    a->used_bytes += need;
    UNPOISON(p, n);
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);

    if (p) memset(p, 0, n);
    return p;
}

struct str arena_dup(struct arena *a, struct str s)
{
    if (s.n == 0) return STR("");
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
    if (!p) return STR_NONE;
    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return str_make(p, s.n);
}

struct sbuf arena_sbuf(struct arena *a, size_t cap)
{
    char *p = arena_alloc(a, cap);

    return sbuf_make(p, p ? cap : 0);
}

void arena_trim(struct arena *a, const struct sbuf *b)
{
    if (b->cap == 0) return;
    size_t had = round_up(b->cap), keep = round_up(b->n);
    ASSERT(a->cur && b->p + had == a->cur->bytes + a->cur->used);
    a->cur->used -= had - keep;
    a->used_bytes -= had - keep;
    POISON(b->p + b->n, had - b->n);
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        UNPOISON(block->bytes, block->cap);
        free(block);
        block = next;
    }
}

void arena_reset(struct arena *a)
{
    a->cur = a->first;
    a->used_bytes = 0;
    if (!a->first) return;
    free_blocks(a->first->next);
    a->first->next = NULL;
    a->first->used = 0;
    POISON(a->first->bytes, a->first->cap);
}

void arena_clear(struct arena *a)
{
    free_blocks(a->first);
    a->first = a->cur = NULL;
    a->used_bytes = 0;
}
