/* SPDX-License-Identifier: Apache-2.0
 * traceparent.c: see traceparent.h.
 */
#include "http/traceparent.h"

/* version "-" trace-id "-" parent-id "-" trace-flags */
enum { TRACE_AT = 3, TRACE_N = 32, PARENT_AT = 36, PARENT_N = 16 };

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f'))) return false;
    return true;
}

static bool is_zero(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '0') return false;
    return true;
}

bool traceparent_valid(struct str v)
{
    struct str version = str_head(v, 2), trace, parent;

    if (v.n < TRACEPARENT_BYTES || v.p[2] != '-' || v.p[35] != '-' || v.p[52] != '-') return false;
    trace = str_make(v.p + TRACE_AT, TRACE_N);
    parent = str_make(v.p + PARENT_AT, PARENT_N);
    if (!is_hex(version) || str_eq(version, STR("ff"))) return false;
    if (!is_hex(trace) || is_zero(trace) || !is_hex(parent) || is_zero(parent)) return false;
    if (!is_hex(str_make(v.p + 53, 2))) return false;
    if (v.n == TRACEPARENT_BYTES) return true;
    return !str_eq(version, STR("00")) && v.p[TRACEPARENT_BYTES] == '-';
}

struct str traceparent_of(const struct headers *h)
{
    const struct header *f = headers_find(h, HDR_TRACEPARENT);

    if (!f || headers_count(h, HDR_TRACEPARENT) != 1 || !traceparent_valid(f->value)) return STR_NONE;
    return f->value;
}

void traceparent_make(const unsigned char random[TRACEPARENT_RANDOM], char *out)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * TRACEPARENT_RANDOM];

    for (size_t i = 0; i < TRACEPARENT_RANDOM; i++) {
        hex[2 * i] = digits[random[i] >> 4];
        hex[2 * i + 1] = digits[random[i] & 15];
    }
    if (is_zero(str_make(hex, TRACE_N))) hex[0] = '1';
    if (is_zero(str_make(hex + TRACE_N, PARENT_N))) hex[TRACE_N] = '1';
    memcpy(out, "00-", 3);
    memcpy(out + TRACE_AT, hex, TRACE_N);
    out[35] = '-';
    memcpy(out + PARENT_AT, hex + TRACE_N, PARENT_N);
    memcpy(out + 52, "-00", 3);
}
