/* SPDX-License-Identifier: Apache-2.0
 * fuzz_body.c: properties of body_decode for any bytes and any split.
 * First input byte: the framing; second: the size of the pieces; the rest is the body.
 * - pieces give what all at once gives; - never more content than input; - after the end nothing is taken;
 * - content encoded as one chunk decodes to itself.
 */
#include "http/body.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fed {
    enum err_code code;
    bool done;
    size_t used, plain_n;
    char *plain; /* owned */
};

static struct fed feed(enum body_kind kind, uint64_t length, const uint8_t *in, size_t n, size_t step)
{
    struct fed r = {.code = ERR_NONE, .plain = malloc(n + 1)};
    struct body b;
    ASSERT(r.plain);
    body_init(&b, kind, length);
    while (r.used < n && r.code == ERR_NONE && !b.done) {
        size_t piece = n - r.used < step ? n - r.used : step, used = SIZE_MAX, plain = SIZE_MAX;
        char *copy = malloc(piece);
        ASSERT(copy);
        memcpy(copy, in + r.used, piece);
        r.code = body_decode(&b, copy, piece, &used, &plain, NULL);
        ASSERT(r.code == ERR_NONE || r.code == ERR_BAD_FRAMING);
        ASSERT(used <= piece && plain <= used);
        ASSERT(used == piece || b.done || r.code != ERR_NONE);
        memcpy(r.plain + r.plain_n, copy, plain);
        r.plain_n += plain;
        r.used += used;
        free(copy);
    }
    r.done = b.done;
    ASSERT(b.plain == r.plain_n);
    ASSERT(body_eof(&b) == (r.done || kind == BODY_UNTIL_CLOSE));
    return r;
}

/* @data as one chunk. */
static void check_round_trip(const uint8_t *data, size_t n, size_t step)
{
    size_t cap = n + 64;
    struct sbuf b = sbuf_make(malloc(cap), cap);
    ASSERT(b.p);
    if (n > 0) {
        sbuf_hex64(&b, n);
        sbuf_add(&b, STR(";x=y\r\n"));
        sbuf_add(&b, str_make((const char *)data, n));
        sbuf_add(&b, STR("\r\n"));
    }
    sbuf_add(&b, STR("0\r\nA: b\r\n\r\nnext"));
    ASSERT(!b.overflow);
    struct fed r = feed(BODY_CHUNKED, 0, (const uint8_t *)b.p, b.n, step);
    ASSERT(r.code == ERR_NONE && r.done && r.used == b.n - 4 && r.plain_n == n);
    ASSERT(n == 0 || memcmp(r.plain, data, n) == 0);
    free(r.plain);
    free(b.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    static const enum body_kind kinds[] = {BODY_CHUNKED, BODY_CHUNKED, BODY_LENGTH, BODY_UNTIL_CLOSE, BODY_NONE};
    enum body_kind kind = kinds[data[0] % ARRAY_LEN(kinds)];
    uint64_t length = data[0];
    size_t step = (size_t)data[1] + 1;
    data += 2;
    size -= 2;

    struct fed whole = feed(kind, length, data, size, size + 1), slow = feed(kind, length, data, size, 1),
               mixed = feed(kind, length, data, size, step);
    ASSERT(whole.code == slow.code && whole.done == slow.done && whole.used == slow.used);
    ASSERT(whole.code == mixed.code && whole.done == mixed.done && whole.used == mixed.used);
    ASSERT(whole.plain_n == slow.plain_n && memcmp(whole.plain, slow.plain, whole.plain_n) == 0);
    ASSERT(whole.plain_n == mixed.plain_n && memcmp(whole.plain, mixed.plain, whole.plain_n) == 0);
    free(whole.plain);
    free(slow.plain);
    free(mixed.plain);
    check_round_trip(data, size, step);
    return 0;
}
