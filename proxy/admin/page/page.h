/* SPDX-License-Identifier: Apache-2.0
 * page.h: page.html, which is part of the program. Control thread.
 */
#ifndef S3ONRAMP_ADMIN_PAGE_H
#define S3ONRAMP_ADMIN_PAGE_H

#include "http_call.h"

/* Answers with the page. It holds no data: it asks for them itself, with the token that its reader types in. */
void page_show(struct http_call *c);

#endif
