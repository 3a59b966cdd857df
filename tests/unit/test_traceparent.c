/* SPDX-License-Identifier: Apache-2.0
 * test_traceparent.c: what W3C Trace Context takes and refuses; a made one is valid.
 */
#include "http/traceparent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void test_as_the_recommendation_has_it(void **state)
{
    static const struct {
        const char *value;
        bool valid;
    } rows[] = {
        {"00-" TRACE "-" PARENT "-01", true},
        {"00-" TRACE "-" PARENT "-00", true},
        {"00-" TRACE "-" PARENT "-ff", true},
        {"01-" TRACE "-" PARENT "-01", true},
        {"cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like", true},
        {"cc-" TRACE "-" PARENT "-01.what-the-future-will-not-be-like", false},
        {"00-" TRACE "-" PARENT "-01-more", false},
        {"00-" TRACE "-" PARENT "-01-", false},
        {"00-" TRACE "-" PARENT "-1", false},
        {"00-" TRACE "-" PARENT "-0g", false},
        {"00-" TRACE "-" PARENT, false},
        {"ff-" TRACE "-" PARENT "-01", false},
        {"FF-" TRACE "-" PARENT "-01", false},
        {"0-" TRACE "-" PARENT "-01", false},
        {"00-00000000000000000000000000000000-" PARENT "-01", false},
        {"00-" TRACE "-0000000000000000-01", false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e473-" PARENT "-01", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e47366-" PARENT "-01", false},
        {"00_" TRACE "_" PARENT "_01", false},
        {" 00-" TRACE "-" PARENT "-0", false},
        {"", false},
        {"-", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (traceparent_valid(str_from(rows[i].value)) != rows[i].valid) fail_msg("%s", rows[i].value);
}

static void test_two_of_them_are_none(void **state)
{
    struct header v[] = {{STR_INIT("traceparent"), STR_INIT("00-" TRACE "-" PARENT "-01"), HDR_TRACEPARENT},
                         {STR_INIT("Traceparent"), STR_INIT("00-" TRACE "-" PARENT "-01"), HDR_TRACEPARENT}};

    (void)state;
    assert_int_equal(header_id_of(STR("TraceParent")), HDR_TRACEPARENT);
    assert_int_equal(traceparent_of(&(struct headers){v, 1}).n, TRACEPARENT_BYTES);
    assert_int_equal(traceparent_of(&(struct headers){v, 2}).n, 0);
    assert_int_equal(traceparent_of(&(struct headers){v, 0}).n, 0);
}

static void test_made_one_is_valid(void **state)
{
    unsigned char random[TRACEPARENT_RANDOM] = {0};
    char out[TRACEPARENT_BYTES];

    (void)state;
    traceparent_make(random, out);
    assert_true(traceparent_valid(str_make(out, sizeof(out))));
    for (unsigned i = 0; i < sizeof(random); i++)
        random[i] = (unsigned char)(0xf0 + i);
    traceparent_make(random, out);
    assert_true(str_eq(str_make(out, sizeof(out)), STR("00-f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff-0001020304050607-00")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_recommendation_has_it),
        cmocka_unit_test(test_two_of_them_are_none),
        cmocka_unit_test(test_made_one_is_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
