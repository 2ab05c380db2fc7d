/* artifact_offer: a file that somebody wants to put into a session's workspace; and what becomes of
 * it once it is there. */
#include <assert.h>
#include <inttypes.h>

#include "core/artifacts.h"
#include "core/collaboration.h"
#include "core/memory.h"
#include "core/state.h"

/* SHA-256 of nothing. */
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct offer {
    char name_text[ARTIFACT_NAME_MAX], sha256_text[COMMITMENT_DIGEST_SIZE];
    struct slice name, sha256;
    uint64_t size, base_version;
    bool for_room;
};

static int sha256_read(const struct request *request, struct offer *offer)
{
    struct json_value payload = request->message->payload;
    int error = payload_text(request, payload, "payload.sha256", REQUIRED,
                             sizeof offer->sha256_text, offer->sha256_text, &offer->sha256);
    if (error < 0 || commitment_digest_fits(offer->sha256))
        return error;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.sha256 must be 64 lower-case hex digits, and is \"%.*s\"",
                  SLICE_FORMAT(offer->sha256));
}

static int offer_read(const struct request *request, struct offer *offer)
{
    struct json_value payload = request->message->payload;
    int error;
    offer->size = UINT64_MAX;
    offer->base_version = 0;
    if ((error = payload_text(request, payload, "payload.name", REQUIRED, sizeof offer->name_text,
                              offer->name_text, &offer->name)) < 0 ||
        (error = sha256_read(request, offer)) < 0 ||
        (error = payload_u64(request, payload, "payload.size", 0, ARTIFACT_BYTES_MAX,
                             &offer->size)) < 0 ||
        (error = payload_u64(request, payload, "payload.base_version", 0, UINT64_MAX,
                             &offer->base_version)) < 0 ||
        (error = payload_bool(request, payload, "payload.for_room", false, &offer->for_room)) < 0)
        return error;
    if (!commitment_text_fits(offer->name, ARTIFACT_NAME_MAX))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.name must be a name without control characters");
    if (offer->size == UINT64_MAX)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.size must be a whole number from 0 to %u, and is absent",
                      ARTIFACT_BYTES_MAX);
    if (offer->size == 0 && !slice_is(offer->sha256, NOTHING))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.sha256 is not that of a file of 0 bytes");
    return 0;
}

/* Of each chunk: its line, at most one and a half times as long, is well below the room's limit. */
static uint64_t chunk_of(const struct room *room)
{
    uint64_t half = room->limits.line_max / 2 & ~UINT64_C(63);
    return half < ARTIFACT_CHUNK_BYTES ? half : ARTIFACT_CHUNK_BYTES;
}

static bool is_same(const struct artifact *artifact, const struct offer *offer)
{
    return artifact && artifact->size == offer->size && slice_is(offer->sha256, artifact->sha256);
}

/* ── is there room for it? ── */

struct sums {
    uint64_t room, own;                 /* bytes, */
    uint64_t room_yields, own_yields;   /* and those of them that make way; */
    size_t count_yields, session, open; /* how many make way; are the session's; are the AI's, and
                                           on their way */
};

/* Without the upload in whose place it comes. */
static struct sums sum_up(const struct request *request, const struct artifact *instead)
{
    struct sums sums = {.room = request->room->artifact_bytes};
    struct slice owner = request_owner(request), ai_id = request->message->sender_id;
    const struct artifact *artifact;
    TAILQ_FOREACH (artifact, &request->room->artifacts, next) {
        bool own = slice_equal(artifact->owner, owner), yields = artifact_yields(artifact);
        if (instead && artifact == instead) {
            sums.room -= artifact->size;
            continue;
        }
        sums.own += own ? artifact->size : 0;
        sums.room_yields += yields ? artifact->size : 0;
        sums.own_yields += own && yields ? artifact->size : 0;
        sums.count_yields += yields;
        sums.session += artifact->session == request->session && !artifact->former;
        sums.open += !artifact->version && slice_equal(artifact->by, ai_id);
    }
    return sums;
}

static int offer_check_room(const struct request *request, const struct artifact *instead,
                            uint64_t size)
{
    struct sums sums = sum_up(request, instead);
    const struct room *room = request->room;
    bool token = request->member && request->member->owner.len;
    if (sums.open >= UPLOADS_EACH_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"uploads", "ai", UPLOADS_EACH_MAX, 0},
                           "%u files of yours are on their way, the most there may be at once",
                           UPLOADS_EACH_MAX);
    if (sums.session >= ARTIFACTS_SESSION_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"artifacts", "session", ARTIFACTS_SESSION_MAX, 0},
                           "the workspace has %u files, the most there may be",
                           ARTIFACTS_SESSION_MAX);
    if (room->artifact_count - (instead != NULL) - sums.count_yields >= ARTIFACTS_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"artifacts", "room", ARTIFACTS_MAX, 0},
                           "this room has %u files, the most it keeps", ARTIFACTS_MAX);
    if (sums.own - sums.own_yields + size > ARTIFACTS_BYTES_EACH_MAX)
        return refuse_over(
            request->refusal, WIRE_QUOTA_EXCEEDED,
            &(struct overrun){"artifact_bytes", token ? "token" : "ai", ARTIFACTS_BYTES_EACH_MAX,
                              0},
            "files of yours in sessions that have not ended take %llu bytes; %llu more go over "
            "the %u that one owner may have in a room",
            (unsigned long long)(sums.own - sums.own_yields), (unsigned long long)size,
            ARTIFACTS_BYTES_EACH_MAX);
    if (sums.room - sums.room_yields + size > ARTIFACTS_BYTES_MAX)
        return refuse_over(
            request->refusal, WIRE_QUOTA_EXCEEDED,
            &(struct overrun){"artifact_bytes", "room", (double)ARTIFACTS_BYTES_MAX, 0},
            "files in sessions that have not ended take %llu bytes; %llu more go over the %llu "
            "that a room keeps",
            (unsigned long long)(sums.room - sums.room_yields), (unsigned long long)size,
            (unsigned long long)ARTIFACTS_BYTES_MAX);
    return 0;
}

/* The first of those that make way, of that owner (len 0: of anybody). */
static struct artifact *first_yielding(const struct room *room, struct slice owner)
{
    struct artifact *artifact;
    TAILQ_FOREACH (artifact, &room->artifacts, next)
        if (artifact_yields(artifact) && (!owner.len || slice_equal(artifact->owner, owner)))
            return artifact;
    return NULL;
}

static void offer_make_room(struct request *request, uint64_t size)
{
    struct room *room = request->room;
    struct slice owner = request_owner(request);
    struct artifact *artifact;
    while (sum_up(request, NULL).own + size > ARTIFACTS_BYTES_EACH_MAX) {
        artifact = first_yielding(room, owner);
        assert(artifact); /* offer_check_room has counted them */
        artifact_drop(room, artifact);
    }
    while (room->artifact_bytes + size > ARTIFACTS_BYTES_MAX ||
           room->artifact_count >= ARTIFACTS_MAX) {
        artifact = first_yielding(room, (struct slice){NULL, 0});
        assert(artifact);
        artifact_drop(room, artifact);
    }
}

/* ── the offer ── */

static int offer_check_base(struct request *request, const struct offer *offer,
                            const struct artifact *current)
{
    uint64_t version = current ? current->version : 0;
    if (offer->base_version == version)
        return 0;
    text_add_member(&request->extra, "session_id", request->session->key);
    text_add_member(&request->extra, "name", offer->name);
    text_addf(&request->extra, ",\"version\":%" PRIu64 ",\"sha256\":", version);
    if (current)
        text_addf(&request->extra, "\"%s\"", current->sha256);
    else
        text_add_literal(&request->extra, "null");
    return refuse(request->refusal, WIRE_CONFLICT,
                  "base_version is %" PRIu64 ", but the file is at version %" PRIu64,
                  offer->base_version, version);
}

int artifact_offer_check(struct request *request)
{
    struct offer offer;
    int error;
    if ((error = offer_read(request, &offer)) < 0)
        return error;
    if (!request->member || request->member->level < 2)
        return refuse(
            request->refusal, WIRE_FORBIDDEN,
            "files are for AIs that have joined at level 2 (the answer goes to no other)");
    const struct session *session = session_named_by_participant(request);
    if (!session)
        return refused(request);
    if (session->state != SESSION_ACTIVE)
        return refuse(request->refusal, WIRE_CONFLICT, "nobody has accepted the session yet");
    const struct artifact *current = artifact_current(session, offer.name);
    if (is_same(current, &offer))
        return 0;
    if ((error = offer_check_base(request, &offer, current)) < 0)
        return error;
    const struct artifact *upload = upload_find(session, offer.name, request->message->sender_id);
    if (is_same(upload, &offer))
        return 0;
    unsigned long long most = chunk_of(request->room) * ARTIFACT_CHUNKS_MAX;
    if (most < offer.size)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"artifact_bytes", "hub", (double)most, 0},
                           "lines of %zu bytes carry files of at most %llu",
                           request->room->limits.line_max, most);
    return offer_check_room(request, upload, offer.size);
}

uint64_t artifact_growth(const struct request *request)
{
    struct offer offer;
    if (offer_read(request, &offer) < 0)
        return 0;
    const struct artifact *current = artifact_current(request->session, offer.name),
                          *upload = upload_find(request->session, offer.name,
                                                request->message->sender_id);
    return is_same(current, &offer) || is_same(upload, &offer) ? 0 : offer.size;
}

struct text *artifact_told(struct request *request, const struct artifact *artifact,
                           const char *status, struct slice target)
{
    struct text *text = hub_message_begin(request, MESSAGE_ARTIFACT, slice_of("hub"), target);
    text_add_literal(text, "{\"session_id\":");
    text_add_string(text, artifact->session->key);
    text_add_member(text, "name", artifact->name);
    text_addf(text, ",\"status\":\"%s\",\"size\":%" PRIu64 ",\"sha256\":\"%s\"", status,
              artifact->size, artifact->sha256);
    text_add_member(text, "in_reply_to", request->message->message_id);
    return text;
}

static void add_kept(const struct artifact *artifact, struct text *text)
{
    text_addf(text, ",\"version\":%" PRIu64 ",\"for_room\":%s", artifact->version,
              artifact->for_room ? "true" : "false");
    text_add_member(text, "by", artifact->by);
    text_add_literal(text, "}");
}

static void tell_asker(struct request *request)
{
    struct outgoing outgoing;
    const struct member *member = request->member;
    struct seat seat = {request->from, request->member, member->level, member->observer};
    hub_message_end(request, MESSAGE_ARTIFACT, &outgoing);
    effect_to_connection(request, &outgoing, &seat);
}

static void tell_open(struct request *request, const struct artifact *artifact)
{
    struct text *text = artifact_told(request, artifact, "open", request->member->key);
    text_addf(text, ",\"chunk\":%" PRIu64 ",\"next\":%zu}", artifact->chunk, artifact->chunk_count);
    tell_asker(request);
}

static void offer_take(struct request *request, const struct offer *offer)
{
    struct room *room = request->room;
    struct artifact *upload = upload_find(request->session, offer->name, request->member->key);
    if (upload)
        artifact_drop(room, upload);
    offer_make_room(request, offer->size);
    upload = artifact_new(room, request->session, request->entry->seq);
    upload->name = slice_copy(offer->name);
    upload->by = slice_copy(request->member->key);
    upload->owner = slice_copy(request_owner(request));
    memcpy(upload->sha256, offer->sha256.at, offer->sha256.len);
    upload->chunk = chunk_of(room);
    upload->base_version = offer->base_version;
    upload->for_room = offer->for_room;
    upload->at_ms = request->entry->time_ms;
    artifact_size(room, upload, offer->size);
    if (offer->size)
        tell_open(request, upload);
    else
        artifact_finish(request, upload);
}

void artifact_offer_proceed(struct request *request)
{
    struct offer offer = {.size = 0};
    offer_read(request, &offer);
    struct artifact *current = artifact_current(request->session, offer.name);
    struct artifact *upload = upload_find(request->session, offer.name, request->member->key);
    struct artifact *same = is_same(current, &offer)  ? current
                            : is_same(upload, &offer) ? upload
                                                      : NULL;
    request->handled = true;
    if (!same) {
        offer_take(request, &offer);
        return;
    }
    same->for_room = same->for_room || offer.for_room;
    if (same == upload)
        same->base_version = offer.base_version;
    artifact_changed(request->room, same);
    if (same == upload) {
        tell_open(request, same);
    } else {
        add_kept(same, artifact_told(request, same, "kept", request->member->key));
        tell_asker(request);
    }
}

/* ── its end ── */

void artifact_finish(struct request *request, struct artifact *artifact)
{
    struct room *room = request->room;
    struct outgoing outgoing;
    struct artifact *before = artifact_current(artifact->session, artifact->name);
    if ((before ? before->version : 0) != artifact->base_version) {
        struct text *text = artifact_told(request, artifact, "dropped", request->member->key);
        text_addf(text, ",\"reason\":\"conflict\",\"version\":%" PRIu64 "}",
                  before ? before->version : 0);
        tell_asker(request);
        artifact_drop(room, artifact);
        return;
    }
    if (before) {
        before->former = true;
        artifact_changed(room, before);
    }
    artifact->version = artifact->base_version + 1;
    artifact->at_ms = request->entry->time_ms;
    artifact_changed(room, artifact);
    add_kept(artifact, artifact_told(request, artifact, "kept", (struct slice){NULL, 0}));
    hub_message_end(request, MESSAGE_ARTIFACT, &outgoing);
    if (artifact->for_room)
        effect_to_room(request, &outgoing, NULL);
    else
        effect_to_session(request, &outgoing, artifact->session, NULL);
    hub_note(room->hub, request->from, HUB_ARTIFACT, artifact->name, artifact->session->key);
}
