/* SPDX-License-Identifier: Apache-2.0
 * completion_zsh.c: each command's words and options, for _arguments of zsh (conf/packaging/pages/_s3onramp.in). One
 * thread.
 */
#include "pages_impl.h"

static void put_message(struct str text, FILE *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr(":[]\\", text.p[i])) fputc('\\', out);
        if (text.p[i] == '\'')
            fputs("'\\''", out);
        else
            fputc(text.p[i], out);
    }
}

/* ":MESSAGE:ACTION" */
static void put_value(const struct cli_option *o, FILE *out)
{
    enum value_kind kind = completion_kind(o);
    struct str rest = str_from(o->value), word;

    if (kind == VALUE_NONE) return;
    fputc(':', out);
    put_message(str_from(o->value), out);
    fputc(':', out);
    if (kind == VALUE_FILE) fputs("_files", out);
    if (kind == VALUE_OTHER) fputc(' ', out);
    if (kind == VALUE_NAMES) fprintf(out, "_s3onramp_names %s", o->names);
    if (kind != VALUE_WORDS) return;
    for (char before = '('; str_split(&rest, '|', &word); before = ' ')
        fprintf(out, "%c%.*s", before, STR_ARG(word));
    fputc(')', out);
}

/* Options that take something may stand several times. */
static void put_option(const struct cli_option *o, FILE *out)
{
    fputc('\'', out);
    if (o->value)
        fputc('*', out);
    else if (o->letter)
        fprintf(out, "(-%c --%s)", o->letter, o->name);
    if (o->letter) fprintf(out, "'{-%c%s,--%s%s}'", o->letter, o->value ? "+" : "", o->name, o->value ? "=" : "");
    if (!o->letter) fprintf(out, "--%s%s", o->name, o->value ? "=" : "");
    fputc('[', out);
    put_message(completion_brief(o), out);
    fputc(']', out);
    put_value(o, out);
    fputc('\'', out);
}

/* What _arguments is to know of each option and word: in the array what, where the verb takes it. */
static void put_command(const struct cli_command *command, FILE *out)
{
    unsigned word = 0;

    for (size_t i = 0; i < command->options_n; i++) {
        const struct cli_option *o = &command->options[i];

        fputs("        ", out);
        if (o->of) fprintf(out, "_s3onramp_fits '%s' && ", o->of);
        fputs("what+=(", out);
        if (o->name) {
            put_option(o, out);
        } else {
            fprintf(out, "'%u", ++word);
            put_value(o, out);
            fputc('\'', out);
        }
        fputs(")\n", out);
    }
}

void completion_zsh(FILE *out)
{
    for (size_t i = 0; i < cli_commands_n; i++) {
        const char *verbs = cli_verbs(cli_commands[i]);

        fprintf(out, "    %s)\n", cli_commands[i]->name);
        if (verbs) fprintf(out, "        verb=${said[(r)(%s)]}\n", verbs);
        put_command(cli_commands[i], out);
        fputs("        ;;\n", out);
    }
}

void completion_zsh_commands(FILE *out)
{
    for (size_t i = 0; i < cli_commands_n; i++) {
        fprintf(out, "        '%s:", cli_commands[i]->name);
        put_message(str_from(cli_commands[i]->summary), out);
        fputs("'\n", out);
    }
}
