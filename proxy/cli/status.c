/* SPDX-License-Identifier: Apache-2.0
 * status.c: `s3onramp status`: asks the running proxy over its admin socket; a table for people, JSON for programs. One
 * thread. Owns what it reads.
 */
#include "base/clock.h"
#include "cli/admin_client.h"
#include "cli/cli.h"
#include "screen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { WATCH_EVERY_S = 2, WARN_MOST_S = 10 * 366 * 86400, CLI_ENDING = 3 };

struct wish {
    const char *config, *socket;
    bool json, watch, clients;
    uint64_t warn_s;
};

/* "1.5M" */
static void put_bytes(char out[16], double value)
{
    static const char units[] = " KMGTPE";
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

/* What is counted since @before, and over which time: for rates. */
struct since {
    const json_t *before; /* borrowed: the answer; NULL: sums are shown */
    double seconds;
};

/* The sum, or how much more it is each second. */
static double of_time(const struct since *s, const json_t *now, const json_t *before, const char *key)
{
    if (!s->before) return (double)admin_number(now, key);
    return before && s->seconds > 0 ? (double)(admin_number(now, key) - admin_number(before, key)) / s->seconds : 0;
}

/* The one of @list whose @key says what @like's does. */
static const json_t *same_of(const json_t *list, const json_t *like, const char *key)
{
    size_t i;
    json_t *one;

    json_array_foreach(list, i, one) if (strcmp(admin_text(one, key), admin_text(like, key)) == 0) return one;
    return NULL;
}

static void print_address(FILE *out, const json_t *a, const json_t *before, const struct since *s)
{
    char since[16], received[16], sent[16];
    const char *state = admin_text(a, "state"), *zone = admin_text(a, "zone");
    bool up = strcmp(state, "up") == 0;

    cli_age(since, json_real_value(json_object_get(a, "since_s")));
    put_bytes(received, of_time(s, a, before, "bytes_in"));
    put_bytes(sent, of_time(s, a, before, "bytes_out"));
    fprintf(out, "  %-24s %-6s %s%-9s%s %6s %9lld %8.*f %8lld %7lld %8s %8s  %s\n", admin_text(a, "address"),
            *zone ? zone : "-", cli_color(stdout, up ? CLI_GREEN : CLI_RED),
            json_is_true(json_object_get(a, "barred")) ? "barred" : state, cli_color(stdout, CLI_PLAIN), since,
            admin_number(a, "in_flight"), s->before ? 1 : 0, of_time(s, a, before, s->before ? "answers" : "connects"),
            failures_of(a), admin_number(a, "retries"), received, sent, admin_text(a, "reason"));
}

static void print_heading(FILE *out, bool rates)
{
    fprintf(out, "  %-24s %-6s %-9s %6s %9s %8s %8s %7s %8s %8s  %s\n", "ADDRESS", "ZONE", "STATE", "SINCE",
            "IN FLIGHT", rates ? "ANSWERS/s" : "CONNECTS", "FAILURES", "RETRIES", rates ? "IN/s" : "IN",
            rates ? "OUT/s" : "OUT", "WHY");
}

static void print_endpoint(FILE *out, const json_t *e, const struct since *s)
{
    const json_t *dns = json_object_get(e, "dns"), *addresses = json_object_get(e, "addresses");
    const json_t *before = json_object_get(same_of(json_object_get(s->before, "endpoints"), e, "name"), "addresses");
    size_t i;
    json_t *a;

    fprintf(out, "%s%s%s  Region %s, as %s\n", cli_color(stdout, CLI_BOLD), admin_text(e, "name"),
            cli_color(stdout, CLI_PLAIN), admin_text(e, "region"), admin_text(e, "host"));
    if (strcmp(admin_text(dns, "state"), "off") != 0)
        fprintf(out, "  DNS %s: %s, asked again in %.0f s%s%s\n", admin_text(dns, "name"), admin_text(dns, "state"),
                json_real_value(json_object_get(dns, "expires_s")), *admin_text(dns, "reason") ? "\n  " : "",
                admin_text(dns, "reason"));
    json_array_foreach(addresses, i, a) print_address(out, a, same_of(before, a, "address"), s);
    if (json_array_size(addresses) == 0) fprintf(out, "  no addresses: requests get 503\n");
}

/* Only what needs a look, and where audit lines go. */
static void print_log(FILE *out, const json_t *l)
{
    long long lost = admin_number(l, "lost");
    const char *reason = admin_text(l, "reason");
    bool audit = strcmp(admin_text(l, "name"), "audit") == 0 && *admin_text(l, "to");

    if (!lost && !*reason && !audit) return;
    fprintf(out, "%s log: %s%lld lines lost%s, %lld wait: %s%s%s\n", admin_text(l, "name"),
            cli_color(stdout, lost ? CLI_RED : CLI_PLAIN), lost, cli_color(stdout, CLI_PLAIN),
            admin_number(l, "waiting"), admin_text(l, "to"), *reason ? ": " : "", reason);
}

static void print_restart(FILE *out, const json_t *line)
{
    fprintf(out, "needs a restart: %s\n", json_string_value(line) ? json_string_value(line) : "");
}

/* Only what needs a look. */
static void print_capacity(FILE *out, const json_t *c)
{
    long long now = admin_number(c, "bits_per_second"), most = admin_number(c, "zone_bits_per_second");

    if (most && now >= most / 100 * 80)
        fprintf(out, "zone %s of an endpoint: %s%.2f Gbit/s%s one way, of the %.2f that it bears\n",
                admin_text(c, "busiest_zone"), cli_color(out, CLI_RED), (double)now / 1e9, cli_color(out, CLI_PLAIN),
                (double)most / 1e9);
    if (*admin_text(c, "trouble")) fprintf(out, "traffic for costs is not written: %s\n", admin_text(c, "trouble"));
}

static void print_connections(FILE *out, const json_t *c)
{
    fprintf(out, "connections %lld of %lld, refused %lld, of one source %lld, idle ones closed for others %lld\n",
            admin_number(c, "open"), admin_number(c, "max"), admin_number(c, "refused"),
            admin_number(c, "refused_of_source"), admin_number(c, "closed_for_others"));
    if (admin_number(c, "tls_delayed") || admin_number(c, "tls_refused"))
        fprintf(out, "TLS handshakes delayed %lld, refused %lld: tls_rate_per_source\n", admin_number(c, "tls_delayed"),
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
static void print_limits(FILE *out, const json_t *answer, const char *list, const char *word)
{
    size_t i;
    json_t *one;

    json_array_foreach(json_object_get(answer, list), i, one)
    {
        if (!slowed_down(one) && !admin_number(one, "paced_us")) continue;
        fprintf(out, "%s %s: its limits answered SlowDown to %lld, and held requests and transfers up for %.1f s\n",
                word, admin_text(one, "name"), slowed_down(one), paced_s(one));
    }
}

/* Nobody in particular has no name: refused before it was known who calls. */
static void print_clients(FILE *out, const json_t *clients)
{
    size_t i;
    json_t *c;

    if (!clients) return;
    fprintf(out, "%-24s %9s %8s %8s %8s %8s %9s\n", "CLIENT", "REQUESTS", "REFUSED", "IN", "OUT", "SLOWDOWN", "PACED");
    json_array_foreach(clients, i, c)
    {
        const char *name = admin_text(c, "name");
        char received[16], sent[16];

        put_bytes(received, (double)admin_number(c, "bytes_in"));
        put_bytes(sent, (double)admin_number(c, "bytes_out"));
        fprintf(out, "%-24s %9lld %8lld %8s %8s %8lld %7.1f s\n", *name ? name : "-", admin_number(c, "requests"),
                admin_number(c, "refused"), received, sent, slowed_down(c), paced_s(c));
    }
}

static void print_readiness(FILE *out, const json_t *answer)
{
    const json_t *readiness = json_object_get(answer, "readiness");
    const char *refused = admin_text(readiness, "reload_refused");
    json_t *line;
    size_t i;

    json_array_foreach(json_object_get(readiness, "why_not"), i, line) fprintf(
        out, "%snot ready%s: %s\n", cli_color(stdout, CLI_RED), cli_color(stdout, CLI_PLAIN), json_string_value(line));
    json_array_foreach(json_object_get(readiness, "notes"), i, line)
        fprintf(out, "note: %s\n", json_string_value(line));
    if (*refused) fprintf(out, "  %s\n", refused);
    json_array_foreach(json_object_get(answer, "expiring"), i, line)
    {
        char left[16];

        cli_age(left, (double)admin_number(line, "expires_s"));
        fprintf(out, "%sends in %s%s: %s\n", cli_color(stdout, CLI_RED), left, cli_color(stdout, CLI_PLAIN),
                admin_text(line, "what"));
    }
}

/* An older process tells nothing of it. */
static void print_sandbox(FILE *out, const json_t *sandbox)
{
    if (!sandbox) return;
    fprintf(out, "sandbox %s\n", admin_text(sandbox, "text"));
    if (json_is_integer(json_object_get(sandbox, "ca_process")))
        fprintf(out, "CA's key in process %d\n", (int)admin_number(sandbox, "ca_process"));
}

static void print_all(FILE *out, const json_t *answer, const struct since *s)
{
    size_t i;
    json_t *e;

    print_heading(out, s->before);
    json_array_foreach(json_object_get(answer, "endpoints"), i, e) print_endpoint(out, e, s);
    json_array_foreach(json_object_get(answer, "logs"), i, e) print_log(out, e);
    json_array_foreach(json_object_get(answer, "restart"), i, e) print_restart(out, e);
    print_capacity(out, json_object_get(answer, "capacity"));
    print_sandbox(out, json_object_get(answer, "sandbox"));
    print_connections(out, json_object_get(answer, "connections"));
    print_limits(out, answer, "listeners", "listener");
    print_limits(out, answer, "lines", "line");
    print_limits(out, answer, "groups", "group");
    print_readiness(out, answer);
    print_clients(out, json_object_get(answer, "clients"));
}

static int code_of(const json_t *answer)
{
    if (!json_is_true(json_object_get(json_object_get(answer, "readiness"), "ready"))) return CLI_PROBLEM;
    return json_array_size(json_object_get(answer, "expiring")) ? CLI_ENDING : CLI_FINE;
}

static json_t *question(const struct wish *w)
{
    char warn[24];

    snprintf(warn, sizeof(warn), "%" PRIu64, w->warn_s);
    return json_pack("{ss sb ss}", "command", "status", "clients", w->clients, "warn", warn);
}

static int show(const struct wish *w, const char *path)
{
    json_t *answer = admin_ask(path, question(w), ADMIN_PATIENCE_S);
    int code;

    if (!answer) return CLI_USAGE;
    if (w->json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        print_all(stdout, answer, &(struct since){NULL, 0});
    }
    code = code_of(answer);
    json_decref(answer);
    fflush(stdout);
    return code;
}

/* Into something that is no terminal. */
static int repeat(const struct wish *w, const char *path)
{
    for (;;) {
        int code = show(w, path);

        if (ferror(stdout)) return code;
        sleep(WATCH_EVERY_S);
    }
}

/* What is drawn: the answer with what happened since *@before, which it takes the place of. */
static void draw(const struct wish *w, const char *path, json_t **before, int64_t *before_us)
{
    int64_t now_us = clock_monotonic_us();
    json_t *answer = admin_exchange(path, question(w), ADMIN_PATIENCE_S);
    int why = errno;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    ASSERT(out && "memory for the screen");
    fprintf(out, "%ss3onramp%s  every %d s, q ends\n", cli_color(stdout, CLI_BOLD), cli_color(stdout, CLI_PLAIN),
            WATCH_EVERY_S);
    if (answer)
        print_all(out, answer, &(struct since){*before ? *before : answer, (double)(now_us - *before_us) / 1e6});
    else
        fprintf(out, "%sno answer from %s: %s%s\n", cli_color(stdout, CLI_RED), path, strerror(why),
                cli_color(stdout, CLI_PLAIN));
    fclose(out);
    screen_draw(str_make(text, n));
    free(text);
    json_decref(*before);
    *before = answer;
    *before_us = now_us;
}

static int watch(const struct wish *w, const char *path)
{
    enum screen_event e = SCREEN_TIME;
    json_t *before = NULL;
    int64_t before_us = clock_monotonic_us();

    if (w->json || !screen_open()) return repeat(w, path);
    while (e == SCREEN_TIME || e == SCREEN_DRAW) {
        draw(w, path, &before, &before_us);
        e = screen_wait(WATCH_EVERY_S * 1000);
    }
    screen_close();
    json_decref(before);
    return CLI_FINE;
}

static int ask(const struct wish *w)
{
    struct settings *s = NULL;
    const char *path = admin_path(w->socket, w->config, &s);
    int code = CLI_USAGE;

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

static int take_warn(const struct cli_option *option UNUSED, void *to, const char *value)
{
    if (cli_parse_span(value, WARN_MOST_S, &((struct wish *)to)->warn_s)) return CLI_FINE;
    return cli_wrong_usage("status", "--warn %s: write a time like 36h or 7d", value);
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
    {.name = "warn",
     .value = "TIME",
     .take = take_warn,
     .help = "also what ends within TIME, like 7d: certificates, clients, their key pairs"},
    {.name = "watch",
     .at = offsetof(struct wish, watch),
     .help = "again every 2 seconds, with rates; q ends it (elsewhere than in a terminal: sums, until interrupted)"},
};

const struct cli_command cli_status = {
    .name = "status",
    .brief = "status [--json] [--watch]",
    .summary = "endpoints, addresses and how they are",
    .run = run,
    .usage = "status [-c FILE] [--socket PATH] [--clients] [--warn TIME] [--json] [--watch]",
    .about =
        "Shows the endpoints of the running proxy: their addresses, zones and states, since when and why, what is in\n"
        "flight, connections, failures, retries, bytes, and what DNS says; lines of logs that were lost.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more =
        "Exit code: 0 it is ready: it serves, every endpoint has an address that is up and keys that are good;\n1 it "
        "is "
        "not, and why is said; 2 wrong usage, or no proxy answers; 3 it is ready, and something\nends within --warn.",
    .example = "s3onramp status --json | jq '.endpoints[].addresses[] | select(.state != \"up\")'",
};
