/* SPDX-License-Identifier: Apache-2.0
 * stats.c: see stats.h. Rows stand in chunks that their thread makes when it needs them and that never move; readers
 * see a chunk whole or not at all.
 */
#include "flow/stats.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHUNKS = 8192 };

struct stats_block {
    _Atomic(_Atomic uint64_t *) chunks[STATS_GROUPS_N][CHUNKS]; /* owned */
};

struct stats {
    size_t n;
    struct stats_block *blocks[]; /* owned */
};

static const struct {
    size_t rows /* of a chunk */, slots;
    const char *word;
} shapes[] = {
#define X(group, rows, word) {rows, STATS_##group##_SLOTS, word},
    STATS_GROUPS(X)
#undef X
};

/* ------------------------------------------------------------------- the table */

const char *stats_group_word(enum stats_group group)
{
    return shapes[group].word;
}

const char *retry_reason_word(enum retry_reason reason)
{
    static const char *const words[] = {
#define X(name, word) word,
        RETRY_REASONS(X)
#undef X
    };

    return words[reason];
}

static void stats_retry(size_t i, char out[STATS_VALUE])
{
    snprintf(out, STATS_VALUE, "%s", retry_reason_word((enum retry_reason)i));
}

static void stats_fault(size_t i, char out[STATS_VALUE])
{
    static const char *const words[] = {[FAULT_CONNECT] = "connect",
                                        [FAULT_TLS] = "tls",
                                        [FAULT_CERTIFICATE] = "certificate",
                                        [FAULT_RESET] = "reset",
                                        [FAULT_DEAD] = "dead"};

    snprintf(out, STATS_VALUE, "%s", words[i]);
}

static const char *const s3_codes[] = {
#define X(code) code,
    STATS_S3_CODES(X)
#undef X
};

unsigned stats_s3_code(struct str code)
{
    for (unsigned i = 2; code.n && i < STATS_S3_CODES_N; i++)
        if (str_eq(code, str_from(s3_codes[i]))) return i;
    return code.n ? 1 : 0;
}

static void stats_s3_error(size_t i, char out[STATS_VALUE])
{
    snprintf(out, STATS_VALUE, "%s", s3_codes[i]);
}

static void stats_error(size_t i, char out[STATS_VALUE])
{
    static const char *const blames[] = {[BLAME_NONE] = "nobody",
                                         [BLAME_CLIENT] = "client",
                                         [BLAME_UPSTREAM] = "endpoint",
                                         [BLAME_CONFIG] = "configuration",
                                         [BLAME_SELF] = "proxy"};
    const struct err_info *info = err_info((enum err_code)i);

    snprintf(out, STATS_VALUE, "%s,%s", info->word, blames[info->blame]);
}

static void stats_method(size_t i, char out[STATS_VALUE])
{
    static const char *const words[] = {
        [METHOD_OTHER] = "other",     [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",
        [METHOD_PUT] = "PUT",         [METHOD_POST] = "POST",       [METHOD_DELETE] = "DELETE",
        [METHOD_OPTIONS] = "OPTIONS", [METHOD_CONNECT] = "CONNECT", [METHOD_TRACE] = "TRACE"};

    snprintf(out, STATS_VALUE, "%s", words[i]);
}

static void stats_handshake(size_t i, char out[STATS_VALUE])
{
    static const char *const words[] = {
        [STATS_HANDSHAKE_FULL] = "full", [STATS_HANDSHAKE_RESUMED] = "resumed", [STATS_HANDSHAKE_FAILED] = "failed"};

    snprintf(out, STATS_VALUE, "%s", words[i]);
}

static void stats_running_kind(size_t i, char out[STATS_VALUE])
{
    static const char *const words[] = {[STATS_RUNNING_REQUESTS] = "request", [STATS_RUNNING_TUNNELS] = "tunnel"};

    snprintf(out, STATS_VALUE, "%s", words[i]);
}

static void stats_pool_state(size_t i, char out[STATS_VALUE])
{
    static const char *const words[] = {[STATS_POOL_IDLE] = "idle", [STATS_POOL_IN_USE] = "in_use"};

    snprintf(out, STATS_VALUE, "%s", words[i]);
}

const char *stats_decision_word(enum stats_decision decision)
{
    static const char *const words[] = {[STATS_DECISION_DENIED] = "denied",
                                        [STATS_DECISION_ALLOWED] = "allowed",
                                        [STATS_DECISION_FORBIDDEN] = "forbidden",
                                        [STATS_DECISION_WARNED] = "warned"};

    return words[decision];
}

static void stats_decided(size_t i, char out[STATS_VALUE])
{
    snprintf(out, STATS_VALUE, "%s", stats_decision_word((enum stats_decision)i));
}

static void stats_limit(size_t i, char out[STATS_VALUE])
{
    static const char *const words[] = {[STATS_LIMIT_REQUESTS] = "max_requests", [STATS_LIMIT_RATE] = "request_rate"};

    snprintf(out, STATS_VALUE, "%s", words[i]);
}

static void stats_answer(size_t i, char out[STATS_VALUE])
{
    static const char *const classes[STATS_CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

    const char *name = operation_name((unsigned)(i / STATS_CLASSES));

    snprintf(out, STATS_VALUE, "%s,%s", name ? name : "", classes[i % STATS_CLASSES]);
}

/* clang-format off */
#define FAMILY(group, slot, width, name, metric, kind, unit, label, value, help) \
    {STATS_OF_##group, STATS_##group##_##slot, width, name, metric, STATS_##kind, unit, label, value, help},
const struct stats_family stats_families[] = {
#define X(...) FAMILY(LISTENER, __VA_ARGS__)
    STATS_LISTENER(X)
#undef X
#define X(...) FAMILY(ENDPOINT, __VA_ARGS__)
    STATS_ENDPOINT(X)
#undef X
#define X(...) FAMILY(ADDRESS, __VA_ARGS__)
    STATS_ADDRESS(X)
#undef X
#define X(...) FAMILY(PRINCIPAL, __VA_ARGS__)
    STATS_PRINCIPAL(X)
#undef X
#define X(...) FAMILY(GROUP, __VA_ARGS__)
    STATS_GROUP(X)
#undef X
#define X(...) FAMILY(LINE, __VA_ARGS__)
    STATS_LINE(X)
#undef X
#define X(...) FAMILY(WORKER, __VA_ARGS__)
    STATS_WORKER(X)
#undef X
};
/* clang-format on */
const size_t stats_families_n = ARRAY_LEN(stats_families);

const uint32_t stats_bounds_us[STATS_BOUNDS] = {1000,     2500,     5000,     10000,    25000,   50000,
                                                100000,   250000,   500000,   1000000,  2500000, 5000000,
                                                10000000, 30000000, 60000000, 300000000};

/* ------------------------------------------------------------------- counting */

struct stats *stats_new(size_t n)
{
    struct stats *s = calloc(1, sizeof(*s) + n * sizeof(s->blocks[0]));

    if (!s) return NULL;
    for (; s->n < n; s->n++) {
        s->blocks[s->n] = calloc(1, sizeof(struct stats_block));
        if (s->blocks[s->n]) continue;
        stats_free(&s);
        return NULL;
    }
    return s;
}

void stats_free(struct stats **sp)
{
    struct stats *s = *sp;

    *sp = NULL;
    if (!s) return;
    for (size_t i = 0; i < s->n; i++) {
        for (size_t g = 0; g < STATS_GROUPS_N; g++)
            for (size_t k = 0; k < CHUNKS; k++)
                free(atomic_load_explicit(&s->blocks[i]->chunks[g][k], memory_order_relaxed));
        free(s->blocks[i]);
    }
    free(s);
}

struct stats_block *stats_block(struct stats *s, size_t i)
{
    return s->blocks[i];
}

_Atomic uint64_t *stats_row(struct stats_block *b, enum stats_group group, uint32_t id)
{
    static _Atomic uint64_t nowhere[STATS_SLOTS_MOST];
    size_t rows = shapes[group].rows, slots = shapes[group].slots, k = id / rows;
    _Atomic uint64_t *chunk;

    if (!b || k >= CHUNKS) return nowhere;
    chunk = atomic_load_explicit(&b->chunks[group][k], memory_order_relaxed);
    if (!chunk) {
        chunk = calloc(rows * slots, sizeof(*chunk));
        if (!chunk) return nowhere;
        atomic_store_explicit(&b->chunks[group][k], chunk, memory_order_release);
    }
    return chunk + id % rows * slots;
}

size_t stats_blocks(const struct stats *s)
{
    return s->n;
}

/* ------------------------------------------------------------------- adding up */

/* NULL: nothing was counted there yet. */
static const _Atomic uint64_t *find_row(const struct stats_block *b, enum stats_group group, uint32_t id)
{
    size_t rows = shapes[group].rows, slots = shapes[group].slots, k = id / rows;
    const _Atomic uint64_t *chunk =
        k < CHUNKS ? atomic_load_explicit(&b->chunks[group][k], memory_order_acquire) : NULL;

    return chunk ? chunk + id % rows * slots : NULL;
}

/* Into @out, which begins with the family's first slot. */
static void add_family(const struct stats_family *f, const _Atomic uint64_t *row, uint64_t out[])
{
    for (unsigned i = 0; i < f->width; i++) {
        uint64_t n = stats_get(row, f->slot + i);

        if (f->kind != STATS_PEAK)
            out[i] += n;
        else if (n > out[i])
            out[i] = n;
    }
}

void stats_sum_family(const struct stats *s, const struct stats_family *f, uint32_t id, uint64_t out[])
{
    memset(out, 0, f->width * sizeof(out[0]));
    for (size_t i = 0; i < s->n; i++) {
        const _Atomic uint64_t *row = find_row(s->blocks[i], f->group, id);

        if (row) add_family(f, row, out);
    }
}

void stats_sum(const struct stats *s, enum stats_group group, uint32_t id, uint64_t out[])
{
    for (size_t k = 0; k < stats_families_n; k++)
        if (stats_families[k].group == group) stats_sum_family(s, &stats_families[k], id, &out[stats_families[k].slot]);
}

bool stats_has(const struct stats *s, enum stats_group group, uint32_t id)
{
    for (size_t i = 0; i < s->n; i++) {
        const _Atomic uint64_t *row = find_row(s->blocks[i], group, id);

        for (unsigned k = 0; row && k < shapes[group].slots; k++)
            if (stats_get(row, k)) return true;
    }
    return false;
}
