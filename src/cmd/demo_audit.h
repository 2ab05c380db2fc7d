/* What a hub that was killed kept: what it had acked, and what was under way, against what is there
 * at the end. Nothing here is taken on trust: what was acked the AIs themselves wrote down, what
 * was under way an observer saw, and what is there the hub tells, read from its beginning. */
#ifndef KHUB_CMD_DEMO_AUDIT_H
#define KHUB_CMD_DEMO_AUDIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "khub.h"
#include "wire/text.h"

/* What is wrong with what was acked, or was under way. */
#define AUDIT_GONE      "gone"
#define AUDIT_TWICE     "there more than once"
#define AUDIT_ELSEWHERE "in another place"
#define AUDIT_UNKNOWN   "not among what the hub knows"
#define AUDIT_SILENT    "of which nothing was heard any more"

struct audit_count {
    unsigned counted; /* acked, or under way */
    unsigned there;   /* of these, at least once */
    unsigned twice;   /* more than once, or under another seq than was acked; of messages alone */
};

struct demo_audit {
    bool killed;          /* the hub was, and is back */
    uint64_t killed_seq;  /* the last that was seen before */
    uint64_t back_seq;    /* the first that was seen of the hub that came back; 0: none */
    uint64_t began_seq;   /* somebody joined behind killed_seq: the hub is another from here on */
    uint64_t last_seq;    /* of the history */
    int64_t killed_after; /* ms from the beginning */
    int64_t away;         /* ms until it listened again */
    json_t *sessions;     /* {session_id: true}: those that were active then */
    json_t *told;         /* {"AI message_id": [seq, …]}: what is there */
    json_t *log;          /* {seq: ["AI message_id type", …]}: the same by its place */
    json_t *gone_on;      /* {session_id: true}: of which something was heard afterwards */
    json_t *ended;        /* {session_id: true}: before the hub was killed, though not seen then */
    json_t *things;       /* {"AI message_id": "AI type id"}: what a told share is called */
    json_t *shared;       /* {"AI type id": loss}: of what was acked; once, though shared anew */
    json_t *known;        /* {"AI type id": true}: what the hub knows */
    json_t *losses;       /* what is missing, or in the wrong place: see audit_loss_add */

    struct audit_count before, all; /* messages acked before, and in all */
    struct audit_count shares;      /* patterns and components in these; there: known */
    struct audit_count sessions_count;
};

/* audit_free is due. */
void audit_begin(struct demo_audit *audit);
void audit_free(struct demo_audit *audit);
/* The hub is about to be killed; `seq` was the last seen. sessions: {session_id: …} of the active
 * ones, copied. */
void audit_kill(struct demo_audit *audit, uint64_t seq, json_t *sessions);
/* Whether the hub has acked, up to that seq, any message of those that are counted: by the file of
 * audit_acked as it is now, which may not be there yet. */
bool audit_has_acked(const char *path, uint64_t seq);
/* The hub that came back has answered: with this seq. */
void audit_back(struct demo_audit *audit, uint64_t seq);
/* A message of the hub's history, as it is at the end. */
void audit_told(struct demo_audit *audit, const struct khub_message *message);
/* An entry that the hub knows, of that AI: a pattern, or else a component by its own id. */
void audit_known(struct demo_audit *audit, const char *ai_id, bool pattern, const char *id);
/* What the hub acked to that AI: a line "message_id seq type" for each (khub train --acks). Call it
 * once all of the history and what is known was told. 0, or -1: the file can't be read. */
int audit_acked(struct demo_audit *audit, const char *ai_id, const char *path);
/* What became of the shares, and of the sessions. The last call. */
void audit_end(struct demo_audit *audit);
/* Of one of the losses, an object {of, fault, ai_id, message_id, type, seq, thing, told, log} or
 * {of, fault, session_id}, as far as they are known: which message of whom it is, and what the hub
 * has in its place, as part of a sentence. */
void audit_loss_add(const struct demo_audit *audit, const json_t *loss, struct text *text);
/* Else it is there, and not as it should be. */
bool audit_is_missing(const json_t *loss);
/* Whether a count says that something is missing, or there twice. */
bool audit_failed(const struct audit_count *count);
bool audit_nothing_lost(const struct demo_audit *audit);

#endif
