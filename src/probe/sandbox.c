/* The sandbox, in two steps, for loading a shared object takes more system calls than running it.
 *
 * Filters (seccomp) and limits only ever narrow, so nothing that runs in the second step gets
 * the first one's powers back. What is left can read no file, reach no other process and no
 * network, and ends when its CPU time does. */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "probe/room.h"

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

#define CPU_SECONDS           60u
#define MEMORY_BYTES          (UINT64_C(2) << 30)
#define COMPILER_MEMORY_BYTES (UINT64_C(1) << 30)  /* of 50 MB that a policy takes */
#define COMPILER_FILE_BYTES   (UINT64_C(16) << 20) /* of 20 kB */

static int limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
        return -1;
    if (now.rlim_max != RLIM_INFINITY && most > now.rlim_max)
        most = now.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &(struct rlimit){most, most});
}

int sandbox_bound_compiler(void)
{
    int failed = limit(RLIMIT_CPU, CPU_SECONDS) | limit(RLIMIT_CORE, 0) |
                 limit(RLIMIT_FSIZE, COMPILER_FILE_BYTES) | limit(RLIMIT_AS, COMPILER_MEMORY_BYTES);
    return failed ? -1 : 0;
}

static int limit_all(void)
{
    int failed = limit(RLIMIT_CPU, CPU_SECONDS) | limit(RLIMIT_CORE, 0) | limit(RLIMIT_FSIZE, 0) |
                 limit(RLIMIT_NPROC, 0);
    if (!SANITIZED) /* whose shadow memory is terabytes */
        failed |= limit(RLIMIT_AS, MEMORY_BYTES);
    return failed ? -1 : 0;
}

/* What computing takes: memory, and an end. */
static int allow_computing(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(brk),          SCMP_SYS(munmap),     SCMP_SYS(mremap),
                                SCMP_SYS(madvise),      SCMP_SYS(futex),      SCMP_SYS(exit),
                                SCMP_SYS(exit_group),   SCMP_SYS(getpid),     SCMP_SYS(gettid),
                                SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_yield)};
    int failed = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    if (SANITIZED) /* its exit looks at its own stacks */
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sigaltstack), 0);
    return failed;
}

static int install(scmp_filter_ctx filter, int failed)
{
    if (!failed)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed ? -1 : 0;
}

int sandbox_enter(int keep_fd)
{
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        limit_all() < 0)
        return -1;
    if (keep_fd > 0 && close_range(0, (unsigned)keep_fd - 1, 0) != 0)
        return -1;
    if (close_range((unsigned)keep_fd + 1, ~0U, 0) != 0)
        return -1;
    static const int loading[] = {SCMP_SYS(read),  SCMP_SYS(pread64),    SCMP_SYS(close),
                                  SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(mprotect),
                                  SCMP_SYS(lseek), SCMP_SYS(prctl),      SCMP_SYS(seccomp),
                                  SCMP_SYS(mmap),  SCMP_SYS(readlink),   SCMP_SYS(getcwd)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return -1;
    int failed = allow_computing(filter);
    for (size_t i = 0; i < sizeof loading / sizeof *loading; i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, loading[i], 0);
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, 3 /* O_ACCMODE */, 0 /* O_RDONLY */));
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                               SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)keep_fd));
    return install(filter, failed);
}

int sandbox_seal(int keep_fd)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return -1;
    int failed = allow_computing(filter);
    /* the memory of a thread other than the first grows by mprotect */
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                               SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                               SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                               SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)keep_fd));
    return install(filter, failed);
}
