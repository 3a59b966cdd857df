/* SPDX-License-Identifier: Apache-2.0
 * fuzz_post_policy.c: any bytes as the base64 text of a policy and, encoded here, as its document. What is accepted
 * must have named the bucket, must not be expired, and must not hold for a form with one more field.
 */
#include "aws/form/post_policy.h"

#include "base/encode.h"

#include <stdlib.h>

enum { NOW_S = 1198584000 /* 2007-12-25T12:00:00Z */ };

static const struct post_form form = {
    .fields = {{STR_INIT("key"), STR_INIT("key"), STR_INIT("user/eric/a.txt")},
               {STR_INIT("acl"), STR_INIT("acl"), STR_INIT("public-read")},
               {STR_INIT("content-type"), STR_INIT("Content-Type"), STR_INIT("image/jpg,image/png")},
               {STR_INIT("unheard-of"), STR_INIT("unheard-of"), STR_INIT("1")}},
    .fields_n = 3,
};

static enum err_code check(struct str base64, size_t fields_n, struct str bucket, int64_t now_s,
                           struct post_policy *out)
{
    struct post_form f = form;
    struct err err = {.code = ERR_NONE};

    f.fields_n = fields_n;
    enum err_code code = post_policy_check(base64, &f, bucket, now_s, out, &err);
    ASSERT(code == err.code && (code == ERR_NONE) == (err.detail[0] == '\0'));
    ASSERT(code == ERR_NONE || code == ERR_FORM_POLICY_INVALID || code == ERR_FORM_POLICY_FAILED);
    return code;
}

static void fuzz_document(struct str json)
{
    char *text = malloc(2 * json.n + 8);
    struct post_policy policy, again;

    ASSERT(text);
    struct sbuf b = sbuf_make(text, 2 * json.n + 8);
    base64_encode(&b, (const uint8_t *)json.p, json.n);
    struct str base64 = sbuf_str(&b);
    if (check(base64, 3, STR("johnsmith"), NOW_S, &policy) == ERR_NONE) {
        ASSERT(policy.has_range || (policy.min_bytes == 0 && policy.max_bytes == UINT64_MAX));
        ASSERT(check(base64, 3, STR("johnsmith"), INT64_C(1) << 40, &again) == ERR_FORM_POLICY_FAILED);
        if (str_find(json, STR("unheard-of")) == SIZE_MAX && str_find(json, STR("\\")) == SIZE_MAX)
            ASSERT(check(base64, 4, STR("johnsmith"), NOW_S, &again) == ERR_FORM_POLICY_FAILED ||
                   str_find(json, STR("UNHEARD")) != SIZE_MAX);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct post_policy policy;

    if (n > 32 * 1024) return 0;
    (void)check(str_make((const char *)data, n), 3, STR("johnsmith"), NOW_S, &policy);
    fuzz_document(str_make((const char *)data, n));
    return 0;
}
