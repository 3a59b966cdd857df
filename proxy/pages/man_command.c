/* SPDX-License-Identifier: Apache-2.0
 * man_command.c: the man page of a command, from its table. One thread.
 */
#include "pages_impl.h"

#include <ctype.h>

/* --- usage: what is written as it stands is bold, what stands for something is underlined --- */

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || strchr("-:/._=", c) != NULL;
}

/* "NAME", "KEY=VALUE", "s3://BUCKET"; not "vpce-ID.s3…", of which only a part is. */
static bool is_placeholder(struct str word)
{
    bool upper = false;

    if (str_starts(word, STR("s3://"))) word = str_tail(word, 5);
    for (size_t i = 0; i < word.n; i++) {
        if (islower((unsigned char)word.p[i])) return false;
        upper |= isupper((unsigned char)word.p[i]) != 0;
    }
    return upper;
}

static void put_usage_line(struct str line, FILE *out)
{
    while (line.n) {
        size_t n = 0;

        while (n < line.n && in_word(line.p[n]))
            n++;
        if (n && str_find(str_head(line, n), STR("...")) != 0) {
            fputs(is_placeholder(str_head(line, n)) ? "\\fI" : "\\fB", out);
            mdoc_word(str_head(line, n), out);
            fputs("\\fR", out);
        } else {
            n = n ? n : 1;
            mdoc_word(str_head(line, n), out);
        }
        line = str_tail(line, n);
    }
    fputc('\n', out);
}

static void put_synopsis(const struct cli_command *command, FILE *out)
{
    struct str rest = str_from(command->usage), line;

    fputs(".Sh SYNOPSIS\n", out);
    while (str_split(&rest, '\n', &line)) {
        fputs(".Nm s3onramp\n", out);
        put_usage_line(line, out);
    }
}

/* --- options --- */

static void put_option(const struct cli_command *command, const struct cli_option *o, FILE *out)
{
    char verbs[CLI_VERBS];

    if (o->group) {
        fputs(".El\n.Pp\n", out);
        mdoc_text(str_from(o->group), out);
        fputs(".Bl -tag -width Ds\n", out);
    }
    fputs(".It ", out);
    if (o->letter) fprintf(out, "Fl %c , ", o->letter);
    if (o->name) fputs("Fl \\-", out);
    if (o->name) mdoc_word(str_from(o->name), out);
    if (o->value) fputs(o->name ? " Ar " : "Ar ", out);
    if (o->value) mdoc_word(str_from(o->value), out);
    fputc('\n', out);
    if (*cli_verbs_of(command, o, verbs)) fprintf(out, "%s:\n", verbs);
    mdoc_text(str_from(o->help), out);
}

static void put_options(const struct cli_command *command, FILE *out)
{
    bool told = false;

    fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < command->options_n; i++) {
        const struct cli_option *o = &command->options[i];

        if (o->group && !told) put_option(command, &completion_help, out);
        told |= o->group != NULL;
        if (o->help) put_option(command, o, out);
    }
    if (!told) put_option(command, &completion_help, out);
    fputs(".El\n", out);
}

/* --- what stands below them --- */

static bool split_paragraph(struct str *rest, struct str *paragraph)
{
    size_t end = str_find(*rest, STR("\n\n"));

    *paragraph = str_head(*rest, end);
    *rest = end == SIZE_MAX ? STR_NONE : str_tail(*rest, end + 2);
    return paragraph->n != 0;
}

/* Where "Exit code: …" begins, which has a section of its own; else the end. */
static size_t exit_code_at(struct str paragraph)
{
    size_t at = str_find(paragraph, STR("Exit code: "));

    return at == SIZE_MAX ? paragraph.n : at;
}

static void put_more(const struct cli_command *command, FILE *out)
{
    struct str rest = str_from(command->more), paragraph, codes = STR_NONE;

    while (split_paragraph(&rest, &paragraph)) {
        size_t at = exit_code_at(paragraph);

        if (at) fputs(".Pp\n", out);
        if (at) mdoc_text(str_head(paragraph, at), out);
        if (at < paragraph.n) codes = str_tail(paragraph, at + strlen("Exit code: "));
    }
    if (!codes.n) return;
    fputs(".Sh EXIT STATUS\n", out);
    mdoc_text(codes, out);
}

static void put_example(const struct cli_command *command, FILE *out)
{
    struct str rest = str_from(command->example), line;

    fputs(".Sh EXAMPLES\n.Bd -literal -offset indent\n", out);
    while (str_split(&rest, '\n', &line)) {
        mdoc_word(line, out);
        fputc('\n', out);
    }
    fputs(".Ed\n", out);
}

void man_command(const struct cli_command *command, FILE *out)
{
    fputs(".\\\" SPDX-License-Identifier: Apache-2.0\n.Dd ", out);
    mdoc_date(out);
    fputs("\n.Dt S3ONRAMP-", out);
    for (const char *c = command->name; *c; c++)
        fputc(toupper((unsigned char)*c), out);
    fprintf(out, " 1\n.Os\n.Sh NAME\n.Nm s3onramp-%s\n.Nd ", command->name);
    mdoc_word(str_from(command->summary), out);
    fputc('\n', out);
    put_synopsis(command, out);
    fputs(".Sh DESCRIPTION\n", out);
    mdoc_text(str_from(command->about), out);
    fputs(".Pp\nThe options are:\n", out);
    put_options(command, out);
    put_more(command, out);
    put_example(command, out);
    fputs(".Sh SEE ALSO\n.Xr s3onramp 1 ,\n.Xr s3onramp.ini 5\n", out);
}
