/* SPDX-License-Identifier: Apache-2.0
 * reload.c: see reload.h. A job is one reload from its beginning to its answers: its own thread fills it while nobody
 * else looks at it, then it belongs to the control thread.
 */
#include "control/reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "config/lines.h"
#include "control/descriptors.h"
#include "control/preflight.h"
#include "control/workers.h"
#include "flow/audit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BY = 256 };

struct job {
    struct loop_post post;
    struct reload *reload;
    pthread_t thread;
    char *file;              /* owned */
    struct snapshot *before; /* one reference */
    struct snapshot *next;   /* one reference; NULL: there are problems */
    struct str_list problems, warnings;
    struct settings_diff diff;
    bool *same_credentials;        /* owned: for each of the next settings' sections: it says what it said */
    struct reload_ask *asks;       /* who is answered by it */
    bool wanted;                   /* also by some who want no answer */
    char by[BY];                   /* all of them */
    struct sinks sinks;            /* logs_open's */
    struct worker_change *changes; /* owned: one per worker; NULL: none is under way */
    bool taken;                    /* it is in force, or will be for sure */
    int64_t began_us;              /* monotonic */
    struct str_list behind;        /* but not there: sentences */
};

struct reload {
    struct reload_parts parts;
    struct settings_kept *kept; /* owned */
    struct reload_ask *asks;    /* for the next job, in the order they came */
    bool wanted;                /* the same by some who want no answer */
    char by[BY];                /* all of them */
    struct job *job;            /* owned; NULL: nothing is under way */
    bool reading;               /* the job's thread has it */
    bool handed_over;           /* another process serves */
    char *refused;              /* owned: why the last one changed nothing; NULL: it did */
    struct reload_figures figures;
};

static void add_err(struct str_list *list, const char *file, const struct err *err)
{
    const char *text = err->detail[0] ? err->detail : err_info(err->code)->text;

    lines_add(list, "%s: %s%s%s%s", file, text, err->sys_errno ? " (" : "",
              err->sys_errno ? strerror(err->sys_errno) : "", err->sys_errno ? ")" : "");
}

/* ------------------------------------------------------------- reading: on the job's thread */

static struct settings *read_settings(struct job *j)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    struct str rest, line;

    ASSERT(out && "memory for problems");
    struct settings *s = preflight_load(j->file, out);
    fclose(out);
    rest = str_make(text, n);
    while (str_split(&rest, '\n', &line))
        if (line.n) lines_add(&j->problems, "%.*s", STR_ARG(line));
    free(text);
    return s;
}

static void note_warnings(struct job *j, const struct settings *s)
{
    char where[CONFIG_PLACE_TEXT];

    for (size_t i = 0; i < s->warnings_n; i++)
        lines_add(&j->warnings, "%s: %s", config_place_text(s->warnings[i].place, where), s->warnings[i].text);
}

static void note_listener_files(struct job *j, const struct listener_conf *l)
{
    const struct snapshot *a = j->before, *b = j->next;
    const struct listener_conf *old = snapshot_listener(a, l->id);
    struct str_list *out = &j->diff.v[SETTINGS_CHANGED];

    if (!old || snapshot_listener_ctx(a, old) == snapshot_listener_ctx(b, l)) return;
    if (l->client_ca && cstr_same(old->client_ca, l->client_ca))
        lines_add(out, "[listener %s] its files of certificates were read anew", l->name);
    else if (l->certificate && cstr_same(old->certificate, l->certificate))
        lines_add(out, "[listener %s] certificate: %s was read anew (for new connections)", l->name, l->certificate);
}

/* What the settings do not show: files that hold something else now. */
static void note_files(struct job *j)
{
    const struct snapshot *a = j->before, *b = j->next;
    struct str_list *out = &j->diff.v[SETTINGS_CHANGED];

    if (a->mint && b->mint && a->mint != b->mint && cstr_same(a->settings->ca.certificate, b->settings->ca.certificate))
        lines_add(out, "[ca] certificate: %s was read anew (for new connections)", b->settings->ca.certificate);
    if (a->settings->admin.certificate && snapshot_admin_ctx(a) != snapshot_admin_ctx(b) &&
        cstr_same(a->settings->admin.certificate, b->settings->admin.certificate))
        lines_add(out, "[admin] certificate: %s was read anew (for new connections)", b->settings->admin.certificate);
    for (size_t i = 0; i < b->settings->listeners_n; i++)
        note_listener_files(j, &b->settings->listeners[i]);
    for (size_t i = 0; i < b->settings->endpoints_n; i++) {
        const struct endpoint_conf *e = &b->settings->endpoints[i], *old = snapshot_endpoint(a, e->id);
        if (old && e->ca_file && cstr_same(old->ca_file, e->ca_file) &&
            snapshot_endpoint_ctx(a, old) != snapshot_endpoint_ctx(b, e))
            lines_add(out, "[endpoint %s] ca_file: %s was read anew", e->name, e->ca_file);
    }
}

static void compare(struct job *j)
{
    const struct settings *s = j->next->settings;

    note_files(j);
    j->same_credentials = calloc(s->credentials_n + 1, sizeof(bool));
    ASSERT(j->same_credentials && "memory for a reload");
    for (size_t i = 0; i < s->credentials_n; i++)
        j->same_credentials[i] = settings_same_credentials(j->before->settings, s, i);
}

/* It need not be there when the proxy starts; that it goes while clients are known by it is hardly meant. */
static bool clients_are_gone(struct job *j, const struct settings *s)
{
    const char *file = j->before->settings->clients_from;

    if (!file || s->clients_from) return false;
    lines_add(&j->problems,
              "%s: the clients file has gone, and with it its clients; put it back, or leave an empty one", file);
    return true;
}

static void read_job(struct job *j)
{
    struct reload *r = j->reload;
    struct settings *s = read_settings(j);
    struct err err = {0};

    if (!s) {
        if (!j->problems.n) lines_add(&j->problems, "%s: cannot be used", j->file);
        return;
    }
    if (clients_are_gone(j, s)) {
        settings_unref(&s);
        return;
    }
    note_warnings(j, s);
    settings_diff_init(&j->diff, j->before->settings, s, r->kept);
    if (snapshot_new(s, r->parts.proxy->standing, j->before, &j->next, &err) != ERR_NONE)
        add_err(&j->problems, j->file, &err);
    else
        compare(j);
}

static void on_read(void *arg);

static void *run(void *arg)
{
    struct job *j = arg;

    thread_keep_front();
    thread_steps_back();
    read_job(j);
    thread_leave_front();
    loop_post_with(j->reload->parts.loop, &j->post, on_read, j);
    return NULL;
}

/* ------------------------------------------------------------- answers */

static void log_all(enum log_level level, const char *what, const struct str_list *lines)
{
    for (size_t i = 0; i < lines->n; i++)
        LOG(level, "reload: %s%s", what, lines->v[i]);
}

static void log_job(const struct job *j)
{
    static const char *const words[] = {"added: ", "removed: ", "changed: ", "needs a restart: "};

    log_all(LOG_ERROR, "", &j->problems);
    if (j->problems.n) LOG(LOG_ERROR, "reload: nothing was changed: problems: %zu", j->problems.n);
    if (!j->taken) return;
    log_all(LOG_WARN, "", &j->warnings);
    log_all(LOG_ERROR, "", &j->behind);
    for (size_t i = 0; i < SETTINGS_CHANGES_N; i++)
        log_all(i == SETTINGS_RESTART ? LOG_WARN : LOG_INFO, words[i], &j->diff.v[i]);
    LOG(LOG_INFO, "reload: %s is in force%s", j->file, settings_diff_is_empty(&j->diff) ? "; nothing changed" : "");
}

static void answer(struct reload_ask **asks, const struct reload_answer *a)
{
    while (*asks) {
        struct reload_ask *ask = *asks;

        *asks = ask->next;
        ask->done(ask->arg, a);
    }
}

static void free_job(struct job *j)
{
    for (size_t i = 0; j->changes && i < j->reload->parts.workers_n; i++)
        worker_change_clear(&j->changes[i]);
    free(j->changes);
    free(j->same_credentials);
    snapshot_bin_give(&j->reload->parts.proxy->unused, &j->before);
    snapshot_bin_give(&j->reload->parts.proxy->unused, &j->next);
    lines_clear(&j->problems);
    lines_clear(&j->warnings);
    lines_clear(&j->behind);
    settings_diff_clear(&j->diff);
    free(j->file);
    free(j);
}

static bool changes_something(const struct reload_ask *asks, bool wanted);
static void begin(struct reload *r);

static void audit_job(const struct job *j)
{
    const struct audit_event e = {.name = "reload",
                                  .by = j->by,
                                  .what = j->file,
                                  .outcome = j->problems.n ? "failed" : "ok",
                                  .detail = j->problems.n ? j->problems.v[0] : NULL,
                                  .diff = j->problems.n ? NULL : &j->diff};

    audit_tell(&j->reload->parts.proxy->audit, &e);
}

/* A check says nothing of what is in force. */
static void note_outcome(const struct job *j)
{
    struct reload *r = j->reload;

    if (!j->taken && !(j->problems.n && changes_something(j->asks, j->wanted))) return;
    free(r->refused);
    r->refused = j->taken ? NULL : strdup(j->problems.v[0]);
    r->figures.took_us = clock_monotonic_us() - j->began_us;
    if (j->taken) r->figures.taken_wall_us = clock_wall_us();
    if (j->taken)
        r->figures.taken++;
    else
        r->figures.refused++;
}

static void finish(struct job *j)
{
    struct reload *r = j->reload;
    const struct reload_answer a = {&j->problems, &j->warnings, &j->diff, &j->behind};

    note_outcome(j);

    log_job(j);
    if (j->taken || (j->problems.n && changes_something(j->asks, j->wanted))) audit_job(j);
    answer(&j->asks, &a);
    r->job = NULL;
    free_job(j);
    r->parts.on_state(r->parts.arg, false);
    begin(r);
}

/* ------------------------------------------------------------- sockets */

static bool has_address(const struct settings *s, const struct netaddr *addr)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        for (size_t k = 0; k < s->listeners[i].bind_n; k++)
            if (netaddr_equal(&s->listeners[i].bind[k], addr)) return true;
    return false;
}

/* @l: whose it is; NULL: [admin]'s. */
typedef enum err_code port_fn(struct job *j, const struct listener_conf *l, const struct netaddr *addr,
                              struct err *err);

/* The addresses of @s that @other does not have; none where nobody listens any more. */
static enum err_code each_new(struct job *j, const struct settings *s, const struct settings *other, port_fn *run_one,
                              struct err *err)
{
    for (size_t i = 0; j->reload->parts.ports && i < s->listeners_n; i++)
        for (size_t k = 0; k < s->listeners[i].bind_n; k++)
            if (!has_address(other, &s->listeners[i].bind[k]))
                TRY(run_one(j, &s->listeners[i], &s->listeners[i].bind[k], err));
    return ERR_NONE;
}

static bool has_admin_address(const struct settings *s, const struct netaddr *addr)
{
    for (size_t i = 0; i < s->admin.listen_n; i++)
        if (netaddr_equal(&s->admin.listen[i], addr)) return true;
    return false;
}

/* The same for [admin], whose front shares its sockets with no worker. */
static enum err_code each_new_admin(struct job *j, const struct settings *s, const struct settings *other,
                                    port_fn *run_one, struct err *err)
{
    for (size_t i = 0; j->reload->parts.ports && i < s->admin.listen_n; i++)
        if (!has_admin_address(other, &s->admin.listen[i])) TRY(run_one(j, NULL, &s->admin.listen[i], err));
    return ERR_NONE;
}

/* A port has one owner until the workers have let it go. */
static enum err_code judge_owners(const struct job *j, struct err *err)
{
    const struct settings *before = j->before->settings, *next = j->next->settings;
    char text[NETADDR_TEXT];

    for (size_t i = 0; i < next->admin.listen_n; i++) {
        if (!has_address(before, &next->admin.listen[i])) continue;
        netaddr_format(&next->admin.listen[i], text);
        return err_set(err, ERR_FILE, 0, "[admin] listen: %s is a listener's until now; take it away there first",
                       text);
    }
    for (size_t i = 0; i < before->admin.listen_n; i++) {
        if (!has_address(next, &before->admin.listen[i])) continue;
        netaddr_format(&before->admin.listen[i], text);
        return err_set(err, ERR_FILE, 0, "bind: %s is that of [admin] until now; take it away there first", text);
    }
    return ERR_NONE;
}

static enum err_code judge_port(struct job *j, const struct listener_conf *l UNUSED, const struct netaddr *addr,
                                struct err *err)
{
    return ports_judge(j->reload->parts.ports, addr, err);
}

static enum err_code open_port(struct job *j, const struct listener_conf *l, const struct netaddr *addr,
                               struct err *err)
{
    return ports_open(j->reload->parts.ports, addr, l && l->transparent, l ? j->reload->parts.workers_n : 1, err);
}

static enum err_code close_port(struct job *j, const struct listener_conf *l UNUSED, const struct netaddr *addr,
                                struct err *err UNUSED)
{
    ports_close(j->reload->parts.ports, addr);
    return ERR_NONE;
}

/* Each worker's copies of the sockets of one address. */
static enum err_code share_port(struct job *j, const struct listener_conf *l UNUSED, const struct netaddr *addr,
                                struct err *err)
{
    const struct reload_parts *p = &j->reload->parts;

    for (size_t w = 0; w < p->workers_n; w++)
        TRY(ports_share(p->ports, addr, w, p->workers_n, &j->changes[w].sockets, err));
    return ERR_NONE;
}

static bool asks_for(const struct reload_ask *asks, enum reload_what what)
{
    for (const struct reload_ask *a = asks; a; a = a->next)
        if (a->what == what) return true;
    return false;
}

static enum err_code make_changes(struct job *j, struct err *err)
{
    const struct reload_parts *p = &j->reload->parts;

    j->changes = calloc(p->workers_n, sizeof(*j->changes));
    if (!j->changes) return err_set(err, ERR_NO_MEMORY, 0, "reload");
    for (size_t i = 0; i < p->workers_n; i++) {
        j->changes[i].snapshot = snapshot_ref(j->next);
        j->changes[i].sinks = j->sinks;
        j->changes[i].cut = asks_for(j->asks, RELOAD_CUT);
    }
    return each_new(j, j->next->settings, j->before->settings, share_port, err);
}

/* Addresses that stay, but not as they were: as the job's settings want them, or as they were @before. */
static enum err_code set_transparent(struct job *j, bool before, struct err *err)
{
    const struct settings *s = j->next->settings;
    enum err_code code = ERR_NONE;

    for (size_t i = 0; j->reload->parts.ports && i < s->listeners_n; i++)
        for (size_t k = 0; k < s->listeners[i].bind_n && (before || code == ERR_NONE); k++) {
            const struct netaddr *addr = &s->listeners[i].bind[k];
            const struct listener_conf *old = snapshot_listener_at(j->before, addr);
            bool on = before && old ? old->transparent : s->listeners[i].transparent;

            if (old && old->transparent != s->listeners[i].transparent)
                code = ports_set_transparent(j->reload->parts.ports, addr, on, err);
        }
    return code;
}

static enum err_code open_ports(struct job *j, struct err *err)
{
    const struct settings *before = j->before->settings, *next = j->next->settings;

    TRY(judge_owners(j, err));
    TRY(each_new(j, next, before, judge_port, err));
    TRY(each_new_admin(j, next, before, judge_port, err));
    TRY(each_new(j, next, before, open_port, err));
    TRY(each_new_admin(j, next, before, open_port, err));
    TRY(make_changes(j, err));
    return set_transparent(j, false, err);
}

static void drop_changes(struct job *j)
{
    struct err ignored = {0};

    (void)set_transparent(j, true, &ignored);
    for (size_t i = 0; j->changes && i < j->reload->parts.workers_n; i++)
        worker_change_clear(&j->changes[i]);
    free(j->changes);
    j->changes = NULL;
    (void)each_new(j, j->next->settings, j->before->settings, close_port, &ignored);
    (void)each_new_admin(j, j->next->settings, j->before->settings, close_port, &ignored);
}

/* ------------------------------------------------------------- taking it */

static void adopt(struct worker *w, void *arg)
{
    struct job *j = arg;

    worker_adopt(w, &j->changes[w->index]);
}

static void on_followed(void *arg, const struct str_list *behind)
{
    struct job *j = arg;

    for (size_t i = 0; i < behind->n; i++)
        lines_add(&j->behind, "%s", behind->v[i]);
    finish(j);
}

static void on_adopted(void *arg)
{
    struct job *j = arg;
    const struct reload_parts *p = &j->reload->parts;
    struct err ignored = {0};

    for (size_t i = 0; i < p->workers_n; i++)
        if (j->changes[i].deaf.code != ERR_NONE)
            lines_add(&j->behind, "worker %zu cannot listen: %s", i, j->changes[i].deaf.detail);
    (void)each_new(j, j->before->settings, j->next->settings, close_port, &ignored);
    (void)each_new_admin(j, j->before->settings, j->next->settings, close_port, &ignored);
    quotas_follow(p->proxy->quotas, j->next->settings);
    logs_leave(p->logs);
    followers_take(p->followers, asks_for(j->asks, RELOAD_CUT), on_followed, j);
}

/* From here on nothing can fail. What requests of the new snapshot will ask for is there before they are. */
static void commit(struct job *j)
{
    const struct reload_parts *p = &j->reload->parts;
    const struct settings *s = j->next->settings;

    j->taken = true;
    snapshot_unref(p->snapshot);
    *p->snapshot = snapshot_ref(j->next);
    if (p->proxy->audit.sink != j->sinks.v[SINK_AUDIT]) audit_job(j); /* the last line that goes there */
    logs_take(p->logs, s, &j->sinks);
    audit_follow(&p->proxy->audit, j->sinks.v[SINK_AUDIT]);
    logs_reopen(p->logs, "reload");
    limits_set(p->proxy->limits,
               descriptors_for(&s->server, p->workers_n, p->ports ? ports_list(p->ports, NULL, 0) : 0),
               s->server.max_connections_per_source);
    limits_set_tls_rate(p->proxy->limits, s->server.tls_rate_per_source);
    endpoints_follow(p->endpoints, j->next);
    credential_store_follow(p->credentials, j->next, j->same_credentials);
    if (!workers_ask(p->loop, p->workers, p->workers_n, adopt, on_adopted, j)) abort();
}

static void give_up(struct job *j, const struct err *err)
{
    add_err(&j->problems, j->file, err);
    drop_changes(j);
    logs_close(j->reload->parts.logs, &j->sinks);
    finish(j);
}

static void prepare(struct worker *w, void *arg)
{
    struct job *j = arg;

    worker_prepare(w, &j->changes[w->index]);
}

static void on_prepared(void *arg)
{
    struct job *j = arg;
    struct err err = {0};

    for (size_t i = 0; err.code == ERR_NONE && i < j->reload->parts.workers_n; i++)
        if (j->changes[i].no_memory) err_set(&err, ERR_NO_MEMORY, 0, "there is no memory for it in worker %zu", i);
    if (err.code == ERR_NONE)
        commit(j);
    else
        give_up(j, &err);
}

static void take(struct job *j)
{
    const struct reload_parts *p = &j->reload->parts;
    struct err err = {0};

    if (logs_open(p->logs, j->next->settings, &j->sinks, &err) == ERR_NONE && open_ports(j, &err) == ERR_NONE) {
        if (workers_ask(p->loop, p->workers, p->workers_n, prepare, on_prepared, j)) return;
        err_set(&err, ERR_NO_MEMORY, 0, "reload");
    }
    give_up(j, &err);
}

static bool changes_something(const struct reload_ask *asks, bool wanted)
{
    return wanted || asks_for(asks, RELOAD_TAKE) || asks_for(asks, RELOAD_CUT);
}

static void on_read(void *arg)
{
    struct job *j = arg;
    struct reload *r = j->reload;

    pthread_join(j->thread, NULL);
    r->reading = false;
    if (j->problems.n || !changes_something(j->asks, j->wanted))
        finish(j);
    else
        take(j);
}

/* ------------------------------------------------------------- asking */

static const char another_serves[] = "another process has taken over and serves now: ask it again";

static void refuse(const struct reload *r, struct reload_ask *asks, const char *why)
{
    struct str_list problems = {0}, none = {0};
    struct settings_diff diff = {0};
    const struct reload_answer a = {&problems, &none, &diff, &none};

    lines_add(&problems, "%s: %s", (*r->parts.snapshot)->settings->file, why);
    log_all(LOG_ERROR, "", &problems);
    answer(&asks, &a);
    lines_clear(&problems);
}

static void refuse_all(struct reload *r, const char *why)
{
    struct reload_ask *asks = r->asks;

    r->asks = NULL;
    r->wanted = false;
    r->by[0] = '\0';
    refuse(r, asks, why);
}

static void begin(struct reload *r)
{
    struct job *j;

    if (r->job || !(r->asks || r->wanted)) return;
    if (changes_something(r->asks, r->wanted) && !r->parts.may_begin(r->parts.arg)) return;
    if (r->job) return; /* may_begin has let it go on already */
    j = calloc(1, sizeof(*j));
    ASSERT(j && "memory for a reload");
    j->reload = r;
    j->began_us = clock_monotonic_us();
    j->before = snapshot_ref(*r->parts.snapshot);
    j->file = strdup(j->before->settings->file);
    ASSERT(j->file && "memory for a reload");
    if (thread_start(&j->thread, run, j)) {
        free_job(j);
        refuse_all(r, "no thread can be started that reads it");
        return;
    }
    j->asks = r->asks;
    j->wanted = r->wanted;
    memcpy(j->by, r->by, sizeof(j->by));
    r->asks = NULL;
    r->wanted = false;
    r->by[0] = '\0';
    r->job = j;
    r->reading = true;
    r->parts.on_state(r->parts.arg, true);
}

struct reload *reload_new(const struct reload_parts *parts)
{
    struct reload *r = calloc(1, sizeof(*r));

    if (!r) return NULL;
    r->parts = *parts;
    r->figures = (struct reload_figures){.taken_wall_us = clock_wall_us()};
    r->kept = settings_kept_new((*parts->snapshot)->settings);
    if (!r->kept) reload_free(&r);
    return r;
}

void reload_free(struct reload **rp)
{
    struct reload *r = *rp;

    *rp = NULL;
    if (!r) return;
    if (r->reading) pthread_join(r->job->thread, NULL);
    if (r->job) free_job(r->job);
    settings_kept_free(&r->kept);
    free(r->refused);
    free(r);
}

static void note_by(struct reload *r, const char *by)
{
    size_t n = strlen(r->by);

    snprintf(r->by + n, sizeof(r->by) - n, "%s%s", n ? "; " : "", by);
}

void reload_ask(struct reload *r, struct reload_ask *ask)
{
    struct reload_ask **at = &r->asks;

    ask->next = NULL;
    if (r->handed_over && !ask->follows) {
        refuse(r, ask, another_serves);
        return;
    }
    note_by(r, ask->by);
    while (*at)
        at = &(*at)->next;
    *at = ask;
    begin(r);
}

void reload_want(struct reload *r, const char *by)
{
    if (r->handed_over) {
        refuse(r, NULL, another_serves);
        return;
    }
    r->wanted = true;
    note_by(r, by);
    begin(r);
}

static void forget(struct reload_ask **at, const struct reload_ask *ask)
{
    while (*at && *at != ask)
        at = &(*at)->next;
    if (*at) *at = ask->next;
}

void reload_forget(struct reload *r, struct reload_ask *ask)
{
    forget(&r->asks, ask);
    if (r->job) forget(&r->job->asks, ask);
}

void reload_go_on(struct reload *r)
{
    begin(r);
}

void reload_leave_ports(struct reload *r)
{
    r->parts.ports = NULL;
}

bool reload_hand_over(struct reload *r)
{
    bool some = r->asks || r->wanted;

    r->handed_over = true;
    if (some) refuse_all(r, another_serves);
    return some;
}

const char *reload_refused(const struct reload *r)
{
    return r->refused;
}

void reload_waiting(const struct reload *r, struct str_list *out)
{
    settings_diff_restart(r->kept, (*r->parts.snapshot)->settings, out);
}

struct reload_figures reload_figures(const struct reload *r)
{
    return r->figures;
}
