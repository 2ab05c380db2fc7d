/* Letters on logs that take their time: the model of them moves with each entry that is committed,
 * and no crash and no restart moves it. What the hub tells of them must be what it says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"

static json_t *dump_of(const struct world *world, int room)
{
    struct text text = {0};
    hub_dump(world->hub, room_slice(room), &text);
    json_t *dump = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    text_free(&text);
    return dump;
}

void who_read(const struct world *world, int room, struct who *ret_who)
{
    json_t *dump = dump_of(world, room), *row;
    size_t index;
    *ret_who = (struct who){.observes = {false}};
    json_array_foreach(json_object_get(dump, "members"), index, row)
    {
        const char *id = json_string_value(json_object_get(row, "ai_id"));
        for (int name = 0; id && name < NAMES; name++) {
            if (strcmp(names[name], id) != 0)
                continue;
            bool connected = json_is_true(json_object_get(row, "connected"));
            bool stays = json_integer_value(json_object_get(row, "stays_s")) > 0;
            ret_who->presence[name] =
                (struct presence){connected, !connected && stays,
                                  (int)json_integer_value(json_object_get(row, "level"))};
            ret_who->observes[name] =
                json_is_true(json_object_get(row, "observer")) && model_sees(name) == SEES_ALL;
        }
    }
    json_decref(dump);
}

/* A refusal of what asked for letters, or would handle one: of these three each has its reason. */
static void check_refusal(struct world *world, int room, int asker, enum message_type type,
                          const struct dead_said *said, const struct who *who, const char *code)
{
    static const enum wire_error reasons[] = {WIRE_NOT_FOUND, WIRE_TARGET_OFFLINE, WIRE_CONFLICT};
    struct dead_said dead = *said;
    dead.drop = dead.drop || type == MESSAGE_DEAD_QUERY; /* asking does not need the target */
    uint64_t codes = model_letters_codes(&world->letters[room], asker, who->observes[asker], &dead,
                                         who->presence);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(code, wire_error_code(reasons[i])) == 0 && codes != 1ull << reasons[i])
            world_fail(world, "letter %llu is refused to %s: %s", (unsigned long long)said->id,
                       names[asker], code);
}

static void check_answer(struct world *world, int room, int asker, enum message_type type,
                         const struct dead_said *said, const json_t *object)
{
    const char *told = json_string_value(json_object_get(object, "message_type"));
    const json_t *payload = json_object_get(object, "payload");
    const char *code = json_string_value(json_object_get(payload, "code"));
    bool result = told && strcmp(told, "dead_result") == 0;
    struct who who;
    if (type != MESSAGE_DEAD_QUERY && type != MESSAGE_DEAD_LETTER) {
        if (result)
            world_fail(world, "a dead_result for nothing that was asked");
        return;
    }
    who_read(world, room, &who);
    if (code)
        check_refusal(world, room, asker, type, said, &who, code);
    if (!result)
        return;
    const struct letters_model *letters = &world->letters[room];
    if (type == MESSAGE_DEAD_QUERY) {
        model_letters_check_list(world, letters, asker, who.observes[asker], said, who.presence,
                                 payload);
        return;
    }
    const struct letter_model *letter =
        model_letters_named(letters, asker, who.observes[asker], said, who.presence);
    if (letter)
        model_letters_check_handled(world, letter, said, who.presence, payload);
    else
        world_fail(world, "%s handles letter %llu, which is none", names[asker],
                   (unsigned long long)said->id);
}

void follow_answer(struct async *async, const struct effect *effect, const json_t *object)
{
    const struct proposed *committing = effect->number ? async->committing : NULL;
    const struct said *said = effect->number ? NULL : async->said;
    int room = room_index(effect->room);
    if (room == NOBODY)
        return; /* it goes to nobody who has joined */
    if (committing)
        check_answer(async->world, room, committing->sender, committing->type, &committing->dead,
                     object);
    else if (said && !said->bad_line && !said->flaws)
        check_answer(async->world, room, said->sender, said->type, &said->dead, object);
}

void follow_resume(void *ctx, const struct hub_resume *resume)
{
    const struct async *async = ctx;
    const struct proposed *committing = async->committing;
    if (!async->loading &&
        (!committing || !committing->resumes || resume->peer != committing->entry.peer ||
         resume->since != committing->since || resume->level != 2))
        world_fail(async->world, "peer %llx resumes, and may not",
                   (unsigned long long)resume->peer);
}

static bool has(struct slice effects, struct slice line)
{
    return effects.len && memmem(effects.at, effects.len, line.at, line.len) != NULL;
}

/* It was sent again as it was said, or not at all. */
static void follow_handled(struct world *world, const struct logged *logged,
                           const struct proposed *proposed, const struct who *who)
{
    struct letters_model *letters = &world->letters[logged->room];
    const struct dead_said *dead = &proposed->dead;
    const struct letter_model *letter = model_letters_named(
        letters, proposed->sender, who->observes[proposed->sender], dead, who->presence);
    if (!letter || model_letters_codes(letters, proposed->sender, who->observes[proposed->sender],
                                       dead, who->presence)) {
        world_fail(world, "a dead_letter of %llu was taken, and may not be",
                   (unsigned long long)dead->id);
        return;
    }
    bool sent = has(text_slice(&logged->effects), (struct slice){letter->line, letter->len - 1});
    if (sent == dead->drop)
        world_fail(world, "letter %llu was %s", (unsigned long long)dead->id,
                   sent ? "dropped, and sent" : "to be sent again, and was not");
    model_letters_handled(letters, dead, logged->entry.seq);
}

/* A report on a sealed claim is the hub's alone: its line is no effect, and it has no target. */
static bool held_back(const struct logged *logged, const struct proposed *proposed)
{
    struct slice line = logged->entry.bytes;
    line.len--; /* the hub may add members before its brace */
    return proposed->type == MESSAGE_PERFORMANCE_REPORT && !has(text_slice(&logged->effects), line);
}

void follow_message(struct world *world, const struct logged *logged,
                    const struct proposed *proposed, const struct who *who, bool first)
{
    struct letters_model *letters = &world->letters[logged->room];
    const struct entry *entry = &logged->entry;
    struct letter_model letter = {.seq = entry->seq,
                                  .sender = proposed->sender,
                                  .target = held_back(logged, proposed) ? NOBODY : proposed->target,
                                  .type = proposed->type,
                                  .line = (char *)(uintptr_t)entry->bytes.at,
                                  .len = entry->bytes.len,
                                  .wait = proposed->reply_by};
    memcpy(letter.message_id, proposed->message_id, sizeof letter.message_id);
    heard_settle(world, logged->room);
    if (proposed->type == MESSAGE_DEAD_LETTER)
        follow_handled(world, logged, proposed, who);
    if (proposed->type == MESSAGE_HELLO && first && proposed->resumes)
        model_letters_resumed(letters, proposed->sender, proposed->since);
    model_letters_said(letters, &letter, proposed->in_reply_to,
                       letter.target == NOBODY ? NULL : &who->presence[letter.target]);
}

void follow_overdue(struct world *world, const struct logged *logged)
{
    char seq[24];
    snprintf(seq, sizeof seq, "%.*s", SLICE_FORMAT(logged->entry.bytes));
    model_letters_overdue(&world->letters[logged->room], strtoull(seq, NULL, 10));
}

void follow_check(struct world *world, const char *when)
{
    for (int room = 0; room < ROOMS && !world_failed(world); room++) {
        if (!world->rooms[room].exists)
            continue;
        json_t *dump = dump_of(world, room);
        model_letters_check_dump(world, &world->letters[room], dump);
        model_day_check(world, &world->days[room], dump);
        if (world_failed(world))
            world_say(world, "letters or day of %s %s", room_names[room], when);
        json_decref(dump);
    }
}
