/* SPDX-License-Identifier: Apache-2.0
 * buf.h: 64 KiB buffers, borrowed from a per-worker free list only while bytes are in them. One thread.
 *
 * A buffer holds one direction of a stream:
 *
 *     0      start            mid     raw            end       BUF_BYTES
 *     | free | plain: ready   | gap   | raw: as read | free    |
 *
 * Bytes are read behind `end`, decoded in place from `raw` to `mid` (decoding only shrinks), and written out from
 * `start`.
 */
#ifndef S3ONRAMP_IO_BUF_H
#define S3ONRAMP_IO_BUF_H

#include "base/str.h"

enum {
    BUF_BYTES = 64 * 1024,
    BUF_ALLOC = 68 * 1024,             /* what a borrowed block really has: room for four full TLS records */
    BUF_LARGE_MOST = 32 * 1024 * 1024, /* of all large buffers of a pool */
};

struct buf_block {
    struct buf_block *next;
};

struct buf_pool {
    struct buf_block *free; /* owned */
    size_t free_n, used_n;
    size_t large_bytes; /* of buffers with memory of their own */
};

struct buf {
    char *mem;    /* borrowed from the pool, or NULL when empty */
    size_t large; /* bytes of @mem, which is its own and not the pool's; 0: it is */
    size_t start, mid, raw, end;
    char *parked; /* owned: what is in it while it has no memory of the pool */
    size_t parked_n;
};

/* A block of BUF_ALLOC bytes; NULL when out of memory. */
MUST_CHECK char *buf_pool_get(struct buf_pool *p);
void buf_pool_put(struct buf_pool *p, char **block); /* nulls *@block; NULL is fine */
void buf_pool_clear(struct buf_pool *p);
/* All memory of its buffers, in use and free. */
static inline size_t buf_pool_bytes(const struct buf_pool *p)
{
    return (p->free_n + p->used_n) * BUF_ALLOC + p->large_bytes;
}

/* Makes sure that there is memory; false when out of it. */
MUST_CHECK bool buf_borrow(struct buf *b, struct buf_pool *p);
/* Gives the memory back if nothing is in it. */
void buf_return(struct buf *b, struct buf_pool *p);
/* For who needs a whole message at once: what is in it moves to memory of its own, with room for @bytes from @start on.
 * It goes back like any other, once nothing is in it. False: out of memory, or BUF_LARGE_MOST is reached. */
MUST_CHECK bool buf_enlarge(struct buf *b, struct buf_pool *p, size_t bytes);
/* For who waits long for the rest of a message: keeps a few raw bytes in a block of their own size, so that the memory
 * goes back to the pool; does nothing where that would not help. Until buf_unpark the buffer looks empty. */
void buf_park(struct buf *b, struct buf_pool *p);
/* False: out of memory. Nothing is parked: true. */
MUST_CHECK bool buf_unpark(struct buf *b, struct buf_pool *p);
/* Forgets what is in it and gives the memory back. */
void buf_drop(struct buf *b, struct buf_pool *p);

static inline struct str buf_plain(const struct buf *b)
{
    return str_make(b->mem + b->start, b->mid - b->start);
}
static inline struct str buf_raw(const struct buf *b)
{
    return b->mem ? str_make(b->mem + b->raw, b->end - b->raw) : STR_NONE; /* no arithmetic with NULL */
}
static inline bool buf_empty(const struct buf *b)
{
    return b->start == b->mid && b->raw == b->end;
}
/* Room behind `end`, after moving what is there to the front if that makes room. */
size_t buf_room(struct buf *b);

#endif
