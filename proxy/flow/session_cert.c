/* SPDX-License-Identifier: Apache-2.0
 * session_cert.c: whose certificate the client of a connection showed. The certificate stays what it is; whom it stands
 * for is asked of each snapshot anew.
 */
#include "flow/session.h"
#include "io/client_cert.h"

#include <stdlib.h>

struct finding {
    const struct session *session;
    const struct principal_conf *who;
    bool several;
    char name[CLIENT_CERT_NAME + 1]; /* that of @who, else the first, its subject */
};

static bool look_up(void *arg, struct str name)
{
    struct finding *f = arg;
    const struct principal_conf *who = settings_client_by_certificate(session_settings(f->session), name);

    f->several |= who && f->who && who != f->who;
    if (!f->name[0] || (who && !f->who)) (void)str_to_cstr(name, f->name, sizeof(f->name));
    if (who) f->who = who;
    return f->several;
}

void session_look_at_certificate(struct session *c)
{
    struct finding f = {.session = c};

    c->certified = NULL;
    free(c->certificate);
    c->certificate = NULL;
    c->has_certificate = client_cert_look(&c->conn, &c->certificate_end_s);
    if (!c->has_certificate) return;
    client_cert_names(&c->conn, look_up, &f);
    c->certificate = strdup(f.name); /* NULL, without memory: lines lack it */
    if (!f.several)
        c->certified = f.who;
    else
        LOG(LOG_WARN, "listener %s: a certificate names several clients, %s among them, and so none", c->listener->name,
            f.who->name);
}
