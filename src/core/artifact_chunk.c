/* artifact_chunk: what comes of a file. Its bytes take no place in the room's entries: admit cuts
 * them out of the line, and writes there what the SHA-256 of all that came is before and behind
 * them. So apply knows whether what came is what was offered, and needs none of it. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/artifacts.h"
#include "core/collaboration.h"
#include "core/memory.h"
#include "core/state.h"
#include "wire/base64.h"

/* ── admit ── */

/* The upload that the message goes on with; NULL: none. */
static struct artifact *upload_of(const struct room *room, const struct message *message)
{
    char id[WIRE_ID_MAX], name[ARTIFACT_NAME_MAX];
    struct json_value session_id = json_get(message->payload, "session_id"),
                      named = json_get(message->payload, "name");
    long id_len = session_id.kind == JSON_KIND_STRING ? json_decode(session_id, id, sizeof id) : -1;
    long name_len = named.kind == JSON_KIND_STRING ? json_decode(named, name, sizeof name) : -1;
    if (id_len < 0 || name_len < 0)
        return NULL;
    const struct session *session = session_find(room, (struct slice){id, (size_t)id_len});
    return session
               ? upload_find(session, (struct slice){name, (size_t)name_len}, message->sender_id)
               : NULL;
}

/* Is it the next of those that were proposed; or, when these were lost, of those that are there? */
static bool is_next(struct artifact *upload, struct json_value index)
{
    uint64_t number;
    if (json_u64(index, &number) < 0 || number >= artifact_chunks(upload))
        return false;
    if (number != upload->ahead_count && number == upload->chunk_count) {
        upload->ahead_count = upload->chunk_count;
        memcpy(upload->ahead_state, upload->state, sizeof upload->state);
    }
    return number == upload->ahead_count;
}

static int decode(struct json_value data, size_t wanted, struct text *bytes,
                  struct refusal *ret_refusal)
{
    struct text plain = {0};
    struct slice characters = data.raw;
    if (data.kind != JSON_KIND_STRING)
        return refuse(ret_refusal, WIRE_BAD_PAYLOAD, "payload.data must be a string of base64");
    if (data.escaped && text_reserve(&plain, data.raw.len)) { /* as "\/", which some write */
        long len = json_decode(data, plain.at, data.raw.len);
        characters = (struct slice){plain.at, len > 0 ? (size_t)len : 0};
    }
    bool fine = text_add_base64_decoded(bytes, characters);
    text_free(&plain);
    if (!fine)
        return refuse(ret_refusal, WIRE_BAD_PAYLOAD, "payload.data is no base64 (RFC 4648)");
    if (bytes->len != wanted)
        return refuse(ret_refusal, WIRE_BAD_PAYLOAD,
                      "payload.data has %zu bytes, and this chunk has %zu", bytes->len, wanted);
    return 0;
}

static void state_read(const char *hex, uint8_t ret_state[32])
{
    for (size_t i = 0; i < 32; i++) {
        const char two[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ret_state[i] = (uint8_t)strtoul(two, NULL, 16);
    }
}

/* Goes on with the SHA-256 of what was proposed. */
static void go_on(const struct hub *hub, struct artifact *upload, struct slice bytes)
{
    struct hub_hash hash = {.bytes = upload->ahead_count * upload->chunk};
    bool last = upload->ahead_count + 1 == artifact_chunks(upload);
    if (hash.bytes)
        state_read(upload->ahead_state, hash.state);
    hub->edge.hash(hub->edge.ctx, &hash, bytes, last);
    hex_format(hash.state, sizeof hash.state, upload->ahead_state);
    upload->ahead_count++;
}

static void add_raw(struct text *line, const char *name, struct json_value value)
{
    if (value.kind == JSON_KIND_ABSENT)
        return;
    text_addf(line, "%s\"%s\":", line->at[line->len - 1] == '{' ? "" : ",", name);
    if (value.kind == JSON_KIND_STRING)
        value.raw = (struct slice){value.raw.at - 1, value.raw.len + 2};
    text_add(line, value.raw);
}

int chunk_cut(struct peer *peer, const struct message *message, struct text *line,
              struct text *bytes, struct refusal *ret_refusal)
{
    struct slice whole = message->line, payload = message->payload.raw;
    struct json_value index = json_get(message->payload, "index");
    struct member *member = peer->room ? peer->member : NULL;
    struct receipt receipt;
    bool said = member && member->acks &&
                receipt_find(peer->room, member, id_hash(message->message_id), &receipt);
    struct artifact *upload = member && !said ? upload_of(peer->room, message) : NULL;
    text_add(line, (struct slice){whole.at, (size_t)(payload.at - whole.at)});
    text_add_literal(line, "{");
    add_raw(line, "session_id", json_get(message->payload, "session_id"));
    add_raw(line, "name", json_get(message->payload, "name"));
    add_raw(line, "index", index);
    if (upload && is_next(upload, index)) {
        int error = decode(json_get(message->payload, "data"),
                           artifact_chunk_bytes(upload, upload->ahead_count), bytes, ret_refusal);
        if (error < 0)
            return error;
        text_addf(line, ",\"before\":\"%s\"", upload->ahead_state);
        go_on(peer->room->hub, upload, text_slice(bytes));
        text_addf(line, ",\"after\":\"%s\"", upload->ahead_state);
    }
    text_add_literal(line, "}");
    text_add(line,
             (struct slice){slice_end(payload), (size_t)(slice_end(whole) - slice_end(payload))});
    return 0;
}

bool chunk_goes_on(const struct request *request)
{
    return request->blob.len && request->room->under_way > 0;
}

/* ── apply ── */

struct piece {
    char name_text[ARTIFACT_NAME_MAX], before_text[COMMITMENT_DIGEST_SIZE],
        after_text[COMMITMENT_DIGEST_SIZE];
    struct slice name, before, after;
    uint64_t index;
};

static int piece_read(const struct request *request, struct piece *piece)
{
    struct json_value payload = request->message->payload;
    int error;
    piece->index = UINT64_MAX;
    if ((error = payload_text(request, payload, "payload.name", REQUIRED, sizeof piece->name_text,
                              piece->name_text, &piece->name)) < 0 ||
        (error = payload_u64(request, payload, "payload.index", 0, ARTIFACT_CHUNKS_MAX,
                             &piece->index)) < 0 ||
        (error = payload_text(request, payload, "payload.before", OPTIONAL,
                              sizeof piece->before_text, piece->before_text, &piece->before)) < 0)
        return error;
    return payload_text(request, payload, "payload.after", OPTIONAL, sizeof piece->after_text,
                        piece->after_text, &piece->after);
}

int artifact_chunk_check(struct request *request)
{
    struct piece piece;
    int error;
    if ((error = piece_read(request, &piece)) < 0)
        return error;
    const struct session *session = session_named_by_participant(request);
    if (!session)
        return refused(request);
    const struct artifact *upload = upload_find(session, piece.name, request->message->sender_id);
    if (!upload)
        return refuse(request->refusal, WIRE_NOT_FOUND,
                      "no file \"%.*s\" of yours is on its way into this session: offer it first",
                      SLICE_FORMAT(piece.name));
    if (piece.index == upload->chunk_count && piece.after.len &&
        slice_is(piece.before, upload->state))
        return 0;
    text_add_member(&request->extra, "session_id", session->key);
    text_add_member(&request->extra, "name", piece.name);
    text_addf(&request->extra, ",\"next\":%zu", upload->chunk_count);
    return refuse(request->refusal, WIRE_CONFLICT, "the next chunk of this file is number %zu",
                  upload->chunk_count);
}

static void tell(struct request *request)
{
    struct outgoing outgoing;
    const struct member *member = request->member;
    struct seat seat = {request->from, request->member, member->level, member->observer};
    hub_message_end(request, MESSAGE_ARTIFACT, &outgoing);
    effect_to_connection(request, &outgoing, &seat);
}

/* All has come: is it what was offered? */
static void settle(struct request *request, struct artifact *upload)
{
    if (strcmp(upload->state, upload->sha256) == 0) {
        artifact_finish(request, upload);
        return;
    }
    struct text *text = artifact_told(request, upload, "dropped", request->member->key);
    text_addf(text, ",\"reason\":\"sha256\",\"found\":\"%s\"}", upload->state);
    tell(request);
    artifact_drop(request->room, upload);
}

void artifact_chunk_proceed(struct request *request)
{
    struct piece piece = {.index = 0};
    piece_read(request, &piece);
    struct artifact *upload =
        upload_find(request->session, piece.name, request->message->sender_id);
    upload->chunks = memory_grow(upload->chunks, &upload->chunk_capacity, upload->chunk_count + 1,
                                 sizeof *upload->chunks);
    upload->chunks[upload->chunk_count++] = request->entry->seq;
    memcpy(upload->state, piece.after.at, piece.after.len);
    upload->state[piece.after.len] = '\0';
    if (upload->ahead_count < upload->chunk_count) { /* a replay's: nothing was proposed here */
        upload->ahead_count = upload->chunk_count;
        memcpy(upload->ahead_state, upload->state, sizeof upload->state);
    }
    artifact_changed(request->room, upload);
    request->handled = request->chunk_kept = true;
    if (upload->chunk_count == artifact_chunks(upload)) {
        settle(request, upload);
        return;
    }
    text_addf(artifact_told(request, upload, "open", request->member->key), ",\"next\":%zu}",
              upload->chunk_count);
    tell(request);
}

void chunk_forget(struct request *request)
{
    const struct hub_edge *edge = &request->hub->edge;
    if (edge->drop_chunks && !request->chunk_kept)
        edge->drop_chunks(edge->ctx, request->room->key, &request->entry->seq, 1);
}
