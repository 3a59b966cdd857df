/* SPDX-License-Identifier: Apache-2.0
 * workers.c: see workers.h. A question goes to each worker and comes back in the same memory.
 */
#include "control/workers.h"

#include <stdlib.h>

struct question;

struct errand {
    struct loop_post post;
    struct question *question;
    struct worker *worker;
};

struct question {
    struct loop *control;
    void (*run)(struct worker *w, void *arg);
    void (*done)(void *arg);
    void *arg;
    size_t open; /* control thread: so many have not come back */
    struct errand errands[];
};

static void come_back(void *arg)
{
    struct question *q = ((struct errand *)arg)->question;

    if (--q->open) return;
    q->done(q->arg);
    free(q);
}

static void run_errand(void *arg)
{
    struct errand *e = arg;
    struct question *q = e->question;

    if (!e->worker->loop.stop) q->run(e->worker, q->arg);
    loop_post_with(q->control, &e->post, come_back, e);
}

bool workers_ask(struct loop *control, struct worker *workers, size_t n, void (*run)(struct worker *w, void *arg),
                 void (*done)(void *arg), void *arg)
{
    struct question *q = calloc(1, sizeof(*q) + n * sizeof(q->errands[0]));

    ASSERT(n > 0);
    if (!q) return false;
    *q = (struct question){.control = control, .run = run, .done = done, .arg = arg, .open = n};
    for (size_t i = 0; i < n; i++) {
        q->errands[i].question = q;
        q->errands[i].worker = &workers[i];
        if (!loop_ask(&workers[i].loop, &q->errands[i].post, run_errand, &q->errands[i]))
            loop_post_with(control, &q->errands[i].post, come_back, &q->errands[i]);
    }
    return true;
}
