/* SPDX-License-Identifier: Apache-2.0
 * overview.c: see overview.h. A look goes to all workers and comes back with what each saw; it belongs to itself, since
 * it may come back when nobody is there any more.
 */
#include "commands.h"
#include "control/workers.h"
#include "overview_impl.h"

#include <event2/event.h>
#include <stdlib.h>

enum { FRESH_US = 1000000 };

/* Of one worker. */
struct view {
    struct underway underway;
    struct troubles troubles;
};

struct overview_look {
    struct overview *owner; /* borrowed; NULL: has gone */
    size_t n;
    struct view v[]; /* by the workers' index */
};

struct overview_waiter {
    struct overview_waiter *next;
    struct overview *overview;
    struct admin_call *call;
};

/* ------------------------------------------------------------------- together */

static bool is_before(const struct underway_request *a, const struct underway_request *b)
{
    return a->started_us < b->started_us;
}

static void add_transfers(struct overview_seen *s, const struct underway *u)
{
    s->requests += u->requests;
    for (size_t i = 0; i < u->n; i++) {
        size_t at = s->transfers_n;

        while (at > 0 && is_before(&u->v[i], &s->transfers[at - 1]))
            at--;
        if (at == OVERVIEW_TRANSFERS) return;
        if (s->transfers_n < OVERVIEW_TRANSFERS) s->transfers_n++;
        memmove(&s->transfers[at + 1], &s->transfers[at], (s->transfers_n - at - 1) * sizeof(s->transfers[0]));
        s->transfers[at] = u->v[i];
    }
}

static bool is_same(const struct trouble *a, const struct trouble *b)
{
    return a->code == b->code && a->client == b->client && a->endpoint == b->endpoint &&
           strcmp(a->s3_error, b->s3_error) == 0;
}

/* Takes what another worker counted of the same into *@t, and its row out. */
static void take_same(struct overview_seen *s, struct trouble *t)
{
    for (size_t i = 0; i < s->troubles_n; i++) {
        struct trouble other = s->troubles[i];

        if (!is_same(&other, t)) continue;
        s->troubles_n--;
        memmove(&s->troubles[i], &s->troubles[i + 1], (s->troubles_n - i) * sizeof(*t));
        other.count += t->count;
        if (t->last_us > other.last_us) {
            t->count = other.count;
            if (other.first_us < t->first_us) t->first_us = other.first_us;
        } else {
            if (t->first_us < other.first_us) other.first_us = t->first_us;
            *t = other;
        }
        return;
    }
}

static void add_trouble(struct overview_seen *s, const struct trouble *one, int64_t now_us)
{
    struct trouble t = *one;
    size_t at;

    if (now_us - t.last_us > INT64_C(3600) * 1000000) return;
    take_same(s, &t);
    for (at = s->troubles_n; at > 0 && t.last_us > s->troubles[at - 1].last_us; at--)
        continue;
    if (at == OVERVIEW_TROUBLES) return;
    if (s->troubles_n < OVERVIEW_TROUBLES) s->troubles_n++;
    memmove(&s->troubles[at + 1], &s->troubles[at], (s->troubles_n - at - 1) * sizeof(t));
    s->troubles[at] = t;
}

static void add_listener(const struct stats *stats, uint32_t id, struct hour_figures *f)
{
    uint64_t sums[STATS_LISTENER_SLOTS];

    stats_sum(stats, STATS_OF_LISTENER, id, sums);
    for (size_t i = STATS_LISTENER_REQUESTS; i <= STATS_LISTENER_REQUESTS_LAST; i++)
        f->requests += sums[i];
    for (size_t m = 0; m < STATS_METHODS; m++)
        for (size_t i = 0; i < HOUR_BUCKETS; i++)
            f->first_byte[i] += sums[STATS_LISTENER_FIRST_BYTE + m * STATS_SERIES + i];
}

static void add_to_hour(struct overview *o, const struct overview_look *look)
{
    const struct proxy *proxy = server_proxy(o->server);
    uint32_t most = standing_most(proxy->standing, STANDING_LISTENER);
    struct hour_figures f = {0};

    for (uint32_t id = 1; id <= most; id++)
        add_listener(proxy->stats, id, &f);
    for (size_t i = 0; i < look->n; i++) {
        f.bytes_in += look->v[i].underway.bytes_in;
        f.bytes_out += look->v[i].underway.bytes_out;
        for (size_t k = 0; k < TROUBLE_PARTIES; k++)
            f.failed[k] += look->v[i].troubles.counted[k];
    }
    hour_add(&o->hour, &f, o->seen.at_us / 1000000);
}

static void take(struct overview *o, const struct overview_look *look)
{
    int64_t now_us = clock_wall_us();

    o->seen = (struct overview_seen){.at_us = server_loop(o->server)->now_us};
    for (size_t i = 0; i < look->n; i++) {
        add_transfers(&o->seen, &look->v[i].underway);
        for (size_t k = 0; k < look->v[i].troubles.n; k++)
            add_trouble(&o->seen, &look->v[i].troubles.v[k], now_us);
    }
    add_to_hour(o, look);
}

/* ------------------------------------------------------------------- asking */

static void look_on_worker(struct worker *w, void *arg)
{
    struct view *v = &((struct overview_look *)arg)->v[w->index];

    underway_look(w, &v->underway);
    v->troubles = *w->troubles;
}

static void answer_all(struct overview *o)
{
    while (o->waits) {
        struct overview_waiter *w = o->waits;

        o->waits = w->next;
        admin_reply_json(w->call, overview_json(o));
        free(w);
    }
}

static void on_seen(void *arg)
{
    struct overview_look *look = arg;
    struct overview *o = look->owner;

    if (o) {
        loop_touch(server_loop(o->server));
        o->look = NULL;
        take(o, look);
        people_look(o->people);
        buckets_look(o->buckets);
        answer_all(o);
    }
    free(look);
}

static void begin_look(struct overview *o)
{
    size_t n;
    struct worker *workers = server_workers(o->server, &n);
    struct overview_look *look;

    if (o->look || !server_is_alone(o->server)) return;
    look = calloc(1, sizeof(*look) + n * sizeof(look->v[0]));
    if (!look) return;
    *look = (struct overview_look){.owner = o, .n = n};
    o->look = look;
    if (workers_ask(server_loop(o->server), workers, n, look_on_worker, on_seen, look)) return;
    o->look = NULL;
    free(look);
}

static void forget(void *arg)
{
    struct overview_waiter *w = arg, **at = &w->overview->waits;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    free(w);
}

void command_overview(struct admin_call *call)
{
    struct overview *o = call->overview;
    struct overview_waiter *w;

    if (!o->seen.at_us || server_loop(o->server)->now_us - o->seen.at_us > FRESH_US) begin_look(o);
    w = o->look ? malloc(sizeof(*w)) : NULL;
    if (!w) {
        admin_reply_json(call, overview_json(o));
        return;
    }
    *w = (struct overview_waiter){o->waits, o, call};
    o->waits = w;
    admin_call_later(call, forget, w);
}

/* ------------------------------------------------------------------- life */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct overview *o = arg;

    (void)fd;
    (void)what;
    loop_touch(server_loop(o->server));
    begin_look(o);
}

struct overview *overview_new(struct server *server)
{
    static const struct timeval step = {HOUR_STEP_S, 0};
    struct overview *o = calloc(1, sizeof(*o));

    if (!o) return NULL;
    o->server = server;
    o->started_us = server_loop(server)->now_us;
    o->people = people_new(server);
    o->buckets = buckets_new(server);
    o->timer = event_new(server_loop(server)->base, -1, EV_PERSIST, on_timer, o);
    hour_add(&o->hour, &(struct hour_figures){0}, o->started_us / 1000000);
    if (!o->people || !o->buckets || !o->timer || event_add(o->timer, &step)) overview_free(&o);
    return o;
}

void overview_free(struct overview **op)
{
    struct overview *o = *op;

    *op = NULL;
    if (!o) return;
    if (o->look) o->look->owner = NULL;
    if (o->timer) event_free(o->timer);
    people_free(&o->people);
    buckets_free(&o->buckets);
    free(o);
}
