/* SPDX-License-Identifier: Apache-2.0
 * checksum.c: S3's object checksums over a stream. Pure; a struct checksum belongs to one thread and owns its SHA
 * stream. Source: S3 User Guide, "Checking object integrity in Amazon S3"; check values of the CRCs over "123456789"
 * (which the unit test compares): cbf43926, e3069283, ae8b14860a799888.
 */
#include "aws/sign/checksum.h"

#include "base/encode.h"
#include "crc_tables.h"

enum { SLICES = 8 };

static const uint32_t crc32_table[SLICES][256] = {CRC32_SLICES(CRC_SLICE)};
static const uint32_t crc32c_table[SLICES][256] = {CRC32C_SLICES(CRC_SLICE)};
static const uint64_t crc64nvme_table[SLICES][256] = {CRC64NVME_SLICES(CRC_SLICE)};

/* The next 8 bytes as a little-endian number, on any machine; compilers make one load of it where they can. */
static inline uint64_t load_le64(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
           (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* All three CRCs start from all ones and end complemented; struct checksum holds the complemented value. */
static uint32_t crc32_add(const uint32_t t[SLICES][256], uint32_t crc, const uint8_t *p, size_t n)
{
    crc = ~crc;
    for (; n >= SLICES; p += SLICES, n -= SLICES) {
        uint64_t v = load_le64(p) ^ crc;
        crc = t[7][v & 255] ^ t[6][v >> 8 & 255] ^ t[5][v >> 16 & 255] ^ t[4][v >> 24 & 255] ^ t[3][v >> 32 & 255] ^
              t[2][v >> 40 & 255] ^ t[1][v >> 48 & 255] ^ t[0][v >> 56];
    }
    for (; n > 0; p++, n--)
        crc = crc >> 8 ^ t[0][(crc ^ *p) & 255];
    return ~crc;
}

static uint64_t crc64_add(const uint64_t t[SLICES][256], uint64_t crc, const uint8_t *p, size_t n)
{
    crc = ~crc;
    for (; n >= SLICES; p += SLICES, n -= SLICES) {
        uint64_t v = load_le64(p) ^ crc;
        crc = t[7][v & 255] ^ t[6][v >> 8 & 255] ^ t[5][v >> 16 & 255] ^ t[4][v >> 24 & 255] ^ t[3][v >> 32 & 255] ^
              t[2][v >> 40 & 255] ^ t[1][v >> 48 & 255] ^ t[0][v >> 56];
    }
    for (; n > 0; p++, n--)
        crc = crc >> 8 ^ t[0][(crc ^ *p) & 255];
    return ~crc;
}

static const struct str names[] = {
    [CHECKSUM_NONE] = {NULL, 0},
    [CHECKSUM_CRC32] = STR_INIT("x-amz-checksum-crc32"),
    [CHECKSUM_CRC32C] = STR_INIT("x-amz-checksum-crc32c"),
    [CHECKSUM_CRC64NVME] = STR_INIT("x-amz-checksum-crc64nvme"),
    [CHECKSUM_SHA1] = STR_INIT("x-amz-checksum-sha1"),
    [CHECKSUM_SHA256] = STR_INIT("x-amz-checksum-sha256"),
};

struct str checksum_trailer_name(enum checksum_kind kind)
{
    return names[kind];
}

enum checksum_kind checksum_kind_of(struct str header_name)
{
    for (size_t i = CHECKSUM_NONE + 1; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(header_name, names[i])) return (enum checksum_kind)i;
    return CHECKSUM_NONE;
}

static size_t value_bytes(enum checksum_kind kind)
{
    switch (kind) {
    case CHECKSUM_NONE: break;
    case CHECKSUM_CRC32:
    case CHECKSUM_CRC32C: return sizeof(uint32_t);
    case CHECKSUM_CRC64NVME: return sizeof(uint64_t);
    case CHECKSUM_SHA1: return SHA1_BYTES;
    case CHECKSUM_SHA256: return SHA256_BYTES;
    }
    return 0;
}

size_t checksum_text_bytes(enum checksum_kind kind)
{
    return (value_bytes(kind) + 2) / 3 * 4;
}

bool checksum_init(struct checksum *c, enum checksum_kind kind)
{
    *c = (struct checksum){.kind = kind};
    if (kind != CHECKSUM_SHA1 && kind != CHECKSUM_SHA256) return true;
    return digest_stream_init(&c->sha, NULL, kind == CHECKSUM_SHA1 ? DIGEST_SHA1 : DIGEST_SHA256);
}

void checksum_add(struct checksum *c, const char *data, size_t n)
{
    const uint8_t *p = (const uint8_t *)data;

    switch (c->kind) {
    case CHECKSUM_NONE: break;
    case CHECKSUM_CRC32: c->crc = crc32_add(crc32_table, (uint32_t)c->crc, p, n); break;
    case CHECKSUM_CRC32C: c->crc = crc32_add(crc32c_table, (uint32_t)c->crc, p, n); break;
    case CHECKSUM_CRC64NVME: c->crc = crc64_add(crc64nvme_table, c->crc, p, n); break;
    case CHECKSUM_SHA1:
    case CHECKSUM_SHA256: digest_stream_add(&c->sha, str_make(data, n)); break;
    }
}

static size_t put_big_endian(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return bytes;
}

void checksum_end(struct checksum *c, struct sbuf *b)
{
    uint8_t value[SHA256_BYTES];
    size_t n = 0;

    switch (c->kind) {
    case CHECKSUM_NONE: break;
    case CHECKSUM_CRC32:
    case CHECKSUM_CRC32C: n = put_big_endian(value, c->crc, sizeof(uint32_t)); break;
    case CHECKSUM_CRC64NVME: n = put_big_endian(value, c->crc, sizeof(uint64_t)); break;
    case CHECKSUM_SHA1:
    case CHECKSUM_SHA256: n = digest_stream_end(&c->sha, value); break;
    }
    base64_encode(b, value, n);
}

void checksum_clear(struct checksum *c)
{
    digest_stream_clear(&c->sha);
    *c = (struct checksum){.kind = CHECKSUM_NONE};
}
