/* SPDX-License-Identifier: Apache-2.0
 * test_verdict.c: who is to blame, for one kind of trouble and for several at once.
 */
#include "admin/verdict.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    NOW_S = 1000000,
    NONE = 0,
    DOWN = 1,
    HALF = 2,
    NO_DNS = 4,
    KEYLESS = 8,
    STALE = 16,
    STUCK = 32,
    LEAVING = 64,
    REFUSED = 128
};

static const struct trouble refused = {.party = TROUBLE_CLIENT,
                                       .code = ERR_POLICY_DENIED,
                                       .client = 7,
                                       .name = "bob",
                                       .count = 3,
                                       .detail = "Client bob is not authorized to perform s3:DeleteObject",
                                       .last_us = (NOW_S - 5) * INT64_C(1000000)};
static const struct trouble other = {.party = TROUBLE_CLIENT,
                                     .code = ERR_SIG_MISMATCH,
                                     .peer = "10.0.0.9:1",
                                     .count = 1,
                                     .last_us = (NOW_S - 5) * INT64_C(1000000)};
static const struct trouble gone = {
    .party = TROUBLE_CLIENT, .code = ERR_CLIENT_GONE, .count = 99, .last_us = NOW_S * INT64_C(1000000)};
static const struct trouble slow = {.party = TROUBLE_AWS,
                                    .s3_error = "SlowDown",
                                    .status = 503,
                                    .count = 40,
                                    .name = "alice",
                                    .last_us = (NOW_S - 1) * INT64_C(1000000)};
static const struct trouble slow_before = {.party = TROUBLE_AWS,
                                           .s3_error = "SlowDown",
                                           .status = 503,
                                           .count = 40,
                                           .last_us = (NOW_S - 900) * INT64_C(1000000)};
static const struct trouble denied = {
    .party = TROUBLE_AWS, .s3_error = "AccessDenied", .status = 403, .count = 2, .last_us = NOW_S * INT64_C(1000000)};
static const struct trouble wrong_keys = {.party = TROUBLE_US,
                                          .code = ERR_UPSTREAM_AUTH,
                                          .count = 2,
                                          .detail = "the endpoint does not accept [credentials default]",
                                          .last_us = NOW_S * INT64_C(1000000)};
static const struct trouble timeout = {.party = TROUBLE_NETWORK,
                                       .code = ERR_UPSTREAM_TIMEOUT,
                                       .count = 2,
                                       .address = "10.0.0.1:443",
                                       .last_us = NOW_S * INT64_C(1000000)};

static const struct {
    unsigned facts;
    const struct trouble *troubles[3];
    enum trouble_party who;
    enum verdict_level level;
    const char *sentence; /* a part of it */
} rows[] = {
    {NONE, {NULL}, TROUBLE_NOBODY, VERDICT_OK, "All is well"},
    {NONE, {&gone}, TROUBLE_NOBODY, VERDICT_OK, "All is well"},
    {NONE, {&slow_before}, TROUBLE_NOBODY, VERDICT_OK, "All is well"},
    {DOWN,
     {NULL},
     TROUBLE_NETWORK,
     VERDICT_BAD,
     "the network: endpoint tokyo cannot be reached, at none of 2 addresses: refused"},
    {NO_DNS, {NULL}, TROUBLE_NETWORK, VERDICT_BAD, "endpoint tokyo has no address: dns-failed"},
    {HALF,
     {NULL},
     TROUBLE_NETWORK,
     VERDICT_WARN,
     "nobody is cut off: 10.0.0.2:443 (zone c) of endpoint tokyo does not serve, 1 of 2 do: refused"},
    {NONE, {&timeout}, TROUBLE_NETWORK, VERDICT_BAD, "the network, or the endpoint at 10.0.0.1:443"},
    {HALF, {&timeout}, TROUBLE_NETWORK, VERDICT_BAD, "the network, or the endpoint at 10.0.0.1:443"},
    {KEYLESS,
     {NULL},
     TROUBLE_US,
     VERDICT_BAD,
     "It is us: the proxy has no valid keys of [credentials default]: denied"},
    {KEYLESS | DOWN, {&refused, &slow}, TROUBLE_US, VERDICT_BAD, "no valid keys"},
    {STALE, {NULL}, TROUBLE_US, VERDICT_WARN, "cannot be renewed: denied"},
    {STUCK, {NULL}, TROUBLE_US, VERDICT_WARN, "the audit log cannot be written: No space left on device"},
    {REFUSED, {NULL}, TROUBLE_US, VERDICT_WARN, "the one before is in force: s3onramp.ini:3: no such option"},
    {LEAVING, {NULL}, TROUBLE_US, VERDICT_WARN, "is ending"},
    {NONE, {&wrong_keys, &refused}, TROUBLE_US, VERDICT_BAD, "does not accept [credentials default]"},
    {NONE, {&slow, &refused}, TROUBLE_AWS, VERDICT_BAD, "It is AWS: S3 answered 503 SlowDown: S3 wants fewer requests"},
    {NONE, {&denied}, TROUBLE_AWS, VERDICT_WARN, "S3 answered 403 AccessDenied: the proxy's role"},
    {NONE, {&refused, &gone}, TROUBLE_CLIENT, VERDICT_WARN, "It is one client, bob: Client bob is not authorized"},
    {NONE, {&other}, TROUBLE_CLIENT, VERDICT_WARN, "It is one client, 10.0.0.9:1: The request signature"},
    {NONE, {&refused, &other}, TROUBLE_CLIENT, VERDICT_WARN, "It is clients, each by its own fault; most of all bob"},
};

static void judge(size_t row, struct verdict *v)
{
    struct trouble troubles[3];
    unsigned facts = rows[row].facts;
    struct verdict_endpoint e = {.name = "tokyo", .all = 2, .up = 2};
    struct verdict_facts f = {
        .now_us = NOW_S * INT64_C(1000000), .endpoints = &e, .endpoints_n = 1, .troubles = troubles};

    for (; f.troubles_n < 3 && rows[row].troubles[f.troubles_n]; f.troubles_n++)
        troubles[f.troubles_n] = *rows[row].troubles[f.troubles_n];
    if (facts & (DOWN | HALF))
        e = (struct verdict_endpoint){"tokyo", 2, facts & HALF ? 1 : 0, "10.0.0.2:443", "c", "refused"};
    if (facts & NO_DNS) e = (struct verdict_endpoint){.name = "tokyo", .why = "dns-failed"};
    if (facts & KEYLESS) f.keyless = "default", f.keyless_why = "denied";
    if (facts & STALE) f.stale = "default", f.stale_why = "denied";
    if (facts & STUCK) f.stuck = "audit", f.stuck_why = "No space left on device";
    f.leaving = facts & LEAVING;
    if (facts & REFUSED) f.refused = "s3onramp.ini:3: no such option";
    verdict_judge(&f, v);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict v;

        judge(i, &v);
        if (!strstr(v.sentence, rows[i].sentence)) fail_msg("row %zu: %s", i, v.sentence);
        assert_int_equal(v.who, rows[i].who);
        assert_int_equal(v.level, rows[i].level);
        assert_true(v.evidence_n >= 1);
    }
}

/* What is not the sentence stands beside it. */
static void test_others_are_evidence(void **state)
{
    struct verdict v;
    bool found = false;

    (void)state;
    judge(9, &v);
    for (size_t i = 0; i < v.evidence_n; i++)
        found = found || strstr(v.evidence[i], "It is the network: endpoint tokyo cannot be reached");
    assert_true(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_others_are_evidence)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
