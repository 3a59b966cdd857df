/* SPDX-License-Identifier: Apache-2.0
 * source.h: where credentials come from. A source fetches one set of keys when it is asked and remembers nothing of
 * them: when to ask, what to keep and whom to give it to is decided in credentials.c. Sources are composed: a profile
 * makes a source of its own for what it names, assume-role has one for the keys it signs with, chain tries several.
 * Control thread.
 */
#ifndef S3ONRAMP_KEYS_SOURCE_H
#define S3ONRAMP_KEYS_SOURCE_H

#include "config/config.h"
#include "keys/http.h"

enum { SOURCE_WHY = 512, SOURCE_FILES = 8 };

/* NUL-terminated heap strings. */
struct key_set {
    char *access_key_id, *secret_access_key;
    char *session_token; /* NULL: long-lived keys */
    int64_t expires_s;   /* Unix; 0: never */
};
/* Wipes and frees; all zero afterwards. */
void key_set_clear(struct key_set *k);

enum source_outcome {
    SOURCE_GOOD,
    SOURCE_ABSENT,    /* not set up here: a chain tries the next one */
    SOURCE_FAILED,    /* could work later */
    SOURCE_THROTTLED, /* the other side asks to slow down */
    SOURCE_REFUSED,   /* access denied, wrong settings: will not work soon */
};

struct source_result {
    enum source_outcome outcome;
    struct key_set keys; /* with GOOD; the callee takes them over by zeroing them, else they are wiped */
    bool stands; /* with GOOD: if the keys are over already, they are the best there is, and AWS still takes them */
    char why[SOURCE_WHY];    /* otherwise: what happened and what to do; no secrets */
    char origin[SOURCE_WHY]; /* with GOOD: where they came from: "profile dev in /etc/…", "role R at sts.…" */
};

typedef void source_done_fn(void *arg, struct source_result *result);

struct source;
struct source_ops {
    void (*fetch)(struct source *s);  /* ends with source_end, perhaps at once */
    void (*cancel)(struct source *s); /* stops a fetch that runs: no source_end after it */
    void (*free)(struct source *s);   /* frees @s itself; nothing runs */
};

/* First member of each kind's struct. */
struct source {
    const struct source_ops *ops;
    const struct source_context *context; /* borrowed */
    source_done_fn *done;                 /* NULL: nothing runs */
    void *arg;
    char *files[SOURCE_FILES]; /* owned: what the last fetch read; a change means: fetch anew */
    size_t files_n;
    int64_t certificate_end_s; /* Unix time: of the certificate that it shows for keys; 0: none, or not known yet */
};

/* What a source may use; borrowed, outlives it. */
struct source_context {
    struct loop *loop;
    struct http *http;
    const struct settings *settings;
    const struct credentials_conf *set; /* the section */
    const char *client;                 /* whose session it is; NULL: everybody's */
    /* A source that gives what the section @set has now, or will have; made by credentials.c. NULL: out of
     * memory. */
    struct source *(*section)(void *arg, const struct credentials_conf *set);
    void *section_arg;
};

/* @s has no fetch running. @done is called once, perhaps from within. */
void source_fetch(struct source *s, source_done_fn *done, void *arg);
/* Stops a fetch that runs: @done is not called. */
void source_cancel(struct source *s);
/* Cancels and frees; nulls *@s; NULL is fine. */
void source_free(struct source **s);
/* What is known of context->client; NULL: there is none, or the settings do not know it. */
const struct principal_conf *source_principal(const struct source_context *context);
/* For the kinds: the fetch is over. Wipes what @r still holds afterwards; @s may be gone then. */
void source_end(struct source *s, struct source_result *r);
/* The same with an outcome other than GOOD. */
void source_fail(struct source *s, enum source_outcome outcome, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Remembers that @path was read (or looked for). */
void source_read_file(struct source *s, const char *path);
void source_forget_files(struct source *s);
/* The secret that @value of the section's @key stands for now: itself, or what the file of "file:PATH" holds, which is
 * remembered as read. *@out: heap, for secret_free; NULL if @value is. False: @why says what is wrong and what to do.
 */
MUST_CHECK bool source_secret(struct source *s, const char *key, const char *value, char **out, char why[SOURCE_WHY]);

/* Makes the source of a section, by its kind. NULL with the reason in @err: out of memory. */
MUST_CHECK struct source *source_new(const struct source_context *context, struct err *err);

/* The kinds. Each takes what it needs from @context->set; NULL: out of memory. */
struct source *source_static(const struct source_context *context);         /* source_static.c; environment, too */
struct source *source_profile(const struct source_context *context);        /* source_profile.c */
struct source *source_process(const struct source_context *context);        /* source_process.c */
struct source *source_container(const struct source_context *context);      /* source_container.c */
struct source *source_imds(const struct source_context *context);           /* source_imds.c */
struct source *source_assume_role(const struct source_context *context);    /* source_sts.c */
struct source *source_web_identity(const struct source_context *context);   /* source_sts.c */
struct source *source_roles_anywhere(const struct source_context *context); /* source_roles_anywhere.c */
struct source *source_chain(const struct source_context *context);          /* source_chain.c */

/* For profile and chain, which make such sources out of other texts than the section's: what a kind needs, given by
 * hand. Strings are copied. */
struct role_request {
    const char *role_arn;     /* not empty */
    const char *session_name; /* NULL: made */
    const char *source_identity, *external_id;
    const char *token_file;      /* of a web identity: not empty */
    uint64_t duration_s;         /* 0: 3600 */
    const char *region;          /* NULL: the section's, else AWS_REGION */
    const struct str_list *tags; /* NULL: none */
};
/* @base: taken over: whose keys sign. */
struct source *source_role_with(const struct source_context *context, const struct role_request *r,
                                struct source *base);
struct source *source_web_identity_with(const struct source_context *context, const struct role_request *r);
/* @command: as credential_process has it. @where: for messages: "profile dev". */
struct source *source_process_with(const struct source_context *context, const char *command, const char *where);
/* Keys given by hand; copied. @origin: copied. */
struct source *source_keys_with(const struct source_context *context, const struct key_set *keys, const char *origin);
/* The environment's AWS_ACCESS_KEY_ID and so on; ABSENT without. */
struct source *source_environment(const struct source_context *context);

#endif
