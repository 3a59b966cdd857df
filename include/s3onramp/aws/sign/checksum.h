/* SPDX-License-Identifier: Apache-2.0
 * checksum.h: S3's object checksums, streaming: CRC32, CRC32C, CRC64NVME, SHA1, SHA256. Pure; a struct checksum belongs
 * to one thread. Source: S3 User Guide, "Checking object integrity". Values are base64 of the big-endian bytes.
 */
#ifndef S3ONRAMP_AWS_SIGN_CHECKSUM_H
#define S3ONRAMP_AWS_SIGN_CHECKSUM_H

#include "aws/sign/digest.h"

enum checksum_kind {
    CHECKSUM_NONE,
    CHECKSUM_CRC32,
    CHECKSUM_CRC32C,
    CHECKSUM_CRC64NVME,
    CHECKSUM_SHA1,
    CHECKSUM_SHA256
};

struct checksum {
    enum checksum_kind kind;
    uint64_t crc;
    struct digest_stream sha; /* owned: begun for SHA kinds */
};

/* "x-amz-checksum-crc32" etc.; empty for CHECKSUM_NONE. Static. */
struct str checksum_trailer_name(enum checksum_kind kind);
/* "x-amz-checksum-crc32" etc., any case; CHECKSUM_NONE if it is not one of ours. */
enum checksum_kind checksum_kind_of(struct str header_name);
/* Length of a value as text: base64 with padding. 0 for CHECKSUM_NONE. */
size_t checksum_text_bytes(enum checksum_kind kind);
MUST_CHECK bool checksum_init(struct checksum *c, enum checksum_kind kind); /* false: out of memory */
void checksum_add(struct checksum *c, const char *data, size_t n);
/* base64 of the value so far into @b; ends a SHA (call once). */
void checksum_end(struct checksum *c, struct sbuf *b);
void checksum_clear(struct checksum *c);

#endif
