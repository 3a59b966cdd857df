/* SPDX-License-Identifier: Apache-2.0
 * chunk_filter.c: see chunk_filter.h.
 */
#include "chunk_filter.h"

static enum err_code push(struct filter *filter, char *data, size_t *n, struct err *err)
{
    struct chunk_filter *f = (struct chunk_filter *)filter;

    return f->decode ? aws_chunked_decode(&f->chunked, data, *n, n, err)
                     : aws_chunked_check(&f->chunked, data, *n, err);
}

static enum err_code finish(struct filter *filter, const char *end UNUSED, struct err *err)
{
    return aws_chunked_end(&((struct chunk_filter *)filter)->chunked, err);
}

static size_t held(const struct filter *filter)
{
    return filter->finished ? 0 : 1;
}

void chunk_filter_add(struct filter **first, struct chunk_filter *f)
{
    static const struct filter_ops ops = {.push = push, .finish = finish, .held = held};

    filters_add(first, &f->filter, &ops);
}
