/* SPDX-License-Identifier: Apache-2.0
 * limits.c: see limits.h. Sources are kept in a table with a lock of its own, which is held for a few steps; the key of
 * its hash is secret, so that nobody can choose sources that fall together.
 */
#include "flow/limits.h"

#include "base/secret.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    BUCKET_BITS = 12,
    ROOM_SHARE = 16,          /* a sixteenth is kept free of idle connections */
    TLS_BURST_US = 1000000,   /* what a source may begin at once, as time at its rate */
    TLS_PATIENCE_US = 2000000 /* who would have to wait for longer is closed */
};

struct source {
    struct source *next;
    uint64_t site;
    size_t n;
    int64_t tls_due_us; /* when all handshakes that began are within the rate; 0: none was counted */
};

struct limits {
    _Atomic size_t max, max_per_source;
    _Atomic uint64_t tls_rate;
    _Atomic size_t open;
    _Atomic uint64_t events[LIMITS_EVENTS_N];
    pthread_mutex_t lock; /* guards buckets */
    uint64_t hash_key;
    struct source *buckets[1 << BUCKET_BITS]; /* owned */
};

struct limits *limits_new(size_t max, size_t max_per_source)
{
    struct limits *l = calloc(1, sizeof(*l));

    if (!l) return NULL;
    limits_set(l, max, max_per_source);
    pthread_mutex_init(&l->lock, NULL);
    secret_random(&l->hash_key, sizeof(l->hash_key));
    l->hash_key |= 1;
    return l;
}

void limits_free(struct limits **lp)
{
    struct limits *l = *lp;

    *lp = NULL;
    if (!l) return;
    for (size_t i = 0; i < ARRAY_LEN(l->buckets); i++) {
        while (l->buckets[i]) {
            struct source *s = l->buckets[i];

            l->buckets[i] = s->next;
            free(s);
        }
    }
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void limits_set(struct limits *l, size_t max, size_t max_per_source)
{
    atomic_store_explicit(&l->max, max, memory_order_relaxed);
    atomic_store_explicit(&l->max_per_source, max_per_source ? max_per_source : (max + 1) / 2, memory_order_relaxed);
}

void limits_set_tls_rate(struct limits *l, uint64_t rate)
{
    atomic_store_explicit(&l->tls_rate, rate, memory_order_relaxed);
}

static size_t max_of(const struct limits *l)
{
    return atomic_load_explicit(&l->max, memory_order_relaxed);
}

static size_t max_per_source_of(const struct limits *l)
{
    return atomic_load_explicit(&l->max_per_source, memory_order_relaxed);
}

bool limits_enter(struct limits *l)
{
    if (atomic_fetch_add_explicit(&l->open, 1, memory_order_relaxed) < max_of(l)) return true;
    limits_leave(l);
    return false;
}

void limits_leave(struct limits *l)
{
    atomic_fetch_sub_explicit(&l->open, 1, memory_order_relaxed);
}

static struct source **chain_of(struct limits *l, uint64_t site)
{
    return &l->buckets[(site * l->hash_key) >> (64 - BUCKET_BITS)];
}

/* Where @site's entry hangs, or would. */
static struct source **find(struct limits *l, uint64_t site)
{
    struct source **s = chain_of(l, site);

    while (*s && (*s)->site != site)
        s = &(*s)->next;
    return s;
}

bool limits_enter_source(struct limits *l, uint64_t site)
{
    struct source **s;
    bool fits;

    pthread_mutex_lock(&l->lock);
    s = find(l, site);
    if (!*s && (*s = calloc(1, sizeof(**s)))) (*s)->site = site;
    fits = *s && (*s)->n < max_per_source_of(l);
    if (fits) (*s)->n++;
    pthread_mutex_unlock(&l->lock);
    return fits;
}

void limits_leave_source(struct limits *l, uint64_t site)
{
    struct source **s, *gone = NULL;

    pthread_mutex_lock(&l->lock);
    s = find(l, site);
    ASSERT(*s && (*s)->n);
    if (--(*s)->n == 0 && !(*s)->tls_due_us) {
        gone = *s;
        *s = gone->next;
    }
    pthread_mutex_unlock(&l->lock);
    free(gone);
}

/* Those that left and could begin anew by now. */
static void forget_old(struct source **s, int64_t now_us)
{
    while (*s) {
        struct source *old = *s;

        if (old->n || old->tls_due_us > now_us) {
            s = &old->next;
            continue;
        }
        *s = old->next;
        free(old);
    }
}

int64_t limits_tls_wait_us(struct limits *l, uint64_t site, int64_t now_us)
{
    uint64_t rate = atomic_load_explicit(&l->tls_rate, memory_order_relaxed);
    int64_t due_us, wait_us = 0;
    struct source *s;

    if (!rate) return 0;
    pthread_mutex_lock(&l->lock);
    forget_old(chain_of(l, site), now_us);
    s = *find(l, site);
    if (s) {
        due_us = s->tls_due_us > now_us ? s->tls_due_us : now_us;
        wait_us = due_us - TLS_BURST_US > now_us ? due_us - TLS_BURST_US - now_us : 0;
        if (wait_us <= TLS_PATIENCE_US) s->tls_due_us = due_us + (int64_t)(1000000 / rate);
    }
    pthread_mutex_unlock(&l->lock);
    return wait_us <= TLS_PATIENCE_US ? wait_us : -1;
}

size_t limits_excess(const struct limits *l)
{
    size_t open = atomic_load_explicit(&l->open, memory_order_relaxed);
    size_t max = max_of(l), mark = max - (max / ROOM_SHARE ? max / ROOM_SHARE : 1);

    return open > mark ? open - mark : 0;
}

void limits_note(struct limits *l, enum limits_event event)
{
    atomic_fetch_add_explicit(&l->events[event], 1, memory_order_relaxed);
}

struct limits_figures limits_figures(const struct limits *l)
{
    struct limits_figures f = {.open = atomic_load_explicit(&l->open, memory_order_relaxed),
                               .max = max_of(l),
                               .max_per_source = max_per_source_of(l)};

    for (size_t i = 0; i < LIMITS_EVENTS_N; i++)
        f.events[i] = atomic_load_explicit(&l->events[i], memory_order_relaxed);
    return f;
}
