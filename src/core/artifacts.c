/* See artifacts.h: what there is of files, and how it goes. Their messages are in artifact_offer.c
 * and artifact_chunk.c. */
#include "core/artifacts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/state.h"

size_t artifact_chunks(const struct artifact *artifact)
{
    return (size_t)((artifact->size + artifact->chunk - 1) / artifact->chunk);
}

size_t artifact_chunk_bytes(const struct artifact *artifact, size_t index)
{
    uint64_t before = index * artifact->chunk, left = artifact->size - before;
    assert(before < artifact->size);
    return (size_t)(left < artifact->chunk ? left : artifact->chunk);
}

struct artifact *artifact_current(const struct session *session, struct slice name)
{
    struct artifact *artifact;
    TAILQ_FOREACH (artifact, &session->artifacts, of_session)
        if (artifact->version && !artifact->former && slice_equal(artifact->name, name))
            return artifact;
    return NULL;
}

struct artifact *upload_find(const struct session *session, struct slice name, struct slice by)
{
    struct artifact *artifact;
    TAILQ_FOREACH (artifact, &session->artifacts, of_session)
        if (!artifact->version && slice_equal(artifact->by, by) &&
            slice_equal(artifact->name, name))
            return artifact;
    return NULL;
}

bool artifact_yields(const struct artifact *artifact)
{
    return artifact->version && (artifact->former || !session_live(artifact->session));
}

bool artifact_shown(const struct room *room, const struct artifact *artifact,
                    const struct member *member)
{
    if (!artifact->version)
        return slice_equal(artifact->by, member->key);
    return artifact->for_room || session_shown(room, artifact->session, member);
}

void artifact_changed(struct room *room, struct artifact *artifact)
{
    change_mark(&room->changes, &artifact->change, artifact, ROW_ARTIFACT);
}

/* The last that was offered before; rows come in any order. */
static struct artifact *behind(const struct artifact_list *list, uint64_t number, bool of_session)
{
    struct artifact *artifact = TAILQ_LAST(list, artifact_list);
    while (artifact && artifact->number >= number)
        artifact = of_session ? TAILQ_PREV(artifact, artifact_list, of_session)
                              : TAILQ_PREV(artifact, artifact_list, next);
    return artifact;
}

struct artifact *artifact_new(struct room *room, struct session *session, uint64_t number)
{
    struct artifact *before = behind(&room->artifacts, number, false),
                    *before_of_session = behind(&session->artifacts, number, true);
    const struct artifact *same = before ? TAILQ_NEXT(before, next) : TAILQ_FIRST(&room->artifacts);
    if (same && same->number == number)
        return NULL;
    struct artifact *artifact = memory_new(sizeof *artifact);
    artifact->number = number;
    snprintf(artifact->digits, sizeof artifact->digits, "%020" PRIu64, number);
    artifact->key = slice_of(artifact->digits);
    artifact->session = session;
    if (before)
        TAILQ_INSERT_AFTER(&room->artifacts, before, artifact, next);
    else
        TAILQ_INSERT_HEAD(&room->artifacts, artifact, next);
    if (before_of_session)
        TAILQ_INSERT_AFTER(&session->artifacts, before_of_session, artifact, of_session);
    else
        TAILQ_INSERT_HEAD(&session->artifacts, artifact, of_session);
    room->artifact_count++;
    artifact_changed(room, artifact);
    return artifact;
}

void artifact_size(struct room *room, struct artifact *artifact, uint64_t size)
{
    artifact->size = size;
    room->artifact_bytes += size;
}

static void artifact_free(struct artifact *artifact)
{
    slice_free(&artifact->name);
    slice_free(&artifact->by);
    slice_free(&artifact->owner);
    free(artifact->chunks);
    free(artifact);
}

void artifact_drop(struct room *room, struct artifact *artifact)
{
    const struct hub_edge *edge = &room->hub->edge;
    if (edge->drop_chunks && artifact->chunk_count)
        edge->drop_chunks(edge->ctx, room->key, artifact->chunks, artifact->chunk_count);
    assert(room->artifact_count > 0 && room->artifact_bytes >= artifact->size);
    room->artifact_count--;
    room->artifact_bytes -= artifact->size;
    TAILQ_REMOVE(&room->artifacts, artifact, next);
    TAILQ_REMOVE(&artifact->session->artifacts, artifact, of_session);
    change_gone(&room->changes, &artifact->change, ROW_ARTIFACT, artifact->key);
    artifact_free(artifact);
}

static void drop_some(struct room *room, struct session *session, bool whole)
{
    struct artifact *artifact = TAILQ_FIRST(&session->artifacts), *next;
    for (; artifact; artifact = next) {
        next = TAILQ_NEXT(artifact, of_session);
        if (whole || !artifact->version)
            artifact_drop(room, artifact);
    }
}

void artifacts_drop_uploads(struct room *room, struct session *session)
{
    drop_some(room, session, false);
}

void artifacts_drop_all(struct room *room, struct session *session)
{
    drop_some(room, session, true);
}

void artifacts_release(struct session *session)
{
    struct artifact *artifact;
    while ((artifact = TAILQ_FIRST(&session->artifacts))) {
        TAILQ_REMOVE(&session->artifacts, artifact, of_session);
        artifact_free(artifact);
    }
}

void hub_chunks(const struct hub *hub, struct slice room_name,
                void (*each)(void *ctx, struct slice room, uint64_t seq), void *ctx)
{
    const struct room *room = room_find(hub, room_name);
    const struct artifact *artifact;
    if (!room)
        return;
    TAILQ_FOREACH (artifact, &room->artifacts, next)
        for (size_t i = 0; i < artifact->chunk_count; i++)
            each(ctx, room->key, artifact->chunks[i]);
}

void artifact_write(const struct artifact *artifact, struct text *text)
{
    char time[TIMESTAMP_SIZE];
    timestamp_format(artifact->at_ms, time);
    text_addf(text, "{\"id\":%" PRIu64 ",\"session_id\":", artifact->number);
    text_add_string(text, artifact->session->key);
    text_add_literal(text, ",\"name\":");
    text_add_string(text, artifact->name);
    text_addf(text,
              ",\"status\":\"%s\",\"version\":%" PRIu64 ",\"size\":%" PRIu64
              ",\"sha256\":\"%s\",\"by\":",
              artifact->former    ? "former"
              : artifact->version ? "kept"
                                  : "open",
              artifact->version, artifact->size, artifact->sha256);
    text_add_string(text, artifact->by);
    text_addf(text, ",\"for_room\":%s,\"at\":\"%s\",\"chunk\":%" PRIu64 ",\"chunks\":%zu",
              artifact->for_room ? "true" : "false", time, artifact->chunk,
              artifact_chunks(artifact));
    if (!artifact->version)
        text_addf(text, ",\"next\":%zu", artifact->chunk_count);
    text_add_literal(text, "}");
}
