/* SPDX-License-Identifier: Apache-2.0
 * config_line.c: see config_line.h. It is inih's grammar of a line, but that a line that begins with a blank goes on
 * with the value before it only if it is not itself `key = value`.
 */
#include "config_line.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool config_line_is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
}

/* True if an indented line is an entry of its own and no continuation. Base64 has '=' only at its very end and no
 * blanks; an IPv6 address has no blank after a colon. A list that ends in a comma goes on, also with word=value. */
static bool looks_like_entry(struct str line, bool after_comma)
{
    size_t n = 0;
    bool all_lower = true;

    for (; n < line.n && config_line_is_name_char(line.p[n]); n++)
        all_lower &= line.p[n] == '_' || (line.p[n] >= 'a' && line.p[n] <= 'z');
    struct str sign = str_trim(str_tail(line, n));
    if (n == 0 || sign.n == 0) return false;
    bool at_end = sign.n == 1, blank_before = is_blank(line.p[n]);
    if (sign.p[0] == ':') return at_end || is_blank(sign.p[1]);
    if (sign.p[0] != '=') return false;
    if (blank_before || at_end) return blank_before || all_lower;
    return after_comma ? is_blank(sign.p[1]) : sign.p[1] != '=';
}

static struct str drop_line_ends(struct str line)
{
    while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
        line.n--;
    return line;
}

enum line_kind config_line(struct line_state *s, struct str line, struct str *text)
{
    if (!s->begun && str_starts(line, STR("\xef\xbb\xbf"))) line = str_tail(line, 3);
    s->begun = true;
    *text = str_trim(drop_line_ends(line));
    if (text->n == 0 || text->p[0] == '#' || text->p[0] == ';') return LINE_EMPTY;
    bool after_comma = s->comma;
    s->comma = text->p[text->n - 1] == ',';
    if (text->p[0] == '[') {
        s->key_seen = false;
        return LINE_HEADER;
    }
    if (s->key_seen && text->p != line.p && !looks_like_entry(*text, after_comma)) return LINE_CONTINUATION;
    s->key_seen = config_line_key(*text).n > 0;
    return LINE_ENTRY;
}

bool config_line_header(struct str text, struct str *word, struct str *name)
{
    size_t end = str_index(text, ']'), blank = 0;
    struct str after = end == SIZE_MAX ? STR_NONE : str_trim(str_tail(text, end + 1));

    if (end == SIZE_MAX || (after.n > 0 && after.p[0] != ';' && after.p[0] != '#')) return false;
    text = str_trim(str_make(text.p + 1, end - 1));
    while (blank < text.n && !is_blank(text.p[blank]))
        blank++;
    *word = str_head(text, blank);
    *name = str_trim(str_tail(text, blank));
    return true;
}

struct str config_line_key(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '=' || text.p[i] == ':') return str_trim(str_head(text, i));
    return STR_NONE;
}
