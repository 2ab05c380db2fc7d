/* Another thread wakes the loop.
 *
 * uv_async does that too. But a loop that is woken by it before the waker's system call has
 * returned, as mostly happens on a busy machine, spins until it has; a commit is often shorter. */
#ifndef KHUB_NET_WAKER_H
#define KHUB_NET_WAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct waker {
    uv_poll_t poll; /* its data is whoever's the waker is */
    int file;
    _Atomic bool woken; /* it is to be called, and was not yet */
    void (*call)(struct waker *waker);
};

/* For a loop that calls `call` once it is woken, by its own thread. 0, or -1 with errno and nothing
 * is left of it. */
int waker_begin(struct waker *waker, uv_loop_t *loop, void (*call)(struct waker *waker));
/* By any thread: `call` is called soon, after all that this thread did before. Several at once may
 * be answered by one call. */
void waker_wake(struct waker *waker);
/* Nobody wakes it any more, and it is called no more; its memory stays until the loop has closed
 * it. */
void waker_end(struct waker *waker);

#endif
