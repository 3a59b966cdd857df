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
    struct standing_name **by_id[STANDING_KINDS]; /* owned; the names are the maps' */
    size_t room[STANDING_KINDS];
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
        free(s->by_id[i]);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Room for one more of @kind. */
static bool grow(struct standing *s, enum standing_kind kind)
{
    size_t room = s->room[kind] ? 2 * s->room[kind] : 16;
    struct standing_name **v;

    if (s->names[kind].n < s->room[kind]) return true;
    v = realloc(s->by_id[kind], room * sizeof(struct standing_name *));
    if (!v) return false;
    s->by_id[kind] = v;
    s->room[kind] = room;
    return true;
}

static uint32_t add(struct standing *s, enum standing_kind kind, struct str name)
{
    struct map *names = &s->names[kind];
    struct standing_name *n = names->n < STANDING_MOST && grow(s, kind) ? malloc(sizeof(*n) + name.n + 1) : NULL;

    if (!n) return STANDING_NONE;
    n->id = (uint32_t)names->n + 1;
    memcpy(n->name, name.p, name.n);
    n->name[name.n] = '\0';
    if (map_put(names, str_make(n->name, name.n), n)) {
        s->by_id[kind][n->id - 1] = n;
        return n->id;
    }
    free(n);
    return STANDING_NONE;
}

uint32_t standing_id(struct standing *s, enum standing_kind kind, struct str name)
{
    const struct standing_name *n;
    uint32_t id;

    pthread_mutex_lock(&s->lock);
    n = map_get(&s->names[kind], name);
    id = n ? n->id : add(s, kind, name);
    pthread_mutex_unlock(&s->lock);
    return id;
}

uint32_t standing_most(struct standing *s, enum standing_kind kind)
{
    uint32_t most;

    pthread_mutex_lock(&s->lock);
    most = (uint32_t)s->names[kind].n;
    pthread_mutex_unlock(&s->lock);
    return most;
}

const char *standing_name(struct standing *s, enum standing_kind kind, uint32_t id)
{
    const char *name;

    pthread_mutex_lock(&s->lock);
    name = s->by_id[kind][id - 1]->name;
    pthread_mutex_unlock(&s->lock);
    return name;
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
