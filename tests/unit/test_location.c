/* SPDX-License-Identifier: Apache-2.0
 * test_location.c: Location mapped to each way in which a client speaks to the proxy; what is left alone, what leads
 * away, hostile values.
 */
#include "aws/s3/location.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define R ".ap-northeast-1.amazonaws.com"

/* The ways in. NAME: an S3 name as the client wrote it, NULL for a name of the listener's own. */
static const struct way {
    const char *scheme, *authority, *name, *bucket;
    bool host_style, redirect;
    const char *upstream;
} own_path = {"http", "127.0.0.1:9000", NULL, "b-1", false, false, "s3" R},
  own_path_3xx = {"http", "127.0.0.1:9000", NULL, "b-1", false, true, "s3" R},
  own_host = {"https", "B-1.Proxy.example:9443", NULL, "b-1", true, false, "s3" R},
  own_dotted = {"http", "my.b.localhost:9000", NULL, "my.b", true, false, "s3" R},
  own_ceph = {"http", "proxy:9000", NULL, "b-1", false, false, "rgw.example"},
  no_host = {"http", "", NULL, "b-1", false, false, "s3" R},
  bad_view = {"http", "other.proxy:9000", NULL, "b-1", true, false, "s3" R},
  global_host = {"https", "b-1.s3.amazonaws.com", "b-1.s3.amazonaws.com", "b-1", true, false, "s3" R},
  global_path = {"https", "s3.amazonaws.com:443", "s3.amazonaws.com", "b-1", false, true, "s3" R},
  vpce_host = {"https",
               "b-1.bucket.vpce-1a.s3.ap-northeast-1.vpce.amazonaws.com",
               "b-1.bucket.vpce-1a.s3.ap-northeast-1.vpce.amazonaws.com",
               "b-1",
               true,
               true,
               "s3" R},
  point = {"https",
           "n-123456789012.accesspoint.vpce-1a.s3.ap-northeast-1.vpce.amazonaws.com",
           "n-123456789012.accesspoint.vpce-1a.s3.ap-northeast-1.vpce.amazonaws.com",
           "n-123456789012",
           true,
           true,
           "s3" R},
  control = {"https", "123456789012.s3-control" R, "123456789012.s3-control" R, "", false, true, "s3" R};

static enum location_result map(const struct way *way, struct str location, struct sbuf *out)
{
    struct s3_host name = {.service = S3_BUCKETS};
    struct location_view view = {
        .scheme = str_from(way->scheme),
        .authority = str_from(way->authority),
        .name = &name,
        .bucket = str_from(way->bucket),
        .host_style = way->host_style,
        .upstream = str_from(way->upstream),
        .region = STR("ap-northeast-1"),
        .redirect = way->redirect,
    };

    if (way->name) assert_int_equal(s3_host_parse(str_from(way->name), &name, NULL), ERR_NONE);
    return location_map(location, &view, out);
}

static void test_location_map_names_of_the_endpoint_become_the_clients(void **state)
{
    static const struct {
        const struct way *way;
        const char *location, *expected;
    } cases[] = {
        /* path style stays, whatever the name */
        {&own_path, "https://s3" R "/b-1/k", "http://127.0.0.1:9000/b-1/k"},
        {&own_path, "http://s3" R "/b-1", "http://127.0.0.1:9000/b-1"},
        {&own_path, "https://s3" R "/", "http://127.0.0.1:9000/"},
        {&own_path, "https://s3" R, "http://127.0.0.1:9000"},
        {&own_path, "https://s3" R "?a", "http://127.0.0.1:9000?a"},
        {&own_path, "https://s3" R ":443/b-1/k", "http://127.0.0.1:9000/b-1/k"},
        {&own_path, "https://S3.AP-Northeast-1.AmazonAWS.com./b-1/K", "http://127.0.0.1:9000/b-1/K"},
        {&own_path, "HTTPS://s3" R "/b-1", "http://127.0.0.1:9000/b-1"},
        {&own_path, "//s3" R "/b-1/k", "http://127.0.0.1:9000/b-1/k"},
        {&own_path, "https://s3-ap-northeast-1.amazonaws.com/b-1/k", "http://127.0.0.1:9000/b-1/k"},
        {&own_path, "https://s3.dualstack" R "/b-1/k", "http://127.0.0.1:9000/b-1/k"},
        {&own_path, "https://bucket.vpce-1a.s3.ap-northeast-1.vpce.amazonaws.com/b-1/k", "http://127.0.0.1:9000/b-1/k"},
        {&own_path, "http://b-1.s3.amazonaws.com/", "http://127.0.0.1:9000/b-1/"},
        {&own_path, "https://s3" R "/other/k", "http://127.0.0.1:9000/other/k"},
        {&own_path_3xx, "https://s3" R "/b-1/k", "http://127.0.0.1:9000/b-1/k"},
        /* host style becomes path style */
        {&own_path, "https://b-1.s3" R "/k", "http://127.0.0.1:9000/b-1/k"},
        {&own_path, "https://b-1.s3" R, "http://127.0.0.1:9000/b-1"},
        {&own_path, "https://b-1.s3" R "?x=1", "http://127.0.0.1:9000/b-1?x=1"},
        {&own_path, "https://b-1.s3" R "//k", "http://127.0.0.1:9000/b-1//k"},
        {&own_path, "https://my.b.s3" R "/k", "http://127.0.0.1:9000/my.b/k"},
        /* every byte of the rest */
        {&own_path, "https://s3" R "/b-1/a%2Fb+c/../%e2//?q=%20+&r#f/?#",
         "http://127.0.0.1:9000/b-1/a%2Fb+c/../%e2//?q=%20+&r#f/?#"},
        {&own_path, "https://s3" R "#f", "http://127.0.0.1:9000#f"},
        /* path style becomes host style */
        {&own_host, "https://s3" R "/b-1/k", "https://B-1.Proxy.example:9443/k"},
        {&own_host, "https://s3" R "/b%2D1/k", "https://B-1.Proxy.example:9443/k"},
        {&own_host, "https://s3" R "/b-1", "https://B-1.Proxy.example:9443"},
        {&own_host, "https://s3" R "/b-1?x", "https://B-1.Proxy.example:9443?x"},
        {&own_host, "https://b-1.s3" R "/k", "https://B-1.Proxy.example:9443/k"},
        {&own_host, "https://s3" R "/b-11/k", "https://Proxy.example:9443/b-11/k"},
        {&own_host, "https://other.s3" R "/k", "https://Proxy.example:9443/other/k"},
        {&own_host, "https://s3" R "/", "https://Proxy.example:9443/"},
        {&own_host, "https://s3" R "//k", "https://Proxy.example:9443//k"},
        {&own_dotted, "https://s3" R "/my.b/k", "http://my.b.localhost:9000/k"},
        {&own_dotted, "https://s3" R "/my/k", "http://localhost:9000/my/k"},
        /* a server with a name of its own */
        {&own_ceph, "http://rgw.example/b-1/k", "http://proxy:9000/b-1/k"},
        {&own_ceph, "http://RGW.example:8080/b-1/k", "http://proxy:9000/b-1/k"},
        {&own_ceph, "http://b-1.rgw.example/k", "http://proxy:9000/b-1/k"},
        /* S3 names on the client's side */
        {&global_host, "http://b-1.s3" R "/k", "https://b-1.s3.amazonaws.com/k"},
        {&global_host, "http://s3" R "/b-1/k", "https://b-1.s3.amazonaws.com/k"},
        {&global_host, "http://s3" R "/other", "https://s3.amazonaws.com/other"},
        {&global_path, "http://b-1.s3" R "/k", "https://s3.amazonaws.com:443/b-1/k"},
        {&vpce_host, "https://s3" R "/b-1/k", "https://b-1.bucket.vpce-1a.s3.ap-northeast-1.vpce.amazonaws.com/k"},
        {&point, "https://n-123456789012.s3-accesspoint" R "/k?q",
         "https://n-123456789012.accesspoint.vpce-1a.s3.ap-northeast-1.vpce.amazonaws.com/k?q"},
        {&control, "http://123456789012.s3-control.dualstack" R "/v20180820/jobs",
         "https://123456789012.s3-control" R "/v20180820/jobs"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char memory[512];
        struct sbuf out = sbuf_make(memory, sizeof memory);
        if (map(cases[i].way, str_from(cases[i].location), &out) != LOCATION_MAPPED)
            fail_msg("%s: not mapped", cases[i].location);
        if (!str_eq(sbuf_str(&out), str_from(cases[i].expected)))
            fail_msg("%s: got %.*s, expected %s", cases[i].location, STR_ARG(sbuf_str(&out)), cases[i].expected);
    }
    (void)state;
}

static void test_location_map_others_are_left_alone_or_lead_away(void **state)
{
    static const struct {
        const struct way *way;
        const char *location;
        enum location_result expected;
    } cases[] = {
        {&own_path, "", LOCATION_UNCHANGED},
        {&own_path, "/b-1", LOCATION_UNCHANGED},
        {&own_path, "b-1/k", LOCATION_UNCHANGED},
        {&own_path, "?x", LOCATION_UNCHANGED},
        {&own_path, "/s3" R "/b-1", LOCATION_UNCHANGED},
        {&own_path, "s3" R "/b-1", LOCATION_UNCHANGED},
        {&own_path, "http:/s3" R "/b-1", LOCATION_UNCHANGED},
        {&own_path, "http:s3" R, LOCATION_UNCHANGED},
        {&own_path, "ftp://s3" R "/b-1", LOCATION_UNCHANGED},
        {&own_path, "https://www.example.com/done?x=https://s3" R "/b-1", LOCATION_UNCHANGED},
        {&own_path, "https://s3" R ".evil.org/b-1", LOCATION_UNCHANGED},
        {&own_path, "https://evil-s3" R "/b-1", LOCATION_UNCHANGED},
        {&own_path, "https://xs3" R "/b-1", LOCATION_UNCHANGED},
        {&own_path, "https://user@s3" R "/b-1", LOCATION_UNCHANGED},
        {&own_path, "https://s3" R ":x/b-1", LOCATION_UNCHANGED},
        {&own_path, "https://s3" R "\\b-1", LOCATION_UNCHANGED},
        {&own_path, "https:///b-1", LOCATION_UNCHANGED},
        {&own_path, "https://", LOCATION_UNCHANGED},
        {&own_path, "https://[::1]/b-1", LOCATION_UNCHANGED},
        {&own_path, "https://b-1.s3-website-ap-northeast-1.amazonaws.com/", LOCATION_UNCHANGED},
        {&own_ceph, "http://xrgw.example/b-1", LOCATION_UNCHANGED},
        {&own_ceph, "http://rgw.example.org/b-1", LOCATION_UNCHANGED},
        {&own_ceph, "http://.rgw.example/b-1", LOCATION_UNCHANGED},

        {&own_path, "https://b-1.s3.eu-west-1.amazonaws.com/k", LOCATION_AWAY},
        {&own_path, "https://s3-external-1.amazonaws.com/b-1", LOCATION_AWAY},
        {&own_path, "https://n-123456789012.s3-accesspoint" R "/k", LOCATION_AWAY},
        {&own_path, "https://s3-control" R "/", LOCATION_AWAY},
        {&own_path_3xx, "https://b-1.s3.eu-west-1.amazonaws.com/k", LOCATION_AWAY},
        {&own_path_3xx, "https://b-1.s3.amazonaws.com/k", LOCATION_AWAY}, /* no Region: wherever the bucket is */
        {&global_path, "https://b-1.s3.amazonaws.com/k", LOCATION_AWAY},
        {&point, "https://b-1.s3" R "/k", LOCATION_AWAY},
        {&point, "https://m-123456789012.s3-accesspoint" R "/k", LOCATION_AWAY},
        {&point, "https://n-123456789012.s3-object-lambda" R "/k", LOCATION_AWAY},
        {&no_host, "https://s3" R "/b-1", LOCATION_AWAY},
        {&bad_view, "https://s3" R "/b-1", LOCATION_AWAY},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char memory[512];
        struct sbuf out = sbuf_make(memory, sizeof memory);
        enum location_result got = map(cases[i].way, str_from(cases[i].location), &out);
        if (got != cases[i].expected) fail_msg("%s: got %d", cases[i].location, got);
        if (got != LOCATION_MAPPED) assert_int_equal(out.n, 0);
    }
    (void)state;
}

static void test_location_map_long_values_are_bounded(void **state)
{
    enum { REST = 30000 };
    static const char name[] = "https://s3" R "/";
    char *memory = malloc(REST + sizeof name), *out_memory = malloc(REST + 100), long_host[400];
    struct sbuf in = sbuf_make(memory, REST + sizeof name), out = sbuf_make(out_memory, REST + 100),
                small = sbuf_make(out_memory, 20);
    struct str rest;

    /* a first segment that is far too long for a bucket is not the client's, and passes all the same */
    sbuf_add(&in, str_from(name));
    rest.p = in.p + in.n - 1;
    while (in.n < REST)
        sbuf_char(&in, 'x');
    rest.n = (size_t)(in.p + in.n - rest.p);
    assert_int_equal(map(&own_host, sbuf_str(&in), &out), LOCATION_MAPPED);
    assert_false(out.overflow);
    assert_true(str_eq(str_tail(sbuf_str(&out), sizeof "https://Proxy.example:9443" - 1), rest));
    assert_int_equal(map(&own_host, sbuf_str(&in), &small), LOCATION_MAPPED);
    assert_true(small.overflow);
    memset(long_host, 'h', sizeof long_host);
    memcpy(long_host, "http://", 7);
    assert_int_equal(map(&own_host, str_make(long_host, sizeof long_host), &out), LOCATION_UNCHANGED);
    free(memory);
    free(out_memory);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_location_map_names_of_the_endpoint_become_the_clients),
        cmocka_unit_test(test_location_map_others_are_left_alone_or_lead_away),
        cmocka_unit_test(test_location_map_long_values_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
