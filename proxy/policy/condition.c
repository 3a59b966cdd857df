/* SPDX-License-Identifier: Apache-2.0
 * condition.c: see condition.h.
 */
#include "condition.h"

#include "policy/policy.h"

#include "base/encode.h"

/* --- operators --- */

enum value_type { VALUE_TEXT, VALUE_NUMBER, VALUE_DATE, VALUE_TRUTH, VALUE_BINARY, VALUE_BLOCK, VALUE_ARN, VALUE_NULL };
enum relation { EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };

struct condition_operator {
    const char *name;
    enum value_type type;
    bool negated;
    enum relation relation; /* of numbers and dates */
    unsigned flags;         /* PATTERN_… of texts */
};

enum { VARIABLE = PATTERN_VARIABLES, LIKE = VARIABLE | PATTERN_WILDCARDS, ANY_CASE = VARIABLE | PATTERN_ANY_CASE };

static const struct condition_operator operators[] = {
    {"StringEquals", VALUE_TEXT, false, EQUAL, VARIABLE},
    {"StringNotEquals", VALUE_TEXT, true, EQUAL, VARIABLE},
    {"StringEqualsIgnoreCase", VALUE_TEXT, false, EQUAL, ANY_CASE},
    {"StringNotEqualsIgnoreCase", VALUE_TEXT, true, EQUAL, ANY_CASE},
    {"StringLike", VALUE_TEXT, false, EQUAL, LIKE},
    {"StringNotLike", VALUE_TEXT, true, EQUAL, LIKE},
    {"NumericEquals", VALUE_NUMBER, false, EQUAL, 0},
    {"NumericNotEquals", VALUE_NUMBER, true, EQUAL, 0},
    {"NumericLessThan", VALUE_NUMBER, false, LESS, 0},
    {"NumericLessThanEquals", VALUE_NUMBER, false, LESS_EQUAL, 0},
    {"NumericGreaterThan", VALUE_NUMBER, false, GREATER, 0},
    {"NumericGreaterThanEquals", VALUE_NUMBER, false, GREATER_EQUAL, 0},
    {"DateEquals", VALUE_DATE, false, EQUAL, 0},
    {"DateNotEquals", VALUE_DATE, true, EQUAL, 0},
    {"DateLessThan", VALUE_DATE, false, LESS, 0},
    {"DateLessThanEquals", VALUE_DATE, false, LESS_EQUAL, 0},
    {"DateGreaterThan", VALUE_DATE, false, GREATER, 0},
    {"DateGreaterThanEquals", VALUE_DATE, false, GREATER_EQUAL, 0},
    {"Bool", VALUE_TRUTH, false, EQUAL, 0},
    {"BinaryEquals", VALUE_BINARY, false, EQUAL, 0},
    {"IpAddress", VALUE_BLOCK, false, EQUAL, 0},
    {"NotIpAddress", VALUE_BLOCK, true, EQUAL, 0},
    {"ArnEquals", VALUE_ARN, false, EQUAL, LIKE},
    {"ArnNotEquals", VALUE_ARN, true, EQUAL, LIKE},
    {"ArnLike", VALUE_ARN, false, EQUAL, LIKE},
    {"ArnNotLike", VALUE_ARN, true, EQUAL, LIKE},
    {"Null", VALUE_NULL, false, EQUAL, 0},
};

const char *policy_operator_name(size_t i)
{
    return i < ARRAY_LEN(operators) ? operators[i].name : NULL;
}

static const struct condition_operator *find_operator(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (str_eq(str_from(operators[i].name), name)) return &operators[i];
    return NULL;
}

static bool no_operator(struct str text, struct str name, struct sbuf *fault)
{
    const char *words[ARRAY_LEN(operators)], *nearest;

    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        words[i] = operators[i].name;
    nearest = str_nearest(name, words, ARRAY_LEN(operators));
    sbuf_printf(fault, "the condition operator %.*s does not exist", STR_ARG(str_head(text, 100)));
    if (nearest) sbuf_printf(fault, "; did you mean %s?", nearest);
    if (!nearest) sbuf_printf(fault, "; write one like StringEquals, StringLike or IpAddress");
    return false;
}

bool condition_read_operator(struct str text, struct condition *out, struct sbuf *fault)
{
    static const struct {
        struct str prefix;
        enum condition_set set;
    } sets[] = {{STR_INIT("ForAnyValue:"), SET_ANY_VALUE}, {STR_INIT("ForAllValues:"), SET_ALL_VALUES}};
    struct str name = text, if_exists = STR("IfExists");

    *out = (struct condition){.set = SET_NONE};
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        if (!str_starts(name, sets[i].prefix)) continue;
        out->set = sets[i].set;
        name = str_tail(name, sets[i].prefix.n);
        break;
    }
    if (str_ends(name, if_exists)) {
        out->if_exists = true;
        name = str_head(name, name.n - if_exists.n);
    }
    out->op = find_operator(name);
    if (!out->op) return no_operator(text, name, fault);
    if (out->op->type != VALUE_NULL || (out->set == SET_NONE && !out->if_exists)) return true;
    sbuf_printf(fault, "Null asks whether there is a value at all; write it without ForAnyValue:, ForAllValues: and "
                       "IfExists");
    return false;
}

bool condition_read_key(struct str text, struct arena *arena, struct condition *out, struct sbuf *fault)
{
    if (!policy_key_find(text, arena, &out->key, fault)) return false;
    if (out->set != SET_NONE || out->op->type == VALUE_NULL || !policy_key_has_several(out->key.key)) return true;
    sbuf_printf(fault, "%.*s may have several values; write ForAnyValue:%s or ForAllValues:%s", STR_ARG(text),
                out->op->name, out->op->name);
    return false;
}

/* --- values --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* [+-]DIGITS[.DIGITS] */
static bool parse_number(struct str s, double *out)
{
    double value = 0, unit = 1;
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), digits = 0;
    bool fraction = false;

    if (s.n > 40) return false;
    for (; i < s.n; i++) {
        if (s.p[i] == '.' && digits && !fraction) {
            fraction = true;
            digits = 0;
            continue;
        }
        if (!is_digit(s.p[i])) return false;
        digits++;
        value = value * 10 + (s.p[i] - '0');
        if (fraction) unit *= 10;
    }
    *out = (s.n && s.p[0] == '-' ? -value : value) / unit;
    return digits > 0;
}

/* Days from 1970-01-01, Gregorian. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, year = y - era * 400;
    int64_t day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

/* Takes exactly @n digits from *@s. */
static bool take_digits(struct str *s, size_t n, int64_t *out)
{
    *out = 0;
    if (s->n < n) return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(s->p[i])) return false;
        *out = *out * 10 + (s->p[i] - '0');
    }
    *s = str_tail(*s, n);
    return true;
}

static bool take_char(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c) return false;
    *s = str_tail(*s, 1);
    return true;
}

/* Z, +hh:mm, -hh:mm: minutes east. */
static bool take_zone(struct str *s, int64_t *minutes)
{
    int64_t hours, rest;
    int sign = s->n && s->p[0] == '-' ? -1 : 1;

    *minutes = 0;
    if (take_char(s, 'Z')) return true;
    if (!take_char(s, '+') && !take_char(s, '-')) return false;
    if (!take_digits(s, 2, &hours) || !take_char(s, ':') || !take_digits(s, 2, &rest) || hours > 23 || rest > 59)
        return false;
    *minutes = sign * (hours * 60 + rest);
    return true;
}

/* After the seconds: .ddd… */
static bool take_fraction(struct str *s, int64_t *ms)
{
    int64_t digit;
    int64_t unit = 100;

    *ms = 0;
    if (!take_char(s, '.')) return true;
    if (s->n == 0 || !is_digit(s->p[0])) return false;
    while (s->n && is_digit(s->p[0])) {
        (void)take_digits(s, 1, &digit);
        *ms += digit * unit;
        unit /= 10;
    }
    return true;
}

/* hh:mm[:ss[.fraction]]ZONE, milliseconds since midnight UTC. */
static bool take_time(struct str *s, int64_t *out)
{
    int64_t hour, minute, second = 0, fraction = 0, east;

    if (!take_digits(s, 2, &hour) || !take_char(s, ':') || !take_digits(s, 2, &minute)) return false;
    if (take_char(s, ':') && (!take_digits(s, 2, &second) || !take_fraction(s, &fraction))) return false;
    if (!take_zone(s, &east) || hour > 23 || minute > 59 || second > 60) return false;
    *out = ((hour * 60 + minute - east) * 60 + second) * 1000 + fraction;
    return true;
}

static bool parse_iso_date(struct str s, int64_t *out_ms)
{
    int64_t year, month = 1, day = 1, time = 0;
    static const int8_t longest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (!take_digits(&s, 4, &year) || !take_char(&s, '-') || !take_digits(&s, 2, &month)) return false;
    if (month < 1 || month > 12) return false;
    if (take_char(&s, '-') && !take_digits(&s, 2, &day)) return false;
    if (day < 1 || day > longest[month - 1]) return false;
    if (take_char(&s, 'T') && !take_time(&s, &time)) return false;
    *out_ms = days_of(year, month, day) * 86400000 + time;
    return s.n == 0;
}

/* Seconds since the epoch, or a form of ISO 8601 that W3C's "Date and Time Formats" has. */
static bool parse_date(struct str s, int64_t *out_ms)
{
    uint64_t seconds;

    if (!str_to_u64(s, &seconds)) return parse_iso_date(s, out_ms);
    if (seconds > INT64_MAX / 1000) return false;
    *out_ms = (int64_t)seconds * 1000;
    return true;
}

static bool parse_truth(struct str s, bool *out)
{
    *out = str_eq_nocase(s, STR("true"));
    return *out || str_eq_nocase(s, STR("false"));
}

/* As inet_pton, which takes ten times as long. */
static bool parse_v4(struct str s, uint32_t *out)
{
    size_t at = 0;

    *out = 0;
    for (int octet = 0; octet < 4; octet++) {
        uint32_t value = 0;
        size_t first = octet ? ++at : at;
        if (octet && (at > s.n || s.p[at - 1] != '.')) return false;
        for (; at < s.n && at < first + 3 && is_digit(s.p[at]); at++)
            value = value * 10 + (uint32_t)(s.p[at] - '0');
        if (at == first || value > 255 || (s.p[first] == '0' && at > first + 1)) return false;
        *out = *out << 8 | value;
    }
    return at == s.n;
}

/* The last four bytes of a mapped address, or all of an IPv4 one; false: neither. */
static bool v4_of(const struct netaddr *a, uint32_t *out)
{
    if (a->u.sa.sa_family == AF_INET) {
        *out = ntohl(a->u.in.sin_addr.s_addr);
        return true;
    }
    const uint8_t *b = a->u.in6.sin6_addr.s6_addr;
    *out = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
    return IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr);
}

static bool parse_block(struct str s, struct condition_block *out)
{
    enum { MAPPED_BITS = 96 };

    if (!netblock_parse(s, &out->v6)) return false;
    out->v4 = v4_of(&out->v6.base, &out->base);
    if (!out->v4) return true;
    unsigned bits = out->v6.bits;
    if (out->v6.base.u.sa.sa_family == AF_INET6) {
        if (bits < MAPPED_BITS) return false;
        bits -= MAPPED_BITS;
    }
    out->mask = bits ? UINT32_MAX << (32 - bits) : 0;
    return true;
}

static bool is_base64(struct str s)
{
    uint8_t out[PATTERN_TEXT_MOST];
    size_t padding = str_ends(s, STR("==")) ? 2 : str_ends(s, STR("=")) ? 1 : 0;

    return s.n > 0 && s.n % 4 == 0 && s.n <= PATTERN_TEXT_MOST && base64_decode(s, out, s.n / 4 * 3 - padding);
}

static const char *const wanted[] = {
    [VALUE_NUMBER] = "a number, like \"10\"",
    [VALUE_DATE] = "a date, like \"2026-12-31T18:00:00Z\", or seconds since 1970",
    [VALUE_TRUTH] = "\"true\" or \"false\"",
    [VALUE_BINARY] = "base64",
    [VALUE_BLOCK] = "an address or network without bits of hosts, like \"10.1.0.0/16\"",
    [VALUE_NULL] = "\"true\" (there is no value) or \"false\" (there is one)",
};

static bool read_plain_value(enum value_type type, struct str text, struct condition_value *out)
{
    switch (type) {
    case VALUE_NUMBER: return parse_number(text, &out->u.number);
    case VALUE_DATE: return parse_date(text, &out->u.time_ms);
    case VALUE_TRUTH:
    case VALUE_NULL: return parse_truth(text, &out->u.truth);
    case VALUE_BLOCK: return parse_block(text, &out->u.block);
    case VALUE_BINARY: return is_base64(text);
    case VALUE_TEXT:
    case VALUE_ARN: break;
    }
    return false;
}

bool condition_read_value(const struct condition *c, struct str text, bool with_variables, struct arena *arena,
                          struct condition_value *out, struct sbuf *fault)
{
    unsigned flags = c->op->flags & (with_variables ? ~0U : ~(unsigned)PATTERN_VARIABLES);

    if (c->op->type == VALUE_TEXT) return pattern_compile(text, flags, arena, &out->u.text, fault);
    if (c->op->type == VALUE_ARN) {
        struct arn_pattern *arn = arena_zalloc(arena, sizeof *arn);
        ASSERT(arn && "memory for the policies");
        out->u.arn = arn;
        return arn_pattern_compile(text, flags, arena, arn, fault);
    }
    if (!read_plain_value(c->op->type, text, out)) {
        sbuf_printf(fault, "\"%.*s\": %s takes %s", STR_ARG(str_head(text, 100)), c->op->name, wanted[c->op->type]);
        return false;
    }
    if (c->op->type == VALUE_BINARY) return pattern_compile(text, 0, arena, &out->u.text, fault);
    return true;
}

/* --- judging --- */

/* A value of the request, read once for all values of the condition. */
struct actual {
    struct str text;
    double number;
    int64_t time_ms;
    bool truth;
    bool is_v4;
    uint32_t v4;
    struct netaddr address; /* unless is_v4 */
    struct arn arn;
};

static bool read_address(struct str text, struct actual *out)
{
    out->is_v4 = parse_v4(text, &out->v4);
    if (out->is_v4) return true;
    if (!netaddr_parse(text, 0, &out->address)) return false;
    out->is_v4 = v4_of(&out->address, &out->v4);
    return true;
}

/* False: it is nothing that the operator could compare. */
static bool read_actual(enum value_type type, struct str text, struct actual *out)
{
    out->text = text;
    switch (type) {
    case VALUE_NUMBER: return parse_number(text, &out->number);
    case VALUE_DATE: return parse_date(text, &out->time_ms);
    case VALUE_TRUTH: return parse_truth(text, &out->truth);
    case VALUE_BLOCK: return read_address(text, out);
    case VALUE_ARN: return arn_split(text, &out->arn);
    case VALUE_TEXT:
    case VALUE_BINARY:
    case VALUE_NULL: break;
    }
    return true;
}

static bool related(enum relation r, bool less, bool equal)
{
    switch (r) {
    case EQUAL: return equal;
    case LESS: return less;
    case LESS_EQUAL: return less || equal;
    case GREATER: return !less && !equal;
    case GREATER_EQUAL: break;
    }
    return !less;
}

static bool in_block(const struct condition_block *b, const struct actual *a)
{
    if (b->v4 != a->is_v4) return false;
    return b->v4 ? (a->v4 & b->mask) == b->base : netblock_has(&b->v6, &a->address);
}

static bool compare(const struct condition *c, const struct condition_value *v, const struct actual *a,
                    const struct policy_context *context)
{
    enum relation relation = c->op->relation;

    switch (c->op->type) {
    case VALUE_TEXT:
    case VALUE_BINARY: return pattern_match(&v->u.text, a->text, context);
    case VALUE_ARN: return arn_pattern_match(v->u.arn, &a->arn, context);
    case VALUE_NUMBER:
        return related(relation, a->number < v->u.number, !(a->number < v->u.number || a->number > v->u.number));
    case VALUE_DATE: return related(relation, a->time_ms < v->u.time_ms, a->time_ms == v->u.time_ms);
    case VALUE_TRUTH: return a->truth == v->u.truth;
    case VALUE_BLOCK: return in_block(&v->u.block, a);
    case VALUE_NULL: break;
    }
    return false;
}

/* One value of the request against all of the condition: any of them, or with a negated operator none. Nothing is like
 * a variable without a value (IAM User Guide, "Policy variables with no value"); what is no ARN, as the alias of a KMS
 * key, is like none. */
static bool value_holds(const struct condition *c, struct str text, const struct policy_context *context)
{
    struct actual a;

    if (!read_actual(c->op->type, text, &a)) return c->op->negated && c->op->type == VALUE_ARN;
    for (size_t i = 0; i < c->values_n; i++)
        if (compare(c, &c->values[i], &a, context)) return !c->op->negated;
    return c->op->negated;
}

static bool null_holds(const struct condition *c, bool present)
{
    for (size_t i = 0; i < c->values_n; i++)
        if (c->values[i].u.truth == !present) return true;
    return false;
}

static bool absent_holds(const struct condition *c)
{
    if (c->if_exists || c->set == SET_ALL_VALUES) return true;
    return c->set == SET_NONE && c->op->negated;
}

bool condition_holds(const struct condition *c, const struct policy_context *context)
{
    struct str v[POLICY_VALUES_MOST];
    size_t n = context->values(context, c->key.key, c->key.name, v);

    if (c->op->type == VALUE_NULL) return null_holds(c, n > 0);
    if (n == 0) return absent_holds(c);
    if (n > 1 && c->set == SET_NONE) return false;
    for (size_t i = 0; i < n; i++)
        if (value_holds(c, v[i], context) != (c->set == SET_ALL_VALUES)) return c->set != SET_ALL_VALUES;
    return c->set == SET_ALL_VALUES;
}
