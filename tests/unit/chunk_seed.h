/* SPDX-License-Identifier: Apache-2.0
 * chunk_seed.h: signatures of chunked bodies begun with the key of the documented examples, for the tests of what
 * writes chunks and of what reads them. Included by one file of a program.
 */
#ifndef S3ONRAMP_UNIT_CHUNK_SEED_H
#define S3ONRAMP_UNIT_CHUNK_SEED_H

#include "aws/sign/sigv4.h"
#include "aws/sign/sigv4_chunk.h"
#include "base/attrib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct digest *d;
static struct sigv4_keys *keys;

static int set_up(void **state UNUSED)
{
    d = digest_new();
    keys = sigv4_keys_new(1);
    assert_true(d && keys);
    return 0;
}

static int tear_down(void **state UNUSED)
{
    sigv4_keys_free(&keys);
    digest_free(&d);
    return 0;
}

static void begin_signature(struct chunk_signature *cs, const char *seed)
{
    const struct hmac_key *key =
        sigv4_key(keys, d, STR("AKIAIOSFODNN7EXAMPLE"), STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                  STR("20130524"), STR("us-east-1"), STR("s3"));
    assert_non_null(key);
    assert_true(chunk_signature_begin(cs, d, key, STR("20130524T000000Z"), STR("20130524"), STR("us-east-1"), STR("s3"),
                                      str_make(seed, SHA256_HEX)));
}

#endif
