/* See stop.h. For those who wait, the signals are blocked but while waiting, so none can fall between
 * the question and the wait. */
#include "cmd/stop.h"

static atomic_bool asked; /* lock-free, so a signal handler may */
static sigset_t mask;

static void note_signal(int number)
{
    (void)number;
    atomic_store(&asked, true);
}

void stop_catch(void)
{
    struct sigaction action = {.sa_handler = note_signal};
    sigset_t both;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, &mask);
    sigdelset(&mask, SIGINT);
    sigdelset(&mask, SIGTERM);
}

static void note_first_signal(int number)
{
    if (atomic_load(&asked)) {
        signal(number, SIG_DFL);
        raise(number);
    }
    atomic_store(&asked, true);
}

void stop_hear(void)
{
    struct sigaction action = {.sa_handler = note_first_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool stop_asked(void)
{
    return atomic_load(&asked);
}

const atomic_bool *stop_flag(void)
{
    return &asked;
}

const sigset_t *stop_mask(void)
{
    return &mask;
}
