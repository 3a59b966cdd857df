/* SPDX-License-Identifier: Apache-2.0
 * policy.c: see policy/policy.h. Whole names are found in a map, patterns are tried one after the other.
 */
#include "policy/policy.h"

#include "base/map.h"

#include <stdlib.h>

struct policy {
    enum policy_access access;
    bool list_buckets, all_buckets;
    struct map names;     /* buckets written without wildcards; values: the names themselves */
    struct str *patterns; /* owned; those with wildcards; their texts are borrowed */
    size_t patterns_n;
};

static bool add_bucket(struct policy *p, char *name)
{
    if (strpbrk(name, "*?")) {
        p->patterns[p->patterns_n++] = str_from(name);
        return true;
    }
    return map_put(&p->names, str_from(name), name);
}

struct policy *policy_compile(const struct policy_rules *rules)
{
    struct policy *p = calloc(1, sizeof(*p));
    bool fine;

    if (!p) return NULL;
    p->access = rules->access;
    p->list_buckets = rules->list_buckets;
    p->all_buckets = rules->buckets->n == 0;
    map_init(&p->names);
    p->patterns = calloc(rules->buckets->n + 1, sizeof(*p->patterns));
    fine = p->patterns != NULL;
    for (size_t i = 0; fine && i < rules->buckets->n; i++)
        fine = add_bucket(p, rules->buckets->v[i]);
    if (!fine) policy_free(&p);
    return p;
}

void policy_free(struct policy **p)
{
    if (!*p) return;
    map_clear(&(*p)->names);
    free((*p)->patterns);
    free(*p);
    *p = NULL;
}

bool policy_allows_access(const struct policy *p, enum operation_access access)
{
    switch (access) {
    case ACCESS_READ: return true;
    case ACCESS_WRITE: return p->access != POLICY_READ_ONLY;
    case ACCESS_ADMIN: break;
    }
    return p->access == POLICY_ADMIN;
}

bool policy_allows_bucket(const struct policy *p, struct str bucket)
{
    if (p->all_buckets || map_get(&p->names, bucket)) return true;
    for (size_t i = 0; i < p->patterns_n; i++)
        if (str_matches(bucket, p->patterns[i])) return true;
    return false;
}

bool policy_allows(const struct policy *p, const struct operation *operation, struct str bucket)
{
    if (!policy_allows_access(p, operation->access)) return false;
    if (bucket.n) return policy_allows_bucket(p, bucket);
    if (operation->level == LEVEL_SERVICE && str_eq(str_from(operation->name), STR("ListBuckets")))
        return p->list_buckets;
    return p->all_buckets;
}
