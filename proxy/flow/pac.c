/* SPDX-License-Identifier: Apache-2.0
 * pac.c: see pac.h. The script decides as way.c does for a client without ways of its own: what it sends elsewhere
 * would be refused here. Its language is that of 1996, which all evaluators know.
 */
#include "flow/pac.h"

#include "aws/s3/partition.h"
#include "aws/s3/target.h"
#include "http/uri.h"

/* What is written into the script stands between quotes: names and patterns hold none (config_value.c, uri.c). */
struct list {
    struct sbuf *out;
    bool begun;
};

static void put_item(void *arg, struct str text)
{
    struct list *l = arg;

    sbuf_printf(l->out, "%s\"%.*s\"", l->begun ? ", " : "", STR_ARG(text));
    l->begun = true;
}

static struct list begin_list(struct sbuf *out, const char *name)
{
    sbuf_printf(out, "    var %s = [", name);
    return (struct list){out, false};
}

static void end_list(struct list *l)
{
    sbuf_add(l->out, STR("];\n"));
}

static void put_texts(struct sbuf *out, const char *name, const struct str_list *texts)
{
    struct list l = begin_list(out, name);

    for (size_t i = 0; i < texts->n; i++)
        put_item(&l, str_from(texts->v[i]));
    end_list(&l);
}

/* --- who is served --- */

/* In their own Region endpoints have a certificate for their names, so that tunnels may lead there. */
static void put_own_regions(const struct settings *s, struct sbuf *out)
{
    struct list l = begin_list(out, "own");

    for (size_t i = 0; i < s->endpoints_n; i++) {
        const struct endpoint_conf *ep = &s->endpoints[i];
        s3_names_of_region(str_from(ep->region), str_from(ep->suffix), ep->fips, put_item, &l);
    }
    end_list(&l);
}

static void put_other_regions(const struct settings *s, struct sbuf *out)
{
    struct list l = begin_list(out, "also");

    for (size_t i = 0; i < s->endpoints_n; i++)
        for (size_t j = 0; j < s->endpoints[i].also_regions.n; j++) {
            struct str region = str_from(s->endpoints[i].also_regions.v[j]);
            s3_names_of_region(region, partition_suffix_or_aws(region), s->endpoints[i].fips, put_item, &l);
        }
    if (s->endpoints_n) put_item(&l, STR("s3." PARTITION_AWS_SUFFIX));
    end_list(&l);
}

static void put_hosts(const struct settings *s, struct sbuf *out)
{
    struct list l = begin_list(out, "hosts");

    for (size_t i = 0; i < s->tunnels_n; i++)
        for (size_t j = 0; j < s->tunnels[i].hosts.n; j++)
            put_item(&l, str_from(s->tunnels[i].hosts.v[j]));
    end_list(&l);
}

/* What goes on to a [parent] from here, by CONNECT only. */
static void put_parents(const struct settings *s, struct sbuf *out)
{
    struct list l = begin_list(out, "parents");

    for (size_t i = 0; i < s->parents_n; i++)
        for (size_t j = 0; j < s->parents[i].hosts.n; j++)
            put_item(&l, str_from(s->parents[i].hosts.v[j]));
    end_list(&l);
}

/* --- the proxy --- */

/* A password goes over TLS, where the listener has it and takes none without. */
static bool wants_tls(const struct listener_conf *l, bool tls)
{
    return tls || l->tls == LISTENER_TLS ||
           (l->tls == LISTENER_SNIFF && l->proxy_auth != PROXY_AUTH_NO && !l->proxy_auth_plain);
}

static bool put_proxy(const struct listener_conf *l, struct str authority, bool tls, struct sbuf *out)
{
    struct str host;
    unsigned port;
    bool v6;

    if (!uri_split_authority(authority, &host, &port)) return false;
    v6 = str_index(host, ':') != SIZE_MAX;
    if (!v6 && !uri_host_valid(host)) return false;
    sbuf_printf(out, "    var proxy = \"%s %s%.*s%s:%u\";\n", wants_tls(l, tls) ? "HTTPS" : "PROXY", v6 ? "[" : "",
                STR_ARG(host), v6 ? "]" : "",
                port  ? port
                : tls ? 443
                      : 80);
    return true;
}

/* --- the script --- */

static const char functions[] =
    "    function below(names) {\n"
    "        for (var i = 0; i < names.length; i++)\n"
    "            if (host == names[i] || host.slice(-names[i].length - 1) == \".\" + names[i]) return true;\n"
    "        return false;\n"
    "    }\n"
    "    function like(patterns) {\n"
    "        for (var i = 0; i < patterns.length; i++)\n"
    "            if (shExpMatch(host, patterns[i])) return true;\n"
    "        return false;\n"
    "    }\n";

static const char decision[] = "    host = host.toLowerCase();\n"
                               "    for (var i = 0; i < hosts.length; i++)\n"
                               "        if (host == hosts[i]) return like(tunnel) ? proxy : \"DIRECT\";\n"
                               "    if (below(own) && (like(tunnel) || like(intercept))) return proxy;\n"
                               "    if (below(also) && !like(tunnel) && like(intercept)) return proxy;\n"
                               "    if (/^(https|wss):/i.test(url) && like(parent) && like(parents)) return proxy;\n"
                               "    return \"DIRECT\";\n"
                               "}\n";

bool pac_write(const struct settings *s, const struct listener_conf *l, struct str authority, bool tls,
               struct sbuf *out)
{
    sbuf_printf(out, "// What s3onramp serves at [listener %s]; all else goes where it went before.\n", l->name);
    sbuf_add(out, STR("function FindProxyForURL(url, host) {\n"));
    if (!put_proxy(l, authority, tls, out)) return false;
    put_own_regions(s, out);
    put_other_regions(s, out);
    put_hosts(s, out);
    put_texts(out, "tunnel", &l->ways.tunnel);
    put_texts(out, "intercept", &l->ways.intercept);
    put_texts(out, "parent", &l->parent);
    put_parents(s, out);
    sbuf_add(out, str_from(functions));
    sbuf_add(out, str_from(decision));
    return !out->overflow;
}
