/* SPDX-License-Identifier: Apache-2.0
 * fuzz_config.c: any bytes as a configuration: problems are reported or settings come out, and those can be printed
 * and freed. Either way at least one of the two must happen.
 */
#include "config/config.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *problems = NULL, *printed = NULL;
    size_t problems_n = 0, printed_n = 0;
    FILE *in = size ? fmemopen((void *)(uintptr_t)data, size, "r") : fopen("/dev/null", "r");
    FILE *out = open_memstream(&problems, &problems_n), *print = open_memstream(&printed, &printed_n);

    ASSERT(in && out && print);
    struct settings *s = config_load_stream(in, "fuzz.ini", out);
    if (s) config_print(s, print);
    fclose(in);
    fclose(out);
    fclose(print);
    ASSERT((s == NULL) == (problems_n > 0));
    ASSERT((s == NULL) == (printed_n == 0));
    settings_unref(&s);
    free(problems);
    free(printed);
    return 0;
}
