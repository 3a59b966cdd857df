/* SPDX-License-Identifier: Apache-2.0
 * source_roles_anywhere.c: the kind roles-anywhere: keys of a role from IAM Roles Anywhere, for a certificate.
 *
 *   certificate, chain, key ─▶ signed CreateSession request ─▶ one address after the other, until there is an answer
 *
 * All files are read anew for each fetch, so that a renewed certificate is taken up. Control thread; a key in a token
 * is used on a thread of its own, since a token may take seconds, or for ever when its network is gone: probes and DNS
 * run on the control thread.
 */
#include "source_roles_anywhere.h"

#include "aws/documents/key_document.h"
#include "base/clock.h"
#include "base/thread.h"

#include <event2/event.h>
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    SKEW_S = 240, /* a clock that is wrong by more than this may be why */
    DAY_S = 86400,
    WARN_DAYS = 7,
    WORD_MAX = 48,
    MESSAGE_MAX = 120,
    US_PER_S = 1000000,
};

struct roles_anywhere {
    struct source source;
    struct session_job job;
    struct identity_pin_memory pins;
    struct http_call *call; /* owned while it runs */
    size_t address, tried;  /* index into the section's addresses; how many were tried */
    int64_t warned_s;       /* when the log was last told that the certificate ends soon */
    /* A token's thread: it has @job, nobody else looks at it, until wake_fd tells. */
    pthread_t thread;
    bool running;       /* there is a thread to be joined */
    bool wanted;        /* somebody waits for what it does; else it is forgotten */
    bool outdated;      /* it began for a fetch that was cancelled */
    int wake_fd;        /* -1: never needed so far */
    struct event *wake; /* owned */
};

static struct roles_anywhere *of(struct source *s)
{
    return (struct roles_anywhere *)s;
}

/* For messages. */
static struct str host_of(const struct roles_anywhere *s)
{
    return str_head(s->job.authority, 80);
}

static int64_t now_s(void)
{
    return clock_wall_us() / US_PER_S;
}

/* ---- ends ---- */

/* How many seconds this machine's clock is ahead of the service's; 0: they agree, or nobody knows. */
static long long clock_ahead_s(const struct http_answer *a)
{
    int64_t ahead = a->date_s ? now_s() - a->date_s : 0;

    return ahead > SKEW_S || ahead < -SKEW_S ? (long long)ahead : 0;
}

static void describe_skew(const struct http_answer *a, char out[120])
{
    long long ahead = clock_ahead_s(a);

    out[0] = '\0';
    if (ahead)
        snprintf(out, 120, "; this machine's clock is %lld s %s the service's: set it, with NTP for example",
                 ahead < 0 ? -ahead : ahead, ahead < 0 ? "behind" : "ahead of");
}

static void take_keys(struct roles_anywhere *s, struct key_document *d, const struct http_answer *a)
{
    struct source_result r = {.outcome = SOURCE_GOOD};
    char skew[120];

    if (d->expires_s <= now_s()) {
        key_document_clear(d);
        describe_skew(a, skew);
        source_fail(&s->source, SOURCE_FAILED, "%.*s: it gave keys that are over already%s", STR_ARG(host_of(s)),
                    skew[0] ? skew : "; compare its clock with this machine's");
        return;
    }
    r.keys = (struct key_set){d->access_key_id, d->secret_access_key, d->session_token, d->expires_s};
    *d = (struct key_document){0};
    snprintf(r.origin, sizeof(r.origin), "role %.120s from %.*s, certificate %s", s->source.context->set->role_arn,
             STR_ARG(host_of(s)), s->job.subject);
    source_end(&s->source, &r);
}

/* ---- answers that are no keys ---- */

/* One line of visible text out of somebody else's. */
static void copy_printable(const char *text, char *out, size_t cap)
{
    size_t n = 0;

    for (; text && *text && n < cap - 1; text++)
        out[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
    out[n] = '\0';
}

/* {"message": …}, the code as "__type" ("…#AccessDeniedException") or "code". @code: of the status, if it is not said.
 */
static bool parse_error(struct str body, unsigned status, char code[WORD_MAX], char message[MESSAGE_MAX])
{
    json_t *o = json_loadb(body.p ? body.p : "", body.n, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(o, "__type")),
               *text = json_string_value(json_object_get(o, "message")), *hash;
    bool is_error = json_is_object(o);

    if (!type) type = json_string_value(json_object_get(o, "code"));
    if (!text) text = json_string_value(json_object_get(o, "Message"));
    if (type && (hash = strrchr(type, '#'))) type = hash + 1;
    copy_printable(text, message, MESSAGE_MAX);
    if (type)
        copy_printable(type, code, WORD_MAX);
    else
        snprintf(code, WORD_MAX, "%s",
                 status == 403   ? "AccessDeniedException"
                 : status == 404 ? "ResourceNotFoundException"
                 : status == 400 ? "ValidationException"
                                 : "");
    json_decref(o);
    return is_error;
}

static const char *advice_for(unsigned status, struct str code, struct str message)
{
    if (str_find(message, STR("ession name")) != SIZE_MAX || str_find(message, STR("essionName")) != SIZE_MAX)
        return "let the profile accept session names, or remove session_name";
    if (str_find(message, STR("ntrusted")) != SIZE_MAX || str_find(message, STR("nsufficient certificate")) != SIZE_MAX)
        return "the trust anchor must hold the authority of the certificate, certificate_chain all between them";
    if (str_find(message, STR("evoked")) != SIZE_MAX) return "have a new certificate issued";
    if (status == 404 || str_starts(code, STR("ResourceNotFound")))
        return "see whether trust_anchor_arn, profile_arn and region are right";
    if (status == 403)
        return "profile and trust anchor must be enabled, the profile list the role, and the role trust "
               "rolesanywhere.amazonaws.com";
    return "see whether the ARNs, duration and region are right";
}

static enum source_outcome judge(unsigned status, struct str code)
{
    if (status == 429 || str_starts(code, STR("Throttling")) || str_starts(code, STR("TooManyRequests")))
        return SOURCE_THROTTLED;
    if (status >= 500 || status == 408 || status < 300) return SOURCE_FAILED;
    return SOURCE_REFUSED;
}

/* The service's message gives way to the rest. */
static void take_error(struct roles_anywhere *s, const struct http_answer *a)
{
    char code[WORD_MAX] = "", message[MESSAGE_MAX] = "", skew[120];
    bool is_error = parse_error(a->body, a->status, code, message);
    enum source_outcome outcome = judge(a->status, str_from(code));
    struct str host = host_of(s);
    const char *advice = "";
    size_t rest;

    describe_skew(a, skew);
    if (!is_error) {
        source_fail(&s->source, outcome,
                    "%.*s: status %u%s, and no error of Roles Anywhere's; look at service_url and "
                    "what is on the way%s",
                    STR_ARG(host), a->status, str_eq_nocase(a->content_type, STR("text/html")) ? " with HTML" : "",
                    skew);
        return;
    }
    if (outcome == SOURCE_REFUSED && !skew[0]) advice = advice_for(a->status, str_from(code), str_from(message));
    if (outcome == SOURCE_REFUSED && skew[0]) outcome = SOURCE_FAILED; /* clocks come right */
    rest = host.n + strlen(code) + strlen(advice) + strlen(skew) + 24;
    source_fail(&s->source, outcome, "%.*s: %u %s%s%.*s%s%s%s", STR_ARG(host), a->status, code, message[0] ? ": " : "",
                rest < SOURCE_WHY - 40 ? (int)(SOURCE_WHY - rest) : 40, message, skew, *advice ? "; " : "", advice);
}

static void take_answer(struct roles_anywhere *s, const struct http_answer *a)
{
    struct key_document d;
    struct err err = {0};

    if (a->status != 201 && a->status != 200)
        take_error(s, a);
    else if (key_document_parse(a->body, KEY_DOCUMENT_ROLES_ANYWHERE, &d, &err) == ERR_NONE)
        take_keys(s, &d, a);
    else
        source_fail(&s->source, SOURCE_FAILED, "%.*s: %.120s; look at service_url and what is on the way",
                    STR_ARG(host_of(s)), err.detail);
}

/* ---- the request ---- */

static void send_to_next(struct roles_anywhere *s);

static void on_answer(void *arg, const struct http_answer *a)
{
    struct roles_anywhere *s = arg;
    size_t n = s->source.context->set->addresses_n;

    s->call = NULL;
    if (a->status) {
        take_answer(s, a);
        return;
    }
    if (n) s->address = (s->address + 1) % n;
    if (s->tried < n)
        send_to_next(s);
    else
        source_fail(&s->source, SOURCE_FAILED, "%.220s%s; see service_url, addresses and ca_file", a->why,
                    n > 1 ? " (all addresses were tried)" : "");
}

static void send_to_next(struct roles_anywhere *s)
{
    const struct source_context *context = s->source.context;
    const struct credentials_conf *set = context->set;
    struct http_request r = {.method = "POST",
                             .url = s->job.url.p,
                             .headers_n = s->job.headers_n,
                             .body = s->job.body,
                             .timeout_ms = set->timeout_ms,
                             .address = set->addresses_n ? &set->addresses[s->address] : NULL,
                             .ca_file = set->ca_file,
                             .environment_proxy = set->http_proxy};
    struct err err = {0};

    memcpy(r.headers, s->job.headers, s->job.headers_n * sizeof(r.headers[0]));
    s->tried++;
    s->call = http_start(context->http, &r, on_answer, s, &err);
    if (!s->call) source_fail(&s->source, SOURCE_FAILED, "%.300s", err.detail);
}

/* Once a day; fetches are more frequent than that. */
static void warn_of_end(struct roles_anywhere *s)
{
    int64_t now = now_s(), left_s = s->job.not_after_s - now;
    time_t end = (time_t)s->job.not_after_s;
    char when[32] = "";
    struct tm tm;

    if (left_s > (int64_t)WARN_DAYS * DAY_S || (s->warned_s && now - s->warned_s < DAY_S)) return;
    s->warned_s = now;
    if (gmtime_r(&end, &tm)) strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &tm);
    LOG(LOG_WARN,
        "[credentials %s]: the certificate in %s ends on %s, in %lld hours; a renewed one in its place is taken up",
        s->source.context->set->name, s->source.context->set->certificate, when, (long long)(left_s / 3600));
}

/* Only a token that does not answer may come right by itself; files are watched. */
static void job_done(struct roles_anywhere *s)
{
    struct session_job *job = &s->job;

    source_forget_files(&s->source);
    if (job->not_after_s) s->source.certificate_end_s = job->not_after_s;
    for (size_t i = 0; i < job->files_n; i++)
        source_read_file(&s->source, job->files[i]);
    if (job->code != ERR_NONE) {
        bool may_pass = job->code == ERR_TLS_SETUP || job->code == ERR_NO_MEMORY;

        source_fail(&s->source, may_pass ? SOURCE_FAILED : SOURCE_REFUSED, "%.300s%s%s", job->err.detail,
                    job->err.sys_errno ? ": " : "", job->err.sys_errno ? strerror(job->err.sys_errno) : "");
        return;
    }
    warn_of_end(s);
    s->tried = 0;
    send_to_next(s);
}

/* ---- tokens ---- */

static void *token_thread(void *arg)
{
    struct roles_anywhere *s = arg;
    uint64_t one = 1;

    session_job_run(&s->job);
    while (write(s->wake_fd, &one, sizeof(one)) != (ssize_t)sizeof(one)) /* interrupted; it cannot be full */
        ;
    return NULL;
}

static void begin(struct roles_anywhere *s);

static void on_wake(evutil_socket_t fd, short what UNUSED, void *arg)
{
    struct roles_anywhere *s = arg;
    uint64_t n;

    loop_touch(s->source.context->loop);
    if (read(fd, &n, sizeof(n)) != (ssize_t)sizeof(n)) return;
    pthread_join(s->thread, NULL);
    s->running = false;
    if (!s->wanted) return;
    s->wanted = false;
    if (s->outdated)
        begin(s);
    else
        job_done(s);
}

static bool make_wake(struct roles_anywhere *s)
{
    if (s->wake) return true;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd == -1) return false;
    s->wake = event_new(s->source.context->loop->base, s->wake_fd, EV_READ | EV_PERSIST, on_wake, s);
    return s->wake && event_add(s->wake, NULL) == 0;
}

static bool start_thread(struct roles_anywhere *s)
{
    if (!make_wake(s)) return false;
    s->running = thread_start(&s->thread, token_thread, s) == 0;
    return s->running;
}

static void begin(struct roles_anywhere *s)
{
    const struct source_context *context = s->source.context;
    bool in_token = context->set->private_key && identity_is_token(context->set->private_key);

    session_job_clear(&s->job);
    s->job = (struct session_job){
        .set = context->set, .client = context->client, .principal = source_principal(context), .pins = &s->pins};
    s->outdated = false;
    s->wanted = in_token;
    if (!in_token) {
        session_job_run(&s->job);
        job_done(s);
    } else if (!start_thread(s)) {
        s->wanted = false;
        source_fail(&s->source, SOURCE_FAILED, "no thread could be started for the token");
    }
}

/* ---- the kind ---- */

static void fetch(struct source *source)
{
    struct roles_anywhere *s = of(source);

    if (s->running)
        s->wanted = true; /* what a cancelled fetch began; on_wake begins anew */
    else
        begin(s);
}

static void cancel(struct source *source)
{
    struct roles_anywhere *s = of(source);

    http_cancel(&s->call);
    s->wanted = false;
    s->outdated = s->running;
}

/* Waits for a token that is being asked; the end of the proxy has a limit of its own (server.c). */
static void free_it(struct source *source)
{
    struct roles_anywhere *s = of(source);

    if (s->running) pthread_join(s->thread, NULL);
    if (s->wake) event_free(s->wake);
    if (s->wake_fd != -1) close(s->wake_fd);
    session_job_clear(&s->job);
    free(s);
}

static const struct source_ops ops = {fetch, cancel, free_it};

struct source *source_roles_anywhere(const struct source_context *context)
{
    struct roles_anywhere *s = calloc(1, sizeof(*s));

    if (!s) return NULL;
    s->source = (struct source){.ops = &ops, .context = context};
    s->wake_fd = -1;
    return &s->source;
}
