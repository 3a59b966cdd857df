/* SPDX-License-Identifier: Apache-2.0
 * release.c: the version, which each build asks of git.
 */
#include "base/release.h"

#include <release_text.h> /* written by the build */

const char release_version[] = RELEASE_TEXT;
const char release_day[] = RELEASE_DAY;
const struct str release_agent = STR_INIT("s3onramp/" RELEASE_TEXT);
