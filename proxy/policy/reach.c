/* SPDX-License-Identifier: Apache-2.0
 * reach.c: which buckets a caller has anything to do with: see policy_reaches_bucket. In doubt a bucket is shown.
 */
#include "policy_impl.h"

enum { BUCKET_MOST = 255 };

struct reaching {
    const struct policy *const *policies; /* borrowed, as all of it */
    size_t n;
    struct asked_resource bucket;
    struct str start; /* "BUCKET/" */
    const struct policy_context *c;
};

/* What is the same for all that the caller may ask next. */
static bool is_of_caller(enum policy_key key)
{
    switch (key) {
    case POLICY_KEY_CURRENT_TIME:
    case POLICY_KEY_EPOCH_TIME:
    case POLICY_KEY_SOURCE_IP:
    case POLICY_KEY_SECURE_TRANSPORT:
    case POLICY_KEY_USERNAME:
    case POLICY_KEY_USER_ID:
    case POLICY_KEY_PRINCIPAL_TAG:
    case POLICY_KEY_USER_AGENT:
    case POLICY_KEY_TLS_VERSION: return true;
    default: return false;
    }
}

/* @given: what conditions of other keys are worth. */
static bool conditions_hold(const struct reaching *r, const struct statement *s, bool given)
{
    for (size_t i = 0; i < s->conditions_n; i++) {
        bool holds = is_of_caller(s->conditions[i].key.key) ? condition_holds(&s->conditions[i], r->c) : given;
        if (!holds) return false;
    }
    return true;
}

static bool touches(const struct reaching *r, const struct resource *res)
{
    if (res->kind != RESOURCE_ARN) return resource_names_bucket(res, &r->bucket, r->c);
    return resource_head_matches(res, &r->bucket, r->c) && pattern_may_begin(&res->rest, r->start, r->c);
}

/* All keys of the bucket. */
static bool covers(const struct reaching *r, const struct resource *res)
{
    if (res->kind == RESOURCE_OBJECTS) return false;
    if (res->kind != RESOURCE_ARN) return resource_names_bucket(res, &r->bucket, r->c);
    return resource_head_matches(res, &r->bucket, r->c) && res->rest.kind == PATTERN_BEGINS &&
           str_starts(r->start, res->rest.literal);
}

static bool any_resource(const struct reaching *r, const struct statement *s,
                         bool (*test)(const struct reaching *r, const struct resource *res))
{
    for (size_t i = 0; i < s->resources_n; i++)
        if (test(r, &s->resources[i])) return true;
    return false;
}

static bool allows_some_keys(const struct reaching *r, const struct statement *s)
{
    return s->not_resource ? !any_resource(r, s, covers) : any_resource(r, s, touches);
}

static bool denies_all_keys(const struct reaching *r, const struct statement *s)
{
    return s->not_resource ? !any_resource(r, s, touches) : any_resource(r, s, covers);
}

/* What no statement leaves of the bucket's list and of its objects. */
static struct action_set denied(const struct reaching *r)
{
    struct action_set all = {{0}};

    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = r->policies[i];
        for (size_t k = 0; p->mode == POLICY_ENFORCE && k < p->statements_n; k++) {
            const struct statement *s = &p->statements[k];
            if (!s->denies || !conditions_hold(r, s, false)) continue;
            bool keys = denies_all_keys(r, s), list = statement_resources_match(s, &r->bucket, r->c);
            for (unsigned a = 0; a < S3_ACTIONS_N; a++)
                if (action_set_has(&s->actions, a) && (a == S3_ACTION_ListBucket ? list : keys))
                    action_set_add(&all, a);
        }
    }
    return all;
}

static bool allows(const struct reaching *r, const struct statement *s, const struct action_set *denied)
{
    if (s->denies || !conditions_hold(r, s, true)) return false;
    bool keys = allows_some_keys(r, s), list = statement_resources_match(s, &r->bucket, r->c);
    for (unsigned a = 1; a < S3_ACTIONS_N; a++) {
        bool counts =
            a == S3_ACTION_ListBucket ? list : keys && s3_action_resource((enum s3_action)a) == S3_RESOURCE_OBJECT;
        if (counts && action_set_has(&s->actions, a) && !action_set_has(denied, a)) return true;
    }
    return false;
}

static bool all_warn(const struct policy *const *policies, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (policies[i]->mode != POLICY_WARN) return false;
    return n > 0;
}

bool policy_reaches_bucket(const struct policy *const *policies, size_t n, struct str partition, struct str bucket,
                           const struct policy_context *c)
{
    struct reaching r = {.policies = policies, .n = n, .bucket = asked_resource_bucket(partition, bucket), .c = c};
    char start[BUCKET_MOST + 1];
    struct sbuf b = sbuf_make(start, sizeof start);
    struct action_set gone;

    if (all_warn(policies, n)) return true;
    sbuf_add(&b, bucket);
    sbuf_char(&b, '/');
    if (b.overflow) return false;
    r.start = sbuf_str(&b);
    gone = denied(&r);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < policies[i]->statements_n; k++)
            if (allows(&r, &policies[i]->statements[k], &gone)) return true;
    return false;
}

static bool allows_everywhere(const struct statement *s)
{
    return !s->not_resource && !s->conditions_n && s->resources_n == 1 && s->resources[0].kind == RESOURCE_ALL &&
           action_set_has(&s->actions, S3_ACTION_ListBucket);
}

bool policy_reaches_all_buckets(const struct policy *const *policies, size_t n)
{
    bool all = all_warn(policies, n);

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < policies[i]->statements_n; k++) {
            const struct statement *s = &policies[i]->statements[k];
            if (s->denies && policies[i]->mode == POLICY_ENFORCE) return false;
            all |= !s->denies && allows_everywhere(s);
        }
    return all;
}
