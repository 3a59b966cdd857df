/* SPDX-License-Identifier: Apache-2.0
 * test_thread.c: a thread begins without signals, steps back alone, and makes way only then.
 */
#include "base/clock.h"
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

static long pauses(void)
{
    struct rusage r;

    assert_int_equal(getrusage(RUSAGE_THREAD, &r), 0);
    return r.ru_nvcsw;
}

static void *work(void *arg)
{
    bool *paused = arg;
    int64_t begun_us;
    long before;

    thread_steps_back();
    before = pauses();
    begun_us = clock_monotonic_us();
    while (pauses() == before && clock_monotonic_us() - begun_us < (int64_t)30 * 1000000)
        thread_makes_way();
    *paused = pauses() > before;
    return NULL;
}

static void test_who_stepped_back_pauses_and_nobody_else(void **state)
{
    bool paused = false;
    pthread_t thread;
    long before;

    (void)state;
    assert_int_equal(thread_start(&thread, work, &paused), 0);
    pthread_join(thread, NULL);
    assert_true(paused);
    before = pauses();
    for (int i = 0; i < 1000000; i++)
        thread_makes_way();
    assert_int_equal(pauses(), before);
}

/* ---- in front ---- */

struct front {
    int nice, front, back; /* where note ran last; in front; of who stepped back */
    unsigned rounds;
    pthread_t thread;
};

static void note(void *arg)
{
    struct front *f = arg;

    f->nice = getpriority(PRIO_PROCESS, 0);
    f->rounds++;
    f->thread = pthread_self();
}

static void *run_with_front(void *arg)
{
    struct front *f = arg;

    thread_keep_front();
    thread_steps_back();
    for (int i = 0; i < 100; i++)
        thread_in_front(note, f);
    f->front = f->nice;
    f->back = getpriority(PRIO_PROCESS, 0);
    assert_false(pthread_equal(f->thread, pthread_self()));
    thread_leave_front();
    thread_leave_front(); /* twice is fine */
    thread_in_front(note, f);
    assert_true(pthread_equal(f->thread, pthread_self()));
    return NULL;
}

static void test_what_is_left_to_the_front_is_not_as_far_back(void **state)
{
    struct front f = {0};
    pthread_t thread;
    int before = getpriority(PRIO_PROCESS, 0);

    (void)state;
    assert_int_equal(thread_start(&thread, run_with_front, &f), 0);
    pthread_join(thread, NULL);
    assert_int_equal(f.rounds, 101);
    assert_true(f.back >= 10);
    assert_int_equal(f.nice, f.back); /* of the last round */
    assert_int_equal(f.front, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_and_priority_are_the_threads_own),
        cmocka_unit_test(test_who_stepped_back_pauses_and_nobody_else),
        cmocka_unit_test(test_what_is_left_to_the_front_is_not_as_far_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
