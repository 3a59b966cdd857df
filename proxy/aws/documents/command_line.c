/* SPDX-License-Identifier: Apache-2.0
 * command_line.c: see command_line.h. All words stand in one block, one after the other: none can become longer than
 * what it was made from.
 */
#include "aws/documents/command_line.h"

#include "base/secret.h"

#include <stdlib.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Between quotes that opened before text.p[*at]; leaves *at after the closing one. */
static enum err_code copy_quoted(struct str text, size_t *at, char quote, struct sbuf *out, struct err *err)
{
    for (; *at < text.n; (*at)++) {
        char c = text.p[*at];

        if (c == quote) {
            (*at)++;
            return ERR_NONE;
        }
        if (c == '\\' && quote == '"' && *at + 1 < text.n && (text.p[*at + 1] == '"' || text.p[*at + 1] == '\\'))
            c = text.p[++*at];
        sbuf_char(out, c);
    }
    return err_set(err, ERR_CONFIG, 0, "a quote (%c) is not closed", quote);
}

static enum err_code copy_word(struct str text, size_t *at, struct sbuf *out, struct err *err)
{
    while (*at < text.n && !is_space(text.p[*at])) {
        char c = text.p[(*at)++];

        if (c == '\'' || c == '"') {
            TRY(copy_quoted(text, at, c, out, err));
            continue;
        }
        if (c == '\\') {
            if (*at == text.n) return err_set(err, ERR_CONFIG, 0, "it ends with a backslash that escapes nothing");
            c = text.p[(*at)++];
        }
        sbuf_char(out, c);
    }
    sbuf_char(out, '\0');
    return ERR_NONE;
}

static enum err_code copy_words(struct str text, struct command_line *c, struct sbuf *out, struct err *err)
{
    size_t at = 0;

    for (;;) {
        while (at < text.n && is_space(text.p[at]))
            at++;
        if (at == text.n) return ERR_NONE;
        c->argv[c->n] = out->p + out->n;
        TRY(copy_word(text, &at, out, err));
        c->n++;
    }
}

enum err_code command_line_split(struct str text, struct command_line *out, struct err *err)
{
    size_t words_most = text.n / 2 + 2; /* each but the last has a space after it */
    struct command_line c = {0};
    struct sbuf words;
    enum err_code code;

    *out = c;
    if (str_index(text, '\0') != SIZE_MAX) return err_set(err, ERR_CONFIG, 0, "it holds a NUL byte");
    c.argv = calloc(1, words_most * sizeof(*c.argv) + text.n + 1);
    if (!c.argv) return err_set(err, ERR_NO_MEMORY, 0, "command");
    words = sbuf_make((char *)(c.argv + words_most), text.n + 1);
    code = copy_words(text, &c, &words, err);
    ASSERT(!words.overflow);
    if (code == ERR_NONE)
        *out = c;
    else
        command_line_clear(&c);
    return code;
}

void command_line_clear(struct command_line *c)
{
    for (size_t i = 0; i < c->n; i++)
        secret_wipe(c->argv[i], strlen(c->argv[i]));
    free(c->argv);
    *c = (struct command_line){0};
}
