/* SPDX-License-Identifier: Apache-2.0
 * server.h: the running proxy: control thread and workers.
 */
#ifndef S3ONRAMP_CONTROL_SERVER_H
#define S3ONRAMP_CONTROL_SERVER_H

#include "base/config.h"

/* Serves with @settings (one reference is taken over) until SIGTERM or SIGINT, then stops gracefully: running transfers
 * are finished within shutdown_timeout; a second signal ends at once. Runs on the calling thread, which becomes the
 * control thread. ERR_NONE after an orderly end. */
MUST_CHECK enum err_code server_run(struct settings *settings, struct err *err);

#endif
