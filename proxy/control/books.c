/* SPDX-License-Identifier: Apache-2.0
 * books.c: see books.h. One job at a time; what is asked meanwhile waits for the next one.
 */
#include "control/books.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "flow/proxy.h"
#include "flow/worker.h"
#include "io/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WARN_PERCENT = 80, TROUBLE = 1024, PROBLEMS = 1024 };

struct answer {
    struct books_ask *ask; /* borrowed; NULL: nobody waits any more */
    char month[LEDGER_MONTH];
    char *prices_path; /* owned */
    struct ledger *l;  /* owned, as the next two; NULL: why says it */
    struct prices *p;
    char why[PROBLEMS];
    struct answer *next;
};

struct job {
    pthread_t thread;
    _Atomic bool done;
    const char *dir;        /* borrowed; NULL: memory */
    struct ledger **kept;   /* borrowed: in memory */
    struct ledger *todo;    /* owned: what is to be written; afterwards what could not be */
    struct answer *answers; /* owned */
    struct err err;
};

struct region {
    char name[PRICES_REGION];
};

struct books {
    struct books_parts parts;
    char *dir;              /* owned; NULL: none */
    struct ledger *taken;   /* owned: what was collected since the start */
    struct ledger *window;  /* owned: since the last interval began: zones' bytes one way stand in its rows */
    struct ledger *pending; /* owned: a list, by month */
    struct ledger *kept;    /* owned: without a folder, the month's; the job's while one runs */
    struct region *regions; /* owned: of endpoints by number, also of those that left the file */
    size_t regions_n;
    char month[LEDGER_MONTH];
    int64_t due_us, window_us; /* monotonic */
    struct books_ask *asks;
    struct job *job; /* owned; NULL: none runs */
    char trouble[TROUBLE];
    char busiest[LEDGER_FIELD];
    uint64_t peak;
    bool warned;
};

/* ------------------------------------------------------------------- collecting */

static const struct settings *settings_of(const struct books *b)
{
    return (*b->parts.snapshot)->settings;
}

/* Of all endpoints that there are, before something is counted for them. */
static bool note_regions(struct books *b)
{
    const struct settings *s = settings_of(b);

    for (size_t i = 0; i < s->endpoints_n; i++) {
        uint32_t id = s->endpoints[i].id;

        if (id >= b->regions_n) {
            struct region *v = realloc(b->regions, (id + 1) * sizeof(*v));

            if (!v) return false;
            memset(&v[b->regions_n], 0, (id + 1 - b->regions_n) * sizeof(*v));
            b->regions = v;
            b->regions_n = id + 1;
        }
        snprintf(b->regions[id].name, sizeof(b->regions[id].name), "%s", s->endpoints[i].region);
    }
    return true;
}

static struct str region_of(const struct books *b, uint32_t endpoint)
{
    return endpoint < b->regions_n ? str_from(b->regions[endpoint].name) : STR_NONE;
}

static struct str name_of(const struct books *b, enum standing_kind kind, uint32_t id)
{
    return id == STANDING_NONE ? STR_NONE : str_from(standing_name(b->parts.proxy->standing, kind, id));
}

/* An address without a zone is a zone of its own. */
static struct str zone_of(const char *zone, const char *address)
{
    return str_from(zone[0] ? zone : address);
}

/* All that workers counted since the start, with names. NULL: no memory. */
static struct ledger *count_all(const struct books *b)
{
    struct ledger *l = ledger_new(b->month);
    struct traffic_sum *v = NULL;
    size_t n = traffic_sum(b->parts.proxy->traffic, TRAFFIC_BY_CLIENT | TRAFFIC_BY_BUCKET | TRAFFIC_BY_ADDRESS, &v);
    bool fine = l && n != SIZE_MAX;

    for (size_t i = 0; fine && i < n; i++) {
        const struct traffic_key *k = &v[i].key;
        const struct str field[LEDGER_FIELDS] = {
            [LEDGER_CLIENT] = name_of(b, STANDING_PRINCIPAL, k->principal),
            [LEDGER_BUCKET] = str_from(k->bucket),
            [LEDGER_ENDPOINT] = name_of(b, STANDING_ENDPOINT, k->endpoint),
            [LEDGER_REGION] = region_of(b, k->endpoint),
            [LEDGER_ZONE] = zone_of(k->zone, k->address_text),
        };

        fine = ledger_add(l, field, v[i].v);
    }
    free(v);
    if (!fine) ledger_free(&l);
    return l;
}

static struct ledger *pending_of_month(struct books *b)
{
    struct ledger *l = b->pending;

    if (l && strcmp(l->month, b->month) == 0) return l;
    l = ledger_new(b->month);
    if (!l) return NULL;
    l->next = b->pending;
    b->pending = l;
    return l;
}

/* The traffic of a zone, whoever's it is. */
static bool add_to_window(struct books *b, const struct ledger_row *r, const uint64_t v[TRAFFIC_SLOTS])
{
    const struct str field[LEDGER_FIELDS] = {[LEDGER_ENDPOINT] = r->field[LEDGER_ENDPOINT],
                                             [LEDGER_REGION] = r->field[LEDGER_REGION],
                                             [LEDGER_ZONE] = r->field[LEDGER_ZONE]};

    return ledger_add(b->window, field, v);
}

static bool add_difference(struct books *b, struct ledger *to, const struct ledger_row *r)
{
    const struct ledger_row *before = b->taken ? ledger_find(b->taken, str_make(r->text, r->n)) : NULL;
    uint64_t v[TRAFFIC_SLOTS], any = 0;

    for (size_t i = 0; i < TRAFFIC_SLOTS; i++) {
        v[i] = r->v[i] - (before ? before->v[i] : 0);
        any |= v[i];
    }
    if (!any) return true;
    return ledger_add(to, r->field, v) && add_to_window(b, r, v);
}

static bool note_zones(struct books *b, struct ledger *to)
{
    const struct address_table *t = endpoints_table(b->parts.endpoints);
    int64_t now_s = clock_wall_us() / 1000000;
    bool fine = true;

    for (size_t i = 0; fine && i < t->endpoints_n; i++) {
        const struct table_endpoint *e = &t->endpoints[i];

        for (size_t k = 0; fine && k < e->n; k++)
            fine = ledger_saw(to, name_of(b, STANDING_ENDPOINT, e->id), region_of(b, e->id),
                              zone_of(e->v[k].zone, e->v[k].address->text),
                              &(struct ledger_zone){.first_s = now_s, .last_s = now_s});
    }
    return fine;
}

/* What was counted since the last time goes to b->pending, of the month b->month. Where memory is short it is counted
 * the next time. */
static void collect(struct books *b)
{
    struct ledger *now = note_regions(b) ? count_all(b) : NULL, *to = pending_of_month(b);
    const struct ledger_row *r;
    size_t at = 0;
    bool fine = now && to && note_zones(b, to);

    if (!fine) {
        LOG(LOG_ERROR, "out of memory: traffic is written the next time");
        ledger_free(&now);
        return;
    }
    while ((r = map_next(&now->rows, &at)))
        if (!add_difference(b, to, r)) LOG(LOG_ERROR, "out of memory: some traffic is not written");
    ledger_free(&b->taken);
    b->taken = now;
}

/* ------------------------------------------------------------------- how full the endpoints' zones are */

static uint64_t per_second(const struct ledger_row *r, int64_t us)
{
    uint64_t in = r->v[TRAFFIC_BYTES_IN], out = r->v[TRAFFIC_BYTES_OUT];

    return price_of_number(in > out ? in : out, 1000000, (uint64_t)us);
}

static void warn_of_peak(struct books *b, const struct ledger_row *r)
{
    uint64_t most = settings_of(b)->cost.zone_bandwidth;
    bool near = most && b->peak >= most / 100 * WARN_PERCENT;

    if (near && !b->warned)
        LOG(LOG_WARN,
            "[endpoint %.*s] zone %.*s: %llu Mbit/s one way, of the %llu that [cost] zone_bandwidth says: requests "
            "slow "
            "down or fail beyond; spread them over more zones, or have another endpoint",
            STR_ARG(r->field[LEDGER_ENDPOINT]), STR_ARG(r->field[LEDGER_ZONE]),
            (unsigned long long)b->peak * 8 / 1000000, (unsigned long long)most * 8 / 1000000);
    b->warned = near;
}

static void end_window(struct books *b, int64_t now_us)
{
    const struct ledger_row *r, *busiest = NULL;
    struct ledger *to = pending_of_month(b);
    int64_t us = now_us - b->window_us;
    size_t at = 0;

    b->peak = 0;
    while (us > 0 && to && (r = map_next(&b->window->rows, &at))) {
        struct ledger_zone seen = {.first_s = clock_wall_us() / 1000000, .peak = per_second(r, us)};

        seen.last_s = seen.peak_s = seen.first_s;
        if (!ledger_saw(to, r->field[LEDGER_ENDPOINT], r->field[LEDGER_REGION], r->field[LEDGER_ZONE], &seen)) continue;
        if (busiest && seen.peak <= b->peak) continue;
        busiest = r;
        b->peak = seen.peak;
        snprintf(b->busiest, sizeof(b->busiest), "%.*s", STR_ARG(r->field[LEDGER_ZONE]));
    }
    if (busiest) warn_of_peak(b, busiest);
    if (!busiest) b->warned = false;
    struct ledger *fresh = ledger_new(b->month);

    if (!fresh) return;
    ledger_free(&b->window);
    b->window = fresh;
    b->window_us = now_us;
}

/* ------------------------------------------------------------------- the thread */

static bool keep_in_memory(const struct job *j, const struct ledger *l)
{
    if (!*j->kept || strcmp((*j->kept)->month, l->month) < 0) {
        ledger_free(j->kept);
        *j->kept = ledger_new(l->month);
    }
    return *j->kept && (strcmp((*j->kept)->month, l->month) != 0 || ledger_merge(*j->kept, l));
}

/* What could be written goes; the rest stays. */
static void write_all(struct job *j)
{
    struct ledger **at = &j->todo;

    while (*at) {
        struct ledger *l = *at;
        bool fine = j->dir ? ledger_commit(l, j->dir, &j->err) == ERR_NONE : keep_in_memory(j, l);

        if (!fine) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        ledger_free(&l);
    }
}

static void read_prices(struct answer *a)
{
    FILE *problems = fmemopen(a->why, sizeof(a->why), "w");

    if (problems) a->p = prices_load(a->prices_path, problems);
    if (problems) fclose(problems);
}

/* What is written of the month, and what is not yet. */
static enum err_code read_month(const struct job *j, struct ledger *l, struct err *err)
{
    bool fine = true;

    if (j->dir) TRY(ledger_load(l, j->dir, err));
    if (!j->dir && *j->kept && strcmp((*j->kept)->month, l->month) == 0) fine = ledger_merge(l, *j->kept);
    for (const struct ledger *more = j->todo; fine && more; more = more->next)
        if (strcmp(more->month, l->month) == 0) fine = ledger_merge(l, more);
    return fine ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "out of memory");
}

static void make_answer(const struct job *j, struct answer *a)
{
    struct err err = {0};

    a->l = ledger_new(a->month);
    if (!a->l) {
        snprintf(a->why, sizeof(a->why), "out of memory");
    } else if (read_month(j, a->l, &err) != ERR_NONE) {
        snprintf(a->why, sizeof(a->why), "%s%s%s", err.detail, err.sys_errno ? ": " : "",
                 err.sys_errno ? strerror(err.sys_errno) : "");
        ledger_free(&a->l);
    } else if (a->prices_path) {
        read_prices(a);
        if (!a->p) ledger_free(&a->l);
    }
}

static void *run(void *arg)
{
    struct job *j = arg;

    sandbox_enter(SANDBOX_WRITES);
    thread_steps_back();
    write_all(j);
    for (struct answer *a = j->answers; a; a = a->next)
        make_answer(j, a);
    atomic_store_explicit(&j->done, true, memory_order_release);
    return NULL;
}

/* ------------------------------------------------------------------- jobs */

static bool take_ask(struct job *j, struct books_ask *ask)
{
    struct answer *a = calloc(1, sizeof(*a));

    if (!a) return false;
    a->ask = ask;
    memcpy(a->month, ask->month, sizeof(a->month));
    a->prices_path = ask->prices ? strdup(ask->prices) : NULL;
    a->next = j->answers;
    j->answers = a;
    return true;
}

static void begin(struct books *b)
{
    struct job *j = calloc(1, sizeof(*j));

    if (!j) return;
    j->dir = b->dir;
    j->kept = &b->kept;
    j->todo = b->pending;
    b->pending = NULL;
    while (b->asks && take_ask(j, b->asks))
        b->asks = b->asks->next;
    b->job = j;
    if (thread_start(&j->thread, run, j) == 0) return;
    b->job = NULL; /* the next time */
    b->pending = j->todo;
    while (j->answers) {
        struct answer *a = j->answers;

        j->answers = a->next;
        a->ask->next = b->asks;
        b->asks = a->ask;
        free(a->prices_path);
        free(a);
    }
    free(j);
}

/* What could not be written waits with what came since. */
static void take_back(struct books *b, struct ledger *l)
{
    while (l) {
        struct ledger *next = l->next, *to = b->pending;

        while (to && strcmp(to->month, l->month) != 0)
            to = to->next;
        if (!to) {
            l->next = b->pending;
            b->pending = l;
        } else {
            if (!ledger_merge(to, l)) LOG(LOG_ERROR, "out of memory: some traffic is not written");
            ledger_free(&l);
        }
        l = next;
    }
}

/* Told once, and once it is over. */
static void tell(struct books *b, const struct err *err)
{
    char now[TROUBLE] = "";

    if (err->code != ERR_NONE)
        snprintf(now, sizeof(now), "%s%s%s", err->detail, err->sys_errno ? ": " : "",
                 err->sys_errno ? strerror(err->sys_errno) : "");
    if (strcmp(now, b->trouble) == 0) return;
    if (now[0])
        LOG(LOG_ERROR, "traffic for `s3onramp cost` is not written, and kept in memory: %s", now);
    else
        LOG(LOG_INFO, "traffic for `s3onramp cost` is written again");
    memcpy(b->trouble, now, sizeof(now));
}

static void give_answers(struct job *j)
{
    while (j->answers) {
        struct answer *a = j->answers;

        j->answers = a->next;
        if (a->ask) a->ask->done(a->ask->arg, a->l, a->p, a->why);
        ledger_free(&a->l);
        prices_free(&a->p);
        free(a->prices_path);
        free(a);
    }
}

static void finish(struct books *b)
{
    struct job *j = b->job;

    pthread_join(j->thread, NULL);
    b->job = NULL;
    take_back(b, j->todo);
    tell(b, &j->err);
    give_answers(j);
    free(j);
}

/* ------------------------------------------------------------------- from outside */

struct books *books_new(const struct books_parts *parts)
{
    const struct cost_conf *conf = &(*parts->snapshot)->settings->cost;
    struct books *b = calloc(1, sizeof(*b));
    bool off = !conf->state || strcmp(conf->state, "off") == 0;

    if (!b) return NULL;
    b->parts = *parts;
    ledger_month_of(clock_wall_us() / 1000000, b->month);
    b->window = ledger_new(b->month);
    b->window_us = clock_monotonic_us();
    if (!off && !(conf->is_default && access(conf->state, W_OK) != 0)) b->dir = strdup(conf->state);
    if (b->window) return b;
    free(b->dir);
    free(b);
    return NULL;
}

void books_tick(struct books *b)
{
    int64_t now_us = clock_monotonic_us();
    char month[LEDGER_MONTH];
    bool due = now_us >= b->due_us, turn;

    if (b->job && atomic_load_explicit(&b->job->done, memory_order_acquire)) finish(b);
    ledger_month_of(clock_wall_us() / 1000000, month);
    turn = strcmp(month, b->month) != 0;
    if (!due && !turn && (!b->asks || b->job)) return;
    if (due || turn || b->asks) collect(b);
    if (due) end_window(b, now_us);
    if (due) b->due_us = now_us + (int64_t)settings_of(b)->cost.save_interval_ms * 1000;
    memcpy(b->month, month, sizeof(month));
    if (!b->job) begin(b);
}

void books_free(struct books **bp)
{
    struct books *b = *bp;
    struct job last = {0};

    *bp = NULL;
    if (!b) return;
    if (b->job) finish(b);
    collect(b);
    last.dir = b->dir;
    last.kept = &b->kept;
    last.todo = b->pending;
    write_all(&last);
    tell(b, &last.err);
    while (last.todo) {
        struct ledger *l = last.todo;

        last.todo = l->next;
        ledger_free(&l);
    }
    ledger_free(&b->taken);
    ledger_free(&b->window);
    ledger_free(&b->kept);
    free(b->regions);
    free(b->dir);
    free(b);
}

void books_ask(struct books *b, struct books_ask *ask)
{
    ask->next = b->asks;
    b->asks = ask;
}

void books_forget(struct books *b, struct books_ask *ask)
{
    struct books_ask **at = &b->asks;

    while (*at && *at != ask)
        at = &(*at)->next;
    if (*at) *at = ask->next;
    for (struct answer *a = b->job ? b->job->answers : NULL; a; a = a->next)
        if (a->ask == ask) a->ask = NULL;
}

const char *books_dir(const struct books *b)
{
    return b->dir;
}

const char *books_trouble(const struct books *b)
{
    return b->trouble;
}

uint64_t books_peak(const struct books *b, const char **zone)
{
    *zone = b->busiest;
    return b->peak;
}
