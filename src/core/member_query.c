/* member_query: who is in a room, connected or away; and of one, also if it has left. */
#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/state.h"
#include "core/stays.h"

struct member_query {
    char id_text[WIRE_ID_MAX], after_text[WIRE_ID_MAX];
    struct slice id;    /* len 0: many */
    struct slice after; /* behind this one; len 0: from the first */
    uint64_t limit;
    size_t bytes_max;
};

static int query_read(struct request *request, struct member_query *query)
{
    struct json_value payload = request->message->payload;
    int error;
    query->limit = QUERY_PRESET;
    query->bytes_max = request->room->limits.sync_limit;
    if ((error = payload_text(request, payload, "payload.id", OPTIONAL, sizeof query->id_text,
                              query->id_text, &query->id)) < 0 ||
        (error = payload_text(request, payload, "payload.after", OPTIONAL, sizeof query->after_text,
                              query->after_text, &query->after)) < 0)
        return error;
    return payload_u64(request, payload, "payload.limit", 1, QUERY_LIMIT, &query->limit);
}

void member_write(const struct room *room, const struct member *member, struct text *text)
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(member->joined_ms, time);
    text_add_literal(text, "{\"ai_id\":");
    text_add_string(text, member->key);
    text_add_literal(text, ",\"specialization\":");
    text_add_string(text, member->specialization);
    text_add_literal(text, ",\"capabilities\":");
    member_capability_text(member, text);
    text_addf(
        text,
        ",\"collaboration_ready\":%s,\"level\":%d,\"contribution_score\":%llu,\"sessions\":%zu,"
        "\"joined\":\"%s\"",
        member->ready ? "true" : "false", member->level,
        (unsigned long long)member_contribution(room, member->key), member->sessions, time);
    stay_write(member, text);
    if (!member_is_here(member)) {
        timestamp_format(member->left_ms, time);
        text_addf(text, ",\"left\":\"%s\"", time);
    }
    text_add_literal(text, "}");
}

/* Those of its leases that are a task's, or those that are none. */
static void leases_tell(const struct room *room, const struct member *member, bool tasks,
                        struct text *text)
{
    const struct lease *lease;
    char since[TIMESTAMP_SIZE];
    size_t told = 0;
    TAILQ_FOREACH (lease, &room->leases_open, next) {
        const struct task *task = task_of_lease(room, lease->key);
        if ((task != NULL) != tasks || !slice_equal(lease->holder, member->key) ||
            told == ON_SHOWN_MAX)
            continue;
        text_add_literal(text, told++ ? ",{" : "{");
        text_add_literal(text, tasks ? "\"id\":" : "\"key\":");
        text_add_string(text, task ? task->key : lease->key);
        text_add_member(text, tasks ? "title" : "intent", task ? task->title : lease->intent);
        timestamp_format(lease->granted_ms, since);
        text_addf(text, ",\"since\":\"%s\"}", since);
    }
}

/* As far as who asks may know of them. */
static void sessions_tell(const struct request *request, const struct member *member,
                          struct text *text)
{
    const struct session *session;
    size_t told = 0;
    TAILQ_FOREACH (session, &request->room->live, next) {
        if (!session_has(session, member->key) || told == ON_SHOWN_MAX ||
            !session_shown(request->room, session, request->member))
            continue;
        text_add_literal(text, told++ ? ",{\"session_id\":" : "{\"session_id\":");
        text_add_string(text, session->key);
        text_add_member(text, "type", session->type);
        text_addf(text, ",\"status\":\"%s\"}", session_state_text(session->state));
    }
}

/* What it does follows from what holds now: since when it said nothing, and what it has under way.
 * That it says so of itself counts for nothing. */
static void work_tell(const struct request *request, const struct member *member, struct text *text)
{
    const struct room *room = request->room;
    char idle[TIMESTAMP_SIZE];
    timestamp_format(member->spoke_ms > member->joined_ms ? member->spoke_ms : member->joined_ms,
                     idle);
    text_addf(text, ",\"idle_since\":\"%s\",\"on\":{\"leases\":[", idle);
    leases_tell(room, member, false, text);
    text_add_literal(text, "],\"tasks\":[");
    leases_tell(room, member, true, text);
    text_add_literal(text, "],\"sessions\":[");
    sessions_tell(request, member, text);
    text_add_literal(text, "]}");
}

/* And what admit alone knows, which has a clock: when it was last heard of. Of who is not connected
 * this hub may never have heard: then it is the end of its connection. */
static void member_tell(const struct request *request, const struct member *member,
                        struct text *text)
{
    const struct room *room = request->room;
    int64_t silent = member->peer ? room->hub->clock - member_heard(room, member->key) : 0;
    char heard[TIMESTAMP_SIZE];
    timestamp_format(member->peer ? request->answered_ms - silent : member->left_ms, heard);
    member_write(room, member, text);
    text->len--; /* its brace */
    work_tell(request, member, text);
    text_addf(text, ",\"status\":\"%s\",\"heard\":\"%s\"}",
              member->peer             ? "connected"
              : member_is_away(member) ? "away"
                                       : "left",
              heard);
}

/* In the bytewise order of their ids, so that who comes or goes meanwhile moves nobody. */
static void many_write(const struct request *request, const struct member_query *query,
                       struct text *text)
{
    const struct room *room = request->room;
    const struct member *member = index_after(&room->members, query->after);
    struct slice last = {0};
    size_t begun = text->len, looks = 0;
    uint64_t told = 0;
    text_add_literal(text, ",\"members\":[");
    for (; member && looks < QUERY_LOOKS_MAX; looks++) {
        bool full = told == query->limit || (told > 0 && text->len - begun > query->bytes_max);
        if (full)
            break;
        if (member_is_here(member) && !member->observer) {
            text_add_literal(text, told++ ? "," : "");
            member_tell(request, member, text);
        }
        last = member->key;
        member = index_after(&room->members, last);
    }
    text_add_literal(text, "],\"next\":");
    if (member)
        text_add_string(text, last);
    else
        text_add_literal(text, "null");
}

int member_query_answer(struct request *request, const struct seat *to)
{
    struct member_query query = {.limit = 0};
    const struct room *room = request->room;
    struct outgoing outgoing;
    int error = query_read(request, &query);
    if (error < 0)
        return error;
    const struct member *one = query.id.len ? member_find(room, query.id) : NULL;
    if (query.id.len && (!one || one->observer))
        return refuse(request->refusal, WIRE_NOT_FOUND, "no AI \"%.*s\" was seen in this room",
                      SLICE_FORMAT(query.id));
    struct text *text =
        hub_message_begin(request, MESSAGE_MEMBER_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    if (one) {
        text_add_literal(text, ",\"members\":[");
        member_tell(request, one, text);
        text_add_literal(text, "],\"next\":null");
    } else {
        many_write(request, &query, text);
    }
    text_addf(text, ",\"connected\":%zu,\"away\":%zu}", room->seat_count - room->observer_count,
              room->away_count);
    hub_message_end(request, MESSAGE_MEMBER_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}
