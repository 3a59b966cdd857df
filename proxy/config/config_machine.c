/* SPDX-License-Identifier: Apache-2.0
 * config_machine.c: the names of this machine that an endpoint listener has of itself. One thread. Owns nothing.
 */
#include "config_options.h"

#include "aws/s3/partition.h"

static bool is_below(struct str name, struct str tree)
{
    return str_eq(name, tree) || (str_ends(name, tree) && name.p[name.n - tree.n - 1] == '.');
}

/* AWS's names stay what they are, and no machine is called "com": all of S3 would be buckets of that name. */
static bool is_of_aws(struct str name)
{
    struct str suffix;

    for (size_t i = 0; (suffix = partition_suffix_at(i)).n; i++)
        if (is_below(name, suffix) || is_below(suffix, name)) return true;
    return false;
}

/* "127.0.0.1" and "10" are no names. */
static bool is_number(struct str name)
{
    struct str last = str_tail(name, str_rindex(name, '.') == SIZE_MAX ? 0 : str_rindex(name, '.') + 1);
    uint64_t number;

    return str_to_u64(last, &number);
}

static void add_name(struct str_list *names, struct str name)
{
    if (!config_host_valid(name) || is_number(name) || is_of_aws(name) || str_eq(name, STR("localhost"))) return;
    names->v = config_grow(names->v, names->n, sizeof(char *));
    names->v[names->n++] = config_strdup(name);
}

void config_machine_names(const char *hostname, struct str_list *names)
{
    char lower[256] = "";
    struct sbuf b = sbuf_make(lower, sizeof lower);
    struct str name;
    size_t dot;

    sbuf_lower(&b, str_from(hostname));
    name = sbuf_str(&b);
    dot = str_index(name, '.');
    if (b.overflow || str_starts(name, STR("*."))) return;
    add_name(names, name);
    if (dot != SIZE_MAX && config_host_valid(name)) add_name(names, str_head(name, dot));
}
