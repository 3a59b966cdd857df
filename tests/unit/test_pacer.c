/* SPDX-License-Identifier: Apache-2.0
 * test_pacer.c: a limit is held to a few thousandths by any number of transfers on any number of workers; owners share
 * it evenly; who wants little hardly waits. The clock is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "flow/pace/pacer.h"

enum { WORKERS = 4, TRANSFERS = 128, SECOND_US = 1000000, STEP_US = 500, READ = 65536, RATE = 10000000 };

struct world;

/* Moves as much as it may, for ever. */
struct transfer {
    struct world *world;
    struct pace pace;
    struct loop_task task;
    uint64_t moved, times;
    size_t want;
    int64_t waits_us, worst_us; /* since when it wants something; the longest that took */
    bool once;                  /* wants something every now and then */
    bool wants;
};

struct world {
    struct bucket *bucket;
    struct loop loops[WORKERS];
    struct pacers all[WORKERS];
    struct pacer pacers[WORKERS];
    _Atomic uint64_t waited_us;
    struct transfer v[TRANSFERS];
    size_t n;
    int64_t now_us;
};

static void move(void *arg)
{
    struct transfer *t = arg;
    size_t may;

    while (t->wants && (may = pace_ask(&t->pace, t->want))) {
        pace_used(&t->pace, may);
        t->moved += may;
        t->times++;
        if (t->world->now_us - t->waits_us > t->worst_us) t->worst_us = t->world->now_us - t->waits_us;
        t->waits_us = t->world->now_us;
        t->wants = !t->once && bucket_rate(t->world->bucket);
    }
}

static struct world *world_new(uint64_t rate)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->now_us = SECOND_US;
    w->bucket = bucket_new(WORKERS, 50000, READ);
    assert_non_null(w->bucket);
    bucket_set_rate(w->bucket, rate);
    for (size_t i = 0; i < WORKERS; i++) {
        w->loops[i].tasks_tail = &w->loops[i].tasks;
        w->loops[i].now_us = w->now_us;
        pacers_init(&w->all[i], &w->loops[i], i);
        pacer_init(&w->pacers[i], &w->all[i], w->bucket, 16, READ);
        w->pacers[i].waited_us = &w->waited_us;
    }
    return w;
}

static void world_free(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        pace_leave(&w->v[i].pace);
    for (size_t i = 0; i < WORKERS; i++) {
        assert_true(list_is_empty(&w->all[i].busy));
        pacer_clear(&w->pacers[i]);
    }
    bucket_free(&w->bucket);
    free(w);
}

static struct transfer *add(struct world *w, size_t worker, uint32_t owner, size_t want)
{
    struct transfer *t = &w->v[w->n++];

    t->world = w;
    t->task = (struct loop_task){.run = move, .arg = t};
    t->pace.wake = &t->task;
    t->pace.owner = owner;
    t->want = want;
    t->wants = true;
    t->waits_us = w->now_us;
    pace_add(&t->pace, &w->pacers[worker]);
    loop_defer(&w->loops[worker], &t->task);
    return t;
}

static void run_tasks(struct loop *l)
{
    struct loop_task *t = l->tasks, *next;

    l->tasks = NULL;
    l->tasks_tail = &l->tasks;
    for (; t; t = next) {
        next = t->next;
        t->queued = false;
        t->run(t->arg);
    }
}

static void run(struct world *w, int64_t us)
{
    for (int64_t end = w->now_us + us; w->now_us < end; w->now_us += STEP_US) {
        for (size_t i = 0; i < WORKERS; i++) {
            w->loops[i].now_us = w->now_us;
            if (w->all[i].due_us && w->all[i].due_us <= w->now_us) pacers_call(&w->all[i]);
            run_tasks(&w->loops[i]);
        }
    }
}

static uint64_t moved(const struct world *w, uint32_t owner)
{
    uint64_t n = 0;

    for (size_t i = 0; i < w->n; i++)
        if (!owner || w->v[i].pace.owner == owner) n += w->v[i].moved;
    return n;
}

static void test_pacer_holds_the_rate(void **state UNUSED)
{
    static const struct {
        size_t workers, transfers;
        uint64_t rate;
    } rows[] = {{1, 1, RATE},     {1, 64, RATE},      {4, 4, RATE}, {4, 128, RATE},
                {4, 128, 200000}, {4, 9, 1250000000}, {2, 2, 1000}, {3, 64, 125000}};

    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct world *w = world_new(rows[k].rate);

        for (size_t i = 0; i < rows[k].transfers; i++)
            add(w, i % rows[k].workers, 1, READ);
        run(w, SECOND_US); /* what was kept */
        uint64_t before = moved(w, 0);
        run(w, 30LL * SECOND_US);
        double part = (double)(moved(w, 0) - before) / (30.0 * (double)rows[k].rate);
        if (rows[k].rate >= 100000 && (part < 0.995 || part > 1.005)) fail_msg("row %zu: %f of the rate", k, part);
        if (part < 0.85 || part > 1.15) fail_msg("row %zu: %f of the rate", k, part); /* turns of two seconds */
        assert_true(atomic_load(&w->waited_us) > 0);
        world_free(w);
    }
}

static void test_pacer_owners_share(void **state UNUSED)
{
    struct world *w = world_new(RATE);

    for (size_t i = 0; i < 64; i++)
        add(w, 0, 1, READ);
    add(w, 0, 2, READ);
    for (size_t i = 0; i < 40; i++)
        add(w, 0, 3, 1000);
    add(w, 1, 4, READ); /* on another worker */
    run(w, 30LL * SECOND_US);
    for (uint32_t owner = 1; owner <= 4; owner++)
        assert_in_range(moved(w, owner) * 100 / moved(w, 0), 23, 27);
    world_free(w);
}

static void test_pacer_who_wants_little_hardly_waits(void **state UNUSED)
{
    struct world *w = world_new(RATE);
    struct transfer *light[2];

    for (size_t i = 0; i < 100; i++)
        add(w, i % WORKERS, 1 + (uint32_t)(i % 8), READ);
    run(w, SECOND_US);
    light[0] = add(w, 0, 9, 1024);
    light[1] = add(w, 1, 9, 1024);
    light[0]->once = light[1]->once = true;
    for (size_t i = 0; i < 1000; i++) {
        for (size_t k = 0; k < 2; k++) {
            light[k]->wants = true;
            light[k]->waits_us = w->now_us;
            loop_defer(&w->loops[k], &light[k]->task);
        }
        run(w, 10000);
    }
    assert_int_equal(light[0]->times, 1000);
    assert_in_range(light[0]->worst_us, 0, 10000);
    assert_in_range(light[1]->worst_us, 0, 10000);
    world_free(w);
}

static void test_pacer_follows_a_changed_rate(void **state UNUSED)
{
    struct world *w = world_new(RATE);
    uint64_t before;

    for (size_t i = 0; i < 8; i++)
        add(w, i % 2, 1, READ);
    run(w, 2LL * SECOND_US);
    bucket_set_rate(w->bucket, 10ULL * RATE);
    run(w, SECOND_US);
    before = moved(w, 0);
    run(w, 10LL * SECOND_US);
    assert_in_range((moved(w, 0) - before) / 1000, 99000 * 10, 101000 * 10);
    bucket_set_rate(w->bucket, 0); /* all that wait go on */
    before = moved(w, 0);
    run(w, SECOND_US / 10);
    assert_int_equal(moved(w, 0) - before, 8 * READ);
    for (size_t i = 0; i < 2; i++)
        assert_true(list_is_empty(&w->all[i].busy));
    world_free(w);
}

/* What was allowed and not used is there for others, at each gate on the way; what was used beyond is owed. */
static void test_pace_gives_back(void **state UNUSED)
{
    struct world *w = world_new(1000000);
    struct pacer second;
    struct transfer *t = add(w, 0, 1, READ);
    struct bucket *narrow = bucket_new(WORKERS, 50000, 2048);
    size_t may;

    assert_non_null(narrow);
    pacer_init(&second, &w->all[0], narrow, 1, READ);
    pace_add(&t->pace, &second);
    t->wants = false;
    may = pace_ask(&t->pace, READ);
    assert_int_equal(may, 2048); /* two thousandths of a second, but not less than 2048 */
    assert_int_equal(pace_ask(&t->pace, READ), may);
    pace_used(&t->pace, 0);
    bucket_set_rate(narrow, 1000);
    assert_int_equal(pace_ask(&t->pace, 100), 100);
    pace_used(&t->pace, 100 + 4000);
    assert_int_equal(pace_ask(&t->pace, 100), 0);
    assert_ptr_equal(t->pace.at, &t->pace.gates[1]);
    run(w, 2LL * SECOND_US);
    assert_int_equal(pace_ask(&t->pace, 100), 0);
    run(w, 4LL * SECOND_US);
    assert_int_equal(pace_ask(&t->pace, 100), 100);
    assert_true(t->pace.waited_us > (uint64_t)2 * SECOND_US);
    pace_leave(&t->pace);
    pacer_clear(&second);
    bucket_free(&narrow);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pacer_holds_the_rate),
        cmocka_unit_test(test_pacer_owners_share),
        cmocka_unit_test(test_pacer_who_wants_little_hardly_waits),
        cmocka_unit_test(test_pacer_follows_a_changed_rate),
        cmocka_unit_test(test_pace_gives_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
