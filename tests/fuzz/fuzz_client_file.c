/* SPDX-License-Identifier: Apache-2.0
 * fuzz_client_file.c: a list of people of any bytes, as names and as CSV; each stands in a line of its own. Whether
 * they may be called so is judged later.
 */
#include "../../proxy/cli/client_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char problems[4096];
    FILE *out = fmemopen(problems, sizeof(problems), "w");
    struct client_rows rows = {0};

    if (!out) return 0;
    if (client_file_parse(&rows, "f", str_make((const char *)data, n), out) == 0)
        for (size_t i = 0; i < rows.n; i++)
            ASSERT(rows.v[i].line > (i ? rows.v[i - 1].line : 0));
    client_rows_clear(&rows);
    fclose(out);
    return 0;
}
