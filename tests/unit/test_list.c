/* SPDX-License-Identifier: Apache-2.0
 * test_list.c: order, removal from anywhere, and what a link says of itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrib.h"
#include "base/list.h"

#include <string.h>

struct thing {
    char name;
    struct list_link link;
};

static void check(const struct list *l, const char *names)
{
    size_t n = 0;

    LIST_EACH (link, l)
        assert_int_equal(CONTAINER_OF(link, struct thing, link)->name, names[n++]);
    assert_int_equal(n, strlen(names));
    assert_int_equal(list_is_empty(l), n == 0);
    if (n == 0) {
        assert_null(list_first(l));
        assert_null(list_last(l));
        return;
    }
    assert_int_equal(CONTAINER_OF(list_first(l), struct thing, link)->name, names[0]);
    assert_int_equal(CONTAINER_OF(list_last(l), struct thing, link)->name, names[n - 1]);
}

static void test_list_keeps_order(void **state UNUSED)
{
    struct thing a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    struct list l;

    list_init(&l);
    check(&l, "");
    list_add_last(&l, &b.link);
    check(&l, "b");
    list_add_last(&l, &c.link);
    list_add_first(&l, &a.link);
    check(&l, "abc");
    list_remove(&b.link);
    check(&l, "ac");
    list_add_first(&l, &b.link);
    check(&l, "bac");
}

static void test_list_link_says_whether_it_is_in(void **state UNUSED)
{
    struct thing a = {.name = 'a'};
    struct list l;

    list_init(&l);
    assert_false(list_link_is_in(&a.link));
    list_remove(&a.link);
    list_add_last(&l, &a.link);
    assert_true(list_link_is_in(&a.link));
    list_remove(&a.link);
    assert_false(list_link_is_in(&a.link));
    list_remove(&a.link);
    check(&l, "");
}

static void test_list_each_safe_may_remove(void **state UNUSED)
{
    struct thing things[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    struct list l;

    list_init(&l);
    for (size_t i = 0; i < ARRAY_LEN(things); i++)
        list_add_last(&l, &things[i].link);
    LIST_EACH_SAFE (link, &l)
        if (CONTAINER_OF(link, struct thing, link)->name % 2) list_remove(link);
    check(&l, "bd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_keeps_order),
        cmocka_unit_test(test_list_link_says_whether_it_is_in),
        cmocka_unit_test(test_list_each_safe_may_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
