/* SPDX-License-Identifier: Apache-2.0
 * identity_file.c: the files of an identity, read as bytes: bounded, judged by their mode, wiped.
 */
#include "identity_impl.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MAX = 1024 * 1024 };

void file_clear(struct file_bytes *f)
{
    if (f->p) secret_wipe(f->p, f->n);
    free(f->p);
    *f = (struct file_bytes){0};
}

static enum err_code read_all(int fd, const char *path, struct file_bytes *f, struct err *err)
{
    size_t got = 0;

    while (got < f->n) {
        ssize_t n = read(fd, f->p + got, f->n - got);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(err, ERR_FILE, errno, "%s", path);
        if (n == 0) break;
        got += (size_t)n;
    }
    f->n = got; /* it may have become shorter */
    return ERR_NONE;
}

enum err_code file_read(const struct identity_setup *setup, const char *path, struct file_bytes *out, struct err *err)
{
    struct stat st;
    enum err_code code = ERR_NONE;
    int fd;

    *out = (struct file_bytes){0};
    if (setup->on_file) setup->on_file(setup->arg, path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* nobody may hold us up with a pipe */
    if (fd == -1) return err_set(err, ERR_FILE, errno, "%s cannot be read", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        code = err_set(err, ERR_FILE, 0, "%s is not a plain file", path);
    else if (st.st_size == 0 || st.st_size > FILE_MAX)
        code = err_set(err, ERR_FILE, 0, "%s is %s", path, st.st_size ? "longer than 1 MiB" : "empty");
    if (code == ERR_NONE) {
        out->n = (size_t)st.st_size;
        out->st = st;
        out->p = malloc(out->n);
        code = out->p ? read_all(fd, path, out, err) : err_set(err, ERR_NO_MEMORY, 0, "%s", path);
    }
    close(fd);
    if (code != ERR_NONE) file_clear(out);
    return code;
}

enum err_code file_check_closed(const struct file_bytes *f, const char *path, struct err *err)
{
    char fault[SECRET_FAULT];

    if (!secret_file_fault(&f->st, path, true, fault, sizeof(fault))) return ERR_NONE;
    return err_set(err, ERR_FILE, 0, "%s", fault);
}

enum err_code file_read_secret(const struct identity_setup *setup, const char *path, char out[PASSPHRASE_MAX],
                               struct err *err)
{
    struct file_bytes f;
    struct str line, rest;
    enum err_code code;

    TRY(file_read(setup, path, &f, err));
    rest = str_make(f.p, f.n);
    code = file_check_closed(&f, path, err);
    if (code == ERR_NONE && str_split(&rest, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        if (!str_to_cstr(line, out, PASSPHRASE_MAX))
            code = err_set(err, ERR_FILE, 0, "%s: its first line is longer than %d bytes, or no text", path,
                           PASSPHRASE_MAX - 1);
    }
    file_clear(&f);
    return code;
}
