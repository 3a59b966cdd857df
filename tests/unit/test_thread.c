/* SPDX-License-Identifier: Apache-2.0
 * test_thread.c: a thread begins without signals, and steps back alone.
 */
#include "base/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

struct seen {
    bool term_blocked;
    int nice;
};

static void *look(void *arg)
{
    struct seen *s = arg;
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    s->term_blocked = sigismember(&mask, SIGTERM) == 1;
    thread_steps_back();
    s->nice = getpriority(PRIO_PROCESS, 0);
    return NULL;
}

static void test_signals_and_priority_are_the_threads_own(void **state)
{
    struct seen s = {0};
    int before = getpriority(PRIO_PROCESS, 0);
    pthread_t thread;
    sigset_t mask;

    (void)state;
    assert_int_equal(thread_start(&thread, look, &s), 0);
    pthread_join(thread, NULL);
    assert_true(s.term_blocked);
    assert_true(s.nice >= 10); /* a test that runs at another one stays there */
    assert_int_equal(getpriority(PRIO_PROCESS, 0), before);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_and_priority_are_the_threads_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
