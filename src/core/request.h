/* One message on its way from admit through the log to apply, and the reading of its payload. */
#ifndef KHUB_CORE_REQUEST_H
#define KHUB_CORE_REQUEST_H

#include "core/room.h"
#include "wire/shown.h"

/* What the hub reads of a pattern, code or component, found in one walk over it: it may have a
 * hundred thousand members. */
struct body_members {
    struct json_value id, name, source, language, parents;
    struct json_value commitment_id, subject, subject_version, nonce, parameters, ratio_heldout,
        seeds;
};

/* Members of a payload that more than one step looks at, found in one walk over it. */
struct payload_members {
    struct json_value text, reply_by, in_reply_to, lease;
    struct json_value pattern, code, component, component_id, performance;
};

/* What was found in the payload. It is large, and few messages have most of it: whoever has a
 * request of a message has room for this, and nothing of it means anything before it was looked
 * for. */
struct findings {
    struct payload_members payload; /* see payload_members */
    struct body_members body;       /* of a pattern, code or component that check has passed */
};

/* One message on its way: what check found is there for proceed. Of an answer of admit's, and of
 * other entries, only what says where and when. */
struct request {
    struct hub *hub;
    struct room *room; /* NULL: a check of a message for a room that is not there yet */
    peer_id from, takes_over;
    struct member *member; /* the sender; NULL in a check before it has joined */
    const struct message *message;
    struct slice blob;         /* what comes with it, of admit alone; see struct entry */
    const struct entry *entry; /* NULL while checking, and of an answer */
    int64_t answered_ms;       /* unix time: of an answer, or of a message */
    uint64_t judged_at;        /* the room's last seq when admit checked it */
    struct refusal *refusal;   /* for check */
    uint32_t made;             /* ids made for this entry so far */
    uint32_t effects;          /* and effects */
    uint64_t id_hash;          /* of its message_id, if its sender has acks */
    bool repeated;             /* it was accepted before: receipt says so */
    struct receipt receipt;
    bool handled;          /* a handler has seen to the relaying itself */
    struct member *target; /* of target_ai; NULL: everyone */
    struct session *session;
    struct findings *found;   /* NULL of what is no message */
    bool looked;              /* found->payload is filled */
    struct json_value body;   /* the object that is shared, or the performance reported */
    struct claiming claiming; /* of a pattern or component */
    struct growth growth;     /* of what a room knows, if it is taken */
    bool mismatched;          /* refused, since it claims what was not committed to */
    bool chunk_kept;          /* what came with it is in an artifact now */
    struct text extra;        /* members of an error's payload behind the standard ones */
};

/* All that may refuse a message for the state's sake. Changes nothing. 0, or -code. */
int request_check(struct request *request);
/* Was it accepted before, of a member with acks? Then it may be acked again. */
bool request_is_repeat(struct request *request);
void request_ack_again(struct request *request);
/* Who stands behind its sender. */
struct slice request_owner(const struct request *request);
/* Relays the request's own line by the relay rule. */
void relay_message(struct request *request);
/* An error to who sent it. */
void request_error(struct request *request, const struct refusal *refusal);
/* What a committed entry does. */
void room_apply(struct room *room, const struct entry *entry);

/* Reading members of a payload, with refusals that name them. `path` is what a person is told,
 * "payload.pattern.id"; its last part is the member's name in `object`. */
enum need { OPTIONAL, REQUIRED };
/* A value as a refusal names it: a number or a string as it stands (cut when it is long), of all
 * else what it is. */
#define PAYLOAD_SHOWN_SIZE (EXCERPT_SIZE + 2u) /* in quotes */
const char *payload_shown(struct json_value value, char buffer[PAYLOAD_SHOWN_SIZE]);
/* Finds them when they are asked for first; absent ones are JSON_KIND_ABSENT. */
const struct payload_members *payload_members(struct request *request);
/* A string of at most `max` decoded bytes, put into buffer; absent or null, when OPTIONAL, gives
 * len 0; "" is absent. */
int payload_text(const struct request *request, struct json_value object, const char *path,
                 enum need need, size_t max, char *buffer, struct slice *ret_text);
/* The same of a member that was found before. */
int payload_text_of(const struct request *request, struct json_value value, const char *path,
                    enum need need, size_t max, char *buffer, struct slice *ret_text);
/* Refused when it is there and no string; absent and null are fine. */
int payload_check_string(const struct request *request, struct json_value value, const char *path);
int payload_object_of(const struct request *request, struct json_value value, const char *path,
                      struct json_value *ret_object);
/* A whole number of that range; absent or null leaves *ret_number as it is. */
int payload_u64(const struct request *request, struct json_value object, const char *path,
                uint64_t least, uint64_t most, uint64_t *ret_number);
int payload_bool(const struct request *request, struct json_value object, const char *path,
                 bool preset, bool *ret_bool);

#endif
