/* SPDX-License-Identifier: Apache-2.0
 * config_options.h: what the parts of the configuration reader share. Internal to proxy/config; one thread.
 *
 *   file → config_read.c (lines, sections, keys: struct raw) → config_value.c (text to field;
 *        config_secret.c: secrets) → config_finish.c (what follows from the values) → config_check*.c (what must fit
 *        together), for credentials both in config_credentials*.c → config_warn.c → struct settings
 */
#ifndef S3ONRAMP_BASE_CONFIG_OPTIONS_H
#define S3ONRAMP_BASE_CONFIG_OPTIONS_H

#include "config/config.h"
#include "config/options.h"

#include "base/map.h"

/* What the files say, before it means anything. There may be 100,000 clients: only what is written takes room, and each
 * text stands once, here: fields of settings that are as written point to it. */
struct raw_value {
    char *text;   /* in raw.texts; may be a secret */
    int line;     /* 0: not from a file */
    uint8_t file; /* of raw.files */
    uint8_t row;  /* of the section's options */
};

struct raw_section {
    struct raw *raw;
    char *name;               /* in raw.texts; NULL for sections without a name */
    struct raw_value *values; /* in raw.values; those that are given */
    void *item;               /* borrowed: the struct in settings that it became */
    int line;                 /* of the header */
    uint8_t file;             /* of raw.files; 0: made by us */
    uint8_t id;               /* enum section_id */
    uint8_t values_n;
};

/* Terms, and what the sections say that have them. */
struct terms_text {
    const char *text; /* of raw.words */
    size_t row;       /* of the client's options */
};

struct terms_entry {
    struct principal_terms terms;
    size_t texts_n;
    struct terms_text texts[];
};

/* Memory that is given up as a whole, and wiped then: for texts, secrets among them. */
struct raw_memory {
    struct raw_block *last; /* owned, with those before it */
    size_t used, cap;       /* bytes of the last one */
};

enum { RAW_FILES = 3 };

/* settings.impl */
struct raw {
    struct raw_section **v; /* owned; they stand in texts, in the order of the files */
    size_t n, cap;
    struct map by_name[SECTIONS_N]; /* name → section; of kinds with names */
    struct raw_memory texts, values;
    struct map words;           /* texts that many sections have, each once: the names of other sections */
    struct map terms_by_text;   /* what sections say of terms → struct terms_entry */
    struct terms_entry **terms; /* owned; all */
    size_t terms_n;
    const char *files[RAW_FILES]; /* borrowed: [0] is NULL; as struct config_place has them */
    struct map hashes;            /* places of values that hold " #" */
    char *clients_path;           /* the clients file's path, for places; in texts */
};

struct config_build {
    struct settings *s; /* under construction */
    struct raw *raw;    /* s->impl */
    FILE *problems;
    size_t problems_n;
    uint64_t no_field;       /* where values of options without a field go */
    bool lenient;            /* config_read: variables, systemd credentials, the clients file may be missing */
    bool no_clients;         /* …_without_clients: the clients file is not read, clients are not judged */
    struct str clients_text; /* config_load_with_clients: what stands in its place; .p NULL: nothing does */
};

/* config_raw.c */
/* Memory for settings; aborts when there is none: no part of the program can run without settings. */
void *config_alloc(size_t n); /* zeroed */
char *config_strdup(struct str s);
/* @n bytes of the settings' own memory, which lives and is wiped with them; not zeroed, for texts. */
char *config_bytes(struct raw *raw, size_t n);
char *config_keep(struct raw *raw, struct str s);      /* a copy there, NUL-terminated */
char *config_keep_word(struct raw *raw, struct str s); /* one copy of all that are alike */
/* Moves a heap string, perhaps a secret, there; NULL stays NULL. */
char *config_keep_heap(struct raw *raw, char *heap);
/* Variable @name of the environment holds a secret of ours. */
void config_note_secret_variable(struct config_build *b, const char *name);
/* An array of @n elements of @size bytes that gets room for one more. */
void *config_grow(void *array, size_t n, size_t size);

/* One line "FILE:LINE: …" (or "FILE: …" for line 0). */
void config_problem(struct config_build *b, struct config_place place, const char *fmt, ...) PRINTF_LIKE(3, 4);
struct raw_section *config_raw_section(struct raw *raw, enum section_id id, struct str name); /* NULL: none */
struct raw_section *config_raw_add(struct raw *raw, enum section_id id, struct str name, struct config_place place);
void config_raw_move(struct raw_section *section, struct config_place place); /* its header stands there */
/* Where the header stands; .file NULL: the section is made by us. */
struct config_place config_header_place(const struct raw_section *section);
/* NULL: the option of that row is not written. It stays where it is until the section gets another value. */
struct raw_value *config_raw_value(const struct raw_section *section, size_t row);
/* @text: moves into the value; in raw.texts. */
struct raw_value *config_raw_set(struct raw_section *section, size_t row, char *text, struct config_place place);
const char *config_text_of(const struct raw_section *section, const char *key); /* as written; NULL: not written */
/* Where the value stands; NULL or one that we made: .file NULL. */
struct config_place config_value_place(const struct raw_section *section, const struct raw_value *value);
/* Where @key, which must be an option of the section, is written, else where its section is. */
struct config_place config_place_of(const struct raw_section *section, const char *key);
/* What @value says begins a comment in other files. */
void config_note_hash(struct raw *raw, struct config_place place, const char *text);
void config_for_each(struct config_build *b, enum section_id id,
                     void (*visit)(struct config_build *b, struct raw_section *section));
void config_raw_free(struct raw *raw);
/* The row of @key and where it stands in the section's rows; NULL: there is none. */
const struct option *config_find_option(enum section_id id, struct str key, size_t *index);

/* config_read.c */
void config_read_stream(struct config_build *b, FILE *in, const char *file, bool clients_only);

/* config_value.c */
void config_parse_value(struct config_build *b, struct raw_section *section, const struct option *o, size_t row);
void config_parse_addresses(struct config_build *b, struct raw_section *section, const char *key, const char *text,
                            unsigned default_port);
/* The field as it would be written in a file; false: it has no value. */
bool config_format_value(const struct raw_section *section, const struct option *o, FILE *out);
/* Where the option's value is; NULL: nowhere, it is kept as text. */
void *config_field(const struct raw_section *section, const struct option *o);
void config_free_value(void *field, const struct option *o); /* texts live in raw.texts, as long as the settings */
bool config_is_secret_text(const struct option *o, const char *text); /* a secret itself, not env:NAME and so on */
/* The kind of section that an option names, one or several, or SECTIONS_N: it is of another type. */
enum section_id config_reference_kind(const struct option *o);
char *config_path(const char *file, const char *path); /* @path as seen from the folder of @file; heap */

bool config_host_valid(struct str host); /* a name, without port */

/* config_rate.c */
/* "25MB", "200Mbit/s", "0": as bytes a second. False: it is no rate. */
MUST_CHECK bool config_parse_rate(struct str text, uint64_t *bytes);
void config_format_rate(uint64_t bytes, FILE *out);

/* config_secret.c */
/* What the text of a secret stands for: itself, env:NAME, credential:NAME, file:PATH (as seen from the configuration's
 * folder; not read). In raw.texts, as @text is; NULL: reported. */
char *config_secret(struct config_build *b, const struct raw_section *section, const char *key,
                    struct config_place place, char *text);
bool config_is_reference(const char *text); /* env:NAME and so on: no secret itself */
/* The file of a value "file:PATH" must be there and ours alone. Other values are fine. */
void config_check_secret_file(struct config_build *b, struct raw_section *section, const char *key, const char *value);

/* config_terms.c */
static inline bool config_in_terms(const struct option *o)
{
    return o->offset >= IN_TERMS;
}
/* Parses what the client's section says of its terms, unless another says the same. */
void config_terms_parse(struct config_build *b, struct raw_section *section);
void config_terms_finish(struct config_build *b); /* which policies and limits count */
void config_terms_free(struct raw *raw);

/* config_certificate.c */
void config_certificates_finish(struct config_build *b);
void config_certificates_check(struct config_build *b); /* each names one client; finds them by it from then on */
void config_check_client_certificates(struct config_build *b, struct raw_section *section); /* of a listener */
bool config_certificates_are_asked_for(const struct settings *s);                           /* by some listener */

/* config_pam.c */
bool config_is_pam(const char *password);                                        /* no hash: PAM checks it */
void config_check_pam_user(struct config_build *b, struct raw_section *section); /* of a client */
void config_check_pam(struct config_build *b); /* that its service is there, if a client wants it */

/* config_finish.c */
void config_finish(struct config_build *b); /* values that follow from others */

/* config_check.c */
void config_check(struct config_build *b); /* what must fit together */
/* The file of @key must be readable, if it @is_secret by its owner alone, and never be everybody's to write: even a
 * ca_file says whom to believe. @path NULL: fine. */
void config_check_file(struct config_build *b, struct raw_section *section, const char *key, const char *path,
                       bool is_secret);
/* @certificate and @private_key go together, and with TLS. */
void config_check_certificate(struct config_build *b, struct raw_section *section, const char *certificate,
                              const char *private_key, bool tls);
/* The section that @key names must be there. */
void config_check_reference(struct config_build *b, struct raw_section *section, const char *key, const char *advice);

/* config_properties.c */
void config_finish_properties(struct config_build *b, struct raw_section *section); /* of a policy */
void config_check_owner(struct config_build *b, struct raw_section *section, const char *owner);
/* Those of a client's policies go together. */
void config_check_properties(struct config_build *b, struct raw_section *section);

/* config_warn.c */
void config_warn(struct config_build *b); /* what fits, and is hardly meant */

/* config_check_admin.c */
void config_check_admin(struct config_build *b);

/* config_check_endpoint.c */
void config_check_endpoint(struct config_build *b, struct raw_section *section);
void config_check_one_default(struct config_build *b); /* among the endpoints */
void config_check_tunnel(struct config_build *b, struct raw_section *section);
void config_check_parent(struct config_build *b, struct raw_section *section);
/* The values of `addresses` are private, and not too many. */
void config_check_address_list(struct config_build *b, struct raw_section *section, const struct netaddr *addresses,
                               size_t n);
bool config_same_address(const struct netaddr *a, const struct netaddr *b); /* a port of 0 is never the same */

/* config_policy.c */
void config_finish_policy(struct config_build *b, struct raw_section *section);

/* config_credentials.c */
void config_finish_credentials(struct config_build *b, struct raw_section *section);
void config_check_credentials(struct config_build *b);
/* Does @client sign with @wanted, or is some endpoint's that it may come to signed so, perhaps by way of others? */
bool config_credentials_are_of(struct config_build *b, const struct principal_conf *client,
                               const struct credentials_conf *wanted);
/* Whether @key says anything to the section's source. */
bool config_credentials_use(struct raw_section *section, const char *key);

/* config_credentials_files.c */
void config_check_credentials_files(struct config_build *b, struct raw_section *section);

/* config_credentials_format.c */
void config_check_credentials_formats(struct config_build *b, struct raw_section *section);
struct str config_arn_region(const char *arn); /* "" if it has none or is none; NULL is none */

#endif
