/* SPDX-License-Identifier: Apache-2.0
 * probe.h: tells the administrator, in the log, whether each address of each endpoint answers: TCP, TLS with the right
 * certificate, HTTP. At start and every half minute; a line only when something changed. Control thread only.
 */
#ifndef S3ONRAMP_CONTROL_PROBE_H
#define S3ONRAMP_CONTROL_PROBE_H

#include "base/config.h"
#include "io/loop.h"

struct probe;
/* @loop, @settings: borrowed, must outlive it. */
MUST_CHECK enum err_code probe_new(struct loop *loop, const struct settings *settings, struct probe **out,
                                   struct err *err);
void probe_free(struct probe **p);

#endif
