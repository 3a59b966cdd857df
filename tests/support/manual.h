/* SPDX-License-Identifier: Apache-2.0
 * manual.h: pages of the manual with parts that come from tables of the program. PROGRAM --write FILE puts them between
 * the marks in FILE; PROGRAM --check FILE says when something is not as it would be written.
 */
#ifndef S3ONRAMP_TESTS_MANUAL_H
#define S3ONRAMP_TESTS_MANUAL_H

#include <stddef.h>
#include <stdio.h>

/* What stands between "<!-- NAME: … -->" and "<!-- end -->". */
struct manual_part {
    const char *name;
    void (*print)(FILE *out);
};

/* @parts: in the order of the file. The exit code. */
int manual_main(int argc, char **argv, const struct manual_part *parts, size_t n);

#endif
