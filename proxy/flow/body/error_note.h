/* SPDX-License-Identifier: Apache-2.0
 * error_note.h: the filter that looks for an error document in an answer that passes, for the access line. Private to
 * the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_BODY_ERROR_NOTE_H
#define S3ONRAMP_FLOW_BODY_ERROR_NOTE_H

#include "flow/request.h"

/* Best effort: without memory for it nothing is looked for. */
void error_note_add(struct request *req);

#endif
