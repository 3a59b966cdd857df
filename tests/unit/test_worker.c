/* SPDX-License-Identifier: Apache-2.0
 * test_worker.c: a worker goes by another snapshot while connections still go by the one before; who used it last lets
 * it go, and another thread frees it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/worker.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct proxy proxy;
static struct worker worker;

#define SETTINGS                                                                                       \
    "[listener l]\nmode = endpoint\nbind = 127.0.0.1:1\ntls = off\n[credentials one]\nsource = none\n" \
    "[client alice]\naccess_key_id = AKIDALICE00000000001\nsecret_access_key = s\npolicy = read-only\n"
#define ENDPOINT(name, region) "[endpoint " name "]\nregion = " region "\naddresses = 10.0.0.1\ncredentials = one\n"

static struct snapshot *make(const char *text, const struct snapshot *before)
{
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    struct settings *settings = config_load_stream(in, "test.ini", stderr);
    struct snapshot *s = NULL;
    struct err err = {0};

    fclose(in);
    assert_non_null(settings);
    assert_int_equal(snapshot_new(settings, proxy.standing, before, &s, &err), ERR_NONE);
    return s;
}

static void adopt(struct snapshot *s)
{
    struct worker_change change = {.snapshot = snapshot_ref(s)};

    worker_prepare(&worker, &change);
    assert_false(change.no_memory);
    worker_adopt(&worker, &change);
    worker_change_clear(&change);
}

/* The linker lets all that is linked here ask us for memory. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
static unsigned fails_after = UINT_MAX;

static bool fails(void)
{
    return fails_after == 0 || (fails_after != UINT_MAX && fails_after-- == 0);
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

static void end_of_turn(void)
{
    worker.loop.on_turn(worker.loop.arg);
}

static int set_up(void **state UNUSED)
{
    proxy = (struct proxy){
        .standing = standing_new(), .key_needs = key_needs_new(), .limits = limits_new(8, 8), .stats = stats_new(1)};
    return proxy.standing && proxy.key_needs && proxy.limits && proxy.stats ? 0 : -1;
}

static int tear_down(void **state UNUSED)
{
    snapshot_bin_empty(&proxy.unused);
    stats_free(&proxy.stats);
    limits_free(&proxy.limits);
    key_needs_free(&proxy.key_needs);
    standing_free(&proxy.standing);
    return 0;
}

static void test_worker_adopts_while_the_one_before_is_used(void **state UNUSED)
{
    struct snapshot *first = make(SETTINGS ENDPOINT("a", "eu-west-1") ENDPOINT("b", "eu-west-2"), NULL);
    struct snapshot *second = make(SETTINGS ENDPOINT("b", "eu-west-2"), first);
    uint32_t a = first->settings->endpoints[0].id, b = second->settings->endpoints[0].id;
    struct worker_sockets none = {0};
    struct snapshot_use *use;
    struct err err = {0};

    assert_int_equal(worker_init(&worker, &proxy, first, 0, &none, &err), ERR_NONE);
    use = worker.use;
    use->users++; /* a connection with a request that runs */
    adopt(second);
    end_of_turn();
    snapshot_bin_empty(&proxy.unused);
    assert_ptr_equal(worker.use->snapshot, second);
    assert_ptr_equal(use->snapshot, first);
    assert_int_equal(atomic_load(&first->refs), 2);
    assert_non_null(pool_find(&worker.pool, a));

    worker_leave_snapshot(&worker, use);
    assert_ptr_equal(use->snapshot, first); /* who is up the stack may still look */
    end_of_turn();
    assert_null(pool_find(&worker.pool, a));
    assert_non_null(pool_find(&worker.pool, b));
    assert_int_equal(atomic_load(&first->refs), 2); /* not freed here */
    snapshot_bin_empty(&proxy.unused);
    assert_int_equal(atomic_load(&first->refs), 1);
    worker_clear(&worker);
    snapshot_bin_empty(&proxy.unused);
    assert_int_equal(atomic_load(&second->refs), 1);
    snapshot_unref(&first);
    snapshot_unref(&second);
}

static void test_worker_adopts_one_after_the_other(void **state UNUSED)
{
    struct snapshot *newest = make(SETTINGS ENDPOINT("a", "eu-west-1"), NULL), *next;
    struct worker_sockets none = {0};
    struct err err = {0};

    assert_int_equal(worker_init(&worker, &proxy, newest, 0, &none, &err), ERR_NONE);
    for (int i = 0; i < 20; i++) {
        next = make(i % 2 ? SETTINGS ENDPOINT("a", "eu-west-1")
                          : SETTINGS ENDPOINT("c", "eu-west-3") ENDPOINT("a", "eu-west-1"),
                    newest);
        adopt(next);
        end_of_turn();
        snapshot_bin_empty(&proxy.unused);
        assert_int_equal(atomic_load(&newest->refs), 1); /* ours */
        snapshot_unref(&newest);
        newest = next;
    }
    worker_clear(&worker);
    snapshot_bin_empty(&proxy.unused);
    snapshot_unref(&newest);
}

static int new_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* Whatever is missing, it goes on as it was; with all that it was promised it cannot fail. */
static void test_worker_without_memory_goes_on_as_it_was(void **state UNUSED)
{
    struct snapshot *first = make(SETTINGS ENDPOINT("a", "eu-west-1"), NULL);
    struct snapshot *second = make(SETTINGS ENDPOINT("x", "eu-west-2") ENDPOINT("y", "eu-west-3"), first);
    struct worker_sockets none = {0};
    struct sink *sink = NULL;
    struct err err = {0};
    unsigned failed = 0;

    assert_int_equal(sink_open_fd(STDERR_FILENO, 4096, &sink, &err), ERR_NONE);
    assert_int_equal(worker_init(&worker, &proxy, first, 0, &none, &err), ERR_NONE);
    for (bool fine = false; !fine; failed++) {
        struct worker_change c = {.snapshot = snapshot_ref(second), .sinks.v[SINK_ACCESS] = sink};

        c.sockets.v = calloc(1, sizeof(*c.sockets.v));
        c.sockets.v[c.sockets.n++] = (struct worker_socket){new_socket(), second->settings->listeners[0].bind[0]};
        fails_after = failed;
        worker_prepare(&worker, &c);
        fine = !c.no_memory;
        fails_after = fine ? 0 : UINT_MAX;
        if (fine) worker_adopt(&worker, &c);
        fails_after = UINT_MAX;
        assert_int_equal(c.deaf.code, ERR_NONE);
        assert_ptr_equal(worker.use->snapshot, fine ? second : first);
        assert_ptr_equal(worker.lines[SINK_ACCESS].sink, fine ? sink : NULL);
        worker_change_clear(&c);
    }
    assert_in_range(failed, 4, 20); /* the hold, a queue, a port, endpoints; what one attempt made serves the next */
    end_of_turn();
    worker_clear(&worker);
    sink_close(&sink, 0, 0, NULL);
    snapshot_bin_empty(&proxy.unused);
    snapshot_unref(&first);
    snapshot_unref(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_adopts_while_the_one_before_is_used),
        cmocka_unit_test(test_worker_adopts_one_after_the_other),
        cmocka_unit_test(test_worker_without_memory_goes_on_as_it_was),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
