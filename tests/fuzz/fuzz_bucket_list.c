/* SPDX-License-Identifier: Apache-2.0
 * fuzz_bucket_list.c: any bytes as a list of buckets, in pieces of any size (the first byte says which). The verdict
 * and what is shown do not depend on the pieces, and what was left once is left again.
 */
#include "aws/s3/bucket_list.h"

#include <stdlib.h>

static bool shows(void *data UNUSED, struct str bucket)
{
    return str_index(bucket, 'x') == SIZE_MAX;
}

/* True: it was one; *@n bytes of @out are shown. */
static bool filter(struct str in, size_t step, char *out, size_t *n)
{
    struct bucket_list *l = bucket_list_new(shows, NULL);
    bool fine = true;

    ASSERT(l);
    *n = 0;
    for (size_t i = 0; fine && i < in.n; i += step) {
        size_t held = bucket_list_held(l), piece = in.n - i < step ? in.n - i : step, left = held + piece;

        memcpy(out + *n + held, in.p + i, piece);
        fine = bucket_list_push(l, out + *n, &left, NULL) == ERR_NONE;
        ASSERT(!fine || (left <= held + piece && bucket_list_held(l) <= left));
        if (fine) *n += left - bucket_list_held(l);
    }
    fine = fine && bucket_list_finish(l, NULL) == ERR_NONE;
    bucket_list_free(&l);
    return fine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t whole_n = 0, pieces_n = 0, again_n = 0;
    char *whole, *pieces, *again;

    if (n < 2 || n > BUCKET_LIST_HELD) return 0; /* longer: an element may be refused in pieces, and not whole */
    struct str in = str_make((const char *)data + 1, n - 1);
    whole = malloc(n);
    pieces = malloc(n);
    again = malloc(n);
    ASSERT(whole && pieces && again);
    if (filter(in, n, whole, &whole_n)) {
        ASSERT(filter(in, data[0] + 1U, pieces, &pieces_n));
        ASSERT(str_eq(str_make(whole, whole_n), str_make(pieces, pieces_n)));
        ASSERT(whole_n == 0 || filter(str_make(whole, whole_n), n, again, &again_n));
        ASSERT(str_eq(str_make(whole, whole_n), str_make(again, again_n)));
    } else {
        ASSERT(!filter(in, data[0] + 1U, pieces, &pieces_n));
    }
    free(whole);
    free(pieces);
    free(again);
    return 0;
}
