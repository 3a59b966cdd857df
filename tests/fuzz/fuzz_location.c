/* SPDX-License-Identifier: Apache-2.0
 * fuzz_location.c: lines of input as Location, authority, bucket, S3 name and endpoint. What is mapped must name the
 * client's authority and keep the end of the value; nothing is written otherwise.
 */
#include "aws/s3/location.h"

#include <stdlib.h>

static struct str next_line(struct str *rest)
{
    struct str line = STR_NONE;

    (void)str_split(rest, '\n', &line);
    return line;
}

/* Up to the last byte that could belong to the host or the first segment, the new value may differ; after it, not. */
static void check_mapped(struct str location, const struct location_view *view, struct str out)
{
    struct str after = str_tail(out, view->scheme.n + 3);
    size_t query = str_index(location, '?');

    ASSERT(str_starts(out, view->scheme));
    if (!str_starts(after, view->authority))
        ASSERT(view->host_style && str_starts(after, str_tail(view->authority, view->bucket.n + 1)));
    if (query != SIZE_MAX) ASSERT(str_ends(out, str_tail(location, query)));
    ASSERT(out.n <= location.n + view->authority.n + 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n}, location, flags, name;
    struct s3_host host = {.service = S3_BUCKETS};
    struct location_view view = {.scheme = STR("https"), .name = &host, .region = STR("us-east-1")};
    struct sbuf out;

    flags = next_line(&rest);
    location = next_line(&rest);
    view.authority = next_line(&rest);
    view.bucket = next_line(&rest);
    name = next_line(&rest);
    view.upstream = next_line(&rest);
    view.host_style = str_index(flags, 'h') != SIZE_MAX;
    view.redirect = str_index(flags, 'r') != SIZE_MAX;
    if (s3_host_parse(name, &host, NULL) != ERR_NONE) host = (struct s3_host){.service = S3_BUCKETS};
    out = sbuf_make(malloc(location.n + view.authority.n + 16), location.n + view.authority.n + 16);
    if (location_map(location, &view, &out) == LOCATION_MAPPED) {
        ASSERT(!out.overflow);
        check_mapped(location, &view, sbuf_str(&out));
    } else {
        ASSERT(out.n == 0 && !out.overflow);
    }
    free(out.p);
    return 0;
}
