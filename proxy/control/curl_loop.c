/* SPDX-License-Identifier: Apache-2.0
 * curl_loop.c: see curl_loop.h. libcurl tells which sockets and which timeout to watch; libevent tells libcurl what
 * happened.
 */
#include "control/curl_loop.h"

#include <event2/event.h>
#include <stdlib.h>

struct transfer {
    curl_done_fn *done;
    void *arg;
};

struct curl_loop {
    struct loop *loop;   /* borrowed */
    CURLM *multi;        /* owned */
    struct event *timer; /* owned */
};

struct watched { /* one per socket of libcurl's; owned by the multi through curl_multi_assign */
    struct event *ev;
};

static void collect_done(struct curl_loop *cl)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(cl->multi, &left))) {
        CURL *easy = msg->easy_handle;
        CURLcode result = msg->data.result;
        struct transfer *t = NULL;

        if (msg->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        curl_multi_remove_handle(cl->multi, easy); /* msg is no longer valid */
        t->done(easy, result, t->arg);
        free(t);
    }
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct curl_loop *cl = arg;
    int running, action = ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);

    curl_multi_socket_action(cl->multi, fd, action, &running);
    collect_done(cl);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct curl_loop *cl = arg;
    int running;

    (void)fd;
    (void)what;
    curl_multi_socket_action(cl->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect_done(cl);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct curl_loop *cl = arg;
    struct watched *w = socket_arg;
    short events = EV_PERSIST;

    (void)easy;
    if (w && w->ev) event_free(w->ev);
    if (what == CURL_POLL_REMOVE) {
        free(w);
        curl_multi_assign(cl->multi, fd, NULL);
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof(*w));
        if (!w) return -1;
        curl_multi_assign(cl->multi, fd, w);
    }
    if (what & CURL_POLL_IN) events |= EV_READ;
    if (what & CURL_POLL_OUT) events |= EV_WRITE;
    w->ev = event_new(cl->loop->base, fd, events, on_socket, cl);
    return w->ev && event_add(w->ev, NULL) == 0 ? 0 : -1;
}

static int watch_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct curl_loop *cl = arg;
    struct timeval tv = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};

    (void)multi;
    if (timeout_ms < 0) return event_del(cl->timer);
    return event_add(cl->timer, &tv);
}

enum err_code curl_loop_new(struct loop *loop, struct curl_loop **out, struct err *err)
{
    struct curl_loop *cl = calloc(1, sizeof(*cl));

    if (!cl || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        free(cl);
        return err_set(err, ERR_INTERNAL, 0, "libcurl cannot be initialised");
    }
    cl->loop = loop;
    cl->multi = curl_multi_init();
    cl->timer = evtimer_new(loop->base, on_timer, cl);
    if (!cl->multi || !cl->timer) {
        curl_loop_free(&cl);
        return err_set(err, ERR_NO_MEMORY, 0, "libcurl");
    }
    curl_multi_setopt(cl->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(cl->multi, CURLMOPT_SOCKETDATA, cl);
    curl_multi_setopt(cl->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
    curl_multi_setopt(cl->multi, CURLMOPT_TIMERDATA, cl);
    *out = cl;
    return ERR_NONE;
}

void curl_loop_abandon(struct curl_loop *cl, CURL *easy)
{
    struct transfer *t = NULL;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    curl_multi_remove_handle(cl->multi, easy);
    free(t);
}

void curl_loop_free(struct curl_loop **clp)
{
    struct curl_loop *cl = *clp;

    if (!cl) return;
    *clp = NULL;
    if (cl->multi) curl_multi_cleanup(cl->multi);
    if (cl->timer) event_free(cl->timer);
    free(cl);
    curl_global_cleanup();
}

CURL *curl_loop_easy(struct curl_loop *cl)
{
    CURL *easy = curl_easy_init();

    (void)cl;
    if (!easy) return NULL;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "s3onramp/" S3ONRAMP_VERSION);
    return easy;
}

enum err_code curl_loop_start(struct curl_loop *cl, CURL *easy, curl_done_fn *done, void *arg, struct err *err)
{
    struct transfer *t = calloc(1, sizeof(*t));
    CURLMcode code;

    if (!t) return err_set(err, ERR_NO_MEMORY, 0, "transfer");
    *t = (struct transfer){done, arg};
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    code = curl_multi_add_handle(cl->multi, easy);
    if (code != CURLM_OK) {
        free(t);
        return err_set(err, ERR_INTERNAL, 0, "libcurl: %s", curl_multi_strerror(code));
    }
    return ERR_NONE;
}
