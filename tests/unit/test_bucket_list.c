/* SPDX-License-Identifier: Apache-2.0
 * test_bucket_list.c: of a list of buckets only those that may be seen are left, however its bytes come; and of what is
 * no list of buckets nothing is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/s3/bucket_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 256 * 1024 };

/* Names with an 'x' are foreign. */
static bool shows(void *data, struct str bucket)
{
    ++*(unsigned *)data;
    return str_index(bucket, 'x') == SIZE_MAX;
}

/* Feeds @in in pieces of @step bytes, as a relay does: what is held stays at the end of what it has. False: refused;
 * then, too, @out has what would have been sent by then. */
static bool run(struct str in, size_t step, char *out, size_t *out_n)
{
    unsigned asked = 0;
    struct bucket_list *l = bucket_list_new(shows, &asked);
    struct err err = {0};
    bool fine = true;
    size_t at = 0; /* of what was pushed last, in out */

    assert_non_null(l);
    for (size_t i = 0; fine && i < in.n; i += step) {
        size_t n = in.n - i < step ? in.n - i : step, held = bucket_list_held(l);

        memcpy(out + at + held, in.p + i, n);
        n += held;
        fine = bucket_list_push(l, out + at, &n, &err) == ERR_NONE;
        if (!fine) break;
        at += n - bucket_list_held(l);
    }
    fine = fine && bucket_list_finish(l, &err) == ERR_NONE;
    *out_n = at;
    if (!fine) assert_int_equal(err.code, ERR_UPSTREAM_BAD);
    bucket_list_free(&l);
    return fine;
}

/* Whole, byte by byte, and in pieces that begin everywhere. */
static void check(const char *in, const char *expected)
{
    struct str document = str_from(in);
    char *out = malloc(BYTES);
    size_t n;

    for (size_t step = 1; step <= document.n; step++) {
        bool fine = run(document, step, out, &n);

        assert_int_equal(fine, expected != NULL);
        if (expected && !(n == strlen(expected) && memcmp(out, expected, n) == 0))
            fail_msg("step %zu:\n%.*s\nis not\n%s", step, (int)n, out, expected);
        if (!expected) assert_true(str_find(str_make(out, n), STR("xeno")) == SIZE_MAX);
    }
    free(out);
}

#define HEAD                                                                                                        \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-" \
    "03-01/\"><Owner><ID>0123</ID><DisplayName>me</DisplayName></Owner>"
#define BUCKET(name) "<Bucket><Name>" name "</Name><CreationDate>2024-01-01T00:00:00.000Z</CreationDate></Bucket>"
#define TAIL "</ListAllMyBucketsResult>"

static void test_bucket_list_push_leaves_what_may_be_seen(void **state UNUSED)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {HEAD "<Buckets>" BUCKET("mine") BUCKET("xeno") BUCKET("ours") "</Buckets>" TAIL,
         HEAD "<Buckets>" BUCKET("mine") BUCKET("ours") "</Buckets>" TAIL},
        {HEAD "<Buckets>" BUCKET("xeno") BUCKET("xeno2") "</Buckets>" TAIL, HEAD "<Buckets></Buckets>" TAIL},
        {HEAD "<Buckets/>" TAIL, HEAD "<Buckets/>" TAIL},
        {HEAD "<Buckets></Buckets>" TAIL, HEAD "<Buckets></Buckets>" TAIL},
        {HEAD TAIL "\n", HEAD TAIL "\n"},
        /* how many there are is not told by blanks or comments either */
        {HEAD "\n  <Buckets>\n  " BUCKET("xeno") "\n  <!-- xeno -->" BUCKET("mine") "\r\n </Buckets>\n" TAIL "\n",
         HEAD "\n  <Buckets>" BUCKET("mine") "</Buckets>\n" TAIL "\n"},
        /* the name comes last, in pieces, beside other elements that have a Name */
        {HEAD "<Buckets><Bucket><BucketArn>arn:aws:s3:::xeno</BucketArn><Tag><Name>mine</Name></Tag><Name>x&#101;no"
              "</Name></Bucket><Bucket><BucketRegion>eu-west-1</BucketRegion><Name>m<![CDATA[in]]>e</Name></Bucket>"
              "</Buckets>" TAIL,
         HEAD "<Buckets><Bucket><BucketRegion>eu-west-1</BucketRegion><Name>m<![CDATA[in]]>e</Name></Bucket>"
              "</Buckets>" TAIL},
        /* without a name it is nobody's */
        {HEAD "<Buckets><Bucket/><Bucket><CreationDate>x</CreationDate></Bucket></Buckets>" TAIL,
         HEAD "<Buckets></Buckets>" TAIL},
        /* what follows the buckets */
        {HEAD "<Buckets>" BUCKET("xeno") "</Buckets><ContinuationToken>a&amp;b</ContinuationToken><Prefix>x</Prefix>"
                                         "<!-- end -->" TAIL,
         HEAD "<Buckets></Buckets><ContinuationToken>a&amp;b</ContinuationToken><Prefix>x</Prefix><!-- end -->" TAIL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(rows[i].in, rows[i].out);
}

static void test_bucket_list_push_refuses_what_is_no_list_of_buckets(void **state UNUSED)
{
    static const char *const rows[] = {
        "",
        "not found",
        "<Error><Code>xeno</Code></Error>",
        "<html><body>xeno</body></html>",
        HEAD "<Buckets>" BUCKET("xeno"),                                               /* cut */
        HEAD "<Buckets>" BUCKET("mine") "</Buckets>",                                  /* cut */
        HEAD "<Buckets>" BUCKET("mine") "</Buckets>" TAIL "<ListAllMyBucketsResult/>", /* two */
        HEAD "<Buckets>" BUCKET("mine") "</Bucket>" TAIL,                              /* not well-formed */
        HEAD BUCKET("xeno") TAIL,                                                      /* in another place */
        HEAD "<Buckets></Buckets><Buckets>" BUCKET("xeno") "</Buckets>" TAIL,
        HEAD "<Items>" BUCKET("xeno") "</Items>" TAIL,
        HEAD "<Buckets><Item>xeno</Item></Buckets>" TAIL, /* by another name */
        HEAD "<Buckets><Bucket><Name>mine</Name><Name>xeno</Name></Bucket></Buckets>" TAIL,
        HEAD "<Buckets><Bucket><Name>m<b>xeno</b></Name></Bucket></Buckets>" TAIL,
        "<!DOCTYPE a [<!ENTITY e \"xeno\">]><ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>",
        "\xff\xfe<\0L\0",
        "\x1f\x8b\x08 xeno",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(rows[i], NULL);
}

/* A list as long as S3 makes them, and never more held than one element. */
static void test_bucket_list_push_holds_one_element_at_most(void **state UNUSED)
{
    enum { STEP = 1000 };
    char *in = malloc(BYTES), *out = malloc(BYTES), *expected = malloc(BYTES);
    struct sbuf b = sbuf_make(in, BYTES), e = sbuf_make(expected, BYTES);
    size_t n;

    sbuf_add(&b, STR(HEAD "<Buckets>"));
    sbuf_add(&e, STR(HEAD "<Buckets>"));
    for (unsigned i = 0; i < 2000; i++) {
        char name[64];

        snprintf(name, sizeof(name), "%s-%u", i % 3 ? "xeno" : "mine", i);
        sbuf_printf(&b, "<Bucket><Name>%s</Name><CreationDate/></Bucket>\n", name);
        if (i % 3 == 0) sbuf_printf(&e, "<Bucket><Name>%s</Name><CreationDate/></Bucket>", name);
    }
    sbuf_add(&b, STR("</Buckets>" TAIL));
    sbuf_add(&e, STR("</Buckets>" TAIL));
    assert_false(b.overflow);
    assert_true(run(sbuf_str(&b), STEP, out, &n));
    assert_int_equal(n, e.n);
    assert_memory_equal(out, e.p, n);
    assert_true(run(sbuf_str(&b), b.n, out, &n));
    assert_int_equal(n, e.n);

    b.n = 0;
    sbuf_add(&b, STR(HEAD "<Buckets><Bucket><Name>mine</Name><Comment>"));
    for (unsigned i = 0; i < 2 * BUCKET_LIST_HELD; i++)
        sbuf_char(&b, 'a');
    sbuf_add(&b, STR("</Comment></Bucket></Buckets>" TAIL));
    assert_false(run(sbuf_str(&b), STEP, out, &n));
    free(in);
    free(out);
    free(expected);
}

static void test_bucket_list_push_names_beyond_255_bytes_are_nobodys(void **state UNUSED)
{
    char in[2048], out[2048], name[257];
    size_t n;

    for (size_t length = 255; length <= 256; length++) {
        memset(name, 'a', sizeof(name));
        snprintf(in, sizeof(in), HEAD "<Buckets><Bucket><Name>%.*s</Name></Bucket></Buckets>" TAIL, (int)length, name);
        assert_true(run(str_from(in), 1, out, &n));
        assert_int_equal(str_find(str_make(out, n), STR("<Name>")) != SIZE_MAX, length == 255);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_list_push_leaves_what_may_be_seen),
        cmocka_unit_test(test_bucket_list_push_refuses_what_is_no_list_of_buckets),
        cmocka_unit_test(test_bucket_list_push_holds_one_element_at_most),
        cmocka_unit_test(test_bucket_list_push_names_beyond_255_bytes_are_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
