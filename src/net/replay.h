/* What an AI missed, before what comes now.
 *
 *     READING ──near the end, nothing queued──▶ HOLDING ──last page──▶ over
 *      ▲ │ ▲                                       │
 *      └─┘ └────────── too much came meanwhile ────┘
 *     page
 *
 * READING: pages are read from the store, one at a time, as fast as the peer takes them; what comes
 * now is in the store as well, so it is passed over. HOLDING: it is put aside, while the last page,
 * up to where that began, is read; then it follows. So nothing is missed and nothing comes twice,
 * and an AI that catches up on a million messages costs the others nothing but reading. */
#ifndef KHUB_NET_REPLAY_H
#define KHUB_NET_REPLAY_H

#include "core/hub.h"
#include "net/queue.h"
#include "store/store.h"

struct connection;
struct replay;
struct server;

/* Begins; the connection must be open and have none. */
void replay_begin(struct connection *connection, const struct hub_resume *resume);
/* Frees it; what was put aside is forgotten. NULL is fine. */
void replay_free(struct replay *replay, struct streams *streams);
/* An effect for its connection, which goes through the store: passed over, or put aside. */
void replay_effect(struct connection *connection, struct span span);
/* The peer took something: is it time for the next page? */
void replay_flushed(struct connection *connection);
/* A page came. For whoever wished for it and is gone, nothing. */
void replay_page(struct server *server, const struct store_page *page);

#endif
