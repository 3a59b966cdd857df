/* SPDX-License-Identifier: Apache-2.0
 * sandbox.c: see sandbox.h. Three rings, each of which may be missing in a kernel without the other ones suffering.
 *
 * The process: no new privileges; capabilities that nothing here needs dropped, also from what programs may ever get;
 * system calls refused that neither the proxy nor a program that it starts has a use for: debugging others, mounts,
 * namespaces, modules, bpf, io_uring … No core files (base/secret.h).
 *
 * Who writes (log writers, the ledger's thread), besides: no program, no network, no memory that can be executed.
 *
 * Who serves (workers, password hashes, the sweeper): a list of about 60 system calls and nothing else; no capability;
 * no file of any kind (seccomp, and Landlock a second time), no socket but TCP's, none to listen on. What only an
 * attack would call ends the process: execve, fork, ptrace, mount …
 *
 * Who signs (the process that has the CA's key, io/signer.h): two dozen system calls, none of which opens, connects or
 * starts anything; no capability, no file. All it can do is answer on the socket that it has.
 *
 * Against whom: a request that makes a worker do what it was not written for (a path, an address, a command that gets
 * through; a chain of our own code; code of the attacker's) gets no program, no file (the CA's key, clients' secrets, a
 * log), no process and no other kind of network; nor the CA's key by reading memory, where it is not: it can only ask
 * for leaves for names that the CA permits. Not kept from it: what is in the memory of this process (keys of AWS,
 * clients' secrets), and connections that are open; and since threads share memory, who can write all of it may have
 * the control thread act, for which the first ring stands. The filter does not see addresses: conn_connect is the one
 * door to TCP, and asks whether an address is private; systemd's IPAddressDeny= says the same from outside.
 *
 * Not in a ring of their own: the control thread, reload, PAM's and key sources' threads. They read what a new
 * configuration names, bind, and start programs (upgrade, `source = process`, the process that asks PAM): what
 * those programs may is what this process may. Programs with more privileges (sudo) are none any more.
 *
 * Cost: the kernel (5.11 and later) decides on calls that are allowed whatever their arguments without running the
 * filter, so those of each byte have no arguments in the list. No mitigations of speculation are asked for: no code
 * here is anybody else's.
 *
 * Sources: seccomp(2), seccomp_rule_add(3), landlock(7), capabilities(7), prctl(2).
 */
#include "io/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0 /* theirs read /proc, start threads and trace */
#endif

/* prctl(MARK, VERSION) fails with MARKED where the first ring is in force, so that programs that follow one another by
 * upgrades do not put it on again and again. VERSION changes with what it refuses. */
enum { MARK = 0x53334f4e, VERSION = 1, MARKED = ENOTUNIQ };

/* Of which not all are in linux/landlock.h of Debian 12. */
enum {
    LANDLOCK_VERSION = 1U << 0,
    LANDLOCK_BIND_TCP = 1U << 0,
    LANDLOCK_ABSTRACT_UNIX = 1U << 0,
    LANDLOCK_SIGNAL = 1U << 1,
    LANDLOCK_NET_ABI = 4,
    LANDLOCK_SCOPE_ABI = 6,
};

struct landlock_rules {
    uint64_t files, net, scoped;
};

struct program {
    struct sock_filter *v; /* owned */
    unsigned short n;
};

static struct {
    struct sandbox_state state; /* written before there are other threads */
    struct program programs[SANDBOX_ROLES];
    int landlock_fd;
    atomic_bool failed; /* a thread did not get what it should */
} sandbox = {.landlock_fd = -1};

/* ---- what is refused, what is allowed ---- */

/* The control thread's, and programs': to bind, to be transparent, to read and keep files of others as root does, and
 * what PAM's modules do as root. Others are dropped. */
static const uint64_t kept_capabilities =
    1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE |
    1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_FOWNER | 1ULL << CAP_FSETID | 1ULL << CAP_KILL | 1ULL << CAP_SETGID |
    1ULL << CAP_SETUID | 1ULL << CAP_SYS_RESOURCE | 1ULL << CAP_IPC_LOCK | 1ULL << CAP_AUDIT_WRITE;

/* Nobody here needs these, nor a program that gives keys or asks PAM. */
static const char *const refused[] = {"ptrace",
                                      "process_vm_readv",
                                      "process_vm_writev",
                                      "process_madvise",
                                      "pidfd_getfd",
                                      "kcmp",
                                      "perf_event_open",
                                      "bpf",
                                      "userfaultfd",
                                      "io_uring_setup",
                                      "io_uring_enter",
                                      "io_uring_register",
                                      "mount",
                                      "umount",
                                      "umount2",
                                      "fsopen",
                                      "fsconfig",
                                      "fsmount",
                                      "fspick",
                                      "move_mount",
                                      "open_tree",
                                      "mount_setattr",
                                      "pivot_root",
                                      "chroot",
                                      "unshare",
                                      "setns",
                                      "init_module",
                                      "finit_module",
                                      "delete_module",
                                      "kexec_load",
                                      "kexec_file_load",
                                      "reboot",
                                      "swapon",
                                      "swapoff",
                                      "acct",
                                      "quotactl",
                                      "quotactl_fd",
                                      "settimeofday",
                                      "clock_settime",
                                      "clock_settime64",
                                      "stime",
                                      "sethostname",
                                      "setdomainname",
                                      "iopl",
                                      "ioperm",
                                      "syslog",
                                      "open_by_handle_at",
                                      "fanotify_init",
                                      "modify_ldt",
                                      "vm86",
                                      "vm86old",
                                      "lookup_dcookie",
                                      "migrate_pages",
                                      "move_pages",
                                      "vhangup",
                                      "nfsservctl"};
static const uint64_t namespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                      CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

/* Who serves calls these, whatever their arguments. */
static const char *const allowed[] = {
    "read",        "write",           "readv",        "writev",         "recvfrom",
    "recvmsg",     "sendto",          "sendmsg",      "splice",         "epoll_wait",
    "epoll_pwait", "epoll_ctl",       "poll",         "ppoll",          "accept4",
    "connect",     "shutdown",        "close",        "setsockopt",     "getsockopt",
    "getsockname", "getpeername",     "fcntl",        "pipe2",          "eventfd2",
    "futex",       "sched_yield",     "getcpu",       "clock_gettime",  "clock_nanosleep",
    "nanosleep",   "gettimeofday",    "time",         "getrandom",      "getpid",
    "gettid",      "getrusage",       "getpriority",  "setpriority",    "sched_getaffinity",
    "brk",         "munmap",          "mremap",       "madvise",        "membarrier",
    "rseq",        "set_robust_list", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sigaltstack", "restart_syscall", "exit",         "exit_group"};
static const uint64_t allowed_ioctls[] = {SIOCOUTQ, FIONREAD};
static const uint64_t allowed_prctls[] = {PR_SET_TIMERSLACK, PR_SET_NAME};

/* What no fault makes who serves or writes call, but an attack. */
static const char *const fatal[] = {"execve",      "execveat", "fork",  "vfork", "ptrace", "process_vm_writev",
                                    "mount",       "unshare",  "setns", "bpf",   "chroot", "init_module",
                                    "finit_module"};
/* Who signs calls these. */
static const char *const signs[] = {"read",
                                    "write",
                                    "recvfrom",
                                    "recvmsg",
                                    "sendto",
                                    "sendmsg",
                                    "poll",
                                    "ppoll",
                                    "close",
                                    "futex",
                                    "sched_yield",
                                    "clock_gettime",
                                    "gettimeofday",
                                    "time",
                                    "getrandom",
                                    "getpid",
                                    "gettid",
                                    "brk",
                                    "munmap",
                                    "mremap",
                                    "madvise",
                                    "rt_sigaction",
                                    "rt_sigprocmask",
                                    "rt_sigreturn",
                                    "restart_syscall",
                                    "exit",
                                    "exit_group"};
/* Besides, who writes has none of: */
static const char *const unneeded[] = {
    "bind",      "listen",        "accept",       "accept4",    "setuid",           "setgid",
    "kill",      "tkill",         "setresuid",    "setresgid",  "setgroups",        "capset",
    "prlimit64", "pkey_mprotect", "memfd_create", "pidfd_open", "pidfd_send_signal"};

/* ---- filters ---- */

/* SCMP_CMP64, which leaves fields out. SCMP_CMP_MASKED_EQ: @a is the mask, @b the value; else @a the value. */
static struct scmp_arg_cmp arg_is(unsigned n, enum scmp_compare how, uint64_t a, uint64_t b)
{
    return (struct scmp_arg_cmp){.arg = n, .op = how, .datum_a = a, .datum_b = b};
}

/* A call that this libseccomp, or this machine, does not have needs no rule. */
static int add(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned n, struct scmp_arg_cmp a,
               struct scmp_arg_cmp b)
{
    int call = seccomp_syscall_resolve_name(name);
    const struct scmp_arg_cmp args[] = {a, b};

    return call == __NR_SCMP_ERROR ? 0 : seccomp_rule_add_array(ctx, action, call, n, args);
}

static int add_all(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n)
{
    int e = 0;

    for (size_t i = 0; !e && i < n; i++)
        e = add(ctx, action, names[i], 0, arg_is(0, SCMP_CMP_EQ, 0, 0), arg_is(0, SCMP_CMP_EQ, 0, 0));
    return e;
}

static int add_one(scmp_filter_ctx ctx, uint32_t action, const char *name, struct scmp_arg_cmp arg)
{
    return add(ctx, action, name, 1, arg, arg);
}

/* glibc falls back to clone, whose flags can be seen. */
static int refuse_namespaces(scmp_filter_ctx ctx)
{
    int e = add_all(ctx, SCMP_ACT_ERRNO(ENOSYS), (const char *const[]){"clone3"}, 1);

    for (size_t i = 0; !e && i < ARRAY_LEN(namespaces); i++)
        e = add_one(ctx, SCMP_ACT_ERRNO(EPERM), "clone", arg_is(0, SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
    return e;
}

static int fill_process(scmp_filter_ctx ctx)
{
    int e = 0;

#if defined(__x86_64__)
    e = seccomp_arch_add(ctx, SCMP_ARCH_X86); /* of programs that are started; before the rules, which are for both */
#endif
    if (!e) e = add_all(ctx, SCMP_ACT_ERRNO(EPERM), refused, ARRAY_LEN(refused));
    if (!e) e = refuse_namespaces(ctx);
    return e ? e
             : add(ctx, SCMP_ACT_ERRNO(MARKED), "prctl", 2, arg_is(0, SCMP_CMP_EQ, MARK, 0),
                   arg_is(1, SCMP_CMP_EQ, VERSION, 0));
}

static int allow_memory(scmp_filter_ctx ctx, const char *name)
{
    return add_one(ctx, SCMP_ACT_ALLOW, name, arg_is(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* TCP; the type's flags (SOCK_NONBLOCK, SOCK_CLOEXEC) are above 0xf. */
static int allow_sockets(scmp_filter_ctx ctx)
{
    static const uint64_t families[] = {AF_INET, AF_INET6};
    int e = 0;

    for (size_t i = 0; !e && i < ARRAY_LEN(families); i++)
        e = add(ctx, SCMP_ACT_ALLOW, "socket", 2, arg_is(0, SCMP_CMP_EQ, families[i], 0),
                arg_is(1, SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
    return e;
}

static int allow_each(scmp_filter_ctx ctx, const char *name, unsigned arg, const uint64_t *values, size_t n)
{
    int e = 0;

    for (size_t i = 0; !e && i < n; i++)
        e = add_one(ctx, SCMP_ACT_ALLOW, name, arg_is(arg, SCMP_CMP_EQ, values[i], 0));
    return e;
}

/* Programs and processes; a thread is none. */
static int add_fatal(scmp_filter_ctx ctx)
{
    int e = add_all(ctx, SCMP_ACT_KILL_PROCESS, fatal, ARRAY_LEN(fatal));

    return e ? e : add_one(ctx, SCMP_ACT_KILL_PROCESS, "clone", arg_is(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

/* tgkill of itself: abort(3). */
static int fill_serves(scmp_filter_ctx ctx)
{
    const uint64_t self = (uint64_t)getpid();
    int e = add_all(ctx, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));

    if (!e) e = add_fatal(ctx);
    if (!e) e = allow_memory(ctx, "mmap");
    if (!e) e = allow_memory(ctx, "mprotect");
    if (!e) e = allow_sockets(ctx);
    if (!e) e = allow_each(ctx, "ioctl", 1, allowed_ioctls, ARRAY_LEN(allowed_ioctls));
    if (!e) e = allow_each(ctx, "prctl", 0, allowed_prctls, ARRAY_LEN(allowed_prctls));
    return e ? e : allow_each(ctx, "tgkill", 0, &self, 1);
}

static int fill_signs(scmp_filter_ctx ctx)
{
    const uint64_t self = (uint64_t)getpid();
    int e = add_all(ctx, SCMP_ACT_ALLOW, signs, ARRAY_LEN(signs));

    if (!e) e = add_fatal(ctx);
    if (!e) e = allow_memory(ctx, "mmap");
    if (!e) e = allow_memory(ctx, "mprotect");
    return e ? e : allow_each(ctx, "tgkill", 0, &self, 1);
}

static int fill_writes(scmp_filter_ctx ctx)
{
    int e = add_fatal(ctx);

    if (!e) e = add_all(ctx, SCMP_ACT_ERRNO(EPERM), unneeded, ARRAY_LEN(unneeded));
    if (!e) e = add_one(ctx, SCMP_ACT_ERRNO(EPERM), "socket", arg_is(0, SCMP_CMP_NE, AF_UNIX, 0));
    if (!e) e = add_one(ctx, SCMP_ACT_ERRNO(EPERM), "mmap", arg_is(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
    return e ? e : add_one(ctx, SCMP_ACT_ERRNO(EPERM), "mprotect", arg_is(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
}

static int read_program(int fd, struct program *out)
{
    off_t bytes = lseek(fd, 0, SEEK_END);
    size_t n = bytes > 0 ? (size_t)bytes : 0;

    if (!n) return -ENOMEM;
    out->v = malloc(n);
    out->n = (unsigned short)(n / sizeof(*out->v));
    return out->v && pread(fd, out->v, n, 0) == (ssize_t)n ? 0 : -ENOMEM;
}

/* @otherwise: what becomes of calls without a rule. 0, or an errno as a negative number. */
static int make_program(uint32_t otherwise, int (*fill)(scmp_filter_ctx), struct program *out)
{
    scmp_filter_ctx ctx = seccomp_init(otherwise);
    int fd = memfd_create("s3onramp-sandbox", MFD_CLOEXEC), e = ctx && fd >= 0 ? 0 : -ENOMEM;

    if (!e) e = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, for kernels that run all of it */
    if (!e) e = fill(ctx);
    if (!e) e = seccomp_export_bpf(ctx, fd);
    if (!e) e = read_program(fd, out);
    if (ctx) seccomp_release(ctx);
    if (fd >= 0) close(fd);
    return e;
}

/* Puts it on the calling thread. */
static int apply(const struct program *p, unsigned flags)
{
    const struct sock_fprog prog = {.len = p->n, .filter = p->v};

    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &prog) ? -errno : 0;
}

/* ---- capabilities, files ---- */

static bool keep_capabilities(uint64_t kept)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct v[_LINUX_CAPABILITY_U32S_3];

    for (int c = 0; c < 64 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        if (!(kept & 1ULL << c)) (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0); /* only who has CAP_SETPCAP may */
    bool more = false;

    if (syscall(SYS_capget, &head, v)) return false;
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        uint32_t mask = (uint32_t)(kept >> 32 * i);

        more |= (v[i].permitted | v[i].inheritable) & ~mask;
        v[i].effective &= mask;
        v[i].permitted &= mask;
        v[i].inheritable &= mask;
    }
    return !more || syscall(SYS_capset, &head, v) == 0; /* a filter of systemd's may refuse it */
}

static unsigned landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);

    return abi > 0 ? (unsigned)abi : 0;
}

/* Rules that allow nothing: no file, no port to listen on, no abstract socket, no signal to others. -1: there are none.
 */
static int make_landlock(unsigned abi)
{
    static const unsigned rights[] = {0, 13, 14, 15, 15, 16}; /* by ABI */
    unsigned n = rights[abi < ARRAY_LEN(rights) ? abi : ARRAY_LEN(rights) - 1];
    const struct landlock_rules r = {
        .files = (1ULL << n) - 1,
        .net = abi >= LANDLOCK_NET_ABI ? LANDLOCK_BIND_TCP : 0,
        .scoped = abi >= LANDLOCK_SCOPE_ABI ? LANDLOCK_ABSTRACT_UNIX | LANDLOCK_SIGNAL : 0,
    };

    return abi ? (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0) : -1;
}

/* ---- the whole ---- */

static bool is_marked(void)
{
    return prctl(MARK, VERSION, 0, 0, 0) == -1 && errno == MARKED;
}

static void lack(const char *what, int e)
{
    struct sandbox_state *s = &sandbox.state;
    size_t n = strlen(s->why_not);

    snprintf(s->why_not + n, sizeof(s->why_not) - n, "%s%s (%s)", n ? "; " : "", what, strerror(e));
}

/* 0, or an errno as a negative number. */
static int confine_process(void)
{
    struct program p = {0};
    int e = is_marked() ? 0 : make_program(SCMP_ACT_ALLOW, fill_process, &p);

    if (!e && p.v) e = apply(&p, 0);
    free(p.v);
    if (!e) e = make_program(SCMP_ACT_ERRNO(EPERM), fill_serves, &sandbox.programs[SANDBOX_SERVES]);
    return e ? e : make_program(SCMP_ACT_ALLOW, fill_writes, &sandbox.programs[SANDBOX_WRITES]);
}

static void begin(struct sandbox_state *s)
{
    int e;

    s->capabilities = keep_capabilities(kept_capabilities);
    if (!s->capabilities) lack("capabilities cannot be dropped", errno);
    s->landlock = landlock_abi();
    sandbox.landlock_fd = make_landlock(s->landlock);
    if (sandbox.landlock_fd < 0) {
        lack("no Landlock", errno);
        s->landlock = 0;
    }
    e = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : confine_process();
    s->calls = !e;
    if (e) lack("system calls cannot be filtered", -e);
}

void sandbox_begin(bool on)
{
    struct sandbox_state *s = &sandbox.state;

    if (!on && is_marked())
        LOG(LOG_WARN,
            "sandbox = off: what the process before this one gave up cannot be had back by an upgrade; stop and "
            "start the proxy");
    s->on = on && !SANITIZED;
    if (on && SANITIZED) snprintf(s->why_not, sizeof(s->why_not), "this program was built with a sanitizer");
    if (s->on) begin(s);
}

/* malloc(3) asks the system once how many processors there are. */
static void warm_up(void)
{
    void *volatile p = malloc(1);

    free(p);
}

void sandbox_enter(enum sandbox_role role)
{
    const struct sandbox_state *s = &sandbox.state;
    bool serves = role == SANDBOX_SERVES, good = true;

    if (!s->on) return;
    warm_up();
    if (serves && s->capabilities) good = keep_capabilities(0);
    if (serves && s->landlock) good &= syscall(SYS_landlock_restrict_self, sandbox.landlock_fd, 0) == 0;
    if (s->calls) good &= apply(&sandbox.programs[role], SECCOMP_FILTER_FLAG_LOG) == 0;
    if (good) return;
    atomic_store(&sandbox.failed, true);
    LOG(LOG_ERROR, "sandbox: a thread could not give up what it should (%s)", strerror(errno));
}

/* What this kernel does not have is told by who began it, which has the same. */
void sandbox_signs(bool on)
{
    struct program p = {0};
    int rules;

    if (!on || SANITIZED) return;
    warm_up();
    rules = make_landlock(landlock_abi());
    bool good = make_program(SCMP_ACT_ERRNO(EPERM), fill_signs, &p) == 0 && keep_capabilities(0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) good = false;
    if (rules >= 0 && syscall(SYS_landlock_restrict_self, rules, 0)) good = false;
    if (rules >= 0) close(rules);
    if (apply(&p, SECCOMP_FILTER_FLAG_LOG)) good = false;
    free(p.v);
    if (!good) LOG(LOG_ERROR, "sandbox: the process that has the CA's key could not give up what it should");
}

struct sandbox_state sandbox_state(void)
{
    struct sandbox_state s = sandbox.state;

    s.threads = s.on && !atomic_load(&sandbox.failed);
    return s;
}

void sandbox_text(const struct sandbox_state *s, struct sbuf *out)
{
    char landlock[32];

    sbuf_add(out, !s->on ? STR("off") : s->threads && !*s->why_not ? STR("on") : STR("partly on"));
    if (s->calls) sbuf_add(out, STR(": system calls filtered"));
    snprintf(landlock, sizeof(landlock), ", Landlock ABI %u", s->landlock);
    if (s->landlock) sbuf_add(out, str_from(landlock));
    if (s->capabilities) sbuf_add(out, STR(", capabilities dropped"));
    if (*s->why_not) sbuf_add(out, STR("; "));
    sbuf_add(out, str_from(s->why_not));
}
