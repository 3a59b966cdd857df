/* SPDX-License-Identifier: Apache-2.0
 * ca_command.c: `s3onramp ca init|show|export`: the local certificate authority. What it may certify is limited to the
 * names of S3 in the configured partitions, the listeners' own names, and private addresses (RFC 5280 4.2.1.10): a
 * stolen key opens no other site. One thread. Owns the settings while it works.
 */
#include "cli/cli.h"

#include "io/mint.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAYS_DEFAULT = 3650, DAYS_MOST = 36500, NAMES_MOST = 256, NETWORKS_MOST = 128 };

static const char help[] =
    "Usage: s3onramp ca init [-c FILE] [--days N] [--force]\n"
    "       s3onramp ca show [-c FILE]\n"
    "       s3onramp ca export [-c FILE]\n"
    "\n"
    "init makes the local certificate authority that s3onramp makes certificates with for the names clients\n"
    "ask for. It is valid only for S3 names of the configured endpoints' partitions, the names of the\n"
    "listeners, and private addresses. show describes it, export prints its certificate (PEM).\n"
    "\n"
    "  -c, --config FILE   configuration (default " CLI_DEFAULT_CONFIG ")\n"
    "      --days N        how long the authority is valid (default 3650)\n"
    "      --force         replace an authority that exists: clients must trust the new one\n"
    "\n"
    "Example:\n"
    "  s3onramp ca init && export AWS_CA_BUNDLE=/etc/s3onramp/ca.pem\n";

struct request {
    const char *config;
    unsigned days;
    bool force;
};

/* What the new authority permits. */
struct scope {
    const char *dns[NAMES_MOST]; /* borrowed from the settings, or static */
    size_t dns_n;
    struct netblock ip[NETWORKS_MOST];
    size_t ip_n;
    bool full;
};

static bool is_below(struct str name, struct str tree)
{
    return str_eq(name, tree) || (name.n > tree.n && str_ends(name, tree) && name.p[name.n - tree.n - 1] == '.');
}

static void permit_name(struct scope *scope, const char *name)
{
    if (str_starts(str_from(name), STR("*."))) name += 2;
    for (size_t i = 0; i < scope->dns_n; i++)
        if (is_below(str_from(name), str_from(scope->dns[i]))) return;
    if (scope->dns_n == NAMES_MOST)
        scope->full = true;
    else
        scope->dns[scope->dns_n++] = name;
}

static void permit_block(struct scope *scope, const char *text)
{
    bool ok = netblock_parse(str_from(text), &scope->ip[scope->ip_n]);

    ASSERT(ok);
    scope->ip_n++;
}

/* An address that a listener is bound to, if no block has it yet; "all addresses" is none. */
static void permit_address(struct scope *scope, const struct netaddr *a)
{
    char text[NETADDR_TEXT];

    netaddr_format(a, text);
    struct str ip = str_head(str_from(text), str_rindex(str_from(text), ':'));
    if (ip.p[0] == '[') ip = str_make(ip.p + 1, ip.n - 2);
    if (str_eq(ip, STR("0.0.0.0")) || str_eq(ip, STR("::"))) return;
    for (size_t i = 0; i < scope->ip_n; i++)
        if (netblock_has(&scope->ip[i], a)) return;
    if (scope->ip_n == NETWORKS_MOST || !netblock_parse(ip, &scope->ip[scope->ip_n]))
        scope->full = true;
    else
        scope->ip_n++;
}

static void permit_listener(struct scope *scope, const struct set_listener *listener)
{
    for (size_t i = 0; i < listener->names.n; i++)
        permit_name(scope, listener->names.v[i]);
    for (size_t i = 0; i < listener->bind_n; i++)
        permit_address(scope, &listener->bind[i]);
}

static void fill_scope(struct scope *scope, const struct settings *s)
{
    static const char *const blocks[] = {"127.0.0.0/8",    "::1/128",       "10.0.0.0/8", "172.16.0.0/12",
                                         "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"};

    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        permit_block(scope, blocks[i]);
    for (size_t i = 0; s && i < s->endpoints_n; i++) {
        permit_name(scope, s->endpoints[i].suffix);
        permit_name(scope, s->endpoints[i].host);
    }
    if (scope->dns_n == 0) permit_name(scope, "amazonaws.com");
    permit_name(scope, "localhost");
    for (size_t i = 0; s && i < s->listeners_n; i++)
        permit_listener(scope, &s->listeners[i]);
}

static void print_made(const char *certificate, const char *key, const struct scope *scope)
{
    fprintf(stderr, "Made %s (the certificate) and %s (its key: keep it here).\nIt permits", certificate, key);
    for (size_t i = 0; i < scope->dns_n; i++)
        fprintf(stderr, "%s %s", i ? "," : "", scope->dns[i]);
    fputs(" and private addresses.\n", stderr);
    cli_owner_hint(key);
    fputs("Next: copy the certificate to the clients and let them trust it, for AWS tools like this:\n", stderr);
    fflush(stderr);
    printf("export AWS_CA_BUNDLE=%s\n", certificate);
}

static int not_made(const struct err *err)
{
    int exit_code = cli_problem_err(err);

    if (err->sys_errno == ENOENT)
        fputs("Make that folder, or name other files in the configuration: certificate and private_key of [ca].\n",
              stderr);
    return exit_code;
}

static int init(const struct request *r, const struct settings *s)
{
    struct scope scope = {.dns_n = 0};
    const char *certificate = s ? s->ca.certificate : "/etc/s3onramp/ca.pem";
    const char *key = s ? s->ca.private_key : "/etc/s3onramp/ca.key";
    char host[65] = "", name[128];
    struct err err = {0};

    fill_scope(&scope, s);
    if (scope.full)
        return cli_problem(
            "the listeners have too many names and addresses for one authority; give them certificates of "
            "your own (certificate, private_key)");
    (void)gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "s3onramp local CA%s%.40s", host[0] ? " of " : "", host);
    struct ca_params params = {.common_name = name,
                               .days = r->days,
                               .dns = scope.dns,
                               .dns_n = scope.dns_n,
                               .ip = scope.ip,
                               .ip_n = scope.ip_n};
    if (ca_create(certificate, key, &params, r->force, &err) != ERR_NONE) return not_made(&err);
    print_made(certificate, key, &scope);
    return CLI_FINE;
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
        if (strncmp(line, "-----BEGIN CERTIFICATE-----", 27) == 0) inside = any = true;
        if (inside) fputs(line, stdout);
        if (strncmp(line, "-----END CERTIFICATE-----", 25) == 0) inside = false;
    }
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

static bool parse_days(const char *text, unsigned *out)
{
    uint64_t days;

    if (!str_to_u64(str_from(text), &days) || days < 1 || days > DAYS_MOST) return false;
    *out = (unsigned)days;
    return true;
}

static int run(const char *verb, const struct request *r)
{
    static const struct {
        const char *verb;
        int (*act)(const struct request *r, const struct settings *s);
    } verbs[] = {{"init", init}, {"show", show}, {"export", export_pem}};

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verb, verbs[i].verb) == 0) return with_settings(r, verbs[i].act);
    return cli_wrong_usage("ca", "there is no `ca %s`; there are init, show and export", verb);
}

int cli_ca(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"days", required_argument, NULL, 'd'},
                                            {"force", no_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct request r = {.config = CLI_DEFAULT_CONFIG, .days = DAYS_DEFAULT};
    int c;

    cli_options_start();
    while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c': r.config = optarg; break;
        case 'd':
            if (!parse_days(optarg, &r.days))
                return cli_wrong_usage("ca", "--days %s: write a number from 1 to %d", optarg, DAYS_MOST);
            break;
        case 'f': r.force = true; break;
        case 'h': fputs(help, stdout); return CLI_FINE;
        default: return cli_wrong_option("ca", c, argv);
        }
    }
    if (optind == argc) return cli_wrong_usage("ca", "say what to do: init, show or export");
    if (optind + 1 < argc) return cli_wrong_usage("ca", "there is nothing to do with \"%s\"", argv[optind + 1]);
    return run(argv[optind], &r);
}
