/* What AIs know of a room in the asynchronous simulation, where no model is kept: read from what
 * the hub itself holds, so that they can speak to the point. It may be out of date, as theirs
 * is. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static char *copy(const char *text)
{
    char *copied = strdup(text);
    assert(copied);
    return copied;
}

static int pool_index(const char *const *pool, int count, const char *text)
{
    for (int i = 0; i < count; i++)
        if (strcmp(pool[i], text) == 0)
            return i;
    return NOBODY;
}

static int name_of(json_t *object, const char *name)
{
    return pool_index(names, NAMES, text_of(object, name));
}

static void shadow_members(struct room_model *room, json_t *members)
{
    size_t index;
    json_t *row;
    json_array_foreach(members, index, row)
    {
        int name = name_of(row, "ai_id");
        if (name == NOBODY)
            continue;
        struct member *member = &room->members[name];
        member->seen = true;
        member->observer = json_is_true(json_object_get(row, "observer"));
        member->level = (int)json_integer_value(json_object_get(row, "level"));
        snprintf(member->token, sizeof member->token, "%s", text_of(row, "resume_token"));
        member->stays = (unsigned)json_integer_value(json_object_get(row, "stays_s"));
        if (!json_is_true(json_object_get(row, "connected")))
            continue;
        member->link = 0; /* some */
        room->seats[room->seat_count++] = name;
    }
}

static void shadow_commitments(struct room_model *room, json_t *rows)
{
    size_t index;
    json_t *row;
    room->commitment_count = 0;
    room->commitment_capacity = json_array_size(rows);
    room->commitments = calloc(room->commitment_capacity + 1, sizeof *room->commitments);
    assert(room->commitments);
    json_array_foreach(rows, index, row)
    {
        struct commitment_model *commitment = &room->commitments[room->commitment_count];
        char sha256[65];
        commitment->name = name_of(row, "ai_id");
        commitment->subject = pool_index(subjects, SUBJECTS, text_of(row, "subject"));
        commitment->version = pool_index(versions, VERSIONS, text_of(row, "subject_version"));
        snprintf(commitment->id, sizeof commitment->id, "%s", text_of(row, "commitment_id"));
        snprintf(commitment->nonce, sizeof commitment->nonce, "%s", text_of(row, "nonce"));
        commitment->ratio = json_number_value(json_object_get(row, "ratio"));
        commitment->revealed = json_is_true(json_object_get(row, "revealed"));
        for (commitment->set = SETS - 1; commitment->set > 0; commitment->set--) {
            ledger_digest(commitment->subject, commitment->version, commitment->set, sha256);
            if (strcmp(sha256, text_of(row, "sha256")) == 0)
                break;
        }
        room->commitment_count++;
    }
}

static void shadow_claim(const struct room_model *room, struct claim_model *claim, json_t *is)
{
    for (size_t i = 0; is && i < room->commitment_count; i++) {
        if (strcmp(room->commitments[i].id, text_of(is, "commitment_id")) != 0)
            continue;
        claim->live = true;
        claim->commitment = (int)i;
        claim->ratio = room->commitments[i].ratio;
        claim->seeds = (unsigned)json_integer_value(json_object_get(is, "n"));
    }
}

static void shadow_section(struct room_model *room, enum section section, json_t *rows)
{
    const char *key;
    json_t *row;
    json_object_foreach(rows, key, row)
    {
        struct entry_model *entry = &room->entries[room->entry_count++];
        json_t *component = json_object_get(row, "component");
        *entry = (struct entry_model){.section = section,
                                      .key = copy(key),
                                      .body = copy(""),
                                      .own_id = copy(text_of(component, "id")),
                                      .timestamp = copy(""),
                                      .contributor = name_of(row, "contributor")};
        shadow_claim(room, &entry->claim, json_object_get(row, "verification"));
    }
}

static void shadow_workspace(struct session_model *session, json_t *workspace)
{
    for (int key = 0; key < KEYS; key++) {
        json_t *slot = json_object_get(workspace, keys[key]);
        session->workspace[key].version =
            (unsigned)json_integer_value(json_object_get(slot, "version"));
    }
}

static void shadow_sessions(struct room_model *room, json_t *rows)
{
    size_t index, place;
    json_t *row, *participant;
    room->session_capacity = json_array_size(rows);
    room->sessions = calloc(room->session_capacity + 1, sizeof *room->sessions);
    assert(room->sessions);
    json_array_foreach(rows, index, row)
    {
        struct session_model *session = &room->sessions[room->session_count++];
        snprintf(session->id, sizeof session->id, "%s", text_of(row, "session_id"));
        session->initiator = name_of(row, "initiator");
        session->target = name_of(row, "target");
        session->state = (enum state)pool_index(state_names, STATES, text_of(row, "status"));
        json_array_foreach(json_object_get(row, "participants"), place, participant)
        {
            session->participants[session->participant_count++] =
                pool_index(names, NAMES, json_string_value(participant));
        }
        shadow_workspace(session, json_object_get(row, "shared_workspace"));
    }
}

void shadow_room(struct world *world, int at)
{
    struct room_model *room = &world->rooms[at];
    struct text text = {0};
    hub_dump(world->hub, room_slice(at), &text);
    json_t *dump = json_loadb(text.at, text.len,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    text_free(&text);
    room_model_clear(room);
    if (!dump)
        world_fail(world, "hub_dump of %s is no JSON", room_names[at]);
    size_t count = 0;
    for (int section = 0; section < SECTIONS; section++)
        count += json_object_size(json_object_get(dump, section_names[section]));
    room->entry_capacity = count;
    room->entries = calloc(count + 1, sizeof *room->entries);
    assert(room->entries);
    shadow_members(room, json_object_get(dump, "members"));
    shadow_commitments(room, json_object_get(dump, "commitments"));
    for (int section = 0; section < SECTIONS; section++)
        shadow_section(room, (enum section)section, json_object_get(dump, section_names[section]));
    shadow_sessions(room, json_object_get(dump, "sessions"));
    json_decref(dump);
}
