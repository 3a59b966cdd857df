/* SPDX-License-Identifier: Apache-2.0
 * fuzz_ledger.c: a month's file of any bytes; and any bytes as traceparent.
 */
#include "control/ledger.h"
#include "http/traceparent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = str_make((const char *)data, n);
    struct ledger *l = ledger_new("2026-11"), *m = ledger_new("2026-11");
    struct err err = {0};

    if (l && m && ledger_parse(l, text, "f", &err) == ERR_NONE) ASSERT(ledger_merge(m, l) && m->rows.n <= l->rows.n);
    ledger_free(&l);
    ledger_free(&m);
    if (traceparent_valid(text)) ASSERT(n >= TRACEPARENT_BYTES);
    return 0;
}
