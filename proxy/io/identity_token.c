/* SPDX-License-Identifier: Apache-2.0
 * identity_token.c: a private key that stays in a PKCS#11 token, found by a pkcs11: URI (RFC 7512), through OpenSSL's
 * pkcs11 engine (libp11), or through its pkcs11 provider where there is no engine: it cannot tell a wrong PIN from a
 * key that is not there, and a wrong PIN that is tried again locks the token: through the provider a PIN is tried once,
 * unless the module said that something else was wrong.
 *
 * Engines are deprecated since OpenSSL 3.0, but still what distributions of its time package for PKCS#11 (Debian 12:
 * libengine-pkcs11-openssl; it has no provider), so the warning is off in this file. What libp11 needs to be told:
 *   QUIET          it would write to stderr, whole URIs among it
 *   MODULE_PATH    each time: there is one engine for all sections
 *   PIN            it keeps the last one for ever; "" afterwards wipes it
 *   the URI        without its query: PINs are handled here
 *   set1_engine    its key holds the engine and the engine holds the key: without undoing that, the module stays
 *                  loaded, sessions grow old, and the process may crash in the module's destructors when it ends
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "identity_impl.h"

#include "base/secret.h"
#include "http/uri.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    URI_MAX = 1024,
    PIN_MAX = 33, /* libp11 takes 32 bytes */
    /* PKCS #11 v2.40 11.1.6: how a token says no to a PIN */
    CKR_PIN_INCORRECT = 0xA0,
    CKR_PIN_INVALID = 0xA1,
    CKR_PIN_LEN_RANGE = 0xA2,
    CKR_PIN_LOCKED = 0xA4,
    CKR_USER_NOT_LOGGED_IN = 0x101,
};

struct identity_token {
    ENGINE *engine; /* owned, initialised; NULL: the key came from the provider */
    UI_METHOD *ui;  /* owned: gives the PIN, asks nobody */
    char pin[PASSPHRASE_MAX];
    bool has_pin;
    char uri[URI_MAX]; /* without query */
    char module[URI_MAX];
};

/* The engine is the process's, and so are its module and its PIN: held from open_engine to token_close. */
static pthread_mutex_t engine_lock = PTHREAD_MUTEX_INITIALIZER;

/* For tokens that ask again at each signature (CKA_ALWAYS_AUTHENTICATE), too. */
static int give_pin(char *out, int cap, int writing UNUSED, void *arg)
{
    const struct identity_token *t = arg;
    size_t n = t && t->has_pin ? strlen(t->pin) : 0;

    if (!t || !t->has_pin || n > (size_t)cap) return -1;
    memcpy(out, t->pin, n);
    return (int)n;
}

void token_close(struct identity_token **token, EVP_PKEY **key)
{
    struct identity_token *t = *token;

    if (t && t->engine && *key) EVP_PKEY_set1_engine(*key, NULL);
    EVP_PKEY_free(*key);
    *key = NULL;
    *token = NULL;
    if (!t) return;
    if (t->engine) {
        ENGINE_ctrl_cmd_string(t->engine, "PIN", "", 0);
        ENGINE_ctrl(t->engine, ENGINE_CTRL_SET_CALLBACK_DATA, 0, NULL, NULL);
        ENGINE_ctrl(t->engine, ENGINE_CTRL_SET_USER_INTERFACE, 0, NULL, NULL);
        ENGINE_finish(t->engine);
        ENGINE_free(t->engine);
        pthread_mutex_unlock(&engine_lock);
    }
    UI_destroy_method(t->ui);
    secret_wipe(t, sizeof(*t));
    free(t);
    ERR_clear_error();
}

/* ---- the URI ---- */

/* Decodes %XX into @out as a C string. */
static bool decode(struct str value, char *out, size_t cap)
{
    size_t n;

    if (value.n >= cap || !uri_decode(value, false, out, &n) || memchr(out, 0, n)) return false;
    out[n] = '\0';
    return true;
}

static enum err_code take_pin_source(const struct identity_setup *setup, struct str value, struct identity_token *t,
                                     struct err *err)
{
    char path[URI_MAX];
    const char *p = path;

    if (!decode(value, path, sizeof(path)))
        return err_set(err, ERR_CONFIG, 0, "private_key: pin-source is too long or not percent-encoded well");
    if (str_starts(str_from(path), STR("file:"))) p += strlen("file:");
    if (str_starts(str_from(p), STR("//"))) p += strlen("//");
    if (p[0] != '/')
        return err_set(err, ERR_CONFIG, 0,
                       "private_key: pin-source must be file: and an absolute path (programs are not run)");
    TRY(file_read_secret(setup, p, t->pin, err));
    t->has_pin = true;
    return ERR_NONE;
}

static enum err_code take_query(const struct identity_setup *setup, struct str query, struct identity_token *t,
                                struct err *err)
{
    struct str item;

    while (str_split(&query, '&', &item)) {
        size_t equals = str_index(item, '=');
        struct str name = str_head(item, equals), value = str_tail(item, equals == SIZE_MAX ? item.n : equals + 1);

        if (str_eq(name, STR("pin-value"))) {
            if (!decode(value, t->pin, sizeof(t->pin)))
                return err_set(err, ERR_CONFIG, 0, "private_key: pin-value is not percent-encoded well");
            t->has_pin = true;
        } else if (str_eq(name, STR("pin-source"))) {
            TRY(take_pin_source(setup, value, t, err));
        } else if (str_eq(name, STR("module-path"))) {
            if (!decode(value, t->module, sizeof(t->module)))
                return err_set(err, ERR_CONFIG, 0, "private_key: module-path is not percent-encoded well");
        } else {
            return err_set(
                err, ERR_CONFIG, 0,
                "private_key: \"%.*s\" is not known behind the '?'; pin-source, pin-value and module-path are",
                (int)(name.n < 40 ? name.n : 40), name.p);
        }
    }
    return ERR_NONE;
}

/* A key must be named: the engine would take the first one. PINs belong behind the '?' (RFC 7512 2.4); the engine
 * would take them in front, too, where messages show them. */
static enum err_code check_path(struct str path, struct err *err)
{
    bool named = false;
    struct str item;

    path = str_tail(path, strlen("pkcs11:"));
    while (str_split(&path, ';', &item)) {
        named |= str_starts(item, STR("object=")) || str_starts(item, STR("id="));
        if (str_starts(item, STR("pin-")))
            return err_set(err, ERR_CONFIG, 0, "private_key: pin-source and pin-value go behind a '?' (RFC 7512)");
    }
    if (named) return ERR_NONE;
    return err_set(err, ERR_CONFIG, 0,
                   "private_key names no key in its token; write pkcs11:token=NAME;object=LABEL or "
                   "pkcs11:token=NAME;id=%%01");
}

static enum err_code parse_uri(const struct identity_setup *setup, const char *passphrase, struct identity_token *t,
                               struct err *err)
{
    struct str uri = str_from(setup->private_key), path = identity_shown(setup->private_key);

    TRY(check_path(path, err));
    if (!str_to_cstr(path, t->uri, sizeof(t->uri)))
        return err_set(err, ERR_CONFIG, 0, "private_key: the pkcs11: URI is longer than %d bytes", URI_MAX - 1);
    TRY(take_query(setup, str_tail(uri, path.n + 1), t, err));
    if (!t->has_pin && passphrase) {
        if (!str_to_cstr(str_from(passphrase), t->pin, sizeof(t->pin)))
            return err_set(err, ERR_CONFIG, 0, "passphrase is too long for the PIN of a token");
        t->has_pin = true;
    }
    if (!t->has_pin)
        return err_set(err, ERR_CONFIG, 0,
                       "the PIN of the token is missing; set passphrase = file:PATH, or add "
                       "?pin-source=file:/PATH to private_key");
    if (strlen(t->pin) >= PIN_MAX)
        return err_set(err, ERR_CONFIG, 0, "the PIN of the token is longer than %d bytes", PIN_MAX - 1);
    return ERR_NONE;
}

/* ---- PINs that were refused ---- */

static bool hash_pin(const struct identity_token *t, uint8_t out[SHA256_BYTES])
{
    struct digest *d = digest_new();

    if (!d) return false;
    digest_hmac_sha256(d, str_from(t->uri), str_from(t->pin), out);
    digest_free(&d);
    return true;
}

static enum err_code check_pin_memory(const struct identity_setup *setup, const struct identity_token *t,
                                      struct err *err)
{
    uint8_t hash[SHA256_BYTES];

    if (!setup->pins || !setup->pins->refused || !hash_pin(t, hash)) return ERR_NONE;
    if (memcmp(hash, setup->pins->hash, sizeof(hash)) != 0) return ERR_NONE;
    return err_set(err, ERR_CONFIG, 0,
                   "%s: the token refused this PIN before; it is not tried again, lest the token locks "
                   "itself: correct the PIN, or reload if it is right now",
                   t->uri);
}

static void remember_pin(const struct identity_setup *setup, const struct identity_token *t)
{
    if (setup->pins) setup->pins->refused = hash_pin(t, setup->pins->hash);
}

static const char *module_path(const struct identity_token *t)
{
    const char *module = getenv("PKCS11_MODULE_PATH");

    if (t->module[0]) return t->module;
    return module && *module ? module : "p11-kit-proxy.so"; /* all modules that the system knows */
}

/* ---- why not ---- */

static bool is_of_pin(int code)
{
    return code == CKR_PIN_INCORRECT || code == CKR_PIN_INVALID || code == CKR_PIN_LEN_RANGE ||
           code == CKR_PIN_LOCKED || code == CKR_USER_NOT_LOGGED_IN;
}

/* Whose errors carry the module's own codes: libp11's, and the provider's under its name. */
static bool is_modules_own(const struct identity_token *t, const char *lib)
{
    return lib && strcmp(lib, t->engine ? "PKCS#11 module" : "pkcs11") == 0;
}

/* Empties OpenSSL's queue. The module's own code is in it once, somewhere. */
static enum err_code token_failed(const struct identity_setup *setup, const struct identity_token *t, struct err *err)
{
    const char *reason = NULL;
    unsigned long e;
    bool refused = false, found = true, said = false;

    while ((e = ERR_get_error())) {
        const char *lib = ERR_lib_error_string(e);

        if (!reason) reason = ERR_reason_error_string(e);
        if (is_modules_own(t, lib)) {
            said = true;
            refused |= is_of_pin(ERR_GET_REASON(e));
            reason = ERR_reason_error_string(e);
        } else if (reason && strcmp(reason, "object not found") == 0) {
            found = false;
        }
    }
    if (refused) {
        remember_pin(setup, t);
        return err_set(err, ERR_CONFIG, 0, "%s: the token refuses the PIN (%s); correct passphrase or pin-source",
                       t->uri, reason ? reason : "no reason given");
    }
    if (!t->engine && !said) {
        remember_pin(setup, t);
        return err_set(
            err, ERR_CONFIG, 0,
            "%s: no such token or key, or the PIN is wrong: OpenSSL's pkcs11 provider does not say which; lest "
            "the token locks itself the PIN is not tried again: look at all three, then start the proxy anew",
            t->uri);
    }
    return err_set(err, ERR_TLS_SETUP, 0,
                   "%s: %s; see whether the token is there and holds the key: pkcs11-tool --module "
                   "%s -l -O",
                   t->uri, found && reason ? reason : "there is no such token, or no such key in it", module_path(t));
}

/* ---- provider ---- */

/* The default provider stays what everybody else uses: try_load with "retain fallbacks". Loaded once, for good. */
static bool has_provider(void)
{
    bool has = OSSL_PROVIDER_available(NULL, "pkcs11") == 1 || OSSL_PROVIDER_try_load(NULL, "pkcs11", 1) != NULL;

    ERR_clear_error();
    return has;
}

/* The provider's module is the one that openssl.cnf names for it. */
static EVP_PKEY *key_from_provider(struct identity_token *t)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(t->uri, NULL, "?provider=pkcs11", t->ui, t, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    if (!store) return NULL;
    OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
    while (!key && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (!info) break;
        if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY) key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    return key;
}

/* ---- engine ---- */

static bool has_engine(void)
{
    ENGINE *e = ENGINE_by_id("pkcs11");

    ERR_clear_error();
    ENGINE_free(e);
    return e != NULL;
}

static enum err_code open_engine(struct identity_token *t, struct err *err)
{
    ENGINE *e = ENGINE_by_id("pkcs11");

    if (!e) {
        ERR_clear_error();
        return err_set(err, ERR_CONFIG, 0,
                       "private_key is in a PKCS#11 token, and OpenSSL has neither a pkcs11 provider nor "
                       "a pkcs11 engine here; install one (Debian: libengine-pkcs11-openssl)");
    }
    pthread_mutex_lock(&engine_lock);
    if (ENGINE_ctrl_cmd_string(e, "QUIET", NULL, 0) != 1 ||
        ENGINE_ctrl_cmd_string(e, "MODULE_PATH", module_path(t), 0) != 1 ||
        ENGINE_ctrl_cmd_string(e, "PIN", t->pin, 0) != 1 || ENGINE_init(e) != 1) {
        ENGINE_ctrl_cmd_string(e, "PIN", "", 0);
        ENGINE_free(e);
        pthread_mutex_unlock(&engine_lock);
        ERR_clear_error();
        return err_set(err, ERR_TLS_SETUP, 0, "OpenSSL's pkcs11 engine cannot be set up");
    }
    t->engine = e;
    ENGINE_ctrl(e, ENGINE_CTRL_SET_USER_INTERFACE, 0, t->ui, NULL);
    ENGINE_ctrl(e, ENGINE_CTRL_SET_CALLBACK_DATA, 0, t, NULL);
    return ERR_NONE;
}

static enum err_code find_key(const struct identity_setup *setup, struct identity *out, struct err *err)
{
    struct identity_token *t = out->token;

    if (!has_engine() && has_provider()) {
        out->key = key_from_provider(t);
    } else {
        TRY(open_engine(t, err));
        out->key = ENGINE_load_private_key(t->engine, t->uri, t->ui, t);
    }
    return out->key ? ERR_NONE : token_failed(setup, t, err);
}

enum err_code token_load(const struct identity_setup *setup, const char *passphrase, struct identity *out,
                         struct err *err)
{
    struct identity_token *t = calloc(1, sizeof(*t));

    if (t) t->ui = UI_UTIL_wrap_read_pem_callback(give_pin, 0);
    if (!t || !t->ui) {
        free(t);
        return err_set(err, ERR_NO_MEMORY, 0, "token");
    }
    out->token = t; /* closed by identity_clear, on failure, too */
    TRY(parse_uri(setup, passphrase, t, err));
    TRY(check_pin_memory(setup, t, err));
    ERR_clear_error();
    return find_key(setup, out, err);
}
