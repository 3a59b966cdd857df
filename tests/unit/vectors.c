/* SPDX-License-Identifier: Apache-2.0
 * vectors.c: reads the files below tests/vectors and compares what came out of them.
 */
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

FILE *vector_open(const char *kind, const char *name, const char *part)
{
    char path[512];

    assert_true(snprintf(path, sizeof path, "%s/%s/%s/%s", TEST_VECTORS, kind, name, part) < (int)sizeof path);
    FILE *in = fopen(path, "rb");
    if (!in) fail_msg("%s cannot be opened", path);
    return in;
}

struct vector_part vector_read(const char *kind, const char *name, const char *part)
{
    struct vector_part p;
    FILE *in = vector_open(kind, name, part);

    p.n = fread(p.bytes, 1, sizeof p.bytes, in);
    assert_true(p.n > 0 && p.n < sizeof p.bytes);
    fclose(in);
    return p;
}

void assert_str(const char *what, struct str got, struct str expected)
{
    if (!str_eq(got, expected)) fail_msg("%s: got \"%.*s\", expected \"%.*s\"", what, STR_ARG(got), STR_ARG(expected));
}
