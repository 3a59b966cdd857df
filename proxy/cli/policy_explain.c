/* SPDX-License-Identifier: Apache-2.0
 * policy_explain.c: `s3onramp policy explain CLIENT`: in words what somebody may do, and what says so. One thread.
 */
#include "policy_impl.h"

#include <inttypes.h>

/* 10.0.0.0/8, fd00::/8 */
static void put_block(FILE *out, const struct netblock *block)
{
    char text[NETADDR_TEXT];
    struct str address;

    netaddr_format(&block->base, text);
    address = str_head(str_from(text), str_rindex(str_from(text), ':'));
    if (address.n && address.p[0] == '[') address = str_head(str_tail(address, 1), address.n - 2);
    fprintf(out, "%.*s/%u", STR_ARG(address), block->bits);
}

/* --- who --- */

static void print_limit(const char *what, uint64_t value, const char *unit)
{
    if (value) printf("  at most %" PRIu64 "%s %s\n", value, unit, what);
}

static void print_who(const struct principal_conf *c, int64_t now_s)
{
    const struct principal_terms *t = c->terms;
    const char *why_not = principal_why_not(c, NULL, now_s);
    char place[CONFIG_PLACE_TEXT], text[CONFIG_TIME_TEXT];

    printf("%sclient %s%s (%s)\n", cli_color(stdout, CLI_BOLD), c->name, cli_color(stdout, CLI_PLAIN),
           config_place_text(c->place, place));
    if (why_not) printf("  %s: nothing of what follows counts\n", why_not);
    if (c->expires_s && !why_not) printf("  until %s\n", config_time_text(c->expires_s, text));
    for (size_t i = 0; i < t->groups.n; i++)
        printf("  of group %s\n", t->groups.v[i]->name);
    if (t->allow_from_n) {
        fputs("  from", stdout);
        for (size_t i = 0; i < t->allow_from_n; i++) {
            fputs(i ? ", " : " ", stdout);
            put_block(stdout, &t->allow_from[i]);
        }
        fputs(" only\n", stdout);
    }
    print_limit("requests at once", t->limits.max_requests, "");
    print_limit("requests a second", t->limits.request_rate, "");
    print_limit("a second up", t->limits.upload_rate, " bytes");
    print_limit("a second down", t->limits.download_rate, " bytes");
}

/* --- what --- */

/* "KEY OPERATOR VALUES; …" with the operators of AWS in words, where that is shorter to read. */
static void put_conditions(FILE *out, struct str rest)
{
    static const struct {
        struct str operator, words;
    } rows[] = {
        {STR_INIT(" StringEquals "), STR_INIT(" is ")},
        {STR_INIT(" StringNotEquals "), STR_INIT(" is not ")},
        {STR_INIT(" StringLike "), STR_INIT(" is like ")},
        {STR_INIT(" StringNotLike "), STR_INIT(" is not like ")},
        {STR_INIT(" IpAddress "), STR_INIT(" is in ")},
        {STR_INIT(" NotIpAddress "), STR_INIT(" is not in ")},
        {STR_INIT(" Bool "), STR_INIT(" is ")},
        {STR_INIT(" DateLessThan "), STR_INIT(" is before ")},
        {STR_INIT(" DateGreaterThan "), STR_INIT(" is after ")},
    };

    for (bool first = true; rest.n; first = false) {
        size_t end = str_find(rest, STR("; "));
        struct str one = str_head(rest, end), key = str_head(one, str_index(one, ' ')), after = str_tail(one, key.n);

        rest = end == SIZE_MAX ? STR_NONE : str_tail(rest, end + 2);
        fprintf(out, "%s%.*s", first ? "" : ", and ", STR_ARG(key));
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            if (!str_starts(after, rows[i].operator)) continue;
            fprintf(out, "%.*s", STR_ARG(rows[i].words));
            after = str_tail(after, rows[i].operator.n);
            break;
        }
        fprintf(out, "%.*s", STR_ARG(after));
    }
}

static void print_statement(const struct settings *s, const struct policy_conf *p, size_t i)
{
    struct policy_statement_text text = policy_statement_text(p->compiled, i);
    char place[CONFIG_PLACE_TEXT];

    printf("  %.*s\n    on %.*s\n", STR_ARG(text.actions), STR_ARG(text.resources));
    if (text.conditions.n) {
        fputs("    if ", stdout);
        put_conditions(stdout, text.conditions);
        putchar('\n');
    }
    printf("    (policy %s, statement %.*s, %s%s)\n", p->name, STR_ARG(text.label),
           policy_statement_place(s, p, i, place),
           policy_mode_of(p->compiled) == POLICY_WARN ? text.allows ? "; mode is warn" : "; only warns" : "");
}

static void print_statements(const struct settings *s, const struct principal_terms *t, bool allows)
{
    bool told = false;

    for (size_t i = 0; i < t->policies_n; i++)
        for (size_t k = 0; k < policy_statements_n(t->compiled[i]); k++) {
            if (policy_statement_text(t->compiled[i], k).allows != allows) continue;
            if (!told) puts(allows ? "may" : "may never, whatever else allows it");
            told = true;
            print_statement(s, t->policies[i], k);
        }
    if (!told && allows) puts("may do nothing");
}

static void print_properties(const struct policy_conf *p, const struct properties *all, const char *words)
{
    char text[PROPERTY_TEXT];

    for (size_t i = 0; i < all->n; i++)
        printf("  %s %s (policy %s)\n", words, property_text(&all->v[i], text), p->name);
}

static bool has_properties(const struct principal_terms *t)
{
    for (size_t i = 0; i < t->policies_n; i++)
        if (t->policies[i]->set.n || t->policies[i]->require.n) return true;
    return false;
}

static void print_objects(const struct principal_terms *t)
{
    if (has_properties(t)) puts("writes objects that");
    for (size_t i = 0; i < t->policies_n; i++) {
        print_properties(t->policies[i], &t->policies[i]->set, "get");
        print_properties(t->policies[i], &t->policies[i]->require, "must have");
    }
    for (size_t i = 0; i < t->policies_n; i++)
        if (t->policies[i]->expected_owner)
            printf("reaches buckets of account %s only (policy %s)\n", t->policies[i]->expected_owner,
                   t->policies[i]->name);
}

/* --- for programs --- */

static json_t *json_properties(const struct properties *all)
{
    json_t *list = json_array();
    char text[PROPERTY_TEXT];

    for (size_t i = 0; i < all->n; i++)
        json_array_append_new(list, json_string(property_text(&all->v[i], text)));
    return list;
}

static json_t *json_str(struct str s)
{
    return json_stringn(s.n ? s.p : "", s.n);
}

static json_t *json_policy(const struct settings *s, const struct policy_conf *p)
{
    json_t *statements = json_array();
    char place[CONFIG_PLACE_TEXT];

    for (size_t i = 0; i < policy_statements_n(p->compiled); i++) {
        struct policy_statement_text text = policy_statement_text(p->compiled, i);

        json_array_append_new(statements,
                              json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "effect", text.allows ? "allow" : "deny",
                                        "statement", json_str(text.label), "actions", json_str(text.actions),
                                        "resources", json_str(text.resources), "conditions", json_str(text.conditions),
                                        "place", policy_statement_place(s, p, i, place)));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s?}", "name", p->name, "mode",
                     policy_mode_of(p->compiled) == POLICY_WARN ? "warn" : "enforce", "statements", statements, "set",
                     json_properties(&p->set), "require", json_properties(&p->require), "expected_owner",
                     p->expected_owner);
}

static int print_json(const struct settings *s, const struct principal_conf *c, int64_t now_s)
{
    json_t *policies = json_array(), *groups = json_array(), *all;
    int code;

    for (size_t i = 0; i < c->terms->policies_n; i++)
        json_array_append_new(policies, json_policy(s, c->terms->policies[i]));
    for (size_t i = 0; i < c->terms->groups.n; i++)
        json_array_append_new(groups, json_string(c->terms->groups.v[i]->name));
    all = json_pack("{s:s, s:s?, s:o, s:o}", "client", c->name, "client_is", principal_why_not(c, NULL, now_s),
                    "groups", groups, "policies", policies);
    code = all && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 ? CLI_FINE : CLI_PROBLEM;
    putchar('\n');
    json_decref(all);
    return code;
}

int policy_explain(struct settings *s, const struct policy_order *o)
{
    const struct principal_conf *c = settings_client_by_name(s, str_from(o->client));

    if (!c) return cli_wrong_usage("policy", "there is no client \"%s\"; `s3onramp client list` shows all", o->client);
    if (o->json) return print_json(s, c, o->now_s);
    print_who(c, o->now_s);
    print_statements(s, c->terms, true);
    print_statements(s, c->terms, false);
    print_objects(c->terms);
    return CLI_FINE;
}
