/* SPDX-License-Identifier: Apache-2.0
 * client_set.c: `s3onramp client set` and `expire`: what is said of a client besides its keys. One thread.
 */
#include "client_impl.h"

#include "base/clock.h"

/* What is said of the client in another file cannot be changed here. */
static int judge_place(const struct directory *d, const struct settings *s, const struct client_order *o,
                       const char *key)
{
    const struct principal_conf *client = client_find(s, o->name);
    struct config_place place;

    if (!client || !settings_text(s, client, key) || directory_has_key(d, o->name, str_from(key))) return CLI_FINE;
    place = settings_place(s, client, key);
    return cli_problem("what client \"%s\" has for %s is not in the clients file but in %s:%d; change it there",
                       client->name, key, place.file, place.line);
}

/* @value "": nothing is said any more. */
static int set(struct directory *d, const struct client_order *o, const char *key, struct str value)
{
    struct err err = {0};

    if (value.n == 0)
        directory_unset(d, o->name, str_from(key));
    else if (directory_set(d, o->name, str_from(key), value, &err) != ERR_NONE)
        return cli_problem_err(&err);
    return CLI_FINE;
}

static int set_option(struct directory *d, const struct settings *s, const struct client_order *o, const char *key,
                      struct str value)
{
    int exit_code = judge_place(d, s, o, key);

    return exit_code == CLI_FINE ? set(d, o, key, value) : exit_code;
}

/* --- the values --- */

static int judge_names(const struct settings *s, struct str policies, struct str groups)
{
    struct str name;

    while (client_next_name(&policies, &name))
        if (!client_policy_exists(s, name))
            return cli_problem("there is no [policy %.*s]; write that section, or use read-only or allow-all",
                               STR_ARG(name));
    while (client_next_name(&groups, &name))
        if (!client_group(s, name))
            return cli_problem("there is no [group %.*s]; write that section first", STR_ARG(name));
    return CLI_FINE;
}

static bool has_tag(const struct principal_conf *client, struct str key)
{
    for (size_t i = 0; client && client->tags && i < client->tags->n; i++)
        if (str_eq_nocase(client->tags->v[i].key, key)) return true;
    return false;
}

/* As it is written already, in whatever case: one tag has one line. */
static void tag_key(const struct principal_conf *client, struct str key, struct sbuf *out)
{
    sbuf_add(out, STR("tags."));
    for (size_t i = 0; client && client->tags && i < client->tags->n; i++)
        if (str_eq_nocase(client->tags->v[i].key, key)) key = client->tags->v[i].key;
    sbuf_add(out, key);
    sbuf_char(out, '\0');
}

static int set_tag(struct directory *d, const struct settings *s, const struct client_order *o,
                   const struct tag_conf *tag)
{
    const struct principal_conf *client = client_find(s, o->name);
    char key[sizeof "tags." + 128];
    struct sbuf b = sbuf_make(key, sizeof key);
    const char *wrong = config_tag_fault(tag->key, tag->value.n ? tag->value : STR("none"));

    if (wrong) return cli_wrong_usage("client", "--tag %.*s: %s", STR_ARG(tag->key), wrong);
    tag_key(client, tag->key, &b);
    ASSERT(!b.overflow);
    if (has_tag(client, tag->key) && !directory_has_key(d, o->name, str_from(key)))
        return cli_problem("%s of client \"%s\" is not in the clients file but in %s; change it there", key,
                           client->name, s->file);
    return set(d, o, key, tag->value);
}

static int set_all(struct directory *d, const struct settings *s, const struct client_order *o,
                   struct client_rows *texts)
{
    struct str groups = client_keep_names(texts, str_from(o->groups)),
               policies = client_keep_names(texts, str_from(o->policy));
    int exit_code = judge_names(s, policies, groups);

    if (exit_code == CLI_FINE && o->groups_said) exit_code = set_option(d, s, o, "groups", groups);
    if (exit_code == CLI_FINE && o->policy) exit_code = set_option(d, s, o, "policy", policies);
    for (size_t i = 0; exit_code == CLI_FINE && i < o->tags_n; i++)
        exit_code = set_tag(d, s, o, &o->tags[i]);
    return exit_code;
}

/* --- the commands --- */

static int judge_there(const struct directory *d, const struct settings *s, const struct client_order *o)
{
    return client_find(s, o->name) || directory_has(d, o->name) ? CLI_FINE : client_not_there(d, s, o);
}

static int save(struct directory *d, const struct client_order *o)
{
    struct err err = {0};
    int exit_code = client_judge_change(d, o);

    if (exit_code == CLI_FINE && directory_save(d, &err) != ERR_NONE) exit_code = cli_problem_err(&err);
    return exit_code;
}

int client_set(struct directory *d, const struct settings *s, const struct client_order *o)
{
    struct client_rows texts;
    int exit_code = judge_there(d, s, o);

    if (exit_code != CLI_FINE) return exit_code;
    client_rows_of_order(&texts, o);
    exit_code = set_all(d, s, o, &texts);
    client_rows_clear(&texts);
    if (exit_code == CLI_FINE) exit_code = save(d, o);
    if (exit_code == CLI_FINE) fprintf(stderr, "Client \"%.*s\" is changed in %s.\n", STR_ARG(o->name), d->path);
    return exit_code;
}

int client_expire(struct directory *d, const struct settings *s, const struct client_order *o)
{
    bool never = strcmp(o->when, "never") == 0;
    char text[CONFIG_TIME_TEXT];
    int64_t expires_s = 0;
    int exit_code = judge_there(d, s, o);

    if (!never && !config_parse_time(str_from(o->when), &expires_s))
        return cli_wrong_usage(
            "client", "%s is no time; write it like 2026-12-31 or 2026-12-31T18:00:00Z (UTC), or never", o->when);
    if (exit_code == CLI_FINE) exit_code = set_option(d, s, o, "expires", never ? STR_NONE : str_from(o->when));
    if (exit_code == CLI_FINE) exit_code = save(d, o);
    if (exit_code != CLI_FINE) return exit_code;
    if (never)
        fprintf(stderr, "Client \"%.*s\" has no end any more in %s.\n", STR_ARG(o->name), d->path);
    else
        fprintf(stderr, "Client \"%.*s\" %s %s, says %s.\n", STR_ARG(o->name),
                expires_s <= clock_wall_us() / 1000000 ? "is refused: it has expired" : "expires",
                config_time_text(expires_s, text), d->path);
    return CLI_FINE;
}
