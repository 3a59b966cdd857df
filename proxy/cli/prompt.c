/* SPDX-License-Identifier: Apache-2.0
 * prompt.c: a password from whoever sits at the terminal. One thread. Owns the terminal's settings while it asks: they
 * are put back before any signal that ends or stops the program takes effect. Source: readpassphrase(3) of OpenBSD.
 */
#include "cli/cli.h"

#include "base/secret.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_LEAST = 8 };

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};

static volatile sig_atomic_t caught; /* the program's: handlers have no argument */

static void on_signal(int sig)
{
    caught = sig;
}

struct guard {
    struct termios terminal;
    struct sigaction actions[ARRAY_LEN(ends)];
    sigset_t mask;
};

/* From here on signals wait until ppoll lets them in, and are only noted. */
static void enter(struct guard *g, const char *question)
{
    struct sigaction note = {.sa_handler = on_signal};
    struct termios silent = g->terminal;
    sigset_t blocked;

    caught = 0;
    sigemptyset(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        sigaddset(&blocked, ends[i]);
    sigprocmask(SIG_BLOCK, &blocked, &g->mask);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        sigaction(ends[i], NULL, &g->actions[i]);
        if (g->actions[i].sa_handler != SIG_IGN) sigaction(ends[i], &note, NULL);
    }
    silent.c_lflag &= ~(tcflag_t)ECHO;
    fputs(question, stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
}

static void leave(const struct guard *g)
{
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &g->terminal);
    fputc('\n', stderr);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        sigaction(ends[i], &g->actions[i], NULL);
    if (caught) raise(caught);
    sigprocmask(SIG_SETMASK, &g->mask, NULL); /* here it takes effect */
}

/* A byte of standard input; @g: NULL if that is no terminal. As read(2). */
static ssize_t read_byte(const struct guard *g, char *c)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

    while (g && ppoll(&in, 1, NULL, &g->mask) < 0)
        if (caught || errno != EINTR) return -1;
    return read(STDIN_FILENO, c, 1);
}

/* One line of standard input without its end; false: none, or too long. */
static bool read_bytes(const struct guard *g, char line[PASSWORD_MAX + 2])
{
    size_t n = 0;
    char c;
    ssize_t got;

    /* Byte by byte: no buffer of stdio's keeps it. */
    while ((got = read_byte(g, &c)) == 1 && c != '\n' && n <= PASSWORD_MAX)
        line[n++] = c;
    if (n > 0 && line[n - 1] == '\r') n--;
    line[n] = '\0';
    return got >= 0 && n <= PASSWORD_MAX;
}

/* On a terminal with a question and without an echo; asks again when the program was stopped and goes on. */
static bool read_line(const char *question, char line[PASSWORD_MAX + 2])
{
    struct guard g;
    bool fine;

    if (tcgetattr(STDIN_FILENO, &g.terminal) != 0) return read_bytes(NULL, line);
    do {
        enter(&g, question);
        fine = read_bytes(&g, line);
        leave(&g);
    } while (caught);
    return fine;
}

int cli_read_password(char password[PASSWORD_MAX + 2])
{
    char again[PASSWORD_MAX + 2];
    bool same = true;

    if (!read_line("Password: ", password))
        return cli_problem("the password cannot be read, or is longer than %d bytes", PASSWORD_MAX);
    if (strlen(password) < PASSWORD_LEAST)
        return cli_problem("the password has fewer than %d bytes; choose a longer one", PASSWORD_LEAST);
    if (isatty(STDIN_FILENO)) {
        same = read_line("Once more: ", again) && strcmp(password, again) == 0;
        secret_wipe(again, sizeof again);
    }
    return same ? CLI_FINE : cli_problem("these were two passwords; nothing is changed");
}
