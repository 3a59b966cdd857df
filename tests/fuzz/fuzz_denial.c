/* SPDX-License-Identifier: Apache-2.0
 * fuzz_denial.c: any bytes as the message of an AccessDenied. A policy is one of those that there are, "a Deny fits"
 * goes with one, and what stands before S3's sentence does not change what the sentence says.
 */
#include "doctor/denial.h"

#include <stdlib.h>

/* In memory of its own size: a byte too many is seen. */
static struct denial parse(struct str a, struct str b)
{
    char *p = malloc(a.n + b.n + 1);
    struct denial d;

    ASSERT(p);
    if (a.n) memcpy(p + 1, a.p, a.n);
    if (b.n) memcpy(p + 1 + a.n, b.p, b.n);
    d = denial_parse(str_make(p + 1, a.n + b.n));
    free(p);
    ASSERT((unsigned)d.policy < DENIAL_N);
    ASSERT(!d.is_explicit || d.policy != DENIAL_UNSAID);
    ASSERT(d.policy != DENIAL_PUBLIC_ACCESS || d.is_explicit);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str message = str_make((const char *)data, n);
    struct denial alone = parse(message, STR_NONE);
    struct denial after = parse(STR("User: x with an explicit deny in a session policy. "), message);
    struct denial before = parse(message, STR(" with an explicit deny in a VPC endpoint policy"));

    if (alone.is_explicit && alone.policy != DENIAL_PUBLIC_ACCESS)
        ASSERT(after.policy == alone.policy && after.is_explicit);
    ASSERT(!alone.is_access_point || after.is_access_point);
    ASSERT(before.policy == DENIAL_ENDPOINT && before.is_explicit);
    return 0;
}
