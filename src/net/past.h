/* What an observer asks of the past (log_query): one question at a time of a connection, read by
 * the store's thread. */
#ifndef KHUB_NET_PAST_H
#define KHUB_NET_PAST_H

#include "core/hub.h"
#include "store/store.h"

struct server;

/* hub_edge.read_log. ctx: the server. */
bool past_ask(void *ctx, const struct hub_log_query *query);
/* A page came. For whoever asked and is gone, nothing. */
void past_page(struct server *server, const struct store_page *page);

#endif
