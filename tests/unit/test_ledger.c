/* SPDX-License-Identifier: Apache-2.0
 * test_ledger.c: months, rows and their end, files: added to by many, broken ones, cut ones, full disks, old ones.
 */
#include "control/ledger.h"

#include "folder.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MONTH "2026-11"

static bool add(struct ledger *l, const char *client, const char *bucket, uint64_t in, uint64_t out)
{
    const struct str field[LEDGER_FIELDS] = {str_from(client), str_from(bucket), STR("tokyo"), STR("ap-northeast-1"),
                                             STR("a")};

    return ledger_add(l, field, (uint64_t[TRAFFIC_SLOTS]){in, out, 1});
}

static struct ledger *one(const char *month, uint64_t in, uint64_t out)
{
    struct ledger *l = ledger_new(month);
    const struct ledger_zone z = {.first_s = 1793491200, .last_s = 1793494800, .peak = in, .peak_s = 1793494800};

    assert_non_null(l);
    assert_true(add(l, "alice", "red", in, out));
    assert_true(ledger_saw(l, STR("tokyo"), STR("ap-northeast-1"), STR("a"), &z));
    return l;
}

static void test_zone_is_of_its_month(void **state)
{
    struct ledger *l = one("2026-11", 1, 1);
    const struct ledger_zone late = {.first_s = 1796083199, .last_s = 1796083260}; /* a minute into December */
    size_t at = 0;

    (void)state;
    assert_true(ledger_saw(l, STR("tokyo"), STR("ap-northeast-1"), STR("a"), &late));
    const struct ledger_zone *z = map_next(&l->zones, &at);
    assert_int_equal(z->first_s, 1793491200);
    assert_int_equal(z->last_s, 1796083199);
    ledger_free(&l);
}

static void commit(const char *month, uint64_t in, uint64_t out)
{
    struct ledger *l = one(month, in, out);
    struct err err = {0};

    if (ledger_commit(l, folder, &err) != ERR_NONE) fail_msg("%s", err.detail);
    ledger_free(&l);
}

/* Bytes in of alice's row in the file; SIZE_MAX: it is broken, or has no such row. */
static uint64_t in_file(const char *month)
{
    struct ledger *l = ledger_new(month);
    const struct ledger_row *r;
    struct err err = {0};
    uint64_t n = SIZE_MAX;

    assert_non_null(l);
    if (ledger_load(l, folder, &err) == ERR_NONE) {
        r = ledger_find(l, STR("alice\tred\ttokyo\tap-northeast-1\ta"));
        if (r) n = r->v[TRAFFIC_BYTES_IN];
    }
    ledger_free(&l);
    return n;
}

static void test_months(void **state)
{
    static const struct {
        int64_t s;
        const char *month;
    } rows[] = {{0, "1970-01"},          {1793491199, "2026-10"}, {1793491200, MONTH}, {1796083199, MONTH},
                {1796083200, "2026-12"}, {1709251199, "2024-02"}, {-1, "1970-01"},     {INT64_MAX, "1970-01"}};
    static const char *const wrong[] = {"",        "2026",     "2026-13", "2026-00", "2026-1",
                                        "2026/11", "2026-11-", "x026-11", "1969-12"};
    int64_t from, to;
    char month[LEDGER_MONTH];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ledger_month_of(rows[i].s, month);
        assert_string_equal(month, rows[i].month);
    }
    assert_true(ledger_month_span(MONTH, &from, &to));
    assert_int_equal(from, 1793491200);
    assert_int_equal(to, 1796083200);
    assert_true(ledger_month_span("2026-12", &from, &to));
    assert_int_equal(from, 1796083200);
    assert_int_equal(to, 1798761600);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (ledger_month_span(wrong[i], &from, &to)) fail_msg("%s", wrong[i]);
}

static void test_rows_have_an_end_and_nothing_is_lost(void **state)
{
    struct ledger *l = ledger_new(MONTH);
    const struct ledger_row *r;
    uint64_t all = 0;
    size_t at = 0;
    char bucket[64];

    (void)state;
    assert_non_null(l);
    for (unsigned i = 0; i < LEDGER_ROWS + 5000; i++) {
        snprintf(bucket, sizeof(bucket), "bucket-%u", i);
        assert_true(add(l, "alice", bucket, 1, 0));
    }
    assert_true(l->rows.n <= LEDGER_ROWS);
    while ((r = map_next(&l->rows, &at)))
        all += r->v[TRAFFIC_BYTES_IN];
    assert_int_equal(all, LEDGER_ROWS + 5000);
    assert_non_null(ledger_find(l, STR("(other)\t(other)\ttokyo\tap-northeast-1\ta")));
    assert_true(add(l, "tab\there", "new\nline", 1, 0)); /* no field ends a line */
    ledger_free(&l);
}

static void test_files_add_up(void **state)
{
    (void)state;
    commit(MONTH, 5, 1);
    commit(MONTH, 7, 1);
    commit("2026-12", 100, 1);
    assert_int_equal(in_file(MONTH), 12);
    assert_int_equal(in_file("2026-12"), 100);
    assert_int_equal(in_file("2027-01"), SIZE_MAX);
}

static void *many(void *arg)
{
    for (int i = 0; i < 20; i++)
        commit(arg, 1, 1);
    return NULL;
}

static void test_many_writers_add_once_each(void **state)
{
    pthread_t t[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, many, "2025-01"), 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(in_file("2025-01"), 80);
}

static struct str text_of_file(const char *name, char mem[4096])
{
    char path[FOLDER_PATH];
    FILE *f = fopen(folder_path(path, name), "r");
    size_t n;

    assert_non_null(f);
    n = fread(mem, 1, 4096, f);
    fclose(f);
    return str_make(mem, n);
}

/* However little of it is left, and whatever byte is another one: it is seen, or it makes no difference. */
static void test_no_part_of_a_file_is_taken_for_all(void **state)
{
    char mem[4096];
    struct str text;

    (void)state;
    commit("2025-02", 3, 4);
    text = text_of_file("traffic-2025-02", mem);
    for (size_t n = 0; n < text.n; n++) {
        struct ledger *l = ledger_new("2025-02");
        struct err err = {0};

        if (ledger_parse(l, str_head(text, n), "f", &err) == ERR_NONE) fail_msg("%zu of %zu bytes", n, text.n);
        ledger_free(&l);
    }
    struct ledger *l = ledger_new("2025-03");
    struct err err = {0};

    assert_int_equal(ledger_parse(l, text, "f", &err), ERR_CONFIG); /* of another month */
    assert_string_equal(err.detail, "f:1: this is not what the proxy writes there");
    ledger_free(&l);
}

static size_t count_files(const char *begin)
{
    DIR *d = opendir(folder);
    size_t n = 0;

    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += strncmp(e->d_name, begin, strlen(begin)) == 0;
    closedir(d);
    return n;
}

static void test_broken_file_is_put_aside(void **state)
{
    (void)state;
    write_file("traffic-2025-04", 0600, "s3onramp traffic 1\t2025-04\nrow\tgarbage\n");
    assert_int_equal(in_file("2025-04"), SIZE_MAX);
    commit("2025-04", 9, 1);
    assert_int_equal(in_file("2025-04"), 9);
    assert_int_equal(count_files("traffic-2025-04.broken-"), 1);
}

static void test_left_over_of_a_kill_is_no_matter(void **state)
{
    (void)state;
    commit("2025-05", 1, 1);
    write_file("traffic-2025-05.new", 0600, "s3onramp traf");
    commit("2025-05", 1, 1);
    assert_int_equal(in_file("2025-05"), 2);
    assert_int_equal(count_files("traffic-2025-05.new"), 0);
}

static void test_full_disk_leaves_the_file_as_it_was(void **state)
{
    struct ledger *l = one("2025-06", 50, 1);
    struct rlimit before, none = {16, 16};
    struct err err = {0};
    enum err_code code;

    (void)state;
    commit("2025-06", 6, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    code = ledger_commit(l, folder, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(code, ERR_FILE);
    assert_int_equal(in_file("2025-06"), 6);
    assert_int_equal(count_files("traffic-2025-06.new"), 0);
    assert_int_equal(ledger_commit(l, folder, &err), ERR_NONE);
    assert_int_equal(in_file("2025-06"), 56);
    assert_int_equal(ledger_commit(l, "/none/such", &err), ERR_FILE);
    ledger_free(&l);
}

static void test_thirteen_months_stay(void **state)
{
    char month[LEDGER_MONTH];

    (void)state;
    for (unsigned i = 1; i <= 12; i++) {
        snprintf(month, sizeof(month), "2030-%02u", i);
        commit(month, 1, 1);
    }
    commit("2031-01", 1, 1);
    assert_int_equal(in_file("2030-01"), 1);
    commit("2031-02", 1, 1);
    assert_int_equal(in_file("2030-01"), SIZE_MAX);
    assert_int_equal(in_file("2030-02"), 1);
    assert_int_equal(in_file("2025-06"), SIZE_MAX);
    assert_int_equal(count_files("traffic-2025-04.broken-"), 1); /* those are for people */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_months),
        cmocka_unit_test(test_rows_have_an_end_and_nothing_is_lost),
        cmocka_unit_test(test_files_add_up),
        cmocka_unit_test(test_many_writers_add_once_each),
        cmocka_unit_test(test_no_part_of_a_file_is_taken_for_all),
        cmocka_unit_test(test_broken_file_is_put_aside),
        cmocka_unit_test(test_left_over_of_a_kill_is_no_matter),
        cmocka_unit_test(test_full_disk_leaves_the_file_as_it_was),
        cmocka_unit_test(test_zone_is_of_its_month),
        cmocka_unit_test(test_thirteen_months_stay),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
