/* SPDX-License-Identifier: Apache-2.0
 * cli.c: what the commands share: problems, options, colours. One thread. Owns nothing.
 */
#include "cli/cli.h"

#include "base/readable.h"
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

static bool is_printable(char c)
{
    return c >= 0x20 && c < 0x7f;
}

static bool is_plain_word(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

    return *text && strspn(text, plain) == strlen(text);
}

const char *cli_quote(const char *text, char out[CLI_QUOTED])
{
    struct sbuf b = sbuf_make(out, CLI_QUOTED - 1);
    bool strange = false;

    for (const char *p = text; *p; p++)
        strange |= !is_printable(*p);
    if (!is_plain_word(text)) sbuf_add(&b, strange ? STR("$'") : STR("'"));
    for (const char *p = text; *p; p++) {
        if (!is_printable(*p))
            sbuf_printf(&b, "\\%03o", (unsigned char)*p);
        else if (strange && (*p == '\'' || *p == '\\'))
            sbuf_printf(&b, "\\%c", *p);
        else if (*p == '\'')
            sbuf_add(&b, STR("'\\''"));
        else
            sbuf_char(&b, *p);
    }
    if (!is_plain_word(text)) sbuf_char(&b, '\'');
    out[b.n] = '\0';
    return out;
}

/* Paths and words of other files are in there. */
static void print_problem(const char *fmt, va_list args)
{
    char text[4096];

    if (vsnprintf(text, sizeof text, fmt, args) < 0) text[0] = '\0';
    if (problems_copy) fprintf(problems_copy, "%s\n", text);
    fprintf(stderr, "%ss3onramp:%s ", cli_color(stderr, CLI_RED), cli_color(stderr, CLI_PLAIN));
    readable_put(stderr, text);
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

void cli_owner_hint(const char *path)
{
    char quoted[CLI_QUOTED];
    struct stat st;

    if (geteuid() != 0 || (stat(path, &st) == 0 && st.st_gid != 0 && st.st_mode & S_IRGRP)) return;
    fprintf(stderr, "If the proxy runs as another user, let that user read it: chown " SECRET_PROXY_USER " %s\n",
            cli_quote(path, quoted));
}

bool cli_parse_span(const char *text, uint64_t most_s, uint64_t *seconds)
{
    static const struct {
        char unit;
        uint64_t s;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct str number = str_from(text);
    uint64_t n;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (number.n == 0 || number.p[number.n - 1] != units[i].unit) continue;
        if (!str_to_u64(str_head(number, number.n - 1), &n) || n > most_s / units[i].s) return false;
        *seconds = n * units[i].s;
        return true;
    }
    return false;
}
