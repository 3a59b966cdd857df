/* SPDX-License-Identifier: Apache-2.0
 * test_progress.c: who keeps whom waiting: a row per course of a transfer.
 */
#include "flow/body/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LOOK_US = 250000, LOOKS_PER_SECOND = 4, MINUTE = 60 * LOOKS_PER_SECOND };

/* Every look for @looks of them: @waited_for is waited for; every @every looks @party moves @bytes. Its silence at the
 * end, in seconds. */
struct row {
    const char *name;
    enum party party, waited_for;
    unsigned looks, every;
    uint64_t bytes, rate;
    int64_t least_s, most_s;
};

static const struct row rows[] = {
    {"silent for a minute", PARTY_CLIENT_SENDS, PARTY_CLIENT_SENDS, MINUTE, MINUTE * 2, 1, 240, 60, 60},
    {"a byte every half minute", PARTY_CLIENT_SENDS, PARTY_CLIENT_SENDS, 10 * MINUTE, MINUTE / 2, 1, 240, 599, 600},
    {"the same where any byte counts", PARTY_TUNNEL, PARTY_TUNNEL, 10 * MINUTE, MINUTE / 2, 1, 0, 0, 30},
    {"just the rate", PARTY_CLIENT_SENDS, PARTY_CLIENT_SENDS, 10 * MINUTE, LOOKS_PER_SECOND, 240, 240, 0, 1},
    {"half the rate", PARTY_CLIENT_READS, PARTY_CLIENT_READS, 2 * MINUTE, LOOKS_PER_SECOND, 120, 240, 59, 61},
    {"the rate in bursts", PARTY_CLIENT_READS, PARTY_CLIENT_READS, 10 * MINUTE, MINUTE, 240 * 60, 240, 0, 60},
    {"a burst pays no later debts", PARTY_CLIENT_SENDS, PARTY_CLIENT_SENDS, MINUTE, MINUTE - 1, 1 << 30, 240, 0, 1},
    {"another one is waited for", PARTY_CLIENT_SENDS, PARTY_ENDPOINT_READS, MINUTE, MINUTE * 2, 1, 240, 0, 0},
    {"nobody is", PARTY_CLIENT_SENDS, PARTY_NONE, MINUTE, MINUTE * 2, 1, 240, 0, 0},
    {"gigabytes at a low rate", PARTY_CLIENT_READS, PARTY_CLIENT_READS, MINUTE, 1, UINT64_C(1) << 40, 1, 0, 0},
};

static void test_progress_by_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct progress p;
        int64_t now = 12345;
        uint64_t total = 0;

        progress_begin(&p, now);
        for (unsigned look = 1; look <= r->looks; look++) {
            progress_look(&p, r->waited_for, now += LOOK_US);
            if (look % r->every == 0) total += r->bytes;
            progress_count(&p, r->party, total, r->rate);
        }
        print_message("%s\n", r->name);
        assert_in_range(p.silent_us[r->party], r->least_s * 1000000, r->most_s * 1000000);
    }
}

static void test_time_that_we_slept_is_nobodys(void **state)
{
    struct progress p;

    (void)state;
    progress_begin(&p, 0);
    progress_look(&p, PARTY_CLIENT_SENDS, INT64_C(3600) * 1000000);
    assert_int_equal(p.silent_us[PARTY_CLIENT_SENDS], PROGRESS_LOOK_MAX_US);
}

static void test_another_connection_begins_anew(void **state)
{
    struct progress p;

    (void)state;
    progress_begin(&p, 0);
    for (int64_t now = LOOK_US; now < 10000000; now += LOOK_US)
        progress_look(&p, PARTY_ENDPOINT_SENDS, now);
    progress_restart(&p, PARTY_ENDPOINT_SENDS, 5000); /* a connection that was used before */
    assert_int_equal(p.silent_us[PARTY_ENDPOINT_SENDS], 0);
    progress_look(&p, PARTY_ENDPOINT_SENDS, 10000000);
    progress_count(&p, PARTY_ENDPOINT_SENDS, 5000, 0);
    assert_int_not_equal(p.silent_us[PARTY_ENDPOINT_SENDS], 0);
    assert_int_equal(p.moved_us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_by_table),
        cmocka_unit_test(test_time_that_we_slept_is_nobodys),
        cmocka_unit_test(test_another_connection_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
