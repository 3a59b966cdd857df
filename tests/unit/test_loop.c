/* SPDX-License-Identifier: Apache-2.0
 * test_loop.c: tasks, posts from other threads, memory freed at the end of a turn.
 */
#include "io/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { POSTS = 1000, THREADS = 4 };

struct probe {
    struct loop loop;
    int runs, turns, wanted;
    struct loop_task task, other;
};

static void stop_when_reached(struct probe *p)
{
    if (++p->runs == p->wanted) loop_stop(&p->loop);
}

static void run_task(void *arg)
{
    struct probe *p = arg;

    stop_when_reached(p);
    if (p->runs < p->wanted) loop_defer(&p->loop, &p->task);
}

static void cancel_other(void *arg)
{
    struct probe *p = arg;

    loop_cancel(&p->loop, &p->other);
    stop_when_reached(p);
}

static void must_not_run(void *arg)
{
    (void)arg;
    fail_msg("a cancelled task ran");
}

static void on_turn(void *arg)
{
    ((struct probe *)arg)->turns++;
}

static struct probe *probe_new(int wanted)
{
    struct probe *p = calloc(1, sizeof(*p));
    struct err err = {0};

    assert_non_null(p);
    assert_int_equal(loop_init(&p->loop, NULL, on_turn, p, &err), ERR_NONE);
    p->wanted = wanted;
    p->task = (struct loop_task){.run = run_task, .arg = p};
    p->other = (struct loop_task){.run = must_not_run, .arg = p};
    return p;
}

static void probe_free(struct probe *p)
{
    loop_clear(&p->loop);
    free(p);
}

static void test_loop_defer_again_runs_one_turn_later(void **state)
{
    struct probe *p = probe_new(5);

    (void)state;
    loop_defer(&p->loop, &p->task);
    loop_defer(&p->loop, &p->task); /* twice is once */
    loop_run(&p->loop);
    assert_int_equal(p->runs, 5);
    assert_int_equal(p->turns, 5);
    probe_free(p);
}

static void test_loop_cancel_from_a_task_of_the_same_turn(void **state)
{
    struct probe *p = probe_new(1);

    (void)state;
    p->task.run = cancel_other;
    loop_defer(&p->loop, &p->task);
    loop_defer(&p->loop, &p->other);
    loop_run(&p->loop);
    assert_int_equal(p->runs, 1);
    assert_false(p->other.queued);
    probe_free(p);
}

static void test_loop_cancel_before_its_turn(void **state)
{
    struct probe *p = probe_new(1);

    (void)state;
    loop_defer(&p->loop, &p->other);
    loop_cancel(&p->loop, &p->other);
    loop_cancel(&p->loop, &p->other);
    loop_defer(&p->loop, &p->task);
    loop_run(&p->loop);
    assert_int_equal(p->runs, 1);
    probe_free(p);
}

static void count_post(void *arg)
{
    stop_when_reached(arg);
}

static void *post_many(void *arg)
{
    struct probe *p = arg;

    for (int i = 0; i < POSTS; i++)
        if (!loop_post(&p->loop, count_post, p)) abort();
    return NULL;
}

static void test_loop_post_from_threads_arrives_once_each(void **state)
{
    struct probe *p = probe_new(POSTS * THREADS);
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, p), 0);
    loop_run(&p->loop);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(p->runs, POSTS * THREADS);
    probe_free(p);
}

static void free_it_later(void *arg)
{
    struct probe *p = arg;
    char *mem = malloc(16);

    assert_non_null(mem);
    loop_free_later(&p->loop, mem);
    mem[0] = 'x'; /* still ours: sanitizers would tell */
    stop_when_reached(p);
}

static void test_loop_free_later_lives_until_the_turn_ends(void **state)
{
    struct probe *p = probe_new(1);

    (void)state;
    p->task.run = free_it_later;
    loop_defer(&p->loop, &p->task);
    loop_run(&p->loop);
    assert_int_equal(p->loop.freed_n, 0);
    probe_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_defer_again_runs_one_turn_later),
        cmocka_unit_test(test_loop_cancel_from_a_task_of_the_same_turn),
        cmocka_unit_test(test_loop_cancel_before_its_turn),
        cmocka_unit_test(test_loop_post_from_threads_arrives_once_each),
        cmocka_unit_test(test_loop_free_later_lives_until_the_turn_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
