/* SPDX-License-Identifier: Apache-2.0
 * client_command.c: `s3onramp client add|list|remove|password`: local key pairs and hashes of passwords, kept in the
 * clients file. One thread. Keys and passwords are on the stack and in the file's text only, and wiped.
 */
#include "cli/cli.h"

#include "base/password.h"
#include "base/secret.h"
#include "http/uri.h"

#include <stdlib.h>
#include <unistd.h>

enum { KEY_ID_LENGTH = 20, KEY_ID_RANDOM = 16, SECRET_LENGTH = 40 };

#define DEFAULT_CLIENTS "/etc/s3onramp/clients.ini"

struct request {
    const char *config, *policy, *verb, *named;
    struct str name;              /* the same */
    char hash[PASSWORD_HASH_MAX]; /* of the new password */
};

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

static const struct principal_conf *find_client(const struct settings *s, struct str name)
{
    for (size_t i = 0; s && i < s->clients_n; i++)
        if (str_eq(str_from(s->clients[i].name), name)) return &s->clients[i];
    return NULL;
}

/* As its section says, whether or not it is there; NULL: it says nothing, or there is no client. */
static const char *policy_of(const struct settings *s, const struct principal_conf *client)
{
    return client ? settings_text(s, client, "policy") : NULL;
}

static bool policy_exists(const struct settings *s, const char *policy)
{
    if (!s) return strcmp(policy, "allow-all") == 0 || strcmp(policy, "read-only") == 0;
    for (size_t i = 0; i < s->policies_n; i++)
        if (strcmp(s->policies[i].name, policy) == 0) return true;
    return false;
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

/* --- add --- */

/* @n characters of @alphabet, whose length is 2^@bits: each byte's lowest bits choose one, all equally likely. */
static void random_text(char *out, size_t n, const char *alphabet, unsigned bits)
{
    unsigned char random[SECRET_LENGTH];

    ASSERT(n <= sizeof random);
    secret_random(random, n);
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[random[i] & ((1U << bits) - 1)];
    out[n] = '\0';
    secret_wipe(random, sizeof random);
}

struct pair {
    char id[KEY_ID_LENGTH + 1], secret[SECRET_LENGTH + 1];
};

static void make_pair(struct pair *pair)
{
    memcpy(pair->id, "S3OR", 4);
    random_text(pair->id + 4, KEY_ID_RANDOM, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5);
    random_text(pair->secret, SECRET_LENGTH, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6);
}

/* What stands against giving @name a pair; CLI_FINE: nothing. */
static int judge_add(const struct settings *s, const struct request *r)
{
    const struct principal_conf *client = find_client(s, r->name);
    const char *policy = policy_of(s, client);

    if (client && (client->keys[0].access_key_id || client->keys[0].secret_access_key))
        return cli_problem(
            "client \"%s\" has a key pair already (%s:%d); take it away first: s3onramp client remove %s", client->name,
            client->place.file, client->place.line, client->name);
    if (policy) {
        if (!r->policy || strcmp(r->policy, policy) == 0) return CLI_FINE;
        return cli_problem("client \"%s\" has policy = %s (section at %s:%d); change it there, or leave --policy out",
                           client->name, policy, client->place.file, client->place.line);
    }
    if (!r->policy)
        return cli_wrong_usage("client",
                               "client \"%.*s\" needs a policy; add --policy read-only, --policy allow-all, or "
                               "--policy with the NAME of a [policy NAME]",
                               STR_ARG(r->name));
    if (!policy_exists(s, r->policy))
        return cli_problem("there is no [policy %s]; write that section, or use read-only or allow-all", r->policy);
    return CLI_FINE;
}

static enum err_code write_pair(struct clients_file *f, const struct request *r, bool with_policy,
                                const struct pair *pair, struct err *err)
{
    char lines[256];
    struct sbuf b = sbuf_make(lines, sizeof lines);

    sbuf_printf(&b, "access_key_id = %s\nsecret_access_key = %s\n", pair->id, pair->secret);
    if (with_policy) sbuf_printf(&b, "policy = %s\n", r->policy);
    enum err_code code = b.overflow ? err_set(err, ERR_CONFIG, 0, "the policy's name is too long")
                                    : clients_file_add(f, r->name, sbuf_str(&b), err);
    secret_wipe(lines, sizeof lines);
    return code != ERR_NONE ? code : clients_file_save(f, err);
}

static void print_pair(const struct request *r, const struct clients_file *f, const char *policy,
                       const struct pair *pair)
{
    fprintf(stderr,
            "Client \"%.*s\" with policy %s is in %s.\n"
            "Put these lines into ~/.aws/credentials of the client (this is the only time they are shown):\n\n",
            STR_ARG(r->name), policy, f->path);
    fflush(stderr);
    printf("# s3onramp client %.*s\n[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", STR_ARG(r->name),
           pair->id, pair->secret);
    fflush(stdout);
    fputs("\nThen start the proxy anew, so that it knows the client.\n", stderr);
    if (f->uid < 0) cli_owner_hint(f->path);
}

static int add_locked(struct clients_file *f, const struct settings *s, const struct request *r)
{
    const struct principal_conf *client = find_client(s, r->name);
    const char *policy = policy_of(s, client);
    struct err err = {0};
    struct pair pair;
    int exit_code = judge_add(s, r);

    if (exit_code != CLI_FINE) return exit_code;
    make_pair(&pair);
    if (write_pair(f, r, !policy, &pair, &err) != ERR_NONE)
        exit_code = cli_problem_err(&err);
    else
        print_pair(r, f, policy ? policy : r->policy, &pair);
    secret_wipe(&pair, sizeof pair);
    return exit_code;
}

/* --- password --- */

/* What stands against giving @name a password; CLI_FINE: nothing. @f: NULL before it is open. */
static int judge_password(const struct clients_file *f, const struct settings *s, const struct request *r)
{
    const struct principal_conf *client = find_client(s, r->name);
    const char *policy = policy_of(s, client);

    if (!policy) {
        if (r->policy && !policy_exists(s, r->policy))
            return cli_problem("there is no [policy %s]; write that section, or use read-only or allow-all", r->policy);
        if (r->policy) return CLI_FINE;
        return cli_problem("there is no client \"%.*s\" with a policy; make it: s3onramp client add %.*s --policy "
                           "read-only, or add --policy for a client with a password only",
                           STR_ARG(r->name), STR_ARG(r->name));
    }
    if (r->policy && strcmp(r->policy, policy) != 0)
        return cli_problem("client \"%s\" has policy = %s; leave --policy out", client->name, policy);
    if (f && client->password && !clients_file_has_key(f, r->name, STR("password")))
        return cli_problem("the password of client \"%s\" is not in the clients file but in another one; remove "
                           "the line there first",
                           client->name);
    return CLI_FINE;
}

static enum err_code write_password(struct clients_file *f, const struct request *r, bool with_policy, struct err *err)
{
    char lines[PASSWORD_HASH_MAX + 128];
    struct sbuf b = sbuf_make(lines, sizeof lines);

    sbuf_printf(&b, "password = %s\n", r->hash);
    if (with_policy) sbuf_printf(&b, "policy = %s\n", r->policy);
    if (b.overflow) return err_set(err, ERR_CONFIG, 0, "the policy's name is too long");
    clients_file_remove_key(f, r->name, STR("password"));
    TRY(clients_file_add(f, r->name, sbuf_str(&b), err));
    return clients_file_save(f, err);
}

static int password_locked(struct clients_file *f, const struct settings *s, const struct request *r)
{
    const struct principal_conf *client = find_client(s, r->name);
    char in_url[3 * CLIENT_NAME_MOST + 1];
    struct sbuf b = sbuf_make(in_url, sizeof in_url);
    struct err err = {0};
    int exit_code = judge_password(f, s, r);

    if (exit_code != CLI_FINE) return exit_code;
    if (write_password(f, r, !policy_of(s, client), &err) != ERR_NONE) return cli_problem_err(&err);
    uri_encode(&b, r->name, false);
    fprintf(stderr,
            "The password of client \"%.*s\" is in %s, hashed. Start the proxy anew, so that it knows it; a forward\n"
            "listener with proxy_auth = optional or required takes it: HTTPS_PROXY=https://%.*s:PASSWORD@PROXY:PORT\n",
            STR_ARG(r->name), f->path, STR_ARG(sbuf_str(&b)));
    if (f->uid < 0) cli_owner_hint(f->path);
    return CLI_FINE;
}

/* --- remove --- */

static int not_there(const struct clients_file *f, const struct settings *s, const struct request *r)
{
    const struct principal_conf *client = find_client(s, r->name);

    if (client)
        return cli_problem("client \"%s\" is not in the clients file but in %s:%d; remove its section there",
                           client->name, client->place.file, client->place.line);
    if (!s && access(r->config, F_OK) == 0)
        return cli_problem("there is no client \"%.*s\" in %s; whether it is elsewhere can be told when the problems "
                           "above are mended",
                           STR_ARG(r->name), f->path);
    return cli_problem("there is no client \"%.*s\"; `s3onramp client list` shows all", STR_ARG(r->name));
}

static int remove_section(struct clients_file *f, const struct request *r)
{
    struct err err = {0};

    clients_file_remove(f, r->name);
    if (clients_file_save(f, &err) != ERR_NONE) return cli_problem_err(&err);
    fprintf(stderr, "Client \"%.*s\" is gone from %s. Start the proxy anew, so that it forgets the client.\n",
            STR_ARG(r->name), f->path);
    return CLI_FINE;
}

/* Whoever leaves must be taken out whatever else is wrong with the configuration: only the clients file's name is read
 * of it beforehand. */
static int remove_client(const struct request *r)
{
    char *path = find_clients_path(r->config), *unused = NULL;
    struct clients_file file;
    struct err err = {0};

    if (!path) return CLI_PROBLEM;
    if (clients_file_open(&file, path, &err) != ERR_NONE) {
        free(path);
        return cli_problem_err(&err);
    }
    bool has = clients_file_has(&file, r->name);
    int exit_code = has ? remove_section(&file, r) : CLI_PROBLEM;
    struct settings *s = read_settings(r->config, &unused);
    const struct principal_conf *client = find_client(s, r->name);
    if (!has)
        exit_code = not_there(&file, s, r);
    else if (exit_code == CLI_FINE && client)
        fprintf(stderr, "Its section at %s:%d is still there.\n", client->place.file, client->place.line);
    settings_unref(&s);
    clients_file_close(&file);
    free(path);
    free(unused);
    return exit_code;
}

/* --- list --- */

static void print_client(const struct settings *s, const struct principal_conf *client)
{
    const char *policy = policy_of(s, client);

    printf("%-20s %-20s %-16s %s:%d\n", client->name,
           client->keys[0].access_key_id ? client->keys[0].access_key_id : "-", policy ? policy : "-",
           client->place.file, client->place.line);
}

static int list(const struct request *r)
{
    struct settings *s = config_read(r->config, stderr);

    if (!s) return CLI_PROBLEM;
    if (s->clients_n == 0)
        fputs("There are no clients yet: s3onramp client add NAME --policy read-only\n", stderr);
    else
        printf("%s%-20s %-20s %-16s %s%s\n", cli_color(stdout, CLI_BOLD), "CLIENT", "ACCESS KEY", "POLICY", "SECTION",
               cli_color(stdout, CLI_PLAIN));
    for (size_t i = 0; i < s->clients_n; i++)
        print_client(s, &s->clients[i]);
    settings_unref(&s);
    return CLI_FINE;
}

typedef int act_fn(struct clients_file *f, const struct settings *s, const struct request *r);

/* The settings are read again once nobody else can change the clients file. */
static int change_locked(const struct request *r, const char *path, act_fn *act)
{
    struct clients_file file;
    struct err err = {0};
    char *again = NULL;
    int exit_code = CLI_PROBLEM;

    if (clients_file_open(&file, path, &err) != ERR_NONE) return cli_problem_err(&err);
    struct settings *s = read_settings(r->config, &again);
    if (again) exit_code = act(&file, s, r);
    settings_unref(&s);
    clients_file_close(&file);
    free(again);
    return exit_code;
}

/* What takes time, a person's above all, comes before the lock. */
static int prepare_password(const struct settings *s, struct request *r)
{
    char password[PASSWORD_MAX + 2];
    struct err err = {0};
    int exit_code = judge_password(NULL, s, r);

    if (exit_code != CLI_FINE) return exit_code;
    exit_code = cli_read_password(password);
    if (exit_code == CLI_FINE && password_hash(str_from(password), r->hash, &err) != ERR_NONE)
        exit_code = cli_problem_err(&err);
    secret_wipe(password, sizeof password);
    return exit_code;
}

static int change(struct request *r, act_fn *act)
{
    char *path;
    struct settings *s = read_settings(r->config, &path);
    int exit_code = !path ? CLI_PROBLEM : act == password_locked ? prepare_password(s, r) : CLI_FINE;

    settings_unref(&s);
    if (exit_code == CLI_FINE) exit_code = change_locked(r, path, act);
    free(path);
    return exit_code;
}

static int act_on(const char *verb, struct request *r)
{
    if (strcmp(verb, "list") == 0) return r->name.n ? cli_wrong_usage("client", "list takes no name") : list(r);
    bool is_add = strcmp(verb, "add") == 0, is_password = strcmp(verb, "password") == 0;
    if (!is_add && !is_password && strcmp(verb, "remove") != 0)
        return cli_wrong_usage("client", "there is no `client %s`; there are add, list, remove and password", verb);
    if (judge_name(r->name, verb) != CLI_FINE) return CLI_USAGE;
    if (is_add || is_password) return change(r, is_add ? add_locked : password_locked);
    return r->policy ? cli_wrong_usage("client", "remove takes no --policy") : remove_client(r);
}

static int run(int argc, char **argv)
{
    struct request r = {.config = CLI_DEFAULT_CONFIG};
    int code;

    if (!cli_parse(&cli_client, argc, argv, &r, &code)) return code;
    if (!r.verb) return cli_wrong_usage("client", "say what to do: add, list, remove or password");
    r.name = str_from(r.named);
    return act_on(r.verb, &r);
}

static const struct cli_option options[] = {
    {.value = "add|list|remove|password", .at = offsetof(struct request, verb)},
    {.value = "NAME", .at = offsetof(struct request, named)},
    CLI_CONFIG_OPTION(struct request, config),
    {.name = "policy",
     .letter = 'p',
     .value = "POLICY",
     .at = offsetof(struct request, policy),
     .help = "what the client may do: read-only, allow-all, or the NAME of a [policy NAME];\n"
             "not needed if the configuration has a [client NAME] with a policy"},
};

const struct cli_command cli_client = {
    .name = "client",
    .brief = "client add|list|password|remove",
    .summary = "local key pairs and passwords: who may come",
    .run = run,
    .usage = "client add NAME [--policy POLICY] [-c FILE]\n"
             "client list [-c FILE]\n"
             "client remove NAME [-c FILE]\n"
             "client password NAME [--policy POLICY] [-c FILE]",
    .about = "Makes, shows and removes the local key pairs that clients sign their requests with. They are worth\n"
             "nothing outside this proxy: the real AWS keys stay in it. Pairs are kept in the clients file\n"
             "(clients_file in [server]; clients.ini beside the configuration), readable by its owner only.\n"
             "NAME: as of IAM users, letters, digits and +=,.@_- (alice@example.com).",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more =
        "`password` reads a password from the terminal, or one line from standard input, and keeps its hash: with it "
        "the\n"
        "client can go through a forward listener that has proxy_auth. A new client without a key pair needs "
        "--policy.\n"
        "\n"
        "`add` writes the lines for ~/.aws/credentials to standard output and everything else to standard error.",
    .example = "s3onramp client add backup --policy allow-all\n"
               "s3onramp client password backup",
};
