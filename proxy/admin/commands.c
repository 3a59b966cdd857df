/* SPDX-License-Identifier: Apache-2.0
 * commands.c: the table of commands.
 */
#include "commands.h"

static void command_help(struct admin_call *call);

static const struct admin_command rows[] = {
    {"status",
     {{"clients", ADMIN_FLAG, false}, {"warn", ADMIN_TEXT, false}},
     ADMIN_LOOK,
     command_status,
     "whether it is ready, endpoints, addresses and how they are, credentials, logs, counters; clients: also what each "
     "asked for; warn: also what ends within so many seconds"},
    {"metrics",
     {{"openmetrics", ADMIN_FLAG, false}},
     ADMIN_LOOK,
     command_metrics,
     "all that is measured, as text for Prometheus instead of JSON; openmetrics: in the format of OpenMetrics 1.0"},
    {"requests", {{0}}, ADMIN_LOOK, command_requests, "requests that are under way, and how far they are"},
    {"clients", {{0}}, ADMIN_LOOK, command_clients, "what each client and group asked for"},
    {"overview",
     {{0}},
     ADMIN_LOOK,
     command_overview,
     "what the page shows: who is to blame, the road, the last hour, clients, transfers, what went wrong, what "
     "expires"},
    {"credentials", {{0}}, ADMIN_LOOK, command_credentials, "the keys that requests are signed with"},
    {"cost",
     {{"month", ADMIN_TEXT, false}, {"by", ADMIN_TEXT, false}},
     ADMIN_LOOK,
     command_cost,
     "what the traffic of a month costs, this one's or another's (2026-11); by: client, bucket or zone, with the part "
     "of "
     "each"},
    {"traffic",
     {{"by", ADMIN_TEXT, false}},
     ADMIN_LOOK,
     command_traffic,
     "content and requests that went to S3 since the start, by client, bucket and zone, or by those of them that `by` "
     "names, separated by commas"},
    {"drop",
     {{"credentials", ADMIN_TEXT, true}},
     ADMIN_CHANGE,
     command_drop,
     "takes the keys of a section out of use and asks its source anew"},
    {"reload",
     {{"file", ADMIN_TEXT, false}, {"check", ADMIN_FLAG, false}, {"cut", ADMIN_FLAG, false}},
     ADMIN_CHANGE,
     command_reload,
     "puts the changed configuration in force, if it is that in `file`; check: only says what would change; cut: ends "
     "what runs for clients that are gone"},
    {"drain",
     {{"wait", ADMIN_FLAG, false}},
     ADMIN_CHANGE,
     command_drain,
     "ends the proxy: no new connections, what runs is finished within shutdown_timeout"},
    {"upgrade",
     {{0}},
     ADMIN_CHANGE,
     command_upgrade,
     "starts the program anew, which takes over all listening sockets"},
    {"help", {{0}}, ADMIN_LOOK, command_help, "the commands there are"},
};

const struct admin_commands admin_commands = {rows, ARRAY_LEN(rows)};

static json_t *arguments_json(const struct admin_command *command)
{
    json_t *all = json_array();

    for (size_t i = 0; i < ADMIN_ARGUMENTS && command->arguments[i].name; i++)
        json_array_append_new(all, json_pack("{ss ss sb}", "name", command->arguments[i].name, "type",
                                             command->arguments[i].type == ADMIN_TEXT ? "string" : "boolean", "needed",
                                             command->arguments[i].needed));
    return all;
}

static void command_help(struct admin_call *call)
{
    json_t *all = json_array();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        json_array_append_new(all, json_pack("{ss so ss}", "command", rows[i].name, "arguments",
                                             arguments_json(&rows[i]), "help", rows[i].help));
    admin_reply_json(call, json_pack("{so}", "commands", all));
}
