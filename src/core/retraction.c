/* What admins take back: an entry of knowledge, with the messages in which it was shared; or one
 * message, with what is known from it. A message's place in the log stays, and what stands there
 * from then on is what the room was told: who took it back, when and why. */
#include <inttypes.h>

#include "core/collaboration.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"

static int entry_check(const struct request *request, struct slice id)
{
    struct knowledge_entry *named[NAMED_MAX];
    bool any = false;
    knowledge_named(&request->room->knowledge, id, named);
    for (size_t i = 0; i < NAMED_MAX; i++) {
        if (named[i] && !named[i]->retracted.by.len)
            return 0;
        any = any || named[i];
    }
    if (any)
        return refuse(request->refusal, WIRE_CONFLICT, "\"%.*s\" is retracted already",
                      SLICE_FORMAT(id));
    return refuse(request->refusal, WIRE_NOT_FOUND,
                  "there is no pattern, code or component \"%.*s\"", SLICE_FORMAT(id));
}

static int message_check(const struct request *request, uint64_t seq)
{
    const struct room *room = request->room;
    if (seq > room->last_seq)
        return refuse(request->refusal, WIRE_NOT_FOUND,
                      "there is no seq %" PRIu64 " in this room yet: the last is %" PRIu64, seq,
                      room->last_seq);
    switch (said_find(room, seq)) {
    case SAID_MESSAGE:
    case SAID_LONG_AGO:
        return 0;
    case SAID_RETRACTED:
        return refuse(request->refusal, WIRE_CONFLICT, "seq %" PRIu64 " is retracted already", seq);
    case SAID_NOTHING:
        break;
    }
    return refuse(request->refusal, WIRE_NOT_FOUND,
                  "seq %" PRIu64 " is no message that others were told of: "
                  "there is nothing to retract",
                  seq);
}

int retraction_check(const struct request *request, const struct moderated *what)
{
    return what->seq ? message_check(request, what->seq) : entry_check(request, what->name);
}

/* ── doing ── */

struct retraction {
    struct request *request;
    struct ruling ruling;
    struct hub_retraction told; /* but its seq */
};

static void message_retract(const struct retraction *retraction, uint64_t seq)
{
    struct hub *hub = retraction->request->hub;
    struct room *room = retraction->request->room;
    struct hub_retraction told = retraction->told;
    if (said_find(room, seq) == SAID_RETRACTED)
        return;
    told.seq = seq;
    said_note(room, seq, SAID_RETRACTED);
    letter_retract(room, seq);
    sent_retract(room, seq);
    if (hub->edge.retract)
        hub->edge.retract(hub->edge.ctx, &told);
}

static void entry_retract(const struct retraction *retraction, struct knowledge_entry *entry)
{
    struct request *request = retraction->request;
    if (entry->claim && entry->claim->live && !entry->claim->seal->broken)
        seal_break(request, entry->claim->seal);
    for (size_t i = 0; i < entry->shares.count; i++)
        message_retract(retraction, entry->shares.seqs[i]);
    knowledge_retract(&request->room->knowledge, entry, &retraction->ruling);
}

static void known_retract(const struct retraction *retraction, uint64_t seq)
{
    struct knowledge *knowledge = &retraction->request->room->knowledge;
    struct former *former;
    struct knowledge_entry *entry = knowledge_shared_at(knowledge, seq, &former);
    if (former)
        former_drop(knowledge, former);
    else if (entry && !entry->retracted.by.len)
        entry_retract(retraction, entry);
    knowledge_blank_report(knowledge, seq);
    approvals_retract(retraction->request, seq);
    tasks_retract(retraction->request->room, seq);
}

void retraction_proceed(struct request *request, const struct moderated *what, struct slice reason,
                        struct slice line)
{
    struct knowledge_entry *named[NAMED_MAX];
    struct slice tombstone = slice_copy(line); /* what is told next is made in its place */
    const struct retraction retraction = {
        .request = request,
        .ruling = {member_owner(request->member), reason, request->entry->time_ms},
        .told = {.room = request->room->key,
                 .line = tombstone,
                 .level = message_type_level(MESSAGE_MODERATION)}};
    if (what->seq) {
        known_retract(&retraction, what->seq);
        message_retract(&retraction, what->seq);
    } else {
        knowledge_named(&request->room->knowledge, what->name, named);
        for (size_t i = 0; i < NAMED_MAX; i++)
            if (named[i] && !named[i]->retracted.by.len)
                entry_retract(&retraction, named[i]);
    }
    slice_free(&tombstone);
}
