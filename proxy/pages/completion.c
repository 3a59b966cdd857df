/* SPDX-License-Identifier: Apache-2.0
 * completion.c: what all shells need to know of options. One thread.
 */
#include "pages_impl.h"

const struct cli_option completion_help = {.name = "help", .letter = 'h', .help = "this text"};

enum value_kind completion_kind(const struct cli_option *o)
{
    if (!o->value) return VALUE_NONE;
    if (o->names) return VALUE_NAMES;
    if (cli_is_words(o->value)) return VALUE_WORDS;
    return strstr(o->value, "FILE") || strcmp(o->value, "PATH") == 0 || strstr(o->value, "REQUEST") ? VALUE_FILE
                                                                                                    : VALUE_OTHER;
}

struct str completion_brief(const struct cli_option *o)
{
    struct str text = str_from(o->help ? o->help : o->value);

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\n' || text.p[i] == ';' || (text.p[i] == ':' && i + 1 < text.n && text.p[i + 1] == ' '))
            return str_head(text, i);
    return text;
}

void completion_names(FILE *out)
{
    for (size_t i = 0; i < cli_commands_n; i++)
        fprintf(out, "%s ", cli_commands[i]->name);
}
