/* SPDX-License-Identifier: Apache-2.0
 * fuzz_proxy_protocol.c: a header is judged alike whether its bytes come at once or one by one: MORE until its last
 * byte, and what comes behind it changes nothing. What it tells is an address.
 */
#include "http/proxy_protocol.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Of its exact size, so that a sanitizer sees a byte too far. */
static enum proxy_header_result parse(const uint8_t *data, size_t n, struct proxy_header *out)
{
    char *copy = malloc(n + !n);
    struct err err = {0};

    ASSERT(copy);
    if (n) memcpy(copy, data, n);
    enum proxy_header_result r = proxy_header_parse(copy, n, out, &err);
    free(copy);
    ASSERT((r == PROXY_HEADER_BAD) == (err.code != ERR_NONE));
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct proxy_header whole, part;
    char text[NETADDR_TEXT];

    if (n > PROXY_HEADER_MAX + 64) n = PROXY_HEADER_MAX + 64;
    enum proxy_header_result r = parse(data, n, &whole);
    if (r != PROXY_HEADER_DONE) return 0;
    ASSERT(whole.bytes <= n && whole.bytes <= PROXY_HEADER_MAX);
    for (size_t i = 0; i < whole.bytes; i += 1 + i / 64)
        ASSERT(parse(data, i, &part) == PROXY_HEADER_MORE);
    ASSERT(parse(data, whole.bytes, &part) == PROXY_HEADER_DONE);
    ASSERT(part.bytes == whole.bytes && part.told == whole.told);
    if (!whole.told) return 0;
    netaddr_format(&whole.source, text);
    ASSERT(memcmp(&whole.source, &part.source, sizeof(part.source)) == 0 && text[0]);
    return 0;
}
