/* SPDX-License-Identifier: Apache-2.0
 * own_pages.h: what a listener answers itself, without S3: whether it is there, the local authority's revocation
 * list, and on forward listeners its certificate and a proxy auto-configuration. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_OWN_PAGES_H
#define S3ONRAMP_FLOW_OWN_PAGES_H

#include "flow/request.h"

/* Does @req ask for one? Then it goes to the step own_page. */
bool own_pages_are_asked(const struct request *req);
/* Was it answered with one? */
bool own_pages_have(const struct operation *operation);

#endif
