/* SPDX-License-Identifier: Apache-2.0
 * explain_canonical.c: the canonical request of the client beside ours, line by line. SigV2 has only a string to sign,
 * which is treated in the same way. Pure; one thread. Owns nothing.
 * Source: S3 API Reference, "Signature Calculations for the Authorization Header"; "Error responses"
 * (SignatureDoesNotMatch carries what S3 made of the request).
 */
#include "explain.h"

#include "aws/s3/s3_error.h"

#include <stdlib.h>

enum { FIXED_FRONT = 3, FIXED_V2 = 4 };

bool lines_split(struct lines *l, struct str text)
{
    l->n = 0;
    for (;;) {
        size_t end = str_index(text, '\n');

        if (l->n == LINES_MOST) return false;
        l->v[l->n++] = str_head(text, end);
        if (end == SIZE_MAX) return true;
        text = str_tail(text, end + 1);
    }
}

bool lines_are_canonical(const struct lines *l, size_t *headers_end)
{
    for (size_t i = FIXED_FRONT; i + 2 < l->n; i++) {
        *headers_end = i;
        if (!l->v[i].n) return i + 3 == l->n && i > FIXED_FRONT;
        if (str_index(l->v[i], ':') == SIZE_MAX) return false;
    }
    return false;
}

/* --- finding it in a file --- */

/* The five entities of XML and decimal references. */
static struct str unescape(struct str text, struct arena *arena)
{
    static const struct {
        struct str entity;
        char c;
    } entities[] = {{STR_INIT("&amp;"), '&'},  {STR_INIT("&lt;"), '<'},    {STR_INIT("&gt;"), '>'},
                    {STR_INIT("&quot;"), '"'}, {STR_INIT("&apos;"), '\''}, {STR_INIT("&#13;"), '\r'},
                    {STR_INIT("&#10;"), '\n'}, {STR_INIT("&#xD;"), '\r'},  {STR_INIT("&#xA;"), '\n'}};
    struct sbuf b = arena_sbuf(arena, text.n + 1);

    while (text.n) {
        size_t i = 0;

        while (i < ARRAY_LEN(entities) && !str_starts(text, entities[i].entity))
            i++;
        sbuf_char(&b, i < ARRAY_LEN(entities) ? entities[i].c : text.p[0]);
        text = str_tail(text, i < ARRAY_LEN(entities) ? entities[i].entity.n : 1);
    }
    return sbuf_str(&b);
}

/* In a debug log the text begins on the line after a heading, and ends before the next heading's line. */
static struct str in_log(struct str file, struct str heading, struct str next)
{
    size_t at = str_find(file, heading), end;
    struct str rest;

    if (at == SIZE_MAX) return STR_NONE;
    rest = str_tail(file, at + heading.n);
    at = str_index(rest, '\n');
    if (at == SIZE_MAX) return STR_NONE;
    rest = str_tail(rest, at + 1);
    end = str_find(rest, next);
    if (end == SIZE_MAX) return rest;
    rest = str_head(rest, end);
    end = str_rindex(rest, '\n');
    return str_head(rest, end == SIZE_MAX ? 0 : end);
}

/* Lines end in LF; what an editor adds at the end goes, but for the last line of a SigV2 text nothing may be missing.
 */
static struct str tidy(struct str text, struct arena *arena)
{
    struct sbuf b = arena_sbuf(arena, text.n + 1);

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '\r' || (i + 1 < text.n && text.p[i + 1] != '\n')) sbuf_char(&b, text.p[i]);
    while (b.n && b.p[b.n - 1] == '\n')
        b.n--;
    return sbuf_str(&b);
}

struct str canonical_in(struct str file, bool sigv2, struct arena *arena)
{
    struct str found = s3_error_text_in(file, sigv2 ? STR("StringToSign") : STR("CanonicalRequest"));

    if (found.n)
        found = unescape(found, arena);
    else if (str_find(file, STR("<Error>")) == SIZE_MAX)
        found = sigv2 ? in_log(file, STR("StringToSign:"), STR("Signature:"))
                      : in_log(file, STR("CanonicalRequest:"), STR("StringToSign:"));
    if (!found.n && str_index(str_head(file, 1), '<') == SIZE_MAX) found = file;
    return found.n ? tidy(found, arena) : STR_NONE;
}

/* --- differences --- */

static const char *v2_name(const struct lines *l, size_t i)
{
    static const char *const front[FIXED_V2] = {"method", "Content-MD5", "Content-Type", "date"};

    if (i < FIXED_V2) return front[i];
    return i + 1 == l->n ? "resource" : "x-amz-* header";
}

const char *line_name(const struct lines *l, size_t i, bool sigv2, char buf[80])
{
    static const char *const front[FIXED_FRONT] = {"method", "path", "query"};
    size_t headers_end;
    struct sbuf b = sbuf_make(buf, 79);

    if (sigv2) return v2_name(l, i);
    if (i < FIXED_FRONT) return front[i];
    if (!lines_are_canonical(l, &headers_end)) return "line";
    if (i == headers_end) return "empty line";
    if (i > headers_end) return i == headers_end + 1 ? "signed headers" : "payload";
    sbuf_printf(&b, "header %.*s", STR_ARG(str_head(l->v[i], str_index(l->v[i], ':'))));
    buf[b.overflow ? 0 : b.n] = '\0';
    return buf;
}

static struct str header_name(struct str line)
{
    return str_head(line, str_index(line, ':'));
}

/* What usually makes a line of this kind differ, when no guess names it. */
static const char *usual_cause(const char *name, struct str ours, struct str theirs)
{
    static const struct {
        const char *name, *cause;
    } causes[] = {
        {"method", "another method was signed: a URL signed for GET does not serve HEAD or PUT"},
        {"path", "the key is to be encoded once, and nothing normalised; or something between changed the path"},
        {"query",
         "parameters are sorted by their encoded names, blanks are %20; or something between added or removed one"},
        {"header host", "the request was sent to another name or port than it was signed for, or something between "
                        "rewrote Host"},
        {"header content-type", "the HTTP library or something between set or changed Content-Type after signing"},
        {"header x-amz-date", "the date was taken twice: sign and send the same"},
        {"header date", "the date was taken twice, or something between set it anew"},
        {"header content-length", "the length was not known, or was another, when the request was signed"},
        {"header accept-encoding", "something between changes Accept-Encoding: do not sign it"},
        {"header user-agent", "something between changes User-Agent: do not sign it"},
        {"header connection", "it ends at each hop: do not sign it"},
        {"signed headers", "the list in Authorization is not the list that was signed"},
        {"payload", "the value of x-amz-content-sha256 is not what was signed as the last line"},
        {"date", "the date was taken twice, or x-amz-date stands there too: then this line is empty"},
        {"resource", "path as sent, with the bucket in front if it is in Host, and the sub-resources in order"},
    };

    if (str_eq(str_trim(ours), str_trim(theirs))) return "blanks at the end";
    for (size_t i = 0; i < ARRAY_LEN(causes); i++)
        if (strcmp(name, causes[i].name) == 0) return causes[i].cause;
    return "something between the client and here changed it, or the library did after signing";
}

static const char *cause_of(const struct guesses *guesses, size_t line, const char *name, struct str ours,
                            struct str theirs)
{
    for (size_t i = 0; guesses && i < guesses->n; i++) {
        const struct guess *g = &guesses->v[i];

        if (g->kind == GUESS_LINE && g->line == line && str_eq(g->text, theirs)) return g->sentence;
    }
    return usual_cause(name, ours, theirs);
}

static void print_difference(struct report *r, const char *name, struct str ours, struct str theirs, const char *cause)
{
    char *a = report_printable(ours), *b = report_printable(theirs);
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "line", name, "received", a, "signed", b, "cause", cause);

    report_add_object(r, "differences", "differs", object,
                      "%s\n    received: %.*s\n    signed:   %.*s\n    usually:  %s", name, STR_ARG(ours),
                      STR_ARG(theirs), cause);
    free(a);
    free(b);
}

/* Where the header of line @i stands in @l; SIZE_MAX: nowhere. */
static size_t find_header(const struct lines *l, size_t end, struct str line)
{
    for (size_t i = FIXED_FRONT; i < end; i++)
        if (str_eq(header_name(l->v[i]), header_name(line))) return i;
    return SIZE_MAX;
}

static size_t compare(struct report *r, const struct lines *ours, size_t i, const struct lines *theirs, size_t j,
                      bool sigv2, const struct guesses *guesses)
{
    struct str mine = i < ours->n ? ours->v[i] : STR_NONE, other = j < theirs->n ? theirs->v[j] : STR_NONE;
    char buf[80];
    const char *name;

    if (str_eq(mine, other)) return 0;
    name = i < ours->n ? line_name(ours, i, sigv2, buf) : line_name(theirs, j, sigv2, buf);
    print_difference(r, name, mine, other, cause_of(guesses, i, name, mine, other));
    return 1;
}

size_t explain_differences(struct report *r, const struct lines *ours, const struct lines *theirs, bool sigv2,
                           const struct guesses *guesses)
{
    size_t ours_end = 0, theirs_end = 0, found = 0;

    if (sigv2 || !lines_are_canonical(ours, &ours_end) || !lines_are_canonical(theirs, &theirs_end)) {
        for (size_t i = 0; i < ours->n || i < theirs->n; i++)
            found += compare(r, ours, i, theirs, i, sigv2, guesses);
        return found;
    }
    for (size_t i = 0; i < FIXED_FRONT; i++)
        found += compare(r, ours, i, theirs, i, false, guesses);
    for (size_t i = FIXED_FRONT; i < ours_end; i++)
        found += compare(r, ours, i, theirs, find_header(theirs, theirs_end, ours->v[i]), false, guesses);
    for (size_t j = FIXED_FRONT; j < theirs_end; j++)
        if (find_header(ours, ours_end, theirs->v[j]) == SIZE_MAX)
            found += compare(r, ours, SIZE_MAX, theirs, j, false, guesses);
    for (size_t k = 1; k <= 2; k++)
        found += compare(r, ours, ours_end + k, theirs, theirs_end + k, false, guesses);
    return found;
}
