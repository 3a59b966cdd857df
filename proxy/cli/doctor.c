/* SPDX-License-Identifier: Apache-2.0
 * doctor.c: `s3onramp doctor`: proves the road to the endpoints of the configuration, or to one by its name alone, and
 * shows what doctor/doctor.h finds. One thread. Needs no rights but to read the configuration; shows no secret.
 */
#include "cli/cli.h"

#include "aws/s3/target.h"
#include "base/secret.h"
#include "doctor/doctor.h"
#include "keys/json_text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TIMEOUT_MOST_S = 60 };

struct wish {
    const char *config, *endpoint /* section, or its own name; NULL: all */, *bucket;
    uint64_t timeout_ms;
    bool json, is_default_config;
};

struct report {
    const struct wish *wish;
    json_t *steps; /* of the endpoint that is looked at; with --json */
    bool failed;   /* a step of it */
};

/* --- as text --- */

static void print_lines(const char *text, const char *first, const char *next)
{
    struct str rest = str_from(text), line;

    for (bool begun = false; str_split(&rest, '\n', &line); begun = true)
        if (line.n) printf("%s%.*s\n", begun ? next : first, STR_ARG(line));
}

static void print_finding(const struct doctor_finding *f)
{
    static const enum cli_color colors[] = {
        [DOCTOR_OK] = CLI_GREEN, [DOCTOR_WARN] = CLI_BOLD, [DOCTOR_FAIL] = CLI_RED, [DOCTOR_SKIPPED] = CLI_PLAIN};

    printf("%s%-7s%s %-13s %6.2f s  ", cli_color(stdout, colors[f->verdict]), doctor_verdict_name(f->verdict),
           cli_color(stdout, CLI_PLAIN), f->step, f->seconds);
    print_lines(f->evidence, "", "                                ");
    if (!f->evidence[0]) putchar('\n');
    if (f->verdict == DOCTOR_WARN || f->verdict == DOCTOR_FAIL)
        print_lines(f->fix, "                            ->  ", "                                ");
    fflush(stdout);
}

/* --- as JSON --- */

static json_t *lines_of(const char *text)
{
    json_t *out = json_array();
    struct str rest = str_from(text), line;

    while (str_split(&rest, '\n', &line))
        if (line.n) json_array_append_new(out, json_text_of(line));
    return out;
}

static json_t *finding_json(const struct doctor_finding *f)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:f}", "step", f->step, "verdict", doctor_verdict_name(f->verdict),
                     "cause", json_text(f->cause), "evidence", lines_of(f->evidence), "fix", lines_of(f->fix),
                     "seconds", f->seconds);
}

static void print_json(json_t *endpoints, json_t *problems, int code)
{
    json_t *o = json_pack("{s:s, s:o, s:o}", "verdict", code == CLI_FINE ? "ok" : "fail", "problems", problems,
                          "endpoints", endpoints);

    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(o);
}

/* --- running --- */

static void on_finding(void *arg, const struct doctor_finding *f)
{
    struct report *r = arg;

    if (f->verdict == DOCTOR_FAIL) r->failed = true;
    if (r->wish->json)
        json_array_append_new(r->steps, finding_json(f));
    else
        print_finding(f);
}

/* Sections are not called so. */
static bool is_bare_name(const char *word)
{
    return word && (strncasecmp(word, "vpce-", 5) == 0 || strcasestr(word, ".vpce.") ||
                    strcasestr(word, "amazonaws.") || strstr(word, "://"));
}

/* Adds to @out. */
static int examine(const struct wish *w, const struct doctor_order *order, json_t *out)
{
    struct report r = {.wish = w, .steps = json_array()};
    struct err err = {0};
    const char *label = order->name_alone ? "" : order->endpoint->name, *name = order->name;

    if (!w->json)
        printf("%s%s%s%s%s\n", cli_color(stdout, CLI_BOLD), label, *label && name ? ": " : "", name ? name : "",
               cli_color(stdout, CLI_PLAIN));
    if (doctor_run(order, on_finding, &r, &err) != ERR_NONE) {
        cli_problem_err(&err);
        r.failed = true;
    }
    json_array_append_new(out, json_pack("{s:s, s:o, s:s, s:o}", "endpoint", label, "name", json_text(name ? name : ""),
                                         "verdict", r.failed ? "fail" : "ok", "steps", r.steps));
    return r.failed ? CLI_PROBLEM : CLI_FINE;
}

#define NAME_FORM "vpce-ID.s3.REGION.vpce.amazonaws.com"

/* A problem of the whole run: with --json it stands in "problems". */
static int tell(const struct wish *w, FILE *problems, const char *fmt, ...)
{
    char line[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (!w->json) return cli_problem("%s", line);
    fprintf(problems, "%s\n", line);
    return CLI_PROBLEM;
}

/* @word is the section's name, or its endpoint's own one, pasted in whatever form. */
static bool is_meant(const struct endpoint_conf *ep, const char *word)
{
    struct doctor_word own;

    if (!is_bare_name(word)) return strcmp(word, ep->name) == 0;
    return ep->vpce_name && doctor_take_name(word, &own) && strcmp(own.name, ep->vpce_name) == 0;
}

static int examine_all(const struct wish *w, const struct settings *s, FILE *problems, json_t *out)
{
    bool found = false;
    int code = CLI_FINE;

    for (size_t i = 0; i < s->endpoints_n; i++) {
        const struct endpoint_conf *ep = &s->endpoints[i];

        if (w->endpoint && !is_meant(ep, w->endpoint)) continue;
        if (found && !w->json) putchar('\n');
        found = true;
        const struct doctor_order order = {
            .settings = s, .endpoint = ep, .name = ep->vpce_name, .bucket = w->bucket, .timeout_ms = w->timeout_ms};
        if (examine(w, &order, out) != CLI_FINE) code = CLI_PROBLEM;
    }
    if (found) return code;
    if (is_bare_name(w->endpoint))
        return tell(w, problems, "no [endpoint] of %s has the name %s; leave out -c to look at the name alone",
                    w->config, w->endpoint);
    return tell(
        w, problems,
        "there is no section [endpoint %s] in %s, and \"%s\" is no endpoint's own name, which looks like " NAME_FORM,
        w->endpoint, w->config, w->endpoint);
}

/* The least configuration for an endpoint of that name (the listener is never opened); the name holds nothing but what
 * names hold. */
static struct settings *settings_of_name(const char *name)
{
    struct settings *s = NULL;
    char *text = NULL;
    FILE *in, *unheard = fopen("/dev/null", "we"); /* the step name tells what is wrong with a name */

    if (asprintf(&text, "[endpoint doctor]\nname = %s\n[listener doctor]\nmode = endpoint\n", name) < 0) text = NULL;
    in = text ? fmemopen(text, strlen(text), "r") : NULL;
    if (in && unheard) s = config_load_stream(in, "the name", unheard);
    if (in) fclose(in);
    if (unheard) fclose(unheard);
    free(text);
    return s;
}

static int examine_name(const struct wish *w, json_t *out)
{
    struct doctor_order order = {.bucket = w->bucket, .timeout_ms = w->timeout_ms, .name_alone = true};
    struct settings *s = NULL;
    struct doctor_word word;
    int code;

    if (doctor_take_name(w->endpoint, &word)) s = settings_of_name(word.name);
    order.name = word.name;
    order.left_out = word.left_out;
    order.settings = s;
    order.endpoint = s ? &s->endpoints[0] : NULL;
    code = examine(w, &order, out);
    settings_unref(&s);
    return code;
}

/* --- the configuration --- */

/* Sessions per client need a client to be one of. */
static bool needs_clients(const struct settings *s)
{
    for (size_t i = 0; i < s->endpoints_n; i++)
        if (s->endpoints[i].credentials->per_client) return true;
    return false;
}

static struct settings *load(const struct wish *w, FILE *problems)
{
    struct stat st;
    bool once = stat(w->config, &st) == 0 && S_ISFIFO(st.st_mode); /* what a pipe held is gone */
    struct settings *s = once ? config_load(w->config, problems) : config_load_without_clients(w->config, problems);

    if (!s || once || !needs_clients(s)) return s;
    settings_unref(&s);
    return config_load(w->config, problems);
}

static int examine_configuration(const struct wish *w, FILE *problems, json_t *out)
{
    struct settings *s;
    int code;

    if (w->endpoint && w->is_default_config && access(w->config, F_OK) != 0)
        return tell(w, problems,
                    "\"%s\" is no endpoint's own name, which looks like " NAME_FORM
                    " (the VPC console shows it), and no [endpoint %s] either: there is no configuration %s",
                    w->endpoint, w->endpoint, w->config);
    s = load(w, problems);
    if (!s && !w->json) cli_problem("the configuration is not usable; `s3onramp check -c %s` checks it", w->config);
    if (!s && w->endpoint && !w->json)
        cli_problem("an endpoint's own name, which looks like " NAME_FORM ", needs no configuration");
    code = s ? examine_all(w, s, problems, out) : CLI_PROBLEM;
    settings_unref(&s);
    return code;
}

static int diagnose(const struct wish *w)
{
    char *text = NULL;
    size_t n = 0;
    FILE *problems = w->json ? open_memstream(&text, &n) : stderr;
    json_t *out = json_array();
    int code;

    if (!problems) {
        json_decref(out);
        return cli_problem("out of memory");
    }
    code = w->is_default_config && is_bare_name(w->endpoint) ? examine_name(w, out)
                                                             : examine_configuration(w, problems, out);
    if (w->json) {
        fclose(problems);
        print_json(out, lines_of(text ? text : ""), code);
    } else {
        json_decref(out);
    }
    free(text);
    return code;
}

static int take_timeout(const struct cli_option *option UNUSED, void *to, const char *value)
{
    uint64_t seconds;

    if (!str_to_u64(str_from(value), &seconds) || seconds < 1 || seconds > TIMEOUT_MOST_S)
        return cli_wrong_usage("doctor", "--timeout takes 1 to %d seconds", (int)TIMEOUT_MOST_S);
    ((struct wish *)to)->timeout_ms = seconds * 1000;
    return CLI_FINE;
}

static int run(int argc, char **argv)
{
    struct wish w = {.timeout_ms = DOCTOR_TIMEOUT_MS};
    const char *why;
    int code;

    if (!cli_parse(&cli_doctor, argc, argv, &w, &code)) return code;
    w.is_default_config = !w.config;
    if (!w.config) w.config = CLI_DEFAULT_CONFIG;
    why = w.bucket ? s3_bucket_why_not(str_from(w.bucket)) : NULL;
    if (why) return cli_wrong_usage("doctor", "--bucket: \"%.80s\" cannot be a bucket's name: %s", w.bucket, why);
    secret_no_core_dumps();
    return diagnose(&w);
}

static const struct cli_option options[] = {
    {.value = "ENDPOINT",
     .names = "endpoint",
     .at = offsetof(struct wish, endpoint),
     .help = "only [endpoint ENDPOINT] of the configuration, or the one of that name; default all"},
    {.name = "bucket",
     .value = "BUCKET",
     .at = offsetof(struct wish, bucket),
     .help = "ask about this bucket instead of listing all"},
    {.name = "timeout",
     .value = "SECONDS",
     .take = take_timeout,
     .help = "how long to wait for each answer (default 5)"},
    CLI_JSON_OPTION(struct wish, json),
    CLI_CONFIG_OPTION(struct wish, config),
};

const struct cli_command cli_doctor = {
    .name = "doctor",
    .brief = "doctor [-c FILE | ENDPOINT-NAME]",
    .summary = "prove the road to the endpoint, step by step",
    .run = run,
    .usage = "doctor [-c FILE] [ENDPOINT] [--bucket BUCKET] [--json]\n"
             "doctor vpce-ID.s3.REGION.vpce.amazonaws.com [--bucket BUCKET] [--json]",
    .about =
        "Proves the road from this machine to the S3 interface endpoint, step by step: names, DNS, addresses, route, "
        "TCP,\n"
        "size of packets, TLS, clock, credentials, a signed request, Region. Each step says what it found and, where "
        "the\n"
        "road ends, what to do. Without a configuration an endpoint's name is enough; AWS credentials are then looked "
        "for\n"
        "as SDKs do. Needs no root and no running proxy, writes nothing to any bucket, goes to private addresses "
        "only,\n"
        "and shows no secret.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more = "Exit code: 0 the road is good (warnings may be there), 1 a step failed, 2 wrong usage.",
    .example = "s3onramp doctor vpce-0123456789abcdef0-abcdefgh.s3.ap-northeast-1.vpce.amazonaws.com --bucket "
               "my-bucket",
};
