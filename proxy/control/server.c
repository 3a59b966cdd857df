/* SPDX-License-Identifier: Apache-2.0
 * server.c: see server.h. Start-up order: limits, listening sockets, snapshot, workers; shut-down in reverse. Every
 * socket is open and every file read before the first connection is taken, so that a mistake stops the program instead
 * of half of it.
 */
#include "control/server.h"

#include "base/log.h"
#include "base/release.h"
#include "base/secret.h"
#include "control/descriptors.h"
#include "control/follower.h"
#include "control/logs.h"
#include "control/notify.h"
#include "control/ports.h"
#include "control/reload.h"
#include "control/road/endpoints.h"
#include "control/sweeper.h"
#include "control/workers.h"
#include "flow/audit.h"
#include "flow/worker.h"
#include "io/child.h"
#include "io/sandbox.h"
#include "keys/credentials.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    MAX_WORKERS_BY_DEFAULT = 8,
    TRIM_PEAK = 64, /* connections: what fewer need is not worth it */
    TRIM_EVERY_US = 5000000,
    REST_MOST_S = 5,
    FOLLOW_MS = 30000, /* for a process that finishes what it has to put in force what is here */
    END_MS = 20000,    /* from the last transfer's end to the process's: lines that wait, libraries */
};

struct server {
    struct proxy proxy;
    struct snapshot *snapshot; /* one reference: the newest */
    struct worker *workers;    /* owned */
    size_t workers_n;
    struct ports *ports; /* owned */
    struct loop loop;    /* the control thread's */
    struct event *signals[5];
    struct endpoints *endpoints;
    struct credential_store *credentials;
    struct logs *logs;
    struct books *books; /* owned */
    struct reload *reload;
    struct sweeper sweeper;
    struct drain *drain; /* owned */
    struct upgrade upgrade;
    struct followers *followers; /* owned */
    struct follower follower;
    struct heir *heir;              /* borrowed: there was a process before, and it may go on yet; NULL: nobody else */
    bool heir_is_ready;             /* and said so */
    const char *lacking;            /* borrowed: the section for which it waits */
    enum err_code failed;           /* why it could not serve */
    void (*on_settings)(void *arg); /* NULL: nobody wants to know */
    void *on_settings_arg;
    struct notify notify;
    int stops;   /* signals */
    size_t peak; /* connections at once since memory was given back */
    int64_t trimmed_us;
};

static size_t count_workers(const struct settings *s)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (s->server.workers) return s->server.workers;
    if (cpus < 1) return 1;
    return cpus > MAX_WORKERS_BY_DEFAULT ? MAX_WORKERS_BY_DEFAULT : (size_t)cpus;
}

static enum err_code limit_connections(struct server *sv, struct err *err)
{
    const struct server_conf *s = &sv->snapshot->settings->server;

    sv->proxy.limits =
        limits_new(descriptors_for(s, sv->workers_n, ports_list(sv->ports, NULL, 0)), s->max_connections_per_source);
    if (!sv->proxy.limits) return err_set(err, ERR_NO_MEMORY, 0, "limits");
    limits_set_tls_rate(sv->proxy.limits, s->tls_rate_per_source);
    return ERR_NONE;
}

static enum err_code open_ports(struct server *sv, struct err *err)
{
    const struct settings *s = sv->snapshot->settings;

    for (size_t i = 0; i < s->listeners_n; i++)
        for (size_t j = 0; j < s->listeners[i].bind_n; j++)
            TRY(ports_judge(sv->ports, &s->listeners[i].bind[j], err));
    for (size_t i = 0; i < s->listeners_n; i++)
        for (size_t j = 0; j < s->listeners[i].bind_n; j++)
            TRY(ports_open(sv->ports, &s->listeners[i].bind[j], s->listeners[i].transparent, sv->workers_n, err));
    for (size_t i = 0; i < s->admin.listen_n; i++) {
        TRY(ports_judge(sv->ports, &s->admin.listen[i], err));
        TRY(ports_open(sv->ports, &s->admin.listen[i], false, 1, err));
    }
    return ERR_NONE;
}

static void on_drain(void *arg, enum drain_state state)
{
    struct server *sv = arg;

    switch (state) {
    case DRAIN_FINISHING: /* the workers close theirs */
        reload_leave_ports(sv->reload);
        ports_free(&sv->ports);
        break;
    case DRAIN_OVER: loop_stop(&sv->loop); break;
    case DRAIN_SERVING:
    case DRAIN_LEAVING: break;
    }
}

static void audit(struct server *sv, const char *event, const char *by, const char *outcome, const char *detail)
{
    const struct audit_event e = {
        .name = event, .by = by, .what = sv->snapshot->settings->file, .outcome = outcome, .detail = detail};

    audit_tell(&sv->proxy.audit, &e);
}

void server_stop(struct server *sv, const char *by)
{
    const struct server_conf *s = &sv->snapshot->settings->server;
    const struct drain_plan plan = {s->drain_delay_ms, {.within_ms = s->shutdown_timeout_ms}};
    uint64_t most_ms = s->drain_delay_ms + s->shutdown_timeout_ms + END_MS;

    (void)upgrade_cancel(&sv->upgrade, "this process was told to end"); /* else on_upgraded tells the other one */
    audit(sv, "drain", by, "begun", "");
    notify_send(&sv->notify, "STOPPING=1\nSTATUS=finishing what runs\nEXTEND_TIMEOUT_USEC=%" PRIu64, most_ms * 1000);
    drain_begin(sv->drain, &plan);
}

static void on_stop_signal(evutil_socket_t sig, short what, void *arg)
{
    const char *name = sig == SIGTERM ? "SIGTERM" : "SIGINT";
    struct server *sv = arg;

    (void)what;
    LOG(LOG_INFO, "%s: %s", name, sv->stops ? "again: ending at once" : "no new connections; finishing what runs");
    if (sv->stops++)
        drain_hurry(sv->drain);
    else
        server_stop(sv, name);
}

static void on_hangup(evutil_socket_t sig UNUSED, short what UNUSED, void *arg)
{
    LOG(LOG_INFO, "SIGHUP: reading the configuration anew");
    reload_want(((struct server *)arg)->reload, "SIGHUP");
}

static void on_reopen(evutil_socket_t sig UNUSED, short what UNUSED, void *arg)
{
    logs_reopen(((struct server *)arg)->logs, "SIGUSR1");
}

/* The other process serves, or nobody but we. */
static void on_upgraded(void *arg, pid_t pid, const char *why)
{
    struct server *sv = arg;
    const struct drain_plan plan = {0, {sv->snapshot->settings->server.upgrade_timeout_ms, true}};
    char detail[64];

    snprintf(detail, sizeof(detail), "process %d serves now", (int)pid);
    audit(sv, "upgrade", "", pid ? "ok" : "failed", pid ? detail : why);
    if (!pid) {
        reload_go_on(sv->reload);
        return;
    }
    if (drain_state(sv->drain) != DRAIN_SERVING) kill(pid, SIGTERM); /* the end was asked for while it took over */
    if (reload_hand_over(sv->reload)) kill(pid, SIGHUP);             /* a reload was */
    notify_send(&sv->notify, "MAINPID=%d", (int)pid);
    notify_clear(&sv->notify); /* it speaks from now on */
    logs_watch(sv->logs);
    drain_begin(sv->drain, &plan);
}

/* Those of before are the other one's now. */
static void on_upgrade_over(void *arg, int channel)
{
    struct server *sv = arg;

    followers_leave(sv->followers);
    follower_start(&sv->follower, &sv->loop, channel, sv->reload);
}

enum err_code server_upgrade(struct server *sv, const char *by, struct err *err)
{
    if (drain_state(sv->drain) != DRAIN_SERVING || sv->heir)
        return err_set(err, ERR_INTERNAL, 0, "this process %s", sv->heir ? "does not serve yet" : "is ending already");
    TRY(upgrade_begin(&sv->upgrade, sv->ports, sv->snapshot->settings->server.upgrade_ready_timeout_ms, err));
    audit(sv, "upgrade", by, "begun", "");
    return ERR_NONE;
}

static void on_upgrade(evutil_socket_t sig UNUSED, short what UNUSED, void *arg)
{
    struct err err = {0};

    if (server_upgrade(arg, "SIGUSR2", &err) != ERR_NONE)
        LOG(LOG_ERROR, "SIGUSR2: no upgrade: %s%s%s", err.detail, err.sys_errno ? ": " : "",
            err.sys_errno ? strerror(err.sys_errno) : "");
}

/* Until they are watched, and once they are not any more. A reader that goes away, and a file that has grown to its
 * limit, are errors of write. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGHUP, SIGUSR1, SIGUSR2};

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        signal(ignored[i], SIG_IGN);
}

static enum err_code watch_signals(struct server *sv, struct err *err)
{
    static const struct {
        int signal;
        void (*run)(evutil_socket_t, short, void *);
    } watched[ARRAY_LEN(sv->signals)] = {{SIGTERM, on_stop_signal},
                                         {SIGINT, on_stop_signal},
                                         {SIGHUP, on_hangup},
                                         {SIGUSR1, on_reopen},
                                         {SIGUSR2, on_upgrade}};

    for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
        sv->signals[i] = evsignal_new(sv->loop.base, watched[i].signal, watched[i].run, sv);
        if (!sv->signals[i] || event_add(sv->signals[i], NULL))
            return err_set(err, ERR_INTERNAL, errno, "cannot watch signals");
    }
    return ERR_NONE;
}

static enum err_code make_worker(struct server *sv, size_t w, struct err *err)
{
    const struct settings *s = sv->snapshot->settings;
    struct worker_sockets sockets = {0};
    enum err_code code = ERR_NONE;

    for (size_t i = 0; code == ERR_NONE && i < s->listeners_n; i++)
        for (size_t j = 0; code == ERR_NONE && j < s->listeners[i].bind_n; j++)
            code = ports_share(sv->ports, &s->listeners[i].bind[j], w, sv->workers_n, &sockets, err);
    if (code == ERR_NONE) return worker_init(&sv->workers[w], &sv->proxy, sv->snapshot, w, &sockets, err);
    worker_sockets_clear(&sockets);
    return code;
}

static enum err_code make_workers(struct server *sv, struct err *err)
{
    for (size_t i = 0; i < sv->workers_n; i++)
        TRY(make_worker(sv, i, err));
    return ERR_NONE;
}

static enum err_code start_workers(struct server *sv, struct err *err)
{
    for (size_t i = 0; i < sv->workers_n; i++)
        TRY(worker_start(&sv->workers[i], err));
    return ERR_NONE;
}

static void announce_sandbox(const struct server *sv)
{
    const struct sandbox_state s = sandbox_state();
    char mem[2 * SANDBOX_TEXT];
    struct sbuf text = sbuf_make(mem, sizeof(mem));

    sandbox_text(&s, &text);
    LOG(*s.why_not ? LOG_WARN : LOG_INFO, "sandbox %.*s", (int)text.n, text.p);
    pid_t ca = snapshot_ca_process(sv->snapshot);
    if (ca) LOG(LOG_INFO, "the CA's key is in process %d, and in no other", (int)ca);
}

static void announce(const struct server *sv)
{
    static const char *const modes[] = {"forward proxy", "S3 endpoint", "redirected connections"};
    const struct settings *s = sv->snapshot->settings;
    char text[NETADDR_TEXT];

    LOG(LOG_INFO, "s3onramp %s, %s, libevent %s, workers: %zu, clients: %zu", release_version, tls_library_version(),
        event_get_version(), sv->workers_n, s->clients_n);
    announce_sandbox(sv);
    for (size_t i = 0; i < s->endpoints_n; i++) {
        if (s->endpoints[i].dns)
            LOG(LOG_INFO, "endpoint %s: addresses of %s as %s, Region %s", s->endpoints[i].name,
                s->endpoints[i].dns_name, s->endpoints[i].host, s->endpoints[i].region);
        for (size_t j = 0; j < s->endpoints[i].addresses_n; j++) {
            netaddr_format(&s->endpoints[i].addresses[j], text);
            LOG(LOG_INFO, "endpoint %s: %s as %s, Region %s", s->endpoints[i].name, text, s->endpoints[i].host,
                s->endpoints[i].region);
        }
    }
    for (size_t i = 0; i < s->listeners_n; i++)
        for (size_t j = 0; j < s->listeners[i].bind_n; j++) {
            netaddr_format(&s->listeners[i].bind[j], text);
            LOG(LOG_INFO, "listener %s: %s on %s%s", s->listeners[i].name, modes[s->listeners[i].mode], text,
                s->listeners[i].tls == LISTENER_TLS     ? " (TLS)"
                : s->listeners[i].tls == LISTENER_SNIFF ? " (TLS and plain)"
                                                        : "");
        }
}

/* Only what a signal handler may: log_write calls write(2). */
static void on_overdue(int sig UNUSED)
{
    log_write(/* NOLINT */ STDERR_FILENO,
              STR("s3onramp: something does not end, such as a PKCS#11 module that hangs; it is left as it "
                  "is. All transfers and logs had ended.\n"));
    _exit(0);
}

/* What follows ends threads and closes libraries; none of them may keep the proxy for ever. */
static void limit_the_rest(void)
{
    signal(SIGALRM, on_overdue);
    alarm(REST_MOST_S);
}

void server_free(struct server **svp)
{
    struct server *sv = *svp;

    if (!sv) return;
    *svp = NULL;
    for (size_t i = 0; i < sv->workers_n; i++)
        if (sv->workers[i].started) worker_end(&sv->workers[i]);
    for (size_t i = 0; i < sv->workers_n; i++)
        worker_join(&sv->workers[i]);
    drain_free(&sv->drain);
    upgrade_clear(&sv->upgrade);
    follower_clear(&sv->follower);
    if (sv->heir) heir_leave(sv->heir);
    passwords_free(&sv->proxy.passwords); /* while the loops that it answers to are there */
    for (size_t i = 0; i < sv->workers_n; i++)
        worker_clear(&sv->workers[i]);
    reload_free(&sv->reload);
    followers_free(&sv->followers);
    logs_free(&sv->logs);
    limit_the_rest();
    books_free(&sv->books);
    endpoints_free(&sv->endpoints);
    credential_store_free(&sv->credentials);
    for (size_t i = 0; i < ARRAY_LEN(sv->signals); i++)
        if (sv->signals[i]) event_free(sv->signals[i]);
    ports_free(&sv->ports);
    notify_clear(&sv->notify);
    free(sv->workers);
    if (sv->loop.base) loop_clear(&sv->loop);
    sweeper_end(&sv->sweeper);
    snapshot_unref(&sv->snapshot);
    limits_free(&sv->proxy.limits);
    quotas_free(&sv->proxy.quotas);
    key_needs_free(&sv->proxy.key_needs);
    standing_free(&sv->proxy.standing);
    stats_free(&sv->proxy.stats);
    traffic_free(&sv->proxy.traffic);
    free(sv);
    libevent_global_shutdown();
}

/* After a peak much of the heap is free and stays ours otherwise. */
static void trim_memory(struct server *sv)
{
    size_t open = limits_figures(sv->proxy.limits).open;

    if (open > sv->peak) sv->peak = open;
    if (sv->peak < TRIM_PEAK || open > sv->peak / 2 || sv->loop.now_us - sv->trimmed_us < TRIM_EVERY_US) return;
    sv->trimmed_us = sv->loop.now_us;
    sv->peak = open;
    malloc_trim(0);
}

int64_t server_oldest_tick_us(const struct server *sv)
{
    int64_t oldest_us = INT64_MAX;

    for (size_t i = 0; i < sv->workers_n; i++) {
        int64_t us = atomic_load_explicit(&sv->workers[i].ticked_us, memory_order_relaxed);

        if (us < oldest_us) oldest_us = us;
    }
    return oldest_us;
}

static void feed_watchdog(struct server *sv)
{
    if (sv->heir) return; /* the process before feeds it */
    notify_feed(&sv->notify, sv->loop.now_us, server_oldest_tick_us(sv));
}

static enum err_code serve(struct server *sv, struct err *err)
{
    char detail[160];

    TRY(start_workers(sv, err));
    announce(sv);
    snprintf(detail, sizeof(detail), "s3onramp %s, process %d, workers: %zu, clients: %zu", release_version,
             (int)getpid(), sv->workers_n, sv->snapshot->settings->clients_n);
    audit(sv, "start", "", "ok", detail);
    return ERR_NONE;
}

static void on_go(void *arg)
{
    struct server *sv = arg;
    struct err err = {0};

    sv->failed = serve(sv, &err);
    if (sv->failed == ERR_NONE) {
        heir_serving(sv->heir);
        return;
    }
    LOG(LOG_ERROR, "%s", err.detail);
    loop_stop(&sv->loop);
}

static void on_main(void *arg)
{
    struct server *sv = arg;

    heir_lead(sv->heir, sv->followers);
    sv->heir = NULL;
    upgrade_enter(&sv->upgrade);
    notify_send(&sv->notify, "READY=1\nSTATUS=serving");
    reload_go_on(sv->reload);
}

/* Nothing that the process before has may be missing here. */
static void prepare(struct server *sv)
{
    const struct settings *s = sv->snapshot->settings;
    const struct address_table *t = endpoints_table(sv->endpoints);
    const char *section = credential_store_lacks(sv->credentials), *kind = "credentials", *lacks = "keys";
    struct err err = {0};

    if (sv->heir_is_ready) return;
    for (size_t i = 0; !section && i < t->endpoints_n; i++) {
        if (t->endpoints[i].n) continue;
        section = s->endpoints[i].name;
        kind = "endpoint";
        lacks = "addresses";
    }
    if (section) {
        if (section != sv->lacking) fprintf(heir_words(sv->heir), "[%s %s] has no %s yet\n", kind, section, lacks);
        sv->lacking = section;
        return;
    }
    sv->heir_is_ready = true;
    if (heir_ready(sv->heir, &sv->loop, on_go, on_main, sv, &err) == ERR_NONE) return;
    sv->failed = err.code;
    loop_stop(&sv->loop);
}

static void on_tick(void *arg)
{
    struct server *sv = arg;

    feed_watchdog(sv);
    endpoints_tick(sv->endpoints);
    credential_store_tick(sv->credentials);
    child_reap_others(takeover_pid(sv->upgrade.takeover));
    if (sv->heir) prepare(sv);
    logs_tick(sv->logs, sv->loop.now_us);
    sweeper_tick(&sv->sweeper);
    books_tick(sv->books);
    trim_memory(sv);
}

/* Takes over one reference of @settings, also on failure. */
static enum err_code make_proxy(struct server *sv, struct settings *settings, struct err *err)
{
    struct proxy *p = &sv->proxy;

    p->standing = standing_new();
    p->passwords = passwords_new();
    p->key_needs = key_needs_new();
    p->sinks = *logs_sinks(sv->logs);
    audit_init(&p->audit);
    audit_follow(&p->audit, p->sinks.v[SINK_AUDIT]);
    if (p->standing && p->passwords && p->key_needs)
        return snapshot_new(settings, p->standing, NULL, &sv->snapshot, err);
    settings_unref(&settings);
    return err_set(err, ERR_NO_MEMORY, 0, "server");
}

static void on_reload(void *arg, bool begins)
{
    const struct server *sv = arg;

    if (!begins && sv->on_settings) sv->on_settings(sv->on_settings_arg);
    if (drain_state(sv->drain) != DRAIN_SERVING) return;
    if (begins)
        notify_reloading(&sv->notify, clock_monotonic_us());
    else
        notify_send(&sv->notify, "READY=1");
}

/* The new process of an upgrade has read the files already; and the one before it follows once it serves. */
static bool on_begin(void *arg)
{
    struct server *sv = arg;

    return !sv->heir && upgrade_cancel(&sv->upgrade, "a reload came before it was ready: ask again");
}

static enum err_code make_reload(struct server *sv, struct err *err)
{
    const struct reload_parts parts = {.loop = &sv->loop,
                                       .proxy = &sv->proxy,
                                       .snapshot = &sv->snapshot,
                                       .workers = sv->workers,
                                       .workers_n = sv->workers_n,
                                       .ports = sv->ports,
                                       .logs = sv->logs,
                                       .followers = sv->followers,
                                       .endpoints = sv->endpoints,
                                       .credentials = sv->credentials,
                                       .may_begin = on_begin,
                                       .on_state = on_reload,
                                       .arg = sv};

    sv->reload = reload_new(&parts);
    return sv->reload ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "reload");
}

static enum err_code start(struct server *sv, struct settings *settings, struct err *err)
{
    enum err_code code = logs_new(settings, &sv->logs, err);

    if (code != ERR_NONE) {
        settings_unref(&settings);
        return code;
    }
    TRY(make_proxy(sv, settings, err));
    sv->workers_n = count_workers(sv->snapshot->settings);
    sv->workers = calloc(sv->workers_n, sizeof(*sv->workers));
    if (!sv->workers) {
        sv->workers_n = 0;
        return err_set(err, ERR_NO_MEMORY, 0, "workers");
    }
    sv->proxy.stats = stats_new(sv->workers_n);
    sv->proxy.quotas = quotas_new(sv->workers_n);
    sv->proxy.traffic = traffic_new(sv->workers_n);
    if (!sv->proxy.stats || !sv->proxy.quotas || !sv->proxy.traffic) return err_set(err, ERR_NO_MEMORY, 0, "counters");
    TRY(loop_init(&sv->loop, on_tick, NULL, sv, err));
    TRY(watch_signals(sv, err)); /* before anybody can connect, who may also ask for the end */
    sv->drain = drain_new(&sv->loop, sv->workers, sv->workers_n, on_drain, sv);
    if (!sv->drain) return err_set(err, ERR_NO_MEMORY, 0, "server");
    TRY(ports_new(sv->heir, &sv->ports, err));
    TRY(open_ports(sv, err));
    TRY(limit_connections(sv, err));
    TRY(make_workers(sv, err));
    TRY(endpoints_new(&sv->loop, sv->snapshot, sv->workers, sv->workers_n, &sv->endpoints, err));
    TRY(credential_store_new(&sv->loop, sv->snapshot, sv->proxy.key_needs, sv->workers, sv->workers_n, &sv->credentials,
                             err));
    sv->books = books_new(&(struct books_parts){&sv->proxy, &sv->snapshot, sv->endpoints});
    sv->followers = followers_new(&sv->loop, FOLLOW_MS);
    if (!sv->followers || !sv->books) return err_set(err, ERR_NO_MEMORY, 0, "server");
    sv->upgrade.followers = sv->followers;
    TRY(make_reload(sv, err));
    endpoints_tick(sv->endpoints); /* the first probes and questions to DNS leave at once */
    return ERR_NONE;
}

enum err_code server_new(struct settings *settings, struct heir *heir, char *const argv[], struct server **out,
                         struct err *err)
{
    struct server *sv = calloc(1, sizeof(*sv));
    enum err_code code;

    if (!sv) {
        settings_unref(&settings);
        return err_set(err, ERR_NO_MEMORY, 0, "server");
    }
    sv->heir = heir;
    sv->sweeper.bin = &sv->proxy.unused;
    sv->upgrade =
        (struct upgrade){.loop = &sv->loop, .argv = argv, .done = on_upgraded, .over = on_upgrade_over, .arg = sv};
    notify_init(&sv->notify);
    secret_no_core_dumps();
    ignore_signals();
    sandbox_begin(settings->server.sandbox);
    code = start(sv, settings, err);
    if (code != ERR_NONE)
        server_free(&sv);
    else
        *out = sv;
    return code;
}

enum err_code server_run(struct server *sv, struct err *err)
{
    TRY(ports_end_given(sv->ports, !sv->heir, err));
    if (!sv->heir) TRY(serve(sv, err));
    if (!sv->heir) notify_send(&sv->notify, "READY=1\nSTATUS=serving");
    loop_run(&sv->loop);
    LOG(LOG_INFO, "stopped");
    audit(sv, "stop", "", "ok", "");
    return sv->failed == ERR_NONE ? ERR_NONE : err_set(err, sv->failed, 0, "the workers cannot be started");
}

struct loop *server_loop(struct server *sv)
{
    return &sv->loop;
}

struct audit *server_audit(struct server *sv)
{
    return &sv->proxy.audit;
}

struct proxy *server_proxy(struct server *sv)
{
    return &sv->proxy;
}

struct snapshot *server_snapshot(const struct server *sv)
{
    return sv->snapshot;
}

const struct endpoints *server_endpoints(const struct server *sv)
{
    return sv->endpoints;
}

struct credential_store *server_credentials(struct server *sv)
{
    return sv->credentials;
}

struct upgrade *server_upgrades(struct server *sv)
{
    return &sv->upgrade;
}

int server_take_unix(struct server *sv, const char *path)
{
    return ports_take_unix(sv->ports, path);
}

enum err_code server_take_port(struct server *sv, const struct netaddr *addr, int *fd, struct err *err)
{
    struct worker_sockets sockets = {0};
    enum err_code code;

    if (!sv->ports) return err_set(err, ERR_FILE, 0, "this process listens no more");
    code = ports_share(sv->ports, addr, 0, 1, &sockets, err);
    if (code == ERR_NONE && !sockets.n) code = err_set(err, ERR_FILE, 0, "no socket");
    if (code == ERR_NONE) *fd = sockets.v[--sockets.n].fd;
    worker_sockets_clear(&sockets);
    return code;
}

void server_on_settings(struct server *sv, void (*run)(void *arg), void *arg)
{
    sv->on_settings = run;
    sv->on_settings_arg = arg;
}

struct worker *server_workers(struct server *sv, size_t *n)
{
    *n = sv->workers_n;
    return sv->workers;
}

bool server_is_alone(const struct server *sv)
{
    return !sv->heir;
}

struct drain *server_drain(const struct server *sv)
{
    return sv->drain;
}

const struct logs *server_logs(const struct server *sv)
{
    return sv->logs;
}

struct reload *server_reload(const struct server *sv)
{
    return sv->reload;
}

struct books *server_books(const struct server *sv)
{
    return sv->books;
}
