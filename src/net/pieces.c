/* See pieces.h. */
#include "net/pieces.h"

#include <assert.h>

#include "core/memory.h"
#include "net/state.h"

bool piece_ask(void *ctx, const struct hub_chunk_query *query)
{
    struct server *server = ctx;
    struct connection *connection = server_find(server, query->peer);
    if (!connection || connection->piece.len ||
        !store_read_chunk(server->disk.store, connection->id, query->room, query->seq))
        return false;
    const struct slice parts[] = {query->in_reply_to, query->head};
    connection->piece = slice_join(parts, 2);
    connection->piece_head = query->in_reply_to.len;
    return true;
}

void piece_page(struct server *server, const struct store_page *page)
{
    struct connection *connection = server_find(server, page->reader);
    if (!connection || connection->state != CONNECTION_OPEN)
        return;
    struct slice piece = connection->piece;
    size_t head = connection->piece_head;
    assert(piece.len);
    connection->piece = (struct slice){NULL, 0};
    hub_chunk(server->hub, connection->id, (struct slice){piece.at, head},
              (struct slice){piece.at + head, piece.len - head},
              page->failed ? (struct slice){NULL, 0} : page->lines, time_now_ms());
    slice_free(&piece);
}
