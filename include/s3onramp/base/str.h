/* SPDX-License-Identifier: Apache-2.0
 * str.h: borrowed byte views (struct str) and a bounded text builder (struct sbuf).
 * Pure; any thread. Nothing here allocates. A view is valid as long as what it was made from.
 */
#ifndef S3ONRAMP_BASE_STR_H
#define S3ONRAMP_BASE_STR_H

#include "base/attrib.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* borrowed; not NUL-terminated; may be NULL when n is 0 */
    size_t n;      /* bytes */
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_INIT(literal)              \
    {                                  \
        (literal), sizeof(literal) - 1 \
    } /* for static tables */
#define STR_NONE ((struct str){NULL, 0})
/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) ((int)(s).n), ((s).n ? (s).p : "")

static inline struct str str_make(const char *p, size_t n)
{
    return (struct str){p, n};
}
static inline struct str str_from(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
/* Bytes from offset @from (clamped) to the end. */
static inline struct str str_tail(struct str s, size_t from)
{
    if (s.n == 0) return s; /* also of no string at all: C knows no NULL + 0 */
    return from >= s.n ? (struct str){s.p + s.n, 0} : (struct str){s.p + from, s.n - from};
}
static inline struct str str_head(struct str s, size_t n)
{
    return (struct str){s.p, n < s.n ? n : s.n};
}
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
/* The value of a hexadecimal digit of either case, or -1. */
static inline int hex_digit(char c)
{
    char low = ascii_lower(c);

    if (c >= '0' && c <= '9') return c - '0';
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
int str_cmp(struct str a, struct str b);        /* bytewise, shorter first: as memcmp */
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_ends_nocase(struct str s, struct str suffix);
/* Index of @c, or SIZE_MAX. */
size_t str_index(struct str s, char c);
size_t str_rindex(struct str s, char c);
/* Index of @needle, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
/* Without spaces and tabs (OWS, RFC 9110 5.6.3) at both ends. */
struct str str_trim(struct str s);
/* Takes the text before the next @sep from *@rest into *@item; false when *@rest is used up.
 * "a,,b" gives a, "", b; "" gives nothing, and so does the empty text after a final @sep. *@rest becomes {NULL,0} after
 * the last item. */
bool str_split(struct str *rest, char sep, struct str *item);
/* Whole string as unsigned decimal, digits only, no overflow. False otherwise. */
bool str_to_u64(struct str s, uint64_t *out);
/* Copies into @dst of @cap bytes and NUL-terminates. False (and "" in @dst) if it does not fit or holds a NUL. */
bool str_to_cstr(struct str s, char *dst, size_t cap);
/* Shell pattern with '*' and '?' only, over the whole string. No recursion; time at most length × pattern length. */
bool str_matches(struct str s, struct str pattern);

/* The word of @words that @word was most likely meant to be, in any case; NULL if none is near. Time: the product of
 * the lengths of @word, at most 64 bytes, and of all words. */
const char *str_nearest(struct str word, const char *const *words, size_t n);

/* Bounded builder over the caller's memory. Writing past the end sets @overflow and writes nothing
 * more: check it once, at the end. */
struct sbuf {
    char *p; /* borrowed: the caller's */
    size_t n, cap;
    bool overflow;
};

static inline struct sbuf sbuf_make(char *mem, size_t cap)
{
    return (struct sbuf){mem, 0, cap, false};
}
static inline struct str sbuf_str(const struct sbuf *b)
{
    return (struct str){b->p, b->n};
}
static inline void sbuf_add(struct sbuf *b, struct str s)
{
    if (b->overflow || s.n > b->cap - b->n) {
        b->overflow = true;
        return;
    }
    if (s.n) memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}
static inline void sbuf_char(struct sbuf *b, char c)
{
    if (b->overflow || b->n == b->cap) {
        b->overflow = true;
        return;
    }
    b->p[b->n++] = c;
}
void sbuf_lower(struct sbuf *b, struct str s);                /* ASCII lower case */
void sbuf_u64(struct sbuf *b, uint64_t value);                /* decimal */
void sbuf_digits(struct sbuf *b, unsigned value, unsigned n); /* decimal, the last @n digits, at most 10 */
void sbuf_hex64(struct sbuf *b, uint64_t value);              /* lower-case hexadecimal, no leading zeros */
void sbuf_printf(struct sbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Bytes of the UTF-8 sequence that @s, which is not empty, begins with, or 0 if it is none. *@code: the character.
 * RFC 3629 4: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t str_utf8(struct str s, uint32_t *code);

/* Both are NULL, or alike. */
static inline bool cstr_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

struct str_list {
    char **v; /* owned */
    size_t n;
};

#endif
