/* SPDX-License-Identifier: Apache-2.0
 * check.c: `s3onramp check`: is the configuration right, and what does it come to? One thread. Owns the settings it
 * loads for as long as it looks at them.
 */
#include "cli/cli.h"

#include "base/readable.h"
#include "cli/admin_client.h"
#include "control/preflight.h"
#include "io/listener.h"

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void print_warnings(const struct settings *s)
{
    char where[CONFIG_PLACE_TEXT];

    for (size_t i = 0; i < s->warnings_n; i++) {
        fprintf(stderr, "%s: warning: ", config_place_text(s->warnings[i].place, where));
        readable_put(stderr, s->warnings[i].text);
        fputc('\n', stderr);
    }
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

static bool is_running(const struct settings *s)
{
    json_t *answer = admin_exchange(s->admin.socket, json_pack("{ss}", "command", "help"), 1);
    bool running = answer != NULL;

    json_decref(answer);
    return running;
}

/* `serve` would stumble over it. A proxy that runs with this configuration has its ports itself. */
static void warn_ports(struct settings *s)
{
    struct err err = {0};

    if (is_running(s)) return;
    for (size_t i = 0; i < s->listeners_n; i++) {
        const struct listener_conf *l = &s->listeners[i];

        for (size_t j = 0; j < l->bind_n; j++)
            if (listener_judge(&l->bind[j], &err) != ERR_NONE)
                settings_warn(s, settings_place(s, l, "bind"), "[listener %s] %s", l->name, err.detail);
    }
}

static int check_file(const char *path, bool print, bool strict)
{
    struct settings *s = preflight_load(path, stderr);
    int code = CLI_FINE;

    if (!s) return CLI_PROBLEM;
    if (print) config_print(s, stdout);
    warn_ports(s);
    print_warnings(s);
    print_notes(s);
    if (strict && s->warnings_n)
        code = cli_problem("%zu warning%s in %s, and --strict takes none", s->warnings_n, plural(s->warnings_n), path);
    else
        print_verdict(s);
    settings_unref(&s);
    return code;
}

struct options {
    const char *config;
    bool print, strict, example;
};

static int run(int argc, char **argv)
{
    struct options o = {.config = CLI_DEFAULT_CONFIG};
    int code;

    if (!cli_parse(&cli_check, argc, argv, &o, &code)) return code;
    if (!o.example) return check_file(o.config, o.print, o.strict);
    config_print_example(stdout);
    return CLI_FINE;
}

static const struct cli_option options[] = {
    {.name = "config",
     .letter = 'c',
     .value = "FILE",
     .at = offsetof(struct options, config),
     .help = "configuration to check (default " CLI_DEFAULT_CONFIG ")"},
    {.name = "print",
     .at = offsetof(struct options, print),
     .help = "print every option in force and where it came from"},
    {.name = "strict", .at = offsetof(struct options, strict), .help = "warnings are problems, too"},
    {.name = "example",
     .at = offsetof(struct options, example),
     .help = "print a commented configuration with every option"},
};

const struct cli_command cli_check = {
    .name = "check",
    .brief = "check [-c FILE] [--strict]",
    .summary = "judge the configuration; show what it comes to",
    .run = run,
    .usage = "check [-c FILE] [--print] [--strict]\n"
             "check --example",
    .about = "Reads the configuration, its clients file and the local CA, and reports every problem at once, each\n"
             "with what to write instead; then what is right by the letter and hardly meant, as warnings. Nothing is\n"
             "started and nothing is sent.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more = "Exit code: 0 fine, 1 there are problems, 2 wrong usage.",
    .example = "s3onramp check --example > s3onramp.ini && s3onramp check -c s3onramp.ini",
};
