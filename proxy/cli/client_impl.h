/* SPDX-License-Identifier: Apache-2.0
 * client_impl.h: what the files of `s3onramp client` share. One thread.
 */
#ifndef S3ONRAMP_CLI_CLIENT_IMPL_H
#define S3ONRAMP_CLI_CLIENT_IMPL_H

#include "base/arena.h"
#include "cli/cli.h"
#include "config/directory.h"

enum { CLIENT_NAMES_TEXT = 4096, CLIENT_TAGS = 50, CLIENT_KEY_ID = 20, CLIENT_SECRET = 40 };

struct client_rows;

struct client_order {
    const char *config, *verb, *named, *when, *policy, *expires, *grace, *from;
    bool json, csv, no_reload, now;
    struct str name; /* @named */
    uint64_t grace_s;
    bool groups_said;
    char groups[CLIENT_NAMES_TEXT];    /* of all --group, "a,b" */
    struct tag_conf tags[CLIENT_TAGS]; /* of all --tag; an empty value: none */
    size_t tags_n;
    char hash[PASSWORD_HASH_MAX]; /* of the new password */
    struct client_rows *rows;     /* of add: who; borrowed */
};

/* Each returns an exit code, and has said what is wrong. @s: NULL if there is no configuration. */
typedef int client_act_fn(struct directory *d, const struct settings *s, const struct client_order *o);

/* client_command.c */
const struct principal_conf *client_find(const struct settings *s, struct str name); /* NULL: there is none */
/* As its section says, whether or not it is there; NULL: it says nothing, or there is no client. */
const char *client_policy(const struct settings *s, const struct principal_conf *client);
bool client_has_policy(const struct principal_conf *client); /* its own or a group's; NULL: no */
bool client_policy_exists(const struct settings *s, struct str policy);
const struct group_conf *client_group(const struct settings *s, struct str name); /* NULL: there is none */
int client_not_there(const struct directory *d, const struct settings *s, const struct client_order *o);
/* Problems that the configuration has with the clients file as it is in @d, and has not now, are told: CLI_PROBLEM. */
int client_judge_change(const struct directory *d, const struct client_order *o);

/* client_file.c: names that stand with a blank or a comma between. */
bool client_next_name(struct str *rest, struct str *name);
bool client_same_names(struct str a, struct str b);

struct client_pair {
    char id[CLIENT_KEY_ID + 1], secret[CLIENT_SECRET + 1];
};

/* Somebody who is to be added. What is empty was not said. */
struct client_row {
    struct str name, policy, groups, expires;
    struct tag_conf *tags;
    size_t tags_n;
    int line; /* of the file */
    bool has_section;
    struct client_pair pair;
};

struct client_rows {
    const char *file;     /* for messages; NULL: it is what the command line says */
    struct client_row *v; /* owned; wiped */
    size_t n;
    struct arena texts;
};

/* What @text says: CSV with a header, or names. Problems, "FILE:LINE: …", are written to @problems; returns how many.
 * Whether it fits the settings is not judged. client_rows_clear in any case. */
size_t client_file_parse(struct client_rows *rows, const char *file, struct str text, FILE *problems);
/* One row: of the client that the command line names. */
void client_rows_of_order(struct client_rows *rows, const struct client_order *o);
/* What a row does not say, the command line says for it. */
void client_rows_complete(struct client_rows *rows, const struct client_order *o);
/* @text as it is written for "a, b"; lives as long as @rows. */
struct str client_keep_names(struct client_rows *rows, struct str text);
void client_rows_clear(struct client_rows *rows);

/* client_keys.c */
void client_make_pair(struct client_pair *pair);
enum err_code client_set_pair(struct directory *d, struct str name, const struct client_pair *pair, const char *created,
                              struct err *err);
/* To standard output, before the file is written: a pair that nobody saw would count. CLI_FINE, or why not was said. */
int client_hand_out(const struct client_order *o, const struct client_row *v, size_t n);
const char *client_now_text(char out[CONFIG_TIME_TEXT]);
client_act_fn client_rotate;

client_act_fn client_add;                /* client_add.c */
client_act_fn client_set, client_expire; /* client_set.c */

/* client_list.c */
int client_list(const struct client_order *o);

#endif
