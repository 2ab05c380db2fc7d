/* See search.h. The loop must neither wait for the index nor write all texts at once: so many bytes
 * are put in one step, and no more while the index is behind. A search goes to it when nothing is
 * left to be put: so it finds all that was acked before. */
#include "net/search.h"

#include <stdlib.h>

#include "core/memory.h"
#include "net/state.h"

#define STEP_BYTES  (128u << 10)
#define STEP_MS     1u
#define IDLE_MS     100u
#define BACKLOG_MAX (8u << 20)

struct waiting_wish {
    struct search_wish wish;
    struct slice bytes; /* owned: what the wish's slices are parts of */
    struct waiting_wish *next;
};

/* ── wishes ── */

static struct waiting_wish *waiting_new(const struct search_wish *wish)
{
    struct waiting_wish *waiting = memory_new(sizeof *waiting);
    waiting->bytes = search_wish_copy(wish, &waiting->wish);
    return waiting;
}

static void wishes_find(struct searching *searching)
{
    struct waiting_wish *waiting;
    while ((waiting = searching->first)) {
        searching->first = waiting->next;
        search_find(searching->index, &waiting->wish);
        slice_free(&waiting->bytes);
        free(waiting);
    }
    searching->last = &searching->first;
}

/* ── texts ── */

struct putting {
    struct server *server;
    struct slice room;
    size_t bytes; /* that may still be put in this step */
    size_t left;  /* texts that wait */
};

static void put_text(void *ctx, const struct search_text *text)
{
    struct putting *putting = ctx;
    size_t bytes = text->key.len + text->text.len;
    putting->bytes -= bytes < putting->bytes ? bytes : putting->bytes;
    search_put(putting->server->searching.index, putting->room, text);
}

static void put_room(void *ctx, struct slice room)
{
    struct putting *putting = ctx;
    if (!putting->bytes) {
        putting->left++; /* it may have some: see next time */
        return;
    }
    putting->room = room;
    putting->left += hub_take_texts(putting->server->hub, room, putting->bytes, put_text, putting);
}

/* Some texts more. True when none is left. */
static bool put_some(struct server *server)
{
    struct searching *searching = &server->searching;
    struct putting putting = {.server = server, .bytes = STEP_BYTES};
    if (search_backlog(searching->index) > BACKLOG_MAX)
        return false;
    hub_rooms(server->hub, put_room, &putting);
    if (putting.left)
        return false;
    if (searching->settling)
        search_settle(searching->index);
    searching->settling = false;
    return true;
}

static void on_timer(uv_timer_t *timer)
{
    struct server *server = timer->data;
    bool all = put_some(server);
    if ((all && server->searching.begun) || search_failure(server->searching.index))
        wishes_find(&server->searching);
    uv_timer_start(timer, on_timer, all ? IDLE_MS : STEP_MS, 0);
}

void searching_wish(struct server *server, const struct search_wish *wish)
{
    struct searching *searching = &server->searching;
    struct waiting_wish *waiting = waiting_new(wish);
    *searching->last = waiting;
    searching->last = &waiting->next;
    uv_timer_start(&searching->timer, on_timer, 0, 0);
}

/* ── what comes back ── */

static void say_state(struct server *server)
{
    struct searching *searching = &server->searching;
    struct journal *journal = &server->journal;
    const char *why = search_failure(searching->index);
    if ((why != NULL) == searching->failing)
        return;
    searching->failing = why != NULL;
    journal_begin(journal, 0, "searching");
    journal_text(journal, "state", slice_of(why ? "failing" : "well"));
    if (why)
        journal_text(journal, "error", slice_of(why));
    journal_end(journal);
}

static void on_woken(struct waker *waker)
{
    struct server *server = waker->poll.data;
    search_take(server->searching.index);
    say_state(server);
}

static void on_again(void *ctx)
{
    struct server *server = ctx;
    hub_keep_texts(server->hub);
    server->searching.begun = server->searching.settling = true;
    uv_timer_start(&server->searching.timer, on_timer, 0, 0);
}

static void on_found(void *ctx, const struct search_wish *wish, const struct search_found *found)
{
    struct server *server = ctx;
    hub_found(server->hub, wish, found, time_now_ms());
}

static void wake(void *ctx)
{
    struct server *server = ctx;
    waker_wake(&server->searching.woken);
}

/* ── beginning and end ── */

int searching_begin(struct server *server)
{
    struct searching *searching = &server->searching;
    struct search_options options = {.directory = server->options.data,
                                     .wake = wake,
                                     .again = on_again,
                                     .found = on_found,
                                     .ctx = server};
    if (!server->disk.store)
        return 0;
    searching->last = &searching->first;
    if (waker_begin(&searching->woken, &server->loop, on_woken) < 0)
        return -1;
    uv_timer_init(&server->loop, &searching->timer);
    searching->woken.poll.data = searching->timer.data = server;
    if (search_open(&options, &searching->index) == 0)
        return 0;
    uv_close((uv_handle_t *)&searching->timer, NULL);
    waker_end(&searching->woken);
    return -1;
}

void searching_stop(struct server *server)
{
    struct searching *searching = &server->searching;
    if (!searching->index || uv_is_closing((uv_handle_t *)&searching->timer))
        return;
    search_silence(searching->index);
    uv_close((uv_handle_t *)&searching->timer, NULL);
    waker_end(&searching->woken);
}

void searching_close(struct server *server)
{
    struct waiting_wish *waiting;
    while ((waiting = server->searching.first)) {
        server->searching.first = waiting->next;
        slice_free(&waiting->bytes);
        free(waiting);
    }
    search_close(server->searching.index);
}
