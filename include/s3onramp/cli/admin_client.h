/* SPDX-License-Identifier: Apache-2.0
 * admin_client.h: asking the running proxy over its admin socket, for `status`, `credentials` and whatever
 * else a running proxy can be asked. One thread.
 */
#ifndef S3ONRAMP_CLI_ADMIN_CLIENT_H
#define S3ONRAMP_CLI_ADMIN_CLIENT_H

#include "config/config.h"

#include <jansson.h>

/* The path of the socket: @socket, or what the file @config says; *@s keeps it alive, for settings_unref. NULL: there
 * is none, and that was said. */
const char *admin_path(const char *socket, const char *config, struct settings **s);
enum { ADMIN_PATIENCE_S = 10 };

/* The proxy's answer (admin/command.h) to @question, an object that is taken over, within @patience_s (0: whenever);
 * the caller owns it. NULL: there is none, or it is an error, and that was said. */
MUST_CHECK json_t *admin_ask(const char *path, json_t *question, unsigned patience_s);
/* Shows an answer; the exit code. */
typedef int admin_show_fn(const json_t *answer, const void *arg);
/* All of a command that asks one thing: the socket is @socket or as the file @config says; asks (as admin_ask), and
 * shows the answer. The exit code. */
int admin_run(const char *socket, const char *config, json_t *question, unsigned patience_s, admin_show_fn *show,
              const void *arg);
/* The same for an answer that is text, which is printed as it is. */
int admin_print(const char *socket, const char *config, json_t *question);
/* As admin_ask, but nothing is said, and an answer may be an error. NULL with errno: there is none. */
MUST_CHECK json_t *admin_exchange(const char *path, json_t *question, unsigned patience_s);
void admin_say_no_answer(const char *path, int why); /* an errno */
/* Members of @object; "" and 0 if they are missing. */
const char *admin_text(const json_t *object, const char *key);
long long admin_number(const json_t *object, const char *key);
/* "7s", "12m", "3h", "5d" */
void cli_age(char out[16], double seconds);

#endif
