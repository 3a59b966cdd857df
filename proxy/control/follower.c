/* SPDX-License-Identifier: Apache-2.0
 * follower.c: see follower.h.
 */
#include "control/follower.h"

#include "base/log.h"
#include "control/followers.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(const struct follower *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(const struct follower *f, const char *fmt, ...)
{
    char word[FOLLOWER_WORD];
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(word, sizeof(word), fmt, args);
    va_end(args);
    if (n <= 0) return;
    if ((size_t)n >= sizeof(word)) n = sizeof(word) - 1;
    if (send(f->channel, word, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        LOG(LOG_ERROR, "the process that serves cannot be told: %s", strerror(errno));
}

static void on_done(void *arg, const struct reload_answer *a)
{
    struct follower *f = arg;

    f->ask.done = NULL;
    if (a->problems->n)
        say(f, "refused %u %s", f->number, a->problems->v[0]);
    else
        say(f, "taken %u", f->number);
}

static void forget(struct follower *f)
{
    if (f->ask.done) reload_forget(f->reload, &f->ask);
    f->ask.done = NULL;
}

static void take(struct follower *f, enum reload_what what, unsigned number)
{
    LOG(LOG_INFO, "the process that serves was reloaded: reading the configuration anew");
    forget(f);
    f->number = number;
    f->ask =
        (struct reload_ask){.what = what, .by = "the process that serves", .follows = true, .done = on_done, .arg = f};
    reload_ask(f->reload, &f->ask);
}

static void hear(struct follower *f, const char *word)
{
    uint64_t number;
    struct str rest;

    if (follower_word_is(str_from(word), STR("take"), &number, &rest))
        take(f, RELOAD_TAKE, (unsigned)number);
    else if (follower_word_is(str_from(word), STR("cut"), &number, &rest))
        take(f, RELOAD_CUT, (unsigned)number);
}

static void on_heard(evutil_socket_t fd, short what UNUSED, void *arg)
{
    struct follower *f = arg;
    char word[FOLLOWER_WORD];
    ssize_t n = recv(fd, word, sizeof(word) - 1, MSG_DONTWAIT);

    loop_touch(f->loop);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) {
        word[n] = '\0';
        hear(f, word);
    } else {
        follower_clear(f); /* nobody serves any more */
    }
}

void follower_start(struct follower *f, struct loop *loop, int channel, struct reload *reload)
{
    *f = (struct follower){.loop = loop, .reload = reload, .channel = channel};
    f->heard = event_new(loop->base, channel, EV_READ | EV_PERSIST, on_heard, f);
    ASSERT(f->heard && event_add(f->heard, NULL) == 0 && "memory for the channel");
}

void follower_clear(struct follower *f)
{
    if (!f->heard) return;
    forget(f);
    event_free(f->heard);
    close(f->channel);
    f->heard = NULL;
}
