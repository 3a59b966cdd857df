/* SPDX-License-Identifier: Apache-2.0
 * serve.c: the command `s3onramp serve`: reads the configuration and runs the proxy in the foreground. Main thread,
 * which becomes the control thread.
 */
#include "admin/admin.h"
#include "base/log.h"
#include "cli/cli.h"
#include "control/preflight.h"
#include "control/server.h"

#include <unistd.h>

static void log_warnings(const struct settings *s)
{
    char where[CONFIG_PLACE_TEXT];

    for (size_t i = 0; i < s->warnings_n; i++)
        LOG(LOG_WARN, "%s: %s", config_place_text(s->warnings[i].place, where), s->warnings[i].text);
}

static enum err_code serve(struct settings *settings, struct err *err)
{
    struct server *server = NULL;
    struct admin *admin = NULL;
    enum err_code code = server_new(settings, &server, err);

    if (code == ERR_NONE) code = admin_new(server, &admin, err);
    if (code == ERR_NONE) code = server_run(server, err);
    admin_free(&admin);
    server_free(&server);
    return code;
}

struct options {
    const char *config;
};

static int run(int argc, char **argv)
{
    struct options o = {.config = CLI_DEFAULT_CONFIG};
    struct settings *settings;
    struct err err = {0};
    int code;

    if (!cli_parse(&cli_serve, argc, argv, &o, &code)) return code;
    settings = preflight_load(o.config, stderr);
    if (!settings)
        return cli_problem("the configuration is not usable; `s3onramp check -c %s` checks it again", o.config);
    log_setup(settings->log.level, settings->log.format, STDERR_FILENO);
    log_warnings(settings);
    if (serve(settings, &err) != ERR_NONE) return cli_problem_err(&err);
    return CLI_FINE;
}

static const struct cli_option options[] = {CLI_CONFIG_OPTION(struct options, config)};

const struct cli_command cli_serve = {
    .name = "serve",
    .brief = "serve [-c FILE]",
    .summary = "run in the foreground",
    .run = run,
    .usage = "serve [-c FILE]",
    .about = "Runs the proxy in the foreground until SIGTERM or SIGINT; then finishes running transfers "
             "(server.shutdown_timeout).",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .example = "s3onramp check -c s3onramp.ini && s3onramp serve -c s3onramp.ini",
};
