/* SPDX-License-Identifier: Apache-2.0
 * sigv4.c: AWS Signature Version 4 for S3: what a signature covers, making one, checking one. Pure; any thread.
 * Owns nothing: text goes into the caller's arena. The cache of signing keys is in sigv4_keys.c, the reading of
 * Authorization values and dates in sigv4_parse.c.
 * Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in a
 * Single Chunk (AWS Signature Version 4)".
 *
 *     request ─▶ canonical request ─▶ SHA-256 ─┐
 *     timestamp, date/region/service ──────────┴▶ string to sign ─▶ HMAC with the day's key ─▶ 64 hex digits
 */
#include "aws/sign/sigv4.h"

#include "base/encode.h"
#include "base/secret.h"

#include <stdlib.h>

const struct str SIGV4_UNSIGNED_PAYLOAD = STR_INIT("UNSIGNED-PAYLOAD");
const struct str SIGV4_STREAMING_UNSIGNED_TRAILER = STR_INIT("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
const struct str SIGV4_STREAMING_SIGNED = STR_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
const struct str SIGV4_STREAMING_SIGNED_TRAILER = STR_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER");
const struct str SIGV4_EMPTY_SHA256 = STR_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

static const struct str ALGORITHM = STR_INIT("AWS4-HMAC-SHA256");

enum {
    SORT_BY_INSERTION = 16, /* parameters; more go to qsort, so that a hostile query costs n log n */
    ENCODED_MAX = 3,        /* bytes that one byte becomes at most when it is percent-encoded */
};

enum payload_mode sigv4_payload_mode(struct str x_amz_content_sha256)
{
    static const struct {
        struct str value;
        enum payload_mode mode;
    } known[] = {
        {STR_INIT("UNSIGNED-PAYLOAD"), PAYLOAD_UNSIGNED},
        {STR_INIT("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), PAYLOAD_UNSIGNED_TRAILER},
        {STR_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), PAYLOAD_SIGNED_CHUNKS},
        {STR_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), PAYLOAD_SIGNED_TRAILER},
        {STR_INIT("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), PAYLOAD_ECDSA},
        {STR_INIT("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"), PAYLOAD_ECDSA},
    };
    uint8_t hash[SHA256_BYTES];

    if (hex_decode(x_amz_content_sha256, hash, sizeof hash)) return PAYLOAD_HASH;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(x_amz_content_sha256, known[i].value)) return known[i].mode;
    return PAYLOAD_INVALID;
}

bool sigv4_is_signed(struct str signed_headers, struct str name)
{
    struct str item;

    while (str_split(&signed_headers, ';', &item))
        if (str_eq_nocase(item, name)) return true;
    return false;
}

/* ---- canonical query ---- */

static int param_cmp(const struct query_param *a, const struct query_param *b)
{
    int order = str_cmp(a->name, b->name);

    return order ? order : str_cmp(a->value, b->value);
}

static int param_cmp_void(const void *a, const void *b)
{
    return param_cmp(a, b);
}

static void params_sort(struct query_param *params, size_t n)
{
    if (n > SORT_BY_INSERTION) {
        qsort(params, n, sizeof(*params), param_cmp_void);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct query_param moving = params[i];
        size_t to = i;
        for (; to > 0 && param_cmp(&params[to - 1], &moving) > 0; to--)
            params[to] = params[to - 1];
        params[to] = moving;
    }
}

/* One name or value as AWS encodes it: *@s itself where that changes nothing, which is the usual case, else bytes in
 * @arena. */
static enum err_code encode_again(struct str *s, bool plus_is_space, struct arena *arena)
{
    if (uri_is_encoded_plain(*s, false)) return ERR_NONE;

    char *plain = arena_alloc(arena, s->n);
    size_t plain_n;
    if (!plain) return ERR_NO_MEMORY;
    if (!uri_decode(*s, plus_is_space, plain, &plain_n)) return ERR_BAD_URI;
    struct sbuf b = arena_sbuf(arena, ENCODED_MAX * plain_n);
    uri_encode(&b, str_make(plain, plain_n), false);
    if (b.overflow) return ERR_NO_MEMORY;
    arena_trim(arena, &b);
    *s = sbuf_str(&b);
    return ERR_NONE;
}

/* "Sort by encoded parameter name": encoding comes first, it changes the order. */
static enum err_code canonical_params(const struct sigv4_input *in, struct arena *arena, struct query_param **out,
                                      size_t *out_n)
{
    *out = NULL;
    *out_n = 0;
    if (in->query_n == 0) return ERR_NONE;
    if (in->query_n > SIZE_MAX / sizeof **out) return ERR_NO_MEMORY;

    struct query_param *params = arena_alloc(arena, in->query_n * sizeof(*params));
    size_t n = 0;
    if (!params) return ERR_NO_MEMORY;
    for (size_t i = 0; i < in->query_n; i++) {
        if (in->presigned && uri_decodes_to(in->query[i].name, STR("X-Amz-Signature"))) continue;
        params[n] = in->query[i];
        TRY(encode_again(&params[n].name, in->plus_is_space, arena));
        TRY(encode_again(&params[n].value, in->plus_is_space, arena));
        n++;
    }
    params_sort(params, n);
    *out = params;
    *out_n = n;
    return ERR_NONE;
}

static void put_query(struct sbuf *b, const struct query_param *params, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i) sbuf_char(b, '&');
        sbuf_add(b, params[i].name);
        sbuf_char(b, '=');
        sbuf_add(b, params[i].value);
    }
}

/* ---- canonical headers ---- */

/* Where the first blank of @s is, or SIZE_MAX. */
static size_t blank_index(struct str s, bool tabs)
{
    size_t space = str_index(s, ' '), tab = tabs ? str_index(s, '\t') : SIZE_MAX;

    return space < tab ? space : tab;
}

/* Trimmed, inner runs of spaces made one (also inside quotes). Most values hold no space at all. */
static void put_value(struct sbuf *b, struct str value, bool tabs)
{
    size_t blank;

    value = str_trim(value);
    if (value.n == 0) return;
    while ((blank = blank_index(value, tabs)) != SIZE_MAX) {
        sbuf_add(b, str_head(value, blank));
        sbuf_char(b, ' ');
        while (value.p[blank] == ' ' || (tabs && value.p[blank] == '\t')) /* ends: a trimmed value does not end so */
            blank++;
        value = str_tail(value, blank);
    }
    sbuf_add(b, value);
}

/* @signed_name is lower case. Lengths and first bytes nearly always decide, and most clients send lower case. */
static bool is_named(const struct header *h, struct str signed_name)
{
    if (h->name.n != signed_name.n || signed_name.n == 0) return false;
    if (ascii_lower(h->name.p[0]) != signed_name.p[0]) return false;
    return memcmp(h->name.p, signed_name.p, signed_name.n) == 0 || str_eq_nocase(h->name, signed_name);
}

static void put_values(struct sbuf *b, const struct sigv4_input *in, struct str name)
{
    const struct headers *headers = in->headers;
    bool first = true;

    for (size_t i = 0; i < headers->n; i++) {
        if (!is_named(&headers->v[i], name)) continue;
        if (!first) sbuf_char(b, ',');
        put_value(b, headers->v[i].value, in->tabs_are_blanks);
        first = false;
    }
}

/* Whom a request is for, its caller has decided, and routes it by that: a field that says otherwise must not count. */
static void put_headers(struct sbuf *b, const struct sigv4_input *in)
{
    struct str rest = in->signed_headers, name;

    while (str_split(&rest, ';', &name)) {
        sbuf_add(b, name);
        sbuf_char(b, ':');
        if (str_eq(name, STR("host")))
            put_value(b, in->host, false);
        else
            put_values(b, in, name);
        sbuf_char(b, '\n');
    }
}

/* ---- canonical request ---- */

static size_t query_cap(const struct query_param *params, size_t n)
{
    size_t cap = 0;

    for (size_t i = 0; i < n; i++)
        cap += params[i].name.n + params[i].value.n + 2;
    return cap;
}

/* Room for the block and the list of signed headers, each named once: names twice, ":" and "\n" for each (at most one
 * name more than the list has bytes), and all values with a ',' each. */
static size_t headers_cap(const struct sigv4_input *in)
{
    size_t cap = 2 * in->signed_headers.n + 2 * (in->signed_headers.n + 1) + in->host.n;

    for (size_t i = 0; i < in->headers->n; i++)
        cap += in->headers->v[i].value.n + 1;
    return cap;
}

static void put_path(struct sbuf *b, struct str path)
{
    if (path.n == 0)
        sbuf_char(b, '/');
    else if (uri_is_encoded_plain(path, true))
        sbuf_add(b, path);
    else
        uri_encode(b, path, true);
}

static enum err_code canonical_request(const struct sigv4_input *in, struct arena *arena, struct str *out)
{
    struct query_param *params;
    size_t params_n;

    TRY(canonical_params(in, arena, &params, &params_n));
    struct sbuf b = arena_sbuf(arena, in->method.n + ENCODED_MAX * in->path.n + query_cap(params, params_n) +
                                          headers_cap(in) + in->payload_hash.n + 8);
    sbuf_add(&b, in->method);
    sbuf_char(&b, '\n');
    put_path(&b, in->path);
    sbuf_char(&b, '\n');
    put_query(&b, params, params_n);
    sbuf_char(&b, '\n');
    put_headers(&b, in);
    sbuf_char(&b, '\n');
    sbuf_add(&b, in->signed_headers);
    sbuf_char(&b, '\n');
    sbuf_add(&b, in->payload_hash);
    if (b.overflow) return ERR_NO_MEMORY;
    arena_trim(arena, &b);
    *out = sbuf_str(&b);
    return ERR_NONE;
}

struct str sigv4_canonical_request(const struct sigv4_input *in, struct arena *arena)
{
    struct str canonical;

    return canonical_request(in, arena, &canonical) == ERR_NONE ? canonical : STR_NONE;
}

/* ---- string to sign, signature ---- */

static void put_scope(struct sbuf *b, struct str date, struct str region, struct str service)
{
    sbuf_add(b, date);
    sbuf_char(b, '/');
    sbuf_add(b, region);
    sbuf_char(b, '/');
    sbuf_add(b, service);
    sbuf_add(b, STR("/aws4_request"));
}

static size_t scope_cap(struct str date, struct str region, struct str service)
{
    return date.n + region.n + service.n + sizeof "///aws4_request";
}

struct str sigv4_string_to_sign(struct digest *d, struct str timestamp, struct str date, struct str region,
                                struct str service, struct str canonical, struct arena *arena)
{
    uint8_t hash[SHA256_BYTES];
    struct sbuf b = arena_sbuf(arena, ALGORITHM.n + timestamp.n + scope_cap(date, region, service) + SHA256_HEX + 4);

    sbuf_add(&b, ALGORITHM);
    sbuf_char(&b, '\n');
    sbuf_add(&b, timestamp);
    sbuf_char(&b, '\n');
    put_scope(&b, date, region, service);
    sbuf_char(&b, '\n');
    digest_sha256(d, canonical, hash);
    hex_lower(&b, hash, sizeof hash);
    if (b.overflow) return STR_NONE;
    arena_trim(arena, &b);
    return sbuf_str(&b);
}

void sigv4_signature(struct digest *d, const struct hmac_key *key, struct str string_to_sign, char out[SHA256_HEX])
{
    uint8_t mac[SHA256_BYTES];
    struct sbuf b = sbuf_make(out, SHA256_HEX);

    hmac_key_sign(d, key, string_to_sign, mac);
    hex_lower(&b, mac, sizeof mac);
}

/* What one reading of the request gives. */
struct attempt {
    struct str canonical, string_to_sign;
    bool equal;
};

static enum err_code verify_once(struct digest *d, const struct hmac_key *key, const struct sigv4_input *in,
                                 const struct sigv4_auth *auth, struct str timestamp, struct arena *arena,
                                 struct attempt *out)
{
    char ours[SHA256_HEX];

    TRY(canonical_request(in, arena, &out->canonical));
    out->string_to_sign =
        sigv4_string_to_sign(d, timestamp, auth->date, auth->region, auth->service, out->canonical, arena);
    if (!out->string_to_sign.p) return ERR_NO_MEMORY;
    sigv4_signature(d, key, out->string_to_sign, ours);
    out->equal = secret_equal(str_make(ours, sizeof ours), auth->signature);
    return ERR_NONE;
}

static bool query_has_plus(const struct sigv4_input *in)
{
    for (size_t i = 0; i < in->query_n; i++)
        if (str_index(in->query[i].name, '+') != SIZE_MAX || str_index(in->query[i].value, '+') != SIZE_MAX)
            return true;
    return false;
}

static bool signed_value_has_tab(const struct sigv4_input *in)
{
    for (size_t i = 0; i < in->headers->n; i++)
        if (str_index(in->headers->v[i].value, '\t') != SIZE_MAX &&
            sigv4_is_signed(in->signed_headers, in->headers->v[i].name))
            return true;
    return false;
}

/* The ways to read a request: each bit reads one thing in the less usual way. */
enum reading { QUERY_PLUS = 1, OTHER_PATH = 2, TABS = 4, READINGS = 8 };

static unsigned readings_of(const struct sigv4_input *in)
{
    return (query_has_plus(in) ? QUERY_PLUS : 0u) | (in->other_path.n ? OTHER_PATH : 0u) |
           (signed_value_has_tab(in) ? TABS : 0u);
}

static void read_as(struct sigv4_input *in, const struct sigv4_input *as_sent, unsigned reading)
{
    in->plus_is_space = !(reading & QUERY_PLUS);
    in->path = reading & OTHER_PATH ? as_sent->other_path : as_sent->path;
    in->tabs_are_blanks = (reading & TABS) != 0;
}

static enum err_code attempt_failed(enum err_code code, struct err *err)
{
    if (code == ERR_BAD_URI)
        return err_set(err, code, 0, "The query holds a '%%' that is not followed by two hex digits.");
    return err_set(err, code, 0, "The request is too large to verify its signature.");
}

enum err_code sigv4_verify(struct digest *d, const struct hmac_key *key, struct sigv4_input *in,
                           const struct sigv4_auth *auth, struct str timestamp, struct arena *arena,
                           struct str *canonical, struct str *string_to_sign, struct err *err)
{
    const struct sigv4_input as_sent = *in;
    struct attempt usual, other;

    read_as(in, &as_sent, 0);
    enum err_code code = verify_once(d, key, in, auth, timestamp, arena, &usual);
    if (code != ERR_NONE) return attempt_failed(code, err);
    if (usual.equal) return ERR_NONE;

    unsigned possible = readings_of(&as_sent);
    for (unsigned reading = 1; reading < READINGS; reading++) {
        if (reading & ~possible) continue;
        read_as(in, &as_sent, reading);
        code = verify_once(d, key, in, auth, timestamp, arena, &other);
        if (code != ERR_NONE) return attempt_failed(code, err);
        if (other.equal) return ERR_NONE;
    }
    read_as(in, &as_sent, 0);
    if (canonical) *canonical = usual.canonical;
    if (string_to_sign) *string_to_sign = usual.string_to_sign;
    return err_set(err, ERR_SIG_MISMATCH, 0, "%s", err_info(ERR_SIG_MISMATCH)->text);
}

struct str sigv4_authorization(struct digest *d, const struct hmac_key *key, const struct sigv4_input *in,
                               struct str access_key, struct str timestamp, struct str region, struct str service,
                               struct arena *arena)
{
    struct str canonical = sigv4_canonical_request(in, arena), date = str_head(timestamp, SIGV4_DATE_BYTES);
    if (!canonical.p) return STR_NONE;
    struct str string_to_sign = sigv4_string_to_sign(d, timestamp, date, region, service, canonical, arena);
    if (!string_to_sign.p) return STR_NONE;

    char signature[SHA256_HEX];
    static const struct str credential = STR_INIT(" Credential="), signed_headers = STR_INIT(", SignedHeaders="),
                            signature_is = STR_INIT(", Signature=");
    struct sbuf b = arena_sbuf(arena, ALGORITHM.n + credential.n + access_key.n + 1 + scope_cap(date, region, service) +
                                          signed_headers.n + in->signed_headers.n + signature_is.n + SHA256_HEX);
    sigv4_signature(d, key, string_to_sign, signature);
    sbuf_add(&b, ALGORITHM);
    sbuf_add(&b, credential);
    sbuf_add(&b, access_key);
    sbuf_char(&b, '/');
    put_scope(&b, date, region, service);
    sbuf_add(&b, signed_headers);
    sbuf_add(&b, in->signed_headers);
    sbuf_add(&b, signature_is);
    sbuf_add(&b, str_make(signature, sizeof signature));
    if (b.overflow) return STR_NONE;
    arena_trim(arena, &b);
    return sbuf_str(&b);
}

/* ---- which headers the proxy signs ---- */

/* What changes on the way or belongs to the connection is left out: a signature over it could break behind the proxy.
 */
static bool is_to_sign(const struct header *h)
{
    static const struct str conditional[] = {STR_INIT("if-match"), STR_INIT("if-none-match"),
                                             STR_INIT("if-modified-since"), STR_INIT("if-unmodified-since")};

    switch (h->id) {
    case HDR_HOST:
    case HDR_CONTENT_TYPE:
    case HDR_CONTENT_MD5:
    case HDR_RANGE: return true;
    case HDR_AUTHORIZATION: return false;
    default: break;
    }
    if (header_is_amz(h->name)) return true;
    for (size_t i = 0; h->id == HDR_OTHER && i < ARRAY_LEN(conditional); i++)
        if (str_eq_nocase(h->name, conditional[i])) return true;
    return false;
}

/* Puts @name where it belongs in the sorted @names; returns how many there are now. */
static size_t insert_name(struct str *names, size_t n, struct str name)
{
    size_t to = n;

    for (; to > 0; to--) {
        int order = str_cmp(names[to - 1], name);
        if (order == 0) return n;
        if (order < 0) break;
    }
    memmove(&names[to + 1], &names[to], (n - to) * sizeof(*names));
    names[to] = name;
    return n + 1;
}

static bool has_upper(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'Z') return true;
    return false;
}

/* @name itself if it is lower case already, else a copy in @lower. */
static struct str lower_name(struct sbuf *lower, struct str name)
{
    size_t start = lower->n;

    if (!has_upper(name)) return name;
    sbuf_lower(lower, name);
    return str_tail(sbuf_str(lower), start);
}

struct str sigv4_headers_to_sign(const struct headers *headers, struct arena *arena)
{
    size_t name_bytes = 0, n = 0;

    for (size_t i = 0; i < headers->n; i++)
        name_bytes += headers->v[i].name.n + 1;
    struct str *names = arena_alloc(arena, headers->n * sizeof(*names));
    struct sbuf lower = arena_sbuf(arena, name_bytes), joined = arena_sbuf(arena, name_bytes);
    if (!names || !lower.p || !joined.p) return STR_NONE;

    for (size_t i = 0; i < headers->n; i++)
        if (is_to_sign(&headers->v[i])) n = insert_name(names, n, lower_name(&lower, headers->v[i].name));
    for (size_t i = 0; i < n; i++) {
        if (i) sbuf_char(&joined, ';');
        sbuf_add(&joined, names[i]);
    }
    arena_trim(arena, &joined);
    return sbuf_str(&joined);
}
