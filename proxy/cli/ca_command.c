/* SPDX-License-Identifier: Apache-2.0
 * ca_command.c: `s3onramp ca init|show|export|renew|switch`: the local certificate authority. What it may certify:
 * io/ca_scope.h. One thread. Owns the settings while it works.
 */
#include "cli/cli.h"

#include "aws/s3/partition.h"
#include "cli/reload.h"
#include "io/ca_scope.h"
#include "io/mint.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAYS_DEFAULT = 3650, DAYS_MOST = 36500, REGIONS_MOST = 64 };

struct request {
    const char *config, *verb;
    unsigned days;
    bool force, unlimited, no_reload;
    const char *regions[REGIONS_MOST]; /* of --region */
    size_t regions_n;
};

/* Where the files of an authority are. */
struct files {
    const char *certificate, *key;
    char next_certificate[PATH_MAX], next_key[PATH_MAX]; /* of the one that comes after it */
};

/* Without a configuration it is where it would be by default. */
static const struct ca_conf *conf_of(const struct settings *s)
{
    static char certificate[] = "/etc/s3onramp/ca.pem", key[] = "/etc/s3onramp/ca.key";
    static const struct ca_conf usual = {.certificate = certificate, .private_key = key};

    return s ? &s->ca : &usual;
}

static bool find_files(struct files *f, const struct ca_conf *ca)
{
    f->certificate = ca->certificate;
    f->key = ca->private_key;
    return ca_next_path(f->certificate, f->next_certificate, sizeof f->next_certificate) &&
           ca_next_path(f->key, f->next_key, sizeof f->next_key);
}

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
}

static void print_first_step(const char *certificate)
{
    char quoted[CLI_QUOTED];

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

/* The next one is called otherwise: there are programs that look for an issuer by its name alone. */
static void name_authority(bool next, char out[128])
{
    char host[65] = "", day[32] = "";
    time_t now = time(NULL);
    struct tm tm;

    (void)gethostname(host, sizeof host - 1);
    if (next && gmtime_r(&now, &tm)) (void)strftime(day, sizeof day, " %Y-%m-%d", &tm);
    snprintf(out, 128, "s3onramp local CA%s%s%.*s", day, host[0] ? " of " : "", next ? 29 : 40, host);
}

static int make(const struct request *r, bool next, const char *certificate, const char *key,
                const struct ca_scope *scope)
{
    char name[128];
    struct err err = {0};

    name_authority(next, name);
    struct ca_params params = {.common_name = name,
                               .days = r->days,
                               .dns = scope->dns,
                               .dns_n = scope->dns_n,
                               .ip = scope->ip,
                               .ip_n = scope->ip_n,
                               .unlimited = r->unlimited,
                               .alone = scope->alone,
                               .alone_n = scope->alone_n};
    if (ca_create(certificate, key, &params, r->force, &err) != ERR_NONE) return not_made(&err);
    print_made(certificate, key, r, scope);
    return CLI_FINE;
}

static int no_settings(const struct request *r)
{
    return cli_problem(
        "there is no %s, which says for what the authority may speak; write it (`s3onramp check --example` shows "
        "how), or name another with -c FILE",
        r->config);
}

static void begin_scope(const struct request *r, const struct settings *s, struct ca_scope *scope)
{
    ca_scope_init(scope, s);
    for (size_t i = 0; i < r->regions_n; i++) {
        bool added = ca_scope_add_region(scope, str_from(r->regions[i]));
        ASSERT(added); /* judged with the options */
    }
}

static int make_for(const struct request *r, const struct settings *s, bool next, const char *certificate,
                    const char *key)
{
    struct ca_scope scope;
    int code;

    begin_scope(r, s, &scope);
    if (scope.full)
        code = cli_problem(
            "there are too many Regions, names and addresses for one authority; give the listeners certificates of "
            "your own (certificate, private_key)");
    else if (!scope.dns_n && !r->unlimited)
        code = cli_problem("%s has no [endpoint] and no name of a listener: there is nothing to speak for; write them "
                           "first",
                           r->config);
    else
        code = make(r, next, certificate, key, &scope);
    ca_scope_clear(&scope);
    return code;
}

static int init(const struct request *r, const struct settings *s)
{
    int code;

    if (!s) return no_settings(r);
    code = make_for(r, s, false, s->ca.certificate, s->ca.private_key);
    if (code == CLI_FINE) print_first_step(s->ca.certificate);
    return code;
}

/* --- the next one --- */

static int too_long(void)
{
    return cli_problem("the paths in [ca] are too long");
}

static int put_in_force(const struct request *r, const char *taken)
{
    return r->no_reload ? CLI_FINE : cli_reload_running(r->config, taken, false);
}

/* The one that is in force is ours to follow only if we made it. */
static int judge_present(const struct files *f)
{
    struct ca *ca = NULL;
    struct err err = {0};
    bool own;

    if (ca_load(f->certificate, f->key, &ca, &err) != ERR_NONE) return cli_problem_err(&err);
    own = ca_is_root(ca);
    ca_free(&ca);
    if (own) return CLI_FINE;
    return cli_problem(
        "%s is issued by another authority: have that issue its successor, write both files as %s and %s, "
        "and then run `s3onramp ca switch`",
        f->certificate, f->next_certificate, f->next_key);
}

static int renew(const struct request *r, const struct settings *s)
{
    struct files f;
    int code;

    if (!s) return no_settings(r);
    if (!find_files(&f, &s->ca)) return too_long();
    code = judge_present(&f);
    if (code == CLI_FINE) code = make_for(r, s, true, f.next_certificate, f.next_key);
    if (code != CLI_FINE) return code;
    fputs("Next: let all clients trust both: `s3onramp ca export` prints them, and listeners have them at /ca.pem.\n"
          "Certificates are signed by the one in force until `s3onramp ca switch`.\n",
          stderr);
    return put_in_force(r, "The proxy that runs shows both now.");
}

/* Names that clients use and @ca may not speak for; NULL: there are none. */
static const char *find_missing(const struct ca_scope *scope, const struct ca *ca)
{
    for (size_t i = 0; i < scope->dns_n; i++)
        if (!ca_permits(ca, str_from(scope->dns[i]))) return scope->dns[i];
    return NULL;
}

/* Its configuration may have grown since it was made. */
static int judge_next(const struct request *r, const struct settings *s, const struct files *f)
{
    struct ca *ca = NULL;
    struct ca_scope scope;
    struct err err = {0};
    const char *missing;
    int code = CLI_FINE;

    if (access(f->next_certificate, F_OK) != 0)
        return cli_problem("there is no %s; make it with `s3onramp ca renew`, and let clients trust it first",
                           f->next_certificate);
    if (ca_load(f->next_certificate, f->next_key, &ca, &err) != ERR_NONE) return cli_problem_err(&err);
    begin_scope(r, s, &scope);
    missing = find_missing(&scope, ca);
    if (missing)
        code = cli_problem("%s does not permit %s, which is served now; make it anew with `s3onramp ca renew --force`, "
                           "and let clients trust that",
                           f->next_certificate, missing);
    ca_scope_clear(&scope);
    ca_free(&ca);
    return code;
}

static int switch_to_next(const struct request *r, const struct settings *s)
{
    struct files f;
    struct err err = {0};
    char quoted[CLI_QUOTED];
    int code;

    if (!s) return no_settings(r);
    if (!find_files(&f, &s->ca)) return too_long();
    code = judge_next(r, s, &f);
    if (code != CLI_FINE) return code;
    if (ca_switch(f.certificate, f.key, &err) != ERR_NONE) return cli_problem_err(&err);
    fprintf(stderr, "%s is the authority from now on; what was is kept as .old.\n", cli_quote(f.certificate, quoted));
    describe_file(f.certificate);
    return put_in_force(r, RELOAD_TAKEN);
}

static int show(const struct request *r UNUSED, const struct settings *s)
{
    struct ca *ca = NULL, *next = NULL;
    struct err err = {0};
    struct files f;

    if (!find_files(&f, conf_of(s))) return too_long();
    if (ca_load(f.certificate, f.key, &ca, &err) != ERR_NONE) return cli_problem_err(&err);
    ca_describe(ca, stdout);
    ca_free(&ca);
    if (access(f.next_certificate, F_OK) != 0) return CLI_FINE;
    if (ca_load(f.next_certificate, f.next_key, &next, &err) != ERR_NONE) return cli_problem_err(&err);
    puts("\nThe next one, for clients to trust now; `s3onramp ca switch` puts it in force:");
    ca_describe(next, stdout);
    ca_free(&next);
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
static int export_file(const char *path, FILE *out)
{
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
        if (inside && (ends || is_pem(line))) fputs(line, out);
        if (ends) inside = false;
    }
    rewind(in);
    ca_describe_file(in, stderr);
    fclose(in);
    if (!any) return cli_problem("%s holds no certificate; make it anew with `s3onramp ca init --force`", path);
    return CLI_FINE;
}

int cli_export_ca(const struct ca_conf *ca, FILE *out)
{
    struct files f;
    int code;

    if (!find_files(&f, ca)) return too_long();
    code = export_file(f.certificate, out);
    return code == CLI_FINE && access(f.next_certificate, F_OK) == 0 ? export_file(f.next_certificate, out) : code;
}

static int export_pem(const struct request *r UNUSED, const struct settings *s)
{
    return cli_export_ca(conf_of(s), stdout);
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
    } verbs[] = {{"init", init}, {"show", show}, {"export", export_pem}, {"renew", renew}, {"switch", switch_to_next}};
    struct request r = {.config = CLI_DEFAULT_CONFIG, .days = DAYS_DEFAULT};
    size_t i = 0;
    int code;

    if (!cli_parse(&cli_ca, argc, argv, &r, &code)) return code;
    while (i < ARRAY_LEN(verbs) && strcmp(r.verb, verbs[i].verb) != 0)
        i++;
    ASSERT(i < ARRAY_LEN(verbs)); /* it is one of the words of its row */
    return with_settings(&r, verbs[i].act);
}

static const struct cli_option options[] = {
    {.value = "init|show|export|renew|switch", .at = offsetof(struct request, verb)},
    CLI_CONFIG_OPTION(struct request, config),
    {.name = "days",
     .value = "N",
     .of = "init|renew",
     .take = take_days,
     .help = "how long the authority is valid (default 3650)"},
    {.name = "region",
     .value = "REGION",
     .of = "init|renew",
     .take = take_region,
     .help = "also the S3 names of a Region that no endpoint serves yet; may be repeated"},
    {.name = "no-constraints",
     .of = "init|renew",
     .at = offsetof(struct request, unlimited),
     .help = "for TLS libraries that know no name constraints and refuse every authority that has\n"
             "them (Mbed TLS, old rustls): the key is then worth as much as that of any authority"},
    {.name = "force",
     .of = "init|renew",
     .at = offsetof(struct request, force),
     .help = "replace an authority that exists (kept as FILE.old):\n"
             "clients must trust the new one"},
    {.name = "no-reload",
     .of = "renew|switch",
     .at = offsetof(struct request, no_reload),
     .help = "leave a proxy that runs as it is"},
};

const struct cli_command cli_ca = {
    .name = "ca",
    .brief = "ca init|show|renew|...",
    .summary = "the local CA that clients trust",
    .run = run,
    .usage = "ca init [-c FILE] [--days N] [--region REGION]... [--no-constraints] [--force]\n"
             "ca show [-c FILE]\n"
             "ca export [-c FILE]\n"
             "ca renew [-c FILE] [--days N] [--region REGION]... [--no-constraints] [--force] [--no-reload]\n"
             "ca switch [-c FILE] [--no-reload]",
    .about = "init makes the local certificate authority that s3onramp makes certificates with for the names clients\n"
             "ask for. It is valid only for the S3 names of the configured endpoints' Regions and for the names and\n"
             "addresses of the listeners: whoever steals its key can speak for nobody else. show describes it, export\n"
             "prints its certificate (PEM). renew makes the one that follows it, beside it: clients get both (export, "
             "/ca.pem),\n"
             "and trust both before switch puts it in force.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .example = "s3onramp ca init && export AWS_CA_BUNDLE=/etc/s3onramp/ca.pem",
};
