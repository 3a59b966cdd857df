/* SPDX-License-Identifier: Apache-2.0
 * policy_step.c: the step check_policy: what a request asks for, its headers and copy sources included, must all be
 * allowed by the caller's policies (policy/policy.h).
 */
#include "flow/policy.h"

#include "flow/body/form.h"
#include "require.h"

/* --- each of the caller's policies may allow it --- */

static bool allows(const struct principal_terms *t, const struct operation *operation, struct str bucket)
{
    bool allowed = false;

    for (size_t i = 0; i < t->policies_n; i++)
        allowed |= policy_allows(t->compiled[i], operation, bucket);
    return allowed;
}

/* One for that bucket that allows administration. */
static bool allows_admin(const struct principal_terms *t, struct str bucket)
{
    bool allowed = false;

    for (size_t i = 0; i < t->policies_n; i++)
        allowed |= policy_allows_access(t->compiled[i], ACCESS_ADMIN) && policy_allows_bucket(t->compiled[i], bucket);
    return allowed;
}

static bool allows_bucket(const struct principal_terms *t, struct str bucket)
{
    bool allowed = false;

    for (size_t i = 0; i < t->policies_n; i++)
        allowed |= policy_allows_bucket(t->compiled[i], bucket);
    return allowed;
}

/* --- refusing --- */

/* What S3 has no name for could be anything. */
static const char *action_of(const struct operation *op)
{
    return str_eq(str_from(op->name), STR("Unknown")) ? "*" : op->name;
}

/* In the words of AWS (IAM User Guide, "Troubleshoot access denied error messages"): who, what, where, why. Which
 * policy it was is for the log. */
static enum step_result deny(struct request *req, const char *action, struct str bucket, struct str key)
{
    char names[POLICY_NAMES_TEXT];

    request_tell(req,
                 "Client %s%s is not authorized to perform s3:%s%s%.*s%s%.*s because no policy of this proxy allows it",
                 req->who.caller->name, req->who.auth == AUTH_ANONYMOUS ? ", which stands for unsigned requests," : "",
                 action, bucket.n ? " on arn:aws:s3:::" : "", STR_ARG(str_head(bucket, 255)), key.n ? "/" : "",
                 STR_ARG(str_head(key, 1024)));
    return request_fail(req, ERR_POLICY_DENIED, "policy %s: %.*s", principal_policy_names(req->who.caller, names),
                        STR_ARG(req->told));
}

/* --- what headers of a write ask for besides --- */

/* Gives rights to nobody but the owners of bucket and object: what many tools always send. */
static bool is_harmless_acl(struct str encoded)
{
    static const struct str harmless[] = {STR_INIT(""), STR_INIT("private"), STR_INIT("bucket-owner-read"),
                                          STR_INIT("bucket-owner-full-control")};

    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        if (uri_decodes_to(encoded, harmless[i])) return true;
    return false;
}

/* An ACL, or an end of an object's retention: asked for in a header, in the query or in a form's field. @name, @value:
 * percent-encoded or not, which makes no difference to what is looked for. */
static bool field_needs_admin(struct str name, struct str value)
{
    if (uri_decodes_to_prefix(name, STR("x-amz-grant-"))) return true;
    if (uri_decodes_to_prefix(name, STR("x-amz-acl"))) return !is_harmless_acl(value);
    return uri_decodes_to_prefix(name, STR("x-amz-bypass-governance-retention")) &&
           !uri_decodes_to(value, STR("false"));
}

static struct str form_field_needs_admin(const struct form *form)
{
    for (size_t i = 0; i < form->parsed.fields_n; i++) {
        const struct post_form_field *f = &form->parsed.fields[i];
        bool is_acl = str_eq_nocase(f->name, STR("acl"));

        if (field_needs_admin(is_acl ? STR("x-amz-acl") : f->name, f->value)) return f->name;
    }
    return STR_NONE;
}

/* The name of the field that needs more than the operation does; empty: none. */
static struct str what_needs_admin(const struct request *req)
{
    for (size_t i = 0; i < req->in.head->headers.n; i++)
        if (field_needs_admin(req->in.head->headers.v[i].name, req->in.head->headers.v[i].value))
            return req->in.head->headers.v[i].name;
    for (size_t i = 0; i < req->in.query_n; i++)
        if (field_needs_admin(req->in.query[i].name, req->in.query[i].value)) return req->in.query[i].name;
    return req->who.form ? form_field_needs_admin(req->who.form) : STR_NONE;
}

static enum step_result check_fields(struct request *req)
{
    struct str field = allows_admin(req->who.caller->terms, req->in.bucket) ? STR_NONE : what_needs_admin(req);

    if (!field.n) return STEP_NEXT;
    if (uri_decodes_to_prefix(field, STR("x-amz-bypass-")))
        return deny(req, "BypassGovernanceRetention", req->in.bucket, req->in.key);
    return deny(req, req->in.key.n || req->who.form ? "PutObjectAcl" : "PutBucketAcl", req->in.bucket, req->in.key);
}

/* --- buckets that a request names --- */

/* What is no bucket's name (an access point's ARN, a URL) may lead to any bucket: only `*` matches it. */
static bool source_listed(const struct principal_terms *t, struct str bucket)
{
    return allows_bucket(t, s3_bucket_valid(bucket) ? bucket : STR_NONE);
}

/* x-amz-copy-source: [/]bucket/key[?versionId=…], percent-encoded; or an access point ARN, whose bucket we cannot know.
 */
enum step_result policy_copy_bucket(struct request *req, struct str value, struct str *bucket)
{
    struct sbuf b = arena_sbuf(&req->arena, value.n + 1);
    struct str decoded;

    if (!b.cap) return request_fail(req, ERR_NO_MEMORY, "copy source");
    if (!uri_decode(value, false, b.p, &b.n))
        return request_fail(req, ERR_BAD_URI, "bad percent escape in x-amz-copy-source");
    decoded = sbuf_str(&b);
    if (decoded.n && decoded.p[0] == '/') decoded = str_tail(decoded, 1);
    *bucket = str_head(decoded, str_index(decoded, '/'));
    return STEP_NEXT;
}

enum step_result step_check_policy(struct request *req)
{
    const struct principal_terms *t;

    if (!req->who.caller) return STEP_NEXT; /* S3 knows whose it is and what they may do, or it is a preflight */
    t = req->who.caller->terms;
    if (require_properties(req) != STEP_NEXT) return STEP_FAIL;
    if (!allows(t, req->in.operation, req->in.bucket))
        return deny(req, action_of(req->in.operation), req->in.bucket, req->in.key);
    if (check_fields(req) != STEP_NEXT) return STEP_FAIL;
    for (size_t i = 0; i < req->in.head->headers.n; i++) {
        const struct header *h = &req->in.head->headers.v[i];
        struct str bucket = STR_NONE;

        if (h->id != HDR_X_AMZ_COPY_SOURCE) continue;
        if (policy_copy_bucket(req, h->value, &bucket) != STEP_NEXT) return STEP_FAIL;
        if (!source_listed(t, bucket)) return deny(req, "GetObject", bucket, STR_NONE);
    }
    return STEP_NEXT;
}
