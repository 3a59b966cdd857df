/* SPDX-License-Identifier: Apache-2.0
 * credentials.c: the command `s3onramp credentials`: what the running proxy has, or, with --fetch, what a section gives
 * here and now. One thread. No secret is ever shown.
 */
#include "cli/admin_client.h"
#include "cli/cli.h"
#include "flow/upstream/keyring.h"
#include "keys/fetch_once.h"
#include "keys/json_text.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

struct wish {
    const char *config, *name /* NULL: all */, *client, *socket;
    bool json, fetch, drop;
};

static const struct credentials_conf *find(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->credentials_n; i++)
        if (strcmp(s->credentials[i].name, name) == 0) return &s->credentials[i];
    return NULL;
}

static int print_result(const struct wish *w, const struct credentials_conf *set, const struct source_result *r)
{
    bool good = r->outcome == SOURCE_GOOD;
    char id[24] = "", until[32] = "never";
    time_t t = (time_t)r->keys.expires_s;
    struct tm tm;

    if (good) credentials_mask(r->keys.access_key_id, id, sizeof(id));
    if (good && t && gmtime_r(&t, &tm)) strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_t *o = json_pack("{s:s, s:s, s:b, s:o, s:s, s:o, s:b}", "name", set->name, "source",
                          credentials_source_name(set->source), "good", good, "access_key_id", json_text(id), "expires",
                          good && t ? until : "", "detail", json_text(good ? r->origin : r->why), "temporary",
                          good && r->keys.session_token);
    if (w->json) {
        json_dumpf(o, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (good) {
        printf("%s: key %s, %s, expires %s\n  from %s\n", set->name, admin_text(o, "access_key_id"),
               r->keys.session_token ? "temporary" : "long-lived", until, admin_text(o, "detail"));
    } else {
        cli_problem("[credentials %s] source = %s: %s", set->name, credentials_source_name(set->source),
                    admin_text(o, "detail"));
    }
    json_decref(o);
    return good ? CLI_FINE : CLI_PROBLEM;
}

static int run_fetch(const struct wish *w)
{
    struct settings *s = config_load_without_clients(w->config, stderr);
    const struct credentials_conf *set;
    struct source_result r;
    struct err err = {0};
    int code;

    if (!s) return cli_problem("the configuration is not usable; `s3onramp check -c %s` checks it again", w->config);
    set = find(s, w->name);
    if (set && set->source == CREDENTIALS_NONE)
        code =
            cli_problem("[credentials %s] source = none: requests leave unsigned, there is nothing to fetch", w->name);
    else if (!set)
        code = cli_problem("there is no section [credentials %s] in %s", w->name, w->config);
    else if (fetch_once(s, set, w->client, &r, &err) != ERR_NONE)
        code = cli_problem_err(&err);
    else {
        code = print_result(w, set, &r);
        key_set_clear(&r.keys);
    }
    settings_unref(&s);
    return code;
}

static void print_running(const json_t *c)
{
    const char *client = admin_text(c, "client"), *error = admin_text(c, "last_error");
    const json_t *left = json_object_get(c, "expires_in_s");
    char name[160], until[16] = "never";

    snprintf(name, sizeof(name), "%.60s%s%.80s", admin_text(c, "name"), *client ? " for " : "", client);
    if (json_is_integer(left)) cli_age(until, (double)json_integer_value(left));
    printf("%-24s %-14s %-9s %-12s %8s %8lld %9lld  %s\n", name, admin_text(c, "source"), admin_text(c, "state"),
           admin_text(c, "access_key_id"), until, admin_number(c, "fetches"), admin_number(c, "failures"),
           *error ? error : admin_text(c, "origin"));
}

static bool is_usable(const json_t *c)
{
    const char *state = admin_text(c, "state");

    return strcmp(state, "good") == 0 || strcmp(state, "stale") == 0 || strcmp(state, "unsigned") == 0;
}

/* Takes out those that were not asked for. */
static json_t *chosen(const struct wish *w, const json_t *all)
{
    json_t *out = json_array(), *c;
    size_t i;

    json_array_foreach(all, i, c)
    {
        if (!w->name || strcmp(admin_text(c, "name"), w->name) == 0) json_array_append(out, c);
    }
    return out;
}

static json_t *question(const struct wish *w)
{
    return w->drop ? json_pack("{ss ss}", "command", "drop", "credentials", w->name)
                   : json_pack("{ss}", "command", "credentials");
}

static int show_running(const json_t *answer, const void *arg)
{
    const struct wish *w = arg;
    json_t *list = chosen(w, json_object_get(answer, "credentials")), *c;
    int code = CLI_FINE;
    size_t i;

    if (w->json) json_dumpf(list, stdout, JSON_INDENT(2));
    if (w->json) putchar('\n');
    if (!w->json)
        printf("%-24s %-14s %-9s %-12s %8s %8s %9s  %s\n", "NAME", "SOURCE", "STATE", "KEY", "EXPIRES", "FETCHES",
               "FAILURES", "FROM, OR WHY NOT");
    json_array_foreach(list, i, c)
    {
        if (!w->json) print_running(c);
        if (!is_usable(c)) code = CLI_PROBLEM;
    }
    if (json_array_size(list) == 0 && w->name) code = cli_problem("the running proxy has no [credentials %s]", w->name);
    json_decref(list);
    return code;
}

static int run(int argc, char **argv)
{
    struct wish w = {.config = CLI_DEFAULT_CONFIG};
    int code;

    if (!cli_parse(&cli_credentials, argc, argv, &w, &code)) return code;
    if (w.client && !w.fetch) return cli_wrong_usage("credentials", "--client goes with --fetch only");
    if (w.drop && (w.fetch || !w.name))
        return cli_wrong_usage("credentials", "--drop needs the NAME of a section, and does not go with --fetch");
    if (w.fetch && !w.name) w.name = "default";
    if (w.fetch) return run_fetch(&w);
    return admin_run(w.socket, w.config, question(&w), ADMIN_PATIENCE_S, show_running, &w);
}

static const struct cli_option options[] = {
    {.value = "NAME", .names = "credentials", .at = offsetof(struct wish, name)},
    {.name = "fetch", .at = offsetof(struct wish, fetch), .help = "ask the source now"},
    {.name = "client",
     .value = "CLIENT",
     .names = "client",
     .at = offsetof(struct wish, client),
     .help = "with --fetch: as this client, where each has a session of its own"},
    {.name = "drop", .at = offsetof(struct wish, drop), .help = "withdraw the keys that the running proxy has"},
    CLI_JSON_OPTION(struct wish, json),
    CLI_SOCKET_OPTION(struct wish, socket),
    CLI_CONFIG_OPTION(struct wish, config),
};

const struct cli_command cli_credentials = {
    .name = "credentials",
    .brief = "credentials [NAME] [--json]",
    .summary = "the keys that requests are signed with",
    .run = run,
    .usage = "credentials [NAME] [--json] [--socket PATH] [-c FILE]\n"
             "credentials NAME --fetch [--client CLIENT] [--json] [-c FILE]\n"
             "credentials NAME --drop [--json] [--socket PATH] [-c FILE]",
    .about =
        "Shows the credentials that the running proxy signs with: where they came from, how long they last, and what "
        "went\n"
        "wrong last. With --fetch it asks the source of section [credentials NAME] here and now, without a running "
        "proxy.\n"
        "With --drop the running proxy takes the keys of that section out of use and asks its source anew: what it "
        "gives now\n"
        "counts, and if its file has gone there are none. No secret is shown; keys are masked.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more = "Exit code: 0 all can be used, 1 some cannot or the proxy does not answer, 2 wrong usage.",
    .example = "s3onramp credentials default --fetch && s3onramp serve",
};
