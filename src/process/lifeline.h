/* Child processes that do not outlive their parent, however it ends: kill -9 included. */
#ifndef KHUB_PROCESS_LIFELINE_H
#define KHUB_PROCESS_LIFELINE_H

#include <sys/types.h>

/* For a child right after fork: from now on the kernel sends it `signal` when the thread that
 * forked it ends. parent: the parent's getpid(), taken before the fork. If the parent is gone
 * already, the child ends here, with exit code 127.
 *
 * It is the thread that counts, not the process: a thread that forks must live as long as its
 * child. What the child forks in turn is not tied; lifeline_fork_group ties a whole family. */
void lifeline_tie(pid_t parent, int signal);

/* fork, for a child that has children of its own, such as a compiler driver: the child's whole
 * process group is killed when the calling thread ends.
 *
 * Returns 0 in the child, whose signal mask is empty. In the parent, returns the group's id, which
 * is waited for (waitpid) and killed (kill(-id, …)) like the child's own: its wait status is the
 * child's. -1 with errno when there is no process to be had.
 *
 * A process of ours leads the group and waits for the child. It holds no descriptors. */
pid_t lifeline_fork_group(void);

#endif
