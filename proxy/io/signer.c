/* SPDX-License-Identifier: Apache-2.0
 * signer.c: see signer.h: the process that has the key, and the messages of both sides.
 */
#include "io/signer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "ca.h"
#include "io/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509.h>

enum { CERTIFICATE, KEY, CRL_URL, DAYS, SANDBOX, FIELDS, DAYS_MOST = 397 };
static const struct str on = STR_INIT("on"), off = STR_INIT("off");

/* ---- messages ---- */

bool signer_put_order(const struct signer_order *order, struct str public_key, struct sbuf *out)
{
    char days[16];
    const char *const fields[FIELDS] = {[CERTIFICATE] = order->certificate,
                                        [KEY] = order->private_key,
                                        [CRL_URL] = order->crl_url ? order->crl_url : "",
                                        [DAYS] = days,
                                        [SANDBOX] = order->sandbox ? on.p : off.p};

    snprintf(days, sizeof(days), "%u", order->leaf_days);
    for (size_t i = 0; i < FIELDS; i++) {
        sbuf_add(out, str_from(fields[i]));
        sbuf_char(out, '\0');
    }
    sbuf_add(out, public_key);
    return !out->overflow;
}

static void put_error(const struct err *err, struct sbuf *out)
{
    sbuf_char(out, SIGNER_ERROR);
    sbuf_printf(out, "%d %d %s", (int)err->code, err->sys_errno, err->detail);
}

/* The number before the next space of *@rest. */
static bool take_number(struct str *rest, uint64_t most, int *out)
{
    struct str word;
    uint64_t n;

    if (!str_split(rest, ' ', &word) || !str_to_u64(word, &n) || n > most) return false;
    *out = (int)n;
    return true;
}

enum err_code signer_read_answer(struct str answer, struct str *out, struct err *err)
{
    struct str rest = str_tail(answer, 1);
    int code, sys_errno;

    *out = rest;
    if (answer.n > 1 && answer.p[0] == SIGNER_ANSWER) return ERR_NONE;
    if (answer.n && answer.p[0] == SIGNER_ERROR && take_number(&rest, ERR_CODES_N - 1, &code) && code != ERR_NONE &&
        take_number(&rest, INT_MAX, &sys_errno))
        return err_set(err, (enum err_code)code, sys_errno, "%.*s", STR_ARG(rest));
    return err_set(err, ERR_TLS_SETUP, 0, "the process that has the CA's key answers what is no answer");
}

/* ---- what is signed ---- */

static bool is_der(struct sbuf *answer, size_t start)
{
    return !answer->overflow && answer->n > start;
}

static void put_certificate(X509 *cert, struct sbuf *answer)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);

    if (n > 0) sbuf_add(answer, str_make((const char *)der, (size_t)n));
    OPENSSL_free(der);
}

static enum err_code answer_leaf(const struct signing *s, int64_t now_s, struct str names, struct sbuf *answer,
                                 struct err *err)
{
    const struct leaf_terms terms = {s->ca, s->leaf_key, s->leaf_days, s->crl_url};
    X509 *leaf = NULL;

    if (!s->leaf_key) return err_set(err, ERR_TLS_SETUP, 0, "there is no key to certify");
    TRY(leaf_sign(&terms, names, now_s, &leaf, err));
    sbuf_char(answer, SIGNER_ANSWER);
    put_certificate(leaf, answer);
    X509_free(leaf);
    return is_der(answer, 1) ? ERR_NONE : err_set(err, ERR_TLS_SETUP, 0, "too many names for one certificate");
}

static enum err_code answer_crl(const struct signing *s, int64_t now_s, struct sbuf *answer, struct err *err)
{
    sbuf_char(answer, SIGNER_ANSWER);
    if (leaf_revoked(s->ca, now_s, answer)) return ERR_NONE;
    return err_set(err, ERR_TLS_SETUP, 0, "the revocation list cannot be made");
}

static enum err_code give_answer(const struct signing *s, int64_t now_s, struct str question, struct sbuf *answer,
                                 struct err *err)
{
    struct str rest = str_tail(question, 1);

    if (question.n && question.p[0] == SIGNER_LEAF) return answer_leaf(s, now_s, rest, answer, err);
    if (question.n == 1 && question.p[0] == SIGNER_CRL) return answer_crl(s, now_s, answer, err);
    return err_set(err, ERR_TLS_SETUP, 0, "nothing is signed but leaves for names, and the revocation list");
}

void signing_answer(const struct signing *s, int64_t now_s, struct str question, struct sbuf *answer)
{
    struct err err = {0};

    if (give_answer(s, now_s, question, answer, &err) == ERR_NONE) return;
    *answer = sbuf_make(answer->p, answer->cap);
    put_error(&err, answer);
}

/* ---- life ---- */

static enum err_code take_key(struct signing *s, struct str der, struct err *err)
{
    const unsigned char *p = (const unsigned char *)der.p;

    if (!der.n) return ERR_NONE;
    s->leaf_key = d2i_PUBKEY(NULL, &p, (long)der.n);
    return s->leaf_key ? ERR_NONE : x509_fail(err, ERR_TLS_SETUP, "the leaves' key");
}

static enum err_code take_order(struct signing *s, struct str message, struct err *err)
{
    struct str fields[FIELDS];
    char paths[2][PATH_MAX];
    uint64_t days;

    for (size_t i = 0; i < FIELDS; i++) {
        size_t end = str_index(message, '\0');

        if (end == SIZE_MAX) return err_set(err, ERR_INTERNAL, 0, "the order is cut off");
        fields[i] = str_head(message, end);
        message = str_tail(message, end + 1);
    }
    if (!str_to_u64(fields[DAYS], &days) || days < 1 || days > DAYS_MOST ||
        (!str_eq(fields[SANDBOX], on) && !str_eq(fields[SANDBOX], off)) ||
        !str_to_cstr(fields[CERTIFICATE], paths[0], PATH_MAX) || !str_to_cstr(fields[KEY], paths[1], PATH_MAX))
        return err_set(err, ERR_INTERNAL, 0, "the order is none");
    s->leaf_days = (unsigned)days;
    s->sandbox = str_eq(fields[SANDBOX], on);
    TRY(ca_load(paths[0], paths[1], &s->ca, err));
    if (fields[CRL_URL].n && !(s->crl_url = strndup(fields[CRL_URL].p, fields[CRL_URL].n)))
        return err_set(err, ERR_NO_MEMORY, 0, "CA");
    return take_key(s, message, err);
}

bool signing_begin(struct signing *s, struct str message, struct sbuf *answer)
{
    struct err err = {0};

    if (take_order(s, message, &err) == ERR_NONE) return true;
    put_error(&err, answer);
    return false;
}

void signing_clear(struct signing *s)
{
    ca_free(&s->ca);
    EVP_PKEY_free(s->leaf_key);
    free(s->crl_url);
    *s = (struct signing){0};
}

/* ---- the process ---- */

/* The next message into @mem; ends with who asks. */
static struct str receive(char *mem)
{
    ssize_t n;

    do
        n = recv(STDIN_FILENO, mem, SIGNER_MESSAGE, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0) _exit(0);
    return str_make(mem, (size_t)n);
}

static void answer_with(const struct sbuf *answer)
{
    if (send(STDIN_FILENO, answer->p, answer->n, MSG_NOSIGNAL) < 0) _exit(0);
}

static void put_ready(const struct signing *s, struct sbuf *answer)
{
    sbuf_char(answer, SIGNER_ANSWER);
    put_certificate(s->ca->cert, answer);
}

/* OpenSSL makes some things when they are needed first: that is now, while files can be read. */
static void warm_up(const struct signing *s)
{
    char mem[SIGNER_MESSAGE];
    struct sbuf out = sbuf_make(mem, sizeof(mem));

    signing_answer(s, clock_wall_us() / 1000000, STR("R"), &out);
}

_Noreturn void signer_run(void)
{
    char question[SIGNER_MESSAGE], answer[SIGNER_MESSAGE];
    struct signing s = {0};
    struct sbuf out = sbuf_make(answer, sizeof(answer));
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "s3onramp-ca");
    secret_no_core_dumps();
    log_set(LOG_ERROR, LOG_TEXT); /* the proxy reads the certificate itself, and warns of what is odd in it */
    if (!signing_begin(&s, receive(question), &out)) {
        answer_with(&out);
        _exit(1);
    }
    warm_up(&s);
    sandbox_signs(s.sandbox);
    put_ready(&s, &out);
    for (;;) {
        answer_with(&out);
        out = sbuf_make(answer, sizeof(answer));
        struct str asked = receive(question);
        signing_answer(&s, clock_wall_us() / 1000000, asked, &out);
    }
}
