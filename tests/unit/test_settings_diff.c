/* SPDX-License-Identifier: Apache-2.0
 * test_settings_diff.c: what is said when one configuration takes the place of another.
 */
#include "config/settings_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BASE                                                                 \
    "[listener l]\nmode = endpoint\nbind = 127.0.0.1:9000\nanonymous = me\n" \
    "[endpoint e]\nregion = ap-northeast-1\naddresses = 10.0.0.1\n"          \
    "[credentials default]\naccess_key_id = AKIDEXAMPLE\nsecret_access_key = wJalrXUtn\n"
#define ME "[client me]\npolicy = allow-all\n"
#define GOOD BASE ME
#define KEY "access_key_id = AKBOBBOBBOBBOBBOB\nsecret_access_key = "
#define BOB "[client bob]\npolicy = read-only\n" KEY "bobs-secret-1\n"

static struct settings *load(const char *text)
{
    char *problems = NULL;
    size_t n = 0;
    FILE *in = fmemopen((char *)text, strlen(text), "r"), *out = open_memstream(&problems, &n);

    assert_true(in && out);
    struct settings *s = config_load_stream(in, "t.ini", out);
    fclose(in);
    fclose(out);
    assert_string_equal(problems, "");
    free(problems);
    return s;
}

static char *say(const struct settings *before, const struct settings *after, const struct settings_kept *kept)
{
    struct settings_diff d;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    settings_diff_init(&d, before, after, kept);
    for (size_t i = 0; i < SETTINGS_CHANGES_N; i++)
        for (size_t k = 0; k < d.v[i].n; k++)
            fprintf(out, "%s: %s\n", settings_change_name((enum settings_change)i), d.v[i].v[k]);
    fclose(out);
    assert_int_equal(settings_diff_is_empty(&d), n == 0);
    settings_diff_clear(&d);
    return text;
}

static const struct {
    const char *name, *before, *after, *expected;
} rows[] = {
    {"nothing", GOOD, GOOD, ""},
    {"comments and order are no change", GOOD "[log]\nlevel = warn\n[server]\nworkers = 2\n",
     "# new\n[server]\nworkers = 2\n[log]\nlevel = warn\n" ME BASE, ""},
    {"the default, written down", GOOD, GOOD "[server]\nmax_connections = 8000\nidle_timeout = 2m\n", ""},
    {"another way to write it", GOOD "[server]\nidle_timeout = 60s\n", GOOD "[server]\nidle_timeout = 1m\n", ""},
    {"from a default", GOOD, GOOD "[server]\nmax_connections = 9000\n",
     "changed: [server] max_connections: from 8000 to 9000\n"},
    {"to a default", GOOD "[log]\naccess = off\n", GOOD, "changed: [log] access: from off to -\n"},
    {"from nothing", GOOD, GOOD "[ca]\ncrl = http://10.0.0.1:9000/-/ca.crl\n",
     "changed: [ca] crl: from nothing to http://10.0.0.1:9000/-/ca.crl (for new connections)\n"},
    {"a client comes", GOOD, GOOD BOB, "added: [client bob]\n"},
    {"a client goes", GOOD BOB, GOOD, "removed: [client bob]\n"},
    {"a client gets another name", GOOD BOB, GOOD "[client eve]\npolicy = read-only\n" KEY "bobs-secret-1\n",
     "added: [client eve]\nremoved: [client bob]\n"},
    {"a secret is not shown", GOOD BOB, GOOD "[client bob]\npolicy = allow-all\n" KEY "bobs-secret-2\n",
     "changed: [client bob] policy: from read-only to allow-all\n"
     "changed: [client bob] secret_access_key: changed\n"},
    {"a secret comes from elsewhere and is the same", GOOD "[client bob]\npolicy = read-only\n" KEY "bobs-secret-1\n",
     GOOD "[client bob]\npolicy = read-only\n" KEY "env:S3ONRAMP_TEST_BOB\n", ""},
    {"a group comes, its member's tags change",
     GOOD "[client bob]\npolicy = read-only\ntags.team = a\n" KEY "bobs-secret-1\n",
     GOOD "[group g]\ntags.floor = 1\n[client bob]\npolicy = read-only\ngroups = g\ntags.team = a\ntags.b = c\n" KEY
          "bobs-secret-1\n",
     "added: [group g]\n"
     "changed: [client bob] groups: from nothing to g\n"
     "changed: [client bob] tags.KEY: from team=a to team=a, b=c\n"},
    {"addresses", GOOD,
     "[listener l]\nmode = endpoint\nbind = 127.0.0.1:9000\nanonymous = me\n"
     "[endpoint e]\nregion = ap-northeast-1\naddresses = 10.0.0.1, 10.0.0.2:8443\n"
     "[credentials default]\naccess_key_id = AKIDEXAMPLE\nsecret_access_key = wJalrXUtn\n" ME,
     "changed: [endpoint e] addresses: from 10.0.0.1:443 to 10.0.0.1:443, 10.0.0.2:8443\n"},
    {"a restart", GOOD "[server]\nworkers = 2\n", GOOD "[server]\nworkers = 4\n",
     "restart: [server] workers: 2 stays in force, 4 counts from the next start: threads, with all that they keep, are "
     "made when the program starts\n"},
};

static void test_settings_diff_says_what_changed(void **state UNUSED)
{
    setenv("S3ONRAMP_TEST_BOB", "bobs-secret-1", 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settings *before = load(rows[i].before), *after = load(rows[i].after);
        struct settings_kept *kept = settings_kept_new(before);
        char *text = say(before, after, kept);

        if (strcmp(text, rows[i].expected) != 0) print_error("%s\n", rows[i].name);
        assert_string_equal(text, rows[i].expected);
        free(text);
        settings_kept_free(&kept);
        settings_unref(&before);
        settings_unref(&after);
    }
    unsetenv("S3ONRAMP_TEST_BOB");
}

/* The second time nothing changed in the file, and the first value is still the one in force. */
static void test_settings_diff_restart_is_said_until_it_comes(void **state UNUSED)
{
    struct settings *first = load(GOOD), *second = load(GOOD "[log]\nbuffer = 128\n");
    struct settings_kept *kept = settings_kept_new(first);
    struct str_list waiting = {0};
    char *text = say(second, second, kept);

    assert_non_null(strstr(text, "restart: [log] buffer: 4096 stays in force, 128 counts from the next start: "));
    free(text);
    settings_diff_restart(kept, second, &waiting);
    assert_int_equal(waiting.n, 1);
    free(waiting.v[0]);
    free(waiting.v);
    text = say(second, first, kept);
    assert_string_equal(text, "");
    free(text);
    settings_kept_free(&kept);
    settings_unref(&first);
    settings_unref(&second);
}

/* Clients 0 to @n - 1. */
static struct settings *with_clients(size_t n, const char *policy)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    fputs(GOOD, out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "[client c%03zu]\npolicy = %s\naccess_key_id = AKCLIENT%08zu\nsecret_access_key = secret\n", i,
                policy, i);
    fclose(out);
    struct settings *s = load(text);
    free(text);
    return s;
}

static void test_settings_diff_counts_where_there_are_many(void **state UNUSED)
{
    static const char *const names = ": c000, c001, c002, c003, c004, c005, c006, c007, c008, c009, and 290 more\n";
    struct settings *none = load(GOOD), *many = with_clients(300, "read-only"), *other = with_clients(300, "allow-all");
    const struct {
        const struct settings *before, *after;
        const char *what;
    } ways[] = {{none, many, "added"}, {many, none, "removed"}, {many, other, "changed"}};
    struct settings_kept *kept = settings_kept_new(none);
    char expected[256];

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        char *text = say(ways[i].before, ways[i].after, kept);

        snprintf(expected, sizeof expected, "%s: 300 sections [client …]%s", ways[i].what, names);
        assert_string_equal(text, expected);
        free(text);
    }
    settings_kept_free(&kept);
    settings_unref(&none);
    settings_unref(&many);
    settings_unref(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_settings_diff_says_what_changed),
                                       cmocka_unit_test(test_settings_diff_restart_is_said_until_it_comes),
                                       cmocka_unit_test(test_settings_diff_counts_where_there_are_many)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
