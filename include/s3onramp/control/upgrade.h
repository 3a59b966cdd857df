/* SPDX-License-Identifier: Apache-2.0
 * upgrade.h: who asks for a takeover (takeover.h), what goes along beside the ports, who is told what came of it.
 * Control thread.
 */
#ifndef S3ONRAMP_CONTROL_UPGRADE_H
#define S3ONRAMP_CONTROL_UPGRADE_H

#include "control/ports.h"
#include "control/takeover.h"

/* Who listens besides the workers. */
struct upgrade_door {
    struct upgrade_door *next;
    int fd;                   /* borrowed: a socket that goes along; -1: it is one of the ports */
    void (*enter)(void *arg); /* the process before serves there no more: begin */
    void (*leave)(void *arg); /* another process serves there: stop, and remove nothing */
    void *arg;
};

/* Somebody who wants to know. */
struct upgrade_waiter {
    struct upgrade_waiter *next;
    void (*done)(void *arg, pid_t pid, const char *why); /* as takeover_done_fn */
    void *arg;
};

struct upgrade {
    struct loop *loop;                    /* borrowed */
    char *const *argv;                    /* borrowed: the program and its arguments */
    takeover_done_fn *done;               /* before those who wait */
    void (*over)(void *arg, int channel); /* the other one serves alone, and is followed by @channel (owned) */
    void *arg;
    struct followers *followers; /* borrowed: they go along */
    struct takeover *takeover;   /* owned: it is under way */
    struct upgrade_door *doors;
    struct upgrade_waiter *waiters;
};

/* Starts the program with @ports and all doors; it must be ready within @ready_ms. ERR_INTERNAL: why not. */
MUST_CHECK enum err_code upgrade_begin(struct upgrade *u, const struct ports *ports, uint64_t ready_ms,
                                       struct err *err);
/* What is under way is ended, for the reason @why; true also if nothing is. False: too late, it will be over soon. */
bool upgrade_cancel(struct upgrade *u, const char *why);
/* The process before, whose heir this one is, serves no more: all doors are entered. */
void upgrade_enter(struct upgrade *u);
void upgrade_clear(struct upgrade *u); /* ends what is under way */
void upgrade_wait(struct upgrade *u, struct upgrade_waiter *w);
void upgrade_forget(struct upgrade *u, struct upgrade_waiter *w);
void upgrade_add_door(struct upgrade *u, struct upgrade_door *door);
void upgrade_remove_door(struct upgrade *u, struct upgrade_door *door);

#endif
