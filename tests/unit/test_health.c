/* SPDX-License-Identifier: Apache-2.0
 * test_health.c: the states of an address, with time as a parameter, and the times that are promised.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/road/health.h"

#define S(n) ((int64_t)((n)*1000000))

static const struct health_rules rules = {.interval_ms = 5000, .fall = 3, .rise = 2};

static void probe(struct health *h, const char *why, double at_s)
{
    (void)health_probed(h, &rules, why, false, 512, S(at_s));
}

static struct health fresh(void)
{
    struct health h;

    health_init(&h, S(100));
    return h;
}

static void test_health_init_is_up_and_probed_at_once(void **state UNUSED)
{
    struct health h = fresh();

    assert_int_equal(h.state, ADDRESS_UP);
    assert_int_equal(h.next_probe_us, S(100));
    assert_int_equal(h.warm_us, 0);
    assert_string_equal(h.why, "not probed yet");
    assert_true(health_probed(&h, &rules, NULL, false, 512, S(100)));
    assert_string_equal(h.why, "");
    assert_int_equal(h.next_probe_us, S(105));
    assert_false(health_probed(&h, &rules, NULL, false, 512, S(105)));
}

static void test_health_falls_after_so_many_failures(void **state UNUSED)
{
    struct health h = fresh();

    probe(&h, "a", 101);
    assert_int_equal(h.state, ADDRESS_SUSPECT);
    assert_int_equal(h.since_us, S(101));
    assert_string_equal(h.why, "a");
    assert_int_equal(h.next_probe_us, S(102)); /* in doubt: every second */
    probe(&h, "b", 102);
    assert_int_equal(h.state, ADDRESS_SUSPECT);
    probe(&h, "c", 103);
    assert_int_equal(h.state, ADDRESS_DOWN);
    assert_int_equal(h.since_us, S(103));
    assert_string_equal(h.why, "c");
    assert_int_equal(h.next_probe_us, S(108));
}

static void test_health_suspicion_is_dropped_without_slow_start(void **state UNUSED)
{
    struct health h = fresh();

    probe(&h, "a", 101);
    probe(&h, "a", 102);
    probe(&h, NULL, 103);
    assert_int_equal(h.state, ADDRESS_UP);
    assert_int_equal(h.warm_us, 0);
    probe(&h, "a", 104);
    probe(&h, "a", 105);
    assert_int_equal(h.state, ADDRESS_SUSPECT); /* counted anew */
}

static void make_down(struct health *h)
{
    for (int i = 0; i < 3; i++)
        probe(h, "a", 101 + i);
    assert_int_equal(h->state, ADDRESS_DOWN);
}

static void test_health_rises_through_half_open_with_slow_start(void **state UNUSED)
{
    struct health h = fresh();

    make_down(&h);
    probe(&h, NULL, 110);
    assert_int_equal(h.state, ADDRESS_HALF_OPEN);
    assert_int_equal(h.next_probe_us, S(111));
    probe(&h, NULL, 111);
    assert_int_equal(h.state, ADDRESS_UP);
    assert_int_equal(h.warm_us, S(111));
    assert_int_equal(h.since_us, S(111));
    assert_string_equal(h.why, "");
}

static void test_health_half_open_falls_at_the_first_failure(void **state UNUSED)
{
    struct health h = fresh();

    make_down(&h);
    probe(&h, NULL, 110);
    probe(&h, "again", 111);
    assert_int_equal(h.state, ADDRESS_DOWN);
    probe(&h, NULL, 116);
    assert_int_equal(h.state, ADDRESS_HALF_OPEN);
    assert_true(health_observed(&h, &rules, 0, 3, FAULT_CONNECT, S(116.5))); /* requests prove it, too */
    assert_int_equal(h.state, ADDRESS_UP);
}

static void test_health_rise_of_one_needs_no_half_open(void **state UNUSED)
{
    static const struct health_rules quick = {.interval_ms = 1000, .fall = 1, .rise = 1};
    struct health h = fresh();

    assert_true(health_probed(&h, &quick, "a", false, 0, S(101)));
    assert_int_equal(h.state, ADDRESS_DOWN);
    assert_true(health_probed(&h, &quick, NULL, false, 0, S(102)));
    assert_int_equal(h.state, ADDRESS_UP);
    assert_int_equal(h.warm_us, S(102));
}

static void test_health_requests_raise_doubt_at_once(void **state UNUSED)
{
    struct health h = fresh();

    probe(&h, NULL, 100);
    assert_true(health_observed(&h, &rules, 1, 0, FAULT_RESET, S(101)));
    assert_int_equal(h.state, ADDRESS_SUSPECT);
    assert_int_equal(h.next_probe_us, S(101));
    assert_string_equal(h.why, "closed without an answer");
    assert_true(health_observed(&h, &rules, 2, 0, FAULT_CONNECT, S(101.2)));
    assert_int_equal(h.state, ADDRESS_DOWN);
    assert_false(health_observed(&h, &rules, 0, 0, FAULT_CONNECT, S(101.4)));
}

static void test_health_failures_beside_successes_do_not_put_it_down(void **state UNUSED)
{
    struct health h = fresh();

    for (int i = 0; i < 10; i++)
        (void)health_observed(&h, &rules, 5, 100, FAULT_RESET, S(101 + i));
    assert_int_equal(h.state, ADDRESS_SUSPECT);
    assert_true(health_observed(&h, &rules, 0, 1, FAULT_RESET, S(120)));
    assert_int_equal(h.state, ADDRESS_UP);
}

static void test_health_answers_to_old_requests_do_not_raise_the_dead(void **state UNUSED)
{
    struct health h = fresh();

    make_down(&h);
    assert_false(health_observed(&h, &rules, 0, 5, FAULT_CONNECT, S(110)));
    assert_int_equal(h.state, ADDRESS_DOWN);
}

static void test_health_wrong_certificate_bars(void **state UNUSED)
{
    struct health h = fresh();

    assert_true(health_probed(&h, &rules, "certificate: certificate has expired", true, 0, S(101)));
    assert_int_equal(h.state, ADDRESS_DOWN);
    assert_true(h.barred);
    assert_string_equal(h.why, "certificate: certificate has expired");
    probe(&h, "connect: Connection refused", 106);
    assert_true(h.barred); /* nothing has shown that it is right now */
    assert_false(health_observed(&h, &rules, 0, 5, FAULT_CONNECT, S(107)));
    probe(&h, NULL, 111);
    assert_false(h.barred);
    assert_int_equal(h.state, ADDRESS_HALF_OPEN);
    assert_true(health_observed(&h, &rules, 1, 0, FAULT_CERTIFICATE, S(112)));
    assert_true(h.barred && h.state == ADDRESS_DOWN);
}

static void test_health_jitter_stays_in_its_tenth(void **state UNUSED)
{
    struct health h = fresh();

    (void)health_probed(&h, &rules, NULL, false, 0, S(100));
    assert_int_equal(h.next_probe_us, S(104.5));
    (void)health_probed(&h, &rules, NULL, false, 1023, S(100));
    assert_in_range(h.next_probe_us, S(105.49), S(105.5));
}

static void test_health_promised_times(void **state UNUSED)
{
    struct health h = fresh();
    int64_t died = S(200), now = died;

    /* Black hole just after a good probe; each probe takes its 2 s. */
    (void)health_probed(&h, &rules, NULL, false, 1023, died);
    while (h.state != ADDRESS_DOWN) {
        now = h.next_probe_us + S(2);
        (void)health_probed(&h, &rules, "late", false, 1023, now);
    }
    assert_true(now - died <= S(14));
    /* Back just after a failed probe. */
    (void)health_probed(&h, &rules, "late", false, 1023, now);
    died = now;
    while (h.state != ADDRESS_UP) {
        now = h.next_probe_us;
        (void)health_probed(&h, &rules, NULL, false, 1023, now);
    }
    assert_true(now - died <= S(6.7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health_init_is_up_and_probed_at_once),
        cmocka_unit_test(test_health_falls_after_so_many_failures),
        cmocka_unit_test(test_health_suspicion_is_dropped_without_slow_start),
        cmocka_unit_test(test_health_rises_through_half_open_with_slow_start),
        cmocka_unit_test(test_health_half_open_falls_at_the_first_failure),
        cmocka_unit_test(test_health_rise_of_one_needs_no_half_open),
        cmocka_unit_test(test_health_requests_raise_doubt_at_once),
        cmocka_unit_test(test_health_failures_beside_successes_do_not_put_it_down),
        cmocka_unit_test(test_health_answers_to_old_requests_do_not_raise_the_dead),
        cmocka_unit_test(test_health_wrong_certificate_bars),
        cmocka_unit_test(test_health_jitter_stays_in_its_tenth),
        cmocka_unit_test(test_health_promised_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
