/* SPDX-License-Identifier: Apache-2.0
 * flow.h: the small doors between flow's files that belong to no struct of their own. One worker.
 */
#ifndef S3ONRAMP_FLOW_FLOW_H
#define S3ONRAMP_FLOW_FLOW_H

#include "flow/request.h"

/* tunnel.c: decides about CONNECT, and answers it or begins a tunnel. */
enum step_result tunnel_connect(struct request *req);
/* The same for TLS on a redirect listener, by the name in client->hello. */
enum step_result tunnel_redirected(struct request *req);
/* Brings req->tunnel up. */
enum step_result tunnel_open(struct request *req);
/* access_log.c: one line for @req, into the worker's buffer. */
void access_log_write(struct request *req);
/* auth_sigv4.c: sigv4_verify() of @in, whose host is req->authority; if that fails, with the other reading of its port.
 * @in then holds the one that verified, if any did. */
MUST_CHECK enum err_code auth_verify_sigv4(struct request *req, const struct hmac_key *key, struct sigv4_input *in,
                                           const struct sigv4_auth *auth, struct str timestamp, struct str *canonical,
                                           struct str *string_to_sign, struct err *err);
/* policy.c: may @caller do @operation on @bucket? For tests as well. */
bool policy_allows(const struct policy_conf *policy, const struct operation *operation, struct str bucket);
/* policy.c: the bucket in the value of x-amz-copy-source (the whole ARN if it is one). */
enum step_result policy_copy_bucket(struct request *req, struct str value, struct str *bucket);
/* waiting.c, the one judge of silence. The clocks of @req start: its first byte came. */
void waiting_begin(struct request *req);
/* @req goes to the endpoint, or goes again, on req->up. */
void waiting_for_endpoint(struct request *req);
/* Once a tick, after the head: ERR_NONE, or what it is to be aborted with, and why. */
enum err_code waiting_check(struct request *req, const char **why);
/* Once a tick, for a client that lingers: true if it takes its last bytes no more. */
bool waiting_for_reader(struct request *req);
/* Once a tick: microseconds for which nothing moved in @req's tunnel, either way. */
int64_t waiting_for_tunnel(struct request *req);
/* upstream.c: the endpoint's side of a running exchange shows no sign of life any more. */
bool upstream_is_dead(const struct request *req);
/* upstream.c: the endpoint did not answer Expect in time: for some minutes only new connections are used for what would
 * be asked for. */
void upstream_is_mute(struct request *req);
/* relay.c: 100 Continue has not come in time: the body goes out without; on a kept connection that may be dead the
 * request goes out once more, on a new one. True: go on with the request. */
bool relay_stop_holding(struct request *req);

/* retry.c: if the connection is closed under @req, all of it can be sent again. */
bool retry_survives_loss(const struct request *req);
/* The connection ended without a byte of an answer: sent again (STEP_GOTO), or STEP_FAIL. */
enum step_result retry_gone(struct request *req, enum conn_result why);
/* STEP_GOTO: the answer of @status is thrown away and the request sent again; STEP_NEXT: it counts. */
enum step_result retry_status(struct request *req, unsigned status);
/* As it was before the step sign; what was sent of the body will be sent again. */
void retry_rewind(struct request *req);
/* The document of a refusal has @code. STEP_GOTO: it is about keys of ours that can be renewed, and the request is sent
 * again with newer ones; STEP_NEXT: it counts. */
enum step_result retry_keys(struct request *req, struct str code);
void retry_note(struct request *req, const char *reason); /* for the access line */

/* blame.c: @document (empty: there is none) refuses what the proxy itself did, not what the client did: STEP_FAIL, in
 * the proxy's own words. */
enum step_result blame_judge(struct request *req, struct str document);

/* region.c: remembers where the request's bucket is. */
void region_learn(struct request *req, struct str region);
/* Another endpoint, if the bucket is known to be elsewhere. */
void region_route(struct request *req);
/* The Region that an answer's head or document speaks of, in the arena or the head; empty: none. */
struct str region_of_head(struct request *req);
struct str region_of_document(struct request *req, struct str document);
/* The answer says that the bucket is in @region. STEP_GOTO: the request is sent to the endpoint there; STEP_NEXT: the
 * answer counts. */
enum step_result region_correct(struct request *req, struct str region);
/* Is the answer about the Region to be waited for before a body is sent that could not be sent twice? */
bool region_asks_first(const struct request *req);
/* ERR_COPY_REGION if a copy's source is known to be elsewhere. */
enum step_result region_check_copy(struct request *req);

/* sign.c: which keys @req is signed with. */
size_t sign_key_slot(const struct request *req);
/* sign.c: the name that goes out as Host, in the arena, and whether the bucket stays in it; {NULL,0} when out of
 * memory. */
struct str sign_host(struct request *req, bool *host_style);
/* The path that goes out, in AWS's encoding, with the bucket moved into it when the host style cannot stay. */
struct str sign_path(struct request *req, bool host_style);
/* router.c: where @req goes or would go: by its host, its listener, the Region of its signature, else the default;
 * NULL: there is none. */
const struct endpoint_conf *router_endpoint(const struct request *req);
/* router.c: is @host, in any case, a name of the listener's own? Then @bucket is what stands before it (host style), or
 * empty. */
bool router_own_name(const struct listener_conf *l, struct str host, struct str *bucket);
/* Would requests for @host that come straight to the listener be served? */
bool router_serves_name(const struct settings *s, const struct listener_conf *l, struct str host);
/* router.c: the path once decoded, into *@path; a raw '+' in it is a blank or itself. Whether the endpoint reads it so.
 * Makes @path, in one of these readings, what the request is about. */
enum step_result router_read_path(struct request *req, bool plus_is_blank, struct str *path);
bool router_plus_is_blank(const struct request *req);
void router_take_path(struct request *req, struct str path);
/* router.c: the endpoint for an S3 host name; NULL with the reason in @err. For CONNECT and for requests. */
const struct endpoint_conf *router_endpoint_for_host(const struct settings *s, const struct s3_host *host,
                                                     struct str name, struct err *err);

#endif
