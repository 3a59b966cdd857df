/* SPDX-License-Identifier: Apache-2.0
 * test_headers.c: recognising names, looking up, lists, and what ends at this hop. Source: RFC 9110 5.6.1, 7.6.1.
 */
#include "http/headers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    struct str name;
    enum header_id id;
} known[] = {
#define X(id, name) {STR_INIT(name), HDR_##id},
    HEADER_TABLE(X)
#undef X
};

static struct header field(const char *name, const char *value)
{
    struct str n = str_from(name);
    return (struct header){n, str_from(value), header_id_of(n)};
}

static void test_header_id_of_each_row_is_found_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        char upper[64], mixed[64];
        struct str name = known[i].name;
        for (size_t k = 0; k < name.n; k++) {
            char c = name.p[k], big = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
            upper[k] = big;
            mixed[k] = k % 2 ? c : big;
        }
        assert_int_equal(header_id_of(name), known[i].id);
        assert_int_equal(header_id_of(str_make(upper, name.n)), known[i].id);
        assert_int_equal(header_id_of(str_make(mixed, name.n)), known[i].id);
    }
}

static void test_header_id_of_one_byte_changed_is_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct str name = known[i].name;
        char text[64];
        for (size_t k = 0; k < name.n; k++) {
            for (int c = 0; c < 256; c++) {
                memcpy(text, name.p, name.n);
                text[k] = (char)c;
                bool same = ascii_lower((char)c) == name.p[k];
                enum header_id id = header_id_of(str_make(text, name.n));
                if (same)
                    assert_int_equal(id, known[i].id);
                else
                    assert_int_not_equal(id, known[i].id);
            }
        }
        assert_int_not_equal(header_id_of(str_head(name, name.n - 1)), known[i].id);
    }
}

static void test_header_table_is_sorted_by_length_and_name(void **state)
{
    (void)state;
    for (size_t i = 1; i < ARRAY_LEN(known); i++) {
        struct str a = known[i - 1].name, b = known[i].name;
        assert_true(a.n < b.n || (a.n == b.n && str_cmp(a, b) < 0));
    }
}

static void test_headers_find_returns_first_or_null(void **state)
{
    (void)state;
    struct header v[] = {field("X-Foo", "1"), field("HOST", "a"), field("host", "b"), field("x-foo", "2")};
    struct headers h = {v, ARRAY_LEN(v)};
    assert_ptr_equal(headers_find(&h, HDR_HOST), &v[1]);
    assert_null(headers_find(&h, HDR_RANGE));
    assert_ptr_equal(headers_find_name(&h, STR("hOsT")), &v[1]);
    assert_ptr_equal(headers_find_name(&h, STR("x-FOO")), &v[0]);
    assert_null(headers_find_name(&h, STR("x-fo")));
    assert_null(headers_find_name(&h, STR("range")));
    assert_int_equal(headers_count(&h, HDR_HOST), 2);
    assert_int_equal(headers_count(&h, HDR_RANGE), 0);
}

static void test_headers_has_token_lists_match_whole_items(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool has;
    } rows[] = {
        {"close", true},   {"Close", true},       {"keep-alive, close", true}, {"a,\tCLOSE ,b", true}, {",close", true},
        {"closed", false}, {"enclose", false},    {"close;q=1", false},        {"\"close\"", false},   {"", false},
        {",", false},      {"keep-alive", false}, {"keep-alive close", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct header v[] = {field("Via", "close"), field("Connection", rows[i].value)};
        struct headers h = {v, 2};
        assert_int_equal(headers_has_token(&h, HDR_CONNECTION, STR("close")), rows[i].has);
    }
    struct header two[] = {field("Connection", "a"), field("Connection", "close")};
    assert_true(headers_has_token(&(struct headers){two, 2}, HDR_CONNECTION, STR("close")));
}

static void test_headers_drops_hop_by_hop_and_named_but_never_what_was_verified(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool plain, named; /* dropped; dropped when Connection names it */
    } rows[] = {
        {"Connection", true, true},
        {"Keep-Alive", true, true},
        {"Proxy-Connection", true, true},
        {"Proxy-Authorization", true, true},
        {"Proxy-Authenticate", true, true},
        {"TE", true, true},
        {"Trailer", true, true},
        {"Transfer-Encoding", true, true},
        {"Upgrade", true, true},
        {"X-Custom", false, true},
        {"Accept", false, true},
        {"Host", false, false},
        {"Authorization", false, false},
        {"Content-Length", false, false},
        {"Content-Type", false, false},
        {"Content-Disposition", false, false},
        {"Range", false, false},
        {"If-None-Match", false, false},
        {"if-unmodified-since", false, false},
        {"Date", false, false},
        {"X-Amz-Date", false, false},
        {"x-amz-meta-anything", false, false},
        {"X-AMZ-Tagging", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct header alone = field(rows[i].name, "v");
        assert_int_equal(headers_drops(&(struct headers){&alone, 1}, &alone), rows[i].plain);
        struct header v[] = {field("Connection", "close"), field("connection", rows[i].name), alone};
        assert_int_equal(headers_drops(&(struct headers){v, 3}, &v[2]), rows[i].named);
        assert_int_equal(header_is_end_to_end(&v[2]), !rows[i].named);
        assert_int_equal(headers_nominates(&(struct headers){v, 3}, &v[2]), !rows[i].plain);
        assert_false(headers_nominates(&(struct headers){v, 1}, &v[2]));
    }
}

static void test_header_is_amz_prefix_only(void **state)
{
    (void)state;
    assert_true(header_is_amz(STR("x-amz-")));
    assert_true(header_is_amz(STR("X-Amz-Meta-A")));
    assert_false(header_is_amz(STR("x-amz")));
    assert_false(header_is_amz(STR("x-amzn-trace-id")));
    assert_false(header_is_amz(STR("ax-amz-date")));
    assert_false(header_is_amz(STR_NONE));
}

static void test_header_is_ambiguous_where_an_underscore_may_be_a_dash(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool ambiguous, amz;
    } rows[] = {
        {"x-amz-copy-source", false, false},
        {"x_amz_copy_source", true, true},
        {"X-Amz_Copy-Source", true, true},
        {"x-amz-copy_source", true, true},
        {"X_AMZ-acl", true, true},
        {"x-amz-meta-a_b", false, false},
        {"X-Amz-Meta-_", false, false},
        {"x-amz_meta-a", true, true},
        {"x_amz_", true, true},
        {"x_amz", true, false},
        {"content_length", true, false},
        {"_", true, false},
        {"x-copy", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(header_is_ambiguous(str_from(rows[i].name)), rows[i].ambiguous);
        assert_int_equal(header_is_ambiguous_amz(str_from(rows[i].name)), rows[i].amz);
    }
}

static void test_header_name_valid_is_a_token(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool valid;
    } rows[] = {
        {"x-amz-meta-a_b", true},  {"X!#$%&'*+.^`|~9", true},   {"", false},          {"x-amz-meta-a b", false},
        {"x-amz-acl: a", false},   {"x-amz-meta-a\t", false},   {"x-amz-a/b", false}, {"x-amz-meta-\xc3\xa9", false},
        {"x-amz-meta-(a)", false}, {"x-amz-meta-\"a\"", false}, {"x\r\ny", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(header_name_valid(str_from(rows[i].name)), rows[i].valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_id_of_each_row_is_found_in_any_case),
        cmocka_unit_test(test_header_id_of_one_byte_changed_is_other),
        cmocka_unit_test(test_header_table_is_sorted_by_length_and_name),
        cmocka_unit_test(test_headers_find_returns_first_or_null),
        cmocka_unit_test(test_headers_has_token_lists_match_whole_items),
        cmocka_unit_test(test_headers_drops_hop_by_hop_and_named_but_never_what_was_verified),
        cmocka_unit_test(test_header_is_amz_prefix_only),
        cmocka_unit_test(test_header_is_ambiguous_where_an_underscore_may_be_a_dash),
        cmocka_unit_test(test_header_name_valid_is_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
