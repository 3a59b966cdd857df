/* SPDX-License-Identifier: Apache-2.0
 * json_tree.c: see json_tree.h. Recursive descent; the depth is bounded. Source: RFC 8259; RFC 3629 (UTF-8).
 */
#include "json_tree.h"

struct reader {
    struct str in; /* borrowed */
    size_t at;
    struct arena *arena; /* borrowed */
    const char *fault;   /* NULL: none yet */
    unsigned depth;
};

static bool fail(struct reader *r, const char *fault)
{
    if (!r->fault) r->fault = fault;
    return false;
}

/* -1 at the end. */
static int peek(const struct reader *r)
{
    return r->at < r->in.n ? (unsigned char)r->in.p[r->at] : -1;
}

static void skip_blanks(struct reader *r)
{
    for (int c = peek(r); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(r))
        r->at++;
}

static void *keep(struct reader *r, size_t n)
{
    void *p = arena_zalloc(r->arena, n ? n : 1);

    ASSERT(p && "memory for the policies");
    return p;
}

/* --- strings --- */

static bool read_hex4(struct reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = peek(r) < 0 ? -1 : hex_digit((char)peek(r));
        if (digit < 0) return fail(r, "\\u needs four hexadecimal digits");
        *out = *out << 4 | (uint32_t)digit;
        r->at++;
    }
    return true;
}

static void put_utf8(struct sbuf *b, uint32_t c)
{
    if (c < 0x80) {
        sbuf_char(b, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    sbuf_char(b, (char)(lead[more] | c >> (6 * more)));
    while (more-- > 0)
        sbuf_char(b, (char)(0x80 | (c >> (6 * more) & 0x3f)));
}

/* After "\u". */
static bool read_code_point(struct reader *r, struct sbuf *b)
{
    uint32_t c, low;

    if (!read_hex4(r, &c)) return false;
    if (c == 0) return fail(r, "the character \\u0000 has no place in a policy; remove it");
    if (c >= 0xdc00 && c <= 0xdfff) return fail(r, "this is half of a pair of \\u escapes; write the character itself");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (!str_starts(str_tail(r->in, r->at), STR("\\u")))
            return fail(r, "this is half of a pair of \\u escapes; write the character itself");
        r->at += 2;
        if (!read_hex4(r, &low)) return false;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(r, "this is half of a pair of \\u escapes; write the character itself");
        c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
    }
    put_utf8(b, c);
    return true;
}

/* After the backslash. */
static bool read_escape(struct reader *r, struct sbuf *b)
{
    static const char written[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    const char *found = c > 0 ? strchr(written, c) : NULL;

    r->at += c >= 0;
    if (c == 'u') return read_code_point(r, b);
    if (!found) return fail(r, "JSON knows no such escape; write \\\\ for a backslash");
    sbuf_char(b, meant[found - written]);
    return true;
}

static bool read_character(struct reader *r, struct sbuf *b)
{
    uint32_t code;
    size_t n;

    if (peek(r) == '\\') {
        r->at++;
        return read_escape(r, b);
    }
    if (peek(r) < ' ') return fail(r, "a control character in a string; write it as an escape");
    n = str_utf8(str_tail(r->in, r->at), &code);
    if (!n) return fail(r, "this is no UTF-8; save the file as UTF-8");
    sbuf_add(b, str_head(str_tail(r->in, r->at), n));
    r->at += n;
    return true;
}

/* At the first quote. What comes out is no longer than what is written. */
static bool read_string(struct reader *r, struct str *out)
{
    size_t start = ++r->at, end = start;

    while (end < r->in.n && r->in.p[end] != '"')
        end += r->in.p[end] == '\\' ? 2 : 1;
    if (end >= r->in.n) {
        r->at = start - 1;
        return fail(r, "this string has no end; close it with '\"'");
    }
    struct sbuf b = sbuf_make(keep(r, end - start), end - start);
    while (peek(r) != '"')
        if (!read_character(r, &b)) return false;
    r->at++;
    ASSERT(!b.overflow);
    *out = sbuf_str(&b);
    return true;
}

/* --- values --- */

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool read_digits(struct reader *r)
{
    if (!is_digit(peek(r))) return fail(r, "this is no number as JSON has them");
    while (is_digit(peek(r)))
        r->at++;
    return true;
}

static bool read_number(struct reader *r, struct json *v)
{
    r->at += peek(r) == '-';
    if (peek(r) == '0') {
        r->at++;
        if (is_digit(peek(r))) return fail(r, "this is no number as JSON has them");
    } else if (!read_digits(r)) {
        return false;
    }
    if (peek(r) == '.') {
        r->at++;
        if (!read_digits(r)) return false;
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        r->at += peek(r) == '+' || peek(r) == '-';
        if (!read_digits(r)) return false;
    }
    v->kind = JSON_NUMBER;
    v->text = str_make(r->in.p + v->at, r->at - v->at);
    return true;
}

static bool read_word(struct reader *r, struct json *v)
{
    static const struct {
        struct str word;
        enum json_kind kind;
    } words[] = {{STR_INIT("true"), JSON_BOOL}, {STR_INIT("false"), JSON_BOOL}, {STR_INIT("null"), JSON_NULL}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_starts(str_tail(r->in, r->at), words[i].word)) continue;
        r->at += words[i].word.n;
        v->kind = words[i].kind;
        v->text = words[i].word;
        return true;
    }
    return fail(r, peek(r) < 0 ? "the document ends here, and something is missing"
                               : "a value must begin here: a text in quotes, [ or {");
}

static struct json *read_value(struct reader *r);

static bool read_name(struct reader *r, const struct json *object, struct json *name)
{
    skip_blanks(r);
    name->name_at = r->at;
    if (peek(r) != '"') return fail(r, "the name of an element must begin here, in quotes");
    if (!read_string(r, &name->name)) return false;
    for (const struct json *m = object->first; m; m = m->next) {
        if (!str_eq(m->name, name->name)) continue;
        r->at = name->name_at;
        return fail(r, "this element is here twice; keep one of them");
    }
    skip_blanks(r);
    if (peek(r) != ':') return fail(r, "a ':' must stand here, after the name of the element");
    r->at++;
    return true;
}

/* After the bracket, which @end closes. */
static bool read_members(struct reader *r, struct json *parent, char end)
{
    struct json **last = &parent->first, name = {0};

    skip_blanks(r);
    if (peek(r) == end) {
        r->at++;
        return true;
    }
    for (;;) {
        if (parent->kind == JSON_OBJECT && parent->n == JSON_TREE_MEMBERS_MOST)
            return fail(r, "this object has more than 512 elements; divide it");
        if (parent->kind == JSON_OBJECT && !read_name(r, parent, &name)) return false;
        struct json *member = read_value(r);
        if (!member) return false;
        member->name = name.name;
        member->name_at = name.name_at;
        *last = member;
        last = &member->next;
        parent->n++;
        skip_blanks(r);
        int c = peek(r);
        if (c != ',' && c != end)
            return fail(r, end == ']' ? "a ',' or ']' is missing here" : "a ',' or '}' is missing here");
        r->at++;
        if (c == end) return true;
    }
}

static bool read_nested(struct reader *r, struct json *v)
{
    bool is_array = peek(r) == '[';

    v->kind = is_array ? JSON_ARRAY : JSON_OBJECT;
    if (++r->depth > JSON_TREE_DEPTH_MOST) return fail(r, "no policy is nested so deeply");
    r->at++;
    if (!read_members(r, v, is_array ? ']' : '}')) return false;
    r->depth--;
    return true;
}

/* NULL: failed. */
static struct json *read_value(struct reader *r)
{
    struct json *v = keep(r, sizeof *v);
    int c;
    bool fine;

    skip_blanks(r);
    v->at = r->at;
    c = peek(r);
    if (c == '"') {
        v->kind = JSON_STRING;
        fine = read_string(r, &v->text);
    } else if (c == '[' || c == '{') {
        fine = read_nested(r, v);
    } else {
        fine = c == '-' || is_digit(c) ? read_number(r, v) : read_word(r, v);
    }
    return fine ? v : NULL;
}

const char *json_tree_read(struct str document, struct arena *arena, struct json **root, size_t *at)
{
    struct reader r = {.in = document, .arena = arena};

    *root = read_value(&r);
    if (*root) {
        skip_blanks(&r);
        if (r.at < document.n) (void)fail(&r, "the document was complete before this; remove the rest");
    }
    *at = r.at;
    return r.fault;
}

void json_tree_place(struct str document, size_t at, unsigned *line, unsigned *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < at && i < document.n; i++) {
        bool continues = ((unsigned char)document.p[i] & 0xc0) == 0x80;
        *column += !continues;
        if (document.p[i] != '\n') continue;
        ++*line;
        *column = 1;
    }
}
