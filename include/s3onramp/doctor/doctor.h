/* SPDX-License-Identifier: Apache-2.0
 * doctor.h: proves the road to one endpoint, step by step, and says what to do where it ends. Blocks; one thread, with
 * loops of its own; nothing of a running proxy is touched, and nothing is ever written to a bucket.
 *
 *   name → service-name → dns → private → route → tcp → mss → tls → mtu → clock → credentials → request → region
 *
 * A step that fails skips those that need it. No address is dialled that the proxy would not dial, and no secret is in
 * any text.
 */
#ifndef S3ONRAMP_DOCTOR_DOCTOR_H
#define S3ONRAMP_DOCTOR_DOCTOR_H

#include "config/config.h"

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_SKIPPED };
const char *doctor_verdict_name(enum doctor_verdict verdict); /* "ok", "warn", "fail", "skipped" */

enum { DOCTOR_EVIDENCE = 4096, DOCTOR_FIX = 1024, DOCTOR_TIMEOUT_MS = 5000 };

/* What one step found. Texts are printable ASCII. */
struct doctor_finding {
    const char *step; /* one word, for programs too; static */
    enum doctor_verdict verdict;
    const char *cause;              /* WARN, FAIL: one word, "refused"; else ""; static */
    char evidence[DOCTOR_EVIDENCE]; /* lines, each ended by '\n' */
    char fix[DOCTOR_FIX];           /* WARN, FAIL: what to do; lines as above */
    double seconds;
};

/* All borrowed. */
struct doctor_order {
    const struct settings *settings;
    const struct endpoint_conf *endpoint; /* NULL: @name is none, only that can be said */
    const char *name;                     /* the endpoint-specific name; NULL: there is none */
    const char *left_out;                 /* see struct doctor_word, or NULL */
    bool name_alone;                      /* there is no configuration: fixes do not ask to change it */
    const char *bucket;                   /* or NULL */
    uint64_t timeout_ms;                  /* of each wait for the other side */
};

typedef void doctor_told_fn(void *arg, const struct doctor_finding *finding);

/* Runs all steps; @told is called after each, in their order. ERR_NO_MEMORY, ERR_TLS_SETUP, …: it could not be done;
 * what a step finds is no error. */
MUST_CHECK enum err_code doctor_run(const struct doctor_order *order, doctor_told_fn *told, void *arg, struct err *err);

/* A word that should name an endpoint. */
struct doctor_word {
    char name[256]; /* the endpoint's own name, "vpce-…", lower case; or the host that is none, as far as it goes */
    char left_out[128]; /* of the word, "the scheme, the port"; or empty */
    char why[400];      /* why it is none, and what to write */
};

/* True if @word is an S3 interface endpoint's own name, or says it beyond doubt: a URL, a bucket before it, port 443,
 * capitals. */
bool doctor_take_name(const char *word, struct doctor_word *out);

#endif
