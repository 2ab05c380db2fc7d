/* Workspaces: the keys that participants of a session write, each with its version. */
#include <assert.h>

#include "core/collaboration.h"
#include "core/memory.h"

struct write {
    char key_text[WORKSPACE_KEY_BYTES_MAX];
    struct slice key, value;
    uint64_t base_version;
};

static int write_read(const struct request *request, struct write *ret_write)
{
    struct json_value payload = request->message->payload;
    struct json_value value = json_get(payload, "value"), base = json_get(payload, "base_version");
    int error = payload_text(request, payload, "payload.key", REQUIRED, sizeof ret_write->key_text,
                             ret_write->key_text, &ret_write->key);
    if (error < 0)
        return error;
    if (value.kind == JSON_KIND_ABSENT)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "payload.value is missing");
    char shown[PAYLOAD_SHOWN_SIZE];
    ret_write->base_version = 0;
    if (base.kind != JSON_KIND_ABSENT && base.kind != JSON_KIND_NULL &&
        json_u64(base, &ret_write->base_version) < 0)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.base_version must be a whole number, 0 for a new key, and is %s",
                      payload_shown(base, shown));
    ret_write->value = value.raw;
    if (value.kind == JSON_KIND_STRING)
        ret_write->value = (struct slice){value.raw.at - 1, value.raw.len + 2};
    return 0;
}

/* A stale write is told what stands there now. */
static int write_conflict(struct request *request, const struct write *write,
                          const struct cell *cell)
{
    struct text *extra = &request->extra;
    text_add_member(extra, "session_id", request->session->key);
    text_add_member(extra, "key", write->key);
    text_add_literal(extra, ",\"value\":");
    text_add(extra, cell ? cell->value : slice_of("null"));
    text_addf(extra, ",\"version\":%llu", (unsigned long long)(cell ? cell->version : 0));
    return refuse(
        request->refusal, WIRE_CONFLICT, "base_version is %llu, but the key is at version %llu",
        (unsigned long long)write->base_version, (unsigned long long)(cell ? cell->version : 0));
}

int workspace_check(struct request *request)
{
    struct write write;
    int error;
    if ((error = write_read(request, &write)) < 0)
        return error;
    const struct session *session = session_named_by_participant(request);
    if (!session)
        return refused(request);
    if (session->state != SESSION_ACTIVE)
        return refuse(request->refusal, WIRE_CONFLICT, "nobody has accepted the session yet");
    const struct cell *cell = index_find(&session->workspace, write.key);
    if (write.base_version != (cell ? cell->version : 0))
        return write_conflict(request, &write, cell);
    if (!cell && session->workspace.count >= WORKSPACE_KEYS_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"workspace_keys", "session", WORKSPACE_KEYS_MAX, 0},
                           "the workspace has %u keys, the most there may be", WORKSPACE_KEYS_MAX);
    size_t before = cell ? cell->key.len + cell->value.len : 0;
    size_t after = write.key.len + write.value.len;
    if (session->workspace_bytes - before + after > WORKSPACE_BYTES_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"workspace", "session", WORKSPACE_BYTES_MAX, 0},
                           "a workspace holds at most %u bytes", WORKSPACE_BYTES_MAX);
    return 0;
}

size_t workspace_growth(const struct request *request)
{
    struct write write;
    if (write_read(request, &write) < 0)
        return 0;
    const struct cell *cell = index_find(&request->session->workspace, write.key);
    size_t before = cell ? cell->key.len + cell->value.len : 0;
    size_t after = write.key.len + write.value.len;
    return after > before ? after - before : 0;
}

static void cell_set(struct room *room, struct session *session, struct cell *cell,
                     struct slice value)
{
    size_t added = value.len - cell->value.len; /* wraps and comes right when it shrinks */
    session->workspace_bytes += added;
    room->workspace_bytes += added;
    assert(session->workspace_bytes <= room->workspace_bytes);
    slice_free(&cell->value);
    cell->value = slice_copy(value);
}

static struct cell *cell_new(struct room *room, struct session *session, struct slice key)
{
    struct cell *cell = memory_new(sizeof *cell);
    cell->key = slice_copy(key);
    cell->session = session;
    index_add(&session->workspace, cell);
    session->workspace_bytes += key.len;
    room->workspace_bytes += key.len;
    return cell;
}

void workspace_restore(struct room *room, struct session *session, struct slice key,
                       struct slice value, uint64_t version)
{
    struct cell *cell = cell_new(room, session, key);
    cell_set(room, session, cell, value);
    cell->version = version;
}

static struct cell *cell_put(struct room *room, struct session *session, const struct write *write)
{
    struct cell *cell = index_find(&session->workspace, write->key);
    if (!cell)
        cell = cell_new(room, session, write->key);
    cell_set(room, session, cell, write->value);
    cell->version++;
    change_mark(&room->changes, &cell->change, cell, ROW_WORKSPACE);
    return cell;
}

static struct text *write_begin(struct request *request, struct slice sender, struct slice target,
                                const struct cell *cell)
{
    struct text *text = hub_message_begin(request, MESSAGE_WORKSPACE_UPDATE, sender, target);
    text_add_literal(text, "{\"session_id\":");
    text_add_string(text, request->session->key);
    text_add_member(text, "key", cell->key);
    text_addf(text, ",\"version\":%llu", (unsigned long long)cell->version);
    return text;
}

void workspace_proceed(struct request *request)
{
    struct write write = {.base_version = 0};
    struct outgoing outgoing;
    write_read(request, &write);
    const struct cell *cell = cell_put(request->room, request->session, &write);
    struct text *text = write_begin(request, request->member->key, (struct slice){NULL, 0}, cell);
    text_add_literal(text, ",\"value\":");
    text_add(text, cell->value);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_WORKSPACE_UPDATE, &outgoing);
    effect_to_session(request, &outgoing, request->session, request->member);
    text = write_begin(request, slice_of("hub"), request->member->key, cell);
    text_add_literal(text, ",\"accepted\":true}");
    hub_message_end(request, MESSAGE_WORKSPACE_UPDATE, &outgoing);
    effect_to_member(request, &outgoing, request->member);
    request->handled = true;
}
