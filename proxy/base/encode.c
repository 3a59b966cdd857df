/* SPDX-License-Identifier: Apache-2.0
 * encode.c: see encode.h.
 */
#include "base/encode.h"

#include <string.h>

/* "00" to "ff", one behind the other. */
#define HEX_ROW(h) h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" h "8" h "9" h "a" h "b" h "c" h "d" h "e" h "f"
static const char hex_pairs[] =
    HEX_ROW("0") HEX_ROW("1") HEX_ROW("2") HEX_ROW("3") HEX_ROW("4") HEX_ROW("5") HEX_ROW("6") HEX_ROW("7") HEX_ROW("8")
        HEX_ROW("9") HEX_ROW("a") HEX_ROW("b") HEX_ROW("c") HEX_ROW("d") HEX_ROW("e") HEX_ROW("f");

/* The place is kept in a local: what is written through char * could be *b itself, for all the compiler knows. */
void hex_lower(struct sbuf *b, const uint8_t *bytes, size_t n)
{
    if (b->overflow || n > (b->cap - b->n) / 2) {
        b->overflow = true;
        return;
    }
    char *to = b->p + b->n;
    for (size_t i = 0; i < n; i++)
        memcpy(to + 2 * i, hex_pairs + 2 * bytes[i], 2);
    b->n += 2 * n;
}

bool hex_decode(struct str s, uint8_t *out, size_t n)
{
    if (s.n % 2 != 0 || s.n / 2 != n) return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(s.p[2 * i]), low = hex_digit(s.p[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void base64_encode(struct sbuf *b, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)bytes[i] << 16;
        if (left > 1) v |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2) v |= bytes[i + 2];
        char group[4] = {digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
                         left > 2 ? digits[v & 63] : '='};
        sbuf_add(b, str_make(group, sizeof group));
    }
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 3.5: "decoders MAY chose to reject an encoding if the pad bits have not been set to zero": we do, so that
 * each value has one spelling. */
bool base64_decode(struct str s, uint8_t *out, size_t n)
{
    if (n > SIZE_MAX / 2 || s.n != (n + 2) / 3 * 4) return false;

    size_t digits = s.n - (n % 3 ? 3 - n % 3 : 0), at = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < digits; i++) {
        int v = base64_value(s.p[i]);
        if (v < 0) return false;
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out[at++] = (uint8_t)(bits >> held);
        bits &= (1U << held) - 1;
    }
    for (size_t i = digits; i < s.n; i++)
        if (s.p[i] != '=') return false;
    return bits == 0;
}
