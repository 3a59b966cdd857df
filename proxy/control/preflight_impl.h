/* SPDX-License-Identifier: Apache-2.0
 * preflight_impl.h: the part of the preflight that has a file of its own.
 */
#ifndef S3ONRAMP_CONTROL_PREFLIGHT_IMPL_H
#define S3ONRAMP_CONTROL_PREFLIGHT_IMPL_H

#include "config/config.h"

/* What [credentials] section @set asks for that is not on this machine becomes a warning of @s. */
void preflight_warn_source(struct settings *s, const struct credentials_conf *set);

#endif
