/* SPDX-License-Identifier: Apache-2.0
 * worker.c: see worker.h.
 */
#include "flow/worker.h"

#include "base/log.h"
#include "base/secret.h"
#include "flow/flow.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_BYTES = SINK_LINE_MAX, CLIENT_KEY_SLOTS = 1024, OWN_KEY_SLOTS = 64, REGIONS = 4096 };

static void on_accept(struct listener *l, int fd, const struct netaddr *peer)
{
    struct worker *w = l->arg;

    session_accept(w, w->listener_of[l - w->listeners], fd, peer);
}

/* No descriptors left: what is only kept for later use goes first. */
static void on_full(struct listener *l)
{
    struct worker *w = l->arg;

    pool_close_all_idle(&w->pool);
    splice_pool_clear(&w->pipes);
    session_evict(w);
}

static void check_stopped(struct worker *w)
{
    if (!w->stopping) return;
    if (w->clients_n == 0) {
        loop_stop(&w->loop);
    } else if (w->loop.now_us > w->stop_by_us) {
        LOG(LOG_WARN, "worker %zu: shutdown_timeout is over, connections broken off: %zu", w->index, w->clients_n);
        loop_stop(&w->loop);
    }
}

static void on_tick(void *arg)
{
    struct worker *w = arg;
    struct session *c, *next;

    for (c = w->sessions; c; c = next) {
        next = c->next; /* checking one client ends at most that one; its memory lives until the turn's end */
        session_check_time(c);
    }
    session_make_room(w);
    keyring_tick(&w->keyring);
    pool_tick(&w->pool);
    for (size_t i = 0; i < w->listeners_n; i++)
        listener_resume(&w->listeners[i]);
}

static void on_turn(void *arg)
{
    struct worker *w = arg;

    if (w->wrote_lines) sink_wake(w->rt->access);
    w->wrote_lines = false;
    check_stopped(w);
}

static enum err_code start_listeners(struct worker *w, const struct worker_socket *sockets, size_t n, struct err *err)
{
    enum err_code code = ERR_NONE;

    w->listeners = calloc(n + 1, sizeof(*w->listeners));
    w->listener_of = calloc(n + 1, sizeof(*w->listener_of));
    if (!w->listeners || !w->listener_of) code = err_set(err, ERR_NO_MEMORY, 0, "listeners");
    for (size_t i = 0; i < n; i++) {
        if (code != ERR_NONE) {
            close(sockets[i].fd);
            continue;
        }
        w->listener_of[i] = sockets[i].listener;
        code = listener_start(&w->listeners[i], &w->loop, sockets[i].fd, on_accept, on_full, w, err);
        w->listeners_n = i + 1;
    }
    return code;
}

static enum err_code init(struct worker *w, struct runtime *rt, size_t index, struct err *err)
{
    char *mem;

    memset(w, 0, sizeof(*w));
    w->rt = rt;
    w->index = index;
    secret_random(&w->next_id, sizeof(w->next_id));
    TRY(loop_init(&w->loop, on_tick, on_turn, w, err));
    w->digest = digest_new();
    w->client_keys = sigv4_keys_new(CLIENT_KEY_SLOTS);
    w->own_keys = sigv4_keys_new(OWN_KEY_SLOTS);
    w->regions = region_cache_new(REGIONS);
    mem = malloc(LINE_BYTES);
    w->line = sbuf_make(mem, mem ? LINE_BYTES : 0);
    w->access = rt->access ? sink_queue_new(rt->access, SINK_ACCESS) : NULL;
    if (!w->digest || !w->client_keys || !w->own_keys || !w->regions || !mem || (rt->access && !w->access))
        return err_set(err, ERR_NO_MEMORY, 0, "worker");
    TRY(keyring_init(&w->keyring, &w->loop, rt->key_needs, err));
    return pool_init(&w->pool, w, err);
}

enum err_code worker_init(struct worker *w, struct runtime *rt, size_t index, const struct worker_socket *sockets,
                          size_t sockets_n, struct err *err)
{
    enum err_code code = init(w, rt, index, err);

    if (code == ERR_NONE) return start_listeners(w, sockets, sockets_n, err);
    for (size_t i = 0; i < sockets_n; i++)
        close(sockets[i].fd);
    return code;
}

static void *run(void *arg)
{
    struct worker *w = arg;

    loop_run(&w->loop);
    return NULL;
}

enum err_code worker_start(struct worker *w, struct err *err)
{
    sigset_t all, before;
    int e;

    /* Signals belong to the control thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    e = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (e) return err_set(err, ERR_INTERNAL, e, "cannot start a thread");
    w->started = true;
    return ERR_NONE;
}

static void stop_now(void *arg)
{
    struct worker *w = arg;
    struct session *c, *next;

    if (w->stopping) { /* asked twice: no more patience */
        w->stop_by_us = 0;
        check_stopped(w);
        return;
    }
    w->stopping = true;
    w->stop_by_us = w->loop.now_us + (int64_t)w->rt->settings->server.shutdown_timeout_ms * 1000;
    for (size_t i = 0; i < w->listeners_n; i++)
        listener_stop(&w->listeners[i]);
    for (c = w->sessions; c; c = next) {
        next = c->next;
        session_stop(c);
    }
    pool_close_all_idle(&w->pool);
    check_stopped(w);
}

void worker_stop(struct worker *w)
{
    if (!loop_post(&w->loop, stop_now, w)) LOG(LOG_ERROR, "out of memory: worker %zu cannot be told to stop", w->index);
}

void worker_join(struct worker *w)
{
    if (w->started) pthread_join(w->thread, NULL);
    w->started = false;
}

void worker_clear(struct worker *w)
{
    for (size_t i = 0; i < w->listeners_n; i++)
        listener_stop(&w->listeners[i]);
    while (w->sessions) {
        struct session *c = w->sessions;

        session_stop(c);
        if (w->sessions == c) session_kill(c);
    }
    on_turn(w);
    pool_clear(&w->pool);
    keyring_clear(&w->keyring);
    splice_pool_clear(&w->pipes);
    free(w->listeners);
    free(w->listener_of);
    free(w->line.p);
    region_cache_free(&w->regions);
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
