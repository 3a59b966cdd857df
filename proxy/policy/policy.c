/* SPDX-License-Identifier: Apache-2.0
 * policy.c: making a policy of its statements: memory, problems, the index by action.
 */
#include "policy_impl.h"

#include <stdarg.h>
#include <stdio.h>

enum { BLOCK_BYTES = 2048 };

/* --- being made --- */

void *compiler_keep(struct compiler *c, size_t n)
{
    void *p = arena_zalloc(&c->p->arena, n ? n : 1);

    ASSERT(p && "memory for the policies");
    return p;
}

struct str compiler_keep_str(struct compiler *c, struct str s)
{
    char *p = compiler_keep(c, s.n + 1);

    if (s.n) memcpy(p, s.p, s.n);
    return str_make(p, s.n);
}

void compiler_problem(struct compiler *c, const char *option, const char *fmt, ...)
{
    char text[FAULT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->problems_n++;
    c->problems->tell(c->problems, option, 0, 0, text);
}

struct statement *compiler_add_statement(struct compiler *c, bool denies)
{
    struct policy *p = c->p;

    if (p->statements_n == c->statements_cap) {
        size_t cap = c->statements_cap ? c->statements_cap * 2 : 4;
        struct statement *more = compiler_keep(c, cap * sizeof *more);
        if (p->statements_n) memcpy(more, p->statements, p->statements_n * sizeof *more);
        p->statements = more;
        c->statements_cap = cap;
    }
    struct statement *s = &p->statements[p->statements_n++];
    s->denies = denies;
    s->text.allows = !denies;
    return s;
}

/* What nobody knows may be anything: every deny knows it. */
static bool knows(const struct statement *s, unsigned action)
{
    return action_set_has(&s->actions, action) || (s->denies && action == S3_ACTION_UNKNOWN);
}

static void index_statements(struct compiler *c, struct statement_index *index, bool denies)
{
    uint32_t n = 0;

    for (int round = 0; round < 2; round++) {
        n = 0;
        for (unsigned a = 0; a < S3_ACTIONS_N; a++) {
            index->first[a] = n;
            for (size_t i = 0; i < c->p->statements_n; i++) {
                const struct statement *s = &c->p->statements[i];
                if (s->denies != denies || !knows(s, a)) continue;
                if (round == 1) index->v[n] = (uint16_t)i;
                n++;
            }
        }
        index->first[S3_ACTIONS_N] = n;
        if (round == 0) index->v = compiler_keep(c, n * sizeof index->v[0]);
    }
}

struct policy *policy_compile(const struct policy_rules *rules, struct policy_problems *problems)
{
    struct arena arena;
    struct compiler c = {.rules = rules, .problems = problems};

    arena_init(&arena, BLOCK_BYTES, SIZE_MAX);
    c.p = arena_zalloc(&arena, sizeof *c.p);
    ASSERT(c.p && "memory for the policies");
    c.p->arena = arena;
    c.p->mode = rules->mode;
    c.p->name = compiler_keep_str(&c, str_from(rules->name)).p;
    if (rules->document.p)
        compile_document(&c);
    else
        compile_rules(&c);
    if (rules->deny) compile_deny(&c);
    if (c.problems_n) {
        policy_free(&c.p);
        return NULL;
    }
    index_statements(&c, &c.p->denies, true);
    index_statements(&c, &c.p->allows, false);
    return c.p;
}

void policy_free(struct policy **p)
{
    struct arena arena;

    if (!*p) return;
    arena = (*p)->arena;
    *p = NULL;
    arena_clear(&arena);
}

/* --- made --- */

const char *policy_name(const struct policy *p)
{
    return p->name;
}

enum policy_mode policy_mode_of(const struct policy *p)
{
    return p->mode;
}

size_t policy_statements_n(const struct policy *p)
{
    return p->statements_n;
}

struct policy_statement_text policy_statement_text(const struct policy *p, size_t i)
{
    ASSERT(i < p->statements_n);
    return p->statements[i].text;
}

bool policy_allows_writing(const struct policy *p)
{
    for (unsigned a = 0; a < S3_ACTIONS_N; a++)
        if (s3_action_access((enum s3_action)a) != ACCESS_READ && p->allows.first[a] != p->allows.first[a + 1])
            return true;
    return false;
}
