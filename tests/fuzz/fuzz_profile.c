/* SPDX-License-Identifier: Apache-2.0
 * fuzz_profile.c: the first byte says how the rest is cut into a config and a credentials file. What is read must come
 * from the files, and plans of a few profiles must be whole.
 */
#include "aws/documents/profile_plan.h"

#include <stdlib.h>

static void check_value(struct profile_value v)
{
    if (v.text) ASSERT(v.line > 0 && v.file && v.text[0] != '\n');
}

static void check_plan(const struct profile_file *config, const struct profile_file *credentials, const char *name)
{
    const struct profile_environment environment = {"/token", NULL, NULL};
    struct profile_plan plan;

    for (int i = 0; i < 2; i++) {
        if (profile_plan(config, credentials, name, i ? &environment : NULL, &plan, NULL) != ERR_NONE) continue;
        ASSERT(plan.roles_n <= PROFILE_ROLES_MAX);
        for (size_t r = 0; r < plan.roles_n; r++)
            ASSERT(plan.roles[r].role_arn && *plan.roles[r].role_arn);
        if (plan.roles_n) ASSERT(plan.base != PROFILE_BASE_NONE);
        if (plan.base == PROFILE_BASE_KEYS) ASSERT(*plan.access_key_id && *plan.secret_access_key && plan.base_file);
        if (plan.base == PROFILE_BASE_PROCESS) ASSERT(*plan.command);
        if (plan.base == PROFILE_BASE_WEB_IDENTITY) ASSERT(*plan.web.token_file && *plan.web.role_arn);
        if (plan.base == PROFILE_BASE_SSO) ASSERT(*plan.sso_account_id && *plan.sso_role_name && *plan.sso_region);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {"default", "a", "b", "my x"};
    struct str text = {(const char *)data + 1, n - 1};
    struct profile_file *config = NULL, *credentials = NULL;
    size_t cut;

    if (n == 0) return 0;
    cut = text.n * data[0] / 255;
    if (profile_file_parse(str_head(text, cut), PROFILE_FILE_CONFIG, "config", &config, NULL) != ERR_NONE)
        config = NULL;
    if (profile_file_parse(str_tail(text, cut), PROFILE_FILE_CREDENTIALS, "credentials", &credentials, NULL) !=
        ERR_NONE)
        credentials = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        check_value(profile_file_get(config, PROFILE_SECTION_PROFILE, names[i], "role_arn"));
        check_value(profile_file_get(credentials, PROFILE_SECTION_PROFILE, names[i], "aws_access_key_id"));
        check_plan(config, credentials, names[i]);
    }
    profile_file_free(&config);
    profile_file_free(&credentials);
    return 0;
}
