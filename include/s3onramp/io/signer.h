/* SPDX-License-Identifier: Apache-2.0
 * signer.h: the process that has the local authority's key: this program again, with SIGNER_WORD. It reads the
 * authority's files, gives up all but answering (sandbox_signs), and then answers two questions: a leaf for names, of
 * which it judges names and times itself, and the revocation list. It never signs what it is given. It ends when nobody
 * has the other end of its socket any more, and for no signal before that (a drain still needs leaves).
 */
#ifndef S3ONRAMP_IO_SIGNER_H
#define S3ONRAMP_IO_SIGNER_H

#include "io/mint.h"

#define SIGNER_WORD "ca-signer" /* no command: for the proxy itself */

/* ---- the proxy's side ---- */

struct signer_order {
    const char *certificate, *private_key; /* files of the authority */
    const char *crl_url;                   /* for leaves; NULL: none */
    unsigned leaf_days;                    /* validity of leaves, 1..397 */
    bool sandbox;
};

struct signer;
/* Starts it: it can sign leaves for @leaf_key (NULL: none). Blocks. @order is copied. Errors: as ca_load, of both
 * files. */
MUST_CHECK enum err_code signer_start(const struct signer_order *order, EVP_PKEY *leaf_key, struct signer **out,
                                      struct err *err);
/* As ca_load of @certificate, without its key. ERR_FILE, too, if that is not the authority that @s signs for: the files
 * were replaced between the two readings. */
MUST_CHECK enum err_code signer_load(const struct signer *s, const char *certificate, struct ca **out, struct err *err);
/* As mint_source's ask. One that has ended is started again, once a second at most; the log says so. */
MUST_CHECK enum err_code signer_ask(struct signer *s, struct str question, struct sbuf *answer, struct err *err);
void signer_stop(struct signer *s);
void signer_free(struct signer **s);    /* it ends; NULL is fine */
pid_t signer_process(struct signer *s); /* any thread; 0: it has ended */
/* Whether a proxy could begin with these files. As ca_load, but this process does not see the key, and *@out has none.
 */
MUST_CHECK enum err_code signer_check(const struct signer_order *order, struct ca **out, struct err *err);

/* ---- its own side ---- */

/* The process: does not return. */
_Noreturn void signer_run(void);

enum { SIGNER_MESSAGE = 16 * 1024 /* of any kind, at most */ };

/* What it knows. Zeroed to begin with. */
struct signing {
    struct ca *ca;      /* owned */
    EVP_PKEY *leaf_key; /* owned: the public half */
    char *crl_url;      /* owned, or NULL */
    unsigned leaf_days;
    bool sandbox;
};
/* The first message, signer_put_order's. False: it is over; @answer says why. */
MUST_CHECK bool signing_begin(struct signing *s, struct str message, struct sbuf *answer);
/* Every further one. */
void signing_answer(const struct signing *s, int64_t now_s, struct str question, struct sbuf *answer);
void signing_clear(struct signing *s);

/* ---- messages: one letter, then: ---- */

enum {
    SIGNER_LEAF = 'L',   /* names, lower case, joined by commas. Answer: the certificate (DER) */
    SIGNER_CRL = 'R',    /* nothing. Answer: the revocation list (DER) */
    SIGNER_ANSWER = 'A', /* To the first message: the authority's certificate (DER) */
    SIGNER_ERROR = 'E',  /* code, errno, detail, each behind a space but the first */
};
/* The first: certificate, key, URL of the list (or empty), days, "on" or "off", a NUL behind each; the public key (DER,
 * or nothing). False: too long. */
MUST_CHECK bool signer_put_order(const struct signer_order *order, struct str public_key, struct sbuf *out);
/* What stands in an answer; an error in it goes to @err. */
MUST_CHECK enum err_code signer_read_answer(struct str answer, struct str *out, struct err *err);

#endif
