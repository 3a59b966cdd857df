/* SPDX-License-Identifier: Apache-2.0
 * logs.c: see logs.h. The process log goes to standard error; the access log there too (the same sink), or to a file.
 */
#include "control/logs.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { TELL_EVERY_S = 60, STUCK_MS = 2000, MOST_MS = 10000, LEAVE_MS = 300 };

/* One of the two: a stream in a sink. */
struct told {
    const char *name;
    struct sink *sink; /* NULL: off */
    enum sink_stream stream;
    uint64_t lost; /* so many were told of */
    int64_t at_us; /* monotonic; 0: never */
};

struct logs {
    struct sink *log, *access; /* owned; access: NULL unless it is a file */
    struct sink *before;       /* owned: the access log's place until logs_leave; NULL: there is none */
    struct sink_queue *lines;  /* of LOG */
    size_t queue_bytes;        /* of each queue, from the start */
    struct told v[SINK_STREAMS];
};

static void put_line(void *arg, struct str line)
{
    struct logs *l = arg;

    (void)sink_put(l->lines, line);
    sink_wake(l->log);
}

static bool is_file(const struct log_conf *set)
{
    return set->access[0] && strcmp(set->access, "-") != 0 && strcmp(set->access, "off") != 0;
}

static enum err_code open_sinks(struct logs *l, const struct log_conf *set, struct err *err)
{
    l->queue_bytes = set->buffer_kib * 1024;
    TRY(sink_open_fd(STDERR_FILENO, l->queue_bytes, &l->log, err));
    l->v[SINK_LOG] = (struct told){.name = "log", .sink = l->log, .stream = SINK_LOG};
    l->v[SINK_ACCESS] = (struct told){.name = "access", .stream = SINK_ACCESS};
    if (is_file(set)) TRY(sink_open_file(set->access, l->queue_bytes, &l->access, err));
    l->v[SINK_ACCESS].sink = strcmp(set->access, "off") == 0 ? NULL : l->access ? l->access : l->log;
    return ERR_NONE;
}

static const char *reason(int trouble)
{
    if (trouble == EAGAIN) return "who reads it does not keep up";
    if (trouble == ENXIO || trouble == EPIPE) return "nobody reads it";
    return trouble ? strerror(trouble) : "";
}

enum err_code logs_new(const struct settings *s, struct logs **out, struct err *err)
{
    struct logs *l = calloc(1, sizeof(*l));
    enum err_code code;

    if (!l) return err_set(err, ERR_NO_MEMORY, 0, "logs");
    code = open_sinks(l, &s->log, err);
    if (code != ERR_NONE) err_set(err, code, err->sys_errno, "cannot open the access log %s", s->log.access);
    if (code == ERR_NONE && !(l->lines = sink_queue_new(l->log, SINK_LOG)))
        code = err_set(err, ERR_NO_MEMORY, 0, "logs");
    if (code != ERR_NONE) {
        logs_free(&l);
        return code;
    }
    log_give(put_line, l);
    if (l->access && sink_trouble(l->access))
        LOG(LOG_WARN, "access log %s: %s; lines wait for a reader, as many as [log] buffer holds", s->log.access,
            reason(sink_trouble(l->access)));
    *out = l;
    return ERR_NONE;
}

static void tell_end(const struct told *t, const struct sink_counts *left)
{
    if (t->sink && left->lost > t->lost)
        LOG(LOG_WARN, "%llu lines of the %s log could not be written to the end", (unsigned long long)left->lost,
            t->name);
}

void logs_free(struct logs **lp)
{
    struct logs *l = *lp;
    struct sink_counts left[SINK_STREAMS] = {0};

    if (!l) return;
    *lp = NULL;
    logs_leave(l);
    if (l->access) {
        sink_close(&l->access, STUCK_MS, MOST_MS, left);
        tell_end(&l->v[SINK_ACCESS], &left[SINK_ACCESS]);
    }
    log_give(NULL, NULL);
    sink_close(&l->log, STUCK_MS, MOST_MS, NULL);
    free(l);
}

struct sink *logs_access(const struct logs *l)
{
    return l->v[SINK_ACCESS].sink;
}

enum err_code logs_open(const struct logs *l, const struct settings *s, struct sink **access, struct err *err)
{
    const struct log_conf *set = &s->log;

    *access = NULL;
    if (strcmp(set->access, "off") == 0) return ERR_NONE;
    *access = is_file(set) ? l->access : l->log;
    if (is_file(set) && (!l->access || strcmp(sink_name(l->access), set->access) != 0))
        return sink_open_file(set->access, l->queue_bytes, access, err);
    return ERR_NONE;
}

void logs_close(const struct logs *l, struct sink **access)
{
    if (*access != l->log && *access != l->access) sink_close(access, 0, 0, NULL);
    *access = NULL;
}

void logs_take(struct logs *l, const struct settings *s, struct sink *access)
{
    struct told *t = &l->v[SINK_ACCESS];

    log_set(s->log.level, s->log.format);
    if (access == t->sink) return;
    logs_leave(l);
    l->before = l->access;
    l->access = access == l->log ? NULL : access;
    *t = (struct told){.name = t->name, .sink = access, .stream = SINK_ACCESS};
}

void logs_leave(struct logs *l)
{
    sink_close(&l->before, LEAVE_MS, LEAVE_MS, NULL);
}

void logs_reopen(struct logs *l, const char *why)
{
    if (!l->access) {
        LOG(LOG_INFO, "%s: there is no log file to open anew", why);
        return;
    }
    LOG(LOG_INFO, "%s: %s is opened anew", why, sink_name(l->access));
    sink_reopen(l->access);
}

void logs_tick(struct logs *l, int64_t now_us)
{
    if (sink_trouble(l->log)) return; /* it could not be told now */
    for (size_t i = 0; i < ARRAY_LEN(l->v); i++) {
        struct told *t = &l->v[i];
        struct sink_counts c;
        int trouble;

        if (!t->sink || (t->at_us && now_us - t->at_us < (int64_t)TELL_EVERY_S * 1000000)) continue;
        sink_counts(t->sink, t->stream, &c);
        if (c.lost == t->lost) continue;
        trouble = sink_trouble(t->sink);
        LOG(LOG_WARN, "%llu lines of the %s log were lost, %llu since the start: %s took no more%s%s",
            (unsigned long long)(c.lost - t->lost), t->name, (unsigned long long)c.lost, sink_name(t->sink),
            trouble ? ": " : "", reason(trouble));
        t->lost = c.lost;
        t->at_us = now_us;
    }
}

static json_t *one_json(const struct told *t)
{
    struct sink_counts c;
    int trouble;

    if (!t->sink) return json_pack("{ss ss}", "name", t->name, "state", "off");
    sink_counts(t->sink, t->stream, &c);
    trouble = sink_trouble(t->sink);
    return json_pack("{ss ss ss ss sI sI sI}", "name", t->name, "to", sink_name(t->sink), "state",
                     trouble ? "stuck" : "good", "reason", reason(trouble), "written", (json_int_t)c.written, "waiting",
                     (json_int_t)(c.put - c.written), "lost", (json_int_t)c.lost);
}

json_t *logs_json(const struct logs *l)
{
    json_t *v = json_array();

    for (size_t i = 0; v && i < ARRAY_LEN(l->v); i++)
        json_array_append_new(v, one_json(&l->v[i]));
    return v;
}
