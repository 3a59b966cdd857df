/* SPDX-License-Identifier: Apache-2.0
 * policy_impl.h: a compiled policy, and what its makers (document.c, rules.c) share. While it is made: one thread.
 */
#ifndef S3ONRAMP_POLICY_POLICY_IMPL_H
#define S3ONRAMP_POLICY_POLICY_IMPL_H

#include "condition.h"

#include "policy/policy.h"

/* --- compiled --- */

enum { ACTION_WORDS = (S3_ACTIONS_N + 63) / 64 };
struct action_set {
    uint64_t word[ACTION_WORDS];
};

static inline bool action_set_has(const struct action_set *s, unsigned action)
{
    return s->word[action / 64] >> (action % 64) & 1;
}
static inline void action_set_add(struct action_set *s, unsigned action)
{
    s->word[action / 64] |= UINT64_C(1) << (action % 64);
}

/* ALL: "*". ARN: of a document. BUCKET: of the short form, where a pattern of buckets must not reach into keys: any
 * partition, the bucket and all in it. OBJECTS: those of the bucket whose keys match. */
enum resource_kind { RESOURCE_ALL, RESOURCE_ARN, RESOURCE_BUCKET, RESOURCE_OBJECTS };

struct resource {
    enum resource_kind kind;
    bool is_plain;          /* ARN: it begins with arn:aws:s3::: */
    bool is_everything;     /* ARN: of its partition; fits where an action has no resource, too */
    struct pattern bucket;  /* BUCKET, OBJECTS */
    struct pattern rest;    /* ARN: its last part; OBJECTS: key */
    struct arn_pattern arn; /* ARN: the parts before */
};

struct statement {
    bool denies, not_resource;
    struct action_set actions;
    struct resource *resources;
    size_t resources_n;
    struct condition *conditions;
    size_t conditions_n;
    struct policy_statement_text text;
};

/* Numbers of statements by action: those of action a are v[first[a]] to v[first[a + 1] - 1], in order. */
struct statement_index {
    uint16_t *v;
    uint32_t first[S3_ACTIONS_N + 1];
};

struct policy {
    struct arena arena; /* holds all of it, this struct too */
    const char *name;
    enum policy_mode mode;
    struct statement *statements;
    size_t statements_n;
    struct statement_index denies, allows;
};

/* --- asked, decision.c --- */

/* A resource that is asked for, taken apart once. */
struct asked_resource {
    struct arn arn; /* where is_plain only the last part is set */
    bool is_none;   /* "*": the action has none */
    bool is_plain;  /* arn:aws:s3:::… */
    size_t slash;   /* in the last part; SIZE_MAX: none, which is a bucket */
};

struct asked_resource asked_resource_bucket(struct str partition, struct str bucket);
bool statement_resources_match(const struct statement *s, const struct asked_resource *a,
                               const struct policy_context *c);
/* ARN: all parts but the last. */
bool resource_head_matches(const struct resource *r, const struct asked_resource *a, const struct policy_context *c);
/* ALL, BUCKET, OBJECTS: the bucket fits, whatever the key. */
bool resource_names_bucket(const struct resource *r, const struct asked_resource *a, const struct policy_context *c);

/* --- being made --- */

enum { FAULT_BYTES = 600 };

struct compiler {
    struct policy *p;                 /* owned until it is finished */
    const struct policy_rules *rules; /* borrowed */
    struct policy_problems *problems; /* borrowed */
    size_t problems_n, statements_cap;
};

void *compiler_keep(struct compiler *c, size_t n); /* zeroed; never NULL */
struct str compiler_keep_str(struct compiler *c, struct str s);
/* Of option @option. */
void compiler_problem(struct compiler *c, const char *option, const char *fmt, ...) PRINTF_LIKE(3, 4);
struct statement *compiler_add_statement(struct compiler *c, bool denies);

/* "s3:Get*" and "*"; without "s3:" if @bare. False: @fault says why. */
bool actions_add(struct action_set *set, struct str pattern, bool bare, struct sbuf *fault);

/* document.c, rules.c; problems are told. */
void compile_document(struct compiler *c);
void compile_rules(struct compiler *c);
void compile_deny(struct compiler *c);

#endif
