/* A hub on what is damaged: it does not begin, and says what is; or begins on what is whole. */
#ifndef KHUB_NET_DAMAGE_H
#define KHUB_NET_DAMAGE_H

#include "store/store.h"

struct server;

/* Names on stderr what of the server's directory is damaged, and what can be done. `store`: the
 * one that is open there, or NULL when it can't be opened. */
void damage_tell(const struct server *server, struct store *store);
/* With options.salvage, before the store is opened: when something is damaged, puts what is whole
 * in its place, and says what was lost and where the damaged file is. 0, or a store_code with a
 * sentence. */
int damage_mend(struct server *server, char ret_why[STORE_WHY_SIZE]);

#endif
