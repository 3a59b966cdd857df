/* SPDX-License-Identifier: Apache-2.0
 * test_record.c: the table of fields against the lines made from it, against the manual, and against the longest line.
 */
#include "flow/record.h"

#include "flow/admit.h"
#include "flow/session.h"
#include "flow/tunnel.h"
#include "io/sink.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANUAL TEST_VECTORS "/../../conf/manual/logs.md"

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

static struct request *make_request(struct made *m)
{
    struct request *req = &m->session.req;

    memset(m, 0, sizeof(*m));
    m->listener = (struct listener_conf){.name = "main", .mode = LISTENER_REDIRECT};
    m->client.name = "alice";
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

static struct str write_line(char *mem, size_t cap, enum log_format format, const struct request *req)
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
    write_line(mem, sizeof(mem), LOG_TEXT, make_request(&m));
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
    write_line(mem, sizeof(mem), LOG_TEXT, req);
    assert_non_null(strstr(mem, " end=client_gone step=tunnel ended_by=client detail=\"it left\" connection="));
}

static void test_write_json_has_each_field_of_the_table(void **state)
{
    struct made m;
    struct request *req = make_request(&m);
    char mem[4096];
    json_t *o;

    (void)state;
    req->limits = &m.limits;
    req->tunnel = &m.tunnel;
    err_set(&req->err, ERR_CLIENT_GONE, 0, "it left");
    write_line(mem, sizeof(mem), LOG_JSON, req);
    o = json_loads(mem, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    for (size_t i = 0; i < record_fields_n; i++)
        if (!json_object_get(o, record_fields[i].name)) fail_msg("no %s in %s", record_fields[i].name, mem);
    assert_int_equal(json_object_size(o), record_fields_n);
    assert_true(str_starts(str_from(mem), STR("{\"time\":\"2026-01-02T03:04:05.678Z\",\"type\":\"access\",\"req\":")));
    json_decref(o);
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
    write_line(mem, sizeof(mem), LOG_TEXT, req);
    assert_non_null(strstr(mem, " version_id=v.1 "));
    req->relay.answer = NULL;
    write_line(mem, sizeof(mem), LOG_TEXT, req);
    assert_non_null(strstr(mem, " version_id=asked "));
    req->in.query_n = 0;
    write_line(mem, sizeof(mem), LOG_TEXT, req);
    assert_null(strstr(mem, " version_id="));
}

static void test_longest_line_fits(void **state)
{
    struct made m;
    struct request *req = make_request(&m);
    static char wild[70000], mem[SINK_LINE_MAX];
    struct str s = str_make(wild, sizeof(wild));

    (void)state;
    memset(wild, 1, sizeof(wild));
    m.in.method = req->who.user_tried = s;
    req->who.user_tried.n = 64;
    req->in.bucket = req->in.key = m.asked[0].value = m.asked[1].value = m.answered[0].value = m.answered[1].value = s;
    memset(req->err.detail, 1, sizeof(req->err.detail) - 1);
    req->err.code = ERR_INTERNAL;
    write_line(mem, sizeof(mem), LOG_JSON, req);
    write_line(mem, sizeof(mem), LOG_TEXT, req);
}

/* "| `name` | meaning |": in the order of the table. */
static void test_manual_has_the_table(void **state)
{
    FILE *in = fopen(MANUAL, "r");
    char line[1024], expected[1024];
    size_t i = 0;

    (void)state;
    assert_non_null(in);
    while (fgets(line, sizeof(line), in)) {
        if (strncmp(line, "| `", 3) != 0) continue;
        assert_true(i < record_fields_n);
        snprintf(expected, sizeof(expected), "| `%s` | %s |\n", record_fields[i].name, record_fields[i].meaning);
        assert_string_equal(line, expected);
        i++;
    }
    fclose(in);
    assert_int_equal(i, record_fields_n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_text_is_the_line_that_it_always_was),
        cmocka_unit_test(test_write_text_failure_of_a_tunnel),
        cmocka_unit_test(test_write_json_has_each_field_of_the_table),
        cmocka_unit_test(test_version_asked_for_counts_where_none_is_answered),
        cmocka_unit_test(test_longest_line_fits),
        cmocka_unit_test(test_manual_has_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
