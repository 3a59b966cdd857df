/* SPDX-License-Identifier: Apache-2.0
 * client_file.c: who is to be added, as a file says it: CSV (RFC 4180) with a header, or names, one a line. Lines that
 * begin with '#' and empty ones say nothing. What the settings have to do with it is judged in client_add.c. One
 * thread.
 */
#include "client_impl.h"

#include "base/readable.h"
#include "base/secret.h"

#include <stdarg.h>
#include <stdlib.h>

enum { TEXTS_BYTES = 256 << 20, COLUMNS = 64 };

enum column_kind { COLUMN_NAME, COLUMN_GROUP, COLUMN_POLICY, COLUMN_EXPIRES, COLUMN_TAG, COLUMN_KINDS };
static const char *const column_words[COLUMN_KINDS] = {"name", "group", "policy", "expires", "tag.KEY"};

struct column {
    enum column_kind kind;
    struct str tag; /* of COLUMN_TAG: its key */
};

struct reader {
    struct client_rows *rows;
    FILE *problems;
    size_t problems_n;
    int line;
    bool begun; /* the first line that says something is behind */
    struct column columns[COLUMNS];
    size_t columns_n;
    size_t room; /* in rows->v */
};

static void fault(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void fault(struct reader *r, const char *fmt, ...)
{
    va_list args;

    r->problems_n++;
    fprintf(r->problems, "%s:%d: ", r->rows->file, r->line);
    va_start(args, fmt);
    readable_vprintf(r->problems, fmt, args);
    va_end(args);
    fputc('\n', r->problems);
}

static struct str keep(struct client_rows *rows, struct str s)
{
    struct str kept = arena_dup(&rows->texts, s);

    ASSERT((kept.p || !s.n) && "memory for a list of names");
    return kept;
}

/* --- lists of names --- */

static bool is_between_names(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

bool client_next_name(struct str *rest, struct str *name)
{
    size_t n = 0;

    while (rest->n && is_between_names(rest->p[0]))
        *rest = str_tail(*rest, 1);
    while (n < rest->n && !is_between_names(rest->p[n]))
        n++;
    *name = str_head(*rest, n);
    *rest = str_tail(*rest, n);
    return n > 0;
}

bool client_same_names(struct str a, struct str b)
{
    struct str one, other;
    bool more;

    do {
        more = client_next_name(&a, &one);
        if (more != client_next_name(&b, &other) || (more && !str_eq(one, other))) return false;
    } while (more);
    return true;
}

struct str client_keep_names(struct client_rows *rows, struct str text)
{
    struct sbuf b = arena_sbuf(&rows->texts, 2 * text.n + 1);
    struct str name;

    while (client_next_name(&text, &name)) {
        if (b.n) sbuf_add(&b, STR(", "));
        sbuf_add(&b, name);
    }
    ASSERT(!b.overflow && "memory for a list of names");
    return sbuf_str(&b);
}

/* --- fields --- */

/* Takes what stands between '"' and '"' from *@rest. */
static bool take_quoted(struct reader *r, struct str *rest, struct str *field)
{
    struct str s = str_tail(*rest, 1);
    struct sbuf b = arena_sbuf(&r->rows->texts, s.n + 1);

    ASSERT(b.cap && "memory for a list of names");
    for (;; s = str_tail(s, 1)) {
        if (!s.n) {
            fault(r, "a field that begins with a '\"' does not end with one in this line; write it on one line");
            return false;
        }
        if (s.p[0] == '"' && !str_starts(s, STR("\"\""))) break;
        if (s.p[0] == '"') s = str_tail(s, 1);
        sbuf_char(&b, s.p[0]);
    }
    *field = str_trim(sbuf_str(&b));
    *rest = str_trim(str_tail(s, 1));
    if (!rest->n || rest->p[0] == ',') return true;
    fault(r, "behind a field's '\"' stands more than a comma; write a '\"' that belongs to the field twice");
    return false;
}

static bool take_field(struct reader *r, struct str *rest, struct str *field)
{
    size_t n;

    *rest = str_trim(*rest);
    if (str_starts(*rest, STR("\""))) return take_quoted(r, rest, field);
    n = str_index(*rest, ',');
    *field = str_trim(str_head(*rest, n));
    *rest = str_tail(*rest, n);
    if (str_index(*field, '"') == SIZE_MAX) return true;
    fault(r, "a '\"' stands within a field; write the whole field in '\"', and the one in it twice");
    return false;
}

static bool split(struct reader *r, struct str line, struct str fields[COLUMNS], size_t *n)
{
    for (*n = 0;;) {
        if (*n == COLUMNS) {
            fault(r, "this line has more than %d fields", COLUMNS);
            return false;
        }
        if (!take_field(r, &line, &fields[(*n)++])) return false;
        if (!line.n) return true;
        line = str_tail(line, 1); /* the comma */
    }
}

/* --- header --- */

static bool same_column(const struct column *a, const struct column *b)
{
    return a->kind == b->kind && str_eq_nocase(a->tag, b->tag);
}

static void read_column(struct reader *r, struct str word)
{
    struct column *c = &r->columns[r->columns_n];
    bool known = false;

    *c = (struct column){COLUMN_NAME, STR_NONE};
    for (size_t i = 0; i < COLUMN_TAG; i++) {
        if (!str_eq_nocase(word, str_from(column_words[i]))) continue;
        c->kind = (enum column_kind)i;
        known = true;
    }
    if (!known && str_starts_nocase(word, STR("tag."))) {
        *c = (struct column){COLUMN_TAG, keep(r->rows, str_tail(word, strlen("tag.")))};
        known = true;
    }
    const char *nearest = str_nearest(word, column_words, COLUMN_KINDS);
    if (!known && nearest)
        fault(r, "there is no column \"%.*s\"; did you mean %s?", STR_ARG(word), nearest);
    else if (!known)
        fault(r, "there is no column \"%.*s\"; columns are name, group, policy, expires and tag.KEY", STR_ARG(word));
    for (size_t i = 0; known && i < r->columns_n; i++)
        if (same_column(&r->columns[i], c)) fault(r, "column \"%.*s\" stands there twice", STR_ARG(word));
    r->columns_n++;
}

/* False: nothing can be said of the lines below. */
static bool read_first(struct reader *r, const struct str *fields, size_t n, bool *is_header)
{
    *is_header = false;
    for (size_t i = 0; i < n; i++)
        *is_header |= str_eq_nocase(fields[i], STR("name"));
    for (size_t i = 0; *is_header && i < n; i++)
        read_column(r, fields[i]);
    if (*is_header) return r->problems_n == 0;
    r->columns[r->columns_n++] = (struct column){COLUMN_NAME, STR_NONE};
    if (n == 1 && str_index(fields[0], ';') == SIZE_MAX) return true;
    fault(r, "the first line is neither a name alone nor a header; write one above it, with commas: "
             "name,group,policy,expires,tag.KEY (name and what you need of the others)");
    return false;
}

/* --- rows --- */

static void fill(struct client_rows *rows, struct client_row *row, const struct column *c, struct str text)
{
    if (!text.n) return;
    switch (c->kind) {
    case COLUMN_NAME: row->name = keep(rows, text); break;
    case COLUMN_GROUP: row->groups = client_keep_names(rows, text); break;
    case COLUMN_POLICY: row->policy = client_keep_names(rows, text); break;
    case COLUMN_EXPIRES: row->expires = keep(rows, text); break;
    default: row->tags[row->tags_n++] = (struct tag_conf){c->tag, keep(rows, text)}; break;
    }
}

static void add_row(struct reader *r, const struct str *fields, size_t n)
{
    struct client_rows *rows = r->rows;
    struct client_row row = {.line = r->line};

    if (n != r->columns_n) {
        fault(r, "this line has %zu fields, and there are %zu columns%s", n, r->columns_n,
              r->columns_n == 1 ? "; a name with a comma stands in '\"'" : "");
        return;
    }
    row.tags = arena_alloc(&rows->texts, n * sizeof row.tags[0]);
    ASSERT(row.tags && "memory for a list of names");
    for (size_t i = 0; i < n; i++)
        fill(rows, &row, &r->columns[i], fields[i]);
    if (rows->n == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        rows->v = reallocarray(rows->v, r->room, sizeof rows->v[0]);
        ASSERT(rows->v && "memory for a list of names");
    }
    rows->v[rows->n++] = row;
}

/* False: nothing can be said of the lines below. */
static bool read_line(struct reader *r, struct str line)
{
    struct str fields[COLUMNS];
    bool is_header = false;
    size_t n;

    if (str_ends(line, STR("\r"))) line.n--;
    line = str_trim(line);
    if (!line.n || line.p[0] == '#') return true;
    if (!split(r, line, fields, &n)) return r->begun;
    if (!r->begun && !read_first(r, fields, n, &is_header)) return false;
    r->begun = true;
    if (!is_header) add_row(r, fields, n);
    return true;
}

/* Spreadsheets write what their language is used to. */
static bool is_text(struct reader *r, struct str text)
{
    uint32_t code;
    size_t n;

    for (r->line = 1; text.n; text = str_tail(text, n)) {
        n = str_utf8(text, &code);
        if (n && code) {
            r->line += code == '\n';
            continue;
        }
        fault(r, "this is no text in UTF-8; save the file as \"CSV UTF-8\"");
        return false;
    }
    r->line = 0;
    return true;
}

size_t client_file_parse(struct client_rows *rows, const char *file, struct str text, FILE *problems)
{
    struct reader r = {.rows = rows, .problems = problems};
    struct str line;

    *rows = (struct client_rows){.file = file};
    arena_init(&rows->texts, 1 << 16, TEXTS_BYTES);
    if (!is_text(&r, text)) return r.problems_n;
    if (str_starts(text, STR("\xef\xbb\xbf"))) text = str_tail(text, 3);
    for (bool more = true; more && str_split(&text, '\n', &line);) {
        r.line++;
        more = read_line(&r, line);
    }
    if (!r.problems_n && !rows->n) fault(&r, "nobody is named here");
    return r.problems_n;
}

/* --- the command line --- */

void client_rows_of_order(struct client_rows *rows, const struct client_order *o)
{
    *rows = (struct client_rows){.n = 1, .v = calloc(1, sizeof rows->v[0])};
    ASSERT(rows->v && "memory for a name");
    arena_init(&rows->texts, 1 << 12, TEXTS_BYTES);
    rows->v->name = o->name;
}

static bool has_tag(const struct client_row *row, struct str key)
{
    for (size_t i = 0; i < row->tags_n; i++)
        if (str_eq_nocase(row->tags[i].key, key)) return true;
    return false;
}

static void complete_tags(struct client_rows *rows, struct client_row *row, const struct client_order *o)
{
    struct tag_conf *tags = arena_alloc(&rows->texts, (row->tags_n + o->tags_n + 1) * sizeof tags[0]);

    ASSERT(tags && "memory for tags");
    if (row->tags_n) memcpy(tags, row->tags, row->tags_n * sizeof tags[0]);
    row->tags = tags;
    for (size_t i = 0; i < o->tags_n; i++)
        if (!has_tag(row, o->tags[i].key)) row->tags[row->tags_n++] = o->tags[i];
}

void client_rows_complete(struct client_rows *rows, const struct client_order *o)
{
    struct str policy = client_keep_names(rows, str_from(o->policy)),
               groups = client_keep_names(rows, str_from(o->groups));

    for (size_t i = 0; i < rows->n; i++) {
        struct client_row *row = &rows->v[i];
        if (!row->policy.n) row->policy = policy;
        if (!row->groups.n) row->groups = groups;
        if (!row->expires.n) row->expires = str_from(o->expires);
        if (o->tags_n) complete_tags(rows, row, o);
    }
}

void client_rows_clear(struct client_rows *rows)
{
    if (rows->v) secret_wipe(rows->v, rows->n * sizeof rows->v[0]);
    free(rows->v);
    arena_clear(&rows->texts);
    *rows = (struct client_rows){0};
}
