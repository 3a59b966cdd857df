/* SPDX-License-Identifier: Apache-2.0
 * command_line.h: takes a command apart into the program and its arguments, as the AWS SDKs do with credential_process:
 * words, quotes and backslashes of a shell, and nothing else of it: no variables, patterns, pipes or comments. Pure.
 * Source: Python Standard Library, "shlex", "Parsing Rules" in POSIX mode, which botocore uses: within double quotes a
 * backslash escapes only '"' and itself, and is an ordinary character before anything else.
 */
#ifndef S3ONRAMP_AWS_DOCUMENTS_COMMAND_LINE_H
#define S3ONRAMP_AWS_DOCUMENTS_COMMAND_LINE_H

#include "base/err.h"
#include "base/str.h"

struct command_line {
    char **argv; /* owned; a NULL follows the last */
    size_t n;    /* may be 0 */
};

/* ERR_CONFIG for a quote that is not closed, a backslash at the end and NUL bytes; the text itself is not told, it may
 * hold secrets. */
MUST_CHECK enum err_code command_line_split(struct str text, struct command_line *out, struct err *err);
void command_line_clear(struct command_line *c); /* wipes; zeroed memory is fine */

#endif
