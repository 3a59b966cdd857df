/* SPDX-License-Identifier: Apache-2.0
 * test_session_words.c: what words in braces stand for.
 */
#include "config/session_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct tag_list *own;
static const struct group_conf first = {.name = "ops"}, second = {.name = "dev"};

static void test_fill(void **state UNUSED)
{
    static const struct {
        const char *text, *out; /* NULL: .missing has no value */
        const char *missing;
    } rows[] = {
        {"", "", NULL},
        {"plain", "plain", NULL},
        {"{client}", "al", NULL},
        {"a-{client}-{group}.{client}", "a-al-ops.al", NULL},
        {"{tag.team}{tag.TEAM}{tag.a/b}", "arch ivearch ive1", NULL},
        {"{user} {tag.} {} } {{client}", "{user} {tag.} {} } {al", NULL},
        {"{client", "{client", NULL},
        {"x{tag.none}y", NULL, "tag.none"},
    };
    const struct group_conf *groups[] = {&first, &second};
    struct principal_terms terms = {.groups = {groups, 2}};
    const struct principal_conf al = {.name = "al", .tags = own, .terms = &terms};
    struct str missing;
    char out[200];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sbuf b = sbuf_make(out, sizeof out);
        bool good = session_words_fill(str_from(rows[i].text), al.name, &al, false, &b, &missing);
        assert_int_equal(good, rows[i].out != NULL);
        if (good)
            assert_true(str_eq(sbuf_str(&b), str_from(rows[i].out)));
        else
            assert_true(str_eq(missing, str_from(rows[i].missing)));
    }
}

static void test_without_what_is_known_of_the_client(void **state UNUSED)
{
    static const struct principal_terms none;
    const struct principal_conf bo = {.name = "bo", .terms = &none};
    struct str missing;
    char out[200];
    struct sbuf b = sbuf_make(out, sizeof out);

    assert_false(session_words_fill(STR("{client}"), NULL, NULL, false, &b, &missing));
    assert_false(session_words_fill(STR("{group}"), "bo", &bo, false, &b, &missing));
    assert_false(session_words_fill(STR("{tag.x}"), "bo", NULL, false, &b, &missing));
    assert_int_equal(b.n, 0);
    assert_true(session_words_fill(STR("{client}"), "bo", NULL, false, &b, &missing));
    assert_true(session_words_fill(STR("-{client}"), NULL, NULL, true, &b, &missing));
    assert_true(str_eq(sbuf_str(&b), STR("bo-{client}")));
    assert_true(session_words_any("a{group}") && session_words_any("{tag.x}"));
    assert_false(session_words_any(NULL) || session_words_any("{x}"));
}

static void test_same(void **state UNUSED)
{
    const struct group_conf *ops[] = {&first, &second}, *dev[] = {&second};
    struct principal_terms in_ops = {.groups = {ops, 2}}, in_dev = {.groups = {dev, 1}},
                           still_ops = {.groups = {ops, 1}};
    const struct principal_conf a = {.name = "al", .tags = own, .terms = &in_ops},
                                b = {.name = "al", .tags = own, .terms = &in_dev},
                                c = {.name = "al", .terms = &still_ops};
    char *tags[] = {"t={tag.team}"};
    const struct credentials_conf by_group = {.source_identity = "{group}"}, by_tag = {.tags = {tags, 1}},
                                  by_name = {.session_name = "{client}"},
                                  on_top = {.session_name = "{client}", .source_credentials = &by_group};

    assert_true(session_words_same(&by_name, &a, &b) && session_words_same(&by_name, &a, &c));
    assert_false(session_words_same(&by_group, &a, &b));
    assert_true(session_words_same(&by_group, &a, &c));
    assert_true(session_words_same(&by_tag, &a, &b));
    assert_false(session_words_same(&by_tag, &a, &c));
    assert_false(session_words_same(&on_top, &a, &b));
}

static int make_own(void **state UNUSED)
{
    own = calloc(1, sizeof(*own) + 2 * sizeof(own->v[0]));
    if (!own) return -1;
    own->n = 2;
    own->v[0] = (struct tag_conf){STR("Team"), STR("arch ive")};
    own->v[1] = (struct tag_conf){STR("a/b"), STR("1")};
    return 0;
}

static int free_own(void **state UNUSED)
{
    free(own);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_without_what_is_known_of_the_client),
        cmocka_unit_test(test_same),
    };

    return cmocka_run_group_tests(tests, make_own, free_own);
}
