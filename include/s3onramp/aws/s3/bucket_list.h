/* SPDX-License-Identifier: Apache-2.0
 * bucket_list.h: the answer of ListBuckets, less the buckets that its reader may not see, while it streams by: in one
 * pass, in place, and never more of it held than one bucket's element. Pure; one thread per list.
 * Source: Amazon S3 API Reference, "ListBuckets", response syntax.
 */
#ifndef S3ONRAMP_AWS_S3_BUCKET_LIST_H
#define S3ONRAMP_AWS_S3_BUCKET_LIST_H

#include "base/err.h"
#include "base/str.h"

enum { BUCKET_LIST_HELD = 8 * 1024 }; /* an element that is longer is refused */

struct bucket_list;

/* @shows: may @bucket be seen? @data is given to it. NULL: no memory. */
MUST_CHECK struct bucket_list *bucket_list_new(bool (*shows)(void *data, struct str bucket), void *data);
void bucket_list_free(struct bucket_list **l);
/* The next bytes of the document. @data: what bucket_list_held() told, once more, and new bytes behind them; *@n bytes
 * in all. What may be seen is moved to @data: *@n bytes, of which the last bucket_list_held() are not decided yet.
 * ERR_UPSTREAM_BAD: not well-formed, or no list of buckets: nothing more of it may be shown. */
MUST_CHECK enum err_code bucket_list_push(struct bucket_list *l, char *data, size_t *n, struct err *err);
size_t bucket_list_held(const struct bucket_list *l);
/* The document has ended. ERR_UPSTREAM_BAD: it is not whole. Then, and only then, something is held. */
MUST_CHECK enum err_code bucket_list_finish(struct bucket_list *l, struct err *err);

#endif
