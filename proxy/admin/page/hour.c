/* SPDX-License-Identifier: Apache-2.0
 * hour.c: see hour.h. The step with number N stands at N modulo HOUR_STEPS.
 */
#include "admin/hour.h"

static struct hour_step *step_of(struct hour *h, int64_t number)
{
    return &h->v[number % HOUR_STEPS];
}

static void advance(struct hour *h, int64_t to)
{
    if (to - h->at >= HOUR_STEPS) {
        memset(h->v, 0, sizeof(h->v));
        h->at = to;
    }
    while (h->at < to)
        *step_of(h, ++h->at) = (struct hour_step){0};
}

/* What came since; *@before becomes @now. */
static uint64_t grown(uint64_t *before, uint64_t now)
{
    uint64_t more = now > *before ? now - *before : 0;

    *before += more;
    return more;
}

void hour_add(struct hour *h, const struct hour_figures *now, int64_t now_s)
{
    struct hour_step *s;

    if (!h->begun) {
        *h = (struct hour){.before = *now, .begun = true, .at = now_s / HOUR_STEP_S};
        return;
    }
    advance(h, now_s / HOUR_STEP_S);
    s = step_of(h, h->at);
    s->requests += (uint32_t)grown(&h->before.requests, now->requests);
    s->bytes_in += grown(&h->before.bytes_in, now->bytes_in);
    s->bytes_out += grown(&h->before.bytes_out, now->bytes_out);
    for (size_t i = 0; i < TROUBLE_PARTIES; i++)
        s->failed[i] += (uint32_t)grown(&h->before.failed[i], now->failed[i]);
    for (size_t i = 0; i < HOUR_BUCKETS; i++)
        s->first_byte[i] += (uint32_t)grown(&h->before.first_byte[i], now->first_byte[i]);
}

static void add_step(struct hour_figures *sum, const struct hour_step *s)
{
    sum->requests += s->requests;
    sum->bytes_in += s->bytes_in;
    sum->bytes_out += s->bytes_out;
    for (size_t i = 0; i < TROUBLE_PARTIES; i++)
        sum->failed[i] += s->failed[i];
    for (size_t i = 0; i < HOUR_BUCKETS; i++)
        sum->first_byte[i] += s->first_byte[i];
}

struct hour_figures hour_sum(const struct hour *h, size_t steps)
{
    struct hour_figures sum = {0};

    for (size_t i = 0; i < steps && i < HOUR_STEPS && (int64_t)i <= h->at; i++)
        add_step(&sum, &h->v[(h->at - (int64_t)i) % HOUR_STEPS]);
    return sum;
}

int64_t hour_quantile(const uint64_t counts[HOUR_BUCKETS], double q)
{
    uint64_t all = 0, below = 0;
    double rank;

    for (size_t i = 0; i < HOUR_BUCKETS; i++)
        all += counts[i];
    if (!all) return -1;
    rank = q * (double)all;
    for (size_t i = 0; i < STATS_BOUNDS; i++) {
        double low = i ? (double)stats_bounds_us[i - 1] : 0, high = (double)stats_bounds_us[i];

        if (counts[i] && (double)(below + counts[i]) >= rank)
            return (int64_t)(low + (high - low) * (rank - (double)below) / (double)counts[i]);
        below += counts[i];
    }
    return stats_bounds_us[STATS_BOUNDS - 1];
}

/* ------------------------------------------------------------------- JSON */

typedef json_t *figure_fn(const struct hour_figures *f, unsigned arg);

static json_t *requests_json(const struct hour_figures *f, unsigned arg)
{
    (void)arg;
    return json_integer((json_int_t)f->requests);
}

static json_t *bytes_in_json(const struct hour_figures *f, unsigned arg)
{
    (void)arg;
    return json_integer((json_int_t)f->bytes_in);
}

static json_t *bytes_out_json(const struct hour_figures *f, unsigned arg)
{
    (void)arg;
    return json_integer((json_int_t)f->bytes_out);
}

static json_t *failed_json(const struct hour_figures *f, unsigned party)
{
    return json_integer((json_int_t)f->failed[party]);
}

/* Milliseconds; null: nothing was answered. */
static json_t *quantile_json(const struct hour_figures *f, unsigned percent)
{
    int64_t us = hour_quantile(f->first_byte, percent / 100.0);

    if (us < 0) return json_null();
    us = (us + 50) / 100; /* to a tenth */
    return json_real((double)us / 10);
}

static json_t *column(const struct hour *h, figure_fn *figure, unsigned arg)
{
    json_t *all = json_array();

    for (int64_t n = h->at - HOUR_STEPS + 1; n <= h->at; n++) {
        struct hour_figures f = {0};

        if (n >= 0) add_step(&f, &h->v[n % HOUR_STEPS]);
        json_array_append_new(all, figure(&f, arg));
    }
    return all;
}

json_t *hour_json(const struct hour *h, int64_t offset_s)
{
    static const struct {
        const char *name;
        figure_fn *figure;
        unsigned arg;
    } columns[] = {
        {"requests", requests_json, 0},
        {"bytes_in", bytes_in_json, 0},
        {"bytes_out", bytes_out_json, 0},
        {"failed_us", failed_json, TROUBLE_US},
        {"failed_network", failed_json, TROUBLE_NETWORK},
        {"failed_aws", failed_json, TROUBLE_AWS},
        {"failed_client", failed_json, TROUBLE_CLIENT},
        {"first_byte_p50_ms", quantile_json, 50},
        {"first_byte_p95_ms", quantile_json, 95},
    };
    json_int_t ends = h->at * HOUR_STEP_S + HOUR_STEP_S + offset_s;
    json_t *o = json_pack("{sI sI}", "step_s", (json_int_t)HOUR_STEP_S, "ends", ends);

    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        json_object_set_new(o, columns[i].name, column(h, columns[i].figure, columns[i].arg));
    return o;
}
