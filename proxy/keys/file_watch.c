/* SPDX-License-Identifier: Apache-2.0
 * file_watch.c: see file_watch.h.
 */
#include "keys/file_watch.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static void look(struct file_stamp *f)
{
    struct stat st;

    f->exists = stat(f->path, &st) == 0;
    if (!f->exists) return;
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    f->size = st.st_size;
    f->changed = st.st_ctim; /* also of a renamed or chmodded file */
}

static bool differs(const struct file_stamp *a, const struct file_stamp *b)
{
    if (a->exists != b->exists) return true;
    return a->exists && (a->dev != b->dev || a->ino != b->ino || a->size != b->size ||
                         a->changed.tv_sec != b->changed.tv_sec || a->changed.tv_nsec != b->changed.tv_nsec);
}

void file_watch_clear(struct file_watch *w)
{
    while (w->n)
        free(w->v[--w->n].path);
}

void file_watch_set(struct file_watch *w, char *const *paths, size_t n, int64_t started_us)
{
    int64_t now_us = clock_monotonic_us();
    int64_t began_s = (clock_wall_us() - (now_us - started_us)) / 1000000 - 1;
    struct file_watch new = {.next_us = now_us + (int64_t)FILE_WATCH_MS * 1000};

    for (size_t i = 0; i < n && new.n < FILE_WATCH_MAX; i++) {
        struct file_stamp *f = &new.v[new.n];

        f->path = strdup(paths[i]);
        if (!f->path) continue;
        new.n++;
        look(f);
        new.unsure |= f->exists && f->changed.tv_sec >= began_s;
    }
    file_watch_clear(w);
    *w = new;
}

bool file_watch_changed(struct file_watch *w, int64_t now_us)
{
    bool changed = w->unsure;

    if (now_us < w->next_us) return false;
    w->next_us = now_us + (int64_t)FILE_WATCH_MS * 1000;
    w->unsure = false;
    for (size_t i = 0; i < w->n; i++) {
        struct file_stamp now = w->v[i];

        look(&now);
        if (!differs(&w->v[i], &now)) continue;
        w->v[i] = now;
        changed = true;
    }
    return changed;
}
