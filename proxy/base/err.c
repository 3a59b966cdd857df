/* SPDX-License-Identifier: Apache-2.0
 * err.c: the error table made of ERR_TABLE, and how a failing function reports. Any thread. Owns nothing.
 */
#include "base/err.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct err_info table[] = {
#define X(code, http, s3, blame, tell, word, text) [ERR_##code] = {http, blame, tell, s3, word, text},
    ERR_TABLE(X)
#undef X
};

const struct err_info *err_info(enum err_code code)
{
    ASSERT((size_t)code < ARRAY_LEN(table));
    return &table[code];
}

/* Formatted aside first: a caller may wrap the detail of the very error that it is replacing. */
enum err_code(err_set)(struct err *err, enum err_code code, int sys_errno, const char *fmt, ...)
{
    char detail[sizeof err->detail];
    va_list args;

    if (!err) return code;
    va_start(args, fmt);
    if (vsnprintf(detail, sizeof detail, fmt, args) < 0) detail[0] = '\0';
    va_end(args);
    err->code = code;
    err->sys_errno = sys_errno;
    memcpy(err->detail, detail, strlen(detail) + 1);
    return code;
}

void bug_at(const char *file, int line, const char *what)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "s3onramp: bug at %s:%d: %s\n", file, line, what);

    if (n > 0)
        log_write(STDERR_FILENO, str_head(str_from(text), (size_t)n)); /* a reader that stalls does not stop it */
    abort();
}
