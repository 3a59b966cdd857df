/* SPDX-License-Identifier: Apache-2.0
 * http_judge.c: see http_judge.h.
 */
#include "admin/http_judge.h"

#include "base/secret.h"
#include "http/uri.h"

#include <arpa/inet.h>

const char *http_names(const struct admin_conf *conf, const struct netaddr *local, char out[HTTP_NAMES])
{
    struct sbuf b = sbuf_make(out, HTTP_NAMES - 1);
    char ip[INET6_ADDRSTRLEN] = "";

    if (local->u.sa.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &local->u.in6.sin6_addr, ip, sizeof(ip));
    else
        inet_ntop(AF_INET, &local->u.in.sin_addr, ip, sizeof(ip));
    sbuf_printf(&b, "%s,localhost", ip);
    for (size_t i = 0; i < conf->names.n; i++)
        sbuf_printf(&b, ",%s", conf->names.v[i]);
    out[b.n] = '\0';
    return out;
}

bool http_names_have(struct str names, struct str name)
{
    struct str one;

    while (str_split(&names, ',', &one))
        if (str_eq(one, name)) return true;
    return false;
}

static bool is_our_host(struct str host, const struct admin_conf *conf, const struct netaddr *local)
{
    char names[HTTP_NAMES], lower[URI_HOST_MOST + 1];
    struct sbuf b = sbuf_make(lower, sizeof(lower));
    struct str name;
    unsigned port;

    if (!host.n) return true; /* HTTP/1.0: no browser */
    if (!uri_split_authority(host, &name, &port)) return false;
    sbuf_lower(&b, name);
    return !b.overflow && http_names_have(str_from(http_names(conf, local, names)), sbuf_str(&b));
}

static bool has_token(const struct head_request *r, const char *token)
{
    const struct header *h = headers_find(&r->headers, HDR_AUTHORIZATION);
    struct str scheme = STR("Bearer ");

    if (!token) return true;
    if (!h || headers_count(&r->headers, HDR_AUTHORIZATION) > 1 || !str_starts_nocase(h->value, scheme)) return false;
    return secret_equal(str_trim(str_tail(h->value, scheme.n)), str_from(token));
}

static const struct http_route *find_route(const struct http_routes *routes, struct str path, struct str *rest)
{
    for (size_t i = 0; i < routes->n; i++) {
        const struct http_route *route = &routes->v[i];

        if (route->is_folder ? !str_starts(path, str_from(route->path)) : !str_eq(path, str_from(route->path)))
            continue;
        *rest = str_tail(path, strlen(route->path));
        return route;
    }
    return NULL;
}

static struct str accept_of(const struct head_request *r)
{
    const struct header *h = headers_find_name(&r->headers, STR("accept"));

    return h ? h->value : STR_NONE;
}

unsigned http_judge(const struct head_request *r, const struct admin_conf *conf, const struct netaddr *local,
                    const struct http_routes *routes, struct http_asked *out)
{
    struct uri uri;
    struct err ignored;

    *out = (struct http_asked){.head_only = r->method_id == METHOD_HEAD, .host = r->host, .local = local};
    if (uri_split(r->target, false, &uri, &ignored) != ERR_NONE || uri.form != URI_ORIGIN) return 400;
    if (r->body != BODY_NONE && (r->body != BODY_LENGTH || r->content_length)) return 413;
    out->route = find_route(routes, uri.path, &out->command);
    if (!out->route || out->route->reader != HTTP_EVERYBODY) {
        if (!is_our_host(r->host, conf, local)) return 421;
        if (!has_token(r, conf->token)) return 401;
    }
    if (!out->route) return 404;
    if (r->method_id != METHOD_GET && r->method_id != METHOD_HEAD) return 405;
    out->query = uri.query;
    out->accept = accept_of(r);
    return 200;
}
