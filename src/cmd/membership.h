/* What an AI keeps between its turns, when all it has is a shell: where it is a member, and how far
 * it has read there. A file of JSON, whole at any time, and its owner's alone.
 *
 * Three marks say how far it is. What is up to `acked` it has dealt with: that is what the hub is
 * told, and where each turn reads on from. What is up to `told` it was shown, but for the unread:
 * those that were only counted. */
#ifndef KHUB_CMD_MEMBERSHIP_H
#define KHUB_CMD_MEMBERSHIP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define MEMBERSHIP_BYTES_MAX (1u << 20)
#define MEMBERSHIP_WHY_SIZE  1024u
#define UNREAD_MAX           4096u /* seqs of each kind */
#define HEARD_MAX            128u  /* messages that may be answered by their seq, the latest */

/* Texts are those of `root`, NULL: none. */
struct membership {
    json_t *root;
    const char *hub, *room, *ai_id, *specialization, *resume_token;
    const char *token_file, *ca, *fingerprint, *cert, *key;
    json_t *capabilities; /* array of strings */
    bool insecure;
    long stays_s;   /* 0: it does not stay between its turns */
    uint64_t turns; /* that were taken: who waits sees that others were, meanwhile */
    uint64_t acked, told;
    /* Behind `acked` and up to `told`, rising: what was not shown yet, direct to it, or not. */
    json_t *unread_direct, *unread;
    json_t *leases; /* {key: fence} */
    json_t *heard;  /* [{seq, message_id, from, direct}], what was shown */
    json_t *said;   /* [{seq, message_id}], what it said itself */
};

/* An empty one; the texts are copied, and set with membership_set. 0, or -1: no memory. */
int membership_new(struct membership *membership);
void membership_free(struct membership *membership);
/* One of its texts, by its member's name; text NULL: none. 0, or -1: no memory. */
int membership_set(struct membership *membership, const char *name, const char *text);

/* Reads the file. 0, or -1 with a sentence: it is not there, not its user's alone, or damaged. */
int membership_load(struct membership *membership, const char *path,
                    char ret_why[MEMBERSHIP_WHY_SIZE]);
/* Writes it whole, in the place of the old one. 0, or -1 with a sentence: that is as it was. */
int membership_save(struct membership *membership, const char *path,
                    char ret_why[MEMBERSHIP_WHY_SIZE]);

/* Whether a rising array has this seq. */
bool seqs_have(const json_t *seqs, uint64_t seq);
/* A message that was shown, or said (from NULL). */
void membership_note(struct membership *membership, uint64_t seq, const char *message_id,
                     const char *from, bool direct);
/* The latest message of that seq in `heard` or `said`. NULL: there is none. */
const json_t *membership_find(const json_t *notes, uint64_t seq);
/* Up to where nothing waits that is for it alone and was not shown: what it may ack. */
uint64_t membership_shown(const struct membership *membership);
/* Takes all up to seq as dealt with. */
void membership_ack(struct membership *membership, uint64_t seq);

#endif
