/* SPDX-License-Identifier: Apache-2.0
 * directory_file.c: see config/directory.h: the file. Other processes are kept out by a lock on a file beside it,
 * FILE.lock: the clients file itself is replaced, so a lock on it would be lost, and whoever may open a file or folder
 * may lock it: FILE.lock is the owner's alone. Source: fcntl(2), "Advisory record locking".
 */
#include "config/directory.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FILE_BYTES_MOST = 64 << 20,
    LOCK_TRIES = 250,
    LOCK_PAUSE_MS = 20,
    MODE_KEPT = 0640, /* it holds secrets */
};

/* The path with symbolic links resolved: the link stays, what it points at is replaced. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);

    return real ? real : strdup(path);
}

static enum err_code open_folder(struct directory *d, struct err *err)
{
    char *copy = strdup(d->path);

    if (!copy) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for a path");
    d->dir_fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int saved = errno;
    free(copy);
    if (d->dir_fd < 0) return err_set(err, ERR_FILE, saved, "the folder of %s cannot be used; make it", d->path);
    return ERR_NONE;
}

/* The lock file is never removed: whoever waits for it would then hold a lock that the next one does not see. Made by
 * root it belongs to whom the folder belongs to, who changes clients, too; one that is there is not touched. */
static enum err_code open_lock(struct directory *d, const char *path, struct err *err)
{
    struct stat st, folder;

    d->lock_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock_fd >= 0 && geteuid() == 0 && fstat(d->dir_fd, &folder) == 0 &&
        fchown(d->lock_fd, folder.st_uid, folder.st_gid) != 0)
        return err_set(err, ERR_FILE, errno, "%s cannot be given to the folder's owner", path);
    if (d->lock_fd < 0 && errno == EEXIST) d->lock_fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (d->lock_fd < 0)
        return err_set(err, ERR_FILE, errno, "%s cannot be opened; run this as the owner of %s, or as root", path,
                       d->path);
    if (fstat(d->lock_fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
        return err_set(err, ERR_FILE, 0,
                       "%s is no file of its owner's alone, so that anybody could block this; remove it", path);
    return ERR_NONE;
}

static enum err_code blocked(int fd, const char *path, struct err *err)
{
    enum { WAITED_S = LOCK_TRIES * LOCK_PAUSE_MS / 1000 };
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
        return err_set(err, ERR_FILE, 0,
                       "process %ld holds %s for more than %d s; nothing is changed: let it end, or end it (kill %ld), "
                       "and try again",
                       (long)lock.l_pid, path, WAITED_S, (long)lock.l_pid);
    return err_set(err, ERR_FILE, 0,
                   "others (maybe on another machine) hold %s for more than %d s; nothing is changed: try again", path,
                   WAITED_S);
}

static enum err_code lock(struct directory *d, struct err *err)
{
    const struct timespec pause = {0, LOCK_PAUSE_MS * 1000000L};
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof path, "%s.lock", d->path) >= sizeof path)
        return err_set(err, ERR_FILE, ENAMETOOLONG, "%s", d->path);
    TRY(open_lock(d, path, err));
    for (int i = 0; i < LOCK_TRIES; i++) {
        struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(d->lock_fd, F_SETLK, &wanted) == 0) return ERR_NONE;
        if (errno != EACCES && errno != EAGAIN && errno != EINTR)
            return err_set(err, ERR_FILE, errno, "%s cannot be locked", path);
        nanosleep(&pause, NULL);
    }
    return blocked(d->lock_fd, path, err);
}

static enum err_code read_all(struct directory *d, int fd, size_t bytes, struct err *err)
{
    d->text = calloc(1, bytes + 1);
    if (!d->text) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for %s", d->path);
    while (d->n < bytes) {
        ssize_t n = read(fd, d->text + d->n, bytes - d->n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(err, ERR_FILE, errno, "%s cannot be read", d->path);
        if (n == 0) break;
        d->n += (size_t)n;
    }
    if (memchr(d->text, '\0', d->n)) return err_set(err, ERR_FILE, 0, "%s is not a text file; name another", d->path);
    return ERR_NONE;
}

static enum err_code read_file(struct directory *d, struct err *err)
{
    struct stat st;
    int fd = open(d->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) return read_all(d, -1, 0, err);
    if (fd < 0) return err_set(err, ERR_FILE, errno, "%s cannot be read", d->path);
    enum err_code code;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MOST) {
        code = err_set(err, ERR_FILE, 0, "%s is not a file of clients; name another with clients_file", d->path);
    } else {
        d->is_new = false;
        d->uid = st.st_uid;
        d->gid = st.st_gid;
        d->mode = st.st_mode & MODE_KEPT;
        code = read_all(d, fd, (size_t)st.st_size, err);
    }
    close(fd);
    return code;
}

enum err_code directory_open(struct directory *d, const char *path, struct err *err)
{
    *d = (struct directory){.path = resolve(path), .dir_fd = -1, .lock_fd = -1, .is_new = true};
    if (!d->path) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for a path");
    enum err_code code = open_folder(d, err);
    if (code == ERR_NONE) code = lock(d, err);
    if (code == ERR_NONE) code = read_file(d, err);
    if (code != ERR_NONE) directory_close(d);
    return code;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* mkostemp makes the file with mode 0600. An owner that cannot be kept (not root) is not a failure: it is ours then. */
static bool write_temporary(struct directory *d, char *temporary)
{
    int fd = mkostemp(temporary, O_CLOEXEC);
    bool fine;

    if (fd < 0) return false;
    if (d->is_new)
        fine = secret_share(fd, d->path);
    else
        fine = (fchown(fd, d->uid, d->gid) == 0 || geteuid() != 0) && fchmod(fd, d->mode) == 0;
    fine = fine && write_all(fd, d->text, d->n) && fsync(fd) == 0;
    return close(fd) == 0 && fine;
}

enum err_code directory_save(struct directory *d, struct err *err)
{
    size_t cap = strlen(d->path) + sizeof ".XXXXXX";
    char *temporary = malloc(cap);

    if (!temporary) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for a path");
    snprintf(temporary, cap, "%s.XXXXXX", d->path);
    bool fine = write_temporary(d, temporary) && rename(temporary, d->path) == 0;
    int saved = errno;
    if (!fine) unlink(temporary);
    free(temporary);
    if (!fine) return err_set(err, ERR_FILE, saved, "%s cannot be written", d->path);
    /* So that the new name survives a power cut as well. */
    (void)fsync(d->dir_fd);
    return ERR_NONE;
}

enum err_code directory_of_text(struct directory *d, struct str text, struct err *err)
{
    *d = (struct directory){.dir_fd = -1, .lock_fd = -1, .is_new = true};
    d->text = malloc(text.n + 1);
    if (!d->text) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for a text");
    if (text.n) memcpy(d->text, text.p, text.n);
    d->text[text.n] = '\0';
    d->n = text.n;
    return ERR_NONE;
}

void directory_close(struct directory *d)
{
    if (d->text) secret_wipe(d->text, d->n);
    free(d->text);
    free(d->path);
    if (d->dir_fd >= 0) close(d->dir_fd);
    if (d->lock_fd >= 0) close(d->lock_fd);
    *d = (struct directory){.dir_fd = -1, .lock_fd = -1};
}
