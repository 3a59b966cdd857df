/* SPDX-License-Identifier: Apache-2.0
 * admin.h: the Unix socket for `s3onramp status` and `s3onramp credentials`. Control thread. One request per
 * connection: a line of JSON, {"command": "status"} or {"command": "drop", "credentials": NAME}, answered by the
 * status, as one JSON object, and the end of the connection; an answer with "error" is no status.
 */
#ifndef S3ONRAMP_ADMIN_ADMIN_H
#define S3ONRAMP_ADMIN_ADMIN_H

#include "control/server.h"

struct admin;

/* Binds and listens, mode 0600. *@out is NULL if the settings say off, or name no socket and the default's folder is
 * missing. ERR_FILE: another proxy has it, or it cannot be made. */
MUST_CHECK enum err_code admin_new(struct server *server, struct admin **out, struct err *err);
/* Removes the socket. NULL is fine. */
void admin_free(struct admin **a);

#endif
