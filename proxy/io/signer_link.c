/* SPDX-License-Identifier: Apache-2.0
 * signer_link.c: see io/signer.h: the proxy's side: starts the process, asks it, and starts it again when it has ended.
 *
 * The process is never waited for here: who frees the last snapshot may not (sandbox.h); the control thread takes what
 * is left (child_reap_others). Nor is it ever signalled: it ends with its socket, so that its number need not be known.
 */
#include "io/signer.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/x509.h>

enum { START_MS = 60000, ANSWER_MS = 10000, RESTART_US = 1000000, KEPT_VARIABLES = 8 };

struct signer {
    char *order; /* owned: the first message */
    size_t order_n;
    char *certificate; /* owned: of the authority (DER), as it was when this began */
    size_t certificate_n;
    int64_t restarted_us; /* monotonic; 0: never */
    pthread_mutex_t lock; /* guards what follows; only who asks changes it, but for .stopped */
    int fd;               /* -1: it has ended */
    pid_t pid;
    bool stopped;
};

/* Of the environment it gets what libraries and sanitizers want; what else is there may be secret. */
static const char *const kept_variables[KEPT_VARIABLES] = {
    "OPENSSL_CONF=", "OPENSSL_MODULES=", "LD_LIBRARY_PATH=", "ASAN_OPTIONS=",
    "LSAN_OPTIONS=", "TSAN_OPTIONS=",    "UBSAN_OPTIONS=",   "MALLOC_ARENA_MAX="};

/* ---- starting ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void fill_environment(char *out[KEPT_VARIABLES + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < KEPT_VARIABLES; i++)
        for (char **v = environ; *v; v++)
            if (strncmp(*v, kept_variables[i], strlen(kept_variables[i])) == 0) {
                out[n++] = *v;
                break;
            }
    out[n] = NULL;
}

/* All signals are blocked in it from its first instruction: those to a whole group or service are not for it. */
static int set_attributes(posix_spawnattr_t *a)
{
    sigset_t all;

    sigfillset(&all);
    if (posix_spawnattr_setsigmask(a, &all) || posix_spawnattr_setpgroup(a, 0)) return ENOMEM;
    return posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
}

/* Nothing is open in it but its end of the socket, and where the log goes at start, for its last words. */
static int add_files(posix_spawn_file_actions_t *files, int theirs)
{
    int code = posix_spawn_file_actions_adddup2(files, theirs, STDIN_FILENO);

    if (!code) code = posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    return code ? code : posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
}

/* 0, or an errno. */
static int spawn(int theirs, pid_t *pid)
{
    char *argv[] = {(char *)"s3onramp", (char *)SIGNER_WORD, NULL}, *environment[KEPT_VARIABLES + 1];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&files);

    if (code) return code;
    code = posix_spawnattr_init(&attributes);
    if (!code) {
        code = set_attributes(&attributes);
        if (!code) code = add_files(&files, theirs);
        fill_environment(environment);
        /* this program, also when it is replaced */
        if (!code) code = posix_spawn(pid, "/proc/self/exe", &files, &attributes, argv, environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return code;
}

/* Both ends are above the standard descriptors, which dup2 and closefrom are about. */
static int make_socket(int *ours, int *theirs)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) return errno;
    *ours = fcntl(fds[0], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    *theirs = fcntl(fds[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fds[0]);
    close(fds[1]);
    return *ours < 0 || *theirs < 0 ? errno : 0;
}

/* False: it is not to go on. */
static bool publish(struct signer *s, int fd, pid_t pid)
{
    bool good;

    pthread_mutex_lock(&s->lock);
    good = !s->stopped;
    if (good) {
        s->fd = fd;
        s->pid = pid;
    }
    pthread_mutex_unlock(&s->lock);
    return good;
}

static void drop(struct signer *s)
{
    pthread_mutex_lock(&s->lock);
    close_fd(&s->fd);
    s->pid = 0;
    pthread_mutex_unlock(&s->lock);
}

/* False: it has ended, or says nothing for too long. */
static bool talk(const struct signer *s, struct str question, int timeout_ms, struct sbuf *answer)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    ssize_t n;
    int ready;

    if (send(s->fd, question.p, question.n, MSG_NOSIGNAL) < 0) return false;
    do
        ready = poll(&p, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0) return false;
    do
        n = recv(s->fd, answer->p, answer->cap, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0) return false;
    answer->n = (size_t)n;
    return true;
}

static enum err_code begin(struct signer *s, struct sbuf *answer, struct str *certificate, struct err *err)
{
    if (!talk(s, str_make(s->order, s->order_n), START_MS, answer))
        return err_set(err, ERR_TLS_SETUP, 0, "the process that has the CA's key ended at its start");
    return signer_read_answer(sbuf_str(answer), certificate, err);
}

/* *@certificate: in @answer. */
static enum err_code start_process(struct signer *s, struct sbuf *answer, struct str *certificate, struct err *err)
{
    int ours = -1, theirs = -1, code = make_socket(&ours, &theirs);
    pid_t pid = 0;

    if (!code) code = spawn(theirs, &pid);
    close_fd(&theirs);
    if (code) {
        close_fd(&ours);
        return err_set(err, ERR_INTERNAL, code, "the process that has the CA's key cannot be started");
    }
    if (!publish(s, ours, pid)) {
        close_fd(&ours);
        return err_set(err, ERR_TLS_SETUP, 0, "nothing is signed any more");
    }
    enum err_code result = begin(s, answer, certificate, err);
    if (result != ERR_NONE) drop(s);
    return result;
}

/* ---- life ---- */

static bool copy(struct str from, char **to, size_t *n)
{
    *to = malloc(from.n + 1);
    if (!*to) return false;
    memcpy(*to, from.p, from.n);
    *n = from.n;
    return true;
}

static bool take_order(struct signer *s, const struct signer_order *order, EVP_PKEY *leaf_key)
{
    char mem[SIGNER_MESSAGE];
    struct sbuf message = sbuf_make(mem, sizeof(mem));
    unsigned char *der = NULL;
    int n = leaf_key ? i2d_PUBKEY(leaf_key, &der) : 0;
    bool good = n >= 0 && signer_put_order(order, str_make((const char *)der, (size_t)n), &message) &&
                copy(sbuf_str(&message), &s->order, &s->order_n);

    OPENSSL_free(der);
    return good;
}

enum err_code signer_start(const struct signer_order *order, EVP_PKEY *leaf_key, struct signer **out, struct err *err)
{
    struct signer *s = calloc(1, sizeof(*s));
    char mem[SIGNER_MESSAGE];
    struct sbuf answer = sbuf_make(mem, sizeof(mem));
    struct str certificate;

    *out = NULL;
    if (!s) return err_set(err, ERR_NO_MEMORY, 0, "CA");
    s->fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    enum err_code code = take_order(s, order, leaf_key) ? start_process(s, &answer, &certificate, err)
                                                        : err_set(err, ERR_NO_MEMORY, 0, "CA");
    if (code == ERR_NONE && !copy(certificate, &s->certificate, &s->certificate_n))
        code = err_set(err, ERR_NO_MEMORY, 0, "CA");
    if (code != ERR_NONE)
        signer_free(&s);
    else
        *out = s;
    return code;
}

static bool is_certificate_of(const struct signer *s, X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    bool same = n > 0 && str_eq(str_make((const char *)der, (size_t)n), str_make(s->certificate, s->certificate_n));

    OPENSSL_free(der);
    return same;
}

enum err_code signer_load(const struct signer *s, const char *certificate, struct ca **out, struct err *err)
{
    TRY(ca_load(certificate, NULL, out, err));
    if (is_certificate_of(s, ca_certificate(*out))) return ERR_NONE;
    ca_free(out);
    return err_set(err, ERR_FILE, 0, "%s was replaced while it was read; try again", certificate);
}

enum err_code signer_check(const struct signer_order *order, struct ca **out, struct err *err)
{
    struct signer *s;

    TRY(signer_start(order, NULL, &s, err));
    enum err_code code = signer_load(s, order->certificate, out, err);
    signer_free(&s);
    return code;
}

void signer_stop(struct signer *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopped = true;
    if (s->fd >= 0) shutdown(s->fd, SHUT_RDWR); /* who waits for an answer learns it at once */
    pthread_mutex_unlock(&s->lock);
}

void signer_free(struct signer **sp)
{
    struct signer *s = *sp;

    *sp = NULL;
    if (!s) return;
    close_fd(&s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s->order);
    free(s->certificate);
    free(s);
}

pid_t signer_process(struct signer *s)
{
    pid_t pid = 0;

    pthread_mutex_lock(&s->lock);
    struct pollfd p = {.fd = s->fd};
    if (s->fd >= 0 && poll(&p, 1, 0) == 0) pid = s->pid;
    pthread_mutex_unlock(&s->lock);
    return pid;
}

/* ---- questions ---- */

/* With another authority nobody would believe what it signs. */
static enum err_code restart(struct signer *s, struct err *err)
{
    char mem[SIGNER_MESSAGE];
    struct sbuf answer = sbuf_make(mem, sizeof(mem));
    struct str certificate;

    TRY(start_process(s, &answer, &certificate, err));
    if (str_eq(certificate, str_make(s->certificate, s->certificate_n))) return ERR_NONE;
    drop(s);
    return err_set(err, ERR_TLS_SETUP, 0, "the CA's files hold another authority by now: reload");
}

static bool is_stopped(struct signer *s)
{
    pthread_mutex_lock(&s->lock);
    bool stopped = s->stopped;
    pthread_mutex_unlock(&s->lock);
    return stopped;
}

static enum err_code start_again(struct signer *s, struct err *err)
{
    int64_t now_us = clock_monotonic_us();

    if (is_stopped(s)) return err_set(err, ERR_TLS_SETUP, 0, "nothing is signed any more");
    if (s->restarted_us && now_us - s->restarted_us < RESTART_US)
        return err_set(err, ERR_TLS_SETUP, 0, "the process that has the CA's key has ended");
    s->restarted_us = now_us;
    enum err_code code = restart(s, err);
    if (code == ERR_NONE)
        LOG(LOG_WARN, "the process that has the CA's key had ended; it is process %d now", (int)s->pid);
    else
        LOG(LOG_ERROR, "the process that has the CA's key has ended, and cannot be started again: %s%s%s", err->detail,
            err->sys_errno ? ": " : "", err->sys_errno ? strerror(err->sys_errno) : "");
    return code;
}

enum err_code signer_ask(struct signer *s, struct str question, struct sbuf *answer, struct err *err)
{
    struct err mine = {0}; /* @err may be NULL */

    for (int tries = 0; tries < 2; tries++) {
        if (s->fd >= 0 && talk(s, question, ANSWER_MS, answer)) return ERR_NONE;
        drop(s);
        if (tries == 0 && start_again(s, &mine) != ERR_NONE)
            return err_set(err, mine.code, mine.sys_errno, "%s", mine.detail);
    }
    return err_set(err, ERR_TLS_SETUP, 0, "the process that has the CA's key does not answer");
}
