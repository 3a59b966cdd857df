/* SPDX-License-Identifier: Apache-2.0
 * doctor_policy.c: S3 knows the caller and says AccessDenied: which policy is it? S3's own sentence tells it, within an
 * account or an organization; else reading narrows it down: ListBuckets, GetBucketPolicy. See doctor.h.
 * Sources: S3 User Guide, "Troubleshoot access denied (403 Forbidden) errors", "AWS PrivateLink for Amazon S3"
 * (policies), "Access point aliases"; S3 API Reference, GetBucketPolicy (405 for who is not of the owner's account).
 */
#include "doctor_impl.h"

#include "aws/s3/s3_error.h"
#include "doctor/bucket_policy.h"
#include "doctor/denial.h"

#include <ctype.h>

enum { ENDPOINT_ID = 40, STATEMENT = 100 };

#define CONDITIONS                                                                                          \
    "aws:sourceVpce or aws:SourceVpc must name this endpoint; aws:SourceIp is absent through an endpoint, " \
    "aws:VpcSourceIp takes its place"

/* --- S3 says which --- */

static const struct said {
    const char *cause;
    const char *no_allow, *deny; /* what to do */
} said[DENIAL_N] = {
    [DENIAL_IDENTITY] = {"identity-policy",
                         "the identity's own policies (IAM, the user or role): one must allow the action that S3 names",
                         "the identity's own policies (IAM, the user or role): one denies the action that S3 names. "
                         "Look at the conditions: " CONDITIONS},
    [DENIAL_RESOURCE] = {"bucket-policy",
                         "the bucket's policy must allow this identity the action that S3 names. Look at the "
                         "conditions, too: " CONDITIONS,
                         "the bucket's policy has a Deny that fits. Look at the conditions: " CONDITIONS},
    [DENIAL_ENDPOINT] = {"endpoint-policy",
                         "the endpoint's policy (VPC console, Endpoints, Policy) must allow this identity, action and "
                         "bucket. Look at its list of buckets, and at aws:ResourceAccount, which shuts out buckets of "
                         "other accounts",
                         "the endpoint's policy (VPC console, Endpoints, Policy) has a Deny that fits. Look at its "
                         "buckets, and at aws:ResourceAccount and aws:PrincipalAccount in its conditions"},
    [DENIAL_SERVICE_CONTROL] = {"service-control-policy",
                                "a service control policy (AWS Organizations, of the caller's account) must allow the "
                                "action that S3 names",
                                "a service control policy (AWS Organizations, of the caller's account) denies the "
                                "action. Look at the conditions: " CONDITIONS},
    [DENIAL_RESOURCE_CONTROL] = {"resource-control-policy",
                                 "a resource control policy (AWS Organizations, of the bucket's account) must allow "
                                 "the action that S3 names",
                                 "a resource control policy (AWS Organizations, of the bucket's account) denies the "
                                 "action. Look at the conditions: " CONDITIONS},
    [DENIAL_BOUNDARY] = {"permissions-boundary",
                         "the permissions boundary of the user or role (IAM) must allow the action that S3 names",
                         "the permissions boundary of the user or role (IAM) denies the action that S3 names"},
    [DENIAL_SESSION] = {"session-policy",
                        "the session's policy, given when the role was assumed, must allow the action that S3 names",
                        "the session's policy, given when the role was assumed, denies the action that S3 names"},
    [DENIAL_PUBLIC_ACCESS] = {"public-access-block", "", "Block Public Access of the bucket or its account forbids it"},
};

static void tell_said(struct doctor_finding *f, struct denial denial)
{
    const struct said *s = &said[denial.policy];

    if (denial.policy == DENIAL_RESOURCE && denial.is_access_point)
        doctor_fail(f, s->cause,
                    "the access point's policy, the bucket's, or the access point's VPC origin: one with VPC origin "
                    "answers only through endpoints of its own VPC. Look at the policies' conditions: " CONDITIONS);
    else
        doctor_fail(f, s->cause, "%s", denial.is_explicit ? s->deny : s->no_allow);
}

/* Without a bucket: narrow roles may not list all of them, and nothing is wrong. */
static void tell_list_denied(struct doctor_finding *f, struct denial denial)
{
    doctor_add(f, "road, key and signature are right; listing all buckets is not allowed, which is usual for narrow "
                  "roles");
    if (denial.is_explicit) doctor_warn(f, said[denial.policy].cause, "%s", said[denial.policy].deny);
    doctor_warn(f, denial.policy == DENIAL_UNSAID ? "access-denied" : said[denial.policy].cause,
                "name a bucket that these credentials may list: --bucket BUCKET");
}

/* --- S3 does not say: what reading tells --- */

struct clues {
    const char *bucket;
    bool is_alias;        /* of an access point: it has no bucket policy, and stands in no list */
    char id[ENDPOINT_ID]; /* of the endpoint, or "" */
    bool own, foreign;    /* whose bucket it is, if that is known */
    bool no_deny;         /* its policy was read, or there is none */
    const char *question; /* about a statement that may fit; NULL: there is none */
};

/* "vpce-0a1b2c3d" of vpce-0a1b2c3d-abcdefgh.s3.…; "" if the endpoint has no such name. */
static void find_endpoint_id(const struct doctor *d, char out[ENDPOINT_ID])
{
    struct str name = str_from(d->order->name);
    size_t at = str_find(name, STR("vpce-")), n = sizeof "vpce-" - 1;

    out[0] = '\0';
    if (at == SIZE_MAX) return;
    name = str_tail(name, at);
    while (n < name.n && isxdigit((unsigned char)name.p[n]))
        n++;
    if (n < name.n && name.p[n] == '-' && !str_to_cstr(str_head(name, n), out, ENDPOINT_ID)) out[0] = '\0';
}

static struct clues clues_of(const struct doctor *d)
{
    struct clues c = {.bucket = d->order->bucket};

    c.is_alias = str_ends(str_from(c.bucket), STR("-s3alias"));
    find_endpoint_id(d, c.id);
    return c;
}

static void take_list(struct doctor_finding *f, const struct doctor_link *l, struct clues *c)
{
    char element[300];
    bool whole = str_find(l->body, STR("</ListAllMyBucketsResult>")) != SIZE_MAX &&
                 str_find(l->body, STR("<ContinuationToken>")) == SIZE_MAX;

    snprintf(element, sizeof(element), "<Name>%.255s</Name>", c->bucket);
    c->own = c->own || str_find(l->body, str_from(element)) != SIZE_MAX;
    c->foreign = !c->own && (c->foreign || (whole && !c->is_alias));
    doctor_add(f, "ListBuckets is allowed%s: it is about this bucket",
               c->own       ? ", and the bucket is in the list"
               : c->foreign ? ", and the bucket is not in the list"
                            : "");
}

static void ask_for_list(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a, struct clues *c)
{
    const struct doctor_question q = {METHOD_GET, STR("/"), STR_NONE};
    struct doctor_link l;
    enum link_result r = doctor_ask(d, a, &q, &l);

    if (r != LINK_DONE)
        doctor_add(f, "ListBuckets: %s", l.why);
    else if (l.head.status == 200)
        take_list(f, &l, c);
    else
        doctor_add(f, "ListBuckets is not allowed either (HTTP %u)", l.head.status);
    link_close(&l);
}

/* 'statement "X"' of the bucket's policy. */
static void name_statement(const struct bucket_policy_finding *p, char out[STATEMENT])
{
    if (p->sid[0])
        snprintf(out, STATEMENT, "statement \"%s\"", p->sid);
    else
        snprintf(out, STATEMENT, "a statement without Sid");
}

/* It fits, whatever is unknown. */
static void tell_deny(struct doctor_finding *f, const struct bucket_policy_finding *p, const struct clues *c)
{
    static const char cause[] = "bucket-policy";
    bool by_endpoint = p->key == BUCKET_POLICY_SOURCE_VPCE && p->is_negated;
    char statement[STATEMENT];

    name_statement(p, statement);
    if (p->key == BUCKET_POLICY_ALWAYS)
        doctor_add(f, "the bucket's policy denies s3:ListBucket to everyone, without a condition: %s", statement);
    else if (by_endpoint)
        doctor_add(f, "the bucket's policy denies all that does not come through %s; this endpoint is %s: %s",
                   p->values, c->id, statement);
    else
        doctor_add(f, "the bucket's policy denies s3:ListBucket if %s: %s", p->conditions, statement);
    if (by_endpoint)
        doctor_fail(f, cause, "add this endpoint's id, %s, to aws:sourceVpce in the bucket's policy, %s", c->id,
                    statement);
    else if (p->key == BUCKET_POLICY_SOURCE_IP)
        doctor_fail(f, cause,
                    "the bucket's policy, %s: aws:SourceIp is absent through an endpoint, aws:VpcSourceIp takes its "
                    "place; or except what comes through %s (aws:sourceVpce)",
                    statement, c->id);
    else
        doctor_fail(f, cause, "except these credentials from that Deny in the bucket's policy, %s", statement);
}

static void tell_may_deny(struct doctor_finding *f, const struct bucket_policy_finding *p)
{
    char statement[STATEMENT];

    name_statement(p, statement);
    doctor_add(f, "the bucket's policy may deny s3:ListBucket%s%s: %s%s", p->conditions[0] ? " if " : "", p->conditions,
               statement, p->more ? ", and others like it" : "");
}

static const char *question_of(enum bucket_policy_key key)
{
    switch (key) {
    case BUCKET_POLICY_SOURCE_VPCE: return "is this endpoint's id among them?";
    case BUCKET_POLICY_SOURCE_VPC: return "is this endpoint in that VPC?";
    case BUCKET_POLICY_SOURCE_IP: return "aws:SourceIp is absent through an endpoint, aws:VpcSourceIp takes its place";
    case BUCKET_POLICY_VPC_SOURCE_IP:
        return "which address do this machine's packets have when they reach the endpoint?";
    case BUCKET_POLICY_ALWAYS: return "does it mean these credentials?";
    case BUCKET_POLICY_OTHER: break;
    }
    return "does it fit these credentials and this request?";
}

/* True: the policy is the cause, and all is told. */
static bool take_policy(struct doctor_finding *f, struct str json, struct clues *c)
{
    const struct bucket_policy_request request = {STR("s3:ListBucket"), str_from(c->bucket), str_from(c->id)};
    struct bucket_policy_finding p;
    struct err err = {0};

    if (bucket_policy_find_deny(json, &request, &p, &err) != ERR_NONE) {
        doctor_add(f, "the bucket's policy: %s", err.detail);
        return false;
    }
    c->no_deny = p.verdict == BUCKET_POLICY_NO_DENY;
    if (c->no_deny) doctor_add(f, "the bucket's policy can be read, and denies no s3:ListBucket");
    if (p.verdict == BUCKET_POLICY_MAY_DENY) {
        c->question = question_of(p.key);
        tell_may_deny(f, &p);
    }
    if (p.verdict == BUCKET_POLICY_DENIES) tell_deny(f, &p, c);
    return p.verdict == BUCKET_POLICY_DENIES;
}

static bool take_policy_answer(struct doctor_finding *f, const struct doctor_link *l, struct clues *c)
{
    struct str code = s3_error_code_in(l->body);
    bool none = l->head.status == 404 && str_eq(code, STR("NoSuchBucketPolicy"));

    if (c->id[0] && (none || l->head.status == 200)) { /* AWS lets nobody else read it */
        c->own = true;
        c->foreign = false;
    }
    if (l->head.status == 200) return take_policy(f, l->body, c);
    c->no_deny = none;
    if (none) {
        doctor_add(f, "the bucket has no policy");
    } else if (l->head.status == 405 && c->id[0]) {
        c->foreign = !c->own;
        doctor_add(f, "the bucket's policy is for another account to read: the bucket belongs to that one");
    } else {
        doctor_add(f, "the bucket's policy cannot be read with these credentials (HTTP %u %.*s)", l->head.status,
                   STR_ARG(str_head(code, 60)));
    }
    return false;
}

/* True: the policy is the cause, and all is told. */
static bool ask_for_policy(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a, struct clues *c)
{
    char path[272];
    struct doctor_link l;
    bool told = false;

    snprintf(path, sizeof(path), "/%.255s", c->bucket);
    const struct doctor_question q = {METHOD_GET, str_from(path), STR("policy")};
    enum link_result r = doctor_ask(d, a, &q, &l);
    if (r == LINK_DONE)
        told = take_policy_answer(f, &l, c);
    else
        doctor_add(f, "GetBucketPolicy: %s", l.why);
    link_close(&l);
    return told;
}

/* --- what is left --- */

static void tell_likely(struct doctor_finding *f, const struct clues *c)
{
    static const char cause[] = "access-denied";

    doctor_fail(f, cause, "look, in this order, at:");
    if (c->is_alias)
        doctor_fail(f, cause,
                    "the access point: its policy, and its origin: one with VPC origin answers only through endpoints "
                    "of its own VPC");
    if (c->question) doctor_fail(f, cause, "the bucket's policy, the statement above: %s", c->question);
    doctor_fail(f, cause, "the identity's own policies: s3:ListBucket on the bucket");
    doctor_fail(f, cause,
                "the endpoint's policy (VPC console, Endpoints, Policy): it must allow this identity, action and "
                "bucket%s",
                c->own ? "" : "; aws:ResourceAccount there shuts out buckets of other accounts");
    if (c->foreign || (c->no_deny && !c->own))
        doctor_fail(f, cause, "the bucket's policy: it must allow this identity, if the bucket is another account's");
    if (!c->no_deny && !c->question) doctor_fail(f, cause, "the bucket's policy: " CONDITIONS);
    doctor_fail(f, cause, "service and resource control policies, a permissions boundary%s",
                c->own ? "" : ", Block Public Access");
}

static void narrow_down(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a)
{
    struct clues c = clues_of(d);

    if (!d->keys.access_key_id) {
        doctor_fail(f, "access-denied",
                    "the request was unsigned: the endpoint's policy and the bucket's must allow it to everyone, and "
                    "Block Public Access must not forbid that");
        return;
    }
    if (!c.is_alias && ask_for_policy(d, f, a, &c)) return;
    ask_for_list(d, f, a, &c);
    tell_likely(f, &c);
}

/* S3 named the bucket's policy: which statement is it, if it can be read? */
static void find_statement(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a,
                           struct denial denial)
{
    struct clues c = clues_of(d);

    if (d->keys.access_key_id && !c.is_alias && ask_for_policy(d, f, a, &c)) return;
    tell_said(f, denial);
    if (c.question) doctor_fail(f, said[denial.policy].cause, "the statement above: %s", c.question);
    if (c.no_deny)
        doctor_fail(f, said[denial.policy].cause,
                    "RestrictPublicBuckets of Block Public Access is told so, too: it shuts other accounts out of "
                    "buckets whose policy is public");
}

void doctor_explain_denial(struct doctor *d, struct doctor_finding *f, const struct doctor_address *a,
                           struct str message)
{
    struct denial denial = denial_parse(message);

    if (!d->order->bucket && denial.policy != DENIAL_ENDPOINT) {
        tell_list_denied(f, denial);
        return;
    }
    doctor_add(f, "%s right; a policy says no", d->keys.access_key_id ? "road, key and signature are" : "the road is");
    if (denial.policy == DENIAL_UNSAID)
        narrow_down(d, f, a);
    else if (denial.policy == DENIAL_RESOURCE && denial.is_explicit && !denial.is_access_point)
        find_statement(d, f, a, denial);
    else
        tell_said(f, denial);
}
