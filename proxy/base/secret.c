/* SPDX-License-Identifier: Apache-2.0
 * secret.c: wiping, comparing and making secrets. Any thread. Owns nothing.
 * Source: explicit_bzero(3), getrandom(2), PR_SET_DUMPABLE in prctl(2).
 */
#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

void secret_wipe(void *p, size_t n)
{
    if (n) explicit_bzero(p, n);
}

/* volatile: the compiler may not leave the loop early. */
bool secret_equal(struct str a, struct str b)
{
    volatile unsigned char difference = 0;

    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        difference = (unsigned char)(difference | (a.p[i] ^ b.p[i]));
    return difference == 0;
}

void secret_free(char **s)
{
    if (!*s) return;
    secret_wipe(*s, strlen(*s));
    free(*s);
    *s = NULL;
}

void secret_random(void *p, size_t n)
{
    char *at = p;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR) continue;
        ASSERT(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

void secret_no_core_dumps(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
