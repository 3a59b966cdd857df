/* SPDX-License-Identifier: Apache-2.0
 * people.h: who moved most in the last half to full hour, and whose keys end next. All clients are looked at some at a
 * time, so that 100,000 of them hold nothing up; costs 64 bytes for each client that there ever was. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_PEOPLE_H
#define S3ONRAMP_ADMIN_PEOPLE_H

#include "../expiry.h"

#include <jansson.h>

enum { PEOPLE_TOP = 12 };

struct people;

MUST_CHECK struct people *people_new(struct server *server); /* NULL: out of memory */
void people_free(struct people **p);                         /* NULL is fine */
/* Looks anew: done on return if there are few clients, else a little later. */
void people_look(struct people *p);
/* {"since_s", "all", "list": [{"name", "requests", "refused", "bytes_in", "bytes_out"}, …]}: PEOPLE_TOP at most, who
 * moved most first; of the last since_s seconds. */
json_t *people_json(const struct people *p);
/* Number @i of the ends of clients and of their key pairs that come next; false: there are no more. */
MUST_CHECK bool people_ending(const struct people *p, size_t i, struct expiry_item *out);

#endif
