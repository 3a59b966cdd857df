/* SPDX-License-Identifier: Apache-2.0
 * client_keys.c: `s3onramp client add` and `rotate`: local key pairs. One thread. Keys are on the stack and in the
 * file's text only, and wiped.
 */
#include "client_impl.h"

#include "base/clock.h"
#include "base/secret.h"

enum { KEY_ID_LENGTH = 20, KEY_ID_RANDOM = 16, SECRET_LENGTH = 40 };

struct pair {
    char id[KEY_ID_LENGTH + 1], secret[SECRET_LENGTH + 1];
};

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

static void make_pair(struct pair *pair)
{
    memcpy(pair->id, "S3OR", 4);
    random_text(pair->id + 4, KEY_ID_RANDOM, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5);
    random_text(pair->secret, SECRET_LENGTH, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6);
}

static enum err_code set_pair(struct directory *d, struct str name, const struct pair *pair, struct err *err)
{
    TRY(directory_set(d, name, STR("access_key_id"), str_from(pair->id), err));
    return directory_set(d, name, STR("secret_access_key"), str_from(pair->secret), err);
}

static void print_pair(const struct client_order *o, const struct pair *pair)
{
    fputs("Put these lines into ~/.aws/credentials of the client (this is the only time they are shown):\n\n", stderr);
    fflush(stderr);
    printf("# s3onramp client %.*s\n[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", STR_ARG(o->name),
           pair->id, pair->secret);
    fflush(stdout);
    fputc('\n', stderr);
}

/* --- add --- */

/* What stands against giving @name a pair; CLI_FINE: nothing. */
static int judge_add(const struct settings *s, const struct client_order *o)
{
    const struct principal_conf *client = client_find(s, o->name);
    const char *policy = client_policy(s, client);
    char names[POLICY_NAMES_TEXT];

    if (client && (client->keys[0].access_key_id || client->keys[0].secret_access_key))
        return cli_problem(
            "client \"%s\" has a key pair already (%s:%d); make another: s3onramp client rotate %s, or take "
            "the client away first: s3onramp client remove %s",
            client->name, client->place.file, client->place.line, client->name, client->name);
    if (client && client_has_policy(client)) {
        if (!o->policy || (policy && strcmp(o->policy, policy) == 0)) return CLI_FINE;
        return cli_problem("client \"%s\" has policy = %s (section at %s:%d); change it there, or leave --policy out",
                           client->name, principal_policy_names(client, names), client->place.file, client->place.line);
    }
    if (!o->policy)
        return cli_wrong_usage("client",
                               "client \"%.*s\" needs a policy; add --policy read-only, --policy allow-all, or "
                               "--policy with the NAME of a [policy NAME]",
                               STR_ARG(o->name));
    if (!client_policy_exists(s, o->policy))
        return cli_problem("there is no [policy %s]; write that section, or use read-only or allow-all", o->policy);
    return CLI_FINE;
}

static enum err_code write_client(struct directory *d, const struct client_order *o, bool with_policy,
                                  const struct pair *pair, struct err *err)
{
    TRY(set_pair(d, o->name, pair, err));
    if (with_policy) TRY(directory_set(d, o->name, STR("policy"), str_from(o->policy), err));
    if (o->expires) TRY(directory_set(d, o->name, STR("expires"), str_from(o->expires), err));
    return directory_save(d, err);
}

int client_add(struct directory *d, const struct settings *s, const struct client_order *o)
{
    const struct principal_conf *client = client_find(s, o->name);
    bool has_policy = client_has_policy(client);
    char names[POLICY_NAMES_TEXT];
    struct err err = {0};
    struct pair pair;
    int exit_code = judge_add(s, o);

    if (exit_code != CLI_FINE) return exit_code;
    make_pair(&pair);
    if (write_client(d, o, !has_policy, &pair, &err) != ERR_NONE) {
        exit_code = cli_problem_err(&err);
    } else {
        fprintf(stderr, "Client \"%.*s\" with policy %s is in %s.\n", STR_ARG(o->name),
                has_policy ? principal_policy_names(client, names) : o->policy, d->path);
        print_pair(o, &pair);
        if (d->is_new) cli_owner_hint(d->path);
    }
    secret_wipe(&pair, sizeof pair);
    return exit_code;
}

/* --- rotate --- */

static bool counts(const struct principal_key *key, int64_t now_s)
{
    return key->access_key_id && (!key->not_after_s || now_s < key->not_after_s);
}

static int judge_rotate(const struct directory *d, const struct settings *s, const struct client_order *o,
                        int64_t now_s)
{
    const struct principal_conf *client = client_find(s, o->name);
    char until[CONFIG_TIME_TEXT];

    if (!directory_has(d, o->name)) return client_not_there(d, s, o);
    if (!directory_has_key(d, o->name, STR("access_key_id")))
        return cli_problem("client \"%.*s\" has no key pair in %s; make one: s3onramp client add %.*s",
                           STR_ARG(o->name), d->path, STR_ARG(o->name));
    if (!client || !counts(&client->keys[1], now_s) || o->grace_s == 0) return CLI_FINE;
    return cli_problem(
        "client \"%s\" has two key pairs that count, the older one %s%s; wait for its end, or end the old "
        "ones at once: --grace 0s",
        client->name, client->keys[1].not_after_s ? "until " : "without an end",
        client->keys[1].not_after_s ? config_time_text(client->keys[1].not_after_s, until) : "");
}

/* The pair becomes the second one, until @end_s or its own end. */
static enum err_code move_pair(struct directory *d, struct str name, const struct principal_key *key, int64_t end_s,
                               struct err *err)
{
    char until[CONFIG_TIME_TEXT];

    if (key && key->not_after_s && key->not_after_s < end_s) end_s = key->not_after_s;
    TRY(directory_rename_key(d, name, STR("access_key_id"), STR("access_key_id_2"), err));
    TRY(directory_rename_key(d, name, STR("secret_access_key"), STR("secret_access_key_2"), err));
    TRY(directory_rename_key(d, name, STR("not_before"), STR("not_before_2"), err));
    return directory_set(d, name, STR("not_after_2"), str_from(config_time_text(end_s, until)), err);
}

static enum err_code write_rotation(struct directory *d, const struct principal_key *old, const struct client_order *o,
                                    int64_t now_s, const struct pair *pair, struct err *err)
{
    static const struct str second[] = {STR_INIT("access_key_id_2"), STR_INIT("secret_access_key_2"),
                                        STR_INIT("not_before_2"), STR_INIT("not_after_2")};
    static const struct str first[] = {STR_INIT("access_key_id"), STR_INIT("secret_access_key"), STR_INIT("not_before"),
                                       STR_INIT("not_after")};

    for (size_t i = 0; i < ARRAY_LEN(second); i++)
        directory_unset(d, o->name, second[i]);
    if (o->grace_s) TRY(move_pair(d, o->name, old, now_s + (int64_t)o->grace_s, err));
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        directory_unset(d, o->name, first[i]);
    TRY(set_pair(d, o->name, pair, err));
    return directory_save(d, err);
}

int client_rotate(struct directory *d, const struct settings *s, const struct client_order *o)
{
    int64_t now_s = clock_wall_us() / 1000000;
    const struct principal_conf *client = client_find(s, o->name);
    char until[CONFIG_TIME_TEXT];
    struct err err = {0};
    struct pair pair;
    int exit_code = judge_rotate(d, s, o, now_s);

    if (exit_code != CLI_FINE) return exit_code;
    make_pair(&pair);
    if (write_rotation(d, client ? &client->keys[0] : NULL, o, now_s, &pair, &err) != ERR_NONE) {
        exit_code = cli_problem_err(&err);
    } else {
        fprintf(stderr, "Client \"%.*s\" has a new key pair in %s; the old one %s%s.\n", STR_ARG(o->name), d->path,
                o->grace_s ? "counts until " : "counts no more",
                o->grace_s ? config_time_text(now_s + (int64_t)o->grace_s, until) : "");
        print_pair(o, &pair);
    }
    secret_wipe(&pair, sizeof pair);
    return exit_code;
}
