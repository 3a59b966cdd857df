/* SPDX-License-Identifier: Apache-2.0
 * profile_files.c: see profile_files.h. Paths: [credentials], else AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE,
 * else
 * ~/.aws. Source: AWS SDKs and Tools Reference Guide, "Location of the shared config and credentials files".
 */
#include "keys/profile_files.h"

#include "base/secret.h"
#include "config/config.h"
#include "source_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct wanted {
    const char *set, *variable, *in_home;
    enum profile_file_kind kind;
    char *path; /* PATH_MAX */
    struct profile_file **file;
    const char **missing;
    char *mode;  /* 8 */
    char *fault; /* SECRET_FAULT */
};

/* "~" and "~/…" are the home folder in variables, too; what the settings say is resolved already. False: there is no
 * path; an empty one results. */
static bool find_path(const struct wanted *w, bool *named)
{
    const char *path = w->set ? w->set : environment_text(w->variable);

    *named = path != NULL;
    w->path[0] = '\0';
    if (!path) return home_path(w->in_home, w->path);
    if (!w->set && path[0] == '~' && (path[1] == '/' || !path[1])) return home_path(path[1] ? path + 2 : "", w->path);
    return str_to_cstr(str_from(path), w->path, PATH_MAX);
}

/* @fd: a regular file of any length; more than PROFILE_FILE_MAX is not read. */
static enum err_code parse_open(const struct wanted *w, int fd, struct err *err)
{
    size_t n = 0;
    char *text = malloc(PROFILE_FILE_MAX + 1);
    enum err_code code;
    ssize_t got = text ? 0 : -1;

    if (!text) return err_set(err, ERR_NO_MEMORY, 0, "%s", w->path);
    do {
        n += (size_t)got;
        got = read(fd, text + n, PROFILE_FILE_MAX + 1 - n);
    } while (got > 0);
    if (got < 0)
        code = err_set(err, ERR_FILE, errno, "%s cannot be read: %s", w->path, strerror(errno));
    else
        code = profile_file_parse(str_make(text, n), w->kind, w->path, w->file, err);
    secret_wipe(text, n);
    free(text);
    return code;
}

static enum err_code read_open(const struct wanted *w, int fd, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) { /* /dev/null is how people say: none */
        *w->missing = "is not a regular file";
        return ERR_NONE;
    }
    if (st.st_mode & 007) snprintf(w->mode, 8, "%03o", (unsigned)st.st_mode & 0777);
    if (!*w->fault && !secret_file_fault(&st, w->path, false, w->fault, SECRET_FAULT)) *w->fault = '\0';
    return parse_open(w, fd, err);
}

static enum err_code read_one(struct source *s, const struct wanted *w, struct err *err)
{
    bool named, found = find_path(w, &named);
    enum err_code code;
    int fd;

    *w->missing = "does not exist";
    if (!found) {
        snprintf(w->path, PATH_MAX, "~/%s", w->in_home);
        *w->missing = "cannot be found: there is no HOME";
        return ERR_NONE;
    }
    source_read_file(s, w->path);
    fd = open(w->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR) {
        if (named)
            return err_set(err, ERR_FILE, errno,
                           "%s cannot be read by user %u: %s; name another file or change its mode", w->path,
                           (unsigned)geteuid(), strerror(errno));
        *w->missing = "cannot be read";
    }
    if (fd < 0) return ERR_NONE;
    code = read_open(w, fd, err);
    close(fd);
    return code;
}

enum err_code profile_files_read(struct source *s, struct profile_files **out, struct err *err)
{
    struct profile_files *f = calloc(1, sizeof(*f));
    const struct credentials_conf *set = s->context->set;
    enum err_code code;

    *out = f;
    if (!f) return err_set(err, ERR_NO_MEMORY, 0, "profiles");
    const struct wanted credentials = {.set = set->shared_credentials_file,
                                       .variable = "AWS_SHARED_CREDENTIALS_FILE",
                                       .in_home = ".aws/credentials",
                                       .kind = PROFILE_FILE_CREDENTIALS,
                                       .path = f->credentials_path,
                                       .file = &f->credentials,
                                       .missing = &f->credentials_missing,
                                       .mode = f->credentials_mode,
                                       .fault = f->fault};
    const struct wanted config = {.set = set->config_file,
                                  .variable = "AWS_CONFIG_FILE",
                                  .in_home = ".aws/config",
                                  .kind = PROFILE_FILE_CONFIG,
                                  .path = f->config_path,
                                  .file = &f->config,
                                  .missing = &f->config_missing,
                                  .mode = f->config_mode,
                                  .fault = f->fault};
    code = read_one(s, &credentials, err);
    return code == ERR_NONE ? read_one(s, &config, err) : code;
}

void profile_files_free(struct profile_files **fp)
{
    struct profile_files *f = *fp;

    if (!f) return;
    *fp = NULL;
    profile_file_free(&f->config);
    profile_file_free(&f->credentials);
    free(f);
}

const char *profile_files_open_to_all(const struct profile_files *f, const char *file)
{
    const char *mode = strcmp(file, f->credentials_path) == 0 ? f->credentials_mode : f->config_mode;

    return *mode ? mode : NULL;
}
