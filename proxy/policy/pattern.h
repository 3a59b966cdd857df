/* SPDX-License-Identifier: Apache-2.0
 * pattern.h: texts of policies with '*' and '?' and variables, compiled; ARNs of them. Globs, no regular expressions:
 * time at most length × pattern length. Pure; compiled ones are immutable and live, with all they hold, in
 * the arena.
 * Source: IAM User Guide, "IAM policy elements: Variables and tags", "Resource".
 */
#ifndef S3ONRAMP_POLICY_PATTERN_H
#define S3ONRAMP_POLICY_PATTERN_H

#include "policy/decision.h"

#include "base/arena.h"

/* --- keys of conditions and variables --- */

struct policy_key_ref {
    enum policy_key key;
    struct str name; /* of a named key: what follows its '/' */
};

/* "aws:PrincipalTag/team", in any case; false: @fault says why. */
bool policy_key_find(struct str text, struct arena *arena, struct policy_key_ref *out, struct sbuf *fault);
bool policy_key_has_several(enum policy_key key);

/* --- patterns --- */

enum { PATTERN_WILDCARDS = 1, PATTERN_VARIABLES = 2, PATTERN_ANY_CASE = 4 };
enum pattern_kind { PATTERN_EXACT, PATTERN_BEGINS, PATTERN_GLOB, PATTERN_VARIABLE };

struct pattern_variable {
    struct policy_key_ref key;
    bool has_default;
    struct str otherwise;
};

struct pattern {
    enum pattern_kind kind;
    bool any_case;
    uint16_t codes_n, variables_n;
    struct str literal;    /* what it begins with */
    const uint16_t *codes; /* what follows: bytes, and what pattern.c has for wildcards and variables */
    const struct pattern_variable *variables;
};

enum { PATTERN_TEXT_MOST = 2048, PATTERN_FAULT = 400 };

/* False: @fault says why. */
bool pattern_compile(struct str text, unsigned flags, struct arena *arena, struct pattern *out, struct sbuf *fault);

/* With a variable that the request has no value for it matches nothing. */
bool pattern_match(const struct pattern *p, struct str text, const struct policy_context *c);
/* Whether some text that begins with @start matches; variables as in pattern_match. */
bool pattern_may_begin(const struct pattern *p, struct str start, const struct policy_context *c);

static inline bool pattern_is_star(const struct pattern *p)
{
    return p->kind == PATTERN_BEGINS && p->literal.n == 0;
}

/* --- ARNs --- */

enum arn_part { ARN_PARTITION, ARN_SERVICE, ARN_REGION, ARN_ACCOUNT, ARN_RESOURCE, ARN_PARTS };

struct arn {
    struct str part[ARN_PARTS];
};

struct arn_pattern {
    struct pattern part[ARN_PARTS];
};

/* False: it is none. */
bool arn_split(struct str text, struct arn *out);
/* Variables may hold colons. What ends in '*' need not have all parts. False: @fault says why. */
bool arn_pattern_compile(struct str text, unsigned flags, struct arena *arena, struct arn_pattern *out,
                         struct sbuf *fault);
bool arn_pattern_match(const struct arn_pattern *p, const struct arn *arn, const struct policy_context *c);

#endif
