/* See stop.h. The signals are held back only while stop_poll waits, so that none falls between the
 * question and the wait. */
#include "cmd/stop.h"

#include <errno.h>
#include <signal.h>

static atomic_bool asked; /* lock-free, so a signal handler may */

static void note_signal(int number)
{
    (void)number;
    atomic_store(&asked, true);
}

static void note_first_signal(int number)
{
    if (atomic_load(&asked)) {
        signal(number, SIG_DFL);
        raise(number);
    }
    atomic_store(&asked, true);
}

static void handle(void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void stop_catch(void)
{
    handle(note_signal, 0);
}

void stop_hear(void)
{
    handle(note_first_signal, SA_RESTART);
}

bool stop_asked(void)
{
    return atomic_load(&asked);
}

const atomic_bool *stop_flag(void)
{
    return &asked;
}

int stop_poll(struct pollfd *polls, nfds_t count, const struct timespec *timeout)
{
    sigset_t both, before;
    int ready = -1;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, &before);
    errno = EINTR;
    if (!atomic_load(&asked))
        ready = ppoll(polls, count, timeout, &before);
    int error = errno;
    /* The kernel delivers nothing in a ppoll that finds something ready; what came meanwhile
     * comes now. */
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return ready;
}
