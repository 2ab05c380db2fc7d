/* What was said by those who asked for acks, so that they can ask what became of it: the last
 * messages of each, for whom each was, and who acted on it: named it in payload.in_reply_to.
 *
 * That is all that is kept. Whether a receiver has a message, and has read it, follows from what it
 * was given and said of its cursor (reach.h): to deliver a message writes nothing down. A room has
 * bounded space for them; the oldest go first. */
#ifndef KHUB_CORE_SENT_H
#define KHUB_CORE_SENT_H

#include "core/bounds.h"
#include "core/changes.h"
#include "wire/json.h"
#include "wire/text.h"
#include "wire/types.h"

struct room;
struct request;
struct member;
struct seat;

#define SENT_KEY_SIZE 21u /* 20 digits: in the order of their keys rows are in that of their seqs */

/* A receiver's first message that names it. */
struct act {
    struct slice ai_id; /* owned */
    uint64_t seq;
    int64_t at_ms; /* unix time */
};

struct sent {
    struct slice key; /* of its row: the seq in */
    char digits[SENT_KEY_SIZE];
    uint64_t seq;
    uint64_t place; /* at which it was delivered last: as a letter it may have been sent again */
    enum message_type type;
    int64_t said_ms; /* unix time */
    struct member *sender;
    struct slice names[PARTICIPANTS_MAX]; /* owned: those it was for */
    size_t name_count;                    /* 0: all in the room */
    struct act *acts;                     /* in the order of their seqs */
    size_t act_count, act_capacity;
    struct slice message_id; /* owned */
    uint64_t id_hash;
    struct change change;
    LIST_ENTRY(sent) beside; /* in its bucket of sents, */
    TAILQ_ENTRY(sent) next;  /* in the room's, the oldest first, */
    TAILQ_ENTRY(sent) own;   /* and in its sender's */
};
TAILQ_HEAD(sent_list, sent);
LIST_HEAD(sent_bucket, sent);

/* The latest of all under a message_id is the first of that id in its bucket. Whatever the ids are,
 * to put one in and to take it out costs the same few steps. */
struct sents {
    struct sent_list list;
    size_t count, acts;
    struct sent_bucket *buckets; /* NULL: there was none yet */
    size_t bucket_count;         /* as many as there are of them, or more */
};

void sents_init(struct sents *sents);
void sents_free(struct room *room);
/* The request's message was accepted, of a member with acks. */
void sent_keep(struct request *request);
/* The request's message was accepted: it may name one. */
void sent_answered(struct request *request);
/* A letter of that seq was delivered again, at another place. */
void sent_again(struct room *room, uint64_t seq, uint64_t place);
/* An admin took the message back: nothing more is told of it. */
void sent_retract(struct room *room, uint64_t seq);
/* The member is about to be forgotten. */
void sents_forget(struct room *room, struct member *member);
/* Of a sender's, by message_id (the latest) or, if that is empty, by seq; NULL: none is known. */
struct sent *sent_find(const struct member *sender, struct slice message_id, uint64_t seq);
/* Was it for all who are there, or for that one? Not: did it get it. */
bool sent_is_for(const struct sent *sent, const struct member *member);
/* That one's; NULL: it did not act on it, as far as is known. */
const struct act *sent_act(const struct sent *sent, struct slice ai_id);

/* Answers a sent_query in its own connection (sent_query.c). 0, or -code when it is refused. */
int sent_query_answer(struct request *request, const struct seat *to);

/* ── for save.c, load.c, dump.c and recount.c ── */

/* The members of its row, no braces. */
void sent_write(const struct sent *sent, struct text *text);
/* One of that key at its place, to be filled; NULL when that is no seq, or is there already, or the
 * sender has too many, or the room. */
struct sent *sent_restore(struct room *room, struct slice key, struct member *sender,
                          struct slice message_id);
/* One more of those it was for, or that acted on it; takes the id. False when there are too many,
 * and the id is freed. */
bool sent_restore_name(struct sent *sent, struct slice ai_id);
bool sent_restore_act(struct room *room, struct sent *sent, struct act act);
/* Are all in their order, counted and found? */
bool sents_whole(const struct room *room);

#endif
