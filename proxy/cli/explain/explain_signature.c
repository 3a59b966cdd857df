/* SPDX-License-Identifier: Apache-2.0
 * explain_signature.c: is the signature of a captured request right, and if not, what did the client sign? One thread.
 * What is computed is compared and forgotten: no signature and no secret is printed.
 */
#include "explain.h"

#include "base/encode.h"
#include "cli/cli.h"
#include "flow/auth_sigv4.h"

#include <stdlib.h>

enum { MAX_SKEW_S = 900, ARENA_BLOCK_BYTES = 64 * 1024, ARENA_MOST = 256 * 1024 * 1024 };

/* --- what the request says --- */

static enum err_code read_v4_header(struct request *req, struct str authorization, struct proof *p, struct err *err)
{
    const struct header *date = headers_find(&req->in.head->headers, HDR_X_AMZ_DATE),
                        *payload = headers_find(&req->in.head->headers, HDR_X_AMZ_CONTENT_SHA256);
    struct sbuf stamp = arena_sbuf(&req->arena, SIGV4_TIMESTAMP_BYTES);

    p->kind = AUTH_SIGV4_HEADER;
    if (!date) date = headers_find(&req->in.head->headers, HDR_DATE);
    TRY(sigv4_parse_authorization(authorization, &p->v4, err));
    if (!date || !stamp.cap || !sigv4_parse_date(date->value, &p->signed_s))
        return err_set(err, ERR_AUTH_DATE, 0, "neither x-amz-date nor Date is usable");
    sigv4_format_time(p->signed_s, stamp.p);
    p->timestamp = str_make(stamp.p, SIGV4_TIMESTAMP_BYTES);
    p->covered = payload ? payload->value : SIGV4_UNSIGNED_PAYLOAD;
    return ERR_NONE;
}

static enum err_code read_v4_query(struct request *req, struct proof *p, struct err *err)
{
    const struct header *h = headers_find(&req->in.head->headers, HDR_X_AMZ_CONTENT_SHA256);
    struct sigv4_query q;

    p->kind = AUTH_SIGV4_QUERY;
    TRY(sigv4_parse_query(req->in.query, req->in.query_n, &req->arena, &q, err));
    p->v4 = q.auth;
    p->timestamp = q.timestamp;
    p->signed_s = q.signed_s;
    p->end_s = q.signed_s + q.expires_s;
    p->covered = q.content_sha256.n ? q.content_sha256 : SIGV4_UNSIGNED_PAYLOAD;
    if (h && sigv4_is_signed(q.auth.signed_headers, STR("x-amz-content-sha256"))) p->covered = h->value;
    return ERR_NONE;
}

static enum err_code read_v2(struct request *req, struct str authorization, struct proof *p, struct err *err)
{
    const struct header *date = headers_find(&req->in.head->headers, HDR_X_AMZ_DATE);
    struct sigv2_auth auth;

    p->kind = authorization.n ? AUTH_SIGV2_HEADER : AUTH_SIGV2_QUERY;
    if (!date) date = headers_find(&req->in.head->headers, HDR_DATE);
    if (authorization.n) {
        TRY(sigv2_parse_header(authorization, &auth, err));
        if (!date || !sigv4_parse_date(date->value, &p->signed_s))
            return err_set(err, ERR_AUTH_DATE, 0, "neither x-amz-date nor Date is usable");
    } else {
        TRY(sigv2_parse_query(req->in.query, req->in.query_n, &req->arena, &auth, &p->expires, &p->end_s, err));
    }
    p->access_key = auth.access_key;
    p->signature = auth.signature;
    return ERR_NONE;
}

static enum err_code read_proof(struct request *req, struct proof *p, struct err *err)
{
    const struct header *h = headers_find(&req->in.head->headers, HDR_AUTHORIZATION);

    if (sigv4_is_in_query(req->in.query, req->in.query_n)) {
        TRY(read_v4_query(req, p, err));
    } else if (sigv2_is_in_query(req->in.query, req->in.query_n)) {
        return read_v2(req, STR_NONE, p, err);
    } else if (!h) {
        return ERR_NONE;
    } else if (str_starts(h->value, STR("AWS4-HMAC-SHA256"))) {
        TRY(read_v4_header(req, h->value, p, err));
    } else if (str_starts(h->value, STR("AWS "))) {
        return read_v2(req, h->value, p, err);
    } else {
        return err_set(err, ERR_AUTH_TYPE, 0, "%s", err_info(ERR_AUTH_TYPE)->text);
    }
    p->access_key = p->v4.access_key;
    p->signature = p->v4.signature;
    return ERR_NONE;
}

/* --- ours --- */

/* As auth_sigv4.c and auth_sigv2.c give it to the same functions. */
static enum err_code verify(struct rig *rig, struct request *req, struct proof *p, struct err *err)
{
    struct digest *d = rig->worker.digest;
    struct str secret = str_from(p->pair->secret_access_key);

    if (p->kind == AUTH_SIGV2_HEADER || p->kind == AUTH_SIGV2_QUERY) {
        struct sigv2_input in = {.method = req->in.head->method,
                                 .raw_path = req->in.uri.path,
                                 .query = req->in.query,
                                 .query_n = req->in.query_n,
                                 .headers = &req->in.head->headers,
                                 .host_bucket = req->in.host_style ? req->in.bucket : STR_NONE,
                                 .expires = p->expires};
        struct sigv2_auth auth = {p->access_key, p->signature};

        p->canonical = sigv2_string_to_sign(&in, &req->arena);
        return sigv2_verify(d, secret, &in, &auth, &req->arena, NULL, err);
    }
    const struct hmac_key *key =
        sigv4_key(rig->worker.client_keys, d, p->access_key, secret, p->v4.date, p->v4.region, p->v4.service);
    struct sigv4_input in = {.method = req->in.head->method,
                             .path = req->in.path,
                             .query = req->in.query,
                             .query_n = req->in.query_n,
                             .presigned = p->kind == AUTH_SIGV4_QUERY,
                             .host = req->in.authority,
                             .headers = &req->in.head->headers,
                             .signed_headers = p->v4.signed_headers,
                             .payload_hash = p->covered};
    enum err_code code = !key ? err_set(err, ERR_NO_MEMORY, 0, "signing key")
                              : auth_verify_sigv4(req, key, &in, &p->v4, p->timestamp, NULL, NULL, err);

    p->plus_is_plus = !in.plus_is_space;
    p->canonical = sigv4_canonical_request(&in, &req->arena);
    return code;
}

/* --- words --- */

static const char *kind_text(enum auth_kind kind)
{
    switch (kind) {
    case AUTH_SIGV4_HEADER: return "SigV4, in Authorization";
    case AUTH_SIGV4_QUERY: return "SigV4, presigned URL";
    case AUTH_SIGV2_HEADER: return "SigV2, in Authorization";
    case AUTH_SIGV2_QUERY: return "SigV2, presigned URL";
    default: return "";
    }
}

static const char *payload_text(enum payload_mode mode)
{
    switch (mode) {
    case PAYLOAD_HASH: return "the body's SHA-256 is signed";
    case PAYLOAD_UNSIGNED: return "the body is not signed (UNSIGNED-PAYLOAD)";
    case PAYLOAD_UNSIGNED_TRAILER:
        return "unsigned chunks with a checksum trailer (STREAMING-UNSIGNED-PAYLOAD-TRAILER)";
    case PAYLOAD_SIGNED_CHUNKS: return "signed chunks (STREAMING-AWS4-HMAC-SHA256-PAYLOAD)";
    case PAYLOAD_SIGNED_TRAILER: return "signed chunks and trailer (STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER)";
    case PAYLOAD_ECDSA: return "SigV4A chunks, which this proxy does not know";
    case PAYLOAD_INVALID: break;
    }
    return "x-amz-content-sha256 has no valid value";
}

/* Is the body that was captured the one that was hashed? */
static bool explain_body(struct report *r, struct rig *rig, const struct request *req, struct str covered,
                         struct str body)
{
    uint8_t hash[SHA256_BYTES];
    char hex[SHA256_HEX];
    struct sbuf b = sbuf_make(hex, sizeof(hex));

    if (sigv4_payload_mode(covered) != PAYLOAD_HASH) return true;
    if (req->in.head->has_content_length && req->in.head->content_length > body.n) {
        report_put(r, "body", "body", "not all of it was captured (%zu of %llu bytes): its hash is not compared",
                   body.n, (unsigned long long)req->in.head->content_length);
        return true;
    }
    if (!req->in.head->has_content_length) return true;
    digest_sha256(rig->worker.digest, str_head(body, (size_t)req->in.head->content_length), hash);
    hex_lower(&b, hash, sizeof(hash));
    bool same = str_eq(sbuf_str(&b), covered);
    report_put(r, "body", "body",
               same ? "it has the hash that is signed"
                    : "it has another hash than x-amz-content-sha256: S3 refuses it "
                      "(XAmzContentSHA256Mismatch); it was changed after signing");
    return same;
}

static void put_time(struct request *req, int64_t unix_s, struct str *out)
{
    struct sbuf b = arena_sbuf(&req->arena, SIGV4_TIMESTAMP_BYTES);

    *out = STR("?");
    if (!b.cap || unix_s < 0) return;
    sigv4_format_time(unix_s, b.p);
    *out = str_make(b.p, SIGV4_TIMESTAMP_BYTES);
}

static void explain_clock(struct report *r, struct request *req, const struct proof *p, int64_t now_s)
{
    struct str signed_at, now, end;
    long long off = (long long)(p->signed_s - now_s);

    put_time(req, p->signed_s, &signed_at);
    put_time(req, now_s, &now);
    put_time(req, p->end_s, &end);
    if (p->signed_s) report_str(r, "signed_at", "signed at", signed_at);
    if (p->end_s) report_str(r, "expires_at", "good until", end);
    if (p->end_s && now_s > p->end_s)
        report_put(r, "clock", "clock", "the URL expired %lld s before %.*s", (long long)(now_s - p->end_s),
                   STR_ARG(now));
    else if (!p->end_s && (off > MAX_SKEW_S || off < -MAX_SKEW_S))
        report_put(r, "clock", "clock",
                   "the date is %lld s %s %.*s, more than the 15 minutes allowed; --at %.*s judges it as of then",
                   off < 0 ? -off : off, off < 0 ? "before" : "after", STR_ARG(now), STR_ARG(signed_at));
    else if (p->end_s && p->signed_s && off > MAX_SKEW_S)
        report_put(r, "clock", "clock", "the URL is not good yet: it is dated %lld s after %.*s", off, STR_ARG(now));
}

/* --- wrong: why? --- */

static struct str shown_base(const struct guess *g, const struct proof *p, const struct lines *base)
{
    switch (g->kind) {
    case GUESS_LINE: return base->v[g->line];
    case GUESS_REGION:
    case GUESS_KEY_REGION: return p->v4.region;
    case GUESS_SERVICE:
    case GUESS_KEY_SERVICE: return p->v4.service;
    case GUESS_DAY: return p->v4.date;
    case GUESS_TIMESTAMP: return p->timestamp;
    case GUESS_SECRET: break;
    }
    return STR_NONE;
}

#define FOUND "%s: %s%s%s%s\n    received: %.*s\n    signed:   %.*s"

static void print_guess(struct report *r, const struct guess *g, const struct proof *p, const struct lines *base)
{
    bool secret = g->kind == GUESS_SECRET;
    struct str ours = shown_base(g, p, base), theirs = secret ? STR_NONE : g->text;
    char buf[80], *a = report_printable(ours), *b = report_printable(theirs);
    const char *line = g->kind == GUESS_LINE ? line_name(base, g->line, !p->v4.date.n, buf)
                       : secret              ? "secret key"
                                             : "scope";
    const char *of = g->name ? g->name : "";
    json_t *object = json_pack("{s:s, s:s, s:s}", "line", line, "cause", g->sentence, "of", of);

    if (!secret) {
        json_object_set_new(object, "received", json_string(a));
        json_object_set_new(object, "signed", json_string(b));
    }
    report_add_object(r, "causes", "cause", object, secret ? "%s: %s%s%s%s" : FOUND, line, g->sentence, *of ? " (" : "",
                      of, *of ? ")" : "", STR_ARG(ours), STR_ARG(theirs));
    free(a);
    free(b);
}

static void explain_cause(struct report *r, struct rig *rig, const struct proof *p, const struct lines *base,
                          const struct guesses *g)
{
    const struct guess *found[2];
    bool thorough;
    size_t n = guesses_try(g, rig->worker.digest, p, found, &thorough);

    for (size_t i = 0; i < n; i++)
        print_guess(r, found[i], p, base);
    if (n == 2) report_put(r, "causes_note", "together", "Both together make the signature right.");
    if (n) return;
    report_put(r, "causes_note", "cause",
               "none of %zu usual mistakes%s makes it right. Either the secret key is another one (`s3onramp client "
               "remove` and `add` make a new pair), or something else changed: give what the client signed with "
               "--canonical (aws --debug, boto3.set_stream_logger('') print it)",
               g->n, thorough ? ", alone or in pairs," : "");
}

static int compare_with_file(struct report *r, struct rig *rig, const struct proof *p, const struct lines *base,
                             const struct guesses *g, const char *path, struct arena *arena)
{
    bool sigv2 = !p->v4.date.n;
    struct lines *theirs = arena_zalloc(arena, sizeof(*theirs));
    char *text;
    size_t n;

    ASSERT(theirs);
    if (!explain_read_file(path, &text, &n)) return CLI_PROBLEM;
    struct str found = canonical_in(str_make(text, n), sigv2, arena);
    size_t end;
    if (!found.n || !lines_split(theirs, found) || (!sigv2 && !lines_are_canonical(theirs, &end))) {
        free(text);
        return cli_problem("%s holds no %s; give it alone, in a debug log, or in S3's error document", path,
                           sigv2 ? "string to sign" : "canonical request");
    }
    bool fits = proof_fits(rig->worker.digest, p, found);
    report_put(
        r, "canonical_fits", "given one", "%s",
        fits ? "the client's signature is made of it"
             : "the client's signature is not made of it with this secret: it belongs to another request or try, or "
               "the secret is another one");
    if (!explain_differences(r, base, theirs, sigv2, g))
        report_put(r, "differences_note", "differs", "nowhere: both are the same%s",
                   fits ? ""
                        : "; if it is the client's own and not from an error document, the secret is another one "
                          "(`s3onramp client remove` and `add` make a new pair)");
    free(text);
    return CLI_FINE;
}

static void explain_wrong(struct report *r, struct rig *rig, struct request *req, const struct proof *p,
                          const struct arrival *a, const struct explain_wish *wish)
{
    struct arena arena;
    struct lines *base;
    struct guesses *g;

    arena_init(&arena, ARENA_BLOCK_BYTES, ARENA_MOST);
    base = arena_zalloc(&arena, sizeof(*base));
    g = arena_zalloc(&arena, sizeof(*g));
    ASSERT(base && g);
    if (!p->canonical.p || !lines_split(base, p->canonical)) {
        report_put(r, "causes_note", "cause", "the request is too large to look for one");
    } else {
        guesses_fill(g, req, p, base, a->body, &arena);
        if (wish->canonical)
            (void)compare_with_file(r, rig, p, base, g, wish->canonical, &arena);
        else
            explain_cause(r, rig, p, base, g);
    }
    guesses_clear(g);
    arena_clear(&arena);
}

/* --- all of it --- */

static bool find_secret(struct report *r, const struct settings *s, struct proof *p, const char *name)
{
    const struct principal_conf *owner = settings_client_by_key(s, p->access_key, &p->pair);

    p->by = name ? settings_client_by_name(s, str_from(name)) : owner;
    if (p->by && p->by != owner) p->pair = &p->by->keys[0];
    report_str(r, "access_key", "access key", p->access_key);
    if (!p->by) {
        report_put(r, "signature", "signature", "cannot be judged: no [client] has this key; name one with --client");
        return false;
    }
    if (!p->pair->secret_access_key) {
        report_put(r, "signature", "signature",
                   "cannot be judged: [client %s] has no key pair; `s3onramp client add %s`", p->by->name, p->by->name);
        return false;
    }
    report_put(r, "judged_by", "judged with", "the secret key of [client %s]%s", p->by->name,
               owner == p->by ? "" : ", whose access key is another one: requests are refused for that already");
    return true;
}

static void print_ours(struct report *r, struct rig *rig, struct request *req, const struct proof *p)
{
    struct str to_sign;

    if (!p->canonical.p) return;
    if (!p->v4.date.n) {
        report_str(r, "string_to_sign", "our string to sign", p->canonical);
        return;
    }
    report_str(r, "canonical_request", "our canonical request", p->canonical);
    to_sign = sigv4_string_to_sign(rig->worker.digest, p->timestamp, p->v4.date, p->v4.region, p->v4.service,
                                   p->canonical, &req->arena);
    if (to_sign.p) report_str(r, "string_to_sign", "our string to sign", to_sign);
}

/* What of a signature that is right needs a word. */
static void print_right(struct report *r, const struct proof *p)
{
    report_put(r, "signature", "signature", "right");
    if (p->plus_is_plus) report_put(r, "plus", "'+' in the query", "is read as '+', because so it was signed");
}

int explain_signature(struct report *r, struct rig *rig, struct request *req, const struct arrival *a,
                      const struct explain_wish *wish)
{
    struct proof p = {.kind = AUTH_NONE};
    struct err err = {0};
    enum err_code code;

    if (read_proof(req, &p, &err) != ERR_NONE) {
        report_put(r, "signature", "signature", "cannot be read: %s", err.detail);
        return CLI_PROBLEM;
    }
    if (p.kind == AUTH_NONE) {
        report_put(r, "signature", "signature", "there is none");
        return CLI_FINE;
    }
    report_put(r, "signature_kind", "signature's kind", "%s", kind_text(p.kind));
    if (p.v4.date.n) report_put(r, "payload", "payload", "%s", payload_text(sigv4_payload_mode(p.covered)));
    explain_clock(r, req, &p, wish->now_s);
    if (!find_secret(r, rig->snapshot.settings, &p, wish->client)) return CLI_PROBLEM;
    code = verify(rig, req, &p, &err);
    report_bool(r, "signature_right", code == ERR_NONE);
    if (code != ERR_NONE && code != ERR_SIG_MISMATCH) {
        report_put(r, "signature", "signature", "cannot be judged: %s", err.detail);
        return CLI_PROBLEM;
    }
    if (code == ERR_NONE)
        print_right(r, &p);
    else
        report_put(r, "signature", "signature", "wrong");
    bool body_fits = !p.v4.date.n || explain_body(r, rig, req, p.covered, a->body);
    if (code != ERR_NONE)
        explain_wrong(r, rig, req, &p, a, wish);
    else if (wish->canonical)
        report_put(r, "differences_note", "given one", "not looked at: the signature is right");
    print_ours(r, rig, req, &p);
    return code == ERR_NONE && body_fits ? CLI_FINE : CLI_PROBLEM;
}
