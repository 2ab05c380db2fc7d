/* Rows of files in workspaces, in. */
#include "core/load.h"
#include "core/memory.h"

static void load_chunks(struct loading *loading, struct artifact *artifact)
{
    struct json_iterator chunks = {.rest = load_array(loading, loading->object, "chunks").raw};
    struct json_value chunk;
    uint64_t seq, last = artifact->number;
    size_t most = artifact_chunks(artifact);
    while (json_next_element(&chunks, &chunk)) {
        if (artifact->chunk_count == most || json_u64(chunk, &seq) < 0 || seq <= last ||
            seq > loading->room->last_seq) {
            load_damage(loading, "chunks");
            return;
        }
        artifact->chunks = memory_grow(artifact->chunks, &artifact->chunk_capacity,
                                       artifact->chunk_count + 1, sizeof *artifact->chunks);
        artifact->chunks[artifact->chunk_count++] = last = seq;
    }
    if (artifact->version ? artifact->chunk_count != most : artifact->chunk_count >= most)
        load_damage(loading, "chunks");
}

static void load_numbers(struct loading *loading, struct artifact *artifact)
{
    struct json_value object = loading->object;
    uint64_t size = load_u64(loading, object, "size");
    artifact->chunk = load_u64(loading, object, "chunk");
    artifact->version = load_u64(loading, object, "version");
    artifact->base_version = load_u64(loading, object, "base");
    artifact->for_room = load_bool(loading, object, "for_room");
    artifact->former = load_bool(loading, object, "former");
    artifact->at_ms = load_i64(loading, object, "at_ms");
    if (!artifact->chunk || artifact->chunk % 64 || artifact->chunk > ARTIFACT_CHUNK_BYTES)
        load_damage(loading, "chunk");
    else if (size > ARTIFACT_BYTES_MAX || size > artifact->chunk * ARTIFACT_CHUNKS_MAX)
        load_damage(loading, "size");
    else
        artifact_size(loading->room, artifact, size);
    if (artifact->former && !artifact->version)
        load_damage(loading, "former");
}

void load_artifact(struct loading *loading)
{
    struct room *room = loading->room;
    struct json_value object = loading->object;
    struct json_value key = {.kind = JSON_KIND_NUMBER, .raw = loading->row->key};
    struct slice session_id = load_text(loading, object, "session");
    struct session *session = session_find(room, session_id);
    uint64_t number = 0;
    for (; key.raw.len > 1 && *key.raw.at == '0'; key.raw.at++, key.raw.len--)
        ;
    slice_free(&session_id);
    bool fine = session && json_u64(key, &number) == 0 && number && number <= room->last_seq;
    struct artifact *artifact = fine ? artifact_new(room, session, number) : NULL;
    if (!artifact) {
        load_damage(loading, session ? "key" : "session");
        return;
    }
    artifact->chunk = ARTIFACT_CHUNK_BYTES;
    artifact->name = load_text(loading, object, "name");
    artifact->by = load_text(loading, object, "by");
    artifact->owner = load_text(loading, object, "owner");
    if (!commitment_text_fits(artifact->name, ARTIFACT_NAME_MAX))
        load_damage(loading, "name");
    load_short(loading, object, "sha256", artifact->sha256, sizeof artifact->sha256);
    if (!commitment_digest_fits(slice_of(artifact->sha256)))
        load_damage(loading, "sha256");
    load_numbers(loading, artifact);
    if (loading->missing)
        return;
    load_chunks(loading, artifact);
    if (artifact->version)
        return;
    load_short(loading, object, "state", artifact->state, sizeof artifact->state);
    if (artifact->chunk_count ? !commitment_digest_fits(slice_of(artifact->state))
                              : *artifact->state)
        load_damage(loading, "state");
    artifact->ahead_count = artifact->chunk_count;
    memcpy(artifact->ahead_state, artifact->state, sizeof artifact->state);
}
