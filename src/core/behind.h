/* The order of what somebody with acks says, past a message that could not be kept: what it said
 * behind that one on the same connection, before it could know, is not taken either. It may say all
 * of it again, and finds it in the order in which it says it.
 *
 *   says:   A   B   C   A again   B again   C again
 *           │   │   │      │         │         └─ taken
 *           │   └─┬─┘      │         └─ taken
 *           │     │        └─ it knows: this is judged, and what comes behind it
 *           │     └─ refused, whether or not there is room again: they stand behind A
 *           └─ there is no room: refused
 *
 * That it knows also a heartbeat says which names A (who gives it up says that), and a new
 * connection has nothing behind it. Nothing of this is in a log. */
#ifndef KHUB_CORE_BEHIND_H
#define KHUB_CORE_BEHIND_H

#include <stdbool.h>

#include "wire/message.h"
#include "wire/text.h"

struct peer;

/* A message of the peer's could not be kept. lost: it had been taken, and so stands before all that
 * was refused at once. */
void behind_note(struct peer *peer, const struct message *message, bool lost);
/* Does it stand behind one, of which its sender does not know? -WIRE_STORAGE_UNAVAILABLE then. */
int behind_check(struct peer *peer, const struct message *message, struct refusal *ret_refusal);
/* Adds the member of that error's payload which names that one, null when it is the message itself;
 * nothing when it is in no order. */
void behind_write(const struct peer *peer, const struct message *message, struct text *text);
/* A heartbeat of the peer's, which may say that it knows. */
void behind_heard(struct peer *peer, const struct message *heartbeat);

#endif
