/* SPDX-License-Identifier: Apache-2.0
 * followers.c: see followers.h.
 */
#include "control/followers.h"

#include "base/log.h"
#include "config/lines.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct member {
    struct followers *all;
    struct member *next;
    int fd; /* owned */
    pid_t pid;
    struct event *heard; /* owned */
    bool asked;          /* and it has not answered */
};

struct followers {
    struct loop *loop;      /* borrowed */
    struct member *members; /* owned */
    unsigned patience_ms;
    struct event *timer;     /* owned */
    unsigned number;         /* of the last question */
    followers_done_fn *done; /* NULL: nothing is asked */
    void *arg;
    struct str_list behind;
};

static void say_behind(struct followers *f, const struct member *m, const char *why)
{
    lines_add(
        &f->behind,
        "process %d, which finishes what it had before an upgrade, goes on by what was in force then: %s (`kill %d` "
        "ends it within shutdown_timeout)",
        (int)m->pid, why, (int)m->pid);
}

static bool awaits(const struct followers *f)
{
    for (const struct member *m = f->members; m; m = m->next)
        if (m->asked) return true;
    return false;
}

static void end_if_over(struct followers *f)
{
    followers_done_fn *done = f->done;
    struct str_list behind = f->behind;

    if (!done || awaits(f)) return;
    event_del(f->timer);
    f->done = NULL;
    f->behind = (struct str_list){0};
    done(f->arg, &behind); /* may ask again */
    lines_clear(&behind);
}

static void remove_member(struct member *m)
{
    struct member **at = &m->all->members;

    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    if (m->heard) event_free(m->heard);
    close(m->fd);
    free(m);
}

static void hear(struct member *m, const char *word)
{
    uint64_t number;
    struct str why;
    bool taken = follower_word_is(str_from(word), STR("taken"), &number, &why);

    if (!m->asked) return; /* too late */
    if (!taken && !follower_word_is(str_from(word), STR("refused"), &number, &why)) return;
    if (number != m->all->number) return;
    m->asked = false;
    if (!taken) say_behind(m->all, m, why.n ? why.p : "it does not say why"); /* up to the word's end */
}

static void on_heard(evutil_socket_t fd, short what UNUSED, void *arg)
{
    struct member *m = arg;
    struct followers *f = m->all;
    char word[FOLLOWER_WORD];
    ssize_t n = recv(fd, word, sizeof(word) - 1, MSG_DONTWAIT);

    loop_touch(f->loop);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) {
        word[n] = '\0';
        hear(m, word);
    } else { /* it has ended, and nothing runs there any more */
        LOG(LOG_INFO, "process %d, which finished what it had, has ended", (int)m->pid);
        remove_member(m);
    }
    end_if_over(f);
}

static void remove_all(struct followers *f)
{
    while (f->members)
        remove_member(f->members); /* NOLINT: it takes itself out of the list */
}

/* Those that have not answered. */
static void give_up(struct followers *f, const char *why)
{
    for (struct member *m = f->members; m; m = m->next)
        if (m->asked) say_behind(f, m, why);
    for (struct member *m = f->members; m; m = m->next)
        m->asked = false;
    end_if_over(f);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct followers *f = arg;

    loop_touch(f->loop);
    give_up(f, "it did not answer in time");
}

void followers_leave(struct followers *f)
{
    give_up(f, "another process has taken over meanwhile; ask it again");
    remove_all(f);
}

struct followers *followers_new(struct loop *loop, unsigned patience_ms)
{
    struct followers *f = calloc(1, sizeof(*f));

    if (!f) return NULL;
    *f = (struct followers){.loop = loop, .patience_ms = patience_ms};
    f->timer = event_new(loop->base, -1, 0, on_timer, f);
    if (!f->timer) followers_free(&f);
    return f;
}

void followers_free(struct followers **fp)
{
    struct followers *f = *fp;

    *fp = NULL;
    if (!f) return;
    remove_all(f);
    if (f->timer) event_free(f->timer);
    lines_clear(&f->behind);
    free(f);
}

/* Who made the channel. */
static pid_t pid_behind(int channel)
{
    struct ucred who = {0};
    socklen_t n = sizeof(who);

    return getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &who, &n) ? 0 : who.pid;
}

void followers_add(struct followers *f, int channel)
{
    struct member *m = calloc(1, sizeof(*m));

    ASSERT(m && "memory for a process");
    *m = (struct member){.all = f, .next = f->members, .fd = channel, .pid = pid_behind(channel)};
    f->members = m;
    m->heard = event_new(f->loop->base, channel, EV_READ | EV_PERSIST, on_heard, m);
    ASSERT(m->heard && event_add(m->heard, NULL) == 0 && "memory for a process");
}

size_t followers_list(const struct followers *f, int *fds, size_t max)
{
    size_t n = 0;

    for (const struct member *m = f->members; m; m = m->next, n++)
        if (n < max) fds[n] = m->fd;
    return n;
}

/* 0, or an errno. */
static int say(const struct member *m, const char *word)
{
    return send(m->fd, word, strlen(word), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

void followers_take(struct followers *f, bool cut, followers_done_fn *done, void *arg)
{
    struct timeval most = {f->patience_ms / 1000, (suseconds_t)(f->patience_ms % 1000 * 1000)};
    char word[32];

    ASSERT(!f->done);
    f->done = done;
    f->arg = arg;
    snprintf(word, sizeof(word), "%s %u", cut ? "cut" : "take", ++f->number);
    for (struct member *m = f->members; m; m = m->next) {
        int why = say(m, word);

        m->asked = !why;
        if (why && why != EPIPE && why != ECONNRESET) say_behind(f, m, "it does not listen");
    }
    event_add(f->timer, &most);
    end_if_over(f);
}
