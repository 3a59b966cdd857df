/* SPDX-License-Identifier: Apache-2.0
 * buf.c: see buf.h. Each loop owns one pool; blocks go back to malloc when more than POOL_KEEP lie idle.
 */
#include "io/buf.h"

#include <stdlib.h>

enum { POOL_KEEP = 32, PARK_MAX = 8 * 1024 };

char *buf_pool_get(struct buf_pool *p)
{
    struct buf_block *b = p->free;

    if (b) {
        p->free = b->next;
        p->free_n--;
    } else {
        b = malloc(BUF_ALLOC);
        if (!b) return NULL;
    }
    p->used_n++;
    return (char *)b;
}

void buf_pool_put(struct buf_pool *p, char **block)
{
    struct buf_block *b = (struct buf_block *)(void *)*block;

    if (!b) return;
    *block = NULL;
    p->used_n--;
    if (p->free_n >= POOL_KEEP) {
        free(b);
        return;
    }
    b->next = p->free;
    p->free = b;
    p->free_n++;
}

void buf_pool_clear(struct buf_pool *p)
{
    while (p->free) {
        struct buf_block *b = p->free;

        p->free = b->next;
        free(b);
    }
    p->free_n = 0;
}

bool buf_borrow(struct buf *b, struct buf_pool *p)
{
    if (!b->mem) {
        b->mem = buf_pool_get(p);
        b->start = b->mid = b->raw = b->end = 0;
    }
    return b->mem != NULL;
}

bool buf_enlarge(struct buf *b, struct buf_pool *p, size_t bytes)
{
    char *mem;

    if (b->large || bytes > BUF_LARGE_MOST - p->large_bytes) return false;
    mem = malloc(bytes);
    if (!mem) return false;
    ASSERT(b->end - b->start <= bytes);
    if (b->mem) memcpy(mem, b->mem + b->start, b->end - b->start);
    buf_pool_put(p, &b->mem);
    b->mem = mem;
    b->large = bytes;
    p->large_bytes += bytes;
    b->mid -= b->start;
    b->raw -= b->start;
    b->end -= b->start;
    b->start = 0;
    return true;
}

static void give_back(struct buf *b, struct buf_pool *p)
{
    if (b->large) {
        p->large_bytes -= b->large;
        b->large = 0;
        free(b->mem);
        b->mem = NULL;
    }
    buf_pool_put(p, &b->mem);
}

void buf_return(struct buf *b, struct buf_pool *p)
{
    if (b->mem && buf_empty(b)) buf_drop(b, p);
}

void buf_park(struct buf *b, struct buf_pool *p)
{
    size_t n = b->end - b->raw;

    if (!b->mem || !n || n > PARK_MAX || b->start != b->mid) return;
    b->parked = malloc(n);
    if (!b->parked) return;
    memcpy(b->parked, b->mem + b->raw, n);
    b->parked_n = n;
    give_back(b, p);
    b->start = b->mid = b->raw = b->end = 0;
}

bool buf_unpark(struct buf *b, struct buf_pool *p)
{
    if (!b->parked) return true;
    if (!buf_borrow(b, p)) return false;
    memcpy(b->mem, b->parked, b->parked_n);
    b->end = b->parked_n;
    free(b->parked);
    b->parked = NULL;
    return true;
}

void buf_drop(struct buf *b, struct buf_pool *p)
{
    free(b->parked);
    b->parked = NULL;
    give_back(b, p);
    b->start = b->mid = b->raw = b->end = 0;
}

size_t buf_room(struct buf *b)
{
    size_t raw_n = b->end - b->raw, plain_n = b->mid - b->start, bytes = b->large ? b->large : BUF_BYTES;

    if (raw_n == 0 && plain_n == 0) {
        b->start = b->mid = b->raw = b->end = 0;
    } else if (b->end == bytes && b->start + (b->raw - b->mid) > 0) {
        memmove(b->mem, b->mem + b->start, plain_n);
        memmove(b->mem + plain_n, b->mem + b->raw, raw_n);
        b->start = 0;
        b->mid = b->raw = plain_n;
        b->end = plain_n + raw_n;
    }
    return bytes - b->end;
}
