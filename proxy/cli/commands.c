/* SPDX-License-Identifier: Apache-2.0
 * commands.c: all commands, in the order in which `s3onramp --help` shows them.
 */
#include "cli/cli.h"

const struct cli_command *const cli_commands[] = {
    &cli_serve,   &cli_check,       &cli_doctor,  &cli_status, &cli_metrics, &cli_cost,   &cli_reload, &cli_drain,
    &cli_upgrade, &cli_credentials, &cli_explain, &cli_env,    &cli_ca,      &cli_client, &cli_policy, &cli_version};
const size_t cli_commands_n = ARRAY_LEN(cli_commands);
