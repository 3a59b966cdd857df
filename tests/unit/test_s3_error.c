/* SPDX-License-Identifier: Apache-2.0
 * test_s3_error.c: escaping, UTF-8, the document, and reading a code back.
 */
#include "aws/s3/s3_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_str(struct str got, struct str expected)
{
    if (!str_eq(got, expected)) fail_msg("got \"%.*s\", expected \"%.*s\"", STR_ARG(got), STR_ARG(expected));
}

static void test_s3_error_escape_each_kind_of_byte(void **state)
{
    static const struct {
        struct str in, out;
    } cases[] = {
        {STR_INIT(""), STR_INIT("")},
        {STR_INIT("plain text"), STR_INIT("plain text")},
        {STR_INIT("<a href=\"x\">'&'</a>"), STR_INIT("&lt;a href=&quot;x&quot;&gt;&apos;&amp;&apos;&lt;/a&gt;")},
        {STR_INIT("]]>"), STR_INIT("]]&gt;")},
        {STR_INIT("a\tb\nc\rd"), STR_INIT("a\tb\nc&#13;d")},
        {STR_INIT("\0\x01\x08\x0b\x1f\x7f"), STR_INIT("?????\x7f")},
        {STR_INIT("\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80"), STR_INIT("\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80")},
        {STR_INIT("\x80\xbf"), STR_INIT("??")},                     /* continuation bytes alone */
        {STR_INIT("\xc3"), STR_INIT("?")},                          /* cut off */
        {STR_INIT("\xe6\x97"), STR_INIT("??")},                     /* cut off */
        {STR_INIT("\xc3x"), STR_INIT("?x")},                        /* not continued */
        {STR_INIT("\xc0\xaf"), STR_INIT("??")},                     /* overlong '/' */
        {STR_INIT("\xc1\xbf\xe0\x9f\xbf"), STR_INIT("?????")},      /* overlong */
        {STR_INIT("\xf0\x8f\xbf\xbf"), STR_INIT("????")},           /* overlong */
        {STR_INIT("\xed\xa0\x80\xed\xbf\xbf"), STR_INIT("??????")}, /* surrogates */
        {STR_INIT("\xf4\x90\x80\x80"), STR_INIT("????")},           /* above U+10FFFF */
        {STR_INIT("\xf8\x88\x80\x80\x80\xff\xfe"), STR_INIT("???????")},
        {STR_INIT("\xef\xbf\xbe\xef\xbf\xbf"), STR_INIT("??????")}, /* U+FFFE, U+FFFF */
        {STR_INIT("\xef\xbf\xbd\xf4\x8f\xbf\xbd"), STR_INIT("\xef\xbf\xbd\xf4\x8f\xbf\xbd")},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char mem[256];
        struct sbuf b = sbuf_make(mem, sizeof mem);
        s3_error_escape(&b, cases[i].in);
        assert_false(b.overflow);
        assert_str(sbuf_str(&b), cases[i].out);
    }
    (void)state;
}

static void test_s3_error_document_fields_and_order(void **state)
{
    static const struct s3_error_field fields[] = {{"AWSAccessKeyId", STR_INIT("A<K>")},
                                                   {"StringToSign", STR_INIT("a\nb")}};
    char mem[1024];
    struct sbuf b = sbuf_make(mem, sizeof mem);

    s3_error_document(&b, "SignatureDoesNotMatch", STR("It does & it doesn't."), fields, ARRAY_LEN(fields),
                      STR("/bucket/<key>"), STR("ID1"), STR("host=="));
    assert_str(
        sbuf_str(&b),
        STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<Error><Code>SignatureDoesNotMatch</Code><Message>It does &amp; it doesn&apos;t.</Message>"
            "<AWSAccessKeyId>A&lt;K&gt;</AWSAccessKeyId><StringToSign>a\nb</StringToSign>"
            "<Resource>/bucket/&lt;key&gt;</Resource><RequestId>ID1</RequestId><HostId>host==</HostId></Error>"));
    (void)state;
}

static void test_s3_error_document_empty_message_gets_the_code(void **state)
{
    char mem[512];
    struct sbuf b = sbuf_make(mem, sizeof mem);

    s3_error_document(&b, "InternalError", STR_NONE, NULL, 0, STR("/"), STR("ID"), STR_NONE);
    assert_true(str_find(sbuf_str(&b), STR("<Message>InternalError</Message>")) != SIZE_MAX);
    (void)state;
}

static void test_s3_error_document_too_small_buffer_overflows(void **state)
{
    for (size_t cap = 0; cap < 150; cap++) {
        char mem[512];
        struct sbuf b = sbuf_make(mem, cap);
        s3_error_document(&b, "AccessDenied", STR("No."), NULL, 0, STR("/b/k"), STR("ID"), STR("H"));
        assert_true(b.overflow);
        assert_true(b.n <= cap);
    }
    (void)state;
}

static void test_s3_error_code_in_documents(void **state)
{
    static const struct {
        struct str document, code;
    } cases[] = {
        {STR_INIT("<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>m</Message></Error>"),
         STR_INIT("NoSuchKey")},
        {STR_INIT("<Error><Message>m</Message><Code>A</Code><Code>B</Code></Error>"), STR_INIT("A")},
        {STR_INIT("<Error><Code></Code></Error>"), STR_INIT("")},
        {STR_INIT("<Error><Code>cut off"), STR_INIT("")},
        {STR_INIT("<Error></Code><Code>"), STR_INIT("")},
        {STR_INIT(""), STR_INIT("")},
        {STR_INIT("<html>no</html>"), STR_INIT("")},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(s3_error_code_in(cases[i].document), cases[i].code);
    (void)state;
}

static void test_s3_error_text_in_first_of_its_name(void **state UNUSED)
{
    static const struct {
        const char *document, *name, *text;
    } rows[] = {
        {"<Error><Code>A</Code><Region>eu-west-1</Region></Error>", "Region", "eu-west-1"},
        {"<Error><Region>1</Region><Region>2</Region></Error>", "Region", "1"},
        {"<Region></Region>", "Region", ""},
        {"<Region>x", "Region", ""},
        {"x</Region>", "Region", ""},
        {"</Region><Region>", "Region", ""},
        {"<RegionX>y</RegionX>", "Region", ""},
        {"", "Region", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(
            str_eq(s3_error_text_in(str_from(rows[i].document), str_from(rows[i].name)), str_from(rows[i].text)));
}

static void test_s3_error_key_fault_of_each_code(void **state)
{
    static const struct {
        struct str code;
        enum s3_key_fault expected;
    } table[] = {
        {STR_INIT("SignatureDoesNotMatch"), S3_KEY_FAULT},
        {STR_INIT("AuthorizationHeaderMalformed"), S3_KEY_FAULT},
        {STR_INIT("InvalidAccessKeyId"), S3_KEY_FAULT_RENEWABLE},
        {STR_INIT("ExpiredToken"), S3_KEY_FAULT_RENEWABLE},
        {STR_INIT("InvalidToken"), S3_KEY_FAULT_RENEWABLE},
        {STR_INIT("TokenRefreshRequired"), S3_KEY_FAULT_RENEWABLE},
        {STR_INIT("AccessDenied"), S3_KEY_NO_FAULT}, /* S3 knows the key, and refuses what it asks for */
        {STR_INIT("RequestTimeTooSkewed"), S3_KEY_NO_FAULT},
        {STR_INIT("ExpiredTokens"), S3_KEY_NO_FAULT},
        {STR_INIT(""), S3_KEY_NO_FAULT},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (s3_error_key_fault(table[i].code) != table[i].expected) fail_msg("%.*s", STR_ARG(table[i].code));
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s3_error_text_in_first_of_its_name),
        cmocka_unit_test(test_s3_error_escape_each_kind_of_byte),
        cmocka_unit_test(test_s3_error_document_fields_and_order),
        cmocka_unit_test(test_s3_error_document_empty_message_gets_the_code),
        cmocka_unit_test(test_s3_error_document_too_small_buffer_overflows),
        cmocka_unit_test(test_s3_error_code_in_documents),
        cmocka_unit_test(test_s3_error_key_fault_of_each_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
