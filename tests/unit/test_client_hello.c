/* SPDX-License-Identifier: Apache-2.0
 * test_client_hello.c: the server name out of messages built here field by field, whole, byte by byte and in records of
 * every size; messages that are none.
 */
#include "http/client_hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NAME_28 "\x00\x00\x00\x10\x00\x0e\x00\x00\x0bS3.Example1" /* server_name: S3.Example1 */
#define ALPN "\x00\x10\x00\x0b\x00\x09\x08http/1.1"
#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

enum { BIG = 64 * 1024 };

struct fields {
    struct str session, suites, compressions, extensions; /* with their lengths, as they go on the wire */
};

static const struct fields plain = {BYTES("\x00"), BYTES("\x00\x02\x13\x01"), BYTES("\x01\x00"), BYTES("")};

/* A handshake message of type @type. */
static struct sbuf message(char *mem, char type, const struct fields *f)
{
    struct sbuf b = sbuf_make(mem, BIG);
    size_t n = 34 + f->session.n + f->suites.n + f->compressions.n + f->extensions.n;

    sbuf_char(&b, type);
    sbuf_char(&b, (char)(n >> 16));
    sbuf_char(&b, (char)(n >> 8));
    sbuf_char(&b, (char)n);
    sbuf_add(&b, STR("\x03\x03"
                     "0123456789abcdef0123456789ABCDEF"));
    sbuf_add(&b, f->session);
    sbuf_add(&b, f->suites);
    sbuf_add(&b, f->compressions);
    sbuf_add(&b, f->extensions);
    assert_false(b.overflow);
    return b;
}

static struct sbuf records(char *mem, struct str m, size_t size)
{
    struct sbuf b = sbuf_make(mem, 8 * BIG);

    for (size_t at = 0; at < m.n; at += size) {
        struct str part = str_head(str_tail(m, at), size);
        sbuf_add(&b, STR("\x16\x03\x01"));
        sbuf_char(&b, (char)(part.n >> 8));
        sbuf_char(&b, (char)part.n);
        sbuf_add(&b, part);
    }
    assert_false(b.overflow);
    return b;
}

static enum client_hello_result scan(struct str bytes, struct client_hello *h)
{
    struct err err = {0};

    memset(h, 0, sizeof(*h));
    enum client_hello_result r = client_hello_scan(h, bytes.p, bytes.n, &err);
    assert_int_equal(r == CLIENT_HELLO_BAD, err.code == ERR_CLIENT_TLS);
    return r;
}

struct memory {
    char message[BIG], records[8 * BIG];
};

static enum client_hello_result scan_extensions(struct memory *m, struct str extensions, struct client_hello *h)
{
    struct fields f = plain;

    f.extensions = extensions;
    struct sbuf text = message(m->message, 1, &f), wire = records(m->records, sbuf_str(&text), 16384);
    return scan(sbuf_str(&wire), h);
}

static void test_client_hello_scan_gives_the_name_in_lower_case(void **state)
{
    struct client_hello h;

    assert_int_equal(scan_extensions(*state, STR("\x00\x14" NAME_28), &h), CLIENT_HELLO_DONE);
    assert_string_equal(h.name, "s3.example1");
    assert_int_equal(scan_extensions(*state, STR("\x00\x23" ALPN NAME_28), &h), CLIENT_HELLO_DONE);
    assert_string_equal(h.name, "s3.example1");
    assert_int_equal(scan_extensions(*state, STR("\x00\x0f" ALPN), &h), CLIENT_HELLO_DONE);
    assert_string_equal(h.name, "");
    assert_int_equal(scan_extensions(*state, STR("\x00\x00"), &h), CLIENT_HELLO_DONE);
    assert_int_equal(scan_extensions(*state, STR(""), &h), CLIENT_HELLO_DONE);
    assert_string_equal(h.name, "");
}

static void test_client_hello_scan_in_pieces_gives_the_same(void **state)
{
    struct memory *m = *state;
    struct fields f = plain;

    f.extensions = (struct str)BYTES("\x00\x23" ALPN NAME_28);
    struct sbuf text = message(m->message, 1, &f);
    for (size_t size = 1; size <= text.n; size++) {
        struct sbuf wire = records(m->records, sbuf_str(&text), size);
        struct client_hello h = {0};
        struct err err = {0};
        for (size_t n = 0; n < wire.n; n++)
            assert_int_equal(client_hello_scan(&h, wire.p, n, &err), CLIENT_HELLO_MORE);
        assert_int_equal(client_hello_scan(&h, wire.p, wire.n, &err), CLIENT_HELLO_DONE);
        assert_string_equal(h.name, "s3.example1");
        assert_int_equal(h.at, wire.n);
    }
}

static void test_client_hello_scan_refuses_bad_extensions(void **state)
{
    static const struct str bads[] = {
        BYTES("\x00"),
        BYTES("\x00\x15" NAME_28),                             /* longer than the message */
        BYTES("\x00\x13" NAME_28),                             /* shorter */
        BYTES("\x00\x28" NAME_28 NAME_28),                     /* twice */
        BYTES("\x00\x04\x00\x00\x00\x00"),                     /* nothing in it */
        BYTES("\x00\x06\x00\x00\x00\x02\x00\x00"),             /* an empty list */
        BYTES("\x00\x09\x00\x00\x00\x05\x00\x03\x00\x00\x00"), /* an empty name */
        BYTES("\x00\x0a\x00\x00\x00\x06\x00\x04\x00\x00\x02"
              "a"), /* a cut name */
        BYTES("\x00\x0b\x00\x00\x00\x07\x00\x04\x00\x00\x01"
              "ab"), /* bytes behind the list */
        BYTES("\x00\x0b\x00\x00\x00\x07\x00\x05\x00\x00\x01"
              "ab"), /* bytes behind the name */
        BYTES("\x00\x0a\x00\x00\x00\x06\x00\x04\x01\x00\x01"
              "a"), /* another type of name */
        BYTES("\x00\x0b\x00\x00\x00\x07\x00\x05\x00\x00\x02"
              "a\x00"), /* a NUL */
        BYTES("\x00\x0b\x00\x00\x00\x07\x00\x05\x00\x00\x02"
              "a/"),
        BYTES("\x00\x0b\x00\x00\x00\x07\x00\x05\x00\x00\x02"
              "a "),
        BYTES("\x00\x0b\x00\x00\x00\x07\x00\x05\x00\x00\x02"
              "a\xff"),
        BYTES("\x00\x03\x00\x10\x00"),
        BYTES("\x00\x05\x00\x10\x00\x02\x00"),
    };
    struct client_hello h;

    for (size_t i = 0; i < ARRAY_LEN(bads); i++)
        if (scan_extensions(*state, bads[i], &h) != CLIENT_HELLO_BAD) fail_msg("extensions %zu are taken", i);
}

static void test_client_hello_scan_bounds_the_name(void **state)
{
    char bytes[300] = "\x00\x00";
    struct client_hello h;

    for (size_t n = 255; n <= 256; n++) {
        size_t total = n + 9;
        const unsigned char head[] = {(unsigned char)(total >> 8),
                                      (unsigned char)total,
                                      0,
                                      0,
                                      (unsigned char)((n + 5) >> 8),
                                      (unsigned char)(n + 5),
                                      (unsigned char)((n + 3) >> 8),
                                      (unsigned char)(n + 3),
                                      0,
                                      (unsigned char)(n >> 8),
                                      (unsigned char)n};
        memcpy(bytes, head, sizeof(head));
        memset(bytes + sizeof(head), 'a', n);
        assert_int_equal(scan_extensions(*state, str_make(bytes, total + 2), &h),
                         n == 255 ? CLIENT_HELLO_DONE : CLIENT_HELLO_BAD);
        if (n == 255) assert_int_equal(strlen(h.name), 255);
    }
}

static void test_client_hello_scan_refuses_bad_fields(void **state)
{
    static const struct fields bads[] = {
        {BYTES("\x21"
               "0123456789abcdef0123456789abcdef0"),
         BYTES("\x00\x02\x13\x01"), BYTES("\x01\x00"), BYTES("")},
        {BYTES("\x00"), BYTES("\x00\x00"), BYTES("\x01\x00"), BYTES("")},
        {BYTES("\x00"), BYTES("\x00\x03\x13\x01\x00"), BYTES("\x01\x00"), BYTES("")},
        {BYTES("\x00"), BYTES("\x00\x02\x13\x01"), BYTES("\x00"), BYTES("")},
        {BYTES("\x00"), BYTES("\x00\x02\x13\x01"), BYTES(""), BYTES("")},
        {BYTES("\x00"), BYTES("\xff\xff\x13\x01"), BYTES("\x01\x00"), BYTES("")},
    };
    struct memory *m = *state;
    struct client_hello h;

    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        struct sbuf text = message(m->message, 1, &bads[i]), wire = records(m->records, sbuf_str(&text), 16384);
        if (scan(sbuf_str(&wire), &h) != CLIENT_HELLO_BAD) fail_msg("fields %zu are taken", i);
    }
    struct sbuf text = message(m->message, 2, &plain), wire = records(m->records, sbuf_str(&text), 16384);
    assert_int_equal(scan(sbuf_str(&wire), &h), CLIENT_HELLO_BAD); /* a ServerHello */
}

static void test_client_hello_scan_refuses_bad_records(void **state UNUSED)
{
    static const struct str bads[] = {
        BYTES("G"),
        BYTES("\x80"),                                 /* SSL 2 */
        BYTES("\x15\x03\x01\x00\x02\x02\x28"),         /* an alert */
        BYTES("\x16\x02"),                             /* SSL 2.x */
        BYTES("\x16\x03\x01\x00\x00"),                 /* empty */
        BYTES("\x16\x03\x01\x40\x01"),                 /* longer than a record may be */
        BYTES("\x16\x03\x01\x00\x04\x02"),             /* a ServerHello */
        BYTES("\x16\x03\x01\x00\x04\x01\x00\x40\x01"), /* longer than is looked at */
        BYTES("\x16\x03\x01\x00\x04\x01\xff\xff\xff"),
        BYTES("\x16\x03\x01\x00\x01\x01\x17"), /* broken off by another record */
    };
    struct client_hello h;

    for (size_t i = 0; i < ARRAY_LEN(bads); i++)
        if (scan(bads[i], &h) != CLIENT_HELLO_BAD) fail_msg("record %zu is taken", i);
}

static int make_memory(void **state)
{
    *state = malloc(sizeof(struct memory));
    return *state ? 0 : 1;
}

static int free_memory(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_hello_scan_gives_the_name_in_lower_case),
        cmocka_unit_test(test_client_hello_scan_in_pieces_gives_the_same),
        cmocka_unit_test(test_client_hello_scan_refuses_bad_extensions),
        cmocka_unit_test(test_client_hello_scan_bounds_the_name),
        cmocka_unit_test(test_client_hello_scan_refuses_bad_fields),
        cmocka_unit_test(test_client_hello_scan_refuses_bad_records),
    };

    return cmocka_run_group_tests(tests, make_memory, free_memory);
}
