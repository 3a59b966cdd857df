/* SPDX-License-Identifier: Apache-2.0
 * test_target.c: every form of S3 host name, refusals and their sentences, the names used upstream, partitions,
 * buckets, paths. Names and signing names are those of the SDKs' endpoint rules for s3 and s3control.
 */
#include "aws/s3/target.h"

#include "aws/s3/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_str(const char *what, struct str got, const char *expected)
{
    if (!str_eq(got, str_from(expected))) fail_msg("%s: got \"%.*s\", expected \"%s\"", what, STR_ARG(got), expected);
}

enum { FIPS = 1, DUALSTACK = 2, LEGACY = 4 };

#define VPCE "vpce-1a2b3c4d-5e6f"
#define ZONAL "vpce-1a2b3c4d-5e6f-us-east-1a"
#define L8 "abcdefg8"
#define L63 L8 L8 L8 L8 L8 L8 L8 "abcdefg"

static void test_s3_host_parse_served_names(void **state)
{
    static const struct {
        const char *host;
        enum s3_service service;
        const char *region, *suffix, *prefix, *endpoint_id;
        int flags;
    } cases[] = {
        {"s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "", "", 0},
        {"b.s3.ap-northeast-1.amazonaws.com", S3_BUCKETS, "ap-northeast-1", "amazonaws.com", "b", "", 0},
        {"my.dotted.bucket.s3.eu-west-1.amazonaws.com", S3_BUCKETS, "eu-west-1", "amazonaws.com", "my.dotted.bucket",
         "", 0},
        {"x.s3.s3.us-west-2.amazonaws.com", S3_BUCKETS, "us-west-2", "amazonaws.com", "x.s3", "", 0},
        {"s3.s3.us-west-2.amazonaws.com", S3_BUCKETS, "us-west-2", "amazonaws.com", "s3", "", 0},
        {"dualstack.s3.us-west-2.amazonaws.com", S3_BUCKETS, "us-west-2", "amazonaws.com", "dualstack", "", 0},
        {"s3.us-west-2.s3.us-west-1.amazonaws.com", S3_BUCKETS, "us-west-1", "amazonaws.com", "s3.us-west-2", "", 0},
        {"old_bucket.s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "old_bucket", "", 0},
        {"ap-alias-s3alias.s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "ap-alias-s3alias",
         "", 0},
        {"s3.dualstack.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "", "", DUALSTACK | LEGACY},
        {"b.s3.dualstack.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "b", "",
         DUALSTACK | LEGACY},
        {"s3-fips.us-gov-west-1.amazonaws.com", S3_BUCKETS, "us-gov-west-1", "amazonaws.com", "", "", FIPS},
        {"b.s3-fips.dualstack.us-east-2.amazonaws.com", S3_BUCKETS, "us-east-2", "amazonaws.com", "b", "",
         FIPS | DUALSTACK | LEGACY},

        {"s3.amazonaws.com", S3_BUCKETS, "", "amazonaws.com", "", "", LEGACY},
        {"b.s3.amazonaws.com", S3_BUCKETS, "", "amazonaws.com", "b", "", LEGACY},
        {"b.us-west-1.s3.amazonaws.com", S3_BUCKETS, "", "amazonaws.com", "b.us-west-1", "", LEGACY},
        {"s3-external-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "", "", LEGACY},
        {"b.s3-external-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "b", "", LEGACY},
        {"s3-eu-west-1.amazonaws.com", S3_BUCKETS, "eu-west-1", "amazonaws.com", "", "", LEGACY},
        {"a.b.s3-us-west-2.amazonaws.com", S3_BUCKETS, "us-west-2", "amazonaws.com", "a.b", "", LEGACY},
        {"s3-fips-us-gov-west-1.amazonaws.com", S3_BUCKETS, "us-gov-west-1", "amazonaws.com", "", "", LEGACY | FIPS},

        {"name-123456789012.s3-accesspoint.us-east-1.amazonaws.com", S3_ACCESS_POINT, "us-east-1", "amazonaws.com",
         "name-123456789012", "", 0},
        {"name-123456789012.s3-accesspoint-fips.us-east-1.amazonaws.com", S3_ACCESS_POINT, "us-east-1", "amazonaws.com",
         "name-123456789012", "", FIPS},
        {"name-123456789012.s3-accesspoint.dualstack.us-east-1.amazonaws.com", S3_ACCESS_POINT, "us-east-1",
         "amazonaws.com", "name-123456789012", "", DUALSTACK | LEGACY},
        {"s3-control.us-east-1.amazonaws.com", S3_CONTROL, "us-east-1", "amazonaws.com", "", "", 0},
        {"123456789012.s3-control-fips.us-east-1.amazonaws.com", S3_CONTROL, "us-east-1", "amazonaws.com",
         "123456789012", "", FIPS},

        {"bucket." VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "", VPCE, 0},
        {"b.bucket." VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "b", VPCE, 0},
        {"my.bucket.bucket." ZONAL ".s3-fips.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com",
         "my.bucket", ZONAL, FIPS},
        {"bucket." VPCE ".s3.cn-north-1.vpce.amazonaws.com.cn", S3_BUCKETS, "cn-north-1", "amazonaws.com.cn", "", VPCE,
         0},
        {"n-123456789012.accesspoint." VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_ACCESS_POINT, "us-east-1",
         "amazonaws.com", "n-123456789012", VPCE, 0},
        {"my-ap-123456789012.accesspoint." ZONAL ".s3-fips.us-east-1.vpce.amazonaws.com", S3_ACCESS_POINT, "us-east-1",
         "amazonaws.com", "my-ap-123456789012", ZONAL, FIPS},
        {"x-s3alias.accesspoint." VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com",
         "x-s3alias", VPCE, 0},
        {"x-s3alias.bucket." VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com",
         "x-s3alias", VPCE, 0},
        {"control." ZONAL ".s3.us-east-1.vpce.amazonaws.com", S3_CONTROL, "us-east-1", "amazonaws.com", "", ZONAL, 0},
        {VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "", VPCE, LEGACY},
        {ZONAL ".s3-fips.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "", ZONAL,
         LEGACY | FIPS},
        {"my.b." VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "my.b", VPCE,
         LEGACY},
        {"bucket.x." VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "bucket.x",
         VPCE, LEGACY},
        {"control.bucket." VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "control",
         VPCE, 0},
        {"vpce.s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "vpce", "", 0},
        {VPCE ".s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", VPCE, "", 0},
        {"123456789012.control." VPCE ".s3.us-east-1.vpce.amazonaws.com", S3_CONTROL, "us-east-1", "amazonaws.com",
         "123456789012", VPCE, 0},

        {"ap-123456789012.s3-object-lambda.us-east-1.amazonaws.com", S3_OBJECT_LAMBDA, "us-east-1", "amazonaws.com",
         "ap-123456789012", "", 0},
        {"ap-123456789012.s3-object-lambda-fips.us-east-1.amazonaws.com", S3_OBJECT_LAMBDA, "us-east-1",
         "amazonaws.com", "ap-123456789012", "", FIPS},
        {"ap-123456789012.s3-object-lambda.cn-north-1.amazonaws.com.cn", S3_OBJECT_LAMBDA, "cn-north-1",
         "amazonaws.com.cn", "ap-123456789012", "", 0},
        {"abc--ol-s3.s3-object-lambda.us-east-1.amazonaws.com", S3_OBJECT_LAMBDA, "us-east-1", "amazonaws.com",
         "abc--ol-s3", "", 0},
        {"abc--ol-s3.s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "abc--ol-s3", "", 0},
        {"io-use1-001.s3-object-lambda.us-east-1.amazonaws.com", S3_OBJECT_RESPONSE, "us-east-1", "amazonaws.com",
         "io-use1-001", "", 0},
        {"route.s3-object-lambda-fips.us-east-1.amazonaws.com", S3_OBJECT_RESPONSE, "us-east-1", "amazonaws.com",
         "route", "", FIPS},
        {"ap-123456789012.op-01ac5d28a6a232904.s3-outposts.us-west-2.amazonaws.com", S3_OUTPOSTS, "us-west-2",
         "amazonaws.com", "ap-123456789012.op-01ac5d28a6a232904", "", 0},
        {"abc--op-s3.op-01ac5d28a6a232904.s3-outposts.us-west-2.amazonaws.com", S3_OUTPOSTS, "us-west-2",
         "amazonaws.com", "abc--op-s3.op-01ac5d28a6a232904", "", 0},
        {"abc--op-s3.ec2.s3-outposts.us-gov-east-1.amazonaws.com", S3_OUTPOSTS, "us-gov-east-1", "amazonaws.com",
         "abc--op-s3.ec2", "", 0},

        {"s3-accesspoint.s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "s3-accesspoint", "",
         0},
        {"s3-control.s3-us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "s3-control", "", LEGACY},
        {"s3.amazonaws.com.s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "s3.amazonaws.com",
         "", 0},
        {"xn--bcher-kva.s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", "xn--bcher-kva", "", 0},
        {L63 ".s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com", L63, "", 0},
        {L63 "." L63 "." L63 ".s3.us-east-1.amazonaws.com", S3_BUCKETS, "us-east-1", "amazonaws.com",
         L63 "." L63 "." L63, "", 0},

        {"b.s3-fips.us-gov-east-1.amazonaws.com", S3_BUCKETS, "us-gov-east-1", "amazonaws.com", "b", "", FIPS},
        {"s3.cn-north-1.amazonaws.com.cn", S3_BUCKETS, "cn-north-1", "amazonaws.com.cn", "", "", 0},
        {"b.s3.dualstack.cn-north-1.amazonaws.com.cn", S3_BUCKETS, "cn-north-1", "amazonaws.com.cn", "b", "",
         DUALSTACK | LEGACY},
        {"s3-cn-north-1.amazonaws.com.cn", S3_BUCKETS, "cn-north-1", "amazonaws.com.cn", "", "", LEGACY},
        {"ap-123456789012.s3-accesspoint.cn-north-1.amazonaws.com.cn", S3_ACCESS_POINT, "cn-north-1",
         "amazonaws.com.cn", "ap-123456789012", "", 0},
        {"123456789012.s3-control.cn-north-1.amazonaws.com.cn", S3_CONTROL, "cn-north-1", "amazonaws.com.cn",
         "123456789012", "", 0},
        {"b.bucket." VPCE ".s3.us-iso-east-1.vpce.c2s.ic.gov", S3_BUCKETS, "us-iso-east-1", "c2s.ic.gov", "b", VPCE, 0},
        {"s3-fips.us-iso-east-1.c2s.ic.gov", S3_BUCKETS, "us-iso-east-1", "c2s.ic.gov", "", "", FIPS},
        {"b.s3.cn-northwest-1.amazonaws.com.cn", S3_BUCKETS, "cn-northwest-1", "amazonaws.com.cn", "b", "", 0},
        {"b.s3.eusc-de-east-1.amazonaws.eu", S3_BUCKETS, "eusc-de-east-1", "amazonaws.eu", "b", "", 0},
        {"b.s3.us-iso-east-1.c2s.ic.gov", S3_BUCKETS, "us-iso-east-1", "c2s.ic.gov", "b", "", 0},
        {"b.s3.us-isob-east-1.sc2s.sgov.gov", S3_BUCKETS, "us-isob-east-1", "sc2s.sgov.gov", "b", "", 0},
        {"b.s3.eu-isoe-west-1.cloud.adc-e.uk", S3_BUCKETS, "eu-isoe-west-1", "cloud.adc-e.uk", "b", "", 0},
        {"b.s3.us-isof-south-1.csp.hci.ic.gov", S3_BUCKETS, "us-isof-south-1", "csp.hci.ic.gov", "b", "", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct s3_host h;
        struct err err = {.code = ERR_NONE};
        if (s3_host_parse(str_from(cases[i].host), &h, &err) != ERR_NONE) fail_msg("%s: %s", cases[i].host, err.detail);
        assert_int_equal(h.service, cases[i].service);
        assert_str(cases[i].host, h.region, cases[i].region);
        assert_str(cases[i].host, h.suffix, cases[i].suffix);
        assert_str(cases[i].host, h.prefix, cases[i].prefix);
        assert_str(cases[i].host, h.endpoint_id, cases[i].endpoint_id);
        int flags = (h.fips ? FIPS : 0) | (h.dualstack ? DUALSTACK : 0) | (h.legacy ? LEGACY : 0);
        if (flags != cases[i].flags) fail_msg("%s: flags %d", cases[i].host, flags);
    }
    (void)state;
}

/* The sentence must name the reason, @hint. */
static void test_s3_host_parse_refused_names_say_why(void **state)
{
    static const struct {
        const char *host, *hint;
    } cases[] = {
        {"", "not an S3 name"},
        {"example.com", "not an S3 name"},
        {"s3.example.com", "not an S3 name"},
        {"10.0.0.1", "not an S3 name"},
        {"169.254.169.254", "not an S3 name"},
        {"amazonaws.com", "not an S3 name"},
        {".amazonaws.com", "not an S3 name"},
        {"xamazonaws.com", "not an S3 name"},
        {"s3.us-east-1.amazonaws.com.evil.example", "not an S3 name"},
        {"s3.us-east-1.evilamazonaws.com", "not an S3 name"},
        {"S3.us-east-1.amazonaws.com", "not an S3 name"},
        {"s3.us-east-1.AMAZONAWS.COM", "not an S3 name"},
        {"evil-s3.amazonaws.com.evil.org", "not an S3 name"},
        {"s3.ap-northeast-1.amazonaws.com.evil", "not an S3 name"},
        {"s3.ap-northeast-1.amazonaws.comm", "not an S3 name"},
        {"s3.ap-northeast-1.amazonaws.com.cn.evil.org", "not an S3 name"},
        {"s3.ap-northeast-1.amazonaws.com.", "not an S3 name"},
        {"s3..ap-northeast-1.amazonaws.com", "not an S3 name"},
        {"s3.ap-northeast-1..amazonaws.com", "not an S3 name"},
        {"b.s3.ap-northeast-1.amazonaws.com:443", "not an S3 name"},
        {"b\xc3\xbc.s3.ap-northeast-1.amazonaws.com", "not an S3 name"},
        {"b .s3.ap-northeast-1.amazonaws.com", "not an S3 name"},
        {"b%2es3.ap-northeast-1.amazonaws.com", "not an S3 name"},
        {"*.s3.ap-northeast-1.amazonaws.com", "not an S3 name"},
        {L63 "x.s3.us-east-1.amazonaws.com", "not an S3 name"},
        {L63 "." L63 "." L63 "." L63 ".s3.amazonaws.com", "not an S3 name"},
        {"xn--s3-.us-east-1.amazonaws.com", "not one of S3"},
        {"xs3.amazonaws.com", "not one of S3"},
        {"evil-s3.amazonaws.com", "not one of S3"},
        {"s3-.amazonaws.com", "not one of S3"},
        {"s3-us-east-1x.amazonaws.com", "not one of S3"},
        {"s3-external-2.amazonaws.com", "not one of S3"},
        {"s3-external-1.amazonaws.com.cn", "not one of S3"},
        {"s3tables.us-east-1.amazonaws.com", "not one of S3"},
        {"s3-accesspointx.us-east-1.amazonaws.com", "not one of S3"},
        {"b..s3.us-east-1.amazonaws.com", "not an S3 name"},
        {".s3.us-east-1.amazonaws.com", "not an S3 name"},
        {"b/../x.s3.us-east-1.amazonaws.com", "not an S3 name"},
        {"s3.us-east-1.api.aws", "not an S3 name"},
        {"sts.us-east-1.amazonaws.com", "not one of S3"},
        {"ec2.amazonaws.com", "not one of S3"},
        {"us-east-1.amazonaws.com", "not one of S3"},
        {"dualstack.us-east-1.amazonaws.com", "not one of S3"},
        {"dualstack.amazonaws.com", "not one of S3"},
        {"b.dualstack.us-east-1.amazonaws.com", "not one of S3"},
        {"s3x.us-east-1.amazonaws.com", "not one of S3"},
        {"s3.us-east.amazonaws.com", "not one of S3"},
        {"s3-cn-north-1.amazonaws.com", "not one of S3"},
        {"b.s3-accelerate.amazonaws.com", "Transfer Acceleration"},
        {"b.s3-accelerate.dualstack.amazonaws.com", "Transfer Acceleration"},
        {"b.s3-website-us-west-2.amazonaws.com", "website"},
        {"b.s3-website.eu-central-1.amazonaws.com", "website"},
        {"x.mrap.accesspoint.s3-global.amazonaws.com", "Multi-Region"},
        {"b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "directory buckets"},
        {"b--use1-az4--x-s3.s3express-fips-use1-az4.us-east-1.amazonaws.com", "directory buckets"},
        {"s3express-control.us-east-1.amazonaws.com", "directory buckets"},
        {"s3express-control-fips.us-east-1.amazonaws.com", "directory buckets"},
        {"x.accesspoint.s3-global.amazonaws.com", "Multi-Region"},
        {"accesspoint." VPCE ".s3-global.vpce.amazonaws.com", "Multi-Region"},
        {VPCE ".accesspoint.s3-global.vpce.amazonaws.com", "Multi-Region"},
        {"s3express-control.dualstack.us-east-1.amazonaws.com", "directory buckets"},
        {"b--use1-az4--x-s3.s3express-use1-az4.dualstack.us-east-1.amazonaws.com", "directory buckets"},
        {VPCE ".s3express.us-east-1.vpce.amazonaws.com", "directory buckets"},
        {"b.s3-website.cn-north-1.amazonaws.com.cn", "website"},
        {"b.s3-website-us-gov-west-1.amazonaws.com", "website"},
        {"s3-object-lambda.us-east-1.amazonaws.com", "Object Lambda access point"},
        {"a.b.s3-object-lambda.us-east-1.amazonaws.com", "Object Lambda access point"},
        {"n-123456789012.s3-object-lambda.dualstack.us-east-1.amazonaws.com", "dual-stack"},
        {"route.s3-object-lambda.dualstack.us-east-1.amazonaws.com", "dual-stack"},
        {"n-123456789012.s3-object-lambda-fips.cn-north-1.amazonaws.com.cn", "FIPS"},
        {"s3-outposts.us-east-1.amazonaws.com", "interface endpoint of its own"},
        {"s3-outposts-fips.us-east-1.amazonaws.com", "interface endpoint of its own"},
        {VPCE ".s3-outposts.us-east-1.vpce.amazonaws.com", "interface endpoint of its own"},
        {"n-123456789012.s3-outposts.us-east-1.amazonaws.com", "access point on an Outpost"},
        {"n-123456789012.op-.s3-outposts.us-east-1.amazonaws.com", "access point on an Outpost"},
        {"n-123456789012.ec2.s3-outposts.us-east-1.amazonaws.com", "access point on an Outpost"},
        {"name.op-1.s3-outposts.us-east-1.amazonaws.com", "access point on an Outpost"},
        {"a.n-123456789012.op-1.s3-outposts.us-east-1.amazonaws.com", "access point on an Outpost"},
        {"n-123456789012.op-1.s3-outposts-fips.us-east-1.amazonaws.com", "FIPS"},
        {"n-123456789012.op-1.s3-outposts.dualstack.us-east-1.amazonaws.com", "dual-stack"},
        {"s3-fips.cn-north-1.amazonaws.com.cn", "FIPS"},
        {"s3-fips-cn-north-1.amazonaws.com.cn", "FIPS"},
        {"bucket." VPCE ".s3-fips.cn-north-1.vpce.amazonaws.com.cn", "FIPS"},
        {"s3.amazonaws.com.cn", "names no Region"},
        {"s3-fips.amazonaws.com", "names no Region"},
        {"n-123456789012.s3-accesspoint.amazonaws.com", "names no Region"},
        {"s3.dualstack.amazonaws.com", "names no Region"},
        {"b.s3.amazonaws.eu", "names no Region"},
        {"s3.cn-north-1.amazonaws.com", "another partition"},
        {"s3.us-east-1.amazonaws.com.cn", "another partition"},
        {"s3.us-iso-east-1.amazonaws.com", "another partition"},
        {"s3-accesspoint.us-east-1.amazonaws.com", "access point"},
        {"name.s3-accesspoint.us-east-1.amazonaws.com", "access point"},
        {"-123456789012.x.s3-accesspoint.us-east-1.amazonaws.com", "access point"},
        {"name-12345678901.s3-accesspoint.us-east-1.amazonaws.com", "access point"},
        {"name.s3-control.us-east-1.amazonaws.com", "12-digit account"},
        {"x.control." VPCE ".s3.us-east-1.vpce.amazonaws.com", "12-digit account"},
        {"accesspoint." VPCE ".s3.us-east-1.vpce.amazonaws.com", "access point"},
        {"b.accesspoint." VPCE ".s3.us-east-1.vpce.amazonaws.com", "access point"},
        {"-s3alias.accesspoint." VPCE ".s3.us-east-1.vpce.amazonaws.com", "access point"},
        {"bucket." VPCE ".sts.us-east-1.vpce.amazonaws.com", "endpoint-specific"},
        {"bucket." VPCE ".s3.vpce.amazonaws.com", "endpoint-specific"},
        {"bucket.vpce-.s3.us-east-1.vpce.amazonaws.com", "endpoint-specific"},
        {"bucket.s3.us-east-1.vpce.amazonaws.com", "endpoint-specific"},
        {"bucket." VPCE ".s3.cn-north-1.vpce.amazonaws.com", "endpoint-specific"},
        {"vpce.amazonaws.com", "endpoint-specific"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct s3_host h;
        struct err err = {.code = ERR_NONE};
        if (s3_host_parse(str_from(cases[i].host), &h, &err) != ERR_HOST_REFUSED) fail_msg("%s: served", cases[i].host);
        if (!strstr(err.detail, cases[i].hint)) fail_msg("%s: \"%s\"", cases[i].host, err.detail);
        assert_int_equal(err.code, ERR_HOST_REFUSED);
    }
    (void)state;
}

static void test_s3_host_is_s3_served_or_not(void **state)
{
    static const struct {
        const char *host;
        bool s3;
    } cases[] = {
        {"s3.us-east-1.amazonaws.com", true},
        {"my.bucket.s3.eu-west-1.amazonaws.com", true},
        {"s3.amazonaws.com", true},
        {"b.s3.dualstack.eu-west-1.amazonaws.com", true},
        {"b.s3-eu-west-1.amazonaws.com", true},
        {"b.s3-accelerate.amazonaws.com", true},
        {"b.s3-website-eu-west-1.amazonaws.com", true},
        {"b.s3-website.eu-west-1.amazonaws.com", true},
        {"b--az--x-s3.s3express-az.eu-west-1.amazonaws.com", true},
        {"123456789012.s3-control.eu-west-1.amazonaws.com", true},
        {"s3.cn-north-1.amazonaws.com.cn", true},
        {"bucket." VPCE ".s3.us-east-1.vpce.amazonaws.com", true},
        {"sts.us-east-1.amazonaws.com", false},
        {"sts.amazonaws.com", false},
        {"s3.sts.amazonaws.com", false},
        {"s3.ec2.us-east-1.amazonaws.com", false},
        {VPCE ".sts.us-east-1.vpce.amazonaws.com", false},
        {"s3tables.us-east-1.amazonaws.com", false},
        {"us-east-1.amazonaws.com", false},
        {"amazonaws.com", false},
        {"s3.us-east-1.example.com", false},
        {"s3", false},
        {"10.0.0.1", false},
        {"", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (s3_host_is_s3(str_from(cases[i].host)) != cases[i].s3) fail_msg("%s", cases[i].host);
    (void)state;
}

static void test_s3_host_parse_longest_host_name_keeps_the_sentence(void **state)
{
    char host[400];
    struct s3_host h;
    struct err err;

    memset(host, 'a', sizeof host);
    assert_int_equal(s3_host_parse(str_make(host, sizeof host), &h, &err), ERR_HOST_REFUSED);
    assert_non_null(strstr(err.detail, "NO_PROXY.")); /* the sentence is complete */
    (void)state;
}

static void test_s3_signing_name_by_service(void **state)
{
    static const struct {
        const char *host, *signing_name;
        bool has_bucket;
    } cases[] = {
        {"s3.us-east-1.amazonaws.com", "s3", true},
        {"b.s3.amazonaws.com", "s3", true},
        {"n-123456789012.s3-accesspoint.us-east-1.amazonaws.com", "s3", true},
        {"n-s3alias.s3.us-east-1.amazonaws.com", "s3", true},
        {"n--ol-s3.s3.us-east-1.amazonaws.com", "s3", true},
        {"123456789012.s3-control.us-east-1.amazonaws.com", "s3", false},
        {"bucket." VPCE ".s3.us-east-1.vpce.amazonaws.com", "s3", true},
        {"control." VPCE ".s3.us-east-1.vpce.amazonaws.com", "s3", false},
        {"n-123456789012.s3-object-lambda.us-east-1.amazonaws.com", "s3-object-lambda", true},
        {"route.s3-object-lambda.us-east-1.amazonaws.com", "s3-object-lambda", false},
        {"n-123456789012.op-1.s3-outposts.us-east-1.amazonaws.com", "s3-outposts", true},
    };
    static const struct s3_host own; /* a name of the proxy's own */

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct s3_host h;
        assert_int_equal(s3_host_parse(str_from(cases[i].host), &h, NULL), ERR_NONE);
        assert_str(cases[i].host, s3_signing_name(&h), cases[i].signing_name);
        if (s3_host_has_bucket(&h) != cases[i].has_bucket) fail_msg("%s", cases[i].host);
    }
    assert_str("own", s3_signing_name(&own), "s3");
    assert_true(s3_host_has_bucket(&own));
    (void)state;
}

static const struct s3_endpoint_names tokyo = {STR_INIT("s3.ap-northeast-1.amazonaws.com"), STR_INIT("ap-northeast-1"),
                                               STR_INIT("amazonaws.com"), false};
static const struct s3_endpoint_names gov = {STR_INIT("s3-fips.us-gov-west-1.amazonaws.com"), STR_INIT("us-gov-west-1"),
                                             STR_INIT("amazonaws.com"), true};
static const struct s3_endpoint_names beijing = {STR_INIT("s3.cn-north-1.amazonaws.com.cn"), STR_INIT("cn-north-1"),
                                                 STR_INIT("amazonaws.com.cn"), false};
static const struct s3_endpoint_names ceph = {STR_INIT("rgw.example"), STR_INIT("ap-northeast-1"),
                                              STR_INIT("amazonaws.com"), false};

/* host NULL: a name of the proxy's own. bucket NULL: the host's prefix, host style. */
static void test_s3_host_upstream_names_that_the_endpoint_serves(void **state)
{
    static const struct {
        const char *host, *bucket;
        bool host_style;
        const struct s3_endpoint_names *endpoint;
        const char *expected;
        bool expected_host_style;
    } cases[] = {
        {"s3.ap-northeast-1.amazonaws.com", "b-1", false, &tokyo, "s3.ap-northeast-1.amazonaws.com", false},
        {"s3.ap-northeast-1.amazonaws.com", "", false, &tokyo, "s3.ap-northeast-1.amazonaws.com", false},
        {"b-1.s3.ap-northeast-1.amazonaws.com", NULL, true, &tokyo, "b-1.s3.ap-northeast-1.amazonaws.com", true},
        {"b-1.s3.amazonaws.com", NULL, true, &tokyo, "b-1.s3.ap-northeast-1.amazonaws.com", true},
        {"b-1.s3-ap-northeast-1.amazonaws.com", NULL, true, &tokyo, "b-1.s3.ap-northeast-1.amazonaws.com", true},
        {"b-1.s3.dualstack.ap-northeast-1.amazonaws.com", NULL, true, &tokyo, "b-1.s3.ap-northeast-1.amazonaws.com",
         true},
        {"b-1.s3.eu-west-1.amazonaws.com", NULL, true, &tokyo, "b-1.s3.ap-northeast-1.amazonaws.com", true},
        {"my.b.s3.ap-northeast-1.amazonaws.com", NULL, true, &tokyo, "s3.ap-northeast-1.amazonaws.com", false},
        {"old_b.s3.ap-northeast-1.amazonaws.com", NULL, true, &tokyo, "s3.ap-northeast-1.amazonaws.com", false},
        {"ab.s3.ap-northeast-1.amazonaws.com", NULL, true, &tokyo, "s3.ap-northeast-1.amazonaws.com", false},
        {VPCE ".s3.ap-northeast-1.vpce.amazonaws.com", "b-1", false, &tokyo, "s3.ap-northeast-1.amazonaws.com", false},
        {"b-1." VPCE ".s3.ap-northeast-1.vpce.amazonaws.com", NULL, true, &tokyo, "b-1.s3.ap-northeast-1.amazonaws.com",
         true},
        {"b-1.bucket." VPCE ".s3.ap-northeast-1.vpce.amazonaws.com", NULL, true, &tokyo,
         "b-1.s3.ap-northeast-1.amazonaws.com", true},
        {"x-s3alias.accesspoint." VPCE ".s3.ap-northeast-1.vpce.amazonaws.com", NULL, true, &tokyo,
         "x-s3alias.s3.ap-northeast-1.amazonaws.com", true},
        {"n-123456789012.accesspoint." VPCE ".s3.ap-northeast-1.vpce.amazonaws.com", NULL, true, &tokyo,
         "n-123456789012.s3-accesspoint.ap-northeast-1.amazonaws.com", true},
        {"n-123456789012.s3-accesspoint.dualstack.us-gov-west-1.amazonaws.com", NULL, true, &gov,
         "n-123456789012.s3-accesspoint-fips.us-gov-west-1.amazonaws.com", true},
        {"s3-control.ap-northeast-1.amazonaws.com", "", true, &tokyo, "s3-control.ap-northeast-1.amazonaws.com", true},
        {"123456789012.control." VPCE ".s3-fips.us-gov-west-1.vpce.amazonaws.com", "", true, &gov,
         "123456789012.s3-control-fips.us-gov-west-1.amazonaws.com", true},
        {"n-123456789012.s3-object-lambda.ap-northeast-1.amazonaws.com", NULL, true, &tokyo,
         "n-123456789012.s3-object-lambda.ap-northeast-1.amazonaws.com", true},
        {"n-123456789012.s3-object-lambda.us-gov-west-1.amazonaws.com", NULL, true, &gov,
         "n-123456789012.s3-object-lambda-fips.us-gov-west-1.amazonaws.com", true},
        {"route.s3-object-lambda.ap-northeast-1.amazonaws.com", "", true, &tokyo,
         "route.s3-object-lambda.ap-northeast-1.amazonaws.com", true},
        {"n-123456789012.op-1.s3-outposts.us-gov-west-1.amazonaws.com", NULL, true, &gov,
         "n-123456789012.op-1.s3-outposts.us-gov-west-1.amazonaws.com", true},
        {"b-1.s3.us-gov-west-1.amazonaws.com", NULL, true, &gov, "b-1.s3-fips.us-gov-west-1.amazonaws.com", true},
        {"b-1.s3.cn-north-1.amazonaws.com.cn", NULL, true, &beijing, "b-1.s3.cn-north-1.amazonaws.com.cn", true},
        {"n-123456789012.s3-accesspoint.cn-north-1.amazonaws.com.cn", NULL, true, &beijing,
         "n-123456789012.s3-accesspoint.cn-north-1.amazonaws.com.cn", true},
        {NULL, "b-1", true, &tokyo, "b-1.s3.ap-northeast-1.amazonaws.com", true},
        {NULL, "b-1", false, &tokyo, "s3.ap-northeast-1.amazonaws.com", false},
        {NULL, "my.b", true, &ceph, "rgw.example", false},
        {NULL, "b-1", true, &ceph, "b-1.rgw.example", true},
        {NULL, "", true, &ceph, "rgw.example", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct s3_host h = {.service = S3_BUCKETS};
        char memory[512];
        struct sbuf out = sbuf_make(memory, sizeof memory);
        bool host_style;
        const char *what = cases[i].host ? cases[i].host : "own name";

        if (cases[i].host) assert_int_equal(s3_host_parse(str_from(cases[i].host), &h, NULL), ERR_NONE);
        struct str bucket = cases[i].bucket ? str_from(cases[i].bucket) : h.prefix;
        assert_true(s3_host_upstream(&h, bucket, cases[i].host_style, cases[i].endpoint, &out, &host_style));
        assert_str(what, sbuf_str(&out), cases[i].expected);
        if (host_style != cases[i].expected_host_style) fail_msg("%s: style", what);
    }
    (void)state;
}

static void test_s3_host_upstream_bounds(void **state)
{
    char memory[512], name[300];
    memset(name, 'h', sizeof name);
    struct s3_endpoint_names names = {.host = {name, 253 - 64}};
    struct s3_host own = {.service = S3_BUCKETS};
    struct sbuf out = sbuf_make(memory, sizeof memory), small = sbuf_make(memory, 10);
    bool host_style;

    assert_true(s3_host_upstream(&own, STR(L63), true, &names, &out, &host_style));
    assert_true(host_style);
    assert_int_equal(out.n, 253);
    names.host.n++; /* one byte more than a name may have */
    out.n = 0;
    assert_true(s3_host_upstream(&own, STR(L63), true, &names, &out, &host_style));
    assert_false(host_style);
    assert_int_equal(out.n, 253 - 63);
    assert_false(s3_host_upstream(&own, STR("abc"), true, &tokyo, &small, &host_style));
    (void)state;
}

static void test_s3_vpce_name_split_leaves_region_and_suffix_open(void **state UNUSED)
{
    struct s3_vpce_name v;

    assert_true(s3_vpce_name_split(STR("accesspoint." VPCE ".s3-fips.lab1.vpce.example.com"), &v));
    assert_true(str_eq(v.id, STR(VPCE)) && str_eq(v.region, STR("lab1")) && str_eq(v.suffix, STR("example.com")));
    assert_true(v.fips);
    assert_false(s3_vpce_name_split(STR(VPCE ".s3.Lab1.vpce.example.com"), &v));
    assert_false(s3_vpce_name_split(STR(VPCE ".s3.lab1.vpce."), &v));
    assert_false(s3_vpce_name_split(STR("x." VPCE ".s3.lab1.vpce.example.com"), &v));
}

static void test_s3_region_is_name_table(void **state UNUSED)
{
    static const struct {
        const char *region;
        bool is_name, valid;
    } rows[] = {
        {"eu-west-1", true, true},
        {"us-gov-west-1", true, true},
        {"lab1", true, false},
        {"default", true, false},
        {"ap-northeast", true, false},
        {"Lab", false, false},
        {"1a", false, false},
        {"a", false, false},
        {"a--b", false, false},
        {"a-", false, false},
        {"a_b", false, false},
        {"", false, false},
        {"abcdefghijklmnopqrstuvwxyzabcdefg", false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str region = str_from(rows[i].region);
        if (s3_region_is_name(region) != rows[i].is_name || s3_region_valid(region) != rows[i].valid)
            fail_msg("%s", rows[i].region);
    }
}

static void test_s3_vpce_name_parse_forms(void **state)
{
    static const struct {
        const char *name, *id, *region; /* id NULL: refused */
        bool fips;
    } cases[] = {
        {VPCE ".s3.us-east-1.vpce.amazonaws.com", VPCE, "us-east-1", false},
        {"*." VPCE ".s3.us-east-1.vpce.amazonaws.com", VPCE, "us-east-1", false},
        {"bucket." ZONAL ".s3-fips.us-east-1.vpce.amazonaws.com", ZONAL, "us-east-1", true},
        {"bucket." VPCE ".s3.cn-north-1.vpce.amazonaws.com.cn", VPCE, "cn-north-1", false},
        {"b.bucket." VPCE ".s3.us-east-1.vpce.amazonaws.com", NULL, NULL, false},
        {"control." VPCE ".s3.us-east-1.vpce.amazonaws.com", VPCE, "us-east-1", false},
        {"accesspoint." VPCE ".s3.us-east-1.vpce.amazonaws.com", VPCE, "us-east-1", false},
        {VPCE ".s3.lab1.vpce.amazonaws.com", NULL, NULL, false},
        {"bucket.*." VPCE ".s3.us-east-1.vpce.amazonaws.com", NULL, NULL, false},
        {VPCE ".sts.us-east-1.vpce.amazonaws.com", NULL, NULL, false},
        {VPCE ".s3.us-east-1.vpce.amazonaws.com.", NULL, NULL, false},
        {VPCE ".s3.us-east-1.amazonaws.com", NULL, NULL, false},
        {VPCE ".s3.us-east-1.vpce.amazonaws.com.cn", NULL, NULL, false},
        {"s3.us-east-1.vpce.amazonaws.com", NULL, NULL, false},
        {"vpce.amazonaws.com", NULL, NULL, false},
        {"*.", NULL, NULL, false},
        {"", NULL, NULL, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct s3_vpce_name v;
        bool ok = s3_vpce_name_parse(str_from(cases[i].name), &v);
        if (ok != (cases[i].id != NULL)) fail_msg("%s", cases[i].name);
        if (!ok) continue;
        assert_str(cases[i].name, v.id, cases[i].id);
        assert_str(cases[i].name, v.region, cases[i].region);
        assert_int_equal(v.fips, cases[i].fips);
        assert_true(str_eq(v.suffix, partition_suffix(v.region)));
    }
    (void)state;
}

static void test_s3_own_host_by_prefix_path_and_account(void **state)
{
    static const struct {
        const char *prefix, *path, *account;
        enum s3_service service;
        const char *out; /* NULL: a bucket, or nothing */
    } rows[] = {
        {"n-123456789012.accesspoint", "/k", "", S3_ACCESS_POINT, "n-123456789012"},
        {"n-123456789012.accesspoint", "/v20180820/jobs", "123456789012", S3_ACCESS_POINT, "n-123456789012"},
        {"x-s3alias.accesspoint", "/k", "", S3_BUCKETS, "x-s3alias"},
        {"123456789012", "/v20180820/jobs", "123456789012", S3_CONTROL, "123456789012"},
        {"123456789012.control", "/v20180820/jobs", "123456789012", S3_CONTROL, "123456789012"},
        {"control", "/v20180820/jobs", "123456789012", S3_CONTROL, "123456789012"},
        {"", "/v20180820/jobs", "123456789012", S3_CONTROL, "123456789012"},
        {"", "/v20180820/jobs", "", S3_BUCKETS, NULL},
        {"", "/v20180820/jobs", "12345678901", S3_BUCKETS, NULL},
        {"", "/v20180820/jobs", "12345678901x", S3_BUCKETS, NULL},
        {"", "/v20180820x", "123456789012", S3_BUCKETS, NULL},
        {"", "/k", "123456789012", S3_BUCKETS, NULL},
        {"control", "/k", "123456789012", S3_BUCKETS, NULL},
        {"control", "/v20180820/jobs", "", S3_BUCKETS, NULL},
        {"b", "/v20180820/jobs", "123456789012", S3_BUCKETS, NULL},
        {"x.control", "/v20180820/jobs", "123456789012", S3_BUCKETS, NULL},
        {"210987654321", "/v20180820/jobs", "123456789012", S3_BUCKETS, NULL},
        {"210987654321.control", "/v20180820/jobs", "123456789012", S3_BUCKETS, NULL},
        {"123456789012", "/v20180820/jobs", "", S3_BUCKETS, NULL},
        {"123456789012", "/k", "123456789012", S3_BUCKETS, NULL},
        {"accesspoint", "/k", "", S3_BUCKETS, NULL},
        {"b.accesspoint", "/k", "", S3_BUCKETS, NULL},
        {"n-123456789012", "/k", "", S3_BUCKETS, NULL},
        {"a.n-123456789012.accesspoint", "/k", "", S3_BUCKETS, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct s3_host host = {.service = S3_BUCKETS};
        bool own = s3_own_host(str_from(rows[i].prefix), str_from(rows[i].path), str_from(rows[i].account), &host);

        if (own != (rows[i].out != NULL) || host.service != rows[i].service) fail_msg("row %zu: %s", i, rows[i].prefix);
        if (own && !str_eq(host.prefix, str_from(rows[i].out))) fail_msg("row %zu: %.*s", i, STR_ARG(host.prefix));
    }
}

static void test_s3_bucket_valid_and_host_style(void **state)
{
    char long_name[256];
    memset(long_name, 'a', sizeof long_name);
    const struct {
        struct str bucket;
        bool valid, host_style;
    } cases[] = {
        {STR_INIT("bucket"), true, true},      {STR_INIT("abc"), true, true},
        {STR_INIT("my-bucket-1"), true, true}, {STR_INIT("my.bucket"), true, false},
        {STR_INIT("Old_Bucket"), true, false}, {STR_INIT("old_bucket"), true, false},
        {STR_INIT("UPPER"), true, false},      {STR_INIT("-abc"), true, false},
        {STR_INIT("abc-"), true, false},       {STR_INIT("..."), true, false},
        {STR_INIT("ab"), false, false},        {STR_INIT(""), false, false},
        {STR_INIT("."), false, false},         {STR_INIT(".."), false, false},
        {STR_INIT("a b"), false, false},       {STR_INIT("a/b"), false, false},
        {STR_INIT("a\0b"), false, false},      {STR_INIT("b\xc3\xbcr"), false, false},
        {STR_INIT("a%b"), false, false},       {{long_name, 63}, true, true},
        {{long_name, 64}, true, false},        {{long_name, 255}, true, false},
        {{long_name, 256}, false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (s3_bucket_valid(cases[i].bucket) != cases[i].valid) fail_msg("valid: %.*s", STR_ARG(cases[i].bucket));
        if (s3_bucket_host_style(cases[i].bucket) != cases[i].host_style)
            fail_msg("host style: %.*s", STR_ARG(cases[i].bucket));
    }
    (void)state;
}

static void test_s3_bucket_why_not_rules(void **state)
{
    char long_name[256];
    memset(long_name, 'a', sizeof long_name);
    const struct {
        struct str bucket;
        const char *why; /* NULL: it can be one */
    } cases[] = {
        {STR_INIT("bucket"), NULL},
        {STR_INIT("my.bucket-1"), NULL},
        {STR_INIT("Old_Bucket"), NULL},
        {STR_INIT("reports-abcdefghijklmnopqrstuvwxyz123-s3alias"), NULL},
        {STR_INIT("1.2.3"), NULL},
        {STR_INIT("1.2.3.4a"), NULL},
        {{long_name, 255}, NULL},
        {{long_name, 256}, "at most 63"},
        {STR_INIT(""), "3 to 63"},
        {STR_INIT("ab"), "3 to 63"},
        {STR_INIT("a b"), "lower-case letters"},
        {STR_INIT("a/b"), "lower-case letters"},
        {STR_INIT("b\xc3\xbcr"), "lower-case letters"},
        {STR_INIT("UP..x"), "two dots"},
        {STR_INIT("-abc"), "begins and ends"},
        {STR_INIT("abc."), "begins and ends"},
        {STR_INIT("..."), "begins and ends"},
        {STR_INIT("192.168.5.4"), "IP address"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = s3_bucket_why_not(cases[i].bucket);
        if (!why != !cases[i].why || (why && !strstr(why, cases[i].why)))
            fail_msg("%.*s: %s", STR_ARG(cases[i].bucket), why ? why : "can be one");
    }
    (void)state;
}

static void test_s3_path_split_keys_keep_every_byte(void **state)
{
    static const struct {
        const char *path, *bucket, *key;
    } cases[] = {
        {"", "", ""},         {"/", "", ""},
        {"/b", "b", ""},      {"/b/", "b", ""},
        {"/b/k", "b", "k"},   {"/b/k/", "b", "k/"},
        {"/b//k", "b", "/k"}, {"/b/../c", "b", "../c"},
        {"//k", "", "k"},     {"/b/a b?c", "b", "a b?c"},
        {"/b///", "b", "//"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str bucket, key;
        s3_path_split(str_from(cases[i].path), &bucket, &key);
        assert_str(cases[i].path, bucket, cases[i].bucket);
        assert_str(cases[i].path, key, cases[i].key);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s3_host_parse_served_names),
        cmocka_unit_test(test_s3_host_parse_refused_names_say_why),
        cmocka_unit_test(test_s3_host_is_s3_served_or_not),
        cmocka_unit_test(test_s3_host_parse_longest_host_name_keeps_the_sentence),
        cmocka_unit_test(test_s3_signing_name_by_service),
        cmocka_unit_test(test_s3_host_upstream_names_that_the_endpoint_serves),
        cmocka_unit_test(test_s3_host_upstream_bounds),
        cmocka_unit_test(test_s3_vpce_name_split_leaves_region_and_suffix_open),
        cmocka_unit_test(test_s3_region_is_name_table),
        cmocka_unit_test(test_s3_vpce_name_parse_forms),
        cmocka_unit_test(test_s3_own_host_by_prefix_path_and_account),
        cmocka_unit_test(test_s3_bucket_valid_and_host_style),
        cmocka_unit_test(test_s3_bucket_why_not_rules),
        cmocka_unit_test(test_s3_path_split_keys_keep_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
