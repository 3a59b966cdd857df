/* SPDX-License-Identifier: Apache-2.0
 * explain_guess_values.c: the usual mistakes in headers, payload, scope and secret; and all those of SigV2. See
 * explain_guess.c. One thread.
 */
#include "explain.h"

#include "base/encode.h"
#include "base/secret.h"

#include <stdlib.h>

static struct str line_of(struct guesses *g, struct str name, struct str value)
{
    struct sbuf b = arena_sbuf(g->arena, name.n + value.n + 1);

    sbuf_add(&b, name);
    sbuf_char(&b, ':');
    sbuf_add(&b, value);
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

/* --- Host --- */

static const char OTHER_HOST[] =
    "The request was signed for another name than it was sent to: something between rewrote "
    "Host, or the client's endpoint setting and its signer do not agree.";

static void add_host(struct guesses *g, size_t line, struct str host, const char *sentence)
{
    guess_add(g, line, line_of(g, STR("host"), host), sentence, NULL);
}

static void add_host_f(struct guesses *g, size_t line, const char *fmt, struct str a, struct str b, struct str c)
{
    struct sbuf text = arena_sbuf(g->arena, a.n + b.n + c.n + 64);

    sbuf_printf(&text, fmt, STR_ARG(a), STR_ARG(b), STR_ARG(c));
    if (!text.overflow) add_host(g, line, sbuf_str(&text), OTHER_HOST);
}

/* Names of S3 that could have been meant, with the bucket in front and without. */
static void guess_s3_names(struct guesses *g, const struct request *req, size_t line)
{
    const struct settings *s = request_settings(req);
    struct str bucket = req->in.bucket;

    add_host_f(g, line, "s3.amazonaws.com%.*s%.*s%.*s", STR_NONE, STR_NONE, STR_NONE);
    if (bucket.n) add_host_f(g, line, "%.*s.s3.amazonaws.com%.*s%.*s", bucket, STR_NONE, STR_NONE);
    for (size_t i = 0; i < s->endpoints_n; i++) {
        const struct endpoint_conf *ep = &s->endpoints[i];
        struct str host = str_from(ep->host), region = str_from(ep->region), suffix = str_from(ep->suffix);

        add_host(g, line, host, OTHER_HOST);
        add_host_f(g, line, "s3.dualstack.%.*s.%.*s%.*s", region, suffix, STR_NONE);
        add_host_f(g, line, "s3-%.*s.%.*s%.*s", region, suffix, STR_NONE);
        if (ep->vpce_name) add_host_f(g, line, "bucket.%.*s%.*s%.*s", str_from(ep->vpce_name), STR_NONE, STR_NONE);
        if (!bucket.n) continue;
        add_host_f(g, line, "%.*s.%.*s%.*s", bucket, host, STR_NONE);
        add_host_f(g, line, "%.*s.s3.dualstack.%.*s.%.*s", bucket, region, suffix);
        if (ep->vpce_name) add_host_f(g, line, "%.*s.bucket.%.*s%.*s", bucket, str_from(ep->vpce_name), STR_NONE);
    }
}

/* Our own names and addresses. */
static void guess_own_names(struct guesses *g, const struct request *req, size_t line)
{
    const struct settings *s = request_settings(req);
    char text[NETADDR_TEXT];

    for (size_t i = 0; i < s->listeners_n; i++) {
        const struct listener_conf *l = &s->listeners[i];

        for (size_t j = 0; j < l->bind_n; j++) {
            netaddr_format(&l->bind[j], text);
            struct str port = str_tail(str_from(text), str_rindex(str_from(text), ':'));
            add_host_f(g, line, "%.*s%.*s%.*s", str_from(text), STR_NONE, STR_NONE);
            add_host_f(g, line, "%.*s%.*s%.*s", str_head(str_from(text), str_rindex(str_from(text), ':')), STR_NONE,
                       STR_NONE);
            add_host_f(g, line, "localhost%.*s%.*s%.*s", port, STR_NONE, STR_NONE);
            add_host_f(g, line, "%.*s%.*s%.*s", req->in.host, port, STR_NONE);
            for (size_t k = 0; k < l->names.n; k++)
                add_host_f(g, line, "%.*s%.*s%.*s", str_from(l->names.v[k]), port, STR_NONE);
        }
        for (size_t k = 0; k < l->names.n; k++)
            add_host(g, line, str_from(l->names.v[k]), OTHER_HOST);
    }
    add_host(g, line, STR("localhost"), OTHER_HOST);
}

static void guess_host(struct guesses *g, const struct request *req, size_t line)
{
    static const char WITH_PORT[] = "The client signed Host with a port that it, or something between, did not send.";

    add_host(g, line, req->in.host, "The client signed Host without the port that it sends.");
    add_host(g, line, line_of(g, req->in.host, STR("443")), WITH_PORT);
    add_host(g, line, line_of(g, req->in.host, STR("80")), WITH_PORT);
    add_host(g, line, req->in.authority, "The client signed Host in upper and lower case as it is sent.");
    guess_s3_names(g, req, line);
    guess_own_names(g, req, line);
}

/* --- other headers --- */

/* All values of @name joined by @separator, blanks inside kept. */
static struct str values(struct guesses *g, const struct request *req, struct str name, struct str separator, bool last)
{
    const struct headers *all = &req->in.head->headers;
    size_t room = 1;

    for (size_t i = 0; i < all->n; i++)
        room += all->v[i].value.n + separator.n;
    struct sbuf b = arena_sbuf(g->arena, room);
    for (size_t i = 0; i < all->n; i++) {
        if (!str_eq_nocase(all->v[i].name, name)) continue;
        if (last) b.n = 0;
        if (b.n) sbuf_add(&b, separator);
        sbuf_add(&b, all->v[i].value);
    }
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

static struct str lower(struct guesses *g, struct str s)
{
    struct sbuf b = arena_sbuf(g->arena, s.n + 1);

    sbuf_lower(&b, s);
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

/* What HTTP libraries and balancers put there. */
static void guess_known_values(struct guesses *g, size_t line, struct str name, struct str value, struct str index_name)
{
    static const struct {
        struct str name, value;
    } known[] = {
        {STR_INIT("content-type"), STR_INIT("application/octet-stream")},
        {STR_INIT("content-type"), STR_INIT("binary/octet-stream")},
        {STR_INIT("content-type"), STR_INIT("application/x-www-form-urlencoded")},
        {STR_INIT("content-type"), STR_INIT("application/x-www-form-urlencoded; charset=utf-8")},
        {STR_INIT("content-type"), STR_INIT("application/xml")},
        {STR_INIT("content-type"), STR_INIT("application/json")},
        {STR_INIT("content-type"), STR_INIT("text/plain")},
        {STR_INIT("content-type"), STR_INIT("text/plain; charset=utf-8")},
        {STR_INIT("content-length"), STR_INIT("0")},
        {STR_INIT("accept-encoding"), STR_INIT("identity")},
        {STR_INIT("accept-encoding"), STR_INIT("gzip")},
        {STR_INIT("accept-encoding"), STR_INIT("gzip, deflate")},
        {STR_INIT("connection"), STR_INIT("keep-alive")},
        {STR_INIT("connection"), STR_INIT("close")},
        {STR_INIT("expect"), STR_INIT("100-continue")},
        {STR_INIT("transfer-encoding"), STR_INIT("chunked")},
        {STR_INIT("content-encoding"), STR_INIT("aws-chunked")},
    };
    static const char SENTENCE[] = "A header was changed after signing, by the HTTP library or by something between.";

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(known[i].name, name)) guess_add(g, line, line_of(g, name, known[i].value), SENTENCE, index_name.p);
    if (!str_eq(name, STR("content-type"))) return;
    guess_add(g, line, line_of(g, name, str_trim(str_head(value, str_index(value, ';')))),
              "A charset was added to Content-Type after signing.", index_name.p);
    struct sbuf b = arena_sbuf(g->arena, value.n + 32);
    sbuf_printf(&b, "%.*s; charset=utf-8", STR_ARG(value));
    guess_add(g, line, line_of(g, name, sbuf_str(&b)), "The charset was taken from Content-Type after signing.",
              index_name.p);
}

static void guess_header(struct guesses *g, const struct request *req, size_t line)
{
    struct str text = g->base->v[line], name = str_head(text, str_index(text, ':')), value = str_tail(text, name.n + 1);
    struct str shown = arena_dup(g->arena, name);

    if (str_eq(name, STR("host"))) {
        guess_host(g, req, line);
        return;
    }
    guess_add(g, line, line_of(g, name, values(g, req, name, STR(","), false)),
              "The client signed a value with its blanks. Several blanks count as one.", shown.p);
    guess_add(g, line, line_of(g, name, values(g, req, name, STR(", "), false)),
              "The client joined equal headers with \", \". It must be \",\" alone.", shown.p);
    guess_add(g, line, line_of(g, name, values(g, req, name, STR(","), true)),
              "The client signed the last of several equal headers only.", shown.p);
    guess_add(g, line, line_of(g, name, str_head(value, str_index(value, ','))),
              "The client signed the first of several equal headers only, or something between added another.",
              shown.p);
    guess_add(g, line, line_of(g, name, STR("")),
              "A header that is signed as absent was added later, by the HTTP library or by something between.",
              shown.p);
    guess_add(g, line, line_of(g, name, lower(g, value)), "The client signed a header's value in lower case.", shown.p);
    guess_known_values(g, line, name, value, shown);
}

/* SigV2: method, Content-MD5, Content-Type, date, x-amz-* headers, resource. */
static void guess_v2(struct guesses *g, const struct request *req)
{
    size_t resource = g->base->n - 1;
    struct str text = g->base->v[resource], path = req->in.uri.path, bucket = req->in.bucket;
    const struct header *date = headers_find(&req->in.head->headers, HDR_DATE),
                        *amz_date = headers_find(&req->in.head->headers, HDR_X_AMZ_DATE);
    struct sbuf b = arena_sbuf(g->arena, bucket.n + text.n + 2), plain = arena_sbuf(g->arena, req->in.path.n + 1);

    if (g->base->n < 5) return;
    guess_add(g, 1, STR(""), "Content-MD5 was added after signing, or the client left it out of what it signed.", NULL);
    guess_add(g, 2, STR(""), "Content-Type was added after signing, by the HTTP library or by something between.",
              NULL);
    guess_add(g, 2, STR("application/octet-stream"), "Content-Type was changed after signing.", NULL);
    guess_add(g, 2, STR("binary/octet-stream"), "Content-Type was changed after signing.", NULL);
    guess_add(g, 3, STR(""), "The client signed no date. It must sign Date, or x-amz-date among the headers.", NULL);
    if (date)
        guess_add(g, 3, date->value, "The client signed Date beside x-amz-date. Then its line must be empty.", NULL);
    if (amz_date)
        guess_add(g, 3, amz_date->value, "The client signed x-amz-date as the date. Its line must be empty.", NULL);
    sbuf_printf(&b, "/%.*s%.*s", STR_ARG(bucket), STR_ARG(text));
    guess_add(g, resource, sbuf_str(&b), "The client signed the bucket twice, or sent it nowhere.", NULL);
    if (str_starts(text, STR("/")) && str_starts(str_tail(text, 1), bucket) && bucket.n)
        guess_add(g, resource, text.n > bucket.n + 1 ? str_tail(text, bucket.n + 1) : STR("/"),
                  "The client left the bucket, which stands in Host, out of what it signed.", NULL);
    guess_add(g, resource, str_head(text, str_index(text, '?')),
              "The client left the sub-resource (?acl and the like) out of what it signed.", NULL);
    guess_add(g, resource, path, "The client signed the path alone.", NULL);
    if (plain.cap && uri_decode(path, false, plain.p, &plain.n))
        guess_add(g, resource, sbuf_str(&plain), "The client signed the path decoded. It must be as it is sent.", NULL);
}

void guess_headers(struct guesses *g, const struct request *req, size_t headers_end)
{
    if (headers_end == SIZE_MAX) {
        guess_v2(g, req);
        return;
    }
    for (size_t i = 3; i < headers_end; i++)
        guess_header(g, req, i);
}

/* --- payload --- */

void guess_payload(struct guesses *g, const struct request *req, struct str body)
{
    const struct str values_of[] = {SIGV4_UNSIGNED_PAYLOAD, SIGV4_EMPTY_SHA256, SIGV4_STREAMING_SIGNED,
                                    SIGV4_STREAMING_UNSIGNED_TRAILER, SIGV4_STREAMING_SIGNED_TRAILER};
    const struct header *h = headers_find(&req->in.head->headers, HDR_X_AMZ_CONTENT_SHA256);
    size_t line = g->base->n - 1;
    uint8_t hash[SHA256_BYTES];
    struct sbuf hex = arena_sbuf(g->arena, SHA256_HEX + 1);
    static const char SENTENCE[] =
        "The last line that the client signed is not the value of x-amz-content-sha256 that it "
        "sent (in a presigned URL: UNSIGNED-PAYLOAD, unless it says otherwise).";

    digest_sha256(req->worker->digest, body, hash);
    hex_lower(&hex, hash, sizeof(hash));
    if (!hex.overflow) guess_add(g, line, sbuf_str(&hex), SENTENCE, NULL);
    if (h) guess_add(g, line, h->value, SENTENCE, NULL);
    for (size_t i = 0; i < ARRAY_LEN(values_of); i++)
        guess_add(g, line, values_of[i], SENTENCE, NULL);
    guess_add(g, line, lower(g, g->base->v[line]), SENTENCE, NULL);
    struct sbuf longer = arena_sbuf(g->arena, g->base->v[line].n + 2);
    sbuf_printf(&longer, "%.*s\n", STR_ARG(g->base->v[line]));
    guess_add(g, line, sbuf_str(&longer), "The client ended its canonical request with a line end. There is none.",
              NULL);
}

/* --- scope and secret --- */

static void guess_region(struct guesses *g, struct str region)
{
    guess_add_kind(g, GUESS_KEY_REGION, region,
                   "The client derived its key for another Region than it says in Credential.", NULL);
    guess_add_kind(g, GUESS_REGION, region, "Credential names another Region than the one signed for.", NULL);
}

static void guess_scope(struct guesses *g, const struct request *req, const struct proof *proof)
{
    static const struct str services[] = {STR_INIT("s3"), STR_INIT("s3-object-lambda"), STR_INIT("s3-outposts"),
                                          STR_INIT("s3express"), STR_INIT("execute-api")};
    const struct settings *s = request_settings(req);
    const struct header *date = headers_find(&req->in.head->headers, HDR_DATE);
    struct sbuf stamp = arena_sbuf(g->arena, SIGV4_TIMESTAMP_BYTES);
    int64_t date_s;

    for (size_t i = 0; i < s->endpoints_n; i++) {
        guess_region(g, str_from(s->endpoints[i].region));
        for (size_t j = 0; j < s->endpoints[i].also_regions.n; j++)
            guess_region(g, str_from(s->endpoints[i].also_regions.v[j]));
    }
    guess_region(g, STR("us-east-1"));
    guess_region(g, STR("default"));
    guess_region(g, STR(""));
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        guess_add_kind(g, GUESS_KEY_SERVICE, services[i],
                       "The client derived its key for another service than it says in Credential.", NULL);
        guess_add_kind(g, GUESS_SERVICE, services[i], "Credential names another service than the one signed for.",
                       NULL);
    }
    guess_add_kind(g, GUESS_DAY, str_head(proof->timestamp, SIGV4_DATE_BYTES),
                   "The client derived its key for another day than it says in Credential.", NULL);
    if (!date || !sigv4_parse_date(date->value, &date_s) || !stamp.cap) return;
    sigv4_format_time(date_s, stamp.p);
    guess_add_kind(g, GUESS_TIMESTAMP, str_make(stamp.p, SIGV4_TIMESTAMP_BYTES),
                   "The client signed the time of Date, and sent another one as x-amz-date.", NULL);
}

/* The client's secret with something more at its end or front. */
static void guess_secret(struct guesses *g, struct str secret, const char *front, const char *end)
{
    size_t room = secret.n + 4;
    struct sbuf b = sbuf_make(malloc(room), room);

    ASSERT(b.p && g->secrets_n < ARRAY_LEN(g->secrets));
    sbuf_printf(&b, "%s%.*s%s", front, STR_ARG(secret), end);
    sbuf_char(&b, '\0');
    g->secrets[g->secrets_n++] = b.p;
    guess_add_kind(g, GUESS_SECRET, str_make(b.p, b.n - 1),
                   "The client's secret key has a blank or a line end too much: look at how its file is read.", NULL);
}

static void guess_other_pair(struct guesses *g, const struct proof *proof, const struct principal_conf *client,
                             const struct principal_key *pair)
{
    if (!pair->secret_access_key || pair == proof->pair) return;
    guess_add_kind(g, GUESS_SECRET, str_from(pair->secret_access_key),
                   client == proof->by ? "It was signed with the secret key of the client's other pair."
                                       : "It was signed with another client's secret key: the pair is mixed.",
                   client->name);
}

void guess_keys(struct guesses *g, const struct request *req, const struct proof *proof)
{
    const struct settings *s = request_settings(req);
    struct str secret = str_from(proof->pair->secret_access_key);

    guess_secret(g, secret, "", "\n");
    guess_secret(g, secret, "", "\r\n");
    guess_secret(g, secret, "", " ");
    guess_secret(g, secret, " ", "");
    for (size_t i = 0; i < s->clients_n; i++)
        for (size_t k = 0; k < PRINCIPAL_KEYS; k++)
            guess_other_pair(g, proof, &s->clients[i], &s->clients[i].keys[k]);
    if (proof->kind == AUTH_SIGV4_HEADER || proof->kind == AUTH_SIGV4_QUERY) guess_scope(g, req, proof);
}
