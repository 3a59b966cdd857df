/* SPDX-License-Identifier: Apache-2.0
 * lines.c: see lines.h.
 */
#include "config/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void lines_give(struct str_list *lines, char *text)
{
    char **v = realloc(lines->v, (lines->n + 1) * sizeof(*v));

    ASSERT(v && text && "memory for a line");
    lines->v = v;
    v[lines->n++] = text;
}

void lines_add(struct str_list *lines, const char *fmt, ...)
{
    char *text;
    va_list args;

    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    ASSERT(n >= 0 && "memory for a line");
    lines_give(lines, text);
}

void lines_clear(struct str_list *lines)
{
    for (size_t i = 0; i < lines->n; i++)
        free(lines->v[i]);
    free(lines->v);
    *lines = (struct str_list){0};
}
