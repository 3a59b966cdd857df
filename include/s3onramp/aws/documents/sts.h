/* SPDX-License-Identifier: Apache-2.0
 * sts.h: what is asked of the Security Token Service, and what it answers. Pure; any thread.
 * Source: AWS Security Token Service API Reference, "AssumeRole", "AssumeRoleWithWebIdentity", "Common errors".
 */
#ifndef S3ONRAMP_AWS_DOCUMENTS_STS_H
#define S3ONRAMP_AWS_DOCUMENTS_STS_H

#include "aws/documents/key_document.h"
#include "aws/sign/digest.h"

enum sts_action { STS_ASSUME_ROLE, STS_WEB_IDENTITY };

enum {
    STS_SESSION_NAME_MIN = 2,
    STS_SESSION_NAME_MAX = 64,
    STS_TOKEN_MAX = 20000,      /* bytes of a web identity token */
    STS_CHAINED_MAX_S = 3600,   /* a role that was assumed with a role's keys lasts no longer */
    STS_ANSWER_MAX = 64 * 1024, /* bytes of XML that are looked at */
    STS_CODE = 64,
    STS_MESSAGE = 512, /* with NUL; longer ones are cut */
};

struct sts_tag {
    struct str key, value;
};

/* Borrows everything. */
struct sts_request {
    enum sts_action action;
    struct str role_arn, session_name;
    struct str external_id;        /* of AssumeRole; empty: none */
    struct str source_identity;    /* the same */
    struct str web_identity_token; /* of AssumeRoleWithWebIdentity; secret */
    uint64_t duration_s;           /* 0: as the service wants */
    const struct sts_tag *tags;    /* of AssumeRole */
    size_t tags_n;
};

/* The form that is posted: "Action=AssumeRole&Version=2011-06-15&RoleArn=…", every byte that is not unreserved as %XX.
 * @out overflows only if it has less room than sts_form_room tells. */
size_t sts_form_room(const struct sts_request *r);
void sts_form(const struct sts_request *r, struct sbuf *out);

/* A RoleSessionName: @pattern with @client in place of each "{client}"; bytes that may not stand in one become '-'.
 * Where that, or its length, changed the client's part, hexadecimal digits of its hash follow, so that two clients
 * do not have one name. False: @pattern wants a client and there is none, or what comes out is shorter than a name may
 * be. */
MUST_CHECK bool sts_session_name(struct digest *d, struct str pattern, const char *client,
                                 char out[STS_SESSION_NAME_MAX + 1]);

/* The keys in the answer to @action, complete and usable in a signature, or nothing: ERR_BAD_DOCUMENT with the reason,
 * which holds no value of the answer. Elements that are not known are skipped. */
MUST_CHECK enum err_code sts_parse_answer(struct str xml, enum sts_action action, struct key_document *out,
                                          struct err *err);

/* What the service says of an error; both printable ASCII, cut where too long. */
struct sts_error {
    char code[STS_CODE], message[STS_MESSAGE];
};
/* False: not an error document. */
MUST_CHECK bool sts_parse_error(struct str xml, struct sts_error *out);

enum sts_verdict {
    STS_TRY_LATER, /* its trouble, or one that passes */
    STS_SLOW_DOWN,
    STS_REFUSED,
};
/* What an answer with @status means. @error: NULL: it held none. *@advice: the next step, or "". */
enum sts_verdict sts_judge(enum sts_action action, unsigned status, const struct sts_error *error, const char **advice);
/* True if the service may have refused because of the time in the signature. */
bool sts_is_about_time(const struct sts_error *error);

#endif
