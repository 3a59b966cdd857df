/* SPDX-License-Identifier: Apache-2.0
 * http.c: see http.h. libcurl tells which sockets and which timeout to watch, libevent tells libcurl what happened. No
 * callback of libcurl's runs anybody else's code: who asked hears of the end in collect_done, when libcurl has
 * returned, and may start and cancel calls or free everything from there. Source: libcurl, docs/examples/hiperfifo.c;
 * curl_multi_socket_action(3).
 */
#include "http_impl.h"

#include "base/secret.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { IDLE_CONNECTIONS = 4 };

struct http {
    struct loop *loop;         /* borrowed */
    CURLM *multi;              /* owned */
    struct event *timer;       /* owned */
    struct http_call *calls;   /* owned: those that run */
    struct http_call *current; /* the one whose callback runs, or NULL */
    bool dying;                /* http_free came from that callback */
};

/* ---- calls ---- */

static void call_free(struct http_call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        c->http->calls = c->next;
    if (c->next) c->next->prev = c->prev;
    curl_multi_remove_handle(c->http->multi, c->easy);
    curl_easy_cleanup(c->easy);
    http_request_clear(c);
    if (c->body) secret_wipe(c->body, c->cap);
    free(c->body);
    free(c);
}

static void tell_why(const struct http_call *c, CURLcode result, struct http_answer *a)
{
    const char *what = c->error[0] ? c->error : curl_easy_strerror(result);
    long os_errno = 0;

    curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &os_errno);
    if (result == CURLE_COULDNT_CONNECT && os_errno) what = strerrordesc_np((int)os_errno);
    if (c->too_long) what = "the answer is too long";
    snprintf(a->why, sizeof(a->why), "%s: %.150s", c->place, what ? what : "no connection");
}

static void read_head(const struct http_call *c, struct http_answer *a)
{
    struct curl_header *h;
    curl_off_t retry = 0;
    char *type = NULL;
    long status = 0;

    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    a->status = (unsigned)status;
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    a->content_type = type ? str_make(type, strcspn(type, "; \t")) : STR_NONE;
    if (curl_easy_header(c->easy, "date", 0, CURLH_HEADER, -1, &h) == CURLHE_OK) {
        a->date_s = (int64_t)curl_getdate(h->value, NULL);
        if (a->date_s < 0) a->date_s = 0;
    }
    if (curl_easy_header(c->easy, "retry-after", 0, CURLH_HEADER, -1, &h) == CURLHE_OK) {
        curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry);
        a->retry_after_s = retry > 0 ? (int64_t)retry : 0;
    }
}

static void fill_answer(const struct http_call *c, CURLcode result, struct http_answer *a)
{
    long sent = 0;

    *a = (struct http_answer){.retry_after_s = -1, .timed_out = result == CURLE_OPERATION_TIMEDOUT};
    curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent);
    a->sent = sent > 0;
    a->begun = c->head_n > 0;
    if (result != CURLE_OK) {
        tell_why(c, result, a);
        return;
    }
    read_head(c, a);
    a->body = str_make(c->body ? c->body : "", c->n);
}

static void destroy(struct http *h)
{
    if (h->multi) curl_multi_cleanup(h->multi);
    if (h->timer) event_free(h->timer);
    free(h);
    curl_global_cleanup();
}

/* Last thing in an event's callback: @h may be gone afterwards. */
static void collect_done(struct http *h)
{
    CURLMsg *msg;
    int left;

    while (!h->dying && (msg = curl_multi_info_read(h->multi, &left))) {
        struct http_call *c = NULL;
        struct http_answer a;

        if (msg->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        fill_answer(c, msg->data.result, &a);
        h->current = c;
        c->done(c->arg, &a);
        h->current = NULL;
        call_free(c);
    }
    if (h->dying) destroy(h);
}

/* ---- libcurl and libevent ---- */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct http *h = arg;
    int running, action = ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);

    loop_touch(h->loop);
    curl_multi_socket_action(h->multi, fd, action, &running);
    collect_done(h);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct http *h = arg;
    int running;

    (void)fd;
    (void)what;
    loop_touch(h->loop);
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect_done(h);
}

/* Each socket has its event as what libcurl calls its pointer. Always 0: anything else would end all calls of the multi
 * without a word; a call whose socket cannot be watched ends by its timeout. */
static int watch_socket(CURL *easy UNUSED, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http *h = arg;
    struct event *ev = socket_arg;
    short events = EV_PERSIST;

    if (ev) event_free(ev);
    if (what == CURL_POLL_REMOVE) return 0;
    if (what & CURL_POLL_IN) events |= EV_READ;
    if (what & CURL_POLL_OUT) events |= EV_WRITE;
    ev = event_new(h->loop->base, fd, events, on_socket, h);
    if (ev && event_add(ev, NULL)) {
        event_free(ev);
        ev = NULL;
    }
    curl_multi_assign(h->multi, fd, ev); /* the one multi function that may be called here */
    return 0;
}

static int watch_timer(CURLM *multi UNUSED, long timeout_ms, void *arg)
{
    struct http *h = arg;
    struct timeval tv = {timeout_ms / 1000, (timeout_ms % 1000) * 1000};

    if (timeout_ms < 0)
        event_del(h->timer);
    else
        event_add(h->timer, &tv);
    return 0;
}

/* The first one in the program decides which memory libcurl uses: such as is wiped when it is freed, since keys and
 * tokens pass through its buffers. */
enum err_code http_new(struct loop *loop, struct http **out, struct err *err)
{
    struct http *h = calloc(1, sizeof(*h));

    signal(SIGPIPE, SIG_IGN); /* libcurl writes to sockets whose peer may be gone */
    if (!h ||
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, secret_block_free, secret_block_realloc, strdup, calloc)) {
        free(h);
        return err_set(err, ERR_INTERNAL, 0, "libcurl cannot be initialised");
    }
    h->loop = loop;
    h->multi = curl_multi_init();
    h->timer = evtimer_new(loop->base, on_timer, h);
    if (!h->multi || !h->timer) {
        destroy(h);
        return err_set(err, ERR_NO_MEMORY, 0, "libcurl");
    }
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    *out = h;
    return ERR_NONE;
}

void http_free(struct http **hp)
{
    struct http *h = *hp;

    if (!h) return;
    *hp = NULL;
    for (struct http_call *c = h->calls, *next; c; c = next) {
        next = c->next;
        if (c != h->current) call_free(c);
    }
    h->dying = true;
    if (!h->current) destroy(h); /* else: when its callback returns */
}

/* ---- answers ---- */

/* The old block is wiped before it goes. */
static bool make_room(struct http_call *c, size_t more)
{
    size_t cap = c->cap ? c->cap : 4096;
    char *mem;

    while (cap - c->n < more)
        cap *= 2;
    if (cap == c->cap) return true;
    mem = malloc(cap);
    if (!mem) return false;
    if (c->n) memcpy(mem, c->body, c->n);
    if (c->body) secret_wipe(c->body, c->cap);
    free(c->body);
    c->body = mem;
    c->cap = cap;
    return true;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct http_call *c = arg;

    n *= size;
    c->too_long = n > HTTP_ANSWER_MAX - c->n;
    if (c->too_long || !make_room(c, n)) return CURL_WRITEFUNC_ERROR;
    memcpy(c->body + c->n, p, n);
    c->n += n;
    return n;
}

/* libcurl keeps them itself; here they are only counted, those of 1xx answers, too. */
static size_t on_header(char *p UNUSED, size_t size, size_t n, void *arg)
{
    struct http_call *c = arg;

    n *= size;
    c->too_long = n > HTTP_HEAD_MAX - c->head_n;
    if (c->too_long) return CURL_WRITEFUNC_ERROR;
    c->head_n += n;
    return n;
}

/* ---- start, cancel ---- */

static void take_answer(struct http_call *c)
{
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->error);
}

static enum err_code begin(struct http_call *c, const struct http_request *r, struct err *err)
{
    TRY(http_request_set_up(c, r, err));
    take_answer(c);
    if (curl_multi_add_handle(c->http->multi, c->easy) == CURLM_OK) return ERR_NONE;
    return err_set(err, ERR_NO_MEMORY, 0, "HTTP request to %s", c->place);
}

struct http_call *http_start(struct http *h, const struct http_request *r, http_done_fn *done, void *arg,
                             struct err *err)
{
    struct http_call *c = calloc(1, sizeof(*c));

    ASSERT(!h->dying);
    if (c) c->easy = curl_easy_init();
    if (!c || !c->easy) {
        free(c);
        err_set(err, ERR_NO_MEMORY, 0, "HTTP request");
        return NULL;
    }
    c->http = h;
    c->done = done;
    c->arg = arg;
    c->next = h->calls;
    if (h->calls) h->calls->prev = c;
    h->calls = c;
    if (begin(c, r, err) == ERR_NONE) return c;
    call_free(c);
    return NULL;
}

void http_cancel(struct http_call **cp)
{
    struct http_call *c = *cp;

    *cp = NULL;
    if (c && c != c->http->current) call_free(c);
}
