/* Joining: who may take an id, what a hello sets, and the training_sync that answers it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/names.h"
#include "core/state.h"
#include "core/stays.h"
#include "wire/shown.h"

/* ── who may join ── */

/* Who shows its resume_token is not asked which connection held it last: it may be the one whose
 * leaving was on its way when the token was found to be right. */
static int away_refuse(const struct request *request)
{
    return refuse(request->refusal, WIRE_ID_IN_USE,
                  "\"%.*s\" stays here between its connections; take another id, or show its "
                  "resume_token (level 2) to come back as it",
                  SLICE_FORMAT(request->message->sender_id));
}

int join_check(struct request *request)
{
    struct slice ai_id = request->message->sender_id;
    const struct member *holder = request->room ? member_find(request->room, ai_id) : NULL;
    int error = ban_check(request);
    if (error < 0)
        return error;
    if (request->room && room_starting(request->room))
        return 0;                                    /* whoever held it is not connected any more */
    if (holder && holder->expelled == request->from) /* that was still on its way */
        return refuse(request->refusal, WIRE_KICKED,
                      "an admin has closed this connection of \"%.*s\"", SLICE_FORMAT(ai_id));
    const struct member *like = request->room ? name_taken_for(request->room, ai_id) : NULL;
    if (like)
        return refuse(request->refusal, WIRE_ID_IN_USE,
                      "\"%.*s\" looks like \"%.*s\", who is here; take an id that nobody takes for "
                      "another's",
                      SLICE_FORMAT(ai_id), SLICE_FORMAT(like->key));
    if (!holder || !member_is_here(holder) || (holder->peer && holder->peer == request->takes_over))
        return 0;
    if (member_is_away(holder))
        return request->takes_over ? 0 : away_refuse(request);
    return refuse(
        request->refusal, WIRE_ID_IN_USE,
        "\"%.*s\" is held by another connection; take another id, or show its resume_token "
        "(level 2) to take it over",
        SLICE_FORMAT(ai_id));
}

/* The old connection goes, without a word to the others: its AI stays. */
static void join_take_over(struct request *request, struct member *member)
{
    struct hub *hub = request->hub;
    struct seat old = {member->peer, member, member->level, member->observer};
    struct refusal refusal;
    refuse(&refusal, WIRE_TAKEN_OVER, "a newer connection showed the resume_token of \"%.*s\"",
           SLICE_FORMAT(member->key));
    hub_error(request, &old, &refusal, (struct slice){NULL, 0});
    member_depart(request->room, member, request->entry->time_ms);
    struct peer *peer = peer_find(hub, old.peer);
    if (peer) {
        hub->edge.close(hub->edge.ctx, old.peer, CLOSE_TAKEN_OVER);
        peer_drop(hub, peer);
    }
}

void join_proceed(struct request *request)
{
    struct room *room = request->room;
    struct slice ai_id = request->message->sender_id;
    struct member *member = member_find(room, ai_id);
    if (member && member->peer)
        join_take_over(request, member);
    bool was_away = member && member_is_away(member);
    member = member_join(room, request->from, ai_id, request->entry->time_ms);
    if (!member->cursor) /* what was said before it was ever here, it did not miss */
        member->cursor = request->entry->seq;
    if (!was_away) /* else whoever was killed before it wrote a new one down could not come back */
        hub_secret(request->hub, room->key, request->entry->seq, request->made++,
                   member->resume_token);
    request->member = member;
}

static void presence_make(struct request *request, const struct member *member, struct slice reason,
                          struct outgoing *ret_outgoing)
{
    struct text *text =
        hub_message_begin(request, MESSAGE_PRESENCE, slice_of("hub"), (struct slice){NULL, 0});
    text_add_literal(text, "{\"ai_id\":");
    text_add_string(text, member->key);
    text_add_literal(text, ",\"status\":\"left\",\"reason\":");
    text_add_string(text, reason);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_PRESENCE, ret_outgoing);
}

void presence_tell(struct request *request, const struct member *member, struct slice reason,
                   const struct seat *own)
{
    struct outgoing outgoing;
    presence_make(request, member, reason, &outgoing);
    effect_to_room(request, &outgoing, member);
    if (!own)
        return;
    presence_make(request, member, reason, &outgoing);
    effect_to_connection(request, &outgoing, own);
}

/* ── what a hello says ── */

int hello_room(const struct message *message, char buffer[ROOM_NAME_MAX], struct slice *ret_name,
               struct refusal *ret_refusal)
{
    struct json_value name = json_get(message->payload, "room");
    char shown[PAYLOAD_SHOWN_SIZE];
    if (name.kind == JSON_KIND_ABSENT || name.kind == JSON_KIND_NULL) {
        *ret_name = slice_of("main");
        return 0;
    }
    long len = name.kind == JSON_KIND_STRING ? json_decode(name, buffer, ROOM_NAME_MAX) : 0;
    *ret_name = (struct slice){buffer, len > 0 ? (size_t)len : 0};
    if (!ret_name->len || !message_id_fits(*ret_name))
        return refuse(ret_refusal, WIRE_BAD_PAYLOAD,
                      "payload.room must be a string of 1 to %u bytes without control characters, "
                      "and is %s",
                      ROOM_NAME_MAX, payload_shown(name, shown));
    if (slice_hides(*ret_name))
        return refuse(ret_refusal, WIRE_BAD_PAYLOAD,
                      "payload.room, \"%.*s\", has a character that nobody sees, or that changes "
                      "how others are shown",
                      SLICE_FORMAT(*ret_name));
    return 0;
}

bool hello_observes(const struct message *message)
{
    uint64_t level = 1;
    return json_u64(json_get(message->payload, "protocol"), &level) == 0 && level >= 2 &&
           json_string_is(json_get(message->payload, "role"), slice_of("observer"));
}

bool hello_is_admins(const struct message *message)
{
    return message->type == MESSAGE_HELLO &&
           json_get(message->payload, "admin").kind == JSON_KIND_TRUE;
}

static int hello_check_capabilities(struct request *request, struct json_value array)
{
    struct json_iterator elements = {.rest = array.raw};
    struct json_value element;
    char buffer[CAPABILITY_BYTES_MAX];
    size_t count = 0;
    if (array.kind == JSON_KIND_ABSENT || array.kind == JSON_KIND_NULL)
        return 0;
    if (array.kind != JSON_KIND_ARRAY)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.capabilities must be an array of strings");
    while (json_next_element(&elements, &element)) {
        if (element.kind != JSON_KIND_STRING || element.raw.len == 0 ||
            json_decode(element, buffer, sizeof buffer) < 0)
            return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                          "payload.capabilities[%zu] must be a string of 1 to %u bytes", count,
                          CAPABILITY_BYTES_MAX);
        if (++count > CAPABILITIES_MAX)
            return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                          "payload.capabilities has more than %u members", CAPABILITIES_MAX);
    }
    return 0;
}

/* What a hello says of the AI; texts in the struct's own buffers. */
struct hello {
    char specialization_text[WIRE_ID_MAX], role_text[16];
    struct slice specialization, role;
    struct json_value capabilities;
    bool ready, acks;
    int level;
    unsigned stays_s; /* 0: it does not stay */
    bool resumes;
    uint64_t since;  /* the seq up to which it has all, when it resumes */
    size_t sync_max; /* bytes of knowledge and ledger that it wants; SIZE_MAX: as the room likes */
};

static int hello_read_level(struct request *request, int *ret_level)
{
    struct json_value protocol = json_get(request->message->payload, "protocol");
    char shown[PAYLOAD_SHOWN_SIZE];
    uint64_t level = 1;
    if (protocol.kind != JSON_KIND_ABSENT && protocol.kind != JSON_KIND_NULL &&
        (json_u64(protocol, &level) < 0 || level == 0))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.protocol must be 1 or 2, and is %s", payload_shown(protocol, shown));
    *ret_level = level > 2 ? 2 : (int)level;
    return 0;
}

/* Only level 2 knows of it. */
static int hello_read_since(struct request *request, struct hello *ret_hello)
{
    struct json_value since = json_get(request->message->payload, "since");
    char shown[PAYLOAD_SHOWN_SIZE];
    ret_hello->resumes = false;
    if (ret_hello->level < 2 || since.kind == JSON_KIND_ABSENT || since.kind == JSON_KIND_NULL)
        return 0;
    uint64_t last = request->room ? request->room->last_seq : 0;
    ret_hello->resumes = true;
    if (since.kind == JSON_KIND_STRING && json_string_is(since, slice_of("last"))) {
        const struct member *known =
            request->room ? member_find(request->room, request->message->sender_id) : NULL;
        ret_hello->since = known ? known->cursor : last; /* who was never here missed nothing */
        return 0;
    }
    if (json_u64(since, &ret_hello->since) < 0)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.since must be \"last\", or a whole number, the last seq that you "
                      "have seen, and is %s",
                      payload_shown(since, shown));
    if (!request->entry && ret_hello->since > last)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.since is %llu, but this room is at seq %llu: that was another hub's",
                      (unsigned long long)ret_hello->since, (unsigned long long)last);
    return 0;
}

/* Only level 2 knows of it. */
static int hello_read_sync(struct request *request, int level, size_t *ret_sync_max)
{
    struct json_value sync = json_get(request->message->payload, "sync");
    char shown[PAYLOAD_SHOWN_SIZE];
    uint64_t bytes = SIZE_MAX;
    if (level == 2 && json_string_is(sync, slice_of("none")))
        bytes = 0;
    else if (level == 2 && sync.kind != JSON_KIND_ABSENT && sync.kind != JSON_KIND_NULL &&
             json_u64(sync, &bytes) < 0)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.sync must be \"none\" or a whole number of bytes, and is %s",
                      payload_shown(sync, shown));
    *ret_sync_max = bytes;
    return 0;
}

/* Only level 2 knows of them. */
static int hello_read_acks(struct request *request, int level, bool *ret_acks)
{
    *ret_acks = false;
    return level == 2
               ? payload_bool(request, request->message->payload, "payload.acks", false, ret_acks)
               : 0;
}

/* Others may not: level 1 would not get the resume_token, and observers are listed nowhere. */
static int hello_read_stays(const struct request *request, int level, unsigned *ret_stays_s)
{
    struct json_value payload = request->message->payload;
    uint64_t seconds = 0;
    int error = payload_u64(request, payload, "payload.stays_s", 1, STAY_MAX_S, &seconds);
    if (error < 0)
        return error;
    *ret_stays_s = (unsigned)seconds;
    if (!seconds || (level == 2 && !hello_observes(request->message)))
        return 0;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.stays_s is for members of level 2: nobody else stays between its "
                  "connections");
}

static int hello_read(struct request *request, struct hello *ret_hello)
{
    struct json_value payload = request->message->payload;
    int error;
    if ((error = payload_text(request, payload, "payload.specialization", OPTIONAL,
                              sizeof ret_hello->specialization_text, ret_hello->specialization_text,
                              &ret_hello->specialization)) < 0 ||
        (error = payload_bool(request, payload, "payload.collaboration_ready", true,
                              &ret_hello->ready)) < 0 ||
        (error =
             payload_text(request, payload, "payload.role", OPTIONAL, sizeof ret_hello->role_text,
                          ret_hello->role_text, &ret_hello->role)) < 0 ||
        (error = hello_read_level(request, &ret_hello->level)) < 0 ||
        (error = hello_read_since(request, ret_hello)) < 0 ||
        (error = hello_read_sync(request, ret_hello->level, &ret_hello->sync_max)) < 0 ||
        (error = hello_read_acks(request, ret_hello->level, &ret_hello->acks)) < 0 ||
        (error = hello_read_stays(request, ret_hello->level, &ret_hello->stays_s)) < 0)
        return error;
    if (ret_hello->role.len && !slice_is(ret_hello->role, "member") &&
        !slice_is(ret_hello->role, "observer"))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.role must be \"member\" or \"observer\", and is \"%.*s\"",
                      SLICE_FORMAT(ret_hello->role));
    ret_hello->capabilities = json_get(payload, "capabilities");
    return hello_check_capabilities(request, ret_hello->capabilities);
}

int hello_check(struct request *request)
{
    struct hello hello;
    int error = hello_read(request, &hello);
    if (error < 0)
        return error;
    if (request->member && hello_observes(request->message) != request->member->observer)
        return refuse(request->refusal, WIRE_FORBIDDEN,
                      "a connection keeps the role it began with");
    return hello.stays_s ? stay_check(request) : 0;
}

/* ── training_sync ── */

struct opportunity {
    const struct member *member;
    bool foreign;   /* another specialization */
    size_t lacking; /* capabilities that the newcomer has not */
};

/* The better first; joining order decides what is left, since candidates come in it and a tie
 * keeps its place. */
static bool opportunity_better(const struct opportunity *left, const struct opportunity *right)
{
    if (left->foreign != right->foreign)
        return left->foreign;
    if (left->lacking != right->lacking)
        return left->lacking > right->lacking;
    if (left->member->ready != right->member->ready)
        return left->member->ready;
    return left->member->sessions < right->member->sessions;
}

static size_t opportunities_find(struct room *room, const struct member *newcomer,
                                 struct opportunity best[OPPORTUNITIES_MAX])
{
    size_t count = 0;
    room->mark++;
    for (size_t i = 0; i < newcomer->capability_count; i++)
        newcomer->capabilities[i]->mark = room->mark;
    for (size_t i = 0; i < room->seat_count; i++) {
        const struct member *other = room->seats[i].member;
        if (other == newcomer || other->observer)
            continue;
        struct opportunity candidate = {
            .member = other,
            .foreign = !slice_equal(other->specialization, newcomer->specialization)};
        for (size_t j = 0; j < other->capability_count; j++)
            candidate.lacking += other->capabilities[j]->mark != room->mark;
        size_t place = count;
        while (place > 0 && opportunity_better(&candidate, &best[place - 1]))
            place--;
        if (place == OPPORTUNITIES_MAX)
            continue;
        if (count < OPPORTUNITIES_MAX)
            count++;
        memmove(&best[place + 1], &best[place], (count - 1 - place) * sizeof *best);
        best[place] = candidate;
    }
    return count;
}

static void sync_write_opportunities(struct room *room, const struct member *newcomer,
                                     struct text *text)
{
    struct opportunity best[OPPORTUNITIES_MAX];
    size_t count = opportunities_find(room, newcomer, best);
    text_add_literal(text, ",\"collaboration_opportunities\":[");
    for (size_t i = 0; i < count; i++) {
        text_add_literal(text, i ? ",{\"ai_id\":" : "{\"ai_id\":");
        text_add_string(text, best[i].member->key);
        text_add_literal(text, ",\"specialization\":");
        text_add_string(text, best[i].member->specialization);
        text_add_literal(text, ",\"capabilities\":");
        member_capability_text(best[i].member, text);
        text_add_literal(text, ",\"suggested_type\":\"cross_specialization\"}");
    }
    text_add_literal(text, "]");
}

/* The list is kept: written anew for each of N that join, it would be N * N names. */
static void sync_write_active(struct room *room, struct text *text)
{
    struct text *listed = &room->listed;
    if (room->listed_seats == 0)
        text_clear(listed);
    for (; room->listed_seats < room->seat_count; room->listed_seats++) {
        const struct seat *seat = &room->seats[room->listed_seats];
        if (seat->observer)
            continue;
        if (listed->len)
            text_add_literal(listed, ",");
        text_add_string(listed, seat->member->key);
    }
    text_add_literal(text, ",\"active_ais\":[");
    text_add(text, text_slice(listed));
    text_add_literal(text, "]");
}

static void sync_write_level_2(const struct request *request, size_t ledger_max, struct text *text)
{
    const struct room_limits *limits = &request->room->limits;
    if (request->entry)
        text_addf(text, ",\"seq\":%llu,\"cursor\":%llu,\"resume_token\":\"%s\"",
                  (unsigned long long)request->entry->seq,
                  (unsigned long long)request->member->cursor, request->member->resume_token);
    else /* to a guest */
        text_addf(text, ",\"seq\":%llu,\"kept\":false",
                  (unsigned long long)request->room->last_seq);
    text_add_literal(text, ",\"hub_version\":\"" KHUB_VERSION "\",\"room\":");
    text_add_string(text, request->room->key);
    text_addf(text,
              ",\"limits\":{\"max_line\":%zu,\"max_output\":%zu,\"sync_limit\":%zu,\"rate\":%.17g,"
              "\"heartbeat_timeout_s\":%.3f,\"stays_s\":%u,\"epoch_s\":%.3f}",
              limits->line_max, limits->output_max, limits->sync_limit, limits->rate,
              (double)limits->heartbeat_ms / 1000, STAY_MAX_S, (double)limits->epoch_ms / 1000);
    if (request->member->stays_s)
        text_addf(text, ",\"stays_s\":%u", request->member->stays_s);
    text_add_literal(text, ",\"away\":");
    stays_write(request->room, text);
    if (request->room->read_only.by.len) {
        text_add_literal(text, ",\"read_only\":");
        ruling_write_whole(&request->room->read_only, text);
    }
    text_add_literal(text, ",\"ledger\":");
    ledger_show(&request->room->knowledge.ledger, ledger_max, text);
}

/* What an AI has under way, which it may know nothing of any more: its sessions, its leases. */
static void sync_write_own(const struct request *request, struct text *text)
{
    const struct room *room = request->room;
    const struct member *member = request->member;
    const struct session *session;
    const char *before = "";
    text_add_literal(text, ",\"sessions\":[");
    TAILQ_FOREACH (session, &room->live, next) {
        if (!session_has(session, member->key))
            continue;
        text_add_literal(text, before);
        session_write(session, false, text);
        before = ",";
    }
    text_add_literal(text, "],\"leases\":");
    leases_write(room, member->key, text);
}

/* Those who are connected in the order of their joining, then those who are away. */
static void sync_write_members(const struct room *room, struct text *text)
{
    const struct member *member;
    const char *before = "";
    for (size_t i = 0; i < room->seat_count; i++) {
        if (room->seats[i].observer)
            continue;
        text_add_literal(text, before);
        member_write(room, room->seats[i].member, text);
        before = ",";
    }
    TAILQ_FOREACH (member, &room->away, next) {
        text_add_literal(text, before);
        member_write(room, member, text);
        before = ",";
    }
}

/* What an observer is told beside: who is there and what is worked on. */
static void sync_write_observer(const struct room *room, const struct member *observer,
                                struct text *text)
{
    text_add_literal(text, ",\"members\":[");
    sync_write_members(room, text);
    text_add_literal(text, "],\"sessions\":[");
    const struct session *session;
    const char *before = "";
    TAILQ_FOREACH (session, &room->live, next) {
        if (!session_shown(room, session, observer))
            continue;
        text_add_literal(text, before);
        session_write(session, false, text);
        before = ",";
    }
    text_add_literal(text, "],\"leases\":");
    leases_write(room, (struct slice){NULL, 0}, text);
    text_add_literal(text, ",\"touches\":");
    touches_write(room, text);
}

/* With knowledge and ledger in at most sync_max bytes; SIZE_MAX: as the room likes. */
static void sync_make(struct request *request, size_t sync_max, struct outgoing *ret_outgoing)
{
    struct room *room = request->room;
    const struct member *member = request->member;
    struct text *text =
        hub_message_begin(request, MESSAGE_TRAINING_SYNC, slice_of("hub"), member->key);
    text_add_literal(text, "{\"global_knowledge_base\":");
    size_t before = text->len, limit = room->limits.sync_limit;
    bool truncated = knowledge_write(&room->knowledge, sync_max < limit ? sync_max : limit, text);
    size_t used = text->len - before;
    size_t ledger_max = sync_max == SIZE_MAX ? SIZE_MAX : sync_max > used ? sync_max - used : 0;
    sync_write_active(room, text);
    sync_write_opportunities(room, member, text);
    text_add_literal(text, ",\"knowledge_totals\":");
    knowledge_write_totals(&room->knowledge, text);
    text_addf(text, ",\"truncated\":%s", truncated ? "true" : "false");
    if (member->level == 2)
        sync_write_level_2(request, ledger_max, text);
    if (member->observer)
        sync_write_observer(room, member, text);
    else if (member->level == 2)
        sync_write_own(request, text);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_TRAINING_SYNC, ret_outgoing);
}

static void sync_send(struct request *request, size_t sync_max)
{
    struct outgoing outgoing;
    sync_make(request, sync_max, &outgoing);
    effect_to_member(request, &outgoing, request->member);
}

/* What it missed follows the sync; what comes from now on follows that. */
static void resume(struct request *request, uint64_t since)
{
    struct hub *hub = request->hub;
    const struct member *member = request->member;
    struct hub_resume resumed = {.peer = request->from,
                                 .room = request->room->key,
                                 .ai_id = member->key,
                                 .level = member->level,
                                 .observer = member->observer,
                                 .sees = member->sees,
                                 .since = since,
                                 .seq = request->entry->seq};
    struct seat seat = {request->from, request->member, member->level, member->observer};
    struct peer *peer = peer_find(hub, request->from);
    if (peer)
        peer->catching_up = true;
    if (hub->edge.resume) {
        resumed.own = member_own_ids(request->room, member);
        hub->edge.resume(hub->edge.ctx, &resumed);
        slice_free(&resumed.own);
        return;
    }
    if (since + 1 < resumed.seq)
        request_truncated(request, &seat, resumed.seq);
    request_caught_up(request, &seat, resumed.seq);
}

/* Nobody but this hub's admit says who that is, and what it may: it cuts what a client says. */
struct slice hello_owner(const struct message *message, char buffer[WIRE_ID_MAX])
{
    struct json_value owner = json_get(message->payload, "owner");
    long len = owner.kind == JSON_KIND_STRING ? json_decode(owner, buffer, WIRE_ID_MAX) : 0;
    return (struct slice){buffer, len > 0 ? (size_t)len : 0};
}

static void hello_set_owner(const struct request *request)
{
    char buffer[WIRE_ID_MAX];
    member_set_owner(request->room, request->member, hello_owner(request->message, buffer));
    request->member->admin = hello_is_admins(request->message);
}

/* As above. */
static void hello_set_sees(struct member *member, const struct message *message)
{
    struct json_value said = json_get(message->payload, "sees");
    member->sees = SEES_ALL;
    for (enum sees sees = 0; member->observer && sees < SEES_COUNT; sees++)
        if (json_string_is(said, slice_of(sees_text(sees))))
            member->sees = sees;
}

/* What others are told of it. */
static void member_told(const struct member *member, struct text *text)
{
    text_addf(text, "%d%d%d", member->level, member->ready, member->admin);
    text_add_string(text, member->owner);
    text_add_string(text, member->specialization);
    member_capability_text(member, text);
}

/* All that a hello sets, of a member that has joined. */
static void hello_set(struct request *request, const struct hello *hello)
{
    struct room *room = request->room;
    struct member *member = request->member;
    member->ready = hello->ready;
    member->acks = hello->acks;
    member->stays_s = hello->stays_s;
    member_set_level(room, member, hello->level, hello_observes(request->message));
    hello_set_owner(request);
    hello_set_sees(member, request->message);
    slice_free(&member->specialization);
    member->specialization =
        slice_copy(hello->specialization.len ? hello->specialization : slice_of("general"));
    member_set_capabilities(room, member, hello->capabilities);
    member_changed(room, member);
}

static enum hub_event hello_event(const struct member *member, bool stayed)
{
    return member->observer  ? HUB_OBSERVING
           : stayed          ? HUB_RETURNED
           : member->stays_s ? HUB_JOINED_TO_STAY
                             : HUB_JOINED;
}

/* From where on it is given all. A hub that keeps nothing has what was said since just now. */
static void hello_reach(struct request *request, const struct hello *hello)
{
    struct room *room = request->room;
    struct member *member = request->member;
    uint64_t seq = request->entry->seq;
    if (hello->resumes && (room->limits.keeps || hello->since + 1 >= seq))
        reach_resume(member, hello->since);
    else
        reach_begin(member, seq);
    if (hello->resumes)
        member_read(room, member, hello->since);
}

void hello_proceed(struct request *request)
{
    struct hello hello;
    struct text before = {0}, now = {0};
    int error = hello_read(request, &hello);
    assert(error == 0); /* checked before */
    (void)error;
    struct room *room = request->room;
    struct member *member = member_find(room, request->message->sender_id);
    bool first = !request->member, stayed = member && member->stays_s;
    if (stayed)
        member_told(member, &before);
    if (first)
        join_proceed(request);
    member = request->member;
    hello_set(request, &hello);
    if (stayed && hello.stays_s)
        member_told(member, &now);
    if (first)
        hub_note(request->hub, member->peer, hello_event(member, stayed), member->key,
                 member->specialization);
    if (first)
        hello_reach(request, &hello);
    sync_send(request, hello.sync_max);
    if (first && hello.resumes) {
        if (room->limits.keeps)
            letters_resumed(room, member->key, member->level, hello.since);
        resume(request, hello.since);
    }
    /* observers are listed nowhere; and who was here, and has nothing new to say, makes no noise */
    request->handled =
        member->observer || (now.len && slice_equal(text_slice(&before), text_slice(&now)));
    text_free(&before);
    text_free(&now);
}

bool hello_receive(struct hub *hub, struct peer *peer, struct room *room,
                   const struct message *message, int64_t now)
{
    struct refusal refusal;
    struct hello hello;
    struct outgoing outgoing;
    struct request request = {.hub = hub,
                              .room = room,
                              .from = peer->id,
                              .message = message,
                              .refusal = &refusal,
                              .answered_ms = now};
    if (peer->member || message->type != MESSAGE_HELLO || hello_read(&request, &hello) < 0 ||
        !hello_observes(message))
        return false;
    peer_receive(hub, peer, room, message->sender_id, hello.specialization);
    peer->guest->acks = hello.acks;
    struct member asker = *peer->guest;
    asker.specialization = hello.specialization;
    request.member = &asker;
    sync_make(&request, hello.sync_max, &outgoing);
    struct seat seat = peer_seat(peer);
    effect_to_connection(&request, &outgoing, &seat);
    return true;
}
