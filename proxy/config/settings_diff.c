/* SPDX-License-Identifier: Apache-2.0
 * settings_diff.c: see config/settings_diff.h. Sections are sorted by kind and name and compared like two lists that
 * are merged, so that the time grows with their number only.
 */
#include "config/settings_diff.h"

#include "base/thread.h"
#include "config/lines.h"
#include "config_options.h"

#include <stdlib.h>

enum { SECTIONS_MOST = 10 /* of a kind, that are told one by one */, VALUE_MOST = 200 };

struct settings_kept {
    struct str_list values; /* in the order of each_restart */
};

const char *settings_change_name(enum settings_change c)
{
    static const char *const names[] = {"added", "removed", "changed", "restart"};

    return names[c];
}

/* --- words --- */

/* As `check --print` has it; a heap string. */
static char *value_of(const struct raw_section *section, const struct option *o)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    ASSERT(out && "memory for the settings");
    if (!config_format_value(section, o, out)) fputs("nothing", out);
    fclose(out);
    ASSERT(text && "memory for the settings");
    return text;
}

static const char *mark_of(const char *value)
{
    return strlen(value) > VALUE_MOST ? "…" : "";
}

/* --- one section --- */

static bool holds_secret(const struct option *o)
{
    return o->type == OPT_SECRET || o->type == OPT_HIDDEN;
}

/* What variables of the environment and the like stood for. */
static const char *field_of(const struct raw_section *section, const struct option *o)
{
    return *(char *const *)config_field(section, o);
}

static const char *text_of(const struct raw_section *section, size_t row)
{
    const struct raw_value *value = config_raw_value(section, row);

    return value ? value->text : NULL;
}

/* Documents of policies: what they held when they were read. */
static bool same_document(const struct raw_section *a, const struct raw_section *b)
{
    const struct policy_conf *x = a->item, *y = b->item;

    return str_eq(x->document_text, y->document_text);
}

static bool same_value(const struct raw_section *a, const struct raw_section *b, const struct option *o, size_t row)
{
    if (holds_secret(o) || o->type == OPT_KEY_ID) return cstr_same(field_of(a, o), field_of(b, o));
    if (o->type == OPT_DOCUMENT && !same_document(a, b)) return false;
    if (o->type != OPT_TAGS && cstr_same(text_of(a, row), text_of(b, row))) return true;
    char *x = value_of(a, o), *y = value_of(b, o);
    bool same = strcmp(x, y) == 0;
    free(x);
    free(y);
    return same;
}

static void name_section(const struct raw_section *section, char *out, size_t cap)
{
    ASSERT(section);
    const char *word = config_sections[section->id].word;

    (void)snprintf(out, cap, "[%s%s%s]", word, section->name ? " " : "", section->name ? section->name : "");
}

static void say_option(struct str_list *out, const struct raw_section *a, const struct raw_section *b,
                       const struct option *o)
{
    const char *when = o->takes == TAKES_NEW_SESSIONS ? " (for new connections)" : "";
    char name[256];

    name_section(b, name, sizeof name);
    if (holds_secret(o)) {
        lines_add(out, "%s %s: changed%s", name, o->key, when);
        return;
    }
    char *from = value_of(a, o), *to = value_of(b, o);
    if (o->type == OPT_DOCUMENT && strcmp(from, to) == 0)
        lines_add(out, "%s %s: what %.*s holds has changed%s", name, o->key, VALUE_MOST, to, when);
    else
        lines_add(out, "%s %s%s: from %.*s%s to %.*s%s%s", name, o->key, config_key_rest(o), VALUE_MOST, from,
                  mark_of(from), VALUE_MOST, to, mark_of(to), when);
    free(from);
    free(to);
}

/* Compares; with @out not NULL also tells. */
static bool section_changed(const struct raw_section *a, const struct raw_section *b, struct str_list *out)
{
    bool changed = false;
    size_t n;
    const struct option *options = config_section_options(a->id, &n);

    for (size_t i = 0; i < n; i++) {
        if (options[i].takes == TAKES_RESTART || same_value(a, b, &options[i], i)) continue;
        changed = true;
        if (!out) break;
        say_option(out, a, b, &options[i]);
    }
    return changed;
}

bool settings_same_credentials(const struct settings *before, const struct settings *now, size_t i)
{
    struct str name = str_from(now->credentials[i].name);
    const struct raw_section *a = config_raw_section(before->impl, SECTION_CREDENTIALS, name);
    const struct raw_section *b = config_raw_section(now->impl, SECTION_CREDENTIALS, name);
    bool same = a && b;
    size_t n;
    const struct option *options = config_section_options(SECTION_CREDENTIALS, &n);

    for (size_t k = 0; same && k < n; k++) {
        char *x = value_of(a, &options[k]), *y = value_of(b, &options[k]);

        same = strcmp(x, y) == 0 && same_value(a, b, &options[k], k);
        free(x);
        free(y);
    }
    return same;
}

/* --- all sections of a kind --- */

struct side {
    const struct raw_section **v; /* owned; sorted */
    size_t n, at;
};

/* Two that differ, or one alone. */
struct pair {
    const struct raw_section *before, *after;
};

struct pairs {
    struct pair *v; /* owned */
    size_t n;
};

static int order(const void *a, const void *b)
{
    const struct raw_section *x = *(const struct raw_section *const *)a, *y = *(const struct raw_section *const *)b;

    thread_makes_way();
    return strcmp(x->name ? x->name : "", y->name ? y->name : "");
}

static struct side side_of(const struct settings *s, enum section_id id)
{
    const struct raw *raw = s->impl;
    struct side side = {.v = config_alloc(raw->n * sizeof(struct raw_section *))};

    for (size_t i = 0; i < raw->n; i++, thread_makes_way())
        if (raw->v[i]->id == id) side.v[side.n++] = raw->v[i];
    if (side.n) qsort(side.v, side.n, sizeof(struct raw_section *), order);
    return side;
}

static const struct raw_section *next_of(const struct side *side)
{
    return side->at < side->n ? side->v[side->at] : NULL;
}

static void add_pair(struct pairs *p, const struct raw_section *before, const struct raw_section *after)
{
    p->v[p->n++] = (struct pair){before, after};
}

static void merge(struct side *before, struct side *after, struct pairs out[SETTINGS_CHANGES_N])
{
    for (;;) {
        const struct raw_section *a = next_of(before), *b = next_of(after);

        if (!a && !b) break;
        int which = !a ? 1 : !b ? -1 : order(&a, &b);
        if (which < 0)
            add_pair(&out[SETTINGS_REMOVED], a, NULL);
        else if (which > 0)
            add_pair(&out[SETTINGS_ADDED], NULL, b);
        else if (section_changed(a, b, NULL))
            add_pair(&out[SETTINGS_CHANGED], a, b);
        before->at += which <= 0;
        after->at += which >= 0;
    }
}

static void say_many(struct str_list *out, const struct pairs *p)
{
    char text[SECTIONS_MOST * 80];
    struct sbuf names = sbuf_make(text, sizeof text);
    const struct raw_section *first = p->v[0].after ? p->v[0].after : p->v[0].before;

    for (size_t i = 0; i < SECTIONS_MOST; i++) {
        const struct raw_section *section = p->v[i].after ? p->v[i].after : p->v[i].before;
        sbuf_printf(&names, "%.64s, ", section->name);
    }
    lines_add(out, "%zu sections [%s …]: %.*sand %zu more", p->n, config_sections[first->id].word,
              STR_ARG(sbuf_str(&names)), p->n - SECTIONS_MOST);
}

static void say_pair(struct str_list *out, const struct pair *p)
{
    char name[256];

    if (p->before && p->after) {
        (void)section_changed(p->before, p->after, out);
        return;
    }
    name_section(p->after ? p->after : p->before, name, sizeof name);
    lines_add(out, "%s", name);
}

static void diff_kind(struct settings_diff *d, const struct settings *before, const struct settings *after,
                      enum section_id id)
{
    struct side a = side_of(before, id), b = side_of(after, id);
    struct pairs found[SETTINGS_CHANGES_N] = {0};

    for (size_t i = 0; i < SETTINGS_CHANGES_N; i++)
        found[i].v = config_alloc((a.n + b.n) * sizeof(struct pair));
    merge(&a, &b, found);
    for (size_t i = 0; i < SETTINGS_CHANGES_N; i++) {
        for (size_t k = 0; found[i].n <= SECTIONS_MOST && k < found[i].n; k++)
            say_pair(&d->v[i], &found[i].v[k]);
        if (found[i].n > SECTIONS_MOST) say_many(&d->v[i], &found[i]);
        free(found[i].v);
    }
    free(a.v);
    free(b.v);
}

/* --- what waits for a restart --- */

typedef void visit_fn(void *arg, const struct raw_section *section, const struct option *o);

/* Sections without a name stand once in each configuration, so the order is always the same. */
static void each_restart(const struct settings *s, visit_fn *visit, void *arg)
{
    for (size_t id = 0; id < SECTIONS_N; id++) {
        size_t n;
        const struct option *options = config_section_options((enum section_id)id, &n);

        for (size_t i = 0; i < n; i++)
            if (options[i].takes == TAKES_RESTART)
                visit(arg, config_raw_section(s->impl, (enum section_id)id, STR_NONE), &options[i]);
    }
}

static void keep(void *arg, const struct raw_section *section, const struct option *o)
{
    lines_give(&((struct settings_kept *)arg)->values, value_of(section, o));
}

struct settings_kept *settings_kept_new(const struct settings *started)
{
    struct settings_kept *k = calloc(1, sizeof(*k));

    if (k) each_restart(started, keep, k);
    return k;
}

void settings_kept_free(struct settings_kept **kp)
{
    if (!*kp) return;
    lines_clear(&(*kp)->values);
    free(*kp);
    *kp = NULL;
}

struct restart_job {
    const struct settings_kept *kept;
    size_t at;
    struct str_list *out;
};

static void say_restart(void *arg, const struct raw_section *section, const struct option *o)
{
    struct restart_job *job = arg;
    const char *kept = job->kept->values.v[job->at++];
    char *now = value_of(section, o), name[256];

    name_section(section, name, sizeof name);
    if (strcmp(kept, now) != 0)
        lines_add(job->out, "%s %s: %.*s stays in force, %.*s counts from the next start: %s", name, o->key, VALUE_MOST,
                  kept, VALUE_MOST, now, o->restart);
    free(now);
}

void settings_diff_restart(const struct settings_kept *kept, const struct settings *now, struct str_list *out)
{
    struct restart_job job = {kept, 0, out};

    each_restart(now, say_restart, &job);
}

/* --- all --- */

void settings_diff_init(struct settings_diff *d, const struct settings *before, const struct settings *after,
                        const struct settings_kept *kept)
{
    *d = (struct settings_diff){0};
    for (size_t id = 0; id < SECTIONS_N; id++)
        diff_kind(d, before, after, (enum section_id)id);
    settings_diff_restart(kept, after, &d->v[SETTINGS_RESTART]);
}

void settings_diff_clear(struct settings_diff *d)
{
    for (size_t i = 0; i < SETTINGS_CHANGES_N; i++)
        lines_clear(&d->v[i]);
}

bool settings_diff_is_empty(const struct settings_diff *d)
{
    size_t n = 0;

    for (size_t i = 0; i < SETTINGS_CHANGES_N; i++)
        n += d->v[i].n;
    return n == 0;
}
