/* SPDX-License-Identifier: Apache-2.0
 * json_text.h: text from anywhere (a path, an answer, a program's words) as a JSON string. Any thread.
 */
#ifndef S3ONRAMP_KEYS_JSON_TEXT_H
#define S3ONRAMP_KEYS_JSON_TEXT_H

#include "base/str.h"

#include <jansson.h>

/* @text as it is, but for what is not UTF-8, for which jansson makes no string at all, and for control characters,
 * which would reach a terminal: U+FFFD stands for each. NULL: no memory. */
json_t *json_text_of(struct str text);
json_t *json_text(const char *text);

#endif
