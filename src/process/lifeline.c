/* See lifeline.h.
 *
 * The kernel signals one process when its parent dies, not that process's own children. So a
 * leader stands between: it gets the signal and kills the group that all of them are in.
 *
 * The parent may have several threads, so that between fork and exec only what is safe in a signal
 * handler may be called. */
#include "process/lifeline.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_RUN 127 /* exit code, as the shell has it */

void lifeline_tie(pid_t parent, int signal)
{
    if (prctl(PR_SET_PDEATHSIG, signal) != 0 || getppid() != parent)
        _exit(NOT_RUN);
}

static void kill_group(int number)
{
    (void)number;
    kill(0, SIGKILL);
}

/* Ends as the child did, so that whoever waits for the leader learns it. */
_Noreturn static void end_as(int status)
{
    if (!WIFSIGNALED(status))
        _exit(WEXITSTATUS(status));
    setrlimit(RLIMIT_CORE, &(struct rlimit){0}); /* a core of the leader would tell nothing */
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    _exit(NOT_RUN);
}

_Noreturn static void wait_for(pid_t child)
{
    int status;
    close_range(0, ~0U, 0); /* the parent's sockets and pipes must not stay open on our account */
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            _exit(NOT_RUN);
    end_as(status);
}

/* In the leader: forks the child. Returns in the child alone. */
static void lead(pid_t parent)
{
    struct sigaction action = {.sa_handler = kill_group};
    sigset_t none;
    if (setpgid(0, 0) != 0)
        _exit(NOT_RUN); /* kill_group would kill the parent's */
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    lifeline_tie(parent, SIGTERM);
    pid_t child = fork();
    if (child < 0)
        _exit(NOT_RUN);
    if (child > 0)
        wait_for(child);
    signal(SIGTERM, SIG_DFL);
}

pid_t lifeline_fork_group(void)
{
    pid_t parent = getpid(), leader = fork();
    if (leader == 0)
        lead(parent);
    else if (leader > 0)
        setpgid(leader, leader); /* whoever of the two comes first: a kill must find the group */
    return leader;
}
