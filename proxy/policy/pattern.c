/* SPDX-License-Identifier: Apache-2.0
 * pattern.c: see pattern.h. Most patterns are a literal text, or one that ends in '*': those take a memcmp. What a
 * variable stands for is taken literally, whatever characters it holds.
 */
#include "pattern.h"

enum { CODE_STAR = 256, CODE_ONE, CODE_VARIABLE /* and its number */ };
enum { EXPANDED_MOST = 4096, VARIABLES_MOST = 16 };

static void *keep(struct arena *arena, const void *bytes, size_t n)
{
    void *p = arena_alloc(arena, n ? n : 1);

    ASSERT(p && "memory for the policies");
    if (n) memcpy(p, bytes, n);
    return p;
}

static struct str keep_str(struct arena *arena, struct str s)
{
    return str_make(keep(arena, s.p, s.n), s.n);
}

/* --- keys of conditions and variables --- */

enum { ONE, SEVERAL, PLAIN = 0, NAMED };

static const struct key_row {
    const char *name;
    bool several, named;
} keys[POLICY_KEYS_N] = {
#define X(id, name, many, named) [POLICY_KEY_##id] = {name, many, named},
    POLICY_KEYS(X)
#undef X
};

bool policy_key_has_several(enum policy_key key)
{
    return keys[key].several;
}

static bool no_key(struct str text, struct sbuf *fault)
{
    const char *words[POLICY_KEYS_N], *nearest;

    for (size_t i = 0; i < POLICY_KEYS_N; i++)
        words[i] = keys[i].name;
    nearest = str_nearest(text, words, POLICY_KEYS_N);
    sbuf_printf(fault, "the condition key %.*s is none that the proxy knows of a request; ",
                STR_ARG(str_head(text, 100)));
    if (nearest)
        sbuf_printf(fault, "did you mean %s?", nearest);
    else
        sbuf_printf(fault, "leave what needs it to the policies at AWS");
    return false;
}

bool policy_key_find(struct str text, struct arena *arena, struct policy_key_ref *out, struct sbuf *fault)
{
    for (size_t i = 0; i < POLICY_KEYS_N; i++) {
        struct str name = str_from(keys[i].name), rest = str_tail(text, name.n);
        if (!str_starts_nocase(text, name)) continue;
        if (keys[i].named ? rest.n < 2 || rest.p[0] != '/' : rest.n > 0) continue;
        *out = (struct policy_key_ref){(enum policy_key)i, STR_NONE};
        if (keys[i].named) out->name = keep_str(arena, str_tail(rest, 1));
        return true;
    }
    return no_key(text, fault);
}

/* --- compiling --- */

struct compiling {
    uint16_t codes[PATTERN_TEXT_MOST];
    size_t n;
    struct pattern_variable variables[VARIABLES_MOST];
    size_t variables_n;
    unsigned flags;
    struct arena *arena; /* borrowed */
};

/* What stands between "${" and "}": KEY, or KEY, 'DEFAULT'. */
static bool add_variable(struct compiling *c, struct str inside, struct sbuf *fault)
{
    struct pattern_variable *v = &c->variables[c->variables_n];
    size_t comma = str_index(inside, ',');
    struct str otherwise = comma == SIZE_MAX ? STR_NONE : str_trim(str_tail(inside, comma + 1));

    if (c->variables_n == VARIABLES_MOST) {
        sbuf_printf(fault, "a text may have %d variables at most", VARIABLES_MOST);
        return false;
    }
    *v = (struct pattern_variable){.has_default = comma != SIZE_MAX};
    if (v->has_default) {
        if (otherwise.n < 2 || !str_starts(otherwise, STR("'")) || !str_ends(otherwise, STR("'"))) {
            sbuf_printf(fault, "a default is written ${KEY, 'TEXT'}");
            return false;
        }
        v->otherwise = keep_str(c->arena, str_head(str_tail(otherwise, 1), otherwise.n - 2));
    }
    if (!policy_key_find(str_trim(str_head(inside, comma)), c->arena, &v->key, fault)) return false;
    if (policy_key_has_several(v->key.key)) {
        sbuf_printf(fault, "%s may have several values, and so cannot stand for a text; use it as a key of conditions",
                    keys[v->key.key].name);
        return false;
    }
    c->codes[c->n++] = (uint16_t)(CODE_VARIABLE + c->variables_n++);
    return true;
}

/* @text: after "${". Returns how much of it belongs to the variable; 0: failed. */
static size_t read_variable(struct compiling *c, struct str text, struct sbuf *fault)
{
    size_t end = str_index(text, '}');
    struct str inside = str_head(text, end);

    if (end == SIZE_MAX) {
        sbuf_printf(fault, "the variable that begins with ${ has no end; write ${KEY}, or ${$} for a '$'");
        return 0;
    }
    if (inside.n == 1 && strchr("*?$", inside.p[0])) {
        c->codes[c->n++] = (unsigned char)inside.p[0];
        return end + 1;
    }
    return add_variable(c, inside, fault) ? end + 1 : 0;
}

static void add_byte(struct compiling *c, char byte)
{
    bool wild = c->flags & PATTERN_WILDCARDS;

    if (wild && byte == '*') {
        if (c->n == 0 || c->codes[c->n - 1] != CODE_STAR) c->codes[c->n++] = CODE_STAR;
    } else if (wild && byte == '?') {
        c->codes[c->n++] = CODE_ONE;
    } else {
        c->codes[c->n++] = (unsigned char)(c->flags & PATTERN_ANY_CASE ? ascii_lower(byte) : byte);
    }
}

static bool read_codes(struct compiling *c, struct str text, struct sbuf *fault)
{
    if (text.n > PATTERN_TEXT_MOST) {
        sbuf_printf(fault, "this text is longer than %d bytes; shorten it", PATTERN_TEXT_MOST);
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        struct str rest = str_tail(text, i);
        if (!(c->flags & PATTERN_VARIABLES) || !str_starts(rest, STR("${"))) {
            add_byte(c, text.p[i]);
            continue;
        }
        size_t used = read_variable(c, str_tail(rest, 2), fault);
        if (!used) return false;
        i += 1 + used;
    }
    return true;
}

static enum pattern_kind kind_of(const struct compiling *c, size_t literal_n)
{
    if (c->variables_n) return PATTERN_VARIABLE;
    if (literal_n == c->n) return PATTERN_EXACT;
    return literal_n + 1 == c->n && c->codes[literal_n] == CODE_STAR ? PATTERN_BEGINS : PATTERN_GLOB;
}

bool pattern_compile(struct str text, unsigned flags, struct arena *arena, struct pattern *out, struct sbuf *fault)
{
    struct compiling c;
    char literal[PATTERN_TEXT_MOST];
    size_t n = 0;

    c.n = c.variables_n = 0;
    c.flags = flags;
    c.arena = arena;
    if (!read_codes(&c, text, fault)) return false;
    for (; n < c.n && c.codes[n] < CODE_STAR; n++)
        literal[n] = (char)c.codes[n];
    *out = (struct pattern){
        .kind = kind_of(&c, n),
        .any_case = flags & PATTERN_ANY_CASE,
        .codes_n = (uint16_t)(c.n - n),
        .variables_n = (uint16_t)c.variables_n,
        .literal = {keep(arena, literal, n), n},
        .codes = keep(arena, c.codes + n, (c.n - n) * sizeof c.codes[0]),
        .variables = keep(arena, c.variables, c.variables_n * sizeof c.variables[0]),
    };
    return true;
}

/* --- matching --- */

static bool begins(struct str text, const struct pattern *p)
{
    return p->any_case ? str_starts_nocase(text, p->literal) : str_starts(text, p->literal);
}

/* Bytes of the character that @text begins with: what is no UTF-8 counts byte by byte. */
static size_t character(struct str text)
{
    uint32_t code;
    size_t n = (unsigned char)text.p[0] < 0x80 ? 1 : str_utf8(text, &code);

    return n ? n : 1;
}

/* How many bytes of @text, which is not empty, @code takes; 0: it does not match. */
static size_t take(uint16_t code, struct str text, bool any_case)
{
    char c = any_case ? ascii_lower(text.p[0]) : text.p[0];

    if (code == CODE_ONE) return character(text);
    return code == (unsigned char)c;
}

/* The first place from @from on where what follows a '*' may begin: a literal byte is looked for. */
static size_t place_after_star(struct str text, size_t from, const uint16_t *codes, size_t n, bool any_case)
{
    const char *found;

    if (n == 0 || codes[0] >= CODE_STAR || any_case || from >= text.n) return from;
    found = memchr(text.p + from, codes[0], text.n - from);
    return found ? (size_t)(found - text.p) : text.n;
}

/* On a mismatch only the latest '*' is widened: see str_matches. @open: the text may go on. */
static bool glob(const uint16_t *codes, size_t n, struct str text, bool any_case, bool open)
{
    size_t i = 0, j = 0, star = SIZE_MAX, star_text = 0, taken;

    while (i < text.n) {
        if (j < n && codes[j] == CODE_STAR) {
            star = j++;
            if (j == n) return true;
            star_text = i = place_after_star(text, i, codes + j, n - j, any_case);
        } else if (j < n && (taken = take(codes[j], str_tail(text, i), any_case)) > 0) {
            i += taken;
            j++;
        } else if (star != SIZE_MAX) {
            star_text += character(str_tail(text, star_text));
            star_text = i = place_after_star(text, star_text, codes + star + 1, n - star - 1, any_case);
            j = star + 1;
        } else {
            return false;
        }
    }
    if (open) return true;
    while (j < n && codes[j] == CODE_STAR)
        j++;
    return j == n;
}

/* False: no value, or no room. */
static bool value_of(const struct pattern_variable *v, const struct policy_context *c, struct str *out)
{
    struct str values[POLICY_VALUES_MOST];
    size_t n = c->values(c, v->key.key, v->key.name, values);

    *out = n == 1 ? values[0] : v->otherwise;
    return n == 1 || (n == 0 && v->has_default);
}

/* Codes without variables into @out; how many, or SIZE_MAX: a variable has no value. */
static size_t expand(const struct pattern *p, const struct policy_context *c, uint16_t out[EXPANDED_MOST])
{
    size_t n = 0;

    for (size_t i = 0; i < p->codes_n; i++) {
        struct str value = STR_NONE;
        if (p->codes[i] < CODE_VARIABLE) {
            if (n == EXPANDED_MOST) return SIZE_MAX;
            out[n++] = p->codes[i];
            continue;
        }
        if (!value_of(&p->variables[p->codes[i] - CODE_VARIABLE], c, &value) || value.n > EXPANDED_MOST - n)
            return SIZE_MAX;
        for (size_t k = 0; k < value.n; k++)
            out[n++] = (unsigned char)(p->any_case ? ascii_lower(value.p[k]) : value.p[k]);
    }
    return n;
}

static bool match_variables(const struct pattern *p, struct str rest, const struct policy_context *c, bool open)
{
    uint16_t codes[EXPANDED_MOST];
    size_t n = expand(p, c, codes);

    return n != SIZE_MAX && glob(codes, n, rest, p->any_case, open);
}

bool pattern_match(const struct pattern *p, struct str text, const struct policy_context *c)
{
    struct str rest = str_tail(text, p->literal.n);

    if (text.n < p->literal.n || !begins(text, p)) return false;
    switch (p->kind) {
    case PATTERN_EXACT: return rest.n == 0;
    case PATTERN_BEGINS: return true;
    case PATTERN_GLOB: return glob(p->codes, p->codes_n, rest, p->any_case, false);
    case PATTERN_VARIABLE: break;
    }
    return match_variables(p, rest, c, false);
}

bool pattern_may_begin(const struct pattern *p, struct str start, const struct policy_context *c)
{
    struct str common = str_head(start, p->literal.n);

    if (!str_eq(common, str_head(p->literal, common.n))) return false;
    if (p->kind == PATTERN_EXACT) return start.n <= p->literal.n;
    if (p->kind == PATTERN_BEGINS) return true;
    struct str rest = str_tail(start, p->literal.n);
    if (p->kind == PATTERN_VARIABLE) return match_variables(p, rest, c, true);
    return glob(p->codes, p->codes_n, rest, p->any_case, true);
}

/* --- ARNs --- */

static bool is_arn_start(struct str text)
{
    return str_starts(text, STR("arn:"));
}

bool arn_split(struct str text, struct arn *out)
{
    struct str rest = str_tail(text, 4);

    if (!is_arn_start(text)) return false;
    for (size_t i = 0; i < ARN_RESOURCE; i++) {
        size_t colon = str_index(rest, ':');
        if (colon == SIZE_MAX) return false;
        out->part[i] = str_head(rest, colon);
        rest = str_tail(rest, colon + 1);
    }
    out->part[ARN_RESOURCE] = rest;
    return true;
}

/* Index of the first ':' that is in no variable, or SIZE_MAX. */
static size_t colon_of(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ':') return i;
        if (!str_starts(str_tail(text, i), STR("${"))) continue;
        size_t end = str_index(str_tail(text, i), '}');
        if (end == SIZE_MAX) return SIZE_MAX;
        i += end;
    }
    return SIZE_MAX;
}

static bool split_pattern(struct str text, struct str part[ARN_PARTS], struct sbuf *fault)
{
    struct str rest = str_tail(text, 4);
    size_t i = 0, colon = SIZE_MAX;

    for (; is_arn_start(text) && i < ARN_RESOURCE && (colon = colon_of(rest)) != SIZE_MAX; i++) {
        part[i] = str_head(rest, colon);
        rest = str_tail(rest, colon + 1);
    }
    if (is_arn_start(text) && (i == ARN_RESOURCE || str_ends(rest, STR("*")))) {
        part[i] = rest;
        while (++i < ARN_PARTS)
            part[i] = STR("*");
        return true;
    }
    sbuf_printf(fault, "%.*s is no ARN; write it like arn:aws:s3:::BUCKET/KEY", STR_ARG(str_head(text, 100)));
    return false;
}

bool arn_pattern_compile(struct str text, unsigned flags, struct arena *arena, struct arn_pattern *out,
                         struct sbuf *fault)
{
    struct str part[ARN_PARTS];

    if (!split_pattern(text, part, fault)) return false;
    for (size_t i = 0; i < ARN_PARTS; i++)
        if (!pattern_compile(part[i], flags, arena, &out->part[i], fault)) return false;
    return true;
}

bool arn_pattern_match(const struct arn_pattern *p, const struct arn *arn, const struct policy_context *c)
{
    for (size_t i = 0; i < ARN_PARTS; i++)
        if (!pattern_match(&p->part[i], arn->part[i], c)) return false;
    return true;
}
