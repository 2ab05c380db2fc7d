/* NetworkMessage: the six members of a line, found and judged without copying.
 *
 * message_parse makes one pass over the line. Its slices point into the line, or, for a member
 * that is written with escapes, into the message's own `decoded` buffer: so a struct message is
 * never copied, and lives no longer than its line. */
#ifndef KHUB_WIRE_MESSAGE_H
#define KHUB_WIRE_MESSAGE_H

#include "wire/bounds.h"
#include "wire/json.h"
#include "wire/quota.h"
#include "wire/types.h"

#define MESSAGE_MEMBERS_KEPT 8

struct message {
    struct slice line; /* from '{' to '}', nothing around it */
    enum message_type type;
    struct slice message_id; /* decoded */
    struct slice sender_id;  /* decoded */
    struct slice timestamp;  /* decoded */
    struct slice target;     /* decoded; len 0 = everyone (null, absent and "" alike) */
    struct json_value payload;
    /* The payload's first members; when there are fewer than MESSAGE_MEMBERS_KEPT, all of them. */
    struct json_member members[MESSAGE_MEMBERS_KEPT];
    size_t member_count;
    char decoded[3 * WIRE_ID_MAX + WIRE_TIMESTAMP_MAX];
};

/* Which limit was reached. */
struct overrun {
    const char *limit; /* its name; NULL: none. Static storage, as `whose` */
    const char *whose; /* "token", "ai" or "room" */
    double most;       /* what it is set to */
    int64_t wait_ms;   /* after which it is free again; 0: time alone does not free it */
};

/* Why something was refused: the code, and a sentence that names the member, the offending value
 * and the limit. */
struct refusal {
    enum wire_error code;
    char detail[WIRE_DETAIL_MAX];
    struct overrun over; /* of rate_limited and quota_exceeded */
};

/* Fills a refusal (UTF-8 safe cut at the limit; peers' bytes in it must already be valid UTF-8)
 * and returns -code. */
int refuse(struct refusal *ret_refusal, enum wire_error code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, of a limit that was reached. */
int refuse_over(struct refusal *ret_refusal, enum wire_error code, const struct overrun *over,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* 0, or -code with *ret_refusal filled. On a refusal ret_message->message_id is still set when
 * the line had a good one (len 0 otherwise), for in_reply_to; nothing else of it is. The line
 * holds no '\n'. */
int message_parse(struct slice line, struct message *ret_message, struct refusal *ret_refusal);

/* Where in its line everything is that message_parse found; as bytes, that mean something to this
 * process alone. Returns how many; 0 when a member is written with escapes: then it can't be said
 * so. */
#define MESSAGE_OUTLINE_MAX 256u
size_t message_outline(const struct message *message, char ret_outline[MESSAGE_OUTLINE_MAX]);
/* What message_parse made of the same bytes, which may now lie elsewhere. */
void message_recall(struct slice line, struct slice outline, struct message *ret_message);

/* json_get_members of the payload of a message that was parsed. */
void message_get_members(const struct message *message, const struct json_place *places,
                         size_t count, void *ret_found);

/* The name rule of ids (1..WIRE_ID_MAX bytes of UTF-8, no control characters U+0000..1F,
 * 7F..9F); text is valid UTF-8. */
bool message_id_fits(struct slice text);

#endif
