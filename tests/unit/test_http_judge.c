/* SPDX-License-Identifier: Apache-2.0
 * test_http_judge.c: hosts, tokens, methods, paths: what is answered, and to whom.
 */
#include "admin/http_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TOKEN "0123456789abcdef-token"
#define HOST "Host: 10.0.0.5:3180\r\n"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"

static const struct http_route rows[] = {
    {"/open", false, HTTP_EVERYBODY, NULL, ""},
    {"/known", false, HTTP_KNOWN, NULL, ""},
    {"/api/", true, HTTP_KNOWN, NULL, ""},
};
static const struct http_routes routes = {rows, ARRAY_LEN(rows)};

static char name_a[] = "node1.example.com", name_b[] = "node1", token[] = TOKEN;
static char *names[] = {name_a, name_b};

static unsigned judge(const char *text, bool with_token, struct http_asked *out)
{
    struct str raw = str_from(text);
    struct header *fields = calloc(head_fields(raw), sizeof(*fields));
    struct head_request r;
    struct netaddr local;
    struct err err = {0};
    struct admin_conf conf = {.names = {names, ARRAY_LEN(names)}, .token = with_token ? token : NULL};

    assert_non_null(fields);
    assert_true(netaddr_parse(STR("10.0.0.5:3180"), 0, &local));
    if (head_parse_request(raw, fields, &r, &err) != ERR_NONE) fail_msg("%s: %s", text, err.detail);
    unsigned status = http_judge(&r, &conf, &local, &routes, out);
    free(fields);
    return status;
}

struct row {
    const char *text;
    unsigned status; /* without a token in the settings */
    unsigned known;  /* with one */
};

static void test_http_judge_table(void **state UNUSED)
{
    static const struct row table[] = {
        /* Hosts. */
        {"GET /known HTTP/1.1\r\n" HOST "\r\n", 200, 401},
        {"GET /known HTTP/1.1\r\nHost: localhost:9\r\n\r\n", 200, 401},
        {"GET /known HTTP/1.1\r\nHost: LOCALHOST.\r\n\r\n", 200, 401},
        {"GET /known HTTP/1.1\r\nHost: Node1.Example.COM\r\n\r\n", 200, 401},
        {"GET /known HTTP/1.1\r\nHost: node1\r\n\r\n", 200, 401},
        {"GET /known HTTP/1.0\r\n\r\n", 200, 401},
        {"GET /known HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 421, 421},
        {"GET /known HTTP/1.1\r\nHost: 10.0.0.6\r\n\r\n", 421, 421},
        {"GET /known HTTP/1.1\r\nHost: localhost.rebound.example\r\n\r\n", 421, 421},
        {"GET /known HTTP/1.1\r\nHost: rebound\r\n\r\n", 421, 421},
        {"GET /nowhere HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 421, 421},
        {"GET /open HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 200, 200},
        /* Tokens. */
        {"GET /known HTTP/1.1\r\n" HOST BEARER "\r\n", 200, 200},
        {"GET /known HTTP/1.1\r\n" HOST "Authorization: bearer  " TOKEN "\r\n\r\n", 200, 200},
        {"GET /known HTTP/1.1\r\n" HOST "Authorization: Bearer " TOKEN "x\r\n\r\n", 200, 401},
        {"GET /known HTTP/1.1\r\n" HOST "Authorization: Bearer \r\n\r\n", 200, 401},
        {"GET /known HTTP/1.1\r\n" HOST "Authorization: " TOKEN "\r\n\r\n", 200, 401},
        {"GET /known HTTP/1.1\r\n" HOST "Authorization: Basic " TOKEN "\r\n\r\n", 200, 401},
        {"GET /known HTTP/1.1\r\n" HOST BEARER BEARER "\r\n", 200, 401},
        {"GET /open HTTP/1.1\r\n" HOST "\r\n", 200, 200},
        {"GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404, 401},
        {"GET /nowhere HTTP/1.1\r\n" HOST BEARER "\r\n", 404, 404},
        /* Paths. */
        {"GET /known/ HTTP/1.1\r\n" HOST BEARER "\r\n", 404, 404},
        {"GET /KNOWN HTTP/1.1\r\n" HOST BEARER "\r\n", 404, 404},
        {"GET /%6bnown HTTP/1.1\r\n" HOST BEARER "\r\n", 404, 404},
        {"GET /known?a=b HTTP/1.1\r\n" HOST BEARER "\r\n", 200, 200},
        {"GET /api HTTP/1.1\r\n" HOST BEARER "\r\n", 404, 404},
        {"GET /api/status HTTP/1.1\r\n" HOST BEARER "\r\n", 200, 200},
        {"GET http://10.0.0.5/known HTTP/1.1\r\n" HOST BEARER "\r\n", 400, 400},
        /* Methods and contents. */
        {"HEAD /known HTTP/1.1\r\n" HOST BEARER "\r\n", 200, 200},
        {"POST /known HTTP/1.1\r\n" HOST BEARER "Content-Length: 0\r\n\r\n", 405, 405},
        {"POST /known HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 405, 401},
        {"OPTIONS /open HTTP/1.1\r\n" HOST "\r\n", 405, 405},
        {"DELETE /api/status HTTP/1.1\r\n" HOST BEARER "\r\n", 405, 405},
        {"GET /known HTTP/1.1\r\n" HOST BEARER "Content-Length: 1\r\n\r\n", 413, 413},
        {"GET /known HTTP/1.1\r\n" HOST BEARER "Transfer-Encoding: chunked\r\n\r\n", 413, 413},
    };
    struct http_asked asked;

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        unsigned status = judge(table[i].text, false, &asked), known = judge(table[i].text, true, &asked);

        if (status != table[i].status || known != table[i].known)
            fail_msg("%s: %u and %u, not %u and %u", table[i].text, status, known, table[i].status, table[i].known);
    }
}

static void test_http_judge_says_what_is_asked(void **state UNUSED)
{
    struct http_asked asked;

    assert_int_equal(
        judge("HEAD /api/status?clients=yes HTTP/1.1\r\n" HOST "Accept: text/plain\r\n\r\n", false, &asked), 200);
    assert_ptr_equal(asked.route, &rows[2]);
    assert_true(str_eq(asked.command, STR("status")));
    assert_true(str_eq(asked.query, STR("clients=yes")));
    assert_true(str_eq(asked.accept, STR("text/plain")));
    assert_true(asked.head_only);
    assert_true(str_starts(STR(HOST), STR("Host: ")) && str_find(STR(HOST), asked.host) == 6 && asked.host.n);
}

static void test_http_names_of_an_address(void **state UNUSED)
{
    struct admin_conf conf = {.names = {names, ARRAY_LEN(names)}};
    struct netaddr local;
    char out[HTTP_NAMES];

    assert_true(netaddr_parse(STR("[fd00::5]:3180"), 0, &local));
    assert_string_equal(http_names(&conf, &local, out), "fd00::5,localhost,node1.example.com,node1");
    assert_true(http_names_have(str_from(out), STR("node1")));
    assert_false(http_names_have(str_from(out), STR("node")));
    assert_false(http_names_have(str_from(out), STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_judge_table),
        cmocka_unit_test(test_http_judge_says_what_is_asked),
        cmocka_unit_test(test_http_names_of_an_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
