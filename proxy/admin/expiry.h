/* SPDX-License-Identifier: Apache-2.0
 * expiry.h: what ends, and when: certificates, the local authority, revocation lists, keys of AWS, clients and their
 * key pairs. The one list of them: status, metrics, the page and /readyz take from it what they tell. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_EXPIRY_H
#define S3ONRAMP_ADMIN_EXPIRY_H

#include "control/server.h"

enum expiry_kind {
    EXPIRY_CA,
    EXPIRY_ADMIN_CERTIFICATE,
    EXPIRY_LISTENER_CERTIFICATE,
    EXPIRY_CRL,
    EXPIRY_IDENTITY, /* the certificate that a source of keys shows */
    EXPIRY_KEYS,
    EXPIRY_OWN_N, /* those before are the proxy's own; those after are its clients', and may be many */
    EXPIRY_CLIENT = EXPIRY_OWN_N,
    EXPIRY_KEY_PAIR,
    EXPIRY_KINDS_N
};

struct expiry_item {
    enum expiry_kind kind;
    const char *section; /* borrowed: the section's name; NULL: it has none */
    const char *client;  /* borrowed: whose session the keys are of; NULL: everybody's */
    int64_t end_s;       /* Unix time */
    bool renewed;        /* by itself, before it ends */
};

/* Walks over all of .kind and after: zeroed at first, but for what is borrowed and .kinds. */
struct expiry {
    const struct snapshot *snapshot;            /* borrowed */
    const struct credential_store *credentials; /* borrowed */
    unsigned kind, kinds;                       /* of the next one; those of .kinds and after are left out */
    size_t at;                                  /* among its kind */
};

/* The next one that has an end, over or not. False: there are no more. */
MUST_CHECK bool expiry_next(struct expiry *x, struct expiry_item *out);

enum { EXPIRY_OF_CLIENT = 1 + PRINCIPAL_KEYS };
/* Number @i, below EXPIRY_OF_CLIENT, of what may end of a client. False: that has no end. */
MUST_CHECK bool expiry_of_client(const struct principal_conf *c, unsigned i, struct expiry_item *out);

/* "certificate of", "keys of", …; "": the section says it all. */
const char *expiry_what(const struct expiry_item *item);
/* "[listener a]", "[credentials people] for alice". */
enum { EXPIRY_TEXT = 512 };
const char *expiry_section(const struct expiry_item *item, char out[EXPIRY_TEXT]);
/* Both: "certificate of [listener a]". */
const char *expiry_text(const struct expiry_item *item, char out[EXPIRY_TEXT]);

#endif
