/* SPDX-License-Identifier: Apache-2.0
 * readable.c: see readable.h.
 */
#include "base/readable.h"

#include "base/str.h"

#include <stdlib.h>

/* C0, DEL, C1. */
static bool is_control(uint32_t c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0);
}

void readable_put(FILE *out, const char *text)
{
    struct str rest = str_from(text);

    while (rest.n > 0) {
        uint32_t c;
        size_t n = str_utf8(rest, &c);

        if (n > 0 && !is_control(c))
            fwrite(rest.p, 1, n, out);
        else
            for (size_t i = 0; i < (n ? n : 1); i++)
                fprintf(out, "\\x%02x", (unsigned char)rest.p[i]);
        rest = str_tail(rest, n ? n : 1);
    }
}

void readable_vprintf(FILE *out, const char *fmt, va_list args)
{
    char *text;
    int n = vasprintf(&text, fmt, args);

    ASSERT(n >= 0 && "memory for a sentence");
    readable_put(out, text);
    free(text);
}
