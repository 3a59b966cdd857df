/* SPDX-License-Identifier: Apache-2.0
 * filter.c: see filter.h.
 */
#include "flow/body/filter.h"

void filters_add(struct filter **first, struct filter *f, const struct filter_ops *ops)
{
    while (*first)
        first = &(*first)->next;
    *f = (struct filter){.ops = ops};
    *first = f;
}

enum err_code filters_push(struct filter *first, char *data, size_t *n, struct err *err)
{
    for (struct filter *f = first; f && *n; f = f->next)
        TRY(f->ops->push(f, data, n, err));
    return ERR_NONE;
}

enum err_code filters_finish(struct filter *first, const char *end, struct err *err)
{
    for (struct filter *f = first; f; f = f->next) {
        if (f->ops->finish) TRY(f->ops->finish(f, end, err));
        f->finished = true;
    }
    return ERR_NONE;
}

size_t filters_again(const struct filter *first)
{
    return first && first->ops->again ? first->ops->held(first) : 0;
}

size_t filters_held(const struct filter *first)
{
    size_t most = 0;

    for (const struct filter *f = first; f; f = f->next) {
        size_t n = f->ops->held ? f->ops->held(f) : 0;

        if (n > most) most = n;
    }
    return most;
}
