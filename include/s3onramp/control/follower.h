/* SPDX-License-Identifier: Apache-2.0
 * follower.h: this process finishes what it has after an upgrade, and follows the one that serves: it hears there
 * (followers.h) of each reload. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_FOLLOWER_H
#define S3ONRAMP_CONTROL_FOLLOWER_H

#include "control/reload.h"

/* Zeroed: nobody is followed. */
struct follower {
    struct loop *loop; /* borrowed, as are the next two */
    struct reload *reload;
    struct logs *logs;
    int channel;           /* owned */
    struct event *heard;   /* owned; NULL: nobody is followed */
    struct reload_ask ask; /* while .done is set */
    unsigned number;       /* of it */
};

/* Takes over @channel. */
void follower_start(struct follower *f, struct loop *loop, int channel, struct reload *reload);
void follower_clear(struct follower *f);

#endif
