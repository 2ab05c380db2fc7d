/* Parts of files, for those who ask: read by the store's thread, one at a time for a connection, so
 * that who reads slowly has no more than one of them here. */
#ifndef KHUB_NET_PIECES_H
#define KHUB_NET_PIECES_H

#include "core/hub.h"
#include "store/store.h"

struct server;

/* hub_edge.read_chunk and store_options.page, of chunks. */
bool piece_ask(void *ctx, const struct hub_chunk_query *query);
void piece_page(struct server *server, const struct store_page *page);

#endif
