/* SPDX-License-Identifier: Apache-2.0
 * fuzz_target.c: any bytes as host name, endpoint-specific name, bucket and path. Parts must lie in the input and, put
 * together again, be the name.
 */
#include "aws/target.h"

#include <stdlib.h>

/* A name made of the parts of @h in its regular form must be read as the same parts. */
static void check_again(const struct s3_host *h)
{
    static const char *const services[] = {"s3", "s3-accesspoint", "s3-control"};
    char name[512];
    struct s3_host again;
    struct sbuf b = sbuf_make(name, sizeof name);

    if (h->region.n == 0) return;
    sbuf_printf(&b, "%.*s%s%s%s.%.*s.%.*s", STR_ARG(h->prefix), h->prefix.n ? "." : "", services[h->service],
                h->fips ? "-fips" : "", STR_ARG(h->region), STR_ARG(h->suffix));
    ASSERT(!b.overflow);
    if (b.n > 253) return;
    ASSERT(s3_host_parse(sbuf_str(&b), &again, NULL) ==
           (h->fips && str_eq(h->suffix, STR("amazonaws.com.cn")) ? ERR_HOST_REFUSED : ERR_NONE));
    if (h->fips && str_eq(h->suffix, STR("amazonaws.com.cn"))) return;
    ASSERT(again.service == h->service && again.fips == h->fips && !again.legacy && !again.dualstack);
    ASSERT(str_eq(again.prefix, h->prefix) && str_eq(again.region, h->region) && str_eq(again.suffix, h->suffix));
}

static void fuzz_host(struct str s)
{
    struct s3_host h;
    struct s3_vpce_name v;
    struct err err = {.code = ERR_NONE};

    if (s3_host_parse(s, &h, &err) == ERR_NONE) {
        ASSERT(str_starts(s, h.prefix) && str_ends(s, h.suffix));
        ASSERT(h.region.n == 0 || str_eq(s3_partition_suffix(h.region), h.suffix));
        check_again(&h);
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
