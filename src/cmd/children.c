/* See children.h. */
#include "cmd/children.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/terminal.h"
#include "process/lifeline.h"

#define ARGUMENTS_MAX 32u
#define TAIL_BYTES    8192
#define TAIL_LINES    12u
#define STOP_LOOK_MS  10
#define EXEC_FAILED   127 /* as the shell has it */

static void become(const struct child *child, const char *const *arguments, pid_t parent)
{
    char *argv[ARGUMENTS_MAX + 2] = {(char[]){"khub"}};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    lifeline_tie(parent, SIGKILL); /* nobody is left who would wait for a graceful end */
    int log = open(child->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || null < 0)
        _exit(EXEC_FAILED);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    for (size_t i = 0; arguments[i]; i++)
        memcpy(&argv[i + 1], &arguments[i], sizeof(argv[0])); /* execv's type lacks a const */
    execv("/proc/self/exe", argv);
    dprintf(STDERR_FILENO, "could not run /proc/self/exe: %s\n", strerror(errno));
    _exit(EXEC_FAILED);
}

int child_start(struct child *child, const char *name, const char *directory,
                const char *const *arguments)
{
    pid_t parent = getpid();
    size_t count = 0;
    while (arguments[count])
        count++;
    assert(count <= ARGUMENTS_MAX);
    *child = (struct child){.name = name};
    int len = snprintf(child->log, sizeof(child->log), "%s/%s.log", directory, name);
    if (len < 0 || (size_t)len >= sizeof(child->log)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (pid == 0)
        become(child, arguments, parent);
    child->pid = pid;
    child->started = true;
    return 0;
}

bool child_ended(struct child *child)
{
    if (child->pid > 0 && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
        child->pid = 0;
    return child->pid == 0;
}

bool child_worked(const struct child *child)
{
    return child->started && child->pid == 0 && WIFEXITED(child->status) &&
           WEXITSTATUS(child->status) == 0;
}

void child_ask(struct child *child)
{
    if (child_ended(child))
        return;
    assert(child->pid > 0); /* 0 would be this process's own group, -1 everybody */
    kill(child->pid, SIGTERM);
}

void child_stop(struct child *child, int grace_ms)
{
    child_ask(child);
    int64_t until = time_monotonic_ms() + grace_ms;
    while (!child_ended(child) && time_monotonic_ms() < until)
        nanosleep(&(struct timespec){.tv_nsec = STOP_LOOK_MS * 1000000L}, NULL);
    child_kill(child);
}

void child_kill(struct child *child)
{
    if (child->pid == 0)
        return;
    assert(child->pid > 0);
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
        ;
    child->pid = 0;
}

const char *child_ending(const struct child *child)
{
    static char text[64];
    if (WIFSIGNALED(child->status))
        snprintf(text, sizeof(text), "signal %d (%s)", WTERMSIG(child->status),
                 strsignal(WTERMSIG(child->status)));
    else
        snprintf(text, sizeof(text), "exit code %d", WEXITSTATUS(child->status));
    return text;
}

void child_print_tail(const struct child *child, FILE *out)
{
    char bytes[TAIL_BYTES];
    FILE *log = fopen(child->log, "re");
    if (!log)
        return;
    if (fseek(log, -TAIL_BYTES, SEEK_END) < 0)
        rewind(log);
    size_t len = fread(bytes, 1, sizeof(bytes), log);
    fclose(log);
    while (len > 0 && bytes[len - 1] == '\n')
        len--;
    size_t start = len;
    for (unsigned lines = 0; start > 0; start--) {
        if (bytes[start - 1] == '\n' && ++lines == TAIL_LINES)
            break;
    }
    struct terminal terminal = terminal_of(fileno(out), "never");
    struct line line;
    terminal.width = 0;
    line_begin(&line, &terminal);
    while (start < len) {
        size_t end = start;
        while (end < len && bytes[end] != '\n')
            end++;
        line_clear(&line);
        line_addf(&line, "  %s | ", child->name);
        line_add(&line, (struct slice){bytes + start, end - start});
        line_print(&line, out);
        start = end + 1;
    }
    line_free(&line);
}
