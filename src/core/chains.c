#include "core/chains.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

void chains_init(struct chains *chains)
{
    TAILQ_INIT(&chains->list);
}

/* ── links ── */

static void link_free(void *object)
{
    struct chain_link *link = object;
    slice_free(&link->key);
    slice_free(&link->sender);
    free(link);
}

void chains_free(struct room *room)
{
    index_clear(&room->chains.links, link_free);
    TAILQ_INIT(&room->chains.list);
}

static void link_end(struct room *room, struct chain_link *link)
{
    TAILQ_REMOVE(&room->chains.list, link, next);
    index_remove(&room->chains.links, link);
    change_gone(&room->changes, &link->change, ROW_CHAIN, link->key);
    link_free(link);
}

/* At its place by its seq: mostly that is the end. */
static struct chain_link *link_add(struct room *room, struct slice message_id, uint64_t seq)
{
    struct chains *chains = &room->chains;
    struct chain_link *link = memory_new(sizeof *link);
    struct chain_link *before = TAILQ_LAST(&chains->list, chain_links);
    link->key = slice_copy(message_id);
    link->seq = seq;
    index_add(&chains->links, link);
    while (before && before->seq > seq)
        before = TAILQ_PREV(before, chain_links, next);
    if (before)
        TAILQ_INSERT_AFTER(&chains->list, before, link, next);
    else
        TAILQ_INSERT_HEAD(&chains->list, link, next);
    return link;
}

/* ── how long a chain is ── */

/* What the message answers, if that was a reply and its chain still goes on. A direct message
 * answers its target, whoever else said something under the same message_id. */
static const struct chain_link *link_answered(const struct request *request, struct slice named)
{
    const struct chain_link *link = index_find(&request->room->chains.links, named);
    if (!link || request->answered_ms - link->said_ms >= CHAIN_PAUSE_MS)
        return NULL;
    return !request->target || slice_equal(link->sender, request->target->key) ? link : NULL;
}

/* Replies in a row with this one; 0: it is none, or a person's. Who answers itself makes a chain no
 * longer. */
static uint64_t chain_depth(struct request *request)
{
    struct json_value named = payload_members(request)->in_reply_to;
    enum message_type type = request->message->type;
    char buffer[WIRE_ID_MAX];
    if (named.kind != JSON_KIND_STRING || type == MESSAGE_HELLO || type == MESSAGE_HEARTBEAT ||
        (request->member && member_is_person(request->member)))
        return 0;
    long len = json_decode(named, buffer, sizeof buffer);
    if (len <= 0)
        return 0;
    const struct chain_link *link =
        request->room ? link_answered(request, (struct slice){buffer, (size_t)len}) : NULL;
    if (!link)
        return 1;
    return link->depth + !slice_equal(link->sender, request->message->sender_id);
}

int chain_check(struct request *request)
{
    uint64_t most = request->room ? request->room->limits.chain_max : 0;
    uint64_t depth = most ? chain_depth(request) : 0;
    if (depth <= most)
        return 0;
    return refuse(request->refusal, WIRE_LOOP,
                  "this would be reply %" PRIu64 " in a row without a person or %u minutes between "
                  "two: the most are %" PRIu64 " (--max-chain)",
                  depth, CHAIN_PAUSE_MS / 60000u, most);
}

/* An admin who takes part, or who observes by a token that shows all. */
static bool is_warned(const struct request *request, const struct seat *seat)
{
    const struct peer *peer = peer_find(request->hub, seat->peer);
    return peer && peer->principal && peer->sees == SEES_ALL && peer->id != request->from;
}

/* As an error of nothing that it said. */
static void loop_tell_one(const struct request *request, const struct seat *seat)
{
    struct request told = {
        .hub = request->hub, .room = request->room, .answered_ms = request->answered_ms};
    struct outgoing outgoing;
    struct text *text = hub_message_begin(&told, MESSAGE_ERROR, slice_of("hub"), seat->member->key);
    text_addf(text, "{\"code\":\"%s\",\"detail\":", wire_error_code(WIRE_LOOP));
    text_add_string(text, slice_of(request->refusal->detail));
    text_add_literal(text, ",\"in_reply_to\":null");
    text_add_member(text, "sender", request->message->sender_id);
    text_add_member(text, "refused", request->message->message_id);
    text_add_literal(text, "}");
    hub_message_end(&told, MESSAGE_ERROR, &outgoing);
    effect_to_connection(&told, &outgoing, seat);
}

void loop_tell(struct request *request)
{
    struct room *room = request->room;
    if (!room || request->hub->clock - room->loop_told < LOOP_TOLD_MS)
        return;
    room->loop_told = request->hub->clock;
    for (size_t i = 0; i < room->seat_count; i++)
        if (is_warned(request, &room->seats[i]))
            loop_tell_one(request, &room->seats[i]);
}

void chain_proceed(struct request *request)
{
    struct room *room = request->room;
    struct slice message_id = request->message->message_id;
    struct chain_link *before = index_find(&room->chains.links, message_id);
    uint64_t depth = chain_depth(request);
    if (before)
        link_end(room, before);
    if (!depth)
        return;
    if (room->chains.links.count == CHAIN_LINKS_MAX)
        link_end(room, TAILQ_FIRST(&room->chains.list));
    struct chain_link *link = link_add(room, message_id, request->entry->seq);
    link->sender = slice_copy(request->member->key);
    link->depth = depth;
    link->said_ms = request->answered_ms;
    change_mark(&room->changes, &link->change, link, ROW_CHAIN);
}

/* ── as rows ── */

struct chain_link *chain_restore(struct room *room, struct slice message_id, uint64_t seq)
{
    const struct index *links = &room->chains.links;
    if (!message_id.len || seq > room->last_seq || links->count == CHAIN_LINKS_MAX ||
        index_find(links, message_id))
        return NULL;
    return link_add(room, message_id, seq);
}

bool chains_whole(const struct room *room)
{
    const struct chains *chains = &room->chains;
    const struct chain_link *link;
    size_t count = 0;
    uint64_t seq = 0;
    TAILQ_FOREACH (link, &chains->list, next) {
        if (link->seq <= seq || link->seq > room->last_seq || !link->depth ||
            index_find(&chains->links, link->key) != link)
            return false;
        seq = link->seq;
        count++;
    }
    return count == chains->links.count && count <= CHAIN_LINKS_MAX;
}
