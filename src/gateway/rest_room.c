/* What there is in a room, as the hub tells it. */
#include "gateway/rest_inside.h"

void rest_members_list(struct rest_call *call)
{
    static const char *const names[] = {"after", "limit", NULL};
    rest_pass(call, "member_query", rest_pick(call, names));
}

/* There is one, or the hub refuses. */
static void on_member(const struct agent_answer *answer, void *data)
{
    struct rest_call *call = data;
    struct text text = {0};
    struct json_value one = {0};
    if (rest_lost(call, answer))
        return;
    struct json_iterator all = {.rest = json_get(json_value_of(answer->text), "members").raw};
    json_next_element(&all, &one);
    text_add_literal(&text, "{\"member\":");
    text_add(&text, one.raw);
    text_add_literal(&text, "}");
    rest_reply(call, &text);
}

void rest_member_get(struct rest_call *call)
{
    static const char *const names[] = {"id", NULL};
    rest_ask(call, "member_query", rest_pick(call, names), on_member);
}
