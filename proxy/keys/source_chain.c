/* SPDX-License-Identifier: Apache-2.0
 * source_chain.c: one source after the other in the order of the AWS SDKs: environment; the profile, with roles, web
 * identity, SSO, keys and a credential process in it; container; instance metadata. What is not set up is passed over;
 * what is set up and fails ends the chain with its reason, lest other keys are used than were meant. Only the last two
 * may fail on the way, since nothing else could be meant after them. Control thread.
 * Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers"; botocore `credentials.py`.
 */
#include "source_profile.h"

#include <stdio.h>
#include <stdlib.h>

enum link { LINK_ENVIRONMENT, LINK_PROFILE, LINK_CONTAINER, LINK_IMDS, LINKS_N };
enum { SHOWN = 160 };

struct chain_source {
    struct source s;
    enum link link;           /* the one that is tried */
    struct source *child;     /* owned; while it runs */
    char looked[SOURCE_WHY];  /* what was looked for in vain */
    enum source_outcome last; /* of a container or instance metadata that failed; else ABSENT */
};

static struct chain_source *chain_of(struct source *s)
{
    return (struct chain_source *)s;
}

static struct source *make_link(struct chain_source *c)
{
    const struct source_context *context = c->s.context;

    switch (c->link) {
    case LINK_ENVIRONMENT: return source_environment(context);
    case LINK_PROFILE: return source_profile_in_chain(context, !context->set->profile);
    case LINK_CONTAINER: return source_container(context);
    case LINK_IMDS: return source_imds(context);
    case LINKS_N: break;
    }
    return NULL;
}

/* A profile that [credentials] names is meant, whatever the environment says; AWS_PROFILE is not stronger than keys
 * that stand beside it. */
static bool is_skipped(struct chain_source *c)
{
    return c->link == LINK_ENVIRONMENT && c->s.context->set->profile;
}

/* The links' own words tell what to do for theirs alone; all of them together would be too long. */
static void note_end(struct chain_source *c, const struct source_result *r)
{
    static const char *const absent[LINKS_N] = {
        [LINK_ENVIRONMENT] = "AWS_ACCESS_KEY_ID is not set",
        [LINK_CONTAINER] = "no container's role (AWS_CONTAINER_CREDENTIALS_FULL_URI is not set)"};
    size_t n = strlen(c->looked);
    const char *what = r->outcome == SOURCE_ABSENT && absent[c->link] ? absent[c->link] : r->why;

    snprintf(c->looked + n, sizeof(c->looked) - n, "%s%.*s", n ? "; " : "", SHOWN, what);
}

static void end_without(struct chain_source *c)
{
    source_fail(&c->s, c->last, "nothing found; set keys or another source in [credentials %.40s]. Looked for: %.380s",
                c->s.context->set->name, c->looked);
}

static void try_next(struct chain_source *c);

static void on_child(void *arg, struct source_result *given)
{
    struct chain_source *c = arg;
    struct source_result r = *given;
    bool may_fail = c->link == LINK_CONTAINER || c->link == LINK_IMDS;

    given->keys = (struct key_set){0};
    for (size_t i = 0; i < c->child->files_n; i++)
        source_read_file(&c->s, c->child->files[i]);
    source_free(&c->child);
    if (r.outcome == SOURCE_GOOD || (r.outcome != SOURCE_ABSENT && !may_fail)) {
        source_end(&c->s, &r);
        return;
    }
    if (c->last == SOURCE_ABSENT) c->last = r.outcome;
    note_end(c, &r);
    c->link++;
    try_next(c);
}

static void try_next(struct chain_source *c)
{
    if (is_skipped(c)) c->link++;
    if (c->link == LINKS_N) {
        end_without(c);
        return;
    }
    c->child = make_link(c);
    if (!c->child)
        source_fail(&c->s, SOURCE_FAILED, "out of memory");
    else
        source_fetch(c->child, on_child, c);
}

static void chain_fetch(struct source *s)
{
    struct chain_source *c = chain_of(s);

    source_forget_files(s);
    c->link = 0;
    c->last = SOURCE_ABSENT;
    c->looked[0] = '\0';
    try_next(c);
}

static void chain_cancel(struct source *s)
{
    source_free(&chain_of(s)->child);
}

static void chain_free(struct source *s)
{
    source_free(&chain_of(s)->child);
    free(s);
}

struct source *source_chain(const struct source_context *context)
{
    static const struct source_ops ops = {chain_fetch, chain_cancel, chain_free};
    struct chain_source *c = calloc(1, sizeof(*c));

    if (!c) return NULL;
    c->s = (struct source){.ops = &ops, .context = context};
    return &c->s;
}
