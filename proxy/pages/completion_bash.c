/* SPDX-License-Identifier: Apache-2.0
 * completion_bash.c: what conf/packaging/pages/s3onramp.bash.in needs to know of each command. One thread.
 */
#include "pages_impl.h"

/* "file", "words:init|show", "names:client", "any"; nothing: it takes none. Then "@add|list": of these verbs only. */
static void put_kind(const struct cli_option *o, FILE *out)
{
    switch (completion_kind(o)) {
    case VALUE_NONE: break;
    case VALUE_WORDS: fprintf(out, "words:%s", o->value); break;
    case VALUE_NAMES: fprintf(out, "names:%s", o->names); break;
    case VALUE_FILE: fputs("file", out); break;
    case VALUE_OTHER: fputs("any", out); break;
    }
    if (o->of) fprintf(out, "@%s", o->of);
}

static void put_option(const struct cli_option *o, FILE *out)
{
    fprintf(out, " --%s=", o->name);
    put_kind(o, out);
    if (o->letter) fprintf(out, " -%c=", o->letter);
    if (o->letter) put_kind(o, out);
}

void completion_bash(FILE *out)
{
    for (size_t i = 0; i < cli_commands_n; i++) {
        const struct cli_command *command = cli_commands[i];

        fprintf(out, "        %s)\n            options='", command->name);
        put_option(&completion_help, out);
        for (size_t j = 0; j < command->options_n; j++)
            if (command->options[j].name) put_option(&command->options[j], out);
        fputs("'\n            words='", out);
        for (size_t j = 0; j < command->options_n; j++) {
            if (command->options[j].name) continue;
            fputc(' ', out);
            put_kind(&command->options[j], out);
        }
        fputs("'\n            ;;\n", out);
    }
}
