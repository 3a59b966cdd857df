/* SPDX-License-Identifier: Apache-2.0
 * readiness.h: does the proxy live, and may requests be sent to it? What balancers, supervisors and `s3onramp status`
 * are told comes from here, as of the moment when they ask. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_READINESS_H
#define S3ONRAMP_ADMIN_READINESS_H

#include "http_call.h"

/* Sentences that a stranger may read: names of sections, no addresses, files or keys. */
struct readiness {
    struct str_list why_not; /* none: it is ready */
    struct str_list notes;   /* what needs a look, though it is ready */
};

/* Ready: it serves and is not about to end, every endpoint has an address that takes requests, and keys to sign them
 * with. */
void readiness_look(struct server *server, struct readiness *h);
void readiness_clear(struct readiness *h);
/* {"ready": …, "why_not": […], "notes": […]}; NULL: no memory. */
json_t *readiness_json(const struct readiness *h);

/* Routes. */
void readiness_show_alive(struct http_call *c);
void readiness_show(struct http_call *c);

#endif
