/* SPDX-License-Identifier: Apache-2.0
 * test_config_terms.c: groups, several policies, tags, and the networks that clients may come from.
 */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GOOD                                                                              \
    "[listener l]\nmode = endpoint\nbind = 127.0.0.1:9000\n"                              \
    "[endpoint e]\nregion = ap-northeast-1\naddresses = 10.0.0.1\n"                       \
    "[credentials default]\naccess_key_id = AKIDEXAMPLE\nsecret_access_key = wJalrXUtn\n" \
    "[policy p]\nbuckets = a\n[policy q]\naccess = admin\n"
#define KEY(n) "access_key_id = S3OR" n "\nsecret_access_key = 0123456789abcdefghij\n"
#define TEAMS                                                                                                     \
    "[group blue]\npolicy = q, read-only\ntags.team = blue\ntags.floor = 2\nallow_from = 10.1.0.0/16, 10.9.9.9\n" \
    "[group red]\npolicy = p\ntags.Team = red\nallow_from = 10.0.0.0/8\n[group plain]\ntags.room = 7\n"

static struct settings *load(const char *text, char **problems)
{
    size_t n = 0;
    FILE *in = fmemopen((char *)text, strlen(text), "r"), *out = open_memstream(problems, &n);

    assert_true(in && out);
    struct settings *s = config_load_stream(in, "t.ini", out);
    fclose(in);
    fclose(out);
    return s;
}

static struct settings *load_good(const char *text)
{
    char *problems;
    struct settings *s = load(text, &problems);

    assert_string_equal(problems, "");
    free(problems);
    return s;
}

static const struct principal_conf *client(const struct settings *s, const char *name)
{
    const struct principal_conf *c = settings_client_by_name(s, str_from(name));

    assert_non_null(c);
    return c;
}

static void test_config_terms_policies_that_count(void **state UNUSED)
{
    static const struct {
        const char *said, *counts;
    } rows[] = {
        {"policy = p\n", "p"},
        {"policy = q, p\n", "q, p"},
        {"policy = p,\n    q\n", "p, q"},
        {"groups = blue\n", "q, read-only"},
        {"groups = red, blue\n", "p, q, read-only"},
        {"policy = read-only\ngroups = blue, red\n", "read-only, q, p"},
        {"policy = q\ngroups = plain\n", "q"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[2048], names[POLICY_NAMES_TEXT];

        (void)snprintf(text, sizeof text,
                       "%s%s[client x]\n%s%s[client y]\npolicy = p, q\ngroups = blue, red, plain\n%s", GOOD, TEAMS,
                       KEY("X"), rows[i].said, KEY("Y"));
        struct settings *s = load_good(text);
        const struct principal_terms *t = client(s, "x")->terms;
        assert_string_equal(principal_policy_names(client(s, "x"), names), rows[i].counts);
        for (size_t k = 0; k < t->policies_n; k++)
            assert_ptr_equal(t->compiled[k], t->policies[k]->compiled);
        settings_unref(&s);
    }
}

static void test_config_terms_are_shared_by_those_who_say_the_same(void **state UNUSED)
{
    struct settings *s = load_good(GOOD TEAMS "[client a]\ngroups = blue\n" KEY("A") "[client b]\n" KEY(
        "B") "tags.team = own\ngroups = "
             "blue\n[client c]\ngroups = blue\nsigv2 "
             "= no\n" KEY("C") "[client d]\ngroups = "
                               "red,\n  plain\n" KEY("D") "[client e]\npolicy = blue\n" KEY(
                                   "E") "[client "
                                        "f]\ngroups "
                                        "= "
                                        "blue\n" KEY("F") "[policy blue]\nbuckets = b\n");

    assert_ptr_equal(client(s, "a")->terms, client(s, "b")->terms);
    assert_ptr_equal(client(s, "a")->terms, client(s, "f")->terms);
    assert_ptr_not_equal(client(s, "a")->terms, client(s, "c")->terms);
    assert_ptr_not_equal(client(s, "a")->terms, client(s, "e")->terms);
    assert_int_equal(client(s, "c")->terms->sigv2, SIGV2_NO);
    assert_int_equal(client(s, "d")->terms->groups.n, 2);
    settings_unref(&s);
}

static void test_principal_tag_own_then_first_group(void **state UNUSED)
{
    struct settings *s = load_good(GOOD TEAMS "[client a]\ngroups = red, blue, plain\ntags.Cost-Centre = 12 = 3\n" KEY(
        "A") "[client b]\n"
             "groups = blue, red\ntags.floor = 9\n" KEY("B"));
    static const struct {
        const char *client, *key, *value;
    } rows[] = {
        {"a", "team", "red"}, {"a", "TEAM", "red"},  {"a", "floor", "2"}, {"a", "cost-centre", "12 = 3"},
        {"a", "room", "7"},   {"b", "team", "blue"}, {"b", "floor", "9"}, {"b", "room", ""},
        {"b", "tea", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str value = principal_tag(client(s, rows[i].client), str_from(rows[i].key));
        if (!str_eq(value, str_from(rows[i].value))) print_error("%s %s\n", rows[i].client, rows[i].key);
        assert_true(str_eq(value, str_from(rows[i].value)));
    }
    settings_unref(&s);
}

static void test_principal_may_come_from_table(void **state UNUSED)
{
    static const struct {
        const char *said, *from;
        bool may;
    } rows[] = {
        {"", "192.0.2.1", true},
        {"allow_from = 192.0.2.1\n", "192.0.2.1", true},
        {"allow_from = 192.0.2.1\n", "192.0.2.2", false},
        {"allow_from = 192.0.2.1, 198.51.100.0/24,\n  2001:db8::/32\n", "198.51.100.255", true},
        {"allow_from = 192.0.2.1, 198.51.100.0/24,\n  2001:db8::/32\n", "[2001:db8:1::1]", true},
        {"allow_from = 192.0.2.1, 198.51.100.0/24,\n  2001:db8::/32\n", "[2001:db9::1]", false},
        {"allow_from = 192.0.2.1\n", "[::ffff:192.0.2.1]", true},
        {"groups = blue\n", "10.1.2.3", true},
        {"groups = blue\n", "10.9.9.9", true},
        {"groups = blue\n", "10.2.2.3", false},
        {"groups = plain\n", "192.0.2.1", true},
        {"groups = blue, red, plain\n", "10.1.2.3", true},
        {"groups = red, blue\n", "10.2.2.3", false},                    /* each group's */
        {"groups = blue\nallow_from = 0.0.0.0/0\n", "192.0.2.1", true}, /* in place of the group's */
        {"groups = blue\nallow_from = 0.0.0.0/0\n", "[2001:db8::1]", false},
        {"groups = blue\nallow_from = 192.0.2.0/24\n", "10.1.2.3", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[2048];
        struct netaddr from;

        (void)snprintf(text, sizeof text, "%s%s[client x]\npolicy = p\n%s%s", GOOD, TEAMS, KEY("X"), rows[i].said);
        strcat(text, "[client y]\npolicy = q\ngroups = red, blue, plain\n" KEY("Y"));
        struct settings *s = load_good(text);
        assert_true(netaddr_parse(str_from(rows[i].from), 1, &from));
        if (principal_may_come_from(client(s, "x"), &from) != rows[i].may) print_error("%zu %s\n", i, rows[i].from);
        assert_int_equal(principal_may_come_from(client(s, "x"), &from), rows[i].may);
        settings_unref(&s);
    }
}

static void test_config_terms_faults_are_reported(void **state UNUSED)
{
#define X "[client x]\n" KEY("X")
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {X "policy = p, nope, q, no\n",
         "t.ini:17: there is no [policy nope]; write that section, or policy = read-only or policy = allow-all\n"
         "t.ini:17: there is no [policy no]; write that section, or policy = read-only or policy = allow-all\n"},
        {X "groups = g\n", "t.ini:17: there is no [group g]; write that section, with its policy\n"},
        {X "groups = g\n[client y]\ngroups = g\n" KEY("Y"), /* each is told */
         "t.ini:17: there is no [group g]; write that section, with its policy\n"
         "t.ini:19: there is no [group g]; write that section, with its policy\n"},
        {X "groups = g\n[group g]\n", "t.ini:14: client \"x\" has no policy, and its groups have none; write policy = "
                                      "read-only, policy = allow-all, "
                                      "or the NAME of a [policy NAME]\n"},
        {"[group g]\npolicy = z\n",
         "t.ini:15: there is no [policy z]; write that section, or policy = read-only or policy = allow-all\n"},
        {X "policy = p, q, p\n", "t.ini:17: policy: \"p\" stands there twice; write it once\n"},
        {X "policy = p,, q\n", "t.ini:17: policy: there is nothing between two commas; write VALUE, VALUE\n"},
        {X "policy = p\nallow_from = office\n[client y]\npolicy = p\n" KEY("Y") "allow_from = office\n",
         "t.ini:18: allow_from: \"office\" is not a network; write its first address and its length, like "
         "198.18.0.0/15\n"
         "t.ini:23: allow_from: \"office\" is not a network; write its first address and its length, like "
         "198.18.0.0/15\n"},
        {X "policy = p\ntags.team = a\ntags.TEAM = b\n",
         "t.ini:19: \"tags.TEAM\" is given twice, first at t.ini:18; keep one of them\n"},
        {X "policy = p\ntags. = a\n",
         "t.ini:18: tags.=a: a tag's key has 1 to 128 letters, digits and _ . / + - @; write it like tags.team = "
         "archive\n"},
        {X "policy = p\ntags.te m = a\n",
         "t.ini:18: tags.te m=a: a tag's key has 1 to 128 letters, digits and _ . / + - @; write it like tags.team = "
         "archive\n"},
        {X "policy = p\ntags.team = a\"b\n",
         "t.ini:18: tags.team=a\"b: a tag's value has 1 to 256 letters, digits, blanks and _ . : / = + - @; write "
         "others\n"},
        {X "policy = p\ntags.team =\n", "t.ini:18: tags.team=: a tag's value has 1 to 256 letters, digits, blanks and "
                                        "_ . : / = + - @; write others\n"},
        {X "policy = p\ntag = a\n", "t.ini:18: [client] has no key \"tag\"; did you mean \"tags.\"?\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[2048], *problems;

        (void)snprintf(text, sizeof text, "%s%s", GOOD, rows[i].text);
        struct settings *s = load(text, &problems);
        assert_string_equal(problems, rows[i].expected);
        assert_null(s);
        free(problems);
    }
}

static void test_config_terms_groups_without_members_are_warned_of(void **state UNUSED)
{
    struct settings *s = load_good(GOOD TEAMS "[client x]\ngroups = blue, plain\n" KEY("X"));

    assert_int_equal(s->warnings_n, 1);
    assert_string_equal(s->warnings[0].text, "no client is in group \"red\"; write groups = red in a [client NAME], or "
                                             "remove the section");
    settings_unref(&s);
}

static void test_config_print_shows_tags_as_they_are_written(void **state UNUSED)
{
    struct settings *s = load_good(GOOD TEAMS "[client x]\ngroups = blue, plain, red\ntags.a = 1 = 2\n" KEY("X"));
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    config_print(s, out);
    fclose(out);
    assert_non_null(strstr(text, "\ntags.team = blue                             ; t.ini:16\ntags.floor = 2 "));
    assert_non_null(strstr(text, "\ntags.a = 1 = 2                               ; t.ini:27\n"));
    assert_non_null(strstr(text, "\npolicy = q, read-only                        ; t.ini:15\n"));
    assert_non_null(strstr(text, "\nallow_from = 10.1.0.0/16, 10.9.9.9/32        ; t.ini:18\n"));
    free(text);
    settings_unref(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_terms_policies_that_count),
        cmocka_unit_test(test_config_terms_are_shared_by_those_who_say_the_same),
        cmocka_unit_test(test_principal_tag_own_then_first_group),
        cmocka_unit_test(test_principal_may_come_from_table),
        cmocka_unit_test(test_config_terms_faults_are_reported),
        cmocka_unit_test(test_config_terms_groups_without_members_are_warned_of),
        cmocka_unit_test(test_config_print_shows_tags_as_they_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
