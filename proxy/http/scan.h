/* SPDX-License-Identifier: Apache-2.0
 * scan.h: byte classes of HTTP and the search for control bytes, eight at a time. Private to the http layer. Pure; any
 * thread. Source: RFC 9110 5.5 (field values), 5.6.2 (tokens); SWAR tests as in "Bit Twiddling Hacks" (haszero,
 * hasless).
 */
#ifndef S3ONRAMP_HTTP_SCAN_H
#define S3ONRAMP_HTTP_SCAN_H

#include "base/str.h"

#include <endian.h>

/* 1 for token characters: letters, digits and !#$%&'*+-.^_`|~ */
extern const uint8_t http_token[256];

#define SCAN_ONES UINT64_C(0x0101010101010101)
#define SCAN_HIGH UINT64_C(0x8080808080808080)

/* First byte in [@p, @end) that is a control byte (0x00-0x1f, 0x7f), or @end. Bytes >= 0x80 are none.
 * A borrow can flag bytes above the first hit in a word wrongly, never below: the lowest flag is right. */
static inline const char *scan_control(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        w = le64toh(w);
        uint64_t del = w ^ SCAN_ONES * 0x7f;
        uint64_t hit = ((w - SCAN_ONES * 0x20) & ~w) | ((del - SCAN_ONES) & ~del);
        hit &= SCAN_HIGH;
        if (hit) return p + (__builtin_ctzll(hit) >> 3);
        p += 8;
    }
    while (p < end && (uint8_t)*p >= 0x20 && *p != 0x7f)
        p++;
    return p;
}

/* First byte in [@p, @end) that is not a token character, or @end. */
static inline const char *scan_token(const char *p, const char *end)
{
    while (p < end && http_token[(uint8_t)*p])
        p++;
    return p;
}

#endif
