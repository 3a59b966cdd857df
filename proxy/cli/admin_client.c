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

enum { ANSWER_MAX = 1024 * 1024 * 1024 };

static int connect_to(const char *path, unsigned patience_s)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct timeval patience = {patience_s, 0};
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

/* All of @text, whatever the socket takes at once. */
static bool send_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

        if (sent < 0) return false;
        text += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* What comes up to the end, which the caller owns; NULL with errno. */
static char *receive_all(int fd, size_t *n)
{
    char *text = NULL;
    ssize_t got;

    *n = 0;
    do {
        char *more = *n < ANSWER_MAX ? realloc(text, *n + 65536) : NULL;

        if (!more) {
            free(text);
            errno = ENOMEM;
            return NULL;
        }
        text = more;
        got = recv(fd, text + *n, 65536, 0);
        if (got > 0) *n += (size_t)got;
    } while (got > 0);
    if (got == 0) return text;
    free(text);
    return NULL;
}

/* @line: ends with a newline. NULL with errno: no answer. The caller owns it. */
static char *exchange(const char *path, const char *line, unsigned patience_s, size_t *n)
{
    int fd = connect_to(path, patience_s), why;
    char *text;

    if (fd < 0) return NULL;
    text = send_all(fd, line, strlen(line)) ? receive_all(fd, n) : NULL;
    why = errno;
    close(fd);
    errno = why;
    return text;
}

/* It took the question, and closed. */
static bool has_no_place(int why)
{
    return why == EPIPE || why == ECONNRESET || why == EPROTO;
}

void admin_say_no_answer(const char *path, int why)
{
    if (why == EACCES)
        cli_problem("you may not use %s, which is the proxy's user's: run this as that user (sudo -u " SECRET_PROXY_USER
                    " s3onramp ...), or as root",
                    path);
    else if (has_no_place(why))
        cli_problem("the proxy on %s has no place for another question just now, or is ending; ask again", path);
    else
        cli_problem("the proxy does not answer on %s (%s); start it (s3onramp serve), or set `socket` of [admin] to a "
                    "path that it can make",
                    path, strerror(why));
}

/* As admin_exchange, for an answer that need not be JSON. */
static char *exchange_text(const char *path, json_t *question, unsigned patience_s, size_t *n)
{
    char *words = json_dumps(question, JSON_COMPACT), *line = NULL, *text = NULL;
    int why = ENOMEM;

    if (words && asprintf(&line, "%s\n", words) > 0) {
        text = exchange(path, line, patience_s, n);
        why = errno;
    }
    free(line);
    free(words);
    json_decref(question);
    errno = why;
    return text;
}

json_t *admin_exchange(const char *path, json_t *question, unsigned patience_s)
{
    size_t n;
    char *text = exchange_text(path, question, patience_s, &n);
    json_t *answer = text ? json_loadb(text, n, 0, NULL) : NULL;
    int why = text ? EPROTO : errno;

    free(text);
    errno = why;
    return answer;
}

/* True: it was one, and was said. */
static bool is_error(const json_t *answer)
{
    if (!json_object_get(answer, "error")) return false;
    cli_problem("%s", admin_text(answer, "error"));
    return true;
}

json_t *admin_ask(const char *path, json_t *question, unsigned patience_s)
{
    json_t *answer = admin_exchange(path, question, patience_s);

    if (!answer) admin_say_no_answer(path, errno);
    if (!is_error(answer)) return answer;
    json_decref(answer);
    return NULL;
}

int admin_print(const char *socket, const char *config, json_t *question)
{
    struct settings *s = NULL;
    const char *path = admin_path(socket, config, &s);
    size_t n = 0;
    char *text = path ? exchange_text(path, json_incref(question), ADMIN_PATIENCE_S, &n) : NULL;
    json_t *answer = text ? json_loadb(text, n, 0, NULL) : NULL;
    int code = CLI_PROBLEM;

    if (path && !text) admin_say_no_answer(path, errno);
    if (text && !is_error(answer)) code = fwrite(text, 1, n, stdout) == n ? CLI_FINE : CLI_PROBLEM;
    json_decref(answer);
    json_decref(question);
    free(text);
    settings_unref(&s);
    return code;
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

int admin_run(const char *socket, const char *config, json_t *question, unsigned patience_s, admin_show_fn *show,
              const void *arg)
{
    struct settings *s = NULL;
    const char *path = admin_path(socket, config, &s);
    json_t *answer = path ? admin_ask(path, json_incref(question), patience_s) : NULL;
    int code = answer ? show(answer, arg) : CLI_PROBLEM;

    json_decref(answer);
    json_decref(question);
    settings_unref(&s);
    return code;
}
