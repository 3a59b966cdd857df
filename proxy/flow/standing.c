/* SPDX-License-Identifier: Apache-2.0
 * standing.c: see standing.h. Names are never forgotten: a number that came back as another's would be a way in.
 */
#include "flow/standing.h"

#include "base/map.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>

struct standing_name {
    uint32_t id;
    char name[];
};

struct standing {
    pthread_mutex_t lock; /* guards all below */
    struct map names[STANDING_KINDS];
};

struct standing *standing_new(void)
{
    struct standing *s = calloc(1, sizeof(*s));

    if (!s) return NULL;
    pthread_mutex_init(&s->lock, NULL);
    for (size_t i = 0; i < STANDING_KINDS; i++)
        map_init(&s->names[i]);
    return s;
}

void standing_free(struct standing **sp)
{
    struct standing *s = *sp;

    *sp = NULL;
    if (!s) return;
    for (size_t i = 0; i < STANDING_KINDS; i++) {
        size_t at = 0;
        void *n;

        while ((n = map_next(&s->names[i], &at)))
            free(n);
        map_clear(&s->names[i]);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static uint32_t add(struct map *names, struct str name)
{
    struct standing_name *n = names->n < STANDING_MOST ? malloc(sizeof(*n) + name.n + 1) : NULL;

    if (!n) return STANDING_NONE;
    n->id = (uint32_t)names->n + 1;
    memcpy(n->name, name.p, name.n);
    n->name[name.n] = '\0';
    if (map_put(names, str_make(n->name, name.n), n)) return n->id;
    free(n);
    return STANDING_NONE;
}

static uint32_t number(struct map *names, struct str name)
{
    const struct standing_name *n = map_get(names, name);

    return n ? n->id : add(names, name);
}

uint32_t standing_id(struct standing *s, enum standing_kind kind, struct str name)
{
    uint32_t id;

    pthread_mutex_lock(&s->lock);
    id = number(&s->names[kind], name);
    pthread_mutex_unlock(&s->lock);
    return id;
}

#define NUMBER(s, kind, rows, n, fine)                                     \
    for (size_t i = 0; i < (n); i++, thread_makes_way()) {                 \
        (rows)[i].id = standing_id((s), (kind), str_from((rows)[i].name)); \
        (fine) = (fine) && (rows)[i].id != STANDING_NONE;                  \
    }

bool standing_number(struct standing *s, struct settings *t)
{
    bool fine = true;

    NUMBER(s, STANDING_LISTENER, t->listeners, t->listeners_n, fine)
    NUMBER(s, STANDING_ENDPOINT, t->endpoints, t->endpoints_n, fine)
    NUMBER(s, STANDING_CREDENTIALS, t->credentials, t->credentials_n, fine)
    NUMBER(s, STANDING_PRINCIPAL, t->clients, t->clients_n, fine)
    NUMBER(s, STANDING_GROUP, t->groups, t->groups_n, fine)
    NUMBER(s, STANDING_LINE, t->lines, t->lines_n, fine)
    return fine;
}
