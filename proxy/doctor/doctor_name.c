/* SPDX-License-Identifier: Apache-2.0
 * doctor_name.c: the doctor's step name: is it an S3 interface endpoint's own name, and if not, what is it? See
 * doctor.h. Source: AWS PrivateLink Guide, "Access an AWS service using an interface VPC endpoint"; S3 User Guide, "AWS
 * PrivateLink for Amazon S3".
 */
#include "doctor_impl.h"

#include "aws/s3/target.h"

enum { ID_LEAST = 10 }; /* "vpce-" and some digits: less was cut off in copying */

/* --- what was pasted: a URL, a request's host, a name of another kind --- */

static void leave_out(struct doctor_word *w, const char *what)
{
    size_t n = strlen(w->left_out);

    snprintf(w->left_out + n, sizeof(w->left_out) - n, "%s%s", n ? ", " : "", what);
}

/* False: there is one that says more than how to get there. */
static bool cut_scheme(struct doctor_word *w, struct str *s)
{
    size_t at = str_find(*s, STR("://"));
    struct str scheme = str_head(*s, at);

    if (at == SIZE_MAX) return true;
    *s = str_tail(*s, at + 3);
    if (!str_eq_nocase(scheme, STR("https")) && !str_eq_nocase(scheme, STR("http"))) {
        snprintf(w->why, sizeof(w->why), "leave %.*s:// out, and write the endpoint's DNS name alone",
                 STR_ARG(str_head(scheme, 20)));
        return false;
    }
    leave_out(w, "the scheme");
    return true;
}

/* A path may hold a signature: nothing of it is shown. */
static void cut_path(struct doctor_word *w, struct str *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i] == '/' || s->p[i] == '?' || s->p[i] == '#') {
            if (i + 1 < s->n) leave_out(w, "the path");
            *s = str_head(*s, i);
            return;
        }
}

static bool cut_port(struct doctor_word *w, struct str *s)
{
    size_t colon = str_rindex(*s, ':');
    struct str port = colon == SIZE_MAX ? STR_NONE : str_tail(*s, colon + 1);

    if (colon == SIZE_MAX) return true;
    if (port.n && !str_eq(port, STR("443"))) {
        snprintf(w->why, sizeof(w->why), "an endpoint answers at port 443: leave the port out, and write %.*s",
                 STR_ARG(str_head(*s, colon)));
        return false;
    }
    *s = str_head(*s, colon);
    leave_out(w, "the port");
    return true;
}

/* Lower case, in w->name; false: it is too long for a name. */
static bool lower(struct doctor_word *w, struct str s)
{
    bool capitals = false;

    if (s.n >= sizeof(w->name)) s = str_head(s, sizeof(w->name) - 1);
    for (size_t i = 0; i < s.n; i++) {
        w->name[i] = ascii_lower(s.p[i]);
        capitals |= w->name[i] != s.p[i];
    }
    w->name[s.n] = '\0';
    if (capitals) leave_out(w, "capitals");
    return s.n < sizeof(w->name) - 1;
}

/* --- whose name it is --- */

static const char *why_not(struct str name)
{
    struct s3_host host;

    if (str_starts(name, STR("com.amazonaws.")))
        return "that is a service's name, from which endpoints are made; write the endpoint's DNS name, "
               "vpce-ID.s3.REGION.vpce.amazonaws.com";
    if (str_starts(name, STR("vpce-")) && str_index(name, '.') == SIZE_MAX)
        return "that is an endpoint's id; write its whole DNS name: aws ec2 describe-vpc-endpoints "
               "--vpc-endpoint-ids ID --query 'VpcEndpoints[].DnsEntries[].DnsName'";
    if (str_find(name, STR(".vpce.")) != SIZE_MAX)
        return "that is no endpoint of S3; its name is vpce-ID.s3.REGION.vpce.amazonaws.com, with s3 (or s3-fips) "
               "and the Region";
    if (s3_host_parse(name, &host, NULL) == ERR_NONE)
        return "that is an ordinary S3 name, which a gateway endpoint or the Internet serves at public addresses; "
               "write the interface endpoint's own name, vpce-ID.s3.REGION.vpce.amazonaws.com";
    return "that is no endpoint's name; write vpce-ID.s3.REGION.vpce.amazonaws.com, as the VPC console shows it";
}

/* Where the endpoint's own name begins in @name; STR_NONE: nowhere. A bucket may stand before it, and a word. */
static struct str own_name(struct str name)
{
    struct str id = STR_NONE;
    struct s3_vpce_name parts;
    struct s3_host host;

    if (s3_vpce_name_parse(name, &parts))
        id = parts.id;
    else if (s3_host_parse(name, &host, NULL) == ERR_NONE)
        id = host.endpoint_id;
    return id.n ? str_make(id.p, (size_t)(name.p + name.n - id.p)) : STR_NONE;
}

bool doctor_take_name(const char *word, struct doctor_word *w)
{
    struct str s = str_from(word), own;
    bool good;

    memset(w, 0, sizeof(*w));
    good = cut_scheme(w, &s);
    cut_path(w, &s);
    if (str_rindex(s, '@') != SIZE_MAX) { /* may be a password: not shown */
        s = str_tail(s, str_rindex(s, '@') + 1);
        leave_out(w, "the user");
    }
    good = good && cut_port(w, &s);
    if (s.n && s.p[s.n - 1] == '.') {
        s.n--;
        leave_out(w, "the dot at the end");
    }
    if (!lower(w, s)) good = false;
    s = str_from(w->name);
    own = own_name(s);
    if (!own.n || !good) {
        if (!w->why[0]) snprintf(w->why, sizeof(w->why), "%s", why_not(s));
        return false;
    }
    if (str_index(own, '.') < S3_VPCE_ID_LEAST) {
        snprintf(w->why, sizeof(w->why),
                 "the endpoint's id is cut short; copy the whole name, like "
                 "vpce-0123456789abcdef0-abcdefgh.s3.REGION.vpce.amazonaws.com");
        return false;
    }
    if (own.n < s.n) leave_out(w, "what stands before vpce-");
    memmove(w->name, own.p, own.n + 1);
    return true;
}

bool doctor_name(struct doctor *d, struct doctor_finding *f)
{
    const char *name = d->order->name;
    struct s3_vpce_name parts;
    struct doctor_word w;
    struct str zone;

    if (!name) {
        doctor_skip(f, "the configuration has no endpoint-specific name: addresses are written down");
        return true;
    }
    if (!doctor_take_name(name, &w) || !s3_vpce_name_parse(str_from(w.name), &parts) || !d->ep) {
        doctor_add(f, "%.200s is not the name of an S3 interface endpoint", w.name[0] ? w.name : "an empty word");
        doctor_fail(f, "not-a-name", "%s", w.why[0] ? w.why : why_not(STR_NONE));
        return false;
    }
    zone = dns_zone_of_name(parts.id, parts.region);
    if (d->order->left_out && d->order->left_out[0])
        doctor_add(f, "taken as %s; left out: %s", w.name, d->order->left_out);
    doctor_add(f, "%.*s in %.*s%s%s%.*s", STR_ARG(parts.id), STR_ARG(parts.region), parts.fips ? ", FIPS" : "",
               zone.n ? ", the name of zone " : ", all its zones", STR_ARG(zone));
    doctor_add(f, "requests go out for %s, the certificate must carry %s", d->ep->host, d->ep->sni);
    return true;
}
