/* SPDX-License-Identifier: Apache-2.0
 * fuzz_sigv2.c: the Authorization parser on any bytes; then any request head that parses is signed in both forms and
 * must verify, and must not verify any more with another secret or method.
 */
#include "aws/sign/sigv2.h"
#include "base/encode.h"
#include "http/head.h"

#include <stdlib.h>

enum { MAX_PARAMS = 128, ARENA_BYTES = 64 * 1024 };

static const struct str SECRET = STR_INIT("secret");

static void fuzz_parser(struct str s)
{
    struct sigv2_auth auth;

    if (sigv2_parse_header(s, &auth, NULL) != ERR_NONE) return;
    ASSERT(auth.access_key.n > 0 && auth.access_key.p >= s.p + 4 && auth.signature.n > 0);
    ASSERT(auth.signature.p == auth.access_key.p + auth.access_key.n + 1);
    ASSERT(auth.signature.p + auth.signature.n <= s.p + s.n);
}

static void fuzz_query(struct sigv2_input *in, struct arena *arena)
{
    struct sigv2_auth auth;
    struct str expires;
    int64_t expires_s;

    for (size_t i = 0; i < in->query_n; i++)
        ASSERT(!sigv2_is_covered(in->query[i].name) || !sigv2_is_harmless(in->query[i].name));
    if (sigv2_check_params(in->query, in->query_n, false, NULL) == ERR_NONE)
        ASSERT(sigv2_check_params(in->query, in->query_n, true, NULL) == ERR_NONE);
    if (sigv2_parse_query(in->query, in->query_n, arena, &auth, &expires, &expires_s, NULL) != ERR_NONE) return;
    ASSERT(sigv2_is_in_query(in->query, in->query_n) && auth.access_key.n && auth.signature.n && expires.n);
    ASSERT(expires_s >= 0);
}

static struct str sign(struct digest *d, struct str text, char out[28])
{
    uint8_t mac[SHA1_BYTES];
    struct sbuf b = sbuf_make(out, 28);

    digest_hmac_sha1(d, SECRET, text, mac);
    base64_encode(&b, mac, sizeof mac);
    return sbuf_str(&b);
}

static void check_round_trip(struct digest *d, struct sigv2_input *in, struct arena *arena)
{
    char mac[28];
    struct str text = sigv2_string_to_sign(in, arena);
    if (!text.p) return; /* a parameter that cannot be signed, or too large for the arena */

    struct sigv2_auth auth = {.access_key = STR("AKID"), .signature = sign(d, text, mac)};
    ASSERT(sigv2_verify(d, SECRET, in, &auth, arena, NULL, NULL) == ERR_NONE);
    ASSERT(sigv2_verify(d, STR("other"), in, &auth, arena, NULL, NULL) != ERR_NONE);
    in->method = STR("PATCH ");
    ASSERT(sigv2_verify(d, SECRET, in, &auth, arena, NULL, NULL) != ERR_NONE);
}

static void fuzz_request(struct str raw, struct digest *d, struct arena *arena)
{
    static struct head_request head;
    static struct header fields[HEAD_MAX_FIELDS];
    struct query_param query[MAX_PARAMS];
    struct uri uri;

    if (head_parse_request(raw, fields, &head, NULL) != ERR_NONE) return;
    if (uri_split(head.target, head.method_id == METHOD_CONNECT, &uri, NULL) != ERR_NONE) return;
    struct sigv2_input in = {.method = head.method,
                             .raw_path = uri.path,
                             .query = query,
                             .query_n = query_split(uri.query, query, MAX_PARAMS),
                             .headers = &head.headers,
                             .host_bucket = head.host.n & 1 ? head.host : STR_NONE};
    if (in.query_n > MAX_PARAMS) return;
    fuzz_query(&in, arena);
    check_round_trip(d, &in, arena);
    in.method = head.method;
    in.expires = STR("1175139620");
    check_round_trip(d, &in, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct digest *digest;
    static struct arena arena;
    struct str raw = {(const char *)data, n};

    if (!digest) {
        digest = digest_new();
        arena_init(&arena, ARENA_BYTES, 16 * ARENA_BYTES);
        ASSERT(digest);
    }
    fuzz_parser(raw);
    fuzz_request(raw, digest, &arena);
    arena_reset(&arena);
    return 0;
}
