/* SPDX-License-Identifier: Apache-2.0
 * fuzz_prices.c: a price list of any bytes; what is taken has tiers that ascend to the end.
 */
#include "config/prices.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char problems[4096];
    FILE *in = n ? fmemopen((void *)(uintptr_t)data, n, "r") : NULL, *out = fmemopen(problems, sizeof(problems), "w");
    struct prices *p = in && out ? prices_read(in, "f", out) : NULL;

    for (size_t i = 0; p && i < p->n; i++) {
        const struct price_tiers *t = &p->v[i].data;

        ASSERT(t->n <= PRICES_TIERS && (t->n == 0 || t->v[t->n - 1].up_to == UINT64_MAX));
        ASSERT(price_of_bytes(t, UINT64_MAX) >= price_of_bytes(t, UINT64_MAX / 2));
    }
    prices_free(&p);
    if (in) fclose(in);
    if (out) fclose(out);
    return 0;
}
