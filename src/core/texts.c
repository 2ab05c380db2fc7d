/* What an index of a room's knowledge is made of, and what comes of a search in it. */
#include <stdlib.h>

#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

static void mark(void *object, void *ctx)
{
    struct knowledge_entry *entry = object;
    change_mark(ctx, &entry->wording, entry, ROW_PATTERN + (enum row_kind)entry->section);
}

void hub_keep_texts(struct hub *hub)
{
    hub->texts_kept = true;
    for (size_t i = 0; i < hub->room_count; i++) {
        struct room *room = hub->rooms[i];
        room->wordings.kept = true;
        for (int section = 0; section < SECTION_COUNT; section++)
            index_walk(&room->knowledge.sections[section], mark, &room->wordings);
    }
}

/* Decoded into the buffer; one that is longer nobody can ask for. */
static struct slice subject_of(const struct knowledge_entry *entry, char buffer[WIRE_ID_MAX])
{
    struct json_value subject = knowledge_subject(entry);
    bool named = subject.kind == JSON_KIND_STRING;
    long len = named ? json_decode(subject, buffer, WIRE_ID_MAX) : 0;
    return (struct slice){buffer, len > 0 ? (size_t)len : 0};
}

size_t hub_take_texts(struct hub *hub, struct slice room_name, size_t bytes,
                      void (*each)(void *ctx, const struct search_text *text), void *ctx)
{
    struct room *room = room_find(hub, room_name);
    struct text text = {0};
    char subject[WIRE_ID_MAX];
    struct change *change = NULL;
    size_t told = 0;
    while (room && told <= bytes && (change = changes_take(&room->wordings))) {
        const struct knowledge_entry *entry = change->of;
        struct search_text wording = {.section = (int)change->kind - ROW_PATTERN,
                                      .key = entry ? entry->key : change->key};
        text_clear(&text);
        if (entry) {
            knowledge_write_text(entry, &text);
            wording.text = (struct slice){text.at ? text.at : "", text.len};
            wording.order = entry->order;
            wording.subject = subject_of(entry, subject);
            if (entry->contributor)
                wording.contributor = entry->contributor->key;
        }
        each(ctx, &wording);
        told += wording.key.len + wording.text.len + ENTRY_OVERHEAD;
        if (!entry)
            change_free(change);
    }
    text_free(&text);
    return room ? room->wordings.count : 0;
}

struct slice search_wish_copy(const struct search_wish *wish, struct search_wish *ret_copy)
{
    struct slice *const own[] = {
        &ret_copy->room,    &ret_copy->message_id, &ret_copy->words,         &ret_copy->contributor,
        &ret_copy->subject, &ret_copy->place.key,  &ret_copy->specialization};
    enum { COUNT = sizeof own / sizeof *own };
    struct slice parts[COUNT];
    *ret_copy = *wish;
    for (size_t i = 0; i < COUNT; i++)
        parts[i] = *own[i];
    struct slice bytes = slice_join(parts, COUNT);
    const char *at = bytes.at;
    for (size_t i = 0; i < COUNT; at += parts[i++].len)
        own[i]->at = at;
    return bytes;
}

void hub_found(struct hub *hub, const struct search_wish *wish, const struct search_found *found,
               int64_t now)
{
    struct peer *peer = peer_find(hub, wish->asker);
    struct refusal refusal;
    if (!peer)
        return;
    peer->searches--;
    if (!peer_who(peer) || !slice_equal(peer->room->key, wish->room))
        return;
    struct message message = {.message_id = wish->message_id};
    struct request request = {.hub = hub,
                              .room = peer->room,
                              .from = peer->id,
                              .member = peer_who(peer),
                              .message = &message,
                              .refusal = &refusal,
                              .answered_ms = now};
    struct seat seat = peer_seat(peer);
    if (query_found(&request, &seat, wish, found) < 0)
        peer_refuse(hub, peer, &refusal, wish->message_id, now);
}
