/* SPDX-License-Identifier: Apache-2.0
 * fetch_keys.c: for tests: what a section of [credentials] gives, with its secrets, which the program itself never
 * shows. Usage: fetch_keys CONFIG NAME [CLIENT]. One line of JSON; exit code 0: there are keys.
 */
#include "keys/fetch_once.h"

#include <jansson.h>

static int print(const struct source_result *r)
{
    static const char *const outcomes[] = {"good", "absent", "failed", "throttled", "refused"};
    json_t *o = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:I}", "outcome", outcomes[r->outcome], "why", r->why,
                          "origin", r->origin, "id", r->keys.access_key_id, "secret", r->keys.secret_access_key,
                          "token", r->keys.session_token, "expires", (json_int_t)r->keys.expires_s);

    json_dumpf(o, stdout, 0);
    json_decref(o);
    return r->outcome != SOURCE_GOOD;
}

int main(int argc, char **argv)
{
    struct settings *s = argc > 2 ? config_load(argv[1], stderr) : NULL;
    struct source_result r;
    struct err err = {.code = ERR_NONE};
    int code = 2;

    for (size_t i = 0; s && i < s->credentials_n; i++) {
        if (strcmp(s->credentials[i].name, argv[2]) != 0) continue;
        if (fetch_once(s, &s->credentials[i], argc > 3 ? argv[3] : NULL, &r, &err) == ERR_NONE) code = print(&r);
        key_set_clear(&r.keys);
    }
    if (err.code != ERR_NONE) fprintf(stderr, "fetch_keys: %s\n", err.detail);
    settings_unref(&s);
    return code;
}
