/* SPDX-License-Identifier: Apache-2.0
 * config_secret.c: what the text of a secret stands for: itself, or the place where it is kept. Variables, systemd
 * credentials and files are read here, once; only those of [credentials] stay "file:PATH", for their source reads them
 * at each fetch.
 * One thread. No value is ever shown. Owns nothing.
 * Source: systemd.exec(5), "LoadCredential=": files in $CREDENTIALS_DIRECTORY, readable by the service alone.
 */
#include "config_options.h"

#include "base/secret.h"

#include <stdlib.h>

enum { PATH_ROOM = 4096 };

static const struct str env_word = STR_INIT("env:"), credential_word = STR_INIT("credential:"),
                        file_word = STR_INIT("file:");

bool config_is_reference(const char *text)
{
    struct str s = str_from(text);

    return str_starts(s, env_word) || str_starts(s, credential_word) || str_starts(s, file_word);
}

void config_note_secret_variable(struct config_build *b, const char *name)
{
    struct str_list *list = &b->s->secret_variables;

    list->v = config_grow(list->v, list->n, sizeof(*list->v));
    list->v[list->n++] = config_strdup(str_from(name));
}

static char *from_environment(struct config_build *b, const char *key, struct config_place place, char *text)
{
    const char *name = text + env_word.n, *value = getenv(name);

    config_note_secret_variable(b, name);
    if (value && *value) return config_keep(b->raw, str_from(value));
    if (b->lenient) return text;
    config_problem(b, place, "%s = %.80s: this environment variable is not set; set %s for the proxy", key, text, name);
    return NULL;
}

static bool is_file_name(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static char *from_systemd(struct config_build *b, const char *key, struct config_place place, char *text)
{
    const char *name = text + credential_word.n, *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_ROOM], *value;
    struct err err = {0};

    if (!is_file_name(name)) {
        config_problem(
            b, place, "%s = %.80s: this is no credential's name; write credential:NAME, as in LoadCredential=NAME:PATH",
            key, text);
        return NULL;
    }
    if (b->lenient) return text;
    if (!folder || !*folder) {
        config_problem(
            b, place,
            "%s = %.80s: CREDENTIALS_DIRECTORY is not set; write LoadCredential=%.80s:PATH into the unit and "
            "let systemd start the proxy, or write file:PATH here",
            key, text, name);
        return NULL;
    }
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) path[sizeof path - 1] = '\0';
    /* systemd guards the folder; the files' modes are its own affair (an access list shows as a group's right). */
    if (secret_read_file(path, false, &value, &err) == ERR_NONE) return config_keep_heap(b->raw, value);
    config_problem(b, place, "%s = %.80s: %s", key, text, err.detail);
    return NULL;
}

/* A file that is read here, once. */
static char *from_own_file(struct config_build *b, const char *key, struct config_place place, char *text)
{
    struct err err = {0};
    char *path, *value = NULL;
    enum err_code code;

    if (b->lenient) return text;
    path = config_path(b->s->file, text + file_word.n);
    code = secret_read_file(path, true, &value, &err);
    free(path);
    if (code == ERR_NONE) return config_keep_heap(b->raw, value);
    config_problem(b, place, "%s: %s", key, err.detail);
    return NULL;
}

static char *from_file(struct config_build *b, const struct raw_section *section, const char *key,
                       struct config_place place, char *text)
{
    if (!text[file_word.n]) {
        config_problem(b, place, "%s = file: names no file; write file:PATH", key);
        return NULL;
    }
    if (section->id == SECTION_ADMIN) return from_own_file(b, key, place, text);
    if (section->id != SECTION_CREDENTIALS) {
        config_problem(b, place, "%s: file:PATH is for [credentials]; write env:NAME, credential:NAME or the value",
                       key);
        return NULL;
    }
    char *path = config_path(b->s->file, text + file_word.n);
    size_t cap = file_word.n + strlen(path) + 1;
    struct sbuf value = sbuf_make(config_bytes(b->raw, cap), cap);
    sbuf_add(&value, file_word);
    sbuf_add(&value, str_from(path));
    sbuf_char(&value, '\0');
    free(path);
    return value.p;
}

char *config_secret(struct config_build *b, const struct raw_section *section, const char *key,
                    struct config_place place, char *text)
{
    struct str s = str_from(text);
    char *value;

    if (str_starts(s, file_word)) return from_file(b, section, key, place, text);
    if (str_starts(s, env_word))
        value = from_environment(b, key, place, text);
    else if (str_starts(s, credential_word))
        value = from_systemd(b, key, place, text);
    else
        return text;
    if (!value || !str_starts(str_from(value), file_word)) return value;
    config_problem(b, place, "%s = %.80s: a secret is expected there, not file:PATH; write file:PATH here", key, text);
    secret_wipe(value, strlen(value));
    return NULL;
}

void config_check_secret_file(struct config_build *b, struct raw_section *section, const char *key, const char *value)
{
    struct err err = {0};

    if (!value || !str_starts(str_from(value), file_word)) return;
    if (secret_check_file(value + file_word.n, &err) != ERR_NONE)
        config_problem(b, config_place_of(section, key), "%s: %s", key, err.detail);
}
