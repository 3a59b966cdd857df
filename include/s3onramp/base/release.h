/* SPDX-License-Identifier: Apache-2.0
 * release.h: which release this is. Constant data; any thread.
 */
#ifndef S3ONRAMP_BASE_RELEASE_H
#define S3ONRAMP_BASE_RELEASE_H

#include "base/str.h"

extern const char release_version[]; /* "0.1.0", "0.1.0+12.g0123abc"; conf/packaging/version says how it comes to be */
extern const char release_day[];     /* of its last commit: "2026-11-29" */
extern const struct str release_agent; /* "s3onramp/VERSION", as it calls itself to servers */

#endif
