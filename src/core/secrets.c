/* What of a hello nobody but the hub may see: its secrets, and whose place they open; and what
 * nobody but the hub may say in one: whose the AI is, and whether it is an admin. */
#include "core/handlers.h"
#include "core/state.h"

static const struct slice token = SLICE("token"), resume_token = SLICE("resume_token"),
                          owners_name = SLICE("owner"), admins_mark = SLICE("admin"),
                          what_it_sees = SLICE("sees");

/* Is the member nobody's to say, or nobody's to see? */
static bool is_cut(struct json_value name)
{
    return json_string_is(name, token) || json_string_is(name, resume_token) ||
           json_string_is(name, owners_name) || json_string_is(name, admins_mark) ||
           json_string_is(name, what_it_sees);
}

bool hello_cut(const struct message *message, const struct peer *peer, struct text *text)
{
    struct slice line = message->line, payload = message->payload.raw;
    struct json_iterator members = {.rest = payload};
    struct json_value name, value;
    const char *before = "{";
    bool cut = false;
    text_clear(text);
    text_add(text, (struct slice){line.at, (size_t)(payload.at - line.at)});
    while (json_next_member(&members, &name, &value)) {
        if (is_cut(name)) {
            cut = true;
            continue;
        }
        /* name without its quotes, value with all that is its own */
        const char *end = value.raw.at + value.raw.len + (value.kind == JSON_KIND_STRING);
        text_add_literal(text, before);
        text_add(text, (struct slice){name.raw.at - 1, (size_t)(end - name.raw.at + 1)});
        before = ",";
    }
    if (peer_owner(peer).len) {
        cut = true;
        text_addf(text, "%s\"owner\":", before);
        text_add_string(text, peer_owner(peer));
        before = ",";
    }
    if (peer->admin) {
        cut = true;
        text_addf(text, "%s\"admin\":true", before);
        before = ",";
    }
    if (peer->sees != SEES_ALL && hello_observes(message)) {
        cut = true;
        text_addf(text, "%s\"sees\":\"%s\"", before, sees_text(peer->sees));
        before = ",";
    }
    text_add_literal(text, *before == '{' ? "{}" : "}");
    text_add(text, (struct slice){payload.at + payload.len,
                                  (size_t)(line.at + line.len - payload.at - payload.len)});
    return cut;
}

/* The resume_token that this AI was given. */
static bool is_shown(struct json_value shown, const struct member *holder)
{
    char buffer[sizeof holder->resume_token];
    long len = json_decode(shown, buffer, sizeof buffer);
    bool same = len >= 0 && slice_equal_secret((struct slice){buffer, (size_t)len},
                                               slice_of(holder->resume_token));
    explicit_bzero(buffer, sizeof buffer);
    return same;
}

peer_id hello_takes_over(const struct hub *hub, peer_id from, const struct message *message)
{
    char buffer[ROOM_NAME_MAX];
    struct slice name;
    struct refusal refusal;
    struct json_value shown = json_get(message->payload, "resume_token");
    if (shown.kind != JSON_KIND_STRING || hello_room(message, buffer, &name, &refusal) < 0)
        return 0;
    const struct room *room = room_find(hub, name);
    const struct member *holder = room ? member_find(room, message->sender_id) : NULL;
    if (!holder || !is_shown(shown, holder))
        return 0;
    if (!holder->peer || room_starting(room)) /* then its connection is a former hub's */
        return holder->stays_s ? from : 0;
    return holder->peer == from ? 0 : holder->peer; /* which has what it asks for */
}
