/* SPDX-License-Identifier: Apache-2.0
 * admin_client.h: asking the running proxy over its admin socket, for `status` and `credentials`. One thread.
 */
#ifndef S3ONRAMP_CLI_ADMIN_CLIENT_H
#define S3ONRAMP_CLI_ADMIN_CLIENT_H

#include "config/config.h"

#include <jansson.h>

/* The path of the socket: @socket, or what the file @config says; *@s keeps it alive, for settings_unref. NULL: there
 * is none, and that was said. */
const char *admin_path(const char *socket, const char *config, struct settings **s);
/* The proxy's status (admin/status.h); the caller owns it. NULL with errno: no answer. */
MUST_CHECK json_t *admin_ask(const char *path);
/* The same, after the keys of section @name were withdrawn, if there is one. */
MUST_CHECK json_t *admin_drop(const char *path, const char *name);
/* Says that there is no usable answer, and what to do; returns CLI_PROBLEM. @answer: what came instead, or NULL (errno
 * says why). */
int admin_problem(const char *path, const json_t *answer);
/* Members of @object; "" and 0 if they are missing. */
const char *admin_text(const json_t *object, const char *key);
long long admin_number(const json_t *object, const char *key);
/* "7s", "12m", "3h", "5d" */
void cli_age(char out[16], double seconds);

#endif
