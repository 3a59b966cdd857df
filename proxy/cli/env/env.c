/* SPDX-License-Identifier: Apache-2.0
 * env.c: `s3onramp env`: what a workstation sets to use this proxy. What is to be set goes to standard output, what is
 * to be known to standard error. One thread. Owns the settings while it works; keys are printed with --keys only.
 */
#include "env.h"

#include "cli/cli.h"
#include "http/uri.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum env_format format;
} formats[] = {{"sh", ENV_SH},
               {"fish", ENV_FISH},
               {"powershell", ENV_POWERSHELL},
               {"systemd", ENV_SYSTEMD},
               {"docker", ENV_DOCKER},
               {"java", ENV_JAVA},
               {"node", ENV_NODE},
               {"aws-config", ENV_AWS_CONFIG},
               {"rclone", ENV_RCLONE},
               {"s3cmd", ENV_S3CMD},
               {"boto2", ENV_BOTO2}};

struct wish {
    const char *config, *client, *listener, *host, *ca, *system;
    enum env_format format;
    bool keys;
};

/* --- facts --- */

void env_url(const struct env_facts *f, bool with_user, char out[1024])
{
    struct sbuf b = sbuf_make(out, 1023);

    sbuf_printf(&b, "http%s://", f->tls ? "s" : "");
    if (with_user && f->user) {
        uri_encode(&b, str_from(f->user), false);
        sbuf_char(&b, '@');
    }
    sbuf_printf(&b, "%s:%u", f->host, f->port);
    ASSERT(!b.overflow);
    out[b.n] = '\0';
}

static const struct listener_conf *find_listener(const struct settings *s, const char *name)
{
    const struct listener_conf *first = NULL;

    for (size_t i = 0; i < s->listeners_n; i++) {
        const struct listener_conf *l = &s->listeners[i];

        if (name && strcmp(l->name, name) == 0) return l;
        if (!first || (first->mode != LISTENER_FORWARD && l->mode == LISTENER_FORWARD)) first = l;
    }
    if (name)
        cli_problem("there is no [listener %s]; `s3onramp check --print` shows those there are", name);
    else if (!first)
        cli_problem("no [listener] is configured; add one, see `s3onramp check --example`");
    return name ? NULL : first;
}

/* The Region that the listener's requests go to unless they say otherwise. */
static void find_region(struct env_facts *f, const struct settings *s, const struct listener_conf *l)
{
    const struct endpoint_conf *ep = settings_default_endpoint(s);

    if (l->endpoint) ep = l->endpoint;
    f->region = ep ? ep->region : NULL;
    f->s3_name = ep ? ep->host : NULL;
}

/* A name of the listener's own that can be printed as it is. */
static const char *own_name(const struct listener_conf *l)
{
    for (size_t i = 0; i < l->names.n && !l->names_default; i++)
        if (!strchr(l->names.v[i], '*')) return l->names.v[i];
    return NULL;
}

static bool find_host(struct env_facts *f, const struct wish *w)
{
    const struct listener_conf *l = f->listener;
    char text[NETADDR_TEXT];
    struct str ip;
    const char *name = w->host ? w->host : l->mode == LISTENER_ENDPOINT ? own_name(l) : NULL;

    if (!l->bind_n) return cli_problem("[listener %s] has no `bind`: say where it is bound", l->name) == CLI_FINE;
    netaddr_format(&l->bind[0], text);
    f->port = netaddr_port(&l->bind[0]);
    ip = str_head(str_from(text), str_rindex(str_from(text), ':'));
    f->loopback = netaddr_is_loopback(&l->bind[0]);
    if (!name && netaddr_is_any(&l->bind[0])) {
        bool called = l->names_default && l->names.n;
        cli_problem("[listener %s] is bound to all addresses: say how clients call this machine, with --host %s",
                    l->name, called ? l->names.v[0] : "NAME");
        return false;
    }
    return str_to_cstr(name ? str_from(name) : ip, f->host, sizeof(f->host));
}

/* May this name stand in a URL? Brackets around IPv6 addresses. */
static bool tidy_host(struct env_facts *f)
{
    struct in6_addr v6;
    struct str host;
    unsigned port;
    size_t n = strlen(f->host);

    if (inet_pton(AF_INET6, f->host, &v6) == 1 && n + 2 < sizeof(f->host)) {
        memmove(f->host + 1, f->host, n);
        f->host[0] = '[';
        memcpy(f->host + n + 1, "]", 2);
    }
    return uri_split_authority(str_from(f->host), &host, &port) && !port;
}

/* A sniffing listener takes passwords over TLS only, unless it is told otherwise. */
static bool wants_tls(const struct env_facts *f)
{
    const struct listener_conf *l = f->listener;

    if (l->tls != LISTENER_SNIFF) return l->tls == LISTENER_TLS;
    return l->mode == LISTENER_FORWARD && l->proxy_auth != PROXY_AUTH_NO && !l->proxy_auth_plain && !f->loopback;
}

/* Do clients see certificates of the local CA? */
static bool needs_trust(const struct env_facts *f)
{
    const struct listener_conf *l = f->listener;
    bool own = f->user && (f->client->terms->ways.tunnel.n || f->client->terms->ways.intercept.n);
    bool inside = l->mode != LISTENER_ENDPOINT && ways_intercept(own ? &f->client->terms->ways : &l->ways);

    return inside || (f->tls && !l->certificate);
}

static int find_client(struct env_facts *f, const struct settings *s, const struct wish *w)
{
    if (!w->client)
        return w->keys ? cli_wrong_usage("env", "--keys: say whose, `s3onramp env CLIENT --keys`") : CLI_FINE;
    f->client = settings_client_by_name(s, str_from(w->client));
    if (!f->client)
        return cli_problem("there is no [client %s]; `s3onramp client add %s` makes it", w->client, w->client);
    if (w->keys && (!f->client->keys[0].access_key_id || !f->client->keys[0].secret_access_key))
        return cli_problem("client %s has no key pair; `s3onramp client add %s` makes one", w->client, w->client);
    if (f->listener->mode == LISTENER_FORWARD && f->listener->proxy_auth != PROXY_AUTH_NO && f->client->password)
        f->user = f->client->name;
    return CLI_FINE;
}

/* --- what is to be known --- */

static void print_names_only(const struct listener_conf *l)
{
    fputs("Clients that compare DNS names only do not take a certificate for an address: ", stderr);
    if (l->names_default && l->names.n)
        fprintf(stderr, "say --host %s,\nthis machine's own name, or give the listener other `names`.\n",
                l->names.v[0]);
    else
        fputs("give the listener `names`, and\nsay one of them with --host.\n", stderr);
}

/* The authorities that all programs of a machine trust. */
static void print_machine_trust(enum env_format format)
{
    if (format == ENV_POWERSHELL)
        fputs("For all programs of a Windows machine: s3onramp env --install-ca windows\n"
              "Programs that use WinHTTP know no variable: netsh winhttp set proxy HOST:PORT \"<local>\"\n"
              "To keep variables for new sessions: [Environment]::SetEnvironmentVariable(NAME, VALUE, 'User')\n",
              stderr);
    else if (format < ENV_JAVA)
        fputs("For all programs of the machine: s3onramp env --install-ca debian (and rhel, macos) prints a script; "
              "firefox and\n"
              "java have stores of their own. So has Python's certifi.\n",
              stderr);
}

static void print_trust(const struct env_facts *f, const struct wish *w)
{
    char quoted[CLI_QUOTED];

    if (!w->ca)
        fprintf(stderr, "Copy %s to the workstation (`s3onramp ca export` prints it) and say where with --ca FILE.\n",
                cli_quote(f->ca, quoted));
    if (w->format < ENV_JAVA)
        fputs(
            "AWS_CA_BUNDLE takes the place of the public authorities for AWS tools: for AWS services that do not come\n"
            "this way put both into one file (cat /etc/ssl/certs/ca-certificates.crt ca.pem). curl: CURL_CA_BUNDLE. "
            "Do\n"
            "not set SSL_CERT_FILE or REQUESTS_CA_BUNDLE for all programs: they would trust nothing else any more.\n"
            "Programs whose Go SDK (version 1) has an HTTP transport of their own do not start with AWS_CA_BUNDLE; "
            "rclone is\n"
            "one: see --rclone. Give those the machine's trust store.\n",
            stderr);
    print_machine_trust(w->format);
    if (f->tls && !w->host && !strpbrk(f->host, "ghijklmnopqrstuvwxyz")) print_names_only(f->listener);
}

static void print_way(const struct env_facts *f, const struct wish *w)
{
    if (f->listener->mode == LISTENER_REDIRECT)
        fputs("Clients of a redirect listener set no proxy: their network brings them here.\n", stderr);
    if (f->loopback)
        fprintf(stderr, "[listener %s] is bound to loopback: only programs on this machine%s reach it.\n",
                f->listener->name,
                w->format == ENV_DOCKER ? " (not in containers, unless they share its network)" : "");
}

static void print_notes(const struct env_facts *f, const struct wish *w)
{
    bool proxy = f->listener->mode == LISTENER_FORWARD;

    print_way(f, w);
    if (f->trust) print_trust(f, w);
    if (w->keys && w->format == ENV_SYSTEMD)
        fputs(
            "Everybody on that machine can see what Environment= holds (`systemctl show`): move the keys to a file of\n"
            "mode 0600 that EnvironmentFile= names, as lines NAME=VALUE.\n",
            stderr);
    if (proxy && w->format < ENV_JAVA)
        fputs("All HTTPS of programs with these variables comes to this proxy, which refuses what is not S3: set them\n"
              "where S3 tools run, or add your other hosts to NO_PROXY. Node.js: see --node; s3cmd: --s3cmd; Java: "
              "--java.\n",
              stderr);
    if (f->user)
        fprintf(stderr, "The password of %s is not in the URL: write NAME:PASSWORD@ where it says NAME@.\n", f->user);
    if (proxy && f->listener->proxy_auth == PROXY_AUTH_REQUIRED && !f->user)
        fputs("This listener asks for a password: name the client (`s3onramp client password NAME` sets one).\n",
              stderr);
}

/* C0 and DEL; C1, U+2028 and U+2029 as UTF-8 writes them: what ends a line somewhere, or is obeyed by a terminal. */
static bool has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f) return true;
        if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) return true;
        if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) return true;
    }
    return false;
}

static int print(const struct env_facts *f, const struct wish *w)
{
    if (w->format > ENV_NODE ? has_control(f->ca) : strpbrk(f->ca, "\r\n") != NULL)
        return cli_problem("a path with a line end or a control character in it cannot be written; say another one "
                           "with --ca");
    print_notes(f, w);
    fflush(stderr);
    if (w->format >= ENV_JAVA && f->listener->mode == LISTENER_REDIRECT)
        return cli_problem("[listener %s] needs nothing but the CA in tools: see `s3onramp env --sh`",
                           f->listener->name);
    if (w->format >= ENV_JAVA) return env_print_tool(stdout, w->format, f);
    if (env_print_variables(stdout, w->format, f)) return CLI_FINE;
    return cli_problem("a key with a line end in it cannot be written; `s3onramp client add` makes better ones");
}

static int show(const struct wish *w)
{
    struct settings *s = w->client ? config_read(w->config, stderr) : config_read_without_clients(w->config, stderr);
    struct env_facts f = {.keys = w->keys};
    int exit_code = CLI_PROBLEM;
    char *absolute = NULL;

    if (!s) return CLI_PROBLEM;
    f.listener = find_listener(s, w->listener);
    if (f.listener && find_host(&f, w)) {
        f.tls = wants_tls(&f);
        absolute = w->ca ? NULL : realpath(s->ca.certificate, NULL); /* the shell may be elsewhere */
        f.ca = w->ca ? w->ca : absolute ? absolute : s->ca.certificate;
        find_region(&f, s, f.listener);
        exit_code = find_client(&f, s, w);
        f.trust = needs_trust(&f);
        if (exit_code == CLI_FINE && !tidy_host(&f))
            exit_code = cli_wrong_usage("env", "--host %s is no host name", f.host);
        if (exit_code == CLI_FINE)
            exit_code = w->system ? env_print_install(stdout, w->system, &f, &s->ca) : print(&f, w);
    }
    free(absolute);
    settings_unref(&s);
    return exit_code;
}

/* --- command line --- */

static int take_format(const struct cli_option *option, void *to, const char *value UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (strcmp(formats[i].name, option->name) == 0) ((struct wish *)to)->format = formats[i].format;
    return CLI_FINE;
}

static int run(int argc, char **argv)
{
    struct wish w = {.config = CLI_DEFAULT_CONFIG};
    int code;

    if (!cli_parse(&cli_env, argc, argv, &w, &code)) return code;
    if (w.ca && !*w.ca) return cli_wrong_usage("env", "--ca: say where the workstation has the certificate");
    return show(&w);
}

static const struct cli_option options[] = {
    {.value = "CLIENT", .names = "client", .at = offsetof(struct wish, client)},
    CLI_CONFIG_OPTION(struct wish, config),
    {.name = "listener",
     .value = "NAME",
     .names = "listener",
     .at = offsetof(struct wish, listener),
     .help = "which one (default: the first with mode = forward, else the first)"},
    {.name = "host",
     .value = "NAME",
     .at = offsetof(struct wish, host),
     .help = "how the workstation calls this machine (default: the address the listener is bound to)"},
    {.name = "ca",
     .value = "FILE",
     .at = offsetof(struct wish, ca),
     .help = "where the workstation has the CA's certificate, which `s3onramp ca export` prints"},
    {.name = "keys",
     .at = offsetof(struct wish, keys),
     .help = "the key pair of CLIENT, too: whoever sees the output can act as CLIENT"},
    {.name = "install-ca",
     .value = "debian|rhel|macos|windows|firefox|java",
     .at = offsetof(struct wish, system),
     .help = "instead of all that a script, with the CA in it, that lets a whole machine or a program\n"
             "trust it"},
    {.name = "sh",
     .take = take_format,
     .help = "the default: eval \"$(s3onramp env)\"",
     .group = "Formats, and what takes them:"},
    {.name = "fish", .take = take_format, .help = "s3onramp env --fish | source"},
    {.name = "powershell", .take = take_format, .help = "s3onramp env --powershell | Out-String | Invoke-Expression"},
    {.name = "systemd", .take = take_format, .help = "a drop-in: /etc/systemd/system/NAME.service.d/s3onramp.conf"},
    {.name = "docker", .take = take_format, .help = "docker run --env-file FILE"},
    {.name = "java", .take = take_format, .help = "shell lines as with --sh: a trust store, JAVA_TOOL_OPTIONS"},
    {.name = "node", .take = take_format, .help = "a file for NODE_OPTIONS=\"--require FILE\""},
    {.name = "aws-config", .take = take_format, .help = "~/.aws/config, of AWS's tools and SDKs"},
    {.name = "rclone", .take = take_format, .help = "rclone.conf"},
    {.name = "s3cmd", .take = take_format, .help = "~/.s3cfg"},
    {.name = "boto2", .take = take_format, .help = "~/.boto"},
};

const struct cli_command cli_env = {
    .name = "env",
    .brief = "env [CLIENT] [--FORMAT]",
    .summary = "what a workstation sets to use the proxy",
    .run = run,
    .usage = "env [CLIENT] [--listener NAME] [--FORMAT] [--host NAME] [--ca FILE] [--keys] [-c FILE]\n"
             "env --install-ca SYSTEM [--listener NAME] [--host NAME] [-c FILE]",
    .about = "Prints what a workstation sets to use this proxy: HTTPS_PROXY for a listener with mode = forward,\n"
             "AWS_ENDPOINT_URL_S3 for one with mode = endpoint, the local CA, and what must not go through a proxy.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .example = "eval \"$(s3onramp env alice --keys --ca /etc/ssl/s3onramp-ca.pem)\" && aws s3 ls",
};
