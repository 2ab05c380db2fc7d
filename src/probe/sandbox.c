/* What is taken from a compiler and from a module's process: Landlock for files, a filter (seccomp)
 * for system calls, limits for memory, time and disk. Filters only ever narrow. All that allocates
 * is done before the fork, for this process may have threads. */
#include "probe/room.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOST_CPU_SECONDS      10u                  /* and WORKLOAD_CPU_SECONDS for each */
#define WORKLOAD_CPU_SECONDS  2u                   /* of 0.1 */
#define HOST_MEMORY_BYTES     (UINT64_C(64) << 20) /* of 17 MB, of which 16 are states */
#define COMPILER_CPU_SECONDS  10u                  /* of 0.1 */
#define COMPILER_MEMORY_BYTES (UINT64_C(1) << 30)  /* of 50 MB that a policy takes */
#define COMPILER_FILE_BYTES   (UINT64_C(16) << 20) /* of 20 kB */

/* ── files ── */

#define MAY_READ LANDLOCK_ACCESS_FS_READ_FILE
#define MAY_LIST LANDLOCK_ACCESS_FS_READ_DIR
#define MAY_RUN  LANDLOCK_ACCESS_FS_EXECUTE
#define MAY_MAKE                                                                                   \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* All that the first version knows. */
#define ALL_RIGHTS                                                                                 \
    (MAY_READ | MAY_LIST | MAY_RUN | MAY_MAKE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                    \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |   \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* What compilers and their libraries are in; no headers but the compilers' own. */
static const char *const system_places[] = {
    "/usr/bin",       "/usr/lib",       "/usr/lib32",         "/usr/lib64", "/usr/libexec",
    "/usr/local/bin", "/usr/local/lib", "/usr/local/libexec", "/bin",       "/lib",
    "/lib32",         "/lib64",         "/nix/store",         "/opt",       "/etc/ld.so.cache",
};

/* What lies at or below the path. One that is not there gets no rule. */
static int allow_files(int rules, const char *path, uint64_t rights)
{
    struct stat found;
    int fd = open(path, O_PATH | O_CLOEXEC), failed = 0;
    if (fd >= 0 && fstat(fd, &found) == 0) {
        if (!S_ISDIR(found.st_mode))
            rights &= MAY_READ | MAY_RUN | LANDLOCK_ACCESS_FS_WRITE_FILE;
        struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
        failed = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    if (fd >= 0)
        close(fd);
    return failed;
}

/* A compiler that is installed elsewhere brings its own parts. */
static int allow_compiler(int rules, const char *compiler)
{
    static const char *const parts[] = {"", "/../lib", "/../libexec"};
    char real[PROBE_PATH_MAX], path[PROBE_PATH_MAX + 16];
    int failed = 0;
    if (!realpath(compiler, real))
        return -1;
    const char *directory = dirname(real);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s%s", directory, parts[i]);
        failed |= allow_files(rules, path, MAY_READ | MAY_LIST | MAY_RUN);
    }
    return failed;
}

static int rules_for_compiler(const char *directory, const char *compiler)
{
    struct landlock_ruleset_attr all = {.handled_access_fs = ALL_RIGHTS};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (rules < 0)
        return -1;
    int failed = allow_files(rules, directory, MAY_READ | MAY_LIST | MAY_MAKE) |
                 allow_files(rules, "/dev/null", MAY_READ | LANDLOCK_ACCESS_FS_WRITE_FILE) |
                 allow_compiler(rules, compiler);
    for (size_t i = 0; i < sizeof system_places / sizeof *system_places; i++)
        failed |= allow_files(rules, system_places[i], MAY_READ | MAY_LIST | MAY_RUN);
    if (!failed)
        return rules;
    close(rules);
    return -1;
}

/* ── system calls ── */

/* The filter as the kernel takes it: by way of a file, for libseccomp of Debian 12 writes it to one
 * alone. NULL with errno. */
static struct sock_fprog *filter_program(scmp_filter_ctx filter)
{
    struct sock_fprog *program = NULL;
    struct stat written;
    int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd >= 0 && seccomp_export_bpf(filter, fd) == 0 && fstat(fd, &written) == 0)
        program = malloc(sizeof *program + (size_t)written.st_size);
    if (program) {
        program->filter = (struct sock_filter *)(program + 1);
        program->len = (unsigned short)((size_t)written.st_size / sizeof *program->filter);
        if (pread(fd, program->filter, (size_t)written.st_size, 0) != written.st_size) {
            free(program);
            program = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return program;
}

/* Allows these; what else happens is `otherwise`. */
static struct sock_fprog *filter_new(uint32_t otherwise, const int *calls, size_t count)
{
    scmp_filter_ctx filter = seccomp_init(otherwise);
    int failed = filter ? 0 : -1;
    for (size_t i = 0; i < count && !failed; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    struct sock_fprog *program = failed ? NULL : filter_program(filter);
    if (filter)
        seccomp_release(filter);
    return program;
}

#define C(name) SCMP_SYS(name)
/* Files, memory, children: no sockets, no signals to others, no tracing, no other namespaces. */
static const int compiler_calls[] = {C(read),
                                     C(write),
                                     C(pread64),
                                     C(pwrite64),
                                     C(readv),
                                     C(writev),
                                     C(lseek),
                                     C(close),
                                     C(close_range),
                                     C(open),
                                     C(openat),
                                     C(creat),
                                     C(stat),
                                     C(lstat),
                                     C(fstat),
                                     C(newfstatat),
                                     C(statx),
                                     C(statfs),
                                     C(fstatfs),
                                     C(access),
                                     C(faccessat),
                                     C(faccessat2),
                                     C(readlink),
                                     C(readlinkat),
                                     C(getcwd),
                                     C(chdir),
                                     C(getdents64),
                                     C(unlink),
                                     C(unlinkat),
                                     C(rename),
                                     C(renameat),
                                     C(renameat2),
                                     C(chmod),
                                     C(fchmod),
                                     C(fchmodat),
                                     C(umask),
                                     C(ftruncate),
                                     C(fallocate),
                                     C(fadvise64),
                                     C(utimensat),
                                     C(fcntl),
                                     C(dup),
                                     C(dup2),
                                     C(dup3),
                                     C(pipe),
                                     C(pipe2),
                                     C(poll),
                                     C(ppoll),
                                     C(select),
                                     C(pselect6),
                                     C(mmap),
                                     C(munmap),
                                     C(mremap),
                                     C(mprotect),
                                     C(madvise),
                                     C(brk),
                                     C(fork),
                                     C(vfork),
                                     C(clone),
                                     C(clone3),
                                     C(execve),
                                     C(wait4),
                                     C(waitid),
                                     C(exit),
                                     C(exit_group),
                                     C(getpid),
                                     C(getppid),
                                     C(gettid),
                                     C(getuid),
                                     C(geteuid),
                                     C(getgid),
                                     C(getegid),
                                     C(getrlimit),
                                     C(prlimit64),
                                     C(getrusage),
                                     C(times),
                                     C(uname),
                                     C(sysinfo),
                                     C(sched_getaffinity),
                                     C(sched_yield),
                                     C(clock_gettime),
                                     C(clock_getres),
                                     C(gettimeofday),
                                     C(time),
                                     C(nanosleep),
                                     C(clock_nanosleep),
                                     C(rt_sigaction),
                                     C(rt_sigprocmask),
                                     C(rt_sigreturn),
                                     C(sigaltstack),
                                     C(set_tid_address),
                                     C(set_robust_list),
                                     C(rseq),
                                     C(arch_prctl),
                                     C(futex),
                                     C(getrandom),
                                     C(membarrier)};
static const int host_calls[] = {C(execveat), C(mmap),       C(munmap), C(close),
                                 C(prctl),    C(exit_group), C(futex)};
#undef C

static int sandbox_made(struct sandbox *sandbox, const char *lacking, struct sandbox *ret_sandbox,
                        struct probe_report *report)
{
    if (!lacking) {
        *ret_sandbox = *sandbox;
        return 0;
    }
    probe_explain(report, "this machine has no %s, without which nothing of others is run: %s",
                  lacking, strerror(errno));
    sandbox_clear(sandbox);
    return -1;
}

int sandbox_for_compiler(const char *directory, const char *compiler, struct sandbox *ret_sandbox,
                         struct probe_report *report)
{
    struct sandbox sandbox = {.files = rules_for_compiler(directory, compiler)};
    const char *lacking = sandbox.files < 0 ? "Landlock" : NULL;
    if (!lacking) {
        sandbox.calls = filter_new(SCMP_ACT_ERRNO(ENOSYS), compiler_calls,
                                   sizeof compiler_calls / sizeof *compiler_calls);
        lacking = sandbox.calls ? NULL : "seccomp";
    }
    return sandbox_made(&sandbox, lacking, ret_sandbox, report);
}

int sandbox_for_host(struct sandbox *ret_sandbox, struct probe_report *report)
{
    struct sandbox sandbox = {.files = -1,
                              .calls = filter_new(SCMP_ACT_KILL_PROCESS, host_calls,
                                                  sizeof host_calls / sizeof *host_calls)};
    return sandbox_made(&sandbox, sandbox.calls ? NULL : "seccomp", ret_sandbox, report);
}

void sandbox_clear(struct sandbox *sandbox)
{
    if (sandbox->files >= 0)
        close(sandbox->files);
    free(sandbox->calls);
    *sandbox = (struct sandbox){.files = -1};
}

/* ── in the child ── */

/* Of CPU time a second more before the kernel kills: who did not heed the first signal. */
static int limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
        return -1;
    rlim_t last = resource == RLIMIT_CPU ? most + 1 : most;
    if (now.rlim_max != RLIM_INFINITY && last > now.rlim_max)
        last = now.rlim_max;
    return setrlimit((__rlimit_resource_t)resource,
                     &(struct rlimit){most < last ? most : last, last});
}

static int enter(const struct sandbox *sandbox)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    if (sandbox->files >= 0 && syscall(SYS_landlock_restrict_self, sandbox->files, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, sandbox->calls) != 0 ? -1 : 0;
}

int sandbox_enter_compiler(const struct sandbox *sandbox)
{
    int failed = limit(RLIMIT_CPU, COMPILER_CPU_SECONDS) | limit(RLIMIT_CORE, 0) |
                 limit(RLIMIT_FSIZE, COMPILER_FILE_BYTES) | limit(RLIMIT_AS, COMPILER_MEMORY_BYTES);
    return failed ? -1 : enter(sandbox);
}

int sandbox_enter_host(const struct sandbox *sandbox, size_t workloads)
{
    int failed = limit(RLIMIT_CPU, HOST_CPU_SECONDS + WORKLOAD_CPU_SECONDS * workloads) |
                 limit(RLIMIT_CORE, 0) | limit(RLIMIT_FSIZE, 0) |
                 limit(RLIMIT_AS, HOST_MEMORY_BYTES);
    return failed ? -1 : enter(sandbox);
}
