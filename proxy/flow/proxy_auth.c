/* SPDX-License-Identifier: Apache-2.0
 * proxy_auth.c: the step check_user: Proxy-Authorization on CONNECT and absolute-form requests, or the client's TLS
 * certificate in place of it. It is for this hop: never looked for inside a CONNECT, never forwarded. Who it proves
 * counts for tunnels and for unsigned requests; a signature inside decides for itself. Source: RFC 9110 11.7
 * (Proxy-Authenticate, 407), RFC 7617 (Basic).
 */
#include "auth.h"
#include "base/encode.h"
#include "base/password.h"
#include "base/secret.h"
#include "flow/passwords.h"
#include "flow/session.h"
#include "flow/worker.h"
#include "own_pages.h"

enum { NAME_MAX_BYTES = 64, USER_MAX = NAME_MAX_BYTES + 1 + PASSWORD_MAX, TOKEN_MAX = (USER_MAX + 2) / 3 * 4 };

static enum step_result ask_for_it(struct request *req, const char *why)
{
    return request_fail(req, ERR_PROXY_AUTH, "%s", why);
}

/* Nobody on the way can read it: TLS, or it never leaves the machine. */
static bool is_safe(const struct session *c)
{
    static const struct str loopback[] = {STR_INIT("127.0.0.0/8"), STR_INIT("::1/128")};

    if (c->conn.ssl || c->listener->proxy_auth_plain) return true;
    for (size_t i = 0; i < ARRAY_LEN(loopback); i++) {
        struct netblock block;
        bool ok = netblock_parse(loopback[i], &block);

        ASSERT(ok);
        if (netblock_has(&block, &c->peer)) return true;
    }
    return false;
}

/* "Basic" 1*SP token68: how long what it says is goes into *@n. */
static bool read_basic(struct str value, char out[USER_MAX + 2], size_t *n)
{
    struct str token;
    size_t pad;

    if (!str_starts_nocase(value, STR("Basic "))) return false;
    token = str_trim(str_tail(value, 6));
    if (token.n == 0 || token.n % 4 || token.n > TOKEN_MAX) return false;
    pad = (size_t)(token.p[token.n - 1] == '=') + (size_t)(token.p[token.n - 2] == '=');
    *n = token.n / 4 * 3 - pad;
    return base64_decode(token, (uint8_t *)out, *n);
}

static void on_verdict(void *arg, enum password_verdict verdict, const char *why)
{
    struct request *req = arg;

    req->who.ask = NULL;
    req->who.user_verdict = verdict;
    req->who.user_why = arena_dup(&req->arena, str_from(why));
    loop_task_run(req->wake);
}

static struct password_asker asker_of(struct request *req)
{
    return (struct password_asker){.digest = req->worker->digest,
                                   .loop = &req->worker->loop,
                                   .peer = &req->session->peer,
                                   .done = on_verdict,
                                   .arg = req};
}

/* Why req->who.user does not count, or NULL. */
static const char *why_not(const struct request *req)
{
    return principal_why_not(req->who.user, NULL, req->started_wall_us / 1000000);
}

/* Asks whether @user_pass ("NAME:PASSWORD") is right. */
static enum password_verdict ask(struct request *req, struct str user_pass)
{
    struct passwords *passwords = req->worker->proxy->passwords;
    const struct snapshot *s = req->session->use->snapshot;
    const struct password_asker asker = asker_of(req);
    size_t colon = str_index(user_pass, ':');
    const char *pam_user;
    bool known;

    if (colon == SIZE_MAX) return PASSWORD_WRONG;
    req->who.user_tried = arena_dup(&req->arena, str_head(user_pass, colon < NAME_MAX_BYTES ? colon : NAME_MAX_BYTES));
    req->who.user = settings_client_by_name(s->settings, str_head(user_pass, colon));
    known = req->who.user && req->who.user->password && !why_not(req);
    pam_user = known ? principal_pam_user(req->who.user) : NULL;
    if (pam_user)
        return passwords_ask_pam(passwords, &asker, s->settings, pam_user, str_tail(user_pass, colon + 1),
                                 &req->who.ask);
    if (!known && !s->decoy) return PASSWORD_WRONG;
    return passwords_ask(passwords, &asker, known ? req->who.user->password : s->decoy, known,
                         str_tail(user_pass, colon + 1), &req->who.ask);
}

static enum step_result check_field(struct request *req, struct str value)
{
    char text[USER_MAX + 2];
    size_t n;

    if (!read_basic(value, text, &n)) return ask_for_it(req, "Proxy-Authorization is not Basic, or malformed");
    req->who.user_verdict = ask(req, str_make(text, n));
    secret_wipe(text, sizeof(text));
    req->who.user_asked = true;
    return STEP_NEXT;
}

/* For the log; the client does not learn which of them it was. */
static enum step_result refuse_password(struct request *req)
{
    const struct principal_conf *user = req->who.user;
    const char *no = user ? why_not(req) : NULL;
    char reason[256];

    req->who.user = NULL;
    if (no)
        snprintf(reason, sizeof reason, "the client named in Proxy-Authorization %s", no);
    else if (req->who.user_why.n)
        snprintf(reason, sizeof reason, "PAM does not take the password in Proxy-Authorization: %.*s",
                 STR_ARG(req->who.user_why));
    if (no || req->who.user_why.n) return ask_for_it(req, reason);
    return ask_for_it(req, !req->who.user_tried.n ? "no name in Proxy-Authorization"
                           : !user                ? "there is no client of the name in Proxy-Authorization"
                           : !user->password      ? "the client named in Proxy-Authorization has no password"
                                                  : "wrong password in Proxy-Authorization");
}

static enum step_result take_verdict(struct request *req)
{
    switch (req->who.user_verdict) {
    case PASSWORD_RIGHT: return auth_check_source(req, req->who.user);
    case PASSWORD_PENDING: return STEP_WAIT;
    case PASSWORD_BUSY:
        return request_fail(req, ERR_TOO_MANY,
                            "too many passwords wait to be checked already, from your address or from all");
    case PASSWORD_UNKNOWN:
        req->who.user = NULL;
        return request_fail(req, ERR_PASSWORDS, "[auth pam]: PAM gives no answer: %.*s", STR_ARG(req->who.user_why));
    case PASSWORD_WRONG: break;
    }
    return refuse_password(req);
}

static enum step_result refuse_certificate(struct request *req, const char *why)
{
    request_tell(req, "Your TLS certificate does not count here: %s.", why);
    return request_fail(req, ERR_CERTIFICATE, "%s", why);
}

/* A client that may not come in any more does not become somebody else's, or nobody's. */
static enum step_result take_certificate(struct request *req)
{
    const struct session *c = req->session;
    int64_t now_s = req->started_wall_us / 1000000;
    const char *no = c->certified ? principal_why_not(c->certified, NULL, now_s) : NULL;
    char why[128];

    if (now_s > c->certificate_end_s) return refuse_certificate(req, "it has expired");
    if (no) {
        snprintf(why, sizeof(why), "client %s %s", c->certified->name, no);
        return refuse_certificate(req, why);
    }
    if (!c->certified || c->authority) return STEP_NEXT;
    req->who.user = c->certified;
    return auth_check_source(req, req->who.user);
}

/* An account that was locked since: its connections have no password any more, but PAM knows the account. While it
 * gives no answer what it said before holds. */
static enum step_result ask_again(struct request *req)
{
    const struct session *c = req->session;
    const struct password_asker asker = asker_of(req);
    const char *pam_user = principal_pam_user(c->user);

    if (!pam_user || request_auth_of_user(req) == AUTH_CERTIFICATE) return STEP_NEXT;
    if (!req->who.user_asked) {
        req->who.user_asked = true;
        req->who.user_verdict = passwords_ask_pam(req->worker->proxy->passwords, &asker, c->use->snapshot->settings,
                                                  pam_user, STR_NONE, &req->who.ask);
    }
    if (req->who.user_verdict == PASSWORD_PENDING) return STEP_WAIT;
    if (req->who.user_verdict != PASSWORD_WRONG) return STEP_NEXT;
    return request_fail(req, ERR_POLICY_DENIED, "client %s, whose password opened this connection: PAM refuses %.*s",
                        c->user->name, STR_ARG(req->who.user_why));
}

/* Proven at the CONNECT around. */
static enum step_result take_from_connect(struct request *req)
{
    const struct session *c = req->session;

    req->who.user = c->user;
    if (!c->user) return STEP_NEXT;
    if (!why_not(req) && principal_may_come_from(c->user, &c->peer)) return ask_again(req);
    req->who.user = NULL; /* since its password was seen: it is nobody now */
    return STEP_NEXT;
}

static enum step_result check_password(struct request *req)
{
    const struct session *c = req->session;
    const struct header *h = headers_find(&req->in.head->headers, HDR_PROXY_AUTHORIZATION);

    if (!h && c->listener->proxy_auth == PROXY_AUTH_OPTIONAL) return STEP_NEXT;
    if (!is_safe(c))
        return request_fail(
            req, ERR_PROXY_AUTH_PLAIN,
            "passwords over plain TCP; use https:// for the proxy and tls = on or auto at [listener %s]",
            c->listener->name);
    if (!h) return ask_for_it(req, "no Proxy-Authorization");
    if (headers_count(&req->in.head->headers, HDR_PROXY_AUTHORIZATION) > 1)
        return ask_for_it(req, "Proxy-Authorization stands there twice");
    return check_field(req, h->value) == STEP_NEXT ? take_verdict(req) : STEP_FAIL;
}

enum step_result step_check_user(struct request *req)
{
    const struct session *c = req->session;

    if (c->has_certificate && take_certificate(req) != STEP_NEXT) return STEP_FAIL;
    if (c->authority) return take_from_connect(req);
    if (req->who.user && !req->who.user_asked) return STEP_NEXT; /* its certificate says so */
    if (c->listener->proxy_auth == PROXY_AUTH_NO || own_pages_are_asked(req)) return STEP_NEXT;
    return req->who.user_asked ? take_verdict(req) : check_password(req);
}
