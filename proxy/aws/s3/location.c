/* SPDX-License-Identifier: Apache-2.0
 * location.c: Location of an answer, mapped to the client's name for the same thing. Pure; any thread. Owns nothing.
 * Source: RFC 9110 10.2.2, RFC 3986 3 and 4.2; S3 User Guide, "Virtual hosting of general purpose buckets".
 *
 *     https://bucket.s3.eu-west-1.amazonaws.com/key?q#f  ->  http://proxy:9000/bucket/key?q#f      client in path style
 *     https://s3.eu-west-1.amazonaws.com/bucket/key?q#f  ->  http://bucket.proxy:9000/key?q#f      client in host style
 *             host                       rest
 */
#include "aws/s3/location.h"

#include "http/uri.h"

enum { HOST_MAX = 253, BUCKET_ENCODED_MAX = 3 * 255 };

/* How many bytes of @s stand before the first of '/', '?' and '#' (RFC 3986 3.2, 3.3). */
static size_t component_bytes(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#')
        n++;
    return n;
}

/* Splits "[http[s]:]//host[:port]rest". False for what names no host, or none that we could understand. */
static bool split_reference(struct str location, struct str *host, struct str *rest)
{
    unsigned port;

    if (str_starts_nocase(location, STR("http:")))
        location = str_tail(location, sizeof "http:" - 1);
    else if (str_starts_nocase(location, STR("https:")))
        location = str_tail(location, sizeof "https:" - 1);
    if (!str_starts(location, STR("//"))) return false;
    location = str_tail(location, sizeof "//" - 1);
    *rest = str_tail(location, component_bytes(location));
    return uri_split_authority(str_head(location, component_bytes(location)), host, &port);
}

/* What @host, in lower case, stands for. False if it is no name of S3 and not the endpoint's. */
static bool read_name(struct str host, const struct location_view *view, struct s3_host *out)
{
    struct str upstream = view->upstream;
    bool below = host.n > upstream.n + 1 && str_ends(host, upstream) && host.p[host.n - upstream.n - 1] == '.';

    if (upstream.n == 0 || (!below && !str_eq(host, upstream))) return s3_host_parse(host, out, NULL) == ERR_NONE;
    *out = (struct s3_host){.region = view->region, .prefix = str_head(host, below ? host.n - upstream.n - 1 : 0)};
    return true;
}

/* A redirect to a name without a Region leads wherever the bucket is, and is given where that is not here. */
static bool is_same_region(const struct s3_host *name, const struct location_view *view)
{
    return name->region.n ? str_eq(name->region, view->region) : !view->redirect;
}

static bool is_clients_bucket(struct str encoded, const struct location_view *view)
{
    char plain[BUCKET_ENCODED_MAX];
    size_t n;

    return encoded.n <= sizeof plain && uri_decode(encoded, false, plain, &n) &&
           str_eq(str_make(plain, n), view->bucket);
}

static enum location_result put(const struct location_view *view, struct str authority, struct str bucket,
                                struct str rest, struct sbuf *out)
{
    sbuf_add(out, view->scheme);
    sbuf_add(out, STR("://"));
    sbuf_add(out, authority);
    if (bucket.n) sbuf_char(out, '/');
    sbuf_add(out, bucket);
    sbuf_add(out, rest);
    return LOCATION_MAPPED;
}

/* The client's name without the bucket before it; empty if it has none. */
static struct str authority_without_bucket(const struct location_view *view)
{
    size_t n = view->bucket.n;
    bool fits = n > 0 && view->authority.n > n + 1 && str_starts_nocase(view->authority, view->bucket) &&
                view->authority.p[n] == '.';

    return fits ? str_tail(view->authority, n + 1) : STR_NONE;
}

/* @bucket: encoded, empty if there is none. @rest: what follows it. */
static enum location_result map_bucket(const struct location_view *view, struct str bucket, struct str rest,
                                       struct sbuf *out)
{
    struct str base = view->host_style ? authority_without_bucket(view) : view->authority;

    if (base.n == 0) return LOCATION_AWAY;
    if (view->host_style && is_clients_bucket(bucket, view)) return put(view, view->authority, STR_NONE, rest, out);
    return put(view, base, bucket, rest, out);
}

static enum location_result map_name(const struct s3_host *name, struct str rest, const struct location_view *view,
                                     struct sbuf *out)
{
    if (view->authority.n == 0 || !is_same_region(name, view) || name->service != view->name->service)
        return LOCATION_AWAY;
    if (name->service != S3_BUCKETS) {
        if (!str_eq(name->prefix, view->name->prefix)) return LOCATION_AWAY;
        return put(view, view->authority, STR_NONE, rest, out);
    }
    if (name->prefix.n) return map_bucket(view, name->prefix, rest, out);
    if (!str_starts(rest, STR("/"))) return map_bucket(view, STR_NONE, rest, out);
    size_t n = component_bytes(str_tail(rest, 1));
    return n ? map_bucket(view, str_make(rest.p + 1, n), str_tail(rest, 1 + n), out)
             : map_bucket(view, STR_NONE, rest, out);
}

enum location_result location_map(struct str location, const struct location_view *view, struct sbuf *out)
{
    char memory[HOST_MAX];
    struct sbuf lower = sbuf_make(memory, sizeof memory);
    struct str host, rest;
    struct s3_host name;

    if (!split_reference(location, &host, &rest)) return LOCATION_UNCHANGED;
    sbuf_lower(&lower, host);
    if (lower.overflow || !read_name(sbuf_str(&lower), view, &name)) return LOCATION_UNCHANGED;
    return map_name(&name, rest, view, out);
}
