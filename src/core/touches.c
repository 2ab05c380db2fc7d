/* See touches.h.
 *
 *            touch                     touch with done
 *   (none) ────────▶ open ─────────────────────────▶ (none)
 *                    │  ▲ └── ttl_s after the last ─▶ (none)
 *                    └──┘ said again: no warning
 */
#include "core/touches.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/collaboration.h"
#include "core/effects.h"
#include "core/handlers.h"
#include "core/memory.h"
#include "core/state.h"
#include "wire/json_scan.h"

/* ── they come and go ── */

void touch_free(struct touch *touch)
{
    slice_free(&touch->key);
    slice_free(&touch->note);
    free(touch);
}

struct touch *touch_new(struct room *room, struct slice key)
{
    const char *parting = key.len ? memchr(key.at, '\n', key.len) : NULL;
    size_t len = parting ? (size_t)(parting - key.at) : 0;
    if (!len || len > TOUCH_PATH_BYTES_MAX || key.len <= len + 1 ||
        key.len > len + 1 + WIRE_ID_MAX || index_find(&room->touches, key))
        return NULL;
    struct touch *touch = memory_new(sizeof *touch);
    touch->key = slice_copy(key);
    touch->path = (struct slice){touch->key.at, len};
    touch->ai = (struct slice){touch->key.at + len + 1, key.len - len - 1};
    touch->since = room->hub->clock;
    index_add(&room->touches, touch);
    return touch;
}

void touch_restore(struct room *room, struct touch *touch)
{
    TAILQ_INSERT_TAIL(&room->touches_open, touch, next);
}

static void touch_end(struct room *room, struct touch *touch)
{
    change_gone(&room->changes, &touch->change, ROW_TOUCH, touch->key);
    index_remove(&room->touches, touch);
    TAILQ_REMOVE(&room->touches_open, touch, next);
    touch_free(touch);
}

static size_t touches_count(const struct room *room, struct slice ai_id)
{
    const struct touch *touch;
    size_t count = 0;
    TAILQ_FOREACH (touch, &room->touches_open, next)
        count += slice_equal(touch->ai, ai_id);
    return count;
}

/* ── who is where already ── */

/* Who works on what: by a lease or a touch. */
struct mark {
    struct slice ai, path, note;
    int64_t since_ms;
    bool lease;
};

struct overlaps {
    const struct room *room;
    struct slice ai, path; /* of whoever comes, who is none of them */
    struct mark marks[OVERLAPS_SHOWN_MAX];
    size_t count, more;
};

static void overlap_add(struct overlaps *overlaps, const struct mark *mark)
{
    if (slice_equal(mark->ai, overlaps->ai))
        return;
    if (overlaps->count < OVERLAPS_SHOWN_MAX)
        overlaps->marks[overlaps->count++] = *mark;
    else
        overlaps->more++;
}

static void lease_add(struct overlaps *overlaps, const struct lease *lease)
{
    overlap_add(overlaps, &(struct mark){.ai = lease->holder,
                                         .path = lease->key,
                                         .note = lease->intent,
                                         .since_ms = lease->granted_ms,
                                         .lease = true});
}

static void touch_add(struct overlaps *overlaps, const struct touch *touch)
{
    overlap_add(overlaps, &(struct mark){.ai = touch->ai,
                                         .path = touch->path,
                                         .note = touch->note,
                                         .since_ms = touch->begun_ms});
}

static bool begins_with(struct slice text, struct slice begin)
{
    return text.len >= begin.len && memcmp(text.at, begin.at, begin.len) == 0;
}

/* Those whose key begins so, in order; each is told by `add`. */
static void each_below(struct overlaps *overlaps, const struct index *index, struct slice begin,
                       void (*add)(struct overlaps *overlaps, const void *object))
{
    const void *object = index_after(index, begin);
    unsigned looks = 0;
    for (; object && looks < OVERLAP_LOOKS_MAX; looks++) {
        const struct slice *key = object;
        if (!begins_with(*key, begin))
            return;
        add(overlaps, object);
        object = index_after(index, *key);
    }
    overlaps->more += object != NULL;
}

static void add_lease(struct overlaps *overlaps, const void *lease)
{
    lease_add(overlaps, lease);
}

static void add_touch(struct overlaps *overlaps, const void *touch)
{
    touch_add(overlaps, touch);
}

/* A directory may be said with a "/" at its end, or without: as a lease's key. */
static void leases_at(struct overlaps *overlaps, struct slice path, struct slice with_slash)
{
    const struct lease *lease = lease_find(overlaps->room, path);
    const struct lease *directory = lease_find(overlaps->room, with_slash);
    if (lease)
        lease_add(overlaps, lease);
    if (directory)
        lease_add(overlaps, directory);
}

/* What is at the path, above and below it. */
static void overlaps_find(struct overlaps *overlaps)
{
    const struct room *room = overlaps->room;
    char text[TOUCH_PATH_BYTES_MAX + 1];
    struct slice path = overlaps->path;
    memcpy(text, path.at, path.len);
    for (size_t len = 1; len <= path.len; len++) {
        if (len < path.len && path.at[len] != '/')
            continue;
        text[len] = '/';
        leases_at(overlaps, (struct slice){text, len}, (struct slice){text, len + 1});
        text[len] = '\n';
        each_below(overlaps, &room->touches, (struct slice){text, len + 1}, add_touch);
        text[len] = '/';
    }
    struct slice below = {text, path.len + 1};
    each_below(overlaps, &room->leases, below, add_lease);
    each_below(overlaps, &room->touches, below, add_touch);
}

/* ── telling ── */

static void mark_write(const struct mark *mark, struct text *text)
{
    char time[TIMESTAMP_SIZE];
    text_add_literal(text, "{\"ai_id\":");
    text_add_string(text, mark->ai);
    text_add_member(text, "path", mark->path);
    timestamp_format(mark->since_ms, time);
    text_addf(text, ",\"how\":\"%s\",\"since\":\"%s\"", mark->lease ? "lease" : "touch", time);
    if (mark->note.len)
        text_add_member(text, "note", mark->note);
    text_add_literal(text, "}");
}

/* Each is told once. How many they are. */
static size_t name_add(struct slice *names, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(names[i], name))
            return count;
    names[count] = name;
    return count + 1;
}

/* One line for whoever comes and for those who are there. */
static void warn(struct request *request, const struct overlaps *overlaps, const struct mark *comer)
{
    struct slice names[OVERLAPS_SHOWN_MAX + 1] = {comer->ai};
    size_t count = 1;
    struct outgoing outgoing;
    struct text *text =
        hub_message_begin(request, MESSAGE_PATH_WARNING, slice_of("hub"), (struct slice){NULL, 0});
    text_add_literal(text, "{\"who\":");
    mark_write(comer, text);
    text_add_literal(text, ",\"with\":[");
    for (size_t i = 0; i < overlaps->count; i++) {
        text_add_literal(text, i ? "," : "");
        mark_write(&overlaps->marks[i], text);
        count = name_add(names, count, overlaps->marks[i].ai);
    }
    text_addf(text, "],\"more\":%zu", overlaps->more);
    if (request->message)
        text_add_member(text, "caused_by", request->message->message_id);
    text_add_literal(text, "}");
    hub_message_end(request, MESSAGE_PATH_WARNING, &outgoing);
    effect_to_names(request, &outgoing, names, count, true, NULL);
}

static void mark_come(struct request *request, const struct mark *comer)
{
    struct overlaps overlaps = {.room = request->room, .ai = comer->ai, .path = comer->path};
    if (overlaps.path.len && overlaps.path.at[overlaps.path.len - 1] == '/')
        overlaps.path.len--;
    if (!overlaps.path.len)
        return;
    overlaps_find(&overlaps);
    if (overlaps.count)
        warn(request, &overlaps, comer);
}

void touches_warn_of_lease(struct request *request, const struct lease *lease)
{
    mark_come(request, &(struct mark){.ai = lease->holder,
                                      .path = lease->key,
                                      .note = lease->intent,
                                      .since_ms = lease->granted_ms,
                                      .lease = true});
}

void touches_write(const struct room *room, struct text *text)
{
    const struct touch *touch;
    size_t count = 0;
    text_add_literal(text, "[");
    TAILQ_FOREACH_REVERSE(touch, &room->touches_open, touch_list, next)
    {
        if (count == TOUCHES_SHOWN_MAX)
            break;
        text_add_literal(text, count++ ? "," : "");
        mark_write(&(struct mark){.ai = touch->ai,
                                  .path = touch->path,
                                  .note = touch->note,
                                  .since_ms = touch->begun_ms},
                   text);
    }
    text_add_literal(text, "]");
}

/* ── the message ── */

struct touching {
    char note_text[TOUCH_NOTE_BYTES_MAX];
    struct slice note;
    struct json_value paths;
    uint64_t ttl_s;
    bool done;
};

/* Decoded, and as all write it: no "/" before or behind, no empty part, none that leads elsewhere.
 * len 0: it is none. */
static struct slice path_read(struct json_value value, char buffer[TOUCH_PATH_BYTES_MAX])
{
    long len =
        value.kind == JSON_KIND_STRING ? json_decode(value, buffer, TOUCH_PATH_BYTES_MAX) : -1;
    struct slice path = {buffer, len > 0 ? (size_t)len : 0};
    size_t begun = 0;
    if (path.len && path.at[path.len - 1] == '/')
        path.len--; /* a directory */
    for (size_t at = 0; at <= path.len; at++) {
        if (at < path.len && (unsigned char)path.at[at] < 0x20)
            return (struct slice){buffer, 0};
        if (at < path.len && path.at[at] != '/')
            continue;
        struct slice part = {path.at + begun, at - begun};
        if (!part.len || slice_is(part, ".") || slice_is(part, ".."))
            return (struct slice){buffer, 0};
        begun = at + 1;
    }
    return path;
}

static int paths_check(struct request *request, struct json_value paths, size_t *ret_fresh)
{
    struct json_iterator elements = {.rest = paths.raw};
    struct json_value path;
    char buffer[TOUCH_PATH_BYTES_MAX], shown[PAYLOAD_SHOWN_SIZE];
    size_t count = 0;
    *ret_fresh = 0;
    while (paths.kind == JSON_KIND_ARRAY && json_next_element(&elements, &path)) {
        struct slice read = path_read(path, buffer);
        if (!read.len)
            return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                          "payload.paths has %s: a path has 1 to %u bytes, is that of a file or "
                          "directory below the project's own, and has no \".\" or \"..\" in it",
                          payload_shown(path, shown), TOUCH_PATH_BYTES_MAX);
        struct slice key =
            slice_join((struct slice[]){read, slice_of("\n"), request->message->sender_id}, 3);
        *ret_fresh += !index_find(&request->room->touches, key);
        slice_free(&key);
        count++;
    }
    if (count && count <= TOUCH_PATHS_MAX)
        return 0;
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.paths must be an array of 1 to %u paths", TOUCH_PATHS_MAX);
}

static int touching_read(struct request *request, struct touching *ret_touching)
{
    struct json_value payload = request->message->payload;
    int error;
    *ret_touching = (struct touching){.ttl_s = TOUCH_TTL_S, .paths = json_get(payload, "paths")};
    if ((error = payload_text(request, payload, "payload.note", OPTIONAL,
                              sizeof ret_touching->note_text, ret_touching->note_text,
                              &ret_touching->note)) < 0 ||
        (error = payload_u64(request, payload, "payload.ttl_s", 1, TOUCH_TTL_MAX_S,
                             &ret_touching->ttl_s)) < 0)
        return error;
    return payload_bool(request, payload, "payload.done", false, &ret_touching->done);
}

int touch_check(struct request *request)
{
    struct touching touching;
    const struct room *room = request->room;
    size_t fresh;
    int error;
    if (!request->member || request->member->level != 2)
        return refuse(request->refusal, WIRE_FORBIDDEN,
                      "of paths that two work on level 2 alone is warned: say hello with "
                      "\"protocol\":2 first");
    if ((error = touching_read(request, &touching)) < 0 ||
        (error = paths_check(request, touching.paths, &fresh)) < 0 || touching.done)
        return error;
    if (touches_count(room, request->message->sender_id) + fresh > TOUCHES_EACH_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"touches", "ai", TOUCHES_EACH_MAX, 0},
                           "you would have touched more than %u paths: say which are done, or "
                           "their directory",
                           TOUCHES_EACH_MAX);
    if (room->touches.count + fresh > TOUCHES_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"touches", "room", TOUCHES_MAX, 0},
                           "more than %u paths would be touched in this room", TOUCHES_MAX);
    return 0;
}

static void path_touch(struct request *request, const struct touching *touching, struct slice key)
{
    struct room *room = request->room;
    struct touch *touch = index_find(&room->touches, key);
    bool fresh = !touch;
    if (fresh) {
        touch = touch_new(room, key);
        assert(touch); /* paths_check has read it */
        touch->first = request->entry->seq;
        touch->begun_ms = request->entry->time_ms;
    } else {
        TAILQ_REMOVE(&room->touches_open, touch, next);
    }
    touch_restore(room, touch);
    if (touching->note.len || fresh) {
        slice_free(&touch->note);
        touch->note = slice_copy(touching->note);
    }
    touch->last = request->entry->seq;
    touch->order = ++room->changes.order;
    touch->ttl_s = (unsigned)touching->ttl_s;
    touch->since = room->hub->clock;
    change_mark(&room->changes, &touch->change, touch, ROW_TOUCH);
    if (fresh)
        mark_come(request, &(struct mark){.ai = touch->ai,
                                          .path = touch->path,
                                          .note = touch->note,
                                          .since_ms = touch->begun_ms});
}

void touch_proceed(struct request *request)
{
    struct touching touching;
    int error = touching_read(request, &touching);
    assert(error == 0); /* checked before */
    (void)error;
    struct json_iterator elements = {.rest = touching.paths.raw};
    struct json_value path;
    char buffer[TOUCH_PATH_BYTES_MAX];
    request->handled = true;
    while (json_next_element(&elements, &path)) {
        struct slice key = slice_join(
            (struct slice[]){path_read(path, buffer), slice_of("\n"), request->member->key}, 3);
        struct touch *touch = index_find(&request->room->touches, key);
        if (!touching.done)
            path_touch(request, &touching, key);
        else if (touch)
            touch_end(request->room, touch);
        slice_free(&key);
    }
}

/* ── the end of its time ── */

static bool is_due(const struct room *room, const struct touch *touch)
{
    return room->hub->clock - touch->since >= (int64_t)touch->ttl_s * 1000;
}

/* The first that is due behind that key, in the order of keys; NULL: none is. */
static const struct touch *due_behind(const struct room *room, struct slice key)
{
    const struct touch *touch = index_after(&room->touches, key);
    while (touch && !is_due(room, touch))
        touch = index_after(&room->touches, touch->key);
    return touch;
}

/* The bytes of an ENTRY_TOUCH_END: it ends, unless it was said again meanwhile. */
static void end_write(const struct touch *touch, struct text *text)
{
    text_clear(text);
    text_add_literal(text, "{\"key\":");
    text_add_string(text, touch->key);
    text_addf(text, ",\"last\":%" PRIu64 "}", touch->last);
}

void touches_propose_ends(struct room *room, int64_t now)
{
    struct text *text = &room->hub->cut;
    char buffer[TOUCH_PATH_BYTES_MAX + 1 + WIRE_ID_MAX];
    struct slice behind = {buffer, 0};
    const struct touch *touch;
    /* What a log commits within propose may end any of them: none is kept over it. */
    while (room->touches.count && (touch = due_behind(room, behind))) {
        memcpy(buffer, touch->key.at, touch->key.len);
        behind.len = touch->key.len;
        end_write(touch, text);
        room_happened(
            room,
            &(struct entry){.time_ms = now, .kind = ENTRY_TOUCH_END, .bytes = text_slice(text)});
    }
}

void touch_expire(struct request *request, struct slice bytes)
{
    char buffer[TOUCH_PATH_BYTES_MAX + 1 + WIRE_ID_MAX];
    size_t at;
    uint64_t last;
    if (json_check(bytes, 1, &at) != JSON_FINE)
        return;
    struct json_value object = json_value_of(bytes), name = json_get(object, "key");
    long len = name.kind == JSON_KIND_STRING ? json_decode(name, buffer, sizeof buffer) : -1;
    struct touch *touch =
        len > 0 ? index_find(&request->room->touches, (struct slice){buffer, (size_t)len}) : NULL;
    if (touch && json_u64(json_get(object, "last"), &last) == 0 && last == touch->last)
        touch_end(request->room, touch);
}

/* ── whole? ── */

bool touches_whole(const struct room *room)
{
    const struct touch *touch;
    uint64_t order = 0;
    size_t count = 0;
    TAILQ_FOREACH (touch, &room->touches_open, next) {
        if (touch->order <= order || touch->order > room->changes.order ||
            touch->first > touch->last || touch->last > room->last_seq || !touch->first ||
            !touch->ttl_s || touch->ttl_s > TOUCH_TTL_MAX_S ||
            index_find(&room->touches, touch->key) != touch)
            return false;
        order = touch->order;
        count++;
    }
    touch = TAILQ_LAST(&room->touches_open, touch_list);
    return count == room->touches.count && count <= TOUCHES_MAX &&
           (!touch || touches_count(room, touch->ai) <= TOUCHES_EACH_MAX);
}
