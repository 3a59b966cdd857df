/* SPDX-License-Identifier: Apache-2.0
 * test_proxy_protocol.c: headers of both versions as the specification shows them, fed whole and byte by byte; what no
 * sender may write.
 */
#include "http/proxy_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xC0\x00\x02\x01\xC6\x33\x64\x02\xC8\x22\x01\xBB" /* 192.0.2.1:51234 → 198.51.100.2:443 */
#define V6                                       \
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01" \
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02" \
    "\xC8\x22\x01\xBB"
#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

struct good {
    struct str bytes;
    const char *source; /* NULL: not told */
};

static const struct good goods[] = {
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51234 443\r\n"), "192.0.2.1:51234"},
    {BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535"},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 0 0\r\n"), "192.0.2.1:0"},
    {BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 51234 443\r\n"), "[2001:db8::1]:51234"},
    {BYTES(
         "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {BYTES("PROXY UNKNOWN\r\n"), NULL},
    {BYTES("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), NULL},
    {BYTES(SIGNATURE "\x21\x11\x00\x0C" V4), "192.0.2.1:51234"},
    {BYTES(SIGNATURE "\x21\x21\x00\x24" V6), "[2001:db8::1]:51234"},
    {BYTES(SIGNATURE "\x21\x11\x00\x13" V4 "\x04\x00\x04"
                     "abcd"),
     "192.0.2.1:51234"},
    {BYTES(SIGNATURE "\x21\x11\x00\x12" V4 "\xEA\x00\x00\x04\x00\x00"), "192.0.2.1:51234"},
    {BYTES(SIGNATURE "\x20\x00\x00\x00"), NULL},
    {BYTES(SIGNATURE "\x20\x11\x00\x0C" V4), NULL},          /* LOCAL: addresses do not count */
    {BYTES(SIGNATURE "\x20\xFF\x00\x03\x01\x02\x03"), NULL}, /* … nor does anything else */
    {BYTES(SIGNATURE "\x21\x00\x00\x00"), NULL},
    {BYTES(SIGNATURE "\x21\x00\x00\x04junk"), NULL},
    {BYTES(SIGNATURE "\x21\x12\x00\x0C" V4), NULL}, /* UDP */
};

static void test_proxy_header_parse_tells_the_source(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
        const struct good *g = &goods[i];
        struct proxy_header h;
        struct err err = {0};
        char copy[256], text[NETADDR_TEXT];

        for (size_t n = 0; n < g->bytes.n; n++)
            if (proxy_header_parse(g->bytes.p, n, &h, &err) != PROXY_HEADER_MORE)
                fail_msg("header %zu, %zu bytes: not MORE (%s)", i, n, err.detail);
        memcpy(copy, g->bytes.p, g->bytes.n);
        memcpy(copy + g->bytes.n, "\x16\x03\x01PROXY ", 9); /* what follows is none of its business */
        if (proxy_header_parse(copy, g->bytes.n + 9, &h, &err) != PROXY_HEADER_DONE)
            fail_msg("header %zu: %s", i, err.detail);
        assert_int_equal(h.bytes, g->bytes.n);
        assert_int_equal(h.told, g->source != NULL);
        if (!g->source) continue;
        netaddr_format(&h.source, text);
        assert_string_equal(text, g->source);
    }
}

static const struct str bads[] = {
    BYTES("GET / HTTP/1.1\r\n"),
    BYTES("\x16\x03\x01"),
    BYTES("PROXX"),
    BYTES("proxy TCP4"),
    BYTES("PROXY TCP5 192.0.2.1 198.51.100.2 51234 443\r\n"),
    BYTES("PROXY tcp4 192.0.2.1 198.51.100.2 51234 443\r\n"),
    BYTES("PROXY  TCP4 192.0.2.1 198.51.100.2 51234 443\r\n"),
    BYTES("PROXY TCP4  192.0.2.1 198.51.100.2 51234 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51234 443 \r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51234 443 x\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51234\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 51234 \r\n"),
    BYTES("PROXY TCP4\r\n"),
    BYTES("PROXY \r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 051234 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.256 198.51.100.2 51234 443\r\n"),
    BYTES("PROXY TCP4 192.0.02.1 198.51.100.2 51234 443\r\n"),
    BYTES("PROXY TCP4 192.0.2.1:80 198.51.100.2 51234 443\r\n"),
    BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 51234 443\r\n"),
    BYTES("PROXY TCP6 192.0.2.1 198.51.100.2 51234 443\r\n"),
    BYTES("PROXY TCP6 192.0.2.1:80 2001:db8::2 51234 443\r\n"),
    BYTES("PROXY TCP6 [2001:db8::1] 2001:db8::2 51234 443\r\n"),
    BYTES("PROXY TCP4 host.example 198.51.100.2 51234 443\r\n"),
    BYTES("PROXY UNKNOWNX\r\n"),
    BYTES(
        "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 0065535\r\n"),
    BYTES("PROXY UNKNOWN "
          "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"),
    BYTES("\r\n\r\n\x01"),
    BYTES(SIGNATURE "\x11"),
    BYTES(SIGNATURE "\x31\x11\x00\x0C" V4),
    BYTES(SIGNATURE "\x22\x11\x00\x0C" V4),
    BYTES(SIGNATURE "\x21\x13\x00\x0C" V4),
    BYTES(SIGNATURE "\x21\x41\x00\x0C" V4),
    BYTES(SIGNATURE "\x21\x01\x00\x00"),
    BYTES(SIGNATURE "\x21\x11\x00\x0B" V4),
    BYTES(SIGNATURE "\x21\x21\x00\x0C" V4),
    BYTES(SIGNATURE "\x21\x31\x00\x0C" V4),
    BYTES(SIGNATURE "\x21\x11\x00\x0E" V4 "\x04\x00"),
    BYTES(SIGNATURE "\x21\x11\x00\x10" V4 "\x04\x00\x02x"),
    BYTES(SIGNATURE "\x21\x11\xFF\xFF"),
    BYTES(SIGNATURE "\x20\x00\x10\x01"),
};

static void test_proxy_header_parse_refuses_what_no_sender_writes(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        struct proxy_header h;
        struct err err = {0};

        if (proxy_header_parse(bads[i].p, bads[i].n, &h, &err) != PROXY_HEADER_BAD) fail_msg("header %zu is taken", i);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        assert_false(h.told);
    }
}

/* 4096 bytes behind the fixed part are taken, one more is not. */
static void test_proxy_header_parse_is_bounded(void **state UNUSED)
{
    char *bytes = calloc(1, PROXY_HEADER_MAX + 1);
    struct proxy_header h;
    struct err err = {0};

    assert_non_null(bytes);
    memcpy(bytes, SIGNATURE "\x21\x11\x10\x00" V4, 28);
    bytes[28] = 4;
    bytes[29] = (char)((4096 - 12 - 3) >> 8);
    bytes[30] = (char)((4096 - 12 - 3) & 0xff);
    assert_int_equal(proxy_header_parse(bytes, PROXY_HEADER_MAX - 1, &h, &err), PROXY_HEADER_MORE);
    assert_int_equal(proxy_header_parse(bytes, PROXY_HEADER_MAX, &h, &err), PROXY_HEADER_DONE);
    assert_int_equal(h.bytes, PROXY_HEADER_MAX);
    assert_true(h.told);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proxy_header_parse_tells_the_source),
        cmocka_unit_test(test_proxy_header_parse_refuses_what_no_sender_writes),
        cmocka_unit_test(test_proxy_header_parse_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
