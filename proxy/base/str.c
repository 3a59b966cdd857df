/* SPDX-License-Identifier: Apache-2.0
 * str.c: borrowed byte views and the bounded text builder. Pure; any thread. Owns nothing, allocates nothing.
 */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

static bool eq_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
    return true;
}

bool str_eq_nocase(struct str a, struct str b)
{
    return a.n == b.n && eq_nocase(a.p, b.p, a.n);
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    if (order != 0) return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_head(s, prefix.n), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.n >= prefix.n && eq_nocase(s.p, prefix.p, prefix.n);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_tail(s, s.n - suffix.n), suffix);
}

bool str_ends_nocase(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq_nocase(str_tail(s, s.n - suffix.n), suffix);
}

size_t str_index(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t str_rindex(struct str s, char c)
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == c) return i - 1;
    return SIZE_MAX;
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0) return 0;
    const char *at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_ows(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_ows(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_split(struct str *rest, char sep, struct str *item)
{
    if (rest->n == 0) return false;

    size_t at = str_index(*rest, sep);
    if (at == SIZE_MAX) {
        *item = *rest;
        *rest = STR_NONE;
        return true;
    }
    *item = str_head(*rest, at);
    *rest = str_tail(*rest, at + 1);
    return true;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.n == 0) return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9) return false;
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool str_to_cstr(struct str s, char *dst, size_t cap)
{
    if (cap == 0) return false;
    dst[0] = '\0';
    if (s.n >= cap || str_index(s, '\0') != SIZE_MAX) return false;
    if (s.n) memcpy(dst, s.p, s.n);
    dst[s.n] = '\0';
    return true;
}

/* On a mismatch only the latest '*' is widened: an earlier one never has to be, since the text between two stars was
 * found at its first place. So time is bounded by length × pattern length and memory by nothing. */
bool str_matches(struct str s, struct str pattern)
{
    size_t i = 0, j = 0, star = SIZE_MAX, star_text = 0;

    while (i < s.n) {
        if (j < pattern.n && pattern.p[j] == '*') {
            star = j++;
            star_text = i;
        } else if (j < pattern.n && (pattern.p[j] == '?' || pattern.p[j] == s.p[i])) {
            i++;
            j++;
        } else if (star != SIZE_MAX) {
            i = ++star_text;
            j = star + 1;
        } else {
            return false;
        }
    }
    while (j < pattern.n && pattern.p[j] == '*')
        j++;
    return j == pattern.n;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance; longer words are not near anything. */
static size_t distance(struct str a, struct str b)
{
    enum { LONGEST = 64 };
    size_t row[LONGEST + 1];

    if (a.n > LONGEST || b.n > LONGEST) return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t changed = diagonal + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]));
            diagonal = row[j];
            row[j] = least(changed, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.n];
}

const char *str_nearest(struct str word, const char *const *words, size_t n)
{
    const char *nearest = NULL;
    size_t best = word.n / 3 + 2; /* exclusive: one slip in a short word, a few in a long one */

    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, str_from(words[i]));
        if (d >= best) continue;
        best = d;
        nearest = words[i];
    }
    return nearest;
}

void sbuf_lower(struct sbuf *b, struct str s)
{
    if (b->overflow || s.n > b->cap - b->n) {
        b->overflow = true;
        return;
    }
    for (size_t i = 0; i < s.n; i++)
        b->p[b->n++] = ascii_lower(s.p[i]);
}

void sbuf_u64(struct sbuf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    sbuf_add(b, str_make(digits + at, sizeof digits - at));
}

void sbuf_digits(struct sbuf *b, unsigned value, unsigned n)
{
    char digits[10];

    ASSERT(n <= sizeof digits);
    for (unsigned i = n; i > 0; i--) {
        digits[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    sbuf_add(b, str_make(digits, n));
}

void sbuf_hex64(struct sbuf *b, uint64_t value)
{
    char digits[16];
    size_t at = sizeof digits;

    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    sbuf_add(b, str_make(digits + at, sizeof digits - at));
}

/* vsnprintf always wants room for a NUL that the builder does not keep: a text that fills the buffer to the last byte
 * is formatted again, into the caller's stack. */
void sbuf_printf(struct sbuf *b, const char *fmt, ...)
{
    va_list args;
    size_t room = b->cap - b->n;

    if (b->overflow) return;
    va_start(args, fmt);
    int n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n > room) {
        b->overflow = true;
        return;
    }
    if ((size_t)n < room) {
        b->n += (size_t)n;
        return;
    }
    char last_chance[1024];
    if ((size_t)n >= sizeof last_chance) {
        b->overflow = true;
        return;
    }
    va_start(args, fmt);
    n = vsnprintf(last_chance, sizeof last_chance, fmt, args);
    va_end(args);
    sbuf_add(b, str_make(last_chance, n < 0 ? 0 : (size_t)n));
}

size_t str_utf8(struct str s, uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)s.p[0];
    size_t n = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;

    if (n == 0 || n > s.n) return 0;
    *code = n == 1 ? first : first & 0xffU >> (n + 1);
    for (size_t i = 1; i < n; i++) {
        uint8_t next = (uint8_t)s.p[i];
        if (next >> 6 != 2) return 0;
        *code = *code << 6 | (next & 63);
    }
    if (*code < smallest[n] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff)) return 0;
    return n;
}
