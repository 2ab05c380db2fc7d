/* What owners have now of what they may have at the most, for an admin who asks. An answer of
 * admit's: it looks at connections and at all rooms.
 *
 * It is summed up in one pass over these, for each page anew: an owner by owner would look through
 * every room's sessions once for each. */
#include "core/effects.h"
#include "core/handlers.h"
#include "core/holdings.h"
#include "core/state.h"

struct usage {
    struct slice key; /* the owner's: its token's name */
    size_t connections, sessions, entries, bytes;
    uint64_t messages; /* in this day */
};

struct summing {
    struct index *usages;
    const struct room *room;
    int64_t day;
};

static struct usage *usage_of(const struct summing *summing, struct slice owner)
{
    return index_get(summing->usages, owner, sizeof(struct usage));
}

static void add_holding(void *object, void *ctx)
{
    const struct holding *holding = object;
    const struct summing *summing = ctx;
    struct usage *usage = usage_of(summing, holding->key);
    usage->entries += holding->entries;
    usage->bytes += holding->bytes;
    usage->messages += holding_messages(summing->room, holding->key, summing->day);
}

/* What it said in a room that was let go since, it knows alone. */
static void add_principal(void *object, void *ctx)
{
    const struct principal *principal = object;
    const struct summing *summing = ctx;
    struct usage *usage = usage_of(summing, principal->key);
    usage->connections += principal->peers;
    if (principal->day == summing->day && principal->messages > usage->messages)
        usage->messages = principal->messages;
}

static void sum_up(const struct hub *hub, int64_t day, struct index *usages)
{
    struct summing summing = {.usages = usages, .day = day};
    const struct session *session;
    const struct member *away;
    for (size_t i = 0; i < hub->room_count; i++) {
        summing.room = hub->rooms[i];
        index_walk(&summing.room->holdings, add_holding, &summing);
        TAILQ_FOREACH (away, &summing.room->away, next) /* each has a connection's place */
            if (away->holding)
                usage_of(&summing, away->holding->key)->connections++;
        TAILQ_FOREACH (session, &summing.room->live, next) {
            const struct member *member = member_find(summing.room, session->initiator);
            if (member && member->holding)
                usage_of(&summing, member->holding->key)->sessions++;
        }
    }
    index_walk(&hub->principals, add_principal, &summing);
}

/* ── as JSON ── */

struct listing {
    struct hub *hub;
    struct text *text;
    uint64_t limit, told;
    struct slice after, last; /* after.len 0: from the first */
    bool more;
};

static void use_write(const struct usage *usage, struct text *text)
{
    const double use[LIMIT_COUNT] = {[LIMIT_CONNECTIONS] = (double)usage->connections,
                                     [LIMIT_SESSIONS] = (double)usage->sessions,
                                     [LIMIT_ENTRIES] = (double)usage->entries,
                                     [LIMIT_KNOWLEDGE] = (double)usage->bytes,
                                     [LIMIT_DAILY] = (double)usage->messages};
    const char *before = "\"use\":{";
    for (enum limit limit = 0; limit < LIMIT_COUNT; limit++) {
        if (limit == LIMIT_RATE || limit == LIMIT_RATE_BYTES) /* of which there is no amount */
            continue;
        text_addf(text, "%s\"%s\":%.15g", before, limit_text(limit), use[limit]);
        before = ",";
    }
    text_add_literal(text, "}");
}

static void limits_told(const struct quota *quota, struct text *text)
{
    const char *before = "";
    text_add_literal(text, ",\"limits\":{");
    for (enum limit limit = 0; limit < LIMIT_COUNT; limit++) {
        if (quota->most[limit] <= 0)
            continue;
        text_addf(text, "%s\"%s\":%.15g", before, limit_text(limit), quota->most[limit]);
        before = ",";
    }
    text_add_literal(text, "}");
}

/* Of a token that lets nobody in there is none. */
static bool quota_of(const struct hub *hub, struct slice owner, struct quota *ret_quota)
{
    const struct principal *principal = index_find(&hub->principals, owner);
    if (hub->edge.quota_of) {
        if (!hub->edge.quota_of(hub->edge.ctx, owner, ret_quota))
            return false;
        *ret_quota = quota_over(ret_quota, &hub->config.owner);
        return true;
    }
    if (principal)
        *ret_quota = principal->quota;
    return principal;
}

static void usage_list(void *object, void *ctx)
{
    const struct usage *usage = object;
    struct listing *listing = ctx;
    struct quota quota;
    if (listing->after.len && slice_compare(usage->key, listing->after) <= 0)
        return;
    listing->more = listing->told == listing->limit;
    if (listing->more)
        return;
    text_add_literal(listing->text, listing->told++ ? ",{\"owner\":" : "{\"owner\":");
    text_add_string(listing->text, usage->key);
    text_add_literal(listing->text, ",");
    use_write(usage, listing->text);
    if (quota_of(listing->hub, usage->key, &quota))
        limits_told(&quota, listing->text);
    else
        text_add_literal(listing->text, ",\"limits\":null");
    text_add_literal(listing->text, "}");
    listing->last = usage->key;
}

static void room_write(const struct room *room, int64_t day, struct text *text)
{
    const struct usage usage = {.connections = room->seat_count + room->guests + room->away_count,
                                .sessions = room->live_count,
                                .entries = knowledge_shared(&room->knowledge),
                                .bytes = room->knowledge.bytes,
                                .messages = room_said(room, day)};
    struct quota quota = room->hub->config.room;
    quota.most[LIMIT_KNOWLEDGE] = (double)room->limits.knowledge_max;
    text_add_literal(text, ",\"room\":{");
    use_write(&usage, text);
    limits_told(&quota, text);
    text_add_literal(text, "}");
}

int usage_answer(struct request *request, const struct seat *to)
{
    struct hub *hub = request->hub;
    struct json_value payload = request->message->payload;
    const struct peer *peer = peer_find(hub, request->from);
    struct listing listing = {.hub = hub, .limit = USAGE_SHOWN_PRESET};
    int64_t day = request->answered_ms / DAY_MS;
    struct index usages = {0};
    struct outgoing outgoing;
    char after[WIRE_ID_MAX];
    int error;
    if (!peer || !peer->admin)
        return refuse(request->refusal, WIRE_FORBIDDEN,
                      "a usage_query is an admin's: join with a token of that role (khub token add "
                      "NAME --role admin)");
    if ((error = payload_text(request, payload, "payload.after", OPTIONAL, sizeof after, after,
                              &listing.after)) < 0 ||
        (error = payload_u64(request, payload, "payload.limit", 1, USAGE_SHOWN_MAX,
                             &listing.limit)) < 0)
        return error;
    struct text *text = listing.text =
        hub_message_begin(request, MESSAGE_USAGE_RESULT, slice_of("hub"), request->member->key);
    text_add_literal(text, "{\"in_reply_to\":");
    text_add_string(text, request->message->message_id);
    text_add_literal(text, ",\"owners\":[");
    sum_up(hub, day, &usages);
    index_walk(&usages, usage_list, &listing);
    text_addf(text, "],\"total\":%zu,\"next\":", usages.count);
    if (listing.more)
        text_add_string(text, listing.last);
    else
        text_add_literal(text, "null");
    room_write(request->room, day, text);
    text_add_literal(text, "}");
    index_clear(&usages, keyed_free);
    hub_message_end(request, MESSAGE_USAGE_RESULT, &outgoing);
    effect_to_connection(request, &outgoing, to);
    return 0;
}
