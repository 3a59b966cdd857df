/* SPDX-License-Identifier: Apache-2.0
 * stats_json.c: see stats_json.h.
 */
#include "stats_json.h"

#include <string.h>

/* The object below @o that belongs to @key, made if it is not there. */
static json_t *inner(json_t *o, const char *key)
{
    json_t *there = json_object_get(o, key);

    if (there) return there;
    json_object_set_new(o, key, json_object());
    return json_object_get(o, key);
}

static json_t *by_label(const struct stats_family *f, const uint64_t *slots)
{
    json_t *o = json_object();
    char value[STATS_VALUE];

    for (size_t i = 0; i < f->width; i++) {
        char *comma;

        f->value(i, value);
        comma = strchr(value, ',');
        if (comma) *comma = '\0';
        if (!comma)
            json_object_set_new(o, value, json_integer((json_int_t)slots[i]));
        else if (slots[i])
            json_object_set_new(inner(o, value), comma + 1, json_integer((json_int_t)slots[i]));
    }
    return o;
}

json_t *stats_json_add(json_t *object, const struct stats *s, enum stats_group group, uint32_t id)
{
    uint64_t sums[STATS_SLOTS_MOST];

    stats_sum(s, group, id, sums);
    for (size_t i = 0; i < stats_families_n; i++) {
        const struct stats_family *f = &stats_families[i];

        if (f->group == group)
            json_object_set_new(object, f->name,
                                f->value ? by_label(f, &sums[f->slot]) : json_integer((json_int_t)sums[f->slot]));
    }
    return object;
}
