/* Chains of replies, as the model counts them. */
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "sim.h"

static struct chain_model *chain_find(const struct room_model *room, const char *message_id)
{
    for (size_t i = 0; i < room->chain_count; i++)
        if (strcmp(room->chains[i].message_id, message_id) == 0)
            return &room->chains[i];
    return NULL;
}

static bool is_person(const struct member *member)
{
    return member->link != NOBODY && member->specialization != NOBODY &&
           strcmp(specializations[member->specialization], "person") == 0;
}

unsigned model_chain_depth(const struct world *world, const struct said *said, int at)
{
    const struct room_model *room = &world->rooms[at];
    const struct chain_model *named = chain_find(room, said->in_reply_to);
    if (!said->in_reply_to[0] || said->type == MESSAGE_HELLO || said->type == MESSAGE_HEARTBEAT ||
        (world->links[said->link].name == said->sender && is_person(&room->members[said->sender])))
        return 0;
    if (!named || world->now - named->said >= CHAIN_PAUSE_MS ||
        (said->target != NOBODY && said->target != named->sender))
        return 1;
    return named->depth + (named->sender != said->sender);
}

uint64_t model_chain_codes(const struct world *world, const struct said *said, int at)
{
    uint64_t most = world->config.chain_max;
    return world->rooms[at].exists && most && model_chain_depth(world, said, at) > most ? FLAW(LOOP)
                                                                                        : 0;
}

static void chain_drop(struct room_model *room, size_t at)
{
    room->chain_count--;
    memmove(&room->chains[at], &room->chains[at + 1],
            (room->chain_count - at) * sizeof *room->chains);
}

void model_chain_said(struct world *world, const struct said *said, int at)
{
    struct room_model *room = &world->rooms[at];
    unsigned depth = model_chain_depth(world, said, at);
    const struct chain_model *before = chain_find(room, said->message_id);
    if (before)
        chain_drop(room, (size_t)(before - room->chains));
    if (!depth)
        return;
    if (room->chain_count == CHAIN_LINKS_MAX)
        chain_drop(room, 0);
    room->chains = realloc(room->chains, (room->chain_count + 1) * sizeof *room->chains);
    struct chain_model *link = &room->chains[room->chain_count++];
    *link = (struct chain_model){.sender = said->sender, .depth = depth, .said = world->now};
    memcpy(link->message_id, said->message_id, sizeof link->message_id);
}
