/* SPDX-License-Identifier: Apache-2.0
 * doctor_path.c: the doctor's steps tcp, mss: which addresses connect, and in what segments; see doctor.h.
 */
#include "doctor_impl.h"

#include "base/clock.h"

#include <errno.h>

enum { LEAST_MSS = 500 };

/* --- tcp --- */

static void explain_refusal(struct doctor *d, struct doctor_finding *f, enum link_result r, int e)
{
    if (r == LINK_LATE)
        doctor_fail(f, "timeout",
                    "let the endpoint's security group admit this network on port 443 (its default one does not), and "
                    "look at network ACLs, the VPN, and the route back from the VPC's subnets");
    else if (e == ECONNREFUSED)
        doctor_fail(f, "refused",
                    "something is there and has no service on port %llu: is it the endpoint's network interface? A "
                    "firewall may answer so, too",
                    (unsigned long long)d->ep->port);
    else if (e == ENETUNREACH || e == EHOSTUNREACH)
        doctor_fail(f, "unreachable", "a router on the way has no route: look at the VPN and at its routes to the VPC");
    else
        doctor_fail(f, "no-connection", "look at firewalls between here and the endpoint");
}

static bool connect_to(struct doctor *d, struct doctor_finding *f, struct doctor_address *a)
{
    struct doctor_link l;
    int64_t start_us = clock_monotonic_us();
    enum link_result r = link_connect(&l, d, &a->addr, false);

    if (r == LINK_DONE) {
        struct tcp_info info;

        link_info(&l, &info);
        a->connects = true;
        a->rtt_us = info.tcpi_rtt;
        a->send_mss = info.tcpi_snd_mss;
        a->take_mss = info.tcpi_advmss;
        a->path_mtu = info.tcpi_pmtu;
        doctor_add(f, "%s: connected in %.1f ms", a->label, (double)(clock_monotonic_us() - start_us) / 1000);
    } else {
        doctor_add(f, "%s: %s", a->label, l.why);
        explain_refusal(d, f, r, l.sys_errno);
    }
    link_close(&l);
    return r == LINK_DONE;
}

bool doctor_tcp(struct doctor *d, struct doctor_finding *f)
{
    bool any = false;

    for (size_t i = 0; i < d->n; i++)
        any |= connect_to(d, f, &d->v[i]);
    return any;
}

/* --- mss --- */

bool doctor_mss(struct doctor *d, struct doctor_finding *f)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct doctor_address *a = &d->v[i];

        if (!a->connects) continue;
        doctor_add(f, "%s: segments of up to %u bytes there, %u back; path MTU %u; round trip %.1f ms", a->label,
                   a->send_mss, a->take_mss, a->path_mtu, (double)a->rtt_us / 1000);
        if (a->send_mss < LEAST_MSS)
            doctor_warn(f, "tiny", "segments are very small: something on the way clamps the MSS too low");
    }
    return true;
}
