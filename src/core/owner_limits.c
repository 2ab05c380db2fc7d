/* See owner_limits.h. An owner is a principal, whose AIs are counted together in each room and over
 * all rooms; or, without a token, one AI in its room. */
#include "core/owner_limits.h"

#include <stdio.h>

#include "core/peers.h"
#include "core/state.h"

struct owned {
    size_t entries, bytes;
};

static struct owned owned_of(const struct request *request, const struct principal *principal)
{
    struct owned owned = {0, 0};
    const struct hub *hub = request->hub;
    for (size_t i = 0; principal && i < hub->room_count; i++) {
        const struct holding *holding = index_find(&hub->rooms[i]->holdings, principal->key);
        owned.entries += holding ? holding->entries : 0;
        owned.bytes += holding ? holding->bytes : 0;
    }
    const struct tenant *tenant =
        principal || !request->room
            ? NULL
            : index_find(&request->room->knowledge.tenants, request->message->sender_id);
    if (tenant)
        owned = (struct owned){tenant->entries, tenant->bytes};
    return owned;
}

/* The sessions of the room that it has offered, and that have not ended. */
static size_t sessions_of(const struct room *room, const struct principal *principal,
                          struct slice ai_id)
{
    const struct session *session;
    size_t count = 0;
    TAILQ_FOREACH (session, &room->live, next) {
        const struct member *member = principal ? member_find(room, session->initiator) : NULL;
        count += principal ? member && slice_equal(member->owner, principal->key)
                           : slice_equal(session->initiator, ai_id);
    }
    return count;
}

static size_t sessions_open(const struct request *request, const struct principal *principal)
{
    const struct hub *hub = request->hub;
    size_t count = 0;
    for (size_t i = 0; principal && i < hub->room_count; i++)
        count += sessions_of(hub->rooms[i], principal, request->message->sender_id);
    if (!principal && request->room)
        count = sessions_of(request->room, NULL, request->message->sender_id);
    return count;
}

/* `has` and `more` is over the limit. frees: what one may do about it. */
static int over(const struct request *request, const struct principal *principal, enum limit limit,
                double most, const char *has, const char *frees)
{
    const struct overrun overrun = {limit_text(limit), principal ? "token" : "ai", most, 0};
    if (!principal)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED, &overrun,
                           "you have %s; of %s one AI may have %.15g: %s", has, limit_called(limit),
                           most, frees);
    return refuse_over(
        request->refusal, WIRE_QUOTA_EXCEEDED, &overrun,
        "all AIs of the token of \"%.*s\" have %s, in all rooms together; of %s they "
        "may have %.15g: %s",
        SLICE_FORMAT(principal->key), has, limit_called(limit), most, frees);
}

static int knowledge_check(const struct request *request, const struct principal *principal,
                           const struct quota *quota)
{
    const struct growth *growth = &request->growth;
    double entries_max = quota->most[LIMIT_ENTRIES], bytes_max = quota->most[LIMIT_KNOWLEDGE];
    bool more_entries = entries_max > 0 && growth->entries;
    bool more_bytes = bytes_max > 0 && growth->own > 0;
    char has[96];
    if (!more_entries && !more_bytes)
        return 0;
    struct owned owned = owned_of(request, principal);
    if (more_entries && (double)(owned.entries + growth->entries) > entries_max) {
        snprintf(has, sizeof has, "%zu entr%s", owned.entries, owned.entries == 1 ? "y" : "ies");
        return over(request, principal, LIMIT_ENTRIES, entries_max, has,
                    "share one of them anew in its place");
    }
    if (more_bytes && (double)owned.bytes + (double)growth->own > bytes_max) {
        snprintf(has, sizeof has, "%zu bytes of knowledge, and this adds %lld", owned.bytes,
                 (long long)growth->own);
        return over(request, principal, LIMIT_KNOWLEDGE, bytes_max, has,
                    "share something shorter in the place of one of them");
    }
    return 0;
}

static int sessions_check(const struct request *request, const struct principal *principal,
                          const struct quota *quota)
{
    double most = quota->most[LIMIT_SESSIONS];
    char has[64];
    if (most <= 0)
        return 0;
    size_t open = sessions_open(request, principal);
    if ((double)(open + 1) <= most)
        return 0;
    snprintf(has, sizeof has, "%zu open session%s", open, open == 1 ? "" : "s");
    return over(request, principal, LIMIT_SESSIONS, most, has, "end one of them first");
}

/* When the day is over, as a sentence ends with it. */
#define NEXT_DAY          "the next one begins in %lld h %lld min, at 00:00 UTC"
#define NEXT_DAY_IN(left) (long long)((left) / 3600000), (long long)((left) / 60000 % 60)

static int64_t day_left(int64_t now)
{
    return (now / DAY_MS + 1) * DAY_MS - now;
}

/* A hello is taken in any case: who has used its day up may come back, and read. */
static int day_check(const struct request *request, struct principal *principal, int64_t now)
{
    double most = principal->quota.most[LIMIT_DAILY];
    int64_t left = day_left(now);
    if (request->message->type == MESSAGE_HELLO)
        return 0;
    uint64_t said = principal_messages(request->hub, principal, now / DAY_MS);
    if ((double)(said + principal->under_way + 1) <= most)
        return 0;
    return refuse_over(
        request->refusal, WIRE_QUOTA_EXCEEDED,
        &(struct overrun){limit_text(LIMIT_DAILY), "token", most, left},
        "all AIs of the token of \"%.*s\" have said %llu messages today, in all rooms "
        "together, and may say %.15g a day: " NEXT_DAY,
        SLICE_FORMAT(principal->key), (unsigned long long)said, most, NEXT_DAY_IN(left));
}

/* Of all who are there. As above; and whoever keeps order there does so on any day. */
static int room_day_check(const struct request *request, int64_t now)
{
    enum message_type type = request->message->type;
    double most = request->hub->config.room.most[LIMIT_DAILY];
    const struct room *room = request->room;
    int64_t left = day_left(now);
    uint64_t said = room_said(room, now / DAY_MS);
    if (most <= 0 || !message_type_is_published(type) || type == MESSAGE_MODERATION ||
        (double)(said + room->messages_under_way + 1) <= most)
        return 0;
    return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                       &(struct overrun){limit_text(LIMIT_DAILY), "room", most, left},
                       "in room \"%.*s\" %llu messages were said today, and a day there has "
                       "%.15g: " NEXT_DAY,
                       SLICE_FORMAT(room->key), (unsigned long long)said, most, NEXT_DAY_IN(left));
}

/* The room has as many as it may have. */
static int room_full(const struct request *request, enum limit limit, const char *frees)
{
    double most = request->hub->config.room.most[limit];
    const struct room *room = request->room;
    return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                       &(struct overrun){limit_text(limit), "room", most, 0},
                       "of %s room \"%.*s\" may have %.15g, and has them: %s", limit_called(limit),
                       SLICE_FORMAT(room->key), most, frees);
}

static bool is_over(const struct request *request, enum limit limit, size_t count)
{
    double most = request->hub->config.room.most[limit];
    return most > 0 && (double)count > most;
}

int room_limits_check(const struct request *request, int64_t now)
{
    const struct room *room = request->room;
    size_t more = request->growth.entries;
    if (!room || request->repeated)
        return 0;
    if (more && is_over(request, LIMIT_ENTRIES, knowledge_shared(&room->knowledge) + more))
        return room_full(request, LIMIT_ENTRIES, "share one of yours anew in its place");
    if (request->message->type == MESSAGE_COLLABORATION_REQUEST &&
        is_over(request, LIMIT_SESSIONS, room->live_count + 1))
        return room_full(request, LIMIT_SESSIONS, "one of them has to end first");
    if (!request->member && !request->takes_over &&
        is_over(request, LIMIT_CONNECTIONS, room->seat_count + room->guests + room->away_count + 1))
        return room_full(request, LIMIT_CONNECTIONS, "somebody has to leave first");
    return room_day_check(request, now);
}

int owner_limits_check(const struct request *request, struct principal *principal, int64_t now)
{
    const struct quota *quota = principal ? &principal->quota : &request->hub->config.owner;
    int error = 0;
    if (request->repeated)
        return 0;
    if (request->growth.entries || request->growth.own > 0)
        error = knowledge_check(request, principal, quota);
    if (error == 0 && request->message->type == MESSAGE_COLLABORATION_REQUEST)
        error = sessions_check(request, principal, quota);
    if (error == 0 && principal && quota->most[LIMIT_DAILY] > 0)
        error = day_check(request, principal, now);
    return error;
}
