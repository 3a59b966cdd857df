/* SPDX-License-Identifier: Apache-2.0
 * doctor_name.c: the doctor's step name: is it an S3 interface endpoint's own name, and if not, what is it? See
 * doctor.h. Source: AWS PrivateLink Guide, "Access an AWS service using an interface VPC endpoint"; S3 User Guide, "AWS
 * PrivateLink for Amazon S3".
 */
#include "doctor_impl.h"

#include "aws/target.h"

static bool strip_word(struct str *name)
{
    static const struct str words[] = {STR_INIT("accesspoint."), STR_INIT("control.")};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_starts(*name, words[i])) {
            *name = str_tail(*name, words[i].n);
            return true;
        }
    return false;
}

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

bool doctor_is_name(const char *name, const char **why)
{
    struct str s = str_from(name);
    struct s3_vpce_name parts;

    strip_word(&s);
    if (s3_vpce_name_parse(s, &parts)) return true;
    *why = why_not(s);
    return false;
}

bool doctor_name(struct doctor *d, struct doctor_finding *f)
{
    const char *name = d->order->name, *why;
    struct s3_vpce_name parts;
    struct str s = str_from(name), zone;

    if (!name) {
        doctor_skip(f, "the configuration has no endpoint-specific name: addresses are written down");
        return true;
    }
    if (!doctor_is_name(name, &why)) {
        doctor_add(f, "%.200s is not the name of an S3 interface endpoint", name);
        doctor_fail(f, "not-a-name", "%s", why);
        return false;
    }
    strip_word(&s);
    if (!s3_vpce_name_parse(s, &parts) || !d->ep) return false;
    zone = dns_zone_of_name(parts.id, parts.region);
    doctor_add(f, "%.*s in %.*s%s%s%.*s", STR_ARG(parts.id), STR_ARG(parts.region), parts.fips ? ", FIPS" : "",
               zone.n ? ", the name of zone " : ", all its zones", STR_ARG(zone));
    doctor_add(f, "requests go out for %s, the certificate must carry %s", d->ep->host, d->ep->sni);
    return true;
}
