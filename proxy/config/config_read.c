/* SPDX-License-Identifier: Apache-2.0
 * config_read.c: from an INI file to sections, keys and texts (struct raw), each with its place. One thread. Owns what
 * it makes. The only place that knows inih.
 *
 * inih cuts a line at ini_max_line (200) bytes and reads the rest as another line, without a word; it does not say
 * where an entry stands, nor that a section without keys exists, nor more than the first bad line. So it is given
 * our own line reader, which counts, refuses what would be cut, and notes the sections:
 *
 *   file → read_line (place, length, NUL, section headers) → inih (key, value, comments) → on_entry (table, repeats)
 *
 * A line that begins with a blank goes on with the value of the key before it, unless it is itself `key = value`.
 */
#include "config_line.h"
#include "config_options.h"

#include "base/secret.h"
#include "base/thread.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>

enum { ALL_SECTIONS_BYTES = 256 };
enum { MAIN_BYTES_MOST = 1 << 20, CLIENTS_BYTES_MOST = 64 << 20 }; /* as clients_file.c */

struct reader {
    struct config_build *b;
    FILE *in; /* borrowed */
    const char *file;
    int line;
    size_t bytes, bytes_most;
    bool clients_only;
    struct raw_section *section; /* borrowed; NULL before the first header and in a section that was refused */
    bool skip;                   /* the section was refused: so are its keys, without a word each */
    struct raw_value *value;     /* borrowed: the section's last; where a continuation line goes */
    const struct option *option; /* the key of `value` */
    struct line_state lines;
    bool continues;     /* the line handed to inih is one */
    bool expects_entry; /* the line handed to inih must give a call of on_entry */
};

static struct config_place here(const struct reader *r)
{
    return (struct config_place){r->file, r->line};
}

/* --- section headers --- */

size_t config_client_name_span(struct str name)
{
    static const char more[] = {'+', '=', ',', '@'};
    size_t n = 0;

    while (n < name.n && (config_line_is_name_char(name.p[n]) || memchr(more, name.p[n], sizeof(more))))
        n++;
    return n;
}

bool config_client_name_valid(struct str name)
{
    return name.n > 0 && name.n <= CLIENT_NAME_MOST && config_client_name_span(name) == name.n;
}

/* The names of clients are those of IAM users: an e-mail address is one. */
static bool is_section_name(enum section_id id, struct str name)
{
    if (id == SECTION_CLIENT) return config_client_name_valid(name);
    if (name.n == 0 || name.n > 64) return false;
    for (size_t i = 0; i < name.n; i++)
        if (!config_line_is_name_char(name.p[i])) return false;
    return true;
}

/* "[server], [ca], … and [tunnel NAME]" */
static const char *all_sections(char out[ALL_SECTIONS_BYTES])
{
    struct sbuf b = sbuf_make(out, ALL_SECTIONS_BYTES - 1);

    for (size_t i = 0; i < SECTIONS_N; i++)
        sbuf_printf(&b, "%s[%s%s]",
                    i == 0               ? ""
                    : i + 1 < SECTIONS_N ? ", "
                                         : " and ",
                    config_sections[i].word, config_sections[i].example_name ? " NAME" : "");
    return out;
}

/* What is called [@word @name], or is a kind whose sections have names of their own. *@name: empty where it belongs to
 * the kind. */
static bool is_kind(const struct section_kind *kind, struct str word, struct str *name)
{
    struct str whole = str_from(kind->word);
    size_t blank = str_index(whole, ' ');

    if (blank == SIZE_MAX) return str_eq(word, whole);
    if (!str_eq(word, str_head(whole, blank)) || !str_eq(*name, str_tail(whole, blank + 1))) return false;
    *name = STR_NONE;
    return true;
}

static bool find_kind(struct reader *r, struct str word, struct str *name, enum section_id *id)
{
    const char *words[SECTIONS_N], *nearest = NULL;

    for (size_t i = 0; i < SECTIONS_N; i++) {
        words[i] = config_sections[i].word;
        if (str_starts(str_from(words[i]), word) && words[i][word.n] == ' ') nearest = words[i];
        if (!is_kind(&config_sections[i], word, name)) continue;
        *id = (enum section_id)i;
        return true;
    }
    if (!nearest) nearest = str_nearest(word, words, SECTIONS_N);
    if (nearest)
        config_problem(r->b, here(r), "there is no section [%.*s]; did you mean [%s]?", STR_ARG(word), nearest);
    else
        config_problem(r->b, here(r), "there is no section [%.*s]; sections are %s", STR_ARG(word),
                       all_sections((char[ALL_SECTIONS_BYTES]){0}));
    return false;
}

/* Finds or makes the section of the header; NULL: refused, said why. */
static struct raw_section *open_section(struct reader *r, struct str word, struct str name)
{
    enum section_id id;

    if (!find_kind(r, word, &name, &id)) return NULL;
    const struct section_kind *kind = &config_sections[id];
    if (r->clients_only && id != SECTION_CLIENT) {
        config_problem(r->b, here(r), "a clients file holds [client NAME] sections only; move [%s] to the main file",
                       kind->word);
        return NULL;
    }
    if (!kind->example_name && name.n > 0) {
        config_problem(r->b, here(r), "section [%s] has no name; write [%s]", kind->word, kind->word);
        return NULL;
    }
    if (kind->example_name && !is_section_name(id, name)) {
        config_problem(r->b, here(r), "section [%s NAME] needs a name of %s; write, for example, [%s %s]", kind->word,
                       id == SECTION_CLIENT ? CLIENT_NAME_GRAMMAR : "letters, digits, '-', '_' and '.'", kind->word,
                       kind->example_name);
        return NULL;
    }
    struct raw_section *section = config_raw_section(r->b->raw, id, name);
    if (!section) return config_raw_add(r->b->raw, id, name, here(r));
    struct config_place first = config_header_place(section);
    if (!first.file)
        config_raw_move(section, here(r));
    else if (first.file == r->file)
        config_problem(r->b, here(r),
                       "section [%s%s%.*s] stands here again, first at line %d; put its keys together there",
                       kind->word, name.n ? " " : "", STR_ARG(name), first.line);
    return section;
}

static void read_header(struct reader *r, struct str line)
{
    struct str word, name;

    r->value = NULL;
    r->section = NULL;
    r->skip = true;
    if (!config_line_header(line, &word, &name)) {
        config_problem(r->b, here(r),
                       "this section header is not closed; write [SECTION] or [SECTION NAME] on a line of "
                       "its own");
        return;
    }
    r->section = open_section(r, word, name);
    r->skip = !r->section;
}

/* --- lines --- */

/* Files of other kinds, and pipes without an end, are longer than any configuration. */
static bool is_too_long(struct reader *r)
{
    if (r->bytes <= r->bytes_most) return false;
    config_problem(r->b, here(r), "the file is longer than %zu MiB; is it a configuration? Name another",
                   r->bytes_most >> 20);
    return true;
}

/* The next line without its end into @dst of @cap bytes; false at the end of the file. What cannot be kept whole is
 * reported and comes out empty. */
static bool next_line(struct reader *r, char *dst, size_t cap, size_t *n)
{
    bool too_long = false, has_nul = false;
    int c = getc(r->in);

    *n = 0;
    if (c == EOF || r->bytes > r->bytes_most) return false;
    r->line++;
    for (r->bytes++; c != EOF && c != '\n' && r->bytes <= r->bytes_most; c = getc(r->in), r->bytes += c != EOF) {
        has_nul |= c == '\0';
        if (*n < cap)
            dst[(*n)++] = (char)c;
        else
            too_long = true;
    }
    if (is_too_long(r))
        *n = 0;
    else if (has_nul)
        config_problem(r->b, here(r), "there is a NUL byte in this line; save the file as plain text (UTF-8)");
    else if (too_long)
        config_problem(r->b, here(r),
                       "this line is longer than %zu bytes; go on in the next line, which must begin with a blank, or "
                       "write env:NAME for a long token",
                       cap);
    if (has_nul || too_long) *n = 0;
    return true;
}

/* inih 55 leaves the comment in a continuation line. */
static struct str without_comment(struct str s)
{
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] == ';' && (s.p[i - 1] == ' ' || s.p[i - 1] == '\t')) return str_trim(str_head(s, i));
    return s;
}

static void check_last_line(struct reader *r)
{
    if (r->expects_entry && !r->skip)
        config_problem(r->b, here(r), "this line is neither [SECTION] nor KEY = VALUE; begin a comment with '#'");
    r->expects_entry = false;
}

/* What inih shall see of @line: nothing, the line from its first byte on, or a continuation. */
static struct str classify(struct reader *r, struct str line)
{
    struct str text;
    enum line_kind kind = config_line(&r->lines, line, &text);

    r->continues = kind == LINE_CONTINUATION;
    if (kind == LINE_EMPTY) return STR_NONE;
    if (kind == LINE_HEADER) {
        read_header(r, text);
        return r->skip ? STR_NONE : text;
    }
    r->expects_entry = true;
    return r->continues ? without_comment(text) : text;
}

/* inih's reader: as fgets. One byte each is kept for the blank of a continuation, the line end and the NUL. */
static char *read_line(char *dst, int cap, void *stream)
{
    struct reader *r = stream;
    size_t n, room = (size_t)cap - 3;

    ASSERT(cap > 16);
    thread_makes_way();
    check_last_line(r);
    if (!next_line(r, dst, room, &n)) return NULL;

    struct str line = classify(r, str_make(dst, n));
    size_t at = r->continues ? 1 : 0;
    memmove(dst + at, line.n ? line.p : dst, line.n);
    if (r->continues) dst[0] = ' ';
    dst[at + line.n] = '\n';
    dst[at + line.n + 1] = '\0';
    return dst;
}

/* --- entries --- */

static void unknown_key(struct reader *r, struct str key)
{
    const char *words[64];
    size_t n, other;
    const struct option *options = config_section_options(r->section->id, &n);
    const char *section = config_sections[r->section->id].word;

    ASSERT(n <= ARRAY_LEN(words));
    for (size_t i = 0; i < n; i++)
        words[i] = options[i].key;
    const char *nearest = str_nearest(key, words, n);
    if (nearest) {
        config_problem(r->b, here(r), "[%s] has no key \"%.*s\"; did you mean \"%s\"?", section, STR_ARG(key), nearest);
        return;
    }
    for (size_t id = 0; id < SECTIONS_N; id++) {
        if (!config_find_option((enum section_id)id, key, &other)) continue;
        config_problem(r->b, here(r), "[%s] has no key \"%.*s\"; it belongs to [%s%s]", section, STR_ARG(key),
                       config_sections[id].word, config_sections[id].example_name ? " NAME" : "");
        return;
    }
    config_problem(r->b, here(r), "[%s] has no key \"%.*s\"; `s3onramp check --example` shows all keys", section,
                   STR_ARG(key));
}

static bool is_list(const struct option *o)
{
    return o->type == OPT_LIST || o->type == OPT_REGIONS || o->type == OPT_HOSTS || o->type == OPT_ADDRESSES ||
           o->type == OPT_NETWORKS || o->type == OPT_SOURCES || o->type == OPT_POLICIES || o->type == OPT_GROUPS;
}

/* Texts that many sections have, and that are no secrets. */
static bool is_word(const struct option *o)
{
    return config_reference_kind(o) != SECTIONS_N || config_in_terms(o);
}

/* Lists go on with a further item, whether or not the line before ended in a comma; other texts go on as they are:
 * a token of a thousand bytes. The old text may be a secret: it is wiped. */
static void append_value(struct reader *r, struct str more)
{
    if (!r->value) return;
    struct str old = str_from(r->value->text);
    size_t cap = old.n + more.n + 2;
    struct sbuf b = sbuf_make(config_bytes(r->b->raw, cap), cap);

    sbuf_add(&b, old);
    if (is_list(r->option) && !str_ends(old, STR(",")) && !str_starts(more, STR(","))) sbuf_char(&b, ',');
    sbuf_add(&b, more);
    sbuf_char(&b, '\0');
    if (is_word(r->option)) {
        r->value->text = config_keep_word(r->b->raw, str_from(b.p));
    } else {
        secret_wipe(r->value->text, old.n);
        r->value->text = b.p;
    }
    config_note_hash(r->b->raw, config_value_place(r->section, r->value), r->value->text);
}

/* NULL: that key is new in the section. Tags are so by what follows the row's key, in any case. */
static const struct raw_value *given_before(const struct raw_section *section, const struct option *o, size_t row,
                                            struct str key)
{
    struct str name = str_tail(key, strlen(o->key));

    if (o->type != OPT_TAGS) return config_raw_value(section, row);
    for (size_t i = 0; i < section->values_n; i++) {
        struct str other = str_from(section->values[i].text);
        if (section->values[i].row == row && str_eq_nocase(str_head(other, str_index(other, '=')), name))
            return &section->values[i];
    }
    return NULL;
}

/* A tag is kept with its key: "KEY=value". */
static char *keep_value(struct reader *r, struct str key, struct str value)
{
    struct raw *raw = r->b->raw;

    if (r->option->type != OPT_TAGS) return (is_word(r->option) ? config_keep_word : config_keep)(raw, value);
    key = str_tail(key, strlen(r->option->key));
    size_t cap = key.n + value.n + 2;
    struct sbuf b = sbuf_make(config_bytes(raw, cap), cap);
    sbuf_add(&b, key);
    sbuf_char(&b, '=');
    sbuf_add(&b, value);
    sbuf_char(&b, '\0');
    return b.p;
}

static int on_entry(void *user, const char *section UNUSED, const char *name, const char *text)
{
    struct reader *r = user;
    struct str key = str_from(name), value = str_from(text);
    size_t index;

    r->expects_entry = false;
    if (r->continues) {
        append_value(r, value);
        return 1;
    }
    r->value = NULL;
    if (!r->section) {
        if (!r->skip)
            config_problem(r->b, here(r), "key \"%s\" stands before the first section; write it below [SECTION]", name);
        return 1;
    }
    r->option = config_find_option(r->section->id, key, &index);
    if (!r->option) {
        unknown_key(r, key);
        return 1;
    }
    const struct raw_value *given = given_before(r->section, r->option, index, key);
    if (given) {
        struct config_place first = config_value_place(r->section, given);
        config_problem(r->b, here(r), "\"%s\" is given twice, first at %s:%d; keep one of them", name, first.file,
                       first.line);
        return 1;
    }
    r->value = config_raw_set(r->section, index, keep_value(r, key, value), here(r));
    config_note_hash(r->b->raw, here(r), r->value->text);
    return 1;
}

void config_read_stream(struct config_build *b, FILE *in, const char *file, bool clients_only)
{
    struct reader r = {.b = b, .in = in, .file = file, .clients_only = clients_only};

    r.bytes_most = clients_only ? CLIENTS_BYTES_MOST : MAIN_BYTES_MOST;
    /* inih's own verdict is not needed: each line that gave no entry has been reported by check_last_line. */
    (void)ini_parse_stream(read_line, &r, on_entry, &r);
    check_last_line(&r);
    if (ferror(in))
        config_problem(b, (struct config_place){file, 0}, "cannot be read (%s); name a file that the proxy may read",
                       strerror(errno));
}
