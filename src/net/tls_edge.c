/* What the ios of a loop share that encrypt: whose turn it is, how long a handshake may take, and
 * the memory of the call under way. What makes it hard is that handshakes must not keep those who
 * have joined waiting, nor those who write much keep handshakes. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/memory.h"
#include "net/bounds.h"
#include "net/io_tls_inside.h"
#include "tls/tls.h"

/* ── who is due ── */

static struct tls_list *list_of(const struct tls *tls)
{
    return tls->state == TLS_SHAKING ? &tls->edge->steps : &tls->edge->ready;
}

static size_t list_count(const struct tls_list *list)
{
    const struct tls *each;
    size_t count = 0;
    TAILQ_FOREACH (each, list, due_link)
        count++;
    return count;
}

/* Whoever is due again meanwhile is so in the next turn. */
static void on_idle(uv_idle_t *idle)
{
    struct tls_edge *edge = idle->data;
    struct tls *tls;
    size_t steps = TLS_STEPS_PER_TURN + edge->writes / TLS_WRITES_PER_STEP;
    edge->writes = 0;
    for (; steps && (tls = TAILQ_FIRST(&edge->steps)); steps--) {
        tls_due_remove(tls);
        tls_step(tls);
        if (!tls->plain.io.closed)
            tls_watch(tls);
    }
    for (size_t left = list_count(&edge->ready); left && (tls = TAILQ_FIRST(&edge->ready));
         left--) {
        struct io *io = &tls->plain.io;
        tls_due_remove(tls);
        if (io->wanted & IO_WANT_READ)
            io->callback(io, IO_READABLE, io->context);
    }
    if (TAILQ_EMPTY(&edge->steps) && TAILQ_EMPTY(&edge->ready))
        uv_idle_stop(idle);
}

void tls_due_add(struct tls *tls)
{
    struct tls_edge *edge = tls->edge;
    if (tls->due)
        return;
    tls->due = true;
    TAILQ_INSERT_TAIL(list_of(tls), tls, due_link);
    if (uv_is_active((uv_handle_t *)&edge->idle))
        return;
    edge->writes = 0;
    uv_idle_start(&edge->idle, on_idle);
}

void tls_due_remove(struct tls *tls)
{
    if (!tls->due)
        return;
    tls->due = false;
    TAILQ_REMOVE(list_of(tls), tls, due_link);
}

/* ── handshakes, and their time ── */

static void on_timer(uv_timer_t *timer)
{
    struct tls_edge *edge = timer->data;
    struct tls *tls;
    uint64_t now = uv_now(edge->loop);
    while ((tls = TAILQ_FIRST(&edge->shaking)) && now >= tls->late_at)
        tls_fail(tls, -EPROTO, "its handshake took too long");
    if (tls)
        uv_timer_start(timer, on_timer, tls->late_at - now, 0);
}

void tls_shaking_add(struct tls *tls)
{
    struct tls_edge *edge = tls->edge;
    tls->late_at = uv_now(edge->loop) + edge->shake_ms;
    TAILQ_INSERT_TAIL(&edge->shaking, tls, shaking_link);
    if (edge->shaking_count++ == 0)
        uv_timer_start(&edge->timer, on_timer, edge->shake_ms, 0);
}

void tls_shaking_remove(struct tls *tls)
{
    struct tls_edge *edge = tls->edge;
    TAILQ_REMOVE(&edge->shaking, tls, shaking_link);
    if (--edge->shaking_count == 0)
        uv_timer_stop(&edge->timer);
}

size_t tls_edge_shaking(const struct tls_edge *edge)
{
    return edge->shaking_count;
}

/* ── beginning and end ── */

struct tls_edge *tls_edge_new(uv_loop_t *loop, uint64_t shake_ms)
{
    struct tls_edge *edge = memory_new(sizeof *edge);
    *edge = (struct tls_edge){.loop = loop, .shake_ms = shake_ms, .method = tls_socket_method()};
    edge->record = memory_new(RECORD_BYTES);
    TAILQ_INIT(&edge->steps);
    TAILQ_INIT(&edge->ready);
    TAILQ_INIT(&edge->shaking);
    uv_idle_init(loop, &edge->idle);
    uv_timer_init(loop, &edge->timer);
    edge->idle.data = edge->timer.data = edge;
    return edge;
}

void tls_edge_use(struct tls_edge *edge, SSL_CTX *context)
{
    tls_context_free(edge->context);
    edge->context = context;
}

void tls_edge_stop(struct tls_edge *edge)
{
    if (!edge || uv_is_closing((uv_handle_t *)&edge->idle))
        return;
    assert(edge->shaking_count == 0 && TAILQ_EMPTY(&edge->steps) && TAILQ_EMPTY(&edge->ready));
    uv_close((uv_handle_t *)&edge->idle, NULL);
    uv_close((uv_handle_t *)&edge->timer, NULL);
}

void tls_edge_free(struct tls_edge *edge)
{
    if (!edge)
        return;
    tls_context_free(edge->context);
    BIO_meth_free(edge->method);
    text_free(&edge->out);
    free(edge->record);
    free(edge);
}
