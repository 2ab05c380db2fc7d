/* `task`: one is added, changed, done, dropped, or opened again. Claims are leases (leases.c). */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/collaboration.h"
#include "core/memory.h"
#include "core/state.h"

enum wish_kind { WISH_ADD, WISH_EDIT, WISH_DONE, WISH_DROP, WISH_OPEN };

/* What a task message wants; texts in the struct's own buffers. */
struct task_wish {
    char id_text[TASK_ID_BYTES_MAX], title_text[TASK_TITLE_BYTES_MAX];
    char body_text[TASK_BODY_BYTES_MAX], why_text[TASK_WHY_BYTES_MAX];
    enum wish_kind kind;
    struct task *task; /* NULL: one that is to be */
    struct slice id;   /* len 0: of the hub's making */
    struct slice title, body, why;
    bool has_title, has_body, has_needs;
    uint64_t version, fence;
    struct task_set needs, blocks;
    struct evidence evidence;
};

static void wish_free(struct task_wish *wish)
{
    task_set_free(&wish->needs);
    task_set_free(&wish->blocks);
    evidence_free(&wish->evidence);
}

static bool is_there(struct json_value value)
{
    return value.kind != JSON_KIND_ABSENT && value.kind != JSON_KIND_NULL;
}

/* ── reading ── */

/* One that is easily typed, and none of the hub's own. */
static bool id_fits(struct slice id)
{
    static const char others[] = "._-/:#+";
    bool digits = id.len > 1 && id.at[0] == 't';
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!digit && !letter && (i == 0 || !memchr(others, c, sizeof others - 1)))
            return false;
        digits = digits && (i == 0 || digit);
    }
    return id.len && !digits;
}

static int id_read(struct request *request, struct task_wish *wish)
{
    struct json_value payload = request->message->payload;
    char key_text[TASK_ID_BYTES_MAX];
    struct slice key;
    int error;
    if ((error = payload_text(request, payload, "payload.id", OPTIONAL, sizeof wish->id_text,
                              wish->id_text, &wish->id)) < 0 ||
        (error = payload_text(request, payload, "payload.key", OPTIONAL, sizeof key_text, key_text,
                              &key)) < 0)
        return error;
    if (wish->id.len) {
        wish->task = task_find(request->room, wish->id);
        return wish->task
                   ? 0
                   : refuse(request->refusal, WIRE_NOT_FOUND,
                            "there is no task \"%.*s\" in this room", SLICE_FORMAT(wish->id));
    }
    if (!key.len)
        return 0;
    memcpy(wish->id_text, key.at, key.len);
    wish->id = (struct slice){wish->id_text, key.len};
    if (!id_fits(key))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.key must begin with a letter or digit, have no more than these and "
                      "._-/:#+, and not look like the hub's own ids (t17)");
    const struct task *other = task_find(request->room, key);
    if (other)
        return refuse(request->refusal, WIRE_CONFLICT,
                      "there is a task \"%.*s\" already, which \"%.*s\" added; it is %s",
                      SLICE_FORMAT(key), SLICE_FORMAT(other->author),
                      task_status_text(task_status(other)));
    return 0;
}

/* What is to become of it. */
static int kind_read(struct request *request, struct task_wish *wish)
{
    static const struct {
        const char *text;
        enum wish_kind kind;
    } kinds[] = {{"done", WISH_DONE}, {"dropped", WISH_DROP}, {"open", WISH_OPEN}};
    struct json_value status = json_get(request->message->payload, "status");
    char shown[PAYLOAD_SHOWN_SIZE];
    wish->kind = wish->task ? WISH_EDIT : WISH_ADD;
    if (!is_there(status))
        return 0;
    if (!wish->task)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.status is for a task that is there: name it by payload.id");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (json_string_is(status, slice_of(kinds[i].text))) {
            wish->kind = kinds[i].kind;
            return 0;
        }
    }
    return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                  "payload.status must be \"done\", \"dropped\" or \"open\", and is %s (a task is "
                  "claimed by a lease_request of \"task:ID\")",
                  payload_shown(status, shown));
}

/* An array of ids, each that of a task that is there. */
static int set_read(struct request *request, const char *path, const char *limit, size_t most,
                    struct task_set *ret_set)
{
    struct json_value array = json_get(request->message->payload, strrchr(path, '.') + 1);
    struct json_iterator elements = {.rest = array.raw};
    struct json_value element;
    char buffer[TASK_ID_BYTES_MAX];
    if (!is_there(array))
        return 0;
    if (array.kind != JSON_KIND_ARRAY)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD, "%s must be an array of tasks' ids",
                      path);
    for (size_t count = 0; json_next_element(&elements, &element); count++) {
        struct slice id;
        int error = payload_text_of(request, element, path, REQUIRED, sizeof buffer, buffer, &id);
        if (error < 0)
            return error;
        if (count == most)
            return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                               &(struct overrun){limit, "task", (double)most, 0},
                               "%s names over %zu tasks, the most there may be", path, most);
        struct task *task = request->room ? task_find(request->room, id) : NULL;
        if (!task)
            return refuse(request->refusal, WIRE_NOT_FOUND,
                          "%s names \"%.*s\", and there is no such task in this room", path,
                          SLICE_FORMAT(id));
        if (!task_set_has(ret_set, task))
            task_set_add(ret_set, task);
    }
    return 0;
}

static int texts_read(struct request *request, struct task_wish *wish)
{
    struct json_value payload = request->message->payload;
    bool adds = wish->kind == WISH_ADD;
    int error;
    wish->has_title = adds || is_there(json_get(payload, "title"));
    wish->has_body = adds || is_there(json_get(payload, "body"));
    wish->has_needs = is_there(json_get(payload, "needs"));
    if ((error =
             payload_text(request, payload, "payload.title", wish->has_title ? REQUIRED : OPTIONAL,
                          sizeof wish->title_text, wish->title_text, &wish->title)) < 0 ||
        (error = payload_text(request, payload, "payload.body", OPTIONAL, sizeof wish->body_text,
                              wish->body_text, &wish->body)) < 0 ||
        (error = set_read(request, "payload.needs", "needs", TASK_NEEDS_MAX, &wish->needs)) < 0)
        return error;
    if (adds)
        return set_read(request, "payload.blocks", "blocks", TASK_BLOCKS_MAX, &wish->blocks);
    if (is_there(json_get(payload, "blocks")))
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.blocks is for a task that is added; change the needs of those that "
                      "shall wait");
    if (!wish->has_title && !wish->has_body && !wish->has_needs)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload must change title, body or needs, or say a status");
    return payload_u64(request, payload, "payload.version", 1, JSON_WHOLE_MAX, &wish->version);
}

static int wish_read(struct request *request, struct task_wish *ret_wish)
{
    struct json_value payload = request->message->payload;
    int error;
    *ret_wish = (struct task_wish){.kind = WISH_ADD};
    if ((error = id_read(request, ret_wish)) < 0 || (error = kind_read(request, ret_wish)) < 0 ||
        (error = payload_text(request, payload, "payload.why", OPTIONAL, sizeof ret_wish->why_text,
                              ret_wish->why_text, &ret_wish->why)) < 0)
        return error;
    if (ret_wish->kind == WISH_ADD || ret_wish->kind == WISH_EDIT)
        return texts_read(request, ret_wish);
    if (ret_wish->kind != WISH_DONE)
        return 0;
    ret_wish->fence = UINT64_MAX;
    if ((error = payload_u64(request, payload, "payload.fence", 1, JSON_WHOLE_MAX,
                             &ret_wish->fence)) < 0)
        return error;
    return evidence_read(request, &ret_wish->evidence);
}

/* ── checking ── */

/* Its author's, an AI's of the same owner, or an admin's to change. */
static int hands_check(struct request *request, const struct task *task)
{
    if (slice_equal(request->message->sender_id, task->author) ||
        slice_equal(request_owner(request), task->owner) ||
        (request->member && request->member->admin))
        return 0;
    return refuse(
        request->refusal, WIRE_FORBIDDEN,
        "task %.*s is \"%.*s\"'s: its author, AIs of the same owner and admins may do that",
        SLICE_FORMAT(task->key), SLICE_FORMAT(task->author));
}

static int is_open_check(struct request *request, const struct task *task, bool open)
{
    if ((task->state == TASK_OPEN) == open)
        return 0;
    if (open)
        return refuse(request->refusal, WIRE_CONFLICT, "task %.*s is %s already, by \"%.*s\"",
                      SLICE_FORMAT(task->key), task_status_text(task_status(task)),
                      SLICE_FORMAT(task->closer));
    return refuse(request->refusal, WIRE_CONFLICT, "task %.*s is open: it is %s",
                  SLICE_FORMAT(task->key), task_status_text(task_status(task)));
}

/* Is there room for `more` tasks and bytes that are open, of that owner? */
static int room_check(struct request *request, struct slice owner, size_t more, size_t bytes)
{
    const struct tasks *tasks = &request->room->tasks;
    const struct member *member = request->member;
    const char *whose = member && member->owner.len ? "token" : "ai";
    size_t count, owned;
    tasks_count_owned(request->room, owner, &count, &owned);
    if (tasks->open_count + more > TASKS_OPEN_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"tasks", "room", TASKS_OPEN_MAX, 0},
                           "%zu tasks are open in this room, of %u at the most", tasks->open_count,
                           TASKS_OPEN_MAX);
    if (count + more > TASKS_OPEN_EACH_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"tasks", whose, TASKS_OPEN_EACH_MAX, 0},
                           "%zu tasks of yours are open, of %u at the most", count,
                           TASKS_OPEN_EACH_MAX);
    if (tasks->open_bytes + bytes > TASKS_BYTES_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"task_bytes", "room", TASKS_BYTES_MAX, 0},
                           "the open tasks of this room have %zu bytes, of %u at the most",
                           tasks->open_bytes, TASKS_BYTES_MAX);
    if (owned + bytes > TASKS_BYTES_EACH_MAX)
        return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                           &(struct overrun){"task_bytes", whose, TASKS_BYTES_EACH_MAX, 0},
                           "your open tasks have %zu bytes, of %u at the most", owned,
                           TASKS_BYTES_EACH_MAX);
    return 0;
}

/* From the first of the needs to the one that would need it. */
static int circle_check(struct request *request, const struct task_wish *wish)
{
    const struct task *at = tasks_circle(request->room, wish->task, &wish->needs, &wish->blocks);
    struct slice id = wish->id.len ? wish->id : slice_of("it");
    struct text *told = &request->extra;
    char way[WIRE_DETAIL_MAX - 64] = "";
    size_t len = 0;
    if (!at)
        return 0;
    text_add_literal(told, ",\"circle\":[");
    for (const char *before = ""; at && at != wish->task; at = at->via, before = ",") {
        text_add_literal(told, before);
        text_add_string(told, at->key);
        if (len + at->key.len + 16 < sizeof way)
            len += (size_t)snprintf(way + len, sizeof way - len, " needs %.*s, which",
                                    SLICE_FORMAT(at->key));
    }
    text_add_literal(told, "]");
    return refuse(request->refusal, WIRE_CONFLICT, "that would be a circle: %.*s%s needs %.*s",
                  SLICE_FORMAT(id), way, SLICE_FORMAT(id));
}

/* Only so many wait for one. */
static int needs_check(struct request *request, const struct task_wish *wish)
{
    for (size_t i = 0; i < wish->needs.count; i++) {
        const struct task *needed = wish->needs.at[i];
        if (needed->blocks.count >= TASK_BLOCKS_MAX &&
            !(wish->task && task_set_has(&wish->task->needs, needed)))
            return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                               &(struct overrun){"blocks", "task", TASK_BLOCKS_MAX, 0},
                               "%zu tasks wait for task %.*s, the most there may be",
                               needed->blocks.count, SLICE_FORMAT(needed->key));
    }
    return circle_check(request, wish);
}

static int add_check(struct request *request, const struct task_wish *wish)
{
    const struct task texts = {.key = wish->id,
                               .author = request->message->sender_id,
                               .owner = request_owner(request),
                               .title = wish->title,
                               .body = wish->body};
    for (size_t i = 0; i < wish->blocks.count; i++) {
        const struct task *waiting = wish->blocks.at[i];
        int error = is_open_check(request, waiting, true);
        if (error < 0)
            return error;
        if (waiting->needs.count == TASK_NEEDS_MAX)
            return refuse_over(request->refusal, WIRE_QUOTA_EXCEEDED,
                               &(struct overrun){"needs", "task", TASK_NEEDS_MAX, 0},
                               "task %.*s waits for %u others, the most there may be",
                               SLICE_FORMAT(waiting->key), TASK_NEEDS_MAX);
    }
    int error = needs_check(request, wish);
    return error < 0 ? error : room_check(request, texts.owner, 1, task_cost(&texts) + U64_SIZE);
}

static int edit_check(struct request *request, const struct task_wish *wish)
{
    const struct task *task = wish->task;
    int error;
    if ((error = hands_check(request, task)) < 0 ||
        (error = is_open_check(request, task, true)) < 0)
        return error;
    if (wish->version != task->version) {
        text_addf(&request->extra, ",\"version\":%" PRIu64, task->version);
        return refuse(request->refusal, WIRE_CONFLICT,
                      "payload.version must be %" PRIu64
                      ", which task %.*s has now: read it again, and change that",
                      task->version, SLICE_FORMAT(task->key));
    }
    if (wish->has_needs && (error = needs_check(request, wish)) < 0)
        return error;
    bool grows = wish->title.len + wish->body.len >
                 (wish->has_title ? task->title.len : 0) + (wish->has_body ? task->body.len : 0);
    return grows ? room_check(request, task->owner, 0, wish->title.len + wish->body.len) : 0;
}

static int done_check(struct request *request, const struct task_wish *wish)
{
    const struct task *task = wish->task;
    const struct slice parts[] = {SLICE("task:"), task->key};
    char waits[TASK_WAITS_SIZE];
    int error = is_open_check(request, task, true);
    if (error < 0)
        return error;
    if (wish->fence == UINT64_MAX)
        return refuse(request->refusal, WIRE_BAD_PAYLOAD,
                      "payload.fence must be that of your claim of task %.*s",
                      SLICE_FORMAT(task->key));
    struct slice key = slice_join(parts, 2);
    error = lease_check_held(request, key, wish->fence);
    slice_free(&key);
    if (error < 0 || !task->open_needs)
        return error;
    text_add_literal(&request->extra, ",\"blocked_by\":");
    task_ids_write(&task->needs, true, &request->extra);
    return refuse(request->refusal, WIRE_CONFLICT, "task %.*s can't be done yet: it waits for %s",
                  SLICE_FORMAT(task->key), task_waits_for(task, waits));
}

static int drop_check(struct request *request, const struct task_wish *wish)
{
    int error = hands_check(request, wish->task);
    if (error < 0 || (error = is_open_check(request, wish->task, true)) < 0)
        return error;
    return wish->why.len ? 0
                         : refuse(request->refusal, WIRE_BAD_PAYLOAD,
                                  "payload.why must say why task %.*s is dropped",
                                  SLICE_FORMAT(wish->task->key));
}

static int open_check(struct request *request, const struct task_wish *wish)
{
    const struct task *task = wish->task;
    int error;
    if ((error = hands_check(request, task)) < 0 ||
        (error = is_open_check(request, task, false)) < 0)
        return error;
    return room_check(request, task->owner, 1,
                      task->bytes + wish->why.len + (size_t)2 * WIRE_ID_MAX);
}

int task_check(struct request *request)
{
    static int (*const checks[])(struct request *, const struct task_wish *) = {
        [WISH_ADD] = add_check,   [WISH_EDIT] = edit_check, [WISH_DONE] = done_check,
        [WISH_DROP] = drop_check, [WISH_OPEN] = open_check,
    };
    struct task_wish wish;
    int error = level_check(request, "what becomes of tasks");
    if (error < 0)
        return error;
    error = wish_read(request, &wish);
    if (error == 0)
        error = checks[wish.kind](request, &wish);
    wish_free(&wish);
    return error;
}

/* ── doing ── */

static void add_proceed(struct request *request, struct task_wish *wish)
{
    struct room *room = request->room;
    char made[1 + U64_SIZE];
    snprintf(made, sizeof made, "t%" PRIu64, request->entry->seq);
    const struct task texts = {.author = request->member->key,
                               .owner = member_owner(request->member),
                               .title = wish->title,
                               .body = wish->body,
                               .created_ms = request->entry->time_ms};
    struct task *task =
        task_new(room, wish->id.len ? wish->id : slice_of(made), &texts, request->entry->seq);
    for (size_t i = 0; i < wish->needs.count; i++)
        task_wait_for(task, wish->needs.at[i]);
    for (size_t i = 0; i < wish->blocks.count; i++) {
        struct task *waiting = wish->blocks.at[i];
        task_wait_for(waiting, task);
        waiting->version++;
        task_changed(room, waiting);
    }
    task_tell(request, task,
              &(struct task_news){.change = "added",
                                  .was = task_status(task),
                                  .by = request->member->key,
                                  .whole = true});
}

static void text_replace(struct slice *text, bool said, struct slice by)
{
    if (!said)
        return;
    slice_free(text);
    *text = slice_copy(by);
}

static void edit_proceed(struct request *request, struct task_wish *wish)
{
    struct task *task = wish->task;
    enum task_status was = task_status(task);
    text_replace(&task->title, wish->has_title, wish->title);
    text_replace(&task->body, wish->has_body, wish->body);
    if (wish->has_needs) {
        task_wait_no_more(task);
        for (size_t i = 0; i < wish->needs.count; i++)
            task_wait_for(task, wish->needs.at[i]);
    }
    if (wish->has_title)
        task->title_seq = request->entry->seq;
    if (wish->has_body)
        task->body_seq = request->entry->seq;
    task->version++;
    task->changed_ms = request->entry->time_ms;
    task_changed(request->room, task);
    task_tell(request, task,
              &(struct task_news){
                  .change = "edited", .was = was, .by = request->member->key, .whole = true});
}

/* Who closed it, or opened it again, and why. */
static void closer_set(struct request *request, struct task *task, struct slice why)
{
    text_replace(&task->closer, true, request->member->key);
    text_replace(&task->closer_owner, true, member_owner(request->member));
    text_replace(&task->why, true, why);
    task->why_seq = request->entry->seq;
    task->changed_ms = request->entry->time_ms;
}

static void close_proceed(struct request *request, struct task_wish *wish)
{
    struct task *task = wish->task;
    bool done = wish->kind == WISH_DONE;
    struct task_set ready = {0};
    struct task_news news = {.change = done ? "done" : "dropped",
                             .was = task_status(task),
                             .by = request->member->key,
                             .whole = done,
                             .ready = &ready};
    struct slice holder = task->lease ? slice_copy(task->lease->holder) : (struct slice){NULL, 0};
    news.held_by = holder;
    if (task->lease)
        lease_end_claim(request, task->lease, done);
    closer_set(request, task, wish->why);
    task->fence = done ? wish->fence : 0;
    if (done) {
        task->evidence = wish->evidence;
        wish->evidence = (struct evidence){0};
    }
    task_close(request->room, task, done ? TASK_DONE : TASK_DROPPED, &ready);
    task_tell(request, task, &news);
    slice_free(&holder);
    task_set_free(&ready);
    tasks_trim(request->room);
}

static void open_proceed(struct request *request, struct task_wish *wish)
{
    struct task *task = wish->task;
    enum task_status was = task_status(task);
    closer_set(request, task, wish->why);
    task_open(request->room, task);
    task_tell(request, task,
              &(struct task_news){.change = "opened", .was = was, .by = request->member->key});
}

void task_proceed(struct request *request)
{
    static void (*const proceeds[])(struct request *, struct task_wish *) = {
        [WISH_ADD] = add_proceed,    [WISH_EDIT] = edit_proceed, [WISH_DONE] = close_proceed,
        [WISH_DROP] = close_proceed, [WISH_OPEN] = open_proceed,
    };
    struct task_wish wish;
    int error = wish_read(request, &wish);
    assert(error == 0); /* checked before */
    (void)error;
    proceeds[wish.kind](request, &wish);
    wish_free(&wish);
    request->handled = true;
}
