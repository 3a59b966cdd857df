/* SPDX-License-Identifier: Apache-2.0
 * check.c: `s3onramp check`: is the configuration right, and what does it come to? One thread. Owns the settings it
 * loads for as long as it looks at them.
 */
#include "cli/cli.h"

#include "control/preflight.h"

static const char help[] =
    "Usage: s3onramp check [-c FILE] [--print] [--strict]\n"
    "       s3onramp check --example\n"
    "\n"
    "Reads the configuration, its clients file and the local CA, and reports every problem at once, each\n"
    "with what to write instead; then what is right by the letter and hardly meant, as warnings. Nothing is\n"
    "started and nothing is sent.\n"
    "\n"
    "  -c, --config FILE   configuration to check (default " CLI_DEFAULT_CONFIG ")\n"
    "      --print         print every option in force and where it came from\n"
    "      --strict        warnings are problems, too\n"
    "      --example       print a commented configuration with every option\n"
    "\n"
    "Exit code: 0 fine, 1 there are problems, 2 wrong usage.\n"
    "\n"
    "Example:\n"
    "  s3onramp check --example > s3onramp.ini && s3onramp check -c s3onramp.ini\n";

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void print_warnings(const struct settings *s)
{
    char where[CONFIG_PLACE_TEXT];

    for (size_t i = 0; i < s->warnings_n; i++)
        fprintf(stderr, "%s: warning: %s\n", config_place_text(s->warnings[i].place, where), s->warnings[i].text);
}

/* read-write meant all of this once. Nothing is wrong with it, so it is no warning; once is enough. */
static void print_notes(const struct settings *s)
{
    char where[CONFIG_PLACE_TEXT];

    for (size_t i = 0; i < s->policies_n; i++) {
        const struct policy_conf *policy = &s->policies[i];

        if (policy->access != POLICY_READ_WRITE) continue;
        fprintf(stderr,
                "%s: note: access = read-write of policy \"%s\" is for objects only; clients that make, configure or "
                "remove buckets, or set bucket policies or ACLs, need access = admin\n",
                config_place_text(settings_place(s, policy, "access"), where), policy->name);
        return;
    }
}

static void print_verdict(const struct settings *s)
{
    fprintf(stderr, "%s: %sfine%s", s->file, cli_color(stderr, CLI_GREEN), cli_color(stderr, CLI_PLAIN));
    if (s->warnings_n) fprintf(stderr, ", with %zu warning%s", s->warnings_n, plural(s->warnings_n));
    fprintf(stderr, ": %zu listener%s, %zu endpoint%s, %zu client%s\n", s->listeners_n, plural(s->listeners_n),
            s->endpoints_n, plural(s->endpoints_n), s->clients_n, plural(s->clients_n));
}

static int check_file(const char *path, bool print, bool strict)
{
    struct settings *s = preflight_load(path, stderr);
    int code = CLI_FINE;

    if (!s) return CLI_PROBLEM;
    if (print) config_print(s, stdout);
    print_warnings(s);
    print_notes(s);
    if (strict && s->warnings_n)
        code = cli_problem("%zu warning%s in %s, and --strict takes none", s->warnings_n, plural(s->warnings_n), path);
    else
        print_verdict(s);
    settings_unref(&s);
    return code;
}

int cli_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"print", no_argument, NULL, 'p'}, {"strict", no_argument, NULL, 's'},
        {"example", no_argument, NULL, 'e'},      {"help", no_argument, NULL, 'h'},  {0}};
    const char *path = CLI_DEFAULT_CONFIG;
    bool print = false, example = false, strict = false;
    int c;

    cli_options_start();
    while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c': path = optarg; break;
        case 'p': print = true; break;
        case 's': strict = true; break;
        case 'e': example = true; break;
        case 'h': fputs(help, stdout); return CLI_FINE;
        default: return cli_wrong_option("check", c, argv);
        }
    }
    if (optind < argc)
        return cli_wrong_usage("check", "there is nothing to do with \"%s\"; name the file with -c", argv[optind]);
    if (!example) return check_file(path, print, strict);
    config_print_example(stdout);
    return CLI_FINE;
}
