/* SPDX-License-Identifier: Apache-2.0
 * fuzz_target.c: any bytes as host name, endpoint-specific name, bucket and path. Parts must lie in the input, and the
 * name built for the endpoint must be read as the same parts.
 */
#include "aws/s3/target.h"

#include "aws/s3/partition.h"

#include <stdlib.h>

/* What is built for the endpoint of @h's Region must be read as the same service, Region and bucket. */
static void check_upstream(const struct s3_host *h)
{
    char name[512], host[300];
    struct s3_host again;
    struct sbuf out = sbuf_make(name, sizeof name), b = sbuf_make(host, sizeof host);
    struct s3_endpoint_names names = {.region = h->region, .suffix = h->suffix, .fips = h->fips};
    bool host_style;

    if (h->region.n == 0) names.region = STR("us-east-1");
    sbuf_printf(&b, "s3%s.%.*s.%.*s", h->fips ? "-fips" : "", STR_ARG(names.region), STR_ARG(names.suffix));
    names.host = sbuf_str(&b);
    ASSERT(s3_host_upstream(h, h->prefix, h->prefix.n > 0, &names, &out, &host_style));
    if (out.n > 253 && h->service != S3_BUCKETS) return; /* "s3-accesspoint" is longer than what stood there before */
    ASSERT(s3_host_parse(sbuf_str(&out), &again, NULL) == ERR_NONE);
    ASSERT(again.service == h->service && !again.legacy && !again.dualstack && again.endpoint_id.n == 0);
    ASSERT(again.fips == h->fips || h->service == S3_OUTPOSTS);
    ASSERT(str_eq(again.region, names.region) && str_eq(again.suffix, names.suffix));
    ASSERT(str_eq(again.prefix, host_style ? h->prefix : STR_NONE));
    ASSERT(host_style || h->service == S3_BUCKETS);
    ASSERT(str_eq(s3_signing_name(&again), s3_signing_name(h)));
}

static void fuzz_host(struct str s)
{
    struct s3_host h;
    struct s3_vpce_name v;
    struct err err = {.code = ERR_NONE};

    if (s3_host_parse(s, &h, &err) == ERR_NONE) {
        ASSERT(str_starts(s, h.prefix) && str_ends(s, h.suffix));
        ASSERT(h.region.n == 0 || str_eq(partition_suffix(h.region), h.suffix));
        check_upstream(&h);
    } else {
        ASSERT(err.code == ERR_HOST_REFUSED && err.detail[0] != '\0');
    }
    if (s3_vpce_name_parse(s, &v)) ASSERT(str_find(s, v.id) != SIZE_MAX && str_starts(v.id, STR("vpce-")));
}

static void fuzz_path(struct str s)
{
    struct str bucket, key;
    size_t slash = s.n && s.p[0] == '/';

    s3_path_split(s, &bucket, &key);
    ASSERT(str_index(bucket, '/') == SIZE_MAX);
    ASSERT(str_eq(bucket, str_head(str_tail(s, slash), bucket.n)));
    ASSERT(key.n == 0 || slash + bucket.n + 1 + key.n == s.n);
    ASSERT(!s3_bucket_host_style(bucket) || s3_bucket_valid(bucket));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str s = {(const char *)data, n};

    fuzz_host(s);
    fuzz_path(s);
    (void)s3_region_valid(s);
    return 0;
}
