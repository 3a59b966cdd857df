/* SPDX-License-Identifier: Apache-2.0
 * decision.c: see policy/decision.h. Only the statements that know the action are looked at, the resource before the
 * conditions, and of most resources no more than the beginning.
 */
#include "policy_impl.h"

static const struct str plain_start = STR_INIT("arn:aws:s3:::");

/* False: no ARN of S3. */
static bool take_apart(struct str resource, struct asked_resource *out)
{
    *out = (struct asked_resource){.slash = SIZE_MAX};
    out->is_none = str_eq(resource, STR("*"));
    if (out->is_none) return true;
    out->is_plain = str_starts(resource, plain_start);
    if (out->is_plain)
        out->arn.part[ARN_RESOURCE] = str_tail(resource, plain_start.n);
    else if (!arn_split(resource, &out->arn) || !str_starts(out->arn.part[ARN_SERVICE], STR("s3")))
        return false;
    out->slash = str_index(out->arn.part[ARN_RESOURCE], '/');
    return true;
}

struct asked_resource asked_resource_bucket(struct str partition, struct str bucket)
{
    struct asked_resource a = {.is_plain = str_eq(partition, STR("aws")), .slash = SIZE_MAX};

    a.arn.part[ARN_PARTITION] = partition;
    a.arn.part[ARN_SERVICE] = STR("s3");
    a.arn.part[ARN_RESOURCE] = bucket;
    return a;
}

static bool is_of_a_bucket(const struct asked_resource *a)
{
    return a->is_plain || (a->arn.part[ARN_REGION].n == 0 && a->arn.part[ARN_ACCOUNT].n == 0);
}

/* All parts before the last. */
bool resource_head_matches(const struct resource *r, const struct asked_resource *a, const struct policy_context *c)
{
    static const struct str plain[] = {[ARN_PARTITION] = STR_INIT("aws"),
                                       [ARN_SERVICE] = STR_INIT("s3"),
                                       [ARN_REGION] = STR_INIT(""),
                                       [ARN_ACCOUNT] = STR_INIT("")};

    if (r->is_plain && a->is_plain) return true;
    for (size_t i = 0; i < ARN_RESOURCE; i++)
        if (!pattern_match(&r->arn.part[i], a->is_plain ? plain[i] : a->arn.part[i], c)) return false;
    return true;
}

bool resource_names_bucket(const struct resource *r, const struct asked_resource *a, const struct policy_context *c)
{
    if (r->kind == RESOURCE_ALL) return true;
    return is_of_a_bucket(a) && pattern_match(&r->bucket, str_head(a->arn.part[ARN_RESOURCE], a->slash), c);
}

static bool resource_matches(const struct resource *r, const struct asked_resource *a, const struct policy_context *c)
{
    struct str rest = a->arn.part[ARN_RESOURCE];

    if (r->kind == RESOURCE_ALL) return true;
    if (a->is_none) return r->kind == RESOURCE_ARN && r->is_everything;
    if (r->kind == RESOURCE_ARN) return resource_head_matches(r, a, c) && pattern_match(&r->rest, rest, c);
    if (!resource_names_bucket(r, a, c)) return false;
    if (r->kind == RESOURCE_BUCKET) return true;
    return a->slash != SIZE_MAX && pattern_match(&r->rest, str_tail(rest, a->slash + 1), c);
}

/* What holds a variable without a value matches no resource, in NotResource as well (IAM User Guide, "Policy variables
 * with no value"). */
bool statement_resources_match(const struct statement *s, const struct asked_resource *a,
                               const struct policy_context *c)
{
    for (size_t i = 0; i < s->resources_n; i++)
        if (resource_matches(&s->resources[i], a, c)) return !s->not_resource;
    return s->not_resource;
}

static bool conditions_hold(const struct statement *s, const struct policy_context *c)
{
    for (size_t i = 0; i < s->conditions_n; i++)
        if (!condition_holds(&s->conditions[i], c)) return false;
    return true;
}

/* What nobody knows may reach any resource: those that are denied, and those that "all but" leaves out. */
static bool reaches(const struct statement *s, enum s3_action action, const struct asked_resource *a,
                    const struct policy_context *c)
{
    if (action == S3_ACTION_UNKNOWN && s->denies) return true;
    if (action == S3_ACTION_UNKNOWN && s->not_resource) return false;
    return statement_resources_match(s, a, c);
}

/* The first statement of the list that holds, or SIZE_MAX. */
static size_t first_that_holds(const struct policy *p, const struct statement_index *index, enum s3_action action,
                               const struct asked_resource *a, const struct policy_context *c)
{
    for (uint32_t i = index->first[action]; i < index->first[action + 1]; i++) {
        const struct statement *s = &p->statements[index->v[i]];
        if (reaches(s, action, a, c) && conditions_hold(s, c)) return index->v[i];
    }
    return SIZE_MAX;
}

struct found {
    const struct policy *policy; /* NULL: none */
    size_t statement;
};

/* Among the policies of that mode. */
static struct found find(const struct policy *const *policies, size_t n, enum policy_mode mode, bool denies,
                         const struct policy_ask *ask, const struct asked_resource *a, const struct policy_context *c)
{
    for (size_t i = 0; i < n; i++) {
        if (policies[i]->mode != mode) continue;
        size_t at =
            first_that_holds(policies[i], denies ? &policies[i]->denies : &policies[i]->allows, ask->action, a, c);
        if (at != SIZE_MAX) return (struct found){policies[i], at};
    }
    return (struct found){NULL, 0};
}

static struct policy_decision decided(enum policy_effect effect, bool warned, struct found by)
{
    return (struct policy_decision){effect, warned, by.policy, by.statement};
}

static size_t count_warning(const struct policy *const *policies, size_t n)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += policies[i]->mode == POLICY_WARN;
    return found;
}

struct policy_decision policy_decide(const struct policy *const *policies, size_t n, const struct policy_ask *ask,
                                     const struct policy_context *c)
{
    struct asked_resource a;
    size_t warning = count_warning(policies, n);
    struct found deny, warn = {0}, allow;

    if (!take_apart(ask->resource, &a)) return decided(POLICY_DENIED, false, warn);
    deny = find(policies, n, POLICY_ENFORCE, true, ask, &a, c);
    if (deny.policy) return decided(POLICY_FORBIDDEN, false, deny);
    if (warning) warn = find(policies, n, POLICY_WARN, true, ask, &a, c);
    allow = find(policies, n, POLICY_ENFORCE, false, ask, &a, c);
    if (!allow.policy && warning) allow = find(policies, n, POLICY_WARN, false, ask, &a, c);
    bool lets_through = allow.policy || (n > 0 && warning == n);
    if (lets_through && warn.policy) return decided(POLICY_FORBIDDEN, true, warn);
    if (allow.policy) return decided(POLICY_ALLOWED, false, allow);
    return decided(POLICY_DENIED, lets_through, allow);
}
