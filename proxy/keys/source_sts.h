/* SPDX-License-Identifier: Apache-2.0
 * source_sts.h: what the files of the kinds assume-role and web-identity share: source_sts.c (the course of a fetch)
 * and source_sts_post.c (what is sent). Private to the control layer. Control thread.
 */
#ifndef S3ONRAMP_CONTROL_SOURCE_STS_H
#define S3ONRAMP_CONTROL_SOURCE_STS_H

#include "aws/documents/sts.h"
#include "keys/source.h"

enum { STS_HEADERS = 6 };

/* A request as it goes out; the same to each address. Owned. */
struct sts_post {
    char *url, *authority; /* authority: for messages, too */
    struct str headers[STS_HEADERS];
    size_t headers_n;
    struct str body;
    char *memory; /* of headers and body: secret */
    size_t memory_n;
};
void sts_post_wipe(struct sts_post *p);  /* what is secret */
void sts_post_clear(struct sts_post *p); /* all */

/* What a source of these kinds was made with. Owned copies; NULL: not set. */
struct sts_role {
    enum sts_action action;
    char *role_arn, *session_name, *source_identity, *external_id, *token_file, *region;
    struct str_list tags;
    uint64_t duration_s;
};

/* Fills @p. @keys: whose signature it gets; NULL: none. @session: the name to be had. What source_identity and tags
 * have in braces is of context->client. The outcome is GOOD, or the reason is in @why. Reads the token file. */
enum source_outcome sts_post_make(struct sts_post *p, struct source *source, const struct sts_role *role,
                                  const struct key_set *keys, const char *session, char why[SOURCE_WHY]);

#endif
