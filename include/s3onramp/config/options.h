/* SPDX-License-Identifier: Apache-2.0
 * options.h: the one table of what a configuration may say. Its rows drive parsing, defaults, `check --print`, the
 * example file and s3onramp.ini(5). Constant data; any thread.
 */
#ifndef S3ONRAMP_CONFIG_OPTIONS_H
#define S3ONRAMP_CONFIG_OPTIONS_H

#include <stddef.h>

enum section_id {
    SECTION_SERVER,
    SECTION_CA,
    SECTION_LOG,
    SECTION_AUDIT,
    SECTION_ADMIN,
    SECTION_PAM,
    SECTION_COST,
    SECTION_LISTENER,
    SECTION_ENDPOINT,
    SECTION_CREDENTIALS,
    SECTION_CLIENT,
    SECTION_GROUP,
    SECTION_POLICY,
    SECTION_TUNNEL,
    SECTION_PARENT,
    SECTION_LINE,
    SECTIONS_N
};

/* A kind of section: [server] stands once and is a member of struct settings; [listener NAME] may stand many times and
 * is an element of an array that struct settings points to. */
struct section_kind {
    const char *word;         /* "auth pam": its two words are one */
    const char *example_name; /* NULL: the section has no name */
    size_t at;                /* offset in struct settings of the member, or of the pointer to the array */
    size_t count_at;          /* offset of the array's length */
    size_t item_bytes;
    const char *help;
};

enum option_type {
    OPT_TEXT,      /* char * */
    OPT_REGION,    /* char *, a Region */
    OPT_HOST,      /* char *, a host name */
    OPT_PATH,      /* char *, relative to the file's folder */
    OPT_DOCUMENT,  /* the same; what the file holds counts, too: it is a changed value when that has changed */
    OPT_KEY_ID,    /* char *, or env:NAME, credential:NAME, file:PATH */
    OPT_SECRET,    /* the same, never shown */
    OPT_HIDDEN,    /* char *: a text that may hold a secret: as OPT_TEXT, never shown */
    OPT_SIZE,      /* size_t */
    OPT_UINT,      /* uint64_t */
    OPT_MS,        /* uint64_t, milliseconds */
    OPT_RATE,      /* uint64_t, bytes a second */
    OPT_TIME,      /* int64_t, Unix seconds; 0: not set */
    OPT_BOOL,      /* bool */
    OPT_ENUM,      /* enum, in the order of .choices */
    OPT_LIST,      /* struct str_list */
    OPT_PATTERNS,  /* struct str_list of patterns of host names */
    OPT_REGIONS,   /* struct str_list of Regions */
    OPT_HOSTS,     /* struct str_list of host names */
    OPT_ADDRESSES, /* struct netaddr *, size_t */
    OPT_ZONED,     /* the same, then struct str_list of zones, one per address: [ZONE=]ADDRESS */
    OPT_NETWORKS,  /* struct netblock *, size_t */
    OPT_SOURCES,   /* the same, of any width */
    OPT_TAGS,      /* const struct tag_list *: the row of all keys that begin with its own */
    /* const struct X_conf *: the section of that name; NULL: there is none */
    OPT_CLIENT,
    OPT_ENDPOINT,
    OPT_CREDENTIALS,
    OPT_LINE,
    /* struct X_list: the sections of those names; none that is not there */
    OPT_POLICIES,
    OPT_GROUPS
};

enum { NO_FIELD = -1 }; /* for .offset: kept as text only */
/* Added to .offset: the field is in the client's struct principal_terms. */
enum { IN_TERMS = 1 << 20 };

/* From when a changed value counts, after the running proxy was told to reload. */
enum option_takes {
    TAKES_LIVE = 1,     /* with the next request, on open connections, too */
    TAKES_NEW_SESSIONS, /* with connections that begin then */
    TAKES_RESTART,      /* when the program starts; .restart says why */
};

struct option {
    enum section_id section;
    const char *key;
    enum option_takes takes;
    const char *restart; /* NULL except with TAKES_RESTART */
    enum option_type type;
    long offset;                 /* in the section's struct */
    const char *def, *min, *max; /* as they would be written; NULL: none */
    const char *const *choices;  /* OPT_ENUM: NULL-terminated */
    const char *example;         /* stands in the example file as a set value; NULL: as a comment */
    const char *help;
};

extern const struct section_kind config_sections[SECTIONS_N];
/* The rows of one kind of section stand together. */
const struct option *config_section_options(enum section_id id, size_t *n);

/* What follows an option's key in its name: tags.KEY. */
static inline const char *config_key_rest(const struct option *o)
{
    return o->type == OPT_TAGS ? "KEY" : "";
}

#endif
