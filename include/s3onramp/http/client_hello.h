/* SPDX-License-Identifier: Apache-2.0
 * client_hello.h: looks into the first message of a TLS client for the server name it asks for, without taking part in
 * the handshake. Pure; any thread. Owns nothing.
 * Source: RFC 8446 4.1.2 (ClientHello), 5.1 (record layer), RFC 6066 3 (server_name).
 */
#ifndef S3ONRAMP_HTTP_CLIENT_HELLO_H
#define S3ONRAMP_HTTP_CLIENT_HELLO_H

#include "base/err.h"
#include "base/str.h"

enum {
    CLIENT_HELLO_MAX = 16 * 1024, /* longest message that is looked at; today's are below 2 KiB */
    CLIENT_HELLO_NAME_MAX = 255,
    CLIENT_HELLO_RECORD = 0x16, /* first byte of a TLS connection */
};

enum client_hello_result { CLIENT_HELLO_MORE, CLIENT_HELLO_DONE, CLIENT_HELLO_BAD };

/* Zero it before each connection. */
struct client_hello {
    size_t at;                            /* where the first record that is not there as a whole begins */
    size_t have;                          /* bytes of handshake messages in the records before it */
    char name[CLIENT_HELLO_NAME_MAX + 1]; /* the server name in lower case, NUL-terminated; "" if none is asked for */
};

/* @p: all bytes of the connection so far, the same start at each call, @n of them. CLIENT_HELLO_BAD: they are not, and
 * will not become, a ClientHello (ERR_CLIENT_TLS, @err says why). */
MUST_CHECK enum client_hello_result client_hello_scan(struct client_hello *h, const char *p, size_t n, struct err *err);

#endif
