/* SPDX-License-Identifier: Apache-2.0
 * asked_source.c: the source of a copy: S3 API Reference, "CopyObject", x-amz-copy-source. The version stands behind a
 * '?' that is not encoded; what is encoded belongs to the key. Whether '+' means a blank is every server's own choice.
 */
#include "asked_impl.h"

#include "aws/s3/partition.h"

/* Takes "text/" from *@rest. */
static bool take(struct str *rest, struct str text)
{
    if (!str_starts(*rest, text)) return false;
    *rest = str_tail(*rest, text.n);
    return true;
}

static bool take_name(struct str *rest, char end, struct str *name)
{
    size_t at = str_index(*rest, end);

    if (at == SIZE_MAX) return false;
    *name = str_head(*rest, at);
    *rest = str_tail(*rest, at + 1);
    return at > 0;
}

/* arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME/object/KEY, or with s3-outposts and outpost/ID before accesspoint.
 */
static bool is_object_of_access_point(struct str arn)
{
    struct str rest = arn, name, service;

    if (!take(&rest, STR("arn:")) || !take_name(&rest, ':', &name) || !take_name(&rest, ':', &service)) return false;
    if (!take_name(&rest, ':', &name) || !take_name(&rest, ':', &name)) return false;
    if (str_eq(service, STR("s3-outposts"))) {
        if (!take(&rest, STR("outpost/")) || !take_name(&rest, '/', &name)) return false;
    } else if (!str_eq(service, STR("s3"))) {
        return false;
    }
    if (!take(&rest, STR("accesspoint/")) || !take_name(&rest, '/', &name)) return false;
    return take(&rest, STR("object/")) && rest.n > 0;
}

static struct str decode(struct asked *a, struct str encoded, bool plus_is_space)
{
    struct sbuf b = arena_sbuf(a->arena, encoded.n + 1);

    if (!b.cap) a->failed = true;
    if (!b.cap || !uri_decode(encoded, plus_is_space, b.p, &b.n)) return STR_NONE;
    return sbuf_str(&b);
}

/* The ARN of what @plain names; .p NULL: nothing that can be judged. */
static struct str arn_of(struct asked *a, struct str plain)
{
    struct str partition = partition_name(a->region), bucket = str_head(plain, str_index(plain, '/'));
    struct sbuf b;

    if (str_starts(plain, STR("arn:"))) return is_object_of_access_point(plain) ? plain : STR_NONE;
    if (!s3_bucket_valid(bucket) || plain.n < bucket.n + 2) return STR_NONE;
    b = arena_sbuf(a->arena, partition.n + plain.n + 16);
    sbuf_printf(&b, "arn:%.*s:s3:::", STR_ARG(partition));
    sbuf_add(&b, plain);
    if (b.overflow) a->failed = true;
    return b.overflow ? STR_NONE : sbuf_str(&b);
}

/* Behind the '?': a version, and nothing else. */
static bool read_version(struct asked *a, struct str query, struct str *version)
{
    struct query_param p[2];

    if (query_split(query, p, 2) != 1 || !uri_decodes_to(p[0].name, STR("versionId"))) return false;
    *version = decode(a, p[0].value, false);
    return version->n > 0;
}

bool asked_read_source(struct asked *a, struct str value, struct asked_source *out)
{
    size_t query = str_index(value, '?');
    struct str name = str_head(value, query);

    *out = (struct asked_source){.plain = decode(a, name, false)};
    (void)take(&out->plain, STR("/"));
    out->resource = arn_of(a, out->plain);
    if (!out->resource.p || (query != SIZE_MAX && !read_version(a, str_tail(value, query + 1), &out->version)))
        return false;
    if (str_index(name, '+') == SIZE_MAX) return true;
    name = decode(a, name, true);
    (void)take(&name, STR("/"));
    out->or_else = arn_of(a, name);
    return out->or_else.p;
}
