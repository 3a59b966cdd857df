/* SPDX-License-Identifier: Apache-2.0
 * reload.c: `s3onramp reload`: the running proxy reads its files anew; see also cli/reload.h. One thread. Owns what it
 * reads.
 */
#include "cli/reload.h"

#include "base/readable.h"
#include "cli/admin_client.h"
#include "cli/cli.h"
#include "io/listener.h"

#include <errno.h>
#include <stdlib.h>

enum { PATIENCE_S = 300 };

struct wish {
    const char *config, *socket;
    bool check, json;
};

/* @config: NULL: whatever the proxy was started with. */
static json_t *question(const char *config, bool check, bool cut)
{
    char *path = config ? realpath(config, NULL) : NULL;
    json_t *q = json_pack("{ss}", "command", "reload");

    if (path) json_object_set_new(q, "file", json_string(path));
    if (check) json_object_set_new(q, "check", json_true());
    if (cut) json_object_set_new(q, "cut", json_true());
    free(path);
    return q;
}

static void put_lines(FILE *out, const char *before, const json_t *lines)
{
    size_t i;
    json_t *line;

    json_array_foreach(lines, i, line)
    {
        fputs(before, out);
        readable_put(out, json_string_value(line) ? json_string_value(line) : "");
        fputc('\n', out);
    }
}

static int print_refusal(const json_t *answer)
{
    put_lines(stderr, "", json_object_get(answer, "problems"));
    return cli_problem("nothing was changed: %s", admin_text(answer, "error"));
}

/* Where it is not in force, though it is in the proxy that serves. */
static int print_behind(const json_t *answer)
{
    const json_t *behind = json_object_get(answer, "behind");

    put_lines(stderr, "s3onramp: ", behind);
    return json_array_size(behind) ? CLI_PROBLEM : CLI_FINE;
}

static int print_answer(const json_t *answer, bool check)
{
    static const struct {
        const char *key, *before;
    } rows[] = {{"added", "added    "}, {"removed", "removed  "}, {"changed", "changed  "}, {"restart", "restart  "}};
    size_t n = 0;

    put_lines(stderr, "warning: ", json_object_get(answer, "warnings"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put_lines(stdout, rows[i].before, json_object_get(answer, rows[i].key));
        n += json_array_size(json_object_get(answer, rows[i].key));
    }
    if (check)
        puts(n ? "This is what `s3onramp reload` would change." : "`s3onramp reload` would change nothing.");
    else
        puts(n ? "In force." : "In force: nothing is different.");
    return print_behind(answer);
}

/* A file with a problem was judged by nobody then. */
static void say_no_answer(const struct wish *w, const char *path, int why)
{
    struct settings *s = w->socket ? NULL : config_read_without_clients(w->config, stderr);

    if (w->socket || s) admin_say_no_answer(path, why);
    settings_unref(&s);
}

static int ask(const struct wish *w, const char *path)
{
    json_t *answer = admin_exchange(path, question(w->socket ? NULL : w->config, w->check, false), PATIENCE_S);
    int exit_code = CLI_PROBLEM;

    if (!answer)
        say_no_answer(w, path, errno);
    else if (json_object_get(answer, "error"))
        exit_code = print_refusal(answer);
    else
        exit_code = w->json ? print_behind(answer) : print_answer(answer, w->check);
    if (answer && w->json) {
        json_dumpf(answer, stdout, JSON_INDENT(1));
        puts("");
    }
    json_decref(answer);
    return exit_code;
}

/* It is the proxy that judges the file, so that it knows, and tells, of one that it refused. */
static int reload(const struct wish *w)
{
    char *written = w->socket ? NULL : config_admin_socket(w->config);
    struct settings *s = NULL;
    int exit_code = CLI_PROBLEM;

    if (w->socket || (written && strcmp(written, "off") != 0))
        exit_code = ask(w, w->socket ? w->socket : written);
    else if (!admin_path(NULL, w->config, &s) && !s) /* says why there is none */
        cli_problem("nothing was changed: the proxy goes on with what it had");
    settings_unref(&s);
    free(written);
    return exit_code;
}

static int run(int argc, char **argv)
{
    struct wish w = {.config = CLI_DEFAULT_CONFIG};
    int code;

    return cli_parse(&cli_reload, argc, argv, &w, &code) ? reload(&w) : code;
}

static const struct cli_option options[] = {
    CLI_CONFIG_OPTION(struct wish, config),
    CLI_SOCKET_OPTION(struct wish, socket),
    {.name = "check",
     .at = offsetof(struct wish, check),
     .help = "only say what would change; the proxy reads the files"},
    CLI_JSON_OPTION(struct wish, json),
};

const struct cli_command cli_reload = {
    .name = "reload",
    .brief = "reload [-c FILE] [--check]",
    .summary = "put the changed configuration in force",
    .run = run,
    .usage = "reload [-c FILE] [--socket PATH] [--check] [--json]",
    .about =
        "Puts the changed configuration in force in the running proxy, as a whole or not at all: no request fails and\n"
        "no transfer is cut. Says what is different now, and what counts from the next start only. If there is a\n"
        "problem, the proxy goes on with what it had, and all problems are told, as `s3onramp check` tells them.\n"
        "Certificates, keys and other files that it names are read anew, and logs are opened anew, too. SIGHUP does\n"
        "the same.",
    .options = options,
    .options_n = ARRAY_LEN(options),
    .more = "Exit code: 0 it is in force, 1 the proxy goes on with what it had, or does not answer, 2 wrong usage.",
    .example = "s3onramp check && s3onramp reload",
};

/* --- after a client was changed --- */

/* An address of a listener where somebody listens, or NULL. */
static const struct netaddr *taken_address(const struct settings *s)
{
    struct err err = {0};

    for (size_t i = 0; i < s->listeners_n; i++)
        for (size_t k = 0; k < s->listeners[i].bind_n; k++)
            if (listener_judge(&s->listeners[i].bind[k], &err) != ERR_NONE) return &s->listeners[i].bind[k];
    return NULL;
}

static int say_no_proxy(const struct settings *s, int why)
{
    const char *path = s->admin.socket;
    const struct netaddr *taken;
    char text[NETADDR_TEXT];

    if (why == EACCES)
        return cli_problem(
            "the file is written, but you may not tell the running proxy (%s); do it: s3onramp reload, as "
            "the proxy's user or root",
            path);
    if (why != ENOENT && why != ECONNREFUSED)
        return cli_problem(
            "the file is written, but the proxy on %s gave no answer (%s); see its log, and do it again: "
            "s3onramp reload",
            path, strerror(why));
    taken = taken_address(s);
    if (taken) {
        netaddr_format(taken, text);
        return cli_problem("the file is written, but nobody answers at %s while somebody listens on %s: if it is the "
                           "proxy, whose socket was removed, tell it with a signal (systemctl reload s3onramp, or kill "
                           "-HUP with its process id: ss -ltnp 'sport = :%u'); its log says what came of it",
                           path, text, netaddr_port(taken));
    }
    fprintf(stderr, "No proxy answers at %s: it counts from its next start.\n", path);
    return CLI_FINE;
}

static int tell(const struct settings *s, const char *config, const char *taken, bool cut)
{
    json_t *answer = admin_exchange(s->admin.socket, question(config, false, cut), PATIENCE_S);
    int exit_code = CLI_FINE;

    if (!answer) return say_no_proxy(s, errno);
    if (json_object_get(answer, "error")) {
        put_lines(stderr, "", json_object_get(answer, "problems"));
        exit_code = cli_problem("the file is written, but it is not in force: %s", admin_text(answer, "error"));
    } else {
        fprintf(stderr, "%s\n", taken);
        exit_code = print_behind(answer);
    }
    json_decref(answer);
    return exit_code;
}

int cli_reload_running(const char *config, const char *taken, bool cut)
{
    int before = errno, exit_code = CLI_FINE; /* of output that was lost, for main */
    FILE *unheard = fopen("/dev/null", "we"); /* the command has told the problems already */
    struct settings *s = config_read_without_clients(config, unheard ? unheard : stderr);

    if (unheard) fclose(unheard);
    if (!s)
        exit_code =
            cli_problem("the file is written; a proxy that runs does not know it, because of the problems above: "
                        "mend them, then s3onramp reload");
    else if (strcmp(s->admin.socket, "off") == 0)
        fputs("[admin] socket is off: a proxy that runs takes it with SIGHUP, or at its next start.\n", stderr);
    else
        exit_code = tell(s, config, taken, cut);
    settings_unref(&s);
    errno = before;
    return exit_code;
}
