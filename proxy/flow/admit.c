/* SPDX-License-Identifier: Apache-2.0
 * admit.c: the step admit: what the client, its groups and the listener may do at once and in a second decides whether
 * a request goes on, waits for its turn, or is refused; and which limits pace its bytes. See admit.h.
 */
#include "flow/admit.h"

#include "flow/session.h"
#include "flow/worker.h"

enum { WAIT_MOST_S = 2 };

static const char *kind_word(const struct share *share)
{
    switch (share->kind) {
    case STANDING_PRINCIPAL: return "client";
    case STANDING_GROUP: return "group";
    default: return "listener";
    }
}

static const struct principal_conf *who(const struct request *req)
{
    return req->who.caller ? req->who.caller : req->who.user;
}

static const char *name_of(const struct request *req, const struct share *share)
{
    const struct principal_conf *client = who(req);

    if (share->kind == STANDING_LISTENER) return req->session->listener->name;
    for (size_t i = 0; share->kind == STANDING_GROUP && i < client->terms->groups.n; i++)
        if (client->terms->groups.v[i]->id == share->id) return client->terms->groups.v[i]->name;
    return client->name;
}

static enum step_result refuse(struct request *req, const struct share *share, enum stats_limit limit)
{
    bool number = limit == STATS_LIMIT_REQUESTS;
    uint64_t most = number ? atomic_load_explicit(&share->quota->max_requests, memory_order_relaxed)
                           : bucket_rate(share->quota->rates[QUOTA_REQUESTS]);

    share_note(&req->worker->shares, share, limit);
    return request_fail(req, ERR_LIMIT, "Please reduce your request rate: this proxy lets %s %s %s %llu requests%s.",
                        kind_word(share), name_of(req, share), number ? "have at most" : "begin",
                        (unsigned long long)most, number ? " at once" : " a second");
}

/* --- what counts for it --- */

/* False: out of memory. */
static bool add_share(struct request *req, enum standing_kind kind, uint32_t id, const struct limits_conf *conf)
{
    struct admission *a = req->limits;
    struct share *share = shares_get(&req->worker->shares, kind, id, conf);

    if (!share) return false;
    a->shares[a->n++] = share;
    pace_add(&a->begin, &share->rates[QUOTA_REQUESTS]);
    pace_add(&a->upload, &share->rates[QUOTA_UPLOAD]);
    pace_add(&a->download, &share->rates[QUOTA_DOWNLOAD]);
    return true;
}

static bool add_client(struct request *req, const struct principal_conf *client)
{
    const struct principal_terms *terms = client->terms;
    bool fine = !limits_any(&terms->each) || add_share(req, STANDING_PRINCIPAL, client->id, &terms->each);

    for (size_t i = 0; i < terms->groups.n; i++)
        if (limits_any(&terms->groups.v[i]->limits))
            fine = fine && add_share(req, STANDING_GROUP, terms->groups.v[i]->id, &terms->groups.v[i]->limits);
    return fine;
}

/* False: out of memory. */
static bool add_line(struct request *req, const struct line_conf *line)
{
    struct admission *a = req->limits;
    struct limits_conf conf = quota_of_line(line);
    struct share *share = shares_get(&req->worker->shares, STANDING_LINE, line->id, &conf);

    if (!share) return false;
    a->line = line->id;
    pace_add(&a->upload, &share->rates[QUOTA_UPLOAD]);
    pace_add(&a->download, &share->rates[QUOTA_DOWNLOAD]);
    return true;
}

static void pace_begin(struct request *req, struct pace *p)
{
    const struct principal_conf *client = who(req);

    p->wake = req->wake;
    p->owner = client ? client->id : STANDING_NONE;
}

static const struct line_conf *line_of(const struct request *req)
{
    return req->route.endpoint ? req->route.endpoint->line : NULL;
}

/* STEP_NEXT with req->limits NULL: nothing counts. */
static enum step_result collect(struct request *req)
{
    const struct principal_conf *client = who(req);
    const struct listener_conf *listener = req->session->listener;
    bool client_limited = client && client->terms->limited, fine = true;

    if (!client_limited && !limits_any(&listener->limits) && !line_of(req)) return STEP_NEXT;
    req->limits = arena_alloc(&req->arena, sizeof(*req->limits));
    if (!req->limits) return request_fail(req, ERR_NO_MEMORY, "limits");
    *req->limits = (struct admission){0};
    pace_begin(req, &req->limits->begin);
    pace_begin(req, &req->limits->upload);
    pace_begin(req, &req->limits->download);
    if (client_limited) fine = add_client(req, client);
    if (fine && limits_any(&listener->limits))
        fine = add_share(req, STANDING_LISTENER, listener->id, &listener->limits);
    if (fine && line_of(req)) fine = add_line(req, line_of(req));
    return fine ? STEP_NEXT : request_fail(req, ERR_NO_MEMORY, "limits");
}

/* It goes on to another endpoint. */
static enum step_result change_line(struct request *req)
{
    struct admission *a = req->limits;
    const struct line_conf *line = line_of(req);

    if (a->line == (line ? line->id : STANDING_NONE)) return STEP_NEXT;
    pace_leave(&a->upload);
    pace_leave(&a->download);
    a->upload.n = a->download.n = a->n;
    a->line = STANDING_NONE;
    return !line || add_line(req, line) ? STEP_NEXT : request_fail(req, ERR_NO_MEMORY, "limits");
}

/* --- letting in --- */

/* One more request at once, for each that counts. */
static enum step_result enter(struct request *req)
{
    struct admission *a = req->limits;

    for (; a->entered < a->n; a->entered++)
        if (!quota_enter(a->shares[a->entered]->quota)) return refuse(req, a->shares[a->entered], STATS_LIMIT_REQUESTS);
    return STEP_NEXT;
}

/* Where it waits. */
static struct share *waits_at(const struct admission *a)
{
    return a->shares[a->begin.at - a->begin.gates];
}

/* More wait there already than can begin in time. */
static bool is_crowded(const struct share *share)
{
    const struct pacer *p = &share->rates[QUOTA_REQUESTS];

    return p->turns.n > bucket_rate(p->bucket) * WAIT_MOST_S;
}

static enum step_result begin(struct request *req)
{
    struct admission *a = req->limits;
    bool waited = a->begin.at;

    if (a->begin.n && !pace_ask(&a->begin, 1)) {
        struct share *share = waits_at(a);

        if (waited ? !admit_check_time(req) : !is_crowded(share)) return STEP_WAIT;
        return refuse(req, share, STATS_LIMIT_RATE);
    }
    pace_used(&a->begin, 1);
    a->begun = true;
    return STEP_NEXT;
}

enum step_result step_admit(struct request *req)
{
    enum step_result r = STEP_NEXT;

    if (!req->limits) {
        r = collect(req);
        if (r == STEP_NEXT && req->limits) r = enter(req);
    }
    if (r == STEP_NEXT && req->limits) r = req->limits->begun ? change_line(req) : begin(req);
    return r == STEP_NEXT && req->tunnel ? request_goto(req, STEP_tunnel) : r;
}

bool admit_check_time(struct request *req)
{
    const struct admission *a = req->limits;

    return a && a->begin.at && req->worker->loop.now_us - a->begin.since_us > WAIT_MOST_S * 1000000LL;
}

uint64_t admit_waited_us(const struct request *req)
{
    const struct admission *a = req->limits;

    return a ? a->begin.waited_us + a->upload.waited_us + a->download.waited_us : 0;
}

void admit_end(struct request *req)
{
    struct admission *a = req->limits;

    if (!a) return;
    pace_leave(&a->begin);
    pace_leave(&a->upload);
    pace_leave(&a->download);
    while (a->entered)
        quota_leave(a->shares[--a->entered]->quota);
    req->limits = NULL; /* its memory goes with the arena */
}
