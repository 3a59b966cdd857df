/* SPDX-License-Identifier: Apache-2.0
 * options.c: a command's words and options, and its help, from its table (struct cli_command). One thread.
 */
#include "cli/cli.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>

enum { HELP_COLUMN_MOST = 26, OPTIONS_MOST = 31 /* of one command: below what can be typed as a letter */ };

static const struct cli_option help_option = {.name = "help", .letter = 'h', .help = "this text"};

/* --- fixed words; verbs are such --- */

bool cli_is_words(const char *value)
{
    for (const char *c = value; *c; c++)
        if (!islower((unsigned char)*c) && *c != '|') return false;
    return strchr(value, '|') != NULL;
}

static bool lists(struct str words, struct str word)
{
    struct str one;

    while (str_split(&words, '|', &one))
        if (str_eq(one, word)) return true;
    return false;
}

/* "init, show and renew", if @last is " and "; those that are not in @but (NULL: all). Returns how many. */
static size_t list_words(const char *words, const char *but, const char *last, char out[CLI_VERBS])
{
    struct sbuf b = sbuf_make(out, CLI_VERBS - 1);
    struct str rest = str_from(words), one, before = STR_NONE;
    size_t n = 0;

    while (str_split(&rest, '|', &one)) {
        if (but && lists(str_from(but), one)) continue;
        if (n++) sbuf_printf(&b, "%s%.*s", n > 2 ? ", " : "", STR_ARG(before));
        before = one;
    }
    sbuf_printf(&b, "%s%.*s", n > 1 ? last : "", STR_ARG(before));
    ASSERT(!b.overflow);
    out[b.n] = '\0';
    return n;
}

const char *cli_verbs(const struct cli_command *command)
{
    for (size_t i = 0; i < command->options_n; i++)
        if (!command->options[i].name)
            return cli_is_words(command->options[i].value) ? command->options[i].value : NULL;
    return NULL;
}

const char *cli_verbs_of(const struct cli_command *command, const struct cli_option *option, char out[CLI_VERBS])
{
    char others[CLI_VERBS];

    out[0] = '\0';
    if (!option->of) return out;
    if (strchr(option->of, '|') && list_words(cli_verbs(command), option->of, ", ", others) == 1)
        snprintf(out, CLI_VERBS, "all but %.100s", others);
    else
        list_words(option->of, NULL, ", ", out);
    return out;
}

/* --- help --- */

/* "  -c, --config FILE", "  ENDPOINT"; its length. */
static int option_text(const struct cli_option *o, char out[80])
{
    const char *value = o->value ? o->value : "";

    if (!o->name) return snprintf(out, 80, "  %s", value);
    if (o->letter) return snprintf(out, 80, "  -%c, --%s%s%s", o->letter, o->name, *value ? " " : "", value);
    return snprintf(out, 80, "      --%s%s%s", o->name, *value ? " " : "", value);
}

static int help_column(const struct cli_command *command)
{
    char text[80];
    int most = option_text(&help_option, text) + 3;

    for (size_t i = 0; i < command->options_n; i++) {
        int n = command->options[i].help ? option_text(&command->options[i], text) + 3 : 0;

        if (n > most) most = n;
    }
    return most < HELP_COLUMN_MOST ? most : HELP_COLUMN_MOST;
}

/* Is @o taken by @verb (NULL: any)? */
static bool fits(const struct cli_option *o, const char *verb)
{
    return !verb || !o->of || lists(str_from(o->of), str_from(verb));
}

/* The verbs that it is of are told where the help is not about one. */
static void print_option(const struct cli_command *command, const struct cli_option *o, const char *verb, int column)
{
    struct str rest = str_from(o->help), line;
    char text[80], verbs[CLI_VERBS];
    int n = option_text(o, text);

    if (o->group) printf("\n%s\n", o->group);
    verbs[0] = '\0';
    if (!verb) cli_verbs_of(command, o, verbs);
    for (bool first = true; str_split(&rest, '\n', &line); first = false)
        printf("%-*s%s%s%s%.*s\n", column, first ? text : "", first && n >= column ? " " : "", first ? verbs : "",
               first && *verbs ? ": " : "", STR_ARG(line));
}

/* Each line of @text after @first, then @next. */
static void print_lines(const char *text, const char *first, const char *next)
{
    struct str rest = str_from(text), line;

    for (bool begun = false; str_split(&rest, '\n', &line); begun = true)
        printf("%s%.*s\n", begun ? next : first, STR_ARG(line));
}

/* The lines about @verb: "client disable|remove NAME"; NULL: all. */
static void print_usage(const struct cli_command *command, const char *verb)
{
    struct str rest = str_from(command->usage), line, left, verbs = STR_NONE;
    const char *before = "Usage:";

    while (str_split(&rest, '\n', &line)) {
        left = line;
        if (verb && (!str_split(&left, ' ', &verbs) || !str_split(&left, ' ', &verbs) || !lists(verbs, str_from(verb))))
            continue;
        printf("%-6s s3onramp %.*s\n", before, STR_ARG(line));
        before = "";
    }
}

/* --help stands at the end of those that are in no group. */
static void print_options(const struct cli_command *command, const char *verb)
{
    int column = help_column(command);
    bool told = false;

    for (size_t i = 0; i < command->options_n; i++) {
        const struct cli_option *o = &command->options[i];

        if (o->group && !told) print_option(command, &help_option, verb, column);
        told |= o->group != NULL;
        if (o->help && fits(o, verb)) print_option(command, o, verb, column);
    }
    if (!told) print_option(command, &help_option, verb, column);
}

static void print_help(const struct cli_command *command, const char *verb)
{
    print_usage(command, verb);
    putchar('\n');
    print_lines(command->about, "", "");
    putchar('\n');
    print_options(command, verb);
    if (command->more) printf("\n%s\n", command->more);
    printf("\nExample:\n");
    print_lines(command->example, "  ", "  ");
}

/* --- what was written --- */

/* As getopt_long knows it: its letter, or a number of its own. */
static int code_of(const struct cli_command *command, const struct cli_option *o)
{
    return o->letter ? o->letter : (int)(o - command->options) + 1;
}

static const struct cli_option *find_option(const struct cli_command *command, int code)
{
    for (size_t i = 0; i < command->options_n; i++)
        if (command->options[i].name && code_of(command, &command->options[i]) == code) return &command->options[i];
    return NULL;
}

static void fill(const struct cli_command *command, struct option options[OPTIONS_MOST + 2], char *letters)
{
    size_t n = 0;

    ASSERT(command->options_n <= OPTIONS_MOST);
    *letters++ = ':';
    for (size_t i = 0; i < command->options_n; i++) {
        const struct cli_option *o = &command->options[i];

        if (!o->name) continue;
        options[n++] = (struct option){o->name, o->value ? required_argument : no_argument, NULL, code_of(command, o)};
        if (o->letter) *letters++ = o->letter;
        if (o->letter && o->value) *letters++ = ':';
    }
    options[n++] = (struct option){help_option.name, no_argument, NULL, help_option.letter};
    *letters++ = help_option.letter;
    *letters = '\0';
    options[n] = (struct option){0};
}

/* @word: "--conifg", "--conifg=FILE"; NULL: none is near. */
static const char *nearest_option(const struct cli_command *command, struct str word)
{
    const char *names[OPTIONS_MOST];
    size_t n = 0;

    if (!str_starts(word, STR("--"))) return NULL;
    for (size_t i = 0; i < command->options_n; i++)
        if (command->options[i].name) names[n++] = command->options[i].name;
    return str_nearest(str_head(str_tail(word, 2), str_index(str_tail(word, 2), '=')), names, n);
}

/* @code: what getopt_long returned for it, '?' or ':'. */
static int wrong_option(const struct cli_command *command, int code, char *const *argv)
{
    /* The word at fault: the one before optind, except in the middle of a group of short options. */
    const char *word = optind > 0 ? argv[optind - 1] : "", *nearest;

    if (code == ':') return cli_wrong_usage(command->name, "option %s needs a value", word);
    if (optopt && word[0] == '-' && word[1] == '-')
        return cli_wrong_usage(command->name, "option %s takes no value", word);
    if (optopt) return cli_wrong_usage(command->name, "there is no option -%c", optopt);
    nearest = nearest_option(command, str_from(word));
    return cli_wrong_usage(command->name, "there is no option %s%s%s%s", word, nearest ? "; did you mean --" : "",
                           nearest ? nearest : "", nearest ? "?" : "");
}

static int take(const struct cli_command *command, const struct cli_option *o, void *to, const char *value)
{
    char *at = (char *)to + o->at, words[CLI_VERBS];

    if (o->name && o->value && cli_is_words(o->value) && !lists(str_from(o->value), str_from(value))) {
        list_words(o->value, NULL, " or ", words);
        return cli_wrong_usage(command->name, "--%s %s: write %s", o->name, value, words);
    }
    if (o->take) return o->take(o, to, value);
    if (o->value)
        *(const char **)(void *)at = value;
    else
        *(bool *)at = true;
    return CLI_FINE;
}

/* @verb: NULL: there is none, or none was said. @given: a bit for each row of the command's options. */
static int judge_verb(const struct cli_command *command, const char *verb, uint32_t given)
{
    const char *verbs = cli_verbs(command);
    char words[CLI_VERBS];

    if (verbs && (!verb || !lists(str_from(verbs), str_from(verb)))) {
        list_words(verbs, NULL, verb ? " and " : " or ", words);
        return verb ? cli_wrong_usage(command->name, "there is no `%s %s`; there are %s", command->name, verb, words)
                    : cli_wrong_usage(command->name, "say what to do: %s", words);
    }
    for (size_t i = 0; i < command->options_n; i++) {
        const struct cli_option *o = &command->options[i];

        if (!(given >> i & 1) || fits(o, verb)) continue;
        return cli_wrong_usage(command->name, "`%s %s` takes no %s%s; that goes with %s", command->name, verb,
                               o->name ? "--" : "", o->name ? o->name : o->value, cli_verbs_of(command, o, words));
    }
    return CLI_FINE;
}

static int take_words(const struct cli_command *command, void *to, int n, char **words, uint32_t given)
{
    const char *verb = n > 0 ? *words : NULL;

    for (size_t i = 0; n > 0 && i < command->options_n; i++) {
        if (command->options[i].name) continue;
        if (take(command, &command->options[i], to, *words) != CLI_FINE) return CLI_USAGE;
        given |= UINT32_C(1) << i;
        words++;
        n--;
    }
    if (judge_verb(command, verb, given) != CLI_FINE) return CLI_USAGE;
    if (n == 0) return CLI_FINE;
    return cli_wrong_usage(command->name, "there is nothing to do with \"%s\"%s", *words,
                           str_ends(str_from(*words), STR(".ini")) ? "; name the file with -c" : "");
}

/* The word that is one; NULL: none is. */
static const char *find_verb(const struct cli_command *command, int argc, char *const *argv)
{
    const char *verbs = cli_verbs(command);

    for (int i = 1; verbs && i < argc; i++)
        if (lists(str_from(verbs), str_from(argv[i]))) return argv[i];
    return NULL;
}

bool cli_parse(const struct cli_command *command, int argc, char **argv, void *to, int *exit_code)
{
    struct option options[OPTIONS_MOST + 2];
    char letters[3 * OPTIONS_MOST];
    uint32_t given = 0;
    int code;

    fill(command, options, letters);
    optind = 0; /* not 1: glibc then also forgets the word it was in */
    opterr = 0;
    *exit_code = CLI_FINE;
    while (*exit_code == CLI_FINE && (code = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        const struct cli_option *o = find_option(command, code);

        if (code == help_option.letter) {
            print_help(command, find_verb(command, argc, argv));
            return false;
        }
        if (o) given |= UINT32_C(1) << (o - command->options);
        *exit_code = o ? take(command, o, to, optarg) : wrong_option(command, code, argv);
    }
    if (*exit_code == CLI_FINE) *exit_code = take_words(command, to, argc - optind, argv + optind, given);
    return *exit_code == CLI_FINE;
}
