/* SPDX-License-Identifier: Apache-2.0
 * pacer.c: see pacer.h. Nothing is asked of other workers as long as the slice lasts.
 */
#include "flow/pace/pacer.h"

enum {
    SLICE_US = 5000, /* how much is taken at once, as time at the bucket's rate, where nobody waits */
    TURN_US = 2000,  /* what one turn is worth at most … */
    TURN_LEAST = 2048,
    DUE_LEAST_US = 1000,
    DUE_MOST_US = 20000,
};

void pacers_init(struct pacers *all, struct loop *loop, size_t worker)
{
    *all = (struct pacers){.loop = loop, .worker = worker};
    list_init(&all->busy);
}

void pacer_init(struct pacer *p, struct pacers *all, struct bucket *bucket, size_t owners, uint64_t most)
{
    *p = (struct pacer){.all = all, .bucket = bucket, .most = most};
    turns_init(&p->turns, owners, (int64_t)most * BUCKET_TOKEN);
}

void pacer_clear(struct pacer *p)
{
    turns_clear(&p->turns);
}

/* The more a bucket gives, the more one turn may take: so that none lasts long, and none is for a few bytes. */
static uint64_t turn_most(const struct pacer *p)
{
    uint64_t n = bucket_rate(p->bucket) * TURN_US / 1000000;

    if (n < TURN_LEAST) n = TURN_LEAST;
    return n < p->most ? n : p->most;
}

static void take(struct pacer *p, int64_t want)
{
    p->slice += bucket_take(p->bucket, p->all->worker, p->turns.owners, want, p->all->loop->now_us);
}

/* Whether the slice has @cost, if need be with more from the bucket. */
static bool cover(struct pacer *p, int64_t cost)
{
    int64_t lot = (int64_t)bucket_rate(p->bucket) * SLICE_US;

    if (p->slice >= cost) return true;
    take(p, cost - p->slice + (p->turns.n ? 0 : lot));
    return p->slice >= cost;
}

/* It is looked at again when there may be enough for one turn. */
static void set_due(struct pacer *p)
{
    uint64_t rate = bucket_rate(p->bucket);
    int64_t us = rate ? (int64_t)(turn_most(p) * BUCKET_TOKEN / rate) : 0;

    if (us < DUE_LEAST_US) us = DUE_LEAST_US;
    if (us > DUE_MOST_US) us = DUE_MOST_US;
    p->due_us = p->all->loop->now_us + us;
    if (!p->all->due_us || p->due_us < p->all->due_us) p->all->due_us = p->due_us;
}

static struct pace_gate *gate_of(struct turn *turn)
{
    return CONTAINER_OF(turn, struct pace_gate, turn);
}

static void end_wait(struct pace_gate *g)
{
    struct pace *pace = g->pace;
    uint64_t us = (uint64_t)(g->pacer->all->loop->now_us - pace->since_us);

    pace->waited_us += us;
    pace->at = NULL;
    if (g->pacer->waited_us)
        atomic_store_explicit(g->pacer->waited_us, atomic_load_explicit(g->pacer->waited_us, memory_order_relaxed) + us,
                              memory_order_relaxed);
}

/* Those whose turn has come. */
static void call(struct pacer *p)
{
    bool limited = bucket_rate(p->bucket) != 0;
    struct turn *turn;

    p->turns.quantum = (int64_t)turn_most(p) * BUCKET_TOKEN;
    while ((turn = turns_next(&p->turns)) && (!limited || cover(p, turn->cost))) {
        struct pace_gate *g = gate_of(turn);

        if (limited) p->slice -= turn->cost;
        g->reserved = limited ? turn->cost / BUCKET_TOKEN : -1;
        turns_take(&p->turns, turn);
        end_wait(g);
        loop_defer(p->all->loop, g->pace->wake);
    }
}

static void rest(struct pacer *p)
{
    if (p->turns.n) return;
    list_remove(&p->busy);
    take(p, 0); /* what comes in is for others */
}

void pacers_call(struct pacers *all)
{
    int64_t now_us = all->loop->now_us;

    all->due_us = 0;
    LIST_EACH_SAFE (link, &all->busy) {
        struct pacer *p = CONTAINER_OF(link, struct pacer, busy);

        if (p->due_us <= now_us) {
            call(p);
            set_due(p);
        } else if (!all->due_us || p->due_us < all->due_us) {
            all->due_us = p->due_us;
        }
        rest(p);
    }
    if (list_is_empty(&all->busy)) all->due_us = 0;
}

static void wait_at(struct pace_gate *g, int64_t cost)
{
    struct pacer *p = g->pacer;

    g->turn.owner = g->pace->owner;
    g->turn.cost = cost;
    g->pace->at = g;
    g->pace->since_us = p->all->loop->now_us;
    turns_add(&p->turns, &g->turn);
    take(p, 0); /* from now on there is a part for us */
    if (list_link_is_in(&p->busy)) return;
    list_add_last(&p->all->busy, &p->busy);
    set_due(p);
}

/* False: it waits. */
static bool pass(struct pace_gate *g, size_t want)
{
    struct pacer *p = g->pacer;
    uint64_t most = turn_most(p);
    int64_t tokens = (int64_t)(want < most ? want : most);

    if (!bucket_rate(p->bucket)) {
        g->reserved = -1;
        return true;
    }
    if (!p->turns.n && cover(p, tokens * BUCKET_TOKEN)) {
        p->slice -= tokens * BUCKET_TOKEN;
        g->reserved = tokens;
        return true;
    }
    wait_at(g, tokens * BUCKET_TOKEN);
    return false;
}

void pace_add(struct pace *p, struct pacer *pacer)
{
    ASSERT(p->n < PACE_GATES);
    p->gates[p->n++] = (struct pace_gate){.pacer = pacer, .pace = p};
}

size_t pace_ask(struct pace *p, size_t want)
{
    if (p->at) return 0;
    for (size_t i = 0; i < p->n; i++) {
        struct pace_gate *g = &p->gates[i];

        if (!g->reserved && !pass(g, want)) return 0;
        if (g->reserved >= 0 && (size_t)g->reserved < want) want = (size_t)g->reserved;
    }
    return want;
}

static void settle(struct pace_gate *g, size_t used)
{
    int64_t left = (g->reserved - (int64_t)used) * BUCKET_TOKEN;

    if (g->reserved > 0) {
        g->pacer->slice += left;
        turns_give_back(&g->pacer->turns, g->pace->owner, left);
    }
    g->reserved = 0;
}

void pace_used(struct pace *p, size_t n)
{
    for (size_t i = 0; i < p->n; i++)
        settle(&p->gates[i], n);
}

void pace_leave(struct pace *p)
{
    struct pace_gate *g = p->at;

    if (g) {
        end_wait(g);
        turns_remove(&g->pacer->turns, &g->turn);
        rest(g->pacer);
    }
    pace_used(p, 0);
}
