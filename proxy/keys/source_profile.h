/* SPDX-License-Identifier: Apache-2.0
 * source_profile.h: what the sources that go by the AWS tools' own files share. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_SOURCE_PROFILE_H
#define S3ONRAMP_CONTROL_SOURCE_PROFILE_H

#include "aws/documents/profile_plan.h"
#include "keys/source.h"

#include <limits.h>

/* As source_profile; with @environment AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN and AWS_ROLE_SESSION_NAME count, too.
 * ABSENT with where it looked in .why, in few words. NULL: out of memory. */
struct source *source_profile_in_chain(const struct source_context *context, bool environment);
/* SSO with a token that `aws sso login` left behind; what @plan says is copied. source_sso.c. NULL: out of memory. */
struct source *source_sso_with(const struct source_context *context, const struct profile_plan *plan);

/* getenv, with an empty one as NULL. */
const char *environment_text(const char *name);
/* @path under the user's home: HOME, else what the system's list of users says: a service may have no HOME. False: it
 * has none, or it is too long. */
bool home_path(const char *path, char out[PATH_MAX]);
/* The user we are, as a person would type it. */
void user_name(char out[64]);

#endif
