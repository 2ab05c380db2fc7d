/* Which of a room's entries are messages: somebody said something, and others were told. And which
 * of these an admin took back.
 *
 * Two bits for each of the last entries, SAID_BLOCKS_MAX blocks of SAID_BLOCK: a room has bounded
 * space for them, and of what was said before that nobody knows here whether it is a message. */
#ifndef KHUB_CORE_SAID_H
#define KHUB_CORE_SAID_H

#include "core/bounds.h"
#include "core/changes.h"
#include "wire/json.h"
#include "wire/text.h"

struct room;

enum said {
    SAID_NOTHING, /* no message: a leave, a hello, an order, what was refused */
    SAID_MESSAGE,
    SAID_RETRACTED,
    SAID_LONG_AGO /* it is not known here */
};

struct said_block {
    struct slice key; /* its number in digits: */
    char digits[U64_SIZE];
    uint64_t number; /* it is of SAID_BLOCK seqs, from number × SAID_BLOCK on */
    uint8_t messages[SAID_BLOCK / 8], retracted[SAID_BLOCK / 8];
    struct change change;
};

struct said_list {
    struct said_block *blocks[SAID_BLOCKS_MAX]; /* by number % SAID_BLOCKS_MAX; NULL: none */
    uint64_t newest;                            /* the highest number of one */
    uint64_t from; /* of earlier seqs nothing is known: a hub of before kept no such list */
};

/* What that entry of the room is. It need not be there. */
enum said said_find(const struct room *room, uint64_t seq);
/* The entry is a message, or one that was taken back. */
void said_note(struct room *room, uint64_t seq, enum said said);
void said_release(struct room *room);

/* ── for save.c, load.c, recount.c and dump.c ── */

void said_each(const struct room *room, void (*each)(const void *block, void *ctx), void *ctx);
/* {"messages":"…"} and "retracted", if any is: hex digits, the first seq in the lowest bit of the
 * first byte; bytes at the end that are 0 are left out. Members alone, no braces. */
void said_write(const struct said_block *block, struct text *text);
/* False, and nothing changed, when the key is no number of a block, or there already, or the digits
 * are none. */
bool said_restore(struct room *room, struct slice key, struct json_value messages,
                  struct json_value retracted);
/* Are all where they are looked for, and of entries that there are? */
bool said_whole(const struct room *room);

#endif
