/* See waker.h. */
#include "net/waker.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct waker *waker = (struct waker *)poll; /* its first member */
    uint64_t count;
    (void)status, (void)events;
    (void)!read(waker->file, &count, sizeof count);
    /* whoever wakes from here on writes anew; who did before has done what it wakes for */
    atomic_exchange(&waker->woken, false);
    waker->call(waker);
}

int waker_begin(struct waker *waker, uv_loop_t *loop, void (*call)(struct waker *waker))
{
    *waker = (struct waker){.call = call, .file = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (waker->file < 0)
        return -1;
    int error = uv_poll_init(loop, &waker->poll, waker->file);
    if (error < 0) {
        close(waker->file);
        errno = -error;
        return -1;
    }
    error = uv_poll_start(&waker->poll, UV_READABLE, on_poll);
    assert(error == 0); /* it fails for a file that another handle watches, and this one is new */
    return 0;
}

void waker_wake(struct waker *waker)
{
    static const uint64_t one = 1;
    if (atomic_exchange(&waker->woken, true))
        return;
    ssize_t written = write(waker->file, &one, sizeof one);
    assert(written == (ssize_t)sizeof one); /* a count that is read before it can be full */
    (void)written;
}

static void on_closed(uv_handle_t *handle)
{
    close(((struct waker *)handle)->file);
}

void waker_end(struct waker *waker)
{
    uv_close((uv_handle_t *)&waker->poll, on_closed);
}
