/* SPDX-License-Identifier: Apache-2.0
 * client_command.c: `s3onramp client add|list|remove|password`: local key pairs and hashes of passwords, kept in the
 * clients file. One thread. Keys and passwords are on the stack and in the file's text only, and wiped.
 */
#include "cli/cli.h"

#include "base/password.h"
#include "base/secret.h"

#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { KEY_ID_LENGTH = 20, KEY_ID_RANDOM = 16, SECRET_LENGTH = 40, PASSWORD_LEAST = 8 };

static const char help[] =
    "Usage: s3onramp client add NAME [--policy POLICY] [-c FILE]\n"
    "       s3onramp client list [-c FILE]\n"
    "       s3onramp client remove NAME [-c FILE]\n"
    "       s3onramp client password NAME [--policy POLICY] [-c FILE]\n"
    "\n"
    "Makes, shows and removes the local key pairs that clients sign their requests with. They are worth\n"
    "nothing outside this proxy: the real AWS keys stay in it. Pairs are kept in the clients file\n"
    "(clients_file in [server]; clients.ini beside the configuration), readable by its owner only.\n"
    "\n"
    "  -c, --config FILE     configuration (default " CLI_DEFAULT_CONFIG ")\n"
    "  -p, --policy POLICY   what the client may do: read-only, allow-all, or the NAME of a [policy NAME];\n"
    "                        not needed if the configuration has a [client NAME] with a policy\n"
    "\n"
    "`password` reads a password from the terminal, or one line from standard input, and keeps its hash: with it the\n"
    "client can go through a forward listener that has proxy_auth. A new client without a key pair needs --policy.\n"
    "\n"
    "`add` writes the lines for ~/.aws/credentials to standard output and everything else to standard error.\n"
    "\n"
    "Example:\n"
    "  s3onramp client add backup --policy allow-all\n"
    "  s3onramp client password backup\n";

struct request {
    const char *config, *policy;
    struct str name;
};

/* The settings if there is a configuration; without one, *@clients_path says where the pairs would go. NULL with a
 * NULL *@clients_path: there is one, and it has problems. */
static struct settings *read_settings(const char *config, char **clients_path)
{
    ASSERT(config);
    *clients_path = NULL;
    if (access(config, F_OK) != 0 && strcmp(config, CLI_DEFAULT_CONFIG) == 0) {
        *clients_path = strdup("/etc/s3onramp/clients.ini");
        return NULL;
    }
    struct settings *s = config_read(config, stderr);
    if (!s) return NULL;
    ASSERT(s->server.clients_file); /* has a default */
    *clients_path = strdup(s->server.clients_file);
    return s;
}

static const struct set_client *find_client(const struct settings *s, struct str name)
{
    for (size_t i = 0; s && i < s->clients_n; i++)
        if (str_eq(str_from(s->clients[i].name), name)) return &s->clients[i];
    return NULL;
}

static bool policy_exists(const struct settings *s, const char *policy)
{
    if (!s) return strcmp(policy, "allow-all") == 0 || strcmp(policy, "read-only") == 0;
    for (size_t i = 0; i < s->policies_n; i++)
        if (strcmp(s->policies[i].name, policy) == 0) return true;
    return false;
}

static bool is_name(struct str name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    for (size_t i = 0; i < name.n; i++)
        if (!strchr(allowed, name.p[i])) return false;
    return name.n > 0 && name.n <= 64;
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
    const struct set_client *client = find_client(s, r->name);

    if (client && (client->access_key_id || client->secret_access_key))
        return cli_problem(
            "client \"%s\" has a key pair already (%s:%d); take it away first: s3onramp client remove %s", client->name,
            client->place.file, client->place.line, client->name);
    if (client && client->policy) {
        if (!r->policy || strcmp(r->policy, client->policy) == 0) return CLI_FINE;
        return cli_problem("client \"%s\" has policy = %s (section at %s:%d); change it there, or leave --policy out",
                           client->name, client->policy, client->place.file, client->place.line);
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
    printf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", pair->id, pair->secret);
    fflush(stdout);
    fputs("\nThen start the proxy anew, so that it knows the client.\n", stderr);
    if (f->uid < 0) cli_owner_hint(f->path);
}

static int add_locked(struct clients_file *f, const struct settings *s, const struct request *r)
{
    const struct set_client *client = find_client(s, r->name);
    bool with_policy = !client || !client->policy;
    struct err err = {0};
    struct pair pair;
    int exit_code = judge_add(s, r);

    if (exit_code != CLI_FINE) return exit_code;
    make_pair(&pair);
    if (write_pair(f, r, with_policy, &pair, &err) != ERR_NONE)
        exit_code = cli_problem_err(&err);
    else
        print_pair(r, f, with_policy ? r->policy : client->policy, &pair);
    secret_wipe(&pair, sizeof pair);
    return exit_code;
}

/* --- password --- */

/* One line of standard input without its end; on a terminal with a question and without an echo. False: none, or too
 * long. */
static bool read_line(const char *question, char line[PASSWORD_MAX + 2])
{
    struct termios before, silent;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    size_t n = 0;
    char c;
    ssize_t got;

    if (terminal) {
        fputs(question, stderr);
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    /* Byte by byte: no buffer of stdio's keeps it. */
    while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n' && n <= PASSWORD_MAX)
        line[n++] = c;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (n > 0 && line[n - 1] == '\r') n--;
    line[n] = '\0';
    return got >= 0 && n <= PASSWORD_MAX;
}

static int read_password(char password[PASSWORD_MAX + 2])
{
    char again[PASSWORD_MAX + 2];
    bool same = true;

    if (!read_line("Password: ", password))
        return cli_problem("the password cannot be read, or is longer than %d bytes", PASSWORD_MAX);
    if (strlen(password) < PASSWORD_LEAST)
        return cli_problem("the password has fewer than %d bytes; choose a longer one", PASSWORD_LEAST);
    if (isatty(STDIN_FILENO)) {
        same = read_line("Once more: ", again) && strcmp(password, again) == 0;
        secret_wipe(again, sizeof again);
    }
    return same ? CLI_FINE : cli_problem("these were two passwords; nothing is changed");
}

/* What stands against giving @name a password; CLI_FINE: nothing. */
static int judge_password(const struct clients_file *f, const struct settings *s, const struct request *r)
{
    const struct set_client *client = find_client(s, r->name);

    if (!client || !client->policy) {
        if (r->policy && !policy_exists(s, r->policy))
            return cli_problem("there is no [policy %s]; write that section, or use read-only or allow-all", r->policy);
        if (r->policy) return CLI_FINE;
        return cli_problem("there is no client \"%.*s\" with a policy; make it: s3onramp client add %.*s --policy "
                           "read-only, or add --policy for a client with a password only",
                           STR_ARG(r->name), STR_ARG(r->name));
    }
    if (r->policy && strcmp(r->policy, client->policy) != 0)
        return cli_problem("client \"%s\" has policy = %s; leave --policy out", client->name, client->policy);
    if (client->password && !clients_file_has_key(f, r->name, STR("password")))
        return cli_problem("the password of client \"%s\" is not in the clients file but in another one; remove "
                           "the line there first",
                           client->name);
    return CLI_FINE;
}

static enum err_code write_password(struct clients_file *f, const struct request *r, bool with_policy,
                                    struct str password, struct err *err)
{
    char hash[PASSWORD_HASH_MAX], lines[PASSWORD_HASH_MAX + 128];
    struct sbuf b = sbuf_make(lines, sizeof lines);

    TRY(password_hash(password, hash, err));
    sbuf_printf(&b, "password = %s\n", hash);
    if (with_policy) sbuf_printf(&b, "policy = %s\n", r->policy);
    if (b.overflow) return err_set(err, ERR_CONFIG, 0, "the policy's name is too long");
    clients_file_remove_key(f, r->name, STR("password"));
    TRY(clients_file_add(f, r->name, sbuf_str(&b), err));
    return clients_file_save(f, err);
}

static int password_locked(struct clients_file *f, const struct settings *s, const struct request *r)
{
    const struct set_client *client = find_client(s, r->name);
    char password[PASSWORD_MAX + 2];
    struct err err = {0};
    int exit_code = judge_password(f, s, r);

    if (exit_code != CLI_FINE) return exit_code;
    exit_code = read_password(password);
    if (exit_code == CLI_FINE && write_password(f, r, !client || !client->policy, str_from(password), &err) != ERR_NONE)
        exit_code = cli_problem_err(&err);
    secret_wipe(password, sizeof password);
    if (exit_code != CLI_FINE) return exit_code;
    fprintf(stderr,
            "The password of client \"%.*s\" is in %s, hashed. Start the proxy anew, so that it knows it; a forward\n"
            "listener with proxy_auth = optional or required takes it: HTTPS_PROXY=https://%.*s:PASSWORD@PROXY:PORT\n",
            STR_ARG(r->name), f->path, STR_ARG(r->name));
    if (f->uid < 0) cli_owner_hint(f->path);
    return CLI_FINE;
}

/* --- remove --- */

static int remove_locked(struct clients_file *f, const struct settings *s, const struct request *r)
{
    const struct set_client *client = find_client(s, r->name);
    struct err err = {0};

    if (!clients_file_has(f, r->name)) {
        if (!client)
            return cli_problem("there is no client \"%.*s\"; `s3onramp client list` shows all", STR_ARG(r->name));
        return cli_problem("client \"%s\" is not in the clients file but in %s:%d; remove its section there",
                           client->name, client->place.file, client->place.line);
    }
    clients_file_remove(f, r->name);
    if (clients_file_save(f, &err) != ERR_NONE) return cli_problem_err(&err);
    fprintf(stderr, "Client \"%.*s\" is gone from %s. Start the proxy anew, so that it forgets the client.\n",
            STR_ARG(r->name), f->path);
    if (client && client->place.file && strcmp(client->place.file, s->file) == 0)
        fprintf(stderr, "Its section at %s:%d is still there.\n", client->place.file, client->place.line);
    return CLI_FINE;
}

/* --- list --- */

static void print_client(const struct set_client *client)
{
    printf("%-20s %-20s %-16s %s:%d\n", client->name, client->access_key_id ? client->access_key_id : "-",
           client->policy ? client->policy : "-", client->place.file, client->place.line);
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
        print_client(&s->clients[i]);
    settings_unref(&s);
    return CLI_FINE;
}

/* The settings are read twice: first for the file's name, then, once nobody else can change it, for what is in it. */
static int change(const struct request *r,
                  int (*act)(struct clients_file *f, const struct settings *s, const struct request *r))
{
    char *path, *again = NULL;
    struct settings *s = read_settings(r->config, &path);
    struct clients_file file;
    struct err err = {0};
    int exit_code = CLI_PROBLEM;

    settings_unref(&s);
    if (!path) return CLI_PROBLEM;
    if (clients_file_open(&file, path, &err) != ERR_NONE) {
        exit_code = cli_problem_err(&err);
    } else {
        s = read_settings(r->config, &again);
        if (again) exit_code = act(&file, s, r);
        settings_unref(&s);
        clients_file_close(&file);
    }
    free(path);
    free(again);
    return exit_code;
}

static int run(const char *verb, const struct request *r)
{
    if (strcmp(verb, "list") == 0) return r->name.n ? cli_wrong_usage("client", "list takes no name") : list(r);
    bool is_add = strcmp(verb, "add") == 0, is_password = strcmp(verb, "password") == 0;
    if (!is_add && !is_password && strcmp(verb, "remove") != 0)
        return cli_wrong_usage("client", "there is no `client %s`; there are add, list, remove and password", verb);
    if (!is_name(r->name))
        return cli_wrong_usage("client", "%s needs a NAME of at most 64 letters, digits, '-', '_' and '.'", verb);
    if (!is_add && !is_password && r->policy) return cli_wrong_usage("client", "remove takes no --policy");
    return change(r, is_add ? add_locked : is_password ? password_locked : remove_locked);
}

int cli_client(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"policy", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct request r = {.config = CLI_DEFAULT_CONFIG};
    int c;

    cli_options_start();
    while ((c = getopt_long(argc, argv, ":c:p:h", options, NULL)) != -1) {
        switch (c) {
        case 'c': r.config = optarg; break;
        case 'p': r.policy = optarg; break;
        case 'h': fputs(help, stdout); return CLI_FINE;
        default: return cli_wrong_option("client", c, argv);
        }
    }
    if (optind == argc) return cli_wrong_usage("client", "say what to do: add, list, remove or password");
    if (optind + 1 < argc) r.name = str_from(argv[optind + 1]);
    if (optind + 2 < argc) return cli_wrong_usage("client", "there is nothing to do with \"%s\"", argv[optind + 2]);
    return run(argv[optind], &r);
}
