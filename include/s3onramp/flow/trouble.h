/* SPDX-License-Identifier: Apache-2.0
 * trouble.h: what went wrong lately, and whose fault it is: one row for each cause × client × endpoint, with the last
 * request as an example, so that a client that fails a thousand times hides nobody. A worker has a table of its own;
 * whoever looks gets a copy. One worker.
 */
#ifndef S3ONRAMP_FLOW_TROUBLE_H
#define S3ONRAMP_FLOW_TROUBLE_H

#include "flow/request.h"

/* Who is to blame: what a person on call asks first. */
enum trouble_party { TROUBLE_NOBODY, TROUBLE_US, TROUBLE_NETWORK, TROUBLE_AWS, TROUBLE_CLIENT, TROUBLE_PARTIES };
const char *trouble_party_name(enum trouble_party party); /* "nobody", "us", "network", "aws", "client" */

enum {
    TROUBLES = 32,       /* rows of a worker: what was seen last stays */
    TROUBLE_GAP_S = 600, /* after such a pause a row begins anew */
    TROUBLE_NAME = 80,
    TROUBLE_KEY = 128,
    TROUBLE_DETAIL = 256,
};

struct trouble {
    enum trouble_party party;
    enum err_code code;              /* what ended it here; ERR_NONE: S3's own answer did … */
    char s3_error[REQUEST_S3_ERROR]; /* … with this code; "": without a document */
    uint32_t client, endpoint;       /* standing; 0: none */
    uint64_t count;
    int64_t first_us, last_us; /* Unix time */
    /* Of the last one: */
    unsigned status;
    char name[TROUBLE_NAME]; /* of the client; "": not known */
    char peer[NETADDR_TEXT], address[NETADDR_TEXT];
    const char *operation; /* static; NULL: not known */
    char bucket[TROUBLE_NAME], key[TROUBLE_KEY], detail[TROUBLE_DETAIL], id[REQUEST_ID_BYTES + 1];
};

struct troubles {
    struct trouble v[TROUBLES];
    size_t n;
    uint64_t counted[TROUBLE_PARTIES]; /* all requests with whom something was wrong, ever */
};

/* Whose fault an end is. @code: ERR_NONE: S3 answered @status itself, with @s3_error. NOBODY: nothing is wrong, such as
 * an object that is not there. Pure. */
enum trouble_party trouble_party(enum err_code code, unsigned status, struct str s3_error);
/* A request has ended: it gets into the table, if something was wrong with it. */
void trouble_note(struct troubles *t, const struct request *req);

#endif
