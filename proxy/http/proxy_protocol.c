/* SPDX-License-Identifier: Apache-2.0
 * proxy_protocol.c: see proxy_protocol.h. Strict: what the specification does not let a sender write is refused.
 * Pure; any thread.
 */
#include "http/proxy_protocol.h"

#include <arpa/inet.h>

enum {
    V1_LINE_MAX = 107, /* with its CRLF */
    V2_SIGNATURE = 12,
    V2_FIXED = 16,
    V2_LENGTH_AT = 14,
    TLV_HEAD = 3,
    IPV4_BLOCK = 4 + 4 + 2 + 2,
    IPV6_BLOCK = 16 + 16 + 2 + 2,
    UNIX_BLOCK = 108 + 108,
};

static const char v1_signature[] = "PROXY ";
static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";

static enum proxy_header_result bad(struct err *err, const char *what)
{
    err_set(err, ERR_BAD_REQUEST, 0, "The PROXY protocol header is wrong: %s.", what);
    return PROXY_HEADER_BAD;
}

static unsigned be16(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* --- version 1: PROXY TCP4 192.0.2.1 198.51.100.2 51234 443 CR LF --- */

/* Decimal without leading zeros, at most 65535. */
static bool v1_port(struct str s, unsigned *port)
{
    uint64_t value;

    if (s.n > 5 || (s.n > 1 && s.p[0] == '0') || !str_to_u64(s, &value) || value > 65535) return false;
    *port = (unsigned)value;
    return true;
}

/* Takes the text up to the next single space, or up to the end. */
static struct str v1_word(struct str *line)
{
    size_t space = str_index(*line, ' ');
    struct str word = str_head(*line, space);

    *line = space == SIZE_MAX ? STR_NONE : str_tail(*line, space + 1);
    return word;
}

static bool v1_address(struct str ip, bool v6, unsigned port, struct netaddr *out)
{
    bool is_v6 = str_index(ip, ':') != SIZE_MAX;

    /* Without a colon netaddr_parse would take "1.2.3.4" only; with one it is IPv6, since a port never follows. */
    if (is_v6 != v6 || str_index(ip, '[') != SIZE_MAX || !netaddr_parse(ip, port, out)) return false;
    return out->u.sa.sa_family == (v6 ? AF_INET6 : AF_INET);
}

static enum proxy_header_result v1_addresses(struct str rest, bool v6, struct proxy_header *out, struct err *err)
{
    struct str source = v1_word(&rest), destination = v1_word(&rest), source_port = v1_word(&rest);
    struct netaddr ignored;
    unsigned from, to;

    if (!v1_port(source_port, &from) || !v1_port(rest, &to)) return bad(err, "a port is missing or not valid");
    if (!v1_address(source, v6, from, &out->source) || !v1_address(destination, v6, to, &ignored))
        return bad(err, "an address is missing or not of its family");
    out->told = true;
    return PROXY_HEADER_DONE;
}

static enum proxy_header_result v1_parse(struct str all, struct proxy_header *out, struct err *err)
{
    size_t end = str_find(str_head(all, V1_LINE_MAX), STR("\r\n"));
    struct str line, family;

    if (end == SIZE_MAX)
        return all.n < V1_LINE_MAX ? PROXY_HEADER_MORE : bad(err, "the line does not end within 107 bytes");
    out->bytes = end + 2;
    line = str_make(all.p + sizeof(v1_signature) - 1, end - (sizeof(v1_signature) - 1));
    family = v1_word(&line);
    if (str_eq(family, STR("UNKNOWN"))) return PROXY_HEADER_DONE; /* whatever follows is to be ignored */
    if (str_eq(family, STR("TCP4"))) return v1_addresses(line, false, out, err);
    if (str_eq(family, STR("TCP6"))) return v1_addresses(line, true, out, err);
    return bad(err, "the family is neither TCP4 nor TCP6 nor UNKNOWN");
}

/* --- version 2 --- */

/* How long the address block of @family is; 0: none, SIZE_MAX: no such family. */
static size_t v2_block(unsigned char family)
{
    switch (family) {
    case 0x00: return 0;
    case 0x11:
    case 0x12: return IPV4_BLOCK;
    case 0x21:
    case 0x22: return IPV6_BLOCK;
    case 0x31:
    case 0x32: return UNIX_BLOCK;
    default: return SIZE_MAX;
    }
}

static void v2_take_source(const unsigned char *block, bool v6, struct netaddr *out)
{
    memset(out, 0, sizeof(*out));
    if (v6) {
        out->u.in6.sin6_family = AF_INET6;
        memcpy(&out->u.in6.sin6_addr, block, 16);
        memcpy(&out->u.in6.sin6_port, block + 32, 2);
        out->len = sizeof(out->u.in6);
    } else {
        out->u.in.sin_family = AF_INET;
        memcpy(&out->u.in.sin_addr, block, 4);
        memcpy(&out->u.in.sin_port, block + 8, 2);
        out->len = sizeof(out->u.in);
    }
}

static bool v2_tlvs_are_whole(const unsigned char *p, size_t n)
{
    while (n > 0) {
        size_t value;

        if (n < TLV_HEAD) return false;
        value = be16(p + 1);
        if (value > n - TLV_HEAD) return false;
        p += TLV_HEAD + value;
        n -= TLV_HEAD + value;
    }
    return true;
}

static enum proxy_header_result v2_parse(const unsigned char *p, size_t n, struct proxy_header *out, struct err *err)
{
    size_t length, block;

    if (n > V2_SIGNATURE && p[V2_SIGNATURE] != 0x20 && p[V2_SIGNATURE] != 0x21)
        return bad(err, "neither version 2, LOCAL nor version 2, PROXY");
    if (n < V2_FIXED) return PROXY_HEADER_MORE;
    length = be16(p + V2_LENGTH_AT);
    block = v2_block(p[13]);
    if (V2_FIXED + length > PROXY_HEADER_MAX) return bad(err, "it is too long");
    if (n < V2_FIXED + length) return PROXY_HEADER_MORE;
    out->bytes = V2_FIXED + length;
    if (p[V2_SIGNATURE] == 0x20) return PROXY_HEADER_DONE; /* LOCAL: the rest is to be ignored */
    if (block == SIZE_MAX) return bad(err, "the address family is not known");
    if (block == 0) return PROXY_HEADER_DONE; /* UNSPEC, likewise */
    if (length < block) return bad(err, "its addresses are cut");
    if (!v2_tlvs_are_whole(p + V2_FIXED + block, length - block)) return bad(err, "its last part is cut");
    if (p[13] != 0x11 && p[13] != 0x21) return PROXY_HEADER_DONE; /* no TCP: falls back to UNSPEC */
    v2_take_source(p + V2_FIXED, p[13] == 0x21, &out->source);
    out->told = true;
    return PROXY_HEADER_DONE;
}

enum proxy_header_result proxy_header_parse(const char *p, size_t n, struct proxy_header *out, struct err *err)
{
    size_t v1 = n < sizeof(v1_signature) - 1 ? n : sizeof(v1_signature) - 1, v2 = n < V2_SIGNATURE ? n : V2_SIGNATURE;

    memset(out, 0, sizeof(*out));
    if (n == 0) return PROXY_HEADER_MORE;
    if (memcmp(p, v1_signature, v1) == 0)
        return v1 < sizeof(v1_signature) - 1 ? PROXY_HEADER_MORE : v1_parse(str_make(p, n), out, err);
    if (memcmp(p, v2_signature, v2) == 0)
        return v2 < V2_SIGNATURE ? PROXY_HEADER_MORE : v2_parse((const unsigned char *)p, n, out, err);
    return bad(err, "there is none");
}
