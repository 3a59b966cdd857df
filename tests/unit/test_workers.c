/* SPDX-License-Identifier: Apache-2.0
 * test_workers.c: a question to all workers, and one answer.
 */
#include "control/workers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { WORKERS = 4, QUESTIONS = 100 };

struct probe {
    struct loop control;
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    _Atomic unsigned ran[WORKERS];
    unsigned done, want;
    pthread_t thread; /* the control thread */
};

static void *run_loop(void *arg)
{
    loop_run(&((struct worker *)arg)->loop);
    return NULL;
}

static struct probe *probe_new(void)
{
    struct probe *p = calloc(1, sizeof(*p));
    struct err err = {0};

    assert_non_null(p);
    p->thread = pthread_self();
    assert_int_equal(loop_init(&p->control, NULL, NULL, NULL, &err), ERR_NONE);
    for (size_t i = 0; i < WORKERS; i++) {
        p->workers[i].index = i;
        assert_int_equal(loop_init(&p->workers[i].loop, NULL, NULL, NULL, &err), ERR_NONE);
        assert_int_equal(pthread_create(&p->threads[i], NULL, run_loop, &p->workers[i]), 0);
    }
    return p;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void join(struct probe *p, size_t i)
{
    assert_true(loop_post(&p->workers[i].loop, stop, &p->workers[i].loop));
    assert_int_equal(pthread_join(p->threads[i], NULL), 0);
}

static void run(struct worker *w, void *arg)
{
    struct probe *p = arg;

    assert_true(pthread_equal(pthread_self(), p->threads[w->index]));
    atomic_fetch_add(&p->ran[w->index], 1);
}

static void done(void *arg)
{
    struct probe *p = arg;

    assert_true(pthread_equal(pthread_self(), p->thread));
    if (++p->done == p->want) loop_stop(&p->control);
}

static void ask(struct probe *p, unsigned n)
{
    for (p->want = n; n > 0; n--)
        assert_true(workers_ask(&p->control, p->workers, WORKERS, run, done, p));
}

static void test_ask_runs_on_each_thread_and_is_done_once(void **state)
{
    struct probe *p = probe_new();

    (void)state;
    ask(p, QUESTIONS);
    loop_run(&p->control);
    assert_int_equal(p->done, QUESTIONS);
    for (size_t i = 0; i < WORKERS; i++) {
        assert_int_equal(p->ran[i], QUESTIONS);
        join(p, i);
        loop_clear(&p->workers[i].loop);
    }
    loop_clear(&p->control);
    free(p);
}

static void test_ask_leaves_out_who_has_ended(void **state)
{
    (void)state;
    for (size_t ended = 1; ended <= WORKERS; ended++) {
        struct probe *p = probe_new();

        for (size_t i = 0; i < ended; i++)
            join(p, i);
        ask(p, 1);
        assert_int_equal(p->done, 0);
        loop_run(&p->control);
        assert_int_equal(p->done, 1);
        for (size_t i = 0; i < WORKERS; i++) {
            assert_int_equal(p->ran[i], i < ended ? 0 : 1);
            if (i >= ended) join(p, i);
            loop_clear(&p->workers[i].loop);
        }
        loop_clear(&p->control);
        free(p);
    }
}

/* Asked while it is about to end: it is asked, or left out, and never waited for. */
static void test_ask_while_one_ends(void **state)
{
    (void)state;
    for (unsigned round = 0; round < QUESTIONS; round++) {
        struct probe *p = probe_new();

        assert_true(loop_post(&p->workers[0].loop, stop, &p->workers[0].loop));
        ask(p, 3);
        loop_run(&p->control);
        assert_int_equal(pthread_join(p->threads[0], NULL), 0);
        for (size_t i = 0; i < WORKERS; i++) {
            if (i > 0) join(p, i);
            loop_clear(&p->workers[i].loop);
        }
        loop_clear(&p->control);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask_runs_on_each_thread_and_is_done_once),
        cmocka_unit_test(test_ask_leaves_out_who_has_ended),
        cmocka_unit_test(test_ask_while_one_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
