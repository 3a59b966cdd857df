/* SPDX-License-Identifier: Apache-2.0
 * test_options.c: what a command's words and options come to, and that every command's table is whole.
 */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS = 8 };

struct wish {
    const char *verb, *name, *config;
    bool loud, quiet;
    int seconds;
};

static int take_seconds(const struct cli_option *option, void *to, const char *value)
{
    (void)option;
    ((struct wish *)to)->seconds = atoi(value);
    return atoi(value) > 0 ? CLI_FINE : CLI_USAGE;
}

static const struct cli_option options[] = {
    {.value = "VERB", .at = offsetof(struct wish, verb)},
    CLI_CONFIG_OPTION(struct wish, config),
    {.name = "loud", .letter = 'l', .at = offsetof(struct wish, loud), .help = "louder"},
    {.value = "NAME", .at = offsetof(struct wish, name)},
    {.name = "quiet", .at = offsetof(struct wish, quiet), .help = "quieter"},
    {.name = "seconds", .value = "N", .take = take_seconds, .help = "how long"},
};

static const struct cli_command command = {
    .name = "try",
    .usage = "try VERB",
    .about = "Tries.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .example = "s3onramp try it",
};

static const struct cli_option options_of_verbs[] = {
    {.value = "make|show|end", .at = offsetof(struct wish, verb)},
    {.value = "NAME", .of = "make|end", .at = offsetof(struct wish, name)},
    {.name = "loud", .letter = 'l', .of = "show", .at = offsetof(struct wish, loud), .help = "louder"},
    {.name = "quiet", .at = offsetof(struct wish, quiet), .help = "quieter"},
    {.name = "as", .value = "text|json", .at = offsetof(struct wish, config), .help = "how"},
};

static const struct cli_command command_of_verbs = {
    .name = "try",
    .usage = "try VERB",
    .about = "Tries.",
    .options = options_of_verbs,
    .options_n = ARRAY_LEN(options_of_verbs),
    .example = "s3onramp try it",
};

/* Values are words of argv: good until the next one. */
static int parse(const struct cli_command *of, const char *const words[WORDS], struct wish *w)
{
    static char texts[WORDS + 1][32];
    char *argv[WORDS + 2] = {strcpy(texts[0], "try")};
    int argc = 1, code = -1;
    bool go_on;

    for (; argc <= WORDS && words[argc - 1]; argc++)
        argv[argc] = strcpy(texts[argc], words[argc - 1]);
    *w = (struct wish){.config = "default"};
    go_on = cli_parse(of, argc, argv, w, &code);
    assert_int_equal(go_on, code == CLI_FINE && (argc < 2 || strcmp(words[0], "--help") != 0));
    return code;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void test_parse_fills_what_the_rows_say(void **state)
{
    static const struct {
        const char *words[WORDS];
        int code;
        struct wish expected;
    } rows[] = {
        {{0}, CLI_FINE, {.config = "default"}},
        {{"go"}, CLI_FINE, {.config = "default", .verb = "go"}},
        {{"go", "on"}, CLI_FINE, {.config = "default", .verb = "go", .name = "on"}},
        {{"--loud", "go", "-c", "f", "on", "--quiet"}, CLI_FINE, {"go", "on", "f", true, true, 0}},
        {{"-lc", "f"}, CLI_FINE, {.config = "f", .loud = true}},
        {{"-cf", "--seconds=5"}, CLI_FINE, {.config = "f", .seconds = 5}},
        {{"--conf", "f", "--seconds", "7"}, CLI_FINE, {.config = "f", .seconds = 7}},
        {{"--", "--loud"}, CLI_FINE, {.config = "default", .verb = "--loud"}},
        {{"--help", "--nonsense"}, CLI_FINE, {.config = "default"}},
        {{"go", "on", "more"}, CLI_USAGE, {.config = "default", .verb = "go", .name = "on"}},
        {{"--seconds", "0", "go"}, CLI_USAGE, {.config = "default"}},
        {{"--nonsense"}, CLI_USAGE, {.config = "default"}},
        {{"-x"}, CLI_USAGE, {.config = "default"}},
        {{"-c"}, CLI_USAGE, {.config = "default"}},
        {{"--seconds"}, CLI_USAGE, {.config = "default"}},
        {{"--loud=1"}, CLI_USAGE, {.config = "default"}},
        {{"--quiet=1"}, CLI_USAGE, {.config = "default"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct wish *e = &rows[i].expected;
        struct wish w;

        if (parse(&command, rows[i].words, &w) != rows[i].code || !same(w.verb, e->verb) || !same(w.name, e->name) ||
            !same(w.config, e->config) || w.loud != e->loud || w.quiet != e->quiet || w.seconds != e->seconds)
            fail_msg("row %zu: %s …", i, rows[i].words[0] ? rows[i].words[0] : "no word");
    }
}

static void test_verb_takes_what_is_its_own(void **state)
{
    static const struct {
        const char *words[WORDS];
        int code;
    } rows[] = {
        {{"make"}, CLI_FINE},
        {{"make", "it", "--quiet"}, CLI_FINE},
        {{"--loud", "show"}, CLI_FINE},
        {{"show", "--as", "json"}, CLI_FINE},
        {{"end", "it"}, CLI_FINE},
        {{0}, CLI_USAGE},
        {{"--quiet"}, CLI_USAGE},
        {{"mak"}, CLI_USAGE},
        {{"make|show"}, CLI_USAGE},
        {{"make", "it", "--loud"}, CLI_USAGE},
        {{"-l", "end"}, CLI_USAGE},
        {{"show", "it"}, CLI_USAGE},
        {{"make", "it", "all"}, CLI_USAGE},
        {{"show", "--as", "xml"}, CLI_USAGE},
        {{"show", "--as", ""}, CLI_USAGE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wish w;

        if (parse(&command_of_verbs, rows[i].words, &w) != rows[i].code)
            fail_msg("row %zu: %s …", i, rows[i].words[0] ? rows[i].words[0] : "no word");
    }
}

static void test_verbs_of_an_option_in_words(void **state)
{
    char out[CLI_VERBS];

    (void)state;
    assert_string_equal(cli_verbs_of(&command_of_verbs, &options_of_verbs[1], out), "all but show");
    assert_string_equal(cli_verbs_of(&command_of_verbs, &options_of_verbs[2], out), "show");
    assert_string_equal(cli_verbs_of(&command_of_verbs, &options_of_verbs[3], out), "");
}

static bool each_is_in(const char *words, const char *all)
{
    struct str rest = str_from(words), word;
    char one[64], list[256];

    snprintf(list, sizeof(list), "|%s|", all);
    while (str_split(&rest, '|', &word)) {
        snprintf(one, sizeof(one), "|%.*s|", STR_ARG(word));
        if (!strstr(list, one)) return false;
    }
    return true;
}

static const struct cli_option *option_named(const struct cli_command *c, struct str name)
{
    for (size_t i = 0; i < c->options_n; i++)
        if (c->options[i].name && str_eq(str_from(c->options[i].name), name)) return &c->options[i];
    return NULL;
}

/* "client disable|remove NAME [--now]": both verbs are there, and take it. */
static void check_usage_line(const struct cli_command *c, struct str line)
{
    struct str rest = line, name, verbs, option;
    char text[256];
    size_t at;

    assert_true(str_split(&rest, ' ', &name));
    assert_true(str_split(&rest, ' ', &verbs));
    assert_true(str_to_cstr(verbs, text, sizeof(text)));
    if (!each_is_in(text, cli_verbs(c))) fail_msg("%s has no verb %s", c->name, text);
    while ((at = str_find(rest, STR("--"))) != SIZE_MAX) {
        rest = str_tail(rest, at + 2);
        option = str_head(rest, strcspn(rest.p, " =]|\n"));
        const struct cli_option *o = option_named(c, option);
        if (!o || (o->of && !each_is_in(text, o->of)))
            fail_msg("%s %s does not take --%.*s", c->name, text, STR_ARG(option));
    }
}

static void test_verbs_are_the_commands_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_commands_n; i++) {
        const struct cli_command *c = cli_commands[i];
        struct str usage = str_from(c->usage), line;

        for (size_t j = 0; j < c->options_n; j++)
            if (c->options[j].of && (!cli_verbs(c) || !each_is_in(c->options[j].of, cli_verbs(c))))
                fail_msg("%s: row %zu is of verbs that there are not", c->name, j);
        while (cli_verbs(c) && str_split(&usage, '\n', &line))
            check_usage_line(c, line);
    }
}

static void test_every_command_has_a_whole_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_commands_n; i++) {
        const struct cli_command *c = cli_commands[i];

        if (!c->name || !c->summary || !c->run || !c->usage || !c->about || !c->example ||
            strncmp(c->brief, c->name, strlen(c->name)) != 0 || strncmp(c->usage, c->name, strlen(c->name)) != 0)
            fail_msg("command %zu (%s) lacks something", i, c->name ? c->name : "?");
        for (size_t j = 0; j < c->options_n; j++)
            if (c->options[j].name ? !c->options[j].help : !c->options[j].value)
                fail_msg("%s: row %zu lacks something", c->name, j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_fills_what_the_rows_say), cmocka_unit_test(test_verb_takes_what_is_its_own),
        cmocka_unit_test(test_verbs_of_an_option_in_words),   cmocka_unit_test(test_verbs_are_the_commands_own),
        cmocka_unit_test(test_every_command_has_a_whole_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
