/* SPDX-License-Identifier: Apache-2.0
 * doctor_path.c: the doctor's steps tcp, mss: which addresses connect, and in what segments; see doctor.h.
 */
#include "doctor_impl.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

enum { LEAST_MSS = 500 };

/* --- tcp --- */

static void explain_refusal(struct doctor *d, struct doctor_finding *f, enum link_result r, int e)
{
    if (r == LINK_LATE)
        doctor_fail(
            f, "timeout",
            "look at the last router that answers: is it on this side, then at its route to the VPC's network, "
            "the VPN and firewalls; beyond, then let the endpoint's security group admit this network on port "
            "%llu (its default one does not), and look at network ACLs and the route back from the VPC's subnets",
            (unsigned long long)d->ep->port);
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

static void tell_refusal(struct doctor *d, struct doctor_finding *f, struct doctor_address *a,
                         const struct doctor_link *l, enum link_result r)
{
    char router[NETADDR_TEXT];

    a->silent = r == LINK_LATE;
    doctor_add(f, "%s: %s", a->label, l->why);
    if (l->says_so.len) {
        doctor_format_ip(&l->says_so, router);
        doctor_add(f, "%s: it is %s that says so", a->label, router);
    }
    explain_refusal(d, f, r, l->sys_errno);
}

static void judge(struct doctor *d, struct doctor_finding *f, struct doctor_address *a, const struct doctor_link *l,
                  enum link_result r, double ms)
{
    struct tcp_info info;

    if (r != LINK_DONE) {
        tell_refusal(d, f, a, l, r);
        return;
    }
    link_info(l, &info);
    a->connects = true;
    a->rtt_us = info.tcpi_rtt;
    a->send_mss = info.tcpi_snd_mss;
    a->take_mss = info.tcpi_advmss;
    a->path_mtu = info.tcpi_pmtu;
    doctor_add(f, "%s: connected in %.1f ms", a->label, ms);
}

bool doctor_tcp(struct doctor *d, struct doctor_finding *f)
{
    struct doctor_link *l = calloc(d->n, sizeof(*l));
    enum link_result r[ADDRESS_MAX];
    int64_t start_us = clock_monotonic_us();
    bool any = false, silent = false;

    if (!l) {
        doctor_fail(f, "no-connection", "free some memory, and try again");
        return false;
    }
    link_connect_all(l, r, d);
    for (size_t i = 0; i < d->n; i++) {
        struct doctor_address *a = &d->v[i];

        judge(d, f, a, &l[i], r[i], (double)(l[i].connected_us - start_us) / 1000);
        link_close(&l[i]);
        any |= a->connects;
        silent |= a->silent;
    }
    free(l);
    if (silent) doctor_hops(d, f);
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
