/* Admit: what passed through it, and the secrets that it cuts out. */
#ifndef KHUB_CORE_ADMIT_H
#define KHUB_CORE_ADMIT_H

#include "core/request.h"

struct peer;

/* What admit judged last, for apply to use if nothing comes between. */
struct judged {
    struct request *request; /* NULL: nothing */
    uint64_t last_seq;       /* that its room had then */
    int error;
};

/* The log took the message, and could not keep it: its sender is told, and nothing else comes of
 * it. */
void admit_lost(struct room *room, const struct entry *entry);

/* The line of a hello as others may see it, in *text: without the secrets in it, and with what
 * nobody but the hub says: whose it is, whether it is an admin, and what it sees if it observes.
 * False when that is the line as it stands (secrets.c). */
bool hello_cut(const struct message *message, const struct peer *peer, struct text *text);
/* The connection whose place this hello may take, since it shows the secret that was given to it; 0
 * when there is none. */
peer_id hello_takes_over(const struct hub *hub, peer_id from, const struct message *message);

#endif
