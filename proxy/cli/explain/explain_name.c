/* SPDX-License-Identifier: Apache-2.0
 * explain_name.c: what becomes of a request by its host name and path: service, Region, bucket, key, operation, way,
 * policy, endpoint, and what goes out. All of it is asked of the data path; here are only words. One thread. Owns
 * nothing.
 */
#include "explain.h"

#include "cli/cli.h"
#include "flow/body/form.h"
#include "flow/reply.h"
#include "flow/sign.h"
#include "flow/way.h"

/* --- words --- */

static const char *service_text(enum s3_service service)
{
    switch (service) {
    case S3_BUCKETS: return "S3, buckets and objects";
    case S3_ACCESS_POINT: return "S3 access point";
    case S3_CONTROL: return "S3 Control";
    case S3_OBJECT_LAMBDA: return "S3 Object Lambda access point";
    case S3_OBJECT_RESPONSE: return "S3 Object Lambda, answers";
    case S3_OUTPOSTS: return "S3 on Outposts access point";
    }
    return "";
}

static const char *service_word(enum s3_service service)
{
    static const char *const words[] = {[S3_BUCKETS] = "s3",
                                        [S3_ACCESS_POINT] = "access-point",
                                        [S3_CONTROL] = "control",
                                        [S3_OBJECT_LAMBDA] = "object-lambda",
                                        [S3_OBJECT_RESPONSE] = "object-lambda-response",
                                        [S3_OUTPOSTS] = "outposts"};

    return words[service];
}

static const char *mode_text(const struct listener_conf *l)
{
    return l->mode == LISTENER_FORWARD ? "forward" : l->mode == LISTENER_ENDPOINT ? "endpoint" : "redirect";
}

/* What to do about errors whose sentence, which is for clients, does not say it. */
static void print_advice(struct report *r, const struct request *req, const struct listener_conf *l)
{
    const char *key = "next", *label = "what to do";
    char policies[POLICY_NAMES_TEXT];

    switch (req->err.code) {
    case ERR_NO_AUTH:
        report_put(r, key, label,
                   "make a key pair (`s3onramp client add NAME`) and sign with it, or write anonymous = CLIENT into "
                   "[listener %s]",
                   l->name);
        break;
    case ERR_UNKNOWN_KEY:
        report_put(r, key, label, "make a key pair for the client: `s3onramp client add NAME`%s",
                   l->foreign == FOREIGN_PASS ? "" : "; or see `foreign` of the listener");
        break;
    case ERR_POLICY_DENIED:
        report_put(r, key, label,
                   "change [policy %s], or `policy` of [client %s]; `s3onramp policy explain %s` shows what they say",
                   principal_policy_names(req->who.caller, policies), req->who.caller->name, req->who.caller->name);
        break;
    case ERR_SIGV2_OFF:
        report_put(r, key, label, "write sigv2 = yes into [client %s] if its tool knows nothing newer",
                   req->who.caller->name);
        break;
    case ERR_HOST_REFUSED:
        if (str_starts(str_from(req->err.detail), STR("Neither")) ||
            str_find(str_from(req->err.detail), STR("does not name it")) != SIZE_MAX)
            report_put(r, key, label, "add a pattern to `%s` of [listener %s]",
                       str_starts(str_from(req->err.detail), STR("Neither")) ? "intercept` or `tunnel" : "tunnel",
                       l->name);
        break;
    case ERR_NOT_AN_ENDPOINT:
        report_put(r, key, label, "set the listener as HTTPS_PROXY, see `s3onramp env --listener %s`", l->name);
        break;
    case ERR_BAD_BUCKET:
        report_put(r, key, label, "bucket names have 3 to 63 of a-z, 0-9, '.' and '-' (old ones more)");
        break;
    case ERR_TIME_SKEWED: report_put(r, key, label, "set the client's clock (NTP); 15 minutes are allowed"); break;
    default: break;
    }
}

/* What the client gets for @req->err, and what can be done. */
void explain_error(struct report *r, const struct request *req, const struct listener_conf *l)
{
    const struct err_info *info = err_info(req->err.code);
    struct str message = reply_message(req);

    report_put(r, "error_status", "refused", "%d %s", info->http_status, info->s3_code);
    report_str(r, "error_message", "the client reads", message);
    if (req->err.detail[0] && !str_eq(message, str_from(req->err.detail)))
        report_put(r, "error_detail", "the log says", "%s", req->err.detail);
    print_advice(r, req, l);
    report_bool(r, "served", false);
}

/* --- target --- */

static void print_host(struct report *r, const struct s3_host *h)
{
    report_named(r, "service", "service", service_word(h->service), "%s", service_text(h->service));
    report_str(r, "signing_name", "signed as", s3_signing_name(h));
    if (h->region.n)
        report_str(r, "region", "Region", h->region);
    else
        report_named(r, "region", "Region", "", "(none in the name)");
    if (h->endpoint_id.n) report_str(r, "endpoint_id", "endpoint name of", h->endpoint_id);
    report_bool(r, "fips", h->fips);
    report_bool(r, "dualstack", h->dualstack);
    if (h->fips) report_put(r, "fips_text", "FIPS", "asked for");
    if (h->dualstack) report_put(r, "dualstack_text", "dual-stack", "the name is; the endpoint's own name goes out");
    if (h->legacy)
        report_put(r, "legacy", "certificate", "the endpoint's has no such name: another Host goes out, signed anew");
}

static bool is_access_point_alias(struct str bucket)
{
    return str_ends(bucket, STR("-s3alias")) || str_ends(bucket, STR("--ol-s3"));
}

static void print_object(struct report *r, struct request *req)
{
    struct sbuf canonical = arena_sbuf(&req->arena, 3 * req->in.path.n + 1);

    if (!s3_host_has_bucket(&req->in.s3)) {
        report_named(r, "style", "path", "none", "no bucket in it");
    } else {
        if (req->in.bucket.n)
            report_named(r, "style", "style", req->in.host_style ? "host" : "path", "%s",
                         req->in.host_style ? "host style: the bucket is in the name"
                                            : "path style: the bucket is in the path");
        if (req->in.bucket.n)
            report_str(r, "bucket", is_access_point_alias(req->in.bucket) ? "alias" : "bucket", req->in.bucket);
        if (req->in.key.n) report_str(r, "key", "key", req->in.key);
    }
    uri_encode(&canonical, req->in.path, true);
    report_str(r, "path_sent", "path as sent", req->in.uri.path);
    if (!canonical.overflow)
        report_str(r, "path_signed", "path as signed", canonical.n ? sbuf_str(&canonical) : STR("/"));
    report_named(r, "operation", "operation", req->in.operation->name, "%s, which %s", req->in.operation->name,
                 req->in.operation->access == ACCESS_READ ? "reads" : "writes");
}

/* --- way --- */

static void print_address(struct report *r, const struct netaddr *a, const char *zone)
{
    char text[NETADDR_TEXT];

    netaddr_format(a, text);
    report_add(r, "addresses", "address", "%s%s%s", text, *zone ? ", zone " : "", zone);
}

static void print_addresses(struct report *r, const struct endpoint_conf *ep)
{
    for (size_t i = 0; i < ep->addresses_n; i++)
        print_address(r, &ep->addresses[i], i < ep->address_zones.n ? ep->address_zones.v[i] : "");
    if (ep->dns) report_add(r, "addresses", "address", "DNS: %s, port %u", ep->dns_name, (unsigned)ep->port);
    for (size_t i = 0; ep->dns && i < ep->zones.n; i++)
        report_add(r, "addresses", "address", "DNS: its name for zone %s", ep->zones.v[i]);
}

static int tunnelled(struct report *r, const struct way_choice *choice, unsigned port)
{
    report_named(r, "way", "way", "tunnel",
                 "tunnel: bytes pass untouched, the client's own keys and signature go to %s",
                 !choice->via             ? "S3"
                 : choice->via->is_parent ? "the host, by way of the site's own proxy"
                                          : "the host");
    if (choice->via) {
        bool parent = choice->via->is_parent;

        report_named(r, parent ? "parent" : "tunnel", "goes to", choice->via->name, "[%s %s], port %u",
                     parent ? "parent" : "tunnel", choice->via->name, port);
        for (size_t i = 0; i < choice->via->addresses_n; i++)
            print_address(r, &choice->via->addresses[i], "");
    } else {
        print_host(r, &choice->s3);
        report_named(r, "endpoint", "goes to", choice->endpoint->name, "[endpoint %s]", choice->endpoint->name);
        print_addresses(r, choice->endpoint);
    }
    report_bool(r, "served", true);
    return CLI_FINE;
}

/* The client whose own ways may hold: its password is seen at the CONNECT. */
static const struct principal_conf *user_of(const struct settings *s, const struct listener_conf *l, const char *name)
{
    const struct principal_conf *client = name ? settings_client_by_name(s, str_from(name)) : NULL;

    return client && client->password && l->proxy_auth != PROXY_AUTH_NO ? client : NULL;
}

/* CONNECT or a redirected ClientHello, before there is a request. True: it is intercepted. */
static bool explain_way(struct report *r, const struct settings *s, const struct arrival *a,
                        const struct explain_wish *wish, int *exit_code)
{
    struct request asked = {.err = {0}};
    struct way_choice choice = way_choose(s, a->listener, user_of(s, a->listener, wish->client), a->host, &asked.err);
    unsigned port = a->port ? a->port : choice.via ? (unsigned)choice.via->port : 443;

    *exit_code = CLI_PROBLEM;
    if (choice.way == WAY_REFUSE ||
        (a->listener->mode == LISTENER_FORWARD && way_check_port(&choice, port, &asked.err) != ERR_NONE)) {
        report_named(r, "way", "way", "refuse", "refused");
        explain_error(r, &asked, a->listener);
        return false;
    }
    if (choice.way == WAY_TUNNEL) {
        *exit_code = tunnelled(r, &choice, port);
        return false;
    }
    report_named(r, "way", "way", "intercept", "intercepted: TLS ends in the proxy, requests are signed anew");
    return true;
}

/* --- route --- */

static const char *default_text(const struct settings *s, const struct endpoint_conf *ep)
{
    return ep->is_default ? "it is marked default" : s->endpoints_n == 1 ? "it is the only one" : "it is the first";
}

static void print_reason(struct report *r, const struct settings *s, const struct request *req,
                         const struct listener_conf *l)
{
    const struct endpoint_conf *ep = req->route.endpoint;
    struct str region = req->in.own_name ? req->who.signed_region : req->in.s3.region;
    const char *whose = req->in.own_name ? "the client signs for" : "the name is of";

    if (req->route.region_from.n)
        report_named(r, "reason", "because", "learned",
                     "the bucket is known to be in Region %s (the name leads to %.*s)", ep->region,
                     STR_ARG(req->route.region_from));
    else if (req->in.own_name && l->endpoint)
        report_named(r, "reason", "because", "listener", "`endpoint` of [listener %s] says so", l->name);
    else if (region.n && str_eq(region, str_from(ep->region)))
        report_named(r, "reason", "because", "region", "%s Region %s, which is its own", whose, ep->region);
    else if (region.n && settings_endpoint_for_region(s, region) == ep)
        report_named(r, "reason", "because", "also_regions", "%s Region %.*s, which is among its also_regions", whose,
                     STR_ARG(region));
    else
        report_named(r, "reason", "because", "default",
                     "no Region is named%s and %s; S3 itself corrects it for buckets elsewhere",
                     region.n ? " that has an endpoint," : ",", default_text(s, ep));
}

static void print_outgoing(struct report *r, struct request *req)
{
    bool host_style;
    struct str host = sign_host(req, &host_style), path;

    path = host.p ? sign_path(req, host_style) : STR_NONE;
    if (!path.p) return;
    const char *path_text = arena_dup(&req->arena, path).p; /* NUL-terminated */
    report_str(r, "upstream_host", "Host goes out as", host);
    report_named(r, "upstream_path", "path goes out as", path_text, "%.*s%s", STR_ARG(path),
                 req->in.host_style && !host_style && req->in.bucket.n ? "   (the bucket moves into the path)" : "");
    if (req->route.credentials->source == CREDENTIALS_NONE)
        report_put(r, "upstream_credentials", "signed", "not at all ([credentials %s])", req->route.credentials->name);
    else if (req->who.auth != AUTH_FOREIGN)
        report_put(r, "upstream_credentials", "signed anew for", "%s, with [credentials %s]",
                   req->route.endpoint->region, req->route.credentials->name);
}

static int explain_endpoint(struct report *r, struct request *req, const struct explain_wish *wish)
{
    static const struct principal_terms nothing = {.credentials = NULL};
    static const struct principal_conf nobody = {.terms = &nothing};
    const struct settings *s = request_settings(req);
    const struct listener_conf *l = req->session->listener;
    bool known = req->who.caller;

    if (!known) req->who.caller = &nobody;
    if (wish->region && !req->who.signed_region.n) req->who.signed_region = str_from(wish->region);
    if (wish->bucket_region) region_cache_put(req->worker->regions, req->in.bucket, str_from(wish->bucket_region));
    req->retry.attempts = 1; /* no budget is earned by asking */
    if (step_choose_route(req) != STEP_NEXT) {
        explain_error(r, req, l);
        return CLI_PROBLEM;
    }
    report_named(r, "endpoint", "goes to", req->route.endpoint->name, "[endpoint %s]", req->route.endpoint->name);
    print_reason(r, s, req, l);
    print_addresses(r, req->route.endpoint);
    if (req->who.auth != AUTH_FOREIGN) print_outgoing(r, req);
    if (!known) req->who.caller = NULL;
    return CLI_FINE;
}

/* --- caller --- */

/* Without --client: a listener may say whose unsigned requests are. */
static int explain_named_caller(struct report *r, struct request *req, const struct arrival *a,
                                const struct explain_wish *wish)
{
    const struct settings *s = request_settings(req);
    const struct listener_conf *l = req->session->listener;

    if (wish->client) return explain_policy(r, req, a->body, settings_client_by_name(s, str_from(wish->client)));
    if (!l->anonymous) return CLI_FINE;
    report_named(r, "caller", "caller", l->anonymous->name,
                 "client %s, if the request is not signed (`anonymous` of the listener)", l->anonymous->name);
    return explain_policy(r, req, a->body, l->anonymous);
}

static int explain_caller(struct report *r, struct request *req, const struct arrival *a,
                          const struct explain_wish *wish)
{
    const struct settings *s = request_settings(req);

    if (form_is_one(req) && !headers_find(&req->in.head->headers, HDR_AUTHORIZATION)) {
        report_put(r, "caller", "caller", "a browser's form: its signature is in the body and is not judged here");
        return CLI_FINE;
    }
    if (step_check_caller(req) != STEP_NEXT) {
        explain_error(r, req, req->session->listener);
        return CLI_PROBLEM;
    }
    if (req->who.auth == AUTH_FOREIGN)
        report_put(r, "caller", "caller", "unknown here: passed on under its own identity, byte for byte");
    else
        report_named(r, "caller", "caller", req->who.caller->name, "client %s%s", req->who.caller->name,
                     req->who.auth == AUTH_ANONYMOUS ? ", because [listener] has it as anonymous" : "");
    if (req->who.auth == AUTH_ANONYMOUS && wish->client)
        return explain_policy(r, req, a->body, settings_client_by_name(s, str_from(wish->client)));
    return explain_policy(r, req, a->body, NULL);
}

/* --- all of it --- */

/* It is none for S3. */
static int explain_goto(struct report *r, const struct request *req)
{
    if (req->step == STEP_own_page)
        report_named(r, "way", "way", "own-page", "answered by the listener itself, without S3");
    report_bool(r, "served", true);
    return CLI_FINE;
}

int explain_route(struct report *r, struct rig *rig, const struct arrival *a, const struct explain_wish *wish,
                  bool signed_request, struct request **out)
{
    const struct settings *s = rig->snapshot.settings;
    struct request refused = {.err = {0}}, *req;
    int exit_code;

    *out = NULL;
    report_named(r, "listener", "comes in at", a->listener->name, "[listener %s], mode = %s", a->listener->name,
                 mode_text(a->listener));
    if (a->tls && a->listener->mode != LISTENER_ENDPOINT && !explain_way(r, s, a, wish, &exit_code)) return exit_code;
    req = rig_take(rig, a, wish->now_s, &refused.err);
    if (!req) {
        explain_error(r, &refused, a->listener);
        return CLI_PROBLEM;
    }
    switch (step_find_target(req)) {
    case STEP_NEXT: break;
    case STEP_GOTO: return explain_goto(r, req);
    default: explain_error(r, req, a->listener); return CLI_PROBLEM;
    }
    *out = req;
    if (req->in.own_name)
        report_named(r, "service", "service", "s3", "S3, by a name of the listener's own");
    else
        print_host(r, &req->in.s3);
    print_object(r, req);
    exit_code = signed_request ? explain_caller(r, req, a, wish) : explain_named_caller(r, req, a, wish);
    if (explain_endpoint(r, req, wish) != CLI_FINE) exit_code = CLI_PROBLEM;
    if (exit_code == CLI_FINE) report_bool(r, "served", true);
    return exit_code;
}
