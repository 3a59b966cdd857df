/* SPDX-License-Identifier: Apache-2.0
 * config_policy.c: [policy NAME]: its document is read, once, and it is compiled. One thread.
 */
#include "config_options.h"

#include "base/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/* --- the document --- */

/* NULL: told. */
static FILE *open_document(struct config_build *b, struct raw_section *section, const char *path)
{
    struct config_place place = config_place_of(section, "document");
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* nobody may hold us up with a pipe */
    FILE *in = fd < 0 ? NULL : fdopen(fd, "r");

    if (!in) {
        config_problem(b, place, "document: %s cannot be read (%s); name a file that the proxy may read", path,
                       strerror(errno));
        return NULL;
    }
    if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & S_IWOTH)) return in;
    if (S_ISREG(st.st_mode))
        config_problem(b, place, "document: everybody may write to %s; run: chmod o-w %s", path, path);
    else
        config_problem(b, place, "document: %s is no regular file; name one", path);
    fclose(in);
    return NULL;
}

static void read_document(struct config_build *b, struct raw_section *section)
{
    struct policy_conf *policy = section->item;
    size_t cap = POLICY_DOCUMENT_BYTES_MOST + 1, n; /* one more tells that it is too long */
    FILE *in = open_document(b, section, policy->document);
    char *text;

    if (!in) return;
    text = config_alloc(cap);
    n = fread(text, 1, cap, in);
    if (ferror(in))
        config_problem(b, config_place_of(section, "document"), "document: %s cannot be read (%s)", policy->document,
                       strerror(errno));
    else
        policy->document_text = str_make(config_keep(b->raw, str_make(text, n)), n);
    free(text);
    fclose(in);
}

/* --- what is written --- */

static bool is_bucket_pattern(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr(".-_*?", c)) return false;
    }
    return s.n > 0 && s.n <= 255;
}

static void check_buckets(struct config_build *b, struct raw_section *section)
{
    const struct policy_conf *policy = section->item;

    for (size_t i = 0; i < policy->buckets.n; i++)
        if (!is_bucket_pattern(str_from(policy->buckets.v[i])))
            config_problem(b, config_place_of(section, "buckets"),
                           "buckets: \"%.80s\" cannot be a bucket's name; write names only, with * and ? as wildcards",
                           policy->buckets.v[i]);
}

/* A document says all that is allowed. */
static void check_document_alone(struct config_build *b, struct raw_section *section)
{
    static const char *const keys[] = {"access", "buckets", "list_buckets", "prefixes"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (config_text_of(section, keys[i]))
            config_problem(b, config_place_of(section, keys[i]),
                           "%s has no effect beside document; remove one of them, or make two policies", keys[i]);
}

/* --- compiling --- */

struct problems {
    struct policy_problems head;
    struct config_build *b;
    struct raw_section *section;
};

static void tell(struct policy_problems *head, const char *option, unsigned line, unsigned column, const char *text)
{
    struct problems *p = CONTAINER_OF(head, struct problems, head);
    const struct policy_conf *policy = p->section->item;
    char *where;

    if (!line) {
        config_problem(p->b, config_place_of(p->section, option), "%s", text);
        return;
    }
    int n = asprintf(&where, "%s:%u:%u", policy->document, line, column);
    ASSERT(n >= 0 && "memory for the settings");
    config_problem(p->b, (struct config_place){where, 0}, "%s", text);
    free(where);
}

void config_finish_policy(struct config_build *b, struct raw_section *section)
{
    struct policy_conf *policy = section->item;
    struct problems problems = {{tell}, b, section};

    check_buckets(b, section);
    if (policy->document) {
        check_document_alone(b, section);
        read_document(b, section);
        if (!policy->document_text.p) return;
    }
    policy->compiled = policy_compile(&(struct policy_rules){.access = policy->access,
                                                             .buckets = &policy->buckets,
                                                             .list_buckets = policy->list_buckets,
                                                             .name = policy->name,
                                                             .mode = policy->mode,
                                                             .prefixes = &policy->prefixes,
                                                             .deny = &policy->deny,
                                                             .document = policy->document_text},
                                      &problems.head);
}
