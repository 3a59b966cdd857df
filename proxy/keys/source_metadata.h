/* SPDX-License-Identifier: Apache-2.0
 * source_metadata.h: what the sources that ask a service beside the machine (imds, container) make of its answers.
 */
#ifndef S3ONRAMP_CONTROL_SOURCE_METADATA_H
#define S3ONRAMP_CONTROL_SOURCE_METADATA_H

#include "keys/source.h"

/* An environment variable; NULL if it is not set or empty. */
const char *metadata_variable(const char *name);

/* Each of these ends the fetch: @s may be gone afterwards. @place: who answered, for messages. */

/* Any status but 200, 0 included: 429 is THROTTLED, 4xx REFUSED with @advice, all else FAILED. */
void metadata_status(struct source *s, const struct http_answer *a, const char *place, const char *advice);
/* 200: the document, whole and right, or FAILED. @origin, @stands: of good keys, see struct source_result. */
void metadata_document(struct source *s, const struct http_answer *a, const char *place, const char *origin,
                       bool stands);
/* The request could not begin. */
void metadata_not_begun(struct source *s, const struct err *err);

#endif
