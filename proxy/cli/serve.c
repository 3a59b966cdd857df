/* SPDX-License-Identifier: Apache-2.0
 * serve.c: the command `s3onramp serve`: reads the configuration and runs the proxy in the foreground. Main thread,
 * which becomes the control thread.
 */
#include "admin/admin.h"
#include "base/log.h"
#include "cli/cli.h"
#include "control/preflight.h"
#include "control/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void log_warnings(const struct settings *s)
{
    char where[CONFIG_PLACE_TEXT];

    for (size_t i = 0; i < s->warnings_n; i++)
        LOG(LOG_WARN, "%s: %s", config_place_text(s->warnings[i].place, where), s->warnings[i].text);
}

static enum err_code serve(struct settings *settings, struct heir *heir, char *const argv[], struct err *err)
{
    struct server *server = NULL;
    struct admin *admin = NULL;
    enum err_code code = server_new(settings, heir, argv, &server, err);

    if (code == ERR_NONE) code = admin_new(server, &admin, err);
    if (code == ERR_NONE) code = server_run(server, err);
    admin_free(&admin);
    server_free(&server);
    return code;
}

struct options {
    const char *config;
};

/* The program as it was called, and its words: how the next one is started. Heap; its texts are borrowed. */
static char **own_argv(int argc, char **argv)
{
    char **own = calloc((size_t)argc + 2, sizeof(*own));

    if (!own) abort();
    own[0] = program_invocation_name;
    memcpy(own + 1, argv, (size_t)argc * sizeof(*own));
    return own;
}

static int run_with(const char *config, struct heir *heir, char *const argv[])
{
    struct settings *settings = preflight_load(config, heir ? heir_words(heir) : stderr);
    struct err err = {0};

    if (!settings) {
        cli_problem("the configuration is not usable; `s3onramp check -c %s` checks it again", config);
        return CLI_CONFIG;
    }
    log_setup(settings->log.level, settings->log.format, STDERR_FILENO);
    log_warnings(settings);
    return serve(settings, heir, argv, &err) == ERR_NONE ? CLI_FINE : cli_problem_err(&err);
}

static int run(int argc, char **argv)
{
    struct options o = {.config = CLI_DEFAULT_CONFIG};
    struct heir *heir = NULL;
    struct err err = {0};
    char **own;
    int code;

    if (!cli_parse(&cli_serve, argc, argv, &o, &code)) return code;
    if (heir_new(&heir, &err) != ERR_NONE) return cli_problem_err(&err);
    if (heir) cli_copy_problems(heir_words(heir));
    own = own_argv(argc, argv);
    code = run_with(o.config, heir, own);
    free(own);
    cli_copy_problems(NULL);
    heir_free(&heir);
    return code;
}

static const struct cli_option options[] = {CLI_CONFIG_OPTION(struct options, config)};

const struct cli_command cli_serve = {
    .name = "serve",
    .brief = "serve [-c FILE]",
    .summary = "run in the foreground",
    .run = run,
    .usage = "serve [-c FILE]",
    .about = "Runs the proxy in the foreground until SIGTERM or SIGINT; then finishes running transfers "
             "(server.shutdown_timeout).\n"
             "SIGUSR1 opens the logs anew; SIGUSR2 starts a new program in its place (see `s3onramp help upgrade`).",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more = "Exit code: 0 it was ended, 1 it could not serve, 2 wrong usage, 78 the configuration is wrong.",
    .example = "s3onramp check -c s3onramp.ini && s3onramp serve -c s3onramp.ini",
};
