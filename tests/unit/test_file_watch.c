/* SPDX-License-Identifier: Apache-2.0
 * test_file_watch.c: every way in which a file can be replaced is seen, once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "keys/file_watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64], path[96], other[96];

static void write_file(const char *where, const char *text)
{
    FILE *f = fopen(where, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state UNUSED)
{
    snprintf(dir, sizeof(dir), "/tmp/file-watch-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/keys", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    unlink(path);
    unlink(other);
    return rmdir(dir);
}

/* As if it had been written long ago: what was read is what is there. */
static struct file_watch watch(void)
{
    struct file_watch w = {0};
    char *paths[] = {path, other};

    file_watch_set(&w, paths, 2, clock_monotonic_us() + 3600 * (int64_t)1000000);
    return w;
}

static void check_seen_once(struct file_watch *w)
{
    assert_true(file_watch_changed(w, w->next_us));
    assert_false(file_watch_changed(w, w->next_us));
    file_watch_clear(w);
}

static void test_file_watch_sees_nothing_where_nothing_is(void **state UNUSED)
{
    struct file_watch w = watch();

    assert_false(file_watch_changed(&w, w.next_us));
    write_file(path, "a");
    assert_false(file_watch_changed(&w, w.next_us - 1)); /* not yet */
    check_seen_once(&w);
}

static void test_file_watch_sees_each_kind_of_change(void **state UNUSED)
{
    struct file_watch w;

    write_file(path, "a");
    w = watch();
    assert_false(file_watch_changed(&w, w.next_us));
    write_file(path, "ab");
    check_seen_once(&w);

    w = watch();
    write_file(other, "ab");
    check_seen_once(&w);

    w = watch();
    assert_int_equal(rename(other, path), 0);
    check_seen_once(&w);

    w = watch();
    unlink(path);
    check_seen_once(&w);

    write_file(other, "x");
    w = watch();
    assert_int_equal(symlink(other, path), 0);
    check_seen_once(&w);
}

/* Written while it was read: which of both was read is not known. */
static void test_file_watch_is_unsure_of_fresh_files(void **state UNUSED)
{
    struct file_watch w = {0};
    char *paths[] = {path};

    write_file(path, "a");
    file_watch_set(&w, paths, 1, clock_monotonic_us());
    check_seen_once(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file_watch_sees_nothing_where_nothing_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_watch_sees_each_kind_of_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_watch_is_unsure_of_fresh_files, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
