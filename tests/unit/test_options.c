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

/* Values are words of argv: good until the next one. */
static int parse(const char *const words[WORDS], struct wish *w)
{
    static char texts[WORDS + 1][32];
    char *argv[WORDS + 2] = {strcpy(texts[0], "try")};
    int argc = 1, code = -1;
    bool go_on;

    for (; argc <= WORDS && words[argc - 1]; argc++)
        argv[argc] = strcpy(texts[argc], words[argc - 1]);
    *w = (struct wish){.config = "default"};
    go_on = cli_parse(&command, argc, argv, w, &code);
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

        if (parse(rows[i].words, &w) != rows[i].code || !same(w.verb, e->verb) || !same(w.name, e->name) ||
            !same(w.config, e->config) || w.loud != e->loud || w.quiet != e->quiet || w.seconds != e->seconds)
            fail_msg("row %zu: %s …", i, rows[i].words[0] ? rows[i].words[0] : "no word");
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
        cmocka_unit_test(test_parse_fills_what_the_rows_say),
        cmocka_unit_test(test_every_command_has_a_whole_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
