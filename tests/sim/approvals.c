/* Approvals in worlds with logs that commit later: what is said of them, and a model that follows
 * what the hub says. A question is decided once, by one of its choices; nobody answers itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech.h"

/* ── what is said ── */

/* One of the last that were asked in the room; NULL: none was. */
static const struct approval_model *some_approval(struct maker *maker)
{
    const struct approvals_model *approvals = &maker->world->approvals[maker->room];
    size_t recent = approvals->count < 8 ? approvals->count : 8;
    return recent ? &approvals->list[approvals->count - 1 - below(maker, (unsigned)recent)] : NULL;
}

static void put_id(struct maker *maker)
{
    const struct approval_model *approval = some_approval(maker);
    char id[32];
    snprintf(id, sizeof id, "a%llu", approval ? (unsigned long long)approval->seq : 0);
    put_text_member(maker->writer, "approval_id", id);
}

void make_approval_request(struct maker *maker)
{
    static const char *const wrong_choices[] = {"[]",    "[\"yes\"]", "[\"no\",\"no\"]",
                                                "[1,2]", "\"yes\"",   "null"};
    static const char *const wrong_times[] = {"0", "86401", "1.5", "\"1\"", "null"};
    char timeout[16];
    if (below(maker, 8) == 0) {
        put_id(maker);
        put_raw_member(maker->writer, "withdrawn", "true");
        return;
    }
    put_text_member(maker->writer, "question", "may I \"build\" it, é?");
    if (flaw_here(maker, 2))
        FLAWED(maker->writer, maker->said, "choices", wrong_choices);
    else
        put_raw_member(maker->writer, "choices", "[\"yes\", \"\\u006eo\"]");
    put_text_member(maker->writer, "default", below(maker, 20) ? "no" : "perhaps");
    snprintf(timeout, sizeof timeout, "%u", 1 + below(maker, below(maker, 2) ? 20 : 300));
    if (flaw_here(maker, 1))
        FLAWED(maker->writer, maker->said, "timeout_s", wrong_times);
    else
        put_raw_member(maker->writer, "timeout_s", timeout);
}

void make_approval_answer(struct maker *maker)
{
    put_id(maker);
    put_text_member(maker->writer, "choice", below(maker, 20) ? "yes" : "perhaps");
    if (below(maker, 2))
        put_text_member(maker->writer, "note", "go on");
}

/* ── what the hub says ── */

static void asked(struct world *world, struct approvals_model *approvals, uint64_t id, uint64_t seq,
                  const char *asker)
{
    if (id != seq || (approvals->count && approvals->list[approvals->count - 1].seq >= id))
        world_fail(world, "approval a%llu was asked at seq %llu", (unsigned long long)id,
                   (unsigned long long)seq);
    approvals->list = realloc(approvals->list, (approvals->count + 1) * sizeof *approvals->list);
    struct approval_model *approval = &approvals->list[approvals->count++];
    *approval = (struct approval_model){.seq = id};
    snprintf(approval->asker, sizeof approval->asker, "%s", asker);
}

static void decided(struct world *world, struct approval_model *approval, const json_t *payload)
{
    const char *status = json_string_value(json_object_get(payload, "status"));
    const char *choice = json_string_value(json_object_get(payload, "choice"));
    const char *by = json_string_value(json_object_get(payload, "by"));
    bool answered = strcmp(status, "answered") == 0, late = strcmp(status, "timed_out") == 0;
    bool fits = answered ? by && choice && strcmp(by, approval->asker) != 0
                : late   ? !by && choice && strcmp(choice, "no") == 0
                         : !by && !choice && strcmp(status, "withdrawn") == 0;
    if (!fits || (choice && strcmp(choice, "yes") != 0 && strcmp(choice, "no") != 0))
        world_fail(world, "a%llu of %s is %s: %s by %s", (unsigned long long)approval->seq,
                   approval->asker, status, choice ? choice : "nothing", by ? by : "nobody");
    approval->decided = true;
}

static void told(struct world *world, int room, uint64_t seq, const json_t *payload)
{
    struct approvals_model *approvals = &world->approvals[room];
    const char *id = json_string_value(json_object_get(payload, "approval_id"));
    const char *status = json_string_value(json_object_get(payload, "status"));
    const char *asker = json_string_value(json_object_get(payload, "asker"));
    struct approval_model *approval = NULL;
    if (!id || id[0] != 'a' || !status || !asker) {
        world_fail(world, "an approval of no id, or that nobody asked");
        return;
    }
    uint64_t number = strtoull(id + 1, NULL, 10);
    for (size_t i = 0; i < approvals->count; i++)
        if (approvals->list[i].seq == number)
            approval = &approvals->list[i];
    if (!approval && strcmp(status, "pending") == 0)
        asked(world, approvals, number, seq, asker);
    else if (!approval || approval->decided || strcmp(approval->asker, asker) != 0)
        world_fail(world, "%s of %s is %s, and %s", id, asker, status,
                   !approval           ? "was never asked"
                   : approval->decided ? "was decided before"
                                       : "somebody else's");
    else
        decided(world, approval, payload);
}

void approvals_follow(struct world *world, const struct effect *effect)
{
    static const char word[] = "\"approval\"";
    int room = room_index(effect->room);
    if (!memmem(effect->line.at, effect->line.len, word, sizeof word - 1))
        return;
    struct text line = {0};
    text_add(&line, effect->line);
    text_add_literal(&line, "}");
    json_t *object = json_loadb(line.at, line.len, JSON_ALLOW_NUL, NULL);
    const char *type = json_string_value(json_object_get(object, "message_type"));
    if (type && strcmp(type, "approval") == 0)
        told(world, room, effect->seq, json_object_get(object, "payload"));
    json_decref(object);
    text_free(&line);
}

void approvals_clear(struct approvals_model *approvals)
{
    free(approvals->list);
    *approvals = (struct approvals_model){0};
}
