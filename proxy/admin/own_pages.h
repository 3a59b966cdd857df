/* SPDX-License-Identifier: Apache-2.0
 * own_pages.h: what those need who are to use the proxy, as its forward listeners show it (flow/own_pages.h), at
 * [admin] listen, too: routes of http_route.c. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_OWN_PAGES_H
#define S3ONRAMP_ADMIN_OWN_PAGES_H

#include "http_call.h"

/* 404: there is no local authority. */
void own_pages_show_authority(struct http_call *c);
/* Of the first forward listener. 404: there is none; 400: under the name that it was asked by none can be made. */
void own_pages_show_pac(struct http_call *c);

#endif
