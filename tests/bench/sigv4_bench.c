/* SPDX-License-Identifier: Apache-2.0
 * sigv4_bench.c: what verifying one request and signing it anew costs. Usage: sigv4_bench [requests]
 * The request is a GET of an object with a query and the headers that an SDK sends and signs.
 */
#include "aws/sign/checksum.h"
#include "aws/sign/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 5 };

static const struct str SECRET = STR_INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
static const struct str TIMESTAMP = STR_INIT("20260102T030405Z"), REGION = STR_INIT("us-east-1"),
                        SERVICE = STR_INIT("s3");

static struct header client_fields[] = {
    {STR_INIT("Host"), STR_INIT("examplebucket.s3.us-east-1.amazonaws.com"), HDR_HOST},
    {STR_INIT("Accept-Encoding"), STR_INIT("identity"), HDR_ACCEPT_ENCODING},
    {STR_INIT("User-Agent"), STR_INIT("Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux lang/python#3.11"),
     HDR_USER_AGENT},
    {STR_INIT("X-Amz-Date"), STR_INIT("20260102T030405Z"), HDR_X_AMZ_DATE},
    {STR_INIT("X-Amz-Content-SHA256"), STR_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
     HDR_X_AMZ_CONTENT_SHA256},
    {STR_INIT("x-amz-checksum-mode"), STR_INIT("ENABLED"), HDR_OTHER},
    {STR_INIT("Authorization"), STR_INIT(""), HDR_AUTHORIZATION},
    {STR_INIT("Connection"), STR_INIT("keep-alive"), HDR_CONNECTION},
};
static struct header proxy_fields[] = {
    {STR_INIT("host"), STR_INIT("s3.us-east-1.amazonaws.com"), HDR_HOST},
    {STR_INIT("x-amz-checksum-mode"), STR_INIT("ENABLED"), HDR_OTHER},
    {STR_INIT("x-amz-content-sha256"), STR_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
     HDR_X_AMZ_CONTENT_SHA256},
    {STR_INIT("x-amz-date"), STR_INIT("20260102T030405Z"), HDR_X_AMZ_DATE},
};

/* CPU time: what others do on the machine meanwhile shall not count. */
static double cpu_ns(void)
{
    struct timespec t;

    ASSERT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct bench {
    struct digest *digest;
    struct sigv4_keys *keys;
    struct arena arena;
    struct headers from_client, to_s3;
    struct query_param query[2];
    struct sigv4_input in, out;
    struct str authorization;
};

static const struct hmac_key *key_of(struct bench *b, struct str access_key)
{
    return sigv4_key(b->keys, b->digest, access_key, SECRET, str_head(TIMESTAMP, SIGV4_DATE_BYTES), REGION, SERVICE);
}

static void bench_init(struct bench *b)
{
    static char authorization[512];
    struct sbuf kept = sbuf_make(authorization, sizeof authorization);

    *b = (struct bench){.digest = digest_new(), .keys = sigv4_keys_new(64)};
    ASSERT(b->digest && b->keys);
    arena_init(&b->arena, 16 * 1024, 64 * 1024);
    b->from_client = (struct headers){client_fields, ARRAY_LEN(client_fields)};
    b->to_s3 = (struct headers){proxy_fields, ARRAY_LEN(proxy_fields)};
    ASSERT(query_split(STR("versionId=null&x-id=GetObject"), b->query, ARRAY_LEN(b->query)) == 2);
    b->in = (struct sigv4_input){.method = STR("GET"),
                                 .path = STR("/2026/01/02/some-object.parquet"),
                                 .query = b->query,
                                 .query_n = 2,
                                 .host = STR("bucket.s3.eu-west-1.amazonaws.com"),
                                 .headers = &b->from_client,
                                 .signed_headers = STR("host;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date"),
                                 .payload_hash = SIGV4_EMPTY_SHA256};
    b->out = b->in;
    b->out.headers = &b->to_s3;
    sbuf_add(&kept, sigv4_authorization(b->digest, key_of(b, STR("CLIENTKEY")), &b->in, STR("CLIENTKEY"), TIMESTAMP,
                                        REGION, SERVICE, &b->arena));
    b->authorization = sbuf_str(&kept);
}

static void verify_and_sign(struct bench *b)
{
    struct sigv4_auth auth;

    ASSERT(sigv4_parse_authorization(b->authorization, &auth, NULL) == ERR_NONE);
    ASSERT(sigv4_verify(b->digest, key_of(b, auth.access_key), &b->in, &auth, TIMESTAMP, &b->arena, NULL, NULL, NULL) ==
           ERR_NONE);
    b->out.signed_headers = sigv4_headers_to_sign(&b->to_s3, &b->arena);
    struct str made = sigv4_authorization(b->digest, key_of(b, STR("AKIAIOSFODNN7EXAMPLE")), &b->out,
                                          STR("AKIAIOSFODNN7EXAMPLE"), TIMESTAMP, REGION, SERVICE, &b->arena);
    ASSERT(made.n > 0);
    arena_reset(&b->arena);
}

static void bench_checksums(void)
{
    static const char *const names[] = {"", "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"};
    enum { BYTES = 1 << 20, TIMES = 64 };
    char *data = calloc(1, BYTES);

    ASSERT(data);
    for (int kind = CHECKSUM_CRC32; kind <= CHECKSUM_SHA256; kind++) {
        struct checksum c;
        ASSERT(checksum_init(&c, (enum checksum_kind)kind));
        double start = cpu_ns();
        for (int i = 0; i < TIMES; i++)
            checksum_add(&c, data, BYTES);
        double ns = cpu_ns() - start;
        printf("%-10s %6.3f ns/byte\n", names[kind], ns / ((double)BYTES * TIMES));
        checksum_clear(&c);
    }
    free(data);
}

int main(int argc, char **argv)
{
    uint64_t requests = 200000;
    struct bench b;
    double best = 0;

    if (argc > 1 && (!str_to_u64(str_from(argv[1]), &requests) || requests == 0)) {
        fprintf(stderr, "usage: %s [requests]\n", argv[0]);
        return 2;
    }
    bench_init(&b);
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_ns();
        for (uint64_t i = 0; i < requests; i++)
            verify_and_sign(&b);
        double ns = (cpu_ns() - start) / (double)requests;
        if (best == 0 || ns < best) best = ns;
    }
    printf("verify+sign %6.0f ns/request (best of %d rounds)\n", best, ROUNDS);
    bench_checksums();
    digest_free(&b.digest);
    sigv4_keys_free(&b.keys);
    arena_clear(&b.arena);
    return 0;
}
