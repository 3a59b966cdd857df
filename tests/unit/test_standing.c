/* SPDX-License-Identifier: Apache-2.0
 * test_standing.c: a name keeps its number, and no number ever becomes another's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/standing.h"

#include <pthread.h>
#include <stdlib.h>

static void test_standing_numbers_by_kind_and_name(void **state UNUSED)
{
    struct standing *s = standing_new();

    assert_non_null(s);
    assert_int_equal(standing_id(s, STANDING_ENDPOINT, STR("a")), 1);
    assert_int_equal(standing_id(s, STANDING_ENDPOINT, STR("b")), 2);
    assert_int_equal(standing_id(s, STANDING_LISTENER, STR("a")), 1);
    assert_int_equal(standing_id(s, STANDING_ENDPOINT, STR("a")), 1);
    assert_int_equal(standing_id(s, STANDING_ENDPOINT, STR("")), 3);
    assert_int_equal(standing_most(s, STANDING_ENDPOINT), 3);
    assert_int_equal(standing_most(s, STANDING_LINE), 0);
    assert_string_equal(standing_name(s, STANDING_ENDPOINT, 2), "b");
    assert_string_equal(standing_name(s, STANDING_ENDPOINT, 3), "");
    standing_free(&s);
    assert_null(s);
    standing_free(&s);
}

#define SECTIONS                                                                                        \
    "[client alice]\naccess_key_id = AKIDALICE00000000001\nsecret_access_key = s\npolicy = read-only\n" \
    "[credentials one]\nsource = none\n"

static struct settings *load(const char *text)
{
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    char *problems = NULL;
    size_t n;
    FILE *out = open_memstream(&problems, &n);
    struct settings *s = config_load_stream(in, "test.ini", out);

    fclose(in);
    fclose(out);
    if (!s) print_message("%s", problems);
    free(problems);
    assert_non_null(s);
    return s;
}

static const struct endpoint_conf *find(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->endpoints_n; i++)
        if (strcmp(s->endpoints[i].name, name) == 0) return &s->endpoints[i];
    fail_msg("no [endpoint %s]", name);
    return NULL;
}

#define ENDPOINT(name, region)                                                                   \
    "[endpoint " name "]\nregion = " region "\naddresses = 10.0.0.1\ncredentials = one\nname = " \
    "vpce-0a1b2c3d4e5f67890-abcdefgh.s3." region ".vpce.amazonaws.com\n"
#define LISTENER "[listener l]\nmode = forward\nbind = 127.0.0.1:1\n"

/* A section in the middle renumbers nothing; one that was away comes back as itself. */
static void test_standing_numbers_survive_other_settings(void **state UNUSED)
{
    struct standing *st = standing_new();
    struct settings *s = load(LISTENER SECTIONS ENDPOINT("a", "eu-west-1") ENDPOINT("b", "eu-west-2"));
    struct settings *t = load(SECTIONS ENDPOINT("b", "eu-west-2") ENDPOINT("c", "eu-west-3") LISTENER);
    struct settings *u = load(SECTIONS ENDPOINT("a", "eu-west-1") LISTENER);

    assert_true(standing_number(st, s));
    assert_true(standing_number(st, t));
    assert_true(standing_number(st, u));
    assert_int_not_equal(find(s, "a")->id, find(s, "b")->id);
    assert_int_equal(find(s, "b")->id, find(t, "b")->id);
    assert_int_not_equal(find(t, "c")->id, find(s, "a")->id);
    assert_int_equal(find(u, "a")->id, find(s, "a")->id);
    assert_int_equal(s->clients[0].id, u->clients[0].id);
    assert_int_equal(s->listeners[0].id, t->listeners[0].id);
    assert_int_not_equal(s->credentials[0].id, STANDING_NONE);
    settings_unref(&s);
    settings_unref(&t);
    settings_unref(&u);
    standing_free(&st);
}

enum { NAMES = 1000 };

static void *ask_all(void *arg)
{
    uint32_t *ids = calloc(NAMES, sizeof(*ids));

    for (unsigned i = 0; ids && i < NAMES; i++) {
        char name[16];

        snprintf(name, sizeof(name), "name-%u", i);
        ids[i] = standing_id(arg, STANDING_PRINCIPAL, str_from(name));
    }
    return ids;
}

static void test_standing_gives_all_threads_the_same(void **state UNUSED)
{
    struct standing *s = standing_new();
    pthread_t threads[4];
    void *ids[4];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_all, s), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &ids[i]), 0);
        assert_non_null(ids[i]);
        assert_memory_equal(ids[0], ids[i], NAMES * sizeof(uint32_t));
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        free(ids[i]);
    standing_free(&s);
}

/* Clients that come and go, each with a name of its own, do not make it grow for ever; and those that were stay. */
static void test_standing_has_an_end(void **state UNUSED)
{
    struct standing *s = standing_new();
    char name[16];

    for (unsigned i = 1; i <= STANDING_MOST; i++) {
        snprintf(name, sizeof(name), "run-%u", i);
        assert_int_equal(standing_id(s, STANDING_PRINCIPAL, str_from(name)), i);
    }
    assert_int_equal(standing_id(s, STANDING_PRINCIPAL, STR("one more")), STANDING_NONE);
    assert_int_equal(standing_id(s, STANDING_PRINCIPAL, STR("run-7")), 7);
    assert_int_equal(standing_id(s, STANDING_ENDPOINT, STR("one more")), 1);
    standing_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standing_numbers_by_kind_and_name),
        cmocka_unit_test(test_standing_numbers_survive_other_settings),
        cmocka_unit_test(test_standing_gives_all_threads_the_same),
        cmocka_unit_test(test_standing_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
