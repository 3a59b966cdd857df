/* SPDX-License-Identifier: Apache-2.0
 * check.c: `s3onramp check`: is the configuration right, and what does it come to? One thread. Owns the settings it
 * loads for as long as it looks at them.
 */
#include "cli/cli.h"

#include "io/mint.h"

static const char help[] =
    "Usage: s3onramp check [-c FILE] [--print]\n"
    "       s3onramp check --example\n"
    "\n"
    "Reads the configuration, its clients file and the local CA, and reports every problem at once, each\n"
    "with what to write instead. Nothing is started and nothing is sent.\n"
    "\n"
    "  -c, --config FILE   configuration to check (default " CLI_DEFAULT_CONFIG ")\n"
    "      --print         print every option in force and where it came from\n"
    "      --example       print a commented configuration with every option\n"
    "\n"
    "Exit code: 0 fine, 1 there are problems, 2 wrong usage.\n"
    "\n"
    "Example:\n"
    "  s3onramp check --example > s3onramp.ini && s3onramp check -c s3onramp.ini\n";

/* Says once which name the CA does not cover; the same step helps for all of them. */
static bool check_name(const struct ca *ca, const char *name, const char *ca_file)
{
    if (ca_permits(ca, str_from(name))) return true;
    cli_problem("%s does not permit the name %s; make it anew with `s3onramp ca init --force` and let clients trust it",
                ca_file, name);
    return false;
}

static bool check_names(const struct settings *s, const struct ca *ca)
{
    bool fine = true;

    for (size_t i = 0; i < s->endpoints_n; i++)
        fine &= check_name(ca, s->endpoints[i].host, s->ca.certificate);
    for (size_t i = 0; i < s->listeners_n; i++)
        for (size_t j = 0; j < s->listeners[i].names.n && !s->listeners[i].certificate; j++)
            fine &= check_name(ca, s->listeners[i].names.v[j], s->ca.certificate);
    return fine;
}

static bool check_ca(const struct settings *s)
{
    struct ca *ca = NULL;
    struct err err = {0};

    if (!settings_need_ca(s)) return true;
    if (ca_load(s->ca.certificate, s->ca.private_key, &ca, &err) != ERR_NONE) {
        cli_problem_err(&err);
        return false;
    }
    bool fine = check_names(s, ca);
    ca_free(&ca);
    return fine;
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static int check_file(const char *path, bool print)
{
    struct settings *s = config_load(path, stderr);

    if (!s) return CLI_PROBLEM;
    bool fine = check_ca(s);
    if (print) config_print(s, stdout);
    if (fine)
        fprintf(stderr, "%s: %sfine%s: %zu listener%s, %zu endpoint%s, %zu client%s\n", path,
                cli_color(stderr, CLI_GREEN), cli_color(stderr, CLI_PLAIN), s->listeners_n, plural(s->listeners_n),
                s->endpoints_n, plural(s->endpoints_n), s->clients_n, plural(s->clients_n));
    settings_unref(&s);
    return fine ? CLI_FINE : CLI_PROBLEM;
}

int cli_check(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"print", no_argument, NULL, 'p'},
                                            {"example", no_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *path = CLI_DEFAULT_CONFIG;
    bool print = false, example = false;
    int c;

    cli_options_start();
    while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c': path = optarg; break;
        case 'p': print = true; break;
        case 'e': example = true; break;
        case 'h': fputs(help, stdout); return CLI_FINE;
        default: return cli_wrong_option("check", c, argv);
        }
    }
    if (optind < argc)
        return cli_wrong_usage("check", "there is nothing to do with \"%s\"; name the file with -c", argv[optind]);
    if (!example) return check_file(path, print);
    config_print_example(stdout);
    return CLI_FINE;
}
