/* SPDX-License-Identifier: Apache-2.0
 * fuzz_uri.c: properties of uri.c for any bytes.
 * - views lie inside the input; - decode(encode(x)) is x; - encode(decode(x)) is a fixed point; - the parts of a target
 * and of a query, put together, are what was split.
 */
#include "http/uri.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_target(struct str in, bool is_connect)
{
    struct uri u;
    struct err err;
    enum err_code code = uri_split(in, is_connect, &u, &err);
    ASSERT(code == ERR_NONE || code == ERR_BAD_REQUEST);
    if (code != ERR_NONE) return;
    ASSERT((u.form == URI_AUTHORITY) == is_connect);
    ASSERT(is_inside(u.scheme, in) && is_inside(u.authority, in) && is_inside(u.query, in));
    ASSERT(is_connect || u.path.n > 0);
    if (u.form == URI_ORIGIN) {
        ASSERT(u.path.p == in.p && u.path.n + u.has_query + u.query.n == in.n);
        ASSERT(str_index(u.path, '?') == SIZE_MAX);
    }
    ASSERT(str_index(u.path, ' ') == SIZE_MAX && str_index(u.query, '#') == SIZE_MAX);
    if (u.form == URI_ABSOLUTE || u.form == URI_AUTHORITY) {
        struct str host;
        unsigned port;
        ASSERT(uri_split_authority(u.authority, &host, &port));
        ASSERT(host.n > 0 && is_inside(host, in) && port <= 65535);
        ASSERT(!is_connect || port > 0);
    }
}

static void check_coding(struct str in, bool keep_slash)
{
    size_t cap = in.n * 3 + 1, plain_n, again_n;
    char *first = malloc(cap), *second = malloc(cap), *plain = malloc(cap);
    ASSERT(first && second && plain);
    struct sbuf a = sbuf_make(first, cap - 1), b = sbuf_make(second, cap - 1);
    uri_encode(&a, in, keep_slash);
    ASSERT(!a.overflow);
    ASSERT(uri_is_encoded_plain(in, keep_slash) == str_eq(sbuf_str(&a), in));
    ASSERT(uri_decode(sbuf_str(&a), false, plain, &plain_n) && str_eq(str_make(plain, plain_n), in));

    if (uri_decode(in, false, plain, &plain_n)) {
        ASSERT(plain_n <= in.n);
        a.n = 0;
        uri_encode(&a, str_make(plain, plain_n), keep_slash);
        ASSERT(uri_decode(sbuf_str(&a), false, plain, &again_n) && again_n == plain_n);
        uri_encode(&b, str_make(plain, again_n), keep_slash);
        ASSERT(str_eq(sbuf_str(&a), sbuf_str(&b)));
    }
    free(first);
    free(second);
    free(plain);
}

/* A parameter is found by its name once decoded, if not one before it has the same. */
static void check_find(const struct query_param *all, size_t n, size_t i)
{
    char *plain = malloc(all[i].name.n + 1);
    size_t plain_n;
    ASSERT(plain);
    if (uri_decode(all[i].name, false, plain, &plain_n)) {
        struct str name = str_make(plain, plain_n);
        const struct query_param *found = query_find(all, n, name);
        ASSERT(found && found <= &all[i] && uri_decodes_to(found->name, name));
        ASSERT(uri_decodes_to_prefix(all[i].name, name));
    }
    free(plain);
}

static void check_query(struct str in)
{
    struct query_param some[4], *all = calloc(in.n + 1, sizeof(*all));
    ASSERT(all);
    size_t n = query_split(in, all, in.n + 1), bytes = 0;
    ASSERT(n <= in.n && query_split(in, some, ARRAY_LEN(some)) == n);
    for (size_t i = 0; i < n; i++) {
        ASSERT(is_inside(all[i].name, in) && is_inside(all[i].value, in));
        ASSERT(str_index(all[i].name, '=') == SIZE_MAX && str_index(all[i].value, '&') == SIZE_MAX);
        bytes += all[i].name.n + all[i].has_value + all[i].value.n;
        check_find(all, n, i);
    }
    for (size_t i = 0; i < in.n; i++)
        bytes += in.p[i] == '&';
    ASSERT(bytes == in.n);
    free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_make(size ? (const char *)data : "", size), host;
    unsigned port;
    check_target(in, false);
    check_target(in, true);
    if (uri_split_authority(in, &host, &port)) ASSERT(host.n > 0 && is_inside(host, in) && port <= 65535);
    check_coding(in, false);
    check_coding(in, true);
    check_query(in);
    return 0;
}
