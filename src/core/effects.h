/* Lines on their way out: who should have what an entry causes, and what the hub says itself. */
#ifndef KHUB_CORE_EFFECTS_H
#define KHUB_CORE_EFFECTS_H

#include "core/hub.h"
#include "wire/text.h"

struct request;

struct outgoing {
    struct slice line; /* without its last brace */
    enum line_origin origin;
    int level; /* of its type: who is below never receives it */
};
/* To everyone in the room but this member (NULL: to all). */
void effect_to_room(struct request *request, const struct outgoing *outgoing,
                    const struct member *but);
/* To at most PARTICIPANTS_MAX members by their ids, connected or not; when `observed`, to the
 * observers as well; never to `but` (NULL: nobody). */
void effect_to_names(struct request *request, const struct outgoing *outgoing,
                     const struct slice *names, size_t count, bool observed,
                     const struct member *but);
/* To the message's target and to the observers, but not to who sent it. */
void effect_to_target(struct request *request, const struct outgoing *outgoing);
/* To one member alone. */
void effect_to_member(struct request *request, const struct outgoing *outgoing,
                      const struct member *member);
/* To one connection, joined or not, and never to anybody later. */
void effect_to_connection(struct request *request, const struct outgoing *outgoing,
                          const struct seat *seat);
/* A message the hub makes: begin, write the payload's object into the text returned, then end,
 * which fills *ret_outgoing. */
struct text *hub_message_begin(struct request *request, enum message_type type, struct slice sender,
                               struct slice target);
void hub_message_end(struct request *request, enum message_type type,
                     struct outgoing *ret_outgoing);
/* An error to a connection, joined or not, with request->extra as further members of its
 * payload. in_reply_to.len 0: to nothing. */
void hub_error(struct request *request, const struct seat *to, const struct refusal *refusal,
               struct slice in_reply_to);
/* replay_truncated, with the first seq that there is; uses request->extra. */
void request_truncated(struct request *request, const struct seat *to, uint64_t first);
/* It was sent all that it missed, up to this seq. */
void request_caught_up(struct request *request, const struct seat *to, uint64_t seq);
/* Tells the edge what happened, for its log; texts are anybody's bytes. */
void hub_note(struct hub *hub, peer_id peer, enum hub_event event, struct slice subject,
              struct slice detail);
/* A finite number as a JSON number with a fraction, as Python writes a float: 0.0, not 0. */
void text_add_fraction(struct text *text, double number);
/* 32 hex digits and a NUL that nobody can guess. */
void hub_secret(struct hub *hub, struct slice room, uint64_t seq, uint32_t count, char ret_hex[33]);
/* A UUID of the same. */
void hub_uuid(struct hub *hub, struct slice room, uint64_t seq, uint32_t count,
              char ret_uuid[UUID_SIZE]);

#endif
