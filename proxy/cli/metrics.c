/* SPDX-License-Identifier: Apache-2.0
 * metrics.c: `s3onramp metrics`: what the running proxy measures, as Prometheus reads it. One thread.
 */
#include "cli/admin_client.h"
#include "cli/cli.h"

struct metrics_options {
    const char *config, *socket;
    bool openmetrics;
};

static int run(int argc, char **argv)
{
    struct metrics_options o = {.config = CLI_DEFAULT_CONFIG};
    int code;

    if (!cli_parse(&cli_metrics, argc, argv, &o, &code)) return code;
    return admin_print(o.socket, o.config, json_pack("{ss sb}", "command", "metrics", "openmetrics", o.openmetrics));
}

static const struct cli_option options[] = {
    {.name = "openmetrics",
     .at = offsetof(struct metrics_options, openmetrics),
     .help = "in the format of OpenMetrics 1.0, not in that of Prometheus 0.0.4"},
    CLI_SOCKET_OPTION(struct metrics_options, socket),
    CLI_CONFIG_OPTION(struct metrics_options, config),
};

const struct cli_command cli_metrics = {
    .name = "metrics",
    .brief = "metrics",
    .summary = "what the running proxy measures, for Prometheus",
    .run = run,
    .usage = "metrics [--openmetrics] [--socket PATH] [-c FILE]",
    .about =
        "Prints what the running proxy counts and how it is, as Prometheus and its like read it. What each family\n"
        "means is in the manual, in metrics.md.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more = "Exit code: 0 it is printed, 1 the proxy does not answer, 2 wrong usage.",
    .example = "s3onramp metrics | promtool check metrics",
};
