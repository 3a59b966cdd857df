/* SPDX-License-Identifier: Apache-2.0
 * commands.h: what the table of commands (commands.c) runs.
 */
#ifndef S3ONRAMP_ADMIN_COMMANDS_H
#define S3ONRAMP_ADMIN_COMMANDS_H

#include "admin/command.h"

/* status.c */
void command_status(struct admin_call *call);
void command_clients(struct admin_call *call);
void command_credentials(struct admin_call *call);
void command_drop(struct admin_call *call);

/* metrics.c */
void command_metrics(struct admin_call *call);

/* cost_ask.c */
void command_cost(struct admin_call *call);
/* traffic_list.c */
void command_traffic(struct admin_call *call);
/* page/overview.c */
void command_overview(struct admin_call *call);

/* requests.c */
void command_requests(struct admin_call *call);
/* life.c */
void command_drain(struct admin_call *call);
void command_upgrade(struct admin_call *call);
/* reload.c */
void command_reload(struct admin_call *call);
/* An array of strings; no memory: NULL. */
json_t *lines_json(const struct str_list *lines);

#endif
