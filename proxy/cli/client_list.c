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

/* Its groups, "a, b"; many are cut. */
static const char *groups_of(const struct principal_conf *client, char out[POLICY_NAMES_TEXT])
{
    struct sbuf b = sbuf_make(out, POLICY_NAMES_TEXT - 1);

    for (size_t i = 0; i < client->terms->groups.n && !b.overflow; i++)
        sbuf_printf(&b, "%s%s", i ? ", " : "", client->terms->groups.v[i]->name);
    out[b.n] = '\0';
    return b.n ? out : "-";
}

static bool is_asked_for(const struct principal_conf *client, const struct client_order *o)
{
    struct str rest = str_from(o->groups), name;

    if (!o->groups_said) return true;
    while (client_next_name(&rest, &name))
        for (size_t i = 0; i < client->terms->groups.n; i++)
            if (str_eq(name, str_from(client->terms->groups.v[i]->name))) return true;
    return false;
}

/* --- a table --- */

/* "412d": since the pair was made. */
static const char *age_text(const struct principal_key *key, int64_t now_s, char out[32])
{
    if (!key->created_s || key->created_s > now_s) return "-";
    snprintf(out, 32, "%lldd", (long long)((now_s - key->created_s) / 86400));
    return out;
}

static void print_times(const struct principal_key *key)
{
    char text[CONFIG_TIME_TEXT];

    if (key->not_before_s) printf(" from %s", config_time_text(key->not_before_s, text));
    if (key->not_after_s) printf(" until %s", config_time_text(key->not_after_s, text));
}

static void print_client(const struct principal_conf *client, int64_t now_s)
{
    char text[CONFIG_TIME_TEXT], policies[POLICY_NAMES_TEXT], groups[POLICY_NAMES_TEXT], age[32];

    principal_policy_names(client, policies);
    printf("%-20s %-20s %-5s %-16s %-16s %-8s %s:%d", client->name,
           client->keys[0].access_key_id ? client->keys[0].access_key_id : "-", age_text(&client->keys[0], now_s, age),
           policies[0] ? policies : "-", groups_of(client, groups), state_of(client, now_s), client->place.file,
           client->place.line);
    print_times(&client->keys[0]);
    if (client->expires_s) printf(" expires %s", config_time_text(client->expires_s, text));
    putchar('\n');
    if (!client->keys[1].access_key_id) return;
    printf("%-20s %-20s %-5s %-16s %-16s %-8s", "", client->keys[1].access_key_id,
           age_text(&client->keys[1], now_s, age), "", "", key_state_of(&client->keys[1], now_s));
    print_times(&client->keys[1]);
    putchar('\n');
}

static void print_table(const struct settings *s, const struct client_order *o, int64_t now_s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->clients_n; i++) {
        if (!is_asked_for(&s->clients[i], o)) continue;
        if (n++ == 0)
            printf("%s%-20s %-20s %-5s %-16s %-16s %-8s %s%s\n", cli_color(stdout, CLI_BOLD), "CLIENT", "ACCESS KEY",
                   "AGE", "POLICY", "GROUPS", "STATE", "SECTION", cli_color(stdout, CLI_PLAIN));
        print_client(&s->clients[i], now_s);
    }
    if (s->clients_n == 0)
        fputs("There are no clients yet: s3onramp client add NAME --policy read-only\n", stderr);
    else if (n == 0)
        fprintf(stderr, "No client is in %s: s3onramp client set NAME --group %s\n", o->groups, o->groups);
}

/* --- JSON --- */

static json_t *json_time(int64_t s)
{
    char text[CONFIG_TIME_TEXT];

    return s ? json_string(config_time_text(s, text)) : json_null();
}

static json_t *json_age(int64_t since_s, int64_t now_s)
{
    return since_s && since_s <= now_s ? json_integer(now_s - since_s) : json_null();
}

static json_t *json_policies(const struct principal_conf *client)
{
    json_t *names = json_array();

    for (size_t i = 0; i < client->terms->policies_n; i++)
        json_array_append_new(names, json_string(client->terms->policies[i]->name));
    return names;
}

static json_t *json_groups(const struct principal_conf *client)
{
    json_t *names = json_array();

    for (size_t i = 0; i < client->terms->groups.n; i++)
        json_array_append_new(names, json_string(client->terms->groups.v[i]->name));
    return names;
}

/* Those of @tags that count for the client. */
static void put_tags(json_t *all, const struct principal_conf *client, const struct tag_list *tags)
{
    for (size_t i = 0; tags && i < tags->n; i++) {
        struct str key = tags->v[i].key, value = tags->v[i].value;
        if (principal_tag(client, key).p == value.p)
            json_object_setn_new(all, key.p, key.n, json_stringn(value.p, value.n));
    }
}

static json_t *json_tags(const struct principal_conf *client)
{
    json_t *all = json_object();

    put_tags(all, client, client->tags);
    for (size_t i = 0; i < client->terms->groups.n; i++)
        put_tags(all, client, client->terms->groups.v[i]->tags);
    return all;
}

static json_t *json_keys(const struct principal_conf *client, int64_t now_s)
{
    json_t *keys = json_array();

    for (size_t i = 0; i < PRINCIPAL_KEYS; i++) {
        const struct principal_key *key = &client->keys[i];
        if (!key->access_key_id) continue;
        json_array_append_new(keys, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "access_key_id", key->access_key_id,
                                              "state", key_state_of(key, now_s), "created", json_time(key->created_s),
                                              "age_s", json_age(key->created_s, now_s), "not_before",
                                              json_time(key->not_before_s), "not_after", json_time(key->not_after_s)));
    }
    return keys;
}

static json_t *json_client(const struct settings *s, const struct principal_conf *c, int64_t now_s)
{
    char where[CONFIG_PLACE_TEXT];

    return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:b, s:o, s:s}", "name", c->name, "state",
                     state_of(c, now_s), "policy", client_policy(s, c), "policies", json_policies(c), "groups",
                     json_groups(c), "tags", json_tags(c), "keys", json_keys(c, now_s), "password", c->password != NULL,
                     "expires", json_time(c->expires_s), "section", config_place_text(c->place, where));
}

static int print_json(const struct settings *s, const struct client_order *o, int64_t now_s)
{
    json_t *clients = json_array();

    for (size_t i = 0; i < s->clients_n; i++)
        if (is_asked_for(&s->clients[i], o)) json_array_append_new(clients, json_client(s, &s->clients[i], now_s));
    json_t *all = json_pack("{s:o}", "clients", clients);
    int code = all && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 ? CLI_FINE : CLI_PROBLEM;
    putchar('\n');
    json_decref(all);
    return code;
}

/* A group that nobody has written is a slip of the pen, not an empty one. */
static int judge_groups(const struct settings *s, const struct client_order *o)
{
    struct str rest = str_from(o->groups), name;

    while (client_next_name(&rest, &name))
        if (!client_group(s, name)) return cli_problem("there is no [group %.*s]", STR_ARG(name));
    return CLI_FINE;
}

int client_list(const struct client_order *o)
{
    struct settings *s = config_read(o->config, stderr);
    int64_t now_s = clock_wall_us() / 1000000;
    int code = s ? judge_groups(s, o) : CLI_PROBLEM;

    if (code == CLI_FINE && o->json)
        code = print_json(s, o, now_s);
    else if (code == CLI_FINE)
        print_table(s, o, now_s);
    settings_unref(&s);
    return code;
}
