/* SPDX-License-Identifier: Apache-2.0
 * preflight.c: see control/preflight.h. Owns what it loads only while it looks at it.
 */
#include "control/preflight.h"
#include "aws/s3/partition.h"
#include "base/clock.h"
#include "base/readable.h"
#include "config/log_place.h"
#include "flow/way.h"
#include "io/ca_scope.h"
#include "io/client_cert.h"
#include "io/signer.h"
#include "io/tls.h"
#include "preflight_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAY_S = 86400, ENDS_SOON_DAYS = 30 };

struct preflight {
    struct settings *s;
    FILE *problems; /* borrowed */
    bool fine;
};

static void problem(struct preflight *p, const void *item, const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5);

static void problem(struct preflight *p, const void *item, const char *key, const char *fmt, ...)
{
    char where[CONFIG_PLACE_TEXT];
    va_list args;

    p->fine = false;
    fprintf(p->problems, "%s: %s: ", config_place_text(settings_place(p->s, item, key), where), key);
    va_start(args, fmt);
    readable_vprintf(p->problems, fmt, args);
    va_end(args);
    fputc('\n', p->problems);
}

/* What a lower layer said about the file of @key. */
static void problem_err(struct preflight *p, const void *item, const char *key, const struct err *err)
{
    if (err->sys_errno)
        problem(p, item, key, "%s (%s)", err->detail, strerror(err->sys_errno));
    else
        problem(p, item, key, "%s", err->detail);
}

static void warn_end(struct preflight *p, const void *item, const char *key, const char *file, int64_t not_after,
                     const char *advice)
{
    int64_t left_s = not_after - clock_wall_us() / 1000000;
    time_t end = (time_t)not_after;
    char text[32];
    struct tm tm;

    if (left_s > (int64_t)ENDS_SOON_DAYS * DAY_S) return;
    if (!gmtime_r(&end, &tm) || strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &tm) == 0) return;
    settings_warn(p->s, settings_place(p->s, item, key), "%s: %s %s on %s; %s", key, file,
                  left_s > 0 ? "ends" : "has ended", text, advice);
}

/* --- the local CA --- */

static bool intercepts(const struct settings *s, const struct listener_conf *l, struct str host)
{
    struct err ignored;

    if (way_choose(s, l, NULL, host, &ignored).way == WAY_INTERCEPT) return true;
    for (size_t i = 0; i < s->clients_n && l->proxy_auth != PROXY_AUTH_NO; i++) {
        const struct principal_conf *c = &s->clients[i];
        if ((c->terms->ways.intercept.n || c->terms->ways.tunnel.n) &&
            way_choose(s, l, c, host, &ignored).way == WAY_INTERCEPT)
            return true;
    }
    return false;
}

/* Clients ask the proxy for this name and will be shown a certificate for it. */
static bool is_minted(const struct settings *s, struct str host)
{
    for (size_t i = 0; i < s->listeners_n; i++)
        if (s->listeners[i].mode != LISTENER_ENDPOINT && intercepts(s, &s->listeners[i], host)) return true;
    return false;
}

static void check_name(struct preflight *p, const struct ca *ca, const void *item, const char *key, const char *name)
{
    if (ca_permits(ca, str_from(name))) return;
    problem(p, item, key,
            "%s does not permit the name %s; make it anew with `s3onramp ca init --force` and let clients trust it",
            p->s->ca.certificate, name);
}

/* The name of S3 that stands for the Region: an authority that permits it was made for the others, too. */
static void check_region(struct preflight *p, const struct ca *ca, const struct endpoint_conf *ep, const char *key,
                         struct str region)
{
    char name[256];
    struct str suffix = partition_suffix_or_aws(region);

    snprintf(name, sizeof name, "s3.%.*s.%.*s", STR_ARG(str_head(region, 64)), STR_ARG(suffix));
    if (!is_minted(p->s, str_from(name)) || ca_permits(ca, str_from(name))) return;
    problem(p, ep, key,
            "%s does not permit %s: it was made when no endpoint served %.*s; make it anew with `s3onramp ca init "
            "--force` and let clients trust the new one",
            p->s->ca.certificate, name, STR_ARG(region));
}

/* Clients that call an address see a certificate for it; an authority that was made for other ones goes on working. */
static void warn_addresses(struct preflight *p, const struct ca *ca, const void *item, const char *key,
                           const struct netaddr *v, size_t n)
{
    char text[NETADDR_TEXT];
    struct str ip;

    for (size_t i = 0; i < n; i++) {
        netaddr_format(&v[i], text);
        ip = str_head(str_from(text), str_rindex(str_from(text), ':'));
        if (str_starts(ip, STR("["))) ip = str_make(ip.p + 1, ip.n - 2);
        if (str_eq(ip, STR("0.0.0.0")) || str_eq(ip, STR("::")) || ca_permits(ca, ip)) continue;
        settings_warn(p->s, settings_place(p->s, item, key),
                      "%s: %s does not permit %.*s: clients that come with TLS and ask for no name are refused; make "
                      "it anew with `s3onramp ca init --force` and let clients trust the new one",
                      key, p->s->ca.certificate, STR_ARG(ip));
    }
}

static void check_names(struct preflight *p, const struct ca *ca)
{
    const struct settings *s = p->s;

    for (size_t i = 0; i < s->endpoints_n; i++) {
        const struct endpoint_conf *ep = &s->endpoints[i];

        check_region(p, ca, ep, ep->vpce_name ? "name" : "region", str_from(ep->region));
        for (size_t j = 0; j < ep->also_regions.n; j++)
            check_region(p, ca, ep, "also_regions", str_from(ep->also_regions.v[j]));
    }
    for (size_t i = 0; i < s->listeners_n; i++) {
        const struct listener_conf *l = &s->listeners[i];
        if (l->tls == LISTENER_PLAIN || l->certificate || l->mode == LISTENER_REDIRECT) continue;
        warn_addresses(p, ca, l, "bind", l->bind, l->bind_n);
        for (size_t j = 0; j < l->names.n && !l->names_default; j++)
            check_name(p, ca, l, "names", l->names.v[j]);
    }
    if (!s->admin.tls || s->admin.certificate) return;
    warn_addresses(p, ca, &s->admin, "listen", s->admin.listen, s->admin.listen_n);
    for (size_t j = 0; j < s->admin.names.n && !s->admin.names_default; j++)
        check_name(p, ca, &s->admin, "names", s->admin.names.v[j]);
}

static void warn_wide(struct preflight *p, const struct ca *ca)
{
    struct ca_scope scope;
    char example[300];

    ca_scope_init(&scope, p->s);
    if (ca_scope_exceeded(&scope, ca, example, sizeof example))
        settings_warn(
            p->s, settings_place(p->s, &p->s->ca, "certificate"),
            "certificate: %s permits %s, which is more than this proxy serves: with its key anybody can speak "
            "for that; it goes on working, but better make it anew with `s3onramp ca init --force` and let "
            "clients trust the new one",
            p->s->ca.certificate, example);
    ca_scope_clear(&scope);
}

static bool has_next(const struct ca_conf *set)
{
    char next[PATH_MAX];

    return ca_next_path(set->certificate, next, sizeof next) && access(next, F_OK) == 0;
}

static void check_ca(struct preflight *p)
{
    const struct ca_conf *set = &p->s->ca;
    const struct signer_order order = {.certificate = set->certificate,
                                       .private_key = set->private_key,
                                       .leaf_days = 1,
                                       .sandbox = p->s->server.sandbox};
    struct ca *ca = NULL;
    struct err err = {0};

    if (!settings_need_ca(p->s)) return;
    if (signer_check(&order, &ca, &err) != ERR_NONE) {
        problem_err(p, set, "certificate", &err);
        return;
    }
    check_names(p, ca);
    warn_end(p, set, "certificate", set->certificate, ca_not_after(ca),
             has_next(set) ? "once clients trust the next one, put it in force with `s3onramp ca switch`"
                           : "make the next one with `s3onramp ca renew` and let clients trust it before that");
    if (!ca_is_limited(ca))
        settings_warn(p->s, settings_place(p->s, set, "certificate"),
                      "certificate: %s has no name constraints: with its key anybody can speak for every name that "
                      "clients know; guard it well, or make another with `s3onramp ca init`",
                      set->certificate);
    else
        warn_wide(p, ca);
    ca_free(&ca);
}

/* --- other certificates --- */

static void check_certificate(struct preflight *p, const void *item, const char *certificate, const char *private_key)
{
    SSL_CTX *ctx = NULL;
    struct err err = {0};

    if (!certificate) return;
    if (tls_server_ctx(NULL, certificate, private_key, &ctx, &err) != ERR_NONE)
        problem_err(p, item, "certificate", &err);
    else
        warn_end(p, item, "certificate", certificate, tls_ctx_not_after(ctx),
                 "put its successor there and start the proxy again");
    tls_ctx_free(&ctx);
}

static void check_client_certificates(struct preflight *p, const struct listener_conf *l)
{
    SSL_CTX *ctx = NULL;
    struct err err = {0};

    if (l->client_certificates == CLIENT_CERTIFICATES_OFF) return;
    if (tls_server_ctx(NULL, NULL, NULL, &ctx, &err) != ERR_NONE ||
        client_cert_ask(ctx, l->client_ca, l->client_crl, true, &err) != ERR_NONE)
        problem_err(p, l, "client_certificates", &err);
    else if (l->client_crl && client_cert_lists_end(ctx) < clock_wall_us() / 1000000 + DAY_S)
        warn_end(p, l, "client_crl", l->client_crl, client_cert_lists_end(ctx),
                 "put the next list there and run `s3onramp reload`: no certificate counts once it is out of date");
    tls_ctx_free(&ctx);
}

static void check_authorities(struct preflight *p, const void *item, const char *ca_file)
{
    SSL_CTX *ctx = NULL;
    struct err err = {0};

    if (ca_file && tls_client_ctx(ca_file, NULL, &ctx, &err) != ERR_NONE) problem_err(p, item, "ca_file", &err);
    tls_ctx_free(&ctx);
}

/* --- files that are written --- */

/* The file of a log is made by `serve`; its folder is not. A daemon may come later. */
static void check_place(struct preflight *p, const void *item, const char *key, const char *place)
{
    char folder[PATH_MAX];
    struct stat st;
    const char *path;

    if (log_place_of(place, &path) != LOG_PLACE_FILE) return;
    size_t slash = str_rindex(str_from(path), '/');
    struct str name = slash == SIZE_MAX ? STR(".") : str_make(path, slash ? slash : 1);
    if (!str_to_cstr(name, folder, sizeof folder) || stat(folder, &st) != 0)
        problem(p, item, key, "%.*s cannot be used (%s); make it (mkdir -p %.*s), or write another file", STR_ARG(name),
                strerror(errno), STR_ARG(name));
    else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        problem(p, item, key, "%s is a folder; write a file in it", path);
}

struct settings *preflight_load(const char *path, FILE *problems)
{
    struct preflight p = {config_load(path, problems), problems, true};

    if (!p.s) return NULL;
    check_place(&p, &p.s->log, "to", p.s->log.to);
    check_place(&p, &p.s->log, "access", p.s->log.access);
    check_place(&p, &p.s->audit, "to", p.s->audit.to);
    check_ca(&p);
    check_certificate(&p, &p.s->admin, p.s->admin.certificate, p.s->admin.private_key);
    for (size_t i = 0; i < p.s->listeners_n; i++) {
        const struct listener_conf *l = &p.s->listeners[i];

        check_certificate(&p, l, l->certificate, l->private_key);
        check_client_certificates(&p, l);
    }
    for (size_t i = 0; i < p.s->endpoints_n; i++)
        check_authorities(&p, &p.s->endpoints[i], p.s->endpoints[i].ca_file);
    for (size_t i = 0; i < p.s->credentials_n; i++) {
        check_authorities(&p, &p.s->credentials[i], p.s->credentials[i].ca_file);
        preflight_warn_source(p.s, &p.s->credentials[i]);
    }
    if (!p.fine) settings_unref(&p.s);
    return p.s;
}
