/* What a call of the hub must cause. The parts of the model that belong to one subject are in
 * members.c, shares.c and sessions.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* ── expectations ── */

struct expected *expect_made(struct world *world, int link, enum message_type type, int sender,
                             int target)
{
    struct expected *expected = &world->expected[world->expected_count++];
    *expected = (struct expected){.link = link,
                                  .room = world->links[link].room,
                                  .level = link_level(world, link),
                                  .type = type,
                                  .sender = sender,
                                  .target = target,
                                  .session = NOBODY,
                                  .key = NOBODY,
                                  .entry = NOBODY};
    if (world->expected_count == CAUSED_MAX)
        world_fail(world, "too much is expected of one call");
    return expected;
}

void expect_error(struct world *world, int link, uint64_t codes)
{
    const struct link *to = &world->links[link];
    expect_made(world, link, MESSAGE_ERROR, HUB, to->name)->codes = codes;
}

void expect_close(struct world *world, int link, enum close_reason reason)
{
    world->closes[world->close_count++] = (struct expected_close){.link = link, .reason = reason};
}

int link_level(const struct world *world, int link)
{
    const struct link *at = &world->links[link];
    return at->name < 0 ? 1 : world->rooms[at->room].members[at->name].level;
}

struct expected *expect_made_to(struct world *world, int room, int name, enum message_type type,
                                int sender, int target)
{
    const struct member *member = &world->rooms[room].members[name];
    if (member->link == NOBODY || message_type_level(type) > member->level)
        return NULL;
    return expect_made(world, member->link, type, sender, target);
}

static void expect_relay_to(struct world *world, const struct said *said, int room, int name)
{
    struct expected *expected =
        expect_made_to(world, room, name, said->type, said->sender, said->target);
    if (expected)
        expected->relay = true;
}

/* Two of those who mostly observe are shown less of what is for some: nothing; and, each being its
 * own owner, no more than that. */
enum sees model_sees(int name)
{
    return name == 9 ? SEES_OWN : name == 10 ? SEES_PUBLIC : SEES_ALL;
}

bool model_oversees(const struct room_model *room, int name)
{
    return room->members[name].observer && model_sees(name) == SEES_ALL;
}

/* To its target and the observers who are shown it, or to everyone but its sender. */
static void expect_relay(struct world *world, const struct said *said, int room)
{
    const struct room_model *at = &world->rooms[room];
    for (unsigned i = 0; i < at->seat_count; i++) {
        int name = at->seats[i];
        if (name == said->sender)
            continue;
        if (said->target == NOBODY || said->target == name || model_oversees(at, name))
            expect_relay_to(world, said, room, name);
    }
    if (said->target != NOBODY && at->members[said->target].link == NOBODY &&
        !at->members[said->sender].acks)
        expect_error(world, said->link, FLAW(TARGET_OFFLINE));
}

/* ── the clock: durations stand still while the wall clock runs back, and leaps are cut short ── */

void model_clock(struct world *world, int64_t now)
{
    int64_t passed = world->started ? now - world->now : 0;
    if (passed > 0)
        world->clock += passed < CLOCK_STEP_MAX_MS ? passed : CLOCK_STEP_MAX_MS;
    world->now = now;
    world->started = true;
}

/* ── what may be refused, and why ── */

static uint64_t target_codes(const struct world *world, const struct said *said, int room)
{
    if (said->target == NOBODY)
        return 0;
    if (said->target == said->sender)
        return FLAW(BAD_FIELD);
    if (said->target == STRANGER || !world->rooms[room].members[said->target].seen)
        return FLAW(UNKNOWN_TARGET);
    return 0;
}

void model_presence(const struct room_model *room, struct presence ret_presence[NAMES])
{
    for (int name = 0; name < NAMES; name++)
        ret_presence[name] =
            (struct presence){room->members[name].link != NOBODY, member_away(&room->members[name]),
                              room->members[name].level};
}

static uint64_t dead_letter_codes(const struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    struct presence presence[NAMES];
    if (said->type != MESSAGE_DEAD_LETTER)
        return 0;
    if (link_level(world, said->link) != 2)
        return FLAW(FORBIDDEN);
    model_presence(room, presence);
    return said->flaws
               ? 0
               : model_letters_codes(&world->letters[at], said->sender,
                                     model_oversees(room, said->sender), &said->dead, presence);
}

static uint64_t state_codes(struct world *world, const struct said *said, int room)
{
    uint64_t codes = target_codes(world, said, room);
    const struct link *link = &world->links[said->link];
    if (said->type == MESSAGE_HELLO)
        return codes | model_hello_codes(world, said);
    if (link->name == NOBODY && member_here(&world->rooms[room].members[said->sender]))
        codes |= FLAW(ID_IN_USE);
    if (link->name == NOBODY)
        codes |= model_ban_codes(world, said, room);
    return codes | model_read_only_codes(world, said, room) | model_order_codes(world, said, room) |
           model_retracted_codes(world, said, room) | model_share_codes(world, said, room) |
           model_session_codes(world, said, room) | model_ledger_codes(world, said, room) |
           dead_letter_codes(world, said, room) | model_chain_codes(world, said, room);
}

/* The code of the first error that the said link got in this call. */
static uint64_t code_heard(const struct world *world, int link)
{
    for (size_t i = 0; i < world->caused_count; i++) {
        const struct caused *caused = &world->caused[i];
        const char *type = json_string_value(json_object_get(caused->object, "message_type"));
        json_t *payload = json_object_get(caused->object, "payload");
        const char *code = json_string_value(json_object_get(payload, "code"));
        if (caused->link != link || !type || strcmp(type, "error") != 0 || !code)
            continue;
        for (unsigned error = 1; error < WIRE_ERROR_COUNT; error++)
            if (strcmp(code, wire_error_code((enum wire_error)error)) == 0)
                return 1ull << error;
    }
    return 0;
}

/* The quotas over all rooms. The hub looks at them last, when nothing else is wrong with a message;
 * but for the number of rooms. */
static uint64_t quota_codes(const struct world *world, const struct said *said, int room)
{
    bool stores = said->type == MESSAGE_PATTERN_SHARE || said->type == MESSAGE_CODE_SHARE ||
                  said->type == MESSAGE_OS_COMPONENT_SHARE ||
                  said->type == MESSAGE_PERFORMANCE_REPORT || said->type == MESSAGE_COMMITMENT;
    /* what does not grow is always taken */
    bool grew = (code_heard(world, said->link) & FLAW(QUOTA_EXCEEDED)) ||
                hub_count(world->hub).knowledge_bytes > world->stored;
    bool over = (stores && grew && world->stored > world->config.stored_max) ||
                model_session_crowds(world, said, room) || model_session_over(world, said, room) ||
                model_share_over(world, said, room);
    return over && !model_claim_contradicts(world, said, room) ? FLAW(QUOTA_EXCEEDED) : 0;
}

/* Refusals that depend on what the model does not count to the byte: allowed only where they can be
 * true. */
static uint64_t incidental_codes(const struct world *world, const struct said *said)
{
    uint64_t heard = code_heard(world, said->link), codes = 0;
    if (world->temper.limited)
        codes |= FLAW(RATE_LIMITED);
    if (world->log_failed)
        codes |= FLAW(STORAGE_UNAVAILABLE);
    if (world->temper.small && hub_count(world->hub).knowledge_bytes + 4 * (said->len + 2048) >
                                   world->config.knowledge_max)
        codes |= FLAW(QUOTA_EXCEEDED);
    return heard & codes;
}

static void model_refuse(struct world *world, const struct said *said, uint64_t codes)
{
    struct link *link = &world->links[said->link];
    world->refused++;
    expect_error(world, said->link, codes);
    if (!said->bad_line)
        return;
    if (++link->bad_lines == BAD_LINES_MAX) {
        expect_error(world, said->link, codes);
        expect_close(world, said->link, CLOSE_BAD_LINES);
        model_member_leave(world, said->link, CLOSE_BAD_LINES);
    }
}

static bool acked(const struct world *world, const struct said *said, int room)
{
    return said->type != MESSAGE_HELLO && said->type != MESSAGE_HEARTBEAT &&
           world->rooms[room].members[said->sender].acks;
}

/* Was it accepted already, of who asks for acks? Nobody looks at its payload then. */
static bool model_repeats(const struct world *world, const struct said *said, int room)
{
    return !said->bad_line && world->links[said->link].name == said->sender &&
           acked(world, said, room) &&
           strcmp(world->rooms[room].members[said->sender].receipt.message_id, said->message_id) ==
               0;
}

static void model_acknowledge(struct world *world, const struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    struct receipt_model *receipt = &room->members[said->sender].receipt;
    memcpy(receipt->message_id, said->message_id, sizeof receipt->message_id);
    receipt->seq = room->seq;
    receipt->delivered = said->target == NOBODY || room->members[said->target].link != NOBODY;
    expect_made(world, said->link, MESSAGE_ACK, HUB, said->sender);
}

static void awaited_drop(struct room_model *room, size_t at)
{
    room->awaited[at] = room->awaited[--room->awaited_count];
}

static void letter_said(struct world *world, const struct said *said, int at)
{
    struct letter_model letter = {.seq = world->rooms[at].seq,
                                  .sender = said->sender,
                                  .target = said->target,
                                  .type = said->type,
                                  .line = (char *)(uintptr_t)said->core,
                                  .len = said->core_len,
                                  .wait = said->reply_by};
    struct presence presence[NAMES];
    memcpy(letter.message_id, said->message_id, sizeof letter.message_id);
    model_presence(&world->rooms[at], presence);
    model_letters_said(&world->letters[at], &letter, said->in_reply_to,
                       said->target == NOBODY ? NULL : &presence[said->target]);
}

static void model_await(struct world *world, int at, int sender, int target, const char *message_id,
                        int64_t wait)
{
    struct room_model *room = &world->rooms[at];
    struct awaited_model *awaited = &room->awaited[room->awaited_count++];
    *awaited = (struct awaited_model){
        .seq = room->seq, .sender = sender, .target = target, .since = world->clock, .wait = wait};
    snprintf(awaited->message_id, sizeof awaited->message_id, "%s", message_id);
    if (room->awaited_count == AWAITED)
        world_fail(world, "too many replies are awaited");
}

/* It may answer what is awaited, and want an answer itself. */
static void model_reply(struct world *world, const struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    letter_said(world, said, at);
    for (size_t i = room->awaited_count; said->in_reply_to[0] && i > 0; i--)
        if (room->awaited[i - 1].target == said->sender &&
            strcmp(room->awaited[i - 1].message_id, said->in_reply_to) == 0)
            awaited_drop(room, i - 1);
    if (said->target == NOBODY || !said->reply_by || said->type == MESSAGE_HEARTBEAT)
        return;
    model_await(world, at, said->sender, said->target, said->message_id,
                1000 * (int64_t)said->reply_by);
}

/* To its target and the observers, the one who asked for it among them. */
static void expect_letter(struct world *world, int at, const struct letter_model *letter)
{
    const struct room_model *room = &world->rooms[at];
    for (unsigned i = 0; i < room->seat_count; i++) {
        int name = room->seats[i];
        if (name != letter->target && !model_oversees(room, name))
            continue;
        struct expected *expected =
            expect_made_to(world, at, name, letter->type, letter->sender, letter->target);
        if (expected)
            expected->letter = letter;
    }
}

/* A letter goes again to who is there now, or is given up. */
static void model_dead_letter(struct world *world, const struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    struct letters_model *letters = &world->letters[at];
    struct presence presence[NAMES];
    model_presence(room, presence);
    const struct letter_model *letter = model_letters_named(
        letters, said->sender, model_oversees(room, said->sender), &said->dead, presence);
    free(world->handled.line);
    world->handled = *letter;
    world->handled.line = strndup(letter->line, letter->len);
    letter = &world->handled;
    expect_made(world, said->link, MESSAGE_DEAD_RESULT, HUB, said->sender);
    model_letters_handled(letters, &said->dead, room->seq);
    if (said->dead.drop)
        return;
    expect_letter(world, at, letter);
    for (size_t i = room->awaited_count; i > 0; i--)
        if (room->awaited[i - 1].seq == letter->seq)
            awaited_drop(room, i - 1);
    if (letter->wait > 0)
        model_await(world, at, letter->sender, letter->target, letter->message_id,
                    1000 * (int64_t)letter->wait);
}

static void model_resume(struct world *world, const struct said *said, int at)
{
    peer_id peer = world->links[said->link].id;
    if (world->resumed != peer || world->resumed_since != said->hello.since)
        world_fail(world, "%s does not resume behind %llu", names[said->sender],
                   (unsigned long long)said->hello.since);
    world->resumed = 0;
    model_letters_resumed(&world->letters[at], said->sender, said->hello.since);
}

/* Answered, and nothing else. */
static void model_dead_query(struct world *world, const struct said *said)
{
    struct link *link = &world->links[said->link];
    const struct member *member =
        link->name == NOBODY ? NULL : &world->rooms[link->room].members[link->name];
    uint64_t codes = said->flaws;
    struct presence presence[NAMES];
    link->bad_lines = 0;
    if (member)
        model_presence(&world->rooms[link->room], presence);
    if (!member || member->level != 2)
        codes |= FLAW(FORBIDDEN);
    else if (!codes && said->dead.id &&
             !model_letters_named(&world->letters[link->room], link->name,
                                  model_oversees(&world->rooms[link->room], link->name),
                                  &said->dead, presence))
        codes = FLAW(NOT_FOUND);
    codes |= incidental_codes(world, said);
    if (codes)
        model_refuse(world, said, codes);
    else
        expect_made(world, said->link, MESSAGE_DEAD_RESULT, HUB, link->name);
}

/* Who is banned, and who is here, is anybody's of level 2 to know. */
static void model_open_query(struct world *world, const struct said *said, enum message_type answer)
{
    struct link *link = &world->links[said->link];
    uint64_t codes = said->flaws | incidental_codes(world, said);
    link->bad_lines = 0;
    if (link->name == NOBODY || link_level(world, said->link) != 2)
        codes |= FLAW(FORBIDDEN);
    if (codes)
        model_refuse(world, said, codes);
    else
        expect_made(world, said->link, answer, HUB, link->name);
}

/* It goes, and nothing else of it is looked at. */
static void model_leave(struct world *world, const struct said *said)
{
    struct link *link = &world->links[said->link];
    uint64_t codes = incidental_codes(world, said);
    link->bad_lines = 0;
    if (link->name == NOBODY)
        codes |= FLAW(FORBIDDEN);
    if (codes) {
        model_refuse(world, said, codes);
        return;
    }
    expect_close(world, said->link, CLOSE_LEFT);
    model_member_leave(world, said->link, CLOSE_LEFT);
}

static void model_overdue(struct world *world, int at)
{
    struct room_model *room = &world->rooms[at];
    for (size_t i = room->awaited_count; i > 0; i--) {
        const struct awaited_model *awaited = &room->awaited[i - 1];
        if (world->clock - awaited->since < awaited->wait)
            continue;
        struct expected *expected =
            expect_made_to(world, at, awaited->sender, MESSAGE_ERROR, HUB, awaited->sender);
        if (expected)
            expected->codes = FLAW(NO_REPLY);
        model_letters_overdue(&world->letters[at], awaited->seq);
        awaited_drop(room, i - 1);
    }
}

static void model_accept(struct world *world, struct said *said, int room)
{
    struct link *link = &world->links[said->link];
    if (model_claim_contradicts(world, said, room)) {
        world->refused++;
        world->rooms[room].mismatched[said->sender]++;
        expect_error(world, said->link, FLAW(BAD_CLAIM));
        return;
    }
    struct member *member = &world->rooms[room].members[said->sender];
    const struct member before = *member;
    bool first = link->name == NOBODY;
    world->accepted++;
    model_day_said(&world->days[room], world->now);
    if (first)
        model_member_join(world, said, room);
    if (said->type != MESSAGE_HELLO && link_level(world, said->link) == 1)
        model_session_named(world, said, room);
    if (said->type == MESSAGE_HELLO)
        model_member_hello(world, said, room);
    if (first && said->hello.resumes)
        model_resume(world, said, room);
    if (world->resumed)
        world_fail(world, "somebody resumes who did not ask for it");
    if (said->type == MESSAGE_DEAD_LETTER)
        model_dead_letter(world, said, room);
    model_share_apply(world, said, room);
    model_session_apply(world, said, room);
    if (said->type == MESSAGE_COMMITMENT)
        model_commitment_apply(world, said, room);
    if (said->type == MESSAGE_MEASUREMENT)
        model_measurement_apply(said, &world->rooms[room]);
    if (said->type == MESSAGE_MODERATION)
        model_order_apply(world, said, room);
    bool quiet = said->type == MESSAGE_HELLO && before.stays && member->stays &&
                 model_member_same(&before, member);
    bool hidden = quiet || said->held || said->type == MESSAGE_COMMITMENT ||
                  said->type == MESSAGE_MEASUREMENT || said->type == MESSAGE_DEAD_LETTER ||
                  said->type == MESSAGE_MODERATION ||
                  (said->type == MESSAGE_HELLO && member->observer);
    bool stamped = said->type == MESSAGE_COLLABORATION_REQUEST ||
                   said->type == MESSAGE_COLLABORATION_RESPONSE ||
                   said->type == MESSAGE_COLLABORATION_UPDATE ||
                   said->type == MESSAGE_WORKSPACE_UPDATE;
    if (!hidden && !stamped && said->type != MESSAGE_HEARTBEAT)
        expect_relay(world, said, room);
    model_reply(world, said, room);
    model_chain_said(world, said, room);
    if (acked(world, said, room))
        model_acknowledge(world, said, room);
}

/* Does it stand behind what could not be kept? Of that one itself no more, and of what it is that
 * can't be kept now. */
static bool model_behind(struct world *world, const struct said *said, int room, bool repeat)
{
    struct link *link = &world->links[said->link];
    uint64_t heard = code_heard(world, said->link);
    if (repeat || said->bad_line || link->name != said->sender || !acked(world, said, room) ||
        (heard & FLAW(RATE_LIMITED)))
        return false;
    if (link->unkept[0] && strcmp(link->unkept, said->message_id) != 0)
        return true;
    link->unkept[0] = '\0';
    if (world->log_failed)
        memcpy(link->unkept, said->message_id, sizeof link->unkept);
    return false;
}

void model_line(struct world *world, struct said *said)
{
    struct link *link = &world->links[said->link];
    int room = model_member_room(world, said);
    link->heard = world->clock;
    uint64_t codes = said->flaws;
    if (said->type == MESSAGE_DEAD_QUERY && !said->bad_line) {
        model_dead_query(world, said);
        return;
    }
    if (said->type == MESSAGE_LEAVE && !said->bad_line) {
        model_leave(world, said);
        return;
    }
    if (said->type == MESSAGE_MODERATION_QUERY && !said->bad_line) {
        model_open_query(world, said, MESSAGE_MODERATION_RESULT);
        return;
    }
    if (said->type == MESSAGE_MEMBER_QUERY && !said->bad_line) {
        model_open_query(world, said, MESSAGE_MEMBER_RESULT);
        return;
    }
    if (said->type == MESSAGE_SENT_QUERY && !said->bad_line) {
        model_open_query(world, said, MESSAGE_SENT_RESULT);
        return;
    }
    if (!said->bad_line) {
        link->bad_lines = 0;
        codes |= state_codes(world, said, room);
        if (!codes)
            codes = quota_codes(world, said, room);
        if (link->name == NOBODY && model_member_crowds(world, said, room))
            codes = FLAW(QUOTA_EXCEEDED);
    }
    bool repeat = model_repeats(world, said, room);
    if (repeat)
        codes = 0; /* nor is what was accepted before */
    bool beat = said->type == MESSAGE_HEARTBEAT && link->name != NOBODY && !said->bad_line;
    if (beat)
        codes = 0; /* a sign of life is looked at no further */
    if (model_behind(world, said, room, repeat))
        codes |= FLAW(STORAGE_UNAVAILABLE);
    uint64_t incidental = said->bad_line ? 0 : incidental_codes(world, said);
    if (beat && said->gives_up && !incidental && link_level(world, said->link) == 2)
        link->unkept[0] = '\0';
    if (codes || incidental)
        model_refuse(world, said, codes | incidental);
    else if (repeat)
        expect_made(world, said->link, MESSAGE_ACK, HUB, said->sender);
    else if (!beat)
        model_accept(world, said, room);
    else if (link_level(world, said->link) == 2)
        expect_made(world, said->link, MESSAGE_HEARTBEAT, HUB, link->name);
}

void model_too_long(struct world *world, int link)
{
    const struct said said = {.link = link, .bad_line = true};
    world->links[link].heard = world->clock;
    model_refuse(world, &said, FLAW(LINE_TOO_LONG));
}

void model_gone(struct world *world, int link, enum close_reason reason)
{
    model_member_leave(world, link, reason);
}

void model_expel(struct world *world, int link, enum close_reason reason, enum wire_error error)
{
    expect_error(world, link, 1ull << error);
    expect_close(world, link, reason);
    model_member_leave(world, link, reason);
}

void model_tick(struct world *world)
{
    for (int room = 0; room < ROOMS; room++) {
        model_session_tick(world, room);
        model_overdue(world, room);
        model_seals_tick(world, room);
        model_epochs_tick(world, room);
        model_stays_tick(world, room);
    }
    for (int link = 0; link < LINKS; link++)
        if (world->links[link].open && link_level(world, link) == 2 &&
            world->clock - world->links[link].heard >= world->config.heartbeat_ms)
            model_expel(world, link, CLOSE_HEARTBEAT_TIMEOUT, WIRE_HEARTBEAT_TIMEOUT);
}

void model_stop(struct world *world)
{
    for (int link = 0; link < LINKS; link++) {
        if (!world->links[link].open)
            continue;
        if (link_level(world, link) == 2)
            expect_error(world, link, FLAW(SHUTTING_DOWN));
        expect_close(world, link, CLOSE_SHUTTING_DOWN);
        model_member_leave(world, link, CLOSE_SHUTTING_DOWN);
    }
}
