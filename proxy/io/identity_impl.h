/* SPDX-License-Identifier: Apache-2.0
 * identity_impl.h: what identity.c and identity_token.c share. Internal to proxy/io.
 */
#ifndef S3ONRAMP_IO_IDENTITY_IMPL_H
#define S3ONRAMP_IO_IDENTITY_IMPL_H

#include "io/identity.h"

#include <sys/stat.h>

enum { PASSPHRASE_MAX = 1024 };

/* A file's bytes: may be secret, wiped by file_clear. */
struct file_bytes {
    char *p; /* owned */
    size_t n;
    struct stat st;
};
enum err_code file_read(const struct identity_setup *setup, const char *path, struct file_bytes *out, struct err *err);
void file_clear(struct file_bytes *f);
/* ERR_FILE if secret_file_fault finds something. */
enum err_code file_check_closed(const struct file_bytes *f, const char *path, struct err *err);
/* The first line of a file that holds a passphrase or a PIN. */
enum err_code file_read_secret(const struct identity_setup *setup, const char *path, char out[PASSPHRASE_MAX],
                               struct err *err);

/* Opens the token of setup->private_key and finds the key: fills out->key, out->token. */
enum err_code token_load(const struct identity_setup *setup, const char *passphrase, struct identity *out,
                         struct err *err);
/* Frees @key, closes the token. Nulls both. */
void token_close(struct identity_token **token, EVP_PKEY **key);

#endif
