/* SPDX-License-Identifier: Apache-2.0
 * life.c: `s3onramp drain` and `s3onramp upgrade`: the end of the running proxy, and one that takes its place. One
 * thread.
 */
#include "cli/admin_client.h"
#include "cli/cli.h"

struct drain_options {
    const char *config, *socket;
    bool no_wait, json;
};

static int show_drain(const json_t *answer, const void *arg)
{
    const struct drain_options *o = arg;

    if (o->json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (o->no_wait) {
        printf("it is %s\n", admin_text(answer, "state"));
    } else {
        printf("it has ended; requests finished: %lld, cut: %lld\n", admin_number(answer, "finished"),
               admin_number(answer, "cut"));
    }
    return admin_number(answer, "cut") ? CLI_PROBLEM : CLI_FINE;
}

static int run_drain(int argc, char **argv)
{
    struct drain_options o = {.config = CLI_DEFAULT_CONFIG};
    int code;

    if (!cli_parse(&cli_drain, argc, argv, &o, &code)) return code;
    return admin_run(o.socket, o.config, json_pack("{ss sb}", "command", "drain", "wait", !o.no_wait),
                     o.no_wait ? ADMIN_PATIENCE_S : 0, show_drain, &o);
}

static const struct cli_option drain_rows[] = {
    {.name = "no-wait", .at = offsetof(struct drain_options, no_wait), .help = "do not wait for its end"},
    CLI_JSON_OPTION(struct drain_options, json),
    CLI_SOCKET_OPTION(struct drain_options, socket),
    CLI_CONFIG_OPTION(struct drain_options, config),
};

const struct cli_command cli_drain = {
    .name = "drain",
    .brief = "drain [--no-wait]",
    .summary = "end the running proxy when its transfers are over",
    .run = run_drain,
    .usage = "drain [--no-wait] [--json] [--socket PATH] [-c FILE]",
    .about = "Ends the running proxy, as SIGTERM does: health pages say no for drain_delay; then it takes no more "
             "connections,\n"
             "finishes what runs, and cuts what is not over within shutdown_timeout. Waits for that, and says how many "
             "requests\n"
             "were finished and how many were cut.",
    .options = drain_rows,
    .options_n = ARRAY_LEN(drain_rows),
    .more = "Exit code: 0 nothing was cut, 1 something was, or the proxy does not answer, 2 wrong usage.",
    .example = "s3onramp drain && echo 'nothing was cut'",
};

struct upgrade_options {
    const char *config, *socket;
    bool json;
};

static int show_upgrade(const json_t *answer, const void *arg)
{
    const struct upgrade_options *o = arg;

    if (o->json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        printf("process %lld serves now; the one before finishes what it has\n", admin_number(answer, "pid"));
    }
    return CLI_FINE;
}

static int run_upgrade(int argc, char **argv)
{
    struct upgrade_options o = {.config = CLI_DEFAULT_CONFIG};
    int code;

    if (!cli_parse(&cli_upgrade, argc, argv, &o, &code)) return code;
    return admin_run(o.socket, o.config, json_pack("{ss}", "command", "upgrade"), 0, show_upgrade, &o);
}

static const struct cli_option upgrade_rows[] = {
    CLI_JSON_OPTION(struct upgrade_options, json),
    CLI_SOCKET_OPTION(struct upgrade_options, socket),
    CLI_CONFIG_OPTION(struct upgrade_options, config),
};

const struct cli_command cli_upgrade = {
    .name = "upgrade",
    .brief = "upgrade",
    .summary = "start the program anew without refusing or cutting anything",
    .run = run_upgrade,
    .usage = "upgrade [--json] [--socket PATH] [-c FILE]",
    .about = "Starts the program of the running proxy anew, as SIGUSR2 does: from the same path, with the same words "
             "and its\n"
             "configuration as it is now. The new process takes over the listening sockets; when it is ready, keys "
             "included,\n"
             "the old one takes no more connections and finishes what it has (upgrade_timeout). If the new one does "
             "not become\n"
             "ready within upgrade_ready_timeout, or ends, the old one goes on as before, and this command says why.",
    .options = upgrade_rows,
    .options_n = ARRAY_LEN(upgrade_rows),
    .more = "Exit code: 0 the new one serves, 1 the old one goes on, or does not answer, 2 wrong usage.",
    .example = "s3onramp check && s3onramp upgrade",
};
