/* SPDX-License-Identifier: Apache-2.0
 * fuzz_directory.c: any bytes as a clients file. Read, edit, read again: what was meant has changed and nothing else,
 * and the bytes before and behind the change are those that were there. The first byte chooses the edit.
 */
#include "config/config.h"
#include "config/directory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As the reader of settings has it; NULL: it finds problems. */
static struct settings *read_settings(struct str text)
{
    char path[64];
    int fd = memfd_create("clients", MFD_CLOEXEC);
    FILE *problems = fopen("/dev/null", "we");

    ASSERT(fd >= 0 && problems && write(fd, text.p, text.n) == (ssize_t)text.n && fchmod(fd, 0600) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct settings *s = config_read_without_clients(path, problems);
    fclose(problems);
    close(fd);
    return s;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Every client of @a but alice is in @b as it was. */
static void check_others(const struct settings *a, const struct settings *b)
{
    for (size_t i = 0; i < a->clients_n; i++) {
        const struct principal_conf *was = &a->clients[i];
        const struct principal_conf *is = settings_client_by_name(b, str_from(was->name));
        if (strcmp(was->name, "alice") == 0) continue;
        ASSERT(is && is->disabled == was->disabled && is->expires_s == was->expires_s);
        ASSERT(same_text(is->password, was->password));
        for (size_t k = 0; k < PRINCIPAL_KEYS; k++)
            ASSERT(same_text(is->keys[k].access_key_id, was->keys[k].access_key_id) &&
                   same_text(is->keys[k].secret_access_key, was->keys[k].secret_access_key));
    }
}

/* What both have at their beginning and at their end covers the shorter one, but for @change bytes. */
static void check_bytes(struct str before, struct str after, size_t change)
{
    size_t front = 0, back = 0, least = before.n < after.n ? before.n : after.n;

    while (front < least && before.p[front] == after.p[front])
        front++;
    while (back < least - front && before.p[before.n - 1 - back] == after.p[after.n - 1 - back])
        back++;
    ASSERT(least - front - back <= change);
}

enum edit { SET, UNSET, REMOVE, EDITS };

static void edit(struct directory *d, enum edit which)
{
    const struct str alice = STR("alice"), disabled = STR("disabled");
    bool had = directory_has(d, alice), done = true;

    if (which == SET) done = directory_set(d, alice, disabled, STR("yes"), NULL) == ERR_NONE;
    if (which == UNSET) directory_unset(d, alice, disabled);
    if (which == REMOVE) directory_remove(d, alice);
    ASSERT(done && d->text[d->n] == '\0');
    ASSERT(directory_has(d, alice) == (which == SET || (which == UNSET && had)));
    ASSERT(directory_has_key(d, alice, disabled) == (which == SET));
}

static void check_meaning(const struct settings *before, struct str text, enum edit which)
{
    struct settings *after = read_settings(text);
    const struct principal_conf *alice = after ? settings_client_by_name(after, STR("alice")) : NULL;

    ASSERT(after);
    check_others(before, after);
    check_others(after, before);
    if (which == SET) ASSERT(alice && alice->disabled);
    if (which == UNSET) ASSERT(!alice || !alice->disabled);
    if (which == REMOVE) ASSERT(!alice);
    settings_unref(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make((const char *)data + 1, size ? size - 1 : 0);
    enum { SECTION_BYTES = 64 }; /* a line that is written anew, or blank lines that are one too many */
    struct directory d;

    if (size == 0 || memchr(text.p, '\0', text.n)) return 0;
    enum edit which = data[0] % EDITS;
    struct settings *before = read_settings(text);
    bool made = directory_of_text(&d, text, NULL) == ERR_NONE;
    ASSERT(made);
    edit(&d, which);
    if (before) {
        if (which == SET) check_bytes(text, str_make(d.text, d.n), SECTION_BYTES);
        check_meaning(before, str_make(d.text, d.n), which);
    }
    directory_close(&d);
    settings_unref(&before);
    return 0;
}
