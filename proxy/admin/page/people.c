/* SPDX-License-Identifier: Apache-2.0
 * people.c: see people.h. What was counted before the window is kept for each client twice, for a window that began
 * more than half an hour ago and for the one that will follow it.
 */
#include "people.h"

#include "keys/json_text.h"

#include <event2/event.h>
#include <stdlib.h>

enum {
    AT_ONCE = 1000, /* clients */
    PAUSE_MS = 5,
    HALF_US = 1800 * 1000000,
    EXPIRED_S = 7 * 86400, /* what ended longer ago is not told */
};

enum { FIGURES = 4 };
static const unsigned slots[FIGURES] = {STATS_PRINCIPAL_REQUESTS, STATS_PRINCIPAL_REFUSED, STATS_PRINCIPAL_BYTES_IN,
                                        STATS_PRINCIPAL_BYTES_OUT};
static const char *const names[FIGURES] = {"requests", "refused", "bytes_in", "bytes_out"};

struct figures {
    uint64_t v[FIGURES];
};

struct window {
    struct figures *v; /* owned: by standing number */
    int64_t since_us;
};

struct person {
    uint32_t id;
    struct figures f;
};

struct ending {
    uint32_t id;
    enum expiry_kind kind;
    int64_t at_s;
};

/* What a round comes to. */
struct ranking {
    struct person top[PEOPLE_TOP];
    size_t top_n;
    struct ending ends[PEOPLE_TOP];
    size_t ends_n;
    size_t all;
};

struct people {
    struct server *server;     /* borrowed */
    struct event *timer;       /* owned */
    struct snapshot *snapshot; /* one reference, during a round */
    struct window now, next;
    uint32_t ids; /* rows of the windows */
    bool renews;  /* this round fills `next` */
    size_t at;
    struct ranking building, found;
    int64_t looked_us;
};

/* ------------------------------------------------------------------- ranks */

static uint64_t weight(const struct person *p)
{
    return p->f.v[2] + p->f.v[3];
}

static bool is_more(const struct person *a, const struct person *b)
{
    return weight(a) != weight(b) ? weight(a) > weight(b) : a->f.v[0] > b->f.v[0];
}

static void rank_person(struct ranking *r, const struct person *p)
{
    size_t at = r->top_n;

    if (!p->f.v[0]) return;
    while (at > 0 && is_more(p, &r->top[at - 1]))
        at--;
    if (at == PEOPLE_TOP) return;
    if (r->top_n < PEOPLE_TOP) r->top_n++;
    memmove(&r->top[at + 1], &r->top[at], (r->top_n - at - 1) * sizeof(*p));
    r->top[at] = *p;
}

static void rank_ending(struct ranking *r, const struct ending *e, int64_t now_s)
{
    size_t at = r->ends_n;

    if (e->at_s < now_s - EXPIRED_S) return;
    while (at > 0 && e->at_s < r->ends[at - 1].at_s)
        at--;
    if (at == PEOPLE_TOP) return;
    if (r->ends_n < PEOPLE_TOP) r->ends_n++;
    memmove(&r->ends[at + 1], &r->ends[at], (r->ends_n - at - 1) * sizeof(*e));
    r->ends[at] = *e;
}

/* ------------------------------------------------------------------- a round */

static void look_at(struct people *p, uint32_t id)
{
    const struct stats *stats = server_proxy(p->server)->stats;
    struct person one = {.id = id};
    uint64_t sums[STATS_PRINCIPAL_SLOTS];

    if (id >= p->ids || !stats_has(stats, STATS_OF_PRINCIPAL, id)) return;
    stats_sum(stats, STATS_OF_PRINCIPAL, id, sums);
    for (size_t i = 0; i < FIGURES; i++) {
        one.f.v[i] = sums[slots[i]] - p->now.v[id].v[i];
        if (p->renews) p->next.v[id].v[i] = sums[slots[i]];
    }
    rank_person(&p->building, &one);
}

static void look_at_client(struct people *p, const struct principal_conf *c, int64_t now_s)
{
    struct expiry_item item;

    look_at(p, c->id);
    for (unsigned i = 0; i < EXPIRY_OF_CLIENT; i++)
        if (expiry_of_client(c, i, &item))
            rank_ending(&p->building, &(struct ending){c->id, item.kind, item.end_s}, now_s);
}

static void end_round(struct people *p)
{
    p->building.all = p->snapshot->settings->clients_n;
    p->found = p->building;
    snapshot_bin_give(&server_proxy(p->server)->unused, &p->snapshot);
}

static void go_on(struct people *p)
{
    static const struct timeval pause = {0, PAUSE_MS * 1000};
    const struct settings *s = p->snapshot->settings;
    int64_t now_s = clock_wall_us() / 1000000;

    for (size_t i = 0; i < AT_ONCE && p->at < s->clients_n; i++)
        look_at_client(p, &s->clients[p->at++], now_s);
    if (p->at < s->clients_n)
        event_add(p->timer, &pause);
    else
        end_round(p);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    loop_touch(server_loop(((struct people *)arg)->server));
    go_on(arg);
}

static bool grow(struct window *w, uint32_t before, uint32_t ids)
{
    struct figures *v = realloc(w->v, ids * sizeof(*v));

    if (!v) return false;
    memset(v + before, 0, (ids - before) * sizeof(*v));
    w->v = v;
    return true;
}

static void make_room(struct people *p)
{
    uint32_t ids = standing_most(server_proxy(p->server)->standing, STANDING_PRINCIPAL) + 1;

    if (ids <= p->ids || !grow(&p->now, p->ids, ids) || !grow(&p->next, p->ids, ids)) return;
    p->ids = ids;
}

static void turn_windows(struct people *p, int64_t now_us)
{
    struct window w = p->now;

    p->renews = now_us - p->next.since_us >= HALF_US;
    if (!p->renews) return;
    p->now = p->next;
    p->next = w;
    p->next.since_us = now_us;
}

void people_look(struct people *p)
{
    int64_t now_us = server_loop(p->server)->now_us;

    if (p->snapshot) return;
    make_room(p);
    turn_windows(p, now_us);
    p->snapshot = snapshot_ref(server_snapshot(p->server));
    p->building = (struct ranking){0};
    p->at = 0;
    p->looked_us = now_us;
    look_at(p, STANDING_NONE);
    go_on(p);
}

/* ------------------------------------------------------------------- JSON */

static json_t *name_of(const struct people *p, uint32_t id)
{
    return json_text(id ? standing_name(server_proxy(p->server)->standing, STANDING_PRINCIPAL, id) : "");
}

json_t *people_json(const struct people *p)
{
    json_t *list = json_array();

    for (size_t i = 0; i < p->found.top_n; i++) {
        json_t *o = json_pack("{so}", "name", name_of(p, p->found.top[i].id));

        for (size_t k = 0; k < FIGURES; k++)
            json_object_set_new(o, names[k], json_integer((json_int_t)p->found.top[i].f.v[k]));
        json_array_append_new(list, o);
    }
    return json_pack("{sI sI so}", "since_s", (json_int_t)((p->looked_us - p->now.since_us) / 1000000), "all",
                     (json_int_t)p->found.all, "list", list);
}

bool people_ending(const struct people *p, size_t i, struct expiry_item *out)
{
    const struct ending *e = &p->found.ends[i];

    if (i >= p->found.ends_n) return false;
    *out = (struct expiry_item){
        .kind = e->kind,
        .section = standing_name(server_proxy(p->server)->standing, STANDING_PRINCIPAL, e->id),
        .end_s = e->at_s,
    };
    return true;
}

/* ------------------------------------------------------------------- life */

struct people *people_new(struct server *server)
{
    struct people *p = calloc(1, sizeof(*p));

    if (!p) return NULL;
    p->server = server;
    p->now.since_us = p->next.since_us = p->looked_us = server_loop(server)->now_us;
    p->timer = evtimer_new(server_loop(server)->base, on_timer, p);
    if (!p->timer) people_free(&p);
    return p;
}

void people_free(struct people **pp)
{
    struct people *p = *pp;

    *pp = NULL;
    if (!p) return;
    if (p->timer) event_free(p->timer);
    snapshot_unref(&p->snapshot);
    free(p->now.v);
    free(p->next.v);
    free(p);
}
