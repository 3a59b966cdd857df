/* SPDX-License-Identifier: Apache-2.0
 * traffic_list.c: the command traffic: what flow/traffic.h counted, as JSON. Control thread.
 */
#include "commands.h"
#include "flow/traffic.h"

#include <event2/buffer.h>
#include <stdlib.h>

static const struct by {
    struct str word;
    enum traffic_by by;
} words[] = {{STR_INIT("client"), TRAFFIC_BY_CLIENT},
             {STR_INIT("bucket"), TRAFFIC_BY_BUCKET},
             {STR_INIT("zone"), TRAFFIC_BY_ZONE},
             {STR_INIT("address"), TRAFFIC_BY_ADDRESS}};

struct listing {
    struct standing *standing; /* borrowed */
    struct traffic_sum *v;     /* owned */
    size_t n, at;
    unsigned by;
};

/* 0: a word is none of them. */
static unsigned by_of(const char *text)
{
    struct str rest = str_from(text), item;
    unsigned by = 0;

    if (!text) return TRAFFIC_BY_CLIENT | TRAFFIC_BY_BUCKET | TRAFFIC_BY_ZONE;
    while (str_split(&rest, ',', &item)) {
        size_t i = 0;

        while (i < ARRAY_LEN(words) && !str_eq(str_trim(item), words[i].word))
            i++;
        if (i == ARRAY_LEN(words)) return 0;
        by |= words[i].by;
    }
    return by;
}

static void set_text(json_t *o, const char *name, const char *text)
{
    json_object_set_new(o, name, json_string(text));
}

static const char *name_of(const struct listing *l, enum standing_kind kind, uint32_t id)
{
    return id == STANDING_NONE ? "" : standing_name(l->standing, kind, id);
}

static json_t *row_json(const struct listing *l, const struct traffic_sum *row)
{
    json_t *o = json_object();
    const struct traffic_key *key = &row->key;

    if (l->by & TRAFFIC_BY_CLIENT) set_text(o, "client", name_of(l, STANDING_PRINCIPAL, key->principal));
    if (l->by & TRAFFIC_BY_BUCKET) set_text(o, "bucket", key->bucket);
    if (l->by & (TRAFFIC_BY_ZONE | TRAFFIC_BY_ADDRESS)) {
        set_text(o, "endpoint", name_of(l, STANDING_ENDPOINT, key->endpoint));
        set_text(o, "zone", key->zone);
    }
    if (l->by & TRAFFIC_BY_ADDRESS) set_text(o, "address", key->address_text);
    for (unsigned i = 0; i < TRAFFIC_SLOTS; i++)
        json_object_set_new(o, traffic_slot_name((enum traffic_slot)i), json_integer((json_int_t)row->v[i]));
    return o;
}

static int add_text(const char *text, size_t n, void *out)
{
    return evbuffer_add(out, text, n);
}

static bool add_more(void *arg, struct evbuffer *out)
{
    struct listing *l = arg;
    json_t *row;

    evbuffer_add_printf(out, "%s", l->at == 0 ? "{\"rows\": [" : "");
    if (l->at == l->n) {
        evbuffer_add_printf(out, "],\n\"rows_most\": %d}\n", TRAFFIC_ROWS);
        return false;
    }
    evbuffer_add_printf(out, l->at ? ",\n" : "\n");
    row = row_json(l, &l->v[l->at++]);
    json_dump_callback(row, add_text, out, JSON_COMPACT);
    json_decref(row);
    return true;
}

static void end(void *arg)
{
    struct listing *l = arg;

    free(l->v);
    free(l);
}

void command_traffic(struct admin_call *call)
{
    unsigned by = by_of(admin_call_text(call, "by"));
    const struct proxy *p = server_proxy(call->server);
    struct listing *l;

    if (!by) {
        admin_reply_error(call, "`by` is a list of: client, bucket, zone, address");
        return;
    }
    l = calloc(1, sizeof(*l));
    if (l) *l = (struct listing){.standing = p->standing, .by = by};
    if (l) l->n = traffic_sum(p->traffic, by, &l->v);
    if (!l || l->n == SIZE_MAX) {
        free(l);
        admin_reply_json(call, NULL);
        return;
    }
    admin_reply_stream(call, &(struct admin_stream){add_more, end, l});
}
