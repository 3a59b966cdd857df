/* SPDX-License-Identifier: Apache-2.0
 * traffic_series.c: see traffic_series.h.
 */
#include "admin/traffic_series.h"

#include "admin/exposition.h"
#include "base/map.h"

#include <stdlib.h>

enum { OTHERS = 64 /* series of "(other)" by zone; what is more is of no zone */ };

/* Of one table's rows: where each is counted. */
struct rows {
    struct traffic_line **v; /* owned; the lines are borrowed */
    size_t n, cap;
};

struct traffic_series {
    const struct traffic *traffic;
    struct standing *standing;
    struct map by_labels;
    struct traffic_line **v; /* owned, in the order in which they came */
    size_t n, cap, own;      /* own: those that are not "(other)" */
    struct rows tables[];
};

/* ------------------------------------------------------------------- lines */

static struct str name_of(const struct traffic_series *s, enum standing_kind kind, uint32_t id)
{
    return id == STANDING_NONE ? STR_NONE : str_from(standing_name(s->standing, kind, id));
}

static struct str labels_of(struct str client, struct str bucket, struct str endpoint, struct str zone,
                            char mem[METRIC_LABELS_TEXT])
{
    struct metric_labels l = {.n = 0};
    struct sbuf b = sbuf_make(mem, METRIC_LABELS_TEXT);

    metric_label(&l, "client", client);
    metric_label(&l, "bucket", bucket);
    metric_label(&l, "endpoint", endpoint);
    metric_label(&l, "zone", zone);
    exposition_text(&b, &l);
    return sbuf_str(&b);
}

/* Room for one more of @size bytes in what *@v points to. */
static bool grow(void **v, size_t size, size_t n, size_t *cap)
{
    size_t more = *cap ? 2 * *cap : 64;
    void *fresh;

    if (n < *cap) return true;
    fresh = realloc(*v, more * size);
    if (!fresh) return false;
    *v = fresh;
    *cap = more;
    return true;
}

static struct traffic_line *make(struct traffic_series *s, struct str labels)
{
    struct traffic_line *l = calloc(1, sizeof(*l) + labels.n);
    void *v = s->v;
    bool fine = l && grow(&v, sizeof(struct traffic_line *), s->n, &s->cap);

    s->v = v;
    if (l) {
        memcpy(l->labels, labels.p, labels.n);
        l->n = labels.n;
    }
    if (fine && map_put(&s->by_labels, str_make(l->labels, l->n), l)) return s->v[s->n++] = l;
    free(l);
    return NULL;
}

static struct traffic_line *other_line(struct traffic_series *s, struct str endpoint, struct str zone)
{
    const struct str other = STR(TRAFFIC_OTHER);
    char mem[METRIC_LABELS_TEXT];
    struct str labels = labels_of(other, other, endpoint, zone, mem);
    struct traffic_line *l = map_get(&s->by_labels, labels);

    if (l) return l;
    if (s->n - s->own < OTHERS - 1) return make(s, labels);
    labels = labels_of(other, other, other, other, mem);
    l = map_get(&s->by_labels, labels);
    return l ? l : make(s, labels);
}

/* NULL: no memory. */
static struct traffic_line *line_of(struct traffic_series *s, const struct traffic_key *k, size_t most)
{
    struct str endpoint = name_of(s, STANDING_ENDPOINT, k->endpoint), zone = str_from(k->zone);
    bool other = k->principal == STANDING_NONE && strcmp(k->bucket, TRAFFIC_OTHER) == 0;
    char mem[METRIC_LABELS_TEXT];
    struct str labels =
        labels_of(name_of(s, STANDING_PRINCIPAL, k->principal), str_from(k->bucket), endpoint, zone, mem);
    struct traffic_line *l = map_get(&s->by_labels, labels);

    if (l) return l;
    if (other || s->own >= most) return other_line(s, endpoint, zone);
    l = make(s, labels);
    s->own += l != NULL;
    return l;
}

/* ------------------------------------------------------------------- looking */

/* Those of table @i that are new. */
static void take_rows(struct traffic_series *s, size_t i, size_t most)
{
    struct rows *r = &s->tables[i];
    size_t n = traffic_rows(s->traffic, i);

    while (r->n < n) {
        struct traffic_line *l = line_of(s, traffic_row_key(s->traffic, i, r->n), most);
        void *v = r->v;
        bool fine = l && grow(&v, sizeof(struct traffic_line *), r->n, &r->cap);

        r->v = v;
        if (!fine) return;
        r->v[r->n++] = l;
    }
}

void traffic_series_look(struct traffic_series *s, size_t most)
{
    for (size_t i = 0; i < s->n; i++)
        memset(s->v[i]->v, 0, sizeof(s->v[i]->v));
    for (size_t i = 0; i < traffic_tables(s->traffic); i++) {
        const struct rows *r = &s->tables[i];

        take_rows(s, i, most);
        for (size_t k = 0; k < r->n; k++) {
            r->v[k]->v[TRAFFIC_UPLOAD] += traffic_row_value(s->traffic, i, k, TRAFFIC_BYTES_IN);
            r->v[k]->v[TRAFFIC_DOWNLOAD] += traffic_row_value(s->traffic, i, k, TRAFFIC_BYTES_OUT);
        }
    }
}

const struct traffic_line *traffic_series_line(const struct traffic_series *s, size_t i)
{
    return i < s->n ? s->v[i] : NULL;
}

/* ------------------------------------------------------------------- life */

struct traffic_series *traffic_series_new(const struct traffic *traffic, struct standing *standing)
{
    struct traffic_series *s = calloc(1, sizeof(*s) + traffic_tables(traffic) * sizeof(s->tables[0]));

    if (!s) return NULL;
    s->traffic = traffic;
    s->standing = standing;
    map_init(&s->by_labels);
    return s;
}

void traffic_series_free(struct traffic_series **sp)
{
    struct traffic_series *s = *sp;

    *sp = NULL;
    if (!s) return;
    for (size_t i = 0; i < traffic_tables(s->traffic); i++)
        free(s->tables[i].v);
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    map_clear(&s->by_labels);
    free(s);
}
