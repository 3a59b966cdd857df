/* SPDX-License-Identifier: Apache-2.0
 * client_impl.h: what the files of `s3onramp client` share. One thread.
 */
#ifndef S3ONRAMP_CLI_CLIENT_IMPL_H
#define S3ONRAMP_CLI_CLIENT_IMPL_H

#include "cli/cli.h"
#include "config/directory.h"

struct client_order {
    const char *config, *verb, *named, *policy, *expires, *grace;
    bool json, no_reload, now;
    struct str name; /* @named */
    uint64_t grace_s;
    char hash[PASSWORD_HASH_MAX]; /* of the new password */
};

/* Each returns an exit code, and has said what is wrong. @s: NULL if there is no configuration. */
typedef int client_act_fn(struct directory *d, const struct settings *s, const struct client_order *o);

/* client_command.c */
const struct principal_conf *client_find(const struct settings *s, struct str name); /* NULL: there is none */
/* As its section says, whether or not it is there; NULL: it says nothing, or there is no client. */
const char *client_policy(const struct settings *s, const struct principal_conf *client);
bool client_has_policy(const struct principal_conf *client); /* its own or a group's; NULL: no */
bool client_policy_exists(const struct settings *s, const char *policy);
int client_not_there(const struct directory *d, const struct settings *s, const struct client_order *o);

/* client_keys.c */
client_act_fn client_add, client_rotate;

/* client_list.c */
int client_list(const struct client_order *o);

#endif
