/* SPDX-License-Identifier: Apache-2.0
 * directory.c: see config/directory.h: the text. The file: directory_file.c. Every question reads the text anew, so
 * that nothing can be out of date; that takes some milliseconds for a file of 100,000 clients.
 */
#include "config/directory.h"

#include "config_line.h"

#include "base/secret.h"

#include <stdlib.h>

/* --- reading --- */

/* One line after the other. */
struct scan {
    const struct directory *d;
    struct line_state state;
    size_t at, end; /* of the line, its end included */
    enum line_kind kind;
    struct str text; /* what it says */
};

static bool next_line(struct scan *s)
{
    struct str rest = str_make(s->d->text + s->end, s->d->n - s->end);
    size_t n = str_index(rest, '\n');

    if (rest.n == 0) return false;
    s->at = s->end;
    s->end += n == SIZE_MAX ? rest.n : n + 1;
    bool first = !s->state.begun;
    s->kind = config_line(&s->state, str_make(s->d->text + s->at, s->end - s->at), &s->text);
    if (first && str_starts(rest, STR("\xef\xbb\xbf"))) s->at += 3; /* the mark belongs to no line */
    return true;
}

static bool is_header_of(const struct scan *s, struct str name)
{
    struct str word, named;

    return s->kind == LINE_HEADER && config_line_header(s->text, &word, &named) && str_eq(word, STR("client")) &&
           str_eq(named, name);
}

/* Where something stands in the text. */
struct range {
    size_t at, end;
};

/* *@said ends behind the section's last key or header, *@whole behind all that goes with it: comments right above the
 * next header belong to that one. */
static bool find_section(const struct directory *d, struct str name, struct range *said, struct range *whole)
{
    struct scan s = {.d = d};
    bool found = false;

    while (next_line(&s)) {
        if (!found && is_header_of(&s, name)) {
            found = true;
            *said = (struct range){s.at, s.end};
        } else if (found && s.kind == LINE_HEADER) {
            *whole = *said;
            return true;
        } else if (found && s.kind != LINE_EMPTY) {
            said->end = s.end;
        }
    }
    if (found) *whole = (struct range){said->at, d->n};
    return found;
}

/* The lines that say @key, from the byte @from on; *@key_at: where the key stands in them. */
static bool find_key(const struct directory *d, struct str name, struct str key, size_t from, struct range *lines,
                     size_t *key_at)
{
    struct scan s = {.d = d};
    bool inside = false, found = false;

    while (next_line(&s)) {
        if (s.kind == LINE_HEADER) {
            if (inside) return found; /* the first section of that name counts */
            inside = is_header_of(&s, name);
        } else if (found && s.kind == LINE_CONTINUATION) {
            lines->end = s.end;
        } else if (s.kind == LINE_ENTRY) {
            if (found) return true;
            found = inside && s.at >= from && str_eq(config_line_key(s.text), key);
            if (found) *key_at = (size_t)(s.text.p - d->text);
            if (found) *lines = (struct range){s.at, s.end};
        }
    }
    return found;
}

bool directory_names(const struct directory *d, struct map *names)
{
    struct scan s = {.d = d};
    struct str word, name;

    while (next_line(&s)) {
        if (s.kind != LINE_HEADER || !config_line_header(s.text, &word, &name) || !str_eq(word, STR("client")))
            continue;
        if (name.n && !map_put(names, name, d->text)) return false;
    }
    return true;
}

bool directory_has(const struct directory *d, struct str name)
{
    struct range said, whole;

    return find_section(d, name, &said, &whole);
}

bool directory_has_key(const struct directory *d, struct str name, struct str key)
{
    struct range lines;
    size_t key_at;

    return find_key(d, name, key, 0, &lines, &key_at);
}

/* --- changing --- */

static void cut(struct directory *d, struct range r)
{
    memmove(d->text + r.at, d->text + r.end, d->n - r.end + 1);
    d->n -= r.end - r.at;
    secret_wipe(d->text + d->n + 1, r.end - r.at);
}

/* Puts the parts in the place of @r. */
static enum err_code put(struct directory *d, struct range r, const struct str *parts, size_t parts_n, struct err *err)
{
    size_t n = d->n - (r.end - r.at);

    for (size_t i = 0; i < parts_n; i++)
        n += parts[i].n;
    struct sbuf b = sbuf_make(malloc(n + 1), n + 1);
    if (!b.p) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for the clients file");
    sbuf_add(&b, str_make(d->text, r.at));
    for (size_t i = 0; i < parts_n; i++)
        sbuf_add(&b, parts[i]);
    sbuf_add(&b, str_make(d->text + r.end, d->n - r.end));
    sbuf_char(&b, '\0');
    secret_wipe(d->text, d->n);
    free(d->text);
    d->text = b.p;
    d->n = n;
    return ERR_NONE;
}

/* As the file has them. */
static struct str line_end(const struct directory *d)
{
    size_t n = str_index(str_make(d->text, d->n), '\n');

    return n != SIZE_MAX && n > 0 && d->text[n - 1] == '\r' ? STR("\r\n") : STR("\n");
}

static bool ends_in_line(const struct directory *d, size_t at)
{
    return at == 0 || d->text[at - 1] == '\n';
}

enum { SECTION_PARTS = 5, LINE_PARTS = 4 };

/* Returns how many parts there are. */
static size_t section_parts(const struct directory_section *section, bool first, struct str end, struct str *parts)
{
    size_t n = 0;

    parts[n++] = first ? STR_NONE : end; /* an empty line between two */
    parts[n++] = STR("[client ");
    parts[n++] = section->name;
    parts[n++] = STR("]");
    parts[n++] = end;
    for (size_t i = 0; i < section->lines_n; i++) {
        parts[n++] = section->lines[i].key;
        parts[n++] = STR(" = ");
        parts[n++] = section->lines[i].value;
        parts[n++] = end;
    }
    return n;
}

enum err_code directory_add(struct directory *d, const struct directory_section *v, size_t n, struct err *err)
{
    struct str end = line_end(d);
    size_t most = 1, parts_n = 0;

    for (size_t i = 0; i < n; i++)
        most += SECTION_PARTS + v[i].lines_n * LINE_PARTS;
    struct str *parts = calloc(most, sizeof *parts);
    if (!parts) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for the clients file");
    parts[parts_n++] = ends_in_line(d, d->n) ? STR_NONE : end;
    for (size_t i = 0; i < n; i++)
        parts_n += section_parts(&v[i], i == 0 && d->n == 0, end, parts + parts_n);
    enum err_code code = put(d, (struct range){d->n, d->n}, parts, parts_n, err);
    free(parts);
    return code;
}

enum err_code directory_set(struct directory *d, struct str name, struct str key, struct str value, struct err *err)
{
    struct range lines, said, whole;
    size_t key_at;
    struct str end = line_end(d);

    ASSERT(str_index(value, '\n') == SIZE_MAX);
    if (find_key(d, name, key, 0, &lines, &key_at)) {
        struct range again;
        while (find_key(d, name, key, lines.end, &again, &key_at)) /* edited by hand: one is left */
            cut(d, again);
    } else {
        if (!directory_has(d, name)) TRY(directory_add(d, &(struct directory_section){.name = name}, 1, err));
        bool found = find_section(d, name, &said, &whole);
        ASSERT(found);
        lines = (struct range){said.end, said.end};
    }
    const struct str parts[] = {ends_in_line(d, lines.at) ? STR_NONE : end, key, STR(" = "), value, end};
    return put(d, lines, parts, ARRAY_LEN(parts), err);
}

void directory_unset(struct directory *d, struct str name, struct str key)
{
    struct range lines;
    size_t key_at;

    while (find_key(d, name, key, 0, &lines, &key_at))
        cut(d, lines);
}

enum err_code directory_rename_key(struct directory *d, struct str name, struct str from, struct str to,
                                   struct err *err)
{
    struct range lines;
    size_t key_at;

    if (!find_key(d, name, from, 0, &lines, &key_at)) return ERR_NONE;
    return put(d, (struct range){key_at, key_at + from.n}, &to, 1, err);
}

void directory_remove(struct directory *d, struct str name)
{
    struct range said, whole;

    /* A file that was edited by hand may have it twice. */
    while (find_section(d, name, &said, &whole)) {
        /* An empty line between the neighbours is enough, and none at the top. */
        if (whole.at >= 2 && d->text[whole.at - 1] == '\n' && d->text[whole.at - 2] == '\n') whole.at--;
        if (whole.at == 0 && d->text[whole.end] == '\n') whole.end++;
        cut(d, whole);
    }
}
