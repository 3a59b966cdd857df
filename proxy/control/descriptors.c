/* SPDX-License-Identifier: Apache-2.0
 * descriptors.c: see descriptors.h.
 */
#include "control/descriptors.h"

#include "base/log.h"

#include <sys/resource.h>

enum {
    OWN_FILES = 128,   /* logs, credentials, DNS, probes, who asks at the admin socket */
    WORKER_FILES = 32, /* its loop, who is told that there is no place, some pipes */
};

/* How many files the process may have open: as many as @want if that is allowed. */
static rlim_t raise_file_limit(rlim_t want)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r)) return want;
    if (r.rlim_cur < want) {
        r.rlim_cur = r.rlim_max == RLIM_INFINITY || r.rlim_max > want ? want : r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    return r.rlim_cur;
}

size_t descriptors_for(const struct server_conf *s, size_t workers_n, size_t sockets_n)
{
    rlim_t own = OWN_FILES + workers_n * WORKER_FILES + 2 * sockets_n;
    rlim_t want = (rlim_t)s->max_connections * 2 + own, files = raise_file_limit(want);
    size_t max;

    if (files >= want) return s->max_connections;
    max = files > own + 2 ? (size_t)(files - own) / 2 : 1;
    LOG(LOG_WARN,
        "max_connections is %zu, not %zu: there are %llu file descriptors only; raise the limit (LimitNOFILE=%llu "
        "in systemd)",
        max, s->max_connections, (unsigned long long)files, (unsigned long long)want);
    return max;
}
