/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox.c: a thread under the filter of those that serve, write, or sign does its work, and is refused or ended
 * where it does what only an attack would. Each attempt is made in a process of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/secret.h"
#include "folder.h"
#include "io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum outcome { DONE, REFUSED, ODD, KILLED };
enum where { MAIN = -1, SERVES = SANDBOX_SERVES, WRITES = SANDBOX_WRITES, SIGNS };

static char key_path[256];
static int listening = -1, file = -1, pair[2];
static struct sockaddr_in address = {.sin_family = AF_INET};

/* ---- attempts: true: it was possible; else errno tells ---- */

static bool run_program(void)
{
    char *argv[] = {(char *)"/bin/true", NULL};

    execve(argv[0], argv, environ);
    return false;
}

static bool spawn_program(void)
{
    char *argv[] = {(char *)"/bin/true", NULL};
    pid_t pid;
    int e = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ), status = 0;

    errno = e;
    return e == 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool run_by_descriptor(void)
{
    char *argv[] = {(char *)"true", NULL};

    syscall(SYS_execveat, file, "", argv, environ, AT_EMPTY_PATH);
    return false;
}

static bool make_process(void)
{
    pid_t pid = fork();

    if (pid == 0) _exit(0);
    return pid > 0;
}

static bool open_key(void)
{
    return open(key_path, O_RDONLY) >= 0;
}

static bool open_key_newly(void)
{
    const uint64_t how[3] = {O_RDONLY};

    return syscall(SYS_openat2, AT_FDCWD, key_path, how, sizeof(how)) >= 0;
}

static bool make_file(void)
{
    return open("/tmp/test_sandbox_new", O_CREAT | O_WRONLY, 0600) >= 0 && unlink("/tmp/test_sandbox_new") == 0;
}

static bool remove_file(void)
{
    return unlink(key_path) == 0;
}

static bool speak_udp(void)
{
    return socket(AF_INET, SOCK_DGRAM, 0) >= 0;
}

static bool speak_tcp(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) >= 0;
}

static bool speak_unix(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool speak_raw(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool listen_anew(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, 1) == 0;
}

static bool trace_others(void)
{
    return syscall(SYS_ptrace, PTRACE_SEIZE, getppid(), 0, 0) == 0;
}

static bool read_others(void)
{
    char mem[8];
    struct iovec here = {mem, sizeof(mem)}, there = {mem, sizeof(mem)};

    return syscall(SYS_process_vm_readv, getppid(), &here, 1, &there, 1, 0) > 0;
}

static bool mount_something(void)
{
    return mount("none", "/mnt", "tmpfs", 0, NULL) == 0;
}

static bool make_namespace(void)
{
    return unshare(CLONE_NEWUSER) == 0;
}

static bool make_namespace_by_clone(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);

    if (pid == 0) _exit(0);
    return pid > 0;
}

static bool run_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool make_memory_run(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool signal_others(void)
{
    return kill(getppid(), 0) == 0;
}

static bool change_user(void)
{
    return syscall(SYS_setresuid, -1, -1, -1) == 0;
}

static bool call_ring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL) >= 0;
}

/* What workers do all day. */
static bool serve(void)
{
    char *mem = malloc(1 << 20), text[4];
    int client = socket(AF_INET, SOCK_STREAM, 0), pipes[2], one = 1, ours = -1, waits = epoll_create1(0);
    bool ok = mem && waits < 0; /* made before by loop_init */

    ok = ok && connect(client, (struct sockaddr *)&address, sizeof(address)) == 0;
    ok = ok && (ours = accept4(listening, NULL, NULL, SOCK_CLOEXEC)) >= 0 && pipe2(pipes, O_NONBLOCK) == 0;
    ok = ok && setsockopt(ours, IPPROTO_TCP, 1, &one, sizeof(one)) == 0 && send(client, "abcd", 4, 0) == 4;
    ok = ok && splice(ours, NULL, pipes[1], NULL, 4, 0) == 4 && splice(pipes[0], NULL, ours, NULL, 4, 0) == 4;
    ok = ok && recv(client, text, 4, MSG_WAITALL) == 4 && write(STDERR_FILENO, "", 0) == 0 &&
         shutdown(ours, SHUT_WR) == 0;
    secret_random(text, sizeof(text));
    free(mem);
    return ok && close(client) == 0 && close(ours) == 0;
}

/* What a log does. */
static bool write_log(void)
{
    struct sockaddr_un nobody = {.sun_family = AF_UNIX, .sun_path = "/tmp/test_sandbox_nobody"};
    int fd = open(key_path, O_WRONLY | O_APPEND), daemon = socket(AF_UNIX, SOCK_DGRAM, 0);

    return fd >= 0 && write(fd, "line\n", 5) == 5 && fsync(fd) == 0 &&
           connect(daemon, (struct sockaddr *)&nobody, sizeof(nobody)) != 0 && errno == ENOENT;
}

/* What who signs does all day, on what it has open. */
static bool answer(void)
{
    char *mem = malloc(1 << 20), text[4];
    bool ok = mem && send(pair[0], "ask", 3, MSG_NOSIGNAL) == 3 && recv(pair[1], text, 3, 0) == 3;

    secret_random(text, sizeof(text));
    free(mem);
    return ok && clock_wall_us() > 0;
}

/* ---- how they end ---- */

struct attempt {
    bool (*run)(void);
    enum sandbox_role role;
    enum outcome outcome;
};

static enum outcome try(const struct attempt *a)
{
    errno = 0;
    if (a->run()) return DONE;
    return errno == EPERM || errno == EACCES ? REFUSED : ODD;
}

static void *run_thread(void *arg)
{
    struct attempt *a = arg;

    sandbox_enter(a->role);
    a->outcome = try(a);
    return NULL;
}

/* In the child. */
static NORETURN void make_attempt(bool (*what)(void), enum where where)
{
    struct attempt a = {.run = what, .role = where == WRITES ? SANDBOX_WRITES : SANDBOX_SERVES, .outcome = ODD};
    pthread_t thread;

    if (where == SIGNS)
        sandbox_signs(true);
    else
        sandbox_begin(true);
    if (where == MAIN || where == SIGNS)
        a.outcome = try(&a);
    else if (pthread_create(&thread, NULL, run_thread, &a) == 0)
        pthread_join(thread, NULL);
    _exit((int)a.outcome);
}

static enum outcome outcome_of(bool (*what)(void), enum where where)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) make_attempt(what, where);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGSYS ? KILLED : ODD;
    return (enum outcome)WEXITSTATUS(status);
}

static void test_sandbox_what_each_may(void **state UNUSED)
{
    static const struct {
        const char *name;
        bool (*what)(void);
        enum outcome main, serves, writes;
    } rows[] = {
        {"execve", run_program, ODD /* it is another program then: see spawn */, KILLED, KILLED},
        {"spawn", spawn_program, DONE, REFUSED /* by clone3, which a thread may be made by */, KILLED},
        {"execveat", run_by_descriptor, ODD, KILLED, KILLED},
        {"fork", make_process, DONE, KILLED, KILLED},
        {"open the CA's key", open_key, DONE, REFUSED, DONE},
        {"openat2", open_key_newly, DONE, REFUSED, DONE},
        {"make a file", make_file, DONE, REFUSED, DONE},
        {"remove a file", remove_file, ODD, REFUSED, ODD},
        {"UDP", speak_udp, DONE, REFUSED, REFUSED},
        {"TCP", speak_tcp, DONE, DONE, REFUSED},
        {"Unix socket", speak_unix, DONE, REFUSED, DONE},
        {"packets", speak_raw, REFUSED, REFUSED, REFUSED},
        {"listen", listen_anew, DONE, REFUSED, REFUSED},
        {"ptrace", trace_others, REFUSED, KILLED, KILLED},
        {"memory of others", read_others, REFUSED, REFUSED, REFUSED},
        {"mount", mount_something, REFUSED, KILLED, KILLED},
        {"unshare", make_namespace, REFUSED, KILLED, KILLED},
        {"clone with a namespace", make_namespace_by_clone, REFUSED, KILLED, KILLED},
        {"memory that is executed", run_memory, DONE, REFUSED, REFUSED},
        {"memory made to be executed", make_memory_run, DONE, REFUSED, REFUSED},
        {"signal", signal_others, DONE, REFUSED, REFUSED},
        {"another user", change_user, DONE, REFUSED, REFUSED},
        {"io_uring", call_ring, REFUSED, REFUSED, REFUSED},
        {"serve", serve, ODD, DONE, ODD},
        {"write a log", write_log, DONE, ODD, DONE},
    };
    enum where places[] = {MAIN, SERVES, WRITES};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const enum outcome wanted[] = {rows[i].main, rows[i].serves, rows[i].writes};

        for (size_t k = 0; k < ARRAY_LEN(places); k++) {
            if (wanted[k] == ODD) continue; /* not asked */
            enum outcome got = outcome_of(rows[i].what, places[k]);
            if (got != wanted[k]) fail_msg("%s, place %zu: %d, not %d", rows[i].name, k, (int)got, (int)wanted[k]);
        }
    }
}

static void test_sandbox_who_signs_only_answers(void **state UNUSED)
{
    static const struct {
        const char *name;
        bool (*what)(void);
        enum outcome outcome;
    } rows[] = {
        {"answer", answer, DONE},
        {"execve", run_program, KILLED},
        {"execveat", run_by_descriptor, KILLED},
        {"fork", make_process, KILLED},
        {"ptrace", trace_others, KILLED},
        {"mount", mount_something, KILLED},
        {"open the CA's key", open_key, REFUSED},
        {"openat2", open_key_newly, REFUSED},
        {"make a file", make_file, REFUSED},
        {"remove a file", remove_file, REFUSED},
        {"UDP", speak_udp, REFUSED},
        {"TCP", speak_tcp, REFUSED},
        {"Unix socket", speak_unix, REFUSED},
        {"listen", listen_anew, REFUSED},
        {"memory of others", read_others, REFUSED},
        {"memory that is executed", run_memory, REFUSED},
        {"signal", signal_others, REFUSED},
        {"another user", change_user, REFUSED},
        {"io_uring", call_ring, REFUSED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum outcome got = outcome_of(rows[i].what, SIGNS);
        if (got != rows[i].outcome) fail_msg("%s: %d, not %d", rows[i].name, (int)got, (int)rows[i].outcome);
    }
}

/* ---- what the kernel says ---- */

struct visit {
    int entered[2], leave[2];
    pid_t tid;
};

static void *stay(void *arg)
{
    struct visit *v = arg;
    char c;

    v->tid = gettid();
    sandbox_enter(SANDBOX_SERVES);
    return (void *)(intptr_t)(write(v->entered[1], "", 1) == 1 && read(v->leave[0], &c, 1) == 1);
}

static bool says(pid_t tid, const char *const *lines, size_t n)
{
    char path[64], text[8192] = "";
    FILE *in;

    snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
    in = fopen(path, "r");
    if (!in || fread(text, 1, sizeof(text) - 1, in) == 0) return false;
    fclose(in);
    for (size_t i = 0; i < n; i++)
        if (!strstr(text, lines[i])) {
            fprintf(stderr, "no %s in %s", lines[i], text);
            return false;
        }
    return true;
}

static bool look(void)
{
    static const char *const of_thread[] = {"NoNewPrivs:\t1\n", "Seccomp:\t2\n", "CapPrm:\t0000000000000000\n",
                                            "CapEff:\t0000000000000000\n", "Seccomp_filters:\t2\n"};
    static const char *const of_main[] = {"NoNewPrivs:\t1\n", "Seccomp_filters:\t1\n"};
    struct visit v;
    pthread_t thread;
    char c;

    if (pipe(v.entered) || pipe(v.leave) || pthread_create(&thread, NULL, stay, &v)) return false;
    return read(v.entered[0], &c, 1) == 1 && says(v.tid, of_thread, ARRAY_LEN(of_thread)) &&
           says(gettid(), of_main, ARRAY_LEN(of_main)) && write(v.leave[1], "", 1) == 1 &&
           pthread_join(thread, NULL) == 0;
}

/* Programs that follow one another by upgrades begin with what those before gave up. */
static bool look_again(void)
{
    sandbox_begin(true);
    return look();
}

static void test_sandbox_kernel_agrees(void **state UNUSED)
{
    assert_int_equal(outcome_of(look, MAIN), DONE);
    assert_int_equal(outcome_of(look_again, MAIN), DONE);
}

static bool tell(void)
{
    const struct sandbox_state s = sandbox_state();
    char mem[512];
    struct sbuf text = sbuf_make(mem, sizeof(mem));

    sandbox_text(&s, &text);
    return s.on && s.calls && s.threads && s.capabilities &&
           str_starts(sbuf_str(&text), s.landlock ? STR("on: system calls filtered, Landlock ABI ")
                                                  : STR("partly on: system calls filtered, capabilities dropped; no "
                                                        "Landlock ("));
}

static void test_sandbox_text_tells_what_is_in_force(void **state UNUSED)
{
    const struct sandbox_state off = sandbox_state();
    char mem[512];
    struct sbuf text = sbuf_make(mem, sizeof(mem));

    sandbox_text(&off, &text); /* here nothing was begun */
    assert_true(str_eq(sbuf_str(&text), STR("off")));
    assert_int_equal(outcome_of(tell, MAIN), DONE);
}

/* ---- */

static int set_up(void **state)
{
    socklen_t n = sizeof(address);

    if (folder_make(state)) return -1;
    folder_path(key_path, "ca.key");
    file = open("/bin/true", O_RDONLY);
    listening = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (file < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) || bind(listening, (struct sockaddr *)&address, n) ||
        listen(listening, 4))
        return -1;
    return getsockname(listening, (struct sockaddr *)&address, &n) || creat(key_path, 0600) < 0 ? -1 : 0;
}

static bool can(void)
{
    return sandbox_state().on;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sandbox_what_each_may),
        cmocka_unit_test(test_sandbox_who_signs_only_answers),
        cmocka_unit_test(test_sandbox_kernel_agrees),
        cmocka_unit_test(test_sandbox_text_tells_what_is_in_force),
    };

    /* Sanitizers need what it takes away: there it is off, and says so. */
    if (outcome_of(can, MAIN) != DONE) return 0;
    return cmocka_run_group_tests(tests, set_up, folder_remove);
}
