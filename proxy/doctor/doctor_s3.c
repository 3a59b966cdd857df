/* SPDX-License-Identifier: Apache-2.0
 * doctor_s3.c: the doctor's steps clock, credentials, request, region: does S3 take what is signed here? Only reads:
 * ListBuckets, or HeadBucket and, to learn why not, ListObjectsV2 of no keys and what doctor_policy.c asks. See
 * doctor.h. Source: S3 API Reference, "Error responses".
 */
#include "doctor_impl.h"

#include "aws/s3/s3_error.h"
#include "aws/sign/sigv4.h"
#include "base/clock.h"
#include "base/release.h"
#include "base/secret.h"
#include "keys/fetch_once.h"

#include <stdlib.h>
#include <time.h>

enum { SKEW_MOST_S = 900, SKEW_WARN_S = 60, SOON_S = 300, REQUEST = 32 * 1024, ARENA = 64 * 1024, MESSAGE = 600 };

/* --- clock --- */

bool doctor_clock(struct doctor *d, struct doctor_finding *f)
{
    double skew = (double)d->date_local_us / 1e6 - (double)d->date_s;
    double size = skew < 0 ? -skew : skew;

    if (!d->date_s) {
        doctor_add(f, "the answer has no Date");
        doctor_warn(f, "no-date", "S3 always sends one: is this S3?");
        return true;
    }
    if (size < 2)
        doctor_add(f, "this machine's clock and S3's Date agree");
    else
        doctor_add(f, "this machine's clock is %.0f s %s S3's", size, skew > 0 ? "ahead of" : "behind");
    if (size >= SKEW_MOST_S) {
        doctor_fail(f, "skew",
                    "S3 refuses signatures from more than 15 minutes away: set the clock and keep it set "
                    "(chrony or systemd-timesyncd; timedatectl shows)");
        return false;
    }
    if (size >= SKEW_WARN_S)
        doctor_warn(f, "skew", "set the clock and keep it set (chrony or systemd-timesyncd; timedatectl shows)");
    return true;
}

/* --- credentials --- */

/* "AKIA...WXYZ", in ASCII. */
static void put_id(const char *access_key_id, char *out, size_t cap)
{
    struct str id = str_from(access_key_id);

    if (id.n < 16)
        snprintf(out, cap, "%.*s...", STR_ARG(str_head(id, 4)));
    else
        snprintf(out, cap, "%.*s...%.*s", STR_ARG(str_head(id, 4)), STR_ARG(str_tail(id, id.n - 4)));
}

/* Where the keys come from, as whoever reads it knows it. */
static void put_source(struct doctor *d, const struct credentials_conf *set, char *out, size_t cap)
{
    if (d->order->name_alone)
        snprintf(out, cap, "looked for as SDKs do (source = %s)", credentials_source_name(set->source));
    else
        snprintf(out, cap, "[credentials %s] source = %s", set->name, credentials_source_name(set->source));
}

static void tell_keys(struct doctor *d, struct doctor_finding *f, const struct credentials_conf *set,
                      const struct source_result *r)
{
    char source[120], id[24], until[32] = "never";
    time_t t = (time_t)r->keys.expires_s;
    struct tm tm;

    put_id(r->keys.access_key_id, id, sizeof(id));
    if (t && gmtime_r(&t, &tm)) strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm);
    put_source(d, set, source, sizeof(source));
    doctor_add(f, "%s: key %s, %s, ends %s", source, id, r->keys.session_token ? "temporary" : "long-lived", until);
    doctor_add(f, "from %s", r->origin);
    if (t && t < clock_wall_us() / 1000000 + SOON_S)
        doctor_warn(f, "ends-soon", "these keys end within minutes or are over: renew what they come from");
}

/* Whose session: where each client has one of its own, the first one's. */
static const char *choose_client(struct doctor *d, struct doctor_finding *f, const struct credentials_conf *set)
{
    if (!set->per_client || !d->settings->clients_n) return NULL;
    doctor_add(f, "each client has a session of its own; tried as %s", d->settings->clients[0].name);
    return d->settings->clients[0].name;
}

bool doctor_credentials(struct doctor *d, struct doctor_finding *f)
{
    const struct credentials_conf *set = d->ep->credentials;
    struct source_result r = {0};
    struct err err = {0};
    const char *cause, *looked;
    char source[120];

    if (set->source == CREDENTIALS_NONE) {
        doctor_skip(f, "source = none: requests leave unsigned");
        return true;
    }
    if (fetch_once(d->settings, set, choose_client(d, f, set), &r, &err) != ERR_NONE) {
        put_source(d, set, source, sizeof(source));
        doctor_add(f, "%s: %s", source, err.detail);
        doctor_fail(f, "not-tried", "free some memory and descriptors, and try again");
        return false;
    }
    if (r.outcome == SOURCE_GOOD) {
        tell_keys(d, f, set, &r);
        d->keys = r.keys;
        return true;
    }
    put_source(d, set, source, sizeof(source));
    cause = r.outcome == SOURCE_ABSENT ? "absent" : "source";
    looked = d->order->name_alone ? strstr(r.why, "Looked for: ") : NULL; /* before it: advice for a configuration */
    doctor_add(f, "%s: %s%s", source, looked ? "nothing found. " : "", looked ? looked : r.why);
    if (d->order->name_alone)
        doctor_fail(
            f, cause,
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (temporary keys: AWS_SESSION_TOKEN, too), or write a "
            "profile into ~/.aws/credentials or ~/.aws/config and set AWS_PROFILE; other sources need a "
            "configuration (`s3onramp check --example`), named with -c FILE");
    else
        doctor_fail(f, cause,
                    "`s3onramp credentials %s --fetch` asks that source alone; conf/manual/credentials.md lists the "
                    "kinds",
                    set->name);
    key_set_clear(&r.keys);
    return false;
}

/* --- the signed request --- */

struct signing {
    struct arena arena;
    struct digest *digest;
    struct sigv4_keys *keys;
    struct header fields[4];
    struct headers headers;
    char timestamp[SIGV4_TIMESTAMP_BYTES];
};

static struct str method_text(enum http_method m)
{
    return m == METHOD_HEAD ? STR("HEAD") : STR("GET");
}

static void add_field(struct signing *s, struct str name, struct str value)
{
    s->fields[s->headers.n++] = (struct header){name, value, header_id_of(name)};
}

static void add_fields(struct doctor *d, struct signing *s)
{
    s->headers.v = s->fields;
    add_field(s, STR("Host"), str_from(d->ep->host));
    if (!d->keys.access_key_id) return;
    sigv4_format_time(clock_wall_us() / 1000000, s->timestamp);
    add_field(s, STR("x-amz-date"), str_make(s->timestamp, sizeof(s->timestamp)));
    add_field(s, STR("x-amz-content-sha256"), SIGV4_EMPTY_SHA256);
    if (d->keys.session_token) add_field(s, STR("x-amz-security-token"), str_from(d->keys.session_token));
}

static struct str authorization(struct doctor *d, struct signing *s, const struct doctor_question *q)
{
    struct str id = str_from(d->keys.access_key_id), region = str_from(d->ep->region);
    struct str stamp = str_make(s->timestamp, sizeof(s->timestamp));
    struct query_param query[4];
    const struct hmac_key *key;
    struct sigv4_input in = {
        .method = method_text(q->method),
        .path = q->path,
        .query = query,
        .query_n = query_split(q->query, query, ARRAY_LEN(query)),
        .host = str_from(d->ep->host),
        .headers = &s->headers,
        .signed_headers = sigv4_headers_to_sign(&s->headers, &s->arena),
        .payload_hash = SIGV4_EMPTY_SHA256,
    };

    s->digest = digest_new();
    s->keys = sigv4_keys_new(1);
    if (!s->digest || !s->keys) return STR_NONE;
    key = sigv4_key(s->keys, s->digest, id, str_from(d->keys.secret_access_key), str_head(stamp, SIGV4_DATE_BYTES),
                    region, STR("s3"));
    return key ? sigv4_authorization(s->digest, key, &in, id, stamp, region, STR("s3"), &s->arena) : STR_NONE;
}

/* Writes the request; false: out of memory, or a token that is too long. */
static bool write_request(struct doctor *d, struct signing *s, const struct doctor_question *q, struct sbuf *b)
{
    struct str value = STR_NONE;

    add_fields(d, s);
    if (d->keys.access_key_id) {
        value = authorization(d, s, q);
        if (!value.n) return false;
    }
    head_put_request_line(b, method_text(q->method), q->path, q->query, q->query.n > 0);
    for (size_t i = 0; i < s->headers.n; i++)
        head_put(b, s->fields[i].name, s->fields[i].value);
    if (value.n) head_put(b, STR("Authorization"), value);
    head_put(b, STR("User-Agent"), release_agent);
    head_put(b, STR("Connection"), STR("close"));
    head_put_end(b);
    return !b->overflow;
}

/* The canonical request held the session token. */
static void free_signing(struct signing **sp)
{
    struct signing *s = *sp;
    void *p;

    *sp = NULL;
    if (!s) return;
    sigv4_keys_free(&s->keys);
    digest_free(&s->digest);
    arena_reset(&s->arena);
    p = arena_alloc(&s->arena, ARENA);
    if (p) secret_wipe(p, ARENA);
    arena_clear(&s->arena);
    free(s);
}

enum link_result doctor_ask(struct doctor *d, const struct doctor_address *a, const struct doctor_question *q,
                            struct doctor_link *l)
{
    struct signing *s = calloc(1, sizeof(*s));
    char *memory = malloc(REQUEST);
    struct sbuf b = sbuf_make(memory, memory ? REQUEST : 0);
    enum link_result r = link_open(l, d, a);

    if (s) arena_init(&s->arena, ARENA, ARENA);
    if (r == LINK_DONE && !(s && write_request(d, s, q, &b))) {
        snprintf(l->why, sizeof(l->why), "the request cannot be made: the session token is too long, or no memory");
        r = LINK_BROKEN;
    }
    if (r == LINK_DONE) r = link_exchange(l, sbuf_str(&b), q->method);
    free_signing(&s);
    if (memory) secret_wipe(memory, REQUEST);
    free(memory);
    return r;
}

/* --- what S3 says --- */

struct refusal {
    const char *code, *cause, *fix;
};

static const struct refusal refusals[] = {
    {"InvalidAccessKeyId", "unknown-key",
     "S3 does not know this key: deleted, of another partition, or temporary keys without their session token"},
    {"SignatureDoesNotMatch", "signature",
     "the secret does not belong to the key's id: copy both again; look for lost characters at the ends"},
    {"RequestTimeTooSkewed", "skew", "set the clock and keep it set (chrony or systemd-timesyncd)"},
    {"ExpiredToken", "expired", "the temporary keys are over: renew what they come from"},
    {"InvalidToken", "token", "the session token does not belong to the key: take id, secret and token together"},
    {"TokenRefreshRequired", "expired", "the temporary keys are over: renew what they come from"},
    {"NoSuchBucket", "no-bucket", "there is no bucket of that name"},
    {"AllAccessDisabled", "account", "the account's access to S3 is disabled: ask AWS Support"},
    {"NotSignedUp", "account", "the account is not signed up for S3"},
};

static void explain_refusal(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a,
                            const struct doctor_link *l)
{
    struct str code = s3_error_code_in(l->body), message = s3_error_text_in(l->body, STR("Message"));
    unsigned status = l->head.status;

    if (!code.n && status == 404) code = STR("NoSuchBucket");
    doctor_add(f, "HTTP %u %.*s%s%.*s", status, STR_ARG(str_head(code, 60)), message.n ? ": " : "",
               STR_ARG(str_head(message, MESSAGE)));
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (str_eq(code, str_from(refusals[i].code))) {
            doctor_fail(f, refusals[i].cause, "%s", refusals[i].fix);
            return;
        }
    if (status == 403)
        doctor_explain_denial(d, f, a, message);
    else if (status >= 500)
        doctor_fail(f, "server-error", "S3 has trouble of its own or asks to slow down: try again later");
    else
        doctor_fail(f, "refused", "S3 refuses the request for a reason that the doctor does not know");
}

/* Where S3 says the bucket is, or which Region it wants in signatures. */
static void take_region(struct doctor *d, const struct doctor_link *l)
{
    const struct header *h = headers_find(&l->head.headers, HDR_X_AMZ_BUCKET_REGION);
    struct str region = h ? h->value : s3_error_text_in(l->body, STR("Region"));

    if (region.n && !d->bucket_region[0] && str_to_cstr(region, d->bucket_region, sizeof(d->bucket_region)))
        d->elsewhere = strcmp(d->bucket_region, d->ep->region) != 0;
    if (l->head.status == 301 || l->head.status == 307) d->elsewhere = true;
}

static const struct doctor_address *first_trusted(const struct doctor *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].trusted) return &d->v[i];
    return NULL;
}

static bool tell_answer(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a,
                        const struct doctor_link *l, const char *what)
{
    take_region(d, l);
    d->request_status = l->head.status;
    if (d->elsewhere) {
        doctor_add(f, "HTTP %u to %s: the Region is not right, so S3 did not judge the rest", l->head.status, what);
        doctor_warn(f, "elsewhere", "see step region");
        return true;
    }
    if (l->head.status / 100 == 2) {
        doctor_add(f, "HTTP %u to %s: S3 took the %s", l->head.status, what,
                   d->keys.access_key_id ? "signature" : "unsigned request");
        return true;
    }
    explain_refusal(d, f, a, l);
    return f->verdict != DOCTOR_FAIL;
}

/* An answer to HEAD does not say why not: asked again with a GET that needs the same right. */
static bool send_request(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a,
                         const struct doctor_question *q, const char *what)
{
    struct doctor_link l;
    enum link_result r = doctor_ask(d, a, q, &l);
    bool go_on = false;

    if (r != LINK_DONE) {
        doctor_add(f, "%s: %s", a->label, l.why);
        doctor_fail(f, "no-answer",
                    "smaller requests got an answer before: try again, and look at firewalls that "
                    "inspect");
    } else if (q->method == METHOD_HEAD && l.head.status / 100 != 2 && l.head.status != 404) {
        const struct doctor_question why = {METHOD_GET, q->path, STR("list-type=2&max-keys=0")};

        take_region(d, &l);
        link_close(&l);
        return send_request(d, f, a, &why, what);
    } else {
        go_on = tell_answer(d, f, a, &l, what);
    }
    link_close(&l);
    return go_on;
}

bool doctor_request(struct doctor *d, struct doctor_finding *f)
{
    char path[272], what[300] = "ListBuckets";
    const char *bucket = d->order->bucket;
    struct doctor_question q = {METHOD_GET, STR("/"), STR_NONE};

    if (!d->keys.access_key_id && !bucket) {
        doctor_skip(f, "nothing is signed; name a public bucket with --bucket");
        return false;
    }
    if (bucket) {
        snprintf(path, sizeof(path), "/%.255s", bucket);
        snprintf(what, sizeof(what), "HeadBucket %.255s", bucket);
        q = (struct doctor_question){METHOD_HEAD, str_from(path), STR_NONE};
    }
    return send_request(d, f, first_trusted(d), &q, what);
}

/* --- region --- */

bool doctor_region(struct doctor *d, struct doctor_finding *f)
{
    const char *region = d->bucket_region, *bucket = d->order->bucket;
    const struct endpoint_conf *other = region[0] ? settings_endpoint_for_region(d->settings, str_from(region)) : NULL;

    if (!d->elsewhere) {
        if (region[0])
            doctor_add(f, "the bucket is in %s, as this endpoint", region);
        else
            doctor_add(f, "S3 took Region %s in the signature%s", d->ep->region,
                       bucket ? "" : "; --bucket B compares a bucket's Region, too");
        return true;
    }
    doctor_add(f, "S3 says %s, this endpoint is in %s", region[0] ? region : "another Region", d->ep->region);
    if (bucket && other && other != d->ep) {
        doctor_add(f, "[endpoint %s] serves that Region: the proxy sends such requests there", other->name);
        return true;
    }
    doctor_fail(f, "wrong-region",
                bucket ? "an endpoint serves buckets of its own Region only: configure an [endpoint] of that Region "
                         "(also reached by VPC peering, transit gateway or cross-Region PrivateLink)"
                       : "write the `region` that S3 says");
    return false;
}
