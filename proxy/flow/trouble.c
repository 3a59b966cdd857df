/* SPDX-License-Identifier: Apache-2.0
 * trouble.c: see trouble.h.
 */
#include "flow/trouble.h"

#include "flow/session.h"

const char *trouble_party_name(enum trouble_party party)
{
    static const char *const names[TROUBLE_PARTIES] = {[TROUBLE_NOBODY] = "nobody",
                                                       [TROUBLE_US] = "us",
                                                       [TROUBLE_NETWORK] = "network",
                                                       [TROUBLE_AWS] = "aws",
                                                       [TROUBLE_CLIENT] = "client"};

    return names[party];
}

/* Answers that programs ask for: is it there, has it changed? */
static bool is_ordinary(unsigned status)
{
    return status < 400 || status == 404 || status == 412 || status == 416;
}

enum trouble_party trouble_party(enum err_code code, unsigned status, struct str s3_error)
{
    static const enum trouble_party parties[] = {[BLAME_NONE] = TROUBLE_NOBODY,
                                                 [BLAME_CLIENT] = TROUBLE_CLIENT,
                                                 [BLAME_UPSTREAM] = TROUBLE_NETWORK,
                                                 [BLAME_CONFIG] = TROUBLE_US,
                                                 [BLAME_SELF] = TROUBLE_US};

    if (code == ERR_UPSTREAM_BAD) return TROUBLE_AWS;
    if (code != ERR_NONE) return parties[err_info(code)->blame];
    if (is_ordinary(status)) return TROUBLE_NOBODY;
    /* 403: the role, the bucket's policy or the endpoint's says no, which only somebody at AWS can change */
    return status >= 500 || status == 403 || str_eq(s3_error, STR("SlowDown")) ? TROUBLE_AWS : TROUBLE_CLIENT;
}

static void copy(char *to, size_t cap, struct str from)
{
    struct str part = str_head(from, cap - 1);

    if (part.n) memcpy(to, part.p, part.n);
    to[part.n] = '\0';
}

static const struct principal_conf *caller_of(const struct request *req)
{
    return req->who.caller ? req->who.caller : req->who.user;
}

static bool is_of(const struct trouble *t, const struct trouble *like)
{
    return t->code == like->code && t->client == like->client && t->endpoint == like->endpoint &&
           strcmp(t->s3_error, like->s3_error) == 0;
}

/* The row for it: one of the same kind, else a new one, else that which was not seen for longest. */
static struct trouble *find_row(struct troubles *t, const struct trouble *like)
{
    struct trouble *oldest = &t->v[0];

    for (size_t i = 0; i < t->n; i++) {
        if (is_of(&t->v[i], like)) return &t->v[i];
        if (t->v[i].last_us < oldest->last_us) oldest = &t->v[i];
    }
    if (t->n < TROUBLES) oldest = &t->v[t->n++];
    *oldest = *like;
    return oldest;
}

static void take_example(struct trouble *t, const struct request *req)
{
    const struct principal_conf *who = caller_of(req);

    t->status = req->reply.status;
    t->operation = req->in.operation ? req->in.operation->name : NULL;
    memcpy(t->id, req->id, sizeof(t->id));
    memcpy(t->address, req->retry.address, sizeof(t->address));
    netaddr_format(&req->session->peer, t->peer);
    copy(t->name, sizeof(t->name), who ? str_from(who->name) : req->who.user_tried);
    copy(t->bucket, sizeof(t->bucket), req->in.bucket);
    copy(t->key, sizeof(t->key), req->in.key);
    copy(t->detail, sizeof(t->detail), str_from(req->err.code != ERR_NONE ? req->err.detail : NULL));
}

void trouble_note(struct troubles *t, const struct request *req)
{
    enum err_code code = req->err.code;
    struct trouble like = {.party = trouble_party(code, req->reply.status, req->relay.s3_error), .code = code}, *row;
    const struct principal_conf *who = caller_of(req);
    int64_t now_us;

    if (like.party == TROUBLE_NOBODY) return;
    t->counted[like.party]++;
    if (code == ERR_NONE) copy(like.s3_error, sizeof(like.s3_error), req->relay.s3_error);
    like.client = who ? who->id : STANDING_NONE;
    like.endpoint = req->route.endpoint ? req->route.endpoint->id : STANDING_NONE;
    row = find_row(t, &like);
    now_us = clock_wall_us();
    if (!row->count || now_us - row->last_us > TROUBLE_GAP_S * INT64_C(1000000)) {
        row->count = 0;
        row->first_us = now_us;
    }
    row->count++;
    row->last_us = now_us;
    take_example(row, req);
}
