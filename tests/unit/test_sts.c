/* SPDX-License-Identifier: Apache-2.0
 * test_sts.c: forms byte by byte, names of sessions, answers and errors as tables (also cut at every byte), verdicts.
 */
#include "aws/documents/sts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* --- forms --- */

static void check_form(const struct sts_request *r, const char *expected)
{
    size_t room = sts_form_room(r);
    struct sbuf b = sbuf_make(malloc(room), room);

    sts_form(r, &b);
    assert_false(b.overflow);
    assert_int_equal(b.n, strlen(expected));
    assert_memory_equal(b.p, expected, b.n);
    free(b.p);
}

static void test_form_assume_role(void **state)
{
    static const struct sts_tag tags[] = {{STR_INIT("team"), STR_INIT("a&b=c")},
                                          {STR_INIT("k \xc3\xa9"), STR_INIT("")}};
    struct sts_request r = {.action = STS_ASSUME_ROLE,
                            .role_arn = STR("arn:aws:iam::123456789012:role/p/x+y"),
                            .session_name = STR("s3onramp-h.x_y=,@"),
                            .web_identity_token = STR("never sent")};

    (void)state;
    check_form(&r, "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fp%2Fx%2By"
                   "&RoleSessionName=s3onramp-h.x_y%3D%2C%40");
    r.duration_s = 43200;
    r.external_id = STR("a/b c~%");
    r.source_identity = STR("a=b@c");
    r.tags = tags;
    r.tags_n = 2;
    check_form(&r, "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fp%2Fx%2By"
                   "&RoleSessionName=s3onramp-h.x_y%3D%2C%40&DurationSeconds=43200&ExternalId=a%2Fb%20c~%25"
                   "&SourceIdentity=a%3Db%40c"
                   "&Tags.member.1.Key=team&Tags.member.1.Value=a%26b%3Dc"
                   "&Tags.member.2.Key=k%20%C3%A9&Tags.member.2.Value=");
}

static void test_form_web_identity_has_token_alone(void **state)
{
    static const struct sts_tag tag = {STR_INIT("k"), STR_INIT("v")};
    struct sts_request r = {.action = STS_WEB_IDENTITY,
                            .role_arn = STR("r"),
                            .session_name = STR("se"),
                            .external_id = STR("e"),
                            .source_identity = STR("never sent"),
                            .web_identity_token = STR("eyJ.a-b_c=.+/"),
                            .tags = &tag,
                            .tags_n = 1};

    (void)state;
    check_form(&r, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=r&RoleSessionName=se"
                   "&WebIdentityToken=eyJ.a-b_c%3D.%2B%2F");
}

/* All bytes escaped: the most room there can be. */
static void test_form_room_is_enough(void **state)
{
    static char bytes[3000];
    struct sts_tag tags[50];
    struct sts_request r = {.role_arn = {bytes, 3000},
                            .session_name = {bytes, 64},
                            .external_id = {bytes, 1224},
                            .duration_s = UINT64_MAX,
                            .tags = tags,
                            .tags_n = 50};
    struct sbuf b = {0};

    (void)state;
    memset(bytes, ' ', sizeof(bytes));
    for (size_t i = 0; i < 50; i++)
        tags[i] = (struct sts_tag){{bytes, 128}, {bytes, 256}};
    b.cap = sts_form_room(&r);
    b.p = malloc(b.cap);
    sts_form(&r, &b);
    assert_false(b.overflow);
    b = (struct sbuf){.p = b.p, .cap = b.n - 1};
    sts_form(&r, &b);
    assert_true(b.overflow);
    free(b.p);
}

/* --- names of sessions --- */

#define X54 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *pattern, *client, *expected; /* NULL: refused */
} names[] = {
    {"s3onramp-host1", NULL, "s3onramp-host1"},
    {"s3onramp-host1", "alice", "s3onramp-host1"},
    {"a b/c\xc3\xa9:d", NULL, "a-b-c---d"},
    {"+=,.@-_", NULL, "+=,.@-_"},
    {"{client}", "alice", "alice"},
    {"p-{client}@{client}", "al", "p-al@al"},
    {"{client", "al", "-client"},
    {"{client}", NULL, NULL},
    {"x{client}", NULL, NULL},
    {"x", NULL, NULL},
    {"", NULL, NULL},
    {"{client}", "a", NULL},
    {"x{client}", "a", "xa"},
    {X54 "1234567890", NULL, X54 "1234567890"},
    {X54 "12345678901", NULL, X54 "1234567890"},
    {X54 "12{client}", "abcdefgh", X54 "12abcdefgh"},
    {X54 "12{client}", "abcdefghi", X54 "1219cc02f2"}, /* SHA-256 of the client's name */
    {X54 "123{client}", "abcdefgh", NULL},             /* no room for a client */
    {"{client}", "a b", "a-b-c8687a08"},
    {"{client}", X54 "1234567890", X54 "1234567890"},
    {"{client}", X54 "12345678901", X54 "1-2d06168a"},
};

static void test_session_name_table(void **state)
{
    struct digest *d = digest_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char out[STS_SESSION_NAME_MAX + 1];
        bool good = sts_session_name(d, str_from(names[i].pattern), names[i].client, out);

        if (good != (names[i].expected != NULL) || (good && strcmp(out, names[i].expected) != 0))
            fail_msg("%s, %s: %s", names[i].pattern, names[i].client ? names[i].client : "-", good ? out : "refused");
    }
    digest_free(&d);
}

/* --- answers --- */

#define KEYS                                                                         \
    "<AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s/ +=</SecretAccessKey>" \
    "<SessionToken>tok/en==</SessionToken><Expiration>2019-11-09T13:34:41Z</Expiration>"
#define HEAD                                                                                           \
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <AssumeRoleResult>\n" \
    "<SourceIdentity>Alice</SourceIdentity>"
#define USER \
    "<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/d/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>"
#define TAIL "</AssumeRoleResult><ResponseMetadata><RequestId>c6</RequestId></ResponseMetadata></AssumeRoleResponse>"
#define CREDENTIALS(keys) "<Credentials>" keys "</Credentials>"
#define ANSWER(keys) HEAD USER CREDENTIALS(keys) "<PackedPolicySize>6</PackedPolicySize>" TAIL
#define ID "<AccessKeyId>ASIAEXAMPLE</AccessKeyId>"
#define SECRET "<SecretAccessKey>s/ +=</SecretAccessKey>" /* a blank inside is fine */
#define TOKEN "<SessionToken>tok/en==</SessionToken>"
#define UNTIL "<Expiration>2019-11-09T13:34:41Z</Expiration>"

static const struct {
    const char *name, *xml;
    bool good;
} answers[] = {
    {"as documented", ANSWER(KEYS), true},
    {"with declaration", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" ANSWER(KEYS), true},
    {"other order", ANSWER(UNTIL TOKEN SECRET ID), true},
    {"keys before the user", HEAD CREDENTIALS(KEYS) USER TAIL, true},
    {"unknown element among them", ANSWER(ID "<X><Y>1</Y></X>" SECRET TOKEN UNTIL), true},
    {"white space around texts", ANSWER("<AccessKeyId>\n ASIAEXAMPLE\t</AccessKeyId>" SECRET TOKEN UNTIL), true},
    {"entities and CDATA", ANSWER("<AccessKeyId>ASIA<![CDATA[EXAM]]>&#80;LE</AccessKeyId>" SECRET TOKEN UNTIL), true},
    {"a comment inside", ANSWER("<AccessKeyId>ASIA<!-- x -->EXAMPLE</AccessKeyId>" SECRET TOKEN UNTIL), true},
    {"blank inside an id", ANSWER("<AccessKeyId>AS IA</AccessKeyId>" SECRET TOKEN UNTIL), false},
    {"nothing", "", false},
    {"HTML", "<!DOCTYPE html><html><body>Log in</body></html>", false},
    {"HTML without type", "<html><body>Log in</body></html>", false},
    {"JSON", "{\"AssumeRoleResponse\":{}}", false},
    {"no id", ANSWER(SECRET TOKEN UNTIL), false},
    {"no secret", ANSWER(ID TOKEN UNTIL), false},
    {"no token", ANSWER(ID SECRET UNTIL), false},
    {"no expiration", ANSWER(ID SECRET TOKEN), false},
    {"empty id", ANSWER("<AccessKeyId/>" SECRET TOKEN UNTIL), false},
    {"blank token", ANSWER(ID SECRET "<SessionToken> \n</SessionToken>" UNTIL), false},
    {"id twice", ANSWER(ID ID SECRET TOKEN UNTIL), false},
    {"line end in a key", ANSWER("<AccessKeyId>AS\nIA</AccessKeyId>" SECRET TOKEN UNTIL), false},
    {"line end as reference", ANSWER("<AccessKeyId>AS&#13;&#10;IA</AccessKeyId>" SECRET TOKEN UNTIL), false},
    {"not ASCII", ANSWER("<AccessKeyId>AS\xc3\xa9</AccessKeyId>" SECRET TOKEN UNTIL), false},
    {"not UTF-8", ANSWER("<AccessKeyId>AS\xe9</AccessKeyId>" SECRET TOKEN UNTIL), false},
    {"not a time", ANSWER(ID SECRET TOKEN "<Expiration>soon</Expiration>"), false},
    {"element in a text", ANSWER("<AccessKeyId>AS<b>IA</b></AccessKeyId>" SECRET TOKEN UNTIL), false},
    {"Credentials twice", HEAD CREDENTIALS(KEYS) CREDENTIALS(KEYS) TAIL, false},
    {"halves in two", HEAD CREDENTIALS(ID SECRET) CREDENTIALS(TOKEN UNTIL) TAIL, false},
    {"Credentials too high", "<AssumeRoleResponse>" CREDENTIALS(KEYS) "</AssumeRoleResponse>", false},
    {"Credentials alone", CREDENTIALS(KEYS), false},
    {"Credentials too deep", HEAD "<X>" CREDENTIALS(KEYS) "</X>" TAIL, false},
    {"keys outside of Credentials", HEAD CREDENTIALS("") KEYS TAIL, false},
    {"result inside out",
     "<AssumeRoleResult><AssumeRoleResponse>" CREDENTIALS(KEYS) "</AssumeRoleResponse></AssumeRoleResult>", false},
    {"another action",
     "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>" CREDENTIALS(
         KEYS) "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
     false},
    {"bytes after the end", ANSWER(KEYS) "x", false},
    {"two documents", ANSWER(KEYS) ANSWER(KEYS), false},
    {"a document type", "<!DOCTYPE AssumeRoleResponse>" ANSWER(KEYS), false},
    {"entities of its own",
     "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>" ANSWER(
         "<AccessKeyId>&e;</AccessKeyId>" SECRET TOKEN UNTIL),
     false},
    {"deep",
     HEAD "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></a></a></a>"
          "</a></a>" CREDENTIALS(KEYS) TAIL,
     false},
};

static void check_keys(const struct key_document *d)
{
    assert_string_equal(d->access_key_id, "ASIAEXAMPLE");
    assert_string_equal(d->secret_access_key, "s/ +=");
    assert_string_equal(d->session_token, "tok/en==");
    assert_int_equal(d->expires_s, 1573306481);
}

static void test_answer_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct key_document d;
        struct err err = {0};
        enum err_code code = sts_parse_answer(str_from(answers[i].xml), STS_ASSUME_ROLE, &d, &err);

        if (code != (answers[i].good ? ERR_NONE : ERR_BAD_DOCUMENT)) fail_msg("%s: %s", answers[i].name, err.detail);
        if (answers[i].good)
            check_keys(&d);
        else
            assert_true(err.detail[0] && !d.access_key_id && !d.secret_access_key && !d.session_token);
        assert_null(strstr(err.detail, "ASIA"));
        key_document_clear(&d);
    }
}

static void test_answer_web_identity(void **state)
{
    struct key_document d;

    (void)state;
    assert_int_equal(
        sts_parse_answer(
            STR("<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                "<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>s"
                "</SubjectFromWebIdentityToken><Audience>a</Audience>" USER CREDENTIALS(
                    KEYS) "<Provider>p"
                          "</Provider></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"),
            STS_WEB_IDENTITY, &d, NULL),
        ERR_NONE);
    check_keys(&d);
    key_document_clear(&d);
    assert_int_equal(sts_parse_answer(STR(ANSWER(KEYS)), STS_WEB_IDENTITY, &d, NULL), ERR_BAD_DOCUMENT);
}

static void test_answer_cut_anywhere_is_refused(void **state)
{
    const struct str whole = STR(ANSWER(KEYS));

    (void)state;
    for (size_t n = 0; n < whole.n; n++) {
        char *exact = malloc(n + 1); /* so that reading on is noticed */
        struct key_document d;

        memcpy(exact, whole.p, n);
        assert_int_equal(sts_parse_answer(str_make(exact, n), STS_ASSUME_ROLE, &d, NULL), ERR_BAD_DOCUMENT);
        free(exact);
    }
}

static void test_answer_too_long_is_refused(void **state)
{
    static char big[STS_ANSWER_MAX + 1];
    const struct str head = STR(ANSWER(KEYS));
    struct key_document d;

    (void)state;
    memset(big, ' ', sizeof(big));
    memcpy(big, head.p, head.n);
    assert_int_equal(sts_parse_answer(str_make(big, STS_ANSWER_MAX), STS_ASSUME_ROLE, &d, NULL), ERR_NONE);
    key_document_clear(&d);
    assert_int_equal(sts_parse_answer(str_make(big, STS_ANSWER_MAX + 1), STS_ASSUME_ROLE, &d, NULL), ERR_BAD_DOCUMENT);
}

/* --- errors --- */

#define ERROR(code, message)                                                                                   \
    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>" code \
    "</Code><Message>" message "</Message></Error><RequestId>r</RequestId></ErrorResponse>"

static const struct {
    const char *xml, *code, *message; /* code NULL: none */
} errors[] = {
    {ERROR("AccessDenied", "User: arn is not authorized"), "AccessDenied", "User: arn is not authorized"},
    {"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>m</Message><HostId>h</HostId></Error>", "NoSuchKey",
     "m"},
    {"<ErrorResponse><Error><Code>A</Code></Error></ErrorResponse>", "A", ""},
    {ERROR(" A\n", " a \r\n\t b\x1b[2J "), NULL, NULL},
    {ERROR("A", " a \n\t b&#9;c\xc3\xa9\x7f "), "A", "a b c???"},
    {ERROR("", "m"), NULL, NULL},
    {ERROR("A</Code><Code>B", "m"), NULL, NULL},
    {"<ErrorResponse><Code>A</Code></ErrorResponse>", NULL, NULL},
    {"<html><body>403</body></html>", NULL, NULL},
    {"<!DOCTYPE Error><Error><Code>A</Code></Error>", NULL, NULL},
    {"<Error><Code>A</Code>", NULL, NULL},
    {"", NULL, NULL},
    {ANSWER(KEYS), NULL, NULL},
};

static void test_error_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct sts_error e;

        if (sts_parse_error(str_from(errors[i].xml), &e) != (errors[i].code != NULL)) fail_msg("%s", errors[i].xml);
        if (errors[i].code) {
            assert_string_equal(e.code, errors[i].code);
            assert_string_equal(e.message, errors[i].message);
        }
    }
}

static void test_error_long_texts_are_cut(void **state)
{
    char xml[4096], many[1000];
    struct sts_error e;

    (void)state;
    memset(many, 'x', sizeof(many));
    snprintf(xml, sizeof(xml), ERROR("%.999s", "%.999s"), many, many);
    assert_true(sts_parse_error(str_from(xml), &e));
    assert_int_equal(strlen(e.code), STS_CODE - 1);
    assert_int_equal(strlen(e.message), STS_MESSAGE - 1);
}

static const struct {
    enum sts_action action;
    unsigned status;
    const char *code; /* NULL: no error document */
    enum sts_verdict verdict;
    bool has_advice;
} verdicts[] = {
    {STS_ASSUME_ROLE, 403, "AccessDenied", STS_REFUSED, true},
    {STS_WEB_IDENTITY, 403, "AccessDenied", STS_REFUSED, true},
    {STS_ASSUME_ROLE, 403, "ExpiredToken", STS_TRY_LATER, true},
    {STS_ASSUME_ROLE, 403, "ExpiredTokenException", STS_TRY_LATER, true},
    {STS_WEB_IDENTITY, 400, "ExpiredTokenException", STS_REFUSED, true},
    {STS_WEB_IDENTITY, 400, "InvalidIdentityToken", STS_REFUSED, true},
    {STS_WEB_IDENTITY, 400, "IDPCommunicationError", STS_TRY_LATER, true},
    {STS_WEB_IDENTITY, 403, "IDPRejectedClaim", STS_REFUSED, true},
    {STS_ASSUME_ROLE, 400, "MalformedPolicyDocument", STS_REFUSED, true},
    {STS_ASSUME_ROLE, 403, "RegionDisabledException", STS_REFUSED, true},
    {STS_ASSUME_ROLE, 403, "InvalidClientTokenId", STS_REFUSED, true},
    {STS_ASSUME_ROLE, 400, "ValidationError", STS_REFUSED, true},
    {STS_ASSUME_ROLE, 400, "Throttling", STS_SLOW_DOWN, false},
    {STS_ASSUME_ROLE, 400, "ThrottlingException", STS_SLOW_DOWN, false},
    {STS_ASSUME_ROLE, 400, "Throttlings", STS_REFUSED, false},
    {STS_ASSUME_ROLE, 503, "SlowDown", STS_SLOW_DOWN, false},
    {STS_ASSUME_ROLE, 503, "RequestLimitExceeded", STS_SLOW_DOWN, false},
    {STS_ASSUME_ROLE, 429, NULL, STS_SLOW_DOWN, false},
    {STS_ASSUME_ROLE, 429, "Unheard", STS_SLOW_DOWN, false},
    {STS_ASSUME_ROLE, 500, "InternalFailure", STS_TRY_LATER, false},
    {STS_ASSUME_ROLE, 500, NULL, STS_TRY_LATER, false},
    {STS_ASSUME_ROLE, 502, "Unheard", STS_TRY_LATER, false},
    {STS_ASSUME_ROLE, 400, "Unheard", STS_REFUSED, false},
    {STS_ASSUME_ROLE, 403, NULL, STS_TRY_LATER, false}, /* something on the way */
    {STS_ASSUME_ROLE, 302, NULL, STS_TRY_LATER, false},
};

static void test_judge_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        struct sts_error e = {0};
        const char *advice = NULL;
        enum sts_verdict verdict;

        if (verdicts[i].code) snprintf(e.code, sizeof(e.code), "%s", verdicts[i].code);
        verdict = sts_judge(verdicts[i].action, verdicts[i].status, verdicts[i].code ? &e : NULL, &advice);
        if (verdict != verdicts[i].verdict || (advice[0] != 0) != verdicts[i].has_advice)
            fail_msg("%u %s: %d, \"%s\"", verdicts[i].status, e.code, (int)verdict, advice);
    }
}

static void test_is_about_time_codes(void **state)
{
    struct sts_error skewed = {.code = "RequestTimeTooSkewed"}, mismatch = {.code = "SignatureDoesNotMatch"},
                     denied = {.code = "AccessDenied"};

    (void)state;
    assert_true(sts_is_about_time(&skewed) && sts_is_about_time(&mismatch));
    assert_false(sts_is_about_time(&denied));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_assume_role),
        cmocka_unit_test(test_form_web_identity_has_token_alone),
        cmocka_unit_test(test_form_room_is_enough),
        cmocka_unit_test(test_session_name_table),
        cmocka_unit_test(test_answer_table),
        cmocka_unit_test(test_answer_web_identity),
        cmocka_unit_test(test_answer_cut_anywhere_is_refused),
        cmocka_unit_test(test_answer_too_long_is_refused),
        cmocka_unit_test(test_error_table),
        cmocka_unit_test(test_error_long_texts_are_cut),
        cmocka_unit_test(test_judge_table),
        cmocka_unit_test(test_is_about_time_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
