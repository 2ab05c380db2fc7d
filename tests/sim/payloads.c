/* Payloads of every type, well formed or with one flaw, spelt in all the ways that JSON allows. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech.h"

#define LONG_32 "an id of thirty-two bytes, long!"
const char *const names[NAMES] = {"ada",
                                  "bob",
                                  "Ada",
                                  "AI_Node_1",
                                  "AI_Node_2",
                                  "q\"uo\\te",
                                  "żółw",
                                  "with space",
                                  "x",
                                  "eye",
                                  "watch",
                                  "hub2",
                                  LONG_32 LONG_32 LONG_32 LONG_32,
                                  "/slash é"};
const char *const strangers[STRANGERS] = {"nobody", "AI_Node_3", "hub"};
const char *const capabilities[CAPABILITIES] = {"tcp_stack", "TCP",     "crypto",     "ext4_fs",
                                                "MM",        "sched",   "żółw-io",    "audit",
                                                "fs",        "network", "say \"hi\"", "process"};
const char *const specializations[SPECIALIZATIONS] = {"networking", "security", "file_system",
                                                      "general",    "mémoire",  "person"};
const char *const room_names[ROOMS] = {"main",    "lab", "room \"3\"", "Main",
                                       "salle é", "6",   "the last"};
const char *const keys[KEYS] = {"best", "plan", "k\"ey", "clé", "z"};

const char *const own_ids[OWN_IDS] = {"fs-1", "fs-2", "net-1", "p3", "own \"id\""};
static const char *const component_names[] = {"sched", "fs", "net stack", "driver"};
static const char *const values[] = {"1",
                                     "-2.5",
                                     "\"text\"",
                                     "null",
                                     "true",
                                     "[1,[2,{\"a\":[]}]]",
                                     "{}",
                                     "{\"k\":\"\\u00e9\"}",
                                     "\"\\ud83d\\ude00\""};
void put(struct writer *writer, const char *literal)
{
    text_add_literal(&writer->text, literal);
}

void put_comma(struct writer *writer)
{
    size_t at = writer->text.len;
    while (at > 0 && strchr(" \t", writer->text.at[at - 1]))
        at--;
    if (at > 0 && writer->text.at[at - 1] != '{')
        put(writer, ",");
}

/* White space, now and then. */
void put_gap(struct writer *writer)
{
    static const char *const gaps[] = {" ", "\t", "  "};
    if (!writer->plain && chance_one_in(writer->chance, 8))
        put(writer, PICK(writer->chance, gaps));
}

/* A JSON string; some of its ASCII as escapes. */
void put_string(struct writer *writer, const char *text)
{
    put(writer, "\"");
    for (const char *at = text; *at; at++) {
        unsigned byte = (unsigned char)*at;
        bool must = byte == '"' || byte == '\\' || byte < 32;
        if (byte < 128 && !writer->plain && chance_one_in(writer->chance, 25))
            text_addf(&writer->text, "\\u%04x", byte);
        else
            text_add(&writer->text, (struct slice){must ? (char[2]){'\\', *at} : at, must ? 2 : 1});
    }
    put(writer, "\"");
}

void put_name(struct writer *writer, const char *name)
{
    put_gap(writer);
    put_string(writer, name);
    put_gap(writer);
    put(writer, ":");
    put_gap(writer);
}

/* One member of a payload that has begun with "{". */
void put_member(struct writer *writer, const char *name)
{
    put_comma(writer);
    put_name(writer, name);
}

void put_text_member(struct writer *writer, const char *name, const char *text)
{
    put_member(writer, name);
    put_string(writer, text);
}

void put_raw_member(struct writer *writer, const char *name, const char *raw)
{
    put_member(writer, name);
    put(writer, raw);
    put_gap(writer);
}

/* A member of a kind that it must not be of. */
void put_flawed_member(struct writer *writer, struct said *said, const char *name,
                       const char *const *wrong, unsigned count)
{
    put_raw_member(writer, name, wrong[chance_below(writer->chance, count)]);
    said->flaws |= FLAW(BAD_PAYLOAD);
}

const char *const no_string[NO_STRINGS] = {"5", "[]", "{}", "true"};
static const char *const no_object[] = {"5", "[]", "\"x\"", "null"};
static const char *const no_array[] = {"5", "{}", "\"x\""};
static const char *const no_bool[] = {"5", "\"true\"", "[]"};

/* ── payloads ── */

unsigned below(struct maker *maker, unsigned count)
{
    return chance_below(maker->writer->chance, count);
}

/* Is this the place of the flaw? */
bool flaw_here(struct maker *maker, unsigned places)
{
    if (!maker->flawed || below(maker, places) != 0)
        return false;
    maker->flawed = false;
    return true;
}

static void make_capabilities(struct maker *maker)
{
    struct said *said = maker->said;
    if (flaw_here(maker, 2)) {
        static const char *const wrong[] = {"\"tcp\"", "{}", "[1]", "[\"\"]", "[\"a\",null]"};
        FLAWED(maker->writer, said, "capabilities", wrong);
        return;
    }
    put_member(maker->writer, "capabilities");
    put(maker->writer, "[");
    for (unsigned i = below(maker, CAPABILITIES_EACH + 1); i > 0; i--) {
        int capability = (int)below(maker, CAPABILITIES);
        bool again = false;
        for (unsigned k = 0; k < said->hello.capability_count; k++)
            again |= said->hello.capabilities[k] == capability;
        if (maker->writer->text.at[maker->writer->text.len - 1] != '[')
            put(maker->writer, ",");
        put_string(maker->writer, capabilities[capability]);
        if (!again)
            said->hello.capabilities[said->hello.capability_count++] = capability;
    }
    put(maker->writer, "]");
}

static void make_token(struct maker *maker)
{
    struct said *said = maker->said;
    int claimed = said->sender == HUB ? 0 : said->sender;
    const struct member *member = &maker->world->rooms[said->hello.room].members[claimed];
    const struct member *other =
        &maker->world->rooms[said->hello.room].members[below(maker, NAMES)];
    const char *token = below(maker, 3) ? member->token : below(maker, 2) ? other->token : "SECRET";
    said->hello.secret = true;
    snprintf(said->hello.token, sizeof said->hello.token, "%s", token);
    put_text_member(maker->writer, "resume_token", token);
    if (below(maker, 4) == 0)
        put_text_member(maker->writer, "token", "SECRET");
}

static void make_level(struct maker *maker)
{
    static const struct {
        const char *raw;
        int level;
    } levels[] = {{"2", 2}, {"2", 2}, {"2", 2}, {"1", 1}, {"null", 1}, {"7", 2}};
    if (flaw_here(maker, 3)) {
        static const char *const wrong[] = {"0", "\"2\"", "-1", "1.5", "[]"};
        FLAWED(maker->writer, maker->said, "protocol", wrong);
        return;
    }
    unsigned pick = below(maker, sizeof levels / sizeof *levels);
    maker->said->hello.level = levels[pick].level;
    put_raw_member(maker->writer, "protocol", levels[pick].raw);
}

static void make_role(struct maker *maker)
{
    bool observer = maker->said->sender == 9 || maker->said->sender == 10 || below(maker, 12) == 0;
    if (flaw_here(maker, 3)) {
        static const char *const wrong[] = {"\"king\"", "5", "[]"};
        FLAWED(maker->writer, maker->said, "role", wrong);
    } else if (observer || below(maker, 2)) {
        put_text_member(maker->writer, "role", observer ? "observer" : "member");
        maker->said->hello.observer = observer && maker->said->hello.level == 2;
    }
}

/* Level 1 and observers may not. */
static void make_stays(struct maker *maker)
{
    struct said *said = maker->said;
    char seconds[16];
    bool may = said->hello.level == 2 && !said->hello.observer;
    if (may && flaw_here(maker, 1)) {
        static const char *const wrong[] = {"0", "86401", "1.5", "\"60\"", "-1", "true"};
        FLAWED(maker->writer, said, "stays_s", wrong);
        return;
    }
    if (below(maker, may ? 2 : 40))
        return;
    unsigned stays = 1 + below(maker, below(maker, 3) ? 120 : 8);
    snprintf(seconds, sizeof seconds, "%u", stays);
    put_raw_member(maker->writer, "stays_s", seconds);
    if (may)
        said->hello.stays = stays;
    else
        said->flaws |= FLAW(BAD_PAYLOAD);
}

/* Who stays comes back, and says of itself what it said before. */
static void make_return(struct maker *maker, const struct member *member)
{
    struct said *said = maker->said;
    put_raw_member(maker->writer, "protocol", "2");
    said->hello.level = 2;
    said->hello.specialization = member->specialization;
    if (member->specialization != NOBODY)
        put_text_member(maker->writer, "specialization", specializations[member->specialization]);
    said->hello.ready = member->ready;
    put_raw_member(maker->writer, "collaboration_ready", member->ready ? "true" : "false");
    put_member(maker->writer, "capabilities");
    put(maker->writer, "[");
    for (unsigned i = 0; i < member->capability_count; i++) {
        put(maker->writer, i ? "," : "");
        put_string(maker->writer, capabilities[member->capabilities[i]]);
        said->hello.capabilities[said->hello.capability_count++] = member->capabilities[i];
    }
    put(maker->writer, "]");
    put_text_member(maker->writer, "room", room_names[said->hello.room]);
    make_stays(maker);
    if (below(maker, 2))
        make_since(maker);
    make_token(maker);
}

static void make_hello(struct maker *maker)
{
    struct said *said = maker->said;
    const struct link *link = &maker->world->links[said->link];
    bool elsewhere = below(maker, link->name == NOBODY ? 3 : 20) == 0;
    said->hello.room = link->name == NOBODY ? 0 : link->room;
    if (elsewhere)
        said->hello.room = (int)below(maker, (unsigned)maker->world->temper.rooms);
    said->hello.level = 1;
    said->hello.ready = true;
    said->hello.specialization = NOBODY;
    const struct member *known =
        &maker->world->rooms[said->hello.room].members[said->sender == HUB ? 0 : said->sender];
    if (known->stays && !maker->flawed && below(maker, 3)) {
        make_return(maker, known);
        return;
    }
    if (below(maker, 3))
        make_level(maker);
    make_role(maker);
    make_stays(maker);
    if (flaw_here(maker, 3)) {
        FLAWED(maker->writer, said, "specialization", no_string);
    } else if (below(maker, 4)) {
        said->hello.specialization = (int)below(maker, SPECIALIZATIONS);
        put_text_member(maker->writer, "specialization",
                        specializations[said->hello.specialization]);
    }
    if (below(maker, 2)) {
        put_raw_member(maker->writer, "acks", "true");
        said->hello.acks = said->hello.level == 2;
    }
    if (said->hello.room != 0 || below(maker, 3) == 0)
        put_text_member(maker->writer, "room", room_names[said->hello.room]);
    if (below(maker, 3) == 0) {
        said->hello.ready = below(maker, 2);
        put_raw_member(maker->writer, "collaboration_ready", said->hello.ready ? "true" : "false");
    }
    if (below(maker, 4))
        make_capabilities(maker);
    if (said->hello.level == 2 && flaw_here(maker, 1)) {
        static const char *const wrong[] = {"\"all\"", "-1", "1.5", "[]"};
        FLAWED(maker->writer, said, "sync", wrong);
    } else if (below(maker, 5) == 0) { /* level 1 knows nothing of it */
        static const char *const wanted[] = {"\"none\"", "0", "300", "2e3", "100000000"};
        put_raw_member(maker->writer, "sync", PICK(maker->writer->chance, wanted));
        said->hello.cut = said->hello.level == 2;
    }
    if (below(maker, 3) == 0)
        make_since(maker);
    bool held = said->sender != HUB && member_here(known);
    if (below(maker, held ? 10 : 3) < (held ? 7 : 1))
        make_token(maker);
}

/* The object that is shared, under `name`; `id_name` is the member of it that the hub looks at,
 * `id` its text ("": absent). */
static void make_body(struct maker *maker, const char *name, const char *id_name, const char *id)
{
    struct writer *writer = maker->writer;
    if (flaw_here(maker, 2)) {
        FLAWED(writer, maker->said, name, no_object);
        return;
    }
    put_member(writer, name);
    size_t start = writer->text.len;
    put(writer, "{");
    if (id[0])
        put_text_member(writer, id_name, id);
    else if (flaw_here(maker, 2))
        FLAWED(writer, maker->said, id_name, no_string);
    if (maker->said->own_id[0])
        put_text_member(writer, "id", maker->said->own_id);
    if (maker->said->type != MESSAGE_CODE_SHARE)
        make_claim(maker);
    put_raw_member(writer, "value", PICK(writer->chance, values));
    if (below(maker, 15) == 0)
        text_addf(&writer->text, ",\"filling\":\"%0*d\"", (int)below(maker, 5000), 0);
    put(writer, "}");
    maker->said->body = strndup(writer->text.at + start, writer->text.len - start);
    assert(maker->said->body);
}

static void make_share(struct maker *maker)
{
    struct said *said = maker->said;
    bool pattern = said->type == MESSAGE_PATTERN_SHARE;
    int owner = below(maker, 8) ? said->sender : (int)below(maker, NAMES);
    if (below(maker, 4))
        snprintf(said->id, sizeof said->id, "%c%d-%u", pattern || below(maker, 6) == 0 ? 'p' : 'c',
                 owner, below(maker, 3));
    make_body(maker, pattern ? "pattern" : "code", "id", said->id);
}

static void make_component(struct maker *maker)
{
    struct said *said = maker->said;
    if (below(maker, 3))
        snprintf(said->name, sizeof said->name, "%s", PICK(maker->writer->chance, component_names));
    if (below(maker, 2))
        snprintf(said->own_id, sizeof said->own_id, "%s", PICK(maker->writer->chance, own_ids));
    make_body(maker, "component", "name", said->name);
    if (flaw_here(maker, 2)) {
        FLAWED(maker->writer, said, "collaboration_complete", no_bool);
    } else if (said->session_id[0] || below(maker, 8) == 0) {
        said->complete = below(maker, 4) != 0;
        put_raw_member(maker->writer, "collaboration_complete", said->complete ? "true" : "false");
    }
}

static void make_reported_id(struct maker *maker)
{
    struct said *said = maker->said;
    const struct room_model *room = &maker->world->rooms[maker->room];
    const char *id = PICK(maker->writer->chance, own_ids);
    const struct entry_model *claim = below(maker, 3) ? some_claim(maker) : NULL;
    if (claim)
        id = claim->own_id[0] && below(maker, 3) == 0 ? claim->own_id : claim->key;
    else if (room->entry_count && below(maker, 4))
        id = room->entries[below(maker, (unsigned)room->entry_count)].key;
    if (strlen(id) <= COMPONENT_ID_BYTES_MAX)
        snprintf(said->id, sizeof said->id, "%s", id);
    else
        snprintf(said->id, sizeof said->id, "p1");
}

static void make_report(struct maker *maker)
{
    static const char *const scores[] = {"0", "0.25", "0.5", "1", "0.875"};
    struct said *said = maker->said;
    make_reported_id(maker);
    if (flaw_here(maker, 3)) {
        static const char *const wrong[] = {"5", "\"\"", "null", "[]"};
        FLAWED(maker->writer, said, "component_id", wrong);
    } else {
        put_text_member(maker->writer, "component_id", said->id);
    }
    if (flaw_here(maker, 1)) {
        FLAWED(maker->writer, said, "performance", no_object);
        return;
    }
    put_member(maker->writer, "performance");
    put(maker->writer, "{");
    said->score = -1;
    if (below(maker, 3)) {
        const char *score = below(maker, 15) ? PICK(maker->writer->chance, scores) : "7";
        put_raw_member(maker->writer, "score", score);
        said->score = strtod(score, NULL);
        if (said->score > 1)
            said->flaws |= FLAW(BAD_PAYLOAD);
    }
    if (below(maker, 3) == 0) {
        said->tested = below(maker, 3) != 0;
        put_raw_member(maker->writer, "integration_tested", said->tested ? "true" : "1");
    }
    make_measurement(maker);
    put(maker->writer, "}");
}

static void make_feature(struct maker *maker)
{
    struct said *said = maker->said;
    const char *capability = PICK(maker->writer->chance, capabilities);
    size_t len = 1 + below(maker, 6);
    snprintf(said->feature_text, sizeof said->feature_text, "%.*s", (int)len, capability);
    if ((unsigned char)capability[0] >= 128) /* not through the middle of a character */
        snprintf(said->feature_text, sizeof said->feature_text, "%s", capability);
    for (char *at = said->feature_text; *at; at++)
        if (*at >= 'a' && *at <= 'z' && below(maker, 4) == 0)
            *at = (char)(*at - 'a' + 'A');
    if (flaw_here(maker, 1)) {
        static const char *const wrong[] = {"5", "\"\"", "null", "[]"};
        FLAWED(maker->writer, said, "feature", wrong);
        return;
    }
    put_text_member(maker->writer, "feature", said->feature_text);
    if (below(maker, 2))
        put_raw_member(maker->writer, "requirements", PICK(maker->writer->chance, values));
}

static int any_target(struct maker *maker)
{
    return below(maker, 20) ? somebody(maker->world, maker->room) : STRANGER;
}

static const char *target_text(struct maker *maker, int target)
{
    return target == STRANGER ? PICK(maker->writer->chance, strangers) : names[target];
}

static void make_request(struct maker *maker)
{
    struct said *said = maker->said;
    if (flaw_here(maker, 2)) {
        FLAWED(maker->writer, said, "type", no_string);
        return;
    }
    put_text_member(maker->writer, "type", "feature_development");
    put_text_member(maker->writer, "description", "let us \"work\"");
    if (flaw_here(maker, 2)) {
        FLAWED(maker->writer, said, "seeking_expertise", no_array);
        return;
    }
    if (below(maker, 2)) {
        said->asked = any_target(maker);
        if (said->asked == said->sender && below(maker, 8))
            said->asked = STRANGER;
        put_text_member(maker->writer, "target_ai", target_text(maker, said->asked));
    } else {
        put_raw_member(maker->writer, "target_ai", below(maker, 2) ? "\"\"" : "null");
    }
    put_raw_member(maker->writer, "expertise_offered", "[\"a\",\"b\"]");
}

static void make_response(struct maker *maker)
{
    struct said *said = maker->said;
    if (flaw_here(maker, 1)) {
        static const char *const wrong[] = {"1", "\"yes\"", "null", "[]"};
        FLAWED(maker->writer, said, "accepted", wrong);
        return;
    }
    said->accepted = below(maker, 4) != 0;
    put_raw_member(maker->writer, "accepted", said->accepted ? "true" : "false");
    if (below(maker, 2))
        put_text_member(maker->writer, "reason", "be\"cause");
}

static void make_update(struct maker *maker)
{
    static const enum state ends[] = {PENDING, PENDING, PENDING, FAILED, CANCELLED};
    struct said *said = maker->said;
    said->end = PICK(maker->writer->chance, ends);
    if (flaw_here(maker, 1)) {
        static const char *const wrong[] = {"2", "-0.5", "\"half\"", "1e999", "[]"};
        FLAWED(maker->writer, said, "progress", wrong);
        return;
    }
    if (said->end != PENDING)
        put_text_member(maker->writer, "status", state_names[said->end]);
    if (said->end == PENDING || below(maker, 2)) {
        char raw[16];
        said->progress = below(maker, 9) / 8.0;
        snprintf(raw, sizeof raw, "%g", said->progress);
        put_raw_member(maker->writer, "progress", raw);
    }
    if (below(maker, 3) == 0)
        put_text_member(maker->writer, "note", "on we go");
}

static void make_write(struct maker *maker)
{
    struct said *said = maker->said;
    const struct session_model *session =
        model_session_find(&maker->world->rooms[maker->room], said->session_id);
    said->key = below(maker, 3) ? 0 : (int)below(maker, KEYS);
    said->base_version = session ? session->workspace[said->key].version : 0;
    if (below(maker, 4) == 0)
        said->base_version = below(maker, 4);
    said->value = strdup(PICK(maker->writer->chance, values));
    assert(said->value);
    if (flaw_here(maker, 2)) {
        static const char *const wrong[] = {"5", "\"\"", "null"};
        FLAWED(maker->writer, said, "key", wrong);
        return;
    }
    put_text_member(maker->writer, "key", keys[said->key]);
    put_raw_member(maker->writer, "value", said->value);
    if (flaw_here(maker, 1)) {
        static const char *const wrong[] = {"-1", "0.5", "\"1\"", "[]", "1e999"};
        FLAWED(maker->writer, said, "base_version", wrong);
    } else if (said->base_version || below(maker, 2)) {
        put_member(maker->writer, "base_version");
        text_addf(&maker->writer->text, "%llu", (unsigned long long)said->base_version);
    }
}

/* The message_id of an earlier one: that is awaited, that is itself a reply, or any. */
static const char *draw_answered(struct maker *maker)
{
    const struct room_model *room = &maker->world->rooms[maker->room];
    if (room->awaited_count && below(maker, 2))
        return room->awaited[below(maker, (unsigned)room->awaited_count)].message_id;
    if (room->chain_count && below(maker, 3))
        return room->chains[room->chain_count - 1].message_id;
    return maker->world->last_said[below(maker, NAMES)];
}

/* What a direct message asks for, and which earlier one a message answers. */
static void make_reply(struct maker *maker)
{
    struct said *said = maker->said;
    const struct room_model *room = &maker->world->rooms[maker->room];
    if (below(maker, 3) == 0) {
        snprintf(said->in_reply_to, sizeof said->in_reply_to, "%s", draw_answered(maker));
        put_text_member(maker->writer, "in_reply_to", said->in_reply_to);
    }
    bool absent = said->target >= 0 && room->members[said->target].link == NOBODY;
    if (absent ? below(maker, 4) != 0 : below(maker, 3) == 0) {
        char seconds[24];
        said->reply_by = 1 + below(maker, below(maker, 3) ? 20 : 400);
        snprintf(seconds, sizeof seconds, "%u", said->reply_by);
        put_raw_member(maker->writer, "reply_by", seconds);
    }
}

static void make_talk(struct maker *maker)
{
    const struct link *link = &maker->world->links[maker->said->link];
    if (maker->said->type == MESSAGE_HEARTBEAT && below(maker, 2)) {
        char seq[24]; /* some that nobody could have read */
        snprintf(seq, sizeof seq, "%llu", (unsigned long long)link->seq + below(maker, 3));
        put_raw_member(maker->writer, "seq", seq);
        return;
    }
    if (maker->said->type == MESSAGE_HEARTBEAT && link->unkept[0] && below(maker, 2)) {
        maker->said->gives_up = true;
        put_text_member(maker->writer, "refused", link->unkept);
        return;
    }
    make_reply(maker);
    if (maker->said->type == MESSAGE_CHAT && flaw_here(maker, 1))
        FLAWED(maker->writer, maker->said, "text", no_string);
    else
        put_text_member(maker->writer, "text", "hello \"you\" é");
    put_raw_member(maker->writer, "n", PICK(maker->writer->chance, values));
}

/* ── which session a message names ── */

bool session_concerns(const struct said *said, const struct session_model *session)
{
    bool open_to = session->target == NOBODY || session->target == said->sender;
    if (said->type == MESSAGE_COLLABORATION_RESPONSE)
        return model_session_live(session) && open_to && !model_session_has(session, said->sender);
    return session->state == ACTIVE && model_session_has(session, said->sender);
}

static void make_session_id(struct maker *maker)
{
    struct said *said = maker->said;
    const struct room_model *room =
        &maker->world->rooms[below(maker, 20) ? maker->room : (int)below(maker, ROOMS)];
    unsigned count = (unsigned)room->session_count;
    const struct session_model *session = NULL;
    for (unsigned tries = 0; count && tries < (below(maker, 5) ? 20 : 1); tries++) {
        unsigned recent = count < 12 || below(maker, 5) == 0 ? count : 12;
        session = &room->sessions[count - 1 - below(maker, recent)];
        if (session_concerns(said, session))
            break;
    }
    if (session && below(maker, 25))
        memcpy(said->session_id, session->id, sizeof said->session_id);
    else
        snprintf(said->session_id, sizeof said->session_id, "no-such-session");
    put_text_member(maker->writer, "session_id", said->session_id);
}

static void make_needed_session_id(struct maker *maker)
{
    if (flaw_here(maker, 3)) {
        static const char *const wrong[] = {"5", "\"\"", "null", "{}"};
        FLAWED(maker->writer, maker->said, "session_id", wrong);
    } else {
        make_session_id(maker);
    }
}

void payload_make(struct maker *maker)
{
    static void (*const makers[MESSAGE_TYPE_COUNT])(struct maker *) = {
        [MESSAGE_HELLO] = make_hello,
        [MESSAGE_PATTERN_SHARE] = make_share,
        [MESSAGE_CODE_SHARE] = make_share,
        [MESSAGE_OS_COMPONENT_SHARE] = make_component,
        [MESSAGE_PERFORMANCE_REPORT] = make_report,
        [MESSAGE_FEATURE_REQUEST] = make_feature,
        [MESSAGE_COLLABORATION_REQUEST] = make_request,
        [MESSAGE_COLLABORATION_RESPONSE] = make_response,
        [MESSAGE_COLLABORATION_UPDATE] = make_update,
        [MESSAGE_WORKSPACE_UPDATE] = make_write,
        [MESSAGE_COMMITMENT] = make_commitment,
        [MESSAGE_MEASUREMENT] = make_measured,
        [MESSAGE_DEAD_QUERY] = make_dead_query,
        [MESSAGE_DEAD_LETTER] = make_dead_letter,
        [MESSAGE_MODERATION] = make_moderation,
        [MESSAGE_LEASE_REQUEST] = make_lease_request,
        [MESSAGE_LEASE_RELEASE] = make_lease_release,
        [MESSAGE_TOUCH] = make_touch,
        [MESSAGE_APPROVAL_REQUEST] = make_approval_request,
        [MESSAGE_APPROVAL_ANSWER] = make_approval_answer,
        [MESSAGE_TASK] = make_task,
        [MESSAGE_EVIDENCE_REPORT] = make_evidence_report,
        [MESSAGE_TASK_QUERY] = make_task_query,
        [MESSAGE_ARTIFACT_OFFER] = make_artifact_offer,
        [MESSAGE_ARTIFACT_CHUNK] = make_artifact_chunk,
    };
    enum message_type type = maker->said->type;
    put(maker->writer, "{");
    if (type == MESSAGE_COLLABORATION_RESPONSE || type == MESSAGE_COLLABORATION_UPDATE ||
        type == MESSAGE_WORKSPACE_UPDATE)
        make_needed_session_id(maker);
    else if (type != MESSAGE_HELLO && type != MESSAGE_ARTIFACT_CHUNK &&
             type != MESSAGE_ARTIFACT_OFFER &&
             below(maker, type == MESSAGE_OS_COMPONENT_SHARE ? 2 : 12) == 0)
        make_session_id(maker);
    (makers[type] ? makers[type] : make_talk)(maker);
    if (maker->world->temper.leases && below(maker, 6) == 0)
        make_lease_shown(maker); /* of a type that knows none it is the sender's own */
    put(maker->writer, "}");
}
