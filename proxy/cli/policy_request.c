/* SPDX-License-Identifier: Apache-2.0
 * policy_request.c: `s3onramp policy test CLIENT REQUEST`: may a client send a captured request? Its signature is not
 * looked at: it is as if the client had signed it. One thread.
 */
#include "policy_impl.h"

#include "explain.h"
#include "flow/body/form.h"

/* How it is signed, which conditions may be about, and by which x-amz-… in the query count. */
static enum auth_kind find_auth(const struct request *req)
{
    const struct header *h = headers_find(&req->in.head->headers, HDR_AUTHORIZATION);

    if (query_find(req->in.query, req->in.query_n, STR("X-Amz-Signature"))) return AUTH_SIGV4_QUERY;
    if (query_find(req->in.query, req->in.query_n, STR("Signature"))) return AUTH_SIGV2_QUERY;
    return h && str_starts(h->value, STR("AWS ")) ? AUTH_SIGV2_HEADER : AUTH_SIGV4_HEADER;
}

static int judge(struct report *r, struct rig *rig, const struct arrival *a, const struct policy_order *o,
                 const struct principal_conf *client)
{
    struct err err = {0};
    struct request *req = rig_take(rig, a, o->now_s, &err);

    if (!req || step_find_target(req) != STEP_NEXT || form_is_one(req))
        return cli_wrong_usage("policy", "%s is no request that can be judged here: %s", o->action,
                               !req            ? err.detail
                               : req->err.code ? req->err.detail
                               : req->in.head && !req->in.operation
                                   ? "it is none for S3"
                                   : "a browser's form has all that counts in its body");
    report_title(r, "request", str_head(a->head, str_index(a->head, '\r')));
    report_str(r, "operation", "operation", str_from(req->in.operation->name));
    req->who.auth = find_auth(req);
    return explain_policy(r, req, a->body, client);
}

int policy_test_request(struct settings *s, const struct policy_order *o)
{
    const struct principal_conf *client = settings_client_by_name(s, str_from(o->client));
    struct rig *rig = rig_new(s);
    struct capture c = {0};
    struct report r;
    int code = CLI_USAGE;
    bool ok = rig && report_init(&r);

    ASSERT(ok);
    if (!client) {
        cli_wrong_usage("policy", "there is no client \"%s\"; `s3onramp client list` shows all", o->client);
    } else if (o->from &&
               (!netaddr_parse(str_from(o->from), 0, &rig->session.peer) || netaddr_port(&rig->session.peer) != 0)) {
        cli_wrong_usage("policy", "%s is no address; write one like 10.1.2.3", o->from);
    } else if (capture_open(&c, rig, o->action)) {
        c.arrival.listener = rig_find_listener(rig, &c.arrival, NULL);
        if (c.arrival.listener) code = judge(&r, rig, &c.arrival, o, client);
    }
    report_bool(&r, "allowed", code == CLI_FINE);
    report_end(&r, o->json && code != CLI_USAGE);
    capture_close(&c);
    rig_free(&rig);
    return code;
}
