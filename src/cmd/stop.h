/* SIGINT and SIGTERM as a question that loops ask. */
#ifndef KHUB_CMD_STOP_H
#define KHUB_CMD_STOP_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* From now on the two end nothing by themselves, but whatever waits in the kernel: a write to a
 * terminal that is stopped fails with EINTR, and so does stop_poll. */
void stop_catch(void);
/* For who computes and waits for nothing: the first of them asks, the next ends the program as
 * ever. */
void stop_hear(void);
bool stop_asked(void);
/* The same for who is given something to look at. */
const atomic_bool *stop_flag(void);
/* ppoll that no signal can slip past, not even where there is always something ready: stop_asked()
 * behind it knows of all that came before it returned. timeout NULL: none. */
int stop_poll(struct pollfd *polls, nfds_t count, const struct timespec *timeout);

#endif
