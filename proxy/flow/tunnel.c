/* SPDX-License-Identifier: Apache-2.0
 * tunnel.c: CONNECT on a forward listener: intercepted when the host is an S3 name of a configured endpoint, refused
 * otherwise. No socket is ever opened to the host that the client names. Source: RFC 9110 9.3.6, RFC 9112 3.2.3.
 */
#include "base/log.h"
#include "flow/flow.h"
#include "flow/worker.h"

static enum step_result answer_established(struct request *req)
{
    static const char text[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    size_t took;

    if (conn_write(&req->client->conn, text, sizeof(text) - 1, &took) != CONN_OK || took != sizeof(text) - 1)
        return request_fail(req, ERR_CLIENT_GONE, "%s", req->client->conn.error);
    req->status = 200;
    req->answered = true;
    req->step = STEP_finish - 1;
    return STEP_NEXT;
}

enum step_result tunnel_connect(struct request *req)
{
    struct client *c = req->client;
    struct str host;
    unsigned port;
    struct sbuf lower;

    if (c->listener->mode != LISTENER_FORWARD)
        return request_fail(req, ERR_NOT_A_PROXY, "CONNECT on endpoint listener %s", c->listener->name);
    if (c->authority) return request_fail(req, ERR_METHOD, "CONNECT inside CONNECT");
    if (uri_split(req->in->target, true, &req->uri, &req->err) != ERR_NONE) return STEP_FAIL;
    if (!uri_split_authority(req->uri.authority, &host, &port) || port == 0)
        return request_fail(req, ERR_BAD_REQUEST, "CONNECT needs host:port");
    lower = arena_sbuf(&req->arena, host.n + 1);
    sbuf_lower(&lower, host);
    if (lower.overflow) return request_fail(req, ERR_NO_MEMORY, "host");
    req->host = sbuf_str(&lower);
    if (s3_host_parse(req->host, &req->s3, &req->err) != ERR_NONE) return STEP_FAIL;
    if (!router_endpoint_for_host(req->worker->rt->settings, &req->s3, req->host, &req->err)) return STEP_FAIL;
    if (port != 443 && port != 80)
        return request_fail(req, ERR_PORT_REFUSED, "port %u: only 443 and 80 are S3's", port);
    if (!client_enter_tunnel(c, req->host)) return request_fail(req, ERR_NO_MEMORY, "tunnel");
    return answer_established(req);
}
