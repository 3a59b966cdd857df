/* SPDX-License-Identifier: Apache-2.0
 * exposition.h: the text that Prometheus and its like read: its text format 0.0.4 or OpenMetrics 1.0. Pure; one thread.
 * Sources: prometheus.io/docs/instrumenting/exposition_formats, /docs/practices/naming; the OpenMetrics specification.
 *
 *   exposition_family ──▶ exposition_sample … ──▶ exposition_family … ──▶ exposition_end
 */
#ifndef S3ONRAMP_ADMIN_EXPOSITION_H
#define S3ONRAMP_ADMIN_EXPOSITION_H

#include "base/str.h"

struct evbuffer;

#define EXPOSITION_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define EXPOSITION_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO };

struct metric {
    const char *name; /* behind "s3onramp_", without "_total" or "_info"; ends with the unit; below METRIC_NAME bytes */
    enum metric_kind kind;
    const char *unit; /* "seconds": values are microseconds; "bytes"; "": neither */
    const char *help; /* words for people, without a full stop */
};

enum {
    METRIC_NAME = 96,
    METRIC_LABELS = 6,
    METRIC_LABEL_MOST = 255, /* bytes: what is longer is cut */
    METRIC_LABELS_TEXT = METRIC_LABELS * (3 * METRIC_LABEL_MOST + 64),
};

struct metric_label {
    struct str name;
    struct str value; /* anything: what is not UTF-8 becomes U+FFFD */
};

struct metric_labels {
    struct str text[2]; /* before the others: what exposition_text made of some, each; empty: none */
    struct metric_label v[METRIC_LABELS];
    size_t n;
};

/* Text is collected in @mem and given away in pieces. */
struct exposition {
    struct evbuffer *out; /* borrowed; whoever calls may put another one between two calls */
    bool openmetrics;
    const struct metric *metric; /* borrowed: the family */
    bool seconds;                /* that is its unit */
    bool begun;                  /* its head is out */
    struct str suffix;           /* of its samples */
    struct sbuf name;
    char name_mem[METRIC_NAME + 16];
    struct sbuf b;
    char mem[32 * 1024];
};

void exposition_init(struct exposition *x, bool openmetrics);
/* The labels as a line has them, without braces. @b: METRIC_LABELS_TEXT bytes are enough. */
void exposition_text(struct sbuf *b, const struct metric_labels *labels);
/* What follows is of @metric, which is there until the next one. A family without samples leaves no trace. */
void exposition_family(struct exposition *x, const struct metric *metric);
void exposition_sample(struct exposition *x, const struct metric_labels *labels, uint64_t value);
/* @counts: of each of the @n upper ends @bounds_us and, after them, of what is beyond; each observation once. */
void exposition_histogram(struct exposition *x, const struct metric_labels *labels, const uint32_t *bounds_us, size_t n,
                          const uint64_t *counts, uint64_t sum_us);
/* Nothing follows, and what was collected is in .out. */
void exposition_end(struct exposition *x);

static inline void metric_label(struct metric_labels *l, const char *name, struct str value)
{
    l->v[l->n++] = (struct metric_label){str_from(name), value};
}

#endif
