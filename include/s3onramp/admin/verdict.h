/* SPDX-License-Identifier: Apache-2.0
 * verdict.h: is it us, the network, AWS, or one client? One sentence, from how things stand and what went wrong in the
 * last minutes. Pure; borrows everything.
 */
#ifndef S3ONRAMP_ADMIN_VERDICT_H
#define S3ONRAMP_ADMIN_VERDICT_H

#include "flow/trouble.h"

enum { VERDICT_RECENT_S = 120, VERDICT_WINDOW_S = 300, VERDICT_EVIDENCE = 6, VERDICT_TEXT = 480 };

enum verdict_level { VERDICT_OK, VERDICT_WARN, VERDICT_BAD };
const char *verdict_level_name(enum verdict_level level); /* "ok", "warn", "bad" */

/* How an endpoint can be reached. */
struct verdict_endpoint {
    const char *name;
    size_t all, up;                /* addresses: known, and used now */
    const char *sick, *zone, *why; /* one that is not used, its zone, and why; NULL: there is none. Without any address:
                                    * what DNS says */
};

struct verdict_facts {
    int64_t now_us;                    /* Unix time */
    bool leaving;                      /* it ends */
    const char *refused;               /* why the last change of the configuration is not in force; NULL: it is */
    const char *keyless, *keyless_why; /* a [credentials] section without usable keys; NULL: none is */
    const char *stale, *stale_why;     /* one whose keys are good but cannot be renewed */
    const char *stuck, *stuck_why;     /* a log that cannot be written */
    const struct verdict_endpoint *endpoints;
    size_t endpoints_n;
    const struct trouble *troubles; /* any order */
    size_t troubles_n;
    uint64_t requests, failed; /* of the last VERDICT_WINDOW_S seconds; failed: through no fault of clients */
};

struct verdict {
    enum trouble_party who;
    enum verdict_level level;
    char sentence[VERDICT_TEXT];
    char evidence[VERDICT_EVIDENCE][VERDICT_TEXT];
    size_t evidence_n;
};

void verdict_judge(const struct verdict_facts *f, struct verdict *out);
/* What went wrong, for people: a sentence. Returns @out. */
const char *verdict_words(const struct trouble *t, char out[VERDICT_TEXT]);

#endif
