/* SPDX-License-Identifier: Apache-2.0
 * fuzz_client_hello.c: a ClientHello is judged alike whether its bytes come at once or in pieces, and cut into other
 * records it names the same server.
 */
#include "http/client_hello.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* @step bytes more at each call, each time in memory of the exact size. */
static enum client_hello_result scan(const char *data, size_t n, size_t step, struct client_hello *h)
{
    enum client_hello_result r = CLIENT_HELLO_MORE;

    memset(h, 0, sizeof(*h));
    for (size_t at = 0; at < n && r == CLIENT_HELLO_MORE;) {
        at += step < n - at ? step : n - at;
        char *copy = malloc(at);
        struct err err = {0};
        ASSERT(copy);
        memcpy(copy, data, at);
        r = client_hello_scan(h, copy, at, &err);
        free(copy);
        ASSERT((r == CLIENT_HELLO_BAD) == (err.code != ERR_NONE));
    }
    ASSERT(strlen(h->name) <= CLIENT_HELLO_NAME_MAX);
    return r;
}

/* The handshake bytes of all whole records, in records of @size bytes. */
static char *in_records(const char *data, size_t end, size_t size, size_t *out_n)
{
    char *out = malloc(end * 6 + 1);
    size_t n = 0, filled = 0, head = 0;

    ASSERT(out);
    for (size_t at = 0; at < end;) {
        size_t length = (size_t)(uint8_t)data[at + 3] << 8 | (uint8_t)data[at + 4];
        for (size_t i = 0; i < length; i++) {
            if (filled == 0) {
                head = n;
                memcpy(out + n, "\x16\x03\x01\0\0", 5);
                n += 5;
            }
            out[n++] = data[at + 5 + i];
            filled++;
            out[head + 3] = (char)(filled >> 8);
            out[head + 4] = (char)(filled & 0xff);
            if (filled == size) filled = 0;
        }
        at += 5 + length;
    }
    *out_n = n;
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct client_hello whole, other;
    const char *data = (const char *)bytes + 1;

    if (n < 2) return 0;
    n--;
    enum client_hello_result r = scan(data, n, n, &whole);
    ASSERT(scan(data, n, n / 16 + 1 + bytes[0] % 16, &other) == r || r == CLIENT_HELLO_MORE);
    if (r != CLIENT_HELLO_DONE) return 0;
    ASSERT(strcmp(whole.name, other.name) == 0);
    size_t again_n;
    char *again = in_records(data, whole.at, 1 + bytes[0], &again_n);
    ASSERT(scan(again, again_n, again_n, &other) == CLIENT_HELLO_DONE);
    ASSERT(strcmp(whole.name, other.name) == 0);
    free(again);
    return 0;
}
