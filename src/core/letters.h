/* Letters: direct messages that were not taken. Their target was not connected and has not asked
 * for what it missed, or is of too low a level for their type, or did not reply in time. They lie
 * here until they are taken after all, sent again, or given up.
 *
 *                                resumed from before it          replied to
 *   target absent ─▶ lacking ──────────────────────────▶ (gone) ◀──────────── overdue ◀─┐
 *                       └── sent again, given up ───────▶ (gone) ◀────────────────┘      │ no reply
 *   wants a reply ─▶ awaited (nothing is wrong yet) ─────────────────────────────────────┘ in time
 *
 * A room has bounded space for them, and each of its senders a share of that: the oldest go first,
 * and are counted. */
#ifndef KHUB_CORE_LETTERS_H
#define KHUB_CORE_LETTERS_H

#include "core/changes.h"
#include "core/index.h"
#include "wire/json.h"
#include "wire/text.h"
#include "wire/types.h"

struct room;
struct request;
struct seat;

/* X(NAME, text): why its target has not got it. */
#define LETTER_LACKS(X)                                                                            \
    X(NONE, "none")     /* it has it, or had it on its connection */                               \
    X(ABSENT, "absent") /* was not connected */                                                    \
    X(LEVEL, "level")   /* reads level 1, and the type is of level 2 */

enum letter_lack {
#define X(name, text) LETTER_LACKS_##name,
    LETTER_LACKS(X)
#undef X
        LETTER_LACK_COUNT
};

/* Those of one sender, or for one target. */
TAILQ_HEAD(letter_list, letter);
struct letter_pile {
    struct slice key; /* ai_id */
    struct letter_list letters;
    size_t count, bytes;
};

/* One that lacks nothing, is not overdue and not awaited is none. */
struct letter {
    struct slice key; /* its seq in digits: */
    char digits[U64_SIZE];
    uint64_t seq;
    struct slice line; /* owned: as it was said; behind it lies */
    struct slice message_id;
    struct slice sender, target; /* the piles' keys */
    enum message_type type;
    int64_t said_ms; /* unix time */
    int64_t wait_ms; /* for a reply; 0: none is wanted */
    enum letter_lack lack;
    bool awaited; /* its time for a reply is not up yet */
    bool overdue; /* it is, and there was none */
    struct letter_pile *said, *addressed;
    struct change change;
    TAILQ_ENTRY(letter) next; /* in the room's, the oldest first; the others alike */
    TAILQ_ENTRY(letter) said_next, addressed_next;
};

struct letters {
    struct letter_list list;
    size_t count, bytes;
    uint64_t forgotten;           /* that made way for later ones */
    struct index said, addressed; /* piles */
};

void letters_init(struct letters *letters);
void letters_free(struct room *room);

/* The request's message was accepted for a target that can't have it. */
void letter_lay(struct request *request, enum letter_lack lack);
/* The request's message was accepted and wants a reply within wait_ms. */
void letter_await(struct request *request, int64_t wait_ms);
/* Does the letter of that seq wait for a target that is away and stays? It is not dead then: if the
 * target goes for good it becomes so, and nothing has to happen to it for that. */
bool letter_is_stored(const struct room *room, uint64_t seq);
/* How many are dead. */
size_t letters_dead(const struct room *room);
/* What the letter of that seq lacks; NONE when there is none. */
enum letter_lack letter_lack(const struct room *room, uint64_t seq);
/* Its time for a reply is up. */
void letter_overdue(struct room *room, uint64_t seq);
/* An admin took the message back: it lies here no more, and no reply to it is awaited. */
void letter_retract(struct room *room, uint64_t seq);
/* The member has said something that names a message_id as what it replies to. */
void letters_answered(struct room *room, struct slice member, struct json_value message_id);
/* The member gets all that it missed after a seq, of types up to its level. */
void letters_resumed(struct room *room, struct slice member, int level, uint64_t since);

/* Answers a dead_query in its own connection. 0, or -code when it is refused. */
int letters_answer(struct request *request, const struct seat *to);

/* ── for save.c, load.c and dump.c ── */

const char *letter_lack_text(enum letter_lack lack);
/* A letter of that seq and line at its place, to be filled with the rest; NULL when the key is no
 * seq or is there already, or the line is no direct message. */
struct letter *letter_restore(struct room *room, struct slice key, struct slice line);

#endif
