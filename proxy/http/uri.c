/* SPDX-License-Identifier: Apache-2.0
 * uri.c: request targets, authorities, percent-coding, query strings. Pure; any thread; owns nothing.
 * Source: RFC 9112 3.2, RFC 3986 2.1 and 3.2, AWS SigV4 "UriEncode". Nothing is normalised: S3 keys may hold "//" and
 * "..".
 */
#include "http/uri.h"

enum { UNRESERVED = 1, REG_NAME = 2, IPV6 = 4, PATH_BAD = 8 };
enum { ALPHA = UNRESERVED | REG_NAME, HEX = ALPHA | IPV6 };

/* Classes of bytes. UNRESERVED: RFC 3986 2.3. REG_NAME: what we take in host names. IPV6: inside brackets. PATH_BAD:
 * refused in paths and queries (control bytes, space, '#', DEL). HEX, ALPHA: what digits and letters are of these. */
/* clang-format off */
#define X4(v) v, v, v, v
#define X6(v) X4(v), v, v
#define X10(v) X6(v), X4(v)
#define X20(v) X10(v), X10(v)
static const uint8_t classes[256] = {
    [0] = X20(PATH_BAD), X10(PATH_BAD), PATH_BAD, PATH_BAD, PATH_BAD, /* 0x00-0x20 */
    ['#'] = PATH_BAD, [0x7f] = PATH_BAD,
    ['-'] = ALPHA, ['_'] = ALPHA, ['~'] = UNRESERVED, ['.'] = HEX, [':'] = IPV6,
    ['0'] = X10(HEX),
    ['A'] = X6(HEX), X20(ALPHA),
    ['a'] = X6(HEX), X20(ALPHA),
};
/* clang-format on */

static bool all_of(struct str s, unsigned class)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(classes[(uint8_t)s.p[i]] & class)) return false;
    return true;
}

/* Splits "path[?query]" and refuses bytes that would change the request line or belong to a fragment. */
static enum err_code split_path(struct str rest, struct uri *out, struct err *err)
{
    for (size_t i = 0; i < rest.n; i++) {
        uint8_t c = (uint8_t)rest.p[i];
        if (classes[c] & PATH_BAD)
            return err_set(err, ERR_BAD_REQUEST, 0, "byte 0x%02x in the request target must be percent-encoded", c);
    }
    size_t mark = str_index(rest, '?');
    out->has_query = mark != SIZE_MAX;
    out->path = str_head(rest, mark);
    out->query = out->has_query ? str_tail(rest, mark + 1) : STR_NONE;
    return ERR_NONE;
}

static enum err_code split_absolute(struct str target, struct uri *out, struct err *err)
{
    size_t colon = str_index(target, ':');
    out->scheme = str_head(target, colon == SIZE_MAX ? 0 : colon);
    if (!str_eq_nocase(out->scheme, STR("http")) && !str_eq_nocase(out->scheme, STR("https")))
        return err_set(err, ERR_BAD_REQUEST, 0, "the request target is neither a path nor an http or https URL");
    struct str rest = str_tail(target, colon + 1);
    if (!str_starts(rest, STR("//"))) return err_set(err, ERR_BAD_REQUEST, 0, "the request target has no authority");
    rest = str_tail(rest, 2);

    size_t end = 0; /* an authority ends at the first of these (RFC 3986 3.2) */
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#')
        end++;
    out->authority = str_head(rest, end);
    if (str_index(out->authority, '@') != SIZE_MAX)
        return err_set(err, ERR_BAD_REQUEST, 0, "the request target holds user information");
    struct str host;
    unsigned port;
    if (!uri_split_authority(out->authority, &host, &port))
        return err_set(err, ERR_BAD_REQUEST, 0, "the request target's host is not valid");
    TRY(split_path(str_tail(rest, end), out, err));
    if (out->path.n == 0) out->path = STR("/");
    return ERR_NONE;
}

enum err_code uri_split(struct str target, bool is_connect, struct uri *out, struct err *err)
{
    *out = (struct uri){.form = URI_ORIGIN};
    if (is_connect) {
        struct str host;
        unsigned port;
        out->form = URI_AUTHORITY;
        out->authority = target;
        if (!uri_split_authority(target, &host, &port) || port == 0)
            return err_set(err, ERR_BAD_REQUEST, 0, "CONNECT needs HOST:PORT as its target");
        return ERR_NONE;
    }
    if (target.n > 0 && target.p[0] == '/') return split_path(target, out, err);
    if (str_eq(target, STR("*"))) {
        out->form = URI_ASTERISK;
        out->path = target;
        return ERR_NONE;
    }
    out->form = URI_ABSOLUTE;
    return split_absolute(target, out, err);
}

static bool parse_port(struct str s, unsigned *port)
{
    uint64_t value;
    if (s.n > 5 || !str_to_u64(s, &value) || value < 1 || value > 65535) return false;
    *port = (unsigned)value;
    return true;
}

static bool is_label(struct str label)
{
    for (size_t i = 0; i < label.n; i++) {
        char c = ascii_lower(label.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
    }
    return label.n > 0 && label.n <= URI_LABEL_MOST;
}

bool uri_host_valid(struct str host)
{
    struct str rest = host, label;

    if (host.n == 0 || host.n > URI_HOST_MOST || host.p[host.n - 1] == '.') return false;
    while (str_split(&rest, '.', &label))
        if (!is_label(label)) return false;
    return true;
}

bool uri_split_authority(struct str authority, struct str *host, unsigned *port)
{
    struct str after;
    *port = 0;
    if (authority.n > 0 && authority.p[0] == '[') {
        size_t close = str_index(authority, ']');
        if (close == SIZE_MAX) return false;
        *host = str_make(authority.p + 1, close - 1);
        after = str_tail(authority, close + 1);
        if (str_index(*host, ':') == SIZE_MAX || !all_of(*host, IPV6)) return false;
    } else {
        *host = str_head(authority, str_index(authority, ':'));
        after = str_tail(authority, host->n);
        if (host->n > 0 && host->p[host->n - 1] == '.') host->n--;
        /* "a.." would still be absolute after one dot is gone: two spellings of one name are one too many */
        if (host->n == 0 || host->p[host->n - 1] == '.' || !all_of(*host, REG_NAME)) return false;
    }
    if (after.n == 0) return true;
    return after.p[0] == ':' && parse_port(str_tail(after, 1), port);
}

bool uri_decode(struct str in, bool plus_is_space, char *out, size_t *out_n)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%') {
            if (in.n - i < 3) return false;
            int high = hex_digit(in.p[i + 1]), low = hex_digit(in.p[i + 2]);
            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[n++] = c;
    }
    *out_n = n;
    return true;
}

/* How many bytes at the start of @s stay as they are. */
static size_t plain_run(struct str s, bool keep_slash)
{
    size_t i = 0;
    while (i < s.n && ((classes[(uint8_t)s.p[i]] & UNRESERVED) || (keep_slash && s.p[i] == '/')))
        i++;
    return i;
}

void uri_encode(struct sbuf *out, struct str in, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    while (in.n > 0) {
        size_t run = plain_run(in, keep_slash);
        sbuf_add(out, str_head(in, run));
        in = str_tail(in, run);
        if (in.n == 0) return;
        uint8_t c = (uint8_t)in.p[0];
        char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
        sbuf_add(out, str_make(escape, 3));
        in = str_tail(in, 1);
    }
}

bool uri_is_encoded_plain(struct str s, bool keep_slash)
{
    return plain_run(s, keep_slash) == s.n;
}

size_t query_split(struct str query, struct query_param *out, size_t max)
{
    size_t n = 0;
    struct str item;
    while (str_split(&query, '&', &item)) {
        if (item.n == 0) continue;
        if (n < max) {
            size_t equals = str_index(item, '=');
            out[n].has_value = equals != SIZE_MAX;
            out[n].name = str_head(item, equals);
            out[n].value = out[n].has_value ? str_tail(item, equals + 1) : STR_NONE;
        }
        n++;
    }
    return n;
}

/* Takes the first byte off @encoded, decoded. */
static char next_decoded(struct str *encoded)
{
    char c = encoded->p[0];
    size_t used = 1;
    if (c == '%' && encoded->n >= 3) {
        int high = hex_digit(encoded->p[1]), low = hex_digit(encoded->p[2]);
        if (high >= 0 && low >= 0) {
            c = (char)(high << 4 | low);
            used = 3;
        }
    }
    *encoded = str_tail(*encoded, used);
    return c;
}

bool uri_decodes_to(struct str encoded, struct str plain)
{
    for (; encoded.n > 0 && plain.n > 0; plain = str_tail(plain, 1))
        if (next_decoded(&encoded) != plain.p[0]) return false;
    return encoded.n == 0 && plain.n == 0;
}

bool uri_decodes_to_prefix(struct str encoded, struct str plain)
{
    for (; encoded.n > 0 && plain.n > 0; plain = str_tail(plain, 1))
        if (ascii_lower(next_decoded(&encoded)) != ascii_lower(plain.p[0])) return false;
    return plain.n == 0;
}

bool uri_decode_alike(struct str a, struct str b)
{
    while (a.n > 0 && b.n > 0)
        if (ascii_lower(next_decoded(&a)) != ascii_lower(next_decoded(&b))) return false;
    return a.n == 0 && b.n == 0;
}

const struct query_param *query_find(const struct query_param *params, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (uri_decodes_to(params[i].name, name)) return &params[i];
    return NULL;
}
