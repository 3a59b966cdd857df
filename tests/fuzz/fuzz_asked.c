/* SPDX-License-Identifier: Apache-2.0
 * fuzz_asked.c: bodies that are judged. The first byte chooses the operation. Whatever a body holds, it asks for
 * nothing outside of its bucket but by asking for everything.
 */
#include "policy/asked.h"

#include "aws/s3/target.h"

#include <stdlib.h>

enum { ARENA_BYTES = 16 * 1024, ARENA_LIMIT = 512 * 1024 };

static bool pair(void *data, const struct asked *a, const struct policy_ask *ask)
{
    bool anything = ask->action == S3_ACTION_UNKNOWN && str_eq(ask->resource, STR("*"));

    ASSERT(anything || str_starts(ask->resource, a->of_bucket));
    ASSERT(++*(size_t *)data <= 2 * ASKED_KEYS_MOST + 16);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct {
        enum http_method method;
        enum operation_level level;
        const char *query;
    } operations[] = {{METHOD_POST, LEVEL_BUCKET, "delete"},   {METHOD_PUT, LEVEL_BUCKET, ""},
                      {METHOD_POST, LEVEL_OBJECT, "restore"},  {METHOD_PUT, LEVEL_OBJECT, "tagging"},
                      {METHOD_PUT, LEVEL_OBJECT, "retention"}, {METHOD_PUT, LEVEL_OBJECT, "legal-hold"}};
    const struct s3_host host = {.service = S3_BUCKETS};
    const struct headers none = {NULL, 0};
    struct query_param query[1];
    struct arena arena;
    struct err err = {.code = ERR_NONE};
    size_t pairs = 0, i = n ? data[0] % ARRAY_LEN(operations) : 0;
    struct asked a = {.arena = &arena,
                      .host = &host,
                      .region = STR("eu-west-1"),
                      .bucket = STR("bucket"),
                      .key = operations[i].level == LEVEL_OBJECT ? STR("key") : STR_NONE,
                      .query = query,
                      .query_n = query_split(str_from(operations[i].query), query, 1),
                      .fields = &none,
                      .set = &none};
    char *body = malloc(n ? n : 1);
    struct str values[POLICY_VALUES_MOST];

    ASSERT(body);
    if (n) memcpy(body, data + 1, n - 1);
    arena_init(&arena, ARENA_BYTES, ARENA_LIMIT);
    a.operation = operation_find(operations[i].method, operations[i].level, query, a.query_n, &none);
    ASSERT(asked_needs_body(a.operation));
    ASSERT(asked_begin(&a, &err) == ERR_NONE && asked_head(&a, pair, &pairs, &err) == ERR_NONE);
    if (asked_body(&a, str_make(body, n ? n - 1 : 0), pair, &pairs, &err) == ERR_NONE) {
        ASSERT(pairs > 0);
        for (unsigned k = 0; k < POLICY_KEYS_N; k++)
            ASSERT(a.context.values(&a.context, k, STR("a"), values) <= POLICY_VALUES_MOST);
    }
    arena_clear(&arena);
    free(body);
    return 0;
}
