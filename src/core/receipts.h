/* Receipts: which messages of an AI that asked for acks were accepted, so that one that it says
 * again, since it did not hear the ack, is acked again and not applied again.
 *
 * A receipt is a hash of the message_id, and the seq. They lie in blocks in the order of their
 * seqs, and a block is a row. Whole blocks are let go, the oldest first: an AI's last 10,000 stay
 * however old they are, and before them what is at most 10 minutes old, as far as there is room. */
#ifndef KHUB_CORE_RECEIPTS_H
#define KHUB_CORE_RECEIPTS_H

#include "core/changes.h"
#include "wire/text.h"

struct room;
struct member;

struct receipt {
    uint64_t hash;
    uint64_t place; /* 2 × seq, + 1 when it was delivered */
};

struct receipt_block {
    struct slice key;  /* of its row, owned: ai_id "/" number */
    uint64_t number;   /* rising */
    int64_t latest_ms; /* unix time of its last one's entry; 0: of an older hub's, not known */
    struct receipt *receipts; /* in the order of their seqs */
    size_t count, capacity;
    struct change change;
    TAILQ_ENTRY(receipt_block) next;
};
TAILQ_HEAD(receipt_block_list, receipt_block);

/* Finds a receipt by its hash: open addressing, of which no byte is state. What a slot names may be
 * gone by now; such slots go when the table is made anew. */
struct receipt_table {
    uint8_t *tags;   /* of each slot 0: free; else what it has of the hash: of the slots that are
                      * passed few have the same, and none else is looked into */
    uint32_t *slots; /* block << 8 | place in it */
    size_t capacity, used;
    struct receipt_block **blocks; /* a ring: block number N of this table lies at N % capacity */
    size_t block_capacity;
    uint32_t first; /* the oldest block's number here */
};

/* Those of one member; there is at least one. */
struct receipts {
    struct member *member;
    struct receipt_block_list blocks; /* the oldest first */
    size_t block_count;
    uint64_t last_seq;
    struct receipt_table table;
    TAILQ_ENTRY(receipts) next;       /* in room->receipts, the one that grew last at the end */
    bool extra;                       /* it has more than its last 10,000, */
    TAILQ_ENTRY(receipts) next_extra; /* and is in room->receipts_extra, in the same order */
};
TAILQ_HEAD(receipts_list, receipts);

/* Was a message of this id (id_hash.h) accepted of the member? Then *ret_receipt is its receipt. */
bool receipt_find(const struct room *room, const struct member *member, uint64_t id_hash,
                  struct receipt *ret_receipt);
/* The message was accepted by this entry, and there is no receipt of it. time_ms: of the entry. */
void receipt_keep(struct room *room, struct member *member, uint64_t id_hash, uint64_t seq,
                  int64_t time_ms, bool delivered);
uint64_t receipt_seq(const struct receipt *receipt);
bool receipt_delivered(const struct receipt *receipt);
/* The member is about to be forgotten, and its rows with it. */
void receipts_forget(struct room *room, struct member *member);
/* Frees what the member has, rows aside. */
void receipts_free(struct member *member);

/* ── for save.c and load.c ── */

void receipts_write(const struct receipt_block *block, struct text *text);
/* A block of a member's as it was written; false when it can't be one. Its place among the member's
 * blocks follows from its number. */
bool receipts_restore(struct room *room, struct member *member, struct slice key, struct slice hex,
                      int64_t latest_ms);
/* Puts the member's receipts, if it has any, behind those of the others. */
void receipts_restore_place(struct room *room, struct member *member);
/* Is each that is kept found, and listed as it should be? For recount.c. */
bool receipts_whole(const struct room *room, const struct receipts *receipts);

#endif
