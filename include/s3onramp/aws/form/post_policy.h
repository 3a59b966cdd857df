/* SPDX-License-Identifier: Apache-2.0
 * post_policy.h: the policy document of a browser form: what its signer allowed. Pure: time is a parameter; any thread.
 * Owns nothing. Source: Amazon S3 API Reference, "POST Policy"; texts of errors as S3 sends them.
 */
#ifndef S3ONRAMP_AWS_FORM_POST_POLICY_H
#define S3ONRAMP_AWS_FORM_POST_POLICY_H

#include "aws/form/post_form.h"

struct post_policy {
    bool has_range; /* a content-length-range was there; several: what all of them allow */
    uint64_t min_bytes, max_bytes;
};

/* Checks @form (after FORM_FILE) against its policy, whose signature has been verified. @base64: the policy's text as
 * it was signed. @bucket: the one the form is posted to; the policy must have a condition for it. Field names are
 * compared without case, values with it, both as they are in @form. What the size of the file must be is left in *@out.
 * ERR_FORM_POLICY_INVALID: not base64, not JSON (repeated names, nesting, other types), no expiration or conditions.
 * ERR_FORM_POLICY_FAILED: expired, a condition does not hold (one for a field that is not there never does), or a field
 * has no condition; the text says which. ERR_NO_MEMORY. */
MUST_CHECK enum err_code post_policy_check(struct str base64, const struct post_form *form, struct str bucket,
                                           int64_t now_s, struct post_policy *out, struct err *err);

/* ERR_ENTITY_TOO_LARGE, ERR_ENTITY_TOO_SMALL if a file of @file_bytes is outside the range. */
MUST_CHECK enum err_code post_policy_size(const struct post_policy *policy, uint64_t file_bytes, struct err *err);

#endif
