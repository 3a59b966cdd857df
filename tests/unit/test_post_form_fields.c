/* SPDX-License-Identifier: Apache-2.0
 * test_post_form_fields.c: the forms in tests/vectors/post_form (made by make_post_form.py with boto3, requests, curl;
 * one is published by AWS) from the first byte to verified signature, fulfilled policy and content; then key,
 * signatures and headers as tables.
 */
#include "aws/form/post_policy.h"

#include "base/secret.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ARENA_BYTES = 8 * 1024, ARENA_LIMIT = 256 * 1024, NOW_2026 = 1767323045 /* 2026-01-02T03:04:05Z */ };

static const struct str SECRET = STR_INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

struct fixture {
    struct digest *digest;
    struct sigv4_keys *keys;
    struct arena arena;
    struct post_form form;
    struct err err;
};

static int fixture_setup(void **state)
{
    struct fixture *x = calloc(1, sizeof(*x));

    if (!x) return -1;
    x->digest = digest_new();
    x->keys = sigv4_keys_new(4);
    arena_init(&x->arena, ARENA_BYTES, ARENA_LIMIT);
    *state = x;
    return x->digest && x->keys ? 0 : -1;
}

static int fixture_teardown(void **state)
{
    struct fixture *x = *state;

    digest_free(&x->digest);
    sigv4_keys_free(&x->keys);
    arena_clear(&x->arena);
    free(x);
    return 0;
}

/* ---- forms of real clients ---- */

#define TEXT "First line.\r\nSecond line.\r\n"

static const struct vector {
    const char *name;
    const char *bucket;
    int64_t now_s;
    enum form_auth_kind kind;
    struct str key, region, token, content;
    size_t content_n;    /* where @content is not all of it */
    size_t after_file_n; /* bytes of fields behind the file */
} vectors[] = {
    {"aws-example", "sigv4examplebucket", 1451433600 /* 2015-12-30T00:00:00Z */, FORM_SIGV4,
     STR_INIT("user/user1/photo.jpg"), STR_INIT("us-east-1"), STR_NONE,
     STR_INIT("\xff\xd8\xff\xe0 not much of a picture"), 0, 112},
    {"boto3-requests", "uploads", NOW_2026, FORM_SIGV4, STR_INIT("in/ one.txt"), STR_INIT("ap-northeast-1"), STR_NONE,
     STR_INIT(TEXT), 0, 0},
    {"boto3-curl", "uploads", NOW_2026, FORM_SIGV4, STR_INIT("in/fixed name.bin"), STR_INIT("ap-northeast-1"), STR_NONE,
     STR_INIT("\0\1\2"), 269, 0},
    {"boto3-curl-escape", "uploads", NOW_2026, FORM_SIGV4, STR_INIT("in/c.bin"), STR_INIT("ap-northeast-1"), STR_NONE,
     STR_INIT("\0\1\2"), 269, 0},
    {"boto3-token", "uploads", NOW_2026, FORM_SIGV4, STR_INIT("in/\xc3\xbc \xe2\x80\x94 x.txt"),
     STR_INIT("ap-northeast-1"), STR_INIT("the/session+token=="), STR_INIT(TEXT), 0, 0},
    {"boto3-v2", "uploads", NOW_2026, FORM_SIGV2, STR_INIT("in/plain.txt"), STR_NONE, STR_NONE, STR_INIT(TEXT), 0, 0},
    {"browser-no-file", "uploads", NOW_2026, FORM_SIGV4, STR_INIT("in/"), STR_INIT("ap-northeast-1"), STR_NONE,
     STR_INIT(""), 0, 0},
};

static void assert_content(struct fixture *x, const struct vector *v, struct str body, size_t file_at)
{
    size_t n = v->content_n ? v->content_n : v->content.n, content;
    bool ended;

    assert_int_equal(post_form_content(&x->form, str_tail(body, file_at), true, &content, &ended, &x->err), ERR_NONE);
    assert_true(ended);
    assert_int_equal(content, n);
    assert_str(v->name, str_make(body.p + file_at, v->content.n), v->content);
    assert_true(post_form_expected(&x->form, body.n, file_at, true) == n + v->after_file_n);
}

static bool signature_is_right(struct fixture *x, const struct post_form_auth *auth)
{
    char ours[SHA256_HEX];
    const struct hmac_key *key =
        sigv4_key(x->keys, x->digest, auth->v4.access_key, SECRET, auth->v4.date, auth->v4.region, auth->v4.service);

    assert_non_null(key);
    sigv4_signature(x->digest, key, auth->policy, ours);
    return secret_equal(str_make(ours, sizeof ours), auth->v4.signature);
}

static void assert_auth(struct fixture *x, const struct vector *v, struct post_form_auth *auth)
{
    assert_int_equal(post_form_auth(&x->form, auth, &x->err), ERR_NONE);
    assert_int_equal(auth->kind, v->kind);
    assert_str(v->name, auth->token, v->token);
    if (v->kind == FORM_SIGV2) {
        assert_str(v->name, auth->access_key, STR("AKIAIOSFODNN7EXAMPLE"));
        assert_str(v->name, auth->signature, STR("L7bOHIv7Ppe7kkWBpRyhd3dFop4="));
        return;
    }
    assert_str(v->name, auth->v4.access_key, STR("AKIAIOSFODNN7EXAMPLE"));
    assert_str(v->name, auth->v4.region, v->region);
    assert_true(signature_is_right(x, auth));
    auth->policy.n--;
    assert_false(signature_is_right(x, auth));
    auth->policy.n++;
}

static void check_vector(struct fixture *x, const struct vector *v)
{
    struct vector_part type = vector_read("post_form", v->name, "content-type"),
                       body = vector_read("post_form", v->name, "body");
    struct str boundary, key;
    struct post_form_auth auth;
    struct post_policy policy;
    size_t file_at;

    arena_reset(&x->arena);
    assert_int_equal(post_form_boundary(vector_str(&type), &boundary, &x->err), ERR_NONE);
    post_form_init(&x->form, boundary);
    assert_int_equal(post_form_read(&x->form, vector_str(&body), true, &file_at, &x->arena, &x->err), FORM_FILE);
    assert_int_equal(post_form_key(&x->form, &key, &x->err), ERR_NONE);
    assert_str(v->name, key, v->key);
    assert_auth(x, v, &auth);
    struct str bucket = str_from(v->bucket);
    assert_int_equal(post_policy_check(auth.policy, &x->form, bucket, v->now_s, &policy, &x->err), ERR_NONE);
    assert_int_equal(post_policy_check(auth.policy, &x->form, STR("other"), v->now_s, &policy, &x->err),
                     ERR_FORM_POLICY_FAILED);
    assert_int_equal(post_policy_check(auth.policy, &x->form, bucket, v->now_s + 86400, &policy, &x->err),
                     ERR_FORM_POLICY_FAILED);
    assert_string_equal(x->err.detail, "Invalid according to Policy: Policy expired.");
    assert_content(x, v, vector_str(&body), file_at);
}

static void test_post_form_auth_forms_of_real_clients_verify(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        check_vector(*state, &vectors[i]);
}

/* ---- fields in tables ---- */

/* "name=value" each, names in lower case; up to NULL. */
static void set_fields(struct fixture *x, const char *const *fields)
{
    arena_reset(&x->arena);
    x->form.fields_n = 0;
    for (; *fields; fields++) {
        struct str field = str_from(*fields), name = str_head(field, str_index(field, '='));
        assert_true(x->form.fields_n < FORM_MAX_FIELDS);
        x->form.fields[x->form.fields_n++] =
            (struct post_form_field){.name = name, .sent = name, .value = str_tail(field, name.n + 1)};
    }
}

static void test_post_form_key_must_be_there_and_short(void **state)
{
    struct fixture *x = *state;
    struct str key;
    char field[4 + FORM_MAX_KEY + 2] = "key=";
    const char *const none[] = {"a=b", NULL}, *const empty[] = {"key=", NULL}, *const longest[] = {field, NULL};

    set_fields(x, none);
    assert_int_equal(post_form_key(&x->form, &key, &x->err), ERR_FORM_NO_KEY);
    set_fields(x, empty);
    assert_int_equal(post_form_key(&x->form, &key, &x->err), ERR_FORM_FIELD);
    memset(field + 4, 'k', FORM_MAX_KEY);
    set_fields(x, longest);
    assert_int_equal(post_form_key(&x->form, &key, &x->err), ERR_NONE);
    assert_int_equal(key.n, FORM_MAX_KEY);
    field[4 + FORM_MAX_KEY] = 'k';
    set_fields(x, longest);
    assert_int_equal(post_form_key(&x->form, &key, &x->err), ERR_KEY_TOO_LONG);
}

#define SIGNATURE "x-amz-signature=8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
#define ALGORITHM "x-amz-algorithm=AWS4-HMAC-SHA256"
#define CREDENTIAL "x-amz-credential=team/AK:ID/20151229/us-east-1/s3/aws4_request"
#define DATE "x-amz-date=20151229T000000Z"
#define MISSING(name) \
    "Bucket POST must contain a field named '" name "'.  If it is specified, please check the order of the fields."

static void test_post_form_auth_table(void **state)
{
    static const struct {
        const char *fields[8];
        enum err_code expected;
        const char *detail; /* NULL: any */
    } table[] = {
        {{"policy=p", SIGNATURE, ALGORITHM, CREDENTIAL, DATE}, ERR_NONE, NULL},
        {{"policy=p", ALGORITHM, CREDENTIAL, DATE}, ERR_FORM_FIELD, MISSING("X-Amz-Signature")},
        {{"policy=p", SIGNATURE, DATE}, ERR_FORM_FIELD, MISSING("X-Amz-Algorithm")},
        {{"policy=p", SIGNATURE, ALGORITHM, DATE}, ERR_FORM_FIELD, MISSING("X-Amz-Credential")},
        {{"policy=p", SIGNATURE, ALGORITHM, CREDENTIAL}, ERR_FORM_FIELD, MISSING("X-Amz-Date")},
        {{SIGNATURE, ALGORITHM, CREDENTIAL, DATE}, ERR_FORM_FIELD, MISSING("Policy")},
        {{"policy=p", SIGNATURE, "x-amz-algorithm=AWS4-HMAC-SHA1", CREDENTIAL, DATE},
         ERR_FORM_FIELD,
         "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""},
        {{"policy=p", SIGNATURE, ALGORITHM, "x-amz-credential=AK/20151229/us-east-1/aws4_request", DATE},
         ERR_FORM_FIELD,
         "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."},
        {{"policy=p", SIGNATURE, ALGORITHM, "x-amz-credential=/20151229/us-east-1/s3/aws4_request", DATE},
         ERR_FORM_FIELD,
         NULL},
        {{"policy=p", SIGNATURE, ALGORITHM, "x-amz-credential=AK/20151229/us-east-1/ec2/aws4_request", DATE},
         ERR_FORM_FIELD,
         "incorrect service \"ec2\". This endpoint belongs to \"s3\"."},
        {{"policy=p", SIGNATURE, ALGORITHM, "x-amz-credential=AK/20151230/us-east-1/s3/aws4_request", DATE},
         ERR_FORM_FIELD,
         NULL},
        {{"policy=p", SIGNATURE, ALGORITHM, CREDENTIAL, "x-amz-date=20151229T000000"}, ERR_FORM_FIELD, NULL},
        {{"policy=p", SIGNATURE, ALGORITHM, CREDENTIAL, "x-amz-date=20151229T250000Z"}, ERR_FORM_FIELD, NULL},
        {{"policy=p", SIGNATURE, ALGORITHM, CREDENTIAL, "x-amz-date=Tue, 29 Dec 2015 00:00:00 GMT"},
         ERR_FORM_FIELD,
         NULL},
        {{"policy=p", "x-amz-signature=8afd", ALGORITHM, CREDENTIAL, DATE}, ERR_SIG_MISMATCH, NULL},
        {{"policy=p", "x-amz-signature=", ALGORITHM, CREDENTIAL, DATE}, ERR_SIG_MISMATCH, NULL},
        {{"policy=p", "signature=s", "awsaccesskeyid=AK"}, ERR_NONE, NULL},
        {{"policy=p", "signature=s"}, ERR_FORM_FIELD, MISSING("AWSAccessKeyId")},
        {{"policy=p", "awsaccesskeyid=AK"}, ERR_FORM_FIELD, MISSING("Signature")},
        {{"signature=s", "awsaccesskeyid=AK"}, ERR_FORM_FIELD, MISSING("Policy")},
        {{"policy=p", "signature=s", "awsaccesskeyid="}, ERR_FORM_FIELD, NULL},
        {{"policy=p", "signature=s", "awsaccesskeyid=AK", SIGNATURE}, ERR_AUTH_TWICE, NULL},
        {{"policy=p", "key=k"}, ERR_NONE, NULL},
        {{"key=k"}, ERR_NONE, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct fixture *x = *state;
        struct post_form_auth auth;
        set_fields(x, table[i].fields);
        enum err_code code = post_form_auth(&x->form, &auth, &x->err);
        if (code != table[i].expected) fail_msg("row %zu: %s", i, err_info(code)->word);
        if (table[i].detail) assert_string_equal(x->err.detail, table[i].detail);
        if (code != ERR_NONE) continue;
        assert_int_equal(auth.kind, i == 0 ? FORM_SIGV4 : table[i].fields[2] ? FORM_SIGV2 : FORM_ANONYMOUS);
        assert_int_equal(auth.policy.n, auth.kind != FORM_ANONYMOUS);
        if (i == 0) assert_str("access key", auth.v4.access_key, STR("team/AK:ID"));
    }
}

#define TAGGING(inner) "tagging=<Tagging><TagSet>" inner "</TagSet></Tagging>"
#define TAG(key, value) "<Tag><Key>" key "</Key><Value>" value "</Value></Tag>"

/* The first field is looked at; expected is the header, or "" for none. */
static void test_post_form_header_table(void **state)
{
    static const struct {
        const char *fields[3];
        enum err_code expected;
        const char *header;
    } table[] = {
        {{"acl=public-read"}, ERR_NONE, "x-amz-acl: public-read"},
        {{"x-amz-acl=public-read"}, ERR_NONE, "x-amz-acl: public-read"},
        {{"content-type= text/plain; charset=utf-8\t"}, ERR_NONE, "content-type: text/plain; charset=utf-8"},
        {{"content-type="}, ERR_NONE, ""},
        {{"cache-control=max-age=60"}, ERR_NONE, "cache-control: max-age=60"},
        {{"content-disposition=attachment; filename=\"\xc3\xbc\""},
         ERR_NONE,
         "content-disposition: attachment; filename=\"\xc3\xbc\""},
        {{"content-encoding=gzip"}, ERR_NONE, "content-encoding: gzip"},
        {{"content-encoding=gzip, AWS-chunked"}, ERR_FORM_FIELD, NULL},
        {{"content-language=de"}, ERR_NONE, "content-language: de"},
        {{"content-md5=XrY7u+Ae7tCTyyK7j1rNww=="}, ERR_NONE, "content-md5: XrY7u+Ae7tCTyyK7j1rNww=="},
        {{"expires=Wed, 21 Oct 2037 07:28:00 GMT"}, ERR_NONE, "expires: Wed, 21 Oct 2037 07:28:00 GMT"},
        {{"x-amz-storage-class=STANDARD_IA"}, ERR_NONE, "x-amz-storage-class: STANDARD_IA"},
        {{"x-amz-website-redirect-location=/a"}, ERR_NONE, "x-amz-website-redirect-location: /a"},
        {{"x-amz-checksum-algorithm=CRC32"}, ERR_NONE, "x-amz-sdk-checksum-algorithm: CRC32"},
        {{"x-amz-checksum-crc32=NhCmhg=="}, ERR_NONE, "x-amz-checksum-crc32: NhCmhg=="},
        {{"x-amz-server-side-encryption=aws:kms"}, ERR_NONE, "x-amz-server-side-encryption: aws:kms"},
        {{"x-amz-server-side-encryption-aws-kms-key-id=k"}, ERR_NONE, "x-amz-server-side-encryption-aws-kms-key-id: k"},
        {{"x-amz-object-lock-mode=GOVERNANCE"}, ERR_NONE, "x-amz-object-lock-mode: GOVERNANCE"},
        {{"x-amz-grant-read=id=\"1\""}, ERR_NONE, "x-amz-grant-read: id=\"1\""},
        {{"x-amz-meta-a=b  c"}, ERR_NONE, "x-amz-meta-a: b  c"},
        {{"x-amz-meta-a="}, ERR_NONE, "x-amz-meta-a: "},
        {{"x-amz-meta-a=\xc3\xa4"}, ERR_NONE, "x-amz-meta-a: =?UTF-8?B?w6Q=?="},

        {{"key=k"}, ERR_NONE, ""},
        {{"bucket=b"}, ERR_NONE, ""},
        {{"policy=p"}, ERR_NONE, ""},
        {{"success_action_status=201"}, ERR_NONE, ""},
        {{"x-ignore-a=b"}, ERR_NONE, ""},
        {{"authorization=a"}, ERR_NONE, ""},
        {{"host=a"}, ERR_NONE, ""},
        {{"content-length=1"}, ERR_NONE, ""},
        {{"transfer-encoding=chunked"}, ERR_NONE, ""},
        {{"x-amz-date=20151229T000000Z"}, ERR_NONE, ""},
        {{"x-amz-credential=a"}, ERR_NONE, ""},
        {{"x-amz-algorithm=a"}, ERR_NONE, ""},
        {{"x-amz-signature=a"}, ERR_NONE, ""},
        {{"x-amz-security-token=a"}, ERR_NONE, ""},
        {{"x-amz-copy-source=/other/secret"}, ERR_NONE, ""},
        {{"x-amz-copy-source-range=bytes=0-1"}, ERR_NONE, ""},
        {{"x-amz-content-sha256=UNSIGNED-PAYLOAD"}, ERR_NONE, ""},
        {{"x-amz-decoded-content-length=1"}, ERR_NONE, ""},
        {{"x-amz-trailer=x-amz-checksum-crc32"}, ERR_NONE, ""},
        {{"x-amz-write-offset-bytes=1"}, ERR_NONE, ""},
        {{"x-amz-bypass-governance-retention=true"}, ERR_NONE, ""},
        {{"x-amz-meta-=a"}, ERR_NONE, ""},

        {{"x-amz-meta-a=b\r\nx-amz-acl: public-read"}, ERR_FORM_FIELD, NULL},
        {{"x-amz-meta-a=b\nc"}, ERR_FORM_FIELD, NULL},
        {{"content-type=a\x01"}, ERR_FORM_FIELD, NULL},
        {{"acl=a\x7f"}, ERR_FORM_FIELD, NULL},
        {{"x-amz-meta-a b=c"}, ERR_FORM_FIELD, NULL},
        {{"x-amz-meta-a:b=c"}, ERR_FORM_FIELD, NULL},
        {{"x-amz-meta-\xc3\xa4=c"}, ERR_FORM_FIELD, NULL},
        {{"acl=private", "x-amz-acl=public-read"}, ERR_FORM_FIELD, NULL},
        {{"x-amz-acl=private", "acl=public-read"}, ERR_FORM_FIELD, NULL},
        {{TAGGING(""), "x-amz-tagging=a=b"}, ERR_FORM_FIELD, NULL},

        {{TAGGING(TAG("a", "1"))}, ERR_NONE, "x-amz-tagging: a=1"},
        {{"tagging=<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Tagging "
          "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
          "\r\n <TagSet> " TAG("a b", "&lt;&#xe4;&amp;=") "\t<Tag><Value></Value><!-- c --><Key><![CDATA[k&]]></Key>"
                                                          "</Tag></TagSet></Tagging>\n"},
         ERR_NONE,
         "x-amz-tagging: a%20b=%3C%C3%A4%26%3D&k%26="},
        {{TAGGING("")}, ERR_NONE, ""},
        {{"x-amz-tagging=a=1&b=2"}, ERR_NONE, "x-amz-tagging: a=1&b=2"},
        {{"tagging="}, ERR_FORM_TAGGING, NULL},
        {{"tagging=a=1"}, ERR_FORM_TAGGING, NULL},
        {{"tagging=<Tagging></Tagging>"}, ERR_FORM_TAGGING, NULL},
        {{"tagging=<Tags><TagSet></TagSet></Tags>"}, ERR_FORM_TAGGING, NULL},
        {{"tagging=<Tagging><TagSet></TagSet><TagSet></TagSet></Tagging>"}, ERR_FORM_TAGGING, NULL},
        {{"tagging=<Tagging><TagSet></TagSet></Tagging><Tagging/>"}, ERR_FORM_TAGGING, NULL},
        {{"tagging=<Tagging><TagSet>"}, ERR_FORM_TAGGING, NULL},
        {{TAGGING("<Tag><Key>a</Key></Tag>")}, ERR_FORM_TAGGING, NULL},
        {{TAGGING("<Tag><Value>a</Value></Tag>")}, ERR_FORM_TAGGING, NULL},
        {{TAGGING("<Tag><Key>a</Key><Key>b</Key><Value>a</Value></Tag>")}, ERR_FORM_TAGGING, NULL},
        {{TAGGING("<Tag><Key>a<b/></Key><Value>a</Value></Tag>")}, ERR_FORM_TAGGING, NULL},
        {{TAGGING("text")}, ERR_FORM_TAGGING, NULL},
        {{TAGGING(TAG("a", "\xff"))}, ERR_FORM_TAGGING, NULL},
        {{TAGGING(TAG("&e;", "1"))}, ERR_FORM_TAGGING, NULL},
        {{"tagging=<!DOCTYPE t [<!ENTITY e \"x\">]><Tagging><TagSet>" TAG("&e;", "1") "</TagSet></Tagging>"},
         ERR_FORM_TAGGING,
         NULL},
        {{"tagging=<!DOCTYPE t SYSTEM \"file:///etc/passwd\"><Tagging><TagSet></TagSet></Tagging>"},
         ERR_FORM_TAGGING,
         NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct fixture *x = *state;
        struct header header;
        char text[512] = "";
        set_fields(x, table[i].fields);
        enum err_code code = post_form_header(&x->form, 0, &x->arena, &header, &x->err);
        if (code != table[i].expected) fail_msg("%s: %s", table[i].fields[0], err_info(code)->word);
        if (code != ERR_NONE) continue;
        if (header.name.n) snprintf(text, sizeof text, "%.*s: %.*s", STR_ARG(header.name), STR_ARG(header.value));
        if (strcmp(text, table[i].header) != 0) fail_msg("%s: got %s", table[i].fields[0], text);
        if (header.name.n) assert_int_equal(header.id, header_id_of(header.name));
    }
}

static void test_post_form_header_small_arena_is_an_error(void **state)
{
    struct fixture *x = *state;
    struct header header;
    struct arena small;
    const char *const fields[] = {TAGGING(TAG("a", "1")), "x-amz-meta-a=\xc3\xa4", NULL};

    set_fields(x, fields);
    arena_init(&small, 16, 16);
    assert_int_equal(post_form_header(&x->form, 0, &small, &header, &x->err), ERR_NO_MEMORY);
    arena_reset(&small);
    assert_int_equal(post_form_header(&x->form, 1, &small, &header, &x->err), ERR_NONE); /* just fits */
    assert_int_equal(post_form_header(&x->form, 1, &small, &header, &x->err), ERR_NO_MEMORY);
    arena_clear(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_post_form_auth_forms_of_real_clients_verify, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_post_form_key_must_be_there_and_short, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_post_form_auth_table, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_post_form_header_table, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_post_form_header_small_arena_is_an_error, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
