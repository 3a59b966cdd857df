/* SPDX-License-Identifier: Apache-2.0
 * config_raw.c: what all parts of the configuration reader stand on: memory, problems, and sections with their keys as
 * they are written (struct raw). One thread.
 */
#include "config_options.h"

#include "base/readable.h"
#include "base/secret.h"
#include "base/thread.h"

#include <stdarg.h>
#include <stdlib.h>

/* --- memory --- */

void *config_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);

    ASSERT(p && "memory for the settings");
    return p;
}

char *config_strdup(struct str s)
{
    char *p = config_alloc(s.n + 1);

    if (s.n) memcpy(p, s.p, s.n);
    return p;
}

void *config_grow(void *array, size_t n, size_t size)
{
    void *p = reallocarray(array, n + 1, size);

    ASSERT(p && "memory for the settings");
    memset((char *)p + n * size, 0, size);
    return p;
}

struct raw_block {
    struct raw_block *before;
    size_t bytes;
    max_align_t text[];
};

enum { BLOCK_BYTES = 1 << 16, WORD = 8 };

static void *bytes_of(struct raw_memory *t, size_t n, size_t align)
{
    size_t at = (t->used + align - 1) / align * align;

    if (!t->last || n > t->cap - at || at > t->cap) {
        struct raw_block *block;
        size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;
        block = config_alloc(sizeof *block + cap);
        block->before = t->last;
        block->bytes = cap;
        *t = (struct raw_memory){block, 0, cap};
        at = 0;
    }
    t->used = at + n;
    return (char *)t->last->text + at;
}

char *config_bytes(struct raw *raw, size_t n)
{
    return bytes_of(&raw->texts, n, 1);
}

char *config_keep(struct raw *raw, struct str s)
{
    char *p = config_bytes(raw, s.n + 1);

    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

char *config_keep_word(struct raw *raw, struct str s)
{
    char *word = map_get(&raw->words, s);

    if (word) return word;
    word = config_keep(raw, s);
    bool put = map_put(&raw->words, str_make(word, s.n), word);
    ASSERT(put && "memory for the settings");
    return word;
}

char *config_keep_heap(struct raw *raw, char *heap)
{
    char *p = heap ? config_keep(raw, str_from(heap)) : NULL;

    secret_free(&heap);
    return p;
}

static void wipe_memory(struct raw_memory *t)
{
    while (t->last) {
        struct raw_block *block = t->last;
        t->last = block->before;
        secret_wipe(block->text, block->bytes);
        free(block);
        thread_makes_way();
    }
}

/* --- places and problems --- */

const char *config_place_text(struct config_place place, char out[CONFIG_PLACE_TEXT])
{
    int n = snprintf(out, CONFIG_PLACE_TEXT, "%s", place.file);

    if (place.line > 0 && n >= 0 && n < CONFIG_PLACE_TEXT)
        (void)snprintf(out + n, (size_t)(CONFIG_PLACE_TEXT - n), ":%d", place.line);
    return out;
}

/* A '#' begins a comment at the start of a line only: what was meant as one may be what is wrong with the value. */
void config_note_hash(struct raw *raw, struct config_place place, const char *text)
{
    struct config_place *key;

    if (!strstr(text, " #")) return;
    key = bytes_of(&raw->texts, sizeof *key, WORD);
    memset(key, 0, sizeof *key);
    key->file = place.file;
    key->line = place.line;
    bool put = map_put(&raw->hashes, str_make((const char *)key, sizeof *key), key);
    ASSERT(put && "memory for the settings");
}

static bool is_about_hash(const struct config_build *b, struct config_place place)
{
    struct config_place key;

    memset(&key, 0, sizeof key);
    key.file = place.file;
    key.line = place.line;
    return place.line > 0 && map_get(&b->raw->hashes, str_make((const char *)&key, sizeof key));
}

static struct config_place known_place(const struct settings *s, struct config_place place)
{
    return place.file ? place : (struct config_place){s->file, 0};
}

void config_problem(struct config_build *b, struct config_place place, const char *fmt, ...)
{
    char where[CONFIG_PLACE_TEXT];
    va_list args;

    b->problems_n++;
    fprintf(b->problems, "%s: ", config_place_text(known_place(b->s, place), where));
    va_start(args, fmt);
    readable_vprintf(b->problems, fmt, args);
    va_end(args);
    if (is_about_hash(b, place))
        fputs(" (the '#' belongs to the value: a comment after a value begins with ' ;', or stands on its own line)",
              b->problems);
    fputc('\n', b->problems);
}

/* --- sections --- */

struct raw_section *config_raw_section(struct raw *raw, enum section_id id, struct str name)
{
    if (config_sections[id].example_name) return map_get(&raw->by_name[id], name);
    for (size_t i = 0; i < raw->n; i++)
        if (raw->v[i]->id == id) return raw->v[i]; /* made first of all, so found at once */
    return NULL;
}

static uint8_t file_number(struct raw *raw, const char *file)
{
    uint8_t i = 0;

    while (raw->files[i] != file) {
        i++;
        ASSERT(i < RAW_FILES);
        if (!raw->files[i]) raw->files[i] = file;
    }
    return i;
}

struct raw_section *config_raw_add(struct raw *raw, enum section_id id, struct str name, struct config_place place)
{
    struct raw_section *section = bytes_of(&raw->texts, sizeof *section, WORD);

    *section =
        (struct raw_section){.raw = raw, .id = (uint8_t)id, .line = place.line, .file = file_number(raw, place.file)};
    if (config_sections[id].example_name) {
        section->name = config_keep(raw, name);
        bool put = map_put(&raw->by_name[id], str_make(section->name, name.n), section);
        ASSERT(put && "memory for the settings");
    }
    if (raw->n == raw->cap) {
        raw->cap = raw->cap ? raw->cap * 2 : 16;
        raw->v = reallocarray(raw->v, raw->cap, sizeof raw->v[0]);
        ASSERT(raw->v && "memory for the settings");
    }
    raw->v[raw->n++] = section;
    return section;
}

void config_raw_move(struct raw_section *section, struct config_place place)
{
    section->file = file_number(section->raw, place.file);
    section->line = place.line;
}

const struct option *config_find_option(enum section_id id, struct str key, size_t *index)
{
    size_t n;
    const struct option *options = config_section_options(id, &n);

    for (*index = 0; *index < n; (*index)++) {
        const struct option *o = &options[*index];
        if (str_eq(key, str_from(o->key)) || (o->type == OPT_TAGS && str_starts(key, str_from(o->key)))) return o;
    }
    return NULL;
}

struct raw_value *config_raw_value(const struct raw_section *section, size_t row)
{
    for (size_t i = 0; i < section->values_n; i++)
        if (section->values[i].row == row) return &section->values[i];
    return NULL;
}

struct raw_value *config_raw_set(struct raw_section *section, size_t row, char *text, struct config_place place)
{
    struct raw *raw = section->raw;
    size_t n = section->values_n;
    struct raw_value *next = bytes_of(&raw->values, sizeof *next, WORD);

    ASSERT(n < UINT8_MAX && row <= UINT8_MAX);
    if (n && next != section->values + n) { /* another section came between, or a block is full: they move together */
        next = (struct raw_value *)bytes_of(&raw->values, (n + 1) * sizeof *next, WORD) + n;
        memcpy(next - n, section->values, n * sizeof *next);
    }
    *next = (struct raw_value){text, place.line, file_number(raw, place.file), (uint8_t)row};
    section->values = next - n;
    section->values_n++;
    return next;
}

void config_for_each(struct config_build *b, enum section_id id,
                     void (*visit)(struct config_build *b, struct raw_section *section))
{
    for (size_t i = 0; i < b->raw->n; i++, thread_makes_way())
        if (b->raw->v[i]->id == id) visit(b, b->raw->v[i]);
}

static struct raw_value *value_of_key(const struct raw_section *section, const char *key)
{
    size_t row;
    const struct option *o = config_find_option(section->id, str_from(key), &row);

    ASSERT(o != NULL);
    return config_raw_value(section, row);
}

const char *config_text_of(const struct raw_section *section, const char *key)
{
    const struct raw_value *value = value_of_key(section, key);

    return value ? value->text : NULL;
}

struct config_place config_header_place(const struct raw_section *section)
{
    return (struct config_place){section->raw->files[section->file], section->line};
}

struct config_place config_value_place(const struct raw_section *section, const struct raw_value *value)
{
    if (!value) return (struct config_place){NULL, 0};
    return (struct config_place){section->raw->files[value->file], value->line};
}

struct config_place config_place_of(const struct raw_section *section, const char *key)
{
    struct config_place place = config_value_place(section, value_of_key(section, key));

    return place.file ? place : config_header_place(section);
}

/* The section that became @item, or NULL. */
static const struct raw_section *section_of(const struct settings *s, const void *item)
{
    const struct raw *raw = s->impl;

    for (size_t id = 0; id < SECTIONS_N; id++) {
        const struct section_kind *kind = &config_sections[id];
        const char *array = *(char *const *)((const char *)s + kind->at);
        if (!kind->example_name || (const char *)item < array) continue;
        if ((const char *)item >= array + kind->item_bytes * *(const size_t *)((const char *)s + kind->count_at))
            continue;
        return map_get(&raw->by_name[id], str_from(*(char *const *)item)); /* its name stands first */
    }
    for (size_t i = 0; i < raw->n; i++)
        if (raw->v[i]->item == item) return raw->v[i];
    return NULL;
}

struct config_place settings_place(const struct settings *s, const void *item, const char *key)
{
    const struct raw_section *section = section_of(s, item);

    return known_place(s, section ? config_place_of(section, key) : (struct config_place){NULL, 0});
}

const char *settings_text(const struct settings *s, const void *item, const char *key)
{
    const struct raw_section *section = section_of(s, item);

    return section ? config_text_of(section, key) : NULL;
}

void settings_warn(struct settings *s, struct config_place place, const char *fmt, ...)
{
    struct config_warning *w;
    va_list args;

    s->warnings = config_grow(s->warnings, s->warnings_n, sizeof s->warnings[0]);
    w = &s->warnings[s->warnings_n++];
    w->place = known_place(s, place);
    va_start(args, fmt);
    int n = vasprintf(&w->text, fmt, args);
    va_end(args);
    ASSERT(n >= 0 && "memory for the settings");
}

void config_raw_free(struct raw *raw)
{
    for (size_t id = 0; id < SECTIONS_N; id++)
        map_clear(&raw->by_name[id]);
    map_clear(&raw->hashes);
    map_clear(&raw->words);
    config_terms_free(raw);
    wipe_memory(&raw->values);
    wipe_memory(&raw->texts);
    free(raw->v);
    free(raw);
}
