/* SPDX-License-Identifier: Apache-2.0
 * sts.c: the forms posted to the Security Token Service, names of sessions, and what its errors mean; see sts.h. The
 * answers are read in sts_answer.c. Pure; any thread. Owns nothing.
 */
#include "aws/documents/sts.h"

#include "base/encode.h"
#include "http/uri.h"

enum { FIELD_ROOM = 40 /* the longest name with a number, '=' and '&' */, HASH_DIGITS = 8 };

static const struct str action_names[] = {
    [STS_ASSUME_ROLE] = STR_INIT("AssumeRole"), [STS_WEB_IDENTITY] = STR_INIT("AssumeRoleWithWebIdentity")};

/* --- the form --- */

size_t sts_form_room(const struct sts_request *r)
{
    size_t n = 9 * FIELD_ROOM;

    n += 3 * (r->role_arn.n + r->session_name.n + r->external_id.n + r->source_identity.n + r->web_identity_token.n);
    for (size_t i = 0; i < r->tags_n; i++)
        n += 2 * FIELD_ROOM + 3 * (r->tags[i].key.n + r->tags[i].value.n);
    return n;
}

static void put(struct sbuf *out, struct str name, struct str value)
{
    if (out->n) sbuf_char(out, '&');
    sbuf_add(out, name);
    sbuf_char(out, '=');
    uri_encode(out, value, false);
}

static void put_tag_part(struct sbuf *out, size_t number, const char *part, struct str value)
{
    char name[FIELD_ROOM];
    struct sbuf b = sbuf_make(name, sizeof(name));

    sbuf_printf(&b, "Tags.member.%zu.%s", number, part);
    put(out, sbuf_str(&b), value);
}

void sts_form(const struct sts_request *r, struct sbuf *out)
{
    char digits[20];
    struct sbuf duration = sbuf_make(digits, sizeof(digits));

    put(out, STR("Action"), action_names[r->action]);
    put(out, STR("Version"), STR("2011-06-15"));
    put(out, STR("RoleArn"), r->role_arn);
    put(out, STR("RoleSessionName"), r->session_name);
    sbuf_u64(&duration, r->duration_s);
    if (r->duration_s) put(out, STR("DurationSeconds"), sbuf_str(&duration));
    if (r->action == STS_WEB_IDENTITY) {
        put(out, STR("WebIdentityToken"), r->web_identity_token);
        return;
    }
    if (r->external_id.n) put(out, STR("ExternalId"), r->external_id);
    if (r->source_identity.n) put(out, STR("SourceIdentity"), r->source_identity);
    for (size_t i = 0; i < r->tags_n; i++) {
        put_tag_part(out, i + 1, "Key", r->tags[i].key);
        put_tag_part(out, i + 1, "Value", r->tags[i].value);
    }
}

/* --- names of sessions --- */

/* [\w+=,.@-] */
static bool is_session_byte(char c)
{
    char low = ascii_lower(c);

    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || (c && strchr("_+=,.@-", c));
}

/* Bytes of @pattern without its "{client}"s, and how many of these there are. */
static size_t fixed_bytes(struct str pattern, size_t *places)
{
    const struct str place = STR("{client}");
    size_t n = 0, at;

    for (*places = 0; (at = str_find(pattern, place)) != SIZE_MAX; ++*places) {
        n += at;
        pattern = str_tail(pattern, at + place.n);
    }
    return n + pattern.n;
}

static void put_session_text(struct sbuf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        sbuf_char(out, is_session_byte(s.p[i]) ? s.p[i] : '-');
}

/* The client's name in at most @room bytes. */
static void put_client(struct sbuf *out, struct digest *d, struct str client, size_t room)
{
    uint8_t hash[SHA256_BYTES];
    bool same = client.n <= room;

    ASSERT(room >= HASH_DIGITS);
    for (size_t i = 0; i < client.n && same; i++)
        same = is_session_byte(client.p[i]);
    if (same) {
        put_session_text(out, client);
        return;
    }
    if (room > HASH_DIGITS) {
        put_session_text(out, str_head(client, room - HASH_DIGITS - 1));
        sbuf_char(out, '-');
    }
    digest_sha256(d, client, hash);
    hex_lower(out, hash, HASH_DIGITS / 2);
}

bool sts_session_name(struct digest *d, struct str pattern, const char *client, char out[STS_SESSION_NAME_MAX + 1])
{
    const struct str place = STR("{client}");
    struct sbuf b = sbuf_make(out, STS_SESSION_NAME_MAX);
    size_t places, fixed = fixed_bytes(pattern, &places), at;
    size_t room = places && fixed < STS_SESSION_NAME_MAX ? (STS_SESSION_NAME_MAX - fixed) / places : 0;

    out[0] = '\0';
    if (places && (!client || room < HASH_DIGITS)) return false;
    while ((at = str_find(pattern, place)) != SIZE_MAX) {
        put_session_text(&b, str_head(pattern, at));
        put_client(&b, d, str_from(client), room);
        pattern = str_tail(pattern, at + place.n);
    }
    put_session_text(&b, str_head(pattern, STS_SESSION_NAME_MAX - b.n));
    out[b.n] = '\0';
    return !b.overflow && b.n >= STS_SESSION_NAME_MIN;
}

/* --- errors --- */

static const struct meaning {
    const char *code; /* also with "Exception" after it */
    enum sts_verdict verdict;
    const char *advice;
} meanings[] = {
    {"AccessDenied", STS_REFUSED, "allow it in the role's trust policy and the caller's own policies"},
    {"ExpiredToken", STS_TRY_LATER, "the keys that ask for the role are over; look at source_credentials"},
    {"InvalidClientTokenId", STS_REFUSED, "the keys of source_credentials are wrong or switched off"},
    {"UnrecognizedClient", STS_REFUSED, "the keys of source_credentials are wrong or switched off"},
    {"InvalidAccessKeyId", STS_REFUSED, "the keys of source_credentials are wrong or switched off"},
    {"SignatureDoesNotMatch", STS_REFUSED, "look at the secret key of source_credentials and at `region`"},
    {"IncompleteSignature", STS_REFUSED, "look at `service_url`: something on the way changes requests"},
    {"MissingAuthenticationToken", STS_REFUSED, "look at `service_url`: something on the way changes requests"},
    {"RequestTimeTooSkewed", STS_TRY_LATER, "set this machine's clock"},
    {"RequestExpired", STS_TRY_LATER, "set this machine's clock"},
    {"RegionDisabled", STS_REFUSED, "switch STS on for this Region in the account, or set another `region`"},
    {"OptInRequired", STS_REFUSED, "switch STS on for this Region in the account, or set another `region`"},
    {"MalformedPolicyDocument", STS_REFUSED, "look at the role's policies"},
    {"PackedPolicyTooLarge", STS_REFUSED, "write fewer or shorter `tags`"},
    {"ValidationError", STS_REFUSED, "look at role_arn, session_name, tags and duration (the role may allow less)"},
    {"InvalidParameterValue", STS_REFUSED, "look at role_arn, session_name, tags and duration"},
    {"InvalidArgument", STS_REFUSED, "look at role_arn, session_name, tags and duration (the role may allow less)"},
    {"NoSuchEntity", STS_REFUSED, "look at role_arn"},
    {"InvalidIdentityToken", STS_REFUSED, "look at token_file, and at the account's identity provider"},
    {"IDPRejectedClaim", STS_REFUSED, "the token is over or revoked; look at who writes token_file"},
    {"IDPCommunicationError", STS_TRY_LATER, "AWS cannot reach the identity provider at the moment"},
    {"Throttling", STS_SLOW_DOWN, ""},
    {"ThrottledException", STS_SLOW_DOWN, ""},
    {"RequestThrottled", STS_SLOW_DOWN, ""},
    {"RequestLimitExceeded", STS_SLOW_DOWN, ""},
    {"LimitExceeded", STS_SLOW_DOWN, ""},
    {"BandwidthLimitExceeded", STS_SLOW_DOWN, ""},
    {"TooManyRequests", STS_SLOW_DOWN, ""},
    {"PriorRequestNotComplete", STS_SLOW_DOWN, ""},
    {"SlowDown", STS_SLOW_DOWN, ""},
    {"InternalFailure", STS_TRY_LATER, ""},
    {"InternalError", STS_TRY_LATER, ""},
    {"ServiceUnavailable", STS_TRY_LATER, ""},
    {"RequestTimeout", STS_TRY_LATER, ""},
};

static const struct meaning web_meanings[] = {
    {"AccessDenied", STS_REFUSED, "allow the token's issuer, subject and audience in the role's trust policy"},
    {"ExpiredToken", STS_REFUSED, "the token is over; look at who writes token_file"},
};

static bool is_code(const char *known, const char *code)
{
    size_t n = strlen(known);

    return strncmp(known, code, n) == 0 && (!code[n] || strcmp(code + n, "Exception") == 0);
}

static const struct meaning *find(const struct meaning *table, size_t n, const char *code)
{
    for (size_t i = 0; i < n; i++)
        if (is_code(table[i].code, code)) return &table[i];
    return NULL;
}

enum sts_verdict sts_judge(enum sts_action action, unsigned status, const struct sts_error *error, const char **advice)
{
    const struct meaning *m = NULL;

    *advice = "";
    if (error && action == STS_WEB_IDENTITY) m = find(web_meanings, ARRAY_LEN(web_meanings), error->code);
    if (error && !m) m = find(meanings, ARRAY_LEN(meanings), error->code);
    if (m) {
        *advice = m->advice;
        return m->verdict;
    }
    if (status == 429) return STS_SLOW_DOWN;
    /* What is not an answer of the service itself says nothing about the role. */
    return error && status >= 400 && status < 500 ? STS_REFUSED : STS_TRY_LATER;
}

bool sts_is_about_time(const struct sts_error *error)
{
    return is_code("RequestTimeTooSkewed", error->code) || is_code("RequestExpired", error->code) ||
           is_code("SignatureDoesNotMatch", error->code);
}
