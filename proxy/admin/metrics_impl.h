/* SPDX-License-Identifier: Apache-2.0
 * metrics_impl.h: an answer that is being made, for metrics.c and metric_states.c.
 */
#ifndef S3ONRAMP_ADMIN_METRICS_IMPL_H
#define S3ONRAMP_ADMIN_METRICS_IMPL_H

#include "admin/label_texts.h"
#include "admin/metrics.h"
#include "admin/traffic_series.h"

enum { METRICS_ROWS = 256 /* at a time */, METRICS_SPANS = 3 };

struct metrics {
    struct exposition x;
    struct server *server;       /* borrowed, as the next one */
    const struct stats *stats;   /* what was counted */
    struct snapshot *snapshot;   /* one reference: in force when it was asked for */
    struct address_table *table; /* one reference: the same */
    int64_t started_wall_us;
    size_t at;                /* the family: first metric_states, then stats_families */
    uint32_t id;              /* the next row of it, from 0 */
    struct label_texts rows;  /* of the families of one group */
    struct label_texts words; /* of one family's slots or series */
    struct metric metric;     /* that family, of stats_families */
    char name[METRIC_NAME];
    bool more;                         /* a state's write: there is more to be written, from .id on */
    struct traffic_series *traffic;    /* borrowed */
    uint64_t ending[METRICS_SPANS];    /* clients */
    uint64_t others[STATS_SLOTS_MOST]; /* what it counted of those that have no label of their own */
};

#endif
