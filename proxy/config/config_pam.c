/* SPDX-License-Identifier: Apache-2.0
 * config_pam.c: clients whose password PAM checks, and the service that it is to check them by. One thread; what is
 * read of finished settings, any. Owns nothing. Source: pam.conf(5): services are files in /etc/pam.d, else
 * /usr/lib/pam.d, in lower case; where there is none, PAM takes the service "other", which refuses everybody.
 */
#include "config_options.h"

#include "base/thread.h"

#include <unistd.h>

enum { USER_MOST = 128, SERVICE_MOST = 64, PATH_ROOM = 4096 + SERVICE_MOST + 2 };

static const char word[] = "pam", word_and_user[] = "pam:";

bool config_is_pam(const char *password)
{
    return strcmp(password, word) == 0 || strncmp(password, word_and_user, sizeof(word_and_user) - 1) == 0;
}

const char *principal_pam_user(const struct principal_conf *client)
{
    if (!client->password || !config_is_pam(client->password)) return NULL;
    return client->password[sizeof(word) - 1] ? client->password + sizeof(word_and_user) - 1 : client->name;
}

/* Names of a domain may hold what those of clients cannot: CORP\alice. */
static bool is_user(const char *user)
{
    size_t n = 0;

    while ((unsigned char)user[n] > ' ' && user[n] != 0x7f)
        n++;
    return n > 0 && n <= USER_MOST && !user[n];
}

void config_check_pam_user(struct config_build *b, struct raw_section *section)
{
    const char *user = principal_pam_user(section->item);

    if (user && !is_user(user))
        config_problem(b, config_place_of(section, "password"),
                       "password = pam:NAME of client \"%s\": a user's name has no blank and at most %d bytes; write "
                       "pam for the client's own",
                       section->name, USER_MOST);
}

static const struct principal_conf *first_pam_client(const struct settings *s)
{
    for (size_t i = 0; i < s->clients_n; i++, thread_makes_way())
        if (principal_pam_user(&s->clients[i])) return &s->clients[i];
    return NULL;
}

static bool is_service(const char *service)
{
    size_t n = strspn(service, "abcdefghijklmnopqrstuvwxyz0123456789_.-");

    return n > 0 && n <= SERVICE_MOST && !service[n] && service[0] != '.';
}

/* Where the service's file is, or else would be. */
static void find_service(const struct pam_conf *pam, char path[PATH_ROOM])
{
    struct sbuf b = sbuf_make(path, PATH_ROOM - 1);

    sbuf_printf(&b, "%s/%s", pam->folder ? pam->folder : "/etc/pam.d", pam->service);
    path[b.n] = '\0';
    if (pam->folder || access(path, F_OK) == 0) return;
    (void)snprintf(path, PATH_ROOM, "/usr/lib/pam.d/%s", pam->service);
    if (access(path, F_OK) != 0) (void)snprintf(path, PATH_ROOM, "/etc/pam.d/%s", pam->service);
}

void config_check_pam(struct config_build *b)
{
    struct raw_section *section = config_raw_section(b->raw, SECTION_PAM, STR_NONE);
    const struct principal_conf *client = first_pam_client(b->s);
    const struct pam_conf *pam = &b->s->pam;
    struct config_place place = config_place_of(section, "service");
    char path[PATH_ROOM];

    if (!client) return;
    if (!place.file) place = client->place;
    if (!is_service(pam->service)) {
        config_problem(
            b, place,
            "service = %.80s: a PAM service's name is of lower-case letters, digits, '_', '-' and '.'; write "
            "the name of a file in /etc/pam.d",
            pam->service);
        return;
    }
    find_service(pam, path);
    if (access(path, F_OK) == 0)
        config_check_file(b, section, "service", path, false);
    else
        config_problem(
            b, place,
            "client \"%s\" has password = pam, and there is no %s, so that PAM would refuse everybody; write "
            "that file (conf/manual/administration.md shows some), or service = NAME in [auth pam]",
            client->name, path);
}
