/* SPDX-License-Identifier: Apache-2.0
 * policy_impl.h: what the files of `s3onramp policy` share. One thread.
 *
 *   policy_command.c (what was asked for) → policy_question.c (a client, an action, a resource: decided by the proxy's
 * own code) → policy_test.c (one, or a file of them) │ policy_explain.c (all that a client may do)
 */
#ifndef S3ONRAMP_CLI_POLICY_IMPL_H
#define S3ONRAMP_CLI_POLICY_IMPL_H

#include "cli/cli.h"
#include "policy/decision.h"

#include <jansson.h>

enum { WITH_MOST = 16 };

struct policy_order {
    const char *config, *verb, *client, *action, *target, *from, *file;
    const char *with[WITH_MOST]; /* KEY=VALUE */
    size_t with_n;
    bool json;
    int64_t now_s;
};

/* --- policy_question.c --- */

/* A question, and what the proxy would decide. */
struct policy_question {
    struct policy_context context; /* the first member */
    const struct settings *settings;
    const struct principal_conf *client;
    struct netaddr from;
    char from_text[NETADDR_TEXT]; /* "": not said */
    int64_t now_s;
    char now_text[24];
    struct str with[WITH_MOST]; /* KEY=VALUE */
    size_t with_n;
    struct str prefix; /* of lists; .p NULL: not said */
    char resource[2400];
    struct policy_ask ask;
    const char *why_not; /* why the client does not count, whatever its policies say; NULL: it does */
    struct policy_decision decision;
};

/* Fills @q in and decides. False: @why says what is wrong with the question. */
MUST_CHECK bool policy_question_ask(struct policy_question *q, const struct settings *s, const struct policy_order *o,
                                    struct sbuf *why);
static inline bool policy_question_allowed(const struct policy_question *q)
{
    return !q->why_not && policy_lets_through(&q->decision);
}
/* Why nothing of @client counts that comes from @from (without a family: that is not known): words after "client NAME";
 * NULL: it does. As the data path asks. */
const char *policy_why_not(const struct principal_conf *client, const struct netaddr *from, int64_t now_s);
/* A condition of the client's policies is about its address. */
bool policy_question_asks_address(const struct policy_question *q);
/* Names all that decided, in a sentence that begins with "because" or "by". */
void policy_question_reason(const struct policy_question *q, FILE *out);
json_t *policy_question_json(const struct policy_question *q);
/* Where statement @i of @p stands: "FILE:LINE", or "built in". Returns @out. */
const char *policy_statement_place(const struct settings *s, const struct policy_conf *p, size_t i,
                                   char out[CONFIG_PLACE_TEXT]);

/* Who decided what, in the same words, and for programs {decision, warned, policy, statement, place}. */
void policy_put_reason(const struct settings *s, const struct principal_conf *client, const struct policy_decision *d,
                       FILE *out);
json_t *policy_reason_json(const struct settings *s, const struct principal_conf *client,
                           const struct policy_decision *d);

/* --- each returns an exit code --- */
int policy_test(struct settings *s, const struct policy_order *o);
int policy_test_request(struct settings *s, const struct policy_order *o);
int policy_test_file(struct settings *s, const struct policy_order *o);
int policy_explain(struct settings *s, const struct policy_order *o);

#endif
