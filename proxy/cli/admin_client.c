/* SPDX-License-Identifier: Apache-2.0
 * admin_client.c: see admin_client.h.
 */
#include "cli/admin_client.h"

#include "base/secret.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 16 * 1024 * 1024, PATIENCE_S = 10 };

static int connect_to(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval patience = {PATIENCE_S, 0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), e;

    if (fd < 0 || !str_to_cstr(str_from(path), addr.sun_path, sizeof(addr.sun_path))) {
        if (fd >= 0) close(fd);
        errno = ENAMETOOLONG;
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0) return fd;
    e = errno;
    close(fd);
    errno = e;
    return -1;
}

/* @question: a line. */
static json_t *ask(const char *path, const char *question)
{
    int fd = connect_to(path);
    char *text = NULL;
    size_t n = 0;
    ssize_t got = -1;
    json_t *answer = NULL;

    if (fd < 0) return NULL;
    if (send(fd, question, strlen(question), MSG_NOSIGNAL) == (ssize_t)strlen(question)) {
        do {
            char *more = realloc(text, n + 65536);

            if (!more) break;
            text = more;
            got = recv(fd, text + n, 65536, 0);
            if (got > 0) n += (size_t)got;
        } while (got > 0 && n < ANSWER_MAX);
    }
    close(fd);
    if (got == 0) answer = json_loadb(text, n, 0, NULL);
    if (!answer) errno = got < 0 ? errno : EPROTO;
    free(text);
    return answer;
}

json_t *admin_ask(const char *path)
{
    return ask(path, "{\"command\": \"status\"}\n");
}

json_t *admin_drop(const char *path, const char *name)
{
    json_t *o = json_pack("{ss ss}", "command", "drop", "credentials", name), *answer = NULL;
    char *text = json_dumps(o, JSON_COMPACT), *line = NULL;

    if (text && asprintf(&line, "%s\n", text) > 0) answer = ask(path, line);
    free(line);
    free(text);
    json_decref(o);
    return answer;
}

const char *admin_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

long long admin_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

void cli_age(char out[16], double seconds)
{
    static const struct {
        double size;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (seconds >= 2 * units[i].size) {
            snprintf(out, 16, "%.0f%c", seconds / units[i].size, units[i].unit);
            return;
        }
    snprintf(out, 16, "%.0fs", seconds);
}

const char *admin_path(const char *socket, const char *config, struct settings **s)
{
    if (socket) return socket;
    *s = config_read_without_clients(config, stderr);
    if (!*s) return NULL;
    if (strcmp((*s)->admin.socket, "off") != 0) return (*s)->admin.socket;
    cli_problem("[admin] socket is off in %s; write a path there, and start the proxy anew", config);
    return NULL;
}

int admin_problem(const char *path, const json_t *answer)
{
    if (!answer && errno == EACCES)
        return cli_problem(
            "you may not use %s, which is the proxy's user's: run this as that user (sudo -u " SECRET_PROXY_USER
            " s3onramp ...), or as root",
            path);
    return cli_problem(
        "the proxy does not answer on %s (%s); start it (s3onramp serve), or set `socket` of [admin] to a path "
        "that it can make",
        path, answer ? admin_text(answer, "error") : strerror(errno));
}
