/* SPDX-License-Identifier: Apache-2.0
 * fuzz_bucket_policy.c: any bytes as a bucket's policy. Texts end where they must; what is certain without the
 * endpoint's id stays certain with it, and so does what is ruled out.
 */
#include "doctor/bucket_policy.h"

#include <stdlib.h>

static enum err_code find(struct str json, struct str endpoint_id, struct bucket_policy_finding *out)
{
    const struct bucket_policy_request request = {STR("s3:ListBucket"), STR("reports"), endpoint_id};
    struct err err = {.code = ERR_NONE};
    enum err_code code = bucket_policy_find_deny(json, &request, out, &err);

    ASSERT(code == ERR_NONE || code == ERR_BAD_DOCUMENT);
    ASSERT((code == ERR_NONE) == (err.detail[0] == '\0'));
    for (const char *c = err.detail; *c; c++)
        ASSERT(*c >= ' ' && *c <= '~');
    ASSERT(code == ERR_NONE || out->verdict == BUCKET_POLICY_NO_DENY);
    ASSERT(memchr(out->sid, '\0', sizeof(out->sid)) && memchr(out->values, '\0', sizeof(out->values)));
    ASSERT(memchr(out->conditions, '\0', sizeof(out->conditions)));
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str json = str_make((const char *)data, n);
    struct bucket_policy_finding without, with;

    ASSERT(find(json, STR_NONE, &without) == find(json, STR("vpce-0a1b"), &with));
    ASSERT(without.verdict != BUCKET_POLICY_DENIES || with.verdict == BUCKET_POLICY_DENIES);
    ASSERT(without.verdict != BUCKET_POLICY_NO_DENY || with.verdict == BUCKET_POLICY_NO_DENY);
    return 0;
}
