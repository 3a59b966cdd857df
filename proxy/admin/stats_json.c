/* SPDX-License-Identifier: Apache-2.0
 * stats_json.c: see stats_json.h.
 */
#include "stats_json.h"

#include <stdio.h>
#include <string.h>

/* The object below @o that belongs to @key, made if it is not there. */
static json_t *inner(json_t *o, const char *key)
{
    json_t *there = json_object_get(o, key);

    if (there) return there;
    json_object_set_new(o, key, json_object());
    return json_object_get(o, key);
}

/* {"count": 3, "sum_us": 812, "within_us": {"1000": 2, "2500": 1}}: those that are not 0; what is beyond all bounds is
 * the rest. */
static json_t *series_json(const uint64_t series[STATS_SERIES])
{
    json_t *within = json_object();
    uint64_t all = series[STATS_BOUNDS];
    char bound[16];

    for (size_t i = 0; i < STATS_BOUNDS; i++) {
        all += series[i];
        if (!series[i]) continue;
        snprintf(bound, sizeof(bound), "%u", (unsigned)stats_bounds_us[i]);
        json_object_set_new(within, bound, json_integer((json_int_t)series[i]));
    }
    return json_pack("{sI sI so}", "count", (json_int_t)all, "sum_us", (json_int_t)series[STATS_BOUNDS + 1],
                     "within_us", within);
}

static json_t *histogram_json(const struct stats_family *f, const uint64_t *slots)
{
    json_t *o;
    char value[STATS_VALUE];

    if (!f->value) return series_json(slots);
    o = json_object();
    for (size_t i = 0; i < f->width / STATS_SERIES; i++) {
        json_t *one = series_json(&slots[i * STATS_SERIES]);

        f->value(i, value);
        if (json_integer_value(json_object_get(one, "count"))) json_object_set(o, value, one);
        json_decref(one);
    }
    return o;
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

static json_t *family_json(const struct stats_family *f, const uint64_t *slots)
{
    if (f->kind == STATS_HISTOGRAM) return histogram_json(f, slots);
    return f->value ? by_label(f, slots) : json_integer((json_int_t)slots[0]);
}

json_t *stats_json_add(json_t *object, const struct stats *s, enum stats_group group, uint32_t id)
{
    uint64_t sums[STATS_SLOTS_MOST];

    stats_sum(s, group, id, sums);
    for (size_t i = 0; i < stats_families_n; i++) {
        const struct stats_family *f = &stats_families[i];

        if (f->group == group) json_object_set_new(object, f->name, family_json(f, &sums[f->slot]));
    }
    return object;
}
