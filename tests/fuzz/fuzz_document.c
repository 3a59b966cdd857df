/* SPDX-License-Identifier: Apache-2.0
 * fuzz_document.c: any bytes as a policy. Either it is compiled or problems are told, each at a place that is there.
 * What our JSON reader calls well-formed jansson does, too. A compiled one decides without a sanitizer's word; a deny
 * of everything beside it always wins, and with no policy that allows nothing is allowed.
 */
#include "policy/decision.h"
#include "policy/policy.h"

#include <jansson.h>

struct heard {
    struct policy_problems head;
    size_t n;
};

static void hear(struct policy_problems *head, const char *option, unsigned line, unsigned column, const char *text)
{
    struct heard *h = (struct heard *)(void *)head;

    ASSERT(strcmp(option, "document") == 0 && line > 0 && column > 0 && *text);
    h->n++;
}

static struct policy *compile(struct str document, struct heard *h)
{
    static const struct str_list none = {0};

    *h = (struct heard){.head = {hear}};
    return policy_compile(&(struct policy_rules){.buckets = &none, .name = "fuzz", .document = document}, &h->head);
}

static size_t values(const struct policy_context *c, enum policy_key key, struct str name, struct str *v)
{
    static const struct str some[] = {STR_INIT("alice"), STR_INIT("10.1.2.3"), STR_INIT("2026-01-02T03:04:05Z"),
                                      STR_INIT("true"), STR_INIT("")};

    (void)c;
    v[0] = some[((size_t)key + name.n) % ARRAY_LEN(some)];
    v[1] = some[(size_t)key % ARRAY_LEN(some)];
    return key == POLICY_KEY_REQUEST_OBJECT_TAG_KEYS ? 2 : (size_t)key % 4 != 0;
}

static const struct policy_context context = {values};
static const struct str resources[] = {STR_INIT("arn:aws:s3:::bucket"), STR_INIT("arn:aws:s3:::bucket/alice/\xc3\xa9"),
                                       STR_INIT("arn:aws-cn:s3:::bucket/:/x"), STR_INIT("*"),
                                       STR_INIT("arn:aws:s3:eu-west-1:1:accesspoint/a")};

static void decide_all(const struct policy *p, const struct policy *deny)
{
    const struct policy *both[] = {p, deny};

    for (unsigned a = 0; a < S3_ACTIONS_N; a += 7)
        for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
            struct policy_ask ask = {(enum s3_action)a, resources[i]};
            struct policy_decision d = policy_decide(both, 1, &ask, &context);
            ASSERT((d.policy == NULL) == (d.effect == POLICY_DENIED) && !d.warned);
            if (d.policy) {
                struct policy_statement_text t = policy_statement_text(d.policy, d.statement);
                ASSERT(t.allows == (d.effect == POLICY_ALLOWED) && t.label.n && t.line);
            }
            d = policy_decide(both, 2, &ask, &context);
            ASSERT(d.effect == POLICY_FORBIDDEN);
        }
    (void)policy_reaches_bucket(both, 1, STR("aws"), STR("bucket"), &context);
    ASSERT(!policy_reaches_bucket(both, 2, STR("aws"), STR("bucket"), &context));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = str_make((const char *)data, n);
    struct heard h, unheard;
    struct policy *p = compile(text, &h);

    ASSERT((p == NULL) == (h.n > 0));
    if (!p) return 0;
    json_t *theirs = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    ASSERT(json_is_object(theirs));
    json_decref(theirs);
    struct policy *deny =
        compile(STR("{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}"), &unheard);
    ASSERT(deny);
    decide_all(p, deny);
    policy_free(&deny);
    policy_free(&p);
    return 0;
}
