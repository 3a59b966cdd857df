/* SPDX-License-Identifier: Apache-2.0
 * address.c: see address.h. Any thread. Tables and addresses are freed with their last reference.
 */
#include "flow/upstream/address.h"

#include <stdlib.h>

const char *address_state_name(enum address_state state)
{
    static const char *const names[] = {
        [ADDRESS_UP] = "up", [ADDRESS_SUSPECT] = "suspect", [ADDRESS_HALF_OPEN] = "half-open", [ADDRESS_DOWN] = "down"};

    return names[state];
}

const char *address_fault_name(enum address_fault fault)
{
    static const char *const names[] = {[FAULT_CONNECT] = "no connection",
                                        [FAULT_TLS] = "TLS handshake failed",
                                        [FAULT_CERTIFICATE] = "wrong certificate",
                                        [FAULT_RESET] = "closed without an answer",
                                        [FAULT_DEAD] = "connection went dead"};

    return names[fault];
}

const char *dns_state_name(enum dns_state state)
{
    static const char *const names[] = {
        [DNS_OFF] = "off",           [DNS_PENDING] = "pending", [DNS_GOOD] = "good",        [DNS_STALE] = "stale",
        [DNS_PUBLIC] = "dns-public", [DNS_EMPTY] = "dns-empty", [DNS_FAILED] = "dns-failed"};

    return names[state];
}

struct address *address_new(const struct netaddr *addr, uint32_t id)
{
    struct address *a = calloc(1, sizeof(*a));

    if (!a) return NULL;
    atomic_init(&a->refs, 1);
    a->addr = *addr;
    a->id = id;
    netaddr_format(addr, a->text);
    return a;
}

struct address *address_ref(struct address *a)
{
    atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
    return a;
}

void address_unref(struct address **a)
{
    struct address *mine = *a;

    *a = NULL;
    if (mine && atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) == 1) free(mine);
}

struct address_table *address_table_new(size_t endpoints_n)
{
    struct address_table *t = calloc(1, sizeof(*t) + endpoints_n * sizeof(t->endpoints[0]));

    if (!t) return NULL;
    atomic_init(&t->refs, 1);
    t->endpoints_n = endpoints_n;
    return t;
}

bool address_table_reserve(struct address_table *t, size_t i, size_t n)
{
    ASSERT(!t->endpoints[i].v);
    t->endpoints[i].v = calloc(n + 1, sizeof(struct table_address));
    return t->endpoints[i].v != NULL;
}

const struct table_endpoint *address_table_find(const struct address_table *t, uint32_t id)
{
    for (size_t i = 0; i < t->endpoints_n; i++)
        if (t->endpoints[i].id == id) return &t->endpoints[i];
    return NULL;
}

struct address_table *address_table_ref(struct address_table *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void address_table_unref(struct address_table **t)
{
    struct address_table *mine = *t;

    *t = NULL;
    if (!mine || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < mine->endpoints_n; i++) {
        for (size_t k = 0; k < mine->endpoints[i].n; k++)
            address_unref(&mine->endpoints[i].v[k].address);
        free(mine->endpoints[i].v);
    }
    free(mine);
}
