#include "core/behind.h"

#include "core/memory.h"
#include "core/state.h"

static void forget(struct peer *peer)
{
    slice_free(&peer->unkept);
    peer->unkept_lost = false;
}

/* A hello is answered otherwise, and may be said at any time. */
static bool is_in_order(const struct peer *peer, const struct message *message)
{
    const struct member *who = peer_who(peer);
    return who && who->acks && message->type != MESSAGE_HELLO;
}

void behind_note(struct peer *peer, const struct message *message, bool lost)
{
    if (!is_in_order(peer, message) || (peer->unkept.len && (peer->unkept_lost || !lost)))
        return;
    forget(peer);
    peer->unkept = slice_copy(message->message_id);
    peer->unkept_lost = lost;
}

int behind_check(struct peer *peer, const struct message *message, struct refusal *ret_refusal)
{
    if (!peer->unkept.len || !is_in_order(peer, message))
        return 0;
    if (!slice_equal(peer->unkept, message->message_id))
        return refuse(ret_refusal, WIRE_STORAGE_UNAVAILABLE,
                      "the hub could not keep \"%.*s\", which you said before this: nothing came "
                      "of either; say that one again first, or a heartbeat with \"refused\":its "
                      "message_id if you give it up",
                      SLICE_FORMAT(peer->unkept));
    forget(peer);
    return 0;
}

void behind_write(const struct peer *peer, const struct message *message, struct text *text)
{
    if (!is_in_order(peer, message))
        return;
    text_add_literal(text, ",\"behind\":");
    if (slice_equal(peer->unkept, message->message_id))
        text_add_literal(text, "null");
    else
        text_add_string(text, peer->unkept);
}

void behind_heard(struct peer *peer, const struct message *heartbeat)
{
    if (peer->unkept.len && json_string_is(json_get(heartbeat->payload, "refused"), peer->unkept))
        forget(peer);
}
