/* SPDX-License-Identifier: Apache-2.0
 * clients_file.c: changes one section of the clients file and keeps the rest, comments too, byte by byte. One thread;
 * other processes are kept out by a lock on a file beside it, FILE.lock: the clients file itself is replaced, so a lock
 * on it would be lost, and whoever may open a file or folder may lock it: FILE.lock is the owner's alone. Owns the text
 * while it is open; wipes it, for it holds secrets. Source: fcntl(2), "Advisory record locking".
 */
#include "cli/cli.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES_MOST = 64 << 20, LOCK_TRIES = 250, LOCK_PAUSE_MS = 20 };

/* --- the text --- */

/* The next line of *@rest, its end included. */
static bool next_line(struct str *rest, struct str *line)
{
    if (rest->n == 0) return false;
    size_t end = str_index(*rest, '\n');
    *line = str_head(*rest, end == SIZE_MAX ? rest->n : end + 1);
    *rest = str_tail(*rest, line->n);
    return true;
}

static struct str strip(struct str line)
{
    while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    return str_trim(line);
}

static bool is_header(struct str line)
{
    line = strip(line);
    return line.n > 0 && line.p[0] == '[';
}

static bool is_header_of(struct str line, struct str name)
{
    line = strip(line);
    size_t end = str_index(line, ']');
    if (!is_header(line) || end == SIZE_MAX) return false;
    struct str inside = str_trim(str_make(line.p + 1, end - 1));
    return str_starts(inside, STR("client")) && inside.n > 6 && (inside.p[6] == ' ' || inside.p[6] == '\t') &&
           str_eq(str_trim(str_tail(inside, 6)), name);
}

static bool is_comment_or_empty(struct str line)
{
    line = strip(line);
    return line.n == 0 || line.p[0] == '#' || line.p[0] == ';';
}

/* Where the section stands: *@header its first byte, *@body the byte after its header line, *@end the byte after its
 * last line; comments right above the next header belong to that one. */
static bool find_section(const struct clients_file *f, struct str name, size_t *header, size_t *body, size_t *end)
{
    struct str rest = str_make(f->text, f->bytes), line;
    bool found = false;

    if (str_starts(rest, STR("\xef\xbb\xbf"))) rest = str_tail(rest, 3); /* as config_read.c */
    while (next_line(&rest, &line)) {
        size_t at = (size_t)(line.p - f->text);
        if (!found && is_header_of(line, name)) {
            found = true;
            *header = at;
            *body = *end = at + line.n;
        } else if (found && is_header(line)) {
            return true;
        } else if (found && !is_comment_or_empty(line)) {
            *end = at + line.n;
        }
    }
    if (found) *end = f->bytes;
    return found;
}

bool clients_file_has(const struct clients_file *f, struct str name)
{
    size_t header, body, end;

    return find_section(f, name, &header, &body, &end);
}

static enum err_code insert(struct clients_file *f, size_t at, struct str text, struct err *err)
{
    char *longer = malloc(f->bytes + text.n + 1);

    if (!longer) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for the clients file");
    memcpy(longer, f->text, at);
    memcpy(longer + at, text.p, text.n);
    memcpy(longer + at + text.n, f->text + at, f->bytes - at + 1);
    secret_wipe(f->text, f->bytes);
    free(f->text);
    f->text = longer;
    f->bytes += text.n;
    return ERR_NONE;
}

enum err_code clients_file_add(struct clients_file *f, struct str name, struct str lines, struct err *err)
{
    size_t header, body, end;
    char line[128];

    if (!find_section(f, name, &header, &body, &end)) {
        bool ends_in_line = f->bytes == 0 || f->text[f->bytes - 1] == '\n';
        int n = snprintf(line, sizeof line, "%s%s[client %.*s]\n", ends_in_line ? "" : "\n", f->bytes ? "\n" : "",
                         STR_ARG(name));
        TRY(insert(f, f->bytes, str_make(line, (size_t)n), err));
        body = f->bytes;
    } else if (f->text[body - 1] != '\n') {
        TRY(insert(f, body, STR("\n"), err));
        body++;
    }
    return insert(f, body, lines, err);
}

void clients_file_remove(struct clients_file *f, struct str name)
{
    size_t header, body, end;

    /* A file that was edited by hand may have it twice. */
    while (find_section(f, name, &header, &body, &end)) {
        /* An empty line between the neighbours is enough, and none at the top. */
        if (header >= 2 && f->text[header - 1] == '\n' && f->text[header - 2] == '\n') header--;
        if (header == 0 && f->text[end] == '\n') end++;
        memmove(f->text + header, f->text + end, f->bytes - end + 1);
        f->bytes -= end - header;
    }
}

/* "KEY = VALUE" */
static bool is_line_of(struct str line, struct str key)
{
    line = strip(line);
    if (!str_starts(line, key)) return false;
    line = str_trim(str_tail(line, key.n));
    return line.n > 0 && line.p[0] == '=';
}

static bool find_key(const struct clients_file *f, struct str name, struct str key, struct str *line)
{
    size_t header, body, end;
    struct str rest;

    if (!find_section(f, name, &header, &body, &end)) return false;
    rest = str_make(f->text + body, end - body);
    while (next_line(&rest, line))
        if (is_line_of(*line, key)) return true;
    return false;
}

bool clients_file_has_key(const struct clients_file *f, struct str name, struct str key)
{
    struct str line;

    return find_key(f, name, key, &line);
}

void clients_file_remove_key(struct clients_file *f, struct str name, struct str key)
{
    struct str line;

    if (!find_key(f, name, key, &line)) return;
    size_t at = (size_t)(line.p - f->text);
    memmove(f->text + at, f->text + at + line.n, f->bytes - at - line.n + 1);
    f->bytes -= line.n;
}

/* --- the file --- */

/* The path with symbolic links resolved: the link stays, what it points at is replaced. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);

    return real ? real : strdup(path);
}

static enum err_code open_folder(struct clients_file *f, struct err *err)
{
    char *copy = strdup(f->path);

    if (!copy) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for a path");
    f->dir_fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int saved = errno;
    free(copy);
    if (f->dir_fd < 0) return err_set(err, ERR_FILE, saved, "the folder of %s cannot be used; make it", f->path);
    return ERR_NONE;
}

/* The lock file is never removed: whoever waits for it would then hold a lock that the next one does not see. Made by
 * root it belongs to whom the folder belongs to, who changes clients, too; one that is there is not touched. */
static enum err_code open_lock(struct clients_file *f, const char *path, struct err *err)
{
    struct stat st, folder;

    f->lock_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock_fd >= 0 && geteuid() == 0 && fstat(f->dir_fd, &folder) == 0 &&
        fchown(f->lock_fd, folder.st_uid, folder.st_gid) != 0)
        return err_set(err, ERR_FILE, errno, "%s cannot be given to the folder's owner", path);
    if (f->lock_fd < 0 && errno == EEXIST) f->lock_fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (f->lock_fd < 0)
        return err_set(err, ERR_FILE, errno, "%s cannot be opened; run this as the owner of %s, or as root", path,
                       f->path);
    if (fstat(f->lock_fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
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

static enum err_code lock(struct clients_file *f, struct err *err)
{
    const struct timespec pause = {0, LOCK_PAUSE_MS * 1000000L};
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof path, "%s.lock", f->path) >= sizeof path)
        return err_set(err, ERR_FILE, ENAMETOOLONG, "%s", f->path);
    TRY(open_lock(f, path, err));
    for (int i = 0; i < LOCK_TRIES; i++) {
        struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(f->lock_fd, F_SETLK, &wanted) == 0) return ERR_NONE;
        if (errno != EACCES && errno != EAGAIN && errno != EINTR)
            return err_set(err, ERR_FILE, errno, "%s cannot be locked", path);
        nanosleep(&pause, NULL);
    }
    return blocked(f->lock_fd, path, err);
}

static enum err_code read_all(struct clients_file *f, int fd, size_t bytes, struct err *err)
{
    f->text = calloc(1, bytes + 1);
    if (!f->text) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for %s", f->path);
    while (f->bytes < bytes) {
        ssize_t n = read(fd, f->text + f->bytes, bytes - f->bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(err, ERR_FILE, errno, "%s cannot be read", f->path);
        if (n == 0) break;
        f->bytes += (size_t)n;
    }
    if (memchr(f->text, '\0', f->bytes))
        return err_set(err, ERR_FILE, 0, "%s is not a text file; name another", f->path);
    return ERR_NONE;
}

static enum err_code read_file(struct clients_file *f, struct err *err)
{
    struct stat st;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) return read_all(f, -1, 0, err);
    if (fd < 0) return err_set(err, ERR_FILE, errno, "%s cannot be read", f->path);
    enum err_code code;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MOST) {
        code = err_set(err, ERR_FILE, 0, "%s is not a file of clients; name another with clients_file", f->path);
    } else {
        f->uid = (int)st.st_uid;
        f->gid = (int)st.st_gid;
        code = read_all(f, fd, (size_t)st.st_size, err);
    }
    close(fd);
    return code;
}

enum err_code clients_file_open(struct clients_file *f, const char *path, struct err *err)
{
    *f = (struct clients_file){.path = resolve(path), .dir_fd = -1, .lock_fd = -1, .uid = -1, .gid = -1};
    if (!f->path) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for a path");
    enum err_code code = open_folder(f, err);
    if (code == ERR_NONE) code = lock(f, err);
    if (code == ERR_NONE) code = read_file(f, err);
    if (code != ERR_NONE) clients_file_close(f);
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
static bool write_temporary(struct clients_file *f, char *temporary)
{
    int fd = mkostemp(temporary, O_CLOEXEC);

    if (fd < 0) return false;
    if (f->uid >= 0 && fchown(fd, (uid_t)f->uid, (gid_t)f->gid) != 0 && geteuid() == 0) {
        close(fd);
        return false;
    }
    bool fine = write_all(fd, f->text, f->bytes) && fsync(fd) == 0;
    return close(fd) == 0 && fine;
}

enum err_code clients_file_save(struct clients_file *f, struct err *err)
{
    size_t cap = strlen(f->path) + sizeof ".XXXXXX";
    char *temporary = malloc(cap);

    if (!temporary) return err_set(err, ERR_NO_MEMORY, 0, "there is no memory for a path");
    snprintf(temporary, cap, "%s.XXXXXX", f->path);
    bool fine = write_temporary(f, temporary) && rename(temporary, f->path) == 0;
    int saved = errno;
    if (!fine) unlink(temporary);
    free(temporary);
    if (!fine) return err_set(err, ERR_FILE, saved, "%s cannot be written", f->path);
    /* So that the new name survives a power cut as well. */
    (void)fsync(f->dir_fd);
    return ERR_NONE;
}

void clients_file_close(struct clients_file *f)
{
    if (f->text) secret_wipe(f->text, f->bytes);
    free(f->text);
    free(f->path);
    if (f->dir_fd >= 0) close(f->dir_fd);
    if (f->lock_fd >= 0) close(f->lock_fd);
    *f = (struct clients_file){.dir_fd = -1, .lock_fd = -1};
}
