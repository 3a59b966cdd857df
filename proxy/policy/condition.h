/* SPDX-License-Identifier: Apache-2.0
 * condition.h: one line of a Condition element: operator, key, values; compiled and judged. Pure; compiled ones are
 * immutable and live in the arena. Source: IAM User Guide, "IAM JSON policy elements: Condition operators",
 * "Conditions with multiple context keys or values".
 */
#ifndef S3ONRAMP_POLICY_CONDITION_H
#define S3ONRAMP_POLICY_CONDITION_H

#include "pattern.h"

#include "base/netaddr.h"

struct condition_operator; /* a row of the table */

enum condition_set { SET_NONE, SET_ANY_VALUE, SET_ALL_VALUES };

/* IPv4 (also mapped) as numbers. */
struct condition_block {
    bool v4;
    uint32_t base, mask;
    struct netblock v6;
};

struct condition_value {
    union {
        struct pattern text;
        const struct arn_pattern *arn;
        struct condition_block block;
        double number;
        int64_t time_ms;
        bool truth;
    } u;
};

struct condition {
    const struct condition_operator *op;
    enum condition_set set;
    bool if_exists;
    struct policy_key_ref key;
    struct condition_value *values;
    size_t values_n;
};

/* "ForAnyValue:StringLikeIfExists" into the first three fields; false: @fault says why. */
bool condition_read_operator(struct str text, struct condition *out, struct sbuf *fault);
/* The key, and whether the operator fits it. */
bool condition_read_key(struct str text, struct arena *arena, struct condition *out, struct sbuf *fault);
/* @with_variables: the document's Version knows them. */
bool condition_read_value(const struct condition *c, struct str text, bool with_variables, struct arena *arena,
                          struct condition_value *out, struct sbuf *fault);

bool condition_holds(const struct condition *c, const struct policy_context *context);

#endif
