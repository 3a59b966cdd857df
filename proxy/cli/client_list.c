/* SPDX-License-Identifier: Apache-2.0
 * client_list.c: `s3onramp client list`: who may come, with which keys, until when. Never a secret. One thread.
 */
#include "client_impl.h"

#include "base/clock.h"

#include <jansson.h>

/* One word of how it stands. */
static const char *state_of(const struct principal_conf *client, int64_t now_s)
{
    if (client->disabled) return "disabled";
    return principal_why_not(client, NULL, now_s) ? "expired" : "active";
}

static const char *key_state_of(const struct principal_key *key, int64_t now_s)
{
    if (key->not_before_s && now_s < key->not_before_s) return "not yet";
    return key->not_after_s && now_s >= key->not_after_s ? "ended" : "active";
}

/* --- a table --- */

static void print_times(const struct principal_key *key)
{
    char text[CONFIG_TIME_TEXT];

    if (key->not_before_s) printf(" from %s", config_time_text(key->not_before_s, text));
    if (key->not_after_s) printf(" until %s", config_time_text(key->not_after_s, text));
}

static void print_client(const struct settings *s, const struct principal_conf *client, int64_t now_s)
{
    const char *policy = client_policy(s, client);
    char text[CONFIG_TIME_TEXT];

    printf("%-20s %-20s %-16s %-8s %s:%d", client->name,
           client->keys[0].access_key_id ? client->keys[0].access_key_id : "-", policy ? policy : "-",
           state_of(client, now_s), client->place.file, client->place.line);
    print_times(&client->keys[0]);
    if (client->expires_s) printf(" expires %s", config_time_text(client->expires_s, text));
    putchar('\n');
    if (!client->keys[1].access_key_id) return;
    printf("%-20s %-20s %-16s %-8s", "", client->keys[1].access_key_id, "", key_state_of(&client->keys[1], now_s));
    print_times(&client->keys[1]);
    putchar('\n');
}

static void print_table(const struct settings *s, int64_t now_s)
{
    if (s->clients_n == 0)
        fputs("There are no clients yet: s3onramp client add NAME --policy read-only\n", stderr);
    else
        printf("%s%-20s %-20s %-16s %-8s %s%s\n", cli_color(stdout, CLI_BOLD), "CLIENT", "ACCESS KEY", "POLICY",
               "STATE", "SECTION", cli_color(stdout, CLI_PLAIN));
    for (size_t i = 0; i < s->clients_n; i++)
        print_client(s, &s->clients[i], now_s);
}

/* --- JSON --- */

static json_t *json_time(int64_t s)
{
    char text[CONFIG_TIME_TEXT];

    return s ? json_string(config_time_text(s, text)) : json_null();
}

static json_t *json_keys(const struct principal_conf *client, int64_t now_s)
{
    json_t *keys = json_array();

    for (size_t i = 0; i < PRINCIPAL_KEYS; i++) {
        const struct principal_key *key = &client->keys[i];
        if (!key->access_key_id) continue;
        json_array_append_new(keys, json_pack("{s:s, s:s, s:o, s:o}", "access_key_id", key->access_key_id, "state",
                                              key_state_of(key, now_s), "not_before", json_time(key->not_before_s),
                                              "not_after", json_time(key->not_after_s)));
    }
    return keys;
}

static int print_json(const struct settings *s, int64_t now_s)
{
    json_t *clients = json_array();
    char where[CONFIG_PLACE_TEXT];
    int code;

    for (size_t i = 0; i < s->clients_n; i++) {
        const struct principal_conf *c = &s->clients[i];
        json_array_append_new(clients,
                              json_pack("{s:s, s:s, s:s?, s:o, s:b, s:o, s:s}", "name", c->name, "state",
                                        state_of(c, now_s), "policy", client_policy(s, c), "keys", json_keys(c, now_s),
                                        "password", c->password != NULL, "expires", json_time(c->expires_s), "section",
                                        config_place_text(c->place, where)));
    }
    json_t *all = json_pack("{s:o}", "clients", clients);
    code = all && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 ? CLI_FINE : CLI_PROBLEM;
    putchar('\n');
    json_decref(all);
    return code;
}

int client_list(const struct client_order *o)
{
    struct settings *s = config_read(o->config, stderr);
    int64_t now_s = clock_wall_us() / 1000000;
    int code = CLI_FINE;

    if (!s) return CLI_PROBLEM;
    if (o->json)
        code = print_json(s, now_s);
    else
        print_table(s, now_s);
    settings_unref(&s);
    return code;
}
