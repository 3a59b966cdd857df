/* SPDX-License-Identifier: Apache-2.0
 * status.c: `s3onramp status`: asks the running proxy over its admin socket; a table for people, JSON for programs. One
 * thread. Owns what it reads.
 */
#include "cli/admin_client.h"
#include "cli/cli.h"

#include <unistd.h>

enum { WATCH_EVERY_S = 2 };

struct wish {
    const char *config, *socket;
    bool json, watch, clients;
};

/* "1.5M" */
static void put_bytes(char out[16], long long n)
{
    static const char units[] = " KMGTPE";
    double value = (double)n;
    size_t i = 0;

    while (value >= 1024 && i < sizeof(units) - 2) {
        value /= 1024;
        i++;
    }
    snprintf(out, 16, i ? "%.1f%c" : "%.0f", value, units[i]);
}

static long long failures_of(const json_t *address)
{
    const char *key;
    json_t *value;
    long long n = 0;

    json_object_foreach(json_object_get(address, "failures"), key, value) n += json_integer_value(value);
    return n;
}

static void print_address(const json_t *a)
{
    char since[16], in[16], out[16];
    const char *state = admin_text(a, "state"), *zone = admin_text(a, "zone");
    bool up = strcmp(state, "up") == 0;

    cli_age(since, json_real_value(json_object_get(a, "since_s")));
    put_bytes(in, admin_number(a, "bytes_in"));
    put_bytes(out, admin_number(a, "bytes_out"));
    printf("  %-24s %-6s %s%-9s%s %6s %9lld %8lld %8lld %7lld %8s %8s  %s\n", admin_text(a, "address"),
           *zone ? zone : "-", cli_color(stdout, up ? CLI_GREEN : CLI_RED),
           json_is_true(json_object_get(a, "barred")) ? "barred" : state, cli_color(stdout, CLI_PLAIN), since,
           admin_number(a, "in_flight"), admin_number(a, "connects"), failures_of(a), admin_number(a, "retries"), in,
           out, admin_text(a, "reason"));
}

static void print_heading(void)
{
    printf("  %-24s %-6s %-9s %6s %9s %8s %8s %7s %8s %8s  %s\n", "ADDRESS", "ZONE", "STATE", "SINCE", "IN FLIGHT",
           "CONNECTS", "FAILURES", "RETRIES", "IN", "OUT", "WHY");
}

static void print_endpoint(const json_t *e)
{
    const json_t *dns = json_object_get(e, "dns"), *addresses = json_object_get(e, "addresses");
    size_t i;
    json_t *a;

    printf("%s%s%s  Region %s, as %s\n", cli_color(stdout, CLI_BOLD), admin_text(e, "name"),
           cli_color(stdout, CLI_PLAIN), admin_text(e, "region"), admin_text(e, "host"));
    if (strcmp(admin_text(dns, "state"), "off") != 0)
        printf("  DNS %s: %s, asked again in %.0f s%s%s\n", admin_text(dns, "name"), admin_text(dns, "state"),
               json_real_value(json_object_get(dns, "expires_s")), *admin_text(dns, "reason") ? "\n  " : "",
               admin_text(dns, "reason"));
    json_array_foreach(addresses, i, a) print_address(a);
    if (json_array_size(addresses) == 0) printf("  no addresses: requests get 503\n");
}

/* Only what needs a look, and where audit lines go. */
static void print_log(const json_t *l)
{
    long long lost = admin_number(l, "lost");
    const char *reason = admin_text(l, "reason");
    bool audit = strcmp(admin_text(l, "name"), "audit") == 0 && *admin_text(l, "to");

    if (!lost && !*reason && !audit) return;
    printf("%s log: %s%lld lines lost%s, %lld wait: %s%s%s\n", admin_text(l, "name"),
           cli_color(stdout, lost ? CLI_RED : CLI_PLAIN), lost, cli_color(stdout, CLI_PLAIN),
           admin_number(l, "waiting"), admin_text(l, "to"), *reason ? ": " : "", reason);
}

/* Only what needs a look. */
static void print_state(const char *state)
{
    if (strcmp(state, "serving") != 0)
        printf("%sit is ending: %s%s\n", cli_color(stdout, CLI_RED), state, cli_color(stdout, CLI_PLAIN));
}

static void print_restart(const json_t *line)
{
    printf("needs a restart: %s\n", json_string_value(line) ? json_string_value(line) : "");
}

static void print_connections(const json_t *c)
{
    printf("connections %lld of %lld, refused %lld, of one source %lld, idle ones closed for others %lld\n",
           admin_number(c, "open"), admin_number(c, "max"), admin_number(c, "refused"),
           admin_number(c, "refused_of_source"), admin_number(c, "closed_for_others"));
    if (admin_number(c, "tls_delayed") || admin_number(c, "tls_refused"))
        printf("TLS handshakes delayed %lld, refused %lld: tls_rate_per_source\n", admin_number(c, "tls_delayed"),
               admin_number(c, "tls_refused"));
}

static long long slowed_down(const json_t *one)
{
    const json_t *limited = json_object_get(one, "limited");

    return admin_number(limited, "max_requests") + admin_number(limited, "request_rate");
}

static double paced_s(const json_t *one)
{
    return (double)admin_number(one, "paced_us") / 1e6;
}

/* Only what has reached its limits. */
static void print_limits(const json_t *answer, const char *list, const char *word)
{
    size_t i;
    json_t *one;

    json_array_foreach(json_object_get(answer, list), i, one)
    {
        if (!slowed_down(one) && !admin_number(one, "paced_us")) continue;
        printf("%s %s: its limits answered SlowDown to %lld, and held requests and transfers up for %.1f s\n", word,
               admin_text(one, "name"), slowed_down(one), paced_s(one));
    }
}

/* Nobody in particular has no name: refused before it was known who calls. */
static void print_clients(const json_t *clients)
{
    size_t i;
    json_t *c;

    if (!clients) return;
    printf("%-24s %9s %8s %8s %8s %8s %9s\n", "CLIENT", "REQUESTS", "REFUSED", "IN", "OUT", "SLOWDOWN", "PACED");
    json_array_foreach(clients, i, c)
    {
        const char *name = admin_text(c, "name");
        char in[16], out[16];

        put_bytes(in, admin_number(c, "bytes_in"));
        put_bytes(out, admin_number(c, "bytes_out"));
        printf("%-24s %9lld %8lld %8s %8s %8lld %7.1f s\n", *name ? name : "-", admin_number(c, "requests"),
               admin_number(c, "refused"), in, out, slowed_down(c), paced_s(c));
    }
}

static bool has_up(const json_t *endpoint)
{
    size_t i;
    json_t *a;

    json_array_foreach(json_object_get(endpoint, "addresses"), i,
                       a) if (strcmp(admin_text(a, "state"), "up") == 0) return true;
    return false;
}

static int show(const struct wish *w, const char *path)
{
    json_t *answer =
               admin_ask(path, json_pack("{ss sb}", "command", "status", "clients", w->clients), ADMIN_PATIENCE_S),
           *e;
    const json_t *endpoints = json_object_get(answer, "endpoints");
    int code = CLI_FINE;
    size_t i;

    if (!answer) return CLI_PROBLEM;
    if (w->json) json_dumpf(answer, stdout, JSON_INDENT(2));
    if (w->json)
        putchar('\n');
    else
        print_heading();
    json_array_foreach(endpoints, i, e)
    {
        if (!w->json) print_endpoint(e);
        if (!has_up(e)) code = CLI_PROBLEM;
    }
    json_array_foreach(json_object_get(answer, "logs"), i, e) if (!w->json) print_log(e);
    json_array_foreach(json_object_get(answer, "restart"), i, e) if (!w->json) print_restart(e);
    if (!w->json) print_connections(json_object_get(answer, "connections"));
    if (!w->json) print_limits(answer, "listeners", "listener");
    if (!w->json) print_limits(answer, "lines", "line");
    if (!w->json) print_limits(answer, "groups", "group");
    if (!w->json) print_state(admin_text(answer, "state"));
    if (!w->json) print_clients(json_object_get(answer, "clients"));
    json_decref(answer);
    fflush(stdout);
    return code;
}

static int watch(const struct wish *w, const char *path)
{
    for (;;) {
        int code;

        if (isatty(STDOUT_FILENO)) fputs("\033[H\033[2J", stdout);
        code = show(w, path);
        if (code == CLI_PROBLEM && ferror(stdout)) return code;
        sleep(WATCH_EVERY_S);
    }
}

static int ask(const struct wish *w)
{
    struct settings *s = NULL;
    const char *path = admin_path(w->socket, w->config, &s);
    int code = CLI_PROBLEM;

    if (path) code = w->watch ? watch(w, path) : show(w, path);
    settings_unref(&s);
    return code;
}

static int run(int argc, char **argv)
{
    struct wish w = {.config = CLI_DEFAULT_CONFIG};
    int code;

    return cli_parse(&cli_status, argc, argv, &w, &code) ? ask(&w) : code;
}

static const struct cli_option options[] = {
    {.name = "config",
     .letter = 'c',
     .value = "FILE",
     .at = offsetof(struct wish, config),
     .help = "configuration that names the admin socket (default " CLI_DEFAULT_CONFIG ")"},
    {.name = "socket",
     .value = "PATH",
     .at = offsetof(struct wish, socket),
     .help = "the socket itself; no configuration is read"},
    {.name = "clients", .at = offsetof(struct wish, clients), .help = "what each client asked for, too"},
    {.name = "json",
     .at = offsetof(struct wish, json),
     .help = "the whole answer as JSON, with what is counted of listeners, queues and workers"},
    {.name = "watch", .at = offsetof(struct wish, watch), .help = "again every 2 seconds, until interrupted"},
};

const struct cli_command cli_status = {
    .name = "status",
    .brief = "status [--json] [--watch]",
    .summary = "endpoints, addresses and how they are",
    .run = run,
    .usage = "status [-c FILE] [--socket PATH] [--clients] [--json] [--watch]",
    .about =
        "Shows the endpoints of the running proxy: their addresses, zones and states, since when and why, what is in\n"
        "flight, connections, failures, retries, bytes, and what DNS says; lines of logs that were lost.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more = "Exit code: 0 every endpoint has an address that is up, 1 one has none, or the proxy does not answer, 2 "
            "wrong usage.",
    .example = "s3onramp status --json | jq '.endpoints[].addresses[] | select(.state != \"up\")'",
};
