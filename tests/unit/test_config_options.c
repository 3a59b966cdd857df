/* SPDX-License-Identifier: Apache-2.0
 * test_config_options.c: what every row of the option table must say.
 */
#include "../../proxy/config/config_options.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef void visit_fn(const struct option *o);

static void each_row(visit_fn *visit)
{
    for (size_t id = 0; id < SECTIONS_N; id++) {
        size_t n;
        const struct option *v = config_section_options((enum section_id)id, &n);

        for (size_t i = 0; i < n; i++)
            visit(&v[i]);
    }
}

static void judge_takes(const struct option *o)
{
    if (o->takes < TAKES_LIVE || o->takes > TAKES_RESTART) fail_msg("%s: from when does a change of it count?", o->key);
    if ((o->takes == TAKES_RESTART) != (o->restart && *o->restart))
        fail_msg("%s: what needs a restart says why, and nothing else does", o->key);
    if (o->takes == TAKES_RESTART && config_sections[o->section].example_name)
        fail_msg("%s: a section that may come and go cannot wait for a restart", o->key);
}

static void test_every_option_says_when_a_change_counts(void **state UNUSED)
{
    each_row(judge_takes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_option_says_when_a_change_counts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
