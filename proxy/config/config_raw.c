/* SPDX-License-Identifier: Apache-2.0
 * config_raw.c: what all parts of the configuration reader stand on: memory, problems, and sections with their keys as
 * they are written (struct raw). One thread.
 */
#include "config_options.h"

#include <stdarg.h>
#include <stdlib.h>

static bool holds_hash(const struct raw_section *section, struct config_place place)
{
    size_t n;

    config_section_options(section->id, &n);
    for (size_t i = 0; i < n; i++) {
        const struct raw_value *v = &section->values[i];
        if (v->text && v->place.line == place.line && v->place.file == place.file && strstr(v->text, " #")) return true;
    }
    return false;
}

/* A '#' begins a comment at the start of a line only: what was meant as one may be what is wrong with the value. */
static bool is_about_hash(const struct config_build *b, struct config_place place)
{
    for (size_t i = 0; b->hash_seen && place.line > 0 && i < b->raw->n; i++)
        if (holds_hash(b->raw->v[i], place)) return true;
    return false;
}

const char *config_place_text(struct config_place place, char out[CONFIG_PLACE_TEXT])
{
    int n = snprintf(out, CONFIG_PLACE_TEXT, "%s", place.file);

    if (place.line > 0 && n >= 0 && n < CONFIG_PLACE_TEXT)
        (void)snprintf(out + n, (size_t)(CONFIG_PLACE_TEXT - n), ":%d", place.line);
    return out;
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
    vfprintf(b->problems, fmt, args);
    va_end(args);
    if (is_about_hash(b, place))
        fputs(" (the '#' belongs to the value: a comment after a value begins with ' ;', or stands on its own line)",
              b->problems);
    fputc('\n', b->problems);
}

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

struct raw_section *config_raw_section(struct raw *raw, enum section_id id, struct str name)
{
    for (size_t i = 0; i < raw->n; i++)
        if (raw->v[i]->id == id && str_eq(str_from(raw->v[i]->name), name)) return raw->v[i];
    return NULL;
}

struct raw_section *config_raw_add(struct raw *raw, enum section_id id, struct str name, struct config_place place)
{
    struct raw_section *section = config_alloc(sizeof(*section));
    size_t n;

    config_section_options(id, &n);
    section->id = id;
    section->name = config_sections[id].example_name ? config_strdup(name) : NULL;
    section->place = place;
    section->values = config_alloc(n * sizeof section->values[0]);
    raw->v = config_grow(raw->v, raw->n, sizeof(struct raw_section *));
    raw->v[raw->n++] = section;
    return section;
}

const struct option *config_find_option(enum section_id id, struct str key, size_t *index)
{
    size_t n;
    const struct option *options = config_section_options(id, &n);

    for (*index = 0; *index < n; (*index)++)
        if (str_eq(key, str_from(options[*index].key))) return &options[*index];
    return NULL;
}

struct raw_value *config_raw_value(struct raw_section *section, const char *key)
{
    size_t index;
    const struct option *o = config_find_option(section->id, str_from(key), &index);

    ASSERT(o != NULL);
    return &section->values[index];
}

void config_for_each(struct config_build *b, enum section_id id,
                     void (*visit)(struct config_build *b, struct raw_section *section))
{
    for (size_t i = 0; i < b->raw->n; i++)
        if (b->raw->v[i]->id == id) visit(b, b->raw->v[i]);
}

const char *config_text_of(struct raw_section *section, const char *key)
{
    return config_raw_value(section, key)->text;
}

struct config_place config_place_of(struct raw_section *section, const char *key)
{
    struct config_place place = config_raw_value(section, key)->place;

    return place.file ? place : section->place;
}

struct config_place settings_place(const struct settings *s, const void *item, const char *key)
{
    const struct raw *raw = s->impl;

    for (size_t i = 0; i < raw->n; i++)
        if (raw->v[i]->item == item) return known_place(s, config_place_of(raw->v[i], key));
    return known_place(s, (struct config_place){NULL, 0});
}

const char *settings_text(const struct settings *s, const void *item, const char *key)
{
    const struct raw *raw = s->impl;

    for (size_t i = 0; i < raw->n; i++)
        if (raw->v[i]->item == item) return config_text_of(raw->v[i], key);
    return NULL;
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

static void free_section(struct raw_section *section)
{
    size_t n;

    config_section_options(section->id, &n);
    for (size_t i = 0; i < n; i++) {
        if (section->values[i].text) explicit_bzero(section->values[i].text, strlen(section->values[i].text));
        free(section->values[i].text);
    }
    free(section->values);
    free(section->name);
    free(section);
}

void config_raw_free(struct raw *raw)
{
    for (size_t i = 0; i < raw->n; i++)
        free_section(raw->v[i]);
    free(raw->v);
    free(raw->clients_path);
    free(raw);
}
