/* Rows of what was said by those with acks. */
#include "core/load.h"
#include "core/memory.h"

static void load_acts(struct loading *loading, struct sent *sent)
{
    struct json_iterator acts = {.rest = load_array(loading, loading->object, "acts").raw};
    struct json_value act, name, seq, at_ms;
    while (json_next_element(&acts, &act)) {
        struct json_iterator parts = {.rest = act.raw};
        struct act one = {.seq = 0};
        bool whole = json_next_element(&parts, &name) && json_next_element(&parts, &seq) &&
                     json_next_element(&parts, &at_ms) && json_u64(seq, &one.seq) == 0 &&
                     json_u64(at_ms, (uint64_t *)&one.at_ms) == 0;
        if (whole)
            one.ai_id = load_string(name);
        if (!whole || !sent_restore_act(loading->room, sent, one))
            load_damage(loading, "acts");
    }
}

void load_sent(struct loading *loading)
{
    struct json_value object = loading->object, name;
    struct slice sender = load_text(loading, object, "sender");
    struct slice message_id = load_text(loading, object, "message_id");
    struct member *member = member_find(loading->room, sender);
    struct sent *sent =
        member ? sent_restore(loading->room, loading->row->key, member, message_id) : NULL;
    slice_free(&sender);
    slice_free(&message_id);
    if (!sent) {
        load_damage(loading, "sender");
        return;
    }
    char type[32];
    load_short(loading, object, "type", type, sizeof type);
    if (message_type_find(slice_of(type), &sent->type) < 0)
        load_damage(loading, "type");
    sent->place = load_u64(loading, object, "place");
    if (sent->place < sent->seq || sent->place > loading->room->last_seq)
        load_damage(loading, "place");
    sent->said_ms = load_i64(loading, object, "said_ms");
    struct json_iterator names = {.rest = load_array(loading, object, "names").raw};
    while (json_next_element(&names, &name))
        if (!sent_restore_name(sent, load_string(name)))
            load_damage(loading, "names");
    load_acts(loading, sent);
}
