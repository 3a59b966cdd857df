/* SPDX-License-Identifier: Apache-2.0
 * mdoc.c: text as mdoc(7) wants it. One thread.
 */
#include "pages_impl.h"

#include "base/release.h"

enum { COLUMNS = 76 };

static void put(char c, FILE *out)
{
    if (c == '\\')
        fputs("\\e", out);
    else if (c == '-')
        fputs("\\-", out);
    else
        fputc(c, out);
}

void mdoc_word(struct str text, FILE *out)
{
    for (size_t i = 0; i < text.n; i++)
        put(text.p[i], out);
}

/* The blank @i is behind a full stop, and so on: abbreviations are not written here. */
static bool ends_sentence(struct str text, size_t i)
{
    return i > 0 && i + 1 < text.n && strchr(".!?", text.p[i - 1]) != NULL;
}

/* In bytes; what is not ASCII is written as \[uXXXX] by mandoc. */
static size_t width(char c)
{
    if ((unsigned char)c >= 0x80) return (unsigned char)c >= 0xc0 ? 8 : 0;
    return c == '-' || c == '\\' ? 2 : c == '`' ? 3 : 1;
}

/* The line ends at the blank @i: the next word has no room, or it begins a sentence. */
static bool breaks(struct str text, size_t i, size_t column, bool literal)
{
    if (text.p[i] != ' ' && text.p[i] != '\n') return false;
    if (!literal && ends_sentence(text, i)) return true;
    for (size_t j = i + 1; j < text.n && text.p[j] != ' ' && text.p[j] != '\n'; j++)
        column += width(text.p[j]);
    return column > COLUMNS;
}

void mdoc_text(struct str text, FILE *out)
{
    bool literal = false, begins = true;
    size_t column = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i] == '\n' ? ' ' : text.p[i];

        if (c == ' ' && (begins || i + 1 == text.n)) continue;
        if (begins) column = 0;
        if (begins && (c == '.' || c == '\'')) fputs("\\&", out);
        column += width(c);
        begins = breaks(text, i, column, literal);
        if (c == '`') literal = !literal;
        if (begins)
            fputc('\n', out);
        else if (c == '`')
            fputs(literal ? "\\fB" : "\\fR", out);
        else
            put(c, out);
    }
    fputc('\n', out);
}

/* "November 29, 2026": as mdoc(7) wants it. */
void mdoc_date(FILE *out)
{
    static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    struct str rest = str_from(release_day), year, month, day;
    uint64_t m, d;

    if (!str_split(&rest, '-', &year) || !str_split(&rest, '-', &month) || !str_split(&rest, '-', &day) ||
        !str_to_u64(month, &m) || !str_to_u64(day, &d) || m < 1 || m > ARRAY_LEN(months))
        return;
    fprintf(out, "%s %u, %.*s", months[m - 1], (unsigned)d, STR_ARG(year));
}
