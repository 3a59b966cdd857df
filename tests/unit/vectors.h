/* SPDX-License-Identifier: Apache-2.0
 * vectors.h: the files below tests/vectors, for unit tests: a folder per @kind, in it a folder per @name, in it the
 * parts. What cannot be read fails the test.
 */
#ifndef S3ONRAMP_UNIT_VECTORS_H
#define S3ONRAMP_UNIT_VECTORS_H

#include "base/str.h"

#include <stdio.h>

enum { VECTOR_MAX = 4096 };

struct vector_part {
    char bytes[VECTOR_MAX];
    size_t n; /* below VECTOR_MAX */
};

/* To be closed by the caller. */
FILE *vector_open(const char *kind, const char *name, const char *part);

/* The whole part, which may not be empty. */
struct vector_part vector_read(const char *kind, const char *name, const char *part);

static inline struct str vector_str(const struct vector_part *p)
{
    return str_make(p->bytes, p->n);
}

/* Fails the test with @what if they differ. */
void assert_str(const char *what, struct str got, struct str expected);

#endif
