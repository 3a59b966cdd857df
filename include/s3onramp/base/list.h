/* SPDX-License-Identifier: Apache-2.0
 * list.h: intrusive lists, linked both ways: the link stands inside the thing, so that adding and removing allocate
 * nothing and cannot fail. One thread, or the owner's lock. A list owns nothing.
 *
 *     struct entry { struct list_link use; … };
 *     LIST_EACH(link, &cache->use) { struct entry *e = CONTAINER_OF(link, struct entry, use); … }
 */
#ifndef S3ONRAMP_BASE_LIST_H
#define S3ONRAMP_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_link {
    struct list_link *prev, *next;
};

/* A ring: @ring.next is the first, @ring.prev the last. Does not move in memory while something is in it. */
struct list {
    struct list_link ring;
};

/* The thing that holds @ptr as its member @member. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* The current link must stay in the list during the loop's body. */
#define LIST_EACH(link, list) for (struct list_link *link = (list)->ring.next; link != &(list)->ring; link = link->next)
/* The current link, and it alone, may be removed (and its thing freed) in the loop's body. */
#define LIST_EACH_SAFE(link, list)                                                                      \
    for (struct list_link *link = (list)->ring.next, *link##_after = link->next; link != &(list)->ring; \
         link = link##_after, link##_after = link->next)

static inline void list_init(struct list *l)
{
    l->ring.prev = l->ring.next = &l->ring;
}
static inline bool list_is_empty(const struct list *l)
{
    return l->ring.next == &l->ring;
}
/* NULL: the list is empty. */
static inline struct list_link *list_first(const struct list *l)
{
    return list_is_empty(l) ? NULL : l->ring.next; /* NOLINT: what was freed was taken out before */
}
static inline struct list_link *list_last(const struct list *l)
{
    return list_is_empty(l) ? NULL : l->ring.prev;
}
static inline void list_insert_between(struct list_link *prev, struct list_link *link, struct list_link *next)
{
    link->prev = prev;
    link->next = next;
    prev->next = next->prev = link;
}
static inline void list_add_first(struct list *l, struct list_link *link)
{
    list_insert_between(&l->ring, link, l->ring.next);
}
static inline void list_add_last(struct list *l, struct list_link *link)
{
    list_insert_between(l->ring.prev, link, &l->ring);
}
/* Whether @link is in a list: false for a zeroed link and after list_remove. */
static inline bool list_link_is_in(const struct list_link *link)
{
    return link->next != NULL;
}
/* Of a link that is in no list: nothing. */
static inline void list_remove(struct list_link *link)
{
    if (!link->next) return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
}

#endif
