/* SPDX-License-Identifier: Apache-2.0
 * bucket.c: see bucket.h. The lock is held for a few steps, once for each slice.
 */
#include "flow/pace/bucket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { ACCRUE_MOST_US = 1000000 };

struct part {
    size_t waiting;
    int64_t tokens; /* millionths that came in for it */
};

struct bucket {
    _Atomic uint64_t rate;
    pthread_mutex_t lock; /* guards all below */
    int64_t burst_us, burst_least /* millionths */, accrued_us, kept;
    size_t waiting, n; /* waiting: of all parts */
    struct part parts[];
};

struct bucket *bucket_new(size_t workers, int64_t burst_us, int64_t burst_least)
{
    struct bucket *b = calloc(1, sizeof(*b) + workers * sizeof(b->parts[0]));

    if (!b) return NULL;
    pthread_mutex_init(&b->lock, NULL);
    b->burst_us = burst_us;
    b->burst_least = burst_least * BUCKET_TOKEN;
    b->n = workers;
    return b;
}

void bucket_free(struct bucket **bp)
{
    struct bucket *b = *bp;

    *bp = NULL;
    if (!b) return;
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void bucket_set_rate(struct bucket *b, uint64_t rate)
{
    atomic_store_explicit(&b->rate, rate, memory_order_relaxed);
}

uint64_t bucket_rate(const struct bucket *b)
{
    return atomic_load_explicit(&b->rate, memory_order_relaxed);
}

static int64_t most_kept(const struct bucket *b, uint64_t rate)
{
    int64_t most = (int64_t)rate * b->burst_us;

    return most > b->burst_least ? most : b->burst_least;
}

/* @tokens for those that wait. Returns what they have no use for. */
static int64_t share_out(struct bucket *b, int64_t tokens, int64_t most)
{
    int64_t each = tokens / (int64_t)b->waiting, left = tokens;

    for (size_t i = 0; i < b->n; i++) {
        struct part *p = &b->parts[i];
        int64_t now = p->tokens + each * (int64_t)p->waiting;

        if (!p->waiting) continue;
        if (now > most) now = most;
        left -= now - p->tokens;
        p->tokens = now;
    }
    return left;
}

static void accrue(struct bucket *b, uint64_t rate, int64_t now_us)
{
    int64_t us = now_us - b->accrued_us, most = most_kept(b, rate), fresh;

    if (us <= 0) return; /* another worker's clock was read later */
    b->accrued_us = now_us;
    fresh = (int64_t)rate * (us < ACCRUE_MOST_US ? us : ACCRUE_MOST_US);
    if (b->waiting) fresh = share_out(b, fresh, most);
    b->kept = b->kept + fresh < most ? b->kept + fresh : most;
}

static void note_waiting(struct bucket *b, struct part *p, size_t waiting, int64_t most)
{
    b->waiting += waiting - p->waiting;
    p->waiting = waiting;
    if (waiting) return;
    b->kept = b->kept + p->tokens < most ? b->kept + p->tokens : most;
    p->tokens = 0;
}

static int64_t take_from(int64_t *tokens, int64_t want)
{
    int64_t got = *tokens < want ? *tokens : want;

    *tokens -= got;
    return got;
}

int64_t bucket_take(struct bucket *b, size_t worker, size_t waiting, int64_t want, int64_t now_us)
{
    uint64_t rate = bucket_rate(b);
    struct part *p = &b->parts[worker];
    int64_t got;

    pthread_mutex_lock(&b->lock);
    accrue(b, rate, now_us);
    got = take_from(&p->tokens, want);
    note_waiting(b, p, waiting, most_kept(b, rate));
    got += take_from(&b->kept, want - got);
    pthread_mutex_unlock(&b->lock);
    return got;
}
