/* Files in worlds with logs that commit later: what is sent of them, and the disk on which it lies
 * by its entry. Whatever was lost, repeated or out of its order, and whenever the hub died: on the
 * disk lies what there is of files, and nothing else; and a file that is there is what was
 * offered. */
#include "artifacts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech.h"
#include "wire/base64.h"

static const size_t sizes[FILES] = {0, 100, 256, 300, FILE_BYTES};

/* ── what stands for SHA-256 ── */

void artifacts_hash(struct hub_hash *hash, struct slice bytes, bool last)
{
    uint64_t state = 88172645463325252u;
    if (hash->bytes)
        memcpy(&state, hash->state, sizeof state);
    assert(last || bytes.len % 64 == 0);
    for (size_t i = 0; i < bytes.len; i++)
        state = hash_bytes(state, bytes.at + i, 1);
    memset(hash->state, last, sizeof hash->state);
    memcpy(hash->state, &state, sizeof state);
    hash->bytes += bytes.len;
}

/* ── files ── */

static void file_read(int file, char ret_bytes[FILE_BYTES])
{
    for (size_t i = 0; i < FILE_BYTES; i++)
        ret_bytes[i] = (char)(uint8_t)(i * 7 + (size_t)file * 31 + i / 50);
}

static void file_sha256(int file, char ret_hex[65])
{
    static const char nothing[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    char bytes[FILE_BYTES];
    struct hub_hash hash = {.bytes = 0};
    file_read(file, bytes);
    artifacts_hash(&hash, (struct slice){bytes, sizes[file]}, true);
    hex_format(hash.state, sizeof hash.state, ret_hex);
    if (!sizes[file])
        memcpy(ret_hex, nothing, sizeof nothing);
}

static int file_of(const char *sha256)
{
    char hex[65];
    for (int file = 0; sha256 && file < FILES; file++) {
        file_sha256(file, hex);
        if (strcmp(hex, sha256) == 0)
            return file;
    }
    return NOBODY;
}

/* ── what is said ── */

/* One of the last that this name takes part in; "": none. */
static const char *working_of(const struct artifacts_model *artifacts, int name)
{
    char part[32];
    snprintf(part, sizeof part, " %s ", name >= 0 ? names[name] : "?");
    for (unsigned i = 0; i < SESSIONS; i++)
        if (artifacts->working[i].id[0] && strstr(artifacts->working[i].participants, part))
            return artifacts->working[i].id;
    return "";
}

bool artifacts_at_work(const struct world *world, int room, int name)
{
    return room >= 0 && *working_of(&world->artifacts[room], name);
}

void make_artifact_offer(struct maker *maker)
{
    char size[24], sha256[65];
    int file = (int)below(maker, FILES);
    file_sha256(below(maker, 12) ? file : (file + 1) % FILES, sha256);
    const char *session = working_of(&maker->world->artifacts[maker->room], maker->said->sender);
    put_text_member(maker->writer, "session_id", *session ? session : "none");
    snprintf(size, sizeof size, "%zu", sizes[file]);
    put_text_member(maker->writer, "name", keys[below(maker, 3)]);
    if (flaw_here(maker, 2)) {
        static const char *const wrong[] = {"-1", "1.5", "\"1\"", "67108865"};
        FLAWED(maker->writer, maker->said, "size", wrong);
    } else {
        put_raw_member(maker->writer, "size", size);
    }
    if (flaw_here(maker, 1))
        FLAWED(maker->writer, maker->said, "sha256", no_string);
    else
        put_text_member(maker->writer, "sha256", sha256);
    snprintf(size, sizeof size, "%u", below(maker, 4));
    if (below(maker, 3))
        put_raw_member(maker->writer, "base_version", size);
    if (below(maker, 3) == 0)
        put_raw_member(maker->writer, "for_room", below(maker, 2) ? "true" : "false");
}

/* One of the last that the sender was told of; or somebody else's. */
static const struct upload_model *some_upload(struct maker *maker)
{
    const struct artifacts_model *artifacts = &maker->world->artifacts[maker->room];
    const struct upload_model *upload = NULL;
    for (unsigned tries = 0; tries < 12; tries++) {
        upload = &artifacts->uploads[below(maker, UPLOADS)];
        if (upload->session[0] && maker->said->sender >= 0 &&
            strcmp(upload->by, names[maker->said->sender]) == 0)
            break;
    }
    return upload && upload->session[0] ? upload : NULL;
}

void make_artifact_chunk(struct maker *maker)
{
    const struct upload_model *upload = some_upload(maker);
    char bytes[FILE_BYTES], index[16];
    struct text data = {0};
    unsigned at = upload ? upload->next : 0;
    if (upload && below(maker, 4) == 0) /* of one that may be under way */
        at += below(maker, 3);
    if (at && below(maker, 10) == 0)
        at--;
    int file = upload ? upload->file : 0;
    size_t from = upload ? (size_t)at * upload->chunk : 0;
    size_t left = from < sizes[file] ? sizes[file] - from : 0;
    file_read(below(maker, 15) ? file : (file + 1) % FILES, bytes);
    if (left)
        text_add_base64(&data,
                        (struct slice){bytes + from, left < upload->chunk ? left : upload->chunk});
    text_add(&data, (struct slice){"", 1});
    snprintf(index, sizeof index, "%u", at);
    put_text_member(maker->writer, "session_id", upload ? upload->session : "none");
    put_text_member(maker->writer, "name", upload ? upload->name : "none");
    put_raw_member(maker->writer, "index", index);
    put_text_member(maker->writer, "data", data.at);
    text_free(&data);
}

/* ── what the hub says ── */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static struct upload_model *upload_find(struct artifacts_model *artifacts, const json_t *payload,
                                        const char *by)
{
    for (unsigned i = 0; i < UPLOADS; i++) {
        struct upload_model *upload = &artifacts->uploads[i];
        if (strcmp(upload->session, text_of(payload, "session_id")) == 0 &&
            strcmp(upload->name, text_of(payload, "name")) == 0 && strcmp(upload->by, by) == 0)
            return upload;
    }
    return NULL;
}

static void told(struct world *world, struct artifacts_model *artifacts, const json_t *line)
{
    const json_t *payload = json_object_get(line, "payload");
    const char *status = text_of(payload, "status");
    bool open = strcmp(status, "open") == 0, kept = strcmp(status, "kept") == 0;
    const char *by = text_of(kept ? payload : line, kept ? "by" : "target_ai");
    struct upload_model *upload = upload_find(artifacts, payload, by);
    int file = file_of(text_of(payload, "sha256"));
    if (file == NOBODY || !*by || (!open && !kept && strcmp(status, "dropped") != 0)) {
        world_fail(world, "a file of %s is %s, and is none that was offered", by, status);
        return;
    }
    if (!open) {
        if (upload)
            upload->session[0] = '\0';
        return;
    }
    const json_t *chunk = json_object_get(payload, "chunk");
    if (!upload && !chunk)
        return; /* of one that was put out of mind */
    if (!upload)
        upload = &artifacts->uploads[artifacts->told++ % UPLOADS];
    snprintf(upload->session, sizeof upload->session, "%s", text_of(payload, "session_id"));
    snprintf(upload->name, sizeof upload->name, "%s", text_of(payload, "name"));
    snprintf(upload->by, sizeof upload->by, "%s", by);
    upload->file = file;
    if (chunk)
        upload->chunk = (unsigned)json_integer_value(chunk);
    upload->next = (unsigned)json_integer_value(json_object_get(payload, "next"));
}

static void session_told(struct artifacts_model *artifacts, const json_t *payload)
{
    bool active = strcmp(text_of(payload, "status"), "active") == 0;
    struct working_model *working = NULL;
    for (unsigned i = 0; i < SESSIONS; i++)
        if (strcmp(artifacts->working[i].id, text_of(payload, "session_id")) == 0)
            working = &artifacts->working[i];
    if (!working && active)
        working = &artifacts->working[artifacts->begun++ % SESSIONS];
    if (!working)
        return;
    const json_t *participants = json_object_get(payload, "participants");
    size_t len = 0;
    snprintf(working->id, sizeof working->id, "%s", active ? text_of(payload, "session_id") : "");
    for (size_t i = 0; i < json_array_size(participants) && len < sizeof working->participants; i++)
        len += (size_t)snprintf(working->participants + len, sizeof working->participants - len,
                                " %s ", json_string_value(json_array_get(participants, i)));
}

void artifacts_follow(struct world *world, const struct effect *effect)
{
    static const char word[] = "\"message_type\":\"artifact\"",
                      other[] = "\"message_type\":\"collaboration_update\"";
    if (!memmem(effect->line.at, effect->line.len, word, sizeof word - 1) &&
        !memmem(effect->line.at, effect->line.len, other, sizeof other - 1))
        return;
    struct text line = {0};
    text_add(&line, effect->line);
    text_add_literal(&line, "}");
    json_t *object = json_loadb(line.at, line.len, JSON_ALLOW_NUL, NULL);
    if (strcmp(text_of(object, "message_type"), "artifact") == 0)
        told(world, &world->artifacts[room_index(effect->room)], object);
    else if (strcmp(text_of(object, "message_type"), "collaboration_update") == 0)
        session_told(&world->artifacts[room_index(effect->room)],
                     json_object_get(object, "payload"));
    json_decref(object);
    text_free(&line);
}

/* ── the disk ── */

void artifacts_keep(struct artifacts_model *artifacts, uint64_t seq, struct slice bytes)
{
    artifacts->disk = realloc(artifacts->disk, (artifacts->count + 1) * sizeof *artifacts->disk);
    assert(artifacts->disk);
    char *copy = malloc(bytes.len);
    assert(copy);
    memcpy(copy, bytes.at, bytes.len);
    artifacts->disk[artifacts->count++] = (struct blob){seq, {copy, bytes.len}};
}

static struct blob *blob_find(const struct artifacts_model *artifacts, uint64_t seq)
{
    for (size_t i = 0; i < artifacts->count; i++)
        if (artifacts->disk[i].seq == seq)
            return &artifacts->disk[i];
    return NULL;
}

void artifacts_drop(struct world *world, struct slice room, const uint64_t *seqs, size_t count)
{
    struct artifacts_model *artifacts = &world->artifacts[room_index(room)];
    for (size_t i = 0; i < count; i++) {
        struct blob *blob = blob_find(artifacts, seqs[i]);
        if (!blob)
            continue; /* it brought nothing, or a hub before this one has let it go */
        free((void *)(uintptr_t)blob->bytes.at);
        *blob = artifacts->disk[--artifacts->count];
    }
}

void artifacts_clear(struct artifacts_model *artifacts)
{
    for (size_t i = 0; i < artifacts->count; i++)
        free((void *)(uintptr_t)artifacts->disk[i].bytes.at);
    free(artifacts->disk);
    *artifacts = (struct artifacts_model){.count = 0};
}

/* A file as a dump tells it: [what it is, seqs…, state, version]. How many seqs it has. */
static size_t check_file(struct world *world, const struct artifacts_model *artifacts,
                         const json_t *told_of, const char *when)
{
    const json_t *artifact = json_array_get(told_of, 0);
    const char *sha256 = text_of(artifact, "sha256");
    bool whole = strcmp(text_of(artifact, "status"), "open") != 0;
    size_t count = json_array_size(told_of) - 3, bytes = 0;
    struct hub_hash hash = {.bytes = 0};
    char hex[65];
    for (size_t i = 0; i < count; i++) {
        uint64_t seq = (uint64_t)json_integer_value(json_array_get(told_of, 1 + i));
        const struct blob *blob = blob_find(artifacts, seq);
        if (!blob) {
            world_fail(world, "%s a part of %s is not on the disk", when, sha256);
            return count;
        }
        artifacts_hash(&hash, blob->bytes, whole && i + 1 == count);
        bytes += blob->bytes.len;
    }
    hex_format(hash.state, sizeof hash.state, hex);
    if (whole && count &&
        (strcmp(hex, sha256) != 0 || file_of(sha256) == NOBODY || bytes != sizes[file_of(sha256)]))
        world_fail(world, "%s %s is kept, and %s of %zu bytes", when, sha256, hex, bytes);
    return count;
}

void artifacts_check(struct world *world, const char *when)
{
    for (int room = 0; room < ROOMS && !world_failed(world); room++) {
        const struct artifacts_model *artifacts = &world->artifacts[room];
        struct text text = {0};
        hub_dump(world->hub, room_slice(room), &text);
        json_t *dump = json_loadb(text.at, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        const json_t *list = json_object_get(dump, "artifacts");
        size_t parts = 0;
        for (size_t i = 0; i < json_array_size(list); i++)
            parts += check_file(world, artifacts, json_array_get(list, i), when);
        if (parts != artifacts->count)
            world_fail(world, "%s %zu parts of files are on the disk of %s, and %zu in files", when,
                       artifacts->count, room_names[room], parts);
        json_decref(dump);
        text_free(&text);
    }
}
