/* SPDX-License-Identifier: Apache-2.0
 * man_tables.c: what man pages say of tables: commands, options of the ini, what policies speak of. One thread.
 */
#include "pages_impl.h"

#include "aws/s3/action.h"
#include "config/options.h"
#include "policy/decision.h"
#include "policy/policy.h"

#include <stdlib.h>

/* --- commands --- */

void man_commands(FILE *out)
{
    fputs(".Bl -tag -width credentials\n", out);
    for (size_t i = 0; i < cli_commands_n; i++) {
        fprintf(out, ".It Cm %s\n", cli_commands[i]->name);
        mdoc_word(str_from(cli_commands[i]->summary), out);
        fprintf(out, ":\n.Xr s3onramp-%s 1\n", cli_commands[i]->name);
    }
    fputs(".El\n", out);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void man_sees(FILE *out)
{
    const char *names[64];

    ASSERT(cli_commands_n <= ARRAY_LEN(names));
    for (size_t i = 0; i < cli_commands_n; i++)
        names[i] = cli_commands[i]->name;
    qsort(names, cli_commands_n, sizeof(*names), by_name);
    for (size_t i = 0; i < cli_commands_n; i++)
        fprintf(out, ".Xr s3onramp-%s 1 ,\n", names[i]);
}

/* --- options of the ini --- */

static void put_list(const char *const *words, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        fputs(".Li ", out);
        mdoc_word(str_from(words[i]), out);
        fputs(i + 1 < n ? " ,\n" : " .\n", out);
    }
}

static void put_facts(const struct option *o, FILE *out)
{
    size_t n = 0;

    while (o->choices && o->choices[n])
        n++;
    if (n) fputs("One of\n", out);
    if (n) put_list(o->choices, n, out);
    if (o->min && o->max) fprintf(out, "From %s to %s.\n", o->min, o->max);
    if (o->takes == TAKES_NEW_SESSIONS) fputs("A change counts for new connections.\n", out);
    if (o->takes == TAKES_RESTART) fputs("A change counts from the next start:\n", out);
    if (o->takes == TAKES_RESTART) mdoc_text(str_from(o->restart), out);
}

static void put_section_options(enum section_id id, FILE *out)
{
    size_t n;
    const struct option *options = config_section_options(id, &n);

    fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < n; i++) {
        const struct option *o = &options[i];

        fprintf(out, ".It Ic %s%s", o->key, config_key_rest(o));
        if (o->def) fputs(" No = Li ", out);
        if (o->def) mdoc_word(str_from(*o->def ? o->def : "\"\""), out);
        fputc('\n', out);
        mdoc_text(str_from(o->help), out);
        put_facts(o, out);
    }
    fputs(".El\n", out);
}

void man_options(FILE *out)
{
    for (size_t id = 0; id < SECTIONS_N; id++) {
        const struct section_kind *kind = &config_sections[id];

        fprintf(out, ".Ss [%s%s]\\&\n", kind->word, kind->example_name ? " NAME" : "");
        mdoc_text(str_from(kind->help), out);
        put_section_options((enum section_id)id, out);
    }
}

void man_policy(FILE *out)
{
    put_section_options(SECTION_POLICY, out);
}

/* --- what policies speak of --- */

void man_operators(FILE *out)
{
    const char *names[64], *name;
    size_t n = 0;

    while ((name = policy_operator_name(n)) != NULL) {
        ASSERT(n < ARRAY_LEN(names));
        names[n++] = name;
    }
    put_list(names, n, out);
}

void man_keys(FILE *out)
{
#define PLAIN ""
#define NAMED "/KEY"
#define X(id, name, many, named) name named,
    static const char *const names[] = {POLICY_KEYS(X)};
#undef X

    put_list(names, ARRAY_LEN(names), out);
}

void man_actions(FILE *out)
{
    static const struct {
        const char *name;
        enum operation_access access;
    } actions[] = {
#define X(name, access, resource) {#name, ACCESS_##access},
        S3_ACTIONS(X)
#undef X
    };
    static const char *const accesses[] = {
        [ACCESS_READ] = "read-only", [ACCESS_WRITE] = "read-write", [ACCESS_ADMIN] = "admin"};
    const char *names[ARRAY_LEN(actions)];

    fputs(".Bl -tag -width Ds\n", out);
    for (size_t a = 0; a < ARRAY_LEN(accesses); a++) {
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_LEN(actions); i++)
            if (actions[i].access == (enum operation_access)a) names[n++] = actions[i].name;
        fprintf(out, ".It Ic access No = Li %s%s\n", accesses[a], a ? ", and those above" : "");
        put_list(names, n, out);
    }
    fputs(".El\n", out);
}
