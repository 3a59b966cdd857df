/* SPDX-License-Identifier: Apache-2.0
 * router.h: of the steps find_target and choose_route what others ask. One worker.
 */
#ifndef S3ONRAMP_FLOW_ROUTER_H
#define S3ONRAMP_FLOW_ROUTER_H

#include "flow/request.h"

/* Where @req goes or would go: by its host, its listener, the Region of its signature, else the default; NULL: there
 * is none. */
const struct endpoint_conf *router_endpoint(const struct request *req);
/* Is @host, in any case, a name of the listener's own? Then @bucket is what stands before it (host style), or empty. */
bool router_own_name(const struct listener_conf *l, struct str host, struct str *bucket);
/* Would requests for @host that come straight to the listener be served? */
bool router_serves_name(const struct settings *s, const struct listener_conf *l, struct str host);
/* The path once decoded, into *@path; a raw '+' in it is a blank or itself. Whether the endpoint reads it so. Makes
 * @path, in one of these readings, what the request is about. */
enum step_result router_read_path(struct request *req, bool plus_is_blank, struct str *path);
bool router_plus_is_blank(const struct request *req);
void router_take_path(struct request *req, struct str path);
/* The endpoint for an S3 host name; NULL with the reason in @err. For CONNECT and for requests. */
const struct endpoint_conf *router_endpoint_for_host(const struct settings *s, const struct s3_host *host,
                                                     struct str name, struct err *err);

#endif
