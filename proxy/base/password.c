/* SPDX-License-Identifier: Apache-2.0
 * password.c: see password.h. crypt's working memory is on the heap, and wiped.
 */
#include "base/password.h"

#include "base/secret.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>

enum { HASH_LEAST = 31 };

_Static_assert(PASSWORD_HASH_MAX >= CRYPT_OUTPUT_SIZE, "room for every hash");
_Static_assert(PASSWORD_MAX < CRYPT_MAX_PASSPHRASE_SIZE, "no password is cut");

/* A salt alone is no hash, and would match no password: what follows its last '$' is shorter. */
bool password_hash_valid(const char *hash)
{
    struct str s = str_from(hash);
    size_t last = str_rindex(s, '$');
    int verdict = crypt_checksalt(hash);

    return last != SIZE_MAX && s.n - last > HASH_LEAST && s.n < PASSWORD_HASH_MAX &&
           (verdict == CRYPT_SALT_OK || verdict == CRYPT_SALT_TOO_CHEAP);
}

/* Hashes with @setting (a salt, or a hash whose salt is taken). *@out: NULL when it cannot be done. */
static struct crypt_data *run(struct str password, const char *setting, const char **out)
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    char text[PASSWORD_MAX + 1];

    *out = NULL;
    if (!data || !str_to_cstr(password, text, sizeof(text))) return data;
    *out = crypt_rn(text, setting, data, sizeof(*data));
    secret_wipe(text, sizeof(text));
    return data;
}

static void end(struct crypt_data *data)
{
    if (data) secret_wipe(data, sizeof(*data));
    free(data);
}

enum err_code password_hash(struct str password, char out[PASSWORD_HASH_MAX], struct err *err)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *hash;

    if (password.n == 0 || password.n > PASSWORD_MAX || str_index(password, '\0') != SIZE_MAX)
        return err_set(err, ERR_INTERNAL, 0, "A password has 1 to %d bytes.", PASSWORD_MAX);
    if (!crypt_gensalt_rn(NULL, 0, NULL, 0, salt, sizeof(salt)))
        return err_set(err, ERR_INTERNAL, errno, "crypt(3) makes no salt");
    struct crypt_data *data = run(password, salt, &hash);
    bool fine = hash && str_to_cstr(str_from(hash), out, PASSWORD_HASH_MAX);
    end(data);
    return fine ? ERR_NONE : err_set(err, ERR_NO_MEMORY, 0, "The password cannot be hashed.");
}

bool password_matches(struct str password, const char *hash)
{
    const char *mine;
    struct crypt_data *data = run(password, hash, &mine);
    bool same = mine && secret_equal(str_from(mine), str_from(hash));

    end(data);
    return same;
}
