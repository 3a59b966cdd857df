/* SPDX-License-Identifier: Apache-2.0
 * test_xml.c: which documents are read at all, whole and in pieces. What they say is tested with who reads them.
 */
#include "aws/s3/xml.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool go_on(void *data, const char *name)
{
    (void)data;
    (void)name;
    return true;
}

static bool ends(void *data)
{
    (void)data;
    return true;
}

static bool passes(void *data, struct str text)
{
    (void)data;
    (void)text;
    return true;
}

static const struct xml_handlers handlers = {.start = go_on, .text = passes, .end = ends};

static const struct {
    struct str xml;
    bool read;
} cases[] = {
    {STR_INIT("<a/>"), true},
    {STR_INIT("\xef\xbb\xbf<a>\xc3\xa9</a>"), true},
    {STR_INIT("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xc3\xa9</a>"), true}, /* UTF-8 whatever it declares */
    {STR_INIT("<a>\xe9</a>"), false},
    {STR_INIT(""), false},
    {STR_INIT("<a>"), false},
    {STR_INIT("<a/><a/>"), false},
    {STR_INIT("<!DOCTYPE a><a/>"), false},
    {STR_INIT("\xff\xfe<\0a\0/\0>\0"), false}, /* UTF-16, either way round, with its mark and without */
    {STR_INIT("\xfe\xff\0<\0a\0/\0>"), false},
    {STR_INIT("<\0a\0/\0>\0"), false},
    {STR_INIT("\0<\0a\0/\0>"), false},
    {STR_INIT("<a>\0</a>"), false},
};

static void test_xml_read_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if ((xml_read(cases[i].xml, &handlers, NULL) == XML_READ) != cases[i].read) fail_msg("case %zu", i);
}

static bool feed_by_byte(struct str xml)
{
    struct xml_stream *s = xml_stream_new(&handlers, NULL);
    bool good = true;

    assert_non_null(s);
    for (size_t i = 0; i < xml.n && good; i++)
        good = xml_stream_feed(s, str_make(xml.p + i, 1), false);
    good = good && xml_stream_feed(s, STR_NONE, true);
    xml_stream_free(&s);
    return good;
}

static void test_xml_stream_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (feed_by_byte(cases[i].xml) != cases[i].read) fail_msg("case %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_xml_read_table),
                                       cmocka_unit_test(test_xml_stream_byte_by_byte)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
