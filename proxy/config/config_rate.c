/* SPDX-License-Identifier: Apache-2.0
 * config_rate.c: rates as they are written: "25MB", "200Mbit", "1.5Gbit/s". K, M and G are powers of 1000, Ki, Mi and
 * Gi of 1024; "B" is bytes and "bit" is bits, always written out. Pure.
 */
#include "config_options.h"

#include <inttypes.h>

enum { FRACTION_DIGITS = 3, BITS = 8 };

static const struct {
    struct str word;
    uint64_t factor;
} prefixes[] = {{STR_INIT(""), 1},         {STR_INIT("K"), 1000},       {STR_INIT("k"), 1000},
                {STR_INIT("M"), 1000000},  {STR_INIT("G"), 1000000000}, {STR_INIT("Ki"), 1024},
                {STR_INIT("Mi"), 1048576}, {STR_INIT("Gi"), 1073741824}};

/* "MB", "Mbit": how many thousandths of a byte one of it is. */
static bool parse_unit(struct str unit, uint64_t *thousandths)
{
    bool bits = str_ends(unit, STR("bit"));
    size_t word = bits ? 3 : 1;

    if (!bits && !str_ends(unit, STR("B"))) return false;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (!str_eq(str_head(unit, unit.n - word), prefixes[i].word)) continue;
        *thousandths = prefixes[i].factor * 1000 / (bits ? BITS : 1);
        return true;
    }
    return false;
}

static size_t digits_of(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

/* "1.5" as 1500. */
static bool take_number(struct str *text, uint64_t *thousandths)
{
    size_t n = digits_of(*text);
    uint64_t whole, part = 0;

    if (!n || !str_to_u64(str_head(*text, n), &whole) || whole > UINT32_MAX) return false;
    *text = str_tail(*text, n);
    *thousandths = whole * 1000;
    if (!text->n || text->p[0] != '.') return true;
    *text = str_tail(*text, 1);
    n = digits_of(*text);
    if (!n || n > FRACTION_DIGITS || !str_to_u64(str_head(*text, n), &part)) return false;
    *text = str_tail(*text, n);
    for (; n < FRACTION_DIGITS; n++)
        part *= 10;
    *thousandths += part;
    return true;
}

bool config_parse_rate(struct str text, uint64_t *bytes)
{
    uint64_t number, unit, product;

    if (str_eq(text, STR("0"))) {
        *bytes = 0;
        return true;
    }
    if (!take_number(&text, &number)) return false;
    text = str_trim(text);
    if (str_ends(text, STR("/s"))) text = str_head(text, text.n - 2);
    if (!parse_unit(text, &unit) || __builtin_mul_overflow(number, unit, &product)) return false;
    *bytes = product / 1000000;
    return *bytes || !number; /* 0 is no limit: what is less than a byte is not that */
}

void config_format_rate(uint64_t bytes, FILE *out)
{
    static const struct {
        uint64_t factor;
        const char *unit;
    } units[] = {{1000000000, "GB"}, {1000000, "MB"}, {1000, "KB"}, {1, "B"}};
    size_t i = 0;

    while (units[i].factor > 1 && bytes % units[i].factor)
        i++;
    fprintf(out, "%" PRIu64 "%s", bytes / units[i].factor, bytes ? units[i].unit : "");
}
