/* SPDX-License-Identifier: Apache-2.0
 * policy_bench.c: what a decision costs. Usage: policy_bench [decisions]
 * 50 statements, of which 10 know the action that is asked for and must be looked at: literal keys, prefixes, a
 * variable, globs, and conditions on the source address and s3:prefix. Each row is one request; the figure is the
 * median of its rounds.
 */
#include "policy/decision.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 101, STATEMENTS = 50, APPLY = 10 };

/* CPU time: what others do on the machine meanwhile shall not count. */
static double cpu_ns(void)
{
    struct timespec t;

    ASSERT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t values(const struct policy_context *c, enum policy_key key, struct str name, struct str *v)
{
    (void)c;
    (void)name;
    v[0] = key == POLICY_KEY_USERNAME    ? STR("alice")
           : key == POLICY_KEY_SOURCE_IP ? STR("10.1.2.3")
           : key == POLICY_KEY_PREFIX    ? STR("2024/")
                                         : STR_NONE;
    return v[0].p != NULL;
}

static void tell(struct policy_problems *p, const char *option, unsigned line, unsigned column, const char *text)
{
    (void)p;
    fprintf(stderr, "%s:%u:%u: %s\n", option, line, column, text);
}

/* Of those that apply, the last two hold: an allow, and a deny whose condition does not hold. */
static void write_statement(struct sbuf *b, size_t i)
{
    static const char *const apply[APPLY] = {
        "\"Resource\":\"arn:aws:s3:::alpha/*\"",
        "\"Resource\":\"arn:aws:s3:::reports/2023/*\"",
        "\"Resource\":\"arn:aws:s3:::reports/2022/one.csv\"",
        "\"Resource\":\"arn:aws:s3:::home/${aws:username}/*\"",
        "\"Resource\":\"arn:aws:s3:::reports/*/secret/*\"",
        "\"Resource\":[\"arn:aws:s3:::b1/*\",\"arn:aws:s3:::b2/*\",\"arn:aws:s3:::b3/*\"]",
        "\"Resource\":\"arn:aws:s3:::reports-old/*\"",
        "\"Resource\":\"*\",\"Condition\":{\"NotIpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}",
        "\"Resource\":\"arn:aws:s3:::rep?rts/2021/*\"",
        "\"Resource\":\"arn:aws:s3:::reports/2024/*\",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"10.1.0.0/16\"}}",
    };
    bool applies = i % 5 == 4;

    sbuf_printf(b, "%s{\"Effect\":\"%s\",\"Action\":%s,%s}", i ? "," : "", i % 25 == 14 ? "Deny" : "Allow",
                applies ? "[\"s3:GetObject\",\"s3:PutObject\",\"s3:ListBucket\"]" : "\"s3:*Configuration\"",
                applies ? apply[i / 5] : "\"Resource\":\"arn:aws:s3:::reports*\"");
}

static struct policy *make_policy(void)
{
    static const struct str_list none = {0};
    static char text[32768];
    struct sbuf b = sbuf_make(text, sizeof text);
    struct policy_problems problems = {tell};

    sbuf_add(&b, STR("{\"Version\":\"2012-10-17\",\"Statement\":["));
    for (size_t i = 0; i < STATEMENTS; i++)
        write_statement(&b, i);
    sbuf_add(&b, STR("]}"));
    ASSERT(!b.overflow);
    struct policy *p =
        policy_compile(&(struct policy_rules){.buckets = &none, .name = "bench", .document = sbuf_str(&b)}, &problems);
    ASSERT(p);
    return p;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure(const char *name, const struct policy *p, struct policy_ask ask, enum policy_effect wanted,
                    uint64_t decisions)
{
    const struct policy_context context = {values};
    double ns[ROUNDS];

    for (size_t round = 0; round < ROUNDS; round++) {
        double start = cpu_ns();
        for (uint64_t i = 0; i < decisions; i++)
            ASSERT(policy_decide(&p, 1, &ask, &context).effect == wanted);
        ns[round] = (cpu_ns() - start) / (double)decisions;
    }
    qsort(ns, ROUNDS, sizeof ns[0], by_size);
    printf("%-34s %6.0f ns (%.0f to %.0f)\n", name, ns[ROUNDS / 2], ns[0], ns[ROUNDS - 1]);
}

int main(int argc, char **argv)
{
    uint64_t decisions = 20000;
    struct policy *p = make_policy();

    if (argc > 1 && (!str_to_u64(str_from(argv[1]), &decisions) || decisions == 0)) {
        fprintf(stderr, "usage: %s [decisions]\n", argv[0]);
        return 2;
    }
    measure("allowed by the last of 10", p,
            (struct policy_ask){S3_ACTION_GetObject, STR("arn:aws:s3:::reports/2024/05/17/part-0001.parquet")},
            POLICY_ALLOWED, decisions);
    measure("denied after all 10", p,
            (struct policy_ask){S3_ACTION_PutObject, STR("arn:aws:s3:::reports/2025/05/17/part-0001.parquet")},
            POLICY_DENIED, decisions);
    measure("allowed by the 4th, a variable", p,
            (struct policy_ask){S3_ACTION_GetObject, STR("arn:aws:s3:::home/alice/notes/today.txt")}, POLICY_ALLOWED,
            decisions);
    measure("no statement knows the action", p,
            (struct policy_ask){S3_ACTION_DeleteObject, STR("arn:aws:s3:::reports/2024/x")}, POLICY_DENIED, decisions);
    policy_free(&p);
    return 0;
}
