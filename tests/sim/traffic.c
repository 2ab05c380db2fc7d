/* Whole lines: a message around a payload, or something that is no message, or not its sender's to
 * send. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech.h"

/* Lines that no sender may say; %s: the sender's id. */
static const struct {
    const char *line;
    uint64_t codes;
} garbage[] = {
    {"GET / HTTP/1.1", FLAW(BAD_JSON)},
    {"[1,2,3]", FLAW(BAD_JSON)},
    {"\"hello\"", FLAW(BAD_JSON)},
    {"{\"message_id\":\"m\",}", FLAW(BAD_JSON)},
    {"{\"message_id\":\"m\",\"sender_id\":\"\xff\xfe\"}", FLAW(BAD_JSON)},
    {"{\"message_id\":\"m\",\"sender_id\":\"\\ud800\"}", FLAW(BAD_JSON)},
    {"{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"chat\",\"timestamp\":\"t\","
     "\"payload\":{\"n\":01}}",
     FLAW(BAD_JSON)},
    {"{}", FLAW(MISSING_FIELD)},
    {"{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"chat\",\"timestamp\":\"t\"}",
     FLAW(MISSING_FIELD)},
    {"{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"chat\",\"timestamp\":\"t\","
     "\"payload\":{},\"x\":1}",
     FLAW(UNKNOWN_FIELD)},
    {"{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"chat\",\"timestamp\":\"t\","
     "\"payload\":{},\"seq\":1}",
     FLAW(UNKNOWN_FIELD)},
    {"{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"chat\",\"timestamp\":\"t\","
     "\"payload\":{},"
     "\"payload\":{}}",
     FLAW(DUPLICATE_FIELD)},
    {"{\"message_id\":7,\"sender_id\":\"%s\",\"message_type\":\"chat\",\"timestamp\":\"t\","
     "\"payload\":{}}",
     FLAW(BAD_FIELD)},
    {"{\"message_id\":\"m\",\"sender_id\":\"a\\nb\",\"message_type\":\"chat\",\"timestamp\":\"t\","
     "\"payload\":{}}",
     FLAW(BAD_FIELD)},
    {"{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"chat\",\"timestamp\":\"t\","
     "\"payload\":[]}",
     FLAW(BAD_FIELD)},
    {"{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"song\",\"timestamp\":\"t\","
     "\"payload\":{}}",
     FLAW(UNKNOWN_TYPE)},
    {"{\"message_id\":\"m\",\"sender_id\":\"%s\",\"message_type\":\"knowledge_wish\","
     "\"timestamp\":\"t\","
     "\"payload\":{}}",
     FLAW(UNKNOWN_TYPE)},
};

static void say_garbage(struct writer *writer, struct said *said)
{
    struct writer id = {.chance = writer->chance, .plain = true};
    unsigned pick = chance_below(writer->chance, sizeof garbage / sizeof *garbage);
    const char *line = garbage[pick].line, *here = strstr(line, "%s");
    put_string(&id, names[said->sender >= 0 ? said->sender : 0]);
    if (here) {
        text_add(&writer->text, (struct slice){line, (size_t)(here - line)});
        text_add(&writer->text, (struct slice){id.text.at + 1, id.text.len - 2});
        line = here + 2;
    }
    put(writer, line);
    text_free(&id.text);
    said->bad_line = true;
    said->flaws = garbage[pick].codes;
}

/* One member of the message, with its comma before it. */
static void put_message_member(struct maker *maker, unsigned member)
{
    struct writer *writer = maker->writer;
    struct said *said = maker->said;
    static const char *const member_names[] = {"message_id", "sender_id", "message_type",
                                               "timestamp",  "payload",   "target_ai"};
    if (member == 5 && said->target == NOBODY && chance_one_in(writer->chance, 3))
        return;
    put_comma(writer);
    put_name(writer, member_names[member]);
    if (member == 4)
        payload_make(maker);
    else if (member == 5 && said->target == NOBODY)
        put(writer, chance_one_in(writer->chance, 2) ? "null" : "\"\"");
    else
        put_string(writer, member == 0   ? said->message_id
                           : member == 1 ? (said->sender == HUB ? "hub" : names[said->sender])
                           : member == 2 ? message_type_text(said->type)
                           : member == 3 ? said->timestamp
                           : said->target == STRANGER ? PICK(writer->chance, strangers)
                                                      : names[said->target]);
    put_gap(writer);
}

static void put_message(struct maker *maker)
{
    unsigned order[] = {0, 1, 2, 3, 4, 5};
    for (unsigned i = 5; i > 0 && !maker->writer->plain; i--) {
        unsigned other = chance_below(maker->writer->chance, i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    put(maker->writer, "{");
    put_gap(maker->writer);
    for (unsigned i = 0; i < 6; i++)
        put_message_member(maker, order[i]);
    put(maker->writer, "}");
}

/* Somebody else's name, the hub's, or a type that is the hub's. Whoever has not joined may still be
 * anybody. */
static void forge(struct world *world, struct said *said)
{
    static const enum message_type of_hub[] = {MESSAGE_TRAINING_SYNC,     MESSAGE_ACK,
                                               MESSAGE_PRESENCE,          MESSAGE_ERROR,
                                               MESSAGE_KNOWLEDGE_RESULT,  MESSAGE_CHALLENGE,
                                               MESSAGE_VERIFICATION,      MESSAGE_LEASE,
                                               MESSAGE_CAUGHT_UP,         MESSAGE_DEAD_RESULT,
                                               MESSAGE_MODERATION_RESULT, MESSAGE_MEMBER_RESULT,
                                               MESSAGE_APPROVAL,          MESSAGE_APPROVAL_RESULT,
                                               MESSAGE_TASK_RESULT,       MESSAGE_ARTIFACT,
                                               MESSAGE_ARTIFACT_RESULT};
    const struct link *link = &world->links[said->link];
    unsigned kind = chance_below(&world->chance, 3);
    said->bad_line = true;
    if (kind == 0) {
        said->type = PICK(&world->chance, of_hub);
        said->flaws |= FLAW(FORBIDDEN_TYPE);
    } else if (kind == 1 || link->name == NOBODY) {
        said->sender = HUB;
        said->flaws |= FLAW(RESERVED_ID) | FLAW(SENDER_MISMATCH);
    } else {
        said->sender = (link->name + 1 + (int)chance_below(&world->chance, NAMES - 1)) % NAMES;
        said->flaws |= FLAW(SENDER_MISMATCH);
    }
}

static enum message_type draw_type(struct world *world, const struct link *link)
{
    static const enum message_type types[] = {MESSAGE_HELLO,
                                              MESSAGE_PATTERN_SHARE,
                                              MESSAGE_CODE_SHARE,
                                              MESSAGE_FEATURE_REQUEST,
                                              MESSAGE_FEATURE_RESPONSE,
                                              MESSAGE_COLLABORATION_REQUEST,
                                              MESSAGE_OS_COMPONENT_SHARE,
                                              MESSAGE_PERFORMANCE_REPORT,
                                              MESSAGE_HEARTBEAT,
                                              MESSAGE_CHAT,
                                              MESSAGE_COLLABORATION_RESPONSE,
                                              MESSAGE_COLLABORATION_UPDATE,
                                              MESSAGE_WORKSPACE_UPDATE,
                                              MESSAGE_COMMITMENT,
                                              MESSAGE_MEASUREMENT,
                                              MESSAGE_DEAD_QUERY,
                                              MESSAGE_DEAD_LETTER,
                                              MESSAGE_MODERATION,
                                              MESSAGE_MODERATION_QUERY,
                                              MESSAGE_MEMBER_QUERY,
                                              MESSAGE_SENT_QUERY,
                                              MESSAGE_LEASE_REQUEST,
                                              MESSAGE_LEASE_RELEASE,
                                              MESSAGE_TOUCH,
                                              MESSAGE_APPROVAL_REQUEST,
                                              MESSAGE_APPROVAL_ANSWER,
                                              MESSAGE_TASK,
                                              MESSAGE_EVIDENCE_REPORT,
                                              MESSAGE_TASK_QUERY,
                                              MESSAGE_ARTIFACT_OFFER,
                                              MESSAGE_ARTIFACT_CHUNK,
                                              MESSAGE_ARTIFACT_QUERY};
    static const enum message_type of_files[] = {MESSAGE_ARTIFACT_OFFER, MESSAGE_ARTIFACT_CHUNK,
                                                 MESSAGE_ARTIFACT_CHUNK, MESSAGE_ARTIFACT_CHUNK};
    static const enum message_type of_tasks[] = {MESSAGE_TASK, MESSAGE_TASK, MESSAGE_LEASE_REQUEST,
                                                 MESSAGE_EVIDENCE_REPORT};
    enum { COUNT = sizeof types / sizeof *types, LEASE_TYPES = 11 };
    static_assert((int)COUNT <= (int)TYPE_WEIGHTS, "each type has a weight");
    unsigned count = world->temper.leases ? COUNT : COUNT - LEASE_TYPES;
    unsigned total = 0, picked, type = 0;
    if (link->name == NOBODY && !chance_one_in(&world->chance, 4))
        return MESSAGE_HELLO;
    if (link->name == ADMIN && chance_one_in(&world->chance, 6))
        return MESSAGE_MODERATION;
    if (world->temper.leases && chance_one_in(&world->chance, 3))
        return PICK(&world->chance, of_tasks);
    if (world->temper.leases && artifacts_at_work(world, link->room, link->name) &&
        !chance_one_in(&world->chance, 3))
        return PICK(&world->chance, of_files);
    if (world->temper.leases && chance_one_in(&world->chance, 8))
        return chance_one_in(&world->chance, 2) ? MESSAGE_COLLABORATION_REQUEST
                                                : MESSAGE_COLLABORATION_RESPONSE;
    if (chance_one_in(&world->chance, 80))
        return MESSAGE_LEAVE;
    for (unsigned i = 0; i < count; i++)
        total += world->temper.weights[i];
    picked = chance_below(&world->chance, total);
    while (picked >= world->temper.weights[type])
        picked -= world->temper.weights[type++];
    return types[type];
}

/* Is there a session on which the sender could well say this? */
static bool type_fits(const struct world *world, const struct link *link, const struct said *said)
{
    const struct room_model *room = &world->rooms[link->room == NOBODY ? 0 : link->room];
    if (said->type != MESSAGE_COLLABORATION_RESPONSE &&
        said->type != MESSAGE_COLLABORATION_UPDATE && said->type != MESSAGE_WORKSPACE_UPDATE)
        return true;
    for (size_t i = room->session_count; i > 0 && i + 12 > room->session_count; i--)
        if (session_concerns(said, &room->sessions[i - 1]))
            return true;
    return false;
}

int somebody(struct world *world, int at)
{
    const struct room_model *room = &world->rooms[at];
    if (room->seat_count && !chance_one_in(&world->chance, 6))
        return room->seats[chance_below(&world->chance, room->seat_count)];
    return (int)chance_below(&world->chance, NAMES);
}

static int draw_target(struct world *world, int room)
{
    unsigned kind = chance_below(&world->chance, 50);
    if (kind == 0)
        return STRANGER;
    return kind < 15 ? somebody(world, room) : NOBODY;
}

static void finish(struct writer *writer, struct said *said)
{
    size_t len = writer->text.len;
    bool wide = !said->bad_line && !writer->plain && chance_one_in(writer->chance, 6);
    assert(!writer->text.failed);
    said->line = malloc(len + 4);
    assert(said->line);
    said->len = 0;
    if (wide)
        said->line[said->len++] = ' ';
    said->core = said->line + said->len;
    said->core_len = len;
    memcpy(said->line + said->len, writer->text.at, len);
    said->len += len;
    if (wide)
        said->line[said->len++] = '\t';
    text_free(&writer->text);
}

/* One in so many messages bears the message_id of what its sender said last, and half of them that
 * of what could not be kept. */
static void draw_id(struct world *world, struct said *said, bool well)
{
    char *last = world->last_said[said->sender];
    const char *unkept = world->links[said->link].unkept;
    if (unkept[0] && well && chance_one_in(&world->chance, 2)) {
        said->again = true;
        memcpy(said->message_id, unkept, sizeof said->message_id);
        return;
    }
    said->again = well && last[0] && chance_one_in(&world->chance, 12);
    if (!said->again)
        snprintf(last, sizeof world->last_said[0], "m-%u", world->step);
    memcpy(said->message_id, last, sizeof said->message_id);
}

void traffic_say(struct world *world, int at, struct said *ret_said)
{
    const struct link *link = &world->links[at];
    struct chance *chance = &world->chance;
    struct writer writer = {.chance = chance, .plain = chance_one_in(chance, 2)};
    struct said *said = ret_said;
    *said = (struct said){.link = at,
                          .asked = NOBODY,
                          .progress = -1,
                          .score = -1,
                          .key = NOBODY,
                          .dead = {.sender = NOBODY, .target = NOBODY}};
    said->sender = link->name != NOBODY ? link->name : (int)chance_below(chance, NAMES);
    for (unsigned tries = 0; tries < 4; tries++) {
        said->type = draw_type(world, link);
        if (type_fits(world, link, said))
            break;
    }
    said->target = draw_target(world, link->room == NOBODY ? 0 : link->room);
    if ((said->target == said->sender || said->type == MESSAGE_MODERATION) &&
        !chance_one_in(chance, 8))
        said->target = NOBODY;
    snprintf(said->timestamp, sizeof said->timestamp, "2026-11-22T08:00:00.%06u", world->step);
    bool hostile = chance_one_in(chance, world->temper.hostile);
    unsigned kind = hostile ? chance_below(chance, 4) : 4;
    draw_id(world, said, !hostile);
    if (world->temper.villains && at % 4 == 0 && !chance_one_in(chance, 50))
        kind = 0; /* this one says hardly anything but garbage: it is thrown out at last */
    if (kind == 0) {
        say_garbage(&writer, said);
        finish(&writer, said);
        return;
    }
    if (kind == 1)
        forge(world, said);
    struct maker maker = {world, &writer, said, NOBODY, kind == 2};
    bool forged = said->bad_line;
    uint64_t flaws = said->flaws;
    int sender = said->sender;
    said->sender = sender < 0 ? 0 : sender;
    maker.room = model_member_room(world, said);
    said->sender = sender;
    put_message(&maker);
    if (forged)
        said->flaws = flaws;
    finish(&writer, said);
    if (kind == 3) { /* it breaks off somewhere */
        said->len = said->core_len = 1 + chance_below(chance, (unsigned)said->core_len - 1);
        said->line[0] = '{';
        said->bad_line = true;
        said->flaws = FLAW(BAD_JSON);
    }
}

void said_free(struct said *said)
{
    free(said->line);
    free(said->body);
    free(said->value);
}
