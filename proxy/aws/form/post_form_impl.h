/* SPDX-License-Identifier: Apache-2.0
 * post_form_impl.h: what the files that implement aws/form/post_form.h share. Pure; any thread.
 */
#ifndef S3ONRAMP_AWS_POST_FORM_IMPL_H
#define S3ONRAMP_AWS_POST_FORM_IMPL_H

#include "aws/form/post_form.h"

/* RFC 9110 5.6.2; not empty. */
bool post_form_is_token(struct str s);
/* No byte that would end or break a header line: control bytes other than tab. */
bool post_form_is_text(struct str s);

#endif
