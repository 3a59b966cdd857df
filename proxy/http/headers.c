/* SPDX-License-Identifier: Apache-2.0
 * headers.c: recognising header names and looking fields up. Pure; any thread; owns nothing.
 * Source: RFC 9110 5.6.1 (lists), 7.6.1 (Connection and hop-by-hop fields).
 */
#include "http/headers.h"

#include "scan.h"

/* True if @p equals @lower in any ASCII case. @lower holds letters, digits and '-' only. Always called with a literal,
 * so that the loops become a few word comparisons. Letters are the bytes of such a name that have bit 0x40: there, and
 * only there, bit 0x20 of the input is of no account. Wrong hits such as CR for '-' cannot happen. */
static inline __attribute__((always_inline)) bool name_is(const char *p, const char *lower, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t in, want;
        memcpy(&in, p + i, 8);
        memcpy(&want, lower + i, 8);
        if ((in | (want & UINT64_C(0x4040404040404040)) >> 1) != want) return false;
    }
    for (; i < n; i++) {
        unsigned char in = (unsigned char)p[i], want = (unsigned char)lower[i];
        if ((in | (want & 0x40) >> 1) != want) return false;
    }
    return true;
}

#define IS(id, literal) \
    if (name_is(name.p, literal, sizeof(literal) - 1)) return HDR_##id

static enum header_id long_id_of(struct str name)
{
    switch (name.n) {
    case 13:
        IS(AUTHORIZATION, "authorization");
        IS(X_AMZ_TRAILER, "x-amz-trailer");
        break;
    case 14: IS(CONTENT_LENGTH, "content-length"); break;
    case 15: IS(ACCEPT_ENCODING, "accept-encoding"); break;
    case 16:
        IS(CONTENT_ENCODING, "content-encoding");
        IS(PROXY_CONNECTION, "proxy-connection");
        IS(X_AMZ_REQUEST_ID, "x-amz-request-id");
        break;
    case 17:
        IS(TRANSFER_ENCODING, "transfer-encoding");
        IS(X_AMZ_COPY_SOURCE, "x-amz-copy-source");
        break;
    case 18: IS(PROXY_AUTHENTICATE, "proxy-authenticate"); break;
    case 19:
        IS(PROXY_AUTHORIZATION, "proxy-authorization");
        IS(X_AMZ_BUCKET_REGION, "x-amz-bucket-region");
        break;
    case 20:
        IS(X_AMZ_CONTENT_SHA256, "x-amz-content-sha256");
        IS(X_AMZ_SECURITY_TOKEN, "x-amz-security-token");
        break;
    case 28: IS(X_AMZ_DECODED_CONTENT_LENGTH, "x-amz-decoded-content-length"); break;
    default: break;
    }
    return HDR_OTHER;
}

/* Two names of one length may share a case; the unit test runs through HEADER_TABLE, so no row can be forgotten here.
 */
enum header_id header_id_of(struct str name)
{
    switch (name.n) {
    case 2: IS(TE, "te"); break;
    case 3: IS(VIA, "via"); break;
    case 4:
        IS(HOST, "host");
        IS(DATE, "date");
        IS(ETAG, "etag");
        break;
    case 5: IS(RANGE, "range"); break;
    case 6:
        IS(EXPECT, "expect");
        IS(SERVER, "server");
        break;
    case 7:
        IS(TRAILER, "trailer");
        IS(UPGRADE, "upgrade");
        break;
    case 8: IS(LOCATION, "location"); break;
    case 10:
        IS(X_AMZ_DATE, "x-amz-date");
        IS(USER_AGENT, "user-agent");
        IS(CONNECTION, "connection");
        IS(KEEP_ALIVE, "keep-alive");
        IS(X_AMZ_ID_2, "x-amz-id-2");
        break;
    case 11:
        IS(CONTENT_MD5, "content-md5");
        IS(TRACEPARENT, "traceparent");
        break;
    case 12: IS(CONTENT_TYPE, "content-type"); break;
    default: return long_id_of(name);
    }
    return HDR_OTHER;
}

bool header_name_valid(struct str name)
{
    return name.n > 0 && scan_token(name.p, name.p + name.n) == name.p + name.n;
}

const struct header *headers_find(const struct headers *h, enum header_id id)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].id == id) return &h->v[i];
    return NULL;
}

const struct header *headers_find_name(const struct headers *h, struct str name)
{
    enum header_id id = header_id_of(name);
    if (id != HDR_OTHER) return headers_find(h, id);
    for (size_t i = 0; i < h->n; i++)
        if (str_eq_nocase(h->v[i].name, name)) return &h->v[i];
    return NULL;
}

size_t headers_count(const struct headers *h, enum header_id id)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += h->v[i].id == id;
    return n;
}

bool headers_has_token(const struct headers *h, enum header_id id, struct str token)
{
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].id != id) continue;
        struct str rest = h->v[i].value, item;
        while (str_split(&rest, ',', &item))
            if (str_eq_nocase(str_trim(item), token)) return true;
    }
    return false;
}

static bool is_hop_by_hop(enum header_id id)
{
    switch (id) {
    case HDR_CONNECTION:
    case HDR_KEEP_ALIVE:
    case HDR_PROXY_CONNECTION:
    case HDR_PROXY_AUTHENTICATE:
    case HDR_PROXY_AUTHORIZATION:
    case HDR_TE:
    case HDR_TRAILER:
    case HDR_TRANSFER_ENCODING:
    case HDR_UPGRADE: return true;
    default: return false;
    }
}

bool header_is_end_to_end(const struct header *h)
{
    switch (h->id) {
    case HDR_HOST:
    case HDR_AUTHORIZATION:
    case HDR_RANGE:
    case HDR_DATE: return true;
    default:
        return header_is_amz(h->name) || str_starts_nocase(h->name, STR("content-")) ||
               str_starts_nocase(h->name, STR("if-"));
    }
}

bool headers_nominates(const struct headers *all, const struct header *h)
{
    return !is_hop_by_hop(h->id) && headers_has_token(all, HDR_CONNECTION, h->name);
}

bool headers_drops(const struct headers *all, const struct header *h)
{
    return is_hop_by_hop(h->id) || (headers_nominates(all, h) && !header_is_end_to_end(h));
}

bool header_is_amz(struct str name)
{
    return name.n >= 6 && name_is(name.p, "x-amz-", 6);
}

bool header_is_ambiguous(struct str name)
{
    return str_index(name, '_') != SIZE_MAX && !str_starts_nocase(name, STR("x-amz-meta-"));
}

bool header_is_ambiguous_amz(struct str name)
{
    static const struct str prefix = STR_INIT("x-amz-");

    if (!header_is_ambiguous(name) || name.n < prefix.n) return false;
    for (size_t i = 0; i < prefix.n; i++)
        if (ascii_lower(name.p[i] == '_' ? '-' : name.p[i]) != prefix.p[i]) return false;
    return true;
}
