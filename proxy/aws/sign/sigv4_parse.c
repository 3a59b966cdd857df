/* SPDX-License-Identifier: Apache-2.0
 * sigv4_parse.c: Authorization values and dates of Signature Version 4, declared in aws/sigv4.h. Pure; any thread.
 * Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header"; RFC 9110 5.6.7 and
 * RFC 5322 3.3 (dates).
 */
#include "aws/sign/sigv4.h"

#include "http/head.h"

enum { SECONDS_PER_DAY = 86400 };

/* ---- Authorization ---- */

/* The reason alone: whoever was asked to parse puts it into a sentence. */
static enum err_code malformed(struct err *err, const char *reason)
{
    return err_set(err, ERR_AUTH_MALFORMED, 0, "%s", reason);
}

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return true;
}

static bool cut_last_part(struct str *s, struct str *part)
{
    size_t slash = str_rindex(*s, '/');

    if (slash == SIZE_MAX) return false;
    *part = str_tail(*s, slash + 1);
    *s = str_head(*s, slash);
    return true;
}

/* From the right: four scope fields, and the access key is what is left, with any '/' that it holds. */
enum err_code sigv4_parse_credential(struct str credential, struct sigv4_auth *out, struct err *err)
{
    struct str terminal;

    if (!cut_last_part(&credential, &terminal) || !cut_last_part(&credential, &out->service) ||
        !cut_last_part(&credential, &out->region) || !cut_last_part(&credential, &out->date))
        return malformed(err, "the Credential is not of the form ACCESSKEY/YYYYMMDD/REGION/SERVICE/aws4_request");
    out->access_key = credential;
    if (!str_eq(terminal, STR("aws4_request")))
        return malformed(err, "the Credential's scope does not end in \"aws4_request\"");
    if (out->access_key.n == 0) return malformed(err, "the Credential has no access key");
    if (out->service.n == 0) return malformed(err, "the Credential's scope names no service");
    if (out->region.n == 0) return malformed(err, "the Credential's scope names no Region");
    if (out->date.n != SIGV4_DATE_BYTES || !all_digits(out->date))
        return malformed(err, "the Credential's scope has a date that is not YYYYMMDD");
    return ERR_NONE;
}

enum { TOKEN = 1, LOWER_HEX = 2 };

/* TOKEN: RFC 9110 5.6.2, without upper case. LOWER_HEX: digits of a signature. */
static const uint8_t classes[256] = {
    ['0'] = TOKEN | LOWER_HEX,
    ['1'] = TOKEN | LOWER_HEX,
    ['2'] = TOKEN | LOWER_HEX,
    ['3'] = TOKEN | LOWER_HEX,
    ['4'] = TOKEN | LOWER_HEX,
    ['5'] = TOKEN | LOWER_HEX,
    ['6'] = TOKEN | LOWER_HEX,
    ['7'] = TOKEN | LOWER_HEX,
    ['8'] = TOKEN | LOWER_HEX,
    ['9'] = TOKEN | LOWER_HEX,
    ['a'] = TOKEN | LOWER_HEX,
    ['b'] = TOKEN | LOWER_HEX,
    ['c'] = TOKEN | LOWER_HEX,
    ['d'] = TOKEN | LOWER_HEX,
    ['e'] = TOKEN | LOWER_HEX,
    ['f'] = TOKEN | LOWER_HEX,
    ['g'] = TOKEN,
    ['h'] = TOKEN,
    ['i'] = TOKEN,
    ['j'] = TOKEN,
    ['k'] = TOKEN,
    ['l'] = TOKEN,
    ['m'] = TOKEN,
    ['n'] = TOKEN,
    ['o'] = TOKEN,
    ['p'] = TOKEN,
    ['q'] = TOKEN,
    ['r'] = TOKEN,
    ['s'] = TOKEN,
    ['t'] = TOKEN,
    ['u'] = TOKEN,
    ['v'] = TOKEN,
    ['w'] = TOKEN,
    ['x'] = TOKEN,
    ['y'] = TOKEN,
    ['z'] = TOKEN,
    ['!'] = TOKEN,
    ['#'] = TOKEN,
    ['$'] = TOKEN,
    ['%'] = TOKEN,
    ['&'] = TOKEN,
    ['\''] = TOKEN,
    ['*'] = TOKEN,
    ['+'] = TOKEN,
    ['-'] = TOKEN,
    ['.'] = TOKEN,
    ['^'] = TOKEN,
    ['_'] = TOKEN,
    ['`'] = TOKEN,
    ['|'] = TOKEN,
    ['~'] = TOKEN,
};

static bool all_of(struct str s, unsigned class)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(classes[(uint8_t)s.p[i]] & class)) return false;
    return true;
}

/* Sorted and each once is not pedantry: the canonical request is built from this list, so two spellings of one set of
 * headers must not exist. */
static enum err_code check_signed_headers(struct str list, struct err *err)
{
    struct str name, last = STR_NONE;
    size_t n = 0;

    if (list.n == 0) return malformed(err, "SignedHeaders is empty");
    if (list.p[list.n - 1] == ';') return malformed(err, "SignedHeaders ends with a semicolon");
    while (str_split(&list, ';', &name)) {
        if (name.n == 0 || !all_of(name, TOKEN))
            return malformed(err, "SignedHeaders is not a list of lower-case header names");
        if (last.n && str_cmp(last, name) >= 0)
            return malformed(err, "SignedHeaders is not sorted, or names a header twice");
        if (++n > HEAD_MAX_FIELDS) return malformed(err, "SignedHeaders names more headers than a request may have");
        last = name;
    }
    return ERR_NONE;
}

static enum err_code check_signature(struct str signature, struct err *err)
{
    if (signature.n != SHA256_HEX || !all_of(signature, LOWER_HEX))
        return malformed(err, "the Signature is not 64 lower-case hexadecimal digits");
    return ERR_NONE;
}

struct auth_fields {
    struct str credential, signed_headers, signature;
};

/* One "Name=value" into its place in @fields. */
static enum err_code take_field(struct str item, struct auth_fields *fields, struct err *err)
{
    size_t equals = str_index(item, '=');
    if (equals == SIZE_MAX) return malformed(err, "a part of it is not of the form Name=value");

    struct str name = str_head(item, equals), *place;
    if (str_eq(name, STR("Credential")))
        place = &fields->credential;
    else if (str_eq(name, STR("SignedHeaders")))
        place = &fields->signed_headers;
    else if (str_eq(name, STR("Signature")))
        place = &fields->signature;
    else
        return malformed(err, "it has a field that is not Credential, SignedHeaders or Signature");
    if (place->p) return malformed(err, "a field stands in it twice");
    *place = str_tail(item, equals + 1);
    return ERR_NONE;
}

static enum err_code split_fields(struct str value, struct auth_fields *fields, struct err *err)
{
    static const struct str algorithm = STR_INIT("AWS4-HMAC-SHA256");
    struct str item;

    if (!str_starts(value, algorithm)) return malformed(err, "the algorithm is not AWS4-HMAC-SHA256");
    value = str_tail(value, algorithm.n);
    if (value.n && value.p[0] != ' ' && value.p[0] != '\t')
        return malformed(err, "the algorithm is not AWS4-HMAC-SHA256");
    value = str_trim(value);
    while (str_split(&value, ',', &item))
        TRY(take_field(str_trim(item), fields, err));
    return ERR_NONE;
}

static enum err_code parse_authorization(struct str value, struct sigv4_auth *out, struct err *err)
{
    struct auth_fields fields = {.credential = STR_NONE};

    *out = (struct sigv4_auth){.access_key = STR_NONE};
    TRY(split_fields(value, &fields, err));
    if (!fields.credential.p) return malformed(err, "Credential is missing");
    if (!fields.signed_headers.p) return malformed(err, "SignedHeaders is missing");
    if (!fields.signature.p) return malformed(err, "Signature is missing");
    TRY(sigv4_parse_credential(fields.credential, out, err));
    TRY(check_signed_headers(fields.signed_headers, err));
    TRY(check_signature(fields.signature, err));
    out->signed_headers = fields.signed_headers;
    out->signature = fields.signature;
    return ERR_NONE;
}

enum err_code sigv4_parse_authorization(struct str value, struct sigv4_auth *out, struct err *err)
{
    struct err why;

    if (parse_authorization(value, out, &why) == ERR_NONE) return ERR_NONE;
    return err_set(err, ERR_AUTH_MALFORMED, 0, "The authorization header is malformed; %s.", why.detail);
}

/* ---- the query of a presigned URL ---- */

/* Order: as S3 lists them. */
static const struct str AUTH_PARAMS[] = {
    STR_INIT("X-Amz-Algorithm"),
    STR_INIT("X-Amz-Credential"),
    STR_INIT("X-Amz-Signature"),
    STR_INIT("X-Amz-Date"),
    STR_INIT("X-Amz-SignedHeaders"),
    STR_INIT("X-Amz-Expires"),
    /* optional */
    STR_INIT("X-Amz-Security-Token"),
    STR_INIT("X-Amz-Content-Sha256"),
};
enum {
    ALGORITHM,
    CREDENTIAL,
    SIGNATURE,
    DATE,
    SIGNED_HEADERS,
    EXPIRES,
    REQUIRED_N,
    AUTH_PARAMS_N = ARRAY_LEN(AUTH_PARAMS)
};

bool sigv4_is_in_query(const struct query_param *params, size_t n)
{
    return query_find(params, n, AUTH_PARAMS[ALGORITHM]) || query_find(params, n, AUTH_PARAMS[SIGNATURE]);
}

bool sigv4_is_auth_param(const struct query_param *param)
{
    for (size_t i = 0; i < AUTH_PARAMS_N; i++)
        if (uri_decodes_to(param->name, AUTH_PARAMS[i])) return true;
    return false;
}

bool sigv4_is_like_auth_param(const struct query_param *param)
{
    for (size_t i = 0; i < AUTH_PARAMS_N; i++)
        if (uri_decode_alike(param->name, AUTH_PARAMS[i])) return true;
    return false;
}

/* Each once at most: which of two would count is not to be guessed. */
static enum err_code collect_params(const struct query_param *params, size_t n,
                                    const struct query_param *found[AUTH_PARAMS_N], struct err *err)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < AUTH_PARAMS_N; k++) {
            if (!uri_decodes_to(params[i].name, AUTH_PARAMS[k])) continue;
            if (found[k]) return err_set(err, ERR_AUTH_QUERY, 0, "%s stands in the query twice.", AUTH_PARAMS[k].p);
            found[k] = &params[i];
        }
    for (size_t k = 0; k < REQUIRED_N; k++)
        if (!found[k])
            return err_set(err, ERR_AUTH_QUERY, 0,
                           "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                           "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters. %s is "
                           "missing.",
                           AUTH_PARAMS[k].p);
    return ERR_NONE;
}

static enum err_code decode_param(const struct query_param *param, struct arena *arena, struct str *out,
                                  struct err *err)
{
    char *plain = arena_alloc(arena, param->value.n + 1);
    size_t n;

    if (!plain) return err_set(err, ERR_NO_MEMORY, 0, "query");
    if (!uri_decode(param->value, false, plain, &n))
        return err_set(err, ERR_BAD_URI, 0, "The query holds a '%%' that is not followed by two hex digits.");
    *out = str_make(plain, n);
    return ERR_NONE;
}

static enum err_code read_times(struct sigv4_query *out, struct str expires, struct err *err)
{
    uint64_t seconds;

    if (out->timestamp.n != SIGV4_TIMESTAMP_BYTES || !sigv4_parse_date(out->timestamp, &out->signed_s))
        return err_set(err, ERR_AUTH_QUERY, 0,
                       "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\".");
    if (!str_to_u64(expires, &seconds)) return err_set(err, ERR_AUTH_QUERY, 0, "X-Amz-Expires should be a number.");
    if (seconds < 1 || seconds > SIGV4_MAX_EXPIRES_S)
        return err_set(
            err, ERR_AUTH_QUERY, 0,
            "X-Amz-Expires must be at least one second and less than a week (in seconds); that is, the given "
            "X-Amz-Expires must be at most %d seconds.",
            SIGV4_MAX_EXPIRES_S);
    out->expires_s = (int64_t)seconds;
    return ERR_NONE;
}

enum err_code sigv4_parse_query(const struct query_param *params, size_t n, struct arena *arena,
                                struct sigv4_query *out, struct err *err)
{
    const struct query_param *found[AUTH_PARAMS_N] = {NULL};
    struct str plain[AUTH_PARAMS_N] = {STR_NONE};
    struct err why;

    *out = (struct sigv4_query){.timestamp = STR_NONE};
    TRY(collect_params(params, n, found, err));
    for (size_t k = 0; k < AUTH_PARAMS_N; k++)
        if (found[k]) TRY(decode_param(found[k], arena, &plain[k], err));
    if (!str_eq(plain[ALGORITHM], STR("AWS4-HMAC-SHA256")))
        return err_set(err, ERR_AUTH_QUERY, 0, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\" here.");
    if (sigv4_parse_credential(plain[CREDENTIAL], &out->auth, &why) != ERR_NONE ||
        check_signed_headers(plain[SIGNED_HEADERS], &why) != ERR_NONE ||
        check_signature(plain[SIGNATURE], &why) != ERR_NONE)
        return err_set(err, ERR_AUTH_QUERY, 0, "Error parsing the authentication parameters of the query; %s.",
                       why.detail);
    out->auth.signed_headers = plain[SIGNED_HEADERS];
    out->auth.signature = plain[SIGNATURE];
    out->timestamp = plain[DATE];
    out->content_sha256 = plain[AUTH_PARAMS_N - 1];
    return read_times(out, plain[EXPIRES], err);
}

/* ---- dates ---- */

struct civil {
    int year, month, day, hour, minute, second; /* month 1–12 */
};

/* Days since 1970-01-01 in the Gregorian calendar. The year is moved to begin in March, so that the leap day is its
 * last; 153 days are five months there. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1, era = (y >= 0 ? y : y - 399) / 400, year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct civil civil_from_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, day_of_era = days - era * 146097;
    int64_t year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100), month = (5 * day_of_year + 2) / 153;
    struct civil c = {.day = (int)(day_of_year - (153 * month + 2) / 5 + 1)};

    c.month = (int)(month < 10 ? month + 3 : month - 9);
    c.year = (int)(year + era * 400 + (c.month <= 2));
    return c;
}

static bool civil_to_unix(const struct civil *c, int64_t *unix_s)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;

    if (c->month < 1 || c->month > 12 || c->day < 1) return false;
    if (c->day > month_days[c->month - 1] + (leap && c->month == 2)) return false;
    if (c->hour > 23 || c->minute > 59 || c->second > 60) return false; /* 60: a leap second, RFC 9110 5.6.7 */
    *unix_s =
        days_from_civil(c->year, c->month, c->day) * SECONDS_PER_DAY + c->hour * 3600 + c->minute * 60 + c->second;
    return true;
}

/* @pattern: 'Y' 'M' 'D' 'h' 'm' 's' take a digit, 'b' and 'w' (month and day name) any byte, others stand for
 * themselves. */
static bool scan_date(struct str s, const char *pattern, struct civil *c)
{
    if (s.n != strlen(pattern)) return false;
    *c = (struct civil){.year = 0};
    for (size_t i = 0; i < s.n; i++) {
        int *field = NULL, digit = s.p[i] - '0';
        switch (pattern[i]) {
        case 'Y': field = &c->year; break;
        case 'M': field = &c->month; break;
        case 'D': field = &c->day; break;
        case 'h': field = &c->hour; break;
        case 'm': field = &c->minute; break;
        case 's': field = &c->second; break;
        case 'b':
        case 'w': continue;
        default:
            if (s.p[i] != pattern[i]) return false;
            continue;
        }
        if (digit < 0 || digit > 9) return false;
        *field = *field * 10 + digit;
    }
    return true;
}

/* Which of the three-letter @names (one behind the other) @name is, from 1; 0 if none. Case matters, RFC 9110 5.6.7. */
static int name_index(struct str name, const char *names)
{
    for (int i = 0; names[3 * i]; i++)
        if (memcmp(name.p, names + 3 * i, 3) == 0) return i + 1;
    return 0;
}

static const char DAYS[] = "MonTueWedThuFriSatSun";

/* GMT, UTC or RFC 5322 3.3 zone, ("+" / "-") 4DIGIT. *@east_s: how far that clock is ahead. */
static bool parse_zone(struct str s, int64_t *east_s)
{
    struct civil c;

    *east_s = 0;
    if (str_eq(s, STR(" GMT")) || str_eq(s, STR(" UTC"))) return true;
    if (!scan_date(s, " +hhmm", &c) && !scan_date(s, " -hhmm", &c)) return false;
    if (c.hour > 23 || c.minute > 59) return false;
    *east_s = c.hour * 3600 + c.minute * 60;
    if (s.p[1] == '-') *east_s = -*east_s;
    return true;
}

/* A date without its zone that has one of @forms (NULL at the end), in which "bbb" is the month's name. */
static bool parse_named_month(struct str s, const char *const *forms, struct civil *c)
{
    while (*forms && !scan_date(s, *forms, c))
        forms++;
    if (!*forms) return false;
    c->month = name_index(str_tail(s, (size_t)(strchr(*forms, 'b') - *forms)), "JanFebMarAprMayJunJulAugSepOctNovDec");
    return true;
}

static bool is_long_day_name(struct str s)
{
    static const struct str names[] = {STR_INIT("Monday"),   STR_INIT("Tuesday"), STR_INIT("Wednesday"),
                                       STR_INIT("Thursday"), STR_INIT("Friday"),  STR_INIT("Saturday"),
                                       STR_INIT("Sunday")};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(s, names[i])) return true;
    return false;
}

/* IMF-fixdate = day-name "," SP date1 SP time-of-day SP GMT, with one digit for the day, too, as e-mail has it;
 * rfc850-date = day-name-l "," SP date2 SP time-of-day SP GMT, whose year of two digits is taken to be 1970 to 2069.
 * S3 takes what e-mail has in place of GMT, too; clients of Signature Version 2 send +0000, UTC (rclone) and, being
 * shell scripts around `date -R`, any zone. */
static bool parse_date_with_zone(struct str s, size_t comma, int64_t *unix_s)
{
    static const char *const imf[] = {" DD bbb YYYY hh:mm:ss", " D bbb YYYY hh:mm:ss", NULL}, *const rfc850[] = {
                                                                                                  " DD-bbb-YY hh:mm:ss",
                                                                                                  " D-bbb-YY hh:mm:ss",
                                                                                                  NULL};
    bool is_short = comma == 3 && name_index(s, DAYS);
    struct str rest = str_tail(s, comma + 1), zone;
    int64_t east_s;
    struct civil c;

    if (!is_short && !is_long_day_name(str_head(s, comma))) return false;
    if (str_rindex(rest, ' ') == SIZE_MAX) return false;
    zone = str_tail(rest, str_rindex(rest, ' '));
    if (!parse_zone(zone, &east_s)) return false;
    if (!parse_named_month(str_head(rest, rest.n - zone.n), is_short ? imf : rfc850, &c)) return false;
    if (!is_short) c.year += c.year < 70 ? 2000 : 1900;
    if (!civil_to_unix(&c, unix_s)) return false;
    *unix_s -= east_s;
    return true;
}

/* asctime-date = day-name SP month SP ( 2DIGIT / ( SP 1DIGIT )) SP time-of-day SP year */
static bool parse_asctime(struct str s, int64_t *unix_s)
{
    static const char *const forms[] = {"www bbb DD hh:mm:ss YYYY", "www bbb  D hh:mm:ss YYYY", NULL};
    struct civil c;

    return parse_named_month(s, forms, &c) && name_index(s, DAYS) && civil_to_unix(&c, unix_s);
}

bool sigv4_parse_date(struct str s, int64_t *unix_s)
{
    struct civil c;

    size_t comma = str_index(s, ',');

    if (scan_date(s, "YYYYMMDDThhmmssZ", &c)) return civil_to_unix(&c, unix_s);
    return comma == SIZE_MAX ? parse_asctime(s, unix_s) : parse_date_with_zone(s, comma, unix_s);
}

static void put_digits(char *out, int64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
}

void sigv4_format_time(int64_t unix_s, char out[SIGV4_TIMESTAMP_BYTES])
{
    ASSERT(unix_s >= 0 && unix_s < INT64_C(253402300800)); /* the years 1970 to 9999 */
    struct civil c = civil_from_days(unix_s / SECONDS_PER_DAY);
    int64_t second = unix_s % SECONDS_PER_DAY;

    put_digits(out, c.year, 4);
    put_digits(out + 4, c.month, 2);
    put_digits(out + 6, c.day, 2);
    out[8] = 'T';
    put_digits(out + 9, second / 3600, 2);
    put_digits(out + 11, second / 60 % 60, 2);
    put_digits(out + 13, second % 60, 2);
    out[15] = 'Z';
}
