/* The two lists of the wire: message types and error codes. Parser, printer, docs and tests use
 * these tables. */
#ifndef KHUB_WIRE_TYPES_H
#define KHUB_WIRE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/slice.h"

/* X(NAME, text on the wire, level that receives it, may a client send it) */
#define MESSAGE_TYPES(X)                                                                           \
    X(HELLO, "hello", 1, true)                                                                     \
    X(PATTERN_SHARE, "pattern_share", 1, true)                                                     \
    X(CODE_SHARE, "code_share", 1, true)                                                           \
    X(FEATURE_REQUEST, "feature_request", 1, true)                                                 \
    X(FEATURE_RESPONSE, "feature_response", 1, true)                                               \
    X(COLLABORATION_REQUEST, "collaboration_request", 1, true)                                     \
    X(OS_COMPONENT_SHARE, "os_component_share", 1, true)                                           \
    X(PERFORMANCE_REPORT, "performance_report", 1, true)                                           \
    X(TRAINING_SYNC, "training_sync", 1, false)                                                    \
    X(HEARTBEAT, "heartbeat", 1, true)                                                             \
    X(ERROR, "error", 1, false)                                                                    \
    X(ACK, "ack", 2, false)                                                                        \
    X(PRESENCE, "presence", 2, false)                                                              \
    X(LEAVE, "leave", 2, true)                                                                     \
    X(CHAT, "chat", 2, true)                                                                       \
    X(COLLABORATION_RESPONSE, "collaboration_response", 2, true)                                   \
    X(COLLABORATION_UPDATE, "collaboration_update", 2, true)                                       \
    X(WORKSPACE_UPDATE, "workspace_update", 2, true)                                               \
    X(KNOWLEDGE_QUERY, "knowledge_query", 2, true)                                                 \
    X(KNOWLEDGE_RESULT, "knowledge_result", 2, false)                                              \
    X(COMMITMENT, "commitment", 2, true)                                                           \
    X(CHALLENGE, "challenge", 2, false)                                                            \
    X(MEASUREMENT, "measurement", 2, true)                                                         \
    X(VERIFICATION, "verification", 2, false)                                                      \
    X(LEASE_REQUEST, "lease_request", 2, true)                                                     \
    X(LEASE_RELEASE, "lease_release", 2, true)                                                     \
    X(LEASE, "lease", 2, false)                                                                    \
    X(DEAD_QUERY, "dead_query", 2, true)                                                           \
    X(DEAD_LETTER, "dead_letter", 2, true)                                                         \
    X(DEAD_RESULT, "dead_result", 2, false)                                                        \
    X(CAUGHT_UP, "caught_up", 2, false)                                                            \
    X(LOG_QUERY, "log_query", 2, true)                                                             \
    X(LOG_RESULT, "log_result", 2, false)                                                          \
    X(SESSION_QUERY, "session_query", 2, true)                                                     \
    X(SESSION_RESULT, "session_result", 2, false)                                                  \
    X(MODERATION, "moderation", 2, true)                                                           \
    X(MEMBER_QUERY, "member_query", 2, true)                                                       \
    X(MEMBER_RESULT, "member_result", 2, false)                                                    \
    X(MODERATION_QUERY, "moderation_query", 2, true)                                               \
    X(MODERATION_RESULT, "moderation_result", 2, false)                                            \
    X(USAGE_QUERY, "usage_query", 2, true)                                                         \
    X(USAGE_RESULT, "usage_result", 2, false)                                                      \
    X(APPROVAL_REQUEST, "approval_request", 2, true)                                               \
    X(APPROVAL_ANSWER, "approval_answer", 2, true)                                                 \
    X(APPROVAL, "approval", 2, false)                                                              \
    X(APPROVAL_QUERY, "approval_query", 2, true)                                                   \
    X(APPROVAL_RESULT, "approval_result", 2, false)                                                \
    X(TOUCH, "touch", 2, true)                                                                     \
    X(PATH_WARNING, "path_warning", 2, false)                                                      \
    X(ARTIFACT_OFFER, "artifact_offer", 2, true)                                                   \
    X(ARTIFACT_CHUNK, "artifact_chunk", 2, true)                                                   \
    X(ARTIFACT, "artifact", 2, false)                                                              \
    X(ARTIFACT_QUERY, "artifact_query", 2, true)                                                   \
    X(ARTIFACT_RESULT, "artifact_result", 2, false)                                                \
    X(TASK, "task", 2, true)                                                                       \
    X(EVIDENCE_REPORT, "evidence_report", 2, true)                                                 \
    X(TASK_QUERY, "task_query", 2, true)                                                           \
    X(TASK_RESULT, "task_result", 2, false)                                                        \
    X(SENT_QUERY, "sent_query", 2, true)                                                           \
    X(SENT_RESULT, "sent_result", 2, false)                                                        \
    X(STATS_QUERY, "stats_query", 2, true)                                                         \
    X(STATS_RESULT, "stats_result", 2, false)                                                      \
    X(LEDGER_QUERY, "ledger_query", 2, true)                                                       \
    X(LEDGER_RESULT, "ledger_result", 2, false)

enum message_type {
#define X(name, text, level, client) MESSAGE_##name,
    MESSAGE_TYPES(X)
#undef X
        MESSAGE_TYPE_COUNT
};

/* A set of types: a bit for each. */
#define MESSAGE_BIT(type) (UINT64_C(1) << (type))
_Static_assert(MESSAGE_TYPE_COUNT <= 64, "each type has a bit in a set");
/* Questions that the hub answers by itself, with a result. They are not acked, have no place in the
 * room's order, and go to nobody else. */
#define MESSAGES_QUERYING                                                                          \
    (MESSAGE_BIT(MESSAGE_KNOWLEDGE_QUERY) | MESSAGE_BIT(MESSAGE_DEAD_QUERY) |                      \
     MESSAGE_BIT(MESSAGE_LOG_QUERY) | MESSAGE_BIT(MESSAGE_SESSION_QUERY) |                         \
     MESSAGE_BIT(MESSAGE_MEMBER_QUERY) | MESSAGE_BIT(MESSAGE_MODERATION_QUERY) |                   \
     MESSAGE_BIT(MESSAGE_USAGE_QUERY) | MESSAGE_BIT(MESSAGE_APPROVAL_QUERY) |                      \
     MESSAGE_BIT(MESSAGE_ARTIFACT_QUERY) | MESSAGE_BIT(MESSAGE_TASK_QUERY) |                       \
     MESSAGE_BIT(MESSAGE_SENT_QUERY) | MESSAGE_BIT(MESSAGE_STATS_QUERY) |                          \
     MESSAGE_BIT(MESSAGE_LEDGER_QUERY))
/* Their results. dead_result answers dead_letter as well. */
#define MESSAGES_RESULTING                                                                         \
    (MESSAGE_BIT(MESSAGE_KNOWLEDGE_RESULT) | MESSAGE_BIT(MESSAGE_DEAD_RESULT) |                    \
     MESSAGE_BIT(MESSAGE_LOG_RESULT) | MESSAGE_BIT(MESSAGE_SESSION_RESULT) |                       \
     MESSAGE_BIT(MESSAGE_MEMBER_RESULT) | MESSAGE_BIT(MESSAGE_MODERATION_RESULT) |                 \
     MESSAGE_BIT(MESSAGE_USAGE_RESULT) | MESSAGE_BIT(MESSAGE_APPROVAL_RESULT) |                    \
     MESSAGE_BIT(MESSAGE_ARTIFACT_RESULT) | MESSAGE_BIT(MESSAGE_TASK_RESULT) |                     \
     MESSAGE_BIT(MESSAGE_SENT_RESULT) | MESSAGE_BIT(MESSAGE_STATS_RESULT) |                        \
     MESSAGE_BIT(MESSAGE_LEDGER_RESULT))
/* What it takes to be there, to leave, and to look and ask: whoever may come in may say these. */
#define MESSAGES_ASKING                                                                            \
    (MESSAGE_BIT(MESSAGE_HELLO) | MESSAGE_BIT(MESSAGE_HEARTBEAT) | MESSAGE_BIT(MESSAGE_LEAVE) |    \
     MESSAGES_QUERYING)

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
/* Is it one of MESSAGES_QUERYING? */
bool message_type_is_query(enum message_type type);
/* The set of all others that a client may send: they are said to others, or change something. */
uint64_t message_types_published(void);
/* 0 and *ret_type, or -1 when the text is no type. */
int message_type_find(struct slice text, enum message_type *ret_type);

/* A set as text, "chat,pattern_share", in the order of the table; "" when it is empty. */
#define X(name, text, level, client) char name[sizeof(text)];
struct message_types_text {
    MESSAGE_TYPES(X)
};
#undef X
enum { MESSAGE_TYPES_TEXT_SIZE = sizeof(struct message_types_text) + 1 };
void message_types_write(uint64_t types, char ret_text[MESSAGE_TYPES_TEXT_SIZE]);
/* 0; or -1 with the first word of the list that is no type, byte for byte. */
int message_types_read(struct slice text, uint64_t *ret_types, struct slice *ret_wrong);

/* The code on the wire, "bad_json", and its meaning in one sentence; static storage. */
const char *wire_error_code(enum wire_error error);
const char *wire_error_meaning(enum wire_error error);

#endif
