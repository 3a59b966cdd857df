/* SPDX-License-Identifier: Apache-2.0
 * netaddr.c: IP addresses with ports, CIDR blocks, and what counts as private. Pure; any thread. Owns nothing.
 * Source: RFC 1918, RFC 4193, RFC 6598, RFC 4291 2.5.5.2 (IPv4-mapped), 2.5.6 (link-local), RFC 3986 3.2.2 (brackets).
 */
#include "base/netaddr.h"

#include <arpa/inet.h>

enum { IPV6_BYTES = 16, IPV4_BITS = 32, IPV6_BITS = 128, MAPPED_PREFIX_BITS = 96 };

static bool parse_port(struct str s, unsigned *out)
{
    uint64_t port;

    if (s.n > 5 || !str_to_u64(s, &port) || port > 65535) return false;
    *out = (unsigned)port;
    return true;
}

static bool parse_ip(struct str s, unsigned port, struct netaddr *out)
{
    char text[INET6_ADDRSTRLEN];

    memset(out, 0, sizeof(*out));
    if (!str_to_cstr(s, text, sizeof text)) return false;
    if (inet_pton(AF_INET, text, &out->u.in.sin_addr) == 1) {
        out->u.in.sin_family = AF_INET;
        out->u.in.sin_port = htons((uint16_t)port);
        out->len = sizeof out->u.in;
        return true;
    }
    if (inet_pton(AF_INET6, text, &out->u.in6.sin6_addr) == 1) {
        out->u.in6.sin6_family = AF_INET6;
        out->u.in6.sin6_port = htons((uint16_t)port);
        out->len = sizeof out->u.in6;
        return true;
    }
    return false;
}

static bool parse_bracketed(struct str s, unsigned port, struct netaddr *out)
{
    size_t end = str_index(s, ']');

    if (end == SIZE_MAX) return false;
    struct str host = str_make(s.p + 1, end - 1), after = str_tail(s, end + 1);
    if (after.n > 0 && (after.p[0] != ':' || !parse_port(str_tail(after, 1), &port))) return false;
    return str_index(host, ':') != SIZE_MAX && parse_ip(host, port, out);
}

bool netaddr_parse(struct str s, unsigned default_port, struct netaddr *out)
{
    unsigned port = default_port;
    size_t colon = str_index(s, ':');

    if (s.n > 0 && s.p[0] == '[') return parse_bracketed(s, port, out);
    /* One colon: IPv4 and a port. More: IPv6 without one. */
    if (colon != SIZE_MAX && colon == str_rindex(s, ':')) {
        if (!parse_port(str_tail(s, colon + 1), &port)) return false;
        s = str_head(s, colon);
    }
    return parse_ip(s, port, out);
}

unsigned netaddr_port(const struct netaddr *a)
{
    return ntohs(a->u.sa.sa_family == AF_INET6 ? a->u.in6.sin6_port : a->u.in.sin_port);
}

void netaddr_format(const struct netaddr *a, char out[NETADDR_TEXT])
{
    char ip[INET6_ADDRSTRLEN] = "";
    bool v6 = a->u.sa.sa_family == AF_INET6;
    struct sbuf b = sbuf_make(out, NETADDR_TEXT - 1);

    inet_ntop(a->u.sa.sa_family, v6 ? (const void *)&a->u.in6.sin6_addr : (const void *)&a->u.in.sin_addr, ip,
              sizeof ip);
    if (v6) sbuf_char(&b, '[');
    sbuf_add(&b, str_from(ip));
    if (v6) sbuf_char(&b, ']');
    sbuf_char(&b, ':');
    sbuf_u64(&b, netaddr_port(a));
    out[b.n] = '\0';
}

/* The 16 bytes of @a as IPv6, IPv4 as ::ffff:a.b.c.d: both families are compared in this one form. */
static void as_v6(const struct netaddr *a, unsigned char out[IPV6_BYTES])
{
    if (a->u.sa.sa_family == AF_INET6) {
        memcpy(out, &a->u.in6.sin6_addr, IPV6_BYTES);
        return;
    }
    memset(out, 0, IPV6_BYTES);
    out[10] = out[11] = 0xff;
    memcpy(out + 12, &a->u.in.sin_addr, 4);
}

bool netaddr_is_any(const struct netaddr *a)
{
    if (a->u.sa.sa_family == AF_INET) return a->u.in.sin_addr.s_addr == INADDR_ANY;
    return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

bool netaddr_is_loopback(const struct netaddr *a)
{
    if (a->u.sa.sa_family == AF_INET) return ntohl(a->u.in.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

bool netaddr_same_host(const struct netaddr *a, const struct netaddr *b)
{
    unsigned char x[IPV6_BYTES], y[IPV6_BYTES];

    as_v6(a, x);
    as_v6(b, y);
    return memcmp(x, y, IPV6_BYTES) == 0;
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
    return netaddr_same_host(a, b) && netaddr_port(a) == netaddr_port(b);
}

uint64_t netaddr_site(const struct netaddr *a)
{
    static const unsigned char mapped[IPV6_BYTES] = {[10] = 0xff, [11] = 0xff};
    unsigned char ip[IPV6_BYTES];
    bool low;
    uint64_t site;

    as_v6(a, ip);
    low = memcmp(ip, mapped, MAPPED_PREFIX_BITS / 8) == 0 || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
    memcpy(&site, ip + (low ? IPV6_BYTES - sizeof(site) : 0), sizeof(site));
    return site;
}

static unsigned v6_bits(const struct netblock *b)
{
    return b->base.u.sa.sa_family == AF_INET6 ? b->bits : b->bits + MAPPED_PREFIX_BITS;
}

static bool bits_equal(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;

    if (memcmp(a, b, bytes) != 0) return false;
    return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

static bool has_host_bits(const struct netblock *b)
{
    unsigned char ip[IPV6_BYTES];

    as_v6(&b->base, ip);
    for (unsigned i = v6_bits(b); i < IPV6_BITS; i++)
        if (ip[i / 8] >> (7 - i % 8) & 1) return true;
    return false;
}

/* "10.1.2.3/8" is refused: it is as likely a slip of the pen for /32 as for 10.0.0.0/8. */
bool netblock_parse(struct str s, struct netblock *out)
{
    size_t slash = str_index(s, '/');
    struct str ip = slash == SIZE_MAX ? s : str_head(s, slash);
    uint64_t bits;

    if (!parse_ip(ip, 0, &out->base)) return false;
    unsigned most = out->base.u.sa.sa_family == AF_INET6 ? IPV6_BITS : IPV4_BITS;
    out->bits = most;
    if (slash == SIZE_MAX) return true;
    if (!str_to_u64(str_tail(s, slash + 1), &bits) || bits > most) return false;
    out->bits = (unsigned)bits;
    return !has_host_bits(out);
}

bool netblock_has(const struct netblock *b, const struct netaddr *a)
{
    unsigned char base[IPV6_BYTES], ip[IPV6_BYTES];

    as_v6(&b->base, base);
    as_v6(a, ip);
    return bits_equal(base, ip, v6_bits(b));
}

bool netaddr_is_private(const struct netaddr *a)
{
    /* As IPv6, so that one comparison serves both families; the last one is fc00::/7. */
    static const struct {
        unsigned char ip[IPV6_BYTES];
        unsigned bits;
    } blocks[] = {
        {{[10] = 0xff, [11] = 0xff, [12] = 10}, MAPPED_PREFIX_BITS + 8},
        {{[10] = 0xff, [11] = 0xff, [12] = 172, [13] = 16}, MAPPED_PREFIX_BITS + 12},
        {{[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 168}, MAPPED_PREFIX_BITS + 16},
        {{[10] = 0xff, [11] = 0xff, [12] = 100, [13] = 64}, MAPPED_PREFIX_BITS + 10},
        {{0xfc}, 7},
    };
    unsigned char ip[IPV6_BYTES];

    as_v6(a, ip);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        if (bits_equal(blocks[i].ip, ip, blocks[i].bits)) return true;
    return false;
}
