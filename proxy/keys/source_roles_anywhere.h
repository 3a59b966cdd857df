/* SPDX-License-Identifier: Apache-2.0
 * source_roles_anywhere.h: the signed CreateSession request of the kind roles-anywhere. Internal to proxy/control.
 */
#ifndef S3ONRAMP_CONTROL_SOURCE_ROLES_ANYWHERE_H
#define S3ONRAMP_CONTROL_SOURCE_ROLES_ANYWHERE_H

#include "base/arena.h"
#include "io/identity.h"
#include "keys/source.h"

enum { SESSION_NAME_MAX = 64, SESSION_HEADERS = 7, SUBJECT_MAX = 96 };

/* One request in the making: first what it is made of, all borrowed, then what became of it. */
struct session_job {
    const struct credentials_conf *set;
    const char *client;                     /* NULL: everybody's */
    const struct principal_conf *principal; /* what is known of it, or NULL */
    struct identity_pin_memory *pins;

    enum err_code code; /* ERR_NONE, or why there is no request, with @err: as identity_load has it */
    struct err err;
    struct arena arena; /* owned: all texts below */
    struct str url, authority, body;
    struct str headers[SESSION_HEADERS];
    size_t headers_n;
    int64_t not_after_s; /* when the certificate ends */
    char subject[SUBJECT_MAX];
    char *files[SOURCE_FILES]; /* owned: what was read */
    size_t files_n;
};

/* Loads the identity, signs, forgets the key again. Any thread; blocks as identity_load does. */
void session_job_run(struct session_job *job);
/* Frees the results; zeroed memory is fine. */
void session_job_clear(struct session_job *job);

#endif
