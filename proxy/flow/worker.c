/* SPDX-License-Identifier: Apache-2.0
 * worker.c: see worker.h.
 */
#include "flow/worker.h"

#include "base/list.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/thread.h"
#include "flow/record.h"
#include "flow/session.h"
#include "io/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_BYTES = SINK_LINE_MAX, CLIENT_KEY_SLOTS = 1024, OWN_KEY_SLOTS = 64, REGIONS = 4096, TRAFFIC_TICKS = 4 };

static void on_accept(struct listener *l, int fd, const struct netaddr *peer)
{
    session_accept(l->arg, CONTAINER_OF(l, struct worker_port, listener)->id, fd, peer);
}

/* No descriptors left: what is only kept for later use goes first. */
static void on_full(struct listener *l)
{
    struct worker *w = l->arg;

    pool_close_all_idle(&w->pool);
    splice_pool_clear(&w->pipes);
    session_evict(w);
}

static void cut_all(struct worker *w)
{
    size_t before = w->cut_n;

    while (w->sessions) {
        struct session *c = w->sessions;

        session_stop(c);
        if (w->sessions == c)
            session_kill(
                c, ERR_SHUTDOWN,
                "cut at the end of shutdown_timeout (after an upgrade: upgrade_timeout), or by a second signal");
    }
    if (w->cut_n > before) LOG(LOG_WARN, "worker %zu: cut: %zu", w->index, w->cut_n - before);
}

static void check_stopped(struct worker *w)
{
    if (!w->stopping) return;
    if (w->clients_n && w->loop.now_us > w->stop_by_us) cut_all(w);
    if (w->clients_n == 0) loop_stop(&w->loop);
}

/* Before ticked_us is set anew. */
static void count_lag(struct worker *w)
{
    _Atomic uint64_t *row = stats_row(w->stats, STATS_OF_WORKER, (uint32_t)w->index);
    int64_t lag = w->loop.now_us - atomic_load_explicit(&w->ticked_us, memory_order_relaxed) - LOOP_TICK_MS * 1000;

    stats_add(row, STATS_WORKER_TICKS, 1);
    if (lag <= 0) return;
    stats_add(row, STATS_WORKER_LAG_US, (uint64_t)lag);
    if ((uint64_t)lag > stats_get(row, STATS_WORKER_LAG_MOST_US))
        stats_set(row, STATS_WORKER_LAG_MOST_US, (uint64_t)lag);
}

static void note_levels(struct worker *w)
{
    _Atomic uint64_t *row = stats_row(w->stats, STATS_OF_WORKER, (uint32_t)w->index);
    uint64_t running[STATS_RUNNING_N] = {0};

    for (const struct session *c = w->sessions; c; c = c->next)
        if (c->state == SESSION_REQUESTS && c->in_request)
            running[c->req.step == STEP_tunnel ? STATS_RUNNING_TUNNELS : STATS_RUNNING_REQUESTS]++;
    for (unsigned i = 0; i < STATS_RUNNING_N; i++)
        stats_set(row, STATS_WORKER_RUNNING + i, running[i]);
    stats_set(row, STATS_WORKER_BUFFERS, buf_pool_bytes(&w->loop.bufs));
}

static void on_tick(void *arg)
{
    struct worker *w = arg;
    struct session *c, *next;

    count_lag(w);
    atomic_store_explicit(&w->ticked_us, w->loop.now_us, memory_order_relaxed);
    w->ticks++;
    for (c = w->sessions; c; c = next) {
        next = c->next; /* checking one client ends at most that one; its memory lives until the turn's end */
        if (w->stopping && (!w->stop.patient || c->state == SESSION_REQUESTS)) session_stop(c);
        if (c->use != w->use) session_adopt(c, false); /* it was about to speak when the snapshot came */
        if (c->in_request && w->ticks % TRAFFIC_TICKS == 0) record_traffic_so_far(&c->req);
        if (c->state != SESSION_GONE) session_check_time(c);
    }
    note_levels(w);
    session_make_room(w);
    keyring_tick(&w->keyring);
    pool_tick(&w->pool);
    for (struct worker_port *p = w->ports; p; p = p->next)
        listener_resume(&p->listener);
}

static void free_unused(struct worker *w)
{
    while (w->unused) {
        struct snapshot_use *use = w->unused;

        w->unused = use->next;
        pool_forget_snapshot(&w->pool, use->snapshot);
        snapshot_bin_put(&w->proxy->unused, use);
    }
}

void worker_put_line(struct worker *w, enum sink_stream stream, size_t room, struct str line)
{
    (void)sink_put_into(w->lines[stream].queue, room, LOG_INFO, line);
    w->lines[stream].wrote = true;
}

static void wake_sinks(struct worker *w)
{
    for (size_t i = 0; i < ARRAY_LEN(w->lines); i++) {
        if (w->lines[i].wrote) sink_wake(w->lines[i].sink);
        w->lines[i].wrote = false;
    }
}

static void on_alarm(void *arg)
{
    pacers_call(&((struct worker *)arg)->shares.pacers);
}

static void on_turn(void *arg)
{
    struct worker *w = arg;

    loop_set_alarm(&w->loop, w->shares.pacers.due_us, on_alarm);
    wake_sinks(w);
    free_unused(w);
    check_stopped(w);
}

/* ------------------------------------------------------------- listening */

void worker_sockets_clear(struct worker_sockets *s)
{
    for (size_t i = 0; i < s->n; i++)
        close(s->v[i].fd);
    free(s->v);
    *s = (struct worker_sockets){0};
}

/* One for each of the sockets, in their order. */
static bool make_ports(struct worker_change *c)
{
    for (size_t i = 0; i < c->sockets.n; i++) {
        struct worker_port *p = calloc(1, sizeof(*p));

        if (!p) return false;
        p->next = c->ports;
        c->ports = p;
    }
    return true;
}

static enum err_code start_port(struct worker *w, struct worker_port *p, const struct worker_socket *socket,
                                struct err *err)
{
    const struct listener_conf *conf = snapshot_listener_at(w->use->snapshot, &socket->addr);

    if (!conf) {
        free(p);
        close(socket->fd);
        return ERR_NONE;
    }
    p->addr = socket->addr;
    p->id = conf->id;
    p->next = w->ports;
    w->ports = p;
    return listener_start(&p->listener, &w->loop, socket->fd, on_accept, on_full, w, err);
}

/* All are taken over, also on failure, of which the last is told. */
static void start_ports(struct worker *w, struct worker_change *c)
{
    for (size_t i = 0; i < c->sockets.n; i++) {
        struct worker_port *p = c->ports;

        c->ports = p->next;
        (void)start_port(w, p, &c->sockets.v[i], &c->deaf);
    }
    c->sockets.n = 0;
    worker_sockets_clear(&c->sockets);
}

/* Who has connected already is served. */
static void finish_port(struct worker_port *p)
{
    listener_finish(&p->listener);
    free(p);
}

static void free_port(struct worker_port *p)
{
    listener_stop(&p->listener);
    free(p);
}

static void follow_ports(struct worker *w)
{
    struct worker_port **at = &w->ports;

    while (*at) {
        struct worker_port *p = *at;
        const struct listener_conf *conf = snapshot_listener_at(w->use->snapshot, &p->addr);

        if (conf) {
            p->id = conf->id;
            at = &p->next;
            continue;
        }
        *at = p->next;
        finish_port(p);
    }
}

/* ------------------------------------------------------------- snapshots */

void worker_leave_snapshot(struct worker *w, struct snapshot_use *use)
{
    if (--use->users) return;
    use->next = w->unused;
    w->unused = use;
}

void worker_change_clear(struct worker_change *c)
{
    snapshot_unref(&c->snapshot);
    worker_sockets_clear(&c->sockets);
    free(c->use);
    c->use = NULL;
    for (size_t i = 0; i < SINK_STREAMS; i++) {
        sink_queue_leave(c->queues[i]);
        c->queues[i] = NULL;
    }
    while (c->ports) {
        struct worker_port *p = c->ports;

        c->ports = p->next;
        free(p);
    }
}

static bool prepare_lines(struct worker *w, struct worker_change *c)
{
    for (int i = SINK_ACCESS; i < SINK_STREAMS; i++) {
        struct sink *to = c->sinks.v[i];

        if (!to || to == w->lines[i].sink) continue;
        c->queues[i] = sink_queue_new(to, (enum sink_stream)i);
        if (!c->queues[i]) return false;
    }
    return true;
}

void worker_prepare(struct worker *w, struct worker_change *c)
{
    c->use = calloc(1, sizeof(*c->use));
    c->no_memory = !c->use || !prepare_lines(w, c) || !make_ports(c) || !pool_prepare_snapshot(&w->pool, c->snapshot);
}

static void follow_sinks(struct worker *w, struct worker_change *c)
{
    wake_sinks(w);
    for (size_t i = SINK_ACCESS; i < SINK_STREAMS; i++) {
        struct worker_lines *l = &w->lines[i];
        struct sink_queue *before = l->queue;

        if (c->sinks.v[i] == l->sink) continue;
        l->sink = c->sinks.v[i];
        l->queue = c->queues[i];
        c->queues[i] = NULL;
        if (before && l->queue) sink_move_room(before, l->queue);
        sink_queue_leave(before);
    }
}

/* The worker's hold on the change's snapshot, with one user. */
static void follow_snapshot(struct worker *w, struct worker_change *c)
{
    *c->use = (struct snapshot_use){.snapshot = snapshot_ref(c->snapshot), .users = 1};
    w->use = c->use;
    c->use = NULL;
    pool_adopt_snapshot(&w->pool, c->snapshot);
}

void worker_adopt(struct worker *w, struct worker_change *c)
{
    struct snapshot_use *before = w->use;
    struct session *s, *next;

    ASSERT(c->use);
    follow_sinks(w, c);
    follow_snapshot(w, c);
    if (w->stopping)
        worker_sockets_clear(&c->sockets);
    else
        start_ports(w, c);
    follow_ports(w);
    for (s = w->sessions; s; s = next) {
        next = s->next; /* one that cannot go on ends; its memory lives until the turn's end */
        session_adopt(s, c->cut);
    }
    if (before) worker_leave_snapshot(w, before);
}

/* ------------------------------------------------------------- the worker */

static enum err_code init(struct worker *w, struct proxy *proxy, size_t index, struct err *err)
{
    char *mem;

    memset(w, 0, sizeof(*w));
    w->proxy = proxy;
    w->stats = stats_block(proxy->stats, index);
    w->traffic = proxy->traffic ? traffic_table(proxy->traffic, index) : NULL;
    w->index = index;
    secret_random(&w->next_id, sizeof(w->next_id));
    TRY(loop_init(&w->loop, on_tick, on_turn, w, err));
    w->digest = digest_new();
    w->client_keys = sigv4_keys_new(CLIENT_KEY_SLOTS);
    w->own_keys = sigv4_keys_new(OWN_KEY_SLOTS);
    w->regions = region_cache_new(REGIONS);
    w->troubles = calloc(1, sizeof(*w->troubles));
    mem = malloc(LINE_BYTES);
    w->line = sbuf_make(mem, mem ? LINE_BYTES : 0);
    pool_init(&w->pool, w);
    shares_init(&w->shares, proxy->quotas, &w->loop, index, w->stats);
    keyring_init(&w->keyring, &w->loop, proxy->key_needs);
    if (!w->digest || !w->client_keys || !w->own_keys || !w->regions || !w->troubles || !mem)
        return err_set(err, ERR_NO_MEMORY, 0, "worker");
    return ERR_NONE;
}

enum err_code worker_init(struct worker *w, struct proxy *proxy, struct snapshot *snapshot, size_t index,
                          struct worker_sockets *sockets, struct err *err)
{
    struct worker_change first = {.snapshot = snapshot_ref(snapshot), .sinks = proxy->sinks, .sockets = *sockets};
    enum err_code code = init(w, proxy, index, err);

    *sockets = (struct worker_sockets){0};
    if (code == ERR_NONE) worker_prepare(w, &first);
    if (first.no_memory) code = err_set(err, ERR_NO_MEMORY, 0, "worker");
    if (code == ERR_NONE) {
        worker_adopt(w, &first);
        *err = first.deaf;
        code = first.deaf.code;
    }
    worker_change_clear(&first);
    return code;
}

static void *run(void *arg)
{
    struct worker *w = arg;

    sandbox_enter(SANDBOX_SERVES);
    loop_run(&w->loop);
    atomic_store_explicit(&w->ticked_us, INT64_MAX, memory_order_relaxed);
    return NULL;
}

enum err_code worker_start(struct worker *w, struct err *err)
{
    int e;

    atomic_store_explicit(&w->ticked_us, clock_monotonic_us(), memory_order_relaxed);
    e = thread_start(&w->thread, run, w);
    if (e) return err_set(err, ERR_INTERNAL, e, "cannot start a thread");
    w->started = true;
    return ERR_NONE;
}

static void leave_now(void *arg)
{
    ((struct worker *)arg)->leaving = true;
}

struct stop_order {
    struct worker *worker;
    struct worker_stop stop;
};

/* What was posted to it comes too late. */
static bool has_ended(const struct worker *w)
{
    return w->loop.stop;
}

static void stop_now(void *arg)
{
    struct stop_order *order = arg;
    struct worker *w = order->worker;
    struct session *c, *next;

    w->stop = order->stop;
    free(order);
    if (has_ended(w)) return;
    w->leaving = w->stopping = true;
    w->stop_by_us = w->loop.now_us + (int64_t)w->stop.within_ms * 1000;
    for (struct worker_port *p = w->ports; p; p = p->next)
        listener_finish(&p->listener);
    for (c = w->sessions; c && !w->stop.patient; c = next) {
        next = c->next;
        session_stop(c);
    }
    pool_close_all_idle(&w->pool);
}

static void end_now(void *arg)
{
    struct worker *w = arg;

    if (has_ended(w)) return;
    w->stopping = true;
    for (struct worker_port *p = w->ports; p; p = p->next)
        listener_stop(&p->listener);
    cut_all(w);
}

static void tell(struct worker *w, void (*what)(void *), void *arg)
{
    ASSERT(w);
    if (arg && loop_post(&w->loop, what, arg)) return;
    LOG(LOG_ERROR, "out of memory: worker %zu cannot be told to stop", w->index);
    if (arg != w) free(arg);
}

void worker_leave(struct worker *w)
{
    tell(w, leave_now, w);
}

void worker_stop(struct worker *w, const struct worker_stop *stop)
{
    struct stop_order *order = malloc(sizeof(*order));

    if (order) *order = (struct stop_order){w, *stop};
    tell(w, stop_now, order);
}

void worker_end(struct worker *w)
{
    tell(w, end_now, w);
}

void worker_join(struct worker *w)
{
    if (w->started) pthread_join(w->thread, NULL);
    w->started = false;
}

void worker_clear(struct worker *w)
{
    while (w->ports) {
        struct worker_port *p = w->ports;

        w->ports = p->next;
        free_port(p);
    }
    cut_all(w);
    on_turn(w);
    if (w->use) worker_leave_snapshot(w, w->use);
    free_unused(w);
    pool_clear(&w->pool);
    keyring_clear(&w->keyring);
    shares_clear(&w->shares);
    splice_pool_clear(&w->pipes);
    free(w->line.p);
    region_cache_free(&w->regions);
    free(w->troubles);
    sigv4_keys_free(&w->client_keys);
    sigv4_keys_free(&w->own_keys);
    digest_free(&w->digest);
    if (w->loop.base) loop_clear(&w->loop);
}

struct str worker_timestamp(struct worker *w, int64_t now_s)
{
    if (now_s != w->stamp_s) {
        sigv4_format_time(now_s, w->stamp);
        w->stamp_s = now_s;
    }
    return str_make(w->stamp, sizeof(w->stamp));
}

void worker_make_id(struct worker *w, char *out)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t v = w->next_id += 0x9e3779b97f4a7c15u; /* odd step: runs through all 64-bit values */

    memcpy(out, "S3O", 3);
    for (size_t i = REQUEST_ID_BYTES - 1; i >= 3; i--, v >>= 5)
        out[i] = digits[v & 31];
    out[REQUEST_ID_BYTES] = '\0';
}
