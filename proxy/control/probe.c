/* SPDX-License-Identifier: Apache-2.0
 * probe.c: see probe.h. A HEAD request for "/" without a signature: any HTTP answer proves the road. The name (SNI,
 * certificate) and the address are two values, as for real requests.
 */
#include "control/probe.h"

#include "base/log.h"
#include "control/curl_loop.h"

#include <event2/event.h>
#include <stdlib.h>

enum { PROBE_EVERY_S = 30, PROBE_TIMEOUT_S = 10 };

enum verdict { VERDICT_NONE, VERDICT_UP, VERDICT_DOWN };

struct target {
    struct probe *probe;
    const struct set_endpoint *endpoint;
    char text[NETADDR_TEXT];
    char url[320], connect_to[NETADDR_TEXT + 8];
    struct curl_slist *connect_list; /* owned; lives as long as the handle */
    CURL *easy;                      /* owned */
    bool running;
    enum verdict verdict;
    char why[CURL_ERROR_SIZE];
};

struct probe {
    struct curl_loop *curl;
    struct event *timer;
    struct target *targets; /* owned */
    size_t n;
};

static size_t discard(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return size * n;
}

static void on_done(CURL *easy, CURLcode result, void *arg)
{
    struct target *t = arg;
    enum verdict v = result == CURLE_OK ? VERDICT_UP : VERDICT_DOWN;
    double seconds = 0;

    t->running = false;
    curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME, &seconds);
    if (v != t->verdict && v == VERDICT_UP)
        LOG(LOG_INFO, "endpoint %s: %s answers as %s (connected and verified in %.1f ms)", t->endpoint->name, t->text,
            t->endpoint->sni, seconds * 1000);
    if (v != t->verdict && v == VERDICT_DOWN)
        LOG(LOG_WARN, "endpoint %s: %s does not answer as %s: %s", t->endpoint->name, t->text, t->endpoint->sni,
            t->why[0] ? t->why : curl_easy_strerror(result));
    t->verdict = v;
}

static void start_one(struct target *t)
{
    struct err err = {0};

    if (t->running) return;
    t->why[0] = '\0';
    if (curl_loop_start(t->probe->curl, t->easy, on_done, t, &err) == ERR_NONE)
        t->running = true;
    else
        LOG(LOG_WARN, "endpoint %s: probe: %s", t->endpoint->name, err.detail);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct probe *p = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < p->n; i++)
        start_one(&p->targets[i]);
}

static enum err_code target_init(struct target *t, struct probe *p, const struct set_endpoint *ep,
                                 const struct netaddr *addr, struct err *err)
{
    t->probe = p;
    t->endpoint = ep;
    netaddr_format(addr, t->text);
    snprintf(t->url, sizeof(t->url), "https://%s:%u/", ep->sni, netaddr_port(addr));
    snprintf(t->connect_to, sizeof(t->connect_to), "::%s", t->text);
    t->connect_list = curl_slist_append(NULL, t->connect_to);
    t->easy = curl_loop_easy(p->curl);
    if (!t->connect_list || !t->easy) return err_set(err, ERR_NO_MEMORY, 0, "probe");
    curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
    curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_list);
    curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT, (long)PROBE_TIMEOUT_S);
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->why);
    if (ep->ca_file) curl_easy_setopt(t->easy, CURLOPT_CAINFO, ep->ca_file);
    return ERR_NONE;
}

enum err_code probe_new(struct loop *loop, const struct settings *s, struct probe **out, struct err *err)
{
    struct probe *p = calloc(1, sizeof(*p));
    struct timeval every = {PROBE_EVERY_S, 0}, now = {0, 0};
    size_t n = 0;

    if (!p) return err_set(err, ERR_NO_MEMORY, 0, "probe");
    *out = p;
    for (size_t i = 0; i < s->endpoints_n; i++)
        n += s->endpoints[i].addresses_n;
    TRY(curl_loop_new(loop, &p->curl, err));
    p->targets = calloc(n + 1, sizeof(*p->targets));
    p->timer = event_new(loop->base, -1, EV_PERSIST, on_timer, p);
    if (!p->targets || !p->timer || event_add(p->timer, &every)) return err_set(err, ERR_NO_MEMORY, 0, "probe");
    for (size_t i = 0; i < s->endpoints_n; i++)
        for (size_t j = 0; j < s->endpoints[i].addresses_n; j++)
            TRY(target_init(&p->targets[p->n++], p, &s->endpoints[i], &s->endpoints[i].addresses[j], err));
    if (event_base_once(loop->base, -1, EV_TIMEOUT, on_timer, p, &now)) return err_set(err, ERR_NO_MEMORY, 0, "probe");
    return ERR_NONE;
}

void probe_free(struct probe **pp)
{
    struct probe *p = *pp;

    if (!p) return;
    *pp = NULL;
    if (p->timer) event_free(p->timer);
    for (size_t i = 0; i < p->n; i++) {
        struct target *t = &p->targets[i];

        if (t->running) curl_loop_abandon(p->curl, t->easy);
        curl_easy_cleanup(t->easy);
        curl_slist_free_all(t->connect_list);
    }
    curl_loop_free(&p->curl);
    free(p->targets);
    free(p);
}
