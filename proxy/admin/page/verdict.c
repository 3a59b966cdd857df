/* SPDX-License-Identifier: Apache-2.0
 * verdict.c: see verdict.h. Causes are looked for from near to far: what stops everybody first, then what stops some.
 * The first that is found is the sentence, the others stand as evidence beside it.
 */
#include "admin/verdict.h"

#include <inttypes.h>
#include <stdio.h>

const char *verdict_level_name(enum verdict_level level)
{
    static const char *const names[] = {[VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_BAD] = "bad"};

    return names[level];
}

/* ------------------------------------------------------------------- words */

static const char *s3_words(const char *code)
{
    static const struct {
        const char *code, *words;
    } rows[] = {
        {"SlowDown", "S3 wants fewer requests for this bucket or prefix; SDKs try again by themselves"},
        {"InternalError", "S3 has a fault of its own; SDKs try again by themselves"},
        {"ServiceUnavailable", "S3 is not able to serve just now; SDKs try again by themselves"},
        {"AccessDenied", "the proxy's role, the bucket's policy or that of the endpoint does not allow it"},
        {"AllAccessDisabled", "AWS has closed the bucket"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].code, code) == 0) return rows[i].words;
    return NULL;
}

const char *verdict_words(const struct trouble *t, char out[VERDICT_TEXT])
{
    const struct err_info *end = err_info(t->code);
    const char *more = s3_words(t->s3_error);

    if (t->code != ERR_NONE)
        snprintf(out, VERDICT_TEXT, "%s", t->detail[0] ? t->detail : end->text);
    else
        snprintf(out, VERDICT_TEXT, "S3 answered %u%s%s%s%s", t->status, t->s3_error[0] ? " " : "", t->s3_error,
                 more ? ": " : "", more ? more : "");
    return out;
}

static const char *who_of(const struct trouble *t)
{
    return t->name[0] ? t->name : t->peer;
}

/* ------------------------------------------------------------------- the finding */

static void PRINTF_LIKE(4, 5)
    find(struct verdict *v, enum trouble_party who, enum verdict_level level, const char *fmt, ...)
{
    bool first = v->who == TROUBLE_NOBODY;
    va_list ap;

    if (!first && v->evidence_n == VERDICT_EVIDENCE) return;
    va_start(ap, fmt);
    vsnprintf(first ? v->sentence : v->evidence[v->evidence_n++], VERDICT_TEXT, fmt, ap);
    va_end(ap);
    if (!first) return;
    v->who = who;
    v->level = level;
}

static void PRINTF_LIKE(2, 3) tell(struct verdict *v, const char *fmt, ...)
{
    va_list ap;

    if (v->evidence_n == VERDICT_EVIDENCE) return;
    va_start(ap, fmt);
    vsnprintf(v->evidence[v->evidence_n++], VERDICT_TEXT, fmt, ap);
    va_end(ap);
}

static bool is_recent(const struct verdict_facts *f, const struct trouble *t)
{
    return f->now_us - t->last_us <= VERDICT_RECENT_S * INT64_C(1000000);
}

/* The one of @party that was counted most often, lately; *@n: of how many. */
static const struct trouble *worst_of(const struct verdict_facts *f, enum trouble_party party, size_t *n)
{
    const struct trouble *worst = NULL;

    *n = 0;
    for (size_t i = 0; i < f->troubles_n; i++) {
        const struct trouble *t = &f->troubles[i];

        if (t->party != party || t->code == ERR_CLIENT_GONE || !is_recent(f, t)) continue;
        ++*n;
        if (!worst || t->count > worst->count) worst = t;
    }
    return worst;
}

static void tell_times(const struct verdict_facts *f, struct verdict *v, const struct trouble *t)
{
    tell(v, "Seen %" PRIu64 " time%s, last %" PRId64 " s ago; request %s has the details in the access log.", t->count,
         t->count == 1 ? "" : "s", (f->now_us - t->last_us) / 1000000, t->id);
}

static void look_at_us(const struct verdict_facts *f, struct verdict *v)
{
    char words[VERDICT_TEXT];
    const struct trouble *t;
    size_t n;

    if (f->leaving) find(v, TROUBLE_US, VERDICT_WARN, "It is us: this proxy is ending, and takes no new connections.");
    if (f->keyless)
        find(v, TROUBLE_US, VERDICT_BAD, "It is us: the proxy has no valid keys of [credentials %s]: %s", f->keyless,
             f->keyless_why);
    t = worst_of(f, TROUBLE_US, &n);
    if (t && !f->keyless) {
        find(v, TROUBLE_US, VERDICT_BAD, "It is us: %s", verdict_words(t, words));
        tell_times(f, v, t);
    }
    if (f->stuck)
        find(v, TROUBLE_US, VERDICT_WARN, "It is us: the %s log cannot be written: %s", f->stuck, f->stuck_why);
    if (f->refused)
        find(v, TROUBLE_US, VERDICT_WARN, "It is us: the configuration was changed, and the one before is in force: %s",
             f->refused);
    if (f->stale)
        find(v, TROUBLE_US, VERDICT_WARN, "It is us, soon: the keys of [credentials %s] cannot be renewed: %s",
             f->stale, f->stale_why);
}

static void look_at_endpoint(const struct verdict_endpoint *e, struct verdict *v)
{
    const char *zone = e->zone ? e->zone : "";

    if (!e->all)
        find(v, TROUBLE_NETWORK, VERDICT_BAD, "It is the network: endpoint %s has no address: %s", e->name,
             e->why ? e->why : "DNS gives none");
    else if (!e->up)
        find(v, TROUBLE_NETWORK, VERDICT_BAD, "It is the network: endpoint %s cannot be reached, %s%zu address%s: %s",
             e->name, e->all > 1 ? "at none of " : "at its ", e->all, e->all > 1 ? "es" : "", e->why ? e->why : "");
    else if (e->up < e->all)
        find(v, TROUBLE_NETWORK, VERDICT_WARN,
             "It is the network, and nobody is cut off: %s%s%s%s of endpoint %s does not serve, %zu of %zu do: %s",
             e->sick ? e->sick : "an address", zone[0] ? " (zone " : "", zone, zone[0] ? ")" : "", e->name, e->up,
             e->all, e->why ? e->why : "");
}

static void look_at_network(const struct verdict_facts *f, struct verdict *v)
{
    char words[VERDICT_TEXT];
    const struct trouble *t;
    size_t n;

    for (size_t i = 0; i < f->endpoints_n; i++)
        if (!f->endpoints[i].up) look_at_endpoint(&f->endpoints[i], v);
    t = worst_of(f, TROUBLE_NETWORK, &n);
    if (t) {
        find(v, TROUBLE_NETWORK, VERDICT_BAD, "It is the network, or the endpoint at %s: %s",
             t->address[0] ? t->address : "its end", verdict_words(t, words));
        tell_times(f, v, t);
    }
    for (size_t i = 0; i < f->endpoints_n; i++)
        if (f->endpoints[i].up) look_at_endpoint(&f->endpoints[i], v);
}

static void look_at_aws(const struct verdict_facts *f, struct verdict *v)
{
    char words[VERDICT_TEXT];
    const struct trouble *t;
    size_t n;

    t = worst_of(f, TROUBLE_AWS, &n);
    if (!t) return;
    find(v, TROUBLE_AWS, t->status == 403 ? VERDICT_WARN : VERDICT_BAD, "It is AWS: %s", verdict_words(t, words));
    tell(v, "It was about %s%s%s for %s.", t->operation ? t->operation : "a request", t->bucket[0] ? " in bucket " : "",
         t->bucket, who_of(t));
    tell_times(f, v, t);
}

/* How many clients have trouble of their own lately. */
static size_t count_clients(const struct verdict_facts *f, const struct trouble *like)
{
    size_t others = 0;

    for (size_t i = 0; i < f->troubles_n; i++) {
        const struct trouble *t = &f->troubles[i];

        others +=
            t->party == TROUBLE_CLIENT && t->code != ERR_CLIENT_GONE && is_recent(f, t) && t->client != like->client;
    }
    return others + 1;
}

static void look_at_clients(const struct verdict_facts *f, struct verdict *v)
{
    char words[VERDICT_TEXT];
    const struct trouble *t;
    size_t n;

    t = worst_of(f, TROUBLE_CLIENT, &n);
    if (!t) return;
    if (count_clients(f, t) == 1)
        find(v, TROUBLE_CLIENT, VERDICT_WARN, "It is one client, %s: %s", who_of(t), verdict_words(t, words));
    else
        find(v, TROUBLE_CLIENT, VERDICT_WARN, "It is clients, each by its own fault; most of all %s: %s", who_of(t),
             verdict_words(t, words));
    tell_times(f, v, t);
}

void verdict_judge(const struct verdict_facts *f, struct verdict *out)
{
    *out = (struct verdict){.who = TROUBLE_NOBODY};
    look_at_us(f, out);
    look_at_network(f, out);
    look_at_aws(f, out);
    look_at_clients(f, out);
    if (out->who == TROUBLE_NOBODY)
        snprintf(out->sentence, sizeof(out->sentence), "%s",
                 f->requests ? "All is well: nobody has trouble."
                             : "All is well; nobody has asked for anything lately.");
    tell(out, "%" PRIu64 " request%s in the last %d minutes, %" PRIu64 " failed through no fault of clients.",
         f->requests, f->requests == 1 ? "" : "s", VERDICT_WINDOW_S / 60, f->failed);
}
