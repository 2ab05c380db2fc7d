/* Messages that were kept for those who were away, one by one. */
#ifndef KHUB_STORE_READER_H
#define KHUB_STORE_READER_H

#include "store/inside.h"

/* Where one reads; one at a time for a database. */
struct kept_cursor {
    struct database *database;
    const struct store_log *log;
    uint64_t after; /* begins behind this seq, at `number` */
    uint32_t number;
    struct pack messages, entries; /* that are being read */
    uint32_t at;
    struct message_kept message; /* the last that kept_next found; its line is whole */
    uint64_t damaged;            /* seq of the last message that was not, 0: none was */
    bool failed;                 /* it ended because the database can't be read */
};

/* Begins behind the message with this seq and number (UINT32_MAX: behind all of the seq). The log
 * needs its id and room only. */
void kept_begin(struct kept_cursor *cursor, struct database *database, const struct store_log *log,
                uint64_t after, uint32_t number);
/* The next that is whole, in order, good until the next call; false at the end. */
bool kept_next(struct kept_cursor *cursor);
void kept_end(struct kept_cursor *cursor);
/* Was it for who wishes, or is it shown to it? A log shows what one said oneself too, and no answer
 * of the hub's to one alone. */
bool kept_is_for(const struct message_kept *message, const struct store_wish *wish);

#endif
