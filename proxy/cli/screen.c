/* SPDX-License-Identifier: Apache-2.0
 * screen.c: see screen.h. ANSI sequences that every terminal of today knows; no library. Signals are blocked but while
 * it waits, so that none comes between a look and a wait.
 */
#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l"        /* the other page, no cursor */
#define LEAVE "\033[0m\033[?25h\033[?1049l" /* the first one, as it was */
#define HOME "\033[H"
#define LINE_BEGIN "\033[K" /* behind a full line it would take its last column */
#define LINE_END "\033[0m\r\n"
#define REST "\033[0m\033[J"

enum { ROWS = 24, COLUMNS = 80 };

static struct {
    struct termios before;
    sigset_t mask; /* while it waits */
} screen;
static volatile sig_atomic_t told; /* the last signal; 0: none */

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

static void on_signal(int number)
{
    told = number;
}

static void watch(void (*handler)(int))
{
    struct sigaction act = {.sa_handler = handler};

    for (size_t i = 0; i < ARRAY_LEN(watched); i++)
        (void)sigaction(watched[i], &act, NULL);
}

/* Keys come at once and are not shown; ^C and ^Z stay what they are. */
static void enter(void)
{
    struct termios raw = screen.before;

    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    fputs(ENTER, stdout);
    fflush(stdout);
}

static void leave(void)
{
    fputs(LEAVE, stdout);
    fflush(stdout);
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.before);
}

bool screen_open(void)
{
    sigset_t blocked;

    if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &screen.before) != 0) return false;
    sigemptyset(&blocked);
    for (size_t i = 0; i < ARRAY_LEN(watched); i++)
        sigaddset(&blocked, watched[i]);
    (void)sigprocmask(SIG_BLOCK, &blocked, &screen.mask);
    watch(on_signal);
    enter();
    return true;
}

void screen_close(void)
{
    leave();
    watch(SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &screen.mask, NULL);
}

/* The shell gets the terminal as it was, and the program goes on when it says so. */
static void stop(void)
{
    leave();
    (void)raise(SIGSTOP);
    enter();
}

enum screen_event screen_wait(int ms)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    const struct timespec most = {ms / 1000, ms % 1000 * 1000000L};
    char key;
    int number;

    told = 0;
    if (ppoll(&in, 1, &most, &screen.mask) > 0) {
        if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q') return SCREEN_KEY_Q;
        return SCREEN_TIME;
    }
    number = told;
    if (number == SIGTSTP) stop();
    if (number == 0) return SCREEN_TIME;
    return number == SIGTSTP || number == SIGWINCH ? SCREEN_DRAW : SCREEN_SIGNAL;
}

/* Bytes of what @s begins with: an escape sequence, which takes no room, or a character, which takes a column. */
static size_t next(struct str s, size_t *columns)
{
    uint32_t code;
    size_t n;

    if (str_starts(s, STR("\033["))) {
        n = 2;
        while (n < s.n && !(s.p[n] >= '@' && s.p[n] <= '~'))
            n++;
        return n < s.n ? n + 1 : s.n;
    }
    n = str_utf8(s, &code);
    ++*columns;
    return n ? n : 1;
}

static void put_line(struct str line, size_t width)
{
    size_t columns = 0;

    while (line.n) {
        size_t n = next(line, &columns);

        if (columns > width) break;
        fwrite(line.p, 1, n, stdout);
        line = str_tail(line, n);
    }
}

void screen_draw(struct str text)
{
    struct winsize size;
    struct str line;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
    size_t rows = known ? size.ws_row : ROWS, columns = known ? size.ws_col : COLUMNS;

    fputs(HOME, stdout);
    for (size_t i = 0; i + 1 < rows && str_split(&text, '\n', &line); i++) {
        fputs(LINE_BEGIN, stdout);
        put_line(line, columns);
        fputs(LINE_END, stdout);
    }
    fputs(REST, stdout);
    fflush(stdout);
}
