/* SPDX-License-Identifier: Apache-2.0
 * clients_bench.c: what it takes to find a client by key and by name in each of the configurations that are named;
 * their clients are those that tests/bench/clients makes. Prints a line of JSON for each.
 */
#include "config/config.h"

#include <time.h>

enum { LOOKUPS = 1000000 };

/* Nanoseconds of CPU time for each. */
static double measure(const struct settings *s, const char *format, bool by_key)
{
    const struct principal_key *key;
    char name[32];
    unsigned at = 0;
    clock_t began = clock();

    for (unsigned i = 0; i < LOOKUPS; i++) {
        at = at * 1103515245u + 12345u;
        snprintf(name, sizeof name, format, (at >> 8) % (unsigned)s->clients_n);
        ASSERT(by_key ? settings_client_by_key(s, str_from(name), &key) : settings_client_by_name(s, str_from(name)));
    }
    return (double)(clock() - began) / CLOCKS_PER_SEC * 1e9 / LOOKUPS;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct settings *s = config_load(argv[i], stderr);
        if (!s) return 1;
        printf("{\"clients\": %zu, \"by_key_ns\": %.0f, \"by_name_ns\": %.0f}\n", s->clients_n,
               measure(s, "S3ORKEY%06u", true), measure(s, "user-%06u", false));
        settings_unref(&s);
    }
    return 0;
}
