/* SPDX-License-Identifier: Apache-2.0
 * profile.h: reads the shared config and credentials files of the AWS tools. Pure.
 *
 * inih, which reads our own configuration, does not fit: it takes continuation lines for values of the same key again,
 * cuts the ';' comments off that belong to a value here, knows no lone CR, and has limits on lines and names, while
 * session tokens have none.
 *
 * Sources: AWS SDKs and Tools Reference Guide, "Using shared config and credentials files"; botocore `configloader.py`
 * and, for what that leaves to it, Python's `configparser`:
 *   - "[section]" and "key = value" or "key: value", spaces around them do not count; keys in any case;
 *   - '#' and ';' begin a comment only at the start of a line, after spaces; later they belong to the value;
 *   - a line that is indented deeper than its key goes on with the value, joined by a line feed; if nothing stood on
 * the key's own line, it is a block of settings of its own ("s3 ="), which must have '=' in each line and is passed
 * over;
 *   - in the config file "[default]", "[profile NAME]" and "[sso-session NAME]" count, NAME quoted as in a shell; in
 * the credentials file each section is a profile. As in the guide, and unlike botocore, which refuses the file: a
 * section that stands twice is one, of a key that stands twice the last one counts, and a UTF-8 byte order mark is
 * passed over. [DEFAULT], which Python gives to all sections, is nothing special.
 */
#ifndef S3ONRAMP_AWS_DOCUMENTS_PROFILE_H
#define S3ONRAMP_AWS_DOCUMENTS_PROFILE_H

#include "base/err.h"
#include "base/str.h"

enum profile_file_kind { PROFILE_FILE_CONFIG, PROFILE_FILE_CREDENTIALS };
enum profile_section_kind { PROFILE_SECTION_PROFILE, PROFILE_SECTION_SSO_SESSION, PROFILE_SECTION_OTHER };
enum { PROFILE_FILE_MAX = 1024 * 1024 }; /* bytes */

struct profile_file;

struct profile_value {
    const char *text; /* borrowed from the file; NULL: not there, or a block */
    const char *file; /* its name */
    int line;
};

/* @text: copied. @name: for messages, copied. ERR_BAD_DOCUMENT with "NAME:LINE: …" in @err, never with a value. */
MUST_CHECK enum err_code profile_file_parse(struct str text, enum profile_file_kind kind, const char *name,
                                            struct profile_file **out, struct err *err);
/* Wipes all that was read. Nulls *@f; NULL is fine. */
void profile_file_free(struct profile_file **f);
/* The line of the section, 0 if there is none. @f may be NULL: an empty file. */
int profile_file_section(const struct profile_file *f, enum profile_section_kind kind, const char *name);
/* @key: in lower case. */
struct profile_value profile_file_get(const struct profile_file *f, enum profile_section_kind kind, const char *name,
                                      const char *key);

#endif
