/* From C source to the program that runs it, as strict as a kernel's build, by a compiler that can
 * do nothing else.
 *
 * What fails may be the source's fault or this machine's. The machine's own C, the adapter, is
 * compiled by the same command: where that fails, too, it is the machine's. */
#include "probe/room.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/lifeline.h"

#define COMPILE_SECONDS 600.0 /* a policy of 10 kB takes 0.1; CPU time is bounded in sandbox.c */
#define COMPLAINT_MAX   160u
#define DISK_BYTES      (UINT64_C(32) << 20) /* that must be free */

extern const char page_text[], host_text[];
extern const char stdint_text[], stdbool_text[], stddef_text[];

/* All the headers there are for a module, whatever the compiler. */
static const struct {
    const char *name, *text;
} headers[] = {{"stdint.h", stdint_text}, {"stdbool.h", stdbool_text}, {"stddef.h", stddef_text}};

/* Where cc is. */
static bool compiler_find(char ret_path[PROBE_PATH_MAX])
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        int written = snprintf(ret_path, PROBE_PATH_MAX, "%.*s/cc", (int)length, path);
        if (*path == '/' && written < (int)PROBE_PATH_MAX && access(ret_path, X_OK) == 0)
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

bool compile_possible(void)
{
    char path[PROBE_PATH_MAX];
    return compiler_find(path);
}

/* First line of what the compiler said. */
static void first_complaint(const char *path, char ret_line[COMPLAINT_MAX])
{
    FILE *file = fopen(path, "re");
    ret_line[0] = '\0';
    char line[1024];
    while (file && fgets(line, sizeof line, file)) {
        const char *error = strcasestr(line, "error: "); /* an assembler's is an Error */
        if (!error)
            continue;
        size_t length = strcspn(error, "\n");
        length = length < COMPLAINT_MAX - 1 ? length : COMPLAINT_MAX - 1;
        memcpy(ret_line, error, length);
        ret_line[length] = '\0';
        break;
    }
    if (file)
        fclose(file);
}

/* A compiler, and where and how it is run. */
struct compiler {
    char path[PROBE_PATH_MAX];
    const char *directory;
    const atomic_bool *stop;
    struct sandbox sandbox;
    struct probe_report *report;
};

/* Becomes cc, in a process group of its own: it has children, which must not outlive it. Its files
 * are named from the directory, and nothing of this process's environment is told but PATH. */
_Noreturn static void become_compiler(const struct compiler *compiler, const char *const *arguments,
                                      char *const *environment)
{
    if (chdir(compiler->directory) != 0)
        _exit(SANDBOX_FAILED);
    int input = open("/dev/null", O_RDONLY);
    int output = open("log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (input < 0 || output < 0 || dup2(input, 0) != 0 || dup2(output, 1) != 1 ||
        dup2(output, 2) != 2 || sandbox_enter_compiler(&compiler->sandbox) < 0)
        _exit(SANDBOX_FAILED);
    close_range(3, ~0U, 0);
    /* execve takes char *const[], and promises not to write to it */
    execve(compiler->path, (char *const *)(uintptr_t)arguments, environment);
    _exit(SANDBOX_FAILED);
}

/* 0 when it worked, 1 when it did not, -1 when this machine can't run it: `why` says so. */
static int run_compiler(const struct compiler *compiler, const char *const *arguments)
{
    char path[PROBE_PATH_MAX];
    const char *given = getenv("PATH");
    snprintf(path, sizeof path, "PATH=%s", given ? given : "/usr/bin:/bin");
    /* A cc that is ccache wants a home, though it has nothing to do. */
    char *const environment[] = {path,
                                 (char[]){"TMPDIR=."},
                                 (char[]){"HOME=."},
                                 (char[]){"LC_ALL=C"},
                                 (char[]){"CCACHE_DISABLE=1"},
                                 NULL};
    pid_t pid = lifeline_fork_group();
    if (pid == 0)
        become_compiler(compiler, arguments, environment);
    bool late;
    int status = pid < 0 ? -1 : probe_wait(pid, COMPILE_SECONDS, compiler->stop, &late);
    if (status == 0)
        return 0;
    if (status > 0 && WIFEXITED(status) && WEXITSTATUS(status) != SANDBOX_FAILED &&
        WEXITSTATUS(status) != 127)
        return 1;
    if (status > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return 1;
    probe_explain(compiler->report, "%s",
                  pid < 0                              ? "there is no process for a compiler"
                  : status >= 0 && WIFSIGNALED(status) ? "the compiler was killed"
                  : status >= 0                        ? "the compiler could not be confined"
                                                       : "it was stopped");
    return -1;
}

/* directory/name. 0 or -1. */
static int write_text(const char *directory, const char *name, const char *text)
{
    char path[PROBE_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wxe");
    if (!file)
        return -1;
    int failed = fputs(text, file) < 0;
    failed |= fclose(file) != 0;
    return failed ? -1 : 0;
}

/* directory/adapter.c: how it is asked, and the program around that. 0 or -1. */
static int write_adapter(const char *directory, const struct subject *subject)
{
    int length = module_adapter(subject, NULL, 0);
    size_t size = (size_t)length + strlen(page_text) + strlen(host_text) + 1;
    char *text = malloc(size);
    if (!text)
        return -1;
    module_adapter(subject, text, size);
    snprintf(text + length, size - (size_t)length, "%s%s", page_text, host_text);
    int failed = write_text(directory, "adapter.c", text);
    free(text);
    return failed;
}

static int write_sources(const struct compiler *compiler, const struct subject *subject,
                         const char *source)
{
    const char *directory = compiler->directory;
    struct statvfs disk;
    if (statvfs(directory, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < DISK_BYTES) {
        probe_explain(compiler->report, "%.128s has less than %u MB free", directory,
                      (unsigned)(DISK_BYTES >> 20));
        return -1;
    }
    int failed = write_text(directory, "policy.c", source) | write_adapter(directory, subject);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        failed |= write_text(directory, headers[i].name, headers[i].text);
    if (!failed)
        return 0;
    probe_explain(compiler->report, "can't write %.128s: %s", directory, strerror(errno));
    return -1;
}

/* As a kernel is built. */
#define AS_A_KERNEL                                                                                \
    "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wdate-time", "-ffreestanding", "-nostdinc",       \
        "-isystem", ".", "-Os", "-fno-pie", "-fno-common", "-fno-stack-protector",                 \
        "-mgeneral-regs-only"

/* After cc did not work: whose fault that is, and what it said. */
static enum probe_result explain_failure(const struct compiler *compiler, const char *what)
{
    char log[PROBE_PATH_MAX], adapter[PROBE_PATH_MAX], complaint[COMPLAINT_MAX];
    struct stat made;
    snprintf(log, sizeof log, "%s/log", compiler->directory);
    snprintf(adapter, sizeof adapter, "%s/adapter.o", compiler->directory);
    first_complaint(log, complaint);
    bool machines = stat(adapter, &made) != 0 || made.st_size == 0 ||
                    strstr(complaint, "No space left") || strstr(complaint, "Disk quota") ||
                    strstr(complaint, "Killed");
    probe_explain(compiler->report, "cc: %s", *complaint ? complaint : what);
    return machines ? PROBE_FAILED : PROBE_NOT_COMPILED;
}

static enum probe_result compile_source(const struct compiler *compiler,
                                        const struct subject *subject)
{
    static const char *const strict[] = {"cc", AS_A_KERNEL, "-c", "adapter.c", "policy.c", NULL};
    static const char *const counted[] = {"cc",        AS_A_KERNEL, "-fsanitize-coverage=trace-pc",
                                          "-c",        "policy.c",  "-o",
                                          "counted.o", NULL};
    static const char *const link[] = {"cc",
                                       "-static",
                                       "-no-pie",
                                       "-nostdlib",
                                       "-Wl,-e,khub_start",
                                       "counted.o",
                                       "adapter.o",
                                       "-Wl,-z,noexecstack",
                                       "-Wl,-z,separate-code",
                                       "-Wl,--build-id=none",
                                       "-o",
                                       "policy",
                                       NULL};
    char object[PROBE_PATH_MAX];
    int failed = run_compiler(compiler, strict);
    if (failed)
        return failed < 0 ? PROBE_FAILED : explain_failure(compiler, "it did not compile");
    snprintf(object, sizeof object, "%s/policy.o", compiler->directory);
    enum probe_result result = object_check(object, subject, false, compiler->report);
    if (result != PROBE_RAN)
        return result;
    failed = run_compiler(compiler, counted);
    if (failed)
        return failed < 0 ? PROBE_FAILED : explain_failure(compiler, "it did not compile");
    snprintf(object, sizeof object, "%s/counted.o", compiler->directory);
    result = object_check(object, subject, true, compiler->report);
    if (result != PROBE_RAN)
        return result;
    failed = run_compiler(compiler, link);
    if (failed)
        return failed < 0 ? PROBE_FAILED : explain_failure(compiler, "it did not link");
    return PROBE_RAN;
}

enum probe_result compile_module(const char *directory, const struct subject *subject,
                                 const char *source, const atomic_bool *stop,
                                 struct probe_report *report)
{
    struct compiler compiler = {.directory = directory, .stop = stop, .report = report};
    if (!compiler_find(compiler.path)) {
        probe_explain(report, "%s", probe_result_meaning(PROBE_NO_COMPILER));
        return PROBE_NO_COMPILER;
    }
    if (sandbox_for_compiler(directory, compiler.path, &compiler.sandbox, report) < 0)
        return PROBE_FAILED;
    enum probe_result result = write_sources(&compiler, subject, source) < 0
                                   ? PROBE_FAILED
                                   : compile_source(&compiler, subject);
    sandbox_clear(&compiler.sandbox);
    return result;
}
