/* SPDX-License-Identifier: Apache-2.0
 * chunk_filter.h: the filter for aws-chunked bodies that come in: framing taken off, or passed on and checked. The last
 * byte waits until lengths, signatures and trailers were judged. Private to the flow layer. One worker.
 */
#ifndef S3ONRAMP_FLOW_BODY_CHUNK_FILTER_H
#define S3ONRAMP_FLOW_BODY_CHUNK_FILTER_H

#include "aws/sign/sigv4_chunk.h"
#include "flow/body/filter.h"

/* Lives in a request's arena. */
struct chunk_filter {
    struct filter filter;
    struct aws_chunked chunked;
    bool decode; /* framing is taken off */
};

/* Behind those in *@first. @f->chunked and @f->decode: set. */
void chunk_filter_add(struct filter **first, struct chunk_filter *f);

#endif
