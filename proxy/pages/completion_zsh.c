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
    fputs("            '", out);
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
    fputs("' \\\n", out);
}

void completion_zsh(FILE *out)
{
    for (size_t i = 0; i < cli_commands_n; i++) {
        const struct cli_command *command = cli_commands[i];
        unsigned word = 0;

        fprintf(out, "    %s)\n        _arguments -s \\\n", command->name);
        for (size_t j = 0; j < command->options_n; j++) {
            if (command->options[j].name) {
                put_option(&command->options[j], out);
                continue;
            }
            fprintf(out, "            '%u", ++word);
            put_value(&command->options[j], out);
            fputs("' \\\n", out);
        }
        fputs("            '(-h --help)'{-h,--help}'[this text]'\n        ;;\n", out);
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
