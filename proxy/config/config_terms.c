/* SPDX-License-Identifier: Apache-2.0
 * config_terms.c: what clients have in common. Sections that say the same, word for word, of the options in the terms
 * share them: those texts stand once in memory, so that only addresses are compared. One thread.
 */
#include "config_options.h"

#include <stdlib.h>

enum { TEXTS_MOST = 32 };

/* What a section says. */
struct said {
    size_t n;
    struct terms_text v[TEXTS_MOST];
};

static void listen_to(const struct raw_section *section, struct said *said)
{
    size_t n;
    const struct option *options = config_section_options(SECTION_CLIENT, &n);

    memset(said, 0, sizeof *said); /* with its padding: it is hashed */
    for (size_t i = 0; i < section->values_n; i++) {
        const struct raw_value *value = &section->values[i];
        if (!config_in_terms(&options[value->row])) continue;
        ASSERT(said->n < TEXTS_MOST);
        said->v[said->n].text = value->text;
        said->v[said->n++].row = value->row;
    }
}

static struct terms_entry *add_entry(struct raw *raw, const struct said *said)
{
    struct terms_entry *e = config_alloc(sizeof *e + said->n * sizeof said->v[0]);

    e->texts_n = said->n;
    memcpy(e->texts, said->v, said->n * sizeof said->v[0]);
    raw->terms = config_grow(raw->terms, raw->terms_n, sizeof raw->terms[0]);
    raw->terms[raw->terms_n++] = e;
    return e;
}

/* Those with a problem are not shared: each section is told of its own. */
void config_terms_parse(struct config_build *b, struct raw_section *section)
{
    struct principal_conf *client = section->item;
    size_t n, problems_n = b->problems_n;
    const struct option *options = config_section_options(SECTION_CLIENT, &n);
    struct said said;

    listen_to(section, &said);
    struct str key = str_make((const char *)said.v, said.n * sizeof said.v[0]);
    struct terms_entry *e = map_get(&b->raw->terms_by_text, key);
    if (e) {
        client->terms = &e->terms;
        return;
    }
    e = add_entry(b->raw, &said);
    client->terms = &e->terms;
    for (size_t i = 0; i < n; i++)
        if (config_in_terms(&options[i])) config_parse_value(b, section, &options[i], i);
    if (b->problems_n != problems_n) return;
    bool put = map_put(&b->raw->terms_by_text, str_make((const char *)e->texts, key.n), e);
    ASSERT(put && "memory for the settings");
}

static void add_policies(struct policy_list *all, const struct policy_list *some)
{
    for (size_t i = 0; i < some->n; i++) {
        bool has = false;
        for (size_t k = 0; k < all->n; k++)
            has |= all->v[k] == some->v[i];
        if (has) continue;
        all->v = config_grow(all->v, all->n, sizeof(all->v[0]));
        all->v[all->n++] = some->v[i];
    }
}

static void collect_policies(struct principal_terms *terms)
{
    struct policy_list all = {0};

    add_policies(&all, &terms->own);
    for (size_t i = 0; i < terms->groups.n; i++)
        add_policies(&all, &terms->groups.v[i]->policies);
    const struct policy **compiled = config_alloc(all.n * sizeof(struct policy *));
    for (size_t i = 0; i < all.n; i++)
        compiled[i] = all.v[i]->compiled;
    terms->policies = all.v;
    terms->policies_n = all.n;
    terms->compiled = compiled;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a && (!b || a < b) ? a : b;
}

static void add_least(struct limits_conf *all, const struct limits_conf *some)
{
    all->max_requests = least(all->max_requests, some->max_requests);
    all->request_rate = least(all->request_rate, some->request_rate);
    all->upload_rate = least(all->upload_rate, some->upload_rate);
    all->download_rate = least(all->download_rate, some->download_rate);
}

/* What @first says goes before @then. */
static struct limits_conf either(const struct limits_conf *first, const struct limits_conf *then)
{
    return (struct limits_conf){
        .max_requests = first->max_requests ? first->max_requests : then->max_requests,
        .request_rate = first->request_rate ? first->request_rate : then->request_rate,
        .upload_rate = first->upload_rate ? first->upload_rate : then->upload_rate,
        .download_rate = first->download_rate ? first->download_rate : then->download_rate,
    };
}

static void collect_limits(struct principal_terms *terms, const struct limits_conf *otherwise)
{
    struct limits_conf members = {0};
    bool together = false;

    for (size_t i = 0; i < terms->groups.n; i++) {
        add_least(&members, &terms->groups.v[i]->member_limits);
        together |= limits_any(&terms->groups.v[i]->limits);
    }
    members = either(&members, otherwise);
    terms->each = either(&terms->limits, &members);
    terms->limited = together || limits_any(&terms->each);
}

void config_terms_finish(struct config_build *b)
{
    for (size_t i = 0; i < b->raw->terms_n; i++) {
        collect_policies(&b->raw->terms[i]->terms);
        collect_limits(&b->raw->terms[i]->terms, &b->s->server.client_limits);
    }
}

static void free_entry(struct terms_entry *e)
{
    size_t n;
    const struct option *options = config_section_options(SECTION_CLIENT, &n);

    for (size_t i = 0; i < n; i++)
        if (config_in_terms(&options[i]))
            config_free_value((char *)&e->terms + (options[i].offset - IN_TERMS), &options[i]);
    free((void *)e->terms.policies);
    free((void *)e->terms.compiled);
    free(e);
}

void config_terms_free(struct raw *raw)
{
    map_clear(&raw->terms_by_text);
    for (size_t i = 0; i < raw->terms_n; i++)
        free_entry(raw->terms[i]);
    free(raw->terms);
}
