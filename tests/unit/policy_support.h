/* SPDX-License-Identifier: Apache-2.0
 * policy_support.h: what unit tests of policies share: documents in one line, a request that answers from a text.
 */
#ifndef S3ONRAMP_TESTS_POLICY_SUPPORT_H
#define S3ONRAMP_TESTS_POLICY_SUPPORT_H

#include "policy/decision.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Problems, one a line: "LINE:COLUMN: text", or "OPTION: text". */
struct heard {
    struct policy_problems head;
    char text[4096];
    size_t n;
};

static inline void hear(struct policy_problems *head, const char *option, unsigned line, unsigned column,
                        const char *text)
{
    struct heard *h = (struct heard *)(void *)head;
    char where[32];

    (void)snprintf(where, sizeof where, "%u:%u", line, column);
    int n = snprintf(h->text + h->n, sizeof h->text - h->n, "%s: %s\n", line ? where : option, text);
    assert_true(n > 0 && (size_t)n < sizeof h->text - h->n);
    h->n += (size_t)n;
}

static inline struct policy *compile_text(struct str document, enum policy_mode mode, struct heard *h)
{
    static const struct str_list none = {0};

    *h = (struct heard){.head = {hear}};
    return policy_compile(&(struct policy_rules){.buckets = &none, .name = "p", .mode = mode, .document = document},
                          &h->head);
}

/* Of a document that is right; quotes are written as ', those of defaults as `. */
static inline struct policy *compile_quoted(const char *quoted, enum policy_mode mode)
{
    static struct heard h;
    char text[8192];
    size_t n = strlen(quoted);

    assert_true(n < sizeof text);
    for (size_t i = 0; i < n; i++)
        text[i] = quoted[i] == '\'' ? '"' : quoted[i] == '`' ? '\'' : quoted[i];
    struct policy *p = compile_text(str_make(text, n), mode, &h);
    if (!p) fail_msg("%s\n%s", quoted, h.text);
    return p;
}

/* "aws:username=alice; s3:prefix=a; s3:prefix=b": a key that stands twice has two values. */
struct text_context {
    struct policy_context head;
    const char *text;
};

static const char *const policy_key_names[] = {
#define X(id, name, many, named) name,
    POLICY_KEYS(X)
#undef X
};

static inline size_t text_values(const struct policy_context *head, enum policy_key key, struct str name, struct str *v)
{
    const struct text_context *c = (const struct text_context *)(const void *)head;
    struct str rest = str_from(c->text), item;
    char wanted[128];
    size_t n = 0;

    (void)snprintf(wanted, sizeof wanted, "%s%s%.*s", policy_key_names[key], name.n ? "/" : "", STR_ARG(name));
    while (str_split(&rest, ';', &item)) {
        item = str_trim(item);
        size_t equals = str_index(item, '=');
        if (equals == SIZE_MAX || !str_eq_nocase(str_head(item, equals), str_from(wanted))) continue;
        assert_true(n < POLICY_VALUES_MOST);
        v[n++] = str_tail(item, equals + 1);
    }
    return n;
}

static inline struct policy_decision decide_text(const struct policy *const *policies, size_t n, const char *action,
                                                 const char *resource, const char *context)
{
    struct text_context c = {{text_values}, context};
    enum s3_action a = s3_action_find(str_from(action));

    if (a == S3_ACTION_UNKNOWN) assert_string_equal(action, "?");
    return policy_decide(policies, n, &(struct policy_ask){a, str_from(resource)}, &c.head);
}

#endif
