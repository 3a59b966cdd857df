/* SPDX-License-Identifier: Apache-2.0
 * bucket_filter.c: see bucket_filter.h. What cannot be read is never shown: 502, or, where a part of the list was shown
 * already, an answer that is broken off.
 */
#include "bucket_filter.h"

#include "aws/s3/bucket_list.h"
#include "aws/s3/partition.h"
#include "policy/decision.h"

struct bucket_filter {
    struct filter filter;
    struct bucket_list *list; /* borrowed: the request's */
};

static bool shows(void *data, struct str bucket)
{
    const struct request *req = data;
    const struct principal_terms *terms = req->who.caller->terms;

    return policy_reaches_bucket(terms->compiled, terms->policies_n, partition_name(req->policy.asked->region), bucket,
                                 &req->policy.asked->context);
}

bool bucket_filter_is_needed(const struct request *req)
{
    const struct principal_terms *terms = req->who.caller ? req->who.caller->terms : NULL;

    return terms && str_eq(str_from(req->in.operation->name), STR("ListBuckets")) &&
           !policy_reaches_all_buckets(terms->compiled, terms->policies_n);
}

static enum err_code push(struct filter *filter, char *data, size_t *n, struct err *err)
{
    return bucket_list_push(((struct bucket_filter *)filter)->list, data, n, err);
}

static enum err_code finish(struct filter *filter, const char *end UNUSED, struct err *err)
{
    return bucket_list_finish(((struct bucket_filter *)filter)->list, err);
}

static size_t held(const struct filter *filter)
{
    return bucket_list_held(((const struct bucket_filter *)filter)->list);
}

enum step_result bucket_filter_add(struct request *req)
{
    static const struct filter_ops ops = {push, finish, held, .again = true};
    const struct head_response *answer = req->relay.answer;
    struct bucket_filter *f = arena_alloc(&req->arena, sizeof(*f));

    if (answer->status != 200 || headers_find(&answer->headers, HDR_CONTENT_ENCODING))
        return request_fail(req, ERR_UPSTREAM_BAD,
                            "[endpoint %s] %s: the list of buckets came as a part or encoded (status %u)",
                            req->route.endpoint->name, req->retry.address, answer->status);
    req->relay.bucket_list = bucket_list_new(shows, req);
    if (!f || !req->relay.bucket_list) return request_fail(req, ERR_NO_MEMORY, "list of buckets");
    f->list = req->relay.bucket_list;
    filters_add(&req->relay.answer_filters, &f->filter, &ops);
    return STEP_NEXT;
}
