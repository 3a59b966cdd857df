/* SPDX-License-Identifier: Apache-2.0
 * quota.c: see quota.h.
 */
#include "flow/pace/quota.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

enum { BYTES_BURST_US = 50000, REQUESTS_BURST_US = 1000000 };

struct quotas {
    size_t workers;
    pthread_mutex_t lock; /* guards the map; quotas themselves stay */
    struct map by_key;    /* owned */
};

struct quotas *quotas_new(size_t workers)
{
    struct quotas *q = calloc(1, sizeof(*q));

    if (!q) return NULL;
    q->workers = workers;
    pthread_mutex_init(&q->lock, NULL);
    map_init(&q->by_key);
    return q;
}

static void quota_free(struct quota *q)
{
    for (size_t i = 0; i < QUOTA_RATES_N; i++)
        bucket_free(&q->rates[i]);
    free(q);
}

void quotas_free(struct quotas **qp)
{
    struct quotas *q = *qp;
    size_t at = 0;
    struct quota *one;

    *qp = NULL;
    if (!q) return;
    while ((one = map_next(&q->by_key, &at)))
        quota_free(one);
    map_clear(&q->by_key);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static struct str key_text(const uint64_t *key)
{
    return str_make((const char *)key, sizeof(*key));
}

/* NULL: out of memory. */
static struct quota *add(struct quotas *q, uint64_t key)
{
    struct quota *one = calloc(1, sizeof(*one));

    if (!one) return NULL;
    one->key = key;
    one->rates[QUOTA_REQUESTS] = bucket_new(q->workers, REQUESTS_BURST_US, 1);
    one->rates[QUOTA_UPLOAD] = bucket_new(q->workers, BYTES_BURST_US, QUOTA_TURN_BYTES);
    one->rates[QUOTA_DOWNLOAD] = bucket_new(q->workers, BYTES_BURST_US, QUOTA_TURN_BYTES);
    if (one->rates[QUOTA_REQUESTS] && one->rates[QUOTA_UPLOAD] && one->rates[QUOTA_DOWNLOAD] &&
        map_put(&q->by_key, key_text(&one->key), one))
        return one;
    quota_free(one);
    return NULL;
}

struct quota *quotas_get(struct quotas *q, enum standing_kind kind, uint32_t id)
{
    uint64_t key = quota_key(kind, id);
    struct quota *one;

    pthread_mutex_lock(&q->lock);
    one = map_get(&q->by_key, key_text(&key));
    if (!one) one = add(q, key);
    pthread_mutex_unlock(&q->lock);
    return one;
}

static void set_rate(struct bucket *b, uint64_t rate)
{
    if (bucket_rate(b) != rate) bucket_set_rate(b, rate);
}

void quota_set(struct quota *q, const struct limits_conf *conf)
{
    if (atomic_load_explicit(&q->max_requests, memory_order_relaxed) != conf->max_requests)
        atomic_store_explicit(&q->max_requests, conf->max_requests, memory_order_relaxed);
    set_rate(q->rates[QUOTA_REQUESTS], conf->request_rate);
    set_rate(q->rates[QUOTA_UPLOAD], conf->upload_rate);
    set_rate(q->rates[QUOTA_DOWNLOAD], conf->download_rate);
}

struct limits_conf quota_of_line(const struct line_conf *line)
{
    return (struct limits_conf){.upload_rate = line->upload_bandwidth, .download_rate = line->download_bandwidth};
}

/* --- following --- */

/* What the settings say, by number. */
struct said {
    const struct quotas *quotas;
    struct map by_key; /* key → limits of the row */
};

static void say(struct said *said, enum standing_kind kind, uint32_t id, const struct limits_conf *conf)
{
    uint64_t key = quota_key(kind, id);
    struct quota *one = map_get(&said->quotas->by_key, key_text(&key));

    if (!one) return;
    quota_set(one, conf);
    (void)map_remove(&said->by_key, key_text(&key));
}

static void say_all(struct said *said, const struct settings *s)
{
    for (size_t i = 0; i < s->clients_n; i++)
        say(said, STANDING_PRINCIPAL, s->clients[i].id, &s->clients[i].terms->each);
    for (size_t i = 0; i < s->groups_n; i++)
        say(said, STANDING_GROUP, s->groups[i].id, &s->groups[i].limits);
    for (size_t i = 0; i < s->listeners_n; i++)
        say(said, STANDING_LISTENER, s->listeners[i].id, &s->listeners[i].limits);
    for (size_t i = 0; i < s->lines_n; i++) {
        struct limits_conf conf = quota_of_line(&s->lines[i]);

        say(said, STANDING_LINE, s->lines[i].id, &conf);
    }
}

void quotas_follow(struct quotas *q, const struct settings *settings)
{
    static const struct limits_conf none;
    struct said said = {.quotas = q};
    struct quota *one;
    size_t at = 0;

    pthread_mutex_lock(&q->lock);
    map_init(&said.by_key);
    while ((one = map_next(&q->by_key, &at)))
        if (!map_put(&said.by_key, key_text(&one->key), one))
            break; /* no memory: it keeps what it had, if it is gone */
    say_all(&said, settings);
    at = 0;
    while ((one = map_next(&said.by_key, &at)))
        quota_set(one, &none);
    map_clear(&said.by_key);
    pthread_mutex_unlock(&q->lock);
}

/* --- at once --- */

bool quota_enter(struct quota *q)
{
    uint64_t most = atomic_load_explicit(&q->max_requests, memory_order_relaxed);

    if (atomic_fetch_add_explicit(&q->in_flight, 1, memory_order_relaxed) < most || !most) return true;
    quota_leave(q);
    return false;
}

void quota_leave(struct quota *q)
{
    atomic_fetch_sub_explicit(&q->in_flight, 1, memory_order_relaxed);
}
