/* SPDX-License-Identifier: Apache-2.0
 * readable.h: text that holds what others wrote, for people's terminals. Any thread.
 */
#ifndef S3ONRAMP_BASE_READABLE_H
#define S3ONRAMP_BASE_READABLE_H

#include <stdarg.h>
#include <stdio.h>

/* Writes @text with its control characters (but for newline and tab), and bytes that are no UTF-8, as \x1b. */
void readable_put(FILE *out, const char *text);
/* The same for what vprintf makes of @fmt. Aborts when there is no memory. */
void readable_vprintf(FILE *out, const char *fmt, va_list args);

#endif
