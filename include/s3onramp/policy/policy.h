/* SPDX-License-Identifier: Apache-2.0
 * policy.h: what a client may do, compiled from what was written, so that a request is judged without reading that
 * again (policy/decision.h). Default deny. Pure; immutable, so any thread may ask; one policy serves all who have it.
 * Source: AWS IAM User Guide, "IAM JSON policy elements reference".
 */
#ifndef S3ONRAMP_POLICY_POLICY_H
#define S3ONRAMP_POLICY_POLICY_H

#include "aws/s3/operation.h"
#include "base/str.h"

enum policy_access { POLICY_READ_ONLY, POLICY_READ_WRITE, POLICY_ADMIN };
/* WARN: what the policy would refuse is allowed, and told. */
enum policy_mode { POLICY_ENFORCE, POLICY_WARN };

/* [policy NAME] as it is written. Either a document, or the short form, which becomes statements as well: `access` on
 * whole `buckets`, and within `prefixes`. `deny` and `mode` go with both. */
struct policy_rules {
    enum policy_access access;
    const struct str_list *buckets; /* patterns with '*' and '?'; empty: all, unless there are prefixes */
    bool list_buckets;              /* ListBuckets is allowed */
    const char *name;
    enum policy_mode mode;
    const struct str_list *prefixes; /* BUCKET/KEY, patterns both; NULL: none */
    const struct str_list *deny;     /* names of actions, with '*' and '?'; NULL: none */
    struct str document;             /* JSON; .p NULL: the short form */
};

/* Hears what is wrong. @line and @column (of characters): in the document, from 1; 0: of the short form, whose option
 * is @option. @text: what is wrong and what to write instead. */
struct policy_problems {
    void (*tell)(struct policy_problems *p, const char *option, unsigned line, unsigned column, const char *text);
};

enum { POLICY_DOCUMENT_BYTES_MOST = 256 * 1024, POLICY_STATEMENTS_MOST = 1000 };

struct policy;

/* Copies what it needs. NULL: there were problems, each was told. Aborts when there is no memory. */
MUST_CHECK struct policy *policy_compile(const struct policy_rules *rules, struct policy_problems *problems);
void policy_free(struct policy **p);

const char *policy_name(const struct policy *p);
enum policy_mode policy_mode_of(const struct policy *p);

/* The condition operators, for manuals: the i-th; NULL: there are no more. */
const char *policy_operator_name(size_t i);

/* Whether some statement allows more than reading. */
bool policy_allows_writing(const struct policy *p);

/* A statement for humans; texts live as long as the policy. */
struct policy_statement_text {
    bool allows;
    struct str label;      /* its Sid, else its number, from 1; of the short form the option it comes from */
    unsigned line, column; /* in the document; 0: of the short form */
    struct str actions;    /* "s3:GetObject, s3:Put*", "all but s3:DeleteObject" */
    struct str resources;  /* likewise */
    struct str conditions; /* "aws:SourceIp IpAddress 10.0.0.0/8; …"; empty: none */
};

size_t policy_statements_n(const struct policy *p);
struct policy_statement_text policy_statement_text(const struct policy *p, size_t i);

#endif
