/* SPDX-License-Identifier: Apache-2.0
 * secret.c: wiping, comparing, reading and making secrets. Any thread. Owns nothing.
 * Source: explicit_bzero(3), malloc_usable_size(3), getrandom(2), PR_SET_DUMPABLE in prctl(2).
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <malloc.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

void secret_wipe(void *p, size_t n)
{
    if (n) explicit_bzero(p, n);
}

/* volatile: the compiler may not leave the loop early. */
bool secret_equal(struct str a, struct str b)
{
    volatile unsigned char difference = 0;

    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        difference = (unsigned char)(difference | (a.p[i] ^ b.p[i]));
    return difference == 0;
}

void secret_free(char **s)
{
    if (!*s) return;
    secret_wipe(*s, strlen(*s));
    free(*s);
    *s = NULL;
}

void secret_block_free(void *p)
{
    if (p) explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

/* Never realloc(3): it would leave the old block as it was where it moves. */
void *secret_block_realloc(void *p, size_t n)
{
    size_t had = p ? malloc_usable_size(p) : 0;
    void *mem = malloc(n);

    if (!mem) return NULL;
    if (had) memcpy(mem, p, had < n ? had : n);
    secret_block_free(p);
    return mem;
}

/* For root: who the proxy runs as where it has a user of its own. */
static bool find_proxy_user(uid_t *uid, gid_t *gid)
{
    struct passwd entry, *user = NULL;
    char text[4096];

    if (geteuid() != 0 || getpwnam_r(SECRET_PROXY_USER, &entry, text, sizeof text, &user) != 0 || !user) return false;
    *uid = user->pw_uid;
    *gid = user->pw_gid;
    return true;
}

/* Run as root (`check`, `client add`) we are not the proxy: what belongs to its user is as good as ours. */
static bool is_proxy_user(uid_t uid)
{
    uid_t proxy;
    gid_t group;

    return uid == 0 || uid == geteuid() || (find_proxy_user(&proxy, &group) && uid == proxy);
}

bool secret_share(int fd, const char *path)
{
    uid_t proxy;
    gid_t group;
    struct stat folder;

    if (!find_proxy_user(&proxy, &group)) return true;
    char *copy = strdup(path);
    bool shared = copy && stat(dirname(copy), &folder) == 0 && folder.st_gid == group;
    free(copy);
    return !shared || (fchown(fd, (uid_t)-1, group) == 0 && fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP) == 0);
}

/* No advice takes a file away from whoever could read it rightly: the group keeps its right, the owner the file. */
bool secret_file_fault(const struct stat *st, const char *path, bool secret, char *out, size_t cap)
{
    unsigned mode = (unsigned)st->st_mode & 0777, owner = (unsigned)st->st_uid;

    if (secret && (mode & 027) != 0)
        snprintf(out, cap, "others may %s %s (mode %03o), which holds a secret; run `chmod g-w,o= %s`",
                 (mode & 004) != 0 ? "read" : "write", path, mode, path);
    else if ((mode & 002) != 0)
        snprintf(out, cap, "everybody may write %s (mode %03o); run `chmod o-w %s`", path, mode, path);
    else if (!is_proxy_user(st->st_uid) && geteuid() == 0)
        snprintf(
            out, cap,
            "%s belongs to user %u, who could change it; if the proxy runs as that user, run this as it, too (sudo "
            "-u '#%u'), else `chown root %s`",
            path, owner, owner, path);
    else if (!is_proxy_user(st->st_uid))
        snprintf(out, cap, "%s belongs to user %u, who could change it; run `chown %u %s`, or run this as that user",
                 path, owner, (unsigned)geteuid(), path);
    else
        return false;
    return true;
}

/* Opened so that a FIFO does not hold us up, and judged open: it is the file that is read. */
static enum err_code open_file(const char *path, bool ours, int *fd, struct err *err)
{
    struct stat st;
    char fault[SECRET_FAULT];

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0 || fstat(*fd, &st) != 0)
        return err_set(err, ERR_FILE, 0, "%s cannot be read (%s); name a file that the proxy may read", path,
                       strerror(errno));
    if (!S_ISREG(st.st_mode)) return err_set(err, ERR_FILE, 0, "%s is no regular file; name one", path);
    return ours && secret_file_fault(&st, path, true, fault, sizeof fault) ? err_set(err, ERR_FILE, 0, "%s", fault)
                                                                           : ERR_NONE;
}

static enum err_code read_text(int fd, const char *path, char *text, size_t cap, struct err *err)
{
    size_t n = 0;
    ssize_t got;

    while (n < cap && (got = read(fd, text + n, cap - n)) != 0) {
        if (got < 0 && errno != EINTR)
            return err_set(err, ERR_FILE, 0, "%s cannot be read (%s); try again", path, strerror(errno));
        if (got > 0) n += (size_t)got;
    }
    if (n == cap)
        return err_set(err, ERR_FILE, 0, "%s is longer than %d bytes; a secret is shorter", path, SECRET_FILE_MAX);
    if (n > 0 && text[n - 1] == '\n') n--;
    if (n > 0 && text[n - 1] == '\r') n--;
    text[n] = '\0';
    if (n == 0) return err_set(err, ERR_FILE, 0, "%s is empty; write the secret into it", path);
    if (strlen(text) != n)
        return err_set(err, ERR_FILE, 0, "there is a NUL byte in %s; write the secret into it as text", path);
    return ERR_NONE;
}

enum err_code secret_read_file(const char *path, bool ours, char **out, struct err *err)
{
    enum { CAP = SECRET_FILE_MAX + 1 };
    char *text = NULL;
    int fd = -1;
    enum err_code code = open_file(path, ours, &fd, err);

    *out = NULL;
    if (code == ERR_NONE && !(text = malloc(CAP))) code = err_set(err, ERR_NO_MEMORY, 0, "%s", path);
    if (code == ERR_NONE) code = read_text(fd, path, text, CAP, err);
    if (fd >= 0) close(fd);
    if (code == ERR_NONE && !(*out = strdup(text))) code = err_set(err, ERR_NO_MEMORY, 0, "%s", path);
    if (text) secret_wipe(text, CAP);
    free(text);
    return code;
}

enum err_code secret_check_file(const char *path, struct err *err)
{
    int fd = -1;
    enum err_code code = open_file(path, true, &fd, err);

    if (fd >= 0) close(fd);
    return code;
}

void secret_random(void *p, size_t n)
{
    char *at = p;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR) continue;
        ASSERT(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

void secret_no_core_dumps(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
