/* SPDX-License-Identifier: Apache-2.0
 * denial.c: see denial.h. S3's sentence ends with the reason:
 *
 *     User: ARN is not authorized to perform: s3:X on resource: "ARN"
 *         because no TYPE allows the s3:X action
 *         with an explicit deny in a[n] TYPE[: POLICY-ARN]
 *         because public … BlockPublic… Block Public Access.
 */
#include "doctor/denial.h"

static const struct type {
    struct str words;
    enum denial_policy policy;
} types[] = {
    {STR_INIT("identity-based polic"), DENIAL_IDENTITY}, /* "policies", too, where several are meant */
    {STR_INIT("resource-based polic"), DENIAL_RESOURCE},
    {STR_INIT("VPC endpoint polic"), DENIAL_ENDPOINT},
    {STR_INIT("service control polic"), DENIAL_SERVICE_CONTROL},
    {STR_INIT("resource control polic"), DENIAL_RESOURCE_CONTROL},
    {STR_INIT("permissions boundar"), DENIAL_BOUNDARY},
    {STR_INIT("session polic"), DENIAL_SESSION},
};

/* What follows the last @words in @s: names that stand before may hold anything. {NULL, 0} if they are not there. */
static struct str after_last(struct str s, struct str words)
{
    struct str found = STR_NONE;
    size_t at;

    while ((at = str_find(s, words)) != SIZE_MAX)
        found = s = str_tail(s, at + words.n);
    return found;
}

static enum denial_policy policy_of(struct str s)
{
    static const struct str articles[] = {STR_INIT("a "), STR_INIT("an "), STR_INIT("the ")};

    for (size_t i = 0; i < ARRAY_LEN(articles); i++)
        if (str_starts_nocase(s, articles[i])) {
            s = str_tail(s, articles[i].n);
            break;
        }
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_starts_nocase(s, types[i].words)) return types[i].policy;
    return DENIAL_UNSAID;
}

struct denial denial_parse(struct str message)
{
    struct denial d = {.is_access_point = str_find(message, STR(":accesspoint/")) != SIZE_MAX};
    struct str reason = after_last(message, STR("with an explicit deny in "));

    d.policy = policy_of(reason);
    d.is_explicit = d.policy != DENIAL_UNSAID;
    if (!d.is_explicit) d.policy = policy_of(after_last(message, STR("because no ")));
    if (d.policy != DENIAL_UNSAID) return d;
    reason = after_last(message, STR("because public "));
    if (str_find(reason, STR("BlockPublic")) == SIZE_MAX && str_find(reason, STR("lock Public Access")) == SIZE_MAX)
        return d;
    d.policy = DENIAL_PUBLIC_ACCESS;
    d.is_explicit = true;
    return d;
}
