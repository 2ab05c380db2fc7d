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

/* What could not be stored before the end, counted. */
#define LOSERS_MAX 8u /* whose messages are counted by name */
struct losses {
    struct loser {
        struct slice sender; /* owned */
        uint64_t messages;
    } losers[LOSERS_MAX];
    size_t loser_count;
    uint64_t messages, applied, notes; /* all; of these, in force before; the hub's own */
    char why[STORE_WHY_SIZE];
};
/* store_options.unwritten; its ctx is the server. */
void losses_note(void *ctx, const struct store_unwritten *unwritten);
/* Says them on stderr; then there are none. False: there were none to say. */
bool losses_tell(struct losses *losses);

#endif
