/* SPDX-License-Identifier: Apache-2.0
 * client_keys.c: local key pairs: how they are made and handed out, and `s3onramp client rotate`. One thread. Keys are
 * on the stack and in the file's text only, and wiped.
 */
#include "client_impl.h"

#include "base/clock.h"
#include "base/secret.h"

#include <errno.h>

enum { KEY_ID_RANDOM = 16 };

/* @n characters of @alphabet, whose length is 2^@bits: each byte's lowest bits choose one, all equally likely. */
static void random_text(char *out, size_t n, const char *alphabet, unsigned bits)
{
    unsigned char random[CLIENT_SECRET];

    ASSERT(n <= sizeof random);
    secret_random(random, n);
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[random[i] & ((1U << bits) - 1)];
    out[n] = '\0';
    secret_wipe(random, sizeof random);
}

void client_make_pair(struct client_pair *pair)
{
    memcpy(pair->id, "S3OR", 4);
    random_text(pair->id + 4, KEY_ID_RANDOM, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5);
    random_text(pair->secret, CLIENT_SECRET, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6);
}

const char *client_now_text(char out[CONFIG_TIME_TEXT])
{
    return config_time_text(clock_wall_us() / 1000000, out);
}

enum err_code client_set_pair(struct directory *d, struct str name, const struct client_pair *pair, const char *created,
                              struct err *err)
{
    TRY(directory_set(d, name, STR("access_key_id"), str_from(pair->id), err));
    TRY(directory_set(d, name, STR("secret_access_key"), str_from(pair->secret), err));
    return directory_set(d, name, STR("created"), str_from(created), err);
}

/* --- handing out --- */

static void print_lines(const struct client_row *row)
{
    fputs("Put these lines into ~/.aws/credentials of the client (this is the only time they are shown):\n\n", stderr);
    fflush(stderr);
    printf("# s3onramp client %.*s\n[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
           STR_ARG(row->name), row->pair.id, row->pair.secret);
    fflush(stdout);
    fputc('\n', stderr);
}

static void print_table(const struct client_row *v, size_t n)
{
    size_t width = strlen("CLIENT");

    for (size_t i = 0; i < n; i++)
        if (v[i].name.n > width) width = v[i].name.n;
    printf("%-*s %-*s %s\n", (int)width, "CLIENT", CLIENT_KEY_ID, "ACCESS KEY", "SECRET KEY");
    for (size_t i = 0; i < n; i++)
        printf("%-*.*s %s %s\n", (int)width, STR_ARG(v[i].name), v[i].pair.id, v[i].pair.secret);
}

/* With the header of AWS's own files of access keys. Of the characters in names only a comma needs quotes. */
static void print_csv(const struct client_row *v, size_t n)
{
    puts("User name,Access key ID,Secret access key");
    for (size_t i = 0; i < n; i++) {
        const char *quote = str_index(v[i].name, ',') != SIZE_MAX ? "\"" : "";
        printf("%s%.*s%s,%s,%s\n", quote, STR_ARG(v[i].name), quote, v[i].pair.id, v[i].pair.secret);
    }
}

/* None of the characters in names and keys means anything to JSON, and so no copy of a secret is made. */
static void print_json(const struct client_row *v, size_t n)
{
    puts("{\n  \"clients\": [");
    for (size_t i = 0; i < n; i++)
        printf("    {\"name\": \"%.*s\", \"access_key_id\": \"%s\", \"secret_access_key\": \"%s\"}%s\n",
               STR_ARG(v[i].name), v[i].pair.id, v[i].pair.secret, i + 1 < n ? "," : "");
    puts("  ]\n}");
}

int client_hand_out(const struct client_order *o, const struct client_row *v, size_t n)
{
    if (o->json)
        print_json(v, n);
    else if (o->csv)
        print_csv(v, n);
    else if (o->from)
        print_table(v, n);
    else
        print_lines(v);
    if (fflush(stdout) == 0 && !ferror(stdout)) return CLI_FINE;
    return cli_problem("standard output does not take the keys (%s); nothing is changed", strerror(errno));
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
    TRY(directory_rename_key(d, name, STR("created"), STR("created_2"), err));
    return directory_set(d, name, STR("not_after_2"), str_from(config_time_text(end_s, until)), err);
}

static enum err_code write_rotation(struct directory *d, const struct principal_key *old, const struct client_order *o,
                                    int64_t now_s, const struct client_pair *pair, struct err *err)
{
    char created[CONFIG_TIME_TEXT];
    static const struct str second[] = {STR_INIT("access_key_id_2"), STR_INIT("secret_access_key_2"),
                                        STR_INIT("not_before_2"), STR_INIT("not_after_2"), STR_INIT("created_2")};
    static const struct str first[] = {STR_INIT("access_key_id"), STR_INIT("secret_access_key"), STR_INIT("not_before"),
                                       STR_INIT("not_after")};

    for (size_t i = 0; i < ARRAY_LEN(second); i++)
        directory_unset(d, o->name, second[i]);
    if (o->grace_s) TRY(move_pair(d, o->name, old, now_s + (int64_t)o->grace_s, err));
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        directory_unset(d, o->name, first[i]);
    return client_set_pair(d, o->name, pair, config_time_text(now_s, created), err);
}

int client_rotate(struct directory *d, const struct settings *s, const struct client_order *o)
{
    int64_t now_s = clock_wall_us() / 1000000;
    const struct principal_conf *client = client_find(s, o->name);
    char until[CONFIG_TIME_TEXT];
    struct err err = {0};
    struct client_row row = {.name = o->name};
    int exit_code = judge_rotate(d, s, o, now_s);

    if (exit_code != CLI_FINE) return exit_code;
    client_make_pair(&row.pair);
    if (write_rotation(d, client ? &client->keys[0] : NULL, o, now_s, &row.pair, &err) != ERR_NONE)
        exit_code = cli_problem_err(&err);
    if (exit_code == CLI_FINE) exit_code = client_hand_out(o, &row, 1);
    if (exit_code == CLI_FINE && directory_save(d, &err) != ERR_NONE) exit_code = cli_problem_err(&err);
    if (exit_code == CLI_FINE)
        fprintf(stderr, "Client \"%.*s\" has a new key pair in %s; the old one %s%s.\n", STR_ARG(o->name), d->path,
                o->grace_s ? "counts until " : "counts no more",
                o->grace_s ? config_time_text(now_s + (int64_t)o->grace_s, until) : "");
    secret_wipe(&row, sizeof row);
    return exit_code;
}
