/* SPDX-License-Identifier: Apache-2.0
 * test_post_form_answer.c: status, Location and body for what a form asks for, as a table; hostile redirects.
 */
#include "aws/form/post_form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define URL "https://uploads.s3.ap-northeast-1.amazonaws.com"
#define OBJECT URL "/in%2Fa%20b%26c.txt"
#define QUERY "bucket=uploads&key=in%2Fa+b%26c.txt&etag=%22e%22"

static const struct post_form_object object = {
    .url = STR_INIT(URL), .bucket = STR_INIT("uploads"), .key = STR_INIT("in/a b&c.txt"), .etag = STR_INIT("\"e\"")};

static const struct {
    const char *status, *redirect, *old_redirect; /* values of the fields; NULL: none */
    unsigned expected;
    const char *location;
} table[] = {
    {NULL, NULL, NULL, 204, OBJECT},
    {"200", NULL, NULL, 200, OBJECT},
    {"201", NULL, NULL, 201, OBJECT},
    {"204", NULL, NULL, 204, OBJECT},
    {"404", NULL, NULL, 204, OBJECT},
    {"", NULL, NULL, 204, OBJECT},
    {"201 ", NULL, NULL, 204, OBJECT},
    {NULL, "https://example.com/done", NULL, 303, "https://example.com/done?" QUERY},
    {"201", "HTTP://example.com", NULL, 303, "HTTP://example.com?" QUERY},
    {NULL, "http://example.com:8080/a?b=c", NULL, 303, "http://example.com:8080/a?b=c&" QUERY},
    {NULL, "http://example.com/a b?c=d e", NULL, 303, "http://example.com/a b?c=d e&" QUERY},
    {NULL, "http://example.com/?", NULL, 303, "http://example.com/?" QUERY},
    {NULL, "http://example.com/#top", NULL, 303, "http://example.com/?" QUERY "#top"},
    {NULL, "http://example.com/?a#b?c", NULL, 303, "http://example.com/?a&" QUERY "#b?c"},
    {NULL, NULL, "http://example.com/old", 303, "http://example.com/old?" QUERY},
    {NULL, "http://example.com/new", "http://example.com/old", 303, "http://example.com/new?" QUERY},
    {NULL, "http://[::1]:80/", NULL, 303, "http://[::1]:80/?" QUERY},

    {NULL, "", NULL, 204, OBJECT},
    {"200", "/relative", NULL, 200, OBJECT},
    {NULL, "//example.com/", NULL, 204, OBJECT},
    {NULL, "ftp://example.com/", NULL, 204, OBJECT},
    {NULL, "javascript:alert(1)", NULL, 204, OBJECT},
    {NULL, " http://example.com/", NULL, 204, OBJECT},
    {NULL, "http://", NULL, 204, OBJECT},
    {NULL, "http:///path", NULL, 204, OBJECT},
    {NULL, "http://user@example.com/", NULL, 204, OBJECT},
    {NULL, "http://example.com:0/", NULL, 204, OBJECT},
    {NULL, "http://exa mple.com/", NULL, 204, OBJECT},
    {NULL, "http://example.com/\r\nSet-Cookie: a=b", NULL, 204, OBJECT},
    {NULL, "http://example.com/\n", NULL, 204, OBJECT},
    {NULL, "http://example.com/\x7f", NULL, 204, OBJECT},
    {NULL, "not a URL", "http://example.com/old", 303, "http://example.com/old?" QUERY},
};

static void add(struct post_form *f, const char *name, const char *value)
{
    if (!value) return;
    f->fields[f->fields_n++] = (struct post_form_field){.name = str_from(name), .value = str_from(value)};
}

static void test_post_form_answer_table(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct post_form f = {.fields_n = 0};
        char location[512], body[1024];
        struct sbuf to = sbuf_make(location, sizeof location - 1), document = sbuf_make(body, sizeof body);
        add(&f, "success_action_status", table[i].status);
        add(&f, "redirect", table[i].old_redirect);
        add(&f, "success_action_redirect", table[i].redirect);
        unsigned status = post_form_answer(&f, &object, &to, &document);
        location[to.n] = '\0';
        assert_false(to.overflow || document.overflow);
        if (status != table[i].expected) fail_msg("row %zu: %u", i, status);
        assert_string_equal(location, table[i].location);
        assert_int_equal(document.n != 0, status == 201);
    }
    (void)state;
}

static void test_post_form_answer_document_is_escaped(void **state)
{
    static const struct post_form_object hostile = {.url = STR_INIT("http://h/b"),
                                                    .bucket = STR_INIT("b"),
                                                    .key = STR_INIT("</Key>&\x01\xc3\xa4\xff"),
                                                    .etag = STR_INIT("\"e\"")};
    static const struct str expected =
        STR_INIT("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>http://h/b/"
                 "%3C%2FKey%3E%26%01%C3%A4%FF</Location><Bucket>b</Bucket><Key>&lt;/Key&gt;&amp;?\xc3\xa4?</Key>"
                 "<ETag>&quot;e&quot;</ETag></PostResponse>");
    struct post_form f = {.fields_n = 0};
    char location[256] = "before", body[512];
    struct sbuf to = sbuf_make(location, sizeof location), document = sbuf_make(body, sizeof body);

    to.n = 6;
    add(&f, "success_action_status", "201");
    assert_int_equal(post_form_answer(&f, &hostile, &to, &document), 201);
    assert_true(str_eq(sbuf_str(&document), expected));
    assert_true(str_eq(sbuf_str(&to), STR("beforehttp://h/b/%3C%2FKey%3E%26%01%C3%A4%FF")));
    (void)state;
}

/* The longest key, of the bytes that grow most, in the longest redirect. */
static void test_post_form_answer_fits_into_answer_bytes(void **state)
{
    static char key[FORM_MAX_KEY], url[4096], redirect[FORM_MAX_BYTES], location[FORM_ANSWER_BYTES],
        body[FORM_ANSWER_BYTES];
    memset(key, '"', sizeof key);
    memset(url, '\'', sizeof url);
    memset(redirect, 'r', sizeof redirect);
    memcpy(redirect, "http://h/", 9);
    struct post_form_object longest = {
        .url = str_make(url, sizeof url), .bucket = STR("b"), .key = str_make(key, sizeof key), .etag = STR("\"e\"")};

    for (int with_redirect = 0; with_redirect <= 1; with_redirect++) {
        struct post_form f = {.fields_n = 0};
        struct sbuf to = sbuf_make(location, sizeof location), document = sbuf_make(body, sizeof body);
        add(&f, "success_action_status", "201");
        if (with_redirect)
            f.fields[f.fields_n++] =
                (struct post_form_field){.name = STR("redirect"), .value = str_make(redirect, sizeof redirect)};
        assert_int_equal(post_form_answer(&f, &longest, &to, &document), with_redirect ? 303 : 201);
        assert_false(to.overflow || document.overflow);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post_form_answer_table),
        cmocka_unit_test(test_post_form_answer_document_is_escaped),
        cmocka_unit_test(test_post_form_answer_fits_into_answer_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
