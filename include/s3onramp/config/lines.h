/* SPDX-License-Identifier: Apache-2.0
 * lines.h: sentences for people, gathered in a list. Aborts when there is no memory, as all that makes settings.
 */
#ifndef S3ONRAMP_CONFIG_LINES_H
#define S3ONRAMP_CONFIG_LINES_H

#include "config/config.h"

void lines_add(struct str_list *lines, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Takes over @text, of the heap. */
void lines_give(struct str_list *lines, char *text);
/* Frees them; the list is empty. */
void lines_clear(struct str_list *lines);

#endif
