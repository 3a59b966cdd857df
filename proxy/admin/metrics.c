/* SPDX-License-Identifier: Apache-2.0
 * metrics.c: see metrics.h. Rows are looked at by their standing number, some at a time.
 */
#include "admin/metrics.h"

#include "commands.h"
#include "metrics_impl.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

/* Where a client beyond [admin] client_metrics is counted: no name of one looks like that. */
static const char others[] = "(other)";

static const struct {
    enum standing_kind kind;
    const char *labels;
    bool limited; /* to client_metrics */
} groups[STATS_GROUPS_N] = {
    [STATS_OF_LISTENER] = {STANDING_LISTENER, "listener", false},
    [STATS_OF_ENDPOINT] = {STANDING_ENDPOINT, "endpoint", false},
    [STATS_OF_ADDRESS] = {STANDING_ADDRESS, "endpoint,address", false},
    [STATS_OF_PRINCIPAL] = {STANDING_PRINCIPAL, "client", true},
    [STATS_OF_GROUP] = {STANDING_GROUP, "group", true},
    [STATS_OF_LINE] = {STANDING_LINE, "line", false},
    [STATS_OF_WORKER] = {STANDING_KINDS, "worker", false},
};

const char *metric_group_labels(enum stats_group group)
{
    return groups[group].labels;
}

/* ------------------------------------------------------------------- the families of flow/stats.h */

struct metric metric_of_stats(const struct stats_family *f, char name[METRIC_NAME])
{
    static const enum metric_kind kinds[] = {
        [STATS_COUNTER] = METRIC_COUNTER,
        [STATS_LEVEL] = METRIC_GAUGE,
        [STATS_PEAK] = METRIC_GAUGE,
        [STATS_HISTOGRAM] = METRIC_HISTOGRAM,
    };
    const char *unit = strcmp(f->unit, "microseconds") == 0 ? "seconds" : strcmp(f->unit, "bytes") == 0 ? "bytes" : "";

    snprintf(name, METRIC_NAME, "%s_%s", stats_group_word(f->group), f->metric);
    return (struct metric){name, kinds[f->kind], unit, f->help};
}

/* The numbers of a worker's rows are the workers'. */
static uint32_t rows_of(const struct metrics *m, enum stats_group group)
{
    if (group == STATS_OF_WORKER) return (uint32_t)stats_blocks(m->stats);
    return standing_most(server_proxy(m->server)->standing, groups[group].kind) + 1;
}

/* @digits: for a worker's number. */
static void label_row(const struct metrics *m, enum stats_group group, uint32_t id, struct metric_labels *l,
                      char digits[16])
{
    struct str name = STR_NONE;

    if (group == STATS_OF_WORKER) {
        struct sbuf b = sbuf_make(digits, 16);

        sbuf_u64(&b, id);
        name = sbuf_str(&b);
    } else if (id != STANDING_NONE) {
        name = str_from(standing_name(server_proxy(m->server)->standing, groups[group].kind, id));
    }
    if (group == STATS_OF_ADDRESS) { /* "ENDPOINT ADDRESS" */
        size_t space = str_rindex(name, ' ');

        metric_label(l, "endpoint", str_head(name, space));
        metric_label(l, "address", str_tail(name, space + 1));
    } else {
        metric_label(l, groups[group].labels, name);
    }
}

/* The family's own labels, of which there are at most two: the words for slot or series @i. */
static struct str make_words(struct metrics *m, const struct stats_family *f, size_t i, char mem[METRIC_LABELS_TEXT])
{
    struct str names = str_from(f->label), words;
    struct metric_labels l = {.n = 0};
    struct sbuf b = sbuf_make(mem, METRIC_LABELS_TEXT);
    char value[STATS_VALUE];

    f->value(i, value);
    words = str_from(value);
    for (struct str name; str_split(&names, ',', &name);) {
        size_t comma = names.n ? str_index(words, ',') : words.n;

        l.v[l.n++] = (struct metric_label){name, str_head(words, comma)};
        words = str_tail(words, comma + 1);
    }
    exposition_text(&b, &l);
    label_texts_keep(&m->words, (uint32_t)i, sbuf_str(&b));
    return sbuf_str(&b);
}

static struct str text_of_words(struct metrics *m, const struct stats_family *f, size_t i, char mem[METRIC_LABELS_TEXT])
{
    struct str kept = label_texts_find(&m->words, (uint32_t)i);

    return kept.n ? kept : make_words(m, f, i, mem);
}

/* A value of each of the family's own labels: of one label all, of two those that were counted. */
static void write_slots(struct metrics *m, const struct stats_family *f, struct metric_labels *l, const uint64_t *slots)
{
    bool two = strchr(f->label, ',');
    char text[METRIC_LABELS_TEXT];

    for (size_t i = 0; i < f->width; i++) {
        if (two && !slots[i]) continue;
        l->text[1] = text_of_words(m, f, i, text);
        exposition_sample(&m->x, l, slots[i]);
    }
}

static bool is_empty(const uint64_t series[STATS_SERIES])
{
    for (size_t i = 0; i <= STATS_BOUNDS; i++)
        if (series[i]) return false;
    return true;
}

/* With a label: those in which something was counted. */
static void write_histograms(struct metrics *m, const struct stats_family *f, struct metric_labels *l,
                             const uint64_t *slots)
{
    char text[METRIC_LABELS_TEXT];

    for (size_t i = 0; i < f->width / STATS_SERIES; i++) {
        const uint64_t *series = &slots[i * STATS_SERIES];

        if (f->value && is_empty(series)) continue;
        if (f->value) l->text[1] = text_of_words(m, f, i, text);
        exposition_histogram(&m->x, l, stats_bounds_us, STATS_BOUNDS, series, series[STATS_BOUNDS + 1]);
    }
}

static void write_values(struct metrics *m, const struct stats_family *f, struct metric_labels *l,
                         const uint64_t *slots)
{
    if (f->kind == STATS_HISTOGRAM)
        write_histograms(m, f, l, slots);
    else if (f->value)
        write_slots(m, f, l, slots);
    else
        exposition_sample(&m->x, l, slots[0]);
}

static struct str make_row(struct metrics *m, enum stats_group group, uint32_t id, char mem[METRIC_LABELS_TEXT])
{
    struct metric_labels l = {.n = 0};
    struct sbuf b = sbuf_make(mem, METRIC_LABELS_TEXT);
    char digits[16];

    label_row(m, group, id, &l, digits);
    exposition_text(&b, &l);
    label_texts_keep(&m->rows, id, sbuf_str(&b));
    return sbuf_str(&b);
}

/* A row that has its text by now is there for the other families, too. */
static struct str text_of_row(struct metrics *m, enum stats_group group, uint32_t id, char mem[METRIC_LABELS_TEXT])
{
    struct str kept = label_texts_find(&m->rows, id);

    return kept.n ? kept : make_row(m, group, id, mem);
}

static void write_row(struct metrics *m, const struct stats_family *f, uint32_t id)
{
    char text[METRIC_LABELS_TEXT];
    struct metric_labels l; /* not all of it is set: that takes its time */
    uint64_t slots[STATS_SLOTS_MOST];

    stats_sum_family(m->stats, f, id, slots);
    l.text[0] = text_of_row(m, f->group, id, text);
    l.text[1] = STR_NONE;
    l.n = 0;
    write_values(m, f, &l, slots);
}

static void add_other(struct metrics *m, const struct stats_family *f, uint32_t id)
{
    uint64_t slots[STATS_SLOTS_MOST];

    stats_sum_family(m->stats, f, id, slots);
    for (size_t i = 0; i < f->width; i++)
        m->others[i] += slots[i];
}

static void write_others(struct metrics *m, const struct stats_family *f)
{
    struct metric_labels l = {.n = 0};

    metric_label(&l, groups[f->group].labels, str_from(others));
    write_values(m, f, &l, m->others);
}

/* Who has a label of its own does not depend on what others do. */
static void look_at_row(struct metrics *m, const struct stats_family *f, uint32_t id, uint32_t most)
{
    if (id == STANDING_NONE && f->group != STATS_OF_PRINCIPAL && f->group != STATS_OF_WORKER) return;
    if (!groups[f->group].limited)
        write_row(m, f, id);
    else if (id > most)
        add_other(m, f, id);
    else if (label_texts_find(&m->rows, id).n || stats_has(m->stats, f->group, id))
        write_row(m, f, id);
}

/* Some rows more. False: those were the last ones. */
static bool write_rows(struct metrics *m, const struct stats_family *f)
{
    uint32_t n = rows_of(m, f->group), most = (uint32_t)m->snapshot->settings->admin.client_metrics;
    bool limited = groups[f->group].limited;

    if (limited && !most) return false;
    if (m->id == 0) {
        if (f == stats_families || f[-1].group != f->group) label_texts_forget(&m->rows);
        label_texts_forget(&m->words);
        m->metric = metric_of_stats(f, m->name);
        exposition_family(&m->x, &m->metric);
        memset(m->others, 0, f->width * sizeof(m->others[0]));
    }
    for (size_t i = 0; i < METRICS_ROWS && m->id < n; i++)
        look_at_row(m, f, m->id++, most);
    if (m->id < n) return true;
    if (limited && n - 1 > most) write_others(m, f);
    return false;
}

/* ------------------------------------------------------------------- the answer */

/* False: that is all of it. */
static bool write_state(struct metrics *m, const struct metric_state *state)
{
    if (m->id == 0) exposition_family(&m->x, &state->metric);
    m->more = false;
    state->write(m);
    return m->more;
}

/* True: there are more. */
static bool add_more(void *arg, struct evbuffer *out)
{
    struct metrics *m = arg;

    m->x.out = out;
    if (m->at >= metric_states_n + stats_families_n) {
        exposition_end(&m->x);
        return false;
    }
    if (m->at < metric_states_n ? write_state(m, &metric_states[m->at])
                                : write_rows(m, &stats_families[m->at - metric_states_n]))
        return true;
    m->at++;
    m->id = 0;
    return true;
}

static void end(void *arg)
{
    struct metrics *m = arg;

    label_texts_clear(&m->rows);
    label_texts_clear(&m->words);
    address_table_unref(&m->table);
    snapshot_bin_give(&server_proxy(m->server)->unused, &m->snapshot); /* many clients take long to free */
    free(m);
}

/* False: out of memory. */
static bool open_answer(const struct admin_call *call, bool openmetrics, struct admin_stream *out)
{
    struct server *sv = call->server;
    struct metrics *m = malloc(sizeof(*m));

    if (!m) return false;
    exposition_init(&m->x, openmetrics);
    m->server = sv;
    m->stats = server_proxy(sv)->stats;
    m->snapshot = snapshot_ref(server_snapshot(sv));
    m->table = address_table_ref(endpoints_table(server_endpoints(sv)));
    m->traffic = call->traffic;
    m->started_wall_us = call->started_wall_us;
    m->at = 0;
    m->id = 0;
    m->rows = m->words = (struct label_texts){0};
    *out = (struct admin_stream){add_more, end, m};
    return true;
}

void command_metrics(struct admin_call *call)
{
    struct admin_stream answer;

    if (open_answer(call, admin_call_flag(call, "openmetrics"), &answer))
        admin_reply_stream(call, &answer);
    else
        admin_reply_json(call, NULL);
}
