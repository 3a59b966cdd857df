/* SPDX-License-Identifier: Apache-2.0
 * preflight.h: whether `serve` can start: what `check` says before, and what `serve` insists on, in the same words.
 * One thread. Nothing is opened for writing, bound or sent.
 */
#ifndef S3ONRAMP_CONTROL_PREFLIGHT_H
#define S3ONRAMP_CONTROL_PREFLIGHT_H

#include "config/config.h"

/* config_load(), and whether files hold what they are named for, the local CA can be used, permits the names that it
 * will have to speak for, and does not end soon. Problems are written to @problems as config_load() does; warnings are
 * in the settings. Counted settings, or NULL if there was a problem. */
MUST_CHECK struct settings *preflight_load(const char *path, FILE *problems);

#endif
