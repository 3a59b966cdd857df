/* SPDX-License-Identifier: Apache-2.0
 * test_record.c: the tables of fields against the lines made from them, and against the longest line.
 */
#include "flow/record.h"

#include "flow/admit.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "flow/worker.h"
#include "io/sink.h"
#include "policy/policy.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct made {
    struct listener_conf listener;
    struct session session;
    struct principal_conf client;
    struct head_request in;
    struct head_response answer;
    struct header asked[2], answered[2];
    struct endpoint_conf endpoint;
    struct credentials_conf credentials;
    struct tunnel tunnel;
    struct admission limits;
};

static struct policy *policy; /* owned */

static int compile_policy(void **state UNUSED)
{
    static const struct str_list none;
    static const struct policy_rules rules = {.access = POLICY_READ_ONLY, .buckets = &none, .name = "reports"};

    policy = policy_compile(&rules, NULL);
    assert_non_null(policy);
    return 0;
}

static int free_policy(void **state UNUSED)
{
    policy_free(&policy);
    return 0;
}

/* As one of two groups, with a statement that decided. */
static void judge(struct request *req, enum policy_effect effect)
{
    static struct group_conf a = {.name = "team-a"}, b = {.name = "team-b"};
    static const struct group_conf *groups[] = {&a, &b};
    static const struct principal_terms terms = {.groups = {groups, 2}};
    static struct principal_conf client = {.name = "alice", .terms = &terms};

    req->who.caller = &client;
    req->policy.judged = true;
    req->policy.ask = (struct policy_ask){S3_ACTION_GetObject, STR("arn:aws:s3:::bucket/a key")};
    req->policy.decision = (struct policy_decision){.effect = effect, .policy = effect ? policy : NULL};
}

static struct request *make_request(struct made *m)
{
    static const struct principal_terms no_terms;

    struct request *req = &m->session.req;

    memset(m, 0, sizeof(*m));
    m->listener = (struct listener_conf){.name = "main", .mode = LISTENER_REDIRECT};
    m->client.name = "alice";
    m->client.terms = &no_terms;
    m->endpoint.name = "tokyo";
    m->credentials.name = "default";
    m->session.listener = &m->listener;
    assert_true(netaddr_parse(STR("192.0.2.7:50000"), 0, &m->session.peer));
    assert_true(netaddr_parse(STR("[fd00::1]:443"), 0, &m->session.original));
    m->asked[0] = (struct header){STR("User-Agent"), STR("a \"tool\"/1"), HDR_USER_AGENT};
    m->asked[1] = (struct header){STR("x-amz-copy-source"), STR("b/%20k"), HDR_X_AMZ_COPY_SOURCE};
    m->in.method = STR("PUT");
    m->in.headers = (struct headers){m->asked, 2};
    m->answered[0] = (struct header){STR("x-amz-request-id"), STR("S3ID"), HDR_X_AMZ_REQUEST_ID};
    m->answered[1] = (struct header){STR("X-Amz-Version-Id"), STR("v.1"), HDR_OTHER};
    m->answer.headers = (struct headers){m->answered, 2};
    strcpy(m->session.id, "S3OCONNECTION");
    req->session = &m->session;
    strcpy(req->id, "S3OREQUEST");
    req->started_us = 1000;
    req->reply.ended_us = 3500;
    req->started_wall_us = 1767323045678000;
    req->in.head = &m->in;
    req->relay.answer = &m->answer;
    req->who.caller = &m->client;
    req->who.auth = AUTH_SIGV4_HEADER;
    req->who.payload = PAYLOAD_UNSIGNED;
    req->in.bucket = STR("bucket");
    req->in.key = STR("a key");
    req->reply.status = 404;
    req->route.endpoint = &m->endpoint;
    req->route.credentials = &m->credentials;
    req->out.lease.keys = (struct credentials *)m; /* only whether there are some is looked at */
    strcpy(req->retry.address, "10.0.1.23:443");
    req->retry.attempts = 2;
    req->retry.retries = 1;
    strcpy(req->retry.reasons, "stale");
    req->relay.s3_error = STR("NoSuchKey");
    return req;
}

static struct str write_line(char *mem, size_t cap, enum record_format format, const struct request *req)
{
    struct sbuf b = sbuf_make(mem, cap);

    record_write(&b, format, req);
    assert_false(b.overflow);
    assert_int_equal(b.p[b.n - 1], '\n');
    b.p[b.n - 1] = '\0';
    return str_make(b.p, b.n - 1);
}

static void test_write_text_is_the_line_that_it_always_was(void **state)
{
    struct made m;
    char mem[4096];

    (void)state;
    write_line(mem, sizeof(mem), RECORD_TEXT, make_request(&m));
    assert_string_equal(
        mem, "2026-01-02T03:04:05.678Z access req=S3OREQUEST listener=main peer=192.0.2.7:50000 original=[fd00::1]:443 "
             "client=alice user=- "
             "auth=sigv4 payload=unsigned method=PUT operation=- host=- bucket=bucket key=\"a key\" status=404 "
             "bytes_in=0 bytes_hashed=0 bytes_out=0 endpoint=tokyo credentials=default address=10.0.1.23:443 "
             "attempts=2 retries=1 retry_reasons=stale region_from=- connect_ms=0.000 first_byte_ms=0.000 "
             "total_ms=2.500 s3_request_id=S3ID s3_error=NoSuchKey end=ok step=finish"
             " connection=S3OCONNECTION user_agent=\"a \\\"tool\\\"/1\" version_id=v.1 copy_source=b/%20k");
}

static void test_write_text_failure_of_a_tunnel(void **state)
{
    struct made m;
    struct request *req = make_request(&m);
    char mem[4096];

    (void)state;
    req->tunnel = &m.tunnel;
    req->failed_at = STEP_tunnel;
    err_set(&req->err, ERR_CLIENT_GONE, 0, "it left");
    write_line(mem, sizeof(mem), RECORD_TEXT, req);
    assert_non_null(strstr(mem, " end=client_gone step=tunnel ended_by=client detail=\"it left\" connection="));
}

static void test_write_json_has_each_field_of_the_table(void **state)
{
    struct made m;
    struct request *req = make_request(&m);
    char mem[4096];
    struct property_values set = {.changed[PROPERTY_FIELD_TAGGING] = true, .changed[PROPERTY_FIELD_ACL] = true};
    json_t *o;

    (void)state;
    req->limits = &m.limits;
    req->tunnel = &m.tunnel;
    m.tunnel.ended_by = "client";
    judge(req, POLICY_FORBIDDEN);
    m.session.certificate = (char *)"email:alice@example.com";
    req->out.properties = &set;
    req->out.trace = STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
    err_set(&req->err, ERR_POLICY_DENIED, 0, "it may not");
    write_line(mem, sizeof(mem), RECORD_JSON, req);
    o = json_loads(mem, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    for (size_t i = 0; i < record_fields_n; i++)
        if (!json_object_get(o, record_fields[i].name) != !(record_fields[i].formats & RECORD_JSON))
            fail_msg("%s in %s", record_fields[i].name, mem);
    assert_true(str_starts(str_from(mem), STR("{\"time\":\"2026-01-02T03:04:05.678Z\",\"type\":\"access\",\"req\":")));
    assert_string_equal(json_string_value(json_object_get(o, "set")), "x-amz-tagging,x-amz-acl");
    json_decref(o);
}

static void test_what_policies_say(void **state UNUSED)
{
    struct made m;
    struct request *req = make_request(&m);
    char mem[4096];

    judge(req, POLICY_ALLOWED);
    write_line(mem, sizeof(mem), RECORD_TEXT, req);
    assert_non_null(
        strstr(mem, " groups=team-a,team-b decision=allowed action=s3:GetObject policy=reports statement=access"));
    judge(req, POLICY_DENIED);
    req->err.code = ERR_POLICY_DENIED;
    write_line(mem, sizeof(mem), RECORD_TEXT, req);
    assert_non_null(strstr(mem, " decision=denied action=s3:GetObject resource=\"arn:aws:s3:::bucket/a key\" policy=- "
                                "statement=-"));
    req->policy.decision.warned = true;
    req->err.code = ERR_NONE;
    write_line(mem, sizeof(mem), RECORD_TEXT, req);
    assert_non_null(strstr(mem, " decision=warned action=s3:GetObject policy=- statement=-"));
}

static void test_version_asked_for_counts_where_none_is_answered(void **state)
{
    struct made m;
    struct request *req = make_request(&m);
    struct query_param query = {STR("versionId"), STR("asked"), true};
    char mem[4096];

    (void)state;
    req->in.query = &query;
    req->in.query_n = 1;
    write_line(mem, sizeof(mem), RECORD_TEXT, req);
    assert_non_null(strstr(mem, " version_id=v.1 "));
    req->relay.answer = NULL;
    write_line(mem, sizeof(mem), RECORD_TEXT, req);
    assert_non_null(strstr(mem, " version_id=asked "));
    req->in.query_n = 0;
    write_line(mem, sizeof(mem), RECORD_TEXT, req);
    assert_null(strstr(mem, " version_id="));
}

static void test_longest_line_fits(void **state)
{
    struct made m;
    struct request *req = make_request(&m);
    static char wild[70000], mem[SINK_LINE_MAX], certificate[512];
    struct str s = str_make(wild, sizeof(wild));

    (void)state;
    memset(wild, 1, sizeof(wild));
    memset(certificate, 1, sizeof(certificate) - 1);
    m.session.certificate = certificate;
    m.in.method = req->who.user_tried = s;
    req->who.user_tried.n = 64;
    req->in.bucket = req->in.key = m.asked[0].value = m.asked[1].value = m.answered[0].value = m.answered[1].value = s;
    memset(req->err.detail, 1, sizeof(req->err.detail) - 1);
    req->err.code = ERR_INTERNAL;
    write_line(mem, sizeof(mem), RECORD_JSON, req);
    write_line(mem, sizeof(mem), RECORD_TEXT, req);
}

/* ------------------------------------------------------------------- as S3 writes it */

/* Splits at blanks outside of quotes and brackets, as programs do that read such lines. */
static size_t split_s3(char *line, char *out[40])
{
    size_t n = 0;

    for (char *p = line; *p && n < 40; n++) {
        char *end = *p == '"' ? strchr(p + 1, '"') + 1 : *p == '[' ? strchr(p, ']') + 1 : p + strcspn(p, " \n");

        out[n] = p;
        p = *end ? end + 1 : end;
        *end = '\0';
    }
    return n;
}

static size_t write_s3(char *mem, size_t cap, const struct request *req, char *fields[40])
{
    struct sbuf b = sbuf_make(mem, cap - 1);

    record_write_s3(&b, req);
    assert_false(b.overflow);
    assert_int_equal(b.p[b.n - 1], '\n');
    b.p[b.n] = '\0';
    assert_null(strchr(strchr(mem, '\n') + 1, '\n'));
    return split_s3(mem, fields);
}

/* AWS's own example line has these fields in this order. */
static void test_s3_line_is_of_its_shape(void **state UNUSED)
{
    static const char *const expected[] = {"-",
                                           "bucket",
                                           "[02/Jan/2026:03:04:05 +0000]",
                                           "192.0.2.7",
                                           "alice",
                                           "S3OREQUEST",
                                           "REST.COPY.OBJECT",
                                           "a%20key/%C3%BC",
                                           "\"PUT /bucket/a%20key?x=1 HTTP/1.1\"",
                                           "404",
                                           "NoSuchKey",
                                           "17",
                                           "-",
                                           "2",
                                           "-",
                                           "\"-\"",
                                           "\"a %22tool%22/1\"",
                                           "v.1",
                                           "-",
                                           "SigV4",
                                           "-",
                                           "AuthHeader",
                                           "bucket.s3.amazonaws.com",
                                           "-",
                                           "-",
                                           "-"};
    static const struct operation copy = {.name = "CopyObject", .level = LEVEL_OBJECT, .access = ACCESS_WRITE};
    struct made m;
    struct request *req = make_request(&m);
    char mem[4096], *fields[40];

    m.in.target = STR("/bucket/a%20key?x=1");
    m.in.minor = 1;
    m.in.method_id = METHOD_PUT;
    m.in.host = STR("bucket.s3.amazonaws.com");
    req->in.operation = &copy;
    req->in.key = STR("a key/\xc3\xbc");
    req->relay.answer_bytes = 17;
    assert_int_equal(write_s3(mem, sizeof(mem), req, fields), ARRAY_LEN(expected));
    assert_int_equal(record_s3_fields_n, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        if (strcmp(fields[i], expected[i]) != 0)
            fail_msg("%s: %s, not %s", record_s3_fields[i].name, fields[i], expected[i]);
}

/* No field is ever empty, however the client was proven. */
static void test_s3_every_auth(void **state UNUSED)
{
    for (int auth = AUTH_NONE; auth <= AUTH_PREFLIGHT; auth++) {
        struct made m;
        struct request *req = make_request(&m);
        char mem[4096], *fields[40];

        req->who.auth = (enum auth_kind)auth;
        assert_int_equal(write_s3(mem, sizeof(mem), req, fields), record_s3_fields_n);
        for (size_t i = 0; i < record_s3_fields_n; i++)
            if (!*fields[i]) fail_msg("auth %d: %s is empty", auth, record_s3_fields[i].name);
    }
}

static void test_s3_operations(void **state UNUSED)
{
    static const struct {
        enum http_method id;
        struct str method, query;
        const char *bucket, *key, *expected;
    } rows[] = {
        {METHOD_GET, STR_INIT("GET"), STR_INIT(""), "", "", "REST.GET.SERVICE"},
        {METHOD_GET, STR_INIT("GET"), STR_INIT("list-type=2&prefix=a"), "b", "", "REST.GET.BUCKET"},
        {METHOD_GET, STR_INIT("GET"), STR_INIT("versioning"), "b", "", "REST.GET.VERSIONING"},
        {METHOD_GET, STR_INIT("GET"), STR_INIT("policy"), "b", "", "REST.GET.BUCKETPOLICY"},
        {METHOD_GET, STR_INIT("GET"), STR_INIT("logging"), "b", "", "REST.GET.LOGGING_STATUS"},
        {METHOD_HEAD, STR_INIT("HEAD"), STR_INIT(""), "b", "k", "REST.HEAD.OBJECT"},
        {METHOD_PUT, STR_INIT("PUT"), STR_INIT("partNumber=1&uploadId=x"), "b", "k", "REST.PUT.PART"},
        {METHOD_POST, STR_INIT("POST"), STR_INIT("uploads"), "b", "k", "REST.POST.UPLOADS"},
        {METHOD_POST, STR_INIT("POST"), STR_INIT("uploadId=x"), "b", "k", "REST.POST.UPLOAD"},
        {METHOD_POST, STR_INIT("POST"), STR_INIT("delete"), "b", "", "REST.POST.MULTI_OBJECT_DELETE"},
        {METHOD_GET, STR_INIT("GET"), STR_INIT("tagging"), "b", "k", "REST.GET.OBJECT_TAGGING"},
        {METHOD_GET, STR_INIT("GET"), STR_INIT("tagging"), "b", "", "REST.GET.TAGGING"},
        {METHOD_DELETE, STR_INIT("DELETE"), STR_INIT("versionId=1"), "b", "k", "REST.DELETE.OBJECT"},
    };
    struct headers none = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct made m;
        struct request *req = make_request(&m);
        struct query_param query[4];
        char mem[4096], *fields[40];

        m.in.method = rows[i].method;
        req->in.bucket = str_from(rows[i].bucket);
        req->in.key = str_from(rows[i].key);
        req->in.query = query;
        req->in.query_n = query_split(rows[i].query, query, 4);
        req->in.operation = operation_find(rows[i].id,
                                           req->in.key.n      ? LEVEL_OBJECT
                                           : req->in.bucket.n ? LEVEL_BUCKET
                                                              : LEVEL_SERVICE,
                                           query, req->in.query_n, &none);
        write_s3(mem, sizeof(mem), req, fields);
        assert_string_equal(fields[6], rows[i].expected);
    }
}

/* ------------------------------------------------------------------- what must be in no line */

static void test_signatures_are_in_no_line(void **state UNUSED)
{
    static const char url[] = "/b/k?X-Amz-Credential=AKIASECRET&x-amz-signature=SECRET&%58-Amz-Security-Token=SECRET&"
                              "Signature=SECRET&AWSAccessKeyId=AKIASECRET&response-content-type=text&X-Amz-Signature=";
    struct made m;
    struct request *req = make_request(&m);
    char mem[16384];
    struct sbuf b = sbuf_make(mem, sizeof(mem) - 1);

    m.in.target = str_from(url);
    m.asked[0] = (struct header){STR("Referer"), str_from(url), HDR_OTHER};
    m.asked[1].value = str_from(url);
    record_write_s3(&b, req);
    record_write(&b, RECORD_JSON, req);
    record_write(&b, RECORD_TEXT, req);
    assert_false(b.overflow);
    mem[b.n] = '\0';
    assert_null(strstr(mem, "SECRET"));
    assert_non_null(strstr(mem, "x-amz-signature=REDACTED&%58-Amz-Security-Token=REDACTED&Signature=REDACTED&"
                                "AWSAccessKeyId=REDACTED&response-content-type=text&X-Amz-Signature=REDACTED"));
}

/* ------------------------------------------------------------------- audit lines */

static void test_audit_line(void **state UNUSED)
{
    static struct proxy proxy = {.audit = {.run = "0123456789abcdef"}};
    static struct worker worker = {.proxy = &proxy, .index = 3, .audit_seq = 17};
    struct made m;
    struct request *req = make_request(&m);
    char mem[4096];
    json_t *o;

    req->worker = &worker;
    write_line(mem, sizeof(mem), RECORD_AUDIT, req);
    assert_true(str_starts(str_from(mem), STR("{\"time\":\"2026-01-02T03:04:05.678Z\",\"type\":\"audit\",\"event\":"
                                              "\"request\",\"run\":\"0123456789abcdef\",\"thread\":\"worker 3\","
                                              "\"seq\":17,\"req\":\"S3OREQUEST\"")));
    o = json_loads(mem, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    for (size_t i = 0; i < record_fields_n; i++)
        if ((record_fields[i].formats & RECORD_AUDIT) && !record_fields[i].is_there &&
            !json_object_get(o, record_fields[i].name))
            fail_msg("no %s in %s", record_fields[i].name, mem);
    json_decref(o);
    req->who.user_tried = STR("mallory");
    req->failed_at = STEP_check_user;
    err_set(&req->err, ERR_PROXY_AUTH, 0, "wrong password");
    write_line(mem, sizeof(mem), RECORD_AUDIT, req);
    assert_non_null(strstr(mem, "\"event\":\"password\""));
    req->err.code = ERR_POLICY_DENIED;
    write_line(mem, sizeof(mem), RECORD_AUDIT, req);
    assert_non_null(strstr(mem, "\"event\":\"refused\""));
}

/* The room that is kept before it goes suffices for whatever comes of it. */
static void test_longest_audit_line_fits_into_its_room(void **state UNUSED)
{
    static struct proxy proxy = {.audit = {.run = "0123456789abcdef"}};
    static struct worker worker = {.proxy = &proxy, .index = SIZE_MAX, .audit_seq = UINT64_MAX};
    static char wild[70000], mem[SINK_LINE_MAX], name[65], certificate[512];
    struct str s = str_make(wild, sizeof(wild));

    memset(wild, 1, sizeof(wild));
    memset(certificate, 1, sizeof(certificate) - 1);
    memset(name, 'n', sizeof(name) - 1);
    for (unsigned asked = 0; asked < 2; asked++) {
        struct made m;
        struct request *req = make_request(&m);
        struct str line;
        size_t room;

        req->worker = &worker;
        if (asked) m.session.certificate = certificate;
        if (asked) req->in.bucket = req->in.key = m.asked[0].value = m.asked[1].value = s;
        req->who.user_tried = str_head(s, 64);
        m.in.method = s;
        judge(req, POLICY_ALLOWED);
        room = record_audit_most(req);
        m.answered[0].value = m.answered[1].value = s;
        req->relay.s3_error = str_head(s, REQUEST_S3_ERROR);
        req->err.code = ERR_INTERNAL;
        memset(req->err.detail, 1, sizeof(req->err.detail) - 1);
        m.client.name = m.endpoint.name = m.credentials.name = m.listener.name = name;
        req->reply.status = UINT32_MAX;
        req->in.body.plain = req->relay.answer_bytes = UINT64_MAX;
        line = write_line(mem, sizeof(mem), RECORD_AUDIT, req);
        assert_in_range(line.n + 1, room / 3, room);
        assert_in_range(room, line.n + 1, SINK_LINE_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_text_is_the_line_that_it_always_was),
        cmocka_unit_test(test_write_text_failure_of_a_tunnel),
        cmocka_unit_test(test_write_json_has_each_field_of_the_table),
        cmocka_unit_test(test_what_policies_say),
        cmocka_unit_test(test_version_asked_for_counts_where_none_is_answered),
        cmocka_unit_test(test_longest_line_fits),
        cmocka_unit_test(test_s3_line_is_of_its_shape),
        cmocka_unit_test(test_s3_every_auth),
        cmocka_unit_test(test_s3_operations),
        cmocka_unit_test(test_signatures_are_in_no_line),
        cmocka_unit_test(test_audit_line),
        cmocka_unit_test(test_longest_audit_line_fits_into_its_room),
    };

    return cmocka_run_group_tests(tests, compile_policy, free_policy);
}
