/* Confinement. What makes it hard is to know what is needed: by libuv, SQLite, OpenSSL and the C
 * library, of this version and the next. So a call that is not in the list fails as one that the
 * kernel does not have, which libraries are prepared for, and does not end a hub that others are
 * connected to. */
#include "net/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wire/address.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

bool confine_possible(void)
{
    return !SANITIZED;
}

static int fail(char *ret_why, size_t size, const char *what, int error)
{
    snprintf(ret_why, size,
             "the hub could not confine itself (%s: %s); --no-confine begins without that", what,
             strerror(error));
    return -1;
}

/* ── files ── */

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE /* Linux 6.2 */
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define MAY_READ  LANDLOCK_ACCESS_FS_READ_FILE
#define MAY_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define MAY_LIST  LANDLOCK_ACCESS_FS_READ_DIR
#define MAY_MAKE  LANDLOCK_ACCESS_FS_MAKE_REG
/* of a file, not of a directory */
#define OF_FILES (MAY_READ | MAY_WRITE)
#define ALL_RIGHTS                                                                                 \
    (OF_FILES | MAY_LIST | MAY_MAKE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                             \
     LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |   \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

/* What the libraries read: names of hosts and users, what OpenSSL is told to take, time zones. */
static const char *const system_places[] = {
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/passwd",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/localtime",
    "/usr/lib",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/dev/null",
    "/dev/urandom",
    "/usr/share/zoneinfo",
    "/sys/devices/system/cpu",
    "/proc/sys/vm/overcommit_memory",
};

struct rules {
    int fd;
    uint64_t handled;
    int error; /* errno of the first that could not be added; 0: none */
};

/* What lies at or below the path. One that is not there gets no rule. */
static void rules_allow(struct rules *rules, const char *path, uint64_t rights)
{
    struct stat found;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) < 0) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (!S_ISDIR(found.st_mode))
        rights &= OF_FILES;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & rules->handled,
                                              .parent_fd = fd};
    if (syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 &&
        !rules->error)
        rules->error = errno;
    close(fd);
}

/* The directory that a path's file lies in. */
static void rules_allow_around(struct rules *rules, const char *path, uint64_t rights)
{
    char *copy = strdup(path);
    if (!copy)
        rules->error = ENOMEM;
    else
        rules_allow(rules, dirname(copy), rights);
    free(copy);
}

/* A log is opened anew where it was, by then another file; a terminal or a pipe is the same. */
static void allow_log(struct rules *rules, const char *path)
{
    struct stat found;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode))
        rules_allow(rules, path, MAY_WRITE);
    else
        rules_allow_around(rules, path, MAY_WRITE | MAY_MAKE);
}

static void allow_listening(struct rules *rules, const char *text)
{
    struct address address;
    const char *why;
    if (address_parse(text, &address, &why) == 0 && address.local)
        rules_allow_around(rules, address.path,
                           OF_FILES | MAY_MAKE | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                               LANDLOCK_ACCESS_FS_REMOVE_FILE);
}

/* What is read anew on SIGHUP, by then perhaps another file of its directory; if the name is a
 * symbolic link, that may lead elsewhere. */
static void allow_reading(struct rules *rules, const char *path)
{
    char *real = path ? realpath(path, NULL) : NULL;
    if (path)
        rules_allow_around(rules, path, MAY_READ);
    if (real)
        rules_allow_around(rules, real, MAY_READ);
    free(real);
}

static void allow_all(struct rules *rules, const struct server_options *options)
{
    for (size_t i = 0; i < sizeof system_places / sizeof *system_places; i++)
        rules_allow(rules, system_places[i], MAY_READ | MAY_LIST);
    if (options->data) /* where it can't be made, the store says why */
        (void)!mkdir(options->data, 0700);
    if (options->data)
        rules_allow(rules, options->data,
                    OF_FILES | MAY_LIST | MAY_MAKE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                        LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                        LANDLOCK_ACCESS_FS_REFER); /* --salvage makes one in there */
    allow_reading(rules, options->tls.cert);
    allow_reading(rules, options->tls.key);
    allow_reading(rules, options->tls.client_ca);
    if (options->log_path)
        allow_log(rules, options->log_path);
    if (options->port_file)
        rules_allow_around(rules, options->port_file,
                           MAY_WRITE | MAY_MAKE | LANDLOCK_ACCESS_FS_REMOVE_FILE);
    for (size_t i = 0; i < options->listen_count; i++)
        allow_listening(rules, options->listen[i]);
}

static uint64_t rights_known(int version)
{
    uint64_t rights = ALL_RIGHTS;
    if (version < 2)
        rights &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
    if (version < 3)
        rights &= ~(uint64_t)LANDLOCK_ACCESS_FS_TRUNCATE;
    return rights;
}

/* 0 where the kernel has no Landlock, or it is switched off. */
static int landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

static int restrict_files(const struct server_options *options, int version)
{
    struct rules rules = {.handled = rights_known(version)};
    struct landlock_ruleset_attr attr = {.handled_access_fs = rules.handled};
    rules.fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (rules.fd < 0)
        return -1;
    allow_all(&rules, options);
    int error = rules.error;
    if (!error && syscall(SYS_landlock_restrict_self, rules.fd, 0) < 0)
        error = errno;
    close(rules.fd);
    errno = error;
    return error ? -1 : 0;
}

int confine_files(const struct server_options *options, int *ret_landlock, char *ret_why,
                  size_t size)
{
    static const struct rlimit none = {0, 0};
    int version = landlock_version();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(ret_why, size, "no new privileges", errno);
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return fail(ret_why, size, "no core dump", errno);
    /* what SQLite can't hold in memory goes where the hub may write */
    if (options->data && setenv("SQLITE_TMPDIR", options->data, 1) < 0)
        return fail(ret_why, size, "SQLITE_TMPDIR", errno);
    if (version && restrict_files(options, version) < 0)
        return fail(ret_why, size, "Landlock", errno);
    *ret_landlock = version;
    return 0;
}

/* ── connections ── */

/* As in <linux/landlock.h> of Linux 6.7. */
#define NET_VERSION     4
#define NET_RULE        2
#define NET_CONNECT_TCP (1ULL << 1)
struct net_ruleset {
    uint64_t handled_files, handled_net;
};
struct net_rule {
    uint64_t allowed, port;
};

int confine_connections(unsigned port, char *ret_why, size_t size)
{
    struct net_ruleset attr = {.handled_net = NET_CONNECT_TCP};
    struct net_rule rule = {.allowed = NET_CONNECT_TCP, .port = port};
    if (landlock_version() < NET_VERSION)
        return 0;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    int error = fd < 0 ? errno : 0;
    if (!error && port && syscall(SYS_landlock_add_rule, fd, NET_RULE, &rule, 0) < 0)
        error = errno;
    if (!error && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    return error ? fail(ret_why, size, "Landlock", error) : 0;
}

/* ── calls ── */

/* What a serving hub, its store's and its index' threads do. */
static const int calls[] = {
    /* time, memory, threads that are there */
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(membarrier), SCMP_SYS(getpid),
    SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage), SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq), SCMP_SYS(exit), SCMP_SYS(exit_group),
    /* signals */
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    /* waiting, sockets that are there */
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(eventfd2), SCMP_SYS(accept),
    SCMP_SYS(accept4), SCMP_SYS(shutdown), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
    SCMP_SYS(sendto), SCMP_SYS(sendmsg),
    /* files */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write),
    SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(lseek), SCMP_SYS(close),
    SCMP_SYS(dup), SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(open),
    SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
    SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
    SCMP_SYS(getdents64), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename),
    SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(fchmod), SCMP_SYS(fchown), SCMP_SYS(umask)};

/* Nothing of a hub does these: who does is somebody else. */
static const int foreign[] = {
    SCMP_SYS(execve),           SCMP_SYS(execveat),          SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(init_module),
    SCMP_SYS(finit_module),     SCMP_SYS(kexec_load)};

static int allow_narrowly(scmp_filter_ctx filter)
{
    static const scmp_datum_t ioctls[] = {FIONBIO, SIOCINQ, SIOCOUTQ, TCGETS, TIOCGWINSZ};
    int failed = 0;
    /* memory, but no code */
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* limits are looked at */
    failed |=
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
    /* a thread takes an umask of its own */
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(unshare), 1,
                               SCMP_A0(SCMP_CMP_EQ, CLONE_FS));
    /* an assertion that fails ends this process, not another */
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                               SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    for (size_t i = 0; i < sizeof ioctls / sizeof *ioctls; i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                   SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
    return failed;
}

/* Sockets of streams, over IP or within the machine. */
static int allow_connecting(scmp_filter_ctx filter)
{
    static const scmp_datum_t families[] = {AF_UNIX, AF_INET, AF_INET6};
    int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        failed |= seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, families[i]),
            SCMP_A1(SCMP_CMP_EQ, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC));
    return failed;
}

int confine_calls(bool connects, char *ret_why, size_t size)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!filter)
        return fail(ret_why, size, "seccomp", ENOMEM);
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    /* each call is found in a tree of them, not in a row */
    failed |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    failed |= allow_narrowly(filter);
    if (connects)
        failed |= allow_connecting(filter);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, foreign[i], 0);
    int error = failed ? EINVAL : -seccomp_load(filter);
    seccomp_release(filter);
    return error ? fail(ret_why, size, "seccomp", error) : 0;
}
