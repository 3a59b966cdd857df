/* SPDX-License-Identifier: Apache-2.0
 * buckets.c: see buckets.h. What was counted before the window is kept by bucket, sorted by name.
 */
#include "buckets.h"

#include "flow/traffic.h"
#include "keys/json_text.h"

#include <stdlib.h>

enum { PAUSE_US = 5 * 1000000, HALF_US = 1800 * 1000000 };

struct figures {
    uint64_t requests, in, out;
};

struct window {
    struct traffic_sum *v; /* owned; sorted */
    size_t n;
    int64_t since_us;
};

struct bucket {
    char name[TRAFFIC_BUCKET];
    struct figures f;
};

struct buckets {
    struct server *server; /* borrowed */
    struct window now, next;
    struct bucket top[BUCKETS_TOP];
    size_t top_n, all;
    int64_t looked_us; /* 0: never */
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct traffic_sum *)a)->key.bucket, ((const struct traffic_sum *)b)->key.bucket);
}

static struct figures figures_of(const struct traffic_sum *s)
{
    return (struct figures){s->v[TRAFFIC_PUTS] + s->v[TRAFFIC_GETS] + s->v[TRAFFIC_FREE] + s->v[TRAFFIC_TUNNELS],
                            s->v[TRAFFIC_BYTES_IN], s->v[TRAFFIC_BYTES_OUT]};
}

static struct figures since(const struct window *w, const struct traffic_sum *s)
{
    const struct traffic_sum *before = w->n ? bsearch(s, w->v, w->n, sizeof(*s), by_name) : NULL;
    struct figures f = figures_of(s), b = before ? figures_of(before) : (struct figures){0};

    return (struct figures){f.requests - b.requests, f.in - b.in, f.out - b.out};
}

static bool is_more(const struct figures *a, const struct figures *b)
{
    return a->in + a->out != b->in + b->out ? a->in + a->out > b->in + b->out : a->requests > b->requests;
}

static void rank(struct buckets *b, const struct traffic_sum *s)
{
    struct bucket one = {.f = since(&b->now, s)};
    size_t at = b->top_n;

    if (!s->key.bucket[0]) return;
    b->all++;
    if (!one.f.requests && !one.f.in && !one.f.out) return;
    while (at > 0 && is_more(&one.f, &b->top[at - 1].f))
        at--;
    if (at == BUCKETS_TOP) return;
    memcpy(one.name, s->key.bucket, sizeof(one.name));
    if (b->top_n < BUCKETS_TOP) b->top_n++;
    memmove(&b->top[at + 1], &b->top[at], (b->top_n - at - 1) * sizeof(one));
    b->top[at] = one;
}

/* The sums of now are what will have been before, one day. */
static void turn_windows(struct buckets *b, struct traffic_sum *v, size_t n)
{
    free(b->now.v);
    b->now = b->next;
    if (n) qsort(v, n, sizeof(*v), by_name);
    b->next = (struct window){v, n, b->looked_us};
}

void buckets_look(struct buckets *b)
{
    int64_t now_us = server_loop(b->server)->now_us;
    struct traffic_sum *v;
    size_t n;

    if (b->looked_us && now_us - b->looked_us < PAUSE_US) return;
    n = traffic_sum(server_proxy(b->server)->traffic, TRAFFIC_BY_BUCKET, &v);
    if (n == SIZE_MAX) return;
    b->looked_us = now_us;
    b->top_n = b->all = 0;
    for (size_t i = 0; i < n; i++)
        rank(b, &v[i]);
    if (now_us - b->next.since_us >= HALF_US)
        turn_windows(b, v, n);
    else
        free(v);
}

json_t *buckets_json(const struct buckets *b)
{
    json_t *list = json_array();

    for (size_t i = 0; i < b->top_n; i++)
        json_array_append_new(list, json_pack("{so sI sI sI}", "name", json_text(b->top[i].name), "requests",
                                              (json_int_t)b->top[i].f.requests, "bytes_in", (json_int_t)b->top[i].f.in,
                                              "bytes_out", (json_int_t)b->top[i].f.out));
    return json_pack("{sI sI so}", "since_s",
                     (json_int_t)(b->looked_us ? (b->looked_us - b->now.since_us) / 1000000 : 0), "all",
                     (json_int_t)b->all, "list", list);
}

struct buckets *buckets_new(struct server *server)
{
    struct buckets *b = calloc(1, sizeof(*b));

    if (!b) return NULL;
    b->server = server;
    b->now.since_us = b->next.since_us = server_loop(server)->now_us;
    return b;
}

void buckets_free(struct buckets **bp)
{
    struct buckets *b = *bp;

    *bp = NULL;
    if (!b) return;
    free(b->now.v);
    free(b->next.v);
    free(b);
}
