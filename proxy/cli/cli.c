/* SPDX-License-Identifier: Apache-2.0
 * cli.c: what the commands share: problems, options, colours. One thread. Owns nothing.
 */
#include "cli/cli.h"

#include "base/secret.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

const char *cli_color(FILE *out, enum cli_color color)
{
    static const char *const codes[] = {
        [CLI_PLAIN] = "\033[0m", [CLI_RED] = "\033[31m", [CLI_GREEN] = "\033[32m", [CLI_BOLD] = "\033[1m"};
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    if ((no_color && *no_color) || (term && strcmp(term, "dumb") == 0) || !isatty(fileno(out))) return "";
    return codes[color];
}

static FILE *problems_copy; /* borrowed; NULL: there is none */

void cli_copy_problems(FILE *copy)
{
    problems_copy = copy;
}

static void print_problem(const char *fmt, va_list args)
{
    va_list again;

    if (problems_copy) {
        va_copy(again, args);
        vfprintf(problems_copy, fmt, again);
        va_end(again);
        fputc('\n', problems_copy);
    }
    fprintf(stderr, "%ss3onramp:%s ", cli_color(stderr, CLI_RED), cli_color(stderr, CLI_PLAIN));
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

int cli_problem(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_problem(fmt, args);
    va_end(args);
    return CLI_PROBLEM;
}

int cli_problem_err(const struct err *err)
{
    const char *text = err->detail[0] ? err->detail : err_info(err->code)->text;

    if (err->sys_errno == 0) return cli_problem("%s", text);
    return cli_problem("%s (%s)", text, strerror(err->sys_errno));
}

int cli_wrong_usage(const char *command, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_problem(fmt, args);
    va_end(args);
    fprintf(stderr, "Try `s3onramp %s --help`.\n", command);
    return CLI_USAGE;
}

int cli_wrong_option(const char *command, int option, char *const *argv)
{
    /* The word at fault: the one before optind, except in the middle of a group of short options. */
    const char *word = optind > 0 ? argv[optind - 1] : "";

    if (option == ':') return cli_wrong_usage(command, "option %s needs a value", word);
    if (optopt && optopt < 256 && word[0] == '-' && word[1] == '-')
        return cli_wrong_usage(command, "option %s takes no value", word);
    if (optopt) return cli_wrong_usage(command, "there is no option -%c", optopt);
    return cli_wrong_usage(command, "there is no option %s", word);
}

/* 0, not 1: glibc then also forgets the word it was in. */
void cli_options_start(void)
{
    optind = 0;
    opterr = 0;
}

void cli_owner_hint(const char *path)
{
    if (geteuid() != 0) return;
    fprintf(stderr, "If the proxy runs as another user, let that user read it: chown " SECRET_PROXY_USER " %s\n", path);
}
