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

static const char help[] = "Usage: s3onramp serve [-c FILE]\n"
                           "\n"
                           "Runs the proxy in the foreground until SIGTERM or SIGINT; then finishes running transfers "
                           "(server.shutdown_timeout).\n"
                           "\n"
                           "  -c, --config FILE   configuration (default " CLI_DEFAULT_CONFIG ")\n"
                           "  -h, --help          this text\n"
                           "\n"
                           "Example:\n"
                           "  s3onramp check -c s3onramp.ini && s3onramp serve -c s3onramp.ini\n";

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

int cli_serve(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *path = CLI_DEFAULT_CONFIG;
    struct settings *settings;
    struct err err = {0};
    int o;

    cli_options_start();
    while ((o = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        if (o == 'c') {
            path = optarg;
        } else if (o == 'h') {
            fputs(help, stdout);
            return CLI_FINE;
        } else {
            return cli_wrong_option("serve", o, argv);
        }
    }
    if (optind < argc) return cli_wrong_usage("serve", "unexpected argument '%s'", argv[optind]);
    settings = preflight_load(path, stderr);
    if (!settings) return cli_problem("the configuration is not usable; `s3onramp check -c %s` checks it again", path);
    log_setup(settings->log.level, settings->log.format, STDERR_FILENO);
    log_warnings(settings);
    if (serve(settings, &err) != ERR_NONE) return cli_problem_err(&err);
    return CLI_FINE;
}
