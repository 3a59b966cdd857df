/* SPDX-License-Identifier: Apache-2.0
 * admin.h: the ways to the commands of a running proxy (command.h), as [admin] says. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_ADMIN_H
#define S3ONRAMP_ADMIN_ADMIN_H

#include "control/server.h"

struct admin;

/* Opens the socket, unless the settings say off, or name none and the default's folder is missing; and HTTP, where they
 * name addresses. ERR_FILE: another proxy has the socket, or it cannot be made. */
MUST_CHECK enum err_code admin_new(struct server *server, struct admin **out, struct err *err);
/* NULL is fine. */
void admin_free(struct admin **a);

#endif
