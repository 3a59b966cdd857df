/* SPDX-License-Identifier: Apache-2.0
 * source_sts.c: the kinds assume-role and web-identity: keys of a role, from the Security Token Service.
 *
 *   assume-role:   the keys of another source → a signed request → the role's keys
 *   web-identity:  the token of a file        → a request        → the role's keys
 *
 * The request goes to one address after the other until there is an answer; the next fetch begins with the one that
 * answered. Control thread.
 */
#include "source_sts.h"

#include "base/clock.h"
#include "config/session_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SKEW_S = 240 /* a clock that is wrong by more than this may be why */, DEFAULT_DURATION_S = 3600 };

struct sts_source {
    struct source source;
    struct sts_role role;
    struct source *base;    /* owned; of assume-role: whose keys sign */
    struct http_call *call; /* owned while it runs */
    struct sts_post post;   /* owned */
    size_t address, tried;  /* index into the section's addresses; how many were tried */
    uint64_t duration_s;    /* that is asked for this time */
    char session[STS_SESSION_NAME_MAX + 1];
};

static struct sts_source *of(struct source *s)
{
    return (struct sts_source *)s;
}

/* --- ends --- */

static void end(struct sts_source *s, struct source_result *r)
{
    sts_post_wipe(&s->post);
    source_end(&s->source, r);
}

static void fail(struct sts_source *s, enum source_outcome outcome, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void fail(struct sts_source *s, enum source_outcome outcome, const char *fmt, ...)
{
    struct source_result r = {.outcome = outcome};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(r.why, sizeof(r.why), fmt, ap);
    va_end(ap);
    end(s, &r);
}

/* How many seconds this machine's clock is ahead of the service's; 0: they agree, or nobody knows. */
static long long clock_ahead_s(const struct http_answer *a)
{
    int64_t ahead = a->date_s ? clock_wall_us() / 1000000 - a->date_s : 0;

    return ahead > SKEW_S || ahead < -SKEW_S ? (long long)ahead : 0;
}

static void fail_by_clock(struct sts_source *s, const char *what, long long ahead)
{
    fail(s, SOURCE_FAILED, "%.80s: %s: this machine's clock is %lld s %s the service's; set it, with NTP for example",
         s->post.authority, what, ahead < 0 ? -ahead : ahead, ahead < 0 ? "behind" : "ahead of");
}

static void take_keys(struct sts_source *s, struct key_document *d, const struct http_answer *a)
{
    struct source_result r = {.outcome = SOURCE_GOOD};

    if (d->expires_s <= clock_wall_us() / 1000000) {
        key_document_clear(d);
        if (clock_ahead_s(a) > 0)
            fail_by_clock(s, "its keys seem to be over", clock_ahead_s(a));
        else
            fail(s, SOURCE_FAILED, "%.80s: it gave keys that are over already; compare its clock with this machine's",
                 s->post.authority);
        return;
    }
    r.keys = (struct key_set){d->access_key_id, d->secret_access_key, d->session_token, d->expires_s};
    *d = (struct key_document){0};
    snprintf(r.origin, sizeof(r.origin), "role %.120s as %s from %.60s%s", s->role.role_arn, s->session,
             s->post.authority, s->duration_s < s->role.duration_s ? ", for 1h only: temporary keys asked" : "");
    end(s, &r);
}

/* The service's message gives way to the rest. */
static void take_error(struct sts_source *s, const struct http_answer *a)
{
    static const enum source_outcome outcomes[] = {
        [STS_TRY_LATER] = SOURCE_FAILED, [STS_SLOW_DOWN] = SOURCE_THROTTLED, [STS_REFUSED] = SOURCE_REFUSED};
    struct sts_error e;
    bool is_error = sts_parse_error(a->body, &e);
    const char *advice;
    enum source_outcome outcome = outcomes[sts_judge(s->role.action, a->status, is_error ? &e : NULL, &advice)];
    size_t taken;

    if (!is_error) {
        fail(s, outcome, "%.80s: status %u%s, and no error of STS's; look at service_url and what is on the way",
             s->post.authority, a->status, str_eq_nocase(a->content_type, STR("text/html")) ? " with HTML" : "");
        return;
    }
    if (sts_is_about_time(&e) && clock_ahead_s(a)) {
        fail_by_clock(s, e.code, clock_ahead_s(a));
        return;
    }
    taken = strlen(s->post.authority) + strlen(e.code) + strlen(advice) + 8;
    fail(s, outcome, "%.80s: %s%s%.*s%s%s", s->post.authority, e.code, e.message[0] ? ": " : "",
         taken < SOURCE_WHY - 40 ? (int)(SOURCE_WHY - taken) : 40, e.message, *advice ? "; " : "", advice);
}

static void take_answer(struct sts_source *s, const struct http_answer *a)
{
    struct key_document d;
    struct err err = {0};

    if (a->status != 200)
        take_error(s, a);
    else if (sts_parse_answer(a->body, s->role.action, &d, &err) == ERR_NONE)
        take_keys(s, &d, a);
    else
        fail(s, SOURCE_FAILED, "%.80s: %.120s; look at service_url and what is on the way", s->post.authority,
             err.detail);
}

/* --- the request --- */

static void send_to_next(struct sts_source *s);

static void on_answer(void *arg, const struct http_answer *a)
{
    struct sts_source *s = arg;
    const struct credentials_conf *set = s->source.context->set;

    s->call = NULL;
    if (a->status) {
        take_answer(s, a);
        return;
    }
    if (set->addresses_n) s->address = (s->address + 1) % set->addresses_n;
    if (s->tried < set->addresses_n)
        send_to_next(s);
    else if (set->addresses_n > 1)
        fail(s, SOURCE_FAILED, "%.220s (the last of %zu addresses; all failed)", a->why, set->addresses_n);
    else
        fail(s, SOURCE_FAILED, "%.300s", a->why);
}

static void send_to_next(struct sts_source *s)
{
    const struct source_context *c = s->source.context;
    struct http_request r = {
        .method = "POST",
        .url = s->post.url,
        .headers_n = s->post.headers_n,
        .body = s->post.body,
        .timeout_ms = c->set->timeout_ms,
        .address = c->set->addresses_n ? &c->set->addresses[s->address] : NULL,
        .ca_file = c->set->ca_file,
        .environment_proxy = c->set->http_proxy,
    };
    struct err err = {0};

    for (size_t i = 0; i < r.headers_n; i++)
        r.headers[i] = s->post.headers[i];
    s->tried++;
    s->call = http_start(c->http, &r, on_answer, s, &err);
    if (!s->call) fail(s, SOURCE_FAILED, "%.300s", err.detail);
}

/* "s3onramp-HOST", where the section says nothing. */
static bool name_session(struct sts_source *s)
{
    const struct source_context *c = s->source.context;
    char host[STS_SESSION_NAME_MAX] = "", filled[16 * STS_SESSION_NAME_MAX];
    struct sbuf pattern = sbuf_make(filled, sizeof(filled));
    struct digest *d = digest_new();
    struct str missing;
    bool good;

    if (gethostname(host, sizeof(host) - 1) != 0 || !host[0]) strcpy(host, "host");
    if (!s->role.session_name) sbuf_printf(&pattern, "s3onramp-%s", host);
    good = session_words_fill(str_from(s->role.session_name), c->client, source_principal(c), true, &pattern, &missing);
    good = good && d && !pattern.overflow && sts_session_name(d, sbuf_str(&pattern), c->client, s->session);
    digest_free(&d);
    return good;
}

static const char *why_no_name(const struct sts_source *s)
{
    if (!session_words_any(s->role.session_name)) return "it must come to 2 to 64 characters";
    if (!s->source.context->client) return "there are sessions of clients only; name one";
    return "with this client it does not come to 2 to 64 characters, or one of its words has no value";
}

static void ask(struct sts_source *s, const struct key_set *keys)
{
    char why[SOURCE_WHY];
    struct sts_role role = s->role;
    enum source_outcome outcome;

    if (keys && keys->session_token && role.duration_s > STS_CHAINED_MAX_S) role.duration_s = STS_CHAINED_MAX_S;
    s->duration_s = role.duration_s;
    outcome = sts_post_make(&s->post, &s->source, &role, keys, s->session, why);
    if (outcome != SOURCE_GOOD) {
        fail(s, outcome, "%s", why);
        return;
    }
    s->tried = 0;
    if (s->address >= s->source.context->set->addresses_n) s->address = 0;
    send_to_next(s);
}

static void on_base(void *arg, struct source_result *r)
{
    struct sts_source *s = arg;

    for (size_t i = 0; i < s->base->files_n; i++)
        source_read_file(&s->source, s->base->files[i]);
    if (r->outcome == SOURCE_GOOD) {
        ask(s, &r->keys);
        return;
    }
    /* What to ask for is set up: a missing base is no reason to look elsewhere. */
    fail(s, r->outcome == SOURCE_ABSENT ? SOURCE_FAILED : r->outcome, "no keys to ask for the role with: %.280s",
         r->why);
}

static void fetch(struct source *source)
{
    struct sts_source *s = of(source);
    bool web = s->role.action == STS_WEB_IDENTITY;

    source_forget_files(source);
    if (!name_session(s))
        fail(s, SOURCE_REFUSED, "session_name = %.100s: %s", s->role.session_name ? s->role.session_name : "",
             why_no_name(s));
    else if (web)
        ask(s, NULL);
    else
        source_fetch(s->base, on_base, s);
}

static void cancel(struct source *source)
{
    struct sts_source *s = of(source);

    if (s->base) source_cancel(s->base);
    http_cancel(&s->call);
    sts_post_wipe(&s->post);
}

static void clear_role(struct sts_role *role)
{
    free(role->role_arn);
    free(role->session_name);
    free(role->source_identity);
    free(role->external_id);
    free(role->token_file);
    free(role->region);
    for (size_t i = 0; i < role->tags.n; i++)
        free(role->tags.v[i]);
    free(role->tags.v);
    *role = (struct sts_role){0};
}

static void free_source(struct source *source)
{
    struct sts_source *s = of(source);

    source_free(&s->base);
    sts_post_clear(&s->post);
    clear_role(&s->role);
    free(s);
}

/* --- makers --- */

static bool copy(char **out, const char *text)
{
    *out = text && *text ? strdup(text) : NULL;
    return *out || !text || !*text;
}

static bool copy_list(struct str_list *out, const struct str_list *list)
{
    if (!list || !list->n) return true;
    out->v = calloc(list->n, sizeof(*out->v));
    for (; out->v && out->n < list->n; out->n++)
        if (!(out->v[out->n] = strdup(list->v[out->n]))) return false;
    return out->v != NULL;
}

static struct source *make(const struct source_context *context, enum sts_action action, const struct role_request *r,
                           struct source *base)
{
    static const struct source_ops ops = {fetch, cancel, free_source};
    struct sts_source *s = calloc(1, sizeof(*s));
    struct source *out = s ? &s->source : NULL;

    if (!s) {
        source_free(&base);
        return NULL;
    }
    s->source = (struct source){.ops = &ops, .context = context};
    s->base = base;
    s->role.action = action;
    s->role.duration_s = r->duration_s ? r->duration_s : DEFAULT_DURATION_S;
    if (!copy(&s->role.role_arn, r->role_arn) || !copy(&s->role.session_name, r->session_name) ||
        !copy(&s->role.source_identity, r->source_identity) || !copy(&s->role.external_id, r->external_id) ||
        !copy(&s->role.token_file, r->token_file) || !copy(&s->role.region, r->region) ||
        !copy_list(&s->role.tags, r->tags))
        source_free(&out);
    return out;
}

struct source *source_role_with(const struct source_context *context, const struct role_request *r, struct source *base)
{
    return make(context, STS_ASSUME_ROLE, r, base);
}

struct source *source_web_identity_with(const struct source_context *context, const struct role_request *r)
{
    return make(context, STS_WEB_IDENTITY, r, NULL);
}

struct source *source_assume_role(const struct source_context *context)
{
    const struct credentials_conf *set = context->set;
    struct role_request r = {.role_arn = set->role_arn,
                             .session_name = set->session_name,
                             .source_identity = set->source_identity,
                             .external_id = set->external_id,
                             .duration_s = set->duration_ms / 1000,
                             .tags = &set->tags};
    struct source *base = context->section(context->section_arg, set->source_credentials);

    return base ? source_role_with(context, &r, base) : NULL;
}

struct source *source_web_identity(const struct source_context *context)
{
    const struct credentials_conf *set = context->set;
    struct role_request r = {.role_arn = set->role_arn,
                             .session_name = set->session_name,
                             .token_file = set->token_file,
                             .duration_s = set->duration_ms / 1000};

    return source_web_identity_with(context, &r);
}
