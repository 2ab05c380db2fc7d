/* Processes of this same program, started, watched and ended by their parent. Each is a process
 * group of its own: Ctrl-C reaches the parent alone, which ends them in order; should it die
 * without a word, the kernel kills them at once. */
#ifndef KHUB_CMD_CHILDREN_H
#define KHUB_CMD_CHILDREN_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define CHILD_PATH_MAX 512u

struct child {
    const char *name;
    char log[CHILD_PATH_MAX]; /* its stdout and stderr */
    pid_t pid;                /* 0: not running */
    bool started;
    int status; /* of waitpid, once it has ended */
};

/* Runs this program with `arguments` (NULL-terminated, the subcommand first), its output to
 * directory/name.log. 0, or -1 with errno. */
int child_start(struct child *child, const char *name, const char *directory,
                const char *const *arguments);
/* Looks whether it has ended; true when it is not running (any more). */
bool child_ended(struct child *child);
/* Whether it ended by itself with exit code 0. */
bool child_worked(const struct child *child);
/* SIGTERM, without waiting. */
void child_ask(struct child *child);
/* SIGTERM, and SIGKILL after grace_ms. Returns when it is gone. */
void child_stop(struct child *child, int grace_ms);
/* SIGKILL. Returns when it is gone. */
void child_kill(struct child *child);
/* "exit code 1", "killed by signal 9": how it ended; static storage, good until the next call. */
const char *child_ending(const struct child *child);
/* The last lines of its output, each indented. */
void child_print_tail(const struct child *child, FILE *out);

#endif
