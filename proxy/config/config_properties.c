/* SPDX-License-Identifier: Apache-2.0
 * config_properties.c: `require`, `set` and `expected_owner`: each by itself, and whether those of a client's policies
 * go together. One thread.
 */
#include "config_options.h"

enum { ACCOUNT_DIGITS = 12 };

static void parse(struct config_build *b, struct raw_section *section, const char *key, bool set,
                  const struct str_list *texts, struct properties *out)
{
    struct err err;

    if (properties_parse(texts, set, out, &err) != ERR_NONE)
        config_problem(b, config_place_of(section, key), "%s: %s", key, err.detail);
}

void config_check_owner(struct config_build *b, struct raw_section *section, const char *owner)
{
    if (!owner || (strlen(owner) == ACCOUNT_DIGITS && strspn(owner, "0123456789") == ACCOUNT_DIGITS)) return;
    config_problem(b, config_place_of(section, "expected_owner"),
                   "expected_owner = %.80s is no account of AWS; write its 12 digits", owner);
}

void config_finish_properties(struct config_build *b, struct raw_section *section)
{
    struct policy_conf *policy = section->item;

    parse(b, section, "require", false, &policy->require_texts, &policy->require);
    parse(b, section, "set", true, &policy->set_texts, &policy->set);
    config_check_owner(b, section, policy->expected_owner);
}

/* --- policies of one client --- */

static void tell(struct config_build *b, const struct raw_section *section, const struct policy_conf *a,
                 const struct policy_conf *other, const struct property *p, const char *what)
{
    char text[PROPERTY_TEXT];

    config_problem(b, config_header_place(section),
                   "client \"%s\": policy %s sets %s, and policy %s %s; give the client one of them, or change one",
                   section->name, a->name, property_text(p, text), other->name, what);
}

static void check_two(struct config_build *b, const struct raw_section *section, const struct policy_conf *a,
                      const struct policy_conf *other)
{
    const struct property *p = properties_refused(&a->set, &other->require);

    if (p) tell(b, section, a, other, p, "requires something else");
    p = a < other ? properties_differ(&a->set, &other->set) : NULL;
    if (p) tell(b, section, a, other, p, "sets something else");
    if (a < other && a->expected_owner && other->expected_owner &&
        strcmp(a->expected_owner, other->expected_owner) != 0)
        config_problem(b, config_header_place(section),
                       "client \"%s\": the policies %s and %s have different values of expected_owner; give the client "
                       "one of them",
                       section->name, a->name, other->name);
}

void config_check_properties(struct config_build *b, struct raw_section *section)
{
    const struct principal_terms *t = ((const struct principal_conf *)section->item)->terms;

    for (size_t i = 0; i < t->policies_n; i++)
        for (size_t k = 0; k < t->policies_n; k++)
            check_two(b, section, t->policies[i], t->policies[k]);
}
