/* SPDX-License-Identifier: Apache-2.0
 * test_sigv4.c: the vectors in tests/vectors/sigv4 (made by make_sigv4.py, partly published by AWS), tampering with
 * every byte that a signature covers, the Authorization and date parsers, the key cache.
 */
#include "aws/sign/sigv4.h"

#include "base/encode.h"
#include "http/head.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_PARAMS = 64, ARENA_BYTES = 16 * 1024 };

static const struct str SECRET = STR_INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

/* ---- a vector ---- */

static const char *const vectors[] = {
    "get-object",      "put-object",          "get-bucket-lifecycle", "list-objects",   "presigned-get",
    "put-chunked",     "put-chunked-trailer", "path-escapes",         "path-raw-utf8",  "path-dots-and-slashes",
    "query-order",     "query-plus-is-space", "query-plus-is-plus",   "query-many",     "header-spaces",
    "header-repeated", "header-missing",      "header-unsigned",      "auth-no-blanks", "auth-access-key-with-slash",
    "china-region",
};

static struct vector_part read_vector(const char *name, const char *part)
{
    return vector_read("sigv4", name, part);
}

/* ---- a small verifier, as a proxy's would be ---- */

struct fixture {
    struct digest *digest;
    struct sigv4_keys *keys;
    struct arena arena;
};

struct verdict {
    struct head_request head;
    struct header fields[HEAD_MAX_FIELDS];
    struct uri uri;
    char path[4096];
    struct query_param query[MAX_PARAMS];
    struct sigv4_input in;
    struct sigv4_auth auth;
    struct str timestamp, canonical, string_to_sign;
    struct err err;
};

static int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (!f) return -1;
    f->digest = digest_new();
    f->keys = sigv4_keys_new(4);
    arena_init(&f->arena, ARENA_BYTES, 64 * ARENA_BYTES);
    *state = f;
    return f->digest && f->keys ? 0 : -1;
}

static int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    digest_free(&f->digest);
    sigv4_keys_free(&f->keys);
    arena_clear(&f->arena);
    free(f);
    return 0;
}

static struct str value_of(const struct headers *h, enum header_id id)
{
    const struct header *found = headers_find(h, id);

    return found ? found->value : STR_NONE;
}

/* A presigned URL. */
static bool take_presigned(struct fixture *f, struct verdict *v)
{
    struct sigv4_query query;

    if (sigv4_parse_query(v->query, v->in.query_n, &f->arena, &query, &v->err) != ERR_NONE) return false;
    v->auth = query.auth;
    v->timestamp = query.timestamp;
    v->in.presigned = true;
    v->in.payload_hash = SIGV4_UNSIGNED_PAYLOAD;
    return true;
}

/* True if @raw is a request head whose signature is right. */
static bool verify(struct fixture *f, struct str raw, struct verdict *v)
{
    size_t path_n;

    arena_reset(&f->arena);
    v->canonical = v->string_to_sign = STR_NONE;
    if (head_parse_request(raw, v->fields, &v->head, &v->err) != ERR_NONE) return false;
    if (uri_split(v->head.target, false, &v->uri, &v->err) != ERR_NONE) return false;
    if (!uri_decode(v->uri.path, false, v->path, &path_n)) return false;
    v->in = (struct sigv4_input){.method = v->head.method,
                                 .path = str_make(v->path, path_n),
                                 .query = v->query,
                                 .host = v->head.host,
                                 .headers = &v->head.headers};
    v->in.query_n = query_split(v->uri.query, v->query, MAX_PARAMS);
    assert_true(v->in.query_n <= MAX_PARAMS);

    struct str authorization = value_of(&v->head.headers, HDR_AUTHORIZATION);
    v->in.payload_hash = value_of(&v->head.headers, HDR_X_AMZ_CONTENT_SHA256);
    v->timestamp = value_of(&v->head.headers, HDR_X_AMZ_DATE);
    if (sigv4_is_in_query(v->query, v->in.query_n)) {
        if (!take_presigned(f, v)) return false;
    } else if (sigv4_parse_authorization(authorization, &v->auth, &v->err) != ERR_NONE) {
        return false;
    }
    v->in.signed_headers = v->auth.signed_headers;
    if (!str_eq(v->auth.access_key, STR("AKIAIOSFODNN7EXAMPLE")) && !str_eq(v->auth.access_key, STR("team/a:reader")))
        return false;

    const struct hmac_key *key =
        sigv4_key(f->keys, f->digest, v->auth.access_key, SECRET, v->auth.date, v->auth.region, v->auth.service);
    assert_non_null(key);
    return sigv4_verify(f->digest, key, &v->in, &v->auth, v->timestamp, &f->arena, &v->canonical, &v->string_to_sign,
                        &v->err) == ERR_NONE;
}

static void test_sigv4_vectors_all_parts_match(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct verdict v;
        char signature[SHA256_HEX];
        struct vector_part request = read_vector(vectors[i], "request"),
                           canonical = read_vector(vectors[i], "canonical"),
                           to_sign = read_vector(vectors[i], "string-to-sign"),
                           expected = read_vector(vectors[i], "signature");

        bool right = verify(f, vector_str(&request), &v);
        struct str ours = sigv4_canonical_request(&v.in, &f->arena);
        assert_str(vectors[i], ours, vector_str(&canonical));
        struct str text =
            sigv4_string_to_sign(f->digest, v.timestamp, v.auth.date, v.auth.region, v.auth.service, ours, &f->arena);
        assert_str(vectors[i], text, vector_str(&to_sign));
        sigv4_signature(
            f->digest,
            sigv4_key(f->keys, f->digest, v.auth.access_key, SECRET, v.auth.date, v.auth.region, v.auth.service), text,
            signature);
        assert_str(vectors[i], str_make(signature, sizeof signature), vector_str(&expected));
        assert_true(right);
    }
}

/* Amazon S3 API Reference: hashes of canonical requests, and signatures. */
static void test_sigv4_vectors_published_values_match(void **state)
{
    static const struct {
        const char *name, *canonical_hash, *signature;
    } published[] = {
        {"get-object", "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {"put-object", "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {"get-bucket-lifecycle", "9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"list-objects", "df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
        {"presigned-get", "3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04",
         "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"},
        {"put-chunked", "cee3fed04b70f867d036f722359b0b1f2f0e5dc0efadbc082b76c4c60e316455",
         "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"},
        {"put-chunked-trailer", "44d48b8c2f70eae815a0198cc73d7a546a73a93359c070abbaa5e6c7de112559",
         "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(published); i++) {
        struct verdict v;
        uint8_t hash[SHA256_BYTES];
        char text[SHA256_HEX];
        struct sbuf b = sbuf_make(text, sizeof text);
        struct vector_part request = read_vector(published[i].name, "request");

        assert_true(verify(f, vector_str(&request), &v));
        digest_sha256(f->digest, sigv4_canonical_request(&v.in, &f->arena), hash);
        hex_lower(&b, hash, sizeof hash);
        assert_str(published[i].name, sbuf_str(&b), str_from(published[i].canonical_hash));
        assert_str(published[i].name, v.auth.signature, str_from(published[i].signature));
    }
}

static void test_sigv4_verify_tells_how_plus_was_read(void **state)
{
    static const struct {
        const char *name;
        bool plus_is_space;
    } cases[] = {
        {"query-plus-is-space", true}, {"query-plus-is-plus", false}, {"list-objects", true}, {"get-object", true}};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct verdict v;
        struct vector_part request = read_vector(cases[i].name, "request");
        assert_true(verify(f, vector_str(&request), &v));
        assert_int_equal(v.in.plus_is_space, cases[i].plus_is_space);
    }
}

/* ---- tampering ---- */

/* Which bytes of the head a signature covers, and where the case of a letter is of no account. */
struct cover {
    bool covered[4096], caseless[4096];
};

static void cover_span(struct cover *c, struct str raw, struct str span, bool caseless)
{
    size_t from = (size_t)(span.p - raw.p);

    assert_true(span.p >= raw.p && from + span.n <= raw.n);
    for (size_t i = from; i < from + span.n; i++) {
        c->covered[i] = true;
        c->caseless[i] = caseless;
    }
}

/* "%2f" and "%2F" are one byte, so digits of escapes have no case. */
static void cover_target(struct cover *c, struct str raw, struct str target)
{
    cover_span(c, raw, target, false);
    for (size_t i = 0; i + 2 < target.n; i++)
        if (target.p[i] == '%') cover_span(c, raw, str_make(target.p + i + 1, 2), true);
}

static void cover_authorization(struct cover *c, struct str raw, struct str value)
{
    static const char *const fields[] = {"Credential=", "SignedHeaders=", "Signature="};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        size_t at = str_find(value, str_from(fields[i]));
        assert_true(at != SIZE_MAX);
        struct str field = str_tail(value, at);
        cover_span(c, raw, str_head(field, str_index(field, ',')), false);
    }
}

static void cover_request(struct cover *c, struct str raw, const struct verdict *v)
{
    memset(c, 0, sizeof(*c));
    cover_span(c, raw, v->head.method, false);
    cover_target(c, raw, v->head.target);
    for (size_t i = 0; i < v->head.headers.n; i++) {
        const struct header *h = &v->head.headers.v[i];
        if (h->id == HDR_AUTHORIZATION) cover_authorization(c, raw, h->value);
        if (!sigv4_is_signed(v->auth.signed_headers, h->name)) continue;
        /* an empty signed header and none at all are the same to the signature */
        if (h->value.n) cover_span(c, raw, h->name, true);
        cover_span(c, raw, h->value, false);
    }
}

/* Changes each covered byte of @name to @values others; none of the results may verify. Returns how many were tried. */
static size_t tamper(struct fixture *f, const char *name, unsigned values)
{
    static struct cover cover;
    struct verdict v;
    struct vector_part request = read_vector(name, "request");
    struct str raw = vector_str(&request);
    size_t tried = 0;

    assert_true(verify(f, raw, &v));
    cover_request(&cover, raw, &v);
    for (size_t i = 0; i < request.n; i++)
        for (unsigned add = 1; cover.covered[i] && add <= values; add++) {
            char was = request.bytes[i];
            request.bytes[i] = (char)(was + (char)add);
            bool same = cover.caseless[i] && ascii_lower(request.bytes[i]) == ascii_lower(was);
            if (!same && verify(f, raw, &v))
                fail_msg("%s: byte %zu changed to 0x%02x verifies", name, i, (unsigned char)request.bytes[i]);
            tried += !same;
            request.bytes[i] = was;
        }
    assert_true(verify(f, raw, &v)); /* all changes were taken back */
    return tried;
}

static void test_sigv4_verify_every_changed_byte_is_refused(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        assert_true(tamper(f, vectors[i], 2) > 500);
    assert_true(tamper(f, "get-object", 255) > 50000);
}

static void test_sigv4_verify_mismatch_shows_our_texts(void **state)
{
    struct fixture *f = *state;
    struct verdict v;
    struct vector_part request = read_vector("query-plus-is-plus", "request");

    request.bytes[0] = 'P';
    assert_false(verify(f, vector_str(&request), &v));
    assert_int_equal(v.err.code, ERR_SIG_MISMATCH);
    assert_true(str_starts(v.canonical, STR("PET\n/\nprefix=a%20b%2B\nhost:")));
    assert_true(
        str_starts(v.string_to_sign, STR("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n")));
    assert_true(v.in.plus_is_space);
}

static void test_sigv4_verify_broken_escape_is_a_bad_uri(void **state)
{
    static const char *const values[] = {"%", "%4", "%zz", "a%"};
    struct fixture *f = *state;
    struct verdict v;
    struct vector_part request = read_vector("list-objects", "request");

    assert_true(verify(f, vector_str(&request), &v));
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        v.query[1].value = str_from(values[i]);
        assert_int_equal(sigv4_verify(f->digest,
                                      sigv4_key(f->keys, f->digest, v.auth.access_key, SECRET, v.auth.date,
                                                v.auth.region, v.auth.service),
                                      &v.in, &v.auth, v.timestamp, &f->arena, NULL, NULL, &v.err),
                         ERR_BAD_URI);
        assert_null(sigv4_canonical_request(&v.in, &f->arena).p);
    }
}

/* Each limit is either too small, and said to be so, or enough: never a wrong signature, never a crash. */
static void test_sigv4_verify_small_arena_is_no_memory(void **state)
{
    struct fixture *f = *state;
    struct verdict v;
    struct vector_part request = read_vector("query-order", "request");
    size_t refused = 0;

    assert_true(verify(f, vector_str(&request), &v));
    const struct hmac_key *key =
        sigv4_key(f->keys, f->digest, v.auth.access_key, SECRET, v.auth.date, v.auth.region, v.auth.service);
    for (size_t limit = 0; limit < 8192; limit += 16) {
        struct arena small;
        arena_init(&small, 256, limit);
        enum err_code code = sigv4_verify(f->digest, key, &v.in, &v.auth, v.timestamp, &small, NULL, NULL, &v.err);
        assert_true(code == ERR_NO_MEMORY || code == ERR_NONE);
        refused += code == ERR_NO_MEMORY;
        struct str made = sigv4_authorization(f->digest, key, &v.in, v.auth.access_key, v.timestamp, v.auth.region,
                                              v.auth.service, &small);
        assert_true(code == ERR_NONE || !made.p);
        arena_clear(&small);
    }
    assert_true(refused > 10 && refused < 512);
}

/* ---- canonical request ---- */

static void test_sigv4_canonical_request_header_values_are_collapsed(void **state)
{
    static const struct {
        struct str value, canonical;
    } cases[] = {
        {STR_INIT(""), STR_INIT("x:\n")},
        {STR_INIT("   "), STR_INIT("x:\n")},
        {STR_INIT("a"), STR_INIT("x:a\n")},
        {STR_INIT("  a \t"), STR_INIT("x:a\n")},
        {STR_INIT("a b"), STR_INIT("x:a b\n")},
        {STR_INIT("a     b"), STR_INIT("x:a b\n")},
        {STR_INIT("a  b  c "), STR_INIT("x:a b c\n")},
        {STR_INIT("\"a  b\""), STR_INIT("x:\"a b\"\n")},
        {STR_INIT("a \xc3\xa9  b"), STR_INIT("x:a \xc3\xa9 b\n")},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct header h = {STR("X"), cases[i].value, HDR_OTHER};
        struct headers headers = {&h, 1};
        struct sigv4_input in = {
            .method = STR("GET"), .headers = &headers, .signed_headers = STR("x"), .payload_hash = STR("-")};
        struct str got = sigv4_canonical_request(&in, &f->arena);
        assert_true(str_starts(got, STR("GET\n/\n\n")));
        got = str_tail(got, 7);
        assert_str("value", str_head(got, got.n - sizeof "\nx\n-" + 1), cases[i].canonical);
    }
}

/* Who routes by one name must not verify another: what a field says does not count. */
static void test_sigv4_canonical_request_takes_host_from_its_caller_only(void **state)
{
    static const struct {
        struct str field, host, canonical;
    } cases[] = {
        {STR_INIT("a.s3"), STR_INIT("a.s3"), STR_INIT("host:a.s3\n")},
        {STR_INIT("a.s3"), STR_INIT("b.s3:80"), STR_INIT("host:b.s3:80\n")},
        {STR_INIT("a.s3"), STR_INIT(""), STR_INIT("host:\n")},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct header h = {STR("Host"), cases[i].field, HDR_HOST};
        struct headers headers = {&h, 1};
        struct sigv4_input in = {.method = STR("GET"),
                                 .host = cases[i].host,
                                 .headers = &headers,
                                 .signed_headers = STR("host"),
                                 .payload_hash = STR("-")};
        struct str got = sigv4_canonical_request(&in, &f->arena);
        assert_true(str_starts(got, STR("GET\n/\n\n")));
        got = str_tail(got, 7);
        assert_str("host", str_head(got, got.n - sizeof "\nhost\n-" + 1), cases[i].canonical);
    }
}

static void test_sigv4_canonical_request_escapes_come_out_one_way(void **state)
{
    static const struct {
        const char *query, *as_space, *as_plus;
    } cases[] = {
        {"", "", ""},
        {"acl", "acl=", "acl="},
        {"a=b=c", "a=b%3Dc", "a=b%3Dc"},
        {"a=%7e%2d%41", "a=~-A", "a=~-A"},
        {"a=%2f/", "a=%2F%2F", "a=%2F%2F"},
        {"a+b=c+d", "a%20b=c%20d", "a%2Bb=c%2Bd"},
        {"a=%2B", "a=%2B", "a=%2B"},
        {"b&a&a=2&a=1&a-=3", "a=&a=1&a=2&a-=3&b=", "a=&a=1&a=2&a-=3&b="},
        {"%62=1&a=2", "a=2&b=1", "a=2&b=1"},
        {"%C3%A9=\xc3\xa9", "%C3%A9=%C3%A9", "%C3%A9=%C3%A9"},
        {"%25=%2525", "%25=%2525", "%25=%2525"},
        {"a=%00", "a=%00", "a=%00"},
    };
    struct fixture *f = *state;
    struct headers none = {NULL, 0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int space = 0; space <= 1; space++) {
            struct query_param params[MAX_PARAMS];
            char expected[256];
            struct sigv4_input in = {.method = STR("GET"),
                                     .path = STR("/"),
                                     .query = params,
                                     .plus_is_space = space,
                                     .headers = &none,
                                     .payload_hash = STR("-")};
            in.query_n = query_split(str_from(cases[i].query), params, MAX_PARAMS);
            snprintf(expected, sizeof expected, "GET\n/\n%s\n\n\n-", space ? cases[i].as_space : cases[i].as_plus);
            assert_str(cases[i].query, sigv4_canonical_request(&in, &f->arena), str_from(expected));
        }
}

/* ---- signing ---- */

static void test_sigv4_authorization_verifies_and_names_its_headers(void **state)
{
    struct fixture *f = *state;
    struct header fields[] = {
        {STR("X-Amz-Date"), STR("20260102T030405Z"), HDR_X_AMZ_DATE},
        {STR("Host"), STR("b.s3.eu-west-1.amazonaws.com"), HDR_HOST},
        {STR("User-Agent"), STR("x"), HDR_USER_AGENT},
        {STR("x-amz-meta-a"), STR("1"), HDR_OTHER},
        {STR("X-Amz-Meta-A"), STR("2"), HDR_OTHER},
        {STR("Accept-Encoding"), STR("identity"), HDR_ACCEPT_ENCODING},
        {STR("Content-Length"), STR("3"), HDR_CONTENT_LENGTH},
        {STR("Content-Type"), STR("text/plain"), HDR_CONTENT_TYPE},
        {STR("If-None-Match"), STR("*"), HDR_OTHER},
        {STR("Expect"), STR("100-continue"), HDR_EXPECT},
        {STR("x-amz-content-sha256"), SIGV4_UNSIGNED_PAYLOAD, HDR_X_AMZ_CONTENT_SHA256},
        {STR("x-amzn-trace-id"), STR("Root=1"), HDR_OTHER},
        {STR("Range"), STR("bytes=0-1"), HDR_RANGE},
    };
    struct headers headers = {fields, ARRAY_LEN(fields)};
    struct sigv4_input in = {.method = STR("PUT"),
                             .path = STR("/k \xff"),
                             .host = fields[1].value,
                             .headers = &headers,
                             .payload_hash = SIGV4_UNSIGNED_PAYLOAD};
    struct str timestamp = fields[0].value, region = STR("eu-west-1"), service = STR("s3");
    struct sigv4_auth auth;

    in.signed_headers = sigv4_headers_to_sign(&headers, &f->arena);
    assert_str("signed", in.signed_headers,
               STR("content-type;host;if-none-match;range;x-amz-content-sha256;x-amz-date;x-amz-meta-a"));
    const struct hmac_key *key =
        sigv4_key(f->keys, f->digest, STR("AK/ID"), SECRET, str_head(timestamp, 8), region, service);
    struct str value = sigv4_authorization(f->digest, key, &in, STR("AK/ID"), timestamp, region, service, &f->arena);
    assert_true(str_starts(
        value,
        STR("AWS4-HMAC-SHA256 Credential=AK/ID/20260102/eu-west-1/s3/aws4_request, SignedHeaders=content-type;host;")));
    assert_int_equal(sigv4_parse_authorization(value, &auth, NULL), ERR_NONE);
    assert_str("access key", auth.access_key, STR("AK/ID"));
    assert_int_equal(sigv4_verify(f->digest, key, &in, &auth, timestamp, &f->arena, NULL, NULL, NULL), ERR_NONE);
    fields[3].value = STR("3");
    assert_int_equal(sigv4_verify(f->digest, key, &in, &auth, timestamp, &f->arena, NULL, NULL, NULL),
                     ERR_SIG_MISMATCH);
}

/* A request that can be read in two ways verifies as it was signed, and the reading is told; tabs and other paths are
 * read in no third way. */
static void test_sigv4_verify_takes_each_reading_and_tells_it(void **state)
{
    struct fixture *f = *state;
    struct header fields[] = {{STR("x-amz-meta-a"), STR("a \t b\t\tc"), HDR_OTHER}};
    struct headers headers = {fields, 1};
    struct query_param query[] = {{STR("prefix"), STR("a+b"), true}};
    struct str timestamp = STR("20260102T030405Z"), region = STR("eu-west-1"), service = STR("s3");

    for (unsigned reading = 0; reading < 16; reading++) {
        bool other_path = reading & 1, tabs = reading & 2, plus = reading & 4, unknown = reading & 8;
        const struct hmac_key *key = sigv4_key(f->keys, f->digest, STR("AK"), SECRET, STR("20260102"), region, service);
        struct sigv4_input in = {.method = STR("GET"),
                                 .path = other_path ? STR("/b/a+b") : STR("/b/a b"),
                                 .query = query,
                                 .query_n = 1,
                                 .plus_is_space = !plus,
                                 .tabs_are_blanks = tabs,
                                 .headers = &headers,
                                 .signed_headers = STR("x-amz-meta-a"),
                                 .payload_hash = SIGV4_UNSIGNED_PAYLOAD};
        struct sigv4_auth auth;

        if (unknown) in.path = STR("/b/a/b");
        struct str value = sigv4_authorization(f->digest, key, &in, STR("AK"), timestamp, region, service, &f->arena);
        assert_int_equal(sigv4_parse_authorization(value, &auth, NULL), ERR_NONE);
        in.path = STR("/b/a b");
        in.other_path = STR("/b/a+b");
        assert_int_equal(sigv4_verify(f->digest, key, &in, &auth, timestamp, &f->arena, NULL, NULL, NULL),
                         unknown ? ERR_SIG_MISMATCH : ERR_NONE);
        if (unknown) continue;
        assert_str("path", in.path, other_path ? STR("/b/a+b") : STR("/b/a b"));
        assert_int_equal(in.tabs_are_blanks, tabs);
        assert_int_equal(in.plus_is_space, !plus);
    }
}

static void test_sigv4_headers_to_sign_nothing_to_sign_is_empty(void **state)
{
    struct fixture *f = *state;
    struct header h = {STR("Via"), STR("x"), HDR_VIA};
    struct headers one = {&h, 1}, none = {NULL, 0};

    assert_int_equal(sigv4_headers_to_sign(&one, &f->arena).n, 0);
    assert_int_equal(sigv4_headers_to_sign(&none, &f->arena).n, 0);
    struct arena nothing;
    arena_init(&nothing, 64, 0);
    assert_null(sigv4_headers_to_sign(&one, &nothing).p);
    arena_clear(&nothing);
}

static void test_sigv4_is_signed_whole_names_any_case(void **state)
{
    struct str list = STR("content-type;host;x-amz-date");

    assert_true(sigv4_is_signed(list, STR("Host")));
    assert_true(sigv4_is_signed(list, STR("content-type")));
    assert_true(sigv4_is_signed(list, STR("X-AMZ-DATE")));
    assert_false(sigv4_is_signed(list, STR("content")));
    assert_false(sigv4_is_signed(list, STR("hos")));
    assert_false(sigv4_is_signed(list, STR("x-amz-dat")));
    assert_false(sigv4_is_signed(list, STR("")));
    assert_false(sigv4_is_signed(STR(""), STR("host")));
    (void)state;
}

/* ---- keys ---- */

static void sign_abc(struct fixture *f, const struct hmac_key *key, uint8_t out[SHA256_BYTES])
{
    assert_non_null(key);
    hmac_key_sign(f->digest, key, STR("abc"), out);
}

static void test_sigv4_key_changed_parts_and_secrets_are_noticed(void **state)
{
    struct fixture *f = *state;
    char long_a[200], long_b[200];
    memset(long_a, 'a', sizeof long_a);
    memset(long_b, 'a', sizeof long_b);
    long_b[199] = 'b';
    const struct {
        struct str access_key, secret, date, region, service;
    } cases[] = {
        {STR_INIT("AK"), STR_INIT("secret"), STR_INIT("20260101"), STR_INIT("us-east-1"), STR_INIT("s3")},
        {STR_INIT("AK"), STR_INIT("secreT"), STR_INIT("20260101"), STR_INIT("us-east-1"), STR_INIT("s3")},
        {STR_INIT("AK"), STR_INIT("secret2"), STR_INIT("20260101"), STR_INIT("us-east-1"), STR_INIT("s3")},
        {STR_INIT("AK"), STR_INIT(""), STR_INIT("20260101"), STR_INIT("us-east-1"), STR_INIT("s3")},
        {STR_INIT("AK"), STR_INIT("secret"), STR_INIT("20260102"), STR_INIT("us-east-1"), STR_INIT("s3")},
        {STR_INIT("AK"), STR_INIT("secret"), STR_INIT("20260101"), STR_INIT("us-east-2"), STR_INIT("s3")},
        {STR_INIT("AK"), STR_INIT("secret"), STR_INIT("20260101"), STR_INIT("us-east-1"), STR_INIT("s3-outposts")},
        {STR_INIT("AK"), {long_a, sizeof long_a}, STR_INIT("20260101"), STR_INIT("us-east-1"), STR_INIT("s3")},
        {STR_INIT("AK"), {long_b, sizeof long_b}, STR_INIT("20260101"), STR_INIT("us-east-1"), STR_INIT("s3")},
    };
    uint8_t fresh[ARRAY_LEN(cases)][SHA256_BYTES], cached[SHA256_BYTES];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sigv4_keys *keys = sigv4_keys_new(1);
        assert_non_null(keys);
        sign_abc(f,
                 sigv4_key(keys, f->digest, cases[i].access_key, cases[i].secret, cases[i].date, cases[i].region,
                           cases[i].service),
                 fresh[i]);
        sigv4_keys_free(&keys);
        assert_null(keys);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(fresh[i], fresh[j], SHA256_BYTES);
    }
    /* one slot for all, then four, in an order in which each follows each */
    for (size_t slots = 1; slots <= 4; slots += 3) {
        struct sigv4_keys *keys = sigv4_keys_new(slots);
        assert_non_null(keys);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
            for (size_t j = 0; j < ARRAY_LEN(cases); j++)
                for (size_t k = 0; k < 2; k++) {
                    size_t c = k ? j : i;
                    sign_abc(f,
                             sigv4_key(keys, f->digest, cases[c].access_key, cases[c].secret, cases[c].date,
                                       cases[c].region, cases[c].service),
                             cached);
                    assert_memory_equal(cached, fresh[c], SHA256_BYTES);
                }
        sigv4_keys_free(&keys);
    }
}

static void test_sigv4_key_same_parts_are_the_same_key(void **state)
{
    struct fixture *f = *state;
    const struct hmac_key *first =
        sigv4_key(f->keys, f->digest, STR("AK"), SECRET, STR("20260101"), STR("us-east-1"), STR("s3"));

    assert_non_null(first);
    assert_ptr_equal(first,
                     sigv4_key(f->keys, f->digest, STR("AK"), SECRET, STR("20260101"), STR("us-east-1"), STR("s3")));
    /* parts that run together in the same way must not be taken for the same */
    uint8_t a[SHA256_BYTES], b[SHA256_BYTES];
    struct sigv4_keys *one = sigv4_keys_new(1);
    assert_non_null(one);
    sign_abc(f, sigv4_key(one, f->digest, STR("A"), SECRET, STR("B"), STR("CD"), STR("s3")), a);
    sign_abc(f, sigv4_key(one, f->digest, STR("A"), SECRET, STR("BC"), STR("D"), STR("s3")), b);
    assert_memory_not_equal(a, b, SHA256_BYTES);
    sigv4_keys_free(&one);
}

/* ---- parsers ---- */

#define SIG "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
#define CRED "Credential=AK/20130524/us-east-1/s3/aws4_request"
#define A4 "AWS4-HMAC-SHA256 "

static void test_sigv4_parse_authorization_good_values(void **state)
{
    static const struct {
        const char *value, *access_key;
    } cases[] = {
        {A4 CRED ", SignedHeaders=host;range, Signature=" SIG, "AK"},
        {A4 CRED ",SignedHeaders=host;range,Signature=" SIG, "AK"},
        {A4 "Signature=" SIG " ,\tSignedHeaders=host;range,  " CRED, "AK"},
        {A4 "  Credential=a/b:c=d/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range,Signature=" SIG,
         "a/b:c=d"},
        {A4 "Credential=//20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range,Signature=" SIG, "/"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sigv4_auth auth;
        struct err err = {.code = ERR_NONE};
        if (sigv4_parse_authorization(str_from(cases[i].value), &auth, &err) != ERR_NONE)
            fail_msg("%s: %s", cases[i].value, err.detail);
        assert_str("access key", auth.access_key, str_from(cases[i].access_key));
        assert_str("date", auth.date, STR("20130524"));
        assert_str("region", auth.region, STR("us-east-1"));
        assert_str("service", auth.service, STR("s3"));
        assert_str("headers", auth.signed_headers, STR("host;range"));
        assert_str("signature", auth.signature, STR(SIG));
    }
    (void)state;
}

static void test_sigv4_parse_authorization_bad_values_say_why(void **state)
{
    static struct {
        const char *value, *hint;
    } cases[] = {
        {"", "algorithm"},
        {"AWS AK:sig", "algorithm"},
        {"AWS4-HMAC-SHA512 " CRED ", SignedHeaders=host, Signature=" SIG, "algorithm"},
        {"AWS4-HMAC-SHA256" CRED ", SignedHeaders=host, Signature=" SIG, "algorithm"},
        {"AWS4-HMAC-SHA256", "Credential is missing"},
        {A4 "SignedHeaders=host, Signature=" SIG, "Credential is missing"},
        {A4 CRED ", Signature=" SIG, "SignedHeaders is missing"},
        {A4 CRED ", SignedHeaders=host", "Signature is missing"},
        {A4 CRED ", SignedHeaders=host, Signature=" SIG ", " CRED, "twice"},
        {A4 CRED ", SignedHeaders=host, SignedHeaders=host, Signature=" SIG, "twice"},
        {A4 CRED ", SignedHeaders=, SignedHeaders=host, Signature=" SIG, "twice"},
        {A4 CRED ", SignedHeaders=host, Signature=" SIG ", Signature=" SIG, "twice"},
        {A4 CRED ", SignedHeaders=host, Signature=" SIG ", X=1", "a field that is not"},
        {A4 CRED ", signedheaders=host, Signature=" SIG, "a field that is not"},
        {A4 CRED ",, SignedHeaders=host, Signature=" SIG, "Name=value"},
        {A4 CRED " SignedHeaders=host, Signature=" SIG, "SignedHeaders is missing"},
        {A4 CRED " x, SignedHeaders=host, Signature=" SIG, "aws4_request"},
        {A4 "Credential=AK/20130524/us-east-1/s3, SignedHeaders=host, Signature=" SIG, "not of the form"},
        {A4 "Credential=20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" SIG, "not of the form"},
        {A4 "Credential=, SignedHeaders=host, Signature=" SIG, "not of the form"},
        {A4 "Credential=/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" SIG, "no access key"},
        {A4 "Credential=AK/20130524/us-east-1/s3/aws4_reques, SignedHeaders=host, Signature=" SIG, "aws4_request"},
        {A4 "Credential=AK/20130524/us-east-1/s3/AWS4_REQUEST, SignedHeaders=host, Signature=" SIG, "aws4_request"},
        {A4 "Credential=AK/20130524/us-east-1//aws4_request, SignedHeaders=host, Signature=" SIG, "no service"},
        {A4 "Credential=AK/20130524//s3/aws4_request, SignedHeaders=host, Signature=" SIG, "no Region"},
        {A4 "Credential=AK/2013052/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" SIG, "YYYYMMDD"},
        {A4 "Credential=AK/2013052x/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" SIG, "YYYYMMDD"},
        {A4 CRED ", SignedHeaders=, Signature=" SIG, "empty"},
        {A4 CRED ", SignedHeaders=Host, Signature=" SIG, "lower-case"},
        {A4 CRED ", SignedHeaders=ho st, Signature=" SIG, "lower-case"},
        {A4 CRED ", SignedHeaders=;host, Signature=" SIG, "lower-case"},
        {A4 CRED ", SignedHeaders=host;;range, Signature=" SIG, "lower-case"},
        {A4 CRED ", SignedHeaders=host;, Signature=" SIG, "semicolon"},
        {A4 CRED ", SignedHeaders=range;host, Signature=" SIG, "sorted"},
        {A4 CRED ", SignedHeaders=host;host, Signature=" SIG, "sorted"},
        {A4 CRED ", SignedHeaders=host, Signature=", "64"},
        {A4 CRED ", SignedHeaders=host, Signature=" SIG "0", "64"},
        {A4 CRED ", SignedHeaders=host, Signature=f0e8", "64"},
        {A4 CRED ", SignedHeaders=host, Signature=F0E8BDB87C964420E857BD35B5D6ED310BD44F0170ABA48DD91039C6036BDB41",
         "64"},
        {A4 CRED ", SignedHeaders=host, Signature=g0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
         "64"},
        {NULL, "more headers than"}, /* one name more than fields: below */
    };

    static char many[8192];
    struct sbuf b = sbuf_make(many, sizeof many - 1);
    sbuf_printf(&b, "%s, Signature=%s, SignedHeaders=host", A4 CRED, SIG);
    for (int i = 0; i < HEAD_MAX_FIELDS; i++)
        sbuf_printf(&b, ";x-%03d", i);
    cases[ARRAY_LEN(cases) - 1].value = many;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sigv4_auth auth;
        struct err err = {.code = ERR_NONE};
        if (sigv4_parse_authorization(str_from(cases[i].value), &auth, &err) != ERR_AUTH_MALFORMED)
            fail_msg("accepted: %s", cases[i].value);
        if (!strstr(err.detail, cases[i].hint)) fail_msg("%s: %s", cases[i].value, err.detail);
    }
    (void)state;
}

static void test_sigv4_parse_authorization_every_prefix_is_malformed(void **state)
{
    struct str value = STR(A4 CRED ", SignedHeaders=host;range, Signature=" SIG);
    struct sigv4_auth auth;

    for (size_t n = 0; n < value.n; n++)
        assert_int_equal(sigv4_parse_authorization(str_head(value, n), &auth, NULL), ERR_AUTH_MALFORMED);
    assert_int_equal(sigv4_parse_authorization(value, &auth, NULL), ERR_NONE);
    (void)state;
}

static void test_sigv4_parse_date_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_s; /* -1: refused */
    } cases[] = {
        {"20130524T000000Z", 1369353600},
        {"19700101T000000Z", 0},
        {"20000229T235959Z", 951868799},
        {"20240229T120000Z", 1709208000},
        {"99991231T235959Z", 253402300799},
        {"20161231T235960Z", 1483228800},
        {"Fri, 24 May 2013 00:00:00 GMT", 1369353600},
        {"Fri, 24 May 2013 00:00:00 +0000", 1369353600},
        {"Fri, 24 May 2013 00:00:00 UTC", 1369353600},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Tue, 27 Mar 2007 19:36:42 +0000", 1175024202},
        {"Fri, 24 May 2013 00:00:00 -0000", 1369353600},
        {"Fri, 24 May 2013 09:00:00 +0900", 1369353600},
        {"Thu, 23 May 2013 20:30:00 -0330", 1369353600},
        {"Thu, 01 Jan 1970 23:59:00 +2359", 0},
        {"20130524T000000", -1},
        {"20130524T000000z", -1},
        {"20130524t000000Z", -1},
        {"20130524T000000Z ", -1},
        {"2013-05-24T00:00:00Z", -1},
        {"20131324T000000Z", -1},
        {"20130024T000000Z", -1},
        {"20130500T000000Z", -1},
        {"20130532T000000Z", -1},
        {"20230229T000000Z", -1},
        {"21000229T000000Z", -1},
        {"20130431T000000Z", -1},
        {"20130524T240000Z", -1},
        {"20130524T006000Z", -1},
        {"20130524T000061Z", -1},
        {"2013052 T000000Z", -1},
        {"Fri, 24 May 2013 00:00:00 EST", -1},
        {"Fri, 24 May 2013 00:00:00 +100", -1},
        {"Fri, 24 May 2013 00:00:00 +01:00", -1},
        {"Fri, 24 May 2013 00:00:00 +2400", -1},
        {"Fri, 24 May 2013 00:00:00 +0060", -1},
        {"Fri, 24 May 2013 00:00:00 0000", -1},
        {"Fri, 24 May 2013 00:00:00+0000", -1},
        {"Fri, 24 May 2013 00:00:00 +0000 ", -1},
        {"Fri, 24 May 2013 00:00:00 +000x", -1},
        {"Fri, 24 May 2013 00:00:00 Z", -1},
        {"Fri, 24 May 2013 00:00:00 gmt", -1},
        {"Fri, 24 May 2013 00:00:00", -1},
        {"Fri, 24 may 2013 00:00:00 GMT", -1},
        {"Xxx, 24 May 2013 00:00:00 GMT", -1},
        {"Fri, 24 Foo 2013 00:00:00 GMT", -1},
        {"Fri, 24 nFe 2013 00:00:00 GMT", -1},
        {"Sun, 6 Nov 1994 08:49:37 GMT", 784111777},
        {"Sun, 6 Nov 1994 08:49:37 +0000", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sunday, 6-Nov-94 08:49:37 GMT", 784111777},
        {"Saturday, 28-Nov-26 20:00:00 GMT", 1795896000},
        {"Friday, 24-May-13 09:00:00 +0900", 1369353600},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
        {"Wednesday, 24-May-69 00:00:00 GMT", 3136579200},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Thu Nov 24 08:49:37 1994", 785666977},
        {"Sun,  6 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 006 Nov 1994 08:49:37 GMT", -1},
        {"Sun, 06 Nov 94 08:49:37 GMT", -1},
        {"Sun, 06-Nov-94 08:49:37 GMT", -1},
        {"Sunday, 06 Nov 1994 08:49:37 GMT", -1},
        {"Sunday, 06-Nov-1994 08:49:37 GMT", -1},
        {"Someday, 06-Nov-94 08:49:37 GMT", -1},
        {"Sunday, 31-Nov-94 08:49:37 GMT", -1},
        {"Sunday, 06-Nov-94 08:49:37", -1},
        {"Sun Nov 6 08:49:37 1994", -1},
        {"Sun Nov 06 08:49:37 94", -1},
        {"Sun Nov  6 08:49:37 1994 GMT", -1},
        {"Xxx Nov  6 08:49:37 1994", -1},
        {"Sun Foo  6 08:49:37 1994", -1},
        {"Sunday", -1},
        {",", -1},
        {"Sun,", -1},
        {"Sun, GMT", -1},
        {" GMT", -1},
        {"", -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t got = -2;
        bool ok = sigv4_parse_date(str_from(cases[i].text), &got);
        if (ok != (cases[i].unix_s >= 0) || (ok && got != cases[i].unix_s))
            fail_msg("%s: %lld", cases[i].text, (long long)got);
    }
    (void)state;
}

static void test_sigv4_format_time_and_back(void **state)
{
    char text[SIGV4_TIMESTAMP_BYTES];
    int64_t back;

    sigv4_format_time(1369353600, text);
    assert_str("time", str_make(text, sizeof text), STR("20130524T000000Z"));
    for (int64_t s = 0; s < INT64_C(253402300800); s += 86399 * 37) { /* all times of day, all days of year */
        sigv4_format_time(s, text);
        assert_true(sigv4_parse_date(str_make(text, sizeof text), &back));
        assert_true(back == s);
    }
    (void)state;
}

static void test_sigv4_payload_mode_values(void **state)
{
    static const struct {
        struct str value;
        enum payload_mode mode;
    } cases[] = {
        {STR_INIT(SIG), PAYLOAD_HASH},
        {STR_INIT("UNSIGNED-PAYLOAD"), PAYLOAD_UNSIGNED},
        {STR_INIT("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), PAYLOAD_UNSIGNED_TRAILER},
        {STR_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), PAYLOAD_SIGNED_CHUNKS},
        {STR_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), PAYLOAD_SIGNED_TRAILER},
        {STR_INIT("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), PAYLOAD_ECDSA},
        {STR_INIT("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"), PAYLOAD_ECDSA},
        {STR_INIT("STREAMING-AWS4-HMAC-SHA256-EVENTS"), PAYLOAD_INVALID},
        {STR_INIT("unsigned-payload"), PAYLOAD_INVALID},
        {STR_INIT("UNSIGNED-PAYLOAD "), PAYLOAD_INVALID},
        {STR_INIT(SIG "0"), PAYLOAD_INVALID},
        {STR_INIT(""), PAYLOAD_INVALID},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(sigv4_payload_mode(cases[i].value), cases[i].mode);
    assert_int_equal(sigv4_payload_mode(SIGV4_EMPTY_SHA256), PAYLOAD_HASH);
    assert_int_equal(sigv4_payload_mode(SIGV4_UNSIGNED_PAYLOAD), PAYLOAD_UNSIGNED);
    assert_int_equal(sigv4_payload_mode(SIGV4_STREAMING_UNSIGNED_TRAILER), PAYLOAD_UNSIGNED_TRAILER);
    (void)state;
}

#define CREDENTIAL_PARAM "X-Amz-Credential=AKIA%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
#define SIGNATURE_PARAM "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
#define ALL_BUT(algorithm, credential, date, expires, headers, signature) \
    algorithm "&" credential "&" date "&" expires "&" headers "&" signature
#define ALGORITHM_PARAM "X-Amz-Algorithm=AWS4-HMAC-SHA256"
#define DATE_PARAM "X-Amz-Date=20130524T000000Z"
#define EXPIRES_PARAM "X-Amz-Expires=86400"
#define HEADERS_PARAM "X-Amz-SignedHeaders=host%3Bx-amz-meta-a"

static void test_sigv4_parse_query_takes_each_part(void **state)
{
    struct fixture *f = *state;
    struct query_param params[16];
    struct sigv4_query q;
    size_t n = query_split(
        STR("x-id=GetObject&" ALL_BUT(
            ALGORITHM_PARAM, "X%2DAmz-Credential=a%2Fb%3A%2F20130524%2Feu-1%2Fs3%2Faws4_request", DATE_PARAM,
            EXPIRES_PARAM, HEADERS_PARAM, SIGNATURE_PARAM) "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-amz-date=other"),
        params, ARRAY_LEN(params));

    assert_true(sigv4_is_in_query(params, n));
    assert_int_equal(sigv4_parse_query(params, n, &f->arena, &q, NULL), ERR_NONE);
    assert_true(str_eq(q.auth.access_key, STR("a/b:")));
    assert_true(str_eq(q.auth.date, STR("20130524")));
    assert_true(str_eq(q.auth.region, STR("eu-1")));
    assert_true(str_eq(q.auth.service, STR("s3")));
    assert_true(str_eq(q.auth.signed_headers, STR("host;x-amz-meta-a")));
    assert_true(str_eq(str_head(q.auth.signature, 6), STR("aeeed9")));
    assert_true(str_eq(q.timestamp, STR("20130524T000000Z")));
    assert_true(str_eq(q.content_sha256, STR("UNSIGNED-PAYLOAD")));
    assert_int_equal(q.signed_s, 1369353600);
    assert_int_equal(q.expires_s, 86400);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(sigv4_is_auth_param(&params[i]), i != 0 && i != n - 1);
    assert_false(sigv4_is_in_query(params, 1));
}

static void test_sigv4_parse_query_refuses(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *query;
        enum err_code code;
        const char *says;
    } rows[] = {
        {ALL_BUT("a=b", CREDENTIAL_PARAM, DATE_PARAM, EXPIRES_PARAM, HEADERS_PARAM, SIGNATURE_PARAM), ERR_AUTH_QUERY,
         "X-Amz-Algorithm is missing"},
        {ALL_BUT(ALGORITHM_PARAM, "a=b", DATE_PARAM, EXPIRES_PARAM, HEADERS_PARAM, SIGNATURE_PARAM), ERR_AUTH_QUERY,
         "X-Amz-Credential is missing"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, "a=b", EXPIRES_PARAM, HEADERS_PARAM, SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "X-Amz-Date is missing"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, "x-amz-expires=5", HEADERS_PARAM, SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "X-Amz-Expires is missing"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, EXPIRES_PARAM, "a", SIGNATURE_PARAM), ERR_AUTH_QUERY,
         "X-Amz-SignedHeaders is missing"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, EXPIRES_PARAM, HEADERS_PARAM, "Signature=abc"),
         ERR_AUTH_QUERY, "X-Amz-Signature is missing"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, EXPIRES_PARAM, HEADERS_PARAM,
                 SIGNATURE_PARAM) "&X-Amz-Expires=9",
         ERR_AUTH_QUERY, "twice"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, EXPIRES_PARAM, HEADERS_PARAM,
                 SIGNATURE_PARAM) "&X-Amz-Sign%61ture=9",
         ERR_AUTH_QUERY, "twice"},
        {ALL_BUT("X-Amz-Algorithm=AWS4-HMAC-SHA1", CREDENTIAL_PARAM, DATE_PARAM, EXPIRES_PARAM, HEADERS_PARAM,
                 SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "only supports"},
        {ALL_BUT(ALGORITHM_PARAM, "X-Amz-Credential=AKIA%2F20130524%2Fs3%2Faws4_request", DATE_PARAM, EXPIRES_PARAM,
                 HEADERS_PARAM, SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "Credential"},
        {ALL_BUT(ALGORITHM_PARAM, "X-Amz-Credential=AKIA%2", DATE_PARAM, EXPIRES_PARAM, HEADERS_PARAM, SIGNATURE_PARAM),
         ERR_BAD_URI, "hex digits"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, "X-Amz-Date=20131324T000000Z", EXPIRES_PARAM, HEADERS_PARAM,
                 SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "ISO8601"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, "X-Amz-Date=Fri,%2024%20May%202013%2000:00:00%20GMT", EXPIRES_PARAM,
                 HEADERS_PARAM, SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "ISO8601"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, "X-Amz-Expires=0", HEADERS_PARAM, SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "604800"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, "X-Amz-Expires=604801", HEADERS_PARAM, SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "604800"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, "X-Amz-Expires=-1", HEADERS_PARAM, SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "a number"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, "X-Amz-Expires=18446744073709551617", HEADERS_PARAM,
                 SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "a number"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, EXPIRES_PARAM, "X-Amz-SignedHeaders=x%3Bhost",
                 SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "sorted"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, EXPIRES_PARAM, "X-Amz-SignedHeaders=", SIGNATURE_PARAM),
         ERR_AUTH_QUERY, "empty"},
        {ALL_BUT(ALGORITHM_PARAM, CREDENTIAL_PARAM, DATE_PARAM, EXPIRES_PARAM, HEADERS_PARAM,
                 "X-Amz-Signature=AEEED9BBCCD4D02EE5C0109B86D86835F995330DA4C265957D157751F604D404"),
         ERR_AUTH_QUERY, "64 lower-case"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct query_param params[16];
        struct sigv4_query q;
        struct err err = {0};
        size_t n = query_split(str_from(rows[i].query), params, ARRAY_LEN(params));

        if (sigv4_parse_query(params, n, &f->arena, &q, &err) != rows[i].code || !strstr(err.detail, rows[i].says))
            fail_msg("%s: %d %s", rows[i].query, err.code, err.detail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigv4_parse_query_takes_each_part),
        cmocka_unit_test(test_sigv4_parse_query_refuses),
        cmocka_unit_test(test_sigv4_vectors_all_parts_match),
        cmocka_unit_test(test_sigv4_vectors_published_values_match),
        cmocka_unit_test(test_sigv4_verify_tells_how_plus_was_read),
        cmocka_unit_test(test_sigv4_verify_takes_each_reading_and_tells_it),
        cmocka_unit_test(test_sigv4_verify_every_changed_byte_is_refused),
        cmocka_unit_test(test_sigv4_verify_mismatch_shows_our_texts),
        cmocka_unit_test(test_sigv4_verify_broken_escape_is_a_bad_uri),
        cmocka_unit_test(test_sigv4_verify_small_arena_is_no_memory),
        cmocka_unit_test(test_sigv4_canonical_request_header_values_are_collapsed),
        cmocka_unit_test(test_sigv4_canonical_request_takes_host_from_its_caller_only),
        cmocka_unit_test(test_sigv4_canonical_request_escapes_come_out_one_way),
        cmocka_unit_test(test_sigv4_authorization_verifies_and_names_its_headers),
        cmocka_unit_test(test_sigv4_headers_to_sign_nothing_to_sign_is_empty),
        cmocka_unit_test(test_sigv4_is_signed_whole_names_any_case),
        cmocka_unit_test(test_sigv4_key_changed_parts_and_secrets_are_noticed),
        cmocka_unit_test(test_sigv4_key_same_parts_are_the_same_key),
        cmocka_unit_test(test_sigv4_parse_authorization_good_values),
        cmocka_unit_test(test_sigv4_parse_authorization_bad_values_say_why),
        cmocka_unit_test(test_sigv4_parse_authorization_every_prefix_is_malformed),
        cmocka_unit_test(test_sigv4_parse_date_forms),
        cmocka_unit_test(test_sigv4_format_time_and_back),
        cmocka_unit_test(test_sigv4_payload_mode_values),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
