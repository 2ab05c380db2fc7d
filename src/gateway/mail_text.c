/* Messages as a model reads them: as text, each quoted, and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/mcp_inside.h"
#include "gateway/peer_json.h"
#include "gateway/quoted.h"

/* What of a message is read: the text of a chat, else its payload. */
struct body {
    json_t *payload; /* NULL: out of memory */
    struct slice text;
    bool chat; /* the text alone says it all */
};

static struct body body_of(const struct mail *message)
{
    struct slice payload = {message->payload, message->payload_len};
    struct body body = {.payload = peer_json(payload)};
    const json_t *text = json_object_get(body.payload, "text");
    body.chat = json_is_string(text) && strcmp(message->type, "chat") == 0;
    body.text =
        body.chat ? (struct slice){json_string_value(text), json_string_length(text)} : payload;
    return body;
}

static void one_write(struct text *text, const struct mail *message, size_t tokens)
{
    struct body body = body_of(message);
    struct slice shown = slice_cut(body.text, mailbox_shown_bytes(message, tokens));
    if (message->seq > 0)
        text_addf(text, "#%" PRIu64 " ", message->seq);
    text_add_shown(text, slice_of(message->sender));
    text_add_literal(text, message->directed ? " to you, " : message->target[0] ? " to " : ", ");
    if (!message->directed && message->target[0]) {
        text_add_shown(text, slice_of(message->target));
        text_add_literal(text, ", ");
    }
    text_add_shown(text, slice_of(message->type));
    text_add_literal(text, ", ");
    text_add_shown(text, slice_of(message->timestamp));
    const char *reply = json_string_value(json_object_get(body.payload, "in_reply_to"));
    if (reply) {
        text_add_literal(text, ", in reply to ");
        text_add_shown(text, slice_of(reply));
    }
    text_add_literal(text, "\n");
    if (!body.chat && shown.len == body.text.len)
        text_add_quoted_json(text, shown);
    else
        text_add_quoted(text, shown);
    if (shown.len < body.text.len)
        text_addf(text, "(cut: %zu of %zu bytes)\n", shown.len, body.text.len);
    json_decref(body.payload);
}

void mail_write(struct text *text, struct mail *const *messages, size_t count, size_t tokens)
{
    for (size_t i = 0; i < count; i++)
        one_write(text, messages[i], tokens);
}

static json_t *one_json(const struct mail *message, size_t tokens)
{
    struct body body = body_of(message);
    struct slice shown = slice_cut(body.text, mailbox_shown_bytes(message, tokens));
    bool whole = shown.len == body.text.len;
    json_t *json = json_pack("{s:I,s:s,s:s,s:b,s:s,s:s}", "seq", (json_int_t)message->seq, "from",
                             message->sender, "type", message->type, "to_you", message->directed,
                             "said_at", message->timestamp, "message_id", message->message_id);
    if (body.chat || !whole)
        json_object_set_new(json, "text", json_stringn(shown.at, shown.len));
    if (!body.chat && whole && body.payload)
        json_object_set(json, "payload", body.payload);
    if (!whole)
        json_object_set_new(json, "cut_from_bytes", json_integer((json_int_t)body.text.len));
    const json_t *reply = json_object_get(body.payload, "in_reply_to");
    if (body.chat && json_is_string(reply))
        json_object_set_new(json, "in_reply_to", json_string(json_string_value(reply)));
    json_decref(body.payload);
    return json;
}

json_t *mail_json(struct mail *const *messages, size_t count, size_t tokens)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, one_json(messages[i], tokens));
    return list;
}

void mail_rest_write(struct text *text, const json_t *rest)
{
    json_int_t count = json_integer_value(json_object_get(rest, "count"));
    json_int_t gone = json_integer_value(json_object_get(rest, "let_go"));
    const char *type, *before = "";
    json_t *number;
    if (gone > 0)
        text_addf(text, "%lld older ones were let go unread: too many waited.\n", (long long)gone);
    if (count == 0)
        return;
    text_addf(text, "%lld more wait: ", (long long)count);
    json_object_foreach(json_object_get(rest, "types"), type, number)
    {
        text_addf(text, "%s%lld ", before, (long long)json_integer_value(number));
        text_add_shown(text, slice_of(type));
        before = ", ";
    }
    text_addf(text,
              ", of %lld senders; call inbox again, or ack with a seq to be done with them.\n",
              (long long)json_integer_value(json_object_get(rest, "senders")));
}
