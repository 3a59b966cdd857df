/* SPDX-License-Identifier: Apache-2.0
 * profile.c: see profile.h. The text is copied once and cut up in place: keys and values are pieces of it, a value of
 * several lines is moved together, which can only make it shorter. So one block holds every secret.
 */
#include "aws/documents/profile.h"

#include "aws/documents/command_line.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>

struct section {
    enum profile_section_kind kind;
    const char *header; /* between the brackets; two sections with the same are one */
    char *name;         /* owned; NULL for OTHER */
    int line;
};

struct entry {
    size_t section;
    const char *key;
    char *value, *end; /* its NUL is written when the value is over */
    int line;
};

struct profile_file {
    enum profile_file_kind kind;
    char *name; /* owned */
    char *text; /* owned, wiped */
    size_t n;
    struct section *sections; /* owned */
    size_t sections_n, sections_cap;
    struct entry *entries; /* owned; keys that stand twice, too */
    size_t entries_n, entries_cap;
};

struct parser {
    struct profile_file *file;
    char *at, *limit;
    int line;
    bool in_value;       /* the next line may go on with the last entry's value */
    size_t empty_lines;  /* within it, if it goes on */
    size_t indent_level; /* of the last header or key */
    struct err *err;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

static struct str strip(struct str s)
{
    while (s.n && is_space(s.p[0]))
        s = str_tail(s, 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

static enum err_code bad_line(struct parser *p, int line, const char *what)
{
    return err_set(p->err, ERR_BAD_DOCUMENT, 0, "%s:%d: %s", p->file->name, line, what);
}

static bool make_room(void **v, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap ? *cap * 2 : 16;
    void *mem;

    if (n < *cap) return true;
    mem = realloc(*v, more * size);
    if (!mem) return false;
    *v = mem;
    *cap = more;
    return true;
}

/* --- values --- */

static bool is_block(const struct entry *e)
{
    return e->value[0] == '\n';
}

/* A block is what `key =` with indented lines below it makes. */
static enum err_code check_block(struct parser *p, const struct entry *e)
{
    struct str rest = str_from(e->value), line;

    while (str_split(&rest, '\n', &line))
        if (line.n && str_index(line, '=') == SIZE_MAX)
            return bad_line(p, e->line,
                            "the indented lines below this key are read as settings of its own, and one has no '='; "
                            "write the value in the line of its key");
    return ERR_NONE;
}

static enum err_code end_value(struct parser *p)
{
    struct entry *e;

    if (!p->in_value) return ERR_NONE;
    p->in_value = false;
    e = &p->file->entries[p->file->entries_n - 1];
    *e->end = '\0';
    return is_block(e) ? check_block(p, e) : ERR_NONE;
}

/* Never overtakes what it reads: each line feed written had a line end of its own before @more. */
static void continue_value(struct parser *p, struct str more)
{
    struct entry *e = &p->file->entries[p->file->entries_n - 1];

    for (size_t i = 0; i < p->empty_lines + 1; i++)
        *e->end++ = '\n';
    p->empty_lines = 0;
    memmove(e->end, more.p, more.n);
    e->end += more.n;
}

/* --- lines --- */

/* [profile NAME] and [sso-session NAME] with NAME as a shell's word; what does not look so is passed over. */
static enum err_code name_config_section(struct parser *p, struct section *s)
{
    bool profile = str_starts(str_from(s->header), STR("profile"));
    bool session = str_starts(str_from(s->header), STR("sso-session"));
    struct command_line words;
    enum err_code code;

    s->kind = PROFILE_SECTION_OTHER;
    if (strcmp(s->header, "default") == 0) {
        s->kind = PROFILE_SECTION_PROFILE;
        s->name = strdup("default");
        return s->name ? ERR_NONE : err_set(p->err, ERR_NO_MEMORY, 0, "profiles");
    }
    if (!profile && !session) return ERR_NONE;
    code = command_line_split(str_from(s->header), &words, NULL);
    if (code == ERR_NO_MEMORY) return err_set(p->err, ERR_NO_MEMORY, 0, "profiles");
    if (code == ERR_NONE && words.n == 2) {
        s->kind = profile ? PROFILE_SECTION_PROFILE : PROFILE_SECTION_SSO_SESSION;
        s->name = strdup(words.argv[1]);
        if (!s->name) code = err_set(p->err, ERR_NO_MEMORY, 0, "profiles");
    }
    command_line_clear(&words);
    return code == ERR_NO_MEMORY ? code : ERR_NONE;
}

static enum err_code add_section(struct parser *p, struct str header)
{
    struct profile_file *f = p->file;
    struct section *s;

    if (!make_room((void **)&f->sections, f->sections_n, &f->sections_cap, sizeof(*f->sections)))
        return err_set(p->err, ERR_NO_MEMORY, 0, "profiles");
    s = &f->sections[f->sections_n++];
    ((char *)header.p)[header.n] = '\0'; /* where the bracket stood */
    *s = (struct section){.header = header.p, .line = p->line};
    if (f->kind == PROFILE_FILE_CONFIG) return name_config_section(p, s);
    s->name = strdup(s->header);
    return s->name ? ERR_NONE : err_set(p->err, ERR_NO_MEMORY, 0, "profiles");
}

static enum err_code add_entry(struct parser *p, struct str line)
{
    struct profile_file *f = p->file;
    size_t at = 0;
    struct str key, value;

    while (at < line.n && line.p[at] != '=' && line.p[at] != ':')
        at++;
    key = strip(str_head(line, at));
    if (at == line.n || !key.n)
        return bad_line(p, p->line,
                        "neither '[section]' nor 'key = value'; comments begin with '#' at the line's start");
    if (!make_room((void **)&f->entries, f->entries_n, &f->entries_cap, sizeof(*f->entries)))
        return err_set(p->err, ERR_NO_MEMORY, 0, "profiles");
    value = strip(str_tail(line, at + 1));
    for (size_t i = 0; i < key.n; i++)
        ((char *)key.p)[i] = ascii_lower(key.p[i]);
    ((char *)key.p)[key.n] = '\0'; /* at the latest where '=' stood */
    f->entries[f->entries_n++] =
        (struct entry){f->sections_n - 1, key.p, (char *)value.p, (char *)value.p + value.n, p->line};
    p->in_value = true;
    p->empty_lines = 0;
    return ERR_NONE;
}

static enum err_code parse_line(struct parser *p, struct str line)
{
    struct str text = strip(line);
    size_t indent = (size_t)(text.p - line.p), bracket = str_rindex(text, ']');

    if (!text.n) {
        p->empty_lines++;
        return ERR_NONE;
    }
    if (text.p[0] == '#' || text.p[0] == ';') return ERR_NONE;
    if (p->in_value && indent > p->indent_level) {
        continue_value(p, text);
        return ERR_NONE;
    }
    TRY(end_value(p));
    p->indent_level = indent;
    if (text.p[0] == '[' && bracket != SIZE_MAX && bracket > 1)
        return add_section(p, str_tail(str_head(text, bracket), 1));
    if (!p->file->sections_n)
        return bad_line(p, p->line, "a key before the first '[section]'; begin the file with [default]");
    return add_entry(p, text);
}

/* Ends at LF, CR LF, a lone CR or the end of the text. */
static struct str next_line(struct parser *p)
{
    char *begin = p->at;
    struct str line;

    while (p->at < p->limit && *p->at != '\n' && *p->at != '\r')
        p->at++;
    line = str_make(begin, (size_t)(p->at - begin));
    if (p->at < p->limit) p->at += *p->at == '\r' && p->at + 1 < p->limit && p->at[1] == '\n' ? 2 : 1;
    p->line++;
    return line;
}

static enum err_code parse_lines(struct parser *p)
{
    if (str_starts(str_make(p->at, (size_t)(p->limit - p->at)), STR("\xef\xbb\xbf"))) p->at += 3;
    while (p->at < p->limit)
        TRY(parse_line(p, next_line(p)));
    return end_value(p);
}

enum err_code profile_file_parse(struct str text, enum profile_file_kind kind, const char *name,
                                 struct profile_file **out, struct err *err)
{
    struct profile_file *f;
    enum err_code code;

    *out = NULL;
    if (text.n > PROFILE_FILE_MAX)
        return err_set(err, ERR_BAD_DOCUMENT, 0, "%s: longer than %d bytes: not a file of profiles", name,
                       PROFILE_FILE_MAX);
    if (str_index(text, '\0') != SIZE_MAX)
        return err_set(err, ERR_BAD_DOCUMENT, 0, "%s: holds NUL bytes; save it as text in UTF-8", name);
    f = calloc(1, sizeof(*f));
    if (!f) return err_set(err, ERR_NO_MEMORY, 0, "profiles");
    f->kind = kind;
    f->n = text.n;
    f->name = strdup(name);
    f->text = calloc(1, text.n + 1);
    if (f->name && f->text) {
        if (text.n) memcpy(f->text, text.p, text.n);
        struct parser p = {.file = f, .at = f->text, .limit = f->text + text.n, .err = err};
        code = parse_lines(&p);
    } else {
        code = err_set(err, ERR_NO_MEMORY, 0, "profiles");
    }
    if (code == ERR_NONE)
        *out = f;
    else
        profile_file_free(&f);
    return code;
}

void profile_file_free(struct profile_file **fp)
{
    struct profile_file *f = *fp;

    if (!f) return;
    *fp = NULL;
    for (size_t i = 0; i < f->sections_n; i++)
        free(f->sections[i].name);
    free(f->sections);
    free(f->entries);
    if (f->text) secret_wipe(f->text, f->n);
    free(f->text);
    free(f->name);
    free(f);
}

/* --- questions --- */

/* The last one: "[default]" and "[profile default]" are two sections with one name, and the later replaces the other.
 */
static const struct section *find_section(const struct profile_file *f, enum profile_section_kind kind,
                                          const char *name)
{
    for (size_t i = f ? f->sections_n : 0; i > 0; i--) {
        const struct section *s = &f->sections[i - 1];

        if (s->name && s->kind == kind && strcmp(s->name, name) == 0) return s;
    }
    return NULL;
}

int profile_file_section(const struct profile_file *f, enum profile_section_kind kind, const char *name)
{
    const struct section *s = find_section(f, kind, name);

    return s ? s->line : 0;
}

struct profile_value profile_file_get(const struct profile_file *f, enum profile_section_kind kind, const char *name,
                                      const char *key)
{
    const struct section *s = find_section(f, kind, name);

    for (size_t i = s ? f->entries_n : 0; i > 0; i--) {
        const struct entry *e = &f->entries[i - 1];

        if (strcmp(e->key, key) != 0 || strcmp(f->sections[e->section].header, s->header) != 0) continue;
        return (struct profile_value){is_block(e) ? NULL : e->value, f->name, e->line};
    }
    return (struct profile_value){0};
}
