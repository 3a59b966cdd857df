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
    const char *name; /* behind "s3onramp_"; without "_total", "_info"; its unit stands at its end */
    enum metric_kind kind;
    const char *unit; /* "seconds": values are microseconds; "bytes"; "": neither */
    const char *help; /* words for people, without a full stop */
};

enum { METRIC_LABELS = 6, METRIC_LABEL_MOST = 255 /* bytes: what is longer is cut */ };

struct metric_label {
    const char *name;
    struct str value; /* anything: what is not UTF-8 becomes U+FFFD */
};

struct metric_labels {
    struct metric_label v[METRIC_LABELS];
    size_t n;
};

/* Text is collected in @mem and given away in pieces. */
struct exposition {
    struct evbuffer *out; /* borrowed; whoever calls may put another one between two calls */
    bool openmetrics;
    const struct metric *metric; /* borrowed: the family */
    bool begun;                  /* its head is out */
    struct sbuf b;
    char mem[32 * 1024];
};

void exposition_init(struct exposition *x, bool openmetrics);
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
    l->v[l->n++] = (struct metric_label){name, value};
}

#endif
