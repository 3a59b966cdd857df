/* SPDX-License-Identifier: Apache-2.0
 * traffic_series.h: the traffic of metrics: bytes by client × bucket × endpoint and zone, of as many of them as [admin]
 * traffic_metrics says; what comes later is counted as client and bucket "(other)", still by zone. Who has a series
 * keeps it, so that no sum falls. A row of flow/traffic.h is looked up once, when it is new; later it costs two
 * additions a scrape. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_TRAFFIC_SERIES_H
#define S3ONRAMP_ADMIN_TRAFFIC_SERIES_H

#include "flow/standing.h"
#include "flow/traffic.h"

enum traffic_direction { TRAFFIC_UPLOAD, TRAFFIC_DOWNLOAD, TRAFFIC_DIRECTIONS };

struct traffic_line {
    uint64_t v[TRAFFIC_DIRECTIONS];
    size_t n;
    char labels[]; /* as exposition_text makes them; @n bytes */
};

struct traffic_series;

/* Borrowed: both outlive it. NULL: out of memory. */
MUST_CHECK struct traffic_series *traffic_series_new(const struct traffic *traffic, struct standing *standing);
void traffic_series_free(struct traffic_series **s); /* NULL is fine */
/* Adds up all rows; at most @most combinations have series of their own. What there is no memory for is not shown. */
void traffic_series_look(struct traffic_series *s, size_t most);
/* Number @i of those that there were at the last look; NULL: there are no more. */
const struct traffic_line *traffic_series_line(const struct traffic_series *s, size_t i);

#endif
