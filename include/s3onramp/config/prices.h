/* SPDX-License-Identifier: Apache-2.0
 * prices.h: what AWS asks for, as an administrator wrote it down: a file of one section per Region (conf/prices.ini
 * says what may stand there). Money is whole numbers: billionths of the currency's unit. Any thread.
 */
#ifndef S3ONRAMP_CONFIG_PRICES_H
#define S3ONRAMP_CONFIG_PRICES_H

#include "base/str.h"

#include <stdio.h>

enum { PRICES_TIERS = 8, PRICES_REGION = 64, PRICES_NANO = 1000000000 };

/* Up to so many bytes of the month (UINT64_MAX: all others) a GB, 2^30 bytes, costs so much. */
struct price_tier {
    uint64_t up_to, nano;
};

struct price_tiers { /* ascending, the last one without an end; n == 0: for nothing */
    size_t n;
    struct price_tier v[PRICES_TIERS];
};

struct price_region {
    char name[PRICES_REGION];
    uint64_t zone_hour;                    /* of an interface endpoint, each zone */
    struct price_tiers data, transfer_out; /* of what the endpoints process; of what leaves AWS to the site */
    struct price_tiers cross_zone;         /* of what goes through other zones than home_zone */
    struct price_tiers cross_region;       /* of all, where the Region is not home_region */
    uint64_t put_1000, get_1000;           /* requests */
    char home_zone[PRICES_REGION];         /* "": zones cost nothing more */
};

struct prices {
    char currency[8], date[16];
    char home_region[PRICES_REGION]; /* "": Regions cost nothing more */
    struct price_region *v;          /* owned */
    size_t n;
};

/* Reads @path. NULL: it cannot be used, and every problem was written to @problems, a line each: "FILE:LINE: …". */
MUST_CHECK struct prices *prices_load(const char *path, FILE *problems);
/* The same of a stream; @name: of the file, for problems. */
MUST_CHECK struct prices *prices_read(FILE *in, const char *name, FILE *problems);
void prices_free(struct prices **p); /* NULL is fine */
/* NULL: it has no section. */
const struct price_region *prices_of(const struct prices *p, struct str region);
/* What so many bytes of a month cost, rounded once, to the nearest; UINT64_MAX: more than can be said. */
uint64_t price_of_bytes(const struct price_tiers *t, uint64_t bytes);
/* @n × @nano / @per, the same. */
uint64_t price_of_number(uint64_t n, uint64_t nano, uint64_t per);

#endif
