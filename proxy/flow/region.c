/* SPDX-License-Identifier: Apache-2.0
 * region.c: which Region a bucket is in, learned from answers, and requests for another Region than the one they went
 * to: sent on to the endpoint that serves it. One worker.
 * Source: S3 API Reference, "Error responses" (PermanentRedirect, TemporaryRedirect, AuthorizationHeaderMalformed);
 * S3 User Guide, "AWS PrivateLink for Amazon S3" (no copies between Regions).
 *
 * S3 refuses such a request before it does anything, so that any method may be sent again. A body must still be in the
 * buffer; one that is too large for that is asked for with Expect first, while the bucket's Region is not known.
 */
#include "region.h"

#include "base/log.h"
#include "flow/policy.h"
#include "flow/reply.h"
#include "flow/session.h"
#include "flow/worker.h"
#include "retry.h"

enum { MOST_MOVES = 2, SMALL_BODY = 48 * 1024 };

static bool names_bucket(const struct request *req)
{
    return req->in.s3.service == S3_BUCKETS && req->in.bucket.n &&
           !str_eq(str_from(req->in.operation->name), STR("CreateBucket"));
}

void region_learn(struct request *req, struct str region)
{
    if (names_bucket(req)) region_cache_put(req->worker->regions, req->in.bucket, region);
}

/* Same body rules: what was planned for one endpoint holds for the other. */
static bool same_body(const struct request *req, const struct endpoint_conf *to)
{
    return req->in.head->body == BODY_NONE || !req->out.body_planned ||
           (req->route.endpoint->trailers == to->trailers && req->route.endpoint->payload == to->payload);
}

/* The endpoint that serves @region instead of the one chosen, or NULL: there is none, or none may be taken. A listener
 * that is bound to one endpoint stays there; keys of one partition are unknown in another. */
static const struct endpoint_conf *other_endpoint(const struct request *req, struct str region)
{
    const struct endpoint_conf *to = settings_endpoint_for_region(request_settings(req), region);

    if (!to || to == req->route.endpoint || req->who.auth == AUTH_FOREIGN || !names_bucket(req)) return NULL;
    if (str_eq(str_from(req->route.endpoint->region), region)) return NULL;
    if (req->in.own_name && req->session->listener->endpoint) return NULL;
    if (strcmp(to->suffix, req->route.endpoint->suffix) != 0 || (req->in.s3.fips && !to->fips)) return NULL;
    return same_body(req, to) ? to : NULL;
}

static void move(struct request *req, const struct endpoint_conf *to)
{
    if (!req->route.region_from.n) req->route.region_from = str_from(req->route.endpoint->region);
    req->route.endpoint = to;
}

void region_route(struct request *req)
{
    struct str known = names_bucket(req) ? region_cache_get(req->worker->regions, req->in.bucket) : STR_NONE;
    const struct endpoint_conf *to = known.n ? other_endpoint(req, known) : NULL;

    if (to) move(req, to);
}

/* Where redirects lead; the name itself may be public, only its Region counts. */
static struct str region_of_url(struct request *req, struct str url)
{
    size_t scheme = str_find(url, STR("://"));
    struct sbuf lower = arena_sbuf(&req->arena, url.n + 1);
    struct str host = scheme == SIZE_MAX ? url : str_tail(url, scheme + 3);
    struct s3_host parts;

    sbuf_lower(&lower, str_head(host, str_index(host, '/')));
    if (lower.overflow || s3_host_parse(sbuf_str(&lower), &parts, NULL) != ERR_NONE) return STR_NONE;
    return parts.region;
}

struct str region_of_head(struct request *req)
{
    const struct headers *all = &req->relay.answer->headers;
    const struct header *region = headers_find(all, HDR_X_AMZ_BUCKET_REGION), *to = headers_find(all, HDR_LOCATION);

    if (region) return s3_region_valid(region->value) ? region->value : STR_NONE;
    return to && head_is_redirect(req->relay.answer->status) ? region_of_url(req, to->value) : STR_NONE;
}

struct str region_of_document(struct request *req, struct str document)
{
    struct str region = s3_error_text_in(document, STR("Region"));

    if (!region.n) region = region_of_url(req, s3_error_text_in(document, STR("Endpoint")));
    return s3_region_valid(region) ? arena_dup(&req->arena, region) : STR_NONE;
}

enum step_result region_correct(struct request *req, struct str region)
{
    const struct endpoint_conf *from = req->route.endpoint, *to = other_endpoint(req, region);
    unsigned status = req->relay.answer->status;
    char ctx[256];

    if (!head_is_redirect(status) && status != 400) return STEP_NEXT;
    if (!to || !req->relay.replay || req->route.moves >= MOST_MOVES) return STEP_NEXT;
    LOG_CTX(LOG_INFO, request_log_ctx(req, ctx, sizeof(ctx)),
            "bucket %.*s is in Region %.*s, not %s: sent on from [endpoint %s] to [endpoint %s]",
            STR_ARG(str_head(req->in.bucket, 64)), STR_ARG(region), from->region, from->name, to->name);
    req->route.moves++;
    retry_note(req, RETRY_REGION);
    if (req->in.head->body == BODY_NONE) req->out.body_planned = false;
    retry_rewind(req);
    move(req, to);
    req->retry.tried = 0;
    req->retry.fresh_only = false;
    req->out.lease.refused = 0; /* that endpoint may be signed for with other keys */
    return request_goto(req, STEP_choose_route);
}

bool region_asks_first(const struct request *req)
{
    const struct settings *s = request_settings(req);
    bool large = req->in.head->body == BODY_CHUNKED || req->in.head->content_length > SMALL_BODY;

    if (!large || req->out.body_first || req->who.auth == AUTH_FOREIGN || !names_bucket(req)) return false;
    if (region_cache_get(req->worker->regions, req->in.bucket).n) return false;
    for (size_t i = 0; i < s->endpoints_n; i++)
        if (other_endpoint(req, str_from(s->endpoints[i].region))) return true;
    return false;
}

/* arn:PARTITION:s3:REGION:ACCOUNT:… says it itself; a bucket may be known. */
static struct str region_of_source(struct request *req, struct str source)
{
    struct str rest = source, item = STR_NONE;
    struct str bucket;

    if (policy_copy_bucket(req, source, &bucket) != STEP_NEXT) return STR_NONE;
    if (!str_starts(bucket, STR("arn:"))) return region_cache_get(req->worker->regions, bucket);
    rest = bucket;
    for (size_t i = 0; i < 4; i++)
        if (!str_split(&rest, ':', &item)) return STR_NONE;
    return item;
}

enum step_result region_check_copy(struct request *req)
{
    const struct header *source = headers_find(&req->in.head->headers, HDR_X_AMZ_COPY_SOURCE);
    struct str region;

    if (!source || req->who.auth == AUTH_FOREIGN) return STEP_NEXT;
    region = region_of_source(req, source->value);
    if (!region.n || str_eq(region, str_from(req->route.endpoint->region))) return STEP_NEXT;
    return request_fail(req, ERR_COPY_REGION,
                        "PrivateLink for S3 cannot copy between Regions: the source is in %.*s, and this copy would "
                        "go to %s. Download the object and upload it instead.",
                        STR_ARG(str_head(region, REGION_MAX)), req->route.endpoint->region);
}
