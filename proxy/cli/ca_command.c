/* SPDX-License-Identifier: Apache-2.0
 * ca_command.c: `s3onramp ca init|show|export`: the local certificate authority. What it may certify: io/ca_scope.h.
 * One thread. Owns the settings while it works.
 */
#include "cli/cli.h"

#include "aws/s3/partition.h"
#include "io/ca_scope.h"
#include "io/mint.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAYS_DEFAULT = 3650, DAYS_MOST = 36500, REGIONS_MOST = 64 };

struct request {
    const char *config, *verb;
    unsigned days;
    bool force, unlimited;
    const char *regions[REGIONS_MOST]; /* of --region */
    size_t regions_n;
};

/* So that whoever gets it some other way can compare. */
static void describe_file(const char *path)
{
    FILE *in = fopen(path, "re");

    if (!in) return;
    ca_describe_file(in, stderr);
    fclose(in);
}

static void print_made(const char *certificate, const char *key, const struct request *r, const struct ca_scope *scope)
{
    char quoted[CLI_QUOTED];

    fprintf(stderr, "Made %s (the certificate) and ", cli_quote(certificate, quoted));
    fprintf(stderr, "%s (its key: keep it here).\n", cli_quote(key, quoted));
    if (r->unlimited)
        fputs("Warning: it has no name constraints: with its key anybody can speak for every site to those who trust "
              "it.\n",
              stderr);
    else
        fprintf(stderr, "It permits %zu names and %zu address%s; `s3onramp ca show` lists them.\n", scope->dns_n,
                scope->ip_n, scope->ip_n == 1 ? "" : "es");
    describe_file(certificate);
    cli_owner_hint(key);
    fputs("Next: copy the certificate to the clients and let them trust it, for AWS tools like this:\n", stderr);
    fflush(stderr);
    printf("export AWS_CA_BUNDLE=%s\n", cli_quote(certificate, quoted));
}

static int not_made(const struct err *err)
{
    int exit_code = cli_problem_err(err);

    if (err->sys_errno == ENOENT)
        fputs("Make that folder, or name other files in the configuration: certificate and private_key of [ca].\n",
              stderr);
    return exit_code;
}

static int make(const struct request *r, const struct settings *s, const struct ca_scope *scope)
{
    char host[65] = "", name[128];
    struct err err = {0};

    (void)gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "s3onramp local CA%s%.40s", host[0] ? " of " : "", host);
    struct ca_params params = {.common_name = name,
                               .days = r->days,
                               .dns = scope->dns,
                               .dns_n = scope->dns_n,
                               .ip = scope->ip,
                               .ip_n = scope->ip_n,
                               .unlimited = r->unlimited,
                               .alone = scope->alone,
                               .alone_n = scope->alone_n};
    if (ca_create(s->ca.certificate, s->ca.private_key, &params, r->force, &err) != ERR_NONE) return not_made(&err);
    print_made(s->ca.certificate, s->ca.private_key, r, scope);
    return CLI_FINE;
}

static int init(const struct request *r, const struct settings *s)
{
    struct ca_scope scope;
    int code;

    if (!s)
        return cli_problem(
            "there is no %s, which says for what the authority may speak; write it (`s3onramp check --example` shows "
            "how), or name another with -c FILE",
            r->config);
    ca_scope_init(&scope, s);
    for (size_t i = 0; i < r->regions_n; i++) {
        bool added = ca_scope_add_region(&scope, str_from(r->regions[i]));
        ASSERT(added); /* judged with the options */
    }
    if (scope.full)
        code = cli_problem(
            "there are too many Regions, names and addresses for one authority; give the listeners certificates of "
            "your own (certificate, private_key)");
    else if (!scope.dns_n && !r->unlimited)
        code = cli_problem("%s has no [endpoint] and no name of a listener: there is nothing to speak for; write them "
                           "first",
                           r->config);
    else
        code = make(r, s, &scope);
    ca_scope_clear(&scope);
    return code;
}

static int show(const struct request *r UNUSED, const struct settings *s)
{
    struct ca *ca = NULL;
    struct err err = {0};
    const char *certificate = s ? s->ca.certificate : "/etc/s3onramp/ca.pem";

    if (ca_load(certificate, s ? s->ca.private_key : "/etc/s3onramp/ca.key", &ca, &err) != ERR_NONE)
        return cli_problem_err(&err);
    ca_describe(ca, stdout);
    ca_free(&ca);
    return CLI_FINE;
}

/* Base64, or a line in dashes. */
static bool is_pem(const char *line)
{
    static const char pem[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=- \r\n";

    return line[strspn(line, pem)] == '\0';
}

/* The key is not needed, so whoever may read the certificate may export it. Only certificates are printed, whatever
 * else somebody put into the file. */
static int export_pem(const struct request *r UNUSED, const struct settings *s)
{
    const char *path = s ? s->ca.certificate : "/etc/s3onramp/ca.pem";
    FILE *in = fopen(path, "re");
    struct stat st;
    char line[256];
    bool inside = false, any = false;

    if (!in)
        return cli_problem("%s cannot be read (%s); %s", path, strerror(errno),
                           errno == EACCES ? "let everybody read it, it is no secret (chmod 644), or run this as the "
                                             "proxy's user"
                                           : "make it with `s3onramp ca init`");
    if (fstat(fileno(in), &st) != 0 || !S_ISREG(st.st_mode)) {
        fclose(in);
        return cli_problem("%s is no regular file; name one as `certificate` of [ca]", path);
    }
    while (fgets(line, sizeof line, in)) {
        bool ends = strncmp(line, "-----END CERTIFICATE-----", 25) == 0;
        if (strncmp(line, "-----BEGIN CERTIFICATE-----", 27) == 0) inside = any = true;
        if (inside && (ends || is_pem(line))) fputs(line, stdout);
        if (ends) inside = false;
    }
    rewind(in);
    ca_describe_file(in, stderr);
    fclose(in);
    if (!any) return cli_problem("%s holds no certificate; make it anew with `s3onramp ca init --force`", path);
    return CLI_FINE;
}

/* Without a configuration in the usual place the defaults hold; one that is named must be there. */
static int with_settings(const struct request *r, int (*act)(const struct request *r, const struct settings *s))
{
    struct settings *s = NULL;
    bool is_default = strcmp(r->config, CLI_DEFAULT_CONFIG) == 0;

    if (!is_default || access(r->config, F_OK) == 0) {
        s = config_read_without_clients(r->config, stderr);
        if (!s) return CLI_PROBLEM;
    }
    int exit_code = act(r, s);
    settings_unref(&s);
    return exit_code;
}

static int take_region(const struct cli_option *option UNUSED, void *to, const char *value)
{
    struct request *r = to;

    if (!partition_suffix(str_from(value)).n)
        return cli_wrong_usage("ca", "--region %s is no Region; write one like eu-west-1", value);
    if (r->regions_n == REGIONS_MOST) return cli_wrong_usage("ca", "--region: at most %d times", REGIONS_MOST);
    r->regions[r->regions_n++] = value;
    return CLI_FINE;
}

static int take_days(const struct cli_option *option UNUSED, void *to, const char *value)
{
    uint64_t days;

    if (!str_to_u64(str_from(value), &days) || days < 1 || days > DAYS_MOST)
        return cli_wrong_usage("ca", "--days %s: write a number from 1 to %d", value, DAYS_MOST);
    ((struct request *)to)->days = (unsigned)days;
    return CLI_FINE;
}

static int run(int argc, char **argv)
{
    static const struct {
        const char *verb;
        int (*act)(const struct request *r, const struct settings *s);
    } verbs[] = {{"init", init}, {"show", show}, {"export", export_pem}};
    struct request r = {.config = CLI_DEFAULT_CONFIG, .days = DAYS_DEFAULT};
    int code;

    if (!cli_parse(&cli_ca, argc, argv, &r, &code)) return code;
    if (!r.verb) return cli_wrong_usage("ca", "say what to do: init, show or export");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(r.verb, verbs[i].verb) == 0) return with_settings(&r, verbs[i].act);
    return cli_wrong_usage("ca", "there is no `ca %s`; there are init, show and export", r.verb);
}

static const struct cli_option options[] = {
    {.value = "init|show|export", .at = offsetof(struct request, verb)},
    CLI_CONFIG_OPTION(struct request, config),
    {.name = "days", .value = "N", .take = take_days, .help = "how long the authority is valid (default 3650)"},
    {.name = "region",
     .value = "REGION",
     .take = take_region,
     .help = "also the S3 names of a Region that no endpoint serves yet; may be repeated"},
    {.name = "no-constraints",
     .at = offsetof(struct request, unlimited),
     .help = "for TLS libraries that know no name constraints and refuse every authority that has\n"
             "them (Mbed TLS, old rustls): the key is then worth as much as that of any authority"},
    {.name = "force",
     .at = offsetof(struct request, force),
     .help = "replace an authority that exists (kept as FILE.old): clients must trust the new one"},
};

const struct cli_command cli_ca = {
    .name = "ca",
    .brief = "ca init|show|export",
    .summary = "the local CA that clients trust",
    .run = run,
    .usage = "ca init [-c FILE] [--days N] [--region REGION]... [--no-constraints] [--force]\n"
             "ca show [-c FILE]\n"
             "ca export [-c FILE]",
    .about = "init makes the local certificate authority that s3onramp makes certificates with for the names clients\n"
             "ask for. It is valid only for the S3 names of the configured endpoints' Regions and for the names and\n"
             "addresses of the listeners: whoever steals its key can speak for nobody else. show describes it, export\n"
             "prints its certificate (PEM).",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .example = "s3onramp ca init && export AWS_CA_BUNDLE=/etc/s3onramp/ca.pem",
};
