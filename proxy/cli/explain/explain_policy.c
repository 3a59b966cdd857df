/* SPDX-License-Identifier: Apache-2.0
 * explain_policy.c: what a request asks for, pair by pair, and what the policies of a client say to each. The pairs are
 * those that the data path judges. One thread. Owns nothing.
 */
#include "explain.h"

#include "cli/cli.h"
#include "flow/policy.h"
#include "policy_impl.h"

#include <stdlib.h>

struct pairs {
    struct report *r;
    const struct request *req;
    unsigned refused;
};

static bool put_pair(void *data, const struct asked *a, const struct policy_ask *ask)
{
    struct pairs *p = data;
    const struct settings *s = request_settings(p->req);
    const struct principal_conf *client = p->req->who.caller;
    struct policy_decision d = policy_decide(client->terms->compiled, client->terms->policies_n, ask, &a->context);
    bool allowed = policy_lets_through(&d);
    json_t *object = policy_reason_json(s, client, &d);
    char *why = NULL, action[96];
    size_t n;
    FILE *out = open_memstream(&why, &n);

    ASSERT(out && object);
    policy_put_reason(s, client, &d, out);
    fclose(out);
    snprintf(action, sizeof(action), "s3:%s", s3_action_name(ask->action));
    json_object_set_new(object, "action", json_string(action));
    json_object_set_new(object, "resource", json_stringn(ask->resource.p, ask->resource.n));
    json_object_set_new(object, "allowed", json_boolean(allowed));
    report_add_object(p->r, "asks_for", "asks for", object, "%s on %.*s: %s %s", action, STR_ARG(ask->resource),
                      allowed ? "allowed" : "refused", why);
    free(why);
    p->refused += !allowed;
    return true;
}

/* Bodies are judged here as they were captured; where there is none, that is judged, too. */
static enum step_result judge(struct request *req)
{
    enum step_result r = step_check_policy(req);

    return r == STEP_NEXT && policy_needs_body(req) && req->in.body.done ? policy_judge_body(req) : r;
}

static bool lacks_body(const struct request *req, struct str body)
{
    return policy_needs_body(req) && !req->in.body.done && !body.n;
}

/* False: req->err has what the client would get. */
static bool put_pairs(struct pairs *p, struct request *req, struct str body)
{
    struct str content = str_head(body, req->in.head->has_content_length ? req->in.head->content_length : body.n);

    if (asked_head(req->policy.asked, put_pair, p, &req->err) != ERR_NONE) return false;
    if (!policy_needs_body(req) || lacks_body(req, body)) return true;
    return asked_body(req->policy.asked, content, put_pair, p, &req->err) == ERR_NONE;
}

int explain_policy(struct report *r, struct request *req, struct str body, const struct principal_conf *client)
{
    struct pairs p = {r, req, 0};
    char policies[POLICY_NAMES_TEXT];
    const char *why_not;
    enum step_result verdict;
    bool told;

    if (client) req->who.caller = client;
    if (!req->who.caller || req->who.auth == AUTH_FOREIGN) return CLI_FINE;
    why_not = policy_why_not(req->who.caller, &req->session->peer, req->started_wall_us / 1000000);
    if (why_not) {
        report_put(r, "policy", "refused", "client %s %s", req->who.caller->name, why_not);
        report_bool(r, "served", false);
        return CLI_PROBLEM;
    }
    verdict = judge(req);
    told = verdict != STEP_NEXT && req->err.code != ERR_POLICY_DENIED;
    if (!told && req->policy.asked) told = !put_pairs(&p, req, body);
    if (told || verdict != STEP_NEXT) {
        explain_error(r, req, req->session->listener);
        return CLI_PROBLEM;
    }
    report_put(r, "policy", "policy",
               p.refused               ? "[policy %s] does not allow client %s all of it"
               : lacks_body(req, body) ? "[policy %s] judges client %s by the body, which is not here"
                                       : "[policy %s] allows client %s to do this",
               principal_policy_names(req->who.caller, policies), req->who.caller->name);
    if (p.refused) report_bool(r, "served", false);
    return p.refused ? CLI_PROBLEM : CLI_FINE;
}
