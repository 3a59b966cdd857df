/* SPDX-License-Identifier: Apache-2.0
 * test_uri.c: request targets, authorities, percent-coding and queries. Source: RFC 9112 3.2, RFC 3986, AWS
 * "UriEncode".
 */
#include "http/uri.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_str(struct str got, const char *want)
{
    if (!str_eq(got, str_from(want))) fail_msg("got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

static void test_uri_split_each_form_gives_its_parts(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        bool is_connect;
        enum uri_form form;
        const char *scheme, *authority, *path, *query;
        bool has_query;
    } rows[] = {
        {"/", false, URI_ORIGIN, "", "", "/", "", false},
        {"/b/k", false, URI_ORIGIN, "", "", "/b/k", "", false},
        {"//b//../k", false, URI_ORIGIN, "", "", "//b//../k", "", false},
        {"/b?", false, URI_ORIGIN, "", "", "/b", "", true},
        {"/b?list-type=2&prefix=a?b", false, URI_ORIGIN, "", "", "/b", "list-type=2&prefix=a?b", true},
        {"/caf\xc3\xa9", false, URI_ORIGIN, "", "", "/caf\xc3\xa9", "", false},
        {"/a%2Fb+c%zz", false, URI_ORIGIN, "", "", "/a%2Fb+c%zz", "", false},
        {"/http://x@y/", false, URI_ORIGIN, "", "", "/http://x@y/", "", false},
        {"http://h", false, URI_ABSOLUTE, "http", "h", "/", "", false},
        {"HTTP://h:80/", false, URI_ABSOLUTE, "HTTP", "h:80", "/", "", false},
        {"https://h?acl", false, URI_ABSOLUTE, "https", "h", "/", "acl", true},
        {"http://[::1]:9000/b/k?x=@", false, URI_ABSOLUTE, "http", "[::1]:9000", "/b/k", "x=@", true},
        {"*", false, URI_ASTERISK, "", "", "*", "", false},
        {"h:443", true, URI_AUTHORITY, "", "h:443", "", "", false},
        {"[fd00::1]:443", true, URI_AUTHORITY, "", "[fd00::1]:443", "", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct uri u;
        struct err err;
        assert_int_equal(uri_split(str_from(rows[i].target), rows[i].is_connect, &u, &err), ERR_NONE);
        assert_int_equal(u.form, rows[i].form);
        assert_str(u.scheme, rows[i].scheme);
        assert_str(u.authority, rows[i].authority);
        assert_str(u.path, rows[i].path);
        assert_str(u.query, rows[i].query);
        assert_int_equal(u.has_query, rows[i].has_query);
    }
}

static void test_uri_split_bad_target_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        bool is_connect;
    } rows[] = {
        {"", false},
        {"b/k", false},
        {"?x", false},
        {"*x", false},
        {"h:443", false},
        {"/a b", false},
        {"/a#f", false},
        {"/?q#f", false},
        {"/a\tb", false},
        {"/a\x7f", false},
        {"/a\x01", false},
        {"http:/h", false},
        {"http:h", false},
        {"http://", false},
        {"http:///p", false},
        {"http://u@h/", false},
        {"http://u:p@h/", false},
        {"ftp://h/", false},
        {"s3://b/k", false},
        {"http://h#f", false},
        {"http://h/#f", false},
        {"http://h:0/", false},
        {"http://h:/", false},
        {"http://h b/", false},
        {"://h/", false},
        {"", true},
        {"h", true},
        {"h:", true},
        {"h:0", true},
        {"h:65536", true},
        {"h:443/", true},
        {"u@h:443", true},
        {"/h:443", true},
        {"http://h:443", true},
        {"*", true},
        {":443", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct uri u;
        struct err err = {.code = ERR_NONE};
        enum err_code code = uri_split(str_from(rows[i].target), rows[i].is_connect, &u, &err);
        if (code != ERR_BAD_REQUEST) fail_msg("\"%s\" gave %d", rows[i].target, (int)code);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        assert_true(err.detail[0] != '\0');
    }
}

static void test_uri_split_every_byte_in_a_path_is_judged(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char target[] = {'/', (char)c, 'k'};
        bool refused = c < 0x21 || c == '#' || c == 0x7f;
        struct uri u;
        assert_int_equal(uri_split(str_make(target, 3), false, &u, NULL), refused ? ERR_BAD_REQUEST : ERR_NONE);
    }
}

static void test_uri_host_valid_table(void **state UNUSED)
{
#define LABEL "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz-"
    static const struct {
        const char *host;
        bool valid;
    } rows[] = {{"a", true},
                {"My_bucket-.s3.eu-west-1.amazonaws.com", true},
                {LABEL, true},
                {LABEL "x", false},
                {"", false},
                {".a", false},
                {"a.", false},
                {"a..b", false},
                {"a:1", false},
                {"[::1]", false},
                {"*.a", false},
                {"a b", false},
                {LABEL "." LABEL "." LABEL "."
                       "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy",
                 true},
                {LABEL "." LABEL "." LABEL "." LABEL, false}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (uri_host_valid(str_from(rows[i].host)) != rows[i].valid) fail_msg("%s", rows[i].host);
}

static void test_uri_split_authority_table(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
        const char *host;
        unsigned port;
    } rows[] = {
        {"h", true, "h", 0},
        {"s3.eu-west-1.amazonaws.com:443", true, "s3.eu-west-1.amazonaws.com", 443},
        {"my_bucket.h.:80", true, "my_bucket.h", 80},
        {"h.", true, "h", 0},
        {"h:65535", true, "h", 65535},
        {"h:00080", true, "h", 80},
        {"10.0.0.1:1", true, "10.0.0.1", 1},
        {"[::1]", true, "::1", 0},
        {"[fd00::A]:443", true, "fd00::A", 443},
        {"[::ffff:10.0.0.1]", true, "::ffff:10.0.0.1", 0},
        {"", false, "", 0},
        {".", false, "", 0},
        {"..", false, "", 0},
        {"h..", false, "", 0},
        {":80", false, "", 0},
        {"h:", false, "", 0},
        {"h:0", false, "", 0},
        {"h:65536", false, "", 0},
        {"h:+80", false, "", 0},
        {"h: 80", false, "", 0},
        {"h:80 ", false, "", 0},
        {"h:000080", false, "", 0},
        {"h:80:80", false, "", 0},
        {"h/", false, "", 0},
        {"h%2e", false, "", 0},
        {"u@h", false, "", 0},
        {"h\xc3\xa9", false, "", 0},
        {"a,b", false, "", 0},
        {"::1", false, "", 0},
        {"[]", false, "", 0},
        {"[10.0.0.1]", false, "", 0},
        {"[::1", false, "", 0},
        {"[::1]x", false, "", 0},
        {"[::1]80", false, "", 0},
        {"[::1]:", false, "", 0},
        {"[fe80::1%25eth0]", false, "", 0},
        {"[::g]", false, "", 0},
        {"x[::1]", false, "", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str host;
        unsigned port;
        bool ok = uri_split_authority(str_from(rows[i].in), &host, &port);
        if (ok != rows[i].ok) fail_msg("\"%s\" gave %d", rows[i].in, ok);
        if (!ok) continue;
        assert_str(host, rows[i].host);
        assert_int_equal(port, rows[i].port);
    }
}

static void test_uri_decode_table(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool plus;
        bool ok;
        const char *out;
    } rows[] = {
        {"", false, true, ""},         {"abc", false, true, "abc"},    {"a%20b", false, true, "a b"},
        {"a+b", false, true, "a+b"},   {"a+b%2B", true, true, "a b+"}, {"%c3%A9", false, true, "\xc3\xa9"},
        {"%2541", false, true, "%41"}, {"%", false, false, ""},        {"%4", false, false, ""},
        {"%4g", false, false, ""},     {"%g4", false, false, ""},      {"%%41", false, false, ""},
        {"a%4\xc1", false, false, ""}, {"%+1", false, false, ""},      {"% 1", false, false, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[64];
        size_t n = 0;
        assert_int_equal(uri_decode(str_from(rows[i].in), rows[i].plus, out, &n), rows[i].ok);
        if (rows[i].ok) assert_str(str_make(out, n), rows[i].out);
    }
}

static void test_uri_decode_in_place_and_nul_is_a_byte(void **state)
{
    (void)state;
    char text[] = "%41%00%ff";
    size_t n;
    assert_true(uri_decode(str_make(text, sizeof text - 1), false, text, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(text, "A\0\xff", 3);
    char next[] = "%41"; /* what follows the view is not of it */
    assert_false(uri_decode(str_make(next, 2), false, next, &n));
    assert_false(uri_decode(str_make(next, 1), false, next, &n));
}

static void test_uri_encode_every_byte_as_sigv4_says(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char in = (char)c, mem[8], hex[4] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15], 0};
        bool plain = c != 0 && c < 128 &&
                     strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", c) != NULL;
        for (int keep = 0; keep < 2; keep++) {
            struct sbuf b = sbuf_make(mem, sizeof mem);
            bool stays = plain || (keep && c == '/');
            uri_encode(&b, str_make(&in, 1), keep);
            assert_false(b.overflow);
            assert_int_equal(b.n, stays ? 1 : 3);
            assert_memory_equal(b.p, stays ? &in : hex, b.n);
            assert_int_equal(uri_is_encoded_plain(str_make(&in, 1), keep), stays);
        }
    }
}

static void test_uri_encode_texts_and_overflow(void **state)
{
    (void)state;
    char mem[32];
    struct sbuf b = sbuf_make(mem, sizeof mem);
    uri_encode(&b, STR("a/b c\xc3\xa9"), true);
    assert_str(sbuf_str(&b), "a/b%20c%C3%A9");
    b = sbuf_make(mem, sizeof mem);
    uri_encode(&b, STR("a/b"), false);
    assert_str(sbuf_str(&b), "a%2Fb");
    b = sbuf_make(mem, 5);
    uri_encode(&b, STR("aaa "), false);
    assert_true(b.overflow);
    b = sbuf_make(mem, 0);
    uri_encode(&b, STR_NONE, false);
    assert_false(b.overflow);
    assert_true(uri_is_encoded_plain(STR_NONE, false));
}

static void test_query_split_table(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        size_t n;
        const char *name[3], *value[3];
        bool has_value[3];
    } rows[] = {
        {"", 0, {NULL}, {NULL}, {false}},
        {"&&", 0, {NULL}, {NULL}, {false}},
        {"acl", 1, {"acl"}, {""}, {false}},
        {"acl=", 1, {"acl"}, {""}, {true}},
        {"=v", 1, {""}, {"v"}, {true}},
        {"a=b=c", 1, {"a"}, {"b=c"}, {true}},
        {"b=2&&a=1&", 2, {"b", "a"}, {"2", "1"}, {true, true}},
        {"a&a=%20&a=+", 3, {"a", "a", "a"}, {"", "%20", "+"}, {false, true, true}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct query_param out[3];
        size_t n = query_split(str_from(rows[i].query), out, 3);
        assert_int_equal(n, rows[i].n);
        for (size_t k = 0; k < n; k++) {
            assert_str(out[k].name, rows[i].name[k]);
            assert_str(out[k].value, rows[i].value[k]);
            assert_int_equal(out[k].has_value, rows[i].has_value[k]);
        }
    }
}

static void test_query_split_more_than_max_are_counted_not_stored(void **state)
{
    (void)state;
    struct query_param out[3] = {{.has_value = false}};
    assert_int_equal(query_split(STR("a=1&b=2&c=3&d=4"), out, 2), 4);
    assert_str(out[1].name, "b");
    assert_null(out[2].name.p);
    assert_int_equal(query_split(STR("a&b"), NULL, 0), 2);
}

static void test_query_find_first_exact_name(void **state)
{
    (void)state;
    struct query_param p[4];
    size_t n = query_split(STR("A=0&ab=1&a=2&a=3"), p, 4);
    assert_ptr_equal(query_find(p, n, STR("a")), &p[2]);
    assert_null(query_find(p, n, STR("b")));
    assert_null(query_find(p, 0, STR("a")));

    n = query_split(STR("X%2DAmz%2ddate=1&%=2&x%2=3&%41b+=4"), p, 4);
    assert_ptr_equal(query_find(p, n, STR("X-Amz-date")), &p[0]);
    assert_ptr_equal(query_find(p, n, STR("%")), &p[1]);
    assert_ptr_equal(query_find(p, n, STR("x%2")), &p[2]);
    assert_ptr_equal(query_find(p, n, STR("Ab+")), &p[3]);
    assert_null(query_find(p, n, STR("X-Amz-dat")));
    assert_null(query_find(p, n, STR("X-Amz-datee")));
    assert_null(query_find(p, n, STR("Ab ")));

    assert_true(uri_decodes_to_prefix(STR("X%2dAMZ%2dMeta"), STR("x-amz-")));
    assert_true(uri_decodes_to_prefix(STR("x-amz-"), STR("x-amz-")));
    assert_false(uri_decodes_to_prefix(STR("x-amz"), STR("x-amz-")));
    assert_false(uri_decodes_to_prefix(STR("xx-amz-a"), STR("x-amz-")));
    assert_false(uri_decodes_to_prefix(STR("x%2-amz-a"), STR("x-amz-")));
}

static void test_uri_decode_alike_ignores_escapes_and_case(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool alike;
    } rows[] = {
        {"", "", true},
        {"X-Amz-Date", "x-amz-date", true},
        {"%58-Amz-Dat%65", "x-amz-date", true},
        {"x-amz-date", "x-amz-dat", false},
        {"x-amz-dat", "x-amz-date", false},
        {"a+b", "a%2Bb", true},
        {"a+b", "a b", false},
        {"%zz", "%ZZ", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(uri_decode_alike(str_from(rows[i].a), str_from(rows[i].b)), rows[i].alike);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uri_split_each_form_gives_its_parts),
        cmocka_unit_test(test_uri_split_bad_target_is_refused),
        cmocka_unit_test(test_uri_split_every_byte_in_a_path_is_judged),
        cmocka_unit_test(test_uri_host_valid_table),
        cmocka_unit_test(test_uri_split_authority_table),
        cmocka_unit_test(test_uri_decode_table),
        cmocka_unit_test(test_uri_decode_in_place_and_nul_is_a_byte),
        cmocka_unit_test(test_uri_encode_every_byte_as_sigv4_says),
        cmocka_unit_test(test_uri_encode_texts_and_overflow),
        cmocka_unit_test(test_query_split_table),
        cmocka_unit_test(test_query_split_more_than_max_are_counted_not_stored),
        cmocka_unit_test(test_query_find_first_exact_name),
        cmocka_unit_test(test_uri_decode_alike_ignores_escapes_and_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
