/* The two lists of the wire: message types and error codes. Parser, printer, docs and tests use
 * these tables. */
#ifndef KHUB_WIRE_TYPES_H
#define KHUB_WIRE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/slice.h"

/* What a type is for, and so who says it. */
enum message_kind {
    MESSAGE_KIND_PRESENCE, /* an AI: what it takes to be there, and to leave */
    MESSAGE_KIND_SPEECH,   /* an AI: others are told, or something changes ("published") */
    MESSAGE_KIND_QUESTION, /* an AI, to the hub, which answers by itself: not acked, without a
                            * place in the room's order, and for nobody else */
    MESSAGE_KIND_ANSWER,   /* the hub: to a question; dead_result to a dead_letter as well */
    MESSAGE_KIND_NOTICE,   /* the hub: all else */
};

/* X(NAME, text on the wire, level that receives it, kind) */
#define MESSAGE_TYPES(X)                                                                           \
    X(HELLO, "hello", 1, PRESENCE)                                                                 \
    X(PATTERN_SHARE, "pattern_share", 1, SPEECH)                                                   \
    X(CODE_SHARE, "code_share", 1, SPEECH)                                                         \
    X(FEATURE_REQUEST, "feature_request", 1, SPEECH)                                               \
    X(FEATURE_RESPONSE, "feature_response", 1, SPEECH)                                             \
    X(COLLABORATION_REQUEST, "collaboration_request", 1, SPEECH)                                   \
    X(OS_COMPONENT_SHARE, "os_component_share", 1, SPEECH)                                         \
    X(PERFORMANCE_REPORT, "performance_report", 1, SPEECH)                                         \
    X(TRAINING_SYNC, "training_sync", 1, NOTICE)                                                   \
    X(HEARTBEAT, "heartbeat", 1, PRESENCE)                                                         \
    X(ERROR, "error", 1, NOTICE)                                                                   \
    X(ACK, "ack", 2, NOTICE)                                                                       \
    X(PRESENCE, "presence", 2, NOTICE)                                                             \
    X(LEAVE, "leave", 2, PRESENCE)                                                                 \
    X(CHAT, "chat", 2, SPEECH)                                                                     \
    X(COLLABORATION_RESPONSE, "collaboration_response", 2, SPEECH)                                 \
    X(COLLABORATION_UPDATE, "collaboration_update", 2, SPEECH)                                     \
    X(WORKSPACE_UPDATE, "workspace_update", 2, SPEECH)                                             \
    X(KNOWLEDGE_QUERY, "knowledge_query", 2, QUESTION)                                             \
    X(KNOWLEDGE_RESULT, "knowledge_result", 2, ANSWER)                                             \
    X(COMMITMENT, "commitment", 2, SPEECH)                                                         \
    X(CHALLENGE, "challenge", 2, NOTICE)                                                           \
    X(MEASUREMENT, "measurement", 2, SPEECH)                                                       \
    X(VERIFICATION, "verification", 2, NOTICE)                                                     \
    X(LEASE_REQUEST, "lease_request", 2, SPEECH)                                                   \
    X(LEASE_RELEASE, "lease_release", 2, SPEECH)                                                   \
    X(LEASE, "lease", 2, NOTICE)                                                                   \
    X(DEAD_QUERY, "dead_query", 2, QUESTION)                                                       \
    X(DEAD_LETTER, "dead_letter", 2, SPEECH)                                                       \
    X(DEAD_RESULT, "dead_result", 2, ANSWER)                                                       \
    X(CAUGHT_UP, "caught_up", 2, NOTICE)                                                           \
    X(LOG_QUERY, "log_query", 2, QUESTION)                                                         \
    X(LOG_RESULT, "log_result", 2, ANSWER)                                                         \
    X(SESSION_QUERY, "session_query", 2, QUESTION)                                                 \
    X(SESSION_RESULT, "session_result", 2, ANSWER)                                                 \
    X(MODERATION, "moderation", 2, SPEECH)                                                         \
    X(MEMBER_QUERY, "member_query", 2, QUESTION)                                                   \
    X(MEMBER_RESULT, "member_result", 2, ANSWER)                                                   \
    X(MODERATION_QUERY, "moderation_query", 2, QUESTION)                                           \
    X(MODERATION_RESULT, "moderation_result", 2, ANSWER)                                           \
    X(USAGE_QUERY, "usage_query", 2, QUESTION)                                                     \
    X(USAGE_RESULT, "usage_result", 2, ANSWER)                                                     \
    X(APPROVAL_REQUEST, "approval_request", 2, SPEECH)                                             \
    X(APPROVAL_ANSWER, "approval_answer", 2, SPEECH)                                               \
    X(APPROVAL, "approval", 2, NOTICE)                                                             \
    X(APPROVAL_QUERY, "approval_query", 2, QUESTION)                                               \
    X(APPROVAL_RESULT, "approval_result", 2, ANSWER)                                               \
    X(TOUCH, "touch", 2, SPEECH)                                                                   \
    X(PATH_WARNING, "path_warning", 2, NOTICE)                                                     \
    X(ARTIFACT_OFFER, "artifact_offer", 2, SPEECH)                                                 \
    X(ARTIFACT_CHUNK, "artifact_chunk", 2, SPEECH)                                                 \
    X(ARTIFACT, "artifact", 2, NOTICE)                                                             \
    X(ARTIFACT_QUERY, "artifact_query", 2, QUESTION)                                               \
    X(ARTIFACT_RESULT, "artifact_result", 2, ANSWER)                                               \
    X(TASK, "task", 2, SPEECH)                                                                     \
    X(EVIDENCE_REPORT, "evidence_report", 2, SPEECH)                                               \
    X(TASK_QUERY, "task_query", 2, QUESTION)                                                       \
    X(TASK_RESULT, "task_result", 2, ANSWER)                                                       \
    X(SENT_QUERY, "sent_query", 2, QUESTION)                                                       \
    X(SENT_RESULT, "sent_result", 2, ANSWER)                                                       \
    X(STATS_QUERY, "stats_query", 2, QUESTION)                                                     \
    X(STATS_RESULT, "stats_result", 2, ANSWER)                                                     \
    X(LEDGER_QUERY, "ledger_query", 2, QUESTION)                                                   \
    X(LEDGER_RESULT, "ledger_result", 2, ANSWER)

enum message_type {
#define X(name, text, level, kind) MESSAGE_##name,
    MESSAGE_TYPES(X)
#undef X
        MESSAGE_TYPE_COUNT
};

/* A set of types: a bit for each. It is of this process: what is kept of one has their names. */
#define MESSAGE_TYPES_MAX 128u
struct message_types {
    uint64_t words[MESSAGE_TYPES_MAX / 64];
};
_Static_assert(MESSAGE_TYPE_COUNT <= MESSAGE_TYPES_MAX, "each type has a bit in a set");
_Static_assert(MESSAGE_TYPES_MAX == 2 * 64, "what is below looks at two words");

static inline bool message_types_has(struct message_types types, enum message_type type)
{
    return types.words[type / 64] >> type % 64 & 1;
}

static inline void message_types_add(struct message_types *types, enum message_type type)
{
    types->words[type / 64] |= UINT64_C(1) << type % 64;
}

static inline bool message_types_any(struct message_types types)
{
    return types.words[0] | types.words[1];
}

/* Those of the first that the second has not. */
static inline struct message_types message_types_without(struct message_types types,
                                                         struct message_types others)
{
    return (struct message_types){
        {types.words[0] & ~others.words[0], types.words[1] & ~others.words[1]}};
}

/* X(NAME, code on the wire, what it means in one sentence) */
#define WIRE_ERRORS(X)                                                                             \
    X(BAD_JSON, "bad_json", "the line is not one strict JSON object (RFC 8259)")                   \
    X(LINE_TOO_LONG, "line_too_long", "the line is over the limit and was skipped")                \
    X(MISSING_FIELD, "missing_field", "a required top-level member is missing")                    \
    X(UNKNOWN_FIELD, "unknown_field", "a top-level member is not one of the six")                  \
    X(DUPLICATE_FIELD, "duplicate_field", "a top-level member stands twice")                       \
    X(BAD_FIELD, "bad_field", "a top-level member has the wrong type, length or content")          \
    X(UNKNOWN_TYPE, "unknown_type", "message_type is not one that this hub knows")                 \
    X(FORBIDDEN_TYPE, "forbidden_type", "only the hub may send this message_type")                 \
    X(BAD_PAYLOAD, "bad_payload", "a member of payload is missing or wrong")                       \
    X(SENDER_MISMATCH, "sender_mismatch", "sender_id is not the one this connection began with")   \
    X(RESERVED_ID, "reserved_id", "this id is the hub's own")                                      \
    X(ID_IN_USE, "id_in_use", "another connection holds this id")                                  \
    X(TAKEN_OVER, "taken_over", "a newer connection showed this id's resume_token")                \
    X(UNAUTHORIZED, "unauthorized", "no valid token was shown")                                    \
    X(FORBIDDEN, "forbidden", "this AI may not do that")                                           \
    X(UNKNOWN_TARGET, "unknown_target", "the target was never seen in this room")                  \
    X(TARGET_OFFLINE, "target_offline", "the target is not connected; it was not delivered")       \
    X(NO_REPLY, "no_reply", "the target has not answered in time")                                 \
    X(LOOP, "loop", "too many replies in a row without a person or a pause")                       \
    X(UNKNOWN_SESSION, "unknown_session", "there is no such collaboration session")                \
    X(NOT_PARTICIPANT, "not_participant", "this AI is no participant of the session")              \
    X(CONFLICT, "conflict", "the state has moved on: see the current value and version")           \
    X(STALE_LEASE, "stale_lease", "the lease of that fence is over, or another AI's")              \
    X(NOT_OWNER, "not_owner", "another AI contributed the entry of this id")                       \
    X(NOT_FOUND, "not_found", "there is no such entry")                                            \
    X(BAD_CLAIM, "bad_claim", "the claim is not what was committed to")                            \
    X(RATE_LIMITED, "rate_limited", "too many messages in too short a time")                       \
    X(QUOTA_EXCEEDED, "quota_exceeded", "a limit on stored state is reached")                      \
    X(STORAGE_UNAVAILABLE, "storage_unavailable", "the hub can't keep anything on disk just now")  \
    X(SLOW_CONSUMER, "slow_consumer", "this connection reads too slowly; its queue is full")       \
    X(REPLAY_TRUNCATED, "replay_truncated", "the log does not reach back that far")                \
    X(HEARTBEAT_TIMEOUT, "heartbeat_timeout", "nothing was heard for too long")                    \
    X(SHUTTING_DOWN, "shutting_down", "the hub is stopping")                                       \
    X(PROTECTED_MODE, "protected_mode", "the hub has no tokens and takes only local peers")        \
    X(WRONG_PROTOCOL, "wrong_protocol", "the connection began as another protocol")                \
    X(CONNECTIONS_FULL, "connections_full", "the hub takes no more connections")                   \
    X(KICKED, "kicked", "an admin closed this connection")                                         \
    X(BANNED, "banned", "an admin keeps this id or token out of the room")                         \
    X(READ_ONLY, "read_only", "an admin has closed the room to what changes it")                   \
    X(RETRACTED, "retracted", "an admin took back what had this id")

enum wire_error {
    WIRE_OK = 0,
#define X(name, code, meaning) WIRE_##name,
    WIRE_ERRORS(X)
#undef X
        WIRE_ERROR_COUNT
};

/* The text on the wire, "pattern_share"; static storage. */
const char *message_type_text(enum message_type type);
/* The level (1 or 2) whose AIs receive this type, and whether a client may send it. */
int message_type_level(enum message_type type);
bool message_type_from_client(enum message_type type);
/* Is it of that kind: a question, an answer, or published? */
bool message_type_is_query(enum message_type type);
bool message_type_is_result(enum message_type type);
bool message_type_is_published(enum message_type type);
/* The set of all that are published. The rest of what an AI says, whoever may come in may say. */
struct message_types message_types_published(void);
/* 0 and *ret_type, or -1 when the text is no type. */
int message_type_find(struct slice text, enum message_type *ret_type);

/* A set as text, "chat,pattern_share", in the order of the table; "" when it is empty. */
#define X(name, text, level, kind) char name[sizeof(text)];
struct message_types_text {
    MESSAGE_TYPES(X)
};
#undef X
enum { MESSAGE_TYPES_TEXT_SIZE = sizeof(struct message_types_text) + 1 };
void message_types_write(struct message_types types, char ret_text[MESSAGE_TYPES_TEXT_SIZE]);
/* 0; or -1 with the first word of the list that is no type, byte for byte. */
int message_types_read(struct slice text, struct message_types *ret_types, struct slice *ret_wrong);

/* The code on the wire, "bad_json", and its meaning in one sentence; static storage. */
const char *wire_error_code(enum wire_error error);
const char *wire_error_meaning(enum wire_error error);

#endif
