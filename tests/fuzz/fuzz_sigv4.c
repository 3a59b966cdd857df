/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sigv4.c: the Authorization and date parsers on any bytes; then any request head that parses is signed and must
 * verify, and must not verify any more once a signed part is changed.
 */
#include "aws/sign/sigv4.h"
#include "http/head.h"

#include <stdlib.h>

enum { MAX_PARAMS = 128, ARENA_BYTES = 64 * 1024 };

static const struct str TIMESTAMP = STR_INIT("20260102T030405Z"), REGION = STR_INIT("us-east-1"),
                        SERVICE = STR_INIT("s3");

static bool is_inside(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void fuzz_parsers(struct str s)
{
    struct sigv4_auth auth;
    int64_t unix_s, again;
    char text[SIGV4_TIMESTAMP_BYTES];

    if (sigv4_parse_authorization(s, &auth, NULL) == ERR_NONE) {
        ASSERT(is_inside(auth.access_key, s) && is_inside(auth.signed_headers, s) && is_inside(auth.signature, s));
        ASSERT(auth.access_key.n && auth.region.n && auth.service.n && auth.signed_headers.n);
        ASSERT(auth.date.n == SIGV4_DATE_BYTES && auth.signature.n == SHA256_HEX);
    }
    if (sigv4_parse_date(s, &unix_s) && unix_s >= 0 && unix_s < INT64_C(253402300800)) {
        sigv4_format_time(unix_s, text);
        ASSERT(sigv4_parse_date(str_make(text, sizeof text), &again) && again == unix_s);
    }
    (void)sigv4_payload_mode(s);
}

static void check_round_trip(struct digest *d, const struct hmac_key *key, struct sigv4_input *in, struct arena *arena)
{
    struct sigv4_auth auth;

    in->signed_headers = sigv4_headers_to_sign(in->headers, arena);
    if (in->signed_headers.n == 0) return;
    struct str value = sigv4_authorization(d, key, in, STR("AK/ID"), TIMESTAMP, REGION, SERVICE, arena);
    if (!value.p) return; /* a broken escape, or too large for the arena */

    ASSERT(sigv4_parse_authorization(value, &auth, NULL) == ERR_NONE);
    enum err_code code = sigv4_verify(d, key, in, &auth, TIMESTAMP, arena, NULL, NULL, NULL);
    ASSERT(code == ERR_NONE || code == ERR_NO_MEMORY);

    in->payload_hash = STR("another");
    ASSERT(sigv4_verify(d, key, in, &auth, TIMESTAMP, arena, NULL, NULL, NULL) != ERR_NONE);
}

static void fuzz_request(struct str raw, struct digest *d, struct sigv4_keys *keys, struct arena *arena)
{
    static struct head_request head;
    static struct header fields[HEAD_MAX_FIELDS];
    struct query_param query[MAX_PARAMS];
    struct uri uri;
    size_t path_n;

    if (head_parse_request(raw, fields, &head, NULL) != ERR_NONE) return;
    if (uri_split(head.target, head.method_id == METHOD_CONNECT, &uri, NULL) != ERR_NONE) return;
    char *path = arena_alloc(arena, uri.path.n);
    if (!path || !uri_decode(uri.path, false, path, &path_n)) return;

    struct sigv4_input in = {.method = head.method,
                             .path = str_make(path, path_n),
                             .query = query,
                             .query_n = query_split(uri.query, query, MAX_PARAMS),
                             .plus_is_space = path_n & 1,
                             .host = head.host,
                             .headers = &head.headers,
                             .payload_hash = SIGV4_UNSIGNED_PAYLOAD};
    if (in.query_n > MAX_PARAMS) return;
    const struct hmac_key *key =
        sigv4_key(keys, d, STR("AK/ID"), STR("secret"), str_head(TIMESTAMP, 8), REGION, SERVICE);
    ASSERT(key);
    check_round_trip(d, key, &in, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct digest *digest;
    static struct sigv4_keys *keys;
    static struct arena arena;
    struct str raw = {(const char *)data, n};

    if (!digest) {
        digest = digest_new();
        keys = sigv4_keys_new(1);
        arena_init(&arena, ARENA_BYTES, 16 * ARENA_BYTES);
        ASSERT(digest && keys);
    }
    fuzz_parsers(raw);
    fuzz_request(raw, digest, keys, &arena);
    arena_reset(&arena);
    return 0;
}
