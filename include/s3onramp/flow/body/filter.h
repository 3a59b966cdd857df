/* SPDX-License-Identifier: Apache-2.0
 * filter.h: what a body passes through on its way, in either direction, one after the other and in place: framing that
 * is taken off or checked, the end of a form's file, an error document that is looked for. Bodies that nothing looks at
 * have no filter. Behind the last one the framer (framer.h) writes what is left to the connection. One worker.
 *
 *   read ──▶ [HTTP framing off] ──push──▶ filter ──▶ filter ──▶ buffer, less what is held back ──▶ framer ──▶ write
 */
#ifndef S3ONRAMP_FLOW_BODY_FILTER_H
#define S3ONRAMP_FLOW_BODY_FILTER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct filter;

struct filter_ops {
    /* The next *@n (> 0) bytes are at @data; what is left of them goes on: *@n bytes, moved to @data. What the filter
     * holds back stands right before @data. */
    enum err_code (*push)(struct filter *f, char *data, size_t *n, struct err *err);
    /* The body has ended whole at @end. NULL: nothing to judge. */
    enum err_code (*finish)(struct filter *f, const char *end, struct err *err);
    /* How many of the last bytes that went on must not leave yet: they may be no content, or wait for finish. NULL:
     * none. */
    size_t (*held)(const struct filter *f);
    /* What it holds back is pushed once more, in front of the bytes that follow, so that it can still be taken out.
     * Such a filter is the only one of its body. */
    bool again;
};

/* The first member of what filters. */
struct filter {
    const struct filter_ops *ops;
    struct filter *next; /* borrowed */
    bool finished;
};

/* @f comes after those in *@first. */
void filters_add(struct filter **first, struct filter *f, const struct filter_ops *ops);
/* Through all of them. @first may be NULL. */
MUST_CHECK enum err_code filters_push(struct filter *first, char *data, size_t *n, struct err *err);
MUST_CHECK enum err_code filters_finish(struct filter *first, const char *end, struct err *err);
/* How many bytes right before the next ones must be pushed with them. */
size_t filters_again(const struct filter *first);
/* The most that any of them holds back. */
size_t filters_held(const struct filter *first);

#endif
