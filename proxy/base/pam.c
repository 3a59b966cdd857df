/* SPDX-License-Identifier: Apache-2.0
 * pam.c: see pam.h.
 */
#include "base/pam.h"

#include "base/attrib.h"
#include "base/secret.h"

#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>

struct dialogue {
    const char *password; /* NULL: there is none */
    bool asked_for_more;
};

static void free_replies(struct pam_response *replies, int n)
{
    for (int i = 0; i < n; i++) {
        if (replies[i].resp) secret_wipe(replies[i].resp, strlen(replies[i].resp));
        free(replies[i].resp);
    }
    free(replies);
}

/* A hidden prompt wants the password. Nobody is there to answer anything else, or to read what is said. */
static bool reply(struct dialogue *d, const struct pam_message *message, struct pam_response *out)
{
    if (message->msg_style == PAM_TEXT_INFO || message->msg_style == PAM_ERROR_MSG) return true;
    if (message->msg_style != PAM_PROMPT_ECHO_OFF || !d->password) {
        d->asked_for_more = true;
        return false;
    }
    out->resp = strdup(d->password); /* libpam's to free */
    return out->resp;
}

static int converse(int n, const struct pam_message **messages, struct pam_response **out, void *arg)
{
    struct pam_response *replies;

    if (n <= 0 || n > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
    replies = calloc((size_t)n, sizeof(*replies));
    if (!replies) return PAM_BUF_ERR;
    for (int i = 0; i < n; i++) {
        if (reply(arg, messages[i], &replies[i])) continue;
        free_replies(replies, n);
        return PAM_CONV_ERR;
    }
    *out = replies;
    return PAM_SUCCESS;
}

/* Modules would sleep for seconds after a wrong password. Who guesses is held up by the queue of those who ask. */
static void do_not_sleep(int code UNUSED, unsigned usec UNUSED, void *arg UNUSED) {}

static enum pam_verdict verdict_of(int code)
{
    switch (code) {
    case PAM_SUCCESS: return PAM_VERDICT_RIGHT;
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_PERM_DENIED:
    case PAM_CRED_INSUFFICIENT:
    case PAM_CRED_EXPIRED:
    case PAM_ACCT_EXPIRED:
    case PAM_AUTHTOK_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD: return PAM_VERDICT_WRONG;
    default: return PAM_VERDICT_NONE;
    }
}

static int set_items(pam_handle_t *h, const struct pam_question *q)
{
    void (*delay)(int, unsigned, void *) = do_not_sleep;
    const void *item;
    int code = pam_set_item(h, PAM_RHOST, q->peer);

    memcpy(&item, &delay, sizeof(item)); /* as pam_fail_delay(3) wants it; ISO C has no cast for it */
    if (code == PAM_SUCCESS) code = pam_set_item(h, PAM_TTY, q->service);
    if (code == PAM_SUCCESS) code = pam_set_item(h, PAM_FAIL_DELAY, item);
    return code;
}

/* *@what: what was asked for last. */
static int ask(pam_handle_t *h, const struct pam_question *q, const char **what)
{
    int code = set_items(h, q);

    *what = "";
    if (code == PAM_SUCCESS && q->password) code = pam_authenticate(h, PAM_SILENT);
    if (code != PAM_SUCCESS) return code;
    *what = "the account: ";
    return pam_acct_mgmt(h, PAM_SILENT);
}

enum pam_verdict pam_judge(const struct pam_question *q, char why[PAM_WHY])
{
    struct dialogue d = {.password = q->password};
    const struct pam_conv conv = {converse, &d};
    pam_handle_t *h = NULL;
    const char *what = "";
    int code = q->folder ? pam_start_confdir(q->service, q->user, &conv, q->folder, &h)
                         : pam_start(q->service, q->user, &conv, &h);

    if (code == PAM_SUCCESS) code = ask(h, q, &what);
    enum pam_verdict verdict = d.asked_for_more && code != PAM_SUCCESS ? PAM_VERDICT_WRONG : verdict_of(code);
    (void)snprintf(why, PAM_WHY, "%s%s", what,
                   d.asked_for_more ? "it asks for more than a password" : pam_strerror(h, code));
    if (h) (void)pam_end(h, code);
    return verdict;
}
