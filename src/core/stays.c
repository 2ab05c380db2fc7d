/* See stays.h. */
#include "core/stays.h"

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/state.h"
#include "wire/json_scan.h"

/* ── how many ── */

struct staying {
    size_t of_room, of_owner;
};

static void staying_count(struct staying *staying, const struct member *member, struct slice owner)
{
    staying->of_room += member->stays_s > 0;
    staying->of_owner += member->stays_s > 0 && slice_equal(member->owner, owner);
}

static struct staying staying_in(const struct room *room, struct slice owner)
{
    struct staying staying = {0, 0};
    const struct member *member;
    TAILQ_FOREACH (member, &room->away, next)
        staying_count(&staying, member, owner);
    for (size_t i = 0; i < room->seat_count; i++)
        staying_count(&staying, room->seats[i].member, owner);
    return staying;
}

static int too_many(const struct request *request, const char *whose, unsigned most)
{
    return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                       &(struct overrun){"staying", whose, most, 0},
                       "%u members of this %s stay (stays_s), the most there may be: join without, "
                       "or let one of them leave first",
                       most, whose);
}

int stay_check(struct request *request)
{
    const struct room *room = request->room;
    struct slice ai_id = request->message->sender_id;
    const struct member *known = room ? member_find(room, ai_id) : NULL;
    char buffer[WIRE_ID_MAX];
    if (!room || (known && known->stays_s))
        return 0; /* it has its place */
    struct slice owner = hello_owner(request->message, buffer);
    struct staying staying = staying_in(room, owner);
    if (staying.of_room >= STAYING_MAX)
        return too_many(request, "room", STAYING_MAX);
    if (owner.len && staying.of_owner >= STAYING_EACH_MAX)
        return too_many(request, "token", STAYING_EACH_MAX);
    return 0;
}

size_t stays_away_of(const struct hub *hub, struct slice owner)
{
    const struct member *member;
    size_t count = 0;
    for (size_t i = 0; i < hub->room_count; i++)
        TAILQ_FOREACH (member, &hub->rooms[i]->away, next)
            count += slice_equal(member->owner, owner);
    return count;
}

/* ── as JSON ── */

void stay_write(const struct member *member, struct text *text)
{
    char since[TIMESTAMP_SIZE], until[TIMESTAMP_SIZE];
    if (!member_is_away(member))
        return;
    timestamp_format(member->left_ms, since);
    timestamp_format(member->left_ms + (int64_t)member->stays_s * 1000, until);
    text_addf(text, ",\"away_since\":\"%s\",\"stays_until\":\"%s\"", since, until);
}

void stays_write(const struct room *room, struct text *text)
{
    const struct member *member;
    size_t count = 0;
    text_add_literal(text, "[");
    TAILQ_FOREACH_REVERSE(member, &room->away, member_list, next)
    {
        if (count == AWAY_SHOWN_MAX)
            break;
        text_add_literal(text, count++ ? ",{\"ai_id\":" : "{\"ai_id\":");
        text_add_string(text, member->key);
        text_add_member(text, "specialization", member->specialization);
        stay_write(member, text);
        text_add_literal(text, "}");
    }
    text_add_literal(text, "]");
}

/* ── the end ── */

static bool is_due(const struct room *room, const struct member *member)
{
    return room->hub->clock - member->heard >= (int64_t)member->stays_s * 1000;
}

/* The bytes of an ENTRY_STAY_END: it is gone, unless it came back meanwhile. */
static void end_write(const struct member *member, struct text *text)
{
    text_clear(text);
    text_add_literal(text, "{\"ai_id\":");
    text_add_string(text, member->key);
    text_addf(text, ",\"order\":%llu}", (unsigned long long)member->order);
}

/* The first that is due behind that order, or NULL. */
static const struct member *due_behind(const struct room *room, uint64_t order)
{
    const struct member *member;
    TAILQ_FOREACH (member, &room->away, next)
        if (member->order > order && is_due(room, member))
            return member;
    return NULL;
}

void stays_propose_ends(struct room *room, int64_t now)
{
    struct text *text = &room->hub->cut;
    const struct member *member;
    uint64_t order = 0;
    /* What a log commits within propose may end any of them: none is kept over it. */
    while ((member = due_behind(room, order))) {
        order = member->order;
        end_write(member, text);
        struct entry entry = {.time_ms = now, .kind = ENTRY_STAY_END, .bytes = text_slice(text)};
        room_happened(room, &entry);
    }
}

void stay_expire(struct request *request, struct slice bytes)
{
    struct room *room = request->room;
    char buffer[WIRE_ID_MAX];
    size_t at;
    uint64_t order;
    if (json_check(bytes, 1, &at) != JSON_FINE)
        return;
    struct json_value object = json_value_of(bytes), name = json_get(object, "ai_id");
    long len = name.kind == JSON_KIND_STRING ? json_decode(name, buffer, sizeof buffer) : -1;
    struct member *member = len > 0 ? member_find(room, (struct slice){buffer, (size_t)len}) : NULL;
    if (!member || !member_is_away(member) || json_u64(json_get(object, "order"), &order) < 0 ||
        order != member->order)
        return;
    struct slice reason = slice_of("stay_over");
    member_stay_no_more(room, member);
    presence_tell(request, member, reason, NULL);
    hub_note(request->hub, 0, HUB_LEFT_FOR_GOOD, member->key, reason);
    departed_trim(room);
}
