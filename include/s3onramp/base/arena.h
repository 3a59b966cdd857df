/* SPDX-License-Identifier: Apache-2.0
 * arena.h: memory that lives as long as one request. One thread. Never holds secrets.
 */
#ifndef S3ONRAMP_BASE_ARENA_H
#define S3ONRAMP_BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *first; /* owned; kept over arena_reset */
    struct arena_block *cur;
    size_t used_bytes, limit_bytes;
    size_t block_bytes; /* of the first block and, unless more is needed, of the others */
};

/* @block_bytes: size of the first block, allocated at the first use. @limit_bytes: cap on the sum of allocations. */
void arena_init(struct arena *a, size_t block_bytes, size_t limit_bytes);
/* 16-byte aligned, not zeroed. NULL when over the limit or out of memory. */
MUST_CHECK void *arena_alloc(struct arena *a, size_t n);
MUST_CHECK void *arena_zalloc(struct arena *a, size_t n);
/* Copy of @s in the arena, also NUL-terminated after s.n bytes. {NULL,0} on failure when s.n > 0. */
MUST_CHECK struct str arena_dup(struct arena *a, struct str s);
/* A builder with @cap bytes of arena memory; on failure a builder of cap 0 (writing to it overflows). */
struct sbuf arena_sbuf(struct arena *a, size_t cap);
/* Gives unused bytes of the arena's latest allocation back: @b must be the latest arena_sbuf. */
void arena_trim(struct arena *a, const struct sbuf *b);
/* Forgets all allocations, keeps the first block. */
void arena_reset(struct arena *a);
/* Frees everything. */
void arena_clear(struct arena *a);

#endif
