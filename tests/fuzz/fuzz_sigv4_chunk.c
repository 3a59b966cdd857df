/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sigv4_chunk.c: an aws-chunked body fed whole, byte by byte and in pieces of changing size gives the same result
 * and the same content, decoded or only checked.
 */
#include "aws/sigv4_chunk.h"

#include <stdlib.h>

struct outcome {
    enum err_code code;
    char *plain; /* owned */
    size_t plain_n;
};

/* The first four bytes choose decoded length, trailers and checksum. */
struct setup {
    uint64_t decoded;
    struct str announced;
    enum checksum_kind kind;
    size_t step;
};

static struct setup read_setup(const uint8_t *data)
{
    static const struct str announced[] = {STR_INIT(""), STR_INIT("x-amz-checksum-crc32"), STR_INIT("a, b,,A"),
                                           STR_INIT("x-amz-checksum-sha256,a")};

    return (struct setup){.decoded = (uint64_t)data[0] | (uint64_t)data[1] << 8,
                          .announced = announced[data[2] % ARRAY_LEN(announced)],
                          .kind = data[3] & 1   ? CHECKSUM_CRC32
                                  : data[3] & 2 ? CHECKSUM_SHA256
                                                : CHECKSUM_NONE,
                          .step = 1 + (data[3] >> 2)};
}

static struct outcome decode(const struct setup *s, const uint8_t *data, size_t n, size_t step)
{
    struct outcome out = {.plain = malloc(n + 1)};
    struct aws_chunked c;
    struct checksum sum;
    size_t at = 0;

    ASSERT(out.plain && checksum_init(&sum, s->kind));
    aws_chunked_init(&c, s->decoded, s->announced, s->kind ? &sum : NULL);
    while (at < n && out.code == ERR_NONE) {
        size_t piece_n = step < n - at ? step : n - at, plain_n;
        char *piece = malloc(piece_n); /* of its exact size, so that a sanitizer sees a byte too far */
        ASSERT(piece);
        memcpy(piece, data + at, piece_n);
        out.code = aws_chunked_decode(&c, piece, piece_n, &plain_n, NULL);
        ASSERT(plain_n <= piece_n);
        memcpy(out.plain + out.plain_n, piece, plain_n);
        out.plain_n += plain_n;
        at += piece_n;
        free(piece);
    }
    if (out.code == ERR_NONE) out.code = aws_chunked_end(&c, NULL);
    ASSERT(out.code == ERR_NONE ? out.plain_n == s->decoded && c.done : !c.done);
    checksum_clear(&sum);
    return out;
}

static enum err_code check(const struct setup *s, const uint8_t *data, size_t n)
{
    struct aws_chunked c;
    struct checksum sum;

    ASSERT(checksum_init(&sum, s->kind));
    aws_chunked_init(&c, s->decoded, s->announced, s->kind ? &sum : NULL);
    enum err_code code = aws_chunked_check(&c, (const char *)data, n, NULL);
    if (code == ERR_NONE) code = aws_chunked_end(&c, NULL);
    checksum_clear(&sum);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 4) return 0;
    struct setup s = read_setup(data);
    size_t steps[] = {n, 1, s.step};
    struct outcome first = {.code = ERR_NONE};

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct outcome out = decode(&s, data + 4, n - 4, steps[i]);
        if (i == 0) {
            first = out;
            continue;
        }
        ASSERT(out.code == first.code && out.plain_n == first.plain_n);
        ASSERT(memcmp(out.plain, first.plain, out.plain_n) == 0);
        free(out.plain);
    }
    ASSERT(check(&s, data + 4, n - 4) == first.code);
    free(first.plain);
    return 0;
}
