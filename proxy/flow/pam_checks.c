/* SPDX-License-Identifier: Apache-2.0
 * pam_checks.c: questions to PAM: a thread with an event loop, which runs a process for each (io/pam_helper.h), some at
 * once. A module that hangs costs its process, which is ended when its time is over, and holds up no thread; who waited
 * as long for a place is told so.
 */
#include "passwords_impl.h"

#include "base/secret.h"
#include "base/thread.h"

#include <stdio.h>

enum { AT_ONCE = 8 };

static void unlist(struct pam_checks *c, struct password_ask *a)
{
    struct password_ask **at = &c->running;

    while (*at != a)
        at = &(*at)->running_next;
    *at = a->running_next;
    c->running_n--;
}

static void list(struct pam_checks *c, struct password_ask *a)
{
    a->running_next = c->running;
    c->running = a;
    c->running_n++;
}

/* Said once, and when it is over. */
static void note(struct pam_checks *c, const struct password_ask *a)
{
    bool down = a->verdict == PASSWORD_UNKNOWN;

    if (down && !c->down)
        LOG(LOG_ERROR, "[auth pam]: PAM gives no answer, and clients get 503: %s", a->why);
    else if (!down && c->down)
        LOG(LOG_INFO, "[auth pam]: PAM answers again");
    c->down = down;
}

static void finish(struct pam_checks *c, struct password_ask *a)
{
    uint64_t remember_ms = a->settings->pam.remember_ms;

    note(c, a);
    if (a->verdict == PASSWORD_RIGHT && remember_ms)
        passwords_keep(a->passwords, a->key, c->loop.now_us + (int64_t)remember_ms * 1000);
    settings_unref(&a->settings);
    passwords_answer(a);
}

static void take_more(void *arg);

static void on_child(void *arg, const struct child_result *result)
{
    static const enum password_verdict verdicts[] = {[PAM_VERDICT_RIGHT] = PASSWORD_RIGHT,
                                                     [PAM_VERDICT_WRONG] = PASSWORD_WRONG,
                                                     [PAM_VERDICT_NONE] = PASSWORD_UNKNOWN};
    struct password_ask *a = arg;
    struct passwords *p = a->passwords;

    a->child = NULL;
    unlist(&p->pam, a);
    if (result->end == CHILD_TIMED_OUT)
        (void)snprintf(a->why, sizeof(a->why), "it took longer than its timeout of %llu ms",
                       (unsigned long long)a->settings->pam.timeout_ms);
    else
        a->verdict = verdicts[pam_helper_answer(result->output, a->why)];
    finish(&p->pam, a);
    take_more(p);
}

static bool start_child(struct pam_checks *c, struct password_ask *a)
{
    const struct pam_conf *conf = &a->settings->pam;
    const struct pam_question q = {.service = conf->service,
                                   .folder = conf->folder,
                                   .user = a->user,
                                   .peer = a->peer,
                                   .password = a->account_only ? NULL : a->password};
    char *argv[] = {(char *)"/proc/self/exe", (char *)PAM_HELPER_WORD,
                    NULL}; /* this program, also when it is replaced */
    char mem[CHILD_INPUT_MAX];
    struct sbuf text = sbuf_make(mem, sizeof(mem));
    struct err err = {0};

    if (pam_helper_question(&q, &text))
        a->child = child_start(&c->loop, argv, &a->settings->secret_variables, sbuf_str(&text), conf->timeout_ms,
                               on_child, a, &err);
    else
        err_set(&err, ERR_INTERNAL, 0, "service, folder and user are too long");
    secret_wipe(mem, sizeof(mem));
    if (!a->child) (void)snprintf(a->why, sizeof(a->why), "%.*s", PAM_WHY, err.detail);
    return a->child;
}

static void begin(struct pam_checks *c, struct password_ask *a)
{
    int64_t waited_us = c->loop.now_us - a->place.since_us;

    a->verdict = PASSWORD_UNKNOWN;
    if (passwords_remember(a->passwords, a->key)) { /* somebody asked the same a moment ago */
        a->verdict = PASSWORD_RIGHT;
    } else if (waited_us > (int64_t)a->settings->pam.timeout_ms * 1000) {
        (void)snprintf(a->why, sizeof(a->why), "others before it took all the time");
    } else if (start_child(c, a)) {
        list(c, a);
        return;
    }
    finish(c, a);
}

static void take_more(void *arg)
{
    struct passwords *p = arg;
    struct password_ask *a;

    loop_touch(&p->pam.loop);
    while (!p->pam.over && p->pam.running_n < AT_ONCE && (a = passwords_next(p, &p->pam_queue)))
        begin(&p->pam, a);
}

static void *run(void *arg)
{
    loop_run(arg);
    return NULL;
}

bool pam_checks_start(struct passwords *p)
{
    struct err err = {0};

    if (loop_init(&p->pam.loop, NULL, NULL, NULL, &err) != ERR_NONE) return false;
    if (thread_start(&p->pam.thread, run, &p->pam.loop) == 0) return true;
    loop_clear(&p->pam.loop);
    return false;
}

bool pam_checks_wake(struct passwords *p)
{
    return loop_post(&p->pam.loop, take_more, p);
}

static void stop(void *arg)
{
    struct pam_checks *c = arg;

    c->over = true;
    while (c->running) {
        struct password_ask *a = c->running;

        unlist(c, a);
        child_cancel(&a->child);
        settings_unref(&a->settings);
        passwords_answer(a);
    }
    loop_stop(&c->loop);
}

void pam_checks_end(struct passwords *p)
{
    struct pam_checks *c = &p->pam;

    loop_post_with(&c->loop, &c->end, stop, c);
    pthread_join(c->thread, NULL);
    loop_clear(&c->loop);
}
