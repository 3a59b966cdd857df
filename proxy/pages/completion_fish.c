/* SPDX-License-Identifier: Apache-2.0
 * completion_fish.c: each command's words and options, as `complete` of fish takes them (conf/packaging/pages/
 * s3onramp.fish.in). One thread.
 */
#include "pages_impl.h"

static void put_text(const char *option, struct str text, FILE *out)
{
    fprintf(out, " %s ", option);
    fputc('\'', out);
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("'\\", text.p[i])) fputc('\\', out);
        fputc(text.p[i], out);
    }
    fputc('\'', out);
}

static void put_values(const struct cli_option *o, FILE *out)
{
    enum value_kind kind = completion_kind(o);
    struct str rest = str_from(o->value), word;

    if (kind == VALUE_FILE) fputs(" -F", out);
    if (kind == VALUE_NAMES) fprintf(out, " -a '(__s3onramp_names %s)'", o->names);
    if (kind != VALUE_WORDS) return;
    fputs(" -a '", out);
    while (str_split(&rest, '|', &word))
        fprintf(out, "%.*s ", STR_ARG(word));
    fputc('\'', out);
}

/* As words of a function's. */
static void put_verbs(const struct cli_option *o, FILE *out)
{
    struct str rest = str_from(o->of), verb;

    while (str_split(&rest, '|', &verb))
        fprintf(out, " %.*s", STR_ARG(verb));
}

static void put_option(const struct cli_command *command, const struct cli_option *o, FILE *out)
{
    fprintf(out, "complete -c s3onramp -n '__s3onramp_in %s", command->name);
    put_verbs(o, out);
    fprintf(out, "' -l %s", o->name);
    if (o->letter) fprintf(out, " -s %c", o->letter);
    if (o->value) fputs(completion_kind(o) == VALUE_FILE ? " -r" : " -x", out);
    put_values(o, out);
    put_text("-d", completion_brief(o), out);
    fputc('\n', out);
}

static void put_command(const struct cli_command *command, FILE *out)
{
    unsigned word = 0;

    for (size_t i = 0; i < command->options_n; i++) {
        const struct cli_option *o = &command->options[i];

        if (o->name) {
            put_option(command, o, out);
            continue;
        }
        fprintf(out, "complete -c s3onramp -n '__s3onramp_word %s %u", command->name, ++word);
        put_verbs(o, out);
        fputc('\'', out);
        put_values(o, out);
        put_text("-d", completion_brief(o), out);
        fputc('\n', out);
    }
    put_option(command, &completion_help, out);
}

/* Which options take a value: the word behind is no word of the command's. */
static void put_takers(const struct cli_command *command, FILE *out)
{
    fprintf(out, "set -g __s3onramp_takers_%s", command->name);
    for (size_t i = 0; i < command->options_n; i++) {
        const struct cli_option *o = &command->options[i];

        if (o->name && o->value) fprintf(out, " --%s", o->name);
        if (o->name && o->value && o->letter) fprintf(out, " -%c", o->letter);
    }
    fputc('\n', out);
}

void completion_fish(FILE *out)
{
    for (size_t i = 0; i < cli_commands_n; i++) {
        fprintf(out, "complete -c s3onramp -n __s3onramp_first -a %s", cli_commands[i]->name);
        put_text("-d", str_from(cli_commands[i]->summary), out);
        fprintf(out, "\ncomplete -c s3onramp -n '__s3onramp_word help 1' -a %s\n", cli_commands[i]->name);
    }
    for (size_t i = 0; i < cli_commands_n; i++) {
        put_takers(cli_commands[i], out);
        put_command(cli_commands[i], out);
    }
}
