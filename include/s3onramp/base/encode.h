/* SPDX-License-Identifier: Apache-2.0
 * encode.h: hexadecimal and base64, both ways. Pure; any thread. What does not fit into an sbuf sets its overflow.
 * Source: RFC 4648 4 (base64), 8 (base16).
 */
#ifndef S3ONRAMP_BASE_ENCODE_H
#define S3ONRAMP_BASE_ENCODE_H

#include "base/str.h"

void hex_lower(struct sbuf *b, const uint8_t *bytes, size_t n);
/* @s: exactly 2*n hex digits of either case. */
MUST_CHECK bool hex_decode(struct str s, uint8_t *out, size_t n);
/* Standard base64 with padding. */
void base64_encode(struct sbuf *b, const uint8_t *bytes, size_t n);
/* Strict standard base64 with padding; false if not exactly @n bytes result. */
MUST_CHECK bool base64_decode(struct str s, uint8_t *out, size_t n);

#endif
