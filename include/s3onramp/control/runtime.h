/* SPDX-License-Identifier: Apache-2.0
 * runtime.h (control): building and freeing what workers read. Control thread only.
 */
#ifndef S3ONRAMP_CONTROL_RUNTIME_H
#define S3ONRAMP_CONTROL_RUNTIME_H

#include "flow/upstream/pool.h"

/* Loads certificates, the CA if some listener needs it, CA bundles of the endpoints. @access: borrowed, may be NULL.
 * Takes over one reference of @settings, also on failure. */
MUST_CHECK enum err_code runtime_new(struct settings *settings, struct sink *access, struct runtime **out,
                                     struct err *err);
void runtime_free(struct runtime **rt);

#endif
