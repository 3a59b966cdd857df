/* SPDX-License-Identifier: Apache-2.0
 * client_command.c: `s3onramp client`: what can be done to those who may come, kept in the clients file. Key pairs:
 * client_keys.c; the list: client_list.c. One thread. Passwords are on the stack only, and wiped.
 */
#include "client_impl.h"

#include "cli/reload.h"

#include "base/password.h"
#include "base/secret.h"
#include "http/uri.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_CLIENTS "/etc/s3onramp/clients.ini"

enum { GRACE_DEFAULT_S = 7 * 86400, GRACE_MOST_S = 366 * 86400, PEOPLE_BYTES = 16 << 20 };

static bool is_missing_default(const char *config)
{
    return strcmp(config, CLI_DEFAULT_CONFIG) == 0 && access(config, F_OK) != 0;
}

/* Where the pairs are kept: a heap string; NULL: there is no configuration, said why. */
static char *find_clients_path(const char *config)
{
    if (is_missing_default(config)) return strdup(DEFAULT_CLIENTS);
    return config_clients_path(config, stderr);
}

/* The settings if there is a configuration; without one, *@clients_path says where the pairs would go. NULL with a
 * NULL *@clients_path: there is one, and it has problems. */
static struct settings *read_settings(const char *config, char **clients_path)
{
    ASSERT(config);
    *clients_path = NULL;
    if (is_missing_default(config)) {
        *clients_path = strdup(DEFAULT_CLIENTS);
        return NULL;
    }
    struct settings *s = config_read(config, stderr);
    if (!s) return NULL;
    ASSERT(s->server.clients_file); /* has a default */
    *clients_path = strdup(s->server.clients_file);
    return s;
}

const struct principal_conf *client_find(const struct settings *s, struct str name)
{
    return s ? settings_client_by_name(s, name) : NULL;
}

const char *client_policy(const struct settings *s, const struct principal_conf *client)
{
    return client ? settings_text(s, client, "policy") : NULL;
}

bool client_has_policy(const struct principal_conf *client)
{
    return client && client->terms->policies_n;
}

bool client_policy_exists(const struct settings *s, struct str policy)
{
    if (!s) return str_eq(policy, STR("allow-all")) || str_eq(policy, STR("read-only"));
    for (size_t i = 0; i < s->policies_n; i++)
        if (str_eq(policy, str_from(s->policies[i].name))) return true;
    return false;
}

const struct group_conf *client_group(const struct settings *s, struct str name)
{
    for (size_t i = 0; s && i < s->groups_n; i++)
        if (str_eq(name, str_from(s->groups[i].name))) return &s->groups[i];
    return NULL;
}

/* What is wrong with the configuration, a line each; heap. @clients: what is to stand in the clients file; .p NULL:
 * what does. */
static char *problems_of(const char *config, struct str clients)
{
    char *problems = NULL;
    size_t n;
    FILE *out = open_memstream(&problems, &n);

    ASSERT(out && "memory for problems");
    struct settings *s = clients.p ? config_load_with_clients(config, clients, out) : config_load(config, out);
    settings_unref(&s);
    fclose(out);
    return problems;
}

/* Is it among @problems, wherever it stands there? */
static bool is_known(struct str problem, struct str problems)
{
    struct str line;

    problem = str_tail(problem, str_find(problem, STR(": ")));
    while (str_split(&problems, '\n', &line))
        if (str_eq(str_tail(line, str_find(line, STR(": "))), problem)) return true;
    return false;
}

int client_judge_change(const struct directory *d, const struct client_order *o)
{
    int exit_code = CLI_FINE;
    struct str rest, line;

    if (is_missing_default(o->config)) return CLI_FINE;
    char *then = problems_of(o->config, str_make(d->text, d->n));
    char *now = *then ? problems_of(o->config, STR_NONE) : NULL;
    for (rest = str_from(then); str_split(&rest, '\n', &line);) {
        if (is_known(line, str_from(now))) continue;
        fprintf(stderr, "%.*s\n", STR_ARG(line));
        exit_code = CLI_PROBLEM;
    }
    free(then);
    free(now);
    if (exit_code == CLI_FINE) return CLI_FINE;
    return cli_problem("nothing is changed: with it the configuration would have the problems above");
}

static int judge_name(struct str name, const char *verb)
{
    size_t good = config_client_name_span(name);

    if (config_client_name_valid(name)) return CLI_FINE;
    if (good < name.n && name.p[good] > ' ' && name.p[good] <= '~')
        return cli_wrong_usage("client", "'%c' cannot be in a client's name; write " CLIENT_NAME_GRAMMAR " only",
                               name.p[good]);
    return cli_wrong_usage("client", "%s needs a NAME of at most %d bytes: " CLIENT_NAME_GRAMMAR, verb,
                           CLIENT_NAME_MOST);
}

/* --- password --- */

/* What stands against giving @name a password; CLI_FINE: nothing. @d: NULL before it is open. */
static int judge_password(const struct directory *d, const struct settings *s, const struct client_order *o)
{
    const struct principal_conf *client = client_find(s, o->name);
    const char *policy = client_policy(s, client);
    char names[POLICY_NAMES_TEXT];

    if (!policy && !client_has_policy(client)) {
        if (o->policy && !client_policy_exists(s, str_from(o->policy)))
            return cli_problem("there is no [policy %s]; write that section, or use read-only or allow-all", o->policy);
        if (o->policy) return CLI_FINE;
        return cli_problem("there is no client \"%.*s\" with a policy; make it: s3onramp client add %.*s --policy "
                           "read-only, or add --policy for a client with a password only",
                           STR_ARG(o->name), STR_ARG(o->name));
    }
    if (o->policy && (!policy || strcmp(o->policy, policy) != 0))
        return cli_problem("client \"%s\" has policy = %s; leave --policy out", client->name,
                           principal_policy_names(client, names));
    if (d && client->password && !directory_has_key(d, o->name, STR("password")))
        return cli_problem("the password of client \"%s\" is not in the clients file but in another one; remove "
                           "the line there first",
                           client->name);
    return CLI_FINE;
}

static enum err_code write_password(struct directory *d, const struct client_order *o, bool with_policy,
                                    struct err *err)
{
    TRY(directory_set(d, o->name, STR("password"), str_from(o->hash), err));
    if (with_policy) TRY(directory_set(d, o->name, STR("policy"), str_from(o->policy), err));
    return directory_save(d, err);
}

static int set_password(struct directory *d, const struct settings *s, const struct client_order *o)
{
    char in_url[3 * CLIENT_NAME_MOST + 1];
    struct sbuf b = sbuf_make(in_url, sizeof in_url);
    struct err err = {0};
    int exit_code = judge_password(d, s, o);

    if (exit_code != CLI_FINE) return exit_code;
    if (write_password(d, o, !client_has_policy(client_find(s, o->name)), &err) != ERR_NONE)
        return cli_problem_err(&err);
    uri_encode(&b, o->name, false);
    fprintf(stderr,
            "The password of client \"%.*s\" is in %s, hashed. A forward listener with proxy_auth = optional or\n"
            "required takes it: HTTPS_PROXY=https://%.*s:PASSWORD@PROXY:PORT\n",
            STR_ARG(o->name), d->path, STR_ARG(sbuf_str(&b)));
    if (d->is_new) cli_owner_hint(d->path);
    return CLI_FINE;
}

/* --- remove, disable, enable --- */

int client_not_there(const struct directory *d, const struct settings *s, const struct client_order *o)
{
    const struct principal_conf *client = client_find(s, o->name);

    if (client)
        return cli_problem("client \"%s\" is not in the clients file but in %s:%d; change its section there",
                           client->name, client->place.file, client->place.line);
    if (!s && access(o->config, F_OK) == 0)
        return cli_problem("there is no client \"%.*s\" in %s; whether it is elsewhere can be told when the problems "
                           "above are mended",
                           STR_ARG(o->name), d->path);
    return cli_problem("there is no client \"%.*s\"; `s3onramp client list` shows all", STR_ARG(o->name));
}

static int remove_client(struct directory *d, const struct client_order *o)
{
    struct err err = {0};

    directory_remove(d, o->name);
    if (directory_save(d, &err) != ERR_NONE) return cli_problem_err(&err);
    fprintf(stderr, "Client \"%.*s\" is gone from %s.\n", STR_ARG(o->name), d->path);
    return CLI_FINE;
}

static int disable_client(struct directory *d, const struct client_order *o)
{
    struct err err = {0};

    if (directory_set(d, o->name, STR("disabled"), STR("yes"), &err) != ERR_NONE || directory_save(d, &err) != ERR_NONE)
        return cli_problem_err(&err);
    fprintf(stderr, "Client \"%.*s\" is disabled in %s: its keys and its password are refused.\n", STR_ARG(o->name),
            d->path);
    return CLI_FINE;
}

static int enable_client(struct directory *d, const struct client_order *o)
{
    struct err err = {0};

    directory_unset(d, o->name, STR("disabled"));
    if (directory_save(d, &err) != ERR_NONE) return cli_problem_err(&err);
    fprintf(stderr, "Client \"%.*s\" is enabled in %s.\n", STR_ARG(o->name), d->path);
    return CLI_FINE;
}

typedef int edit_fn(struct directory *d, const struct client_order *o);

/* Whoever leaves must be taken out whatever else is wrong with the configuration: only the clients file's name is read
 * of it beforehand. */
static int edit(const struct client_order *o, edit_fn *act)
{
    char *path = find_clients_path(o->config), *unused = NULL;
    struct directory d;
    struct err err = {0};

    if (!path) return CLI_PROBLEM;
    if (directory_open(&d, path, &err) != ERR_NONE) {
        free(path);
        return cli_problem_err(&err);
    }
    bool has = directory_has(&d, o->name);
    int exit_code = has ? act(&d, o) : CLI_PROBLEM;
    struct settings *s = read_settings(o->config, &unused);
    const struct principal_conf *client = client_find(s, o->name);
    if (!has)
        exit_code = client_not_there(&d, s, o);
    else if (exit_code == CLI_FINE && client && act == remove_client)
        fprintf(stderr, "Its section at %s:%d is still there.\n", client->place.file, client->place.line);
    settings_unref(&s);
    directory_close(&d);
    free(path);
    free(unused);
    return exit_code;
}

/* --- changes that need to know the settings --- */

/* The settings are read again once nobody else can change the clients file. */
static int change_locked(const struct client_order *o, const char *path, client_act_fn *act)
{
    struct directory d;
    struct err err = {0};
    char *again = NULL;
    int exit_code = CLI_PROBLEM;

    if (directory_open(&d, path, &err) != ERR_NONE) return cli_problem_err(&err);
    struct settings *s = read_settings(o->config, &again);
    if (again) exit_code = act(&d, s, o);
    settings_unref(&s);
    directory_close(&d);
    free(again);
    return exit_code;
}

/* What takes time, a person's above all, comes before the lock. */
static int prepare_password(const struct settings *s, struct client_order *o)
{
    char password[PASSWORD_MAX + 2];
    struct err err = {0};
    int exit_code = judge_password(NULL, s, o);

    if (exit_code != CLI_FINE) return exit_code;
    exit_code = cli_read_password(password);
    if (exit_code == CLI_FINE && password_hash(str_from(password), o->hash, &err) != ERR_NONE)
        exit_code = cli_problem_err(&err);
    secret_wipe(password, sizeof password);
    return exit_code;
}

/* Heap; NULL: said why. */
static char *read_whole(FILE *in, const char *name, size_t *n)
{
    char *text = malloc(PEOPLE_BYTES + 1);

    ASSERT(text && "memory for a list of names");
    *n = fread(text, 1, PEOPLE_BYTES + 1, in);
    if (!ferror(in) && *n <= PEOPLE_BYTES) return text;
    if (ferror(in))
        (void)cli_problem("%s cannot be read (%s)", name, strerror(errno));
    else
        (void)cli_problem("%s is longer than %d MiB; take several files", name, PEOPLE_BYTES >> 20);
    free(text);
    return NULL;
}

static int read_people(struct client_rows *rows, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    FILE *in = is_stdin ? stdin : fopen(path, "re");
    size_t n;

    *rows = (struct client_rows){.file = name};
    if (!in)
        return cli_problem("%s cannot be opened (%s); name a file, or - for standard input", path, strerror(errno));
    char *text = read_whole(in, name, &n);
    size_t problems_n = text ? client_file_parse(rows, name, str_make(text, n), stderr) : 1;
    if (!is_stdin) fclose(in);
    bool told = text != NULL;
    free(text);
    if (!problems_n) return CLI_FINE;
    return told ? cli_problem("nothing is changed: mend the lines above") : CLI_PROBLEM;
}

static int prepare_rows(struct client_order *o, struct client_rows *rows)
{
    o->rows = rows;
    if (o->from) return read_people(rows, o->from);
    client_rows_of_order(rows, o);
    return CLI_FINE;
}

static int change(struct client_order *o, client_act_fn *act)
{
    char *path;
    struct client_rows rows = {0};
    struct settings *s = read_settings(o->config, &path);
    int exit_code = path ? CLI_FINE : CLI_PROBLEM;

    if (path && act == set_password) exit_code = prepare_password(s, o);
    if (path && act == client_add) exit_code = prepare_rows(o, &rows);
    settings_unref(&s);
    if (exit_code == CLI_FINE) exit_code = change_locked(o, path, act);
    client_rows_clear(&rows);
    free(path);
    return exit_code;
}

/* --- verbs --- */

static const struct verb {
    const char *word;
    client_act_fn *change; /* or: */
    edit_fn *edit;         /* neither: list */
} verbs[] = {
    {"add", client_add, NULL},
    {"disable", NULL, disable_client},
    {"enable", NULL, enable_client},
    {"expire", client_expire, NULL},
    {"list", NULL, NULL},
    {"password", set_password, NULL},
    {"remove", NULL, remove_client},
    {"rotate", client_rotate, NULL},
    {"set", client_set, NULL},
};

/* Options that cannot be. */
static int judge_options(const struct verb *verb, struct client_order *o)
{
    int64_t expires_s;

    o->grace_s = GRACE_DEFAULT_S;
    if (o->grace && !cli_parse_span(o->grace, GRACE_MOST_S, &o->grace_s))
        return cli_wrong_usage("client", "--grace %s: write a number with its unit (s, m, h, d), at most 366d",
                               o->grace);
    if (o->expires && !config_parse_time(str_from(o->expires), &expires_s))
        return cli_wrong_usage("client", "--expires %s: write it like 2026-12-31 or 2026-12-31T18:00:00Z (UTC)",
                               o->expires);
    if (o->json && o->csv) return cli_wrong_usage("client", "--json and --csv do not go together; take one");
    if (verb->change == client_expire && o->name.n && !o->when)
        return cli_wrong_usage("client", "%s needs a time: s3onramp client %s NAME 2026-12-31, or never", verb->word,
                               verb->word);
    if (verb->change == client_set && !o->policy && !o->groups_said && !o->tags_n)
        return cli_wrong_usage("client", "set needs what to set: --group GROUP, --tag KEY=VALUE or --policy POLICY");
    return CLI_FINE;
}

/* What was written counts for the proxy that runs, too. @exit_code: of the writing. */
static int put_in_force(const struct client_order *o, int exit_code)
{
    if (exit_code != CLI_FINE) return exit_code;
    if (!o->no_reload && !is_missing_default(o->config)) return cli_reload_running(o->config, RELOAD_TAKEN, o->now);
    fputs("A proxy that runs takes it with `s3onramp reload`.\n", stderr);
    return CLI_FINE;
}

static int act_on(struct client_order *o)
{
    const struct verb *verb = NULL;

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(o->verb, verbs[i].word) == 0) verb = &verbs[i];
    ASSERT(verb); /* it is one of the words of its row */
    if (judge_options(verb, o) != CLI_FINE) return CLI_USAGE;
    if (!verb->change && !verb->edit) return client_list(o);
    if (o->from && o->name.n)
        return cli_wrong_usage("client", "the file of --from names the clients; leave out the name");
    if (!o->from && judge_name(o->name, o->verb) != CLI_FINE) return CLI_USAGE;
    return put_in_force(o, verb->edit ? edit(o, verb->edit) : change(o, verb->change));
}

static int run(int argc, char **argv)
{
    struct client_order o = {.config = CLI_DEFAULT_CONFIG};
    int code;

    if (!cli_parse(&cli_client, argc, argv, &o, &code)) return code;
    o.name = str_from(o.named);
    return act_on(&o);
}

static int take_group(const struct cli_option *option UNUSED, void *to, const char *value)
{
    struct client_order *o = to;
    size_t n = strlen(o->groups), more = strlen(value);

    if (n + more + 2 > sizeof o->groups) return cli_wrong_usage("client", "these are too many groups");
    if (n && more) o->groups[n++] = ',';
    memcpy(o->groups + n, value, more + 1);
    o->groups_said = true;
    return CLI_FINE;
}

static int take_tag(const struct cli_option *option UNUSED, void *to, const char *value)
{
    struct client_order *o = to;
    struct str text = str_from(value);
    size_t equals = str_index(text, '=');

    if (equals == SIZE_MAX || equals == 0)
        return cli_wrong_usage("client", "--tag %s: write KEY=VALUE, like team=archive", value);
    if (o->tags_n == CLIENT_TAGS) return cli_wrong_usage("client", "a client has at most %d tags", CLIENT_TAGS);
    o->tags[o->tags_n++] = (struct tag_conf){str_head(text, equals), str_trim(str_tail(text, equals + 1))};
    return CLI_FINE;
}

static const struct cli_option options[] = {
    {.value = "add|disable|enable|expire|list|password|remove|rotate|set", .at = offsetof(struct client_order, verb)},
    {.value = "NAME",
     .names = "client",
     .of = "add|disable|enable|expire|password|remove|rotate|set",
     .at = offsetof(struct client_order, named)},
    {.value = "TIME", .of = "expire", .at = offsetof(struct client_order, when)},
    CLI_CONFIG_OPTION(struct client_order, config),
    {.name = "policy",
     .letter = 'p',
     .value = "POLICY",
     .names = "policy",
     .of = "add|password|set",
     .at = offsetof(struct client_order, policy),
     .help = "what the client may do: read-only, allow-all, or the NAME of a [policy NAME],\n"
             "or several, with commas; not needed if a group of the client has one, or the\n"
             "configuration has a [client NAME] with a policy"},
    {.name = "group",
     .letter = 'g',
     .value = "GROUP",
     .names = "group",
     .of = "add|list|set",
     .take = take_group,
     .help = "a [group NAME] that the client is in; several times for several.\n"
             "Of set: these and no others, with '' none. Of list: only clients in one of these"},
    {.name = "tag",
     .value = "KEY=VALUE",
     .of = "add|set",
     .take = take_tag,
     .help = "what is known of the client; several times for several.\n"
             "Of set: KEY= takes it away"},
    {.name = "from",
     .value = "FILE",
     .of = "add",
     .at = offsetof(struct client_order, from),
     .help = "the clients that FILE names; - is standard input"},
    {.name = "expires",
     .value = "TIME",
     .of = "add",
     .at = offsetof(struct client_order, expires),
     .help = "from then on the client is refused; 2026-12-31 or 2026-12-31T18:00:00Z"},
    {.name = "grace",
     .value = "TIME",
     .of = "rotate",
     .at = offsetof(struct client_order, grace),
     .help = "how long the old key pair still counts: 90s, 12h (default 7d);\n"
             "0s: no old pair counts any more"},
    {.name = "now",
     .of = "disable|remove",
     .at = offsetof(struct client_order, now),
     .help = "also cut what runs for the client; without it that may end"},
    {.name = "no-reload",
     .of = "add|disable|enable|expire|password|remove|rotate|set",
     .at = offsetof(struct client_order, no_reload),
     .help = "leave a proxy that runs as it is"},
    {.name = "csv", .of = "add|rotate", .at = offsetof(struct client_order, csv), .help = "the keys as CSV"},
    {.name = "json", .of = "add|list|rotate", .at = offsetof(struct client_order, json), .help = "JSON for programs"},
};

const struct cli_command cli_client = {
    .name = "client",
    .brief = "client add|list|rotate|...",
    .summary = "local key pairs and passwords: who may come",
    .run = run,
    .usage =
        "client add NAME|--from FILE [--group GROUP] [--policy POLICY] [--tag KEY=VALUE] [--expires TIME] [-c FILE]\n"
        "client list [--group GROUP] [--json] [-c FILE]\n"
        "client set NAME [--group GROUP] [--policy POLICY] [--tag KEY=VALUE] [-c FILE]\n"
        "client expire NAME TIME|never [-c FILE]\n"
        "client rotate NAME [--grace TIME] [-c FILE]\n"
        "client disable|remove NAME [--now] [-c FILE]\n"
        "client enable NAME [-c FILE]\n"
        "client password NAME [--policy POLICY] [-c FILE]",
    .about = "Makes, shows and removes the local key pairs that clients sign their requests with. They are worth\n"
             "nothing outside this proxy: the real AWS keys stay in it. Pairs are kept in the clients file\n"
             "(clients_file in [server]; clients.ini beside the configuration), readable by its owner only.\n"
             "NAME: as of IAM users, letters, digits and +=,.@_- (alice@example.com).",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more =
        "What is written is in force at once in the proxy that runs with this configuration, as after `s3onramp\n"
        "reload`: also on connections that are open.\n"
        "\n"
        "`rotate` makes a new key pair and shows it; the old one counts until --grace is over, so that there is time "
        "to\n"
        "bring the new one out. `disable` refuses the client's keys and its password until `enable`.\n"
        "\n"
        "`password` reads a password from the terminal, or one line from standard input, and keeps its hash: with it "
        "the\n"
        "client can go through a forward listener that has proxy_auth. A new client without a key pair needs "
        "--policy.\n"
        "\n"
        "A FILE of `add --from` has a name on each line, or is CSV whose first line names its columns: name, and of\n"
        "group, policy, expires and tag.KEY those that are needed; several groups or policies stand in one field with\n"
        "blanks between. A field that is empty, or not there, is what the command line says. '#' begins a comment.\n"
        "All problems are told, and then nobody is added. The keys come out as a table, --csv or --json, each beside\n"
        "its name, on standard output only: `umask 077` before you send that to a file.\n"
        "\n"
        "`add` and `rotate` write the lines for ~/.aws/credentials to standard output and everything else to standard "
        "error.",
    .example = "s3onramp client add backup --policy allow-all\n"
               "s3onramp client add --from people.csv --csv >keys.csv\n"
               "s3onramp client set alice --group analysts --group auditors --tag team=archive\n"
               "s3onramp client expire gus 2026-12-31T18:00:00Z\n"
               "s3onramp client rotate backup --grace 2d\n"
               "s3onramp client password backup",
};
