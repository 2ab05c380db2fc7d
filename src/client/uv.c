/* The libuv adapter, on khub.h alone.
 *
 * A prepare handle runs before each wait and brings the loop's view of the link (its fd, its
 * time-out) up to date, so that nothing else has to think of it. */
#include "khub_uv.h"

#include <assert.h>
#include <stdlib.h>

#define NO_WATCH_MS 200 /* between turns while there is no memory for a watch of the socket */

struct khub_uv {
    struct khub *link; /* NULL: stopped */
    uv_loop_t *loop;
    uv_prepare_t prepare;
    uv_timer_t timer;
    uv_poll_t *
        poll; /* of poll_fd; NULL: none. Its own memory: it may close while the next one is there */
    int poll_fd;
    unsigned open; /* handles that are not closed yet, but for polls */
};

static void poll_freed(uv_handle_t *handle)
{
    free(handle);
}

static void poll_drop(struct khub_uv *adapter)
{
    if (!adapter->poll)
        return;
    uv_poll_stop(adapter->poll);
    uv_close((uv_handle_t *)adapter->poll, poll_freed);
    adapter->poll = NULL;
}

static void turn(struct khub_uv *adapter)
{
    struct khub *link = adapter->link;
    if (!link) /* stopped in an earlier callback of this round */
        return;
    enum khub_state before = khub_link_state(link);
    khub_turn(link);
    /* Until it is joined a link may go through several sockets of one number: only a new watch
     * is sure to be of the last. */
    if (before != KHUB_JOINED || khub_link_state(link) != KHUB_JOINED)
        poll_drop(adapter);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events; /* khub_turn finds out by itself */
    turn(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
    turn(timer->data);
}

static void poll_make(struct khub_uv *adapter, int fd)
{
    uv_poll_t *poll = malloc(sizeof *poll);
    if (!poll)
        return; /* tried again before the next wait */
    if (uv_poll_init(adapter->loop, poll, fd) < 0) {
        free(poll);
        return;
    }
    poll->data = adapter;
    adapter->poll = poll;
    adapter->poll_fd = fd;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct khub_uv *adapter = prepare->data;
    struct khub *link = adapter->link;
    assert(link); /* stopping stops this too */
    int fd = khub_fd(link), ms = khub_timeout_ms(link);
    if (adapter->poll && fd != adapter->poll_fd)
        poll_drop(adapter);
    if (khub_link_state(link) == KHUB_ENDED) {
        uv_timer_stop(&adapter->timer);
        uv_prepare_stop(&adapter->prepare); /* which lets the loop end */
        return;
    }
    if (fd >= 0 && !adapter->poll)
        poll_make(adapter, fd);
    if (adapter->poll)
        uv_poll_start(adapter->poll, UV_READABLE | (khub_wants_write(link) ? UV_WRITABLE : 0),
                      on_poll);
    else if (fd >= 0 && (ms < 0 || ms > NO_WATCH_MS))
        ms = NO_WATCH_MS;
    if (ms >= 0)
        uv_timer_start(&adapter->timer, on_timer, (uint64_t)ms, 0);
    else
        uv_timer_stop(&adapter->timer);
}

int khub_uv_start(uv_loop_t *loop, struct khub *link, struct khub_uv **ret_adapter)
{
    struct khub_uv *adapter = calloc(1, sizeof *adapter);
    if (!adapter)
        return KHUB_E_NO_MEMORY;
    adapter->link = link;
    adapter->loop = loop;
    adapter->poll_fd = -1;
    adapter->open = 2;
    uv_prepare_init(loop, &adapter->prepare);
    uv_timer_init(loop, &adapter->timer);
    adapter->prepare.data = adapter->timer.data = adapter;
    uv_prepare_start(&adapter->prepare, on_prepare);
    *ret_adapter = adapter;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct khub_uv *adapter = handle->data;
    if (--adapter->open == 0)
        free(adapter);
}

void khub_uv_stop(struct khub_uv *adapter)
{
    if (!adapter)
        return;
    assert(adapter->link); /* once */
    adapter->link = NULL;
    poll_drop(adapter);
    uv_close((uv_handle_t *)&adapter->prepare, on_closed);
    uv_close((uv_handle_t *)&adapter->timer, on_closed);
}
