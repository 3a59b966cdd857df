/* SPDX-License-Identifier: Apache-2.0
 * test_sigv2.c: the vectors in tests/vectors/sigv2 (made by make_sigv2.py, partly published by AWS), tampering with
 * every byte that a signature covers and with what stands between them, which parameters are refused, the parsers.
 */
#include "aws/sign/sigv2.h"

#include "aws/s3/target.h"
#include "aws/sign/sigv4.h"
#include "http/head.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_PARAMS = 64, ARENA_BYTES = 16 * 1024 };

static const struct str SECRET = STR_INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

/* ---- a vector ---- */

static const char *const vectors[] = {
    "doc-get",
    "doc-put",
    "doc-list",
    "doc-fetch-acl",
    "doc-delete-date",
    "doc-delete",
    "doc-upload",
    "doc-list-buckets",
    "doc-unicode-key",
    "doc-query",
    "query",
    "host-global",
    "path-bucket-only",
    "path-bucket-slash",
    "path-slash-as-botocore",
    "path-escaped-slash",
    "path-odd-bytes",
    "sub-resources",
    "sub-resources-as-sent",
    "sub-resource-equals",
    "sub-resource-escaped-name",
    "sub-resource-repeated",
    "upload-part",
    "select",
    "response-overrides",
    "response-overrides-plus",
    "response-overrides-as-sent",
    "amz-headers",
    "token-header",
    "token-query",
    "amz-query",
    "amz-date-query",
    "date-utc",
    "date-gmt",
    "amz-date-only",
    "access-key-with-colon",
    "authorization-blanks",
};

static struct vector_part read_vector(const char *name, const char *part)
{
    return vector_read("sigv2", name, part);
}

/* ---- a small verifier, as a proxy's would be ---- */

struct fixture {
    struct digest *digest;
    struct arena arena;
};

struct verdict {
    struct head_request head;
    struct header fields[HEAD_MAX_FIELDS];
    struct uri uri;
    struct query_param query[MAX_PARAMS];
    struct sigv2_input in;
    struct sigv2_auth auth;
    struct str string_to_sign;
    int64_t expires_s;
    struct err err;
};

static int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (!f) return -1;
    f->digest = digest_new();
    arena_init(&f->arena, ARENA_BYTES, 64 * ARENA_BYTES);
    *state = f;
    return f->digest ? 0 : -1;
}

static int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    digest_free(&f->digest);
    arena_clear(&f->arena);
    free(f);
    return 0;
}

/* What Host says of the bucket: a name that is not S3's is the bucket's own. */
static bool find_host_bucket(struct str value, struct arena *arena, struct str *bucket)
{
    struct str host;
    struct s3_host s3;
    unsigned port;

    if (!uri_split_authority(value, &host, &port)) return false;
    struct sbuf lower = arena_sbuf(arena, host.n);
    sbuf_lower(&lower, host);
    *bucket = s3_host_parse(sbuf_str(&lower), &s3, NULL) == ERR_NONE ? s3.prefix : sbuf_str(&lower);
    return true;
}

/* Tells the forms apart and takes what the client proves itself with. */
static enum err_code take_auth(struct fixture *f, struct verdict *v)
{
    const struct header *h = headers_find(&v->head.headers, HDR_AUTHORIZATION);

    if (sigv2_is_in_query(v->query, v->in.query_n))
        return sigv2_parse_query(v->query, v->in.query_n, &f->arena, &v->auth, &v->in.expires, &v->expires_s, &v->err);
    return h ? sigv2_parse_header(h->value, &v->auth, &v->err) : ERR_NO_AUTH;
}

static bool is_known_key(struct str access_key)
{
    return str_eq(access_key, STR("AKIAIOSFODNN7EXAMPLE")) || str_eq(access_key, STR("team:reader"));
}

static enum err_code verify_code(struct fixture *f, struct str raw, struct verdict *v)
{
    arena_reset(&f->arena);
    v->string_to_sign = STR_NONE;
    v->in = (struct sigv2_input){.headers = &v->head.headers, .query = v->query};
    TRY(head_parse_request(raw, v->fields, &v->head, &v->err));
    TRY(uri_split(v->head.target, false, &v->uri, &v->err));
    v->in.method = v->head.method;
    v->in.raw_path = v->uri.path;
    v->in.query_n = query_split(v->uri.query, v->query, MAX_PARAMS);
    assert_true(v->in.query_n <= MAX_PARAMS);
    if (!find_host_bucket(v->head.host, &f->arena, &v->in.host_bucket)) return ERR_BAD_REQUEST;
    TRY(take_auth(f, v));
    if (!is_known_key(v->auth.access_key)) return ERR_UNKNOWN_KEY;
    TRY(sigv2_check_params(v->query, v->in.query_n, v->in.expires.n > 0, &v->err));
    return sigv2_verify(f->digest, SECRET, &v->in, &v->auth, &f->arena, &v->string_to_sign, &v->err);
}

static bool verify(struct fixture *f, struct str raw, struct verdict *v)
{
    return verify_code(f, raw, v) == ERR_NONE;
}

static void test_sigv2_vectors_all_parts_match(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct verdict v;
        struct vector_part request = read_vector(vectors[i], "request"),
                           text = read_vector(vectors[i], "string-to-sign"),
                           signature = read_vector(vectors[i], "signature");

        if (!verify(f, vector_str(&request), &v)) fail_msg("%s: %s", vectors[i], v.err.detail);
        assert_str(vectors[i], v.auth.signature, vector_str(&signature));
        if (str_find(str_from(vectors[i]), STR("-as-")) == SIZE_MAX) /* the documented variant */
            assert_str(vectors[i], sigv2_string_to_sign(&v.in, &f->arena), vector_str(&text));
    }
}

/* Amazon S3 Developer Guide, "Signing and authenticating REST requests"; '|' stands for a line feed. */
static void test_sigv2_vectors_published_values_match(void **state)
{
    static const struct {
        const char *name, *text, *signature;
    } published[] = {
        {"doc-get", "GET|||Tue, 27 Mar 2007 19:36:42 +0000|/awsexamplebucket1/photos/puppy.jpg",
         "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="},
        {"doc-put", "PUT||image/jpeg|Tue, 27 Mar 2007 21:15:45 +0000|/awsexamplebucket1/photos/puppy.jpg",
         "iqRzw+ileNPu1fhspnRs8nOjjIA="},
        {"doc-list", "GET|||Tue, 27 Mar 2007 19:42:41 +0000|/awsexamplebucket1/", "m0WP8eCtspQl5Ahe6L1SozdX9YA="},
        {"doc-fetch-acl", "GET|||Tue, 27 Mar 2007 19:44:46 +0000|/awsexamplebucket1/?acl",
         "82ZHiFIjc+WbcwFKGUVEQspPn+0="},
        {"doc-delete-date", "DELETE|||Tue, 27 Mar 2007 21:20:26 +0000|/awsexamplebucket1/photos/puppy.jpg",
         "XbyTlbQdu9Xw5o8P4iMwPktxQd8="},
        {"doc-delete", "DELETE||||x-amz-date:Tue, 27 Mar 2007 21:20:26 +0000|/awsexamplebucket1/photos/puppy.jpg",
         "Ri1hpB1zpS9pGqR7y8kuNFCl4sE="},
        {"doc-upload",
         "PUT|4gJE4saaMU4BqNR0kLY+lw==|application/x-download|Tue, 27 Mar 2007 21:06:08 +0000|x-amz-acl:public-read|"
         "x-amz-meta-checksumalgorithm:crc32|x-amz-meta-filechecksum:0x02661779|"
         "x-amz-meta-reviewedby:joe@awsexamplebucket1.net,jane@awsexamplebucket1.net|"
         "/static.awsexamplebucket1.net/db-backup.dat.gz",
         "dKZcB+bz2EPXgSdXZp9ozGeOM4I="},
        {"doc-list-buckets", "GET|||Wed, 28 Mar 2007 01:29:59 +0000|/", "qGdzdERIC03wnaRNKh6OqZehG9s="},
        {"doc-unicode-key", "GET|||Wed, 28 Mar 2007 01:49:49 +0000|/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
         "DNEZGsoieTZ92F3bUfSPQcbGmlM="},
        {"doc-query", "GET|||1175139620|/johnsmith/photos/puppy.jpg", "NpgCjnDzrM+WFzoENXmpNDUsSn8="},
        {"query", "GET|||1175139620|/awsexamplebucket1/photos/puppy.jpg", "1No4mq5ETf02z8aet9voy6gui6E="},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(published); i++) {
        struct verdict v;
        char text[512];
        struct vector_part request = read_vector(published[i].name, "request");

        assert_true(str_to_cstr(str_from(published[i].text), text, sizeof text));
        for (char *p = text; *p; p++)
            if (*p == '|') *p = '\n';
        assert_true(verify(f, vector_str(&request), &v));
        assert_str(published[i].name, sigv2_string_to_sign(&v.in, &f->arena), str_from(text));
        assert_str(published[i].name, v.auth.signature, str_from(published[i].signature));
    }
}

/* ---- tampering, byte by byte ---- */

/* Which bytes of the head a signature covers, and where the case of a letter is of no account. */
struct cover {
    bool covered[4096], caseless[4096];
};

static void cover_span(struct cover *c, struct str raw, struct str span, bool caseless)
{
    size_t from = (size_t)(span.p - raw.p);

    assert_true(span.n == 0 || (span.p >= raw.p && from + span.n <= raw.n));
    for (size_t i = from; i < from + span.n; i++) {
        c->covered[i] = true;
        c->caseless[i] = caseless;
    }
}

/* Names are compared and values signed as what they decode to, so digits of escapes have no case; names of headers have
 * none here, either. */
static void cover_param(struct cover *c, struct str raw, const struct query_param *p)
{
    struct str whole = str_make(p->name.p, p->name.n + p->value.n + (p->has_value ? 1 : 0));

    cover_span(c, raw, whole, false);
    if (header_is_amz(p->name)) cover_span(c, raw, p->name, true);
    for (size_t i = 0; i + 2 < whole.n; i++)
        if (whole.p[i] == '%') cover_span(c, raw, str_make(whole.p + i + 1, 2), true);
}

/* Any change of these is refused, by whatever check: of the others, only that they are not signed is certain. */
static bool is_param_covered(const struct query_param *p, bool query_form)
{
    if (sigv2_is_covered(p->name)) return true;
    return query_form && !sigv2_is_harmless(p->name) && !str_starts(p->name, STR("content-"));
}

static bool is_header_covered(const struct verdict *v, const struct header *h)
{
    bool has_amz_date = headers_find(&v->head.headers, HDR_X_AMZ_DATE) != NULL;

    switch (h->id) {
    case HDR_CONTENT_MD5:
    case HDR_CONTENT_TYPE:
    case HDR_AUTHORIZATION: return true;
    case HDR_DATE: return v->in.expires.n == 0 && !has_amz_date;
    default: return header_is_amz(h->name);
    }
}

static void cover_request(struct cover *c, struct str raw, const struct verdict *v)
{
    memset(c, 0, sizeof(*c));
    cover_span(c, raw, v->head.method, false);
    cover_span(c, raw, v->uri.path, false);
    for (size_t i = 0; i < v->in.query_n; i++)
        if (is_param_covered(&v->query[i], v->in.expires.n > 0)) cover_param(c, raw, &v->query[i]);
    for (size_t i = 0; i < v->head.headers.n; i++) {
        const struct header *h = &v->head.headers.v[i];
        if (h->id == HDR_HOST) cover_span(c, raw, str_head(h->value, v->in.host_bucket.n), true);
        if (!is_header_covered(v, h)) continue;
        /* an empty Content-Type and none at all are the same to the signature */
        if (h->value.n) cover_span(c, raw, h->name, true);
        cover_span(c, raw, h->value, false);
    }
}

/* True if the blanks after "AWS" are more or fewer, no matter to anybody. */
static bool is_blank_change(char was, char is)
{
    return (was == ' ' || was == '\t') && (is == ' ' || is == '\t');
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
            if (!same && !is_blank_change(was, request.bytes[i]) && verify(f, raw, &v))
                fail_msg("%s: byte %zu changed to 0x%02x verifies", name, i, (unsigned char)request.bytes[i]);
            tried += !same;
            request.bytes[i] = was;
        }
    assert_true(verify(f, raw, &v)); /* all changes were taken back */
    return tried;
}

static void test_sigv2_verify_every_changed_byte_is_refused(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        assert_true(tamper(f, vectors[i], 2) > 100);
    assert_true(tamper(f, "doc-upload", 255) > 50000);
    assert_true(tamper(f, "response-overrides", 255) > 50000);
    assert_true(tamper(f, "amz-query", 255) > 30000);
}

/* ---- tampering, part by part ---- */

/* The vector @name with the first @old replaced by @new. */
static struct vector_part changed(const char *name, const char *old, const char *new)
{
    struct vector_part from = read_vector(name, "request"), to;
    size_t at = str_find(vector_str(&from), str_from(old));

    if (at == SIZE_MAX) fail_msg("%s: no \"%s\"", name, old);
    struct sbuf b = sbuf_make(to.bytes, sizeof to.bytes);
    sbuf_add(&b, str_make(from.bytes, at));
    sbuf_add(&b, str_from(new));
    sbuf_add(&b, str_tail(vector_str(&from), at + strlen(old)));
    assert_false(b.overflow);
    to.n = b.n;
    return to;
}

static void test_sigv2_verify_changed_parts_are_refused(void **state)
{
    static const struct {
        const char *name, *old, *new;
        enum err_code code;
    } cases[] = {
        {"doc-get", "GET ", "PUT ", ERR_SIG_MISMATCH},
        {"doc-get", "GET ", "HEAD ", ERR_SIG_MISMATCH},
        {"doc-get", "puppy", "pupp%79", ERR_SIG_MISMATCH}, /* one key, another spelling */
        {"doc-get", "/photos", "//photos", ERR_SIG_MISMATCH},
        {"doc-get", "puppy.jpg", "puppy.jpg?acl", ERR_SIG_MISMATCH},
        {"doc-get", "puppy.jpg", "puppy.jpg?%61cl", ERR_SIG_MISMATCH},
        {"doc-get", "puppy.jpg", "puppy.jpg?versionId=1", ERR_SIG_MISMATCH},
        {"doc-get", "puppy.jpg", "puppy.jpg?response-content-type=text/html", ERR_SIG_MISMATCH},
        {"doc-get", "puppy.jpg", "puppy.jpg?retention", ERR_PARAM_NOT_SIGNED},
        {"doc-get", "puppy.jpg", "puppy.jpg?x-amz-acl=private", ERR_PARAM_NOT_SIGNED},
        {"doc-get", "Host: awsexamplebucket1.", "Host: other.", ERR_SIG_MISMATCH},
        {"doc-get", "Host: awsexamplebucket1.", "Host: ", ERR_SIG_MISMATCH},
        {"doc-get", "Date: Tue, 27", "Date: Wed, 28", ERR_SIG_MISMATCH},
        {"doc-get", "Date: Tue", "Date: Mon\r\nDate: Tue", ERR_SIG_MISMATCH},
        {"doc-get", "Date: Tue", "x-amz-date: Tue", ERR_SIG_MISMATCH},
        {"doc-get", "Date: Tue", "x-amz-date: Tue, 27 Mar 2007 19:36:42 +0000\r\nDate: Tue", ERR_SIG_MISMATCH},
        {"doc-get", "Date: Tue", "Content-Type: text/plain\r\nDate: Tue", ERR_SIG_MISMATCH},
        {"doc-get", "Date: Tue", "Content-MD5: 4gJE4saaMU4BqNR0kLY+lw==\r\nDate: Tue", ERR_SIG_MISMATCH},
        {"doc-get", "Date: Tue", "x-amz-security-token: t\r\nDate: Tue", ERR_SIG_MISMATCH},
        {"doc-get", "l1g=", "l1g", ERR_SIG_MISMATCH},
        {"doc-get", "l1g=", "l1g==", ERR_SIG_MISMATCH},
        {"doc-get", "EXAMPLE:", "EXAMPLE:x:", ERR_UNKNOWN_KEY},
        /* the guide's Delete example as printed: its signature is not by its own rule */
        {"doc-delete", "Ri1hpB1zpS9pGqR7y8kuNFCl4sE=", "XbyTlbQdu9Xw5o8P4iMwPktxQd8=", ERR_SIG_MISMATCH},
        {"doc-delete", "x-amz-date: Tue", "x-amz-date: Wed", ERR_SIG_MISMATCH},
        {"doc-put", "image/jpeg", "text/html", ERR_SIG_MISMATCH},
        {"doc-put", "Content-Type: image/jpeg", "Content-MD5: image/jpeg", ERR_SIG_MISMATCH},
        {"doc-put", "Content-Type: image/jpeg\r\n", "", ERR_SIG_MISMATCH},
        {"doc-put", "Content-Type", "Content-Type: text/html\r\nContent-Type", ERR_SIG_MISMATCH},
        {"doc-put", "Content-Length", "x-amz-acl: public-read\r\nContent-Length", ERR_SIG_MISMATCH},
        {"doc-put", "Content-Length", "x-amz-copy-source: /b/k\r\nContent-Length", ERR_SIG_MISMATCH},
        {"doc-put", "puppy.jpg", "puppy.jpg?uploadId=x&partNumber=1", ERR_SIG_MISMATCH},
        {"doc-put", "puppy.jpg", "puppy.jpg?renameObject", ERR_PARAM_NOT_SIGNED},
        {"doc-upload", "X-Amz-Acl: public-read\r\n", "", ERR_SIG_MISMATCH},
        {"doc-upload", "X-Amz-Acl: public-read", "X-Amz-Acl: private", ERR_SIG_MISMATCH},
        {"doc-upload", "joe@awsexamplebucket1.net\r\n", "x\r\n", ERR_SIG_MISMATCH},
        {"doc-upload", "X-Amz-Meta-File", "X-Amz-Meta-ReviewedBy: x\r\nX-Amz-Meta-File", ERR_SIG_MISMATCH},
        {"doc-fetch-acl", "?acl", "", ERR_SIG_MISMATCH},
        {"doc-fetch-acl", "?acl", "?cors", ERR_SIG_MISMATCH},
        {"doc-fetch-acl", "?acl", "?acl=x", ERR_SIG_MISMATCH},
        {"doc-fetch-acl", "?acl", "?acl&policy", ERR_SIG_MISMATCH},
        {"doc-fetch-acl", "?acl", "?acl&acl", ERR_SIG_MISMATCH},
        {"doc-fetch-acl", "?acl", "?ACL", ERR_PARAM_NOT_SIGNED},
        {"doc-fetch-acl", "?acl", "?acl&encryption", ERR_PARAM_NOT_SIGNED},
        {"query", "Expires=1175139620", "Expires=1175139621", ERR_SIG_MISMATCH},
        {"query", "Expires=1175139620", "Expires=01175139620", ERR_SIG_MISMATCH},
        {"query", "Expires=1175139620", "Expires=1175139620&Expires=9999999999", ERR_AUTH_V2_QUERY},
        {"query", "GET ", "DELETE ", ERR_SIG_MISMATCH},
        {"query", "?", "?tagging&", ERR_SIG_MISMATCH},
        {"query", "?", "?attributes&", ERR_PARAM_NOT_SIGNED},
        {"query", "?", "?x-amz-acl=public-read&", ERR_SIG_MISMATCH},
        {"query", "?", "?X-Amz-Security-Token=t&", ERR_SIG_MISMATCH},
        {"query", "?", "?x-amz-copy-source=/b/k&", ERR_PARAM_NOT_SIGNED},
        {"query", "?", "?versionId=%zz&", ERR_BAD_URI},
        {"query", "?", "?versionId=a%0Ab&", ERR_BAD_URI},
        {"token-query", "FwoGZXIv", "FwoGZXIw", ERR_SIG_MISMATCH},
        {"token-query", "x-amz-security-token", "x-amz-meta-token", ERR_SIG_MISMATCH},
        {"token-header", "x-amz-security-token", "x-amz-security-tokem", ERR_SIG_MISMATCH},
        {"amz-query", "x-amz-acl=public-read", "x-amz-acl=private", ERR_SIG_MISMATCH},
        {"amz-query", "Content-Type: text/plain", "Content-Type: text/html", ERR_SIG_MISMATCH},
        /* other requests whose lines, put together carelessly, would be the same text */
        {"amz-query", "x-amz-meta-b=two%20words&x-amz-acl=public-read",
         "x-amz-acl%3Apublic-read%0Ax-amz-meta-b=two%20words", ERR_PARAM_NOT_SIGNED},
        {"amz-query", "x-amz-meta-b=two%20words&x-amz-acl=public-read",
         "x-amz-acl=public-read%0Ax-amz-meta-b%3Atwo%20words", ERR_BAD_URI},
        {"upload-part", "?uploadId=VXBsb2Fk.x-_&partNumber=2", "?partNumber=2%26uploadId%3DVXBsb2Fk.x-_", ERR_BAD_URI},
        {"sub-resources", "versionId=", "versionId=%26acl%3D", ERR_BAD_URI},
        {"sub-resource-repeated", "versionId=b&acl&versionId=a", "versionId=a&acl&versionId=b", ERR_SIG_MISMATCH},
        {"sub-resource-repeated", "versionId=b&acl&versionId=a", "acl&versionId=b", ERR_SIG_MISMATCH},
        {"sub-resources-as-sent", "versionId=a%2Bb", "versionId=a+b", ERR_SIG_MISMATCH},
        {"sub-resources-as-sent", "a%2Bb%2Fc", "a%2Bb%2fc", ERR_SIG_MISMATCH},
        {"sub-resources-as-sent", "acl=", "acl", ERR_SIG_MISMATCH},
        {"path-bucket-only", "/awsexamplebucket1", "/awsexamplebucket1/", ERR_SIG_MISMATCH},
        {"path-escaped-slash", "%2fk/", "%2fk", ERR_SIG_MISMATCH},
        {"path-slash-as-botocore", "/awsexamplebucket1", "/", ERR_SIG_MISMATCH},
        {"path-slash-as-botocore", "/awsexamplebucket1", "/awsexamplebucket1/k", ERR_SIG_MISMATCH},
        {"path-slash-as-botocore", "/awsexamplebucket1", "/awsexamplebucket1//", ERR_SIG_MISMATCH},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct verdict v;
        struct vector_part request = changed(cases[i].name, cases[i].old, cases[i].new);
        enum err_code code = verify_code(f, vector_str(&request), &v);
        if (code != cases[i].code)
            fail_msg("%s, \"%s\" for \"%s\": %s", cases[i].name, cases[i].new, cases[i].old, err_info(code)->word);
    }
}

/* What is not signed, or can be said in two ways, may differ. */
static void test_sigv2_verify_changes_without_meaning_are_accepted(void **state)
{
    static const struct {
        const char *name, *old, *new;
    } cases[] = {
        {"doc-get", "Host: awsexamplebucket1.", "HOST: AwsExampleBucket1."},
        {"doc-get", "GET /photos/puppy.jpg HTTP/1.1\r\nHost: awsexamplebucket1.",
         "GET /awsexamplebucket1/photos/puppy.jpg HTTP/1.1\r\nHost: "}, /* the same bucket and key */
        {"doc-get", "puppy.jpg", "puppy.jpg?x-id=GetObject"},
        {"doc-get", "Date: ", "Range: bytes=0-1\r\nDate: "},
        {"doc-get", "Date: ", "Content-Type:\r\nDate: "},
        {"doc-list", "prefix=photos", "prefix=other&list-type=2"},
        {"doc-fetch-acl", "?acl", "?%61%63l="},
        {"doc-delete", "Date: Tue, 27 Mar 2007 21:20:27", "Date: Wed, 28 Mar 2007 21:20:27"},
        {"doc-upload", "X-Amz-Acl: public-read", "x-AMZ-acl:   public-read "},
        {"doc-upload", "joe@awsexamplebucket1.net\r\nX-Amz-Meta-ReviewedBy: ", "joe@awsexamplebucket1.net,"},
        {"sub-resources-as-sent", "versionId=a%2Bb%2Fc&acl=", "acl=&versionId=a%2Bb%2Fc"},
        {"path-slash-as-botocore", "/awsexamplebucket1", "/awsexamplebucket1/"},
        {"amz-query", "x-amz-meta-b=two%20words", "X-Amz-Meta-B=two+words"},
        {"amz-query", "&content-type=text%2Fplain", ""},
        {"query", "Signature=1No4mq5ETf02z8aet9voy6gui6E%3D", "%53ignature=1No4mq5ETf02z8aet9voy6gui6E="},
        {"doc-query", "NpgCjnDzrM%2BWF", "NpgCjnDzrM+WF"},
        {"response-overrides", "%20", "+"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct verdict v;
        struct vector_part request = changed(cases[i].name, cases[i].old, cases[i].new);
        if (!verify(f, vector_str(&request), &v)) fail_msg("%s, \"%s\": %s", cases[i].name, cases[i].new, v.err.detail);
    }
}

static void test_sigv2_verify_mismatch_shows_our_text(void **state)
{
    struct fixture *f = *state;
    struct verdict v;
    struct vector_part request = changed("sub-resources-as-sent", "GET ", "PUT ");

    assert_int_equal(verify_code(f, vector_str(&request), &v), ERR_SIG_MISMATCH);
    assert_str("string", v.string_to_sign,
               STR("PUT\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n"
                   "/awsexamplebucket1/photos/puppy.jpg?acl&versionId=a+b/c"));
    assert_int_equal(sigv2_verify(f->digest, SECRET, &v.in, &v.auth, &f->arena, NULL, NULL), ERR_SIG_MISMATCH);
}

static void test_sigv2_verify_another_secret_is_refused(void **state)
{
    struct fixture *f = *state;
    struct verdict v;
    struct vector_part request = read_vector("doc-get", "request");

    assert_true(verify(f, vector_str(&request), &v));
    for (size_t n = 0; n <= SECRET.n; n++)
        assert_int_equal(sigv2_verify(f->digest, str_head(SECRET, n), &v.in, &v.auth, &f->arena, NULL, NULL),
                         n == SECRET.n ? ERR_NONE : ERR_SIG_MISMATCH);
}

/* Each limit is either too small, and said to be so, or enough: never a wrong verdict, never a crash. */
static void test_sigv2_verify_small_arena_is_no_memory(void **state)
{
    static const char *const names[] = {"amz-query", "sub-resources-as-sent", "response-overrides"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct verdict v;
        struct vector_part request = read_vector(names[i], "request");
        size_t refused = 0;

        assert_true(verify(f, vector_str(&request), &v));
        for (size_t limit = 0; limit < 8192; limit += 16) {
            struct arena small;
            struct sigv2_auth auth;
            struct str expires;
            int64_t expires_s;
            arena_init(&small, 256, limit);
            enum err_code code = sigv2_verify(f->digest, SECRET, &v.in, &v.auth, &small, NULL, &v.err);
            assert_true(code == ERR_NO_MEMORY || code == ERR_NONE);
            refused += code == ERR_NO_MEMORY;
            arena_reset(&small);
            if (v.in.expires.n)
                assert_int_equal(sigv2_parse_query(v.query, v.in.query_n, &small, &auth, &expires, &expires_s, NULL),
                                 limit < 32 ? ERR_NO_MEMORY : ERR_NONE);
            arena_clear(&small);
        }
        assert_true(refused > 10 && refused < 512);
    }
}

/* ---- query parameters ---- */

static void test_sigv2_names_which_are_covered_and_which_harmless(void **state)
{
    enum { COVERED = 1, HARMLESS = 2, NEITHER = 0 };
    static const struct {
        const char *name;
        int what;
    } cases[] = {
        {"accelerate", COVERED},
        {"acl", COVERED},
        {"analytics", COVERED},
        {"cors", COVERED},
        {"defaultObjectAcl", COVERED},
        {"delete", COVERED},
        {"inventory", COVERED},
        {"lifecycle", COVERED},
        {"location", COVERED},
        {"logging", COVERED},
        {"metrics", COVERED},
        {"notification", COVERED},
        {"object-lock", COVERED},
        {"partNumber", COVERED},
        {"policy", COVERED},
        {"replication", COVERED},
        {"requestPayment", COVERED},
        {"response-cache-control", COVERED},
        {"response-content-disposition", COVERED},
        {"response-content-encoding", COVERED},
        {"response-content-language", COVERED},
        {"response-content-type", COVERED},
        {"response-expires", COVERED},
        {"restore", COVERED},
        {"select", COVERED},
        {"select-type", COVERED},
        {"storageClass", COVERED},
        {"tagging", COVERED},
        {"torrent", COVERED},
        {"uploadId", COVERED},
        {"uploads", COVERED},
        {"versionId", COVERED},
        {"versioning", COVERED},
        {"versions", COVERED},
        {"website", COVERED},
        {"%76ersion%49d", COVERED},
        {"bucket-region", HARMLESS},
        {"continuation-token", HARMLESS},
        {"delimiter", HARMLESS},
        {"encoding-type", HARMLESS},
        {"fetch-owner", HARMLESS},
        {"key-marker", HARMLESS},
        {"list-type", HARMLESS},
        {"marker", HARMLESS},
        {"max-buckets", HARMLESS},
        {"max-keys", HARMLESS},
        {"max-parts", HARMLESS},
        {"max-uploads", HARMLESS},
        {"part-number-marker", HARMLESS},
        {"prefix", HARMLESS},
        {"start-after", HARMLESS},
        {"upload-id-marker", HARMLESS},
        {"version-id-marker", HARMLESS},
        {"x-id", HARMLESS},
        {"%70refix", HARMLESS},
        /* what S3 has learned since, and would do something else for */
        {"abac", NEITHER},
        {"annotation", NEITHER},
        {"annotationName", NEITHER},
        {"attributes", NEITHER},
        {"encryption", NEITHER},
        {"id", NEITHER},
        {"intelligent-tiering", NEITHER},
        {"legal-hold", NEITHER},
        {"metadataConfiguration", NEITHER},
        {"metadataInventoryTable", NEITHER},
        {"metadataJournalTable", NEITHER},
        {"metadataTable", NEITHER},
        {"ownershipControls", NEITHER},
        {"policyStatus", NEITHER},
        {"publicAccessBlock", NEITHER},
        {"renameObject", NEITHER},
        {"retention", NEITHER},
        {"session", NEITHER},
        {"ac", NEITHER},
        {"aclx", NEITHER},
        {"acl%00", NEITHER},
        {"Acl", NEITHER},
        {"versionid", NEITHER},
        {"acl%", NEITHER},
        {"", NEITHER},
        {"~", NEITHER},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str name = str_from(cases[i].name);
        int got = (sigv2_is_covered(name) ? COVERED : 0) | (sigv2_is_harmless(name) ? HARMLESS : 0);
        if (got != cases[i].what) fail_msg("%s: %d", cases[i].name, got);
    }
    (void)state;
}

static void test_sigv2_check_params_table(void **state)
{
    static const struct {
        const char *query;
        const char *header_form, *query_form; /* what the refusal says, or NULL */
    } cases[] = {
        {"", NULL, NULL},
        {"acl&prefix=a&x-id=GetObject&versionId=", NULL, NULL},
        {"AWSAccessKeyId=A&Expires=1&Signature=s&X-Amz-Security-Token=t&Content-Type=a&content-md5=b", NULL, NULL},
        {"acl&encryption", "\"encryption\" is not covered", "\"encryption\" is not covered"},
        {"%65ncryption", "\"%65ncryption\" is not covered", "\"%65ncryption\" is not covered"},
        {"analytics&id=1", "\"id\" is not covered", "\"id\" is not covered"},
        {"awsaccesskeyid=A", "\"awsaccesskeyid\" is not covered", "\"awsaccesskeyid\" is not covered"},
        {"=x", "\"\" is not covered", "\"\" is not covered"},
        {"acl%zz", "\"acl%zz\" is not covered", "\"acl%zz\" is not covered"},
        {"x-amz-acl=private&X-Amz-Meta-A=1", "\"x-amz-acl\" must be sent as a header", NULL},
        {"x-amz-server-side-encryption=AES256", "must be sent as a header", NULL},
        {"X-Amz-Copy-Source=/b/k", "\"X-Amz-Copy-Source\" must be", "\"X-Amz-Copy-Source\" must be"},
        {"x-amz-content-sha256=UNSIGNED-PAYLOAD", "must be sent as a header", "must be sent as a header"},
        {"x-amz-decoded-content-length=1", "must be sent as a header", "must be sent as a header"},
        {"x-amz-date=x", "must be sent as a header", "must be sent as a header"},
        {"x-amz-acl%0Ax-amz-a=1", "is not covered", "is not covered"},
        {"x-amz-acl%3Ax=1", "is not covered", "is not covered"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int query_form = 0; query_form <= 1; query_form++) {
            struct query_param params[MAX_PARAMS];
            struct err err = {.code = ERR_NONE};
            const char *says = query_form ? cases[i].query_form : cases[i].header_form;
            size_t n = query_split(str_from(cases[i].query), params, MAX_PARAMS);
            enum err_code code = sigv2_check_params(params, n, query_form, &err);
            if (code != (says ? ERR_PARAM_NOT_SIGNED : ERR_NONE) || (says && !strstr(err.detail, says)))
                fail_msg("%s, form %d: %s \"%s\"", cases[i].query, query_form, err_info(code)->word, err.detail);
        }
    (void)state;
}

static void test_sigv2_check_params_long_name_is_refused(void **state)
{
    char name[4096];
    struct query_param p = {.name = {name, sizeof name}};

    memset(name, 'a', sizeof name);
    memcpy(name, "x-amz-", 6);
    assert_int_equal(sigv2_check_params(&p, 1, true, NULL), ERR_PARAM_NOT_SIGNED);
    for (size_t n = 0; n < sizeof name; n += 3)
        memcpy(name + n, "%61", n + 3 <= sizeof name ? 3 : sizeof name - n);
    assert_int_equal(sigv2_check_params(&p, 1, true, NULL), ERR_PARAM_NOT_SIGNED);
    (void)state;
}

static void test_sigv2_auth_params_are_told_apart(void **state)
{
    static const struct {
        const char *query;
        bool in_query, is_auth; /* is_auth: the first parameter */
    } cases[] = {
        {"AWSAccessKeyId=A", true, true},
        {"Signature", true, true},
        {"prefix=a&%53ignature=x", true, false},
        {"%41WSAccessKeyId=A", true, true},
        {"Expires=1", false, true},
        {"x-amz-security-token=t", false, true},
        {"X-Amz-Security-Token=t", false, true},
        {"content-type=a", false, true},
        {"Content-MD5=a", false, true},
        {"signature=x", false, false},
        {"AWSAccessKeyI=A", false, false},
        {"X-Amz-Signature=x", false, false},
        {"response-expires=x", false, false},
        {"x-amz-acl=x", false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct query_param params[MAX_PARAMS];
        size_t n = query_split(str_from(cases[i].query), params, MAX_PARAMS);
        if (sigv2_is_in_query(params, n) != cases[i].in_query || sigv2_is_auth_param(&params[0]) != cases[i].is_auth)
            fail_msg("%s", cases[i].query);
    }
    assert_false(sigv2_is_in_query(NULL, 0));
    (void)state;
}

/* ---- parsers ---- */

static void test_sigv2_parse_header_table(void **state)
{
    static const struct {
        const char *value, *access_key, *signature; /* NULL: refused */
    } cases[] = {
        {"AWS AKID:c2ln", "AKID", "c2ln"},
        {"AWS a:b:c:c2ln=", "a:b:c", "c2ln="},
        {"AWS   AKID:c2ln \t", "AKID", "c2ln"},
        {"AWS team/x@y.z+~:s", "team/x@y.z+~", "s"},
        {"", NULL, NULL},
        {"AWS", NULL, NULL},
        {"AWS ", NULL, NULL},
        {"AWS :", NULL, NULL},
        {"AWS :sig", NULL, NULL},
        {"AWS AKID", NULL, NULL},
        {"AWS AKID:", NULL, NULL},
        {"AWS AKID: sig", NULL, NULL},
        {"AWS AKID :sig", NULL, NULL},
        {"AWS AK ID:sig", NULL, NULL},
        {"AWS AK\xc3\xa9:sig", NULL, NULL},
        {"AWS AKID:si\x01g", NULL, NULL},
        {"aws AKID:sig", NULL, NULL},
        {"AWS\tAKID:sig", NULL, NULL},
        {"AWSAKID:sig", NULL, NULL},
        {" AWS AKID:sig", NULL, NULL},
        {"AWS4-HMAC-SHA256 Credential=a:b", NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sigv2_auth auth;
        struct err err = {.code = ERR_NONE};
        enum err_code code = sigv2_parse_header(str_from(cases[i].value), &auth, &err);
        if (code != (cases[i].access_key ? ERR_NONE : ERR_AUTH_V2_HEADER)) fail_msg("%s", cases[i].value);
        if (!cases[i].access_key) {
            assert_string_equal(err.detail, "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature");
            continue;
        }
        assert_str("access key", auth.access_key, str_from(cases[i].access_key));
        assert_str("signature", auth.signature, str_from(cases[i].signature));
    }
    (void)state;
}

static void test_sigv2_parse_query_table(void **state)
{
#define KEY "AWSAccessKeyId=AKID"
#define SIG "&Signature=a%2Bb%2F%3D"
    static const struct {
        const char *query;
        enum err_code code;
        int64_t expires_s;
    } cases[] = {
        {KEY SIG "&Expires=1175139620", ERR_NONE, 1175139620},
        {"acl&Expires=0&x=y" SIG "&" KEY, ERR_NONE, 0},
        {KEY "&Signature=a+b/=&%45xpires=253402300799", ERR_NONE, 253402300799},
        {KEY SIG, ERR_AUTH_V2_QUERY, 0},
        {KEY "&Expires=1", ERR_AUTH_V2_QUERY, 0},
        {"Expires=1" SIG, ERR_AUTH_V2_QUERY, 0},
        {"", ERR_AUTH_V2_QUERY, 0},
        {KEY SIG "&Expires", ERR_AUTH_V2_QUERY, 0},
        {KEY SIG "&Expires=", ERR_AUTH_V2_QUERY, 0},
        {KEY "&Signature=&Expires=1", ERR_AUTH_V2_QUERY, 0},
        {"AWSAccessKeyId" SIG "&Expires=1", ERR_AUTH_V2_QUERY, 0},
        {KEY SIG SIG "&Expires=1", ERR_AUTH_V2_QUERY, 0},
        {KEY SIG "&" KEY "&Expires=1", ERR_AUTH_V2_QUERY, 0},
        {KEY SIG "&Expires=1&%45xpires=1", ERR_AUTH_V2_QUERY, 0},
        {KEY SIG "&expires=1", ERR_AUTH_V2_QUERY, 0},
        {KEY "%0A" SIG "&Expires=1", ERR_AUTH_V2_QUERY, 0},
        {KEY "%20" SIG "&Expires=1", ERR_AUTH_V2_QUERY, 0},
        {KEY "%" SIG "&Expires=1", ERR_AUTH_V2_QUERY, 0},
        {KEY SIG "&Expires=-1", ERR_AUTH_V2_EXPIRES, 0},
        {KEY SIG "&Expires=%2B1", ERR_AUTH_V2_EXPIRES, 0},
        {KEY SIG "&Expires=1.5", ERR_AUTH_V2_EXPIRES, 0},
        {KEY SIG "&Expires=0x1", ERR_AUTH_V2_EXPIRES, 0},
        {KEY SIG "&Expires=253402300800", ERR_AUTH_V2_EXPIRES, 0},
        {KEY SIG "&Expires=18446744073709551617", ERR_AUTH_V2_EXPIRES, 0},
        {KEY SIG "&Expires=Tue,%2027%20Mar%202007%2019:36:42%20GMT", ERR_AUTH_V2_QUERY, 0},
    };
#undef KEY
#undef SIG
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct query_param params[MAX_PARAMS];
        struct sigv2_auth auth;
        struct str expires;
        int64_t expires_s = -1;
        size_t n = query_split(str_from(cases[i].query), params, MAX_PARAMS);
        enum err_code code = sigv2_parse_query(params, n, &f->arena, &auth, &expires, &expires_s, NULL);
        if (code != cases[i].code) fail_msg("%s: %s", cases[i].query, err_info(code)->word);
        if (code != ERR_NONE) continue;
        assert_str("access key", auth.access_key, STR("AKID"));
        assert_str("signature", auth.signature, STR("a+b/="));
        assert_int_equal(expires_s, cases[i].expires_s);
    }
}

/* ---- string to sign ---- */

static void test_sigv2_string_to_sign_without_bucket_and_path_is_the_root(void **state)
{
    struct fixture *f = *state;
    struct headers none = {NULL, 0};
    struct sigv2_input in = {.method = STR("GET"), .headers = &none};

    assert_str("nothing", sigv2_string_to_sign(&in, &f->arena), STR("GET\n\n\n\n/"));
    in.host_bucket = STR("b");
    assert_str("bucket", sigv2_string_to_sign(&in, &f->arena), STR("GET\n\n\n\n/b/"));
}

static void test_sigv2_string_to_sign_bad_params_give_none(void **state)
{
    static const struct {
        const char *query;
        bool query_form_only;
    } cases[] = {
        {"acl=%", false},
        {"acl=%0d", false},
        {"acl=a%7f", false},
        {"acl=&versionId=%a", false},
        {"acl=x%26acl", false},
        {"response-content-type=a%26%26location=b", false},
        {"x-amz-meta-a=%0a", true},
        {"x-amz-meta-a=%zz", true},
        {"x-amz-acl%3Aprivate%0Ax-amz-meta-a=1", true},
        {"x-amz-meta%3Aa=1", true},
        {"X-Amz-Meta%20a=1", true},
    };
    struct fixture *f = *state;
    struct headers none = {NULL, 0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int query_form = 0; query_form <= 1; query_form++) {
            struct query_param params[MAX_PARAMS];
            struct sigv2_input in = {.method = STR("GET"), .headers = &none, .query = params};
            in.query_n = query_split(str_from(cases[i].query), params, MAX_PARAMS);
            if (query_form) in.expires = STR("1");
            bool given = sigv2_string_to_sign(&in, &f->arena).p != NULL;
            if (given != (cases[i].query_form_only && !query_form)) fail_msg("%s, form %d", cases[i].query, query_form);
        }
}

/* What Signature Version 2 clients send, and sigv4_parse_date must therefore read. */
static void test_sigv2_dates_of_all_clients_are_read(void **state)
{
    static const char *const dates[] = {
        "Tue, 27 Mar 2007 19:36:42 GMT",   /* botocore, boto: formatdate(usegmt=True); s3fs, perl, JavaScript */
        "Tue, 27 Mar 2007 19:36:42 +0000", /* the guide; s3cmd, in x-amz-date */
        "Tue, 27 Mar 2007 19:36:42 UTC",   /* rclone, minio-go, libs3 */
        "Wed, 28 Mar 2007 04:36:42 +0900", /* shell scripts: date -R */
        "20070327T193642Z",
    };
    int64_t unix_s;

    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        assert_true(sigv4_parse_date(str_from(dates[i]), &unix_s));
        assert_int_equal(unix_s, 1175024202);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigv2_vectors_all_parts_match),
        cmocka_unit_test(test_sigv2_vectors_published_values_match),
        cmocka_unit_test(test_sigv2_verify_every_changed_byte_is_refused),
        cmocka_unit_test(test_sigv2_verify_changed_parts_are_refused),
        cmocka_unit_test(test_sigv2_verify_changes_without_meaning_are_accepted),
        cmocka_unit_test(test_sigv2_verify_mismatch_shows_our_text),
        cmocka_unit_test(test_sigv2_verify_another_secret_is_refused),
        cmocka_unit_test(test_sigv2_verify_small_arena_is_no_memory),
        cmocka_unit_test(test_sigv2_names_which_are_covered_and_which_harmless),
        cmocka_unit_test(test_sigv2_check_params_table),
        cmocka_unit_test(test_sigv2_check_params_long_name_is_refused),
        cmocka_unit_test(test_sigv2_auth_params_are_told_apart),
        cmocka_unit_test(test_sigv2_parse_header_table),
        cmocka_unit_test(test_sigv2_parse_query_table),
        cmocka_unit_test(test_sigv2_string_to_sign_without_bucket_and_path_is_the_root),
        cmocka_unit_test(test_sigv2_string_to_sign_bad_params_give_none),
        cmocka_unit_test(test_sigv2_dates_of_all_clients_are_read),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
