/* Messages that are taken back by their seqs: which there are is read from the effects of entries;
 * what the hub tells its edge to show no more is held against what was ordered. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "speech.h"

static struct heard *heard_of(struct world *world, int room)
{
    return &world->heard[room];
}

static enum heard_kind *heard_at(struct heard *heard, uint64_t seq)
{
    if (seq >= heard->count) {
        size_t count = seq + 256;
        heard->at = realloc(heard->at, count * sizeof *heard->at);
        assert(heard->at);
        memset(heard->at + heard->count, 0, (count - heard->count) * sizeof *heard->at);
        heard->count = count;
    }
    return &heard->at[seq];
}

void heard_clear(struct world *world, int room)
{
    free(world->heard[room].at);
    world->heard[room] = (struct heard){0};
}

/* ── what the hub does ── */

void heard_effect(struct world *world, const struct effect *effect)
{
    const struct logged *applying = world->applying;
    struct message message;
    struct refusal refusal;
    if (applying->entry.kind != ENTRY_MESSAGE || effect->audience == AUDIENCE_CONNECTION ||
        effect->origin == LINE_PASSING ||
        message_parse(applying->entry.bytes, &message, &refusal) < 0 ||
        message.type == MESSAGE_HELLO || message.type == MESSAGE_HEARTBEAT ||
        message.type == MESSAGE_MODERATION)
        return;
    *heard_at(heard_of(world, applying->room), effect->seq) = HEARD_MESSAGE;
}

void record_retraction(struct text *text, const struct hub_retraction *retraction)
{
    text_addf(text, "retracted %llu level %d %.*s\n", (unsigned long long)retraction->seq,
              retraction->level, SLICE_FORMAT(retraction->line));
}

void world_retract(struct world *world, const struct hub_retraction *retraction)
{
    struct logged *applying = world->applying;
    static const char word[] = "\"action\":\"retract\"";
    if (!applying || !slice_equal(retraction->room, room_slice(applying->room)) ||
        retraction->seq >= world->rooms[applying->room].seq ||
        !memmem(retraction->line.at, retraction->line.len, word, sizeof word - 1) ||
        world->taken_count == TAKEN_MAX) {
        world_fail(world, "%llu is taken back, and nobody ordered that",
                   (unsigned long long)retraction->seq);
        return;
    }
    record_retraction(&applying->effects, retraction);
    world->taken[world->taken_count++] = retraction->seq;
}

void heard_settle(struct world *world, int room)
{
    for (size_t i = 0; i < world->taken_count; i++) {
        enum heard_kind *heard = heard_at(heard_of(world, room), world->taken[i]);
        if (*heard != HEARD_MESSAGE)
            world_fail(world, "%llu is taken back, and was %s", (unsigned long long)world->taken[i],
                       *heard == HEARD_NOTHING ? "no message" : "so before");
        *heard = HEARD_RETRACTED;
        model_letters_retracted(&world->letters[room], world->taken[i]);
    }
    world->taken_count = 0;
}

/* ── what is ordered ── */

uint64_t draw_heard(struct maker *maker)
{
    const struct heard *heard = heard_of(maker->world, maker->room);
    uint64_t last = maker->world->rooms[maker->room].seq;
    uint64_t seq = 1 + below(maker, (unsigned)last + 2);
    for (unsigned tries = 0; tries < 40 && below(maker, 8); tries++) {
        if (seq < heard->count && heard->at[seq] == HEARD_MESSAGE)
            return seq;
        seq = 1 + below(maker, (unsigned)last + 2);
    }
    return seq;
}

uint64_t model_heard_codes(struct world *world, int room, uint64_t seq)
{
    switch (*heard_at(heard_of(world, room), seq)) {
    case HEARD_MESSAGE:
        return 0;
    case HEARD_RETRACTED:
        return FLAW(CONFLICT);
    default:
        return FLAW(NOT_FOUND);
    }
}

static bool was_taken(const struct world *world, uint64_t seq)
{
    for (size_t i = 0; i < world->taken_count; i++)
        if (world->taken[i] == seq)
            return true;
    return false;
}

size_t model_taken_shares(struct world *world, int room, const struct entry_model *entry)
{
    size_t count = 0;
    for (size_t i = 0; i < entry->share_count; i++) {
        if (*heard_at(heard_of(world, room), entry->shared_at[i]) != HEARD_MESSAGE)
            continue;
        count++;
        if (!was_taken(world, entry->shared_at[i]))
            world_fail(world, "\"%s\" is taken back, and its message %llu is not", entry->key,
                       (unsigned long long)entry->shared_at[i]);
    }
    return count;
}

void model_taken(struct world *world, int room, uint64_t seq, size_t shares)
{
    bool own = seq && *heard_at(heard_of(world, room), seq) == HEARD_MESSAGE && shares == 0;
    if ((seq && !was_taken(world, seq)) || world->taken_count != shares + own)
        world_fail(world, "%zu messages are taken back with %llu", world->taken_count,
                   (unsigned long long)seq);
    struct room_model *model = &world->rooms[room];
    for (size_t i = model->awaited_count; i > 0; i--)
        if (was_taken(world, model->awaited[i - 1].seq))
            model->awaited[i - 1] = model->awaited[--model->awaited_count];
    heard_settle(world, room);
}
