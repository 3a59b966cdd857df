/* SPDX-License-Identifier: Apache-2.0
 * logs.c: see logs.h. Streams that name the same place share a sink. The process log's may change while other threads
 * log: they hold a lock meanwhile.
 */
#include "control/logs.h"

#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { TELL_EVERY_S = 60, STUCK_MS = 2000, MOST_MS = 10000, LEAVE_MS = 300 };

/* What was told of a stream. */
struct told {
    uint64_t lost; /* so many */
    int64_t at_us; /* monotonic; 0: never */
};

struct logs {
    struct sinks now;    /* owned */
    struct sinks before; /* owned, but for those of now: workers may have lines for them */
    size_t queue_bytes;  /* of each queue, from the start */
    struct told told[SINK_STREAMS], told_before[SINK_STREAMS];
    struct sink_counts closed[SINK_STREAMS]; /* of places that are closed */
    pthread_mutex_t lock;                    /* guards lines and their sink */
    struct sink_queue *lines;                /* of LOG; NULL: none yet */
    struct sink *log;                        /* theirs */
};

static const char *const names[SINK_STREAMS] = {"log", "access", "audit"};

const char *logs_name(enum sink_stream stream)
{
    return names[stream];
}

static const char *name_of(const struct sink *s)
{
    return strcmp(sink_place(s), "-") == 0 ? "standard error" : sink_place(s);
}

static void put_line(void *arg, enum log_level level, struct str line)
{
    struct logs *l = arg;

    pthread_mutex_lock(&l->lock);
    (void)sink_put(l->lines, level, line);
    sink_wake(l->log);
    pthread_mutex_unlock(&l->lock);
}

/* ------------------------------------------------------------- sets of sinks */

static bool has(const struct sinks *all, const struct sink *s)
{
    for (size_t i = 0; i < SINK_STREAMS; i++)
        if (all->v[i] == s) return true;
    return false;
}

static struct sink *find(const struct sinks *all, const char *place)
{
    for (size_t i = 0; i < SINK_STREAMS; i++)
        if (all->v[i] && strcmp(sink_place(all->v[i]), place) == 0) return all->v[i];
    return NULL;
}

/* The next of @s, or NULL: it is not in there any more. */
static struct sink *take_one(struct sinks *s)
{
    struct sink *one = NULL;

    for (size_t i = 0; i < SINK_STREAMS; i++) {
        if (!one) one = s->v[i];
        if (s->v[i] == one) s->v[i] = NULL;
    }
    return one;
}

/* What was put and not written counts as lost in @left. */
static void tell_unwritten(const struct told told[SINK_STREAMS], const struct sink_counts left[SINK_STREAMS],
                           enum sink_stream first)
{
    for (size_t i = first; i < SINK_STREAMS; i++)
        if (left[i].lost > told[i].lost)
            LOG(LOG_WARN, "%llu lines of the %s log could not be written to the end",
                (unsigned long long)(left[i].lost - told[i].lost), names[i]);
}

static void add_counts(struct sink_counts *to, const struct sink_counts *c)
{
    to->put += c->put;
    to->written += c->written;
    to->lost += c->lost;
}

/* All of @s but those that @but has, too, and to which goes what can be written no more. @told: of the streams that
 * went there. What they counted is added to @closed. */
static void close_others(struct sinks *s, const struct sinks *but, unsigned ms, const struct told told[SINK_STREAMS],
                         struct sink_counts closed[SINK_STREAMS])
{
    struct sink *one;

    while ((one = take_one(s))) {
        struct sink_counts left[SINK_STREAMS] = {0};

        if (has(but, one)) continue;
        sink_hand_over(&one, ms, but, left);
        tell_unwritten(told, left, SINK_LOG);
        for (size_t i = 0; i < SINK_STREAMS; i++)
            add_counts(&closed[i], &left[i]);
    }
}

static enum err_code open_one(const struct logs *l, const char *place, enum sink_stream stream, struct sinks *out,
                              struct err *err)
{
    struct sink *s = find(out, place);

    if (strcmp(place, "off") == 0) return ERR_NONE;
    if (!s) s = find(&l->now, place);
    if (!s && sink_open(place, l->queue_bytes, &s, err) != ERR_NONE)
        return err_set(err, err->code, err->sys_errno, "cannot open the %s log %s", names[stream], place);
    out->v[stream] = s;
    return ERR_NONE;
}

enum err_code logs_open(const struct logs *l, const struct settings *s, struct sinks *out, struct err *err)
{
    *out = (struct sinks){0};
    TRY(open_one(l, s->log.to, SINK_LOG, out, err));
    TRY(open_one(l, s->log.access, SINK_ACCESS, out, err));
    return open_one(l, s->audit.to, SINK_AUDIT, out, err);
}

void logs_close(const struct logs *l, struct sinks *sinks)
{
    struct sink_counts closed[SINK_STREAMS] = {0}; /* nothing was put there */

    close_others(sinks, &l->now, 0, l->told, closed);
}

/* ------------------------------------------------------------- start and end */

static const char *reason(int trouble)
{
    if (trouble == EAGAIN) return "who reads it does not keep up";
    if (trouble == ENXIO || trouble == EPIPE || trouble == ECONNREFUSED) return "nobody reads it";
    return trouble ? strerror(trouble) : "";
}

/* False: out of memory, and lines go where they went before. */
static bool take_log(struct logs *l, struct sink *log)
{
    struct sink_queue *before = l->lines, *q = log == l->log ? before : sink_queue_new(log, SINK_LOG);

    if (!q || q == before) return q;
    pthread_mutex_lock(&l->lock);
    l->lines = q;
    l->log = log;
    pthread_mutex_unlock(&l->lock);
    sink_queue_leave(before);
    return true;
}

static void warn_of_trouble(const struct logs *l)
{
    for (size_t i = 0; i < SINK_STREAMS; i++)
        if (l->now.v[i] && sink_trouble(l->now.v[i]))
            LOG(LOG_WARN, "%s log %s: %s; lines wait for a reader, as many as [log] buffer holds", names[i],
                name_of(l->now.v[i]), reason(sink_trouble(l->now.v[i])));
}

enum err_code logs_new(const struct settings *s, struct logs **out, struct err *err)
{
    struct logs *l = calloc(1, sizeof(*l));
    struct sinks first;

    if (!l) return err_set(err, ERR_NO_MEMORY, 0, "logs");
    pthread_mutex_init(&l->lock, NULL);
    l->queue_bytes = s->log.buffer_kib * 1024;
    if (logs_open(l, s, &first, err) == ERR_NONE && !take_log(l, first.v[SINK_LOG]))
        err_set(err, ERR_NO_MEMORY, 0, "logs");
    l->now = first;
    if (!l->lines) {
        enum err_code code = err->code;

        logs_free(&l);
        return code;
    }
    log_give(put_line, l);
    warn_of_trouble(l);
    *out = l;
    return ERR_NONE;
}

void logs_free(struct logs **lp)
{
    struct logs *l = *lp;
    struct sink *log, *one;

    if (!l) return;
    *lp = NULL;
    logs_leave(l);
    log = l->log;
    while ((one = take_one(&l->now))) {
        struct sink_counts left[SINK_STREAMS] = {0};

        if (one == log) continue;
        sink_close(&one, STUCK_MS, MOST_MS, left);
        tell_unwritten(l->told, left, SINK_ACCESS);
    }
    log_give(NULL, NULL);
    sink_close(&log, STUCK_MS, MOST_MS, NULL);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* ------------------------------------------------------------- other settings */

const struct sinks *logs_sinks(const struct logs *l)
{
    return &l->now;
}

void logs_take(struct logs *l, const struct settings *s, const struct sinks *sinks)
{
    logs_leave(l);
    log_set(s->log.level, s->log.format);
    l->before = l->now;
    memcpy(l->told_before, l->told, sizeof(l->told));
    l->now = *sinks;
    for (size_t i = 0; i < SINK_STREAMS; i++)
        if (l->now.v[i] != l->before.v[i]) l->told[i] = (struct told){0};
    if (take_log(l, sinks->v[SINK_LOG])) return;
    l->now.v[SINK_LOG] = l->log;
    LOG(LOG_ERROR, "out of memory: messages still go to %s", name_of(l->log));
}

void logs_leave(struct logs *l)
{
    close_others(&l->before, &l->now, LEAVE_MS, l->told_before, l->closed);
}

void logs_reopen(struct logs *l, const char *why)
{
    struct sinks all = l->now;
    struct sink *one;
    bool any = false;

    while ((one = take_one(&all))) {
        if (strcmp(sink_place(one), "-") == 0) continue;
        any = true;
        LOG(LOG_INFO, "%s: %s is opened anew", why, sink_place(one));
        sink_reopen(one);
    }
    if (!any) LOG(LOG_INFO, "%s: there is no log file to open anew", why);
}

void logs_watch(struct logs *l)
{
    for (size_t i = 0; i < SINK_STREAMS; i++)
        if (l->now.v[i]) sink_watch(l->now.v[i]);
}

/* ------------------------------------------------------------- what became of lines */

void logs_tick(struct logs *l, int64_t now_us)
{
    if (sink_trouble(l->log)) return; /* it could not be told now */
    for (size_t i = 0; i < SINK_STREAMS; i++) {
        struct told *t = &l->told[i];
        struct sink *s = l->now.v[i];
        struct sink_counts c;
        int trouble;

        if (!s || (t->at_us && now_us - t->at_us < (int64_t)TELL_EVERY_S * 1000000)) continue;
        sink_counts(s, (enum sink_stream)i, &c);
        if (c.lost == t->lost) continue;
        trouble = sink_trouble(s);
        LOG(LOG_WARN, "%llu lines of the %s log were lost, %llu since the start: %s took no more%s%s",
            (unsigned long long)(c.lost - t->lost), names[i], (unsigned long long)c.lost, name_of(s),
            trouble ? ": " : "", reason(trouble));
        t->lost = c.lost;
        t->at_us = now_us;
    }
}

static void add_all(struct sinks s, const struct sinks *but, enum sink_stream stream, struct sink_counts *out)
{
    struct sink *one;

    while ((one = take_one(&s))) {
        struct sink_counts c;

        if (has(but, one)) continue;
        sink_counts(one, stream, &c);
        add_counts(out, &c);
    }
}

/* A place may have lines of streams that go elsewhere now. */
void logs_counts(const struct logs *l, enum sink_stream stream, struct sink_counts *out)
{
    const struct sinks none = {0};

    *out = l->closed[stream];
    add_all(l->now, &none, stream, out);
    add_all(l->before, &l->now, stream, out);
}

static json_t *one_json(struct sink *s, enum sink_stream stream)
{
    struct sink_counts c;
    int trouble;

    if (!s) return json_pack("{ss ss}", "name", names[stream], "state", "off");
    sink_counts(s, stream, &c);
    trouble = sink_trouble(s);
    return json_pack("{ss ss ss ss sI sI sI}", "name", names[stream], "to", name_of(s), "state",
                     trouble ? "stuck" : "good", "reason", reason(trouble), "written", (json_int_t)c.written, "waiting",
                     (json_int_t)(c.put - c.written), "lost", (json_int_t)c.lost);
}

json_t *logs_json(const struct logs *l)
{
    json_t *v = json_array();

    for (size_t i = 0; v && i < SINK_STREAMS; i++)
        json_array_append_new(v, one_json(l->now.v[i], (enum sink_stream)i));
    return v;
}
