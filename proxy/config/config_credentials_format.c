/* SPDX-License-Identifier: Apache-2.0
 * config_credentials_format.c: how values of [credentials] must look: ARNs, names and tags of sessions, URLs, PKCS#11
 * URIs. One thread. Owns nothing. Source: IAM User Guide, "IAM identifiers" (ARNs, names of roles); AWS STS API
 * Reference, "AssumeRole" (RoleSessionName, SourceIdentity, Tags); AWS SDKs and Tools Reference Guide, "Container
 * credential provider" (plain HTTP hosts); RFC 7512 (pkcs11: URIs, pin-value); RFC 3986 3.2.
 */
#include "config_options.h"

#include "aws/s3/target.h"
#include "base/thread.h"
#include "config/session_words.h"

enum {
    ARN_MAX = 2048,
    ACCOUNT_DIGITS = 12,
    ROLE_NAME_MAX = 64,
    SESSION_NAME_MIN = 2,
    SESSION_NAME_MAX = 64,
    TAGS_MAX = 50,
    TAG_KEY_MAX = 128,
    TAG_VALUE_MAX = 256,
};

/* "FILE:LINE: KEY = VALUE: what is wrong": of values that are no secrets. */
#define BAD(b, section, key, text, fmt, ...) \
    config_problem(b, config_place_of(section, key), "%s = %.120s: " fmt, key, text, __VA_ARGS__)

/* Of `url`, which may hold a secret. */
#define BAD_URL(b, section, fmt, ...) config_problem(b, config_place_of(section, "url"), "url: " fmt, __VA_ARGS__)

/* Letters, digits and @signs only; with @beyond also what is not ASCII. */
static bool is_made_of(struct str s, const char *signs, bool beyond)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && !((unsigned char)c >= 0x80 ? beyond : c && strchr(signs, c))) return false;
    }
    return true;
}

/* --- ARNs --- */

struct arn {
    struct str partition, service, region, account, resource;
};

static bool parse_arn(struct str s, struct arn *out)
{
    struct str *const parts[] = {NULL, &out->partition, &out->service, &out->region, &out->account};

    if (s.n > ARN_MAX || !str_starts(s, STR("arn:"))) return false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t colon = str_index(s, ':');
        if (colon == SIZE_MAX) return false;
        if (parts[i]) *parts[i] = str_head(s, colon);
        s = str_tail(s, colon + 1);
    }
    out->resource = s;
    return out->partition.n > 0 && is_made_of(out->partition, "-", false);
}

struct str config_arn_region(const char *text)
{
    struct arn arn;

    return text && parse_arn(str_from(text), &arn) && s3_region_is_name(arn.region) ? arn.region : STR_NONE;
}

static bool is_account(struct str s)
{
    uint64_t number;

    return s.n == ACCOUNT_DIGITS && str_to_u64(s, &number);
}

/* Other makers of STS leave the account out, or name it. */
static bool is_role_arn(const char *text, bool aws)
{
    struct arn arn;

    if (!parse_arn(str_from(text), &arn) || !str_eq(arn.service, STR("iam")) || arn.region.n > 0) return false;
    if (aws ? !is_account(arn.account) : !is_made_of(arn.account, "-_.", false)) return false;
    size_t slash = str_rindex(arn.resource, '/');
    if (!str_starts(arn.resource, STR("role/")) || !is_made_of(arn.resource, "/_+=,.@-", false)) return false;
    struct str name = str_tail(arn.resource, slash + 1);
    return name.n > 0 && name.n <= ROLE_NAME_MAX;
}

static void check_role_arn(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *credentials = section->item;

    if (!credentials->role_arn || !config_credentials_use(section, "role_arn")) return;
    if (!is_role_arn(credentials->role_arn, !config_text_of(section, "service_url")))
        BAD(b, section, "role_arn", credentials->role_arn, "this is no role's ARN; write it like %s",
            "arn:aws:iam::123456789012:role/NAME");
}

/* True if it is there and right. @kind: "trust-anchor/" or "profile/". */
static bool check_anywhere_arn(struct config_build *b, struct raw_section *section, const char *key, const char *text,
                               struct str kind)
{
    struct arn arn;

    if (!text || !config_credentials_use(section, key)) return false;
    if (parse_arn(str_from(text), &arn) && str_eq(arn.service, STR("rolesanywhere")) && s3_region_is_name(arn.region) &&
        is_account(arn.account) && str_starts(arn.resource, kind) && arn.resource.n > kind.n &&
        is_made_of(str_tail(arn.resource, kind.n), "-", false))
        return true;
    BAD(b, section, key, text, "copy it from the console of Roles Anywhere; it looks like %s%.*sID",
        "arn:aws:rolesanywhere:REGION:123456789012:", STR_ARG(kind));
    return false;
}

static void check_anywhere(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *set = section->item;
    bool anchor = check_anywhere_arn(b, section, "trust_anchor_arn", set->trust_anchor_arn, STR("trust-anchor/"));
    bool profile = check_anywhere_arn(b, section, "profile_arn", set->profile_arn, STR("profile/"));
    struct str region = config_arn_region(set->trust_anchor_arn), other = config_arn_region(set->profile_arn);

    if (anchor && profile && !str_eq(region, other))
        config_problem(b, config_place_of(section, "profile_arn"),
                       "profile_arn is of Region %.*s, but trust_anchor_arn of %.*s; name two of one Region",
                       STR_ARG(other), STR_ARG(region));
    if (anchor && config_text_of(section, "region") && set->region && !str_eq(region, str_from(set->region)))
        config_problem(b, config_place_of(section, "region"),
                       "region = %s, but trust_anchor_arn is of %.*s; remove region", set->region, STR_ARG(region));
}

/* --- names and tags of sessions --- */

/* Characters of UTF-8. */
static size_t count(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* A text in which words in braces may stand, and what it must come to with each client. */
struct rule {
    const char *key, *shown; /* "session_name", and what is shown of it */
    struct str text;
    const char *signs, *made_of; /* besides letters and digits; the same in words */
    bool beyond;                 /* more than ASCII */
    size_t min, max;             /* characters */
};

struct pattern {
    size_t characters; /* besides the words */
    bool words;        /* there are some */
    bool braces;       /* there are others */
    bool good;         /* the rest is made of what it may be */
};

static struct pattern read_pattern(const struct rule *r)
{
    struct pattern p = {.good = true};
    struct str rest = r->text, before, word;

    while (session_words_next(&rest, &before, &word)) {
        p.characters += count(before);
        p.braces |= str_index(before, '{') != SIZE_MAX || str_index(before, '}') != SIZE_MAX;
        p.good &= is_made_of(before, r->signs, r->beyond);
        p.words |= word.n > 0;
    }
    return p;
}

/* --- what it comes to --- */

struct misfit {
    const struct principal_conf *first; /* NULL: there is none */
    struct str word;                    /* of the first one */
    size_t characters, more;            /* of the first one; how many others there are */
};

struct misfits {
    struct misfit missing, signs, length;
};

static void note(struct misfit *m, const struct principal_conf *client, struct str word, size_t characters)
{
    if (m->first) {
        m->more++;
        return;
    }
    *m = (struct misfit){.first = client, .word = word, .characters = characters};
}

static void fill_for(const struct rule *r, const struct principal_conf *client, struct misfits *m)
{
    struct str rest = r->text, before, word;
    size_t characters = 0;

    while (session_words_next(&rest, &before, &word)) {
        struct str value = word.n ? session_words_value(word, client->name, client) : STR_NONE;
        if (word.n && !value.n) {
            note(&m->missing, client, word, 0);
            return;
        }
        if (!is_made_of(value, r->signs, r->beyond)) {
            note(&m->signs, client, word, 0);
            return;
        }
        characters += count(before) + count(value);
    }
    if (characters < r->min || characters > r->max) note(&m->length, client, STR_NONE, characters);
}

static const char *others(const struct misfit *m, char out[48])
{
    out[0] = '\0';
    if (m->more) snprintf(out, 48, " (and with %zu more)", m->more);
    return out;
}

static void tell_misfits(struct config_build *b, struct raw_section *section, const struct rule *r,
                         const struct misfits *m)
{
    char more[48];

    if (m->missing.first)
        BAD(b, section, r->key, r->shown, "client \"%s\" has no %.*s%s; write %s, or give it other `credentials`",
            m->missing.first->name, STR_ARG(m->missing.word), others(&m->missing, more),
            str_eq(m->missing.word, STR("group")) ? "groups = GROUP for it" : "the tag for it or for a group of its");
    if (m->signs.first)
        BAD(b, section, r->key, r->shown, "with client \"%s\"%s {%.*s} has others than %s", m->signs.first->name,
            others(&m->signs, more), STR_ARG(m->signs.word), r->made_of);
    if (m->length.first)
        BAD(b, section, r->key, r->shown,
            "with client \"%s\"%s it has %zu characters; write so many that it has %zu to %zu with each",
            m->length.first->name, others(&m->length, more), m->length.characters, r->min, r->max);
}

/* Those who are disabled have no sessions. */
static void check_clients(struct config_build *b, struct raw_section *section, const struct rule *r)
{
    struct misfits m = {0};

    for (size_t i = 0; i < b->s->clients_n; i++, thread_makes_way()) {
        const struct principal_conf *client = &b->s->clients[i];
        if (!client->disabled && config_credentials_are_of(b, client, section->item)) fill_for(r, client, &m);
    }
    tell_misfits(b, section, r, &m);
}

/* --- names and identities of sessions --- */

static void check_session_text(struct config_build *b, struct raw_section *section, const char *key, const char *text)
{
    const struct rule r = {.key = key,
                           .shown = text,
                           .text = str_from(text),
                           .signs = "_+=,.@-",
                           .made_of = "letters, digits and _ + = , . @ -",
                           .min = SESSION_NAME_MIN,
                           .max = SESSION_NAME_MAX};

    if (!text || !config_credentials_use(section, key)) return;
    struct pattern p = read_pattern(&r);
    if (p.braces)
        BAD(b, section, key, text, "of words in braces only %s are known; remove the others", SESSION_WORDS);
    else if (!p.good)
        BAD(b, section, key, text, "write it of %s only", r.made_of);
    else if (p.words)
        check_clients(b, section, &r);
    else if (p.characters < r.min || p.characters > r.max)
        BAD(b, section, key, text, "it has %zu characters; write %zu to %zu", p.characters, r.min, r.max);
}

/* --- tags --- */

static bool is_tag_repeated(const struct str_list *tags, size_t at, struct str key)
{
    for (size_t i = 0; i < at; i++) {
        struct str other = str_from(tags->v[i]);
        if (str_eq_nocase(str_head(other, str_index(other, '=')), key)) return true;
    }
    return false;
}

static struct rule tag_rule(const char *tag)
{
    struct str text = str_from(tag);

    return (struct rule){.key = "tags",
                         .shown = tag,
                         .text = str_tail(text, str_index(text, '=') + 1),
                         .signs = " _.:/=+-@",
                         .made_of = "letters, digits, blanks and _ . : / = + - @",
                         .beyond = true,
                         .max = TAG_VALUE_MAX};
}

/* What is wrong with a tag, or NULL. */
static const char *tag_mistake(const struct str_list *tags, size_t at)
{
    struct str tag = str_from(tags->v[at]);
    size_t equals = str_index(tag, '=');

    if (equals == SIZE_MAX) return "write KEY=VALUE";
    struct str key = str_head(tag, equals);
    struct rule r = tag_rule(tags->v[at]);
    struct pattern value = read_pattern(&r);
    if (key.n == 0 || count(key) > TAG_KEY_MAX) return "write a key of 1 to 128 characters";
    if (str_index(key, '{') != SIZE_MAX || str_index(key, '}') != SIZE_MAX || value.braces)
        return "of words in braces only " SESSION_WORDS " are known, in the value; remove the others";
    if (!is_made_of(key, r.signs, true) || !value.good)
        return "write it of letters, digits, blanks and _ . : / = + - @ only";
    if (value.characters > TAG_VALUE_MAX) return "its value is longer than 256 characters; write a shorter one";
    if (str_starts_nocase(key, STR("aws:"))) return "keys that begin with aws: are AWS's own; write another";
    if (is_tag_repeated(tags, at, key)) return "its key stands there twice; keep one of them";
    return NULL;
}

static void check_tags(struct config_build *b, struct raw_section *section)
{
    const struct str_list *tags = &((struct credentials_conf *)section->item)->tags;

    if (!config_credentials_use(section, "tags")) return;
    if (tags->n > TAGS_MAX)
        config_problem(b, config_place_of(section, "tags"), "tags: %zu are too many; write at most %d", tags->n,
                       TAGS_MAX);
    for (size_t i = 0; i < tags->n; i++) {
        const char *mistake = tag_mistake(tags, i);
        if (mistake) {
            config_problem(b, config_place_of(section, "tags"), "tags: \"%.80s\": %s", tags->v[i], mistake);
        } else if (session_words_any(tags->v[i])) {
            struct rule r = tag_rule(tags->v[i]);
            check_clients(b, section, &r);
        }
    }
}

/* --- URLs --- */

struct url {
    bool plain; /* http:// */
    struct str host, rest;
};

/* True for "", ":443". */
static bool is_port(struct str s)
{
    uint64_t port;

    return s.n == 0 || (s.p[0] == ':' && s.n <= 6 && str_to_u64(str_tail(s, 1), &port) && port > 0 && port <= 65535);
}

static bool parse_host(struct str host, struct netaddr *address)
{
    return netaddr_parse(host, 0, address) && netaddr_port(address) == 0;
}

/* scheme://HOST[:PORT][/…]; of visible ASCII, without user and fragment. */
static bool parse_url(struct str s, struct url *out)
{
    struct netaddr address;
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"<>\\^`{|}#", s.p[i])) return false;
    out->plain = str_starts(s, STR("http://"));
    if (!out->plain && !str_starts(s, STR("https://"))) return false;
    s = str_tail(s, out->plain ? 7 : 8);
    while (n < s.n && s.p[n] != '/' && s.p[n] != '?')
        n++;
    struct str authority = str_head(s, n);
    out->rest = str_tail(s, n);
    size_t bracket = str_rindex(authority, ']'), colon = str_index(authority, ':');
    size_t end = bracket != SIZE_MAX ? bracket + 1 : colon;
    out->host = str_head(authority, end);
    if (!is_port(str_tail(authority, end))) return false;
    if (bracket != SIZE_MAX) return parse_host(out->host, &address);
    return config_host_valid(out->host) && out->host.p[0] != '*';
}

static bool is_address(struct str host, const char *const *list, size_t n)
{
    struct netaddr a;
    struct netblock block;

    if (!parse_host(host, &a)) return false;
    for (size_t i = 0; i < n; i++)
        if (netblock_parse(str_from(list[i]), &block) && netblock_has(&block, &a)) return true;
    return false;
}

static bool is_loopback(struct str host)
{
    static const char *const blocks[] = {"127.0.0.0/8", "::1"};

    return str_eq_nocase(host, STR("localhost")) || is_address(host, blocks, ARRAY_LEN(blocks));
}

/* Reported without the value: a password may stand before the '@'. */
static bool check_no_user(struct config_build *b, struct raw_section *section, const char *key, const char *text)
{
    struct str authority = str_from(text);
    size_t scheme = str_find(authority, STR("://"));

    if (scheme != SIZE_MAX) authority = str_tail(authority, scheme + 3);
    if (str_index(str_head(authority, str_index(authority, '/')), '@') == SIZE_MAX) return true;
    config_problem(b, config_place_of(section, key), "%s: user names are not sent; remove what stands before the '@'",
                   key);
    return false;
}

static void check_container_url(struct config_build *b, struct raw_section *section, const char *text)
{
    static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
    struct url url;

    if (!parse_url(str_from(text), &url))
        BAD_URL(b, section, "this is no URL; write it like %s", "http://169.254.170.23/v1/credentials");
    else if (url.plain && !is_loopback(url.host) && !is_address(url.host, hosts, ARRAY_LEN(hosts)))
        BAD_URL(b, section, "keys would pass in clear text; write https://, or http:// with a loopback address, %s",
                "169.254.170.2, 169.254.170.23 or [fd00:ec2::23]");
}

static void check_url(struct config_build *b, struct raw_section *section)
{
    const struct credentials_conf *credentials = section->item;
    const char *text = credentials->url;
    struct url url;

    if (!text || !config_credentials_use(section, "url") || !check_no_user(b, section, "url", text)) return;
    if (credentials->source == CREDENTIALS_CONTAINER)
        check_container_url(b, section, text);
    else if (!parse_url(str_from(text), &url) || !url.plain || url.rest.n > 0)
        BAD_URL(b, section, "write the instance metadata service as %s, like %s", "http://HOST[:PORT]",
                "http://169.254.169.254");
}

/* @text: what the section says, not what was derived. */
static void check_service_url(struct config_build *b, struct raw_section *section, const char *key, const char *text)
{
    struct url url;

    if (!config_text_of(section, key) || !text) return;
    if (!config_credentials_use(section, key) || !check_no_user(b, section, key, text)) return;
    if (!parse_url(str_from(text), &url) || url.rest.n > 0)
        BAD(b, section, key, text, "this is no service's URL; write %s, without a path", "https://HOST[:PORT]");
    else if (url.plain)
        BAD(b, section, key, text, "keys would pass in clear text; write %s", "https://");
}

void config_check_credentials_formats(struct config_build *b, struct raw_section *section)
{
    check_role_arn(b, section);
    check_anywhere(b, section);
    check_session_text(b, section, "session_name", ((struct credentials_conf *)section->item)->session_name);
    check_session_text(b, section, "source_identity", ((struct credentials_conf *)section->item)->source_identity);
    check_tags(b, section);
    check_url(b, section);
    check_service_url(b, section, "service_url", ((struct credentials_conf *)section->item)->service_url);
    check_service_url(b, section, "sso_url", ((struct credentials_conf *)section->item)->sso_url);
}
