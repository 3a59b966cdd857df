/* SPDX-License-Identifier: Apache-2.0
 * source_imds.c: the role of an EC2 instance, from its metadata service, version 2: a token, the role's name, its keys.
 * The token is kept for its six hours. Control thread.
 * Sources: EC2 User Guide, "Use IMDS" and "Retrieve security credentials from instance metadata"; version 1, if
 * allowed, is asked when botocore asks it.
 *
 *     PUT token ──200──▶ GET roles ──200──▶ GET roles/ROLE ──200──▶ keys
 *       │  ▲──────401──────┴──────401──────────┘
 *       ├─ 403, 404, 405, silence, with imds_v1 ──▶ GET roles and ROLE without a token
 *       └─ silence, though it is connected ──▶ GET without a token: does it answer? Then it is the hop limit.
 */
#include "source_metadata.h"

#include "aws/documents/key_document.h"
#include "base/secret.h"
#include "http/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    URL_MAX = 1024,
    TOKEN_MAX = 1024, /* it has 56 bytes today */
    ROLE_MAX = 128,   /* IAM: 64 */
    CONNECT_TIMEOUT_MS = 1000,
    TOKEN_S = 21600,
    RENEW_BEFORE_S = 300,
};

static const char token_path[] = "/latest/api/token", roles_path[] = "/latest/meta-data/iam/security-credentials/";

struct imds {
    struct source base;
    struct http_call *call;     /* NULL: none runs */
    char url[URL_MAX];          /* http://HOST[:PORT][/…], no '/' at its end */
    char token[TOKEN_MAX + 1];  /* secret; "": none */
    int64_t token_until_us;     /* monotonic */
    char role[ROLE_MAX + 1];    /* as listed */
    bool plain;                 /* version 1: without a token */
    bool silent;                /* the token request was not answered */
    bool renewed, listed_again; /* done once in a fetch */
};

static void ask_token(struct imds *s);
static void ask_roles(struct imds *s);

static struct imds *of(struct source *base)
{
    return (struct imds *)base;
}

/* Path @path after the service's URL; with the token, if there is one, or with @header. */
static void ask(struct imds *s, const char *method, const char *path, const char *header, http_done_fn *done)
{
    const struct source_context *context = s->base.context;
    char url[URL_MAX + 512], token[TOKEN_MAX + 64];
    struct http_request r = {.method = method,
                             .url = url,
                             .allow_plain = true,
                             .timeout_ms = context->set->timeout_ms,
                             .connect_timeout_ms = CONNECT_TIMEOUT_MS};
    struct err err = {0};

    snprintf(url, sizeof(url), "%s%s", s->url, path);
    snprintf(token, sizeof(token), "X-aws-ec2-metadata-token: %s", s->token);
    if (r.timeout_ms < r.connect_timeout_ms) r.connect_timeout_ms = r.timeout_ms;
    if (header)
        r.headers[r.headers_n++] = str_from(header);
    else if (s->token[0])
        r.headers[r.headers_n++] = str_from(token);
    s->call = http_start(context->http, &r, done, s, &err);
    secret_wipe(token, sizeof(token));
    if (!s->call) metadata_not_begun(&s->base, &err);
}

static void refuse_disabled(struct imds *s)
{
    source_fail(
        &s->base, SOURCE_REFUSED,
        "%.100s answers 403: the metadata service is switched off for this instance; enable HttpEndpoint in its "
        "metadata options, or use another source",
        s->url);
}

static void refuse_hop_limit(struct imds *s)
{
    source_fail(
        &s->base, SOURCE_REFUSED,
        "%.60s answers, but not the request for a token: most likely HttpPutResponseHopLimit is 1 and this is a "
        "container or a host behind a router: set it to 2 (aws ec2 modify-instance-metadata-options "
        "--http-put-response-hop-limit 2)",
        s->url);
}

static void forget_token(struct imds *s)
{
    secret_wipe(s->token, sizeof(s->token));
}

/* 401: the token is over, or the service has lost it. */
static void renew_token(struct imds *s)
{
    bool again = s->renewed;

    forget_token(s);
    if (s->plain && s->silent) {
        refuse_hop_limit(s);
    } else if (s->plain || again) {
        source_fail(&s->base, s->plain ? SOURCE_REFUSED : SOURCE_FAILED, "%.100s answers 401 %s", s->url,
                    s->plain ? "without a token, and gives none: it wants version 2"
                             : "to the token that it has just given");
    } else {
        s->renewed = true;
        ask_token(s);
    }
}

/* ---- the role's keys ---- */

static void on_keys(void *arg, const struct http_answer *a)
{
    struct imds *s = arg;
    char origin[SOURCE_WHY];

    s->call = NULL;
    snprintf(origin, sizeof(origin), "role %s of the instance, from %.100s%s", s->role, s->url,
             s->plain ? " (version 1)" : "");
    if (a->status == 200)
        metadata_document(&s->base, a, s->url, origin, true);
    else if (a->status == 401)
        renew_token(s);
    else if (a->status == 404 && !s->listed_again) { /* another role was attached between the two questions */
        s->listed_again = true;
        ask_roles(s);
    } else if (a->status == 404)
        source_fail(&s->base, SOURCE_FAILED, "%.100s lists the role %s, but answers 404 for its keys", s->url, s->role);
    else if (a->status == 403)
        refuse_disabled(s);
    else
        metadata_status(&s->base, a, s->url, "it does not take the request for the role's keys");
}

static void ask_keys(struct imds *s)
{
    char path[sizeof(roles_path) + 3 * ROLE_MAX];
    struct sbuf b = sbuf_make(path, sizeof(path));

    sbuf_add(&b, str_from(roles_path));
    uri_encode(&b, str_from(s->role), false);
    sbuf_char(&b, '\0');
    ASSERT(!b.overflow);
    ask(s, "GET", path, NULL, on_keys);
}

/* ---- the role's name ---- */

static void absent_role(struct imds *s)
{
    source_fail(&s->base, SOURCE_ABSENT,
                "%.100s: no role is attached to this instance: attach an instance profile (aws ec2 "
                "associate-iam-instance-profile)",
                s->url);
}

/* The first line. */
static bool take_role(struct imds *s, struct str body)
{
    size_t end = str_index(body, '\n');
    struct str line = str_head(body, end);

    if (str_ends(line, STR("\r"))) line.n--;
    return key_text_valid(line) && line.p[0] != '<' && str_to_cstr(line, s->role, sizeof(s->role));
}

static void on_roles(void *arg, const struct http_answer *a)
{
    struct imds *s = arg;

    s->call = NULL;
    if (a->status == 404 || (a->status == 200 && a->body.n == 0))
        absent_role(s);
    else if (a->status == 200 && take_role(s, a->body))
        ask_keys(s);
    else if (a->status == 200)
        source_fail(&s->base, SOURCE_FAILED,
                    "%.100s answers with something that is no role's name: is this the right "
                    "service?",
                    s->url);
    else if (a->status == 401)
        renew_token(s);
    else if (a->status == 403)
        refuse_disabled(s);
    else
        metadata_status(&s->base, a, s->url, "it does not take the request for the role's name");
}

static void ask_roles(struct imds *s)
{
    ask(s, "GET", roles_path, NULL, on_roles);
}

/* ---- the token ---- */

/* The token request was not answered. Its answer alone has the hop limit in its packets, so another one tells. */
static void on_other(void *arg, const struct http_answer *a)
{
    struct imds *s = arg;

    s->call = NULL;
    if (a->status == 401 || a->status == 404 || a->status == 200)
        refuse_hop_limit(s);
    else if (a->status == 403)
        refuse_disabled(s);
    else if (a->status == 0)
        source_fail(&s->base, SOURCE_FAILED, "%.100s can be connected to, but does not answer: %.150s", s->url, a->why);
    else
        metadata_status(&s->base, a, s->url, "it does not take requests for metadata");
}

static void on_no_token(struct imds *s, const struct http_answer *a)
{
    s->silent = a->status == 0;
    if (s->base.context->set->imds_v1) {
        s->plain = true;
        ask_roles(s);
    } else if (s->silent) {
        ask(s, "GET", roles_path, NULL, on_other);
    } else if (a->status == 403) {
        refuse_disabled(s);
    } else {
        source_fail(
            &s->base, SOURCE_REFUSED,
            "%.100s answers %u to the request for a token: no metadata service of version 2; if it is meant, set "
            "imds_v1 = yes",
            s->url, a->status);
    }
}

static bool take_token(struct imds *s, struct str body)
{
    if (!key_text_valid(body) || body.p[0] == '<' || !str_to_cstr(body, s->token, sizeof(s->token))) return false;
    s->token_until_us = clock_monotonic_us() + (int64_t)(TOKEN_S - RENEW_BEFORE_S) * 1000000;
    return true;
}

static void on_token(void *arg, const struct http_answer *a)
{
    struct imds *s = arg;

    s->call = NULL;
    if (a->status == 200 && take_token(s, a->body))
        ask_roles(s);
    else if (a->status == 200)
        source_fail(&s->base, SOURCE_FAILED,
                    "%.100s answers with something that is no token: is this the right service?", s->url);
    else if (a->status == 0 && !a->sent)
        source_fail(&s->base, SOURCE_ABSENT,
                    "no metadata service here, so this is no EC2 instance or it cannot be "
                    "reached: %.150s",
                    a->why);
    else if ((a->status == 0 && !a->begun) || a->status == 403 || a->status == 404 || a->status == 405)
        on_no_token(s, a);
    else
        metadata_status(&s->base, a, s->url, "it does not take the request for a token");
}

static void ask_token(struct imds *s)
{
    char header[64];

    snprintf(header, sizeof(header), "X-aws-ec2-metadata-token-ttl-seconds: %d", TOKEN_S);
    ask(s, "PUT", token_path, header, on_token);
}

/* ---- the source ---- */

/* The section's, else as the SDKs find it. NULL: none of the two modes. */
static const char *find_url(const struct credentials_conf *set)
{
    const char *endpoint = metadata_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = metadata_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

    if (set->url) return set->url;
    if (endpoint) return endpoint;
    if (!mode || strcasecmp(mode, "IPv4") == 0) return "http://169.254.169.254";
    return strcasecmp(mode, "IPv6") == 0 ? "http://[fd00:ec2::254]" : NULL;
}

/* False: the fetch has ended. */
static bool set_url(struct imds *s)
{
    const char *url = find_url(s->base.context->set);
    struct str text = str_from(url);

    if (!url) {
        source_fail(&s->base, SOURCE_REFUSED, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is neither IPv4 nor IPv6");
        return false;
    }
    while (str_ends(text, STR("/")))
        text.n--;
    if (str_to_cstr(text, s->url, sizeof(s->url))) return true;
    source_fail(&s->base, SOURCE_REFUSED, "the URL of the metadata service is longer than %d bytes", URL_MAX - 1);
    return false;
}

static void fetch(struct source *base)
{
    struct imds *s = of(base);
    const char *disabled = metadata_variable("AWS_EC2_METADATA_DISABLED");

    source_forget_files(base);
    s->plain = s->silent = s->renewed = s->listed_again = false;
    if (disabled && strcasecmp(disabled, "true") == 0)
        source_fail(base, SOURCE_ABSENT, "AWS_EC2_METADATA_DISABLED is true: instance metadata is not asked");
    else if (!set_url(s))
        return;
    else if (s->token[0] && clock_monotonic_us() < s->token_until_us)
        ask_roles(s);
    else {
        forget_token(s);
        ask_token(s);
    }
}

static void cancel(struct source *base)
{
    http_cancel(&of(base)->call);
}

static void free_imds(struct source *base)
{
    forget_token(of(base));
    free(base);
}

struct source *source_imds(const struct source_context *context)
{
    static const struct source_ops ops = {fetch, cancel, free_imds};
    struct imds *s = calloc(1, sizeof(*s));

    if (!s) return NULL;
    s->base.ops = &ops;
    s->base.context = context;
    return &s->base;
}
