/* SPDX-License-Identifier: Apache-2.0
 * client_add.c: `s3onramp client add`: one client, or all that a file names: judged whole, then written at once or not
 * at all. One thread. Secrets are in the rows and in the file's text only, and wiped.
 */
#include "client_impl.h"

#include "base/readable.h"

#include <stdarg.h>
#include <stdlib.h>

struct judge {
    const struct directory *d;
    const struct settings *s; /* NULL: there is no configuration */
    const struct client_rows *rows;
    const struct client_row *row;
    bool group_unknown; /* one of @row's */
    int exit_code;
};

/* @usage: in the words of the command line. */
static void fault(struct judge *j, bool usage, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void fault(struct judge *j, bool usage, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(text, sizeof text, fmt, args) < 0) text[0] = '\0';
    va_end(args);
    if (j->rows->file) {
        fprintf(stderr, "%s:%d: ", j->rows->file, j->row->line);
        readable_put(stderr, text);
        fputc('\n', stderr);
        j->exit_code = CLI_PROBLEM;
    } else {
        j->exit_code = usage ? cli_wrong_usage("client", "%s", text) : cli_problem("%s", text);
    }
}

/* --- each --- */

static void judge_policies(struct judge *j)
{
    struct str rest = j->row->policy, name;

    while (client_next_name(&rest, &name))
        if (!client_policy_exists(j->s, name))
            fault(j, false, "there is no [policy %.*s]; write that section, or use read-only or allow-all",
                  STR_ARG(name));
}

static void judge_groups(struct judge *j)
{
    struct str rest = j->row->groups, name;

    j->group_unknown = false;
    while (client_next_name(&rest, &name)) {
        if (client_group(j->s, name)) continue;
        j->group_unknown = true;
        fault(j, false, "there is no [group %.*s]; write that section first", STR_ARG(name));
    }
}

static void judge_values(struct judge *j)
{
    const struct client_row *row = j->row;
    int64_t expires_s;

    judge_policies(j);
    judge_groups(j);
    if (row->expires.n && !config_parse_time(row->expires, &expires_s))
        fault(j, true, "expires %.*s: write it like 2026-12-31 or 2026-12-31T18:00:00Z (UTC)", STR_ARG(row->expires));
    for (size_t i = 0; i < row->tags_n; i++) {
        const char *wrong = config_tag_fault(row->tags[i].key, row->tags[i].value);
        if (wrong) fault(j, true, "tag %.*s: %s", STR_ARG(row->tags[i].key), wrong);
    }
}

/* What the configuration says already is not said again, and nothing else. */
static bool is_news(struct judge *j, const struct principal_conf *client, const char *key, struct str value)
{
    const char *text = value.n && client ? settings_text(j->s, client, key) : NULL;
    struct config_place place;

    if (!text) return value.n > 0;
    if (client_same_names(str_from(text), value)) return false;
    place = settings_place(j->s, client, key);
    fault(j, false, "client \"%s\" has %s = %s (%s:%d); change it there, or leave it out here", client->name, key, text,
          place.file, place.line);
    return false;
}

static bool some_group_has_policy(const struct settings *s, struct str groups)
{
    struct str name;

    while (client_next_name(&groups, &name)) {
        const struct group_conf *group = client_group(s, name);
        if (group && group->policies.n) return true;
    }
    return false;
}

static bool has_pair(struct judge *j, const struct principal_conf *client)
{
    struct str name = j->row->name;
    bool in_settings = client && (client->keys[0].access_key_id || client->keys[0].secret_access_key);

    if (!in_settings && !(!j->s && j->row->has_section && directory_has_key(j->d, name, STR("access_key_id"))))
        return false;
    fault(
        j, false,
        "client \"%.*s\" has a key pair already (%s:%d); make another: s3onramp client rotate %.*s, or take the client "
        "away first: s3onramp client remove %.*s",
        STR_ARG(name), in_settings ? client->place.file : j->d->path, in_settings ? client->place.line : 0,
        STR_ARG(name), STR_ARG(name));
    return true;
}

/* What @row keeps is to be written. */
static void judge_against(struct judge *j, struct client_row *row)
{
    const struct principal_conf *client = client_find(j->s, row->name);
    bool has_policy = client_has_policy(client) || row->policy.n || some_group_has_policy(j->s, row->groups);

    if (has_pair(j, client)) return;
    if (!has_policy && !j->group_unknown)
        fault(
            j, true,
            "client \"%.*s\" needs a policy; add --policy read-only, --policy allow-all, or --policy with the NAME of "
            "a [policy NAME], or a group that has one",
            STR_ARG(row->name));
    if (!is_news(j, client, "policy", row->policy)) row->policy = STR_NONE;
    if (!is_news(j, client, "groups", row->groups)) row->groups = STR_NONE;
    if (!is_news(j, client, "expires", row->expires)) row->expires = STR_NONE;
    for (size_t i = 0; client && i < row->tags_n; i++)
        for (size_t k = 0; client->tags && k < client->tags->n; k++)
            if (str_eq_nocase(client->tags->v[k].key, row->tags[i].key))
                fault(j, false,
                      "client \"%s\" has tags.%.*s already; leave it out here, and change it: s3onramp client "
                      "set %s --tag KEY=VALUE",
                      client->name, STR_ARG(row->tags[i].key), client->name);
}

static void judge_name(struct judge *j)
{
    if (!config_client_name_valid(j->row->name))
        fault(j, true, "\"%.*s\" cannot be a client's name; it has 1 to %d of " CLIENT_NAME_GRAMMAR,
              STR_ARG(j->row->name), CLIENT_NAME_MOST);
}

/* --- all --- */

static int judge(const struct directory *d, const struct settings *s, struct client_rows *rows, const struct map *there)
{
    struct judge j = {.d = d, .s = s, .rows = rows, .exit_code = CLI_FINE};
    struct map names = {0};

    map_init(&names);
    for (size_t i = 0; i < rows->n; i++) {
        struct client_row *row = &rows->v[i];
        const struct client_row *first = map_get(&names, row->name);
        j.row = row;
        row->has_section = map_get(there, row->name) != NULL;
        judge_name(&j);
        if (first) fault(&j, false, "\"%.*s\" stands here again, first at line %d", STR_ARG(row->name), first->line);
        judge_values(&j);
        judge_against(&j, row);
        bool put = map_put(&names, row->name, row);
        ASSERT(put && "memory for names");
    }
    map_clear(&names);
    return j.exit_code;
}

enum { LINES_MOST = 6 }; /* of a row, besides its tags */

/* What is said of the client besides its keys; returns how many lines. */
static size_t row_lines(struct client_rows *rows, const struct client_row *row, struct directory_line *out)
{
    const struct directory_line all[] = {
        {STR("policy"), row->policy}, {STR("groups"), row->groups}, {STR("expires"), row->expires}};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i].value.n) out[n++] = all[i];
    for (size_t i = 0; i < row->tags_n; i++) {
        struct sbuf key = arena_sbuf(&rows->texts, strlen("tags.") + row->tags[i].key.n);
        sbuf_add(&key, STR("tags."));
        sbuf_add(&key, row->tags[i].key);
        ASSERT(!key.overflow && "memory for tags");
        out[n++] = (struct directory_line){sbuf_str(&key), row->tags[i].value};
    }
    return n;
}

static enum err_code change_section(struct directory *d, struct client_rows *rows, const struct client_row *row,
                                    const char *created, struct directory_line *lines, struct err *err)
{
    size_t n = row_lines(rows, row, lines);

    TRY(client_set_pair(d, row->name, &row->pair, created, err));
    for (size_t i = 0; i < n; i++)
        TRY(directory_set(d, row->name, lines[i].key, lines[i].value, err));
    return ERR_NONE;
}

static size_t new_lines(struct client_rows *rows, const struct client_row *row, const char *created,
                        struct directory_line *lines)
{
    lines[0] = (struct directory_line){STR("access_key_id"), str_from(row->pair.id)};
    lines[1] = (struct directory_line){STR("secret_access_key"), str_from(row->pair.secret)};
    lines[2] = (struct directory_line){STR("created"), str_from(created)};
    return 3 + row_lines(rows, row, lines + 3);
}

/* @lines: room for all rows' lines; @sections: for all rows. */
static enum err_code write_rows(struct directory *d, struct client_rows *rows, struct directory_line *lines,
                                struct directory_section *sections, struct err *err)
{
    char created[CONFIG_TIME_TEXT];
    size_t n = 0;

    client_now_text(created);
    for (size_t i = 0; i < rows->n; i++) {
        const struct client_row *row = &rows->v[i];
        if (row->has_section) {
            TRY(change_section(d, rows, row, created, lines, err));
            continue;
        }
        size_t lines_n = new_lines(rows, row, created, lines);
        sections[n++] = (struct directory_section){row->name, lines, lines_n};
        lines += lines_n;
    }
    return n ? directory_add(d, sections, n, err) : ERR_NONE;
}

static enum err_code write_all(struct directory *d, struct client_rows *rows, struct err *err)
{
    size_t most = 0;

    ASSERT(rows->n > 0);
    for (size_t i = 0; i < rows->n; i++)
        most += LINES_MOST + rows->v[i].tags_n;
    struct directory_line *lines = calloc(most + 1, sizeof *lines);
    struct directory_section *sections = calloc(rows->n, sizeof *sections);
    enum err_code code = lines && sections ? write_rows(d, rows, lines, sections, err)
                                           : err_set(err, ERR_NO_MEMORY, 0, "there is no memory for the clients");
    free(lines);
    free(sections);
    return code;
}

static void say_done(const struct directory *d, const struct settings *s, const struct client_rows *rows, bool many)
{
    const struct principal_conf *client = client_find(s, rows->v->name);
    char names[POLICY_NAMES_TEXT];

    if (many)
        fprintf(stderr, "%zu client%s in %s. Give each its own pair only: nobody can look a secret up later.\n",
                rows->n, rows->n == 1 ? " is" : "s are", d->path);
    else if (rows->v->policy.n)
        fprintf(stderr, "Client \"%.*s\" with policy %.*s is in %s.\n", STR_ARG(rows->v->name),
                STR_ARG(rows->v->policy), d->path);
    else if (client)
        fprintf(stderr, "Client \"%s\" with policy %s is in %s.\n", client->name, principal_policy_names(client, names),
                d->path);
    else
        fprintf(stderr, "Client \"%.*s\" is in %s.\n", STR_ARG(rows->v->name), d->path);
    if (d->is_new) cli_owner_hint(d->path);
}

/* --- the command --- */

int client_add(struct directory *d, const struct settings *s, const struct client_order *o)
{
    struct client_rows *rows = o->rows;
    struct map there;
    struct err err = {0};

    map_init(&there);
    bool known = directory_names(d, &there);
    ASSERT(known && "memory for names");
    client_rows_complete(rows, o);
    int exit_code = judge(d, s, rows, &there);
    map_clear(&there); /* its keys are in the text that changes now */
    if (exit_code != CLI_FINE) return o->from ? cli_problem("nothing is changed: mend the lines above") : exit_code;
    for (size_t i = 0; i < rows->n; i++)
        client_make_pair(&rows->v[i].pair);
    if (write_all(d, rows, &err) != ERR_NONE) return cli_problem_err(&err);
    exit_code = client_judge_change(d, o);
    if (exit_code == CLI_FINE) exit_code = client_hand_out(o, rows->v, rows->n);
    if (exit_code != CLI_FINE) return exit_code;
    if (directory_save(d, &err) != ERR_NONE) return cli_problem_err(&err);
    say_done(d, s, rows, o->from != NULL);
    return CLI_FINE;
}
