/* Receipts: which messages of an AI that asked for acks were accepted, so that one that it says
 * again, since it did not hear the ack, is acked again and not applied again.
 *
 * A receipt is a hash of the message_id, and the seq. They lie in blocks in the order of their
 * seqs, within a block in that of the hashes: no choice of message_ids makes finding one slow, and
 * a block is a row. Whole blocks are let go, the oldest first. */
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

#define RECEIPT_FILTER_BITS 4096u

struct receipt_block {
    struct slice key; /* of its row, owned: ai_id "/" number */
    /* The bit of each of its hashes is set: a block without the bit need not be searched. */
    uint64_t filter[RECEIPT_FILTER_BITS / 64];
    uint64_t number; /* rising */
    struct receipt *receipts;
    size_t count, capacity;
    struct change change;
    TAILQ_ENTRY(receipt_block) next;
};
TAILQ_HEAD(receipt_block_list, receipt_block);

/* Those of one member; there is at least one. */
struct receipts {
    struct member *member;
    struct receipt_block_list blocks; /* the oldest first */
    size_t block_count;
    uint64_t last_seq;
    TAILQ_ENTRY(receipts) next; /* in room->receipts, the one that grew last at the end */
};
TAILQ_HEAD(receipts_list, receipts);

/* Was a message of this id accepted of the member? Then *ret_receipt is its receipt. */
bool receipt_find(const struct member *member, struct slice message_id,
                  struct receipt *ret_receipt);
/* The message was accepted now, and there is no receipt of it. */
void receipt_keep(struct room *room, struct member *member, struct slice message_id, uint64_t seq,
                  bool delivered);
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
bool receipts_restore(struct room *room, struct member *member, struct slice key, struct slice hex);
/* Puts the member's receipts, if it has any, behind those of the others. */
void receipts_restore_place(struct room *room, struct member *member);

#endif
