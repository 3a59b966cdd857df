/* SPDX-License-Identifier: Apache-2.0
 * policy.c: the step check_policy. Default deny: a request is allowed only if the caller's policy names its access and
 * all its buckets.
 */
#include "flow/flow.h"
#include "flow/worker.h"

static bool bucket_listed(const struct set_policy *p, struct str bucket)
{
    if (!p->buckets.n) return true;
    for (size_t i = 0; i < p->buckets.n; i++)
        if (str_matches(bucket, str_from(p->buckets.v[i]))) return true;
    return false;
}

bool policy_allows(const struct set_policy *p, const struct operation *op, struct str bucket)
{
    if (p->access == POLICY_READ_ONLY && op->access != ACCESS_READ) return false;
    if (!bucket.n)
        return op->level == LEVEL_SERVICE && str_eq(str_from(op->name), STR("ListBuckets")) ? p->list_buckets
                                                                                            : !p->buckets.n;
    return bucket_listed(p, bucket);
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
    const struct set_policy *p;

    if (req->auth == AUTH_FOREIGN) return STEP_NEXT; /* S3 knows whose it is and what they may do */
    p = &req->worker->rt->settings->policies[req->caller->policy_index];
    if (!policy_allows(p, req->operation, req->bucket))
        return request_fail(req, ERR_POLICY_DENIED, "policy %s does not allow client %s to do %s%s%.*s", p->name,
                            req->caller->name, req->operation->name, req->bucket.n ? " on bucket " : "",
                            STR_ARG(str_head(req->bucket, 64)));
    for (size_t i = 0; i < req->in->headers.n; i++) {
        const struct header *h = &req->in->headers.v[i];
        struct str bucket = STR_NONE;

        if (h->id != HDR_X_AMZ_COPY_SOURCE) continue;
        if (policy_copy_bucket(req, h->value, &bucket) != STEP_NEXT) return STEP_FAIL;
        if (!bucket_listed(p, bucket))
            return request_fail(req, ERR_POLICY_DENIED, "policy %s does not allow client %s to copy from bucket %.*s",
                                p->name, req->caller->name, STR_ARG(str_head(bucket, 64)));
    }
    return STEP_NEXT;
}
