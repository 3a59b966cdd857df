/* SPDX-License-Identifier: Apache-2.0
 * config_print.c: the settings in force with their origin, and the example file. Both are the option table, read
 * aloud. One thread. Owns nothing.
 */
#include "config_options.h"

#include <stdlib.h>

enum { ORIGIN_COLUMN = 44, HELP_COLUMN = 100 };

static void print_origin(const struct raw_section *section, const struct raw_value *value, const struct option *o,
                         bool has_value, FILE *out)
{
    struct config_place place = config_value_place(section, value);

    if (place.file)
        fprintf(out, " ; %s:%d", place.file, place.line);
    else if (value)
        fputs(" ; built in", out);
    else if (o->def)
        fputs(" ; default", out);
    else
        fputs(has_value ? " ; derived" : " ; not set", out);
}

static void print_option(const struct raw_section *section, const struct option *o, const struct raw_value *value,
                         FILE *out)
{
    char *text = NULL;
    size_t n = 0;
    FILE *line = open_memstream(&text, &n);

    ASSERT(line != NULL);
    fprintf(line, "%s%s = ", o->key, config_key_rest(o));
    bool has_value = config_format_value(section, o, line);
    fclose(line);
    if (!has_value) fputc('#', out);
    fprintf(out, "%-*s", has_value ? ORIGIN_COLUMN : ORIGIN_COLUMN - 1, text);
    print_origin(section, value, o, has_value, out);
    fputc('\n', out);
    free(text);
}

/* A line for each: as they are written. */
static void print_tags(const struct raw_section *section, const struct option *o, size_t row, FILE *out)
{
    bool any = false;

    for (size_t i = 0; i < section->values_n; i++) {
        const struct raw_value *value = &section->values[i];
        if (value->row != row) continue;
        int key = (int)strcspn(value->text, "=");
        int n = fprintf(out, "%s%.*s = %s", o->key, key, value->text, value->text + key + 1);
        fprintf(out, "%*s", n < ORIGIN_COLUMN ? ORIGIN_COLUMN - n : 0, "");
        print_origin(section, value, o, true, out);
        fputc('\n', out);
        any = true;
    }
    if (!any) print_option(section, o, NULL, out);
}

static void print_section(const struct raw_section *section, FILE *out)
{
    const struct section_kind *kind = &config_sections[section->id];
    size_t n;
    const struct option *options = config_section_options(section->id, &n);

    fprintf(out, "[%s%s%s]", kind->word, section->name ? " " : "", section->name ? section->name : "");
    struct config_place place = config_header_place(section);
    if (place.file)
        fprintf(out, " ; %s:%d\n", place.file, place.line);
    else
        fputs(section->name ? " ; built in\n" : "\n", out);
    for (size_t i = 0; i < n; i++)
        if (options[i].type == OPT_TAGS)
            print_tags(section, &options[i], i, out);
        else
            print_option(section, &options[i], config_raw_value(section, i), out);
    fputc('\n', out);
}

void config_print(const struct settings *s, FILE *out)
{
    const struct raw *raw = s->impl;

    for (size_t id = 0; id < SECTIONS_N; id++)
        for (size_t i = 0; i < raw->n; i++)
            if (raw->v[i]->id == (enum section_id)id) print_section(raw->v[i], out);
}

/* @text as comment lines of at most HELP_COLUMN bytes. */
static void print_comment(struct str text, FILE *out)
{
    while (text.n > 0) {
        size_t n = text.n;
        if (n > HELP_COLUMN) n = str_rindex(str_head(text, HELP_COLUMN + 1), ' ');
        ASSERT(n != SIZE_MAX);
        fprintf(out, "# %.*s\n", (int)n, text.p);
        text = str_tail(text, n + (n < text.n));
    }
}

static void print_choices(const struct option *o, FILE *out)
{
    fputs("# One of:", out);
    for (size_t i = 0; o->choices[i]; i++)
        fprintf(out, "%s %s", i ? "," : "", o->choices[i]);
    fputc('\n', out);
}

static void print_takes(const struct option *o, FILE *out)
{
    char text[256];
    struct sbuf b = sbuf_make(text, sizeof text);

    if (o->takes == TAKES_LIVE) return;
    if (o->takes == TAKES_RESTART)
        sbuf_printf(&b, "(Counts from the next start: %s.)", o->restart);
    else
        sbuf_add(&b, STR("(Counts for new connections.)"));
    print_comment(sbuf_str(&b), out);
}

static void print_example_option(const struct option *o, FILE *out)
{
    print_comment(str_from(o->help), out);
    if (o->choices) print_choices(o, out);
    print_takes(o, out);
    if (o->example)
        fprintf(out, "%s = %s\n", o->key, o->example);
    else
        fprintf(out, "#%s%s =%s%s\n", o->key, config_key_rest(o), o->def ? " " : "", o->def ? o->def : "");
}

/* Sections that a first configuration can do without stand there as comments. */
static bool is_optional(enum section_id id)
{
    return id == SECTION_PAM || id == SECTION_GROUP || id == SECTION_POLICY || id == SECTION_TUNNEL ||
           id == SECTION_PARENT || id == SECTION_LINE;
}

void config_print_example(FILE *out)
{
    fputs("# s3onramp.ini: the configuration of s3onramp, with every option.\n"
          "# Lines that begin with '#' are comments (after a value, ' ;' begins one); an option that is commented out "
          "shows its\n"
          "# default.\n"
          "# Change the values that are not: the endpoint's name and addresses, and who may come from where.\n"
          "# Relative paths are relative to the folder of this file. Durations: 500ms, 60s, 5m, 1h.\n"
          "# A line that begins with a blank goes on with the value before it. Check it: s3onramp check -c FILE\n"
          "# `s3onramp reload` puts a changed file in force in the running proxy, except where it says something else "
          "here.\n",
          out);
    for (size_t id = 0; id < SECTIONS_N; id++) {
        const struct section_kind *kind = &config_sections[id];
        size_t n;
        const struct option *options = config_section_options((enum section_id)id, &n);
        fputc('\n', out);
        print_comment(str_from(kind->help), out);
        fprintf(out, "%s[%s%s%s]\n", is_optional((enum section_id)id) ? "#" : "", kind->word,
                kind->example_name ? " " : "", kind->example_name ? kind->example_name : "");
        for (size_t i = 0; i < n; i++)
            print_example_option(&options[i], out);
    }
}
